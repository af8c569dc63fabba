"""Evaluation to any number of digits: the working precision grows until two results agree."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import sympy

from symgrad.dag.digraph import Graph
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.numeric import precise
from symgrad.numeric.arithmetic import Precise, forward_values
from symgrad.numeric.numbers import as_value

MOST_DIGITS = 10_000
CANCELLED = 4_000  # digits that may cancel before a result is given as it is
KEEP_ABSOLUTE = (
    frozenset(  # gates that hand absolute errors on, and may make small numbers of large
        ["add", "sub", "neg", "mod", "Rem", "frac", "sin", "cos", "abs", "max", "min", "relu"]
    )
)
GUARD = 15  # decimal digits carried beyond those that are asked for


def evaluated(source: Graph, raw: list[Any], digits: int) -> Any:
    """Return the value of a scalar formula with so many digits.

    Parameters
    ----------
    source : Graph
        One scalar formula.
    raw : list
        What was given for each variable.
    digits : int
        Significant decimal digits.

    Raises
    ------
    UnsupportedError
        If so many digits are not computed.
    """
    if not isinstance(digits, int) or not 1 <= digits <= MOST_DIGITS:
        raise UnsupportedError(f"digits={digits} is outside 1 to {MOST_DIGITS}")
    working, before = digits + GUARD, None
    most = 16 * working + CANCELLED
    while True:
        with precise.working(working):
            inputs = [_exact(v, str(s)) for v, s in zip(raw, source.inputs, strict=True)]
            values = forward_values(source, inputs, Precise())
            found = values[source.outputs[0]]
            lost = min(_lost_digits(source, values), most)
            agrees = before is not None and _agree(found, before, digits)
            settled = agrees and working >= digits + lost
            if settled or not mp.isfinite(found) or working >= most:
                return _as_sympy(found, digits)
        before, working = found, min(max(working + working // 2, digits + lost + GUARD), most)


def _lost_digits(source: Graph, values: list[Any]) -> int:
    """Return how many decimal digits of the result are lost at worst.

    Notes
    -----
    A running bound of each node's error, as a binary exponent relative to the working precision.
    """
    least = -mp.mp.prec
    sizes = [_size(value, least) for value in values]
    errors: list[int] = []
    for node, args in enumerate(source.nodes.args):
        name, size = source.nodes.gates[node].name, sizes[node]
        absolute = max((errors[a] for a in args), default=0)
        relative = max((errors[a] - sizes[a] for a in args), default=0)
        if name in KEEP_ABSOLUTE:
            relative = absolute - size
        elif name == "exp":
            relative = absolute
        elif name == "log":
            relative -= size
        errors.append(size + max(relative, 0))
    output = source.outputs[0]
    return max(0, int((errors[output] - sizes[output]) / math.log2(10)))


def _size(value: Any, least: int) -> int:
    """Return a number's binary exponent; `least` for 0, and 0 for what is no finite number."""
    if isinstance(value, bool) or not mp.isfinite(value):
        return 0
    return least if value == 0 else int(mp.mag(value))


def _agree(a: Any, b: Any, digits: int) -> bool:
    scale = abs(a)
    return bool(abs(a - b) <= scale * mp.mpf(10) ** (-digits - 1)) or (a == b)


def _exact(value: Any, name: str) -> Any:
    if isinstance(value, sympy.Basic):
        if not value.is_number:
            raise UnsupportedError(f"`{name}` needs a number, but `{value}` holds symbols")
        return Precise().number(value)
    if isinstance(value, (int, np.integer)):
        return mp.mpf(int(value))
    found = as_value(value, name)
    if np.ndim(found):
        raise ShapeError(f"`digits=` needs one number for `{name}`, not shape {np.shape(found)}")
    return mp.mpmathify(found.item())


def _as_sympy(value: Any, digits: int) -> Any:
    if isinstance(value, mp.mpc) and value.imag != 0:
        real, imaginary = (_as_sympy(part, digits) for part in (value.real, value.imag))
        return real + sympy.I * imaginary
    if isinstance(value, bool):
        return sympy.true if value else sympy.false
    value = value.real if isinstance(value, mp.mpc) else value
    if mp.isnan(value):
        return sympy.nan
    if mp.isinf(value):
        return sympy.oo if value > 0 else -sympy.oo
    return sympy.Float(value, digits)
