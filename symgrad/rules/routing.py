"""Gates that choose: extrema, absolute values, steps, conditions, indicators.

Away from their kinks the partials are the almost-everywhere ones; at a kink the declared policy
speaks (see `symgrad.expr.kinks`). Never a `DiracDelta`.
"""

from __future__ import annotations

import sympy
from sympy import Expr, S

from symgrad.expr import heads, kinks, literal
from symgrad.rules.row import POSITIVE, REAL, Gate, Site

BOTH = (REAL, REAL)


def extremum(head: type[heads.Maximum] | type[heads.Minimum]) -> object:
    """Return the rule of max or min."""

    def partial(site: Site) -> Expr:
        return heads.extremum_partial(
            head, site.operands, site.live, site.index, site.out, site.kinks
        )

    return partial


def abs_partial(site: Site) -> Expr:
    """Return the derivative of the absolute value."""
    return kinks.abs_partial(site.operands[0], site.kinks, heads.indicator)


def jump_at_zero(site: Site) -> Expr:
    """Return the derivative of a step at 0; its value at the step is no smooth argument."""
    if site.index == 1:
        return literal.where(literal.apply(sympy.Eq, site.operands[0], S.Zero), S.One, S.Zero)
    return kinks.step_partial(site.operands[0], S.Zero, site.kinks)


def jump_at_integers(site: Site) -> Expr:
    """Return the derivative of a staircase."""
    x = site.operands[0]
    return kinks.step_partial(x, kinks.floor_of(x), site.kinks)


def remainder_partial(site: Site) -> Expr:
    """Return the partials of `Mod(x, y)`: 1 and `-floor(x/y)`."""
    x, y = site.operands
    value = S.One if site.index == 0 else literal.neg(kinks.floor_of(literal.div(x, y)))
    if site.kinks in ("min_norm", "first"):
        return value
    return literal.where(literal.apply(sympy.Eq, site.out, S.Zero), S.NaN, value)


def relu_partial(site: Site) -> Expr:
    """Return the step of the rectifier."""
    return heads.indicator(site.operands[0], S.Zero, kinks.tie(site.kinks, first=True))


def slope_partial(site: Site) -> Expr:
    """Return the partials of the leaky rectifier by its argument and by its slope."""
    x = site.operands[0]
    if site.index == 1:
        return literal.apply(heads.Minimum, x, S.Zero)
    alpha = site.operands[1] if len(site.operands) == 2 else heads.leaky_relu.default
    step = heads.indicator(x, S.Zero, kinks.tie(site.kinks, first=True))
    return literal.add(alpha, literal.mul(literal.sub(S.One, alpha), step))


def branch_partial(site: Site) -> Expr:
    """Return 1 for the branch that the condition chooses, 0 for the other."""
    if site.index == 0:
        return S.Zero
    chosen, other = (S.One, S.Zero) if site.index == 1 else (S.Zero, S.One)
    return literal.where(site.operands[0], chosen, other)


def relation(name: str, head: object) -> Gate:
    """Return the row of a comparison, which has no numeric partial."""
    return Gate(name, head, ("0", "0"), (2, 2), BOTH, role="blocks", analytic=False)


def connective(name: str, head: object, arity: tuple[int, int | None]) -> Gate:
    """Return the row of a logical connective."""
    return Gate(name, head, lambda site: S.Zero, arity, (REAL,), role="blocks", analytic=False)


MAX = Gate(
    "max",
    heads.Maximum,
    extremum(heads.Maximum),  # type: ignore[arg-type]
    (1, None),
    (REAL,),
    role="routes",
    analytic=False,
    sited=True,
    kinked=True,
    letter="m",
    source="minimum-norm element of the convex hull of the active gradients",
)
MIN = Gate(
    "min",
    heads.Minimum,
    extremum(heads.Minimum),  # type: ignore[arg-type]
    (1, None),
    (REAL,),
    role="routes",
    analytic=False,
    sited=True,
    kinked=True,
    letter="m",
    source=MAX.source,
)
ABS = Gate(
    "abs",
    sympy.Abs,
    abs_partial,
    (1, 1),
    (REAL,),
    role="routes",
    analytic=False,
    sited=True,
    kinked=True,
)
WHERE = Gate(
    "where",
    None,
    branch_partial,
    (3, 3),
    (REAL, REAL, REAL),
    role="routes",
    analytic=False,
    kinked=True,
)
INDICATOR = Gate(
    "indicator",
    heads.Indicator,
    ("0", "0", "0"),
    (3, 3),
    (REAL, REAL, (0.0, 1.0)),
    role="blocks",
    analytic=False,
    kinked=True,
)
STOP = Gate("stop_gradient", heads.stop_gradient, ("0",), (1, 1), (REAL,), role="blocks")

RELATIONS = (
    relation("lt", sympy.StrictLessThan),
    relation("le", sympy.LessThan),
    relation("gt", sympy.StrictGreaterThan),
    relation("ge", sympy.GreaterThan),
    relation("eq", sympy.Eq),
    relation("ne", sympy.Ne),
)
CONNECTIVES = (
    connective("and", sympy.And, (1, None)),
    connective("or", sympy.Or, (1, None)),
    connective("not", sympy.Not, (1, 1)),
    connective("xor", sympy.Xor, (1, None)),
)


def step(name: str, head: object, rule: object, count: int = 1) -> Gate:
    """Return the row of a piecewise constant gate."""
    return Gate(
        name,
        head,
        rule,  # type: ignore[arg-type]
        (1, count),
        (REAL,),
        role="blocks",
        analytic=False,
        sited=True,
        kinked=True,
    )


STEPS = (
    step("sign", sympy.sign, jump_at_zero),
    step("heaviside", sympy.Heaviside, jump_at_zero, 2),
    step("floor", sympy.floor, jump_at_integers),
    step("ceiling", sympy.ceiling, jump_at_integers),
    Gate(
        "mod",
        sympy.Mod,
        remainder_partial,
        (2, 2),
        (REAL, POSITIVE),
        analytic=False,
        sited=True,
        kinked=True,
    ),
)

ACTIVATIONS = (
    Gate(
        "relu",
        heads.relu,
        relu_partial,
        (1, 1),
        (REAL,),
        role="routes",
        analytic=False,
        sited=True,
        kinked=True,
        letter="h",
    ),
    Gate(
        "leaky_relu",
        heads.leaky_relu,
        slope_partial,
        (1, 2),
        (REAL, (0.01, 0.5)),
        role="routes",
        analytic=False,
        sited=True,
        kinked=True,
        letter="h",
    ),
)

ROWS = (MAX, MIN, ABS, WHERE, INDICATOR, STOP, *RELATIONS, *CONNECTIVES, *STEPS, *ACTIVATIONS)
