"""A Neural Turing Machine: a controller that reads and writes a memory, as a loop over one block.

After Graves, Wayne and Danihelka (2014), from the parts in `symgrad.nn`. One head writes and one
reads; the controller is an LSTM or one layer. Axes: B examples, N places of M numbers, H units of
the controller, I inputs, O outputs, T steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import nn

START = 1e-2  # every number in the memory before the first step
SHIFTS = 3  # that a head can make: one place down, none, one place up


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a machine that copies vectors of bits."""

    bits: int = 6  # of each vector; one more input says where the copy begins
    places: int = 24
    width: int = 12
    hidden: int = 64
    lstm: bool = True

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter."""
        given = nn.ntm_shapes(self.bits + 1, self.hidden, self.bits, self.width, lstm=self.lstm)
        return {name: shape for name, shape in given._asdict().items() if shape is not None}


def tensors(sizes: Sizes) -> dict[str, Any]:
    """Return the parameters as tensors."""
    return {name: sg.tensor(name, *shape) for name, shape in sizes.shapes.items()}


def drawn(sizes: Sizes, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return start values: rows of weights of length about 1, biases 0, forget gates open."""
    made = {
        name: rng.normal(size=shape) / np.sqrt(shape[-1]) if len(shape) > 1 else np.zeros(shape)
        for name, shape in sizes.shapes.items()
    }
    if sizes.lstm:
        made["b_ih"][sizes.hidden : 2 * sizes.hidden] = 1
    return made


# --- one step ---


def state_of(lstm: bool) -> nn.NTMState:
    """Return what a step is handed, as tensors whose sizes are letters."""
    shapes = {
        "memory": ("B", "N", "M"), "read_weights": ("B", "N"), "write_weights": ("B", "N"),
        "read": ("B", "M"),
    }  # fmt: skip
    if lstm:
        shapes |= {"h": ("B", "H"), "c": ("B", "H")}
    return nn.NTMState(**{name: sg.tensor(name, *shape) for name, shape in shapes.items()})


def block(name: str, shapes: Mapping[str, tuple[Any, ...]], formula: Callable[..., Any]) -> Any:
    """Return a formula of tensors as a block."""
    inputs = [sg.tensor(letter, *shape) for letter, shape in shapes.items()]
    return sg.block(name, inputs, formula(*inputs))


def head(memory: Any, before: Any, told: Any) -> Any:
    """Return where a head looks, from where it looked and what the controller tells it."""
    controls = nn.head_controls(told, memory.shape[2], SHIFTS)
    return nn.addressing(memory, before, *controls)


@cache
def parts(lstm: bool) -> dict[str, Any]:
    """Return the blocks that a step is made of."""
    (units, width) = sg.tensor("_", "H", "M").shape
    memory, weights, row = ("B", "N", "M"), ("B", "N"), ("B", "M")
    plain = {"x": ("B", "I"), "w": ("O", "I"), "b": ("O",)}
    recurrent = {
        **{"h": ("B", "H"), "c": ("B", "H"), "x": ("B", "I")},
        **{"w_ih": (4 * units, "I"), "w_hh": (4 * units, "H")},
        **{"b_ih": (4 * units,), "b_hh": (4 * units,)},
    }
    told = {"told": ("B", width + 3 + SHIFTS)}
    controller = (recurrent, nn.lstm_cell) if lstm else (plain, layer)
    made = {
        "controller": controller,
        "affine": (plain, nn.linear),
        "head": ({"memory": memory, "before": weights, **told}, head),
        "write": ({"memory": memory, "weights": weights, "erase": row, "add": row}, write),
        "read": ({"memory": memory, "weights": weights}, nn.read_memory),
    }
    return {name: block(name, shapes, formula) for name, (shapes, formula) in made.items()}


def layer(x: Any, w: Any, b: Any) -> Any:
    """Return a layer with tanh: the controller that has no memory of its own."""
    return nn.tanh(nn.linear(x, w, b))


