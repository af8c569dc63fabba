"""Read `X[i, j]`: an entry of a matrix, counted from 0.

Imports the algebra of matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import MatrixExpr, S

from symgrad.expr import literal
from symgrad.expr.algebra import Algebra
from symgrad.expr.operands import Value
from symgrad.expr.refusal import Refusal


def entry(algebra: Algebra, matrix: MatrixExpr, indices: Sequence[Value], place: int) -> Any:
    """Return an entry of a matrix.

    Parameters
    ----------
    algebra : Algebra
        The matrices of the text.
    matrix : MatrixExpr
        A declared matrix, or an assigned one.
    indices : sequence of Value
        Row and column, or the place in a vector: whole numbers or variables.
    place : int
        Where the matrix stands.

    Raises
    ------
    Refusal
        If there is no such entry.
    """
    shape = algebra.shape(matrix)
    if len(indices) == 1 and 1 in shape:
        index = _index(indices[0], max(shape, key=lambda n: n != 1))
        return literal.apply(
            sympy.matrices.expressions.matexpr.MatrixElement,
            matrix,
            *((index, S.Zero) if shape[1] == 1 else (S.Zero, index)),
        )
    if len(indices) != 2:
        raise Refusal(
            f"an entry of a matrix ({algebra.described(shape)}) has two subscripts, as in "
            f"`X[0, 1]`; {len(indices)} given",
            place,
            shape=True,
        )
    found = [_index(value, length) for value, length in zip(indices, shape, strict=True)]
    return literal.apply(sympy.matrices.expressions.matexpr.MatrixElement, matrix, *found)


def _shown(index: Any) -> str:
    return f"entry {index}" if index < 10**15 else "an entry far beyond the end"


def _index(value: Value, length: Any) -> Any:
    node = value.node
    if not isinstance(node, sympy.Integer | sympy.Symbol):
        raise Refusal(
            "a subscript of a matrix is a whole number from 0 or a variable, as in `X[0, i]`",
            value.start,
        )
    if isinstance(node, sympy.Integer) and isinstance(length, int) and node >= length:
        raise Refusal(
            f"{_shown(node)} is asked for along an axis of {length}; entries count from 0",
            value.start,
            shape=True,
        )
    return node
