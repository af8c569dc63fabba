"""From an einsum of vectors and matrices to a chain of matrix products.

A piece is a chain of matrices whose ends are indices; a vector is a column whose second index is
None. Pieces are joined where exactly two of them share a summed index, multiplied entry by entry
where they share all indices, and a vector on an index that several matrices share becomes a
diagonal matrix between them. What cannot be written so is reported as `None`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import S
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix
from sympy.matrices.expressions.matexpr import MatrixElement

from symgrad.expr import matrices, textbook
from symgrad.expr.matrices import facts_of

Index = Hashable
Chain = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A product of matrices with indices at its ends.

    Parameters
    ----------
    chain : tuple of MatrixExpr
        The factors in order.
    row, column : hashable or None
        The indices of rows and columns; None where there is one only.
    """

    chain: Chain
    row: Index
    column: Index | None

    @property
    def indices(self) -> tuple[Index, ...]:
        """The indices, one for a vector."""
        return (self.row,) if self.column is None else (self.row, self.column)

    @property
    def is_vector(self) -> bool:
        """Whether it is a column."""
        return self.column is None

    @property
    def value(self) -> Any:
        """The product as one matrix."""
        return joined(self.chain)

    def turned(self) -> Piece:
        """Return the transpose of a matrix."""
        return Piece(transposed(self.chain), self.column, self.row)


def joined(chain: Chain) -> Any:
    """Return a chain as one matrix; equal neighbours are a power."""
    found: list[tuple[Any, int]] = []
    for factor in chain:
        if found and found[-1][0] == factor and factor.shape[0] == factor.shape[1] != 1:
            found[-1] = (factor, found[-1][1] + 1)
        else:
            found.append((factor, 1))
    made = [f if n == 1 else sympy.MatPow(f, n) for f, n in found]
    return made[0] if len(made) == 1 else textbook.MatrixProduct(*made)


def transposed(chain: Chain) -> Chain:
    """Return the transpose of a chain, pushed inward."""
    return tuple(transpose(f) for f in reversed(chain))


def transpose(matrix: Any) -> Any:
    """Return the transpose of one factor, pushed inward where that leaves fewer transposes."""
    if isinstance(matrix, sympy.Transpose):
        return matrix.arg
    if symmetric(matrix):
        return matrix
    if isinstance(matrix, sympy.OneMatrix):
        return sympy.OneMatrix(*reversed(matrix.shape))
    if isinstance(matrix, sympy.MatPow) and not isinstance(matrix, sympy.Inverse):
        return sympy.MatPow(transpose(matrix.base), matrix.exp)
    outside = sympy.Transpose(matrix)
    inside = None if 1 in matrix.shape else _inside(matrix)
    if inside is None or inside.count(sympy.Transpose) >= outside.count(sympy.Transpose):
        return outside
    return inside


def symmetric(matrix: Any) -> bool:
    """Return whether a matrix equals its transpose, as far as it can be read off."""
    if isinstance(matrix, (DiagMatrix, DiagonalMatrix, sympy.Identity)):
        return True
    if matrix.shape[0] != matrix.shape[1]:
        return False
    if isinstance(matrix, sympy.Transpose | sympy.MatPow):  # an inverse is a power
        return symmetric(matrix.args[0])
    if isinstance(matrix, sympy.MatMul):
        _, chain = matrix.as_coeff_matrices()
        return transposed(tuple(chain)) == tuple(chain)
    if isinstance(matrix, sympy.MatAdd | sympy.HadamardProduct):
        return {_turned(a) for a in matrix.args} == set(matrix.args)
    if isinstance(matrix, matrices.MatrixOp) and matrix.name in ("map", "expm"):
        return all(symmetric(o) for o in matrix.operands if getattr(o, "is_Matrix", False))
    return "symmetric" in facts_of(matrix)


def _turned(term: Any) -> Any:
    """Return the transpose of a term: of a factor, or of a product."""
    if not isinstance(term, sympy.MatMul):
        return transpose(term)
    scalars = [a for a in term.args if not getattr(a, "is_Matrix", False)]
    return textbook.MatrixProduct(*scalars, *transposed(term.args[len(scalars) :]))


