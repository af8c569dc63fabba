"""Poolings in programs of tensors: a number a window, computed without copies of all windows.

What is written as windows and a reduction over them becomes one operation, and so does its
pullback, which adds over windows what one number each gives to their entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from symgrad.rules import arithmetic, convolution, einsums, tensors
from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import Shape

MAX_POOL = Gate("max_pool")  # payload: window, strides, pads, dilation
MAX_SHARE = Gate("max_share", arity=(3, 3))  # x, its pool, a cotangent; payload: that, sizes
SUM_POOL = Gate("sum_pool")
SUM_SPREAD = Gate("sum_spread")  # a cotangent; payload: that, sizes
POOLS = frozenset(gate.name for gate in (MAX_POOL, MAX_SHARE, SUM_POOL, SUM_SPREAD))

Step = Any  # `tensor_program.Step`, which imports this
Found = tuple[Gate, tuple[int, ...], Any]


class Pools:
    """What poolings there are among steps.

    Parameters
    ----------
    steps : mapping of int to Step
        Slot to operation.
    shapes : mapping of int to tuple of int
        The shape of each slot.
    """

    def __init__(self, steps: Mapping[int, Step], shapes: Mapping[int, Shape]) -> None:
        self._steps, self._shapes = steps, shapes
        self._tops = {s.args[0]: slot for slot, s in steps.items() if self._is_largest(s)}

    def found(self, step: Step) -> Found | None:
        """Return a step as a pooling or as the pullback of one, or None."""
        if self._is_largest(step):
            windows = self._steps[step.args[0]]
            return MAX_POOL, windows.args, windows.payload[:4]
        if step.gate is einsums.EINSUM and len(step.args) == 1:
            return self._sum(step)
        if step.gate is convolution.FOLD:
            return self._spread(step) or self._share(step)
        return None

    def _windows(self, slot: int, fill: str) -> Step | None:
        """Return the step of a slot, if it gives windows whose padding is that."""
        step = self._steps.get(slot)
        if step is None or step.gate is not convolution.PATCHES:
            return None
        window, _, pads, *_ = step.payload
        plain = step.payload[4] == fill or not any(map(any, pads))
        return step if plain and prod(window) > 1 else None

    def _inner(self, slot: int, windows: Step) -> tuple[int, ...]:
        """Return the axes of the window itself."""
        rank = len(self._shapes[slot])
        return tuple(range(rank - len(windows.payload[0]), rank))

    def _is_largest(self, step: Step) -> bool:
        if step.gate is not tensors.MAX_OVER:
            return False
        windows = self._windows(step.args[0], "lowest")
        return windows is not None and tuple(step.payload) == self._inner(step.args[0], windows)

    def _sum(self, step: Step) -> Found | None:
        windows = self._windows(step.args[0], "zero")
        (axes,), out, _ = step.payload
        if windows is None or len(set(axes)) < len(axes):
            return None
        inner = self._inner(step.args[0], windows)
        if out != tuple(i for k, i in enumerate(axes) if k not in inner):
            return None
        return SUM_POOL, windows.args, windows.payload[:4]

    def _repeated(self, slot: int, count: int) -> int | None:
        """Return the slot of a tensor that is repeated over `count` new last axes."""
        step = self._steps.get(slot)
        if step is None or step.gate is not einsums.EINSUM or len(step.args) != 1:
            return None
        (axes,), out, _ = step.payload
        plain = len(set(axes)) == len(axes) and axes == out[:-count]
        fresh = len(set(out)) == len(out) and len(out) == len(axes) + count
        return step.args[0] if plain and fresh else None

    def _spread(self, step: Step) -> Found | None:
        bar = self._repeated(step.args[0], len(step.payload[1]))
        return None if bar is None else (SUM_SPREAD, (bar,), step.payload)

    def _share(self, step: Step) -> Found | None:
        """Return the pullback of a largest entry whose ties share."""
        product = self._steps.get(step.args[0])
        if product is None or product.gate is not arithmetic.MUL:
            return None
        moves, sizes = step.payload
        for one, other in (product.args, product.args[::-1]):
            weights, bar = self._steps.get(one), self._repeated(other, len(sizes))
            if bar is None or weights is None or weights.gate is not tensors.WINNERS:
                continue
            slot = weights.args[0]
            windows, top = self._windows(slot, "lowest"), self._tops.get(slot)
            if windows is None or top is None or windows.payload[:4] != moves:
                continue
            chosen = ("max", self._inner(slot, windows), "min_norm")
            if weights.payload == chosen and self._shapes[windows.args[0]][-len(sizes) :] == sizes:
                return MAX_SHARE, (windows.args[0], top, bar), step.payload
        return None
