"""How matrices are written: `2*(W@x + b - y)@x.T`, `X.T@diag(s .* (1 - s))@X`.

A layout is as in `layouts`. Products of matrices are split into a scalar and factors first, because
a fraction goes to the end and a minus sign to the front. Imports the layouts and the matrix
heads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import HadamardPower, HadamardProduct, MatMul, OneMatrix, S
from sympy.matrices.expressions.diagonal import DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.matexpr import MatrixElement

from symgrad.expr import textbook
from symgrad.expr.canonical import Product, as_product
from symgrad.expr.layouts import Layout, Piece, name, separated
from symgrad.expr.matrices import REDUCTIONS, DeclaredMatrix, MatrixOp, ScalarOp
from symgrad.expr.operators import (
    AND,
    ATOM,
    COMPARISON,
    NOT,
    OR,
    POWER,
    PRODUCT,
    SUM,
    UNARY,
)

# --- sums and products ---


@dataclass(frozen=True, slots=True)
class Scaled:
    """A product of matrices as a person writes it.

    Parameters
    ----------
    scalar : Product
        The sign, the scalars above the bar and those below it.
    matrices : tuple of MatrixExpr
        The factors in their order; none where the matrix is a scalar times ones.
    """

    scalar: Product
    matrices: tuple[Any, ...]

    @property
    def is_plain(self) -> bool:
        """Whether there is no scalar at all."""
        return not (self.scalar.negative or self.scalar.top or self.scalar.bottom)

    @property
    def is_constant(self) -> bool:
        """Whether every entry is the scalar."""
        return len(self.matrices) == 1 and type(self.matrices[0]) is OneMatrix

    def positive(self) -> Scaled:
        """Return the product without its sign."""
        return Scaled(self.scalar.positive(), self.matrices)


def scaled(node: Any, *, fractions: bool) -> Scaled:
    """Split a matrix into scalars and factors.

    Parameters
    ----------
    node : MatrixExpr
        Anything; what is no product is its own factor.
    fractions : bool
        True to write 1/2 instead of 0.5.
    """
    negative = False
    top: list[Any] = []
    bottom: list[Any] = []
    factors = node.args if isinstance(node, MatMul) else (node,)
    for factor in factors:
        if factor.is_Matrix:
            continue
        part = as_product(factor, fractions=fractions)
        negative ^= part.negative
        bottom += part.bottom
        top += [t for t in part.top if t is not S.One or factor is S.One]
    matrices = tuple(factor for factor in factors if factor.is_Matrix)
    return Scaled(Product(negative, tuple(top), tuple(bottom)), matrices)


def product(part: Scaled) -> Layout:
    """Lay out sign, scalars, matrices and denominator."""
    scalars, matrices = part.scalar.top, part.matrices
    if scalars and len(matrices) > 1 and is_inverted(matrices[0]):
        scalars, matrices = (), (_reciprocal(scalars, matrices[0]), *matrices[1:])
    first, *rest = (*scalars, *matrices)
    if part.scalar.negative and not rest and not part.scalar.bottom and is_inverted(first):
        return PRODUCT, ["-1 ./ ", (first.args[0], UNARY)]
    pieces: list[Piece] = [(first, UNARY if rest and is_odd(first) else PRODUCT)]
    if part.scalar.negative:
        pieces = ["-", (first, UNARY)]
    for place, factor in enumerate(rest, start=1):
        if is_inverted(factor) and len(matrices) == 1:
            pieces += [" ./ ", (factor.args[0], UNARY)]
        else:
            pieces += ["@" if place > len(scalars) else "*", (factor, UNARY)]
    if part.scalar.bottom:
        pieces += ["/", (Product(False, part.scalar.bottom, ()), UNARY)]
    return PRODUCT if rest or part.scalar.bottom else UNARY, pieces


def _reciprocal(scalars: tuple[Any, ...], inverted: Any) -> Scaled:
    return Scaled(Product(False, scalars, ()), (inverted,))


def is_odd(factor: Any) -> bool:
    """Return whether a factor is bracketed although it comes first, lest it be misread.

    So are `(A .* B)@C`, `(2 ./ A)@B` and `(a.T@x)*x`.
    """
    if isinstance(factor, ScalarOp):
        return factor.name == "scalar"
    if isinstance(factor, MatMul):
        factor = scaled(factor, fractions=True)
    if isinstance(factor, Scaled):
        return len(factor.matrices) == 1 and is_inverted(factor.matrices[0])
    return isinstance(factor, HadamardProduct) or is_inverted(factor)


def terms(node: Any, *, fractions: bool) -> list[tuple[bool, Any]]:
    """Return the terms of a sum: whether each is subtracted, and what.

    A scalar times ones is the bare scalar, as it is read, unless no other term is a matrix.
    """
    split = [_signed(arg, fractions) for arg in node.args]
    bare = not all(part.is_constant for _, part in split)
    return [(negative, _bare(part) if bare else _whole(part)) for negative, part in split]


def _signed(arg: Any, fractions: bool) -> tuple[bool, Scaled]:
    part = scaled(arg, fractions=fractions)
    if not part.scalar.negative:
        return False, part
    part = part.positive()
    if part.is_plain and len(part.matrices) == 1:
        return True, scaled(part.matrices[0], fractions=fractions)
    return True, part


def _bare(part: Scaled) -> Any:
    if not part.is_constant:
        return _whole(part)
    scalar = part.scalar
    return Product(scalar.negative, scalar.top or (S.One,), scalar.bottom)


def _whole(part: Scaled) -> Any:
    return part.matrices[0] if part.is_plain and len(part.matrices) == 1 else part


def is_inverted(node: Any) -> bool:
    """Return whether a matrix is one over every entry of another."""
    return isinstance(node, HadamardPower) and node.args[1] is S.NegativeOne


def _entry_product(node: Any) -> Layout:
    first, *rest = node.args
    pieces: list[Piece] = [(first, PRODUCT)]
    for factor in rest:
        if is_inverted(factor):
            pieces += [" ./ ", (factor.args[0], UNARY)]
        else:
            pieces += [" .* ", (factor, UNARY)]
    return PRODUCT, pieces


def _entry_power(node: Any) -> Layout:
    base, exponent = node.args
    if exponent is S.NegativeOne:
        return PRODUCT, ["1 ./ ", (base, UNARY)]
    return POWER, [(base, ATOM), " .^ ", (exponent, UNARY)]


def _power(node: Any) -> Layout:
    return POWER, [(node.args[0], ATOM), "**", (node.args[1], UNARY)]


def _transpose(node: Any) -> Layout:
    return ATOM, [(node.args[0], ATOM), ".T"]


# --- calls ---


def _call(written: str, count: int | None = None) -> Callable[[Any], Layout]:
    """Return the layout of a call with the first `count` arguments."""
    return lambda node: (ATOM, [f"{written}(", *separated(node.args[:count]), ")"])


def _element(node: Any) -> Layout:
    matrix, i, j = node.args
    if isinstance(matrix, sympy.MatrixSymbol) and matrix.shape[1] == 1 and j == 0:
        return ATOM, [(matrix, ATOM), "[", (i, 0), "]"]
    return ATOM, [(matrix, ATOM), "[", *separated((i, j)), "]"]


def operation(node: Any) -> Layout:
    """Lay out an operation known by name."""
    if node.name == "map":
        return _entrywise(str(node.params[0]), node.operands)
    if node.name in ("one_hot", "commutation"):
        return ATOM, [f"{node.name}(", *separated((*node.operands, *node.params)), ")"]
    axis = [f", axis={n}" for n in node.params] if node.name in REDUCTIONS else []
    return ATOM, [f"{node.name}(", *separated(node.operands), *axis, ")"]


def _entrywise(gate: str, nodes: Sequence[Any]) -> Layout:
    known = _ENTRYWISE.get(gate)
    if known is not None:
        return known(nodes)
    return ATOM, [f"{gate}(", *separated(nodes), ")"]


def _infix(symbol: str, level: int, *, left: int, right: int) -> Callable[[Sequence[Any]], Layout]:
    def layout(nodes: Sequence[Any]) -> Layout:
        pieces: list[Piece] = [(nodes[0], left)]
        for node in nodes[1:]:
            pieces += [symbol, (node, right)]
        return level, pieces

    return layout


def _chosen(nodes: Sequence[Any]) -> Layout:
    x, y, tie = nodes
    symbol = ">=" if tie is S.One else ">"
    shown: Piece = f"{tie.p}/{tie.q}" if tie.is_Rational else (tie, 0)
    note: list[Piece] = [] if tie in (S.Zero, S.One) else [", tie=", shown]
    above = COMPARISON + 1
    return ATOM, ["1(", (x, above), f" {symbol} ", (y, above), *note, ")"]


def _comparison(symbol: str) -> Callable[[Sequence[Any]], Layout]:
    return _infix(f" {symbol} ", COMPARISON, left=COMPARISON + 1, right=COMPARISON + 1)


_ENTRYWISE: dict[str, Callable[[Sequence[Any]], Layout]] = {
    "indicator": _chosen,
    "lt": _comparison("<"),
    "le": _comparison("<="),
    "gt": _comparison(">"),
    "ge": _comparison(">="),
    "eq": _comparison("=="),
    "ne": _comparison("!="),
    "and": _infix(" and ", AND, left=AND, right=AND + 1),
    "or": _infix(" or ", OR, left=OR, right=OR + 1),
    "not": lambda nodes: (NOT, ["not ", (nodes[0], NOT)]),
    "add": _infix(" + ", SUM, left=SUM, right=PRODUCT),
    "sub": _infix(" - ", SUM, left=SUM, right=PRODUCT),
    "neg": lambda nodes: (UNARY, ["-", (nodes[0], UNARY)]),
    "mul": _infix(" .* ", PRODUCT, left=PRODUCT, right=UNARY),
    "div": _infix(" ./ ", PRODUCT, left=PRODUCT, right=UNARY),
    "pow": _infix(" .^ ", POWER, left=ATOM, right=UNARY),
}

MATRIX_LAYOUTS: dict[type, Callable[[Any], Layout]] = {
    sympy.MatrixSymbol: name,
    DeclaredMatrix: name,
    MatrixElement: _element,
    MatrixOp: operation,
    ScalarOp: operation,
    HadamardProduct: _entry_product,
    HadamardPower: _entry_power,
    sympy.MatPow: _power,
    sympy.Transpose: _transpose,
    sympy.Inverse: _call("inv", 1),
    sympy.Trace: _call("tr"),
    sympy.Determinant: _call("det"),
    sympy.DiagMatrix: _call("diag"),
    DiagonalOf: _call("diag"),
    DiagonalMatrix: _call("diag"),
    sympy.KroneckerProduct: _call("kron"),
    sympy.DotProduct: _call("dot"),
    sympy.Identity: _call("eye"),
    sympy.ZeroMatrix: _call("zeros"),
    OneMatrix: _call("ones"),
}
MATRIX_LAYOUTS |= {  # SymPy's classes that print themselves as a textbook does
    textbook.Entrywise: _entry_product,
    textbook.EntrywisePower: _entry_power,
    textbook.Trace: _call("tr"),
    textbook.Determinant: _call("det"),
    textbook.Inverse: _call("inv", 1),
    textbook.Diagonal: _call("diag"),
    textbook.DiagonalVector: _call("diag"),
}
