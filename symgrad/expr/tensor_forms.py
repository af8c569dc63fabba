"""Functions that rearrange tensors, named as NumPy and JAX name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from symgrad.errors import ShapeError
from symgrad.expr.dims import dim
from symgrad.expr.tensor_shapes import Axis, completed, many_axes, one_axis, shown
from symgrad.expr.tensors import apply, as_operand


def shape_of(x: Any) -> tuple[Any, ...]:
    """Return the shape of an operand; a scalar has no axes."""
    found: tuple[Any, ...] = getattr(x, "shape", ())
    return found


def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Return a tensor with its axes in another order; reversed by default.

    Parameters
    ----------
    x : tensor, *shape (…)*, or SymPy matrix
        What is turned.
    axes : sequence of int, optional
        Which axis of `x` each axis of the result is.

    Raises
    ------
    ShapeError
        If an axis is missing or given twice.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> transpose(tensor("X", 2, "N", 3), (0, 2, 1)).shape
    (2, 3, N)
    """
    if getattr(x, "is_Matrix", False):
        return sympy.Transpose(x)
    operand = as_operand(x)
    rank = len(shape_of(operand))
    order = range(rank)[::-1] if axes is None else [one_axis("transpose", a, rank) for a in axes]
    return apply("transpose", operand, params=(tuple(order),))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Return a tensor with two axes exchanged.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> swapaxes(tensor("X", 2, "N", 3), 0, -1).shape
    (3, N, 2)
    """
    rank = len(shape_of(x))
    first, second = (one_axis("swapaxes", a, rank) for a in (axis1, axis2))
    order = list(range(rank))
    order[first], order[second] = second, first
    return transpose(x, order)


def reshape(x: Any, shape: Any) -> Any:
    """Return the entries in reading order in another shape.

    Parameters
    ----------
    x : tensor, *shape (…)*
        What is rearranged.
    shape : int, Expr, or tuple of them
        One size may be -1: what is left.

    Raises
    ------
    ShapeError
        If the numbers of entries differ.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> reshape(tensor("X", "N", 2, 3), ("N", -1)).shape
    (N, 6)
    """
    target = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    return apply("reshape", x, params=(completed(target, shape_of(as_operand(x))),))


def broadcast_to(x: Any, shape: Sequence[Any]) -> Any:
    """Return a tensor repeated to a shape.

    Raises
    ------
    ShapeError
        If it does not broadcast to that shape.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> broadcast_to(tensor("x", 3), ("N", 3)).shape
    (N, 3)
    """
    return apply("broadcast_to", x, params=(tuple(dim(n) for n in shape),))


def expand_dims(x: Any, axis: Axis) -> Any:
    """Return a tensor with new axes of length 1 at the places `axis` of the result.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> expand_dims(tensor("x", 3), (0, -1)).shape
    (1, 3, 1)
    """
    count = 1 if isinstance(axis, int) else len(axis or ())
    rank = len(shape_of(x)) + count
    places = many_axes("expand_dims", axis, rank) if count else ()
    sizes = iter(shape_of(x))
    return apply(
        "reshape", x, params=(tuple(1 if k in places else next(sizes) for k in range(rank)),)
    )


def squeeze(x: Any, axis: Axis = None) -> Any:
    """Return a tensor without axes of length 1: those named, or all of them.

    Raises
    ------
    ShapeError
        If a named axis is longer.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> squeeze(tensor("x", 1, "N", 1), axis=0).shape
    (N, 1)
    """
    shape = shape_of(x)
    if axis is None:
        axis = [k for k, n in enumerate(shape) if n == 1]
    places = many_axes("squeeze", axis, len(shape))
    long = [k for k in places if shape[k] != 1]
    if long:
        raise ShapeError(
            f"`squeeze` drops axes of length 1; axis {long[0]} of {shown(shape)} is not"
        )
    rest = tuple(n for k, n in enumerate(shape) if k not in places)
    return apply("reshape", x, params=(rest,))


def concat(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Return tensors joined along an axis that they have.

    Raises
    ------
    ShapeError
        If other sizes differ.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> concat([tensor("X", "N", 2), tensor("Y", "N", 3)], axis=1).shape
    (N, 5)
    """
    given = _several("concat", tensors)
    return apply("concat", *given, params=(one_axis("concat", axis, len(shape_of(given[0]))),))


