"""Python and NumPy numbers as SymPy numbers, without reading any text."""

from __future__ import annotations

import numbers
from typing import Any

from sympy import Basic, Float, I, Integer, Rational

from symgrad.errors import UnsupportedError


def as_expr(value: Any) -> Any:
    """Return a number or expression as a SymPy object.

    Parameters
    ----------
    value : int, float, complex, Fraction, NumPy scalar or Basic
        What the caller gave; floats keep their binary value.

    Raises
    ------
    UnsupportedError
        If it is neither a number nor a SymPy object.

    Examples
    --------
    >>> as_expr(2), as_expr(0.5)
    (2, 0.500000000000000)
    """
    if isinstance(value, Basic):
        return value
    if isinstance(value, numbers.Integral):
        return Integer(int(value))
    if isinstance(value, numbers.Rational):
        return Rational(int(value.numerator), int(value.denominator))
    if isinstance(value, numbers.Real):
        return Float(float(value))
    if isinstance(value, numbers.Complex):
        z = complex(value)
        return Float(z.real) + I * Float(z.imag)
    raise UnsupportedError(
        f"a number or a SymPy expression is needed here, not {type(value).__name__}; "
        "read text with `sg.parse`"
    )
