"""Layers: affine maps, convolution, dropout, embedding.

Names, argument order and layout are those of torch.nn.functional: batch first, channels second,
and `linear` multiplies by the transpose of its weights. Shapes are checked as a layer is made.
"""

from __future__ import annotations

from typing import Any

import sympy

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr import tensor_products as products
from symgrad.expr.numbers import as_expr
from symgrad.expr.tensor_forms import reshape, take
from symgrad.expr.tensor_shapes import same_shape, shown
from symgrad.nn.given import along_axis, decimal, need_axes, need_same, need_shape, shape_of


def affine(x: Any, w: Any, b: Any = None) -> Any:
    """Return `x @ w + b`: the lecture's layer, one example a row.

    Parameters
    ----------
    x : tensor, *shape (…, n)*
        Rows.
    w : tensor, *shape (n, m)*
        Weights.
    b : tensor, *shape (m,)*, optional
        Bias.

    Returns
    -------
    tensor
        *Shape (…, m)*.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> affine(tensor("X", "N", "D"), tensor("W", "D", "H"), tensor("b", "H"))
    X @ W + b
    """
    out = products.matmul(x, w)
    return out if b is None else _plus(out, b, "affine", "b", -1)


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """Return `x @ weight.T + bias`: `affine` with the weights as torch stores them.

    Parameters
    ----------
    x : tensor, *shape (…, n)*
        Rows.
    weight : tensor, *shape (m, n)*
        One row an output.
    bias : tensor, *shape (m,)*, optional
        One number an output.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> linear(tensor("X", "N", "D"), tensor("W", "H", "D"), tensor("b", "H"))
    X @ W.T + b
    """
    shape = need_axes("linear", "weight", weight, 2)
    rows = need_axes("linear", "x", x, 1)
    if len(shape) != 2 or not same_shape(rows[-1:], shape[1:]):
        raise ShapeError(
            f"`linear` needs `weight` of shape (m, {rows[-1]}) for `x` of shape {shown(rows)}, but "
            f"it has shape {shown(shape)}"
        )
    out = products.matmul(x, weight.T)
    return out if bias is None else _plus(out, bias, "linear", "bias", -1)


def _plus(out: Any, bias: Any, name: str, called: str, axis: int) -> Any:
    shape = shape_of(out)
    if not shape:
        return out + bias
    size = shape[axis]
    need_shape(name, called, bias, size, because=f"the output has shape {shown(shape)}")
    place = axis % len(shape)
    return out + (bias if place == len(shape) - 1 else along_axis(bias, place, len(shape)))


def flatten(x: Any) -> Any:
    """Return one row an example: all axes behind the first become one.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> flatten(tensor("x", "N", 256, 6, 6)).shape
    (N, 9216)
    """
    shape = need_axes("flatten", "x", x, 1)
    return reshape(x, (shape[0], sympy.prod(shape[1:])))


def embedding(indices: Any, weight: Any) -> Any:
    """Return one row of a table for each index.

    Parameters
    ----------
    indices : tensor, scalar, or list of int, *shape (…)*
        Whole numbers from 0 to V - 1, checked when it is run.
    weight : tensor, *shape (V, E)*
        The table. Its gradient adds up over indices that occur twice.

    Returns
    -------
    tensor
        *Shape (…, E)*.

    Raises
    ------
    ShapeError
        If the table has other than two axes.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> embedding(tensor("words", "N", "T"), tensor("E", "V", 8)).shape
    (N, T, 8)
    """
    shape = shape_of(weight)
    if len(shape) != 2:
        raise ShapeError(f"`embedding` needs a table of shape (V, E), not {shown(shape)}")
    return take(weight, indices, axis=0)


def dropout(x: Any, mask: Any, rate: Any = 0.5) -> Any:
    """Return `x*mask/(1 - rate)`: inverted dropout, with the mask given.

    Parameters
    ----------
    x : tensor, *shape (…)*
        What is thinned out.
    mask : tensor, *the shape of x*
        1 where an entry is kept and 0 where it is dropped, drawn by the caller, so that a check by
        differences sees one function.
    rate : scalar, from 0 to less than 1
        How many are dropped; the rest is scaled up, so that the mean stays.

    Raises
    ------
    ShapeError
        If the shapes differ; the message holds both.
    UnsupportedError
        If the rate is a number below 0 or from 1 on.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), section 10.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> dropout(tensor("x", "n"), tensor("mask", "n"), sympy.Symbol("p"))
    x*mask/(1 - p)
    """
    need_same("dropout", x=x, mask=mask)
    dropped = as_expr(decimal(rate))
    if dropped.is_number and not 0 <= dropped < 1:
        raise UnsupportedError(f"`dropout` needs a rate from 0 to less than 1, not {rate}")
    return x * mask / (1 - dropped)


# --- windows ---


def conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return `sg.conv` with a bias a channel.

    Parameters
    ----------
    x : tensor, *shape (N, C, *spatial)*
        Images, channels first.
    weight : tensor, *shape (O, C/groups, *window)*
        Windows.
    bias : tensor, *shape (O,)*, optional
        One number an output channel.
    stride, padding, dilation, groups
        As for `sg.conv`.

    Raises
    ------
    ShapeError
        If shapes do not fit.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> x, w, b = tensor("x", "N", 3, 227, 227), tensor("w", 96, 3, 11, 11), tensor("b", 96)
    >>> conv(x, w, b, stride=4).shape
    (N, 96, 55, 55)
    """
    out = products.conv(x, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return out if bias is None else _plus(out, bias, "conv", "bias", 1)