def _inside(matrix: Any) -> Any:
    """Return the transpose of what acts entry by entry, from inside; None for anything else."""
    if isinstance(matrix, sympy.MatAdd | sympy.HadamardProduct):
        return matrix.func(*map(_turned, matrix.args))
    if isinstance(matrix, matrices.MatrixOp) and matrix.name == "map":
        parts = [_turned(o) if getattr(o, "is_Matrix", False) else o for o in matrix.operands]
        return matrices.apply("map", *parts, params=matrix.params)
    return None


class Joiner:
    """Pieces while they are joined.

    Parameters
    ----------
    pieces : sequence of Piece
        The factors.
    out : sequence of hashable
        The indices of the result.
    sizes : mapping
        How long each index is.
    """

    def __init__(self, pieces: Sequence[Piece], out: Sequence[Index], sizes: Any) -> None:
        self.pieces = list(pieces)
        self.out = tuple(out)
        self.sizes = sizes
        self.scalars: list[Any] = []

    def run(self) -> None:
        """Join until nothing changes."""
        steps = (
            self._loops,
            self._contract_vectors,
            self._dots,
            self._merge_equal,
            self._traces,
            self._contract_matrices,
            self._sum_alone,
            self._insert_diagonals,
        )
        while any(step() for step in steps):
            pass

    def count(self, index: Index) -> int:
        """Return how often an index stands in pieces and in the result."""
        return self.out.count(index) + sum(p.indices.count(index) for p in self.pieces)

    def holders(self, index: Index) -> list[Piece]:
        """Return the pieces that have an index."""
        return [p for p in self.pieces if index in p.indices]

    def _replace(self, old: Sequence[Piece], *new: Piece) -> None:
        place = min(self.pieces.index(p) for p in old)
        for piece in old:
            self.pieces.remove(piece)
        self.pieces[place:place] = new

    def _loops(self) -> bool:
        """Write the diagonal of a matrix: its trace where it is summed."""
        for piece in self.pieces:
            if piece.column is not None and piece.row == piece.column:
                if self.count(piece.row) == 2:
                    self.scalars.append(textbook.Trace(piece.value))
                    self._replace([piece])
                else:
                    self._replace(
                        [piece], Piece((textbook.DiagonalVector(piece.value),), piece.row, None)
                    )
                return True
        return False

    def _summed(self, index: Index) -> bool:
        return index not in self.out and self.count(index) == 2

    def _contract_vectors(self) -> bool:
        """Multiply a matrix by a vector."""
        for vector in self.pieces:
            if not vector.is_vector or not self._summed(vector.row):
                continue
            for matrix in self.holders(vector.row):
                if matrix is not vector and not matrix.is_vector:
                    left = matrix if matrix.column == vector.row else matrix.turned()
                    made = Piece(left.chain + vector.chain, left.row, None)
                    self._replace([vector, matrix], made)
                    return True
        return False

    def _dots(self) -> bool:
        """Multiply two vectors."""
        for place, first in enumerate(self.pieces):
            for second in self.pieces[place + 1 :]:
                both = first.is_vector and second.is_vector and first.row == second.row
                if both and self._summed(first.row):
                    self.scalars.append(dot(first, second))
                    self._replace([first, second])
                    return True
        return False

    def _merge_equal(self) -> bool:
        """Multiply pieces with the same indices entry by entry, unless that is a number."""
        for place, first in enumerate(self.pieces):
            for second in self.pieces[place + 1 :]:
                if set(first.indices) != set(second.indices):
                    continue
                if all(self._summed(i) for i in first.indices):
                    continue
                other = second if second.row == first.row else second.turned()
                made = hadamard(first.value, other.value)
                self._replace([first, second], Piece((made,), first.row, first.column))
                return True
        return False

    def _traces(self) -> bool:
        """Close two matrices that share both indices."""
        for place, first in enumerate(self.pieces):
            for second in self.pieces[place + 1 :]:
                if first.is_vector or set(first.indices) != set(second.indices):
                    continue
                if all(self._summed(i) for i in first.indices):
                    left = first if second.row == first.column else first.turned()
                    self.scalars.append(textbook.Trace(joined(plainer(left.chain + second.chain))))
                    self._replace([first, second])
                    return True
        return False

    def _contract_matrices(self) -> bool:
        """Multiply two matrices."""
        for first in self.pieces:
            for index in first.indices:
                others = [p for p in self.holders(index) if p is not first]
                if first.is_vector or not others or not self._summed(index):
                    continue
                second = others[0]
                if second.is_vector or set(first.indices) == set(second.indices):
                    continue
                left = first if first.column == index else first.turned()
                right = second if second.row == index else second.turned()
                made = Piece(left.chain + right.chain, left.row, right.column)
                self._replace([first, second], made)
                return True
        return False

    def _sum_alone(self) -> bool:
        """Sum a piece over an index that nothing else has."""
        for piece in self.pieces:
            alone = [i for i in piece.indices if i not in self.out and self.count(i) == 1]
            if not alone:
                continue
            if len(alone) == len(piece.indices):
                self.scalars.append(total(piece))
                self._replace([piece])
            else:
                self._replace([piece], summed(piece, alone[0]))
            return True
        return False

    def _insert_diagonals(self) -> bool:
        """Turn a vector on an index that a matrix shares into a diagonal matrix beside it."""
        for vector in self.pieces:
            others = [p for p in self.holders(vector.row) if p is not vector]
            free = vector.row in self.out
            if not vector.is_vector or not others or (free and self.count(vector.row) > 3):
                continue
            matrix = others[0]
            left = matrix if matrix.column == vector.row else matrix.turned()
            between = ("between", vector.row, len(self.pieces))
            diagonal = textbook.Diagonal(vector.value)
            made = Piece((*left.chain, diagonal), left.row, vector.row)
            self.sizes[between] = self.sizes[vector.row]
            self._replace([vector, matrix], made)
            return True
        return False


