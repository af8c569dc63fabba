"""From matrix expressions to nodes: SymPy's matrix algebra and our own heads.

In the graph axes of length 1 are gone: a column is a vector, a 1 × 1 matrix a scalar. Which axes an
operand has is read from its shape as an expression, and every product and sum is checked here,
since SymPy lets `m × n` meet `n × m` when the sizes are symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Integer, S
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf

from symgrad.dag.matrix_heads import HEADS_COMBINE
from symgrad.dag.matrix_pen import (
    Pair,
    Pen,
    chain_product,
    identity,
    matrix_product,
    shaped,
    squared,
)
from symgrad.dag.nodes import ADD, DIV, MUL, NEG, POW, SUB
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr import textbook
from symgrad.expr.dims import described, letters, shape_of, squeezed
from symgrad.expr.matrices import MatrixOp, ScalarOp, matrix_shape, same, square
from symgrad.rules import linalg, tensors

LARGEST_POWER = 64


def combine_matmul(builder: Any, expr: Any) -> int:
    """Build a product of scalars and matrices."""
    pen = Pen(builder.grower)
    plain = [a for a in expr.args if not getattr(a, "is_Matrix", False)]
    wide = [a for a in expr.args if getattr(a, "is_Matrix", False)]
    if not wide:
        raise UnsupportedError(f"`{sympy.sstr(expr)[:80]}` is a product without a matrix")
    node, _ = chain_product(pen, [shaped(builder, a) for a in wide], expr)
    for scalar in reversed(plain):
        if scalar is S.NegativeOne:
            node = pen.apply(NEG, node)
        elif isinstance(scalar, sympy.Pow) and scalar.args[1] is S.NegativeOne:
            node = pen.apply(DIV, node, builder.value(scalar.args[0]))
        else:
            node = pen.apply(MUL, builder.value(scalar), node)
    return node


def combine_matadd(builder: Any, expr: Any) -> int:
    """Build a sum; a negated term is subtracted."""
    pen, nodes = Pen(builder.grower), builder.nodes
    first = matrix_shape(expr.args[0])
    for term in expr.args[1:]:
        if matrix_shape(term) != first:
            raise ShapeError(
                f"in `{sympy.sstr(expr)[:80]}` a {described(first)} matrix is added to one of "
                f"{described(matrix_shape(term))}; the shapes must be equal"
            )
    terms = [builder.value(a) for a in expr.args]
    lead = next((k for k, t in enumerate(terms) if nodes.gates[t] is not NEG), 0)
    total = terms.pop(lead)
    for term in terms:
        negated = nodes.gates[term] is NEG
        operand = nodes.args[term][0] if negated else term
        total = pen.apply(SUB if negated else ADD, total, operand)
    return int(total)


def combine_hadamard(builder: Any, expr: Any) -> int:
    """Build a product entry by entry; a power of -1 is a quotient."""
    same("HadamardProduct", [matrix_shape(a) for a in expr.args])
    pen = Pen(builder.grower)
    total, *rest = expr.args
    node = builder.value(total)
    for factor in rest:
        inverted = isinstance(factor, sympy.HadamardPower) and factor.args[1] is S.NegativeOne
        if inverted:
            node = pen.apply(DIV, node, builder.value(factor.args[0]))
        else:
            node = pen.apply(MUL, node, builder.value(factor))
    return int(node)


def combine_hadamard_power(builder: Any, expr: Any) -> int:
    """Build a power entry by entry."""
    return Pen(builder.grower).apply(POW, builder.value(expr.args[0]), builder.value(expr.args[1]))


def combine_transpose(builder: Any, expr: Any) -> int:
    """Build a transpose; that of a vector is the vector."""
    node, shape = shaped(builder, expr.args[0])
    inner = letters(shape, "i", "j")
    return Pen(builder.grower).einsum([inner], inner[::-1], [node])


def combine_trace(builder: Any, expr: Any) -> int:
    """Build a trace."""
    node, shape = shaped(builder, expr.args[0])
    square("trace", shape)
    return Pen(builder.grower).einsum([letters(shape, "i", "i")], (), [node])


def combine_matpow(builder: Any, expr: Any) -> int:
    """Build an integer power of a square matrix by repeated squaring."""
    base, exponent = expr.args
    node, shape = shaped(builder, base)
    square("power", shape)
    if shape == (1, 1):
        return Pen(builder.grower).apply(POW, node, builder.value(exponent))
    if not isinstance(exponent, Integer) or abs(exponent) > LARGEST_POWER:
        raise UnsupportedError(
            f"`{sympy.sstr(expr)[:80]}`: matrix powers are whole numbers from "
            f"{-LARGEST_POWER} to {LARGEST_POWER}"
        )
    pen, power = Pen(builder.grower), abs(int(exponent))
    if exponent < 0:
        node = squared(pen, linalg.INVERSE, node, shape)
    total: Pair | None = None
    square_of: Pair = (node, shape)
    while power:
        if power & 1:
            total = square_of if total is None else matrix_product(pen, total, square_of, expr)
        power >>= 1
        if power:
            square_of = matrix_product(pen, square_of, square_of, expr)
    return identity(pen, shape) if total is None else total[0]


def combine_identity(builder: Any, expr: Any) -> int:
    """Build an identity matrix."""
    return identity(Pen(builder.grower), square("Identity", matrix_shape(expr)))


def combine_constant(value: Any) -> Callable[[Any, Any], int]:
    """Return the builder of a matrix of equal numbers."""

    def combine(builder: Any, expr: Any) -> int:
        pen = Pen(builder.grower)
        return pen.full(pen.number(value), squeezed(expr.shape))

    return combine


def combine_diag(builder: Any, expr: Any) -> int:
    """Build the diagonal matrix of a vector."""
    node, shape = shaped(builder, expr.args[0])
    if 1 not in shape:
        raise ShapeError(f"`diag` of a matrix needs a vector, not {described(shape)}")
    rows = len(squeezed(shape))
    return Pen(builder.grower).einsum([("i",)[:rows]], ("i", "i")[: 2 * rows], [node])


def combine_diagonal(builder: Any, expr: Any) -> int:
    """Build the diagonal of a square matrix as a vector."""
    node, shape = shaped(builder, expr.args[0])
    square("diagonal", shape)
    inner = letters(shape, "i", "i")
    return Pen(builder.grower).einsum([inner], inner[:1], [node])


def combine_diagonal_matrix(builder: Any, expr: Any) -> int:
    """Build a square matrix with all but its diagonal set to 0."""
    node, shape = shaped(builder, expr.args[0])
    square("diagonal", shape)
    inner = letters(shape, "i", "i")
    return Pen(builder.grower).einsum([inner], inner, [node])


def combine_kronecker(builder: Any, expr: Any) -> int:
    """Build a Kronecker product: an outer product of four axes, folded to two."""
    pen = Pen(builder.grower)
    first, *rest = expr.args
    node, (rows, columns) = shaped(builder, first)
    for factor in rest:
        other, (r, c) = shaped(builder, factor)
        inputs = [letters((rows, columns), "i", "j"), letters((r, c), "k", "l")]
        wide = letters((rows, r, columns, c), "i", "k", "j", "l")
        node = pen.einsum(inputs, wide, [node, other])
        rows, columns = shape_of((rows * r, columns * c))
        target = squeezed((rows, columns))
        if pen.shape(node) != target:
            node = pen.apply(tensors.RESHAPE, node, payload=target)
    return node


def combine_element(builder: Any, expr: Any) -> int:
    """Build `X[i, j]` as the product with one-hot vectors."""
    parent, *places = expr.args
    pen = Pen(builder.grower)
    node, shape = shaped(builder, parent)
    vectors, inner = [], []
    for size, place, letter in zip(shape, places, "ij", strict=True):
        if isinstance(place, Integer) and isinstance(size, int) and not 0 <= place < size:
            raise ShapeError(f"`{sympy.sstr(expr)[:80]}` is outside a {described(shape)} matrix")
        if size != 1:
            vectors.append(pen.apply(tensors.ONE_HOT, builder.value(place), payload=size))
            inner.append((letter,))
    return pen.einsum([letters(shape, "i", "j"), *inner], (), [node, *vectors])


def combine_applyfunc(builder: Any, expr: Any) -> int:
    """Build a function of one variable, applied to every entry."""
    function, operand = expr.args
    node = builder.value(operand)
    (variable,) = function.variables
    inner = type(builder)(builder.nodes, {**builder.leaves, variable: node})
    return Pen(builder.grower).full(inner.build(function.expr), squeezed(operand.shape))


def combine_symbol(builder: Any, expr: Any) -> int:
    """Build the leaf of a matrix."""
    known = builder.leaves.get(expr)
    return int(builder.nodes.variable(expr, squeezed(expr.shape)) if known is None else known)


MATRIX_COMBINE: dict[type, Callable[[Any, Any], int]] = {
    sympy.MatMul: combine_matmul,
    sympy.MatAdd: combine_matadd,
    sympy.MatPow: combine_matpow,
    sympy.HadamardProduct: combine_hadamard,
    sympy.HadamardPower: combine_hadamard_power,
    sympy.Transpose: combine_transpose,
    sympy.Adjoint: combine_transpose,
    sympy.Trace: combine_trace,
    sympy.Identity: combine_identity,
    sympy.OneMatrix: combine_constant(S.One),
    sympy.ZeroMatrix: combine_constant(S.Zero),
    DiagMatrix: combine_diag,
    DiagonalMatrix: combine_diagonal_matrix,
    DiagonalOf: combine_diagonal,
    sympy.KroneckerProduct: combine_kronecker,
    ElementwiseApplyFunction: combine_applyfunc,
    **HEADS_COMBINE,
}
TEXTBOOK = {  # SymPy's classes that print themselves otherwise
    textbook.MatrixSum: sympy.MatAdd,
    textbook.MatrixProduct: sympy.MatMul,
    textbook.Entrywise: sympy.HadamardProduct,
    textbook.EntrywisePower: sympy.HadamardPower,
    textbook.Trace: sympy.Trace,
    textbook.Determinant: sympy.Determinant,
    textbook.Inverse: sympy.Inverse,
    textbook.Diagonal: DiagMatrix,
    textbook.DiagonalVector: DiagonalOf,
}
MATRIX_COMBINE |= {own: MATRIX_COMBINE[plain] for own, plain in TEXTBOOK.items()}


def _factors(factors: Sequence[Any], power: Any) -> list[Any]:
    """Return what must be built of some factors: of a reciprocal, what it divides by."""
    found = []
    for factor in factors:
        if isinstance(factor, power) and factor.args[1] is S.NegativeOne:
            found.append(factor.args[0])
        elif factor is not S.NegativeOne:
            found.append(factor)
    return found


MATRIX_PARTS: dict[type, Callable[[Any], Sequence[Any]]] = {
    sympy.MatMul: lambda e: _factors(e.args, sympy.Pow),
    sympy.HadamardProduct: lambda e: [e.args[0], *_factors(e.args[1:], sympy.HadamardPower)],
    sympy.MatPow: lambda e: e.args,
    sympy.Inverse: lambda e: e.args[:1],
    sympy.Identity: lambda e: (),
    sympy.OneMatrix: lambda e: (),
    sympy.ZeroMatrix: lambda e: (),
    ElementwiseApplyFunction: lambda e: e.args[1:],
    MatrixOp: lambda e: e.operands,
    ScalarOp: lambda e: e.operands,
}
MATRIX_PARTS |= {
    own: MATRIX_PARTS[plain] for own, plain in TEXTBOOK.items() if plain in MATRIX_PARTS
}
