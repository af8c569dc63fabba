"""Activations, entry by entry: of a scalar, a tensor of any shape, or a SymPy matrix.

Names and arguments are those of torch.nn.functional and jax.nn. Each has the shape of `x`. At a
kink the derivative is the shortest subgradient, so that of `relu` at 0 is 0.
"""

from __future__ import annotations

from typing import Any

import sympy

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.numbers import as_expr
from symgrad.expr.tensor_reductions import any_of, map
from symgrad.expr.tensor_shapes import same_size, shown
from symgrad.nn.given import along_axis, decimal, shape_of

GELU_CUBE = sympy.Rational("0.044715")


def sigmoid(x: Any) -> Any:
    """Return `1/(1 + exp(-x))`, finite everywhere; its derivative is `sigmoid(x)*(1 - sigmoid(x))`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> sigmoid(tensor("X", "N", 3))
    sigmoid(X)
    """
    return map("sigmoid", x)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent; its derivative is `1 - tanh(x)**2`.

    Examples
    --------
    >>> tanh(sympy.Symbol("x"))
    tanh(x)
    """
    return map("tanh", x)


def relu(x: Any) -> Any:
    """Return `max(x, 0)`; its derivative is 1 where x > 0, else 0.

    References
    ----------
    Nair and Hinton (2010), "Rectified linear units improve restricted Boltzmann machines".

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> relu(tensor("X", "N", 3))
    relu(X)
    """
    return map("relu", x)


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """Return `x` where x > 0, and `negative_slope*x` elsewhere.

    Parameters
    ----------
    x : tensor, scalar or SymPy matrix
        What is activated.
    negative_slope : scalar
        Its slope below 0; to learn it, see `prelu`.

    References
    ----------
    Maas, Hannun and Ng (2013), section 2.1.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> leaky_relu(tensor("X", "N", 3), 0.1).shape
    (N, 3)
    """
    slope = as_expr(decimal(negative_slope))
    return map("leaky_relu", x) if slope == sympy.Rational("0.01") else _sloped(x, slope)


def _sloped(x: Any, slope: Any, name: str = "leaky_relu") -> Any:
    if any_of([x]):
        return map(lambda t: map(name, t, slope), x)
    return map(name, x, slope)


def prelu(x: Any, weight: Any) -> Any:
    """Return `x` where x > 0, and `weight*x` elsewhere: a leaky ReLU whose slope is learnt.

    Parameters
    ----------
    x : tensor, *shape (N, C, …)*, or scalar
        What is activated.
    weight : scalar, or tensor of *shape (C,)*
        One slope, or one a channel: a channel is axis 1 of `x`, or its only axis.

    Raises
    ------
    ShapeError
        If there are not as many slopes as channels.

    References
    ----------
    He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", eq. 1.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> prelu(tensor("X", "N", "C", 8, 8), tensor("a", "C")).shape
    (N, C, 8, 8)
    """
    if any_of([x]):
        return _sloped(x, as_expr(decimal(weight)))
    shape, slopes = shape_of(x), shape_of(decimal(weight))
    if not slopes:
        return map("leaky_relu", x, decimal(weight))
    axis = min(1, len(shape) - 1)
    if len(slopes) != 1 or axis < 0 or not same_size(shape[axis], slopes[0]):
        raise ShapeError(
            f"`prelu` needs one slope, or one a channel (axis 1): `x` has shape {shown(shape)} and "
            f"`weight` has shape {shown(slopes)}"
        )
    return map("leaky_relu", x, along_axis(weight, axis, len(shape)))


def maxout(*pieces: Any) -> Any:
    """Return the largest of several affine pieces, entry by entry.

    Parameters
    ----------
    *pieces : tensor or scalar
        They broadcast. `maxout(affine(x, V, b), affine(x, W, c))` is the lecture's; `relu` is the
        case in which one piece is 0. Where pieces tie they share the gradient equally.

    Raises
    ------
    UnsupportedError
        If there are fewer than two.

    References
    ----------
    Goodfellow, Warde-Farley, Mirza, Courville and Bengio (2013), "Maxout networks", section 2.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> maxout(tensor("x", "n"), tensor("y", "n"))
    max(x, y)
    """
    if len(pieces) < 2:
        raise UnsupportedError(f"`maxout` needs two pieces or more, and found {len(pieces)}")
    return map("max", *pieces)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """Return `x` where x > 0, and `alpha*(exp(x) - 1)` elsewhere.

    Its derivative by x is 1 where x > 0, and `alpha*exp(x)` elsewhere.

    References
    ----------
    Clevert, Unterthiner and Hochreiter (2016), eq. 15.

    Examples
    --------
    >>> elu(sympy.Symbol("x"))
    elu(x)
    """
    steep = as_expr(decimal(alpha))
    return map("elu", x) if steep == 1 else _sloped(x, steep, "elu")


def selu(x: Any) -> Any:
    """Return `1.0507*elu(x, 1.6733)`, with both numbers to 31 digits.

    References
    ----------
    Klambauer, Unterthiner, Mayr and Hochreiter (2017), "Self-normalizing neural networks", eq. 2.

    Examples
    --------
    >>> selu(sympy.Symbol("x"))
    selu(x)
    """
    return map("selu", x)


def softplus(x: Any) -> Any:
    """Return `log(1 + exp(x))` without overflow; its derivative is `sigmoid(x)`.

    References
    ----------
    Dugas, Bengio, Belisle, Nadeau and Garcia (2001), section 3.

    Examples
    --------
    >>> softplus(sympy.Symbol("x"))
    softplus(x)
    """
    return map("softplus", x)


def gelu(x: Any, approximate: str = "none") -> Any:
    """Return `x*Phi(x)`, where Phi is the normal distribution function.

    Parameters
    ----------
    x : tensor, scalar or SymPy matrix
        What is activated.
    approximate : {"none", "tanh"}
        "tanh" is `x/2*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x**3)))`, within 5e-4 of it.

    Raises
    ------
    UnsupportedError
        If `approximate` is neither.

    References
    ----------
    Hendrycks and Gimpel (2016), "Gaussian error linear units", section 2.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> gelu(tensor("x", "n")), gelu(tensor("x", "n"), "tanh").shape
    (gelu(x), (n,))
    """
    if approximate not in ("none", "tanh"):
        raise UnsupportedError(f"`gelu` takes approximate='none' or 'tanh', not {approximate!r}")
    if approximate == "none":
        return map("gelu", x)
    return map(_gelu_tanh, x) if any_of([x]) else _gelu_tanh(x)


def _gelu_tanh(x: Any) -> Any:
    bent = sympy.sqrt(2 / sympy.pi) * (x + GELU_CUBE * x**3)
    return x * (1 + tanh(bent)) / 2


def swish(x: Any) -> Any:
    """Return `x*sigmoid(x)`; `silu` is the same function.

    References
    ----------
    Ramachandran, Zoph and Le (2017), "Searching for activation functions", section 4.

    Examples
    --------
    >>> swish(sympy.Symbol("x"))
    swish(x)
    """
    return map("swish", x)


silu = swish
