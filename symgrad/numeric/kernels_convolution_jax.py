"""What convolutions and windows are in JAX. JAX is imported by the first call.

The transposes are JAX's own transposes of the linear maps, which XLA turns into convolutions.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

Array = Any
Kernel = Callable[..., Any]
LOWEST = {"zero": 0.0, "lowest": float("-inf")}


def convolved(x: Array, w: Array, settings: Any) -> Array:
    """Return the convolution."""
    from jax import lax

    strides, pads, dilation, groups = settings
    return lax.conv_general_dilated(
        x, w, strides, pads, rhs_dilation=dilation, feature_group_count=groups
    )


def transposed(function: Kernel, shape: Any, like: Array, value: Array) -> Array:
    """Return the transpose of a linear function of an array of some shape, at a value."""
    import jax

    known = jax.ShapeDtypeStruct(shape, like.dtype)
    (found,) = jax.linear_transpose(function, known)(value)
    return found


def conv(payload: Any) -> Kernel:
    """Return the convolution."""
    return lambda x, w: convolved(x, w, payload)


def conv_input(payload: Any) -> Kernel:
    """Return the transpose by the images."""
    settings, spatial = payload

    def run(y: Array, w: Array) -> Array:
        shape = (y.shape[0], w.shape[1] * settings[3], *spatial)
        return transposed(lambda x: convolved(x, w, settings), shape, y, y)

    return run


def conv_weight(payload: Any) -> Kernel:
    """Return the transpose by the weights."""
    settings, window = payload

    def run(x: Array, y: Array) -> Array:
        shape = (y.shape[1], x.shape[1] // settings[3], *window)
        return transposed(lambda w: convolved(x, w, settings), shape, y, y)

    return run


def windows(x: Array, moves: Any, fill: float) -> Array:
    """Return all windows: (*lead, *positions, *window)."""
    import jax.numpy as jnp

    window, strides, pads, dilation = moves
    lead = ((0, 0),) * (x.ndim - len(window))
    wide = jnp.pad(x, (*lead, *pads), constant_values=fill)
    sizes = wide.shape[-len(window) :]
    # One behind the last start of a window.
    last = [n - d * (k - 1) for n, k, d in zip(sizes, window, dilation, strict=True)]
    views = []
    for place in product(*map(range, window)):
        at = [
            slice(d * k, d * k + n, s)
            for k, n, s, d in zip(place, last, strides, dilation, strict=True)
        ]
        views.append(wide[(..., *at)])
    joined = jnp.stack(views, axis=-1)
    return joined.reshape(*joined.shape[:-1], *window)


def patches(payload: Any) -> Kernel:
    """Return all windows."""
    *moves, fill = payload
    return lambda x: windows(x, moves, LOWEST[fill])


def fold(payload: Any) -> Kernel:
    """Return the sum over the windows that hold each entry."""
    moves, spatial = payload

    def run(x: Array) -> Array:
        shape = (*x.shape[: -2 * len(spatial)], *spatial)
        return transposed(lambda inside: windows(inside, moves, 0.0), shape, x, x)

    return run


PLANNERS: dict[str, Callable[[Any], Kernel]] = {
    "conv": conv,
    "conv_input": conv_input,
    "conv_weight": conv_weight,
    "patches": patches,
    "fold": fold,
}
