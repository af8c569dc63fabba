"""Sums of parts among zeros in programs of tensors: parts that fill an axis are joined along it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.rules import arithmetic, tensors
from symgrad.rules.row import Gate

Step = Any  # `tensor_program.Step`, which imports this
Joined = tuple[Gate, tuple[int, ...], int]


def joined(steps: Mapping[int, Step], uses: Mapping[int, int], step: Step) -> Joined | None:
    """Return a sum of tensors that are 0 outside of their parts as one join, or None.

    Parameters
    ----------
    steps : mapping of int to Step
        Slot to operation; the sum's operands are among them.
    uses : mapping of int to int
        How often each slot is read.
    step : Step
        What may be the sum.
    """
    if step.gate is not arithmetic.ADD:
        return None
    leaves, pending = [], list(step.args)
    while pending:
        slot = pending.pop()
        inner = steps.get(slot)
        if inner is None or uses[slot] > 1:
            return None
        if inner.gate is arithmetic.ADD:
            pending += inner.args
        elif inner.gate is tensors.UNSLICE:
            leaves.append(inner)
        else:
            return None
    return _tiled(leaves)


def _tiled(leaves: Sequence[Step]) -> Joined | None:
    """Return parts of one tensor as a join, if they fill it along one axis without gaps."""
    shape = leaves[0].payload[1]
    full = [(0, n, 1) for n in shape]
    cut = {k for leaf in leaves for k, n in enumerate(full) if leaf.payload[0][k] != n}
    if len(cut) != 1:
        return None
    (axis,) = cut
    order = sorted(leaves, key=lambda leaf: leaf.payload[0][axis][0])
    parts = [leaf.payload[0][axis] for leaf in order]
    ends = [0, *(stop for _, stop, _ in parts)]
    starts = [*(start for start, _, _ in parts), shape[axis]]
    if ends != starts or any(step != 1 for *_, step in parts):
        return None
    return tensors.CONCAT, tuple(leaf.args[0] for leaf in order), axis
