"""Gates of linear algebra: inverse, solve, determinants, Cholesky factor, matrix exponential.

The matrix is in the last two axes; axes before them are a batch. Formulas: Giles (2008), "An
extended collection of matrix derivative results"; Cholesky: Murray (2016), eq. 8-10;
exponential: Higham (2008), "Functions of Matrices", Theorem 3.6 (block triangular form).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.rules import einsums
from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import Shape, TensorSite
from symgrad.rules.tensors import TRIL

Indices = tuple[Any, ...]


def batched(rank: int, *axes: str) -> Indices:
    """Return the indices of a batch and of the last axes."""
    return (*range(rank - 2), *axes)


def transposed(site: TensorSite, value: Any, rank: int) -> Any:
    """Return the transpose of the last two axes."""
    return einsums.einsum(site.algebra, [batched(rank, "i", "j")], batched(rank, "j", "i"), [value])


def chain(site: TensorSite, rank: int, *factors: tuple[Any, bool]) -> Any:
    """Return a product of matrices, each as it is or transposed.

    Parameters
    ----------
    site : TensorSite
        Where.
    rank : int
        Number of axes, batch included.
    *factors : (value, bool)
        A matrix, and whether it is transposed.
    """
    inputs = []
    for place, (_, turned) in enumerate(factors):
        pair = (f"k{place}", f"k{place + 1}")
        inputs.append(batched(rank, *(pair[::-1] if turned else pair)))
    ends = batched(rank, "k0", f"k{len(factors)}")
    return einsums.einsum(site.algebra, inputs, ends, [value for value, _ in factors])


def inverse_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Return `-Y.T*bar*Y.T` for `Y = inv(A)`."""
    rank = len(site.shape)
    return site.neg(chain(site, rank, (site.out, True), (bar, False), (site.out, True)))


def inverse_push(site: TensorSite, index: int, dot: Any) -> Any:
    """Return `-Y*dot*Y`."""
    rank = len(site.shape)
    return site.neg(chain(site, rank, (site.out, False), (dot, False), (site.out, False)))


def scaled(site: TensorSite, value: Any, matrix: Any) -> Any:
    """Return a matrix times a number, for each of the batch."""
    rank = len(site.shapes[0])
    axes = batched(rank, "i", "j")
    return einsums.einsum(site.algebra, [range(rank - 2), axes], axes, [value, matrix])


def inner(site: TensorSite, a: Any, b: Any) -> Any:
    """Return the inner product `tr(a.T*b)` of matrices, for each of the batch."""
    rank = len(site.shapes[0])
    axes = batched(rank, "i", "j")
    return einsums.einsum(site.algebra, [axes, axes], range(rank - 2), [a, b])


def logdet_slope(site: TensorSite) -> Any:
    """Return `inv(A).T`."""
    return transposed(site, site.apply(INVERSE, site.operands[0]), len(site.shapes[0]))


def det_slope(site: TensorSite) -> Any:
    """Return `det(A)*inv(A).T`."""
    return scaled(site, site.out, logdet_slope(site))


def determinant(name: str, slope: Any) -> Gate:
    """Return the row of a function of the determinant."""
    return Gate(
        name,
        letter="d",
        shape=lambda payload, shapes: tuple(shapes[0][:-2]),
        pull=lambda site, index, bar: scaled(site, bar, slope(site)),
        push=lambda site, index, dot: inner(site, slope(site), dot),
    )


def solve_shape(payload: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of `inv(A)*B`: that of B."""
    return shapes[1]


def outer(site: TensorSite, a: Any, b: Any) -> Any:
    """Return `a*b.T`, for vectors or for matrices of columns."""
    rank = len(site.shapes[0])
    vectors = len(site.shapes[1]) == rank - 1
    columns = () if vectors else ("c",)
    inputs = [(*range(rank - 2), letter, *columns) for letter in "ij"]
    return einsums.einsum(site.algebra, inputs, batched(rank, "i", "j"), [a, b])


def applied(site: TensorSite, matrix: Any, value: Any) -> Any:
    """Return a matrix times what is solved for."""
    rank = len(site.shapes[0])
    columns = () if len(site.shapes[1]) == rank - 1 else ("c",)
    inputs = [batched(rank, "i", "j"), (*range(rank - 2), "j", *columns)]
    return einsums.einsum(site.algebra, inputs, (*range(rank - 2), "i", *columns), [matrix, value])


def solve_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Return `inv(A).T*bar` for B, and minus its outer product with X for A."""
    turned = transposed(site, site.operands[0], len(site.shapes[0]))
    right = site.apply(SOLVE, turned, bar)
    return right if index == 1 else site.neg(outer(site, right, site.out))


def solve_push(site: TensorSite, index: int, dot: Any) -> Any:
    """Return `inv(A)*dB` and `-inv(A)*dA*X`."""
    if index == 1:
        return site.apply(SOLVE, site.operands[0], dot)
    return site.neg(site.apply(SOLVE, site.operands[0], applied(site, dot, site.out)))


def cholesky_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Return the symmetric cotangent `sym(inv(L).T*tril(L.T*bar)*inv(L))`."""
    rank, factor = len(site.shape), site.out
    inverse = site.apply(INVERSE, factor)
    lower = site.apply(TRIL, chain(site, rank, (factor, True), (bar, False)), payload=True)
    full = chain(site, rank, (inverse, True), (lower, False), (inverse, False))
    return site.half(site.add(full, transposed(site, full, rank)))


def cholesky_push(site: TensorSite, index: int, dot: Any) -> Any:
    """Return `L*tril(inv(L)*sym(dA)*inv(L).T)`."""
    rank, factor = len(site.shape), site.out
    inverse = site.apply(INVERSE, factor)
    even = site.half(site.add(dot, transposed(site, dot, rank)))
    middle = chain(site, rank, (inverse, False), (even, False), (inverse, True))
    return chain(site, rank, (factor, False), (site.apply(TRIL, middle, payload=True), False))


def expm_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Return the derivative at the transposes, along the cotangent.

    The derivative of order k is symmetric and multilinear in its directions, and its adjoint in
    each of them is the same derivative at transposed operands.
    """
    rank = len(site.shape)
    turned = [transposed(site, x, rank) for x in site.operands]
    if index:
        turned[index] = bar
        return site.apply(EXPM, *turned)
    return site.apply(EXPM, *turned, bar)


def expm_push(site: TensorSite, index: int, dot: Any) -> Any:
    """Return the derivative of the next order, or the same one along another direction."""
    if index:
        moved = [dot if k == index else x for k, x in enumerate(site.operands)]
        return site.apply(EXPM, *moved)
    return site.apply(EXPM, *site.operands, dot)


def first_shape(payload: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the first operand."""
    return shapes[0]


INVERSE = Gate("inv", shape=first_shape, pull=inverse_pull, push=inverse_push)
LOGDET = determinant("logdet", logdet_slope)
DET = determinant("det", det_slope)
SOLVE = Gate("solve", arity=(2, 2), shape=solve_shape, pull=solve_pull, push=solve_push)
CHOLESKY = Gate("cholesky", shape=first_shape, pull=cholesky_pull, push=cholesky_push)
EXPM = Gate(  # at A, then along any number of directions
    "expm", arity=(1, None), shape=first_shape, pull=expm_pull, push=expm_push
)

ROWS = (INVERSE, LOGDET, DET, SOLVE, CHOLESKY, EXPM)
