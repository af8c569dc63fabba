"""Gates of one variable and their few companions: exponentials, logarithms, circular functions.

Rows without partials are derived by SymPy from the head. Each written partial has its reason.
"""

from __future__ import annotations

import sympy

from symgrad.expr import heads
from symgrad.rules.row import ABOVE_ONE, POSITIVE, REAL, UNIT, Gate

OUTPUT = "reuses the output"
STABLE = "keeps its accuracy where the textbook form overflows or cancels"
SHORT = "fewer operations than SymPy's form"

EXPONENTIAL = (
    Gate("exp", sympy.exp, ("out",), (1, 1), (REAL,), letter="e", reason=OUTPUT),
    Gate("log", sympy.log, ("1/x",), (1, 1), (POSITIVE,), letter="l"),
    Gate("log2", heads.log2, None, (1, 1), (POSITIVE,), letter="l"),
    Gate("log10", heads.log10, None, (1, 1), (POSITIVE,), letter="l"),
    Gate("log1p", heads.log1p, ("1/(1 + x)",), (1, 1), ((-0.8, 3.0),)),
    Gate("expm1", heads.expm1, ("exp(x)",), (1, 1), (REAL,)),
    Gate("exp2", heads.exp2, ("log(2)*out",), (1, 1), (REAL,), reason=OUTPUT),
    Gate("cbrt", heads.cbrt, ("1/(3*out**2)",), (1, 1), (POSITIVE,), reason=OUTPUT),
    Gate("xlogy", heads.xlogy, ("log(y)", "x/y"), (2, 2), (POSITIVE, POSITIVE)),
    Gate(
        "LambertW",
        sympy.LambertW,
        ("1/(exp(out)*(1 + out))", None),
        (1, 2),
        (POSITIVE, (0.0, 0.0)),
        integers=(1,),
        unknown=(1,),
        reason="SymPy divides by x, which is 0/0 at x = 0",
        source="DLMF 4.13.4",
    ),
)

CIRCULAR = (
    Gate("sin", sympy.sin, ("cos(x)",), (1, 1), (REAL,)),
    Gate("cos", sympy.cos, ("-sin(x)",), (1, 1), (REAL,)),
    Gate("tan", sympy.tan, ("1 + out**2",), (1, 1), ((-1.2, 1.2),), reason=OUTPUT),
    Gate("cot", sympy.cot, ("-(1 + out**2)",), (1, 1), ((0.3, 2.8),), reason=OUTPUT),
    Gate("sec", sympy.sec, ("out*tan(x)",), (1, 1), ((-1.2, 1.2),), reason=OUTPUT),
    Gate("csc", sympy.csc, ("-(out*cot(x))",), (1, 1), ((0.3, 2.8),), reason=OUTPUT),
    Gate("asin", sympy.asin, ("1/sqrt(1 - x**2)",), (1, 1), (UNIT,)),
    Gate("acos", sympy.acos, ("-1/sqrt(1 - x**2)",), (1, 1), (UNIT,)),
    Gate("atan", sympy.atan, ("1/(1 + x**2)",), (1, 1), (REAL,)),
    Gate("acot", sympy.acot, ("-1/(1 + x**2)",), (1, 1), (POSITIVE,)),
    Gate(
        "asec",
        sympy.asec,
        ("1/(x**2*sin(out))",),
        (1, 1),
        (ABOVE_ONE,),
        reason=SHORT,
        source="with x = sec(t), dx/dt = sec(t)**2*sin(t)",
    ),
    Gate(
        "acsc",
        sympy.acsc,
        ("-1/(x**2*cos(out))",),
        (1, 1),
        (ABOVE_ONE,),
        reason=SHORT,
        source="with x = csc(t), dx/dt = -csc(t)**2*cos(t)",
    ),
    Gate(
        "sinc",
        sympy.sinc,
        ("-jn(1, x)",),
        (1, 1),
        (REAL,),
        reason="SymPy's choice at x = 0 gives the second derivative 0 there; it is -1/3",
        source="DLMF 10.49.3 and 10.51.1",
    ),
    Gate(
        "atan2",
        sympy.atan2,
        ("y/(x**2 + y**2)", "-x/(x**2 + y**2)"),
        (2, 2),
        (POSITIVE, POSITIVE),
        analytic=False,
        source="first argument is the ordinate, as in SymPy and C",
    ),
    Gate(
        "hypot",
        heads.hypot,
        ("x/out", "y/out"),
        (2, 2),
        (POSITIVE, POSITIVE),
        analytic=False,
        reason=STABLE,
    ),
)

HYPERBOLIC = (
    Gate("sinh", sympy.sinh, ("cosh(x)",), (1, 1), (REAL,)),
    Gate("cosh", sympy.cosh, ("sinh(x)",), (1, 1), (REAL,)),
    Gate("tanh", sympy.tanh, ("1 - out**2",), (1, 1), (REAL,), letter="t", reason=OUTPUT),
    Gate("coth", sympy.coth, ("1 - out**2",), (1, 1), (POSITIVE,), reason=OUTPUT),
    Gate("sech", sympy.sech, ("-(out*tanh(x))",), (1, 1), (REAL,), reason=OUTPUT),
    Gate("csch", sympy.csch, ("-(out*coth(x))",), (1, 1), (POSITIVE,), reason=OUTPUT),
    Gate("asinh", sympy.asinh, ("1/hypot(x, 1)",), (1, 1), (REAL,), reason=STABLE),
    Gate("acosh", sympy.acosh, ("1/sinh(out)",), (1, 1), (ABOVE_ONE,), reason=STABLE),
    Gate("atanh", sympy.atanh, ("1/(1 - x**2)",), (1, 1), (UNIT,)),
    Gate("acoth", sympy.acoth, ("1/(1 - x**2)",), (1, 1), (ABOVE_ONE,)),
    Gate("asech", sympy.asech, ("-1/(x*tanh(out))",), (1, 1), ((0.1, 0.9),), reason=SHORT),
    Gate("acsch", sympy.acsch, ("-tanh(out)/x",), (1, 1), (POSITIVE,), reason=SHORT),
)

ROWS = (*EXPONENTIAL, *CIRCULAR, *HYPERBOLIC)
