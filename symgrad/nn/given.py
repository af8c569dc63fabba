"""What the building blocks' functions are given: decimals, sizes, labels, weights.

Imports expressions and errors; makes no operation that a reader would call a layer.
"""

from __future__ import annotations

from typing import Any

import sympy

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.tensor_forms import one_hot, reshape
from symgrad.expr.tensor_reductions import mean, sum
from symgrad.expr.tensor_shapes import same_shape, same_size, shown
from symgrad.expr.tensors import as_operand

SHORTEST = 1e-5  # from which on a number is easier to read as a decimal
REDUCTIONS = ("mean", "sum", "none")


def shape_of(x: Any) -> tuple[Any, ...]:
    """Return the shape of an operand; a scalar has no axes."""
    return tuple(getattr(as_operand(x), "shape", ()))


def decimal(value: Any) -> Any:
    """Return a Python float as the decimal that it is written as; anything else as it is.

    Formulas then print `0.01`, and nothing is rounded before it is run. Very small ones stay
    floats, which print as `1e-08`.

    Examples
    --------
    >>> decimal(0.01), decimal(sympy.Symbol("a"))
    (1/100, a)
    """
    if isinstance(value, float) and SHORTEST <= abs(value) <= 1 / SHORTEST:
        return sympy.Rational(repr(float(value)))
    return value


def need_axes(name: str, what: str, x: Any, least: int) -> tuple[Any, ...]:
    """Return the shape of `x`, which needs as many axes at least.

    Raises
    ------
    ShapeError
        If it has fewer.
    """
    shape = shape_of(x)
    if len(shape) < least:
        raise ShapeError(f"`{name}` needs {what} with {least} axes or more, not {shown(shape)}")
    return shape


def need_same(name: str, **operands: Any) -> None:
    """Check that operands have one shape.

    Raises
    ------
    ShapeError
        If two differ; the message holds both shapes.
    """
    (first, x), *others = operands.items()
    for other, y in others:
        if not same_shape(shape_of(x), shape_of(y)):
            raise ShapeError(
                f"`{name}` needs `{first}` and `{other}` of one shape, but they have shapes "
                f"{shown(shape_of(x))} and {shown(shape_of(y))}"
            )


def need_shape(name: str, what: str, x: Any, *expected: Any, because: str) -> None:
    """Check the shape of an operand against what other operands ask for.

    Raises
    ------
    ShapeError
        If it has another shape; the message holds both.
    """
    shape = shape_of(x)
    if not same_shape(shape, expected):
        raise ShapeError(
            f"`{name}` needs `{what}` of shape {shown(expected)}, since {because}, but it has "
            f"shape {shown(shape)}"
        )


def need_size(name: str, what: str, x: Any, axis: int, size: Any, *, because: str) -> None:
    """Check one size of an operand against what other operands ask for.

    Raises
    ------
    ShapeError
        If it is another; the message holds the whole shape.
    """
    shape = shape_of(x)
    if not same_size(shape[axis], size):
        raise ShapeError(
            f"`{name}` needs `{what}` of size {size} along axis {axis}, since {because}, but it "
            f"has shape {shown(shape)}"
        )


# --- losses ---


def targets(name: str, scores: Any, labels: Any) -> Any:
    """Return labels as rows over the last axis of the scores.

    Parameters
    ----------
    name : str
        Who asks.
    scores : tensor, *shape (…, C)*
        One score a class.
    labels : tensor, scalar or array, *shape (…)* or *(…, C)*
        Positions of the right classes, or what each class weighs.

    Raises
    ------
    ShapeError
        If they have another shape; the message holds both.
    """
    wide = need_axes(name, "scores", scores, 1)
    given = as_operand(labels)
    shape = shape_of(given)
    if same_shape(shape, wide):
        return given
    if same_shape(shape, wide[:-1]):
        return one_hot(given, wide[-1])
    raise ShapeError(
        f"`{name}` of scores of shape {shown(wide)} needs labels of shape {shown(wide[:-1])}, the "
        f"positions of classes, or {shown(wide)}, one weight a class, and found {shown(shape)}"
    )


def reduce_as(name: str, losses: Any, reduction: str) -> Any:
    """Return the mean or the sum of losses, or all of them.

    Raises
    ------
    UnsupportedError
        If the reduction is none of the three.
    """
    if reduction not in REDUCTIONS:
        raise UnsupportedError(
            f"`{name}` takes reduction={', '.join(map(repr, REDUCTIONS))}, not {reduction!r}"
        )
    if reduction == "none" or not getattr(losses, "shape", ()):
        return losses
    return mean(losses) if reduction == "mean" else sum(losses)


def along_axis(values: Any, axis: int, rank: int) -> Any:
    """Return a vector as a tensor of that rank, along one axis.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> along_axis(tensor("gamma", "C"), 1, 4).shape
    (1, C, 1, 1)
    """
    (size,) = shape_of(values)
    return reshape(values, tuple(size if k == axis else 1 for k in range(rank)))
