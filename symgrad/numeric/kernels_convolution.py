"""NumPy kernels of convolutions and of windows: matrix products over views of windows.

The windows of an image are a view; they are copied, some images at a time, only to stand in front
of a matrix product, so that a convolution needs little more than its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Array = Any
Kernel = Callable[..., Any]
Counts = tuple[int, ...]

COLUMNS = 32 << 20  # bytes of copied windows at a time

LOWEST = {"zero": 0.0, "lowest": -np.inf}


def padded(x: Array, pads: Any, fill: float = 0.0) -> Array:
    """Return an array with entries added at the ends of its last axes."""
    if not any(map(any, pads)):
        return x
    lead = ((0, 0),) * (x.ndim - len(pads))
    return np.pad(x, (*lead, *pads), constant_values=fill)


def windows(x: Array, window: Counts, strides: Counts, dilation: Counts) -> Array:
    """Return a view of all windows over the last axes: (*lead, *positions, *window)."""
    count = len(window)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(window, dilation, strict=True))
    view = sliding_window_view(x, reach, axis=tuple(range(x.ndim - count, x.ndim)))
    steps: Any = [slice(None, None, s) for s in (*strides, *dilation)]
    return view[(..., *steps)]


def added(columns: Array, found: Array, strides: Counts, dilation: Counts) -> None:
    """Add windows (*lead, *window, *positions) to the padded array that they look into."""
    count = len(strides)
    window, positions = columns.shape[-2 * count : -count], columns.shape[-count:]
    for place in product(*map(range, window)):
        at = tuple(
            slice(d * k, d * k + s * (n - 1) + 1, s)
            for k, d, s, n in zip(place, dilation, strides, positions, strict=True)
        )
        found[(..., *at)] += columns[(..., *place, *[slice(None)] * count)]


def trimmed(x: Array, pads: Any) -> Array:
    """Return an array without what padding added."""
    inner = [
        slice(low, n - high) for (low, high), n in zip(pads, x.shape[-len(pads) :], strict=True)
    ]
    return x[(..., *inner)]


def batches(count: int, one: int) -> Iterator[slice]:
    """Yield slices of a batch whose copied windows take few bytes, `one` for each image."""
    step = max(COLUMNS // max(one, 1), 1)
    for low in range(0, count, step):
        yield slice(low, min(low + step, count))


def grouped(channels: int, groups: int) -> list[slice]:
    """Return the channels of each group."""
    size = channels // groups
    return [slice(k * size, (k + 1) * size) for k in range(groups)]


def columns_of(x: Array, window: Counts, strides: Counts, dilation: Counts) -> Array:
    """Return the windows of images as matrices: (N, C*window, positions)."""
    count = len(window)
    view = windows(x, window, strides, dilation)
    order = (0, 1, *range(2 + count, 2 + 2 * count), *range(2, 2 + count))
    rows = x.shape[1] * prod(window)
    return view.transpose(order).reshape(len(x), rows, -1)


def bytes_of(like: Array, *sizes: int) -> int:
    """Return the size of an array of these sizes."""
    return int(prod(sizes) * like.dtype.itemsize)


def conv(payload: Any) -> Kernel:
    """Return the convolution: one matrix product an image and a group."""
    strides, pads, dilation, groups = payload

    def run(x: Array, w: Array) -> Array:
        wide, window = padded(x, pads), w.shape[2:]
        positions = windows(wide, window, strides, dilation).shape[2 : 2 + len(window)]
        found = np.empty((len(x), len(w), prod(positions)), np.result_type(x, w))
        rows = prod(w.shape[1:])
        for part in batches(len(x), bytes_of(x, rows, *positions)):
            for into, out in zip(grouped(x.shape[1], groups), grouped(len(w), groups), strict=True):
                columns = columns_of(wide[part, into], window, strides, dilation)
                np.matmul(w[out].reshape(-1, rows), columns, out=found[part, out])
        return found.reshape(len(x), len(w), *positions)

    return run


def conv_input(payload: Any) -> Kernel:
    """Return the transpose by the images: products, then windows added to where they came from."""
    (strides, pads, dilation, groups), spatial = payload
    sizes = tuple(n + low + high for n, (low, high) in zip(spatial, pads, strict=True))

    def run(y: Array, w: Array) -> Array:
        window, positions, rows = w.shape[2:], y.shape[2:], prod(w.shape[1:])
        channels = w.shape[1] * groups
        found = np.zeros((len(y), channels, *sizes), np.result_type(y, w))
        flat = y.reshape(len(y), len(w), -1)
        for part in batches(len(y), bytes_of(y, rows, *positions)):
            for into, out in zip(grouped(channels, groups), grouped(len(w), groups), strict=True):
                columns = w[out].reshape(-1, rows).T @ flat[part, out]
                shape = (len(columns), w.shape[1], *window, *positions)
                added(columns.reshape(shape), found[part, into], strides, dilation)
        return trimmed(found, pads)

    return run


def conv_weight(payload: Any) -> Kernel:
    """Return the transpose by the weights: products summed over images."""
    (strides, pads, dilation, groups), window = payload

    def run(x: Array, y: Array) -> Array:
        channels, rows = x.shape[1] // groups, x.shape[1] // groups * prod(window)
        wide, flat = padded(x, pads), y.reshape(len(y), y.shape[1], -1)
        found = np.zeros((y.shape[1], rows), np.result_type(x, y))
        for part in batches(len(x), bytes_of(x, rows, *y.shape[2:])):
            for into, out in zip(
                grouped(x.shape[1], groups), grouped(y.shape[1], groups), strict=True
            ):
                columns = columns_of(wide[part, into], window, strides, dilation)
                for image, column in zip(flat[part, out], columns, strict=True):
                    found[out] += image @ column.T
        return found.reshape(y.shape[1], channels, *window)

    return run


def patches(payload: Any) -> Kernel:
    """Return all windows as a view."""
    window, strides, pads, dilation, fill = payload
    return lambda x: windows(padded(x, pads, LOWEST[fill]), window, strides, dilation)


def fold(payload: Any) -> Kernel:
    """Return the sum over the windows that hold each entry."""
    (window, strides, pads, dilation), spatial = payload
    count = len(window)
    sizes = tuple(n + low + high for n, (low, high) in zip(spatial, pads, strict=True))

    def run(x: Array) -> Array:
        lead = x.ndim - 2 * count
        order = (*range(lead), *range(lead + count, x.ndim), *range(lead, lead + count))
        found = np.zeros((*x.shape[:lead], *sizes), x.dtype)
        added(x.transpose(order), found, strides, dilation)
        return trimmed(found, pads)

    return run


PLANNERS: dict[str, Callable[[Any], Kernel]] = {
    "conv": conv,
    "conv_input": conv_input,
    "conv_weight": conv_weight,
    "patches": patches,
    "fold": fold,
}
