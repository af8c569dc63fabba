"""Hypergeometric functions with their parameter lists in a row: `hyper(2, a, b, c, z)` is 2F1.

Counts come first: `hyper(p, a1..ap, b1..bq, z)` and `meijerg(n, p, m, a1..ap, b1..bq, z)`, where G
has n and m parameters in its first groups. So read text, gates and numeric kernels. Imports the
literal builder; never evaluates.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr
from sympy.functions.special.hyper import TupleArg

from symgrad.expr import literal


def hyper_of(count: Expr, *rest: Expr) -> Expr:
    """Return pFq of `p, a1..ap, b1..bq, z`, unevaluated.

    Raises
    ------
    ValueError
        If `p` is no integer, or there are fewer parameters.
    """
    p = _count(count, len(rest) - 1)
    return literal.apply(sympy.hyper, TupleArg(*rest[:p]), TupleArg(*rest[p:-1]), rest[-1])


def meijerg_of(n: Expr, p: Expr, m: Expr, *rest: Expr) -> Expr:
    """Return Meijer's G of `n, p, m, a1..ap, b1..bq, z`, unevaluated.

    Raises
    ------
    ValueError
        If a count is no integer, or there are fewer parameters.
    """
    above = rest[: _count(p, len(rest) - 1)]
    below = rest[len(above) : -1]
    a, b = _count(n, len(above)), _count(m, len(below))
    return literal.apply(
        sympy.meijerg, _groups(above[:a], above[a:]), _groups(below[:b], below[b:]), rest[-1]
    )


def split_hyper(expr: Expr) -> tuple[tuple[int, ...], tuple[Expr, ...]]:
    """Return the count `p` and the operands `a1..ap, b1..bq, z` of a `hyper`."""
    above, below, z = expr.args
    return (len(above),), (*above, *below, z)


def split_meijerg(expr: Expr) -> tuple[tuple[int, ...], tuple[Expr, ...]]:
    """Return the counts `n, p, m` and the operands `a1..ap, b1..bq, z` of a `meijerg`."""
    (first, rest), (top, other), z = expr.args
    lengths = (len(first), len(first) + len(rest), len(top))
    return lengths, (*first, *rest, *top, *other, z)


def _count(value: Any, most: int) -> int:
    if not (isinstance(value, sympy.Integer) and 0 <= value <= most):
        raise ValueError(f"`{value}` is no number of parameters; {most} are given at most")
    return int(value)


def _groups(first: Any, second: Any) -> Any:
    return TupleArg(TupleArg(*first), TupleArg(*second))
