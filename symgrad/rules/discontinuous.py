"""Gates with jumps or integer arguments, and the parts of a complex number.

Under real analysis the real part and the conjugate are the identity, and the imaginary part and the
angle do not move. Never a `DiracDelta`: what SymPy differentiates into one is refused.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Integer, S

from symgrad.expr import kinks, literal
from symgrad.rules.row import POSITIVE, REAL, Gate, Site


def jumps(site: Site, value: Expr, jump: Expr) -> Expr:
    """Return `value`, or nan at the jump where the policy asks for it."""
    if site.kinks in ("min_norm", "first"):
        return value
    return literal.where(literal.apply(sympy.Eq, jump, S.Zero), S.NaN, value)


def fraction_partial(site: Site) -> Expr:
    """Return the derivative of `x - floor(x)`."""
    return jumps(site, S.One, site.out)


def truncated_partial(site: Site) -> Expr:
    """Return the partials of `x - y*trunc(x/y)`."""
    x, y = site.operands
    if site.index == 0:
        return jumps(site, S.One, site.out)
    return jumps(site, literal.neg(literal.div(literal.sub(x, site.out), y)), site.out)


def bracket_partial(site: Site) -> Expr:
    """Return the partials of Macaulay's bracket; its exponent must be a known natural number."""
    x, a, n = site.operands
    exponent = site.constants[2]
    if not isinstance(exponent, Integer) or exponent < 0:
        return sympy.Derivative(sympy.SingularityFunction(x, a, n), x)
    if exponent == 0:
        return kinks.step_partial(x, a, site.kinks)
    lowered = literal.apply(sympy.SingularityFunction, x, a, exponent - 1)
    slope = literal.mul(exponent, lowered) if exponent > 1 else lowered
    return literal.neg(slope) if site.index else slope


def refused(name: str, head: object, arity: tuple[int, int | None]) -> Gate:
    """Return the row of a function that has no derivative by any argument."""
    return Gate(
        name,
        head,
        None,
        arity,
        ((1.0, 3.0),),
        integers=(0, 1, 2),
        unknown=(0, 1, 2),
        analytic=False,
        role="blocks",
    )


ROWS = (
    Gate("re", sympy.re, ("1",), (1, 1), (REAL,), analytic=False),
    Gate("im", sympy.im, ("0",), (1, 1), (REAL,), analytic=False, role="blocks"),
    Gate("arg", sympy.arg, ("0",), (1, 1), (POSITIVE,), analytic=False, role="blocks"),
    Gate("conjugate", sympy.conjugate, ("1",), (1, 1), (REAL,), analytic=False),
    Gate(
        "frac",
        sympy.frac,
        fraction_partial,
        (1, 1),
        (REAL,),
        analytic=False,
        sited=True,
        kinked=True,
    ),
    Gate(
        "Rem",
        sympy.Rem,
        truncated_partial,
        (2, 2),
        (REAL, POSITIVE),
        analytic=False,
        sited=True,
        kinked=True,
    ),
    Gate(
        "SingularityFunction",
        sympy.SingularityFunction,
        bracket_partial,
        (3, 3),
        (REAL, REAL, (0.0, 3.0)),
        integers=(2,),
        unknown=(2,),
        analytic=False,
        sited=True,
        kinked=True,
        source="Macaulay, 1919",
    ),
    refused("DiracDelta", sympy.DiracDelta, (1, 2)),
    refused("KroneckerDelta", sympy.KroneckerDelta, (2, 2)),
    refused("LeviCivita", sympy.LeviCivita, (1, None)),
)
