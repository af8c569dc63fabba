"""Convolution with its two transposes, and the windows of poolings with theirs.

`conv(x, w)` is linear in both operands, and so is its inner product with a tensor y of its shape:
`⟨y, conv(x, w)⟩ = ⟨conv_input(y, w), x⟩ = ⟨conv_weight(x, y), w⟩`. So the three gates are closed
under differentiation, and so are `patches` (all windows of a tensor) and `fold` (its transpose).
Images are (N, C, *spatial), weights (O, C/groups, *window).

References: Dumoulin & Visin (2016), "A guide to convolution arithmetic for deep learning", sec. 4;
Goodfellow, Bengio & Courville (2016), "Deep Learning", eq. 9.11 to 9.13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from symgrad.expr import tensor_windows
from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import Shape, TensorSite

# conv: (strides, pads, dilation, groups); the transposes: that, and the sizes that they give back.
# patches: (window, strides, pads, dilation, "zero" or "lowest"); fold: the first four, sizes.


def conv_shape(payload: Any, shapes: Sequence[Shape]) -> Shape:
    """Return (N, O, *positions)."""
    return tensor_windows.conv_shape("conv", payload, shapes)


def conv_input_shape(payload: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the images: (N, C, *spatial)."""
    (_, _, _, groups), spatial = payload
    bar, w = shapes
    return (bar[0], w[1] * groups, *spatial)


def conv_weight_shape(payload: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the weights: (O, C/groups, *window)."""
    (_, _, _, groups), window = payload
    x, bar = shapes
    channels = x[1] // groups if isinstance(x[1], int) else x[1] / sympy.Integer(groups)
    return (bar[1], channels, *window)


def conv_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Return the transpose by the images, or by the weights."""
    x, w = site.operands
    sizes = site.shapes[index][2:]
    if index == 0:
        return site.apply(CONV_INPUT, bar, w, payload=(site.payload, sizes))
    return site.apply(CONV_WEIGHT, x, bar, payload=(site.payload, sizes))


def conv_input_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Return the convolution of the cotangent, or its transpose by the weights."""
    y, w = site.operands
    settings, _ = site.payload
    if index == 0:
        return site.apply(CONV, bar, w, payload=settings)
    return site.apply(CONV_WEIGHT, bar, y, payload=(settings, site.shapes[1][2:]))


def conv_weight_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Return the transpose by the images, or the convolution by the cotangent."""
    x, y = site.operands
    settings, _ = site.payload
    if index == 0:
        return site.apply(CONV_INPUT, y, bar, payload=(settings, site.shapes[0][2:]))
    return site.apply(CONV, x, bar, payload=settings)


def bilinear(name: str, shape: Any, pull: Any) -> Gate:
    """Return the row of a gate that is linear in both operands."""

    def push(site: TensorSite, index: int, dot: Any) -> Any:
        moved = [dot if k == index else x for k, x in enumerate(site.operands)]
        return site.apply(made, *moved, payload=site.payload)

    made = Gate(name, arity=(2, 2), shape=shape, pull=pull, push=push, role="switches", letter="c")
    return made


CONV = bilinear("conv", conv_shape, conv_pull)
CONV_INPUT = bilinear("conv_input", conv_input_shape, conv_input_pull)
CONV_WEIGHT = bilinear("conv_weight", conv_weight_shape, conv_weight_pull)


# --- windows ---


def patches_shape(payload: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of all windows: (*lead, *positions, *window)."""
    return tensor_windows.patches_shape("patches", payload, shapes)


def fold_shape(payload: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the tensor that the windows look into."""
    (window, *_), spatial = payload
    return (*shapes[0][: -2 * len(window)], *spatial)


def patches_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Add what arrives at each entry from the windows that hold it."""
    windows = site.payload[:4]
    spatial = site.shapes[0][-len(windows[0]) :]
    return site.apply(FOLD, bar, payload=(windows, spatial))


def patches_push(site: TensorSite, index: int, dot: Any) -> Any:
    """Return the windows of the tangent; the padding does not move."""
    return site.apply(PATCHES, dot, payload=(*site.payload[:4], "zero"))


def fold_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Return the windows of the cotangent."""
    return site.apply(PATCHES, bar, payload=(*site.payload[0], "zero"))


def fold_push(site: TensorSite, index: int, dot: Any) -> Any:
    """Return the sum over windows of the tangent."""
    return site.apply(FOLD, dot, payload=site.payload)


PATCHES = Gate("patches", shape=patches_shape, pull=patches_pull, push=patches_push, letter="p")
FOLD = Gate("fold", shape=fold_shape, pull=fold_pull, push=fold_push)

ROWS = (CONV, CONV_INPUT, CONV_WEIGHT, PATCHES, FOLD)
