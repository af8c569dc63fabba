"""A Neural Turing Machine: a controller that reads and writes a memory, as a loop over one block.

After Graves, Wayne and Danihelka (2014), from the parts in `symgrad.nn`. One head writes and one
reads; the controller is an LSTM or one layer. Axes: B examples, N places of M numbers, H units of
the controller, I inputs, O outputs, T steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import nn

START = 1e-2  # every number in the memory before the first step


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


def cell(lstm: bool = True) -> Any:
    """Return one step as a block: of its state, an input and the parameters.

    It puts out the new state, then what a loop collects: the scores, and where the read and the
    write head look.
    """
    (H, M, inputs, outputs) = sg.tensor("_", "H", "M", "I", "O").shape
    shapes = nn.ntm_shapes(inputs, H, outputs, M, lstm=lstm)._asdict()
    p = {name: sg.tensor(name, *shape) for name, shape in shapes.items() if shape is not None}
    state, x = state_of(lstm), sg.tensor("x", "B", "I")
    after, scores = nn.ntm_cell(state, x, nn.NTMParameters(**p))
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
