"""Gates of the gamma function and its kin: beta, incomplete ones, factorials, number sequences."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Expr, Integer, S

from symgrad.expr import heads, literal
from symgrad.rules.row import POSITIVE, Gate, Site

OUTPUT = "reuses the output"
LACKING = "SymPy has the function and not this partial"
POLES = "polynomials at a known integer; the digamma form is 0*inf where the polynomial has a root"
LONGEST = 64  # length up to which a factorial power is a product

GAMMA = (
    Gate(
        "gamma",
        sympy.gamma,
        ("out*digamma(x)",),
        (1, 1),
        (POSITIVE,),
        reason=OUTPUT,
        source="DLMF 5.2.2",
    ),
    Gate("loggamma", sympy.loggamma, None, (1, 1), (POSITIVE,), source="DLMF 5.2.2"),
    Gate(
        "polygamma",
        sympy.polygamma,
        None,
        (2, 2),
        ((0.0, 3.0), (0.4, 3.0)),
        integers=(0,),
        unknown=(0,),
    ),
    Gate(
        "lowergamma", sympy.lowergamma, None, (2, 2), ((0.4, 3.0), (0.2, 3.0)), source="DLMF 8.2.1"
    ),
    Gate(
        "uppergamma", sympy.uppergamma, None, (2, 2), ((0.4, 3.0), (0.2, 3.0)), source="DLMF 8.2.2"
    ),
    Gate(
        "beta",
        sympy.beta,
        ("out*(digamma(x) - digamma(x + y))", "out*(digamma(y) - digamma(x + y))"),
        (2, 2),
        (POSITIVE, POSITIVE),
        reason=OUTPUT,
        source="DLMF 5.12.1 and 5.2.2",
    ),
)


# --- incomplete beta functions ---


def _by_first(a: Expr, b: Expr, x: Expr, known: Any) -> Expr:
    """Return the partial of the integral of t**(a - 1)*(1 - t)**(b - 1) over (0, x) by a."""
    if known == 0:
        return S.Zero
    if known == 1:
        return sympy.beta(a, b) * (sympy.digamma(a) - sympy.digamma(a + b))
    series = sympy.hyper((a, a, 1 - b), (a + 1, a + 1), x)
    return heads.xlogy(sympy.betainc(a, b, 0, x), x) - x**a / a**2 * series


def betainc_partial(site: Site) -> Expr:
    """Return the partials of the integral of t**(a - 1)*(1 - t)**(b - 1) over (x, y)."""
    a, b, x, y = site.operands
    low, high = (c if isinstance(c, sympy.Rational) else S.NaN for c in site.constants[2:])
    if site.index == 0:
        return _by_first(a, b, y, high) - _by_first(a, b, x, low)
    if site.index == 1:
        return _by_first(b, a, 1 - x, 1 - low) - _by_first(b, a, 1 - y, 1 - high)
    end = (x, y)[site.index - 2]
    density = end ** (a - 1) * (1 - end) ** (b - 1)
    return -density if site.index == 2 else density


def betainc_regularized_partial(site: Site) -> Expr:
    """Return the partials of the quotient of `betainc` and `beta`."""
    a, b = site.operands[:2]
    direct = betainc_partial(site) / sympy.beta(a, b)
    if site.index > 1:
        return direct
    end = site.operands[site.index]
    return direct - site.out * (sympy.digamma(end) - sympy.digamma(a + b))


def incomplete_beta(name: str, head: Any, rule: Any) -> Gate:
    """Return the row of an incomplete beta function."""
    return Gate(
        name,
        head,
        rule,
        (4, 4),
        ((0.6, 2.5), (0.6, 2.5), (0.1, 0.4), (0.5, 0.9)),
        sited=True,
        reason=LACKING,
        source="DLMF 8.17.1; by a parameter: the binomial series of the integrand, term by term",
    )


# --- factorial powers ---


def product_partial(x: Expr, factors: list[Expr]) -> Expr:
    """Return d/dx of the product of `factors`, each with derivative 1, in O(n) nodes."""
    value, slope = S.One, S.Zero
    for factor in factors:
        slope = factor_slope(slope, factor, value)
        value = factor if value is S.One else literal.mul(value, factor)
    return slope


def factor_slope(slope: Expr, factor: Expr, value: Expr) -> Expr:
    """Return `slope*factor + value`."""
    return value if slope is S.Zero else literal.add(literal.mul(slope, factor), value)


def _steps(x: Expr, count: int, sign: int) -> list[Expr]:
    return [literal.add(x, Integer(sign * i)) if i else x for i in range(count)]


def _known_length(site: Site) -> int | None:
    """Return operand 1 where it is a known natural number that is not too large."""
    count = site.constants[1]
    return int(count) if isinstance(count, Integer) and 0 <= count <= LONGEST else None


def rising_partial(site: Site) -> Expr:
    """Return the partials of gamma(x + k)/gamma(x)."""
    x, k = site.operands
    if site.index == 1:
        return site.out * sympy.digamma(x + k)
    count = _known_length(site)
    if count is not None:
        return product_partial(x, _steps(x, count, 1))
    return site.out * (sympy.digamma(x + k) - sympy.digamma(x))


def falling_partial(site: Site) -> Expr:
    """Return the partials of gamma(x + 1)/gamma(x - k + 1)."""
    x, k = site.operands
    if site.index == 1:
        return site.out * sympy.digamma(x - k + 1)
    count = _known_length(site)
    if count is not None:
        return product_partial(x, _steps(x, count, -1))
    return site.out * (sympy.digamma(x + 1) - sympy.digamma(x - k + 1))


def binomial_partial(site: Site) -> Expr:
    """Return the partials of gamma(n + 1)/(gamma(k + 1)*gamma(n - k + 1))."""
    n, k = site.operands
    count = _known_length(site)
    if site.index == 0 and count is not None:
        return product_partial(n, _steps(n, count, -1)) / sympy.factorial(count)
    other = sympy.digamma(n - k + 1)
    if site.index == 0:
        return site.out * (sympy.digamma(n + 1) - other)
    return site.out * (other - sympy.digamma(k + 1))


def factorial_power(name: str, head: Any, rule: Any) -> Gate:
    """Return the row of a rising or falling factorial or a binomial coefficient."""
    return Gate(
        name,
        head,
        rule,
        (2, 2),
        ((2.2, 5.0), (0.3, 1.8)),
        sited=True,
        reason=POLES,
        source="DLMF 5.2.5 and 5.2.2",
    )


# --- number sequences: functions of an integer ---


def sequence(name: str, head: Any) -> Gate:
    """Return the row of a function of an integer, which has no partial."""
    return Gate(
        name, head, None, (1, 1), ((0.0, 6.0),), integers=(0,), unknown=(0,), analytic=False
    )


FACTORIALS = (
    Gate(
        "factorial",
        sympy.factorial,
        ("out*digamma(x + 1)",),
        (1, 1),
        (POSITIVE,),
        reason=OUTPUT,
        source="DLMF 5.4.1 and 5.2.2",
    ),
    incomplete_beta("betainc", sympy.betainc, betainc_partial),
    incomplete_beta("betainc_regularized", sympy.betainc_regularized, betainc_regularized_partial),
    factorial_power("RisingFactorial", sympy.RisingFactorial, rising_partial),
    factorial_power("FallingFactorial", sympy.FallingFactorial, falling_partial),
    factorial_power("binomial", sympy.binomial, binomial_partial),
    Gate(
        "harmonic",
        sympy.harmonic,
        None,
        (1, 2),
        ((0.5, 4.0), (1.3, 3.0)),
        unknown=(1,),
        source="H_n = zeta(m) - zeta(m, n + 1) and DLMF 25.11.17",
    ),
    Gate("catalan", sympy.catalan, None, (1, 1), (POSITIVE,)),
    sequence("factorial2", sympy.factorial2),
    sequence("subfactorial", sympy.subfactorial),
    sequence("lucas", sympy.lucas),
)

ROWS = (*GAMMA, *FACTORIALS)