def stack(tensors: Sequence[Any], axis: int = 0) -> Any:
    """Return tensors or scalars of one shape joined along a new axis.

    Raises
    ------
    ShapeError
        If shapes differ.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> stack([tensor("x", 3), tensor("y", 3)], axis=1).shape
    (3, 2)
    """
    given = _several("stack", tensors)
    return apply("stack", *given, params=(one_axis("stack", axis, len(shape_of(given[0])) + 1),))


def _several(name: str, tensors: Sequence[Any]) -> list[Any]:
    given = [as_operand(t) for t in tensors]
    if not given:
        raise ShapeError(f"`{name}` needs at least one tensor")
    return given


def pad(x: Any, pad_width: Any, *, constant_values: Any = 0) -> Any:
    """Return a tensor with a number added around it.

    Parameters
    ----------
    x : tensor, *shape (…)*
        What is padded.
    pad_width : int, pair, or one pair an axis
        How many entries before and behind.
    constant_values : number
        What stands there.

    Raises
    ------
    ShapeError
        If the widths do not fit the axes.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> pad(tensor("X", "N", 3), ((0, 0), (1, 2))).shape
    (N, 6)
    """
    rank = len(shape_of(x))
    if isinstance(pad_width, int):
        widths: Any = ((pad_width, pad_width),) * rank
    elif len(pad_width) == 2 and all(isinstance(w, int) for w in pad_width):
        widths = (tuple(pad_width),) * rank
    else:
        widths = tuple((w, w) if isinstance(w, int) else tuple(w) for w in pad_width)
    if not all(len(w) == 2 and all(isinstance(v, int) and v >= 0 for v in w) for w in widths):
        raise ShapeError(f"`pad` needs pairs of numbers from 0 on, not {pad_width!r}")
    return apply("pad", x, params=(widths, constant_values))


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Return the entries along an axis that a tensor of positions names.

    Parameters
    ----------
    x : tensor, *shape (…, n, …)*
        What is taken from.
    indices : tensor, scalar, or list of int
        Whole numbers from 0 to n - 1, checked when it is run.
    axis : int, optional
        Along which axis; by default along all entries in reading order.

    Returns
    -------
    tensor
        The shape of `indices` stands in place of the axis.

    Raises
    ------
    ShapeError
        If the axis does not exist.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> take(tensor("E", "V", 8), tensor("words", "T"), axis=0).shape
    (T, 8)
    """
    flat = reshape(x, -1) if axis is None else as_operand(x)
    return apply("take", flat, indices, params=(one_axis("take", axis or 0, len(shape_of(flat))),))


def one_hot(indices: Any, size: Any, *, axis: int = -1) -> Any:
    """Return vectors that are 1 at the places named and 0 elsewhere.

    Parameters
    ----------
    indices : tensor, scalar, or list of int, *shape (…)*
        Whole numbers from 0 to size - 1, checked when it is run.
    size : int, str or Expr
        Length of the new axis.
    axis : int
        Where the new axis stands in the result.

    Raises
    ------
    ShapeError
        If the axis does not exist.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> one_hot(tensor("y", "N"), 10).shape
    (N, 10)
    """
    made = apply("one_hot", indices, params=(dim(size),))
    rank = len(made.shape)
    place = one_axis("one_hot", axis, rank)
    order = [*range(place), rank - 1, *range(place, rank - 1)]
    return made if place == rank - 1 else transpose(made, order)


def roll(x: Any, shift: int, axis: int | None = None) -> Any:
    """Return a tensor whose entries move along an axis, round the end.

    Parameters
    ----------
    x : tensor, *shape (…)*
        What is moved.
    shift : int
        How far; towards the front where it is negative.
    axis : int, optional
        Along which axis; by default along all entries in reading order.

    Raises
    ------
    ShapeError
        If the axis does not exist.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> roll(tensor("x", 4), 1, axis=0)
    concat([x[3:], x[:3]])
    """
    operand = as_operand(x)
    if axis is None:
        return reshape(roll(reshape(operand, -1), shift, 0), shape_of(operand))
    place = one_axis("roll", axis, len(shape_of(operand)))
    size = operand.shape[place]
    far = shift % size if isinstance(size, int) else shift
    if far == 0:
        return operand
    split = slice(-far, None), slice(None, -far)
    parts = [operand[(*[slice(None)] * place, part)] for part in split]
    return concat(parts, place)
