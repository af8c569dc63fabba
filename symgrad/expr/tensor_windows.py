"""Windows that move over the last axes of a tensor: sizes of convolutions and poolings.

Along an axis of size n a window of k entries, `dilation` apart, takes steps of `stride` over the
axis with `low` and `high` entries added at its ends; it fits
`floor((n + low + high - dilation*(k - 1) - 1)/stride) + 1` times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from symgrad.errors import ShapeError
from symgrad.expr.dims import Shape
from symgrad.expr.tensor_shapes import same_size, shown, tidy

Pair = tuple[Any, Any]
MOST_SPATIAL = 3


def fits(n: Any, k: Any, stride: int, pads: Pair, dilation: int) -> Any:
    """Return how often a window fits along an axis.

    Raises
    ------
    ShapeError
        If it is longer than the axis with its padding.

    Examples
    --------
    >>> fits(7, 3, 2, (0, 0), 1), fits(sympy.Symbol("n", integer=True), 3, 1, (1, 1), 1)
    (3, n)
    """
    free = n + sum(pads) - dilation * (k - 1) - 1
    if isinstance(free, (int, sympy.Integer)):
        if free < 0:
            raise ShapeError(
                f"a window of {k} entries, {dilation} apart, is longer than an axis of size {n} "
                f"with padding {pads}; make it smaller, or pad more"
            )
        return int(free) // stride + 1
    (found,) = tidy([sympy.floor(sympy.expand(free) / sympy.Integer(stride)) + 1])
    return found


def spread_over(name: str, what: str, value: Any, count: int) -> tuple[int, ...]:
    """Return one positive whole number an axis.

    Raises
    ------
    ShapeError
        If there are more or fewer, or one is not positive.
    """
    found = (value,) * count if isinstance(value, int) else tuple(value)
    if len(found) != count or not all(isinstance(v, int) and v > 0 for v in found):
        raise ShapeError(
            f"`{name}` needs {what} as a positive whole number, or {count} of them, not {value!r}"
        )
    return found


def paddings(
    name: str,
    padding: Any,
    sizes: Sequence[Any],
    window: Sequence[Any],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> tuple[Pair, ...]:
    """Return how many entries are added at both ends of each axis.

    Parameters
    ----------
    name : str
        Who asks.
    padding : int, sequence of int or of pairs, "same" or "valid"
        "valid" is none; "same" is as much as gives `ceil(n/stride)` windows, the odd one behind.
    sizes, window, strides, dilation : sequence
        One an axis.

    Raises
    ------
    ShapeError
        If it is anything else, or "same" with a stride needs a size that is still a symbol.
    """
    count = len(sizes)
    if padding == "valid":
        return ((0, 0),) * count
    if padding == "same":
        return tuple(map(_same, [name] * count, sizes, window, strides, dilation))
    given = (padding,) * count if isinstance(padding, int) else padding
    if isinstance(given, (tuple, list)) and len(given) == count:
        pairs = tuple((p, p) if isinstance(p, int) else tuple(p) for p in given)
        if all(len(p) == 2 and all(isinstance(v, int) and v >= 0 for v in p) for p in pairs):
            return pairs
    raise ShapeError(
        f"`{name}` needs padding as a whole number, {count} of them, {count} pairs, 'same' or "
        f"'valid', not {padding!r}"
    )


def _same(name: str, n: Any, k: Any, stride: int, dilation: int) -> Pair:
    reach = dilation * (k - 1)
    if stride == 1:
        total = reach
    elif isinstance(n, int) and isinstance(k, int):
        total = max((-(-n // stride) - 1) * stride + reach + 1 - n, 0)
    else:
        raise ShapeError(f"`{name}`: padding='same' with a stride needs numbers for sizes, not {n}")
    if not isinstance(total, int):
        raise ShapeError(f"`{name}`: padding='same' needs a number for the window, not {k}")
    return total // 2, total - total // 2


# --- shape rules ---


def check_conv(name: str, groups: int, shapes: Sequence[Shape]) -> None:
    """Check ranks, channels and groups of a convolution.

    Raises
    ------
    ShapeError
        If they do not fit; the message holds both shapes.
    """
    x, w = shapes
    listed = f"the input has shape {shown(x)} and the weights have shape {shown(w)}"
    if len(x) != len(w) or not 0 < len(x) - 2 <= MOST_SPATIAL:
        raise ShapeError(
            f"`{name}` takes an input (N, C, *spatial) and weights (O, C/groups, *window) with 1 "
            f"to {MOST_SPATIAL} spatial axes; {listed}"
        )
    if not same_size(x[1], w[1] * groups):
        raise ShapeError(
            f"`{name}` needs C/groups channels in the weights: {listed}, so {x[1]} channels in "
            f"{groups} group(s) meet {w[1]} a group"
        )
    if isinstance(w[0], int) and w[0] % groups:
        raise ShapeError(f"`{name}` divides {w[0]} output channels into {groups} groups; {listed}")


def conv_shape(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a convolution; errors as for `check_conv` and `fits`."""
    strides, pads, dilation, groups = params
    check_conv(name, groups, shapes)
    x, w = shapes
    return (x[0], w[0], *map(fits, x[2:], w[2:], strides, pads, dilation))


def patches_shape(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of all windows: positions in place of the axes, then the windows."""
    window, strides, pads, dilation = params[:4]
    (x,) = shapes
    if len(window) > len(x):
        raise ShapeError(
            f"`{name}` with a window of {len(window)} axes needs a tensor of as many, and found "
            f"shape {shown(x)}"
        )
    lead, spatial = x[: -len(window)], x[-len(window) :]
    return (*lead, *map(fits, spatial, window, strides, pads, dilation), *window)


def pool_shape(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of one number a window."""
    return patches_shape(name, params, shapes)[: len(shapes[0])]