def write(memory: Any, weights: Any, erase: Any, add: Any) -> Any:
    """Return the memory after erasing and adding what the controller tells, squashed first."""
    return nn.write_memory(memory, weights, nn.sigmoid(erase), nn.tanh(add))


def step(state: nn.NTMState, x: Any, p: nn.NTMParameters) -> tuple[nn.NTMState, Any]:
    """Return the state of a machine after a step and its scores: `nn.ntm_cell`, made of blocks."""
    made, width = parts(state.h is not None), state.memory.shape[2]
    seen = sg.concat([x, state.read], axis=1)
    if state.h is None:
        h, kept = made["controller"](seen, p.w_ih, p.b_ih), ()
    else:
        h, c = made["controller"](state.h, state.c, seen, p.w_ih, p.w_hh, p.b_ih, p.b_hh)
        kept = (h, c)
    told, first = made["affine"](h, p.w_write, p.b_write), width + 3 + SHIFTS
    writing = made["head"](state.memory, state.write_weights, told[:, :first])
    erase, add = told[:, first : first + width], told[:, first + width :]
    memory = made["write"](state.memory, writing, erase, add)
    told = made["affine"](h, p.w_read, p.b_read)
    reading = made["head"](memory, state.read_weights, told)
    read = made["read"](memory, reading)
    scores = made["affine"](sg.concat([h, read], axis=1), p.w_out, p.b_out)
    return nn.NTMState(memory, reading, writing, read, *kept), scores


@cache
def cell(lstm: bool = True) -> Any:
    """Return one step as a block: of its state, an input and the parameters.

    It puts out the new state, then what a loop collects: the scores, and where the read and the
    write head look.
    """
    (units, width, inputs, outputs) = sg.tensor("_", "H", "M", "I", "O").shape
    shapes = nn.ntm_shapes(inputs, units, outputs, width, lstm=lstm)._asdict()
    p = {name: sg.tensor(name, *shape) for name, shape in shapes.items() if shape is not None}
    state, x = state_of(lstm), sg.tensor("x", "B", "I")
    after, scores = step(state, x, nn.NTMParameters(**p))
    seen = (scores, after.read_weights, after.write_weights)
    return sg.block("machine", [*held(state), x, *p.values()], [*held(after), *seen])


def held(state: nn.NTMState) -> list[Any]:
    """Return the parts of a state that its controller has."""
    return [part for part in state if part is not None]


# --- the loop ---


def start(sizes: Sizes, batch: Any) -> list[Any]:
    """Return the state before the first step: a blank memory, both heads at its first place."""
    first = sg.broadcast_to(sg.eye(sizes.places)[0], (batch, sizes.places))
    blank = sg.zeros((batch, sizes.places, sizes.width)) + START
    own = [sg.zeros((batch, sizes.hidden))] * 2 if sizes.lstm else []
    return [blank, first, first, sg.zeros((batch, sizes.width)), *own]


def machine(sizes: Sizes, xs: Any, p: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Return scores *(T, B, O)*, and where the read and write head look *(T, B, N)*."""
    found = sg.scan(cell(sizes.lstm), start(sizes, xs.shape[1]), tuple(p.values()), xs=[xs])
    scores, reading, writing = found[-3:]
    return scores, reading, writing


def loss(scores: Any, told: Any) -> Any:
    """Return the mean cross-entropy of the bits of the last steps, as many as there are bits."""
    answered = scores[scores.shape[0] - told.shape[0] :]
    return nn.binary_cross_entropy_with_logits(answered, told)


# --- the copy task ---


def copy_task(
    rng: np.random.Generator, length: int, batch: int, bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs *(2L + 1, B, bits + 1)* and the bits *(L, B, bits)* that are to be copied.

    The bits come first, then a sign, then nothing, while the machine answers.
    """
    told = rng.integers(0, 2, size=(length, batch, bits)).astype(float)
    inputs = np.zeros((2 * length + 1, batch, bits + 1))
    inputs[:length, :, :bits] = told
    inputs[length, :, bits] = 1
    return inputs, told
