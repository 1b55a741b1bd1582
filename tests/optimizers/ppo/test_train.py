"""Policies are trained on simulated and on replayed studies, and the best checkpoint is kept."""

import numpy as np
import pytest

from kerntune.encoding import Axis, Cube
from kerntune.errors import InputError
from kerntune.optimizers.ppo import load, net
from kerntune.optimizers.ppo.layout import Layout
from kerntune.optimizers.ppo.learning import Rates
from kerntune.optimizers.ppo.observation import FEATURES
from kerntune.optimizers.ppo.replayed import replayed
from kerntune.optimizers.ppo.simulated import FAMILIES, cubes, ridges, surfaces
from kerntune.optimizers.ppo.tactician import SHIPPED
from kerntune.optimizers.ppo.train import held_out, main, trained_on
from kerntune.optimizers.ppo.training import rolled

CUBE = Cube((Axis(), Axis(3, ordered=False)))


def trials(count=40):
    """A study's trials: the default in the middle, the best place at 0.8 with the last word."""
    generator = np.random.default_rng(2)
    points = [(0.5, 0.5), *map(tuple, generator.random((count - 1, 2)).tolist())]
    points = [CUBE.snapped(point) for point in points]
    scores = [0.5 - abs(point[0] - 0.8) + 0.2 * (point[1] > 0.6) for point in points]
    return [(point, score - scores[0]) for point, score in zip(points, scores, strict=True)]


def test_the_shipped_policy_beats_an_untrained_one_on_the_family_held_out():
    """That is what the training was for; both searches see the same surfaces and noise."""
    untrained = net.fresh(FEATURES, np.random.default_rng(0))

    assert sum(held_out(load(SHIPPED, FEATURES))) > sum(held_out(untrained)) + 0.03


def test_training_keeps_a_checkpoint_and_can_be_continued(tmp_path, capsys):
    """Two iterations are enough to see that the file is written, read and moved on from."""
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"

    main([str(first), "--iterations", "1", "--seed", "1"])
    main([str(second), "--iterations", "1", "--seed", "2", "--policy", str(first)])

    assert "0: held out" in capsys.readouterr().out
    assert load(first, FEATURES).keys() == load(second, FEATURES).keys()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no/such/folder/mine.npz"], "cannot save the policy"),
        (["mine.npz", "--policy", "absent.npz"], "cannot read the policy"),
        (["mine.npz", "--iterations", "0"], "--iterations"),
        (["mine.npz", "--seed", "-1"], "--seed"),
    ],
)
def test_what_cannot_be_trained_is_told_before_training(tmp_path, monkeypatch, capsys, words, told):
    """In words, and nothing is written."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as caught:
        main(words)

    assert caught.value.code == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_replayed_study_is_highest_where_its_trials_were():
    """The surface made of trials knows good places from bad ones, words included."""
    known = replayed(CUBE, trials(), batch=2)

    good, bad = known.height(np.array([[0.8, 5 / 6], [0.1, 1 / 6]]))[0]

    assert good > bad + 0.3


def test_training_on_a_replayed_study_helps_on_that_study():
    """A policy that saw the study's trials captures more of the same surface than the untrained one."""
    untrained = net.fresh(FEATURES, np.random.default_rng(0))
    moved = trained_on(untrained, CUBE, trials(), iterations=25, seed=1)

    def captured(weights):
        known = replayed(CUBE, trials(), batch=64)
        return rolled(weights, known, 6, np.random.default_rng(9), Rates()).captured.mean()

    assert captured(moved) > captured(untrained)


def test_a_study_of_few_trials_is_no_surface():
    """The error says how many are needed."""
    with pytest.raises(InputError, match="on 3 trials"):
        replayed(CUBE, trials(3), batch=1)


@pytest.mark.parametrize("family", [*FAMILIES, "ridges"], ids=str)
def test_simulated_surfaces_are_finite_and_start_inside_the_cube(family):
    """Over many cubes and kinds, heights are finite and defaults and hints are points of the cube."""
    for seed in range(10):
        generator = np.random.default_rng(seed)
        layout = Layout(cubes(generator))
        known = (
            ridges(layout, 5, generator) if family == "ridges" else surfaces(layout, 5, generator, (family,))
        )

        heights, failed = known.height(layout.snapped(generator.random((5, len(layout.cube)))))

        assert np.isfinite(heights).all()
        assert failed.shape == (5,)
        assert np.array_equal(known.default, layout.snapped(known.default))
        assert np.array_equal(known.starts, layout.snapped(known.starts))
