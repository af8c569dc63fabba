"""Exact numbers: from their text to SymPy and back.

A decimal is a fraction of integers; no floating-point number is ever made. Imports SymPy only.
"""

from __future__ import annotations

from typing import Any

from sympy import Float, Integer, Rational

from symgrad.expr.refusal import Refusal

_CHUNK = 1000  # digits that are turned into text at once, below Python's limit of 4300
_ZEROS = 6  # zeros in a row from which a number is written with an exponent
_MOST_EXPONENT = 6  # digits of an exponent that are worth reading


def read_number(text: str, position: int, digits: int) -> Any:
    """Return the exact value of a numeral.

    Parameters
    ----------
    text : str
        Digits, with a point, an exponent and `_` between digits where wanted.
    position : int
        Where the numeral stands, for the error.
    digits : int
        How many digits the number may have when written out.

    Raises
    ------
    Refusal
        If the number is longer.

    Examples
    --------
    >>> read_number("0.1", 0, 500), read_number("1e-3", 0, 500), read_number("1.", 0, 500)
    (1/10, 1/1000, 1)
    """
    mantissa, _, exponent_text = text.replace("_", "").lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    if len(exponent_text.lstrip("+-0")) > _MOST_EXPONENT:
        raise _too_long(position, digits)
    exponent = int(exponent_text or 0)
    before = max(len(whole) + exponent, 1)
    after = max(len(fraction) - exponent, 0)
    if max(before + after, len(whole) + len(fraction)) > digits:
        raise _too_long(position, digits)
    shift = exponent - len(fraction)
    value = int(whole + fraction)
    return Integer(value * 10**shift) if shift >= 0 else Rational(value, 10**-shift)


def _too_long(position: int, digits: int) -> Refusal:
    return Refusal(
        f"this number has more than {digits} digits when written out; "
        "round it, or read with `limits=Limits(digits=...)`",
        position,
        limit=True,
    )


def decimal_places(value: Any) -> int | None:
    """Return how many decimals write the rational `value` exactly, or None.

    Examples
    --------
    >>> decimal_places(Rational(1, 8)), decimal_places(Rational(1, 3))
    (3, None)
    """
    rest, twos, fives = int(value.q), 0, 0
    twos = (rest & -rest).bit_length() - 1
    rest >>= twos
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def write_integer(value: int) -> str:
    """Return the digits of an integer ≥ 0 of any size; a long tail of zeros is an exponent.

    Examples
    --------
    >>> write_integer(120), write_integer(10**400), write_integer(25 * 10**30)
    ('120', '1e400', '25e30')
    """
    digits = _digits(value)
    bare = digits.rstrip("0")
    zeros = len(digits) - len(bare)
    return f"{bare}e{zeros}" if bare and zeros > _ZEROS else digits


def write_decimal(value: Any, places: int) -> str:
    """Return the terminating decimal `value` ≥ 0 with `places` decimals.

    Examples
    --------
    >>> write_decimal(Rational(1, 10), 1), write_decimal(Rational(3, 10**20), 20)
    ('0.1', '3e-20')
    """
    digits = _digits(int(value.p) * 10**places // int(value.q))
    if places - len(digits) >= _ZEROS:
        return f"{digits}e-{places}"
    digits = digits.zfill(places + 1)
    return f"{digits[:-places]}.{digits[-places:]}"


def write_float(value: Float) -> str:
    """Return a text of a non-negative SymPy float that reads back as near as its precision."""
    if value._prec == 53:
        return repr(float(value))
    return str(value)


def _digits(value: int) -> str:
    """Return the decimal digits of an integer of any size."""
    step, parts = 10**_CHUNK, []
    while value >= step:
        value, rest = divmod(value, step)
        parts.append(str(rest).zfill(_CHUNK))
    parts.append(str(value))
    return "".join(reversed(parts))
