"""Gates of Bessel functions and their kin: cylinder, spherical, Hankel, Airy, Marcum.

The partial by the argument comes from the recurrences; the one by the order has no closed form
in functions that SymPy names.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr

from symgrad.rules.row import REAL, Gate, Site

ORDER = (-1.5, 3.0)
ARGUMENT = (0.4, 4.0)


def cylinder(
    name: str, head: Any, source: str, first: int = -1, *, complex_valued: bool = False
) -> Gate:
    """Return the row of a cylinder function `C(order, x)`; C(0, x)' is `first*C(1, x)`."""

    def partial(site: Site) -> Expr:
        order, x = site.operands
        if site.constants[0] == 0:
            return first * head(sympy.S.One, x)
        return head(order, x).diff(x)

    return Gate(
        name,
        head,
        partial,
        (2, 2),
        (ORDER, ARGUMENT),
        unknown=(0,),
        complex_valued=complex_valued,
        sited=True,
        reason="one function instead of two at a known order 0",
        source=source,
    )


def spherical(name: str, head: Any, *, complex_valued: bool = False) -> Gate:
    """Return the row of a spherical Bessel function."""

    def partial(site: Site) -> Expr:
        n, x = site.operands
        if site.constants[0] == 0:
            return -head(sympy.S.One, x)
        return (n * head(n - 1, x) - (n + 1) * head(n + 1, x)) / (2 * n + 1)

    return Gate(
        name,
        head,
        partial,
        (2, 2),
        ((0.0, 4.0), ARGUMENT),
        integers=(0,),
        unknown=(0,),
        complex_valued=complex_valued,
        sited=True,
        reason="SymPy divides by x, which is 0/0 at x = 0",
        source="DLMF 10.51.1",
    )


CYLINDER = (
    cylinder("besselj", sympy.besselj, "DLMF 10.6.1 and 10.6.3"),
    cylinder("bessely", sympy.bessely, "DLMF 10.6.1 and 10.6.3"),
    cylinder("besseli", sympy.besseli, "DLMF 10.29.1 and 10.29.3", 1),
    cylinder("besselk", sympy.besselk, "DLMF 10.29.1 and 10.29.3"),
    cylinder("hankel1", sympy.hankel1, "DLMF 10.6.1 and 10.6.3", complex_valued=True),
    cylinder("hankel2", sympy.hankel2, "DLMF 10.6.1 and 10.6.3", complex_valued=True),
)
SPHERICAL = (
    spherical("jn", sympy.jn),
    spherical("yn", sympy.yn),
    spherical("hn1", sympy.hn1, complex_valued=True),
    spherical("hn2", sympy.hn2, complex_valued=True),
)
AIRY = (
    Gate("airyai", sympy.airyai, None, (1, 1), (REAL,)),
    Gate("airybi", sympy.airybi, None, (1, 1), (REAL,)),
    Gate("airyaiprime", sympy.airyaiprime, None, (1, 1), (REAL,), source="DLMF 9.2.1"),
    Gate("airybiprime", sympy.airybiprime, None, (1, 1), (REAL,), source="DLMF 9.2.1"),
)
MARCUM = Gate(
    "marcumq",
    sympy.marcumq,
    None,
    (3, 3),
    ((1.0, 3.0), (0.4, 2.0), (0.4, 2.0)),
    unknown=(0,),
)

ROWS = (*CYLINDER, *SPHERICAL, *AIRY, MARCUM)
