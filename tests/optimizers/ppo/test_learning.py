"""The gradients are right, and following them pays."""

from importlib.util import find_spec

import numpy as np
import pytest

from kerntune.encoding import Axis, Cube
from kerntune.optimizers.ppo import net
from kerntune.optimizers.ppo.layout import Layout
from kerntune.optimizers.ppo.learning import Rates, Rollout, advantages, gradient, update
from kerntune.optimizers.ppo.policy import distribution

LAYOUT = Layout(Cube((Axis(), Axis(3, ordered=False), Axis(5), Axis(1))))
SEEN = 6
RATES = Rates(entropy=0.1)


def rollout(steps=12):
    """Steps whose policy has moved on since, so that ratios differ from 1, some beyond the clip."""
    generator = np.random.default_rng(3)
    seen = generator.standard_normal((steps, LAYOUT.slots, SEEN))
    incumbent = LAYOUT.snapped(generator.random((steps, 4)))
    outputs = net.forward(weights(), seen).outputs
    then = distribution(LAYOUT, incumbent, outputs)
    actions = then.draw(generator)
    old = then.log_density(actions) + 0.3 * generator.standard_normal(steps)
    advantage, returned = generator.standard_normal((2, steps))
    return Rollout(LAYOUT, seen, incumbent, actions, old, advantage, returned)


def weights():
    generator = np.random.default_rng(4)
    made = net.fresh(SEEN, generator)
    return {name: part + 0.1 * generator.standard_normal(part.shape) for name, part in made.items()}


def loss(now, steps, rates=RATES):
    """The loss of PPO, written down as in the paper."""
    made = net.forward(now, steps.seen)
    policy = distribution(steps.layout, steps.incumbent, made.outputs)
    ratio = np.exp(policy.log_density(steps.actions) - steps.log_density)
    cut = np.clip(ratio, 1 - rates.clip, 1 + rates.clip)
    surrogate = np.minimum(ratio * steps.advantage, cut * steps.advantage)
    entropy = policy.log_spread.sum(axis=1) - sum((np.exp(p) * p).sum(axis=1) for p in policy.choice)
    return float(
        (-surrogate - rates.entropy * entropy + rates.value * (made.value - steps.returned) ** 2).mean()
    )


@pytest.mark.parametrize("name", weights())
def test_the_gradient_is_that_of_the_loss(name):
    """Finite differences agree, for weights picked from every layer."""
    steps, now = rollout(), weights()
    found = gradient(now, steps, np.arange(len(steps.actions)), RATES)[name]
    generator = np.random.default_rng(5)

    for _ in range(6):
        place = tuple(int(generator.integers(size)) for size in now[name].shape)
        sides = []
        for sign in (1, -1):
            moved = {key: part.copy() for key, part in now.items()}
            moved[name][place] += sign * 1e-6
            sides.append(loss(moved, steps))

        assert found[place] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-4, abs=1e-7)


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed (optional extra rl)")
def test_the_net_is_what_torch_makes_of_it():
    """An independent implementation gives the same outputs and, backwards, the same gradients."""
    import torch

    now, seen = weights(), rollout().seen
    made = net.forward(now, seen)
    outputs, value = np.cos(made.outputs), np.sin(made.value)

    w = {name: torch.tensor(part, requires_grad=True) for name, part in now.items()}
    first = torch.tanh(torch.tensor(seen) @ w["w1"] + w["b1"])
    joined = torch.cat([first, first.mean(1, keepdim=True).expand_as(first)], dim=2)
    second = torch.tanh(joined @ w["w2"] + w["b2"])
    theirs, worth = second @ w["w3"] + w["b3"], second.mean(1) @ w["w4"] + w["b4"]
    ((theirs * torch.tensor(outputs)).sum() + (worth * torch.tensor(value)).sum()).backward()

    ours = net.backward(now, made, outputs, value)
    assert np.allclose(made.outputs, theirs.detach().numpy())
    assert all(np.allclose(ours[name], w[name].grad.numpy()) for name in now)


def test_what_paid_becomes_more_likely():
    """After an update, actions with an advantage are denser than before, the others thinner."""
    steps = rollout(64)
    before = distribution(LAYOUT, steps.incumbent, net.forward(weights(), steps.seen).outputs)
    after_weights = update(weights(), steps, net.Adam(3e-3), Rates(), np.random.default_rng(1))
    after = distribution(LAYOUT, steps.incumbent, net.forward(after_weights, steps.seen).outputs)
    change = after.log_density(steps.actions) - before.log_density(steps.actions)

    assert change[steps.advantage > 0].mean() > change[steps.advantage < 0].mean() + 0.02


def test_advantages_are_discounted_and_cut_where_an_episode_ends():
    """Worked by hand: gamma 0.5, trace 1, a value of 0 everywhere but after the last step."""
    rates = Rates(gamma=0.5, trace=1.0)
    rewards, zeros = np.array([[1.0], [0.0], [4.0]]), np.zeros((3, 1))

    whole, _ = advantages(rewards, zeros, np.array([8.0]), rates, zeros)
    cut, _ = advantages(rewards, zeros, np.array([8.0]), rates, np.array([[0.0], [1.0], [0.0]]))

    assert whole[:, 0].tolist() == [3.0, 4.0, 8.0]
    assert cut[:, 0].tolist() == [1.0, 0.0, 8.0]
