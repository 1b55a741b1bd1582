"""The tactician begins around what is known, keeps off the ends of the ranges, learns and continues."""

import json

import numpy as np
import pytest

from kerntune.encoding import Axis, Cube, Task
from kerntune.errors import InputError, PlanError
from kerntune.optimizers.ppo import Ppo, load, save
from kerntune.optimizers.ppo.observation import FEATURES
from kerntune.optimizers.ppo.options import MOST_EPOCHS
from kerntune.optimizers.ppo.tactician import SHIPPED

LINES = Cube((Axis(),) * 6)
MIXED = Cube((Axis(), Axis(3, ordered=False), Axis(4)))


def told(task, score, asks):
    """Asks and tells a search that begins at the default, the middle of the cube."""
    optimizer = Ppo(task)
    optimizer.tell((0.5,) * len(task.cube), 0.0)
    for _ in range(asks):
        point = optimizer.ask()
        optimizer.tell(point, score(point))
    return optimizer


def test_first_samples_keep_off_the_ends_of_the_ranges():
    """The outermost fiftieth is proposed no more often than by uniform draws, wherever the default stands."""
    outermost = []
    for seed in range(12):
        for default in (0.3, 0.5, 0.7):
            optimizer = Ppo(Task(LINES, seed=seed))
            optimizer.tell((default,) * 6, 0.0)
            outermost += [min(c, 1 - c) < 0.01 for _ in range(6) for c in optimizer.ask()]

    assert np.mean(outermost) <= 0.02


@pytest.mark.parametrize("hint", [0.2, 0.8])
def test_first_samples_lie_around_the_best_hint(hint):
    """With a hint that did better than the default, proposals are nearer to it on average."""
    drawn = []
    for seed in range(12):
        optimizer = Ppo(Task(LINES, ((hint,) * 6,), seed))
        optimizer.tell((0.5,) * 6, 0.0)
        optimizer.tell(optimizer.ask(), 0.3)
        drawn.append(optimizer.ask())

    assert abs(np.mean(drawn) - hint) < abs(np.mean(drawn) - 0.5)


def test_the_policy_changes_after_n_steps_and_not_before():
    """Learning happens a rollout at a time."""
    shipped = load(SHIPPED, FEATURES)
    task = Task(MIXED, seed=2, trials=20, options={"n_steps": 8, "learning_rate": 0.01})

    before, after = told(task, lambda p: p[0], 8), told(task, lambda p: p[0], 9)

    assert all(np.array_equal(before.weights[name], shipped[name]) for name in shipped)
    assert any(not np.array_equal(after.weights[name], shipped[name]) for name in shipped)


@pytest.mark.parametrize(
    "options",
    [{"n_steps": 64}, {"n_steps": 4, "learning_rate": 0.0}, {"n_steps": 4, "total_timesteps": 3}],
    ids=["rollouts that do not fit", "no learning rate", "steps used up"],
)
def test_the_policy_stays_as_it_is_where_it_cannot_learn(options):
    """It still searches."""
    shipped = load(SHIPPED, FEATURES)

    searched = told(Task(MIXED, seed=2, options=options), lambda p: p[0], 12)

    assert all(np.array_equal(searched.weights[name], shipped[name]) for name in shipped)


def test_the_hyper_parameters_of_stable_baselines3_are_heard():
    """The names a user knows from there each change what is learnt."""
    usual = {"n_steps": 6, "learning_rate": 0.01}
    others = (
        {"batch_size": 2},
        {"n_epochs": 9},
        {"gamma": 0.1},
        {"ent_coef": 0.5},
        {"max_steps_per_episode": 3},
        {"learning_rate": 0.1},
    )

    def learnt(options):
        optimizer = told(Task(MIXED, seed=2, options={**usual, **options}), lambda p: p[0], 7)
        return tuple(np.concatenate([part.ravel() for part in optimizer.weights.values()]).tolist())

    assert len({learnt(options) for options in ({}, *others)}) == 1 + len(others)


def test_what_cannot_learn_within_the_budget_is_said():
    """Hyper-parameters made for millions of steps are honoured, with a warning that names them."""
    options = {"n_steps": 2048, "total_timesteps": 100_000, "batch_size": 4096}

    note = Ppo(Task(MIXED, trials=20, options=options)).note

    assert "n_steps 2048 needs more than the 20 trials" in note
    assert "total_timesteps 100000" in note
    assert "batch_size 4096" in note
    assert Ppo(Task(MIXED, trials=20)).note == ""


@pytest.mark.parametrize(("n_steps", "starts", "learns"), [(20, 0, False), (19, 0, True), (17, 3, False)])
def test_the_last_update_must_be_followed_by_a_trial(n_steps, starts, learns):
    """What is learnt after the last trial is of no use, and starting points teach the policy nothing."""
    task = Task(LINES, ((0.2,) * 6,) * starts, trials=20, options={"n_steps": n_steps, "learning_rate": 0.01})
    shipped = load(SHIPPED, FEATURES)

    searched = told(task, lambda p: p[0], 20)

    assert any(not np.array_equal(searched.weights[name], shipped[name]) for name in shipped) is learns
    assert ("the policy is used as it is" in searched.note) is not learns


