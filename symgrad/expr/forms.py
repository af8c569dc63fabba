"""Build what is written like a call but takes more than numbers.

Conditions, branches, bound variables and the indicator. Imports the literal builder, the heads and
the operands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Derivative, Expr, Integral, Product, Rational, S, Sum, Tuple

from symgrad.expr import heads, hypergeometric, literal, operands
from symgrad.expr.operands import Value
from symgrad.expr.refusal import Refusal

Arguments = Sequence[Value]


# --- branches ---


def where(arguments: Arguments) -> Expr:
    """Build `where(condition, a, b)`."""
    condition, chosen, other = arguments
    return literal.where(
        operands.condition(condition), operands.number(chosen), operands.number(other)
    )


def piecewise(arguments: Arguments) -> Expr:
    """Build `Piecewise((a, condition), ..., (b, True))`."""
    return literal.piecewise([_branch(value) for value in arguments])


def _branch(value: Value) -> tuple[Expr, Any]:
    parts = operands.items(value)
    if len(parts) != 2:
        raise Refusal(
            "a branch of `Piecewise` is a pair `(value, condition)`; "
            "the last one may be `(value, True)`",
            value.start,
        )
    return operands.number(parts[0]), operands.condition(parts[1])


# --- parameters in a row ---


def hyper(arguments: Arguments) -> Expr:
    """Build `hyper(p, a1, ..., ap, b1, ..., bq, z)`."""
    return _in_a_row(hypergeometric.hyper_of, arguments)


def meijerg(arguments: Arguments) -> Expr:
    """Build `meijerg(n, p, m, a1, ..., ap, b1, ..., bq, z)`."""
    return _in_a_row(hypergeometric.meijerg_of, arguments)


def _in_a_row(build: Any, arguments: Arguments) -> Expr:
    try:
        return build(*(operands.number(value) for value in arguments))
    except ValueError as error:
        raise Refusal(
            f"the first arguments count the parameters that follow: {error}", arguments[0].start
        ) from error


# --- the indicator ---

_ORDER = {
    sympy.StrictGreaterThan: (False, S.Zero),
    sympy.GreaterThan: (False, S.One),
    sympy.StrictLessThan: (True, S.Zero),
    sympy.LessThan: (True, S.One),
}


def indicator(comparison: Value, tie: Value | None) -> Expr:
    """Build `1(x > y)`, whose value at x = y is 0, or 1 for `>=`, or the given `tie`."""
    node = operands.condition(comparison)
    if type(node) not in _ORDER:
        raise Refusal(
            "`1(...)` takes one comparison by `<`, `<=`, `>` or `>=`; "
            "for other conditions write `where(condition, 1, 0)`",
            comparison.start,
        )
    swap, at_tie = _ORDER[type(node)]
    if tie is not None:
        if at_tie is S.One:
            raise Refusal("`tie` goes with `<` or `>`; take the `=` away", comparison.start)
        at_tie = tie_value(tie)
    x, y = reversed(node.args) if swap else node.args
    return literal.apply(heads.Indicator, x, y, at_tie)


def tie_value(value: Value) -> Any:
    """Return the value at a tie: a quotient of two numbers is folded, and `nan` is taken."""
    node = operands.number(value)
    if isinstance(node, literal.Div):
        top, bottom = node.args[0], node.args[1].args[0]
        if top.is_Rational and bottom.is_Rational and bottom != 0:
            return Rational(top, bottom)
    return S.NaN if node == sympy.Symbol("nan") else node


# --- bound variables ---


def _bound(head: Any, body: Any, *limits: Any) -> Any:
    """Return `head(body, *limits)` without evaluation."""
    node = Expr.__new__(head, body, *limits)
    if not issubclass(head, Derivative):
        node.is_commutative = True
    hash(node)
    return node


def summation(arguments: Arguments) -> Expr:
    """Build `Sum(e, (i, a, b), ...)`."""
    return _over(Sum, arguments)


def product(arguments: Arguments) -> Expr:
    """Build `Product(e, (i, a, b), ...)`."""
    return _over(Product, arguments)


def _over(head: Any, arguments: Arguments) -> Expr:
    body, *limits = arguments
    ranges = [_range(value, head.__name__) for value in limits]
    return _bound(head, operands.number(body), *ranges)


def _range(value: Value, name: str) -> Tuple:
    parts = operands.items(value)
    if len(parts) != 3:
        raise Refusal(f"`{name}` needs a range like `(i, 1, n)` here", value.start)
    return Tuple(operands.variable(parts[0]), *(operands.number(part) for part in parts[1:]))


def integral(arguments: Arguments) -> Expr:
    """Build `Integral(e, x)` or `Integral(e, (x, a, b), ...)`."""
    body, *limits = arguments
    ranges = [
        Tuple(operands.variable(value))
        if isinstance(value.node, sympy.Symbol)
        else _range(value, "Integral")
        for value in limits
    ]
    return _bound(Integral, operands.number(body), *ranges)


def derivative(arguments: Arguments) -> Expr:
    """Build `Derivative(e, x, y)`, `Derivative(e, (x, 2))` or `Derivative(e, x, 2)`."""
    body, *wrt = arguments
    counts: list[list[Any]] = []
    for value in wrt:
        if isinstance(value.node, sympy.Integer) and counts:
            counts[-1][1] += _times(value) - 1
            continue
        variable, count = _variable_and_count(value)
        if counts and counts[-1][0] == variable:
            counts[-1][1] += count
        else:
            counts.append([variable, count])
    pairs = [Tuple(variable, count) for variable, count in counts]
    return _bound(Derivative, operands.number(body), *pairs)


def _variable_and_count(value: Value) -> tuple[Any, Any]:
    parts = operands.items(value)
    if len(parts) > 2:
        raise Refusal("`Derivative` takes variables or pairs like `(x, 2)` here", value.start)
    count = _times(parts[1]) if len(parts) == 2 else S.One
    return operands.variable(parts[0]), count


def _times(value: Value) -> Any:
    if isinstance(value.node, sympy.Integer) and value.node > 0:
        return value.node
    raise Refusal("how often to derive is a whole number of at least 1", value.start)
