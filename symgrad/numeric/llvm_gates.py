"""How LLVM spells each gate: the table of gates that it knows.

The values at special points (infinities, nan, both zeros, ties) are those of the NumPy kernels;
no fast-math flag is ever set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

from symgrad.numeric import llvm_scipy
from symgrad.numeric.kernels import SELU_ALPHA, SELU_SCALE
from symgrad.numeric.llvm_math import has_sincos, sincos
from symgrad.numeric.llvm_writer import Writer

Spelling = Callable[..., str]

INF, NAN = math.inf, math.nan
LN2 = math.log(2.0)
LI_TWO = 1.0451637801174927  # li(2), DLMF 6.2.9


def named(name: str) -> Spelling:
    """Return the spelling of a function of libm."""
    return lambda w, *args: w.call(name, *args)


def exact(name: str) -> Spelling:
    """Return the spelling of an intrinsic that is exact."""
    return lambda w, x: w.intrinsic(name, x)


def folded(spelling: Spelling) -> Spelling:
    """Return the spelling for any number of operands from that for two."""
    return lambda w, *args: reduce(lambda x, y: spelling(w, x, y), args)


def inverse(function: Spelling) -> Spelling:
    """Return the spelling of 1/f(x)."""
    return lambda w, x: w.div(w.constant(1.0), function(w, x))


def of_inverse(name: str) -> Spelling:
    """Return the spelling of f(1/x)."""
    return lambda w, x: w.call(name, w.div(w.constant(1.0), x))


def wave(w: Writer, x: str, *, cosine: bool) -> str:
    """Return sin(x) or cos(x), and remember both where both are wanted."""
    name = "cos" if cosine else "sin"
    if not has_sincos(w.target):
        return w.call(name, x)
    if x not in w.paired:
        return w.called(sincos(w.target, w.declared, sine=not cosine, cosine=cosine), x)
    if x not in w.waves:
        symbol = sincos(w.target, w.declared, sine=True, cosine=True)
        w.waves[x] = w.called_for_two(symbol, x)
    return w.waves[x][cosine]


def sine(w: Writer, x: str) -> str:
    """Return sin(x)."""
    return wave(w, w.number(x), cosine=False)


def cosine(w: Writer, x: str) -> str:
    """Return cos(x)."""
    return wave(w, w.number(x), cosine=True)


def related(relation: str) -> Spelling:
    """Return the spelling of a comparison."""
    return lambda w, x, y: w.compare(relation, x, y)


def connected(instruction: str) -> Spelling:
    """Return the spelling of a connective of any number of conditions."""
    start = instruction == "and"
    return lambda w, *args: reduce(
        lambda x, y: w.logic(instruction, x, y), args, w.truth(value=start)
    )


def is_nan(w: Writer, x: str) -> str:
    """Return where x is nan."""
    return w.compare("uno", x, x)


# --- routing ---


def larger(w: Writer, x: str, y: str) -> str:
    """Return the larger; nan if either is, the first of equal ones."""
    x, y = w.number(x), w.number(y)
    return w.select(w.logic("or", w.compare("oge", x, y), is_nan(w, x)), x, y)


def smaller(w: Writer, x: str, y: str) -> str:
    """Return the smaller; nan if either is, the first of equal ones."""
    x, y = w.number(x), w.number(y)
    return w.select(w.logic("or", w.compare("ole", x, y), is_nan(w, x)), x, y)


def sign(w: Writer, x: str) -> str:
    """Return -1, 0 or 1; nan stays."""
    zero, x = w.constant(0.0), w.number(x)
    below = w.select(w.compare("olt", x, zero), w.constant(-1.0), x)
    found = w.select(w.compare("ogt", x, zero), w.constant(1.0), below)
    return w.select(w.compare("oeq", x, zero), zero, found)


def heaviside(w: Writer, x: str, at_zero: str | None = None) -> str:
    """Return the unit step; nan stays."""
    zero, x = w.constant(0.0), w.number(x)
    tie = w.constant(0.5) if at_zero is None else at_zero
    found = w.select(w.compare("ogt", x, zero), w.constant(1.0), zero)
    return w.select(is_nan(w, x), x, w.select(w.compare("oeq", x, zero), tie, found))


def indicator(w: Writer, x: str, y: str, tie: str) -> str:
    """Return 1 where x > y, the tie's value where x = y, 0 below; nan stays nan."""
    step = w.select(w.compare("ogt", x, y), w.constant(1.0), w.constant(0.0))
    step = w.select(w.compare("oeq", x, y), tie, step)
    return w.select(w.compare("uno", x, y), w.constant(NAN), step)


def remainder(w: Writer, x: str, y: str) -> str:
    """Return x - y*floor(x/y) with the sign of y; nan where y is 0."""
    zero, y = w.constant(0.0), w.number(y)
    rest = w.binary("frem", x, y)
    apart = w.logic("xor", w.compare("olt", y, zero), w.compare("olt", rest, zero))
    moved = w.select(apart, w.add(rest, y), rest)
    signed = w.select(w.compare("olt", y, zero), w.constant(-0.0), zero)
    exactly = w.logic("and", w.compare("oeq", rest, zero), w.compare("une", y, zero))
    return w.select(exactly, signed, moved)


