"""Gates of special functions: error functions, exponential and elliptic integrals, zeta functions.

SymPy derives most partials. Written ones are those that SymPy lacks, or that are 0/0 at a point
where the function is smooth.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Rational

from symgrad.expr import hypergeometric
from symgrad.rules.row import POSITIVE, REAL, UNIT, Gate, Site

HALF, THIRD_HALF = Rational(1, 2), Rational(3, 2)
REMOVABLE = "SymPy's form is 0/0 at 0, where the function is smooth"
NO_PARTIAL = "SymPy has the function and not this partial"

ERROR = (
    Gate("erf", sympy.erf, None, (1, 1), (REAL,), source="DLMF 7.2.1"),
    Gate("erfc", sympy.erfc, None, (1, 1), (REAL,), source="DLMF 7.2.2"),
    Gate("erfi", sympy.erfi, None, (1, 1), (REAL,)),
    Gate("erf2", sympy.erf2, None, (2, 2), (REAL, REAL)),
    Gate("erfinv", sympy.erfinv, None, (1, 1), (UNIT,), source="DLMF 7.17.1"),
    Gate("erfcinv", sympy.erfcinv, None, (1, 1), ((0.1, 1.9),), source="DLMF 7.17.1"),
    Gate("erf2inv", sympy.erf2inv, None, (2, 2), ((-0.7, 0.7), (-0.25, 0.25))),
    Gate("fresnels", sympy.fresnels, None, (1, 1), (REAL,), source="DLMF 7.2.8"),
    Gate("fresnelc", sympy.fresnelc, None, (1, 1), (REAL,), source="DLMF 7.2.7"),
)


def expint_partial(site: Site) -> Expr:
    """Return the partials of E_p(x); E_1' is elementary."""
    order, x = site.operands
    if site.index == 1 and site.constants[0] == 1:
        return -sympy.exp(-x) / x
    return sympy.expint(order, x).diff(site.operands[site.index])


EXPONENTIAL_INTEGRALS = (
    Gate("Ei", sympy.Ei, None, (1, 1), (POSITIVE,), source="DLMF 6.2.5"),
    Gate(
        "expint",
        sympy.expint,
        expint_partial,
        (2, 2),
        ((0.6, 3.0), (0.4, 3.0)),
        sited=True,
        reason="elementary at a known order 1",
        source="DLMF 8.19.13",
    ),
    Gate("li", sympy.li, None, (1, 1), ((1.2, 4.0),), source="DLMF 6.2.8"),
    Gate("Li", sympy.Li, None, (1, 1), ((1.2, 4.0),)),
    Gate("Si", sympy.Si, ("sinc(x)",), (1, 1), (REAL,), reason=REMOVABLE, source="DLMF 6.2.9"),
    Gate("Ci", sympy.Ci, None, (1, 1), (POSITIVE,), source="DLMF 6.2.11"),
    Gate(
        "Shi",
        sympy.Shi,
        lambda site: sympy.hyper((), (THIRD_HALF,), site.operands[0] ** 2 / 4),
        (1, 1),
        (REAL,),
        reason=f"{REMOVABLE}; 0F1 is sinh(x)/x",
        source="DLMF 6.2.15",
    ),
    Gate("Chi", sympy.Chi, None, (1, 1), (POSITIVE,), source="DLMF 6.2.16"),
)


def first_kind_partial(site: Site) -> Expr:
    """Return K'(m), by the series of K."""
    m = site.operands[0]
    return sympy.pi / 8 * sympy.hyper((THIRD_HALF, THIRD_HALF), (2,), m)


def second_kind_partial(site: Site) -> Expr:
    """Return E'(m), or the partials of E(phi, m)."""
    if len(site.operands) == 1:
        return -sympy.pi / 8 * sympy.hyper((HALF, THIRD_HALF), (2,), site.operands[0])
    phi, m = site.operands
    if site.index == 0:
        return sympy.sqrt(1 - m * sympy.sin(phi) ** 2)
    return (site.out - sympy.elliptic_f(phi, m)) / (2 * m)


ELLIPTIC = (
    Gate(
        "elliptic_k",
        sympy.elliptic_k,
        first_kind_partial,
        (1, 1),
        (UNIT,),
        reason=REMOVABLE,
        source="DLMF 19.5.1 and 15.5.1",
    ),
    Gate("elliptic_f", sympy.elliptic_f, None, (2, 2), ((0.2, 1.3), (0.1, 0.8))),
    Gate(
        "elliptic_e",
        sympy.elliptic_e,
        second_kind_partial,
        (1, 2),
        ((0.2, 0.9), (0.1, 0.8)),
        reason=REMOVABLE,
        source="DLMF 19.5.2 and 15.5.1",
    ),
    Gate("elliptic_pi", sympy.elliptic_pi, None, (2, 3), ((0.1, 0.3), (0.5, 0.9), (0.4, 0.8))),
)

