"""The table of operators: how tight they bind and what they build.

Precedences are Python's, and the printer reads them here too. Here an operator builds scalars; what
it makes of matrices stands in `matrix_operators`. Imports the literal builder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy

from symgrad.expr import literal

OR, AND, NOT, COMPARISON, BAR, AMPERSAND, SUM, PRODUCT, UNARY, POWER, ATOM = range(1, 12)


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator.

    Parameters
    ----------
    symbol : str
        As written.
    precedence : int
        A larger number binds tighter.
    takes : str
        `"numbers"` or `"conditions"`.
    build : callable
        From the operands to the node.
    right : bool
        True where `a ? b ? c` is `a ? (b ? c)`.
    """

    symbol: str
    precedence: int
    takes: str
    build: Callable[..., Any]
    right: bool = False


def join(head: Any, left: Any, right: Any) -> Any:
    """Return the `And` or `Or` of two conditions, in the order written."""
    node = literal.apply(head, left, right)
    node._argset = frozenset((left, right))  # SymPy's lattice operations ask for it.
    return node


def conjunction(left: Any, right: Any) -> Any:
    """Return `left and right`, unevaluated."""
    return join(sympy.And, left, right)


def _disjunction(left: Any, right: Any) -> Any:
    return join(sympy.Or, left, right)


def _negation(condition: Any) -> Any:
    return literal.apply(sympy.Not, condition)


def _comparison(symbol: str, head: Any) -> Operator:
    return Operator(symbol, COMPARISON, "numbers", lambda x, y: literal.apply(head, x, y))


COMPARISONS = {
    "<": sympy.StrictLessThan,
    "<=": sympy.LessThan,
    ">": sympy.StrictGreaterThan,
    ">=": sympy.GreaterThan,
    "==": sympy.Eq,
    "!=": sympy.Ne,
}

BINARY = {
    operator.symbol: operator
    for operator in (
        Operator("or", OR, "conditions", _disjunction),
        Operator("and", AND, "conditions", conjunction),
        *(_comparison(symbol, head) for symbol, head in COMPARISONS.items()),
        Operator("|", BAR, "conditions", _disjunction),
        Operator("&", AMPERSAND, "conditions", conjunction),
        Operator("+", SUM, "numbers", literal.add),
        Operator("-", SUM, "numbers", literal.sub),
        Operator("*", PRODUCT, "numbers", literal.mul),
        Operator("/", PRODUCT, "numbers", literal.div),
        Operator("@", PRODUCT, "numbers", literal.mul),
        Operator(".*", PRODUCT, "numbers", literal.mul),
        Operator("./", PRODUCT, "numbers", literal.div),
        Operator("**", POWER, "numbers", literal.power, right=True),
        Operator("^", POWER, "numbers", literal.power, right=True),
        Operator(".**", POWER, "numbers", literal.power, right=True),
        Operator(".^", POWER, "numbers", literal.power, right=True),
    )
}

POSTFIX = frozenset([".T", "'"])  # the transpose

PREFIX = {
    operator.symbol: operator
    for operator in (
        Operator("not", NOT, "conditions", _negation),
        Operator("~", UNARY, "conditions", _negation),
        Operator("-", UNARY, "numbers", literal.neg),
        Operator("+", UNARY, "numbers", lambda x: x),
    )
}
