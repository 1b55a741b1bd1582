"""The environment over a simulated machine: Gymnasium's contract, rewards, failures, and that it closes."""

import gc
import random
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerntune.errors import InputError, RunFailed
from kerntune.interfaces import MetricSpec
from kerntune.model.knob import Choice, Config, Knob, Range, Risk, Rollback, Scope
from kerntune.model.measurement import Pair, Sample
from kerntune.model.plan import Direction, Hint, Objective, Pick, Plan, Reward, WorkloadChoice
from kerntune.model.space import Dimension, Space
from kerntune.reward import EVEN
from kerntune.search import PENALTY, Brief
from kerntune.testing.simulation import SimulatedRig, steady

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra rl)")

from kerntune.env import ID, OSTuningEnv, Terms  # noqa: E402 - needs gymnasium

FAST = Objective("speed", Direction.MAXIMIZE)


def knob(name: str, domain: Range | Choice) -> Knob:
    return Knob(name, "sysctl", "/x", domain, Scope.NETNS, Risk.R1, Rollback.EXACT, "m", "s", "tcp")


SIZE, MODE = Range(1, 1000, log=True), Choice(("cubic", "bbr", "reno"))
SPACE = Space((Dimension(knob("size", SIZE), SIZE, 10), Dimension(knob("mode", MODE), MODE, "cubic")))
PLAN = Plan(
    "t", WorkloadChoice("x"), FAST, (Pick("size", "", ""), Pick("mode", "", "")), state=("cpu_usage", "load")
)


def brief(plan: Plan = PLAN) -> Brief:
    return Brief(plan, SPACE, MetricSpec("speed", "1/s", Direction.MAXIMIZE))


