"""Gates of orthogonal polynomials, spherical harmonics and polynomial sequences.

The degree is an integer; no partial by it is known. At a known degree 0 the partials are 0, and
sums over the degree are written out; otherwise they stay sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Dummy, Expr, Integer, Rational, S

from symgrad.expr import literal
from symgrad.rules.row import REAL, UNIT, Gate, Rule, Site

DEGREE = (1.0, 5.0)
LONGEST = 64  # degree up to which a sum is written out
ENDS = "SymPy's form is 0/0 at x = 1 and x = -1"
Formula = Callable[..., Expr]


def known_degree(site: Site) -> int | None:
    """Return the degree, which is operand 0, where it is a known integer."""
    degree = site.constants[0]
    return int(degree) if isinstance(degree, Integer) else None


def by(*formulas: Formula | None) -> Rule:
    """Return a rule with one formula an operand; all of them are 0 at a known degree 0."""

    def partial(site: Site) -> Expr:
        formula = formulas[site.index]
        if formula is None or known_degree(site) == 0:
            return S.Zero
        return formula(site)

    return partial


def of_operands(formula: Callable[..., Expr]) -> Formula:
    """Return a formula that reads the operands alone."""
    return lambda site: formula(*site.operands)


def over_degrees(term: Callable[..., Expr]) -> Formula:
    """Return the sum of `term(k, *operands, out)` over k = 0 .. degree - 1."""

    def total(site: Site) -> Expr:
        degree = known_degree(site)
        if degree is not None and degree <= LONGEST:
            args = (Integer(degree), *site.operands[1:], site.out)
            return sympy.Add(*(term(Integer(k), *args) for k in range(degree)))
        k = Dummy("k", integer=True, nonnegative=True)
        return sympy.Sum(term(k, *site.operands, site.out), (k, 0, site.operands[0] - 1))

    return total


# --- partials by a parameter ---


def laguerre_term(k: Expr, n: Expr, a: Expr, x: Expr, out: Expr) -> Expr:
    """Return the summand of dL_n^(a)/da; SymPy divides by n - a, which is wrong."""
    return sympy.assoc_laguerre(k, a, x) / (n - k)


def gegenbauer_term(k: Expr, n: Expr, a: Expr, x: Expr, out: Expr) -> Expr:
    """Return the summand of dC_n^(a)/da."""
    odd = 2 * (1 + (-1) ** (n - k)) * (k + a) / ((k + n + 2 * a) * (n - k))
    same = 2 * (k + 1) / ((k + 2 * a) * (2 * k + 2 * a + 1)) + 2 / (k + n + 2 * a)
    return odd * sympy.gegenbauer(k, a, x) + same * out


def jacobi_term(
    k: Expr, n: Expr, a: Expr, b: Expr, x: Expr, out: Expr, other: Expr, sign: Expr
) -> Expr:
    """Return the summand of dP_n^(a,b) by a (`other` is b) or by b (`other` is a)."""
    rising = sympy.RisingFactorial
    ratio = rising(k + other + 1, n - k) / rising(k + a + b + 1, n - k)
    mixed = sign * (2 * k + a + b + 1) / (n - k) * ratio * sympy.jacobi(k, a, b, x)
    return (mixed + out) / (k + n + a + b + 1)


# --- partials by an angle or a variable ---


def harmonic_by_colatitude(site: Site) -> Expr:
    """Return dY_n^m/dtheta; Y_n^(m+1) is 0 where m = n, and its factor is no real number beyond."""
    n, m, theta, phi = site.operands
    turned = m * sympy.cot(theta) * site.out
    known = site.constants[:2]
    if all(isinstance(c, Integer) for c in known) and known[1] >= known[0]:
        return turned
    raised = sympy.sqrt((n - m) * (n + m + 1)) * sympy.exp(-sympy.I * phi)
    return turned + raised * sympy.Ynm(n, m + 1, theta, phi)


def real_harmonic_by_colatitude(site: Site) -> Expr:
    """Return dZ_nm/dtheta at a known order m: the raised function, turned to the same azimuth."""
    n, m, theta, phi = site.operands
    order = site.constants[1]
    if not isinstance(order, Integer):
        return sympy.Derivative(sympy.Znm(n, m, theta, phi), theta)
    if order == 0:
        return sympy.sqrt(n * (n + 1) / 2) * literal.apply(sympy.Znm, n, S.One, theta, S.Zero)
    size, way = abs(order), sympy.sign(order)
    raised = literal.apply(sympy.Znm, n, order + way, theta, phi * size / (size + 1))
    factor = way * sympy.sqrt((n - size) * (n + size + 1))
    return size * sympy.cot(theta) * site.out + factor * raised


def fibonacci_partial(site: Site) -> Expr:
    """Return dF_n(x)/dx by the Lucas polynomials L_n = F_(n+1) + F_(n-1)."""
    n, x = site.operands
    lucas = sympy.fibonacci(n + 1, x) + sympy.fibonacci(n - 1, x)
    return (n * lucas - x * site.out) / (x**2 + 4)


def touchard_partial(site: Site) -> Expr:
    """Return dB_n(x)/dx; the form for an unknown degree is 0/0 at x = 0."""
    n, x = site.operands
    degree = known_degree(site)
    if degree is None or degree > LONGEST:
        return sympy.bell(n + 1, x) / x - site.out
    terms = (sympy.binomial(degree, k) * sympy.bell(k, x) for k in range(degree))
    return sympy.Add(*terms)


def expanded_partial(site: Site) -> Expr:
    """Differentiate the polynomial itself, at a known degree."""
    degree = known_degree(site)
    if degree is None or degree > LONGEST:
        return sympy.Derivative(sympy.tribonacci(*site.operands), site.operands[1])
    x = site.operands[1]
    return sympy.diff(sympy.tribonacci(degree, x), x)


def polynomial(
    name: str,
    head: Any,
    rule: Rule,
    domain: tuple[tuple[float, float], ...],
    source: str,
    *,
    unknown: tuple[int, ...] = (0,),
    integers: tuple[int, ...] = (0,),
    least: int | None = None,
    complex_valued: bool = False,
    analytic: bool = True,
    reason: str = "",
) -> Gate:
    """Return the row of a polynomial whose degree is operand 0."""
    arity = (least or len(domain), len(domain))
    return Gate(
        name,
        head,
        rule,
        arity,
        domain,
        integers=integers,
        unknown=unknown,
        complex_valued=complex_valued,
        analytic=analytic,
        sited=True,
        reason=reason or "0 at a known degree 0",
        source=source,
    )


def same(head: Any) -> Formula:
    """Return `n*head(n - 1, x)`, the rule of an Appell sequence."""
    return of_operands(lambda n, x: n * head(n - 1, x))


HALF_THREE = Rational(3, 2)
PARAMETER = (0.3, 1.5)
CLASSICAL = (
    polynomial(
        "legendre",
        sympy.legendre,
        by(None, of_operands(lambda n, x: sympy.gegenbauer(n - 1, HALF_THREE, x))),
        (DEGREE, UNIT),
        "DLMF 18.9.19 with lambda = 1/2",
        reason=ENDS,
    ),
    Gate(
        "assoc_legendre",
        sympy.assoc_legendre,
        ("0", "0", "(x*z*out - (x + y)*assoc_legendre(x - 1, y, z))/(z**2 - 1)"),
        (3, 3),
        ((3.0, 6.0), (0.0, 3.0), UNIT),
        integers=(0, 1),
        unknown=(0, 1),
        reason="SymPy's form, with the output",
        source="DLMF 14.10.5",
    ),
    polynomial(
        "laguerre",
        sympy.laguerre,
        by(None, of_operands(lambda n, x: -sympy.assoc_laguerre(n - 1, 1, x))),
        (DEGREE, (0.2, 4.0)),
        "DLMF 18.9.23",
    ),
    polynomial(
        "assoc_laguerre",
        sympy.assoc_laguerre,
        by(
            None,
            over_degrees(laguerre_term),
            of_operands(lambda n, a, x: -sympy.assoc_laguerre(n - 1, a + 1, x)),
        ),
        (DEGREE, PARAMETER, (0.2, 4.0)),
        "DLMF 18.9.23; by a: the generating function (1 - t)**(-a - 1)*exp(x*t/(t - 1))",
        reason="SymPy's partial by the parameter divides by n - a instead of n - k",
    ),
    polynomial(
        "hermite",
        sympy.hermite,
        by(None, of_operands(lambda n, x: 2 * n * sympy.hermite(n - 1, x))),
        (DEGREE, REAL),
        "DLMF 18.9.25",
    ),
    polynomial(
        "hermite_prob",
        sympy.hermite_prob,
        by(None, same(sympy.hermite_prob)),
        (DEGREE, REAL),
        "DLMF 18.9.27",
    ),
    polynomial(
        "chebyshevt",
        sympy.chebyshevt,
        by(None, of_operands(lambda n, x: n * sympy.chebyshevu(n - 1, x))),
        (DEGREE, UNIT),
        "DLMF 18.9.21",
    ),
    polynomial(
        "chebyshevu",
        sympy.chebyshevu,
        by(None, of_operands(lambda n, x: 2 * sympy.gegenbauer(n - 1, 2, x))),
        (DEGREE, UNIT),
        "DLMF 18.9.19 with lambda = 1",
        reason=ENDS,
    ),
    polynomial(
        "gegenbauer",
        sympy.gegenbauer,
        by(
            None,
            over_degrees(gegenbauer_term),
            of_operands(lambda n, a, x: 2 * a * sympy.gegenbauer(n - 1, a + 1, x)),
        ),
        (DEGREE, PARAMETER, UNIT),
        "DLMF 18.9.19; by the parameter: Froehlich, 1994",
    ),
    polynomial(
        "jacobi",
        sympy.jacobi,
        by(
            None,
            over_degrees(lambda k, n, a, b, x, out: jacobi_term(k, n, a, b, x, out, b, S.One)),
            over_degrees(
                lambda k, n, a, b, x, out: jacobi_term(k, n, a, b, x, out, a, (-1) ** (n - k))
            ),
            of_operands(
                lambda n, a, b, x: (n + a + b + 1) / 2 * sympy.jacobi(n - 1, a + 1, b + 1, x)
            ),
        ),
        (DEGREE, PARAMETER, PARAMETER, UNIT),
        "DLMF 18.9.15; by the parameters: Froehlich, 1994",
    ),
)

HARMONICS = (
    polynomial(
        "Ynm",
        sympy.Ynm,
        by(
            None,
            None,
            harmonic_by_colatitude,
            lambda site: site.operands[1] * sympy.I * site.out,
        ),
        (DEGREE, (0.0, 1.0), (0.3, 2.8), REAL),
        "DLMF 14.30.1",
        integers=(0, 1),
        unknown=(0, 1),
        complex_valued=True,
    ),
    polynomial(
        "Znm",
        sympy.Znm,
        by(
            None,
            None,
            real_harmonic_by_colatitude,
            of_operands(lambda n, m, t, p: (-1) ** m * m * sympy.Znm(n, -m, t, p)),
        ),
        ((3.0, 5.0), (-2.0, 2.0), (0.3, 2.8), REAL),
        "DLMF 14.30.1, real and imaginary parts",
        integers=(0, 1),
        unknown=(0, 1),
        analytic=False,
        reason="SymPy has no partial",
    ),
)

LACKING = "SymPy has the polynomial and not this partial"
SEQUENCES = (
    polynomial(
        "bernoulli",
        sympy.bernoulli,
        by(None, same(sympy.bernoulli)),
        (DEGREE, REAL),
        "DLMF 24.4.34",
        least=1,
        reason=LACKING,
    ),
    polynomial(
        "euler",
        sympy.euler,
        by(None, same(sympy.euler)),
        (DEGREE, REAL),
        "DLMF 24.4.35",
        least=1,
        reason=LACKING,
    ),
    polynomial(
        "genocchi",
        sympy.genocchi,
        by(None, same(sympy.genocchi)),
        (DEGREE, REAL),
        "G_n(x) = 2*B_n(x) - 2**(n + 1)*B_n((x + 1)/2) and DLMF 24.4.34",
        least=1,
        reason=LACKING,
    ),
    polynomial(
        "bell",
        sympy.bell,
        by(None, touchard_partial),
        (DEGREE, REAL),
        "the generating function exp(x*(exp(t) - 1)), and x*(B_n + B_n') = B_(n+1)",
        least=1,
        reason=LACKING,
    ),
    polynomial(
        "fibonacci",
        sympy.fibonacci,
        by(None, fibonacci_partial),
        (DEGREE, REAL),
        "Binet's form of F_n(x)",
        least=1,
        reason=LACKING,
    ),
    polynomial(
        "tribonacci",
        sympy.tribonacci,
        by(None, expanded_partial),
        (DEGREE, REAL),
        "the polynomial itself, at a known degree",
        least=1,
        reason=LACKING,
    ),
)

ROWS = (*CLASSICAL, *HARMONICS, *SEQUENCES)
