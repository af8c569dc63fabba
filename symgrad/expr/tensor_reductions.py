"""Functions over axes and entry by entry, named as NumPy and JAX name them.

Each takes tensors, scalars, or SymPy matrices; a matrix keeps its two axes, as a matrix does.
"""

from __future__ import annotations

import builtins
from typing import Any

import sympy

from symgrad.errors import UnsupportedError
from symgrad.expr import heads, matrices
from symgrad.expr.tensor_shapes import Axis, many_axes
from symgrad.expr.tensors import AnyTensor, apply, as_operand, mapped, reduced


def any_of(operands: Any) -> bool:
    """Return whether one of some operands is a matrix."""
    return builtins.any(getattr(o, "is_Matrix", False) for o in operands)


def of_matrix(name: str, *operands: Any, axis: Axis = None) -> Any:
    """Return an operation of the matrix dialect."""
    given = () if axis is None else many_axes(name, axis, 2)
    if len(given) == 2:
        given = ()
    return matrices.apply(name, *operands, params=given)


def over(name: str, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Return a reduction of a tensor or of a matrix."""
    if any_of([x]):
        return of_matrix(name, x, axis=axis)
    return reduced(name, x, axis, keepdims)


def sum(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the sum over axes.

    Parameters
    ----------
    x : tensor, *shape (…)*, or SymPy matrix
        What is added up.
    axis : int or tuple of int, optional
        The axes to reduce; negative ones count from the end. Default: all.
    keepdims : bool
        Whether reduced axes stay, with length 1; those of a matrix always do.

    Returns
    -------
    tensor or scalar
        Without the reduced axes; over all axes a SymPy expression.

    Raises
    ------
    ShapeError
        If an axis does not exist or is given twice.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> X = tensor("X", "N", 3)
    >>> sum(X, axis=-1).shape, sympy.log(sum(X))
    ((N,), log(sum(X)))
    """
    return over("sum", x, axis, keepdims)


def mean(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the mean over axes; parameters and errors as for `sum`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> mean(tensor("X", "N", 3), axis=0, keepdims=True).shape
    (1, 3)
    """
    return over("mean", x, axis, keepdims)


def max(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the largest entry over axes; parameters and errors as for `sum`.

    Its gradient goes to the largest entry; entries that tie share it equally.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> max(tensor("X", "N", 3), axis=1).shape
    (N,)
    """
    return over("max", x, axis, keepdims)


def min(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the smallest entry over axes; parameters and errors as for `sum`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> min(tensor("X", "N", 3))
    min(X)
    """
    return over("min", x, axis, keepdims)


def prod(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the product over axes; parameters and errors as for `sum`.

    It is written out factor by factor in the graph, so the axes need numbers for sizes, 256 at
    most.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> prod(tensor("X", "N", 3), axis=1).shape
    (N,)
    """
    return over("prod", x, axis, keepdims)


def logsumexp(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return `log(sum(exp(x)))` over axes, without overflow; parameters as for `sum`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> logsumexp(tensor("X", "N", 3), axis=1).shape
    (N,)
    """
    return over("logsumexp", x, axis, keepdims)


def norm(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Any:
    """Return the Euclidean norm `sqrt(sum(x**2))` over axes; parameters as for `sum`.

    Over all axes of a matrix this is the Frobenius norm. Its gradient at 0 is 0, the subgradient
    of least norm.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> norm(tensor("x", "n"))
    norm(x)
    """
    return over("norm", x, axis, keepdims)


def softmax(x: Any, axis: Axis = -1) -> Any:
    """Return `exp(x)/sum(exp(x))` over axes, without overflow.

    Parameters
    ----------
    x : tensor, *shape (…)*, or SymPy matrix
        Scores.
    axis : int, tuple of int or None
        Over which axes; None is all. Of a SymPy column or row, -1 is all its entries.

    Returns
    -------
    tensor
        Of the shape of `x`.

    Raises
    ------
    ShapeError
        If an axis does not exist.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> softmax(tensor("X", "N", 3))
    softmax(X, axis=1)
    """
    return _along("softmax", x, axis)


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """Return `log(softmax(x))` without overflow; parameters as for `softmax`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> log_softmax(tensor("X", "N", 3)).shape
    (N, 3)
    """
    return _along("log_softmax", x, axis)


def _along(name: str, x: Any, axis: Axis) -> Any:
    if any_of([x]):
        return of_matrix(name, x, axis=None if axis == -1 and 1 in x.shape else axis)
    operand = as_operand(x)
    return apply(name, operand, params=(many_axes(name, axis, len(operand.shape)),))


def map(function: Any, *operands: Any) -> Any:
    """Return a function of scalars applied entry by entry.

    Parameters
    ----------
    function : SymPy function, str, or callable
        `sympy.tanh`, `"relu"`, or a function of as many SymPy symbols as there are operands, such
        as `lambda t: t**2 + 1`. Scalar symbols in its body are variables like any other.
    *operands : tensor, scalar, or one SymPy matrix
        They broadcast.

    Returns
    -------
    tensor
        Of the common shape.

    Raises
    ------
    ShapeError
        If the operands do not broadcast.
    UnsupportedError
        If a name is no function.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> map(sympy.tanh, tensor("X", "N", 3))
    tanh(X)
    """
    if not any_of(operands):
        return mapped(function, *operands)
    if len(operands) != 1:
        raise UnsupportedError(
            "`map` takes one SymPy matrix; entry by entry, products are `HadamardProduct`s"
        )
    entry = sympy.Dummy("x")
    body = mapped(function, entry)
    return operands[0].applyfunc(sympy.Lambda(entry, body))


def stop_gradient(x: Any) -> Any:
    """Return `x` as it is, with the derivative zero by decree.

    Parameters
    ----------
    x : tensor, scalar, or SymPy matrix
        What is held fixed.

    Returns
    -------
    tensor or Expr
        Of the same shape.

    Examples
    --------
    >>> from sympy.abc import x
    >>> stop_gradient(x) * x
    x*stop_gradient(x)
    >>> from symgrad.expr.tensors import tensor
    >>> stop_gradient(tensor("X", "N", 3)).shape
    (N, 3)
    """
    if isinstance(x, AnyTensor) or any_of([x]):
        return map(heads.stop_gradient, x)
    return heads.stop_gradient(x)


def where(condition: Any, x: Any, y: Any) -> Any:
    """Return entries of `x` where a condition holds, and of `y` elsewhere.

    Parameters
    ----------
    condition : tensor or SymPy condition
        Comparisons of tensors, joined by `&`, `|` and `~`; a number holds where it is not 0.
    x, y : tensor or scalar
        All three broadcast.

    Returns
    -------
    tensor
        Of the common shape. What is not chosen gets no gradient, even where it is inf or nan.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> X = tensor("X", "N", 3)
    >>> where(X > 0, X, 0)
    where(X > 0, X, 0)
    """
    return apply("where", condition, x, y)


def equal(x: Any, y: Any) -> Any:
    """Return the condition that entries are equal; `==` compares expressions.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> equal(tensor("X", "N", 3), 1)
    equal(X, 1)
    """
    return apply("eq", x, y)
