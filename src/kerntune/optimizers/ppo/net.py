"""The net: one small perceptron shared by all slots, which see each other through their mean; numpy only."""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from kerntune.errors import InputError
from kerntune.optimizers.ppo.layout import Array

HIDDEN = 32

OUTPUTS = 3
"""Of each slot: a line's shift of the mean and of the log spread, a cell's logit."""

Weights = dict[str, Array]


@dataclass(frozen=True, slots=True)
class Pass:
    """What the net gave for a batch of observations, kept for the way back."""

    seen: Array  # (batch, slots, features)
    first: Array  # (batch, slots, HIDDEN)
    joined: Array  # (batch, slots, 2 x HIDDEN)
    second: Array  # (batch, slots, HIDDEN)
    outputs: Array  # (batch, slots, OUTPUTS)
    value: Array  # (batch,)


def fresh(features: int, generator: np.random.Generator) -> Weights:
    """Returns weights whose outputs are zero, so that the policy begins at its prior."""
    return {
        "w1": generator.standard_normal((features, HIDDEN)) / np.sqrt(features),
        "b1": np.zeros(HIDDEN),
        "w2": generator.standard_normal((2 * HIDDEN, HIDDEN)) / np.sqrt(2 * HIDDEN),
        "b2": np.zeros(HIDDEN),
        "w3": np.zeros((HIDDEN, OUTPUTS)),
        "b3": np.zeros(OUTPUTS),
        "w4": np.zeros(HIDDEN),
        "b4": np.zeros(1),
    }


def forward(weights: Weights, seen: Array) -> Pass:
    """Returns the net's outputs and value for observations (batch, slots, features)."""
    seen = seen.astype(weights["w1"].dtype)
    first = np.tanh(seen @ weights["w1"] + weights["b1"])
    pooled = np.broadcast_to(first.mean(axis=1, keepdims=True), first.shape)
    joined = np.concatenate([first, pooled], axis=2)
    second = np.tanh(joined @ weights["w2"] + weights["b2"])
    outputs = second @ weights["w3"] + weights["b3"]
    value = second.mean(axis=1) @ weights["w4"] + weights["b4"][0]
    return Pass(seen, first, joined, second, outputs, value)


def backward(weights: Weights, made: Pass, outputs: Array, value: Array) -> Weights:
    """Returns the gradient of a loss for each weight, from its gradients for the outputs and the value."""
    slots = made.seen.shape[1]
    outputs, value = outputs.astype(made.seen.dtype), value.astype(made.seen.dtype)
    second = outputs @ weights["w3"].T + value[:, None, None] * weights["w4"] / slots
    second = second * (1.0 - made.second**2)
    joined = second @ weights["w2"].T
    pooled = joined[..., HIDDEN:].mean(axis=1, keepdims=True)
    first = (joined[..., :HIDDEN] + pooled) * (1.0 - made.first**2)
    return {
        "w1": _product(made.seen, first),
        "b1": first.sum(axis=(0, 1)),
        "w2": _product(made.joined, second),
        "b2": second.sum(axis=(0, 1)),
        "w3": _product(made.second, outputs),
        "b3": outputs.sum(axis=(0, 1)),
        "w4": value @ made.second.mean(axis=1),
        "b4": value.sum(keepdims=True),
    }


def _product(left: Array, right: Array) -> Array:
    return left.reshape(-1, left.shape[2]).T @ right.reshape(-1, right.shape[2])


class Adam:
    """Gradient descent with a bound on the gradient's norm. Source: Kingma and Ba, arXiv:1412.6980."""

    def __init__(self, learning_rate: float, longest: float = 0.5) -> None:
        self.learning_rate = learning_rate
        self._longest = longest
        self._first: Weights = {}
        self._second: Weights = {}
        self._steps = 0

    def step(self, weights: Weights, gradient: Mapping[str, Array]) -> Weights:
        """Returns the weights after one step down the gradient."""
        norm = np.sqrt(sum(float((part**2).sum()) for part in gradient.values()))
        short = min(1.0, self._longest / (norm + 1e-12))
        self._steps += 1
        moved = {}
        for name, weight in weights.items():
            part = gradient[name] * short
            self._first[name] = 0.9 * self._first.get(name, 0.0) + 0.1 * part
            self._second[name] = 0.999 * self._second.get(name, 0.0) + 0.001 * part**2
            first = self._first[name] / (1 - 0.9**self._steps)
            second = self._second[name] / (1 - 0.999**self._steps)
            moved[name] = weight - (self.learning_rate * first / (np.sqrt(second) + 1e-8)).astype(
                weight.dtype
            )
        return moved


def save(weights: Weights, path: Path) -> None:
    """Writes weights as an .npz file, in place of an old one at once.

    Raises:
        InputError: it cannot be written.
    """
    with _beside(path) as beside:
        with beside.open("wb") as file:
            # mypy takes the names for savez's own options
            np.savez_compressed(file, **{name: part.astype(np.float32) for name, part in weights.items()})  # type: ignore[arg-type]
        beside.replace(path)


def check_place(path: Path) -> None:
    """Does nothing where a policy can be saved to a file; what is there already stays.

    Raises:
        InputError: it cannot.
    """
    with _beside(path) as beside:
        beside.touch()


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Gives the name of the file that becomes a policy, which is gone after the block if it did not."""
    beside = path.parent / f".{path.name}.partial"
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        yield beside
        beside.unlink(missing_ok=True)
    except OSError as error:
        msg = f"cannot save the policy to {path}: {error.strerror}"
        raise InputError(msg, hint="name a file in a directory that you may write to") from error


def load(path: Path, features: int) -> Weights:
    """Returns the weights of an .npz file.

    Raises:
        InputError: it cannot be read, or holds no policy for so many features.
    """
    hint = "make one with python -m kerntune.optimizers.ppo.train, or leave the option policy out"
    try:
        with np.load(path, allow_pickle=False) as file:
            weights = {name: file[name].astype(np.float64) for name in file.files}
    except OSError as error:
        msg = f"cannot read the policy {path}: {error.strerror or error}"
        raise InputError(msg, hint=hint) from error
    except (ValueError, BadZipFile, EOFError) as error:
        msg = f"{path} is not a saved policy: {error}"
        raise InputError(msg, hint=hint) from error
    _refuse_misfits(weights, path, features, hint)
    return weights


def _refuse_misfits(weights: Weights, path: Path, features: int, hint: str) -> None:
    expected = {name: part.shape for name, part in fresh(features, np.random.default_rng(0)).items()}
    found = {name: part.shape for name, part in weights.items()}
    if found != expected:
        msg = f"{path} is a policy of another shape: {found or 'empty'}"
        raise InputError(msg, hint=hint)
    if not all(np.isfinite(part).all() for part in weights.values()):
        msg = f"{path} holds weights that are not finite"
        raise InputError(msg, hint=hint)
