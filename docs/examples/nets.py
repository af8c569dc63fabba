"""Fully connected networks with a softmax loss: the formula, and what symgrad compiles from it.

`f = W x`, `W2 max(0, W1 x)`, `W3 max(0, W2 max(0, W1 x))`, written for rows of examples: `X@W1`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import sympy

import symgrad as sg

Array = np.ndarray


@dataclass(frozen=True)
class Net:
    """A network with its loss.

    Attributes
    ----------
    names : tuple of str
        Of the parameters: W1 (D0, D1), b1 (D1,), W2 (D1, D2), ...
    scores : expression
        Of the parameters and `X` (N, D0), one row an example.
    data, squares : expression
        The mean cross-entropy of the scores and `Y` (N, classes), one-hot rows; the sum of the
        squares of all weights.
    step : callable
        `step(*parameters, X, Y, r)` gives the loss, `data + r*squares`, and its gradients by the
        parameters.
    outcome : callable
        `outcome(*parameters, X)` gives the scores.
    """

    names: tuple[str, ...]
    scores: Any
    data: Any
    squares: Any
    step: Callable[..., Any]
    outcome: Callable[..., Any]

    def accuracy(self, parameters: Mapping[str, Array], X: Array, labels: Array) -> float:
        """Return the share of rows whose largest score is that of their label."""
        found = self.outcome(*(parameters[name] for name in self.names), X)
        return float(np.mean(np.argmax(found, axis=1) == labels))


def layered(layers: int) -> Net:
    """Return the network of so many affine layers, with max(0, ·) between them."""
    X, Y = sg.tensor("X", "N", "D0"), sg.tensor("Y", "N", f"D{layers}", facts="one_hot")
    r = sympy.Symbol("r")
    parameters: list[Any] = []
    out, squares = X, sympy.S.Zero
    for k in range(1, layers + 1):
        W, b = sg.tensor(f"W{k}", f"D{k - 1}", f"D{k}"), sg.tensor(f"b{k}", f"D{k}")
        out = (sg.map("relu", out) if k > 1 else out) @ W + b
        squares += sg.sum(W * W)
        parameters += [W, b]
    data = -sg.mean(sg.sum(Y * sg.log_softmax(out, axis=1), axis=1))
    step = sg.compile(data + r * squares, [*parameters, X, Y, r], wrt=parameters)
    outcome = sg.compile(out, [*parameters, X], returns="value")
    return Net(tuple(p.name for p in parameters), out, data, squares, step, outcome)


def drawn(rng: Any, sizes: Sequence[int], scale: float | Sequence[float]) -> dict[str, Array]:
    """Return normal weights, `scale` times as large, and biases of zero.

    `rng` is a `numpy.random.Generator`, or a `RandomState` where a lecture's numbers need it.
    """
    scales = np.broadcast_to(scale, len(sizes) - 1)
    found: dict[str, Array] = {}
    for k, (before, after) in enumerate(pairwise(sizes), start=1):
        found[f"W{k}"] = scales[k - 1] * rng.standard_normal((before, after))
        found[f"b{k}"] = np.zeros(after)
    return found


def one_hot(labels: Any, classes: int) -> Array:
    """Return a row of zeros with a one for each label."""
    return np.eye(classes)[np.asarray(labels)]


def count(parameters: Mapping[str, Array]) -> tuple[int, int]:
    """Return how many weights and how many biases there are."""
    weights = sum(w.size for w in parameters.values() if w.ndim == 2)
    return weights, sum(b.size for b in parameters.values() if b.ndim == 1)
