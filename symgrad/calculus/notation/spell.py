"""From forms to SymPy's matrix expressions, written as a textbook writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import MatMul, S
from sympy.core.symbol import Str

from symgrad.calculus.notation.forms import (
    GROUP,
    LEAF,
    MAP,
    SOFTMAX,
    Atom,
    Form,
    Product,
    bare_scalar,
    exact,
)
from symgrad.calculus.notation.kronecker import kronecker_parts
from symgrad.calculus.notation.pieces import (
    Chain,
    Joiner,
    Piece,
    transpose,
    transposed,
)
from symgrad.calculus.notation.sums import Term, collected
from symgrad.calculus.notation.writer import Writer
from symgrad.dag.express import CANONICAL, write
from symgrad.errors import UnsupportedError
from symgrad.expr import matrices, textbook
from symgrad.rules import linalg, tensors
from symgrad.rules.row import Gate


class Speller(Writer):
    """Write the forms of a table as SymPy expressions.

    Vectors are columns and what has no axes is a scalar; `made` keeps what is written.

    Parameters
    ----------
    algebra : Algebra
        The table.
    """

    def inner(self, number: int) -> Sequence[int]:
        """Return what an entry is made of; of a Kronecker product, its factors."""
        entry = self.algebra.entries[number]
        parts = kronecker_parts(self.algebra, entry) if isinstance(entry, Atom) else None
        return super().inner(number) if parts is None else [part for part, _ in parts]

    # --- atoms ---

    def _atom(self, atom: Atom) -> Any:
        if len(atom.shape) > 2:
            raise UnsupportedError(f"a tensor of {len(atom.shape)} axes has no matrix notation")
        if atom.kind == LEAF:
            return leaf(atom.data)
        parts = kronecker_parts(self.algebra, atom)
        if parts is not None:
            factors = [transpose(self.made[p]) if t else self.made[p] for p, t in parts]
            return sympy.KroneckerProduct(*factors)
        operands = [self.made[o] for o in atom.operands]
        if atom.kind == GROUP:
            return operands[0]
        gate = atom.gate
        assert gate is not None
        if atom.kind == MAP:
            if not atom.shape:
                return write(gate, operands, atom.data, CANONICAL)
            return matrices.apply("map", *operands, params=(Str(gate.name),))
        spell = OPERATIONS.get(gate)
        if spell is None:
            raise UnsupportedError(f"`{gate.name}` has no matrix notation")
        return spell(atom, self.algebra.shape(atom.operands[0]), operands)

    # --- sums ---

    def _form(self, form: Form) -> Any:
        if not form.shape:
            bare = bare_scalar(form)  # which may be a condition: those are not multiplied
            if bare is not None:
                return self.made[bare]
            return sympy.Add(*(self._number(p, c) for p, c in form.terms))
        shape = matrix_of(form.shape)
        if not form.terms:
            return sympy.ZeroMatrix(*shape)
        terms = [self._term(product, c, form) for product, c in form.terms]
        return collected(terms, shape)

    def _number(self, product: Product, coefficient: Any) -> Any:
        scalars, joiner = self.pieces(product, ())
        if joiner.pieces:
            raise UnsupportedError("a sum over more than two shared axes has no matrix notation")
        return sympy.Mul(coefficient, *scalars, *joiner.scalars)

    def pieces(self, product: Product, shape: Sequence[Any]) -> tuple[list[Any], Joiner]:
        """Return the scalar factors of a product, and its matrices joined."""
        sizes = dict(zip(product.out, shape, strict=True))
        scalars, pieces = [], []
        for atom, indices, exponent in product.factors:
            value = self.made[atom]
            sizes.update(zip(indices, self.algebra.shape(atom), strict=True))
            if not indices:
                scalars.append(value**exponent)
                continue
            if exponent != 1 and len(set(indices)) < len(indices):
                value, indices = textbook.DiagonalVector(value), indices[:1]
            factor = value if exponent == 1 else textbook.entrywise_power(value, exponent)
            parts = factor.args if isinstance(factor, MatMul) else (factor,)
            chain = tuple(part for part in parts if part.is_Matrix)
            scalars += [part for part in parts if not part.is_Matrix]
            pieces.append(Piece(chain, indices[0], indices[1] if indices[1:] else None))
        joiner = Joiner(pieces, product.out, sizes)
        joiner.run()
        return scalars, joiner

    def _term(self, product: Product, coefficient: Any, form: Form) -> Term:
        scalars, joiner = self.pieces(product, form.shape)
        number = sympy.Mul(coefficient, *scalars, *joiner.scalars)
        return number, arranged(joiner, matrix_of(form.shape))


def leaf(symbol: Any) -> Any:
    """Return a symbol; a row is written as the transpose of itself, since vectors are columns."""
    if isinstance(symbol, sympy.MatrixSymbol):
        rows, columns = symbol.shape
        if rows == 1 and columns == 1:
            return matrices.apply("scalar", symbol)
        return sympy.Transpose(symbol) if rows == 1 else symbol
    return exact(symbol)


def matrix_of(shape: Sequence[Any]) -> tuple[Any, Any]:
    """Return the shape as a matrix; a vector is a column."""
    if len(shape) > 2:
        raise UnsupportedError(f"a tensor of {len(shape)} axes has no matrix notation")
    rows, columns = (*shape, 1)[:2]
    return exact(rows), exact(columns)


def arranged(joiner: Joiner, shape: tuple[Any, Any]) -> Chain:
    """Return the chain of what is left of a product, in the order of its result."""
    out, pieces = joiner.out, list(joiner.pieces)
    ones = sympy.OneMatrix
    if len(out) == 1:
        if not pieces:
            return (ones(*shape),)
        if len(pieces) == 1 and pieces[0].indices == out:
            return pieces[0].chain
    elif out[0] == out[1]:
        if not pieces:
            return (sympy.Identity(shape[0]),)
        if len(pieces) == 1 and pieces[0].indices == out[:1]:
            return (textbook.Diagonal(pieces[0].value),)
    else:
        chain = _outer(pieces, out, shape)
        if chain is not None:
            return chain
    raise UnsupportedError("a product over more than two shared axes has no matrix notation")


def _outer(pieces: list[Piece], out: tuple[Any, ...], shape: tuple[Any, Any]) -> Chain | None:
    """Return the chain of a matrix: one piece, or a column times a row."""
    if len(pieces) == 1 and set(pieces[0].indices) == set(out):
        piece = pieces[0] if pieces[0].row == out[0] else pieces[0].turned()
        return piece.chain
    vectors = {p.row: p.chain for p in pieces if p.is_vector}
    if len(vectors) != len(pieces) or not set(vectors) <= set(out):
        return None
    if not pieces:
        return (sympy.OneMatrix(*shape),)
    ones = [(sympy.OneMatrix(n, 1),) for n in shape]
    left, right = (vectors.get(i, one) for i, one in zip(out, ones, strict=True))
    return left + transposed(right)


# --- tensor gates ---


def reduction(name: str) -> Callable[..., Any]:
    """Return how a reduction is written; over the rows of a matrix it gives a column."""

    def spell(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
        if len(atom.data) == len(shape):
            return matrices.apply(name, *operands)
        (axis,) = atom.data
        made = matrices.apply(name, *operands, params=(sympy.Integer(axis),))
        return sympy.Transpose(made) if axis == 0 and atom.gate is not SOFTMAX else made

    return spell


def call(name: str) -> Callable[..., Any]:
    """Return how a gate without options is written."""

    def spell(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
        return matrices.apply(name, *operands)

    return spell


def head(make: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return how a gate with a head of SymPy is written."""
    return lambda atom, shape, operands: make(*operands)


