"""Tensors of a pattern: diagonals, triangles, identities, constants, named as NumPy names them."""

from __future__ import annotations

from typing import Any

import sympy

from symgrad.errors import UnsupportedError
from symgrad.expr import matrices
from symgrad.expr.dims import dim
from symgrad.expr.tensor_forms import broadcast_to
from symgrad.expr.tensors import apply, as_operand


def diag(x: Any) -> Any:
    """Return the diagonal matrix of a vector, or the diagonal of a square matrix.

    Raises
    ------
    ShapeError
        If it is neither.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> diag(tensor("x", "n")).shape
    (n, n)
    """
    if getattr(x, "is_Matrix", False):
        vector = 1 in x.shape
        return sympy.DiagMatrix(x) if vector else sympy.matrices.expressions.DiagonalOf(x)
    return apply("diag", x)


def tril(x: Any) -> Any:
    """Return matrices, in the last two axes, with zeros above the diagonal.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> tril(tensor("X", 3, 3))
    tril(X)
    """
    return matrices.apply("tril", x) if getattr(x, "is_Matrix", False) else apply("tril", x)


def triu(x: Any) -> Any:
    """Return matrices, in the last two axes, with zeros below the diagonal.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> triu(tensor("X", 3, 3))
    triu(X)
    """
    if getattr(x, "is_Matrix", False):
        raise UnsupportedError("of a SymPy matrix, `triu(X)` is `tril(X.T).T`")
    return apply("triu", x)


def eye(size: Any) -> Any:
    """Return an identity matrix.

    Examples
    --------
    >>> eye("n").shape
    (n, n)
    """
    return apply("eye", params=(dim(size),))


def zeros(shape: Any) -> Any:
    """Return a tensor of zeros.

    Examples
    --------
    >>> zeros(("N", 3)).shape
    (N, 3)
    """
    return _filled(0, shape)


def ones(shape: Any) -> Any:
    """Return a tensor of ones.

    Examples
    --------
    >>> ones(3).shape
    (3,)
    """
    return _filled(1, shape)


def _filled(value: int, shape: Any) -> Any:
    sizes = shape if isinstance(shape, (tuple, list)) else (shape,)
    return broadcast_to(value, sizes) if sizes else as_operand(value)
