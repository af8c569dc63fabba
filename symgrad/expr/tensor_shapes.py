"""Shapes of tensor operations, with NumPy's semantics and sizes that may be symbols.

Broadcasting is strict: two sizes meet if they are equal as expressions, or if one is literally 1.
A rule is `(name, params, shapes of operands) -> shape`. Imports sizes and errors; knows no trees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import sympy

from symgrad.errors import ShapeError
from symgrad.expr.dims import Shape, dim, shape_of

Axis = int | Sequence[int] | None


def shown(shape: Sequence[Any]) -> str:
    """Return a shape as NumPy writes it.

    Examples
    --------
    >>> shown((3,)), shown(())
    ('(3,)', '()')
    """
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def same_size(a: Any, b: Any) -> bool:
    """Return whether two sizes are equal as expressions."""
    if a == b:
        return True
    return not (isinstance(a, int) and isinstance(b, int)) and sympy.expand(a - b) == 0


def same_shape(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Return whether two shapes are equal as expressions."""
    return len(a) == len(b) and all(map(same_size, a, b))


def tidy(shape: Iterable[Any]) -> Shape:
    """Return sizes in one form, so that equal ones are equal as expressions."""
    return tuple(n if isinstance(n, int) else dim(sympy.expand(n)) for n in shape_of(shape))


# --- axes ---


def one_axis(name: str, axis: Any, rank: int) -> int:
    """Return an axis counted from the front.

    Raises
    ------
    ShapeError
        If there is no such axis.
    """
    if not isinstance(axis, int) or isinstance(axis, bool):
        raise ShapeError(f"`{name}` counts axes by whole numbers, and found axis={axis!r}")
    if not -rank <= axis < rank:
        known = f"{-rank} to {rank - 1}" if rank else "none, since it is a scalar"
        raise ShapeError(f"`{name}` has no axis {axis}: the axes of its operand are {known}")
    return axis % rank


def many_axes(name: str, axis: Axis, rank: int) -> tuple[int, ...]:
    """Return axes counted from the front, in ascending order; None is all of them.

    Raises
    ------
    ShapeError
        If an axis does not exist, or is given twice.
    """
    if axis is None:
        return tuple(range(rank))
    asked = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    found = sorted(one_axis(name, a, rank) for a in asked)
    if len(set(found)) != len(found):
        raise ShapeError(f"`{name}` is given an axis twice: axis={tuple(asked)}")
    return tuple(found)


# --- entry by entry ---


def broadcast(name: str, shapes: Iterable[Sequence[Any]]) -> Shape:
    """Return the common shape of operands that meet entry by entry.

    Raises
    ------
    ShapeError
        If two sizes differ and neither is literally 1; the message holds both shapes.

    Examples
    --------
    >>> broadcast("add", [(3, 1), (4,)])
    (3, 4)
    """
    given = list(shapes)
    total: tuple[Any, ...] = ()
    for shape in given:
        rank = max(len(total), len(shape))
        left = (1,) * (rank - len(total)) + total
        right = (1,) * (rank - len(shape)) + tuple(shape)
        pairs = list(zip(left, right, strict=True))
        if any(a != 1 and b != 1 and not same_size(a, b) for a, b in pairs):
            raise mismatch(name, given)
        total = tuple(b if a == 1 else a for a, b in pairs)
    return total


def mismatch(name: str, shapes: Sequence[Sequence[Any]]) -> ShapeError:
    """Return the complaint that shapes do not broadcast, with what might have been meant."""
    wide = [tuple(s) for s in shapes if s]
    listed = " and ".join(dict.fromkeys(map(shown, wide)))
    tip = "axes are matched from the last one, and sizes must be equal or literally 1"
    if len(set(map(shown, wide))) == 1:
        tip = "sizes of one name are different symbols here: their assumptions differ; use names"
    elif len(wide) == 2 and same_shape(wide[0], wide[1][::-1]):
        tip = "transpose one of them with `.T`"
    elif len(wide) == 2 and len(wide[0]) != len(wide[1]):
        short, long = sorted(wide, key=len)
        places = [k for k in range(len(long) - len(short) + 1) if _fits(short, long[k:])]
        if places:
            new = ", ".join([":"] * len(short) + ["None"] * (len(long) - len(short) - places[0]))
            tip = f"give the one of shape {shown(short)} more axes behind, as in `x[{new}]`"
    return ShapeError(f"`{name}` acts entry by entry, but its operands are {listed}; {tip}")