# --- powers and logarithms ---


def power(w: Writer, x: str, y: str) -> str:
    """Return x**y."""
    return w.call("pow", x, y)


MULTIPLIED = 4  # magnitude of the largest whole exponent that is multiplied out


def whole_power(w: Writer, x: str, exponent: int) -> str:
    """Return x**exponent by multiplications, of 1/x where it is negative.

    The reciprocal comes first: x**-3 may be a number where x**3 is not.
    """
    x = w.number(x)
    base = w.div(w.constant(1.0), x) if exponent < 0 else x
    square = w.mul(base, base) if abs(exponent) > 1 else base
    return {
        1: lambda: base,
        2: lambda: square,
        3: lambda: w.mul(square, base),
        4: lambda: w.mul(square, square),
    }[abs(exponent)]()


def xlogy(w: Writer, x: str, y: str) -> str:
    """Return x*log(y); 0 where x is 0, unless y is nan."""
    product = w.mul(x, w.call("log", y))
    still = w.logic("and", w.compare("oeq", x, w.constant(0.0)), w.compare("ord", y, y))
    return w.select(still, w.constant(0.0), product)


def logaddexp(w: Writer, x: str, y: str) -> str:
    """Return log(exp(x) + exp(y)) without overflow; equal infinities do not cancel."""
    x, y = w.number(x), w.number(y)
    top = w.select(w.compare("ogt", x, y), x, y)
    gap = w.neg(w.intrinsic("fabs", w.sub(x, y)))
    apart = w.add(top, w.call("log1p", w.call("exp", gap)))
    return w.select(w.compare("oeq", x, y), w.add(x, w.constant(LN2)), apart)


def sinc(w: Writer, x: str) -> str:
    """Return sin(x)/x; 1 at 0."""
    x = w.number(x)
    found = w.div(sine(w, x), x)
    return w.select(w.compare("oeq", x, w.constant(0.0)), w.constant(1.0), found)


# --- activations ---


def sigmoid(w: Writer, x: str) -> str:
    """Return 1/(1 + exp(-x)) without overflow on either side."""
    x, one = w.number(x), w.constant(1.0)
    small = w.call("exp", w.neg(w.intrinsic("fabs", x)))
    top = w.select(w.compare("oge", x, w.constant(0.0)), one, small)
    return w.div(top, w.add(one, small))


def leaky_relu(w: Writer, x: str, alpha: str | None = None) -> str:
    """Return the leaky rectifier."""
    slope = w.constant(0.01) if alpha is None else alpha
    return w.select(w.compare("ogt", x, w.constant(0.0)), x, w.mul(slope, x))


def elu(w: Writer, x: str, alpha: str | None = None) -> str:
    """Return the exponential linear unit; no overflow on the positive side."""
    zero = w.constant(0.0)
    bend = w.call("expm1", smaller(w, zero, x))
    left = w.mul(w.constant(1.0) if alpha is None else alpha, bend)
    return w.select(w.compare("ogt", x, zero), x, left)


def selu(w: Writer, x: str) -> str:
    """Return the self-normalising unit."""
    return w.mul(w.constant(SELU_SCALE), elu(w, x, w.constant(SELU_ALPHA)))


def gelu(w: Writer, x: str) -> str:
    """Return x*Φ(x); Φ by erfc, exact in the left tail."""
    tail = w.call("erfc", w.mul(x, w.constant(-math.sqrt(0.5))))
    return w.mul(x, w.mul(w.constant(0.5), tail))


# --- special functions ---


def erf_between(w: Writer, x: str, y: str) -> str:
    """Return erf(y) - erf(x) without cancellation in the tails."""
    zero, x, y = w.constant(0.0), w.number(x), w.number(y)
    flip = w.logic("and", w.compare("olt", x, zero), w.compare("olt", y, zero))
    a, b = w.select(flip, w.neg(y), x), w.select(flip, w.neg(x), y)
    half = w.constant(0.5)  # nearer to 0 it is erfc that cancels
    tails = w.logic("and", w.compare("ogt", a, half), w.compare("ogt", b, half))
    outer = w.sub(w.call("erfc", a), w.call("erfc", b))
    return w.select(tails, outer, w.sub(w.call("erf", b), w.call("erf", a)))


def log_gamma(w: Writer, x: str) -> str:
    """Return log Γ(x) for x ≥ 0; the logarithm is complex below: nan."""
    x = w.number(x)
    return w.select(w.compare("olt", x, w.constant(0.0)), w.constant(NAN), w.call("lgamma", x))


def delta(w: Writer, x: str, order: str | None = None) -> str:
    """Return Dirac's delta as floats have it: inf at 0; nan stays."""
    x, zero = w.number(x), w.constant(0.0)
    elsewhere = w.select(is_nan(w, x), x, zero)
    return w.select(w.compare("oeq", x, zero), w.constant(INF), elsewhere)


