"""Layers: affine maps, windows, normalisation, dropout, embedding.

Names, argument order and layout are those of torch.nn.functional: batch first, channels second,
and `linear` multiplies by the transpose of its weights. Shapes are checked as a layer is made.
"""

from __future__ import annotations

from typing import Any

import sympy

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr import tensor_products as products
from symgrad.expr.tensor_forms import reshape, take
from symgrad.expr.tensor_reductions import mean
from symgrad.expr.tensor_shapes import Axis, many_axes, same_shape, shown
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
    dropped = decimal(rate)
    if not hasattr(dropped, "free_symbols") and not 0 <= dropped < 1:
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


def local_response_norm(
    x: Any, size: int, alpha: Any = 1e-4, beta: Any = 0.75, k: Any = 1.0
) -> Any:
    """Return `x/(k + alpha*m)**beta`, where m is the mean of the squares of near channels.

    Parameters
    ----------
    x : tensor, *shape (N, C, …)*
        Channels second.
    size : int
        How many channels are near: `size//2` below and `(size - 1)//2` above, with zeros beyond.
    alpha, beta, k : scalar
        As torch has them. The paper adds the squares up instead of taking their mean: its 1e-4 at
        size 5 is `alpha=5e-4` here, and its k is 2.

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012), section 3.3.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> local_response_norm(tensor("x", "N", 96, 55, 55), 5).shape
    (N, 96, 55, 55)
    """
    rank = len(need_axes("local_response_norm", "x", x, 3))
    still = ((0, 0),) * (rank - 2)
    near = products.avg_pool(
        x**2,
        (size, *[1] * (rank - 2)),
        stride=1,
        padding=((size // 2, (size - 1) // 2), *still),
    )
    return x / (decimal(k) + decimal(alpha) * near) ** decimal(beta)


# --- normalisation ---


def batch_norm(
    x: Any,
    weight: Any = None,
    bias: Any = None,
    *,
    running_mean: Any = None,
    running_var: Any = None,
    eps: Any = 1e-5,
) -> Any:
    """Return each channel less its mean, by its deviation, scaled and shifted.

    Parameters
    ----------
    x : tensor, *shape (N, C, …)*
        Channels second. Mean and variance (by N, as in training) are over all other axes.
    weight, bias : tensor, *shape (C,)*, optional
        What each channel is multiplied by at the end, and what is added.
    running_mean, running_var : tensor, *shape (C,)*, optional
        Both, to use them instead of the batch's own.
    eps : scalar
        Added to the variance.

    Raises
    ------
    ShapeError
        If a vector has another length than there are channels.
    UnsupportedError
        If only one of the two running statistics is given.

    References
    ----------
    Ioffe and Szegedy (2015), algorithm 1.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> batch_norm(tensor("x", "N", "C", 8, 8), tensor("g", "C"), tensor("b", "C")).shape
    (N, C, 8, 8)
    """
    shape = need_axes("batch_norm", "x", x, 2)
    if (running_mean is None) is not (running_var is None):
        raise UnsupportedError("`batch_norm` takes both running statistics, or neither")
    middle = _channels("running_mean", running_mean, shape)
    variance = _channels("running_var", running_var, shape)
    axes = tuple(k for k in range(len(shape)) if k != 1)
    out = _standardised(x, axes, eps, middle, variance)
    return _scaled(out, _channels("weight", weight, shape), _channels("bias", bias, shape))


def _channels(called: str, values: Any, shape: tuple[Any, ...]) -> Any:
    """Return one value a channel so that it meets the channels, or None."""
    if values is None:
        return None
    need_shape("batch_norm", called, values, shape[1], because=f"`x` has shape {shown(shape)}")
    return values if len(shape) == 2 else along_axis(values, 1, len(shape))


def _standardised(x: Any, axes: Axis, eps: Any, middle: Any = None, variance: Any = None) -> Any:
    if middle is None:
        middle = mean(x, axis=axes, keepdims=True)
        variance = mean((x - middle) ** 2, axis=axes, keepdims=True)
    return (x - middle) / root(variance + decimal(eps))


def root(x: Any) -> Any:
    """Return the square root, entry by entry."""
    return x ** sympy.Rational(1, 2)


def _scaled(out: Any, weight: Any, bias: Any) -> Any:
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def layer_norm(
    x: Any, weight: Any = None, bias: Any = None, *, axis: Axis = -1, eps: Any = 1e-5
) -> Any:
    """Return each example less its mean, by its deviation, scaled and shifted.

    Parameters
    ----------
    x : tensor, *shape (…)*
        What is normalised.
    weight, bias : tensor, *the sizes of those axes*, optional
        What each entry is multiplied by at the end, and what is added.
    axis : int or tuple of int
        Over which axes; they must be the last ones if weights or biases are given.
    eps : scalar
        Added to the variance.

    Raises
    ------
    ShapeError
        If an axis does not exist, or weights have another shape.

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer normalization", eq. 3.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> layer_norm(tensor("x", "N", "D"), tensor("g", "D"), tensor("b", "D")).shape
    (N, D)
    """
    shape = need_axes("layer_norm", "x", x, 1)
    axes = many_axes("layer_norm", axis, len(shape))
    given = [(n, v) for n, v in (("weight", weight), ("bias", bias)) if v is not None]
    last = tuple(range(len(shape) - len(axes), len(shape)))
    if given and axes != last:
        raise ShapeError(f"`layer_norm` with weights is over the last axes, not axis={axis}")
    for name, value in given:
        need_shape(
            "layer_norm",
            name,
            value,
            *(shape[k] for k in axes),
            because=f"`x` has shape {shown(shape)}, normalised over axis={axis}",
        )
    return _scaled(_standardised(x, axes, eps), weight, bias)