def _fits(short: Sequence[Any], part: Sequence[Any]) -> bool:
    return all(same_size(a, b) for a, b in zip(short, part, strict=False))


def elementwise(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the common shape."""
    return broadcast(name, shapes)


# --- reductions ---


def reduced(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape without the reduced axes, or with 1 in their place."""
    axes, keepdims = params
    many_axes(name, axes, len(shapes[0]))
    if keepdims:
        return tuple(1 if k in axes else n for k, n in enumerate(shapes[0]))
    return tuple(n for k, n in enumerate(shapes[0]) if k not in axes)


def along(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the operand, whose axes must exist."""
    many_axes(name, params[0], len(shapes[0]))
    return shapes[0]


# --- rearrangements ---


def transposed(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape with its axes in another order."""
    (order,) = params
    if sorted(order) != list(range(len(shapes[0]))):
        raise ShapeError(
            f"`{name}` of a tensor of shape {shown(shapes[0])} needs each of its "
            f"{len(shapes[0])} axes once, and found {tuple(order)}"
        )
    return tuple(shapes[0][k] for k in order)


def entries(shape: Sequence[Any]) -> Any:
    """Return how many entries a tensor has."""
    return prod(shape)


def reshaped(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return a shape of as many entries."""
    target = shape_of(params[0])
    if not same_size(entries(target), entries(shapes[0])):
        raise ShapeError(
            f"`{name}` from {shown(shapes[0])} to {shown(target)}: {entries(shapes[0])} entries "
            f"cannot become {entries(target)}"
        )
    return target


def completed(target: Sequence[Any], shape: Shape) -> Shape:
    """Return the target of a reshape with -1 replaced by what is left.

    Raises
    ------
    ShapeError
        If there are two -1, or the rest is no whole number.
    """
    open_places = [k for k, n in enumerate(target) if isinstance(n, int) and n == -1]
    if not open_places:
        return shape_of(target)
    known = [dim(n) for k, n in enumerate(target) if k not in open_places]
    if len(open_places) > 1:
        raise ShapeError(f"`reshape` to {shown(target)}: only one size may be left open as -1")
    rest = sympy.cancel(sympy.Integer(1) * entries(shape) / entries(known)) if all(known) else None
    if rest is None or rest.is_integer is False:
        raise ShapeError(
            f"`reshape` from {shown(shape)} to {shown(target)}: {entries(shape)} entries are no "
            f"multiple of {entries(known)}"
        )
    known.insert(open_places[0], dim(rest))
    return tuple(known)


def widened(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape that a tensor is broadcast to."""
    target = shape_of(params[0])
    if not same_shape(broadcast(name, [shapes[0], target]), target):
        raise ShapeError(f"`{name}` cannot turn {shown(shapes[0])} into {shown(target)}")
    return target


def joined(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of tensors joined along an axis that they have."""
    axis = one_axis(name, params[0], len(shapes[0]))
    for shape in shapes[1:]:
        if not same_shape(_without(shape, axis), _without(shapes[0], axis)):
            raise ShapeError(
                f"`{name}` along axis {axis} needs all other sizes to agree, but its operands are "
                f"{shown(shapes[0])} and {shown(shape)}"
            )
    length = sum(s[axis] for s in shapes)
    return tuple(length if k == axis else n for k, n in enumerate(shapes[0]))


def _without(shape: Shape, axis: int) -> Shape:
    return (len(shape), *shape[:axis], *shape[axis + 1 :])


def stacked(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of tensors joined along a new axis."""
    for shape in shapes[1:]:
        if not same_shape(shape, shapes[0]):
            raise ShapeError(
                f"`{name}` needs operands of one shape, and found {shown(shapes[0])} and "
                f"{shown(shape)}"
            )
    axis = one_axis(name, params[0], len(shapes[0]) + 1)
    return (*shapes[0][:axis], len(shapes), *shapes[0][axis:])


def padded(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape with entries added before and behind."""
    widths = params[0]
    if len(widths) != len(shapes[0]):
        raise ShapeError(
            f"`{name}` of a tensor of shape {shown(shapes[0])} needs a pair of widths for each "
            f"axis, and found {len(widths)}"
        )
    return tuple(n + low + high for n, (low, high) in zip(shapes[0], widths, strict=True))


def taken(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of entries taken along an axis by an index tensor."""
    x, chosen = shapes
    axis = one_axis(name, params[0], len(x))
    return (*x[:axis], *chosen, *x[axis + 1 :])
