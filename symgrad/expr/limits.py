"""The largest text that the reader takes.

Imports nothing of symgrad. The reader is linear in time and memory, so these limits are about
what later passes can carry, and about refusing an absurd text early.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

LONGEST_INT = 4300  # Python refuses to read longer integers by default.


@dataclass(frozen=True, slots=True)
class Limits:
    """What the reader refuses to exceed.

    Parameters
    ----------
    length : int, default 1_000_000
        Characters of the whole text.
    nesting : int, default 1000
        Brackets, signs and powers that are open at once.
    digits : int, default 500
        Digits of one number when it is written out without an exponent, at most 4300.
    name : int, default 100
        Characters of one name.
    tokens : int, default 500_000
        Numbers, names, operators and brackets of the whole text.

    Raises
    ------
    ValueError
        If a limit is not positive, or `digits` exceeds 4300.

    Examples
    --------
    >>> Limits(nesting=200_000).digits
    500
    """

    length: int = 1_000_000
    nesting: int = 1_000
    digits: int = 500
    name: int = 100
    tokens: int = 500_000

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"the limit `{field.name}` must be at least 1")
        if self.digits > LONGEST_INT:
            raise ValueError(f"the limit `digits` is {self.digits}; it may be {LONGEST_INT}")


DEFAULT = Limits()
