"""Kernels for array libraries that share NumPy's names: JAX and torch.

`table(xp)` spells every elementary gate with the functions of a module `xp`; what one library
names, or knows, differently stands in its own file. Nothing is imported here: the module is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

from symgrad.expr import heads

Kernel = Callable[..., Any]
Table = dict[str, Kernel]

SELU_ALPHA, SELU_SCALE = float(heads.SELU_ALPHA), float(heads.SELU_SCALE)

SAME = {  # gate: the name of the function
    "add": "add",
    "sub": "subtract",
    "neg": "negative",
    "mul": "multiply",
    "sqrt": "sqrt",
    "exp": "exp",
    "log": "log",
    "log2": "log2",
    "log10": "log10",
    "log1p": "log1p",
    "expm1": "expm1",
    "exp2": "exp2",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "hypot": "hypot",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "abs": "abs",
    "sign": "sign",
    "floor": "floor",
    "ceiling": "ceil",
    "mod": "remainder",
    "Rem": "fmod",
    "where": "where",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "not": "logical_not",
    "logaddexp": "logaddexp",
}
FOLDED = {
    "max": "maximum",
    "min": "minimum",
    "and": "logical_and",
    "or": "logical_or",
    "xor": "logical_xor",
    "logsumexp": "logaddexp",
}
# A function of 1/x, or 1 over a function: gate, function, whether the operand is inverted.
INVERSES = (
    ("cot", "tan", False),
    ("sec", "cos", False),
    ("csc", "sin", False),
    ("coth", "tanh", False),
    ("sech", "cosh", False),
    ("csch", "sinh", False),
    ("acot", "arctan", True),
    ("asec", "arccos", True),
    ("acsc", "arcsin", True),
    ("acoth", "arctanh", True),
    ("asech", "arccosh", True),
    ("acsch", "arcsinh", True),
)


def table(xp: Any) -> Table:
    """Return the kernels of the elementary gates.

    Parameters
    ----------
    xp : module
        With NumPy's functions under NumPy's names.
    """
    found: Table = {gate: getattr(xp, name) for gate, name in SAME.items()}
    found |= {gate: _folded(getattr(xp, name)) for gate, name in FOLDED.items()}
    found |= {gate: _inverse(getattr(xp, name), inner) for gate, name, inner in INVERSES}
    return found | _powers(xp) | _steps(xp) | _units(xp)


def _folded(function: Kernel) -> Kernel:
    return lambda *args: reduce(function, args)


def _inverse(function: Kernel, inside: bool) -> Kernel:
    if inside:
        return lambda x: function(1.0 / x)
    return lambda x: 1.0 / function(x)


def _powers(xp: Any) -> Table:
    def xlogy(x: Any, y: Any) -> Any:
        found = x * xp.log(xp.where(x == 0, xp.ones_like(y), y))
        return xp.where((x == 0) & xp.isnan(y), y, found)

    def sinc(x: Any) -> Any:
        apart = xp.where(x == 0, xp.ones_like(x), x)
        return xp.where(x == 0, xp.ones_like(x), xp.sin(apart) / apart)

    return {
        "div": lambda x, y: x / y,
        "pow": lambda x, y: x**y,
        "xlogy": xlogy,
        "sinc": sinc,
        "stop_gradient": lambda x: x,
        "frac": lambda x: x - xp.floor(x),
        "re": lambda x: x,
        "conjugate": lambda x: x,
        "im": xp.zeros_like,
    }


def _steps(xp: Any) -> Table:
    def chosen(x: Any, y: Any, above: Any, tie: Any, below: Any) -> Any:
        """Return a number a side; nan stays nan, for nan - nan is nan."""
        found = xp.where(x > y, above, xp.where(x == y, tie, below))
        return xp.where(xp.isnan(x) | xp.isnan(y), xp.full_like(found, math.nan), found)

    def number(like: Any, value: float) -> Any:
        return xp.full_like(like, value)

    def indicator(x: Any, y: Any, tie: Any) -> Any:
        return chosen(x, y, number(tie, 1.0), tie, number(tie, 0.0))

    def heaviside(x: Any, at_zero: Any = None) -> Any:
        tie = number(x, 0.5) if at_zero is None else at_zero
        return chosen(x, number(x, 0.0), number(tie, 1.0), tie, number(tie, 0.0))

    def bracket(x: Any, a: Any, n: Any) -> Any:
        zero, apart = number(x, 0.0), xp.where(x > a, x - a, number(x, 1.0))
        power = xp.where(x > a, apart**n, xp.where((x == a) & (n == 0), number(x, 1.0), zero))
        pulse = xp.where(x == a, number(x, math.inf), zero)
        found = xp.where(n < 0, pulse, power)
        missing = xp.isnan(x) | xp.isnan(a) | xp.isnan(n)
        return xp.where(missing, xp.full_like(found, math.nan), found)

    def dirac(x: Any, n: Any = None) -> Any:
        return xp.where(x == 0, number(x, math.inf), xp.where(xp.isnan(x), x, number(x, 0.0)))

    def kronecker(i: Any, j: Any) -> Any:
        return chosen(i, j, number(i, 0.0), number(i, 1.0), number(i, 0.0))

    return {
        "indicator": indicator,
        "heaviside": heaviside,
        "SingularityFunction": bracket,
        "DiracDelta": dirac,
        "KroneckerDelta": kronecker,
        "arg": lambda x: xp.where(x < 0, number(x, math.pi), xp.where(x >= 0, number(x, 0.0), x)),
    }


def _units(xp: Any) -> Table:
    def negative(x: Any) -> Any:
        return xp.minimum(x, xp.zeros_like(x))

    def leaky_relu(x: Any, alpha: Any = 0.01) -> Any:
        return xp.where(x > 0, x, alpha * x)

    def elu(x: Any, alpha: Any = 1.0) -> Any:
        return xp.where(x > 0, x, alpha * xp.expm1(negative(x)))

    return {
        "relu": lambda x: xp.maximum(x, xp.zeros_like(x)),
        "leaky_relu": leaky_relu,
        "elu": elu,
        "selu": lambda x: SELU_SCALE * elu(x, SELU_ALPHA),
        "softplus": lambda x: xp.logaddexp(x, xp.zeros_like(x)),
    }
