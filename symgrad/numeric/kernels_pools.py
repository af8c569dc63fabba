"""Poolings on NumPy's arrays and torch's: axis by axis, over views of every s-th entry.

`planners(strided)` takes the few functions in which the two differ; a window is never copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from symgrad.numeric.kernels_convolution import padded, trimmed

Array = Any
Kernel = Callable[..., Any]
SMALL = 256  # truths whose number one byte may not hold
Places = tuple[Any, ...]  # slices behind an ellipsis


@dataclass(frozen=True, slots=True)
class Strided:
    """What two libraries call differently.

    Parameters
    ----------
    padded : callable
        `(x, pads, fill)` to an array with entries added at the ends of its last axes.
    zeros : callable
        `(shape, like)` to zeros.
    larger, plus : callable
        `(x, y, out)` to an array, which may be `out`; None is no place to write to.
    count : callable
        Truths of one shape to how many of them hold, in whole numbers.
    """

    padded: Callable[[Array, Any, float], Array]
    zeros: Callable[[Sequence[int], Array], Array]
    larger: Callable[[Array, Array, Array | None], Array]
    plus: Callable[[Array, Array, Array | None], Array]
    count: Callable[[Sequence[Array]], Array]


def planners(strided: Strided) -> dict[str, Callable[[Any], Kernel]]:
    """Return the planners of poolings and of their pullbacks."""

    def pool(step: Kernel, fill: float) -> Callable[[Any], Kernel]:
        def plan(moves: Any) -> Kernel:
            return lambda x: reduced(strided.padded(x, moves[2], fill), moves, step)

        return plan

    def sum_spread(payload: Any) -> Kernel:
        (window, strides, pads, dilation), spatial = payload

        def run(bar: Array) -> Array:
            for axis, n in zip(range(-len(window), 0), _wide(spatial, pads), strict=True):
                shape = (*bar.shape[:axis], n, *bar.shape[bar.ndim + axis + 1 :])
                found = strided.zeros(shape, bar)
                moves = (window[axis], strides[axis], dilation[axis])
                for at in _places(axis, bar.shape[axis], *moves):
                    found[at] += bar
                bar = found
            return trimmed(bar, pads)

        return run

    def max_share(payload: Any) -> Kernel:
        moves, spatial = payload

        def run(x: Array, top: Array, bar: Array) -> Array:
            wide = strided.padded(x, moves[2], -math.inf)
            views = list(_windows(moves, top.shape[-len(spatial) :]))
            tied = [wide[at] == top for at in views]
            share = bar / strided.count(tied)
            found = strided.zeros(wide.shape, x)
            for at, won in zip(views, tied, strict=True):
                found[at] += won * share  # 0 times nan is nan, as it must be
            return trimmed(found, moves[2])

        return run

    return {
        "max_pool": pool(strided.larger, -math.inf),
        "sum_pool": pool(strided.plus, 0.0),
        "max_share": max_share,
        "sum_spread": sum_spread,
    }


def reduced(x: Array, moves: Any, step: Kernel) -> Array:
    """Return one number a window, one axis after the other."""
    window, strides, _, dilation = moves
    for axis in range(-len(window), 0):
        k, s, d = window[axis], strides[axis], dilation[axis]
        if k == s == 1:
            continue
        count = (x.shape[axis] - d * (k - 1) - 1) // s + 1
        first, *others = _places(axis, count, k, s, d)
        found, target = x[first], None
        for at in others:
            found = target = step(found, x[at], target)
        x = found
    return x


def _wide(spatial: Sequence[int], pads: Any) -> list[int]:
    return [n + low + high for n, (low, high) in zip(spatial, pads, strict=True)]


def _places(axis: int, count: int, k: int, s: int, d: int) -> Iterator[Places]:
    """Yield where the j-th entry of each window along an axis stands, for each j."""
    rest = (slice(None),) * (-axis - 1)
    for j in range(k):
        yield (..., slice(d * j, d * j + s * (count - 1) + 1, s), *rest)


def _windows(moves: Any, positions: Sequence[int]) -> Iterator[Places]:
    """Yield where the entry at each place of the window stands, over all positions."""
    window, strides, _, dilation = moves
    for place in product(*map(range, window)):
        yield (
            ...,
            *(
                slice(d * j, d * j + s * (n - 1) + 1, s)
                for j, s, d, n in zip(place, strides, dilation, positions, strict=True)
            ),
        )


def counted(truths: Sequence[Array]) -> Array:
    """Return how many truths hold, in as few bytes as may be."""
    found = truths[0].astype(np.uint8 if len(truths) < SMALL else np.uint16)
    for one in truths[1:]:
        np.add(found, one, out=found)
    return found


NUMPY = Strided(
    padded=padded,
    zeros=lambda shape, like: np.zeros(shape, like.dtype),
    larger=lambda x, y, out: np.maximum(x, y, out=out),
    plus=lambda x, y, out: np.add(x, y, out=out),
    count=counted,
)
PLANNERS = planners(NUMPY)
