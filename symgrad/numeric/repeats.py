"""Loops over tensors, step by step on arrays.

What is kept of each step is written into a stack made once; carries are handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    state, params = list(operands[:first]), operands[last:]
    turn = slice(None, None, -1) if form.backward else slice(None)
    cuts = zip(*[x[turn] for x in operands[first:last]], strict=True)
    stacks: list[Array] = []
    places: list[Any] = []
    for _ in range(form.length):
        found = step([*state, *next(cuts, ()), *params])
        state = list(found[:first])
        if not places:
            stacks = [_stack(form.length, y) for y in found[first:]]
            places = [_places(stack[turn]) for stack in stacks]
        for place, kept in zip(places, found[first:], strict=True):
            next(place)[...] = kept
    if not form.length:
        stacks = [np.zeros(shape) for shape in loop.shapes[first:]]
    return [*(np.array(s) for s in state), *stacks]


def _places(stack: Array) -> Iterator[Array]:
    """Return where each step is kept; numbers get an array without axes to be written to."""
    return iter(stack) if stack.ndim > 1 else iter([stack[k : k + 1] for k in range(len(stack))])


def _stack(length: int, kept: Array) -> Array:
    return np.empty((length, *np.shape(kept)), np.result_type(kept))
