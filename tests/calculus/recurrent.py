"""Cells, chains and their flat twins, for tests of blocks and loops over tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

import symgrad as sg

N, T = (sympy.Symbol(n, integer=True, positive=True) for n in ("N", "T"))
H = sympy.Symbol("H", integer=True, positive=True)
SIZES = {"T": 4, "B": 2, "D": 3, "H": 5}


def tanh(value: Any) -> Any:
    """Return tanh, entry by entry."""
    return sg.map(sympy.tanh, value)


def sigmoid(value: Any) -> Any:
    """Return the sigmoid, entry by entry."""
    return sg.map("sigmoid", value)


def affine() -> Any:
    """Return a layer `tanh(x @ W + b)` of symbolic sizes."""
    x, w, b = sg.tensor("x", "N", "D"), sg.tensor("W", "D", "H"), sg.tensor("b", "H")
    return sg.block("layer", [x, w, b], tanh(x @ w + b))


def rnn_step(h: Any, x: Any, u: Any, w: Any) -> Any:
    """Return the next state of a recurrent net."""
    return tanh(h @ u + x @ w)


def rnn() -> Any:
    """Return the cell of a recurrent net: it carries its state, and gives it."""
    h, x = sg.tensor("h", "B", "H"), sg.tensor("x", "B", "D")
    u, w = sg.tensor("U", "H", "H"), sg.tensor("W", "D", "H")
    return sg.block("rnn", [h, x, u, w], [rnn_step(h, x, u, w)] * 2)


def lstm_step(h: Any, c: Any, x: Any, w: Any, u: Any, b: Any, size: Any, scale: Any) -> Any:
    """Return the next state and memory of a long short-term memory."""
    z = x @ w + h @ u + b
    i, f, g, o = [z[:, k * size : (k + 1) * size] for k in range(4)]
    memory = sigmoid(f) * c + sigmoid(i) * tanh(g) * scale
    return sigmoid(o) * tanh(memory), memory


def lstm() -> Any:
    """Return the cell of a long short-term memory; scale is a scalar, energy one for each step."""
    h, c, x = sg.tensor("h", "B", "H"), sg.tensor("c", "B", "H"), sg.tensor("x", "B", "D")
    w, u, b = sg.tensor("W", "D", 4 * H), sg.tensor("U", "H", 4 * H), sg.tensor("b", 4 * H)
    scale = sympy.Symbol("s")
    state, memory = lstm_step(h, c, x, w, u, b, H, scale)
    inputs = [h, c, x, w, u, b, scale]
    return sg.block("lstm", inputs, [state, memory, state, sg.sum(memory**2)])


SHAPES: dict[str, tuple[str, ...]] = {
    "h0": ("B", "H"),
    "c0": ("B", "H"),
    "X": ("T", "B", "D"),
    "W": ("D", "4H"),
    "U": ("H", "4H"),
    "b": ("4H",),
    "s": (),
}


def size(name: str) -> int:
    """Return a size by its name; `4H` is four times H."""
    return 4 * SIZES["H"] if name == "4H" else SIZES[name]


def variables() -> dict[str, Any]:
    """Return the variables of the long short-term memory, sizes as numbers."""
    return {name: sg.tensor(name, *map(size, shape)) for name, shape in SHAPES.items()}


def rolled_lstm() -> Any:
    """Return a loss of a loop over the cell."""
    v = variables()
    params = [v[n] for n in ("W", "U", "b", "s")]
    h, c, ys, energy = sg.scan(lstm(), [v["h0"], v["c0"]], params, xs=[v["X"]])
    return loss(h, c, ys, energy)


def flat_lstm() -> Any:
    """Return the same loss with every step written out."""
    v = variables()
    h, c, ys, energies = v["h0"], v["c0"], [], []
    for t in range(SIZES["T"]):
        h, c = lstm_step(h, c, v["X"][t], v["W"], v["U"], v["b"], SIZES["H"], v["s"])
        ys.append(h)
        energies.append(sg.sum(c**2))
    return loss(h, c, sg.stack(ys), sg.stack(energies))


def loss(h: Any, c: Any, ys: Any, energy: Any) -> Any:
    """Return a scalar that reads every output of the loop."""
    return sg.sum(h * c) + sg.sum(tanh(ys) ** 3) + sg.sum(energy**2)


def point(seed: int = 0) -> dict[str, Any]:
    """Return values of the variables."""
    chance = np.random.default_rng(seed)
    made = {n: chance.normal(size=tuple(map(size, s))) for n, s in SHAPES.items()}
    return {n: float(v) if v.ndim == 0 else v for n, v in made.items()}


def far(found: Any, expected: Any) -> float:
    """Return the largest difference, relative to the largest entry."""
    a, b = np.asarray(found), np.asarray(expected)
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(np.max(np.abs(a - b)) / (1e-300 + np.max(np.abs(b))))


Builder = Callable[[], Any]