class Machine(SimulatedRig):
    """A simulated machine that is faster with bbr, busy all the time, and refuses large sizes."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__(
            lambda config: 0.2 * (config["mode"] == "bbr"), steady(noise), random.Random(1), objective=FAST
        )
        self.orders: list[bool] = []

    def sample(self, config: Config) -> Sample:
        if int(config["size"]) > 900:
            msg = "exit status 1"
            raise RunFailed(msg, kind="exit")
        return replace(super().sample(config), telemetry={"cpu.busy_share": 0.5})

    def pair(self, candidate: Config, reference: Config, *, reference_first: bool) -> Pair:
        self.orders.append(reference_first)
        return super().pair(candidate, reference, reference_first=reference_first)


class Broken(Machine):
    """A machine on which the workload cannot run, after so many runs."""

    works = 0

    def sample(self, config: Config) -> Sample:
        if self.runs >= self.works:
            msg = "no such program"
            raise RunFailed(msg, kind="exit")
        return super().sample(config)


class Opened:
    """A target that counts how often it is opened and closed."""

    events: ClassVar[list[str]] = []

    def __enter__(self) -> tuple[Brief, Machine]:
        self.events.append("open")
        return brief(), Machine()

    def __exit__(self, *_: object) -> None:
        self.events.append("closed")


@pytest.fixture
def opened() -> Opened:
    Opened.events.clear()
    return Opened()


def env(plan: Plan = PLAN, **arguments: object) -> OSTuningEnv:
    return OSTuningEnv(nullcontext((brief(plan), Machine())), **arguments)


def action(made: OSTuningEnv, **config: int | str) -> np.ndarray:
    return made.action_of(config)


def test_gymnasiums_checker_is_content():
    """Everything it looks at; it warns that without a spec it cannot render."""
    from gymnasium.utils.env_checker import check_env

    with pytest.warns(UserWarning, match="Not able to test alternative render modes") as caught:
        check_env(env())

    assert len(caught) == 1


def test_stable_baselines_checker_is_content():
    """Warnings are errors here."""
    checker = pytest.importorskip("stable_baselines3.common.env_checker", reason="no stable-baselines3")

    checker.check_env(env())


def test_an_agent_learns_a_few_steps():
    """PPO of stable-baselines3 as it comes: two rollouts and their updates."""
    sb3 = pytest.importorskip("stable_baselines3", reason="no stable-baselines3 (extra rl)")
    pytest.importorskip("torch").set_num_threads(1)
    made = env()

    model = sb3.PPO("MlpPolicy", made, n_steps=8, batch_size=8, n_epochs=1, seed=1, device="cpu").learn(16)

    chosen, _ = model.predict(made.reset()[0])
    assert made.action_space.contains(chosen)


def test_actions_are_symmetric_about_the_present_values_or_the_first_hint():
    """0 is there, the ends are the ends of the range."""
    plain, hinted = env(), env(replace(PLAN, hints=(Hint({"size": 500}, "larger"),)))

    assert plain.config_of([0, 0]) == SPACE.default
    assert hinted.config_of([0, 0]) == {"size": 500, "mode": "cubic"}
    for made in (plain, hinted):
        assert made.config_of([-1, -1]) == {"size": 1, "mode": "cubic"}
        assert made.config_of([1, 1]) == {"size": 1000, "mode": "reno"}
        assert made.config_of([7, -3]) == made.config_of([1, -1])


@given(st.integers(1, 1000), st.sampled_from(MODE.values), st.integers(1, 1000))
@settings(max_examples=50, deadline=None)
def test_the_action_of_a_config_sets_it(size: int, mode: str, hint: int):
    """What is observed of the knobs is the action that leads there, also in single precision."""
    made = env(replace(PLAN, hints=(Hint({"size": hint}, "somewhere"),)))
    found = made.config_of(made.action_of({"size": size, "mode": mode}))

    assert found == {"size": size, "mode": mode}


@pytest.mark.parametrize(
    "bad", [[0.0], [0.0, float("nan")], [[0.0, 0.0]], 0.5, "x", [1j, 1j], {"a": 1}, [10**400, 0], None]
)
def test_actions_that_are_none_are_refused(bad: object):
    """Wrong shapes and NaN, before anything is measured."""
    made = env()
    made.reset()

    with pytest.raises(InputError, match="not an action"):
        made.step(bad)
    assert made._rig.runs == 1


def test_the_reward_is_half_performance_half_stability_against_the_neighbours():
    """Not the raw number: 20 % faster and equally steady is half of log 1.2."""
    made = env()
    made.reset()

    _, reward, terminated, truncated, info = made.step(action(made, mode="bbr"))

    assert reward == pytest.approx(0.5 * np.log(1.2))
    assert (terminated, truncated) == (False, False)
    assert info["config"] == {"size": 10, "mode": "bbr"}
    assert info["verdict"]["gain"] == pytest.approx(0.2)
    assert info["verdict"]["outcome"] == "undecided"
    assert info["telemetry"] == {"cpu.busy_share": 1.0}
    assert info["state"] == {"cpu_usage": 50.0}
    assert "failure" not in info


def test_a_plans_own_weights_and_the_callers_come_first():
    """The even reward is for those who did not say."""
    weights = Reward(1.0, 0.1)

    assert env()._terms.reward == EVEN
    assert env(replace(PLAN, reward=weights))._terms.reward == weights
    assert env(terms=Terms(reward=Reward()))._terms.reward == Reward()


def test_observations_hold_state_knobs_the_best_and_progress():
    """In this order, each in its bounds."""
    made = env(terms=Terms(steps=4))
    start, _ = made.reset()
    after, reward, *_ = made.step(action(made, mode="bbr", size=1))
    last, *_ = made.step(action(made))

    assert start.tolist() == pytest.approx([0.5, 0, 0, 0, 0, 0, 0, 0])
    knobs = action(made, mode="bbr", size=1).tolist()
    assert after.tolist() == pytest.approx([0.5, 0, *knobs, *knobs, np.tanh(reward), 0.25])
    assert last.tolist() == pytest.approx([0.5, 0, 0, 0, *knobs, np.tanh(reward), 0.5])


def test_a_failure_is_a_finite_penalty_with_its_reason_and_three_end_the_episode():
    """Never a number of the workload's; after a reset the episode goes on."""
    made = env()
    made.reset()
    ends = [made.step(action(made, size=1000)) for _ in range(3)]

    assert [reward for _, reward, *_ in ends] == [-PENALTY] * 3
    assert [terminated for _, _, terminated, *_ in ends] == [False, False, True]
    info = ends[0][-1]
    assert info["failure"] == {"kind": "exit", "reason": "exit status 1"}
    assert "verdict" not in info
    made.reset()
    assert made.step(action(made))[2] is False


def test_an_episode_is_as_long_as_the_plan_or_the_caller_says():
    """Ten steps, the config's max_steps_per_episode, or the terms'."""
    told = replace(PLAN, optimizer_options={"max_steps_per_episode": 3})
    for made, steps in ((env(), 10), (env(told), 3), (env(told, terms=Terms(steps=2)), 2)):
        made.reset()
        ends = [made.step(action(made))[3] for _ in range(steps)]
        assert ends == [False] * (steps - 1) + [True]


