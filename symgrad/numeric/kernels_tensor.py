"""NumPy kernels of the gates of tensors: a payload is planned once, then called with arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from symgrad.errors import ShapeError
from symgrad.numeric import kernels_convolution, kernels_einsum, kernels_linalg

Array = Any
Kernel = Callable[..., Any]
Axes = tuple[int, ...]


def logsumexp_over(axes: Axes) -> Kernel:
    """Return log(Σ exp) over axes, shifted by the largest entry."""

    def run(x: Array) -> Array:
        largest = np.max(np.real(x), axis=axes, keepdims=True)
        shift = np.where(np.isfinite(largest), largest, np.zeros_like(largest))
        moved = np.subtract(x, shift)
        np.exp(moved, out=moved)
        total = np.log(np.add.reduce(moved, axis=axes))
        return total + shift.reshape(np.shape(total))

    return run


def extreme(function: Kernel) -> Callable[[Axes], Kernel]:
    """Return the planner of a largest or smallest entry over axes."""
    return lambda axes: lambda x: function(x, axis=axes)


def winners(payload: tuple[str, Axes, str]) -> Kernel:
    """Return the weights with which extreme entries share a cotangent."""
    which, axes, kinks = payload
    best = np.max if which == "max" else np.min
    if kinks == "first":
        return lambda x: _first(np.argmax if which == "max" else np.argmin, x, axes)

    def run(x: Array) -> Array:
        tied = x == best(x, axis=axes, keepdims=True)
        count = np.sum(tied, axis=axes, keepdims=True)
        weights = tied.astype(x.dtype)
        if kinks == "nan":
            return np.where(tied & (count > 1), np.nan, weights).astype(x.dtype)
        return np.divide(weights, count.astype(x.dtype), out=weights)

    return run


def _first(place: Kernel, x: Array, axes: Axes) -> Array:
    """Return 1 at the first of the extreme entries in reading order, 0 elsewhere."""
    kept = tuple(k for k in range(x.ndim) if k not in axes)
    order = (*kept, *axes)
    turned = x.transpose(order)
    flat = turned.reshape([*turned.shape[: len(kept)], -1])
    found = np.zeros(flat.shape, x.dtype)
    np.put_along_axis(found, np.expand_dims(place(flat, axis=-1), -1), 1, axis=-1)
    return found.reshape(turned.shape).transpose(np.argsort(order))


def norm(axes: Axes) -> Kernel:
    """Return the Euclidean length over axes; no square overflows or vanishes."""
    return lambda x: length(x, axes, keepdims=False)


def length(x: Array, axes: Axes, *, keepdims: bool) -> Array:
    """Return Euclidean lengths, scaled by the largest entry where the plain sum is not safe."""
    squares: Any = np.sum(np.square(x), axis=axes, keepdims=keepdims)
    limits = np.finfo(squares.dtype)
    if limits.tiny / limits.eps < np.min(squares) and np.max(squares) < limits.max:
        return np.sqrt(squares)
    largest = np.max(np.abs(x), axis=axes, keepdims=True)
    scale = np.where((largest > 0) & np.isfinite(largest), largest, np.ones_like(largest))
    total = np.sum(np.square(x / scale), axis=axes, keepdims=keepdims)
    return np.sqrt(total) * scale.reshape(np.shape(total))


def unit(axes: Axes) -> Kernel:
    """Return x over its length, and 0 where that is 0."""

    def run(x: Array) -> Array:
        size = length(x, axes, keepdims=True)
        return np.divide(x, np.where(size == 0, np.ones_like(size), size))

    return run


# --- rearrangements ---


def reshape(shape: tuple[int, ...]) -> Kernel:
    """Return the same entries in reading order in another shape."""
    return lambda x: x.reshape(shape)


def _slices(parts: Any) -> tuple[slice, ...]:
    """Return slices; one that runs down to the first entry has no stop."""
    return tuple(slice(a, b if b >= 0 else None, step) for a, b, step in parts)


def sliced(parts: Any) -> Kernel:
    """Return a part of an array."""
    places = _slices(parts)
    return lambda x: x[places]


def unsliced(payload: Any) -> Kernel:
    """Return zeros with an array in one part of them."""
    parts, shape = payload
    places = _slices(parts)

    def run(x: Array) -> Array:
        found = np.zeros(shape, x.dtype)
        found[places] = x
        return found

    return run


def lower_triangle(halved: bool) -> Kernel:
    """Return lower triangles, with half of the diagonal if so asked."""

    def run(x: Array) -> Array:
        found = np.tril(x)
        if halved:
            diagonal = np.einsum("...ii->...i", found)
            diagonal *= 0.5
        return found

    return run


def places(chosen: Array, size: int, what: str) -> Array:
    """Return an index tensor as integers.

    Raises
    ------
    ShapeError
        If an index is no whole number, or outside the axis.
    """
    found = np.asarray(chosen)
    whole = found.astype(np.intp)
    bad = (whole != found) | (whole < 0) | (whole >= size)
    if np.any(bad):
        first = found[bad].flat[0]
        raise ShapeError(f"`{what}` takes whole numbers from 0 to {size - 1}, and found {first}")
    return whole


def gather(axis: int) -> Kernel:
    """Return the entries along an axis that an index tensor names."""
    return lambda x, chosen: np.take(x, places(chosen, x.shape[axis], "gather"), axis=axis)


def scatter(payload: tuple[int, tuple[int, ...]]) -> Kernel:
    """Return zeros to which entries are added at the places that an index tensor names."""
    axis, shape = payload

    def run(x: Array, chosen: Array) -> Array:
        index = places(chosen, shape[axis], "scatter")
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        parts = x.reshape(before, index.size, after)
        found = np.zeros((before, shape[axis], after), x.dtype)
        where: Any = (slice(None), index.reshape(-1))
        np.add.at(found, where, parts)
        return found.reshape(shape)

    return run


def concat(axis: int) -> Kernel:
    """Return arrays joined along an axis."""
    return lambda *arrays: np.concatenate(arrays, axis=axis)


def one_hot(size: int) -> Kernel:
    """Return vectors with a 1 at the places named, 0 elsewhere."""
    numbers = np.arange(size)

    def run(chosen: Array) -> Array:
        index = places(chosen, size, "one_hot")
        kind = np.result_type(chosen)
        dtype = kind if kind.kind == "f" else np.dtype(np.float64)
        return (index[..., None] == numbers).astype(dtype)

    return run


PLANNERS: dict[str, Callable[[Any], Kernel]] = {
    "einsum": kernels_einsum.planned,
    "logsumexp_over": logsumexp_over,
    "max_over": extreme(np.max),
    "min_over": extreme(np.min),
    "winners": winners,
    "norm": norm,
    "unit": unit,
    "reshape": reshape,
    "slice": sliced,
    "unslice": unsliced,
    "tril": lower_triangle,
    "gather": gather,
    "scatter": scatter,
    "concat": concat,
    "one_hot": one_hot,
    **kernels_linalg.PLANNERS,
    **kernels_convolution.PLANNERS,
}


def kernel(name: str) -> Callable[[Any], Kernel]:
    """Return the planner of a gate of tensors: payload to a function of arrays.

    Raises
    ------
    ShapeError
        If there is none: sizes must be bound before numbers are computed.
    """
    if name not in PLANNERS:
        raise ShapeError(f"`{name}` has no kernel here; bind the sizes of all axes first")
    return partial(planned, name)


@lru_cache(maxsize=4096)
def planned(name: str, payload: Any) -> Kernel:
    """Return the function of a gate with its payload; made once."""
    return PLANNERS[name](payload)