def dot(first: Piece, second: Piece) -> Any:
    """Return the inner product of two columns."""
    if first.chain == second.chain:
        return matrices.apply("norm2", first.value)
    if len(second.chain) < len(first.chain):
        first, second = second, first
    element = entry(transposed(first.chain) + second.chain)
    if element is not None:
        return element
    return matrices.apply("scalar", joined(plainer(transposed(first.chain) + second.chain)))


def entry(chain: Chain) -> Any:
    """Return `X[i, j]` for a matrix between two one-hot vectors, or None."""
    places: list[Any] = [getattr(f, "arg", f) for f in (chain[0], chain[-1])]
    hot = [isinstance(p, matrices.MatrixOp) and p.name == "one_hot" for p in places]
    inner = chain[hot[0] : len(chain) - hot[1]]
    if not any(hot) or len(inner) != 1:
        return None
    first, last = (p.operands[0] if h else S.Zero for p, h in zip(places, hot, strict=True))
    held = inner[0]
    if isinstance(held, sympy.Transpose):
        held, first, last = held.arg, last, first
    return MatrixElement(held, first, last) if held.is_symbol else None


def plainer(chain: Chain) -> Chain:
    """Return a chain whose value is a number or a trace, or its transpose if that is plainer."""
    turned = transposed(chain)
    counts = [sum(isinstance(f, sympy.Transpose) for f in c) for c in (chain, turned)]
    return turned if counts[1] < counts[0] else chain


def total(piece: Piece) -> Any:
    """Return the sum of all entries; of squares, the squared norm."""
    value = piece.value
    if isinstance(value, sympy.HadamardPower) and value.args[1] == 2:
        return matrices.apply("norm2", value.args[0])
    return matrices.apply("sum", value)


def summed(piece: Piece, index: Index) -> Piece:
    """Return the sums of a matrix's rows, or of its columns, as a column."""
    if piece.column == index:
        return Piece((matrices.apply("sum", piece.value, params=(S.One,)),), piece.row, None)
    made = matrices.apply("sum", piece.value, params=(S.Zero,))
    return Piece((transpose(made),), piece.column, None)


def hadamard(a: Any, b: Any) -> Any:
    """Return the product entry by entry, in one list."""
    parts = sorted([*_parts(a), *_parts(b)], key=textbook.is_inverted)
    return textbook.Entrywise(*parts)


def _parts(value: Any) -> Sequence[Any]:
    found: Sequence[Any] = value.args if isinstance(value, sympy.HadamardProduct) else (value,)
    return found