ZETA = (
    Gate(
        "zeta",
        sympy.zeta,
        None,
        (1, 2),
        ((1.5, 4.0), (0.5, 3.0)),
        unknown=(0,),
        source="DLMF 25.11.17",
    ),
    Gate(
        "dirichlet_eta",
        sympy.dirichlet_eta,
        (None, "-x*dirichlet_eta(x + 1, y)"),
        (1, 2),
        ((1.5, 4.0), (0.5, 3.0)),
        unknown=(0,),
        reason=NO_PARTIAL,
        source="its series, term by term",
    ),
    Gate("riemann_xi", sympy.riemann_xi, None, (1, 1), ((1.5, 4.0),), unknown=(0,)),
    Gate(
        "stieltjes",
        sympy.stieltjes,
        None,
        (1, 2),
        ((0.0, 3.0), (0.5, 3.0)),
        integers=(0,),
        unknown=(0, 1),
    ),
    Gate(
        "polylog",
        sympy.polylog,
        None,
        (2, 2),
        ((0.5, 3.0), (-0.8, 0.8)),
        unknown=(0,),
        source="DLMF 25.12.10",
    ),
    Gate(
        "lerchphi",
        sympy.lerchphi,
        None,
        (3, 3),
        ((0.1, 0.7), (1.2, 3.0), (0.5, 2.5)),
        unknown=(1,),
        source="DLMF 25.14.1, term by term",
    ),
)

# --- hypergeometric functions: operands carry the lengths of the parameter lists ---


def at_known(site: Site) -> list[Expr]:
    """Return the operands, with numbers where they are known: equal ones are seen to be equal."""
    return [
        c if isinstance(c, sympy.Rational) and i != site.index else x
        for i, (c, x) in enumerate(zip(site.constants, site.operands, strict=True))
    ]


def hyper_partial(site: Site) -> Expr:
    """Differentiate pFq; SymPy knows the partial by the argument alone."""
    return sympy.diff(hypergeometric.hyper_of(*at_known(site)), site.operands[site.index])


def meijerg_partial(site: Site) -> Expr:
    """Differentiate Meijer's G; a parameter only where the other gamma factors cancel."""
    value, by = hypergeometric.meijerg_of(*at_known(site)), site.operands[site.index]
    last = site.index == len(site.operands) - 1
    return sympy.diff(value, by) if last or others_cancel(site) else sympy.Derivative(value, by)


def others_cancel(site: Site) -> bool:
    """Return whether all parameters but one come in pairs; SymPy asks it of half of them."""
    n, p, m = (int(count) for count in site.constants[:3])
    lengths = [n, p - n, m, len(site.operands) - 4 - p - m]
    position = site.index - 3
    for group, length in enumerate(lengths):
        if position < length:
            lengths[group] -= 1
            break
        position -= length
    return lengths[0] == lengths[3] and lengths[1] == lengths[2]


HYPERGEOMETRIC = (
    Gate(
        "hyper",
        sympy.hyper,
        hyper_partial,
        (2, None),
        ((1.0, 1.0), (0.3, 1.5), (1.6, 3.0), (-0.7, 0.7)),
        integers=(0,),
        sited=True,
        source="DLMF 16.3.1",
    ),
    Gate(
        "meijerg",
        sympy.meijerg,
        meijerg_partial,
        (4, None),
        ((0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (1.0, 1.0), (0.0, 0.0), (0.6, 0.9), (0.3, 2.0)),
        integers=(0, 1, 2),
        sited=True,
        reason="SymPy's partial by a parameter forgets gamma factors that do not cancel",
        source="DLMF 16.17.1",
    ),
    Gate(
        "appellf1",
        sympy.appellf1,
        None,
        (6, 6),
        ((0.5, 1.5), (0.3, 1.2), (0.3, 1.2), (2.0, 3.0), (-0.5, 0.5), (-0.5, 0.5)),
        unknown=(0, 1, 2, 3),
        source="DLMF 16.13.1, term by term",
    ),
)
HYPER, MEIJERG, _ = HYPERGEOMETRIC


def mathieu(name: str, head: object) -> Gate:
    """Return the row of a Mathieu function; SymPy has no numbers for it."""
    return Gate(
        name,
        head,
        None,
        (3, 3),
        ((1.0, 3.0), (0.1, 1.0), (0.2, 1.2)),
        unknown=(0, 1),
        source="DLMF 28.2.1",
    )


MATHIEU = (
    mathieu("mathieus", sympy.mathieus),
    mathieu("mathieuc", sympy.mathieuc),
    mathieu("mathieusprime", sympy.mathieusprime),
    mathieu("mathieucprime", sympy.mathieucprime),
)

ROWS = (*ERROR, *EXPONENTIAL_INTEGRALS, *ELLIPTIC, *ZETA, *HYPERGEOMETRIC, *MATHIEU)
