"""Print a tree as text that `parse` reads back.

A literal tree gives back the very same tree; a tree that SymPy evaluated is written as a person
would and reads back equal. Imports the operators' precedences and the function table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import sympy
from sympy import Add, Mul, Pow, S
from sympy.functions.elementary.piecewise import ExprCondPair

from symgrad.errors import FormTooLargeError
from symgrad.expr import canonical, literal, operators
from symgrad.expr.canonical import Product
from symgrad.expr.catalogue import HALF
from symgrad.expr.functions import TABLE
from symgrad.expr.heads import Indicator
from symgrad.expr.numerals import decimal_places, write_decimal, write_float, write_integer
from symgrad.expr.operators import ATOM, POWER, PRODUCT, SUM, UNARY

LONGEST = 10_000_000

# A layout is how tight a node binds, and its pieces: text, or (child, how tight it must bind).
Piece = str | tuple[Any, int]
Layout = tuple[int, list[Piece]]


def text(expr: Any, *, constants: Iterable[str] = (), longest: int = LONGEST) -> str:
    """Print an expression so that `parse` reads it back.

    Parameters
    ----------
    expr : Basic
        A literal tree, or any SymPy expression.
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
    if canonical.tree_size(expr) > 2 * longest:  # A mark has five nodes for three characters.
        raise _too_long(longest)
    return "".join(_written(expr, _Style(expr, frozenset(constants)), longest))


def _written(expr: Any, style: _Style, longest: int) -> Iterator[str]:
    """Yield the pieces of the text from left to right."""
    length = 0
    pieces: list[Piece] = [(expr, 0)]
    while pieces:
        piece = pieces.pop()
        if isinstance(piece, str):
            length += len(piece)
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

    def __init__(self, root: Any, constants: frozenset[str]) -> None:
        self._fractions = canonical.is_canonical(root)
        self._ordered = self._fractions and canonical.is_shallow(root)
        self._constants = constants

    def layout(self, node: Any) -> Layout:
        """Return how tight `node` binds, and its pieces."""
        rule = _RULES.get(type(node))
        if rule is not None:
            return rule(self, node)
        if isinstance(node, Product):
            return self.product(node)
        if getattr(node, "is_Number", False):
            return self.number(node)
        return _call(node)

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
            pieces = [(first, PRODUCT)]
        else:
            return self.layout(first)
        for factor in rest:
            pieces += ["*", (factor, UNARY)]
        if product.bottom:
            below = Product(False, product.bottom, ())
            pieces += ["/", (below, UNARY)]
        return PRODUCT if rest or product.bottom else UNARY, pieces

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


# --- what is written as it stands ---


def _sub(style: _Style, node: Any) -> Layout:
    x, minus = node.args
    return SUM, [(x, SUM), " - ", (minus.args[1], PRODUCT)]


def _neg(style: _Style, node: Any) -> Layout:
    return UNARY, ["-", (node.args[1], UNARY)]


def _div(style: _Style, node: Any) -> Layout:
    x, inverse = node.args
    return PRODUCT, [(x, PRODUCT), "/", (inverse.args[0], UNARY)]


def _name(style: _Style, node: Any) -> Layout:
    return ATOM, [str(node.name)]


def _constant(written: str) -> Callable[[_Style, Any], Layout]:
    return lambda style, node: (ATOM, [written])


def _separated(nodes: Iterable[Any]) -> list[Piece]:
    pieces: list[Piece] = []
    for node in nodes:
        pieces += [", ", (node, 0)]
    return pieces[1:]


def _call(node: Any) -> Layout:
    """Lay out any head as `name(arguments)`; an atom gives its own text."""
    if not getattr(node, "args", ()):
        return ATOM, [str(node)]
    return ATOM, [f"{TABLE.name_of(type(node))}(", *_separated(node.args), ")"]


def _tuple(style: _Style, node: Any) -> Layout:
    comma = "," if len(node.args) == 1 else ""
    return ATOM, ["(", *_separated(node.args), f"{comma})"]


