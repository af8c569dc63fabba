"""How each kind of node is written that looks the same in every tree.

A layout is how tight a node binds, and its pieces from left to right: text, or a child with how
tight it must bind to stand without brackets. Imports the operators and the function table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sympy
from sympy import S
from sympy.functions.elementary.piecewise import ExprCondPair

from symgrad.expr import hypergeometric, literal, operators, region
from symgrad.expr.catalogue import HALF
from symgrad.expr.functions import TABLE
from symgrad.expr.heads import Indicator
from symgrad.expr.operators import ATOM, PRODUCT, SUM, UNARY
from symgrad.expr.tensor_text import TENSOR_LAYOUTS

Piece = str | tuple[Any, int]
Layout = tuple[int, list[Piece]]

# --- marks and names ---


def _sub(node: Any) -> Layout:
    x, minus = node.args
    return SUM, [(x, SUM), " - ", (minus.args[1], PRODUCT)]


def _neg(node: Any) -> Layout:
    return UNARY, ["-", (node.args[1], UNARY)]


def _div(node: Any) -> Layout:
    x, inverse = node.args
    return PRODUCT, [(x, PRODUCT), "/", (inverse.args[0], UNARY)]


def name(node: Any) -> Layout:
    """Lay out what has a name."""
    return ATOM, [str(node.name)]


def _constant(written: str) -> Callable[[Any], Layout]:
    return lambda node: (ATOM, [written])


def separated(nodes: Iterable[Any]) -> list[Piece]:
    """Return the pieces of nodes with commas between them."""
    pieces: list[Piece] = []
    for node in nodes:
        pieces += [", ", (node, 0)]
    return pieces[1:]


def call(node: Any) -> Layout:
    """Lay out any head as `name(arguments)`; an atom gives its own text."""
    if not getattr(node, "args", ()):
        return ATOM, [str(node)]
    return ATOM, [f"{TABLE.name_of(type(node))}(", *separated(node.args), ")"]


def _tuple(node: Any) -> Layout:
    comma = "," if len(node.args) == 1 else ""
    return ATOM, ["(", *separated(node.args), f"{comma})"]


def _indexed(node: Any) -> Layout:
    base, *indices = node.args
    return ATOM, [str(base.label), "[", *separated(indices), "]"]


def _heaviside(node: Any) -> Layout:
    shown = node.args[:1] if node.args[1:] == (HALF,) else node.args
    return ATOM, ["Heaviside(", *separated(shown), ")"]


def _polygamma(node: Any) -> Layout:
    order, x = node.args
    name = {S.Zero: "digamma", S.One: "trigamma"}.get(order)
    return (ATOM, [f"{name}(", (x, 0), ")"]) if name else call(node)


def _in_a_row(split: Callable[[Any], Any]) -> Callable[[Any], Layout]:
    """Lay out a hypergeometric function: the lengths of its parameter lists come first."""

    def layout(node: Any) -> Layout:
        counts, operands = split(node)
        shown: list[Piece] = [f"{count}, " for count in counts]
        return ATOM, [f"{type(node).__name__}(", *shown, *separated(operands), ")"]

    return layout


# --- conditions and branches ---


def _compare(symbol: str) -> Callable[[Any], Layout]:
    level = operators.COMPARISON

    def layout(node: Any) -> Layout:
        left, right = node.args
        return level, [(left, level + 1), f" {symbol} ", (right, level + 1)]

    return layout


def _joined(word: str, level: int) -> Callable[[Any], Layout]:
    def layout(node: Any) -> Layout:
        first, *rest = node.args
        pieces: list[Piece] = [(first, level)]
        for condition in rest:
            pieces += [f" {word} ", (condition, level + 1)]
        return level, pieces

    return layout


def _not(node: Any) -> Layout:
    return operators.NOT, ["not ", (node.args[0], operators.NOT)]


def _indicator(node: Any) -> Layout:
    x, y, tie = node.args
    level = operators.COMPARISON + 1
    symbol = ">=" if tie is S.One else ">"
    note: list[Piece] = [] if tie in (S.Zero, S.One) else [", tie=", (tie, 0)]
    return ATOM, ["1(", (x, level), f" {symbol} ", (y, level), *note, ")"]


def _piecewise(node: Any) -> Layout:
    pairs = [pair.args for pair in node.args]
    if len(pairs) == 2 and pairs[1][1] is S.true:
        (chosen, condition), (other, _) = pairs
        return ATOM, ["where(", *separated((condition, chosen, other)), ")"]
    return ATOM, ["Piecewise(", *separated(node.args), ")"]


# --- bound variables ---


def _over(node: Any) -> Layout:
    """Lay out `Sum`, `Product`, `Integral`: a limit that is only a variable has no brackets."""
    body, *limits = node.args
    shown = [limit.args[0] if len(limit.args) == 1 else limit for limit in limits]
    return ATOM, [f"{type(node).__name__}(", *separated((body, *shown)), ")"]


def _derivative(node: Any) -> Layout:
    body, *counts = node.args
    shown = [pair.args[0] if pair.args[1] is S.One else pair for pair in counts]
    return ATOM, ["Derivative(", *separated((body, *shown)), ")"]


def _block_call(node: Any) -> Layout:
    block, index, *operands = node.args
    port = f".{index}" if len(block.outputs) > 1 else ""
    return ATOM, [f"{block.name}{port}(", *separated(operands), ")"]


def _scan(node: Any) -> Layout:
    block, index, length, *operands = node.args
    port = f".{index}" if len(block.outputs) > 1 else ""
    return ATOM, [f"{block.name}^{length}{port}(", *separated(operands), ")"]


LAYOUTS: dict[type, Callable[[Any], Layout]] = {
    literal.Sub: _sub,
    literal.Neg: _neg,
    literal.Div: _div,
    type(S.Pi): _constant("pi"),
    sympy.Symbol: name,
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
    sympy.hyper: _in_a_row(hypergeometric.split_hyper),
    sympy.meijerg: _in_a_row(hypergeometric.split_meijerg),
    sympy.Sum: _over,
    sympy.Product: _over,
    sympy.Integral: _over,
    sympy.Derivative: _derivative,
    region.Call: _block_call,
    region.Scan: _scan,
    **TENSOR_LAYOUTS,
    **{head: _compare(symbol) for symbol, head in operators.COMPARISONS.items()},
}
