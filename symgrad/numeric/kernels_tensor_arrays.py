"""Kernels of the gates of tensors for JAX and torch: a payload is planned once, then called.

`planners(arrays)` spells every gate with the few functions in which the libraries differ, an
`Arrays`. Nothing is imported here. Nothing raises: what NumPy's kernels refuse is nan, and `CHECKS`
say afterwards what it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from symgrad.numeric.kernels_arrays import Kernel

Array = Any
Axes = tuple[int, ...]
Planner = Callable[[Any], Kernel]
Moves = tuple[slice, ...]


class Arrays(Protocol):
    """What the libraries call differently; axes are sequences of int."""

    @property
    def xp(self) -> Any:
        """The module, for what has one name in both."""

    def largest(self, x: Array, axes: Axes, keep: bool) -> Array:
        """Return the largest entries over axes; nan where one is nan."""

    def smallest(self, x: Array, axes: Axes, keep: bool) -> Array:
        """Return the smallest entries over axes; nan where one is nan."""

    def total(self, x: Array, axes: Axes, keep: bool) -> Array:
        """Return sums over axes."""

    def logsumexp(self, x: Array, axes: Axes) -> Array:
        """Return log(Σ exp) over axes."""

    def turned(self, x: Array, order: Sequence[int]) -> Array:
        """Return an array with its axes in another order."""

    def as_type(self, x: Array, like: Array) -> Array:
        """Return an array in the type of another one."""

    def first_place(self, x: Array) -> Array:
        """Return the first place of the largest entry along the last axis."""

    def one_hot(self, places: Array, size: int, like: Array) -> Array:
        """Return 1 at places, 0 elsewhere, along a new last axis, in the type of `like`."""

    def cut(self, parts: Any) -> Kernel:
        """Return what gives a part; steps may be negative."""

    def placed(self, x: Array, parts: Any, shape: Axes) -> Array:
        """Return zeros with an array in one part of them."""

    def whole(self, x: Array) -> Array:
        """Return numbers as integers that index."""

    def taken(self, x: Array, places: Array, axis: int) -> Array:
        """Return the entries along an axis that a tensor of integers names."""

    def scattered(self, x: Array, places: Array, axis: int, shape: Axes) -> Array:
        """Return zeros to which slices along an axis are added at places."""

    def eye(self, size: int, like: Array) -> Array:
        """Return an identity matrix in the type of `like`."""

    def linear(self) -> dict[str, Kernel]:
        """Return `inv`, `det`, `slogdet`, `solve`, `cholesky`, `expm`; nan where there is none."""


def planners(arrays: Arrays) -> dict[str, Planner]:
    """Return the planners by gate name, but for einsum, convolutions and windows."""
    return {**_reductions(arrays), **_moves(arrays), **_places(arrays), **_linear(arrays)}


# --- reductions ---


def _reductions(arrays: Arrays) -> dict[str, Planner]:
    xp = arrays.xp

    def winners(payload: tuple[str, Axes, str]) -> Kernel:
        which, axes, kinks = payload
        best = arrays.largest if which == "max" else arrays.smallest
        if kinks == "first":
            return lambda x: _first(arrays, x if which == "max" else -x, axes)

        def run(x: Array) -> Array:
            top = best(x, axes, True)
            tied = x == top
            count = arrays.total(arrays.as_type(tied, x), axes, True)
            none = xp.zeros_like(top)
            if kinks == "nan":
                return xp.where(tied, xp.where(count > 1, none + math.nan, none + 1), none)
            # XLA makes 0 of false/0, so what is nan is said here.
            return xp.where(tied, 1 / count, xp.where(xp.isnan(top), top, none))

        return run

    def length(x: Array, axes: Axes, keep: bool) -> Array:
        """Return Euclidean lengths; scaled, so that no square overflows or vanishes."""
        top = arrays.largest(xp.abs(x), axes, True)
        scale = xp.where((top > 0) & xp.isfinite(top), top, xp.ones_like(top))
        found = xp.sqrt(arrays.total(xp.square(x / scale), axes, True)) * scale
        return found if keep else found.reshape(_without(x.shape, axes))

    def unit(axes: Axes) -> Kernel:
        def run(x: Array) -> Array:
            size = length(x, axes, True)
            return x / xp.where(size == 0, xp.ones_like(size), size)

        return run

    return {
        "logsumexp_over": lambda axes: lambda x: arrays.logsumexp(x, axes),
        "max_over": lambda axes: lambda x: arrays.largest(x, axes, False),
        "min_over": lambda axes: lambda x: arrays.smallest(x, axes, False),
        "winners": winners,
        "norm": lambda axes: lambda x: length(x, axes, False),
        "unit": unit,
    }


def _without(shape: Sequence[int], axes: Axes) -> Axes:
    return tuple(n for k, n in enumerate(shape) if k not in axes)


def _first(arrays: Arrays, x: Array, axes: Axes) -> Array:
    """Return 1 at the first of the largest entries in reading order, 0 elsewhere."""
    kept = [k for k in range(x.ndim) if k not in axes]
    order = (*kept, *axes)
    turned = arrays.turned(x, order)
    flat = turned.reshape([*turned.shape[: len(kept)], -1])
    found = arrays.one_hot(arrays.first_place(flat), flat.shape[-1], x)
    back = sorted(range(len(order)), key=order.__getitem__)
    return arrays.turned(found.reshape(turned.shape), back)


# --- rearrangements ---


def _moves(arrays: Arrays) -> dict[str, Planner]:
    xp = arrays.xp

    def unslice(payload: Any) -> Kernel:
        parts, shape = payload
        return lambda x: arrays.placed(x, parts, shape)

    def tril(halved: bool) -> Kernel:
        def run(x: Array) -> Array:
            weights = xp.tril(xp.ones_like(x))
            if halved:
                weights = weights - arrays.eye(x.shape[-1], x) / 2
            return xp.where(weights > 0, x * weights, xp.zeros_like(x))

        return run

    return {
        "reshape": lambda shape: lambda x: x.reshape(shape),
        "slice": arrays.cut,
        "unslice": unslice,
        "tril": tril,
        "concat": lambda axis: lambda *parts: xp.concatenate(parts, axis),
    }


# --- places: one that no axis has gives nan ---


def _places(arrays: Arrays) -> dict[str, Planner]:
    xp = arrays.xp

    def inside(chosen: Array, size: int) -> tuple[Array, Array]:
        """Return places that can be read, and which of them are those that were asked for."""
        good = ~outside(xp, chosen, size)
        return arrays.whole(xp.where(good, chosen, xp.zeros_like(chosen))), good

    def known(found: Array, good: Array, axis: int) -> Array:
        wide = good.reshape((*good.shape, *[1] * (found.ndim - axis - good.ndim)))
        return xp.where(wide, found, xp.full_like(found, math.nan))

    def gather(axis: int) -> Kernel:
        def run(x: Array, chosen: Array) -> Array:
            places, good = inside(chosen, x.shape[axis])
            return known(arrays.taken(x, places, axis), good, axis)

        return run

    def scatter(payload: tuple[int, Axes]) -> Kernel:
        axis, shape = payload

        def run(x: Array, chosen: Array) -> Array:
            places, good = inside(chosen, shape[axis])
            before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
            parts = known(x, good, axis).reshape((before, math.prod(chosen.shape), after))
            flat = (before, shape[axis], after)
            return arrays.scattered(parts, places.reshape(-1), 1, flat).reshape(shape)

        return run

    def one_hot(size: int) -> Kernel:
        def run(chosen: Array) -> Array:
            places, good = inside(chosen, size)
            return known(arrays.one_hot(places, size, chosen), good, 0)

        return run

    return {"gather": gather, "scatter": scatter, "one_hot": one_hot}


def outside(xp: Any, chosen: Array, size: int) -> Array:
    """Return which places are no whole numbers, or outside an axis."""
    return ~((chosen == xp.floor(chosen)) & (chosen >= 0) & (chosen < size))


# --- linear algebra ---


def _linear(arrays: Arrays) -> dict[str, Planner]:
    xp, functions = arrays.xp, arrays.linear()

    def solve(a: Array, b: Array) -> Array:
        if b.ndim == a.ndim - 1:
            return functions["solve"](a, b[..., None])[..., 0]
        return functions["solve"](a, b)

    def logdet(a: Array) -> Array:
        sign, size = functions["slogdet"](a)
        return xp.where(sign < 0, xp.full_like(size, math.nan), size)

    def cholesky(a: Array) -> Array:
        return functions["cholesky"]((a + xp.swapaxes(a, -1, -2)) / 2)

    def expm(a: Array, *directions: Array) -> Array:
        """Return exp(a), or a derivative: the last block of the first row of a block matrix."""
        size, block = a.shape[-1], a
        for direction in directions:
            count = block.shape[-1] // size
            right = _repeated(arrays, direction, count)
            upper = xp.concatenate([block, right], -1)
            lower = xp.concatenate([xp.zeros_like(block), block], -1)
            block = xp.concatenate([upper, lower], -2)
        return functions["expm"](block)[..., :size, block.shape[-1] - size :]

    found: dict[str, Kernel] = {
        "solve": solve,
        "logdet": logdet,
        "cholesky": cholesky,
        "expm": expm,
    }
    found |= {name: functions[name] for name in ("inv", "det")}
    return {name: _always(function) for name, function in found.items()}


def _repeated(arrays: Arrays, x: Array, count: int) -> Array:
    """Return a matrix that has another one `count` times on its diagonal."""
    size = x.shape[-1]
    eye = arrays.eye(count, x)
    wide = eye[:, None, :, None] * x[..., None, :, None, :]
    return wide.reshape((*x.shape[:-2], count * size, count * size))


def _always(function: Kernel) -> Planner:
    return lambda payload: function
