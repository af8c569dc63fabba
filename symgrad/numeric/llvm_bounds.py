"""How far LLVM's gates are from the exact value: stated in ulp, tested gate by gate.

An ulp is the distance of neighbouring numbers at the exact value, or at what `SCALES` names where
a value can cancel. The bounds hold in float64 for operands in the domain of the gate's row, rounded
operands being taken as exact. glibc states 4 ulp for its vector functions, which is what most rows
repeat; where sine and cosine are computed here (see `llvm_math`), they stay within 1.5.
"""

from __future__ import annotations

EXACT = ("neg", "abs", "sign", "floor", "ceiling", "where", "indicator", "heaviside", "max", "min")
CONDITIONS = ("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not")
COPIES = ("stop_gradient", "re", "im", "conjugate", "relu", "Rem", "DiracDelta", "KroneckerDelta")
ROUNDED = ("add", "sub", "mul", "div", "sqrt", "frac", "mod")
FUNCTIONS = (
    *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "pow", "hypot", "atan2"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "arg", "erf", "erfc"),
    *("sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
)
# SciPy's own functions, bit by bit: as far from the exact value as SciPy is.
AS_SCIPY = frozenset(
    [
        *("erfi", "erfinv", "erfcinv", "digamma", "Ei", "li", "Li", "elliptic_k", "beta"),
        *("besselj", "bessely", "besseli", "besselk", "fresnels", "fresnelc"),
        *("Si", "Ci", "Shi", "Chi", "airyai", "airyaiprime", "airybi", "airybiprime"),
    ]
)
BOUNDS: dict[str, float] = {
    **dict.fromkeys((*EXACT, *CONDITIONS, *COPIES), 0.0),
    **dict.fromkeys(ROUNDED, 0.5),
    **dict.fromkeys(FUNCTIONS, 4.0),
    **dict.fromkeys(("cot", "sec", "csc", "coth", "sech", "csch"), 5.0),
    **dict.fromkeys(("acot", "asec", "acsc", "acoth", "asech", "acsch", "sinc", "xlogy"), 6.0),
    "leaky_relu": 1.0,
    "elu": 5.0,
    "selu": 6.0,
    "sigmoid": 5.0,
    "swish": 6.0,
    "softplus": 6.0,
    "gelu": 16.0,
    "logaddexp": 6.0,
    "logsumexp": 12.0,
    "erf2": 8.0,
    "gamma": 10.0,
    "factorial": 10.0,
    "loggamma": 10.0,
}
SCALES: dict[str, str] = {
    "logaddexp": "largest operand",
    "logsumexp": "largest operand",
    "erf2": "one",
    "loggamma": "one",
}
