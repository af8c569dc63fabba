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


# --- poolings ---


def reduced(x: Array, moves: Any, start: float, step: Any) -> Array:
    """Return one number a window."""
    import numpy as np
    from jax import lax

    window, strides, pads, dilation = moves
    lead = x.ndim - len(window)
    one, none = (1,) * lead, ((0, 0),) * lead
    return lax.reduce_window(
        x,
        np.asarray(start, x.dtype)[()],
        step,
        (*one, *window),
        (*one, *strides),
        (*none, *pads),
        window_dilation=(*one, *dilation),
    )


def max_pool(moves: Any) -> Kernel:
    """Return the largest entry of each window."""
    from jax import lax

    return lambda x: reduced(x, moves, float("-inf"), lax.max)


def sum_pool(moves: Any) -> Kernel:
    """Return the sum of each window."""
    from jax import lax

    return lambda x: reduced(x, moves, 0.0, lax.add)


def sum_spread(payload: Any) -> Kernel:
    """Return the sum over the windows that hold each entry of one number a window."""
    moves, spatial = payload

    def run(bar: Array) -> Array:
        shape = (*bar.shape[: -len(spatial)], *spatial)
        return transposed(sum_pool(moves), shape, bar, bar)

    return run


def max_share(payload: Any) -> Kernel:
    """Return what the largest entries of each window get of its cotangent: equal shares."""
    import jax.numpy as jnp

    moves, spatial = payload
    added = fold(payload)

    def run(x: Array, top: Array, bar: Array) -> Array:
        wide = (*top.shape, *[1] * len(spatial))
        top, bar = top.reshape(wide), bar.reshape(wide)
        tied = windows(x, moves, float("-inf")) == top
        count = jnp.sum(tied, axis=tuple(range(-len(spatial), 0)), keepdims=True, dtype=x.dtype)
        # XLA makes 0 of false times nan, so what is nan is said here.
        rest = jnp.where(jnp.isnan(top), top, jnp.zeros_like(top))
        return added(jnp.where(tied, bar / count, rest))

    return run


PLANNERS: dict[str, Callable[[Any], Kernel]] = {
    "max_pool": max_pool,
    "max_share": max_share,
    "sum_pool": sum_pool,
    "sum_spread": sum_spread,
    "conv": conv,
    "conv_input": conv_input,
    "conv_weight": conv_weight,
    "patches": patches,
    "fold": fold,
}
