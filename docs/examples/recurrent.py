"""Recurrent networks as loops over one block: the step is derived once, whatever the length.

`python docs/examples/recurrent.py vanishing.svg` measures how far a gradient reaches back through
500 steps of a tanh network and of an LSTM, and draws it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import nn

STEPS, HIDDEN = 500, 32
WIDTH = 8  # numbers that come in at each step
RADII = (0.8, 1.1, 2.0, 3.0)  # spectral radii of a tanh network's recurrent weights
FORGET = (0.0, 2.0, 3.0, 5.0)  # biases of an LSTM's forget gates
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


# --- the loops ---

STATES = {"RNN": ("h",), "GRU": ("h",), "LSTM": ("h", "c")}
CELLS = {"RNN": nn.rnn_cell, "GRU": nn.gru_cell, "LSTM": nn.lstm_cell}


def parameters(kind: str, hidden: Any = "H", width: Any = "D") -> dict[str, Any]:
    """Return the weights and biases of a cell as tensors, in torch's layout."""
    size = sg.tensor("h", hidden).shape[0]
    rows = GATES[kind] * size
    shapes = {"w_ih": (rows, width), "w_hh": (rows, size), "b_ih": (rows,), "b_hh": (rows,)}
    return {name: sg.tensor(name, *shape) for name, shape in shapes.items()}


@cache
def cell(kind: str) -> Any:
    """Return one step as a block: of its state, its input and its parameters, its new state.

    The new `h` is given twice, since a loop keeps the first and collects the second.
    """
    x, p = sg.tensor("x", "N", "D"), parameters(kind)
    state = [sg.tensor(name, "N", "H") for name in STATES[kind]]
    after = CELLS[kind](*state, x, *p.values())
    after = after if isinstance(after, tuple) else (after,)
    return sg.block(kind, [*state, x, *p.values()], [*after, after[0]])


def hidden_states(kind: str, xs: Any, p: Mapping[str, Any]) -> Any:
    """Return the state after each step, *shape (T, N, H)*, from zeros; `xs` is *(T, N, D)*."""
    start = [sg.zeros((xs.shape[1], p["w_hh"].shape[1]))] * len(STATES[kind])
    *_, states = sg.scan(cell(kind), start, tuple(p.values()), xs=[xs])
    return states


def missed(states: Any, targets: Any) -> Any:
    """Return half the mean square of what the states miss."""
    return sg.mean((states - targets) ** 2) / 2


# --- how far a gradient reaches ---


def stepper(kind: str) -> Any:
    """Return one step as a function: of state, input, weights and cotangents of the new state.

    It returns the new state, and the cotangents of the old one: rows times the step's Jacobian.
    """
    x, p = sg.tensor("x", "N", "D"), parameters(kind)
    state = [sg.tensor(name, "N", "H") for name in STATES[kind]]
    after = CELLS[kind](*state, x, *p.values())
    after = list(after) if isinstance(after, tuple) else [after]
    return sg.compile(after, args=[*state, x, *p.values()], wrt=state, returns=("value", "vjp"))


def reach(kind: str, weights: Mapping[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Return the largest stretch of a small change of the state, 1, 2, ... T steps later.

    It is the spectral norm of dh[T]/dh[T-k], the product of the Jacobians of the last k steps; for
    an LSTM of its whole state (h, c).
    """
    step, parts = stepper(kind), len(STATES[kind])
    size = weights["w_hh"].shape[1]
    state = [np.zeros((parts * size, size))] * parts
    held, still = [], state
    for x in inputs:
        rows = np.repeat(x[None], parts * size, axis=0)
        held.append((*state, rows, *weights.values()))
        state = list(step(*held[-1], *still)[0])
    bars: Any = np.split(np.eye(parts * size), parts, axis=1)
    norms = []
    for before in reversed(held):
        bars = step(*before, *bars)[1]
        norms.append(np.linalg.norm(np.hstack(bars), 2))
    return np.array(norms)


def drawn(kind: str, knob: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return weights: of spectral radius `knob`, or with forget gates that are so far open."""
    rows = GATES[kind] * HIDDEN
    shapes = {"w_ih": (rows, WIDTH), "w_hh": (rows, HIDDEN), "b_ih": (rows,), "b_hh": (rows,)}
    made = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    made["b_ih"][:], made["b_hh"][:] = 0, 0
    if kind == "RNN":
        made["w_ih"] *= 0.1 / np.sqrt(WIDTH)
        made["w_hh"] *= knob / np.abs(np.linalg.eigvals(made["w_hh"])).max()
    else:
        made["w_ih"] /= np.sqrt(WIDTH)
        made["w_hh"] /= 2 * np.sqrt(HIDDEN)
        made["b_ih"][HIDDEN : 2 * HIDDEN] = knob
    return made


def measured(steps: int = STEPS, seed: int = 0) -> dict[tuple[str, float], np.ndarray]:
    """Return `reach` of tanh networks by spectral radius, and of LSTMs by forget bias."""
    knobs = [("RNN", r) for r in RADII] + [("LSTM", b) for b in FORGET]
    inputs = np.random.default_rng(seed).normal(size=(steps, WIDTH))
    return {
        (kind, knob): reach(kind, drawn(kind, knob, np.random.default_rng(seed + 1)), inputs)
        for kind, knob in knobs
    }


def draw(found: Mapping[tuple[str, float], np.ndarray], path: Path) -> None:
    """Draw what was measured."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "symgrad", "font.size": 9}):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        sides = {"RNN": (left, "spectral radius"), "LSTM": (right, "forget bias")}
        for place, ((kind, knob), norms) in enumerate(found.items()):
            axes, label = sides[kind]
            style = ("-", "--", "-.", ":")[place % 4]
            axes.semilogy(1 + np.arange(len(norms)), norms, style, label=f"{label} {knob:g}")
        left.set_title("tanh network")
        right.set_title("LSTM")
        left.set_ylabel("norm of ∂h[T]/∂h[T-k]")
        for axes in (left, right):
            axes.axhline(1, color="0.6", linewidth=0.8)
            axes.set(xlabel="k, steps back", ylim=(1e-60, 1e50))
            axes.legend(loc="lower left")
        figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", type=Path, nargs="?", default=Path("vanishing.svg"))
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    found = measured(given.steps)
    for (kind, knob), norms in found.items():
        shown = norms[[0, len(norms) // 2, -1]]
        print(f"{kind:4} {knob:4g}  " + "  ".join(f"{n:8.1e}" for n in shown))
    draw(found, given.path)


if __name__ == "__main__":
    main()