@pytest.mark.parametrize(
    "terms",
    [
        Terms(pairs=0), Terms(pairs="2"), Terms(pairs=1.5), Terms(steps=0), Terms(steps="9"),
        Terms(reward={"performance": 1}), Terms(reward=Reward(0.0, 0.0)), Terms(reward=Reward(-1.0, 2.0)),
        Terms(reward=Reward(1.0, 1.0, "luck")), Terms(reward=Reward(float("nan"), 1.0)),
    ],
)  # fmt: skip
def test_terms_that_make_no_step_are_refused(terms: Terms):
    """Before anything is opened for long: not at the first step."""
    with pytest.raises(InputError):
        env(terms=terms)


@pytest.mark.parametrize("config", [{"size": "x"}, {"mode": "magic"}, {"size": 10**9}, {"other": 1}])
def test_a_config_outside_its_ranges_has_no_action(config: dict[str, object]):
    """An agent that is given hints would learn from another config than the one named."""
    with pytest.raises(InputError):
        env().action_of(config)


def test_the_workload_failing_at_the_present_values_is_an_error():
    """There is nothing to compare with: reset says why."""
    with pytest.raises(RunFailed, match="no such program"):
        OSTuningEnv(nullcontext((brief(), Broken()))).reset()


def test_seeds_draw_the_order_of_runs():
    """The same seed, the same order; another one, another order within a few steps."""

    def orders(seed: int) -> list[bool]:
        machine = Machine()
        made = OSTuningEnv(nullcontext((brief(), machine)))
        made.reset(seed=seed)
        for _ in range(8):
            made.step(action(made))
        return machine.orders

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)


def test_rendering_is_a_line(capsys: pytest.CaptureFixture[str]):
    """Returned or printed; what failed says so."""
    ansi, human = env(render_mode="ansi"), env(render_mode="human")
    assert ansi.render() == "nothing measured yet"
    for made in (ansi, human):
        made.reset()
        made.step(action(made, size=1000))
    line = ansi.render()

    assert line.startswith("step 1/10  reward -0.6931  failed (exit): exit status 1  size=1000")
    assert capsys.readouterr().out == line + "\n"
    assert env().render() is None
    with pytest.raises(InputError, match="render mode"):
        env(render_mode="rgb_array")


def test_closing_closes_the_target_once(opened: Opened):
    """And what is closed is of no use any more."""
    made = OSTuningEnv(opened)
    made.reset()
    made.close()
    made.close()

    assert opened.events == ["open", "closed"]
    for use in (made.reset, lambda: made.step([0, 0])):
        with pytest.raises(InputError, match="is closed"):
            use()


def test_an_environment_that_is_dropped_closes_its_target(opened: Opened):
    """Nobody called close."""
    made = OSTuningEnv(opened)
    made.reset()
    del made
    gc.collect()

    assert opened.events == ["open", "closed"]


def test_an_environment_that_cannot_be_made_closes_its_target(opened: Opened):
    """The terms are wrong, the target is open already."""
    with pytest.raises(InputError):
        OSTuningEnv(opened, terms=Terms(steps=-1))

    assert opened.events == ["open", "closed"]


def test_it_is_registered(opened: Opened):
    """gymnasium.make finds it by its name, with the plan as an argument."""
    made = gymnasium.make(ID, plan=opened, render_mode="ansi")
    made.reset(seed=3)

    assert made.spec.nondeterministic
    assert isinstance(made.render(), str)
    made.close()
    assert opened.events == ["open", "closed"]


def test_without_gymnasium_the_error_says_what_to_install():
    """The extra is optional; a traceback of an import helps nobody."""
    script = """
import sys
sys.modules["gymnasium"] = None
from kerntune.errors import InputError
try:
    import kerntune.env
except InputError as error:
    print(error, "|", error.hint)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "needs gymnasium" in ended.stdout
    assert "kerntune[rl]" in ended.stdout


def test_a_step_before_a_reset_is_refused():
    """There is no episode yet."""
    with pytest.raises(InputError, match="before reset"):
        env().step([0, 0])


def test_a_failure_in_the_second_pair_counts_as_one():
    """Half a measurement is none."""
    machine = Broken()
    machine.works = 4
    made = OSTuningEnv(nullcontext((brief(), machine)))
    made.reset()
    *_, info = made.step([0.0, 0.0])

    assert info["failure"] == {"kind": "exit", "reason": "no such program"}
    assert "verdict" not in info
