"""Gates of arithmetic: leaves, sums, products, quotients, powers.

The partials are written with the gate's own output where that saves work, and powers never hold
`x**y*y/x`.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Rational, S

from symgrad.expr import heads, literal
from symgrad.rules.row import POSITIVE, REAL, Gate, Site

BOTH = (REAL, REAL)


def power_partial(site: Site) -> Expr:
    """Return the partial of `x**y`; a known constant exponent gives the short forms."""
    base, exponent = site.operands
    if site.index == 1:
        return literal.apply(heads.xlogy, site.out, base)
    known = site.constants[1]
    if isinstance(known, sympy.Rational):
        return constant_power_partial(base, known, site.out)
    return literal.mul(exponent, literal.power(base, literal.sub(exponent, S.One)))


def constant_power_partial(base: Expr, exponent: Expr, out: Expr) -> Expr:
    """Return `exponent*base**(exponent - 1)` in its cheapest spelling."""
    if exponent == 0:
        return S.Zero
    if exponent == 1:
        return S.One
    if exponent == 2:
        return literal.mul(exponent, base)
    if exponent == Rational(1, 2):
        return literal.div(Rational(1, 2), out)
    if exponent == -1:
        return literal.neg(literal.mul(out, out))
    return literal.mul(exponent, literal.power(base, exponent - 1))


CONSTANT = Gate("const", arity=(0, 0), domain=())
VARIABLE = Gate("var", arity=(0, 0), domain=())

ADD = Gate("add", sympy.Add, ("1", "1"), (2, 2), BOTH, role="distributes", letter="q")
SUB = Gate("sub", literal.Sub, ("1", "-1"), (2, 2), BOTH, role="distributes", letter="q")
NEG = Gate("neg", literal.Neg, ("-1",), (1, 1), (REAL,), role="distributes")
MUL = Gate("mul", sympy.Mul, ("y", "x"), (2, 2), BOTH, role="switches", letter="p")
DIV = Gate("div", literal.Div, ("1/y", "-out/y"), (2, 2), (REAL, POSITIVE))
POW = Gate(
    "pow",
    sympy.Pow,
    power_partial,
    (2, 2),
    (POSITIVE, REAL),
    sited=True,
    reason="SymPy gives x**y*y/x, which is 0/0 at x = 0",
    source="DLMF 4.2.26",
)
SQRT = Gate(
    "sqrt",
    None,
    ("0.5/out",),
    (1, 1),
    (POSITIVE,),
    letter="r",
    reason="reuses the output",
)

ROWS = (CONSTANT, VARIABLE, ADD, SUB, NEG, MUL, DIV, POW, SQRT)