def test_a_policy_that_will_not_be_saved_is_said(tmp_path):
    """The file is written after an update, and there is none."""
    options = {"n_steps": 64, "save_policy": str(tmp_path / "mine.npz")}

    assert "not saved" in Ppo(Task(MIXED, trials=20, options=options)).note


@pytest.mark.parametrize("where", ["no/such/folder/mine.npz", ".", "/"])
def test_a_place_where_no_policy_can_be_saved_is_told_before_the_first_trial(tmp_path, where):
    """Not after the first update, in the midst of a study."""
    with pytest.raises(InputError, match="cannot save the policy"):
        Ppo(Task(MIXED, options={"save_policy": str(tmp_path / where)}))

    assert not list(tmp_path.iterdir())


def test_a_policy_that_is_there_stays_until_there_is_a_better_one(tmp_path):
    """Trying whether it can be saved leaves no trace."""
    path = tmp_path / "mine.npz"
    path.write_bytes(b"precious")

    Ppo(Task(MIXED, options={"save_policy": str(path)}))

    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"precious", [path])


def test_learning_does_not_eat_the_time_of_the_study():
    """So many epochs are cut, and it is said: a gradient step takes a millisecond."""
    options = {"n_steps": 2, "n_epochs": 10**12}

    searched = told(Task(LINES, trials=20, options=options), lambda p: p[0], 3)

    assert searched._adam._steps == MOST_EPOCHS
    assert f"n_epochs 1000000000000 is cut to {MOST_EPOCHS}" in searched.note


@pytest.mark.parametrize(
    "options", [{"ent_coef": 1e308}, {"n_steps": 2, "policy": ""}, {"save_policy": "a\0b"}]
)
def test_options_that_no_policy_survives_are_refused(options):
    """Gradients that overflow make weights that are no numbers; a name that is empty is no file."""
    with pytest.raises(PlanError) as caught:
        Ppo(Task(MIXED, options=options))

    assert [fault.field for fault in caught.value.faults] == list(options)[-1:]


def test_a_policy_is_saved_while_it_learns_and_continued(tmp_path):
    """The file holds the policy as it became; the next study begins from it."""
    path = tmp_path / "mine.npz"
    options = {"n_steps": 4, "learning_rate": 0.01, "save_policy": str(path)}
    learnt = told(Task(MIXED, seed=2, options=options), lambda p: p[0], 9)

    continued = Ppo(Task(MIXED, options={"policy": str(path)}))

    assert list(tmp_path.iterdir()) == [path]
    for name, part in learnt.weights.items():
        assert np.allclose(continued.weights[name], part, atol=1e-6)


@pytest.mark.parametrize("fault", ["absent", "text", "another net", "not finite", "directory"])
def test_a_file_that_is_no_policy_is_refused(tmp_path, fault):
    """The error names the file, the hint says how to get a policy."""
    path = tmp_path / "mine.npz"
    if fault == "text":
        path.write_text(json.dumps({"policy": 1}))
    if fault == "another net":
        save({"w1": np.zeros((2, 2))}, path)
    if fault == "not finite":
        save({name: part * np.nan for name, part in load(SHIPPED, FEATURES).items()}, path)
    if fault == "directory":
        path.mkdir()

    with pytest.raises(InputError, match=r"mine\.npz") as caught:
        Ppo(Task(MIXED, options={"policy": str(path)}))

    assert "option policy" in caught.value.hint


def test_all_faults_of_the_options_are_named_at_once():
    """Unknown names, other types and impossible numbers."""
    with pytest.raises(PlanError) as caught:
        Ppo(
            Task(
                MIXED, options={"n_step": 4, "gamma": 2.0, "n_epochs": "many", "learning_rate": float("nan")}
            )
        )

    assert {fault.field for fault in caught.value.faults} == {"n_step", "gamma", "n_epochs", "learning_rate"}


def test_telemetry_is_looked_at():
    """What the kernel counted at the incumbent changes what is asked next."""
    asked = []
    for telemetry in ({}, {"cpu_usage": 9.0, "io_wait": 4.0}):
        optimizer = Ppo(Task(LINES, seed=2))
        optimizer.tell((0.5,) * 6, 0.0, telemetry)
        asked.append(optimizer.ask())

    assert asked[0] != asked[1]


def test_a_point_is_not_asked_twice_while_there_are_others():
    """The study would not measure it again: a few cells are all tried before any comes twice."""
    optimizer = told(Task(Cube((Axis(2), Axis(3, ordered=False))), seed=1), lambda p: p[0] + p[1], 0)

    asked = []
    for _ in range(5):
        asked.append(optimizer.ask())
        optimizer.tell(asked[-1], 0.1)

    assert len(set(asked)) >= 4
