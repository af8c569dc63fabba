"""The rows of the function table.

Each row gives the names (the printed one first, then those of NumPy, SciPy and `math`), the SymPy
class or a builder, and how many arguments there are at least and at most. Imports the heads,
the literal builder and the forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Expr, Integer, Rational, S

from symgrad.expr import forms, heads, literal

Row = tuple[str, Any, int, int | None]

HALF = Rational(1, 2)

_ELEMENTARY: tuple[Row, ...] = (
    ("sin", sympy.sin, 1, 1),
    ("cos", sympy.cos, 1, 1),
    ("tan", sympy.tan, 1, 1),
    ("cot", sympy.cot, 1, 1),
    ("sec", sympy.sec, 1, 1),
    ("csc", sympy.csc, 1, 1),
    ("sinc", sympy.sinc, 1, 1),  # sin(x)/x as in SymPy; NumPy's is sin(pi*x)/(pi*x)
    ("asin arcsin", sympy.asin, 1, 1),
    ("acos arccos", sympy.acos, 1, 1),
    ("atan arctan", sympy.atan, 1, 1),
    ("acot arccot", sympy.acot, 1, 1),
    ("asec arcsec", sympy.asec, 1, 1),
    ("acsc arccsc", sympy.acsc, 1, 1),
    ("atan2 arctan2", sympy.atan2, 2, 2),
    ("sinh", sympy.sinh, 1, 1),
    ("cosh", sympy.cosh, 1, 1),
    ("tanh", sympy.tanh, 1, 1),
    ("coth", sympy.coth, 1, 1),
    ("sech", sympy.sech, 1, 1),
    ("csch", sympy.csch, 1, 1),
    ("asinh arcsinh arsinh", sympy.asinh, 1, 1),
    ("acosh arccosh arcosh", sympy.acosh, 1, 1),
    ("atanh arctanh artanh", sympy.atanh, 1, 1),
    ("acoth arccoth arcoth", sympy.acoth, 1, 1),
    ("asech arcsech arsech", sympy.asech, 1, 1),
    ("acsch arccsch arcsch", sympy.acsch, 1, 1),
    ("exp", sympy.exp, 1, 1),
    ("exp2", heads.exp2, 1, 1),
    ("expm1", heads.expm1, 1, 1),
    ("log10", heads.log10, 1, 1),
    ("log2", heads.log2, 1, 1),
    ("log1p", heads.log1p, 1, 1),
    ("cbrt", heads.cbrt, 1, 1),
    ("hypot", heads.hypot, 2, 2),
    ("LambertW lambertw", sympy.LambertW, 1, 2),
    ("re real", sympy.re, 1, 1),
    ("im imag", sympy.im, 1, 1),
    ("arg angle", sympy.arg, 1, 1),
    ("conjugate conj", sympy.conjugate, 1, 1),
)

_ROUTING: tuple[Row, ...] = (
    ("abs Abs fabs absolute", sympy.Abs, 1, 1),
    ("sign", sympy.sign, 1, 1),
    ("floor", sympy.floor, 1, 1),
    ("ceiling ceil", sympy.ceiling, 1, 1),
    ("frac", sympy.frac, 1, 1),
    ("Mod mod", sympy.Mod, 2, 2),
    ("Rem fmod", sympy.Rem, 2, 2),
    ("max Max maximum fmax amax", heads.Maximum, 1, None),
    ("min Min minimum fmin amin", heads.Minimum, 1, None),
    ("DiracDelta", sympy.DiracDelta, 1, 2),
    ("KroneckerDelta", sympy.KroneckerDelta, 2, 2),
    ("LeviCivita", sympy.LeviCivita, 1, None),
    ("SingularityFunction", sympy.SingularityFunction, 3, 3),
    ("stop_gradient", heads.stop_gradient, 1, 1),
)

_ACTIVATIONS: tuple[Row, ...] = (
    ("sigmoid expit", heads.sigmoid, 1, 1),
    ("relu", heads.relu, 1, 1),
    ("leaky_relu", heads.leaky_relu, 1, 2),
    ("elu", heads.elu, 1, 2),
    ("selu", heads.selu, 1, 1),
    ("softplus", heads.softplus, 1, 1),
    ("gelu", heads.gelu, 1, 1),
    ("swish silu", heads.swish, 1, 1),
    ("logsumexp", heads.logsumexp, 1, None),
    ("logaddexp", heads.logaddexp, 2, 2),
    ("xlogy", heads.xlogy, 2, 2),
)

_GAMMA: tuple[Row, ...] = (
    ("gamma", sympy.gamma, 1, 1),
    ("loggamma gammaln lgamma", sympy.loggamma, 1, 1),
    ("polygamma", sympy.polygamma, 2, 2),
    ("lowergamma", sympy.lowergamma, 2, 2),
    ("uppergamma", sympy.uppergamma, 2, 2),
    ("beta", sympy.beta, 2, 2),
    ("betainc", sympy.betainc, 4, 4),
    ("betainc_regularized", sympy.betainc_regularized, 4, 4),
    ("factorial", sympy.factorial, 1, 1),
    ("factorial2", sympy.factorial2, 1, 1),
    ("subfactorial", sympy.subfactorial, 1, 1),
    ("binomial comb", sympy.binomial, 2, 2),
    ("rf RisingFactorial poch", sympy.RisingFactorial, 2, 2),
    ("ff FallingFactorial", sympy.FallingFactorial, 2, 2),
    ("harmonic", sympy.harmonic, 1, 2),
    ("bernoulli", sympy.bernoulli, 1, 2),
    ("euler", sympy.euler, 1, 2),
    ("genocchi", sympy.genocchi, 1, 2),
    ("bell", sympy.bell, 1, 2),
    ("catalan", sympy.catalan, 1, 1),
    ("fibonacci", sympy.fibonacci, 1, 2),
    ("lucas", sympy.lucas, 1, 1),
    ("tribonacci", sympy.tribonacci, 1, 2),
    ("zeta", sympy.zeta, 1, 2),
    ("dirichlet_eta", sympy.dirichlet_eta, 1, 2),
    ("riemann_xi", sympy.riemann_xi, 1, 1),
    ("stieltjes", sympy.stieltjes, 1, 2),
    ("polylog", sympy.polylog, 2, 2),
    ("lerchphi", sympy.lerchphi, 3, 3),
)

_ERROR_AND_INTEGRALS: tuple[Row, ...] = (
    ("erf", sympy.erf, 1, 1),
    ("erfc", sympy.erfc, 1, 1),
    ("erfi", sympy.erfi, 1, 1),
    ("erf2", sympy.erf2, 2, 2),
    ("erfinv", sympy.erfinv, 1, 1),
    ("erfcinv", sympy.erfcinv, 1, 1),
    ("erf2inv", sympy.erf2inv, 2, 2),
    ("Ei expi", sympy.Ei, 1, 1),
    ("expint expn", sympy.expint, 2, 2),
    ("li", sympy.li, 1, 1),
    ("Li", sympy.Li, 1, 1),
    ("Si", sympy.Si, 1, 1),
    ("Ci", sympy.Ci, 1, 1),
    ("Shi", sympy.Shi, 1, 1),
    ("Chi", sympy.Chi, 1, 1),
    ("fresnels", sympy.fresnels, 1, 1),
    ("fresnelc", sympy.fresnelc, 1, 1),
    ("elliptic_k ellipk", sympy.elliptic_k, 1, 1),
    ("elliptic_f ellipkinc", sympy.elliptic_f, 2, 2),
    ("elliptic_e ellipe ellipeinc", sympy.elliptic_e, 1, 2),
    ("elliptic_pi", sympy.elliptic_pi, 2, 3),
    ("marcumq", sympy.marcumq, 3, 3),
)

_BESSEL: tuple[Row, ...] = (
    ("besselj jv", sympy.besselj, 2, 2),
    ("bessely yv", sympy.bessely, 2, 2),
    ("besseli iv", sympy.besseli, 2, 2),
    ("besselk kv", sympy.besselk, 2, 2),
    ("hankel1", sympy.hankel1, 2, 2),
    ("hankel2", sympy.hankel2, 2, 2),
    ("jn spherical_jn", sympy.jn, 2, 2),
    ("yn spherical_yn", sympy.yn, 2, 2),
    ("hn1", sympy.hn1, 2, 2),
    ("hn2", sympy.hn2, 2, 2),
    ("airyai", sympy.airyai, 1, 1),
    ("airybi", sympy.airybi, 1, 1),
    ("airyaiprime", sympy.airyaiprime, 1, 1),
    ("airybiprime", sympy.airybiprime, 1, 1),
    ("mathieus", sympy.mathieus, 3, 3),
    ("mathieuc", sympy.mathieuc, 3, 3),
    ("mathieusprime", sympy.mathieusprime, 3, 3),
    ("mathieucprime", sympy.mathieucprime, 3, 3),
)

_POLYNOMIALS: tuple[Row, ...] = (
    ("legendre eval_legendre", sympy.legendre, 2, 2),
    ("assoc_legendre", sympy.assoc_legendre, 3, 3),
    ("laguerre eval_laguerre", sympy.laguerre, 2, 2),
    ("assoc_laguerre", sympy.assoc_laguerre, 3, 3),
    ("hermite eval_hermite", sympy.hermite, 2, 2),
    ("hermite_prob eval_hermitenorm", sympy.hermite_prob, 2, 2),
    ("chebyshevt eval_chebyt", sympy.chebyshevt, 2, 2),
    ("chebyshevu eval_chebyu", sympy.chebyshevu, 2, 2),
    ("gegenbauer eval_gegenbauer", sympy.gegenbauer, 3, 3),
    ("jacobi eval_jacobi", sympy.jacobi, 4, 4),
    ("Ynm", sympy.Ynm, 4, 4),
    ("Znm", sympy.Znm, 4, 4),
    ("appellf1", sympy.appellf1, 6, 6),
)

HEADS: tuple[Row, ...] = (
    _ELEMENTARY + _ROUTING + _ACTIVATIONS + _GAMMA + _ERROR_AND_INTEGRALS + _BESSEL + _POLYNOMIALS
)


# --- functions that are several gates, or a gate written otherwise ---


def _log(x: Expr, base: Expr | None = None) -> Expr:
    if base is None:
        return literal.apply(sympy.log, x)
    return literal.div(literal.apply(sympy.log, x), literal.apply(sympy.log, base))


def _clip(x: Expr, low: Expr, high: Expr) -> Expr:
    raised = literal.apply(heads.Maximum, x, low)
    return literal.apply(heads.Minimum, raised, high)


def _polygamma(order: int) -> Callable[[Expr], Expr]:
    return lambda x: literal.apply(sympy.polygamma, Integer(order), x)


COMPOSITES: tuple[Row, ...] = (
    ("log ln", _log, 1, 2),
    ("sqrt", lambda x: literal.power(x, HALF), 1, 1),
    ("root", lambda x, n: literal.power(x, literal.div(S.One, n)), 2, 2),
    ("pow power Pow float_power", literal.power, 2, 2),
    ("square", lambda x: literal.power(x, Integer(2)), 1, 1),
    ("reciprocal", lambda x: literal.div(S.One, x), 1, 1),
    ("negative", literal.neg, 1, 1),
    ("add", literal.add, 2, 2),
    ("subtract", literal.sub, 2, 2),
    ("multiply", literal.mul, 2, 2),
    ("divide true_divide", literal.div, 2, 2),
    ("clip", _clip, 3, 3),
    ("digamma psi", _polygamma(0), 1, 1),
    ("trigamma", _polygamma(1), 1, 1),
    ("E1 exp1", lambda x: literal.apply(sympy.expint, S.One, x), 1, 1),
    ("Heaviside heaviside", lambda x, at=HALF: literal.apply(sympy.Heaviside, x, at), 1, 2),
)

FORMS: tuple[Row, ...] = (
    ("where", forms.where, 3, 3),
    ("Piecewise", forms.piecewise, 1, None),
    ("Sum", forms.summation, 2, None),
    ("Product", forms.product, 2, None),
    ("Integral", forms.integral, 2, None),
    ("Derivative", forms.derivative, 2, None),
    ("hyper", forms.hyper, 2, None),  # hyper(2, a, b, c, z) is 2F1(a, b; c; z)
    ("meijerg", forms.meijerg, 4, None),
)

# SymPy classes that the reader never makes, and how they are printed all the same.
PRINTED: dict[Any, str] = {
    sympy.log: "log",
    sympy.Max: "max",
    sympy.Min: "min",
    sympy.Heaviside: "Heaviside",
}