def kronecker(w: Writer, x: str, y: str) -> str:
    """Return 1 where x = y, else 0; nan stays nan."""
    elsewhere = w.select(w.compare("uno", x, y), w.constant(NAN), w.constant(0.0))
    return w.select(w.compare("oeq", x, y), w.constant(1.0), elsewhere)


def by_scipy(name: str, result: int = 0) -> Spelling:
    """Return the spelling of a function of SciPy."""
    return lambda w, *args: llvm_scipy.call(w, name, *args, result=result)


def of_log(w: Writer, x: str) -> str:
    """Return the logarithmic integral li(x)."""
    return llvm_scipy.call(w, "expi", w.call("log", x))


def right_half(name: str, result: int) -> Spelling:
    """Return the spelling of a function that is complex where x < 0: nan there."""

    def spelled(w: Writer, x: str) -> str:
        x = w.number(x)
        value = llvm_scipy.call(w, name, w.intrinsic("fabs", x), result=result)
        return w.select(w.compare("olt", x, w.constant(0.0)), w.constant(NAN), value)

    return spelled


LIBM = {
    **{name: name for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt")},
    **{name: name for name in ("tan", "asin", "acos", "atan", "atan2", "hypot")},
    **{name: name for name in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    **{"erf": "erf", "erfc": "erfc", "gamma": "tgamma", "Rem": "fmod"},
}
ARITHMETIC: dict[str, Spelling] = {
    "add": Writer.add,
    "sub": Writer.sub,
    "mul": Writer.mul,
    "div": Writer.div,
    "neg": Writer.neg,
    "pow": power,
    "sqrt": exact("sqrt"),
    "sin": sine,
    "cos": cosine,
    "xlogy": xlogy,
    "logaddexp": logaddexp,
    "logsumexp": folded(logaddexp),
    "factorial": lambda w, x: w.call("tgamma", w.add(x, w.constant(1.0))),
    "loggamma": log_gamma,
    "erf2": erf_between,
}
QUOTIENTS: dict[str, Spelling] = {
    "cot": inverse(named("tan")),
    "sec": inverse(cosine),
    "csc": inverse(sine),
    "coth": inverse(named("tanh")),
    "sech": inverse(named("cosh")),
    "csch": inverse(named("sinh")),
    "acot": of_inverse("atan"),
    "asec": of_inverse("acos"),
    "acsc": of_inverse("asin"),
    "acoth": of_inverse("atanh"),
    "asech": of_inverse("acosh"),
    "acsch": of_inverse("asinh"),
    "sinc": sinc,
}
ROUTING: dict[str, Spelling] = {
    "max": folded(larger),
    "min": folded(smaller),
    "abs": exact("fabs"),
    "sign": sign,
    "heaviside": heaviside,
    "floor": exact("floor"),
    "ceiling": exact("ceil"),
    "frac": lambda w, x: w.sub(x, w.intrinsic("floor", x)),
    "mod": remainder,
    "where": lambda w, condition, x, y: w.select(condition, x, y),
    "indicator": indicator,
    "stop_gradient": Writer.number,
    "re": Writer.number,
    "conjugate": Writer.number,
    "im": lambda w, x: w.constant(0.0),
    "arg": lambda w, x: w.call("atan2", w.constant(0.0), x),
    "DiracDelta": delta,
    "KroneckerDelta": kronecker,
    "lt": related("olt"),
    "le": related("ole"),
    "gt": related("ogt"),
    "ge": related("oge"),
    "eq": related("oeq"),
    "ne": related("une"),
    "and": connected("and"),
    "or": connected("or"),
    "xor": connected("xor"),
    "not": Writer.negated,
}
ACTIVATIONS: dict[str, Spelling] = {
    "sigmoid": sigmoid,
    "softplus": lambda w, x: logaddexp(w, x, w.constant(0.0)),
    "swish": lambda w, x: w.mul(x, sigmoid(w, x)),
    "relu": lambda w, x: larger(w, w.constant(0.0), x),
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
}
SCIPY: dict[str, Spelling] = {
    **{
        name: by_scipy(llvm_scipy.CALLED[name]) for name in ("erfi", "erfinv", "erfcinv", "digamma")
    },
    **{name: by_scipy(llvm_scipy.CALLED[name]) for name in ("Ei", "elliptic_k", "beta")},
    **{f"bessel{kind}": by_scipy(f"{kind}v") for kind in "jyik"},
    "li": of_log,
    "Li": lambda w, x: w.sub(of_log(w, x), w.constant(LI_TWO)),
    "fresnels": by_scipy("fresnel", 0),
    "fresnelc": by_scipy("fresnel", 1),
    "Si": by_scipy("sici", 0),
    "Ci": right_half("sici", 1),
    "Shi": by_scipy("shichi", 0),
    "Chi": right_half("shichi", 1),
    "airyai": by_scipy("airy", 0),
    "airyaiprime": by_scipy("airy", 1),
    "airybi": by_scipy("airy", 2),
    "airybiprime": by_scipy("airy", 3),
}
SPELLINGS: dict[str, Spelling] = {
    **{gate: named(function) for gate, function in LIBM.items()},
    **ARITHMETIC,
    **QUOTIENTS,
    **ROUTING,
    **ACTIVATIONS,
    **SCIPY,
}
