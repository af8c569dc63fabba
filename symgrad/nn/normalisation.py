"""Normalisation over near channels, over the batch, and over the features of an example.

Channels are axis 1, as in torch. Statistics are part of the expression, so gradients flow through
them.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr import tensor_products as products
from symgrad.expr.tensor_reductions import map, mean
from symgrad.expr.tensor_shapes import Axis, many_axes, shown
from symgrad.nn.given import along_axis, decimal, need_axes, need_shape


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
    return (x - middle) / map("sqrt", variance + decimal(eps))


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
