"""Sizes of axes: integers or SymPy expressions, compared strictly.

Two sizes are the same only if they are equal as expressions; `m` and `n` never are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy
from sympy import Expr, Integer

from symgrad.errors import ShapeError

Shape = tuple[Any, ...]


def dim(value: Any) -> Any:
    """Return a size: an int, or a SymPy expression.

    Raises
    ------
    ShapeError
        If it is no non-negative whole number and no expression.
    """
    if isinstance(value, str) and value.isidentifier():
        return sympy.Symbol(value, integer=True, positive=True)
    if isinstance(value, (int, Integer)) and not isinstance(value, bool) and int(value) >= 0:
        return int(value)
    if isinstance(value, Expr) and not value.is_number and value.is_integer is not False:
        return value
    raise ShapeError(f"a size is a whole number, a name or a symbol; found {value!r}")


def shape_of(sizes: Iterable[Any]) -> Shape:
    """Return sizes in their plain form."""
    return tuple(dim(n) for n in sizes)


def squeezed(shape: Sequence[Any]) -> Shape:
    """Return a shape without its axes of length 1: how the graph stores a matrix."""
    return tuple(n for n in shape_of(shape) if n != 1)


def letters(shape: Sequence[Any], *indices: Any) -> tuple[Any, ...]:
    """Return the indices of the axes that are longer than 1."""
    return tuple(i for n, i in zip(shape_of(shape), indices, strict=True) if n != 1)


def described(shape: Sequence[Any]) -> str:
    """Return a shape as a person writes it: `m × n`.

    Examples
    --------
    >>> described((3, sympy.Symbol("n")))
    '3 × n'
    """
    return " × ".join(str(n) for n in shape) or "scalar"
