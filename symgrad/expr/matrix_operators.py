"""What the operators of a text make of matrices.

`@` is the matrix product, `*` and `/` only scale, dotted operators act entry by entry. Imports the
algebra of matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import MatMul, S

from symgrad.expr import literal, operands
from symgrad.expr.algebra import SCALAR, Algebra
from symgrad.expr.operands import Value
from symgrad.expr.refusal import Refusal

# Gates of comparisons and connectives by what is written.
RELATIONS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
CONNECTIVES = {"and": "and", "&": "and", "or": "or", "|": "or", "not": "not", "~": "not"}


def apply(algebra: Algebra, symbol: str, values: Sequence[Value], place: int) -> Any:
    """Return the node of an operator.

    Parameters
    ----------
    algebra : Algebra
        The matrices of the text.
    symbol : str
        As written.
    values : sequence of Value
        One operand, or two.
    place : int
        Where the operator stands.

    Raises
    ------
    Refusal
        If the shapes do not fit.
    """
    if symbol in CONNECTIVES:
        nodes = [operands.condition(v) for v in values]
        return algebra.entrywise(CONNECTIVES[symbol], nodes, place, values)
    nodes = [operands.quantity(v) for v in values]
    if symbol in RELATIONS:
        return algebra.entrywise(RELATIONS[symbol], nodes, place, values)
    if len(nodes) == 1:
        return nodes[0] if symbol == "+" else algebra.negative(nodes[0])
    left, right = values
    return _BINARY[symbol](algebra, left, right, place)


def _entry_by_entry(
    build: Callable[[Algebra, Any, Any], Any], symbol: str
) -> Callable[[Algebra, Value, Value, int], Any]:
    def make(algebra: Algebra, left: Value, right: Value, place: int) -> Any:
        _check_equal(algebra, left, right, place, symbol)
        return build(algebra, left.node, right.node)

    return make


def _check_equal(algebra: Algebra, left: Value, right: Value, place: int, symbol: str) -> None:
    one, other = algebra.shape(left.node), algebra.shape(right.node)
    if SCALAR not in (one, other) and one != other:
        raise algebra.mismatch(left, right, place, symbol)


def _times(algebra: Algebra, left: Value, right: Value, place: int) -> Any:
    if algebra.is_matrix(left.node) and algebra.is_matrix(right.node):
        a, b = algebra.quoted(left, tight=True), algebra.quoted(right, tight=True)
        one, other = algebra.shape(left.node), algebra.shape(right.node)
        turned = one[1] != other[0] and one[0] == other[0]  # two columns: `x.T@y`
        raise Refusal(
            f"`*` only scales, but {algebra.both(left, right)}; write `{a}{'.T' * turned}@{b}` for "
            f"the matrix product, or `{a} .* {b}` entry by entry",
            place,
            shape=True,
        )
    return algebra.product(left.node, right.node)


def _over(algebra: Algebra, left: Value, right: Value, place: int) -> Any:
    if algebra.is_matrix(right.node):
        a, b = algebra.quoted(left, tight=True), algebra.quoted(right, tight=True)
        raise Refusal(
            f"`/` divides by a scalar, but {algebra.both(left, right)}; write `{a} ./ {b}` entry "
            f"by entry, or `solve(A, B)` and `inv(A)` for a matrix",
            place,
            shape=True,
        )
    return algebra.quotient(left.node, right.node)


def _matrix_product(algebra: Algebra, left: Value, right: Value, place: int) -> Any:
    one, other = algebra.shape(left.node), algebra.shape(right.node)
    if one[1] != other[0]:
        raise Refusal(
            f"`@` needs as many columns on the left as rows on the right, but "
            f"{algebra.both(left, right)}; {_product_remedy(algebra, left, right)}",
            place,
            shape=True,
        )
    if SCALAR in (one, other):
        return algebra.product(left.node, right.node)
    return algebra.build(MatMul, (one[0], other[1]), left.node, right.node)


def turned(name: str) -> str:
    """Return the transpose of what is quoted, without transposing twice."""
    inner = name[1:-1] if name.startswith("(") and name.endswith("')") else name
    if inner.endswith(".T"):
        return inner[:-2]
    return inner[:-1] if inner.endswith("'") else f"{name}.T"


def _product_remedy(algebra: Algebra, left: Value, right: Value) -> str:
    one, other = algebra.shape(left.node), algebra.shape(right.node)
    a, b = algebra.quoted(left, tight=True), algebra.quoted(right, tight=True)
    if SCALAR in (one, other):
        return f"to scale write `{a}*{b}`"
    if one[0] == other[0]:
        return f"write `{turned(a)}@{b}`?"
    if one[1] == other[1]:
        return f"write `{a}@{turned(b)}`?"
    if one[0] == other[1]:
        return f"write `{b}@{a}`, or `{turned(a)}@{turned(b)}`?"
    return "check the shapes that are declared"


def _matrix_power(algebra: Algebra, left: Value, right: Value, place: int) -> Any:
    base, shape = left.node, algebra.shape(left.node)
    a = algebra.quoted(left, tight=True)
    if algebra.is_matrix(right.node):
        b = algebra.quoted(right, tight=True)
        raise Refusal(
            f"an exponent is a scalar, but {algebra.both(left, right)}; write `{a} .^ {b}` "
            "entry by entry, or `expm(A)`",
            place,
            shape=True,
        )
    if shape[0] != shape[1]:
        raise Refusal(
            f"only a square matrix has powers, but `{algebra.quoted(left)}` is "
            f"{algebra.described(shape)}; write `{a} .^ {algebra.quoted(right, tight=True)}` "
            "entry by entry, or `norm2(...)` for the sum of squares",
            place,
            shape=True,
        )
    exponent = _whole(right.node)
    if exponent is None:
        raise Refusal(
            f"a matrix power has a whole number as exponent; write `{a} .^ ...` entry by entry",
            right.start,
        )
    if exponent is S.NegativeOne:
        return algebra.build(sympy.Inverse, shape, base, exponent)
    return algebra.build(sympy.MatPow, shape, base, exponent)


def _whole(exponent: Any) -> Any:
    sign, size = S.One, exponent
    if isinstance(exponent, literal.Neg):
        sign, size = S.NegativeOne, exponent.args[1]
    return sign * size if isinstance(size, sympy.Integer) else None


def _entry_power(algebra: Algebra, left: Value, right: Value, place: int) -> Any:
    _check_equal(algebra, left, right, place, ".^")
    return algebra.power(left.node, right.node, place)


_BINARY: dict[str, Callable[[Algebra, Value, Value, int], Any]] = {
    "+": _entry_by_entry(Algebra.sum, "+"),
    "-": _entry_by_entry(Algebra.difference, "-"),
    ".*": _entry_by_entry(Algebra.product, ".*"),
    "./": _entry_by_entry(Algebra.quotient, "./"),
    ".^": _entry_power,
    ".**": _entry_power,
    "*": _times,
    "/": _over,
    "@": _matrix_product,
    "**": _matrix_power,
    "^": _matrix_power,
}
