"""Print a tree as text that `parse` reads back.

A literal tree gives back the very same tree; a tree that SymPy evaluated is written as a person
would and reads back equal. Imports the layouts and the operators' precedences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import sympy
from sympy import Add, MatAdd, MatMul, Mul, Pow, S
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction

from symgrad.errors import FormTooLargeError
from symgrad.expr import canonical, elementwise, matrix_layouts, textbook
from symgrad.expr.canonical import Product
from symgrad.expr.catalogue import HALF
from symgrad.expr.layouts import LAYOUTS, Layout, Piece, call
from symgrad.expr.matrices import ScalarOp
from symgrad.expr.matrix_layouts import MATRIX_LAYOUTS, Scaled
from symgrad.expr.numerals import decimal_places, write_decimal, write_float, write_integer
from symgrad.expr.operators import ATOM, POWER, PRODUCT, SUM, UNARY
from symgrad.expr.refusal import Refusal
from symgrad.registry import provide

LONGEST = 10_000_000
_LONG = 1_000_000  # characters from which the size of the whole tree is worth counting


@provide("expr.text")
def text(
    expr: Any,
    *,
    evaluated: bool | None = None,
    constants: Iterable[str] = (),
    longest: int = LONGEST,
) -> str:
    """Print an expression so that `parse` reads it back.

    Parameters
    ----------
    expr : Basic
        A literal tree, or any SymPy expression.
    evaluated : bool, optional
        True for a tree that SymPy evaluated: fractions instead of decimals, terms in SymPy's order.
        By default a tree counts as such if it could not have been read.
    constants : iterable of str
        `("E",)` writes Euler's number as `E`, to be read with the same `constants`; it is
        `exp(1)` otherwise.
    longest : int, default 10_000_000
        Characters at most; where nodes are shared, the text is far longer than the graph.

    Returns
    -------
    str
        One line of ASCII, as far as the names are.

    Raises
    ------
    FormTooLargeError
        If the text would be longer than `longest`.

    Notes
    -----
    Brackets are minimal. Iterative; time is linear in the length of the text.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> text(1 / (2 * sympy.sqrt(x)) - y)
    '-y + 1/(2*sqrt(x))'
    """
    if not isinstance(expr, sympy.Basic):
        return str(expr)
    return "".join(_written(expr, _Style(expr, evaluated, frozenset(constants)), longest))


def _written(expr: Any, style: _Style, longest: int) -> Iterator[str]:
    """Yield the pieces of the text from left to right."""
    length, unchecked = 0, True
    pieces: list[Piece] = [(expr, 0)]
    while pieces:
        piece = pieces.pop()
        if isinstance(piece, str):
            length += len(piece)
            if unchecked and length > _LONG:
                unchecked = False
                # A mark has five nodes for three characters.
                if canonical.tree_size(expr) > 2 * longest:
                    raise _too_long(longest)
            if length > longest:
                raise _too_long(longest)
            yield piece
            continue
        node, wanted = piece
        precedence, parts = style.layout(node)
        if precedence < wanted:
            parts = ["(", *parts, ")"]
        pieces.extend(reversed(parts))


def _too_long(longest: int) -> FormTooLargeError:
    return FormTooLargeError(
        f"the text of this expression is longer than {longest} characters, because shared "
        "parts are written again and again; ask for the let-form, or raise `longest`"
    )


class _Style:
    """How one tree is written."""

    def __init__(self, root: Any, evaluated: bool | None, constants: frozenset[str]) -> None:
        self._fractions = canonical.is_canonical(root) if evaluated is None else evaluated
        self._ordered = self._fractions and canonical.is_shallow(root)
        self._constants = constants

    def layout(self, node: Any) -> Layout:
        """Return how tight `node` binds, and its pieces."""
        if type(node) in _STYLED:
            return _STYLED[type(node)](self, node)
        known = LAYOUTS.get(type(node)) or MATRIX_LAYOUTS.get(type(node))
        if known is not None:
            return known(node)
        if getattr(node, "is_Number", False):
            return self.number(node)
        return call(node)

    # --- sums and products ---

    def add(self, node: Any) -> Layout:
        """Lay out a sum."""
        if not node.args:
            return ATOM, ["0"]
        first, *rest = canonical.terms(node, ordered=self._ordered)
        pieces: list[Piece] = [(first, SUM)]
        for term in rest:
            if canonical.is_negative_term(term):
                product = canonical.as_product(term, fractions=self._fractions)
                pieces += [" - ", (product.positive(), PRODUCT)]
            else:
                pieces += [" + ", (term, PRODUCT)]
        return SUM, pieces

    def mul(self, node: Any) -> Layout:
        """Lay out an unmarked product."""
        node = canonical.factors(node, ordered=self._ordered)
        return self.product(canonical.as_product(node, fractions=self._fractions))

    def product(self, product: Product) -> Layout:
        """Lay out sign, numerator and denominator."""
        first, *rest = product.top
        if product.negative:
            pieces: list[Piece] = ["-", (first, UNARY)]
        elif rest or product.bottom:
            is_odd = bool(rest) and matrix_layouts.is_odd(first)
            pieces = [(first, UNARY if is_odd else PRODUCT)]
        else:
            return self.layout(first)
        for factor in rest:
            pieces += ["*", (factor, UNARY)]
        if product.bottom:
            below = Product(False, product.bottom, ())
            pieces += ["/", (below, UNARY)]
        return PRODUCT if rest or product.bottom else UNARY, pieces

    def matrix_sum(self, node: Any) -> Layout:
        """Lay out a sum of matrices."""
        pieces: list[Piece] = []
        for negative, term in matrix_layouts.terms(node, fractions=self._fractions):
            if not pieces:
                pieces = ["-", (term, UNARY)] if negative else [(term, SUM)]
            else:
                pieces += [" - " if negative else " + ", (term, PRODUCT)]
        return SUM, pieces

    def matrix_product(self, node: Any) -> Layout:
        """Lay out a product of scalars and matrices."""
        return self.scaled(matrix_layouts.scaled(node, fractions=self._fractions))

    def scaled(self, part: Scaled) -> Layout:
        """Lay out a product that is split already; a lone matrix is itself."""
        if part.is_plain and len(part.matrices) == 1:
            return self.layout(part.matrices[0])
        return matrix_layouts.product(part)

    def scalar_operation(self, node: Any) -> Layout:
        """Lay out an operation whose value is a number; a 1 × 1 matrix is written as it is."""
        if node.name == "scalar":
            return self.layout(node.operands[0])
        return matrix_layouts.operation(node)

    def applied(self, node: Any) -> Layout:
        """Lay out a function that SymPy applies to every entry."""
        try:
            return self.layout(elementwise.applied(node))
        except Refusal:
            return call(node)

    def power(self, node: Any) -> Layout:
        """Lay out a power: a root, a fraction or `base**exponent`."""
        base, exponent = node.args
        if exponent == HALF:
            return ATOM, ["sqrt(", (base, 0), ")"]
        if exponent.is_Rational and exponent.is_negative:
            return self.product(canonical.as_product(node, fractions=True))
        return POWER, [(base, ATOM), "**", (exponent, UNARY)]

    # --- atoms ---

    def number(self, value: Any) -> Layout:
        """Lay out a number."""
        if value is S.NaN or value is S.ComplexInfinity:
            return ATOM, ["nan" if value is S.NaN else "zoo"]
        if value.is_extended_negative:
            level, pieces = self.number(-value)
            return min(level, UNARY), ["-", *pieces]
        if value.is_infinite:
            return ATOM, ["oo"]
        if value.is_Float:
            return ATOM, [write_float(value)]
        if value.is_Integer:
            return ATOM, [write_integer(int(value))]
        places = decimal_places(value)
        if places is None or self._fractions:
            return PRODUCT, [f"{write_integer(value.p)}/{write_integer(value.q)}"]
        return ATOM, [write_decimal(value, places)]

    def euler(self, node: Any) -> Layout:
        """Lay out Euler's number."""
        return ATOM, ["E" if "E" in self._constants else "exp(1)"]


_STYLED: dict[type, Callable[[_Style, Any], Layout]] = {
    Add: _Style.add,
    Mul: _Style.mul,
    Pow: _Style.power,
    Product: _Style.product,
    MatAdd: _Style.matrix_sum,
    MatMul: _Style.matrix_product,
    textbook.MatrixSum: _Style.matrix_sum,
    textbook.MatrixProduct: _Style.matrix_product,
    Scaled: _Style.scaled,
    ScalarOp: _Style.scalar_operation,
    ElementwiseApplyFunction: _Style.applied,
    type(S.Exp1): _Style.euler,
}
