"""NumPy kernels of linear algebra; the matrix is in the last two axes, a batch before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import SingularError

Array = Any
Kernel = Callable[..., Any]


def guarded(name: str, function: Kernel, advice: str) -> Kernel:
    """Return a function that says which gate met a matrix without an answer.

    Raises
    ------
    SingularError
        When called, if LAPACK finds that the matrix has none.
    """

    def run(*arrays: Array) -> Array:
        try:
            return function(*arrays)
        except np.linalg.LinAlgError as error:
            if not all(np.all(np.isfinite(a)) for a in arrays):
                return np.full_like(arrays[-1], np.nan)  # what was nan before stays it
            shape = np.shape(arrays[0])
            raise SingularError(
                f"`{name}` of a matrix of shape {shape}: {error}; {advice}"
            ) from error

    return run


def solve(a: Array, b: Array) -> Array:
    """Return inv(a)*b, for columns or for one vector a matrix."""
    if b.ndim == a.ndim - 1:
        return np.linalg.solve(a, b[..., None])[..., 0]
    return np.linalg.solve(a, b)


def log_determinant(a: Array) -> Array:
    """Return log(det(a)) through a factorisation; nan where the determinant is negative."""
    sign, size = np.linalg.slogdet(a)
    if np.iscomplexobj(a):
        return size + np.log(sign)
    return np.where(sign < 0, np.nan, size).astype(a.dtype)[()]


def cholesky(a: Array) -> Array:
    """Return the lower factor of the symmetric part of a."""
    return np.linalg.cholesky((a + np.swapaxes(a, -1, -2)) / 2)


def exponential(a: Array, *directions: Array) -> Array:
    """Return exp(a), or its derivative of order k along k directions.

    Notes
    -----
    The derivative is the last block of the first row of the exponential of a block triangular
    matrix of 2^k blocks a side.

    References
    ----------
    N. Higham, "Functions of Matrices" (2008), Theorem 3.6; N. Higham and S. Relton, "Higher order
    Frechet derivatives of matrix functions", SIAM J. Matrix Anal. Appl. 35 (2014).
    """
    import scipy.linalg

    if not all(np.all(np.isfinite(x)) for x in (a, *directions)):
        return np.full_like(a, np.nan)
    if len(directions) == 1 and a.ndim == 2:
        slope: Any = scipy.linalg.expm_frechet(a, directions[0], compute_expm=False)
        return np.asarray(slope, dtype=a.dtype)
    size, block = a.shape[-1], a
    for direction in directions:
        count = block.shape[-1] // size
        zero = np.zeros_like(block)
        right = np.kron(np.eye(count, dtype=a.dtype), direction)
        upper = np.concatenate([block, right], axis=-1)
        block = np.concatenate([upper, np.concatenate([zero, block], axis=-1)], axis=-2)
    found = scipy.linalg.expm(block)[..., :size, block.shape[-1] - size :]
    return np.asarray(found, dtype=a.dtype)


REGULAR = "give a matrix with an inverse, or add a multiple of the identity"
POSITIVE = "give a symmetric positive definite matrix, or add a multiple of the identity"
FUNCTIONS: dict[str, Kernel] = {
    "inv": guarded("inv", np.linalg.inv, REGULAR),
    "det": np.linalg.det,
    "logdet": log_determinant,
    "solve": guarded("solve", solve, REGULAR),
    "cholesky": guarded("cholesky", cholesky, POSITIVE),
    "expm": exponential,
}


def always(function: Kernel) -> Callable[[Any], Kernel]:
    """Return the planner of a gate without payload."""
    return lambda payload: function


PLANNERS = {name: always(function) for name, function in FUNCTIONS.items()}