def _indexed(style: _Style, node: Any) -> Layout:
    base, *indices = node.args
    return ATOM, [str(base.label), "[", *_separated(indices), "]"]


def _heaviside(style: _Style, node: Any) -> Layout:
    shown = node.args[:1] if node.args[1:] == (HALF,) else node.args
    return ATOM, ["Heaviside(", *_separated(shown), ")"]


def _polygamma(style: _Style, node: Any) -> Layout:
    order, x = node.args
    name = {S.Zero: "digamma", S.One: "trigamma"}.get(order)
    return (ATOM, [f"{name}(", (x, 0), ")"]) if name else _call(node)


# --- conditions and branches ---


def _compare(symbol: str) -> Callable[[_Style, Any], Layout]:
    level = operators.COMPARISON

    def layout(style: _Style, node: Any) -> Layout:
        left, right = node.args
        return level, [(left, level + 1), f" {symbol} ", (right, level + 1)]

    return layout


def _joined(word: str, level: int) -> Callable[[_Style, Any], Layout]:
    def layout(style: _Style, node: Any) -> Layout:
        first, *rest = node.args
        pieces: list[Piece] = [(first, level)]
        for condition in rest:
            pieces += [f" {word} ", (condition, level + 1)]
        return level, pieces

    return layout


def _not(style: _Style, node: Any) -> Layout:
    return operators.NOT, ["not ", (node.args[0], operators.NOT)]


def _indicator(style: _Style, node: Any) -> Layout:
    x, y, tie = node.args
    level = operators.COMPARISON + 1
    symbol = ">=" if tie is S.One else ">"
    note: list[Piece] = [] if tie in (S.Zero, S.One) else [", tie=", (tie, 0)]
    return ATOM, ["1(", (x, level), f" {symbol} ", (y, level), *note, ")"]


def _piecewise(style: _Style, node: Any) -> Layout:
    pairs = [pair.args for pair in node.args]
    if len(pairs) == 2 and pairs[1][1] is S.true:
        (chosen, condition), (other, _) = pairs
        return ATOM, ["where(", *_separated((condition, chosen, other)), ")"]
    return ATOM, ["Piecewise(", *_separated(node.args), ")"]


# --- bound variables ---


def _over(style: _Style, node: Any) -> Layout:
    """Lay out `Sum`, `Product`, `Integral`: a limit that is only a variable has no brackets."""
    body, *limits = node.args
    shown = [limit.args[0] if len(limit.args) == 1 else limit for limit in limits]
    return ATOM, [f"{type(node).__name__}(", *_separated((body, *shown)), ")"]


def _derivative(style: _Style, node: Any) -> Layout:
    body, *counts = node.args
    shown = [pair.args[0] if pair.args[1] is S.One else pair for pair in counts]
    return ATOM, ["Derivative(", *_separated((body, *shown)), ")"]


_RULES: dict[type, Callable[[_Style, Any], Layout]] = {
    Add: _Style.add,
    Mul: _Style.mul,
    Pow: _Style.power,
    literal.Sub: _sub,
    literal.Neg: _neg,
    literal.Div: _div,
    type(S.Exp1): _Style.euler,
    type(S.Pi): _constant("pi"),
    sympy.Symbol: _name,
    sympy.MatrixSymbol: _name,
    sympy.Tuple: _tuple,
    ExprCondPair: _tuple,
    sympy.Indexed: _indexed,
    sympy.Heaviside: _heaviside,
    sympy.polygamma: _polygamma,
    sympy.And: _joined("and", operators.AND),
    sympy.Or: _joined("or", operators.OR),
    sympy.Not: _not,
    Indicator: _indicator,
    sympy.Piecewise: _piecewise,
    sympy.Sum: _over,
    sympy.Product: _over,
    sympy.Integral: _over,
    sympy.Derivative: _derivative,
    **{head: _compare(symbol) for symbol, head in operators.COMPARISONS.items()},
}
