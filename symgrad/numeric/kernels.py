"""NumPy kernels: what each gate does to float64 or complex128 arrays.

IEEE rules hold: 1/0 is inf and a domain error is nan. A gate that neither NumPy nor SciPy has is
computed point by point with mpmath.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from symgrad.expr import heads
from symgrad.numeric import kernels_special
from symgrad.numeric.deferred import special as sc
from symgrad.numeric.precise import pointwise
from symgrad.rules.row import Gate

Kernel = Callable[..., Any]


def power(x: Any, y: Any) -> Any:
    """Return x**y; the common constant exponents take their own route."""
    if np.ndim(y) == 0:
        if y == 2:
            return np.square(x)
        if y == -1:
            return np.divide(1.0, x)
    return np.power(x, y)


def indicator(x: Any, y: Any, tie: Any) -> Any:
    """Return 1 where x > y, the tie's value where x = y, 0 below; nan stays nan."""
    steps = np.where(x > y, 1.0, np.where(x == y, tie, 0.0))
    return np.where(np.isnan(x) | np.isnan(y), np.nan, steps)[()]


def where(condition: Any, x: Any, y: Any) -> Any:
    """Return x where the condition holds, else y."""
    return np.where(condition, x, y)[()]


def remainder(x: Any, y: Any) -> Any:
    """Return x - y*floor(x/y), as SymPy and Python do."""
    return np.mod(x, y)


def heaviside(x: Any, at_zero: Any = 0.5) -> Any:
    """Return the unit step."""
    return np.heaviside(x, at_zero)


def leaky_relu(x: Any, alpha: Any = 0.01) -> Any:
    """Return the leaky rectifier."""
    return where(x > 0, x, alpha * x)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """Return the exponential linear unit; no overflow on the positive side."""
    return where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


SELU_ALPHA, SELU_SCALE = float(heads.SELU_ALPHA), float(heads.SELU_SCALE)


def selu(x: Any) -> Any:
    """Return the self-normalising unit."""
    return SELU_SCALE * elu(x, SELU_ALPHA)


def logsumexp(*args: Any) -> Any:
    """Return log(Σ exp) shifted by the largest argument."""
    return reduce(np.logaddexp, args)


def fold(function: Kernel) -> Kernel:
    """Return a function of any number of arguments from one of two."""
    return lambda *args: reduce(function, args)


REAL: dict[str, Kernel] = {
    "add": np.add,
    "sub": np.subtract,
    "neg": np.negative,
    "mul": np.multiply,
    "div": np.divide,
    "pow": power,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "exp2": np.exp2,
    "cbrt": np.cbrt,
    "xlogy": sc.xlogy,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "cot": lambda x: 1 / np.tan(x),
    "sec": lambda x: 1 / np.cos(x),
    "csc": lambda x: 1 / np.sin(x),
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "acot": lambda x: np.arctan(np.divide(1.0, x)),
    "asec": lambda x: np.arccos(np.divide(1.0, x)),
    "acsc": lambda x: np.arcsin(np.divide(1.0, x)),
    "sinc": lambda x: np.sinc(x / np.pi),
    "atan2": np.arctan2,
    "hypot": np.hypot,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "coth": lambda x: 1 / np.tanh(x),
    "sech": lambda x: 1 / np.cosh(x),
    "csch": lambda x: 1 / np.sinh(x),
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "acoth": lambda x: np.arctanh(np.divide(1.0, x)),
    "asech": lambda x: np.arccosh(np.divide(1.0, x)),
    "acsch": lambda x: np.arcsinh(np.divide(1.0, x)),
    "max": fold(np.maximum),
    "min": fold(np.minimum),
    "abs": np.abs,
    "sign": np.sign,
    "heaviside": heaviside,
    "floor": np.floor,
    "ceiling": np.ceil,
    "mod": remainder,
    "where": where,
    "indicator": indicator,
    "stop_gradient": np.positive,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": lambda *args: reduce(np.logical_and, args, True),
    "or": lambda *args: reduce(np.logical_or, args, False),
    "xor": lambda *args: reduce(np.logical_xor, args, False),
    "not": np.logical_not,
    "sigmoid": sc.expit,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": lambda x: x * sc.ndtr(x),
    "swish": lambda x: x * sc.expit(x),
    "logsumexp": logsumexp,
    "logaddexp": np.logaddexp,
    **kernels_special.REAL,
}


def complex_cbrt(z: Any) -> Any:
    """Continue the real cube root to the neighbourhood of the real axis."""
    side = np.where(np.real(z) < 0, -1.0, 1.0)
    return side * (side * z) ** (1 / 3)


def complex_sigmoid(z: Any) -> Any:
    """Return 1/(1 + exp(-z)) without overflow on either side."""
    small = np.exp(np.where(np.real(z) >= 0, -z, z))
    return np.where(np.real(z) >= 0, 1, small) / (1 + small)


def complex_softplus(z: Any) -> Any:
    """Return log(1 + exp(z)) without overflow."""
    right = np.real(z) > 0
    return np.where(right, z, 0) + np.log1p(np.exp(np.where(right, -z, z)))


def complex_logsumexp(*args: Any) -> Any:
    """Return log(Σ exp), shifted by the largest real part."""
    shift = reduce(np.maximum, [np.real(a) for a in args])
    return shift + np.log(sum(np.exp(a - shift) for a in args))


COMPLEX: dict[str, Kernel] = {
    "cbrt": complex_cbrt,
    "sigmoid": complex_sigmoid,
    "softplus": complex_softplus,
    "swish": lambda z: z * complex_sigmoid(z),
    "gelu": lambda z: z * (1 + sc.erf(z / np.sqrt(2))) / 2,
    "logsumexp": complex_logsumexp,
    "logaddexp": complex_logsumexp,
    "exp2": lambda z: np.exp(z * np.log(2)),
    "sinc": lambda z: np.sin(z) / z,
    **kernels_special.COMPLEX,
}


def narrow(function: Kernel, dtype: str) -> Kernel:
    """Return a function whose real results are of a narrower type than NumPy makes them."""

    def run(*args: Any) -> Any:
        found = np.asarray(function(*args))
        return (found.astype(dtype, copy=False) if found.dtype.kind == "f" else found)[()]

    return run


def kernel(gate: Gate, *, complex_values: bool = False) -> Kernel:
    """Return the NumPy function of a gate; mpmath point by point where there is none.

    Parameters
    ----------
    gate : Gate
        The gate.
    complex_values : bool
        Whether operands are complex128.

    Raises
    ------
    BackendError
        When called, if no number can be had (an undefined function).
    """
    own = gate.kernels.get("numpy")
    if own is not None:
        return own
    if complex_values and gate.name in COMPLEX:
        return COMPLEX[gate.name]
    return REAL.get(gate.name) or pointwise(gate)