def spell_tril(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
    """Write a lower triangle; with half its diagonal it needs two terms."""
    if not atom.data:
        return matrices.apply("tril", *operands)
    diagonal = textbook.Diagonal(textbook.DiagonalVector(*operands))
    half = textbook.MatrixProduct(-S.Half, diagonal)
    return textbook.MatrixSum(matrices.apply("tril", *operands), half)


def spell_expm(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
    """Write the exponential, or its derivative along directions."""
    return matrices.apply("expm" if len(operands) == 1 else "expm_frechet", *operands)


def spell_winners(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
    """Write which entries are extreme."""
    which, axes, _ = atom.data
    name = "winners" if which == "max" else "losers"
    params = () if len(axes) == len(shape) else (sympy.Integer(axes[0]),)
    return matrices.apply(name, *operands, params=params)


def spell_one_hot(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
    """Write a one-hot vector."""
    return matrices.apply("one_hot", *operands, params=(exact(atom.data),))


OPERATIONS: dict[Gate, Callable[..., Any]] = {
    linalg.INVERSE: head(textbook.Inverse),
    linalg.DET: head(textbook.Determinant),
    linalg.LOGDET: call("logdet"),
    linalg.CHOLESKY: call("cholesky"),
    linalg.EXPM: spell_expm,
    tensors.TRIL: spell_tril,
    tensors.NORM: reduction("norm"),
    tensors.LOGSUMEXP: reduction("logsumexp"),
    tensors.MAX_OVER: reduction("max"),
    tensors.MIN_OVER: reduction("min"),
    tensors.WINNERS: spell_winners,
    tensors.ONE_HOT: spell_one_hot,
    SOFTMAX: reduction("softmax"),
}
