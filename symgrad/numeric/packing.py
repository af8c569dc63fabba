"""How numbers stand in the arguments and the results of a call: arrays, and how these nest.

A core is what an array has behind the axes of a batch: `()` for one slot, `(k,)` for k slots along
the last axis, `(m, n)` for a matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Core = tuple[int, ...]


@dataclass(frozen=True)
class Packing:
    """The arrays that a call takes and gives.

    Parameters
    ----------
    ins, outs : tuple of tuple of int
        The core of each argument and of each array of results; in order, all inputs and all
        outputs of a program.
    nest : tuple of int
        How results nest: 0 takes the next array, k > 0 makes a tuple of the last k things, and
        k < 0 a list of the last -k; one thing is left. Default: one tuple of all arrays.

    Examples
    --------
    >>> Packing(((2,),), ((), (2,)), (0, 0, 1, 2)).nested(["value", "grad"])
    ('value', ('grad',))
    """

    ins: tuple[Core, ...]
    outs: tuple[Core, ...]
    nest: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.nest:
            count = len(self.outs)
            object.__setattr__(self, "nest", (*[0] * count, count))

    def nested(self, arrays: Sequence[Any]) -> Any:
        """Return arrays as the call returns them."""
        rest, stack = iter(arrays), []
        for count in self.nest:
            if count == 0:
                stack.append(next(rest))
                continue
            last = stack[-abs(count) :]
            stack[-abs(count) :] = [tuple(last) if count > 0 else last]
        return stack[0]


def made(shape: tuple[int, ...], core: Core, dtype: Any) -> Any:
    """Return an array of shape (*shape, *core) in which the points of each slot are neighbours."""
    array = np.empty((*core, *shape), dtype)
    if not core or not shape:
        return array
    axes = range(len(core), array.ndim)
    return array.transpose(*axes, *range(len(core)))
