"""Loops over tensors, step by step on arrays.

What is kept of each step is written into a stack made once; carries are handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.numeric.program import TensorLoop

Array = Any
Step = Callable[[Sequence[Array]], Sequence[Array]]


def repeated(step: Step, loop: TensorLoop, operands: Sequence[Array]) -> list[Array]:
    """Return the last carries and the stacks of what is kept; each has memory of its own.

    Parameters
    ----------
    step : callable
        Inputs of the body to its outputs, which may look into the inputs.
    loop : TensorLoop
        The loop, its sizes bound.
    operands : sequence of array
        Carries, streams, parameters.
    """
    form = loop.form
    first, last = form.carries, form.carries + form.streams
    state, streams, params = list(operands[:first]), operands[first:last], operands[last:]
    stacks: list[Array] = []
    times = range(form.length - 1, -1, -1) if form.backward else range(form.length)
    for time in times:
        found = step([*state, *[x[time] for x in streams], *params])
        state = list(found[:first])
        if not stacks:
            stacks = [_stack(form.length, y) for y in found[first:]]
        for stack, kept in zip(stacks, found[first:], strict=True):
            stack[time] = kept
    if not form.length:
        stacks = [np.zeros(shape) for shape in loop.shapes[first:]]
    return [*(np.array(s) for s in state), *stacks]


def _stack(length: int, kept: Array) -> Array:
    return np.empty((length, *np.shape(kept)), np.result_type(kept))
