"""Jacobians by matrices as matrices: Kronecker products over column-stacked entries.

`vec(X)` stacks the columns of `X`, so `d vec(A*X*B) / d vec(X)' = kron(B.T, A)` (Magnus and
Neudecker, 1999, chapter 2). Where rows meet columns, a commutation matrix exchanges them:
`commutation(m, n)*vec(X) = vec(X.T)` for `X` of `m × n`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.forms import Product, exact
from symgrad.calculus.notation.pieces import Piece, joined, transposed
from symgrad.calculus.notation.spell import Speller
from symgrad.calculus.notation.sums import total
from symgrad.errors import UnsupportedError
from symgrad.expr import matrices

Index = Any


def spell_vec(algebra: Algebra, speller: Speller, form: int, rank: int) -> Any:
    """Return a Jacobian in vec layout.

    Parameters
    ----------
    algebra : Algebra
        The table.
    speller : Speller
        What writes the atoms.
    form : int
        A form whose first axes are those of the output.
    rank : int
        How many axes the output has; 0 to 2, as the variable.

    Raises
    ------
    UnsupportedError
        If an axis is shared in a way that Kronecker products cannot write.
    """
    shape = algebra.shape(form)
    if rank > 2 or len(shape) - rank > 2:
        raise UnsupportedError("the vec layout is for matrices; this Jacobian has more axes")
    terms = []
    for product, coefficient in algebra.form(form).terms:
        scalars, joiner = speller.pieces(product, shape)
        out, pieces = apart(product, joiner.pieces, shape)
        number = sympy.Mul(coefficient, *scalars, *joiner.scalars)
        terms.append((number, (_term(pieces, out, shape, rank),)))
    if not terms:
        return sympy.ZeroMatrix(_size(shape[:rank]), _size(shape[rank:]))
    return total(terms)


def apart(
    product: Product, pieces: Sequence[Piece], shape: Sequence[Any]
) -> tuple[list[Index], list[Piece]]:
    """Return the indices of a result, each once: a diagonal is an identity between two."""
    out: list[Index] = []
    found = list(pieces)
    for place, (index, size) in enumerate(zip(product.out, shape, strict=True)):
        if index in out:
            twin = ("twin", place)
            found.append(Piece((sympy.Identity(exact(size)),), index, twin))
            out.append(twin)
        else:
            out.append(index)
    return out, found


def _size(shape: Sequence[Any]) -> Any:
    return sympy.Mul(*map(exact, shape))


def _term(pieces: list[Piece], out: list[Index], shape: Sequence[Any], rank: int) -> Any:
    sizes = dict(zip(out, map(exact, shape), strict=True))
    i, j = _two(out[:rank])
    k, m = _two(out[rank:])
    for pairs, crossed in ((((i, k), (j, m)), False), (((i, m), (j, k)), True)):
        if all(any(set(p.indices) <= set(pair) for pair in pairs) for p in pieces):
            inner, outer = (_matrix(pieces, a, b, sizes) for a, b in pairs)
            if not crossed or k is None or m is None:
                return kronecker(outer, inner)
            swap = matrices.apply("commutation", params=(sizes[k], sizes[m]))
            product = kronecker(outer, inner)
            return swap if isinstance(product, sympy.Identity) else joined((product, swap))
    if None not in (i, j, k, m) and all(set(p.indices) in ({i, j}, {k, m}) for p in pieces):
        left, right = _matrix(pieces, i, j, sizes), _matrix(pieces, k, m, sizes)
        columns = [matrices.apply("vec", value) for value in (left, right)]
        return joined((columns[0], *transposed((columns[1],))))
    raise UnsupportedError("this Jacobian is no sum of Kronecker products; ask for layout='axes'")


def _two(indices: Sequence[Index]) -> tuple[Index, Index]:
    padded = (*indices, None, None)
    return padded[0], padded[1]


def kronecker(outer: Any, inner: Any) -> Any:
    """Return a Kronecker product; with the number 1 it is the other factor."""
    if outer.shape == (1, 1):
        return inner
    if inner.shape == (1, 1):
        return outer
    if all(isinstance(f, sympy.Identity) for f in (outer, inner)):
        return sympy.Identity(outer.shape[0] * inner.shape[0])
    return sympy.KroneckerProduct(outer, inner)


def _matrix(pieces: Sequence[Piece], row: Index, column: Index, sizes: Any) -> Any:
    """Return the matrix of the pieces over two indices; a missing one has size 1."""
    mine = [p for p in pieces if set(p.indices) <= {row, column}]
    for piece in mine:
        if not piece.is_vector:
            return piece.value if piece.row == row else piece.turned().value
    vectors = {p.row: p.chain for p in mine}
    left = vectors.get(row) or (sympy.OneMatrix(sizes.get(row, 1), 1),)
    right = vectors.get(column) or (sympy.OneMatrix(sizes.get(column, 1), 1),)
    if column is None:
        return joined(left)
    return joined(transposed(right)) if row is None else joined(left + transposed(right))
