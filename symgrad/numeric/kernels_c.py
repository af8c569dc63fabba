"""What each gate is in C99: an expression of its operands, or a helper function.

`$0`, `$1`, ... are operands, `@name` is a function of `math.h` in the type that is computed in.
Templates hold no names but these, and those of C.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

MATHS = {  # gate: the function of math.h
    "sqrt": "sqrt",
    "exp": "exp",
    "log": "log",
    "log2": "log2",
    "log10": "log10",
    "log1p": "log1p",
    "expm1": "expm1",
    "exp2": "exp2",
    "cbrt": "cbrt",
    "pow": "pow",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "atan2": "atan2",
    "hypot": "hypot",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "asinh",
    "acosh": "acosh",
    "atanh": "atanh",
    "floor": "floor",
    "ceiling": "ceil",
    "abs": "fabs",
    "Rem": "fmod",
    "erf": "erf",
    "erfc": "erfc",
}
INFIX: dict[str, str] = {
    "add": "$0 + $1",
    "sub": "$0 - $1",
    "neg": "-$0",
    "mul": "$0 * $1",
    "div": "$0 / $1",
    "lt": "$0 < $1",
    "le": "$0 <= $1",
    "gt": "$0 > $1",
    "ge": "$0 >= $1",
    "eq": "$0 == $1",
    "ne": "$0 != $1",
    "not": "!$0",
    "where": "$0 ? $1 : $2",
    "stop_gradient": "$0",
    "re": "$0",
    "conjugate": "$0",
    "im": "0",
    "cot": "1 / @tan($0)",
    "sec": "1 / @cos($0)",
    "csc": "1 / @sin($0)",
    "coth": "1 / @tanh($0)",
    "sech": "1 / @cosh($0)",
    "csch": "1 / @sinh($0)",
    "acot": "@atan(1 / $0)",
    "asec": "@acos(1 / $0)",
    "acsc": "@asin(1 / $0)",
    "acoth": "@atanh(1 / $0)",
    "asech": "@acosh(1 / $0)",
    "acsch": "@asinh(1 / $0)",
    "frac": "$0 - @floor($0)",
    "factorial": "@tgamma($0 + 1)",
    "DiracDelta": "$0 == 0 ? (real)INFINITY : (isnan($0) ? $0 : 0)",
    "KroneckerDelta": "$0 == $1 ? 1 : (isnan($0) || isnan($1) ? (real)NAN : 0)",
    "arg": "$0 < 0 ? (real)3.14159265358979323846 : (isnan($0) ? $0 : 0)",
}
FOLDED = {"and": "$0 && $1", "or": "$0 || $1", "xor": "!$0 != !$1"}
TRUTHS = frozenset(["lt", "le", "gt", "ge", "eq", "ne", "not", *FOLDED])


@dataclass(frozen=True, slots=True)
class Helper:
    """A static function: its parameters, its body, and what stands for operands left out."""

    parameters: str
    body: str
    defaults: tuple[str, ...] = ()
    folded: bool = False


HELPERS: dict[str, Helper] = {
    "max": Helper("x y", "return x > y || isnan(x) ? x : y;", folded=True),
    "min": Helper("x y", "return x < y || isnan(x) ? x : y;", folded=True),
    "sign": Helper("x", "return x > 0 ? 1 : (x < 0 ? -1 : x);"),
    "indicator": Helper("x y tie", "return x > y ? 1 : (x < y ? 0 : (x == y ? tie : (real)NAN));"),
    "heaviside": Helper("x tie", "return x > 0 ? 1 : (x < 0 ? 0 : (x == 0 ? tie : x));", ("0.5",)),
    "mod": Helper(
        "x y",
        "const real r = @fmod(x, y);\n"
        "    if (r == 0) return y == 0 ? (real)NAN : @copysign(0, y);\n"
        "    return (r < 0) != (y < 0) ? r + y : r;",
    ),
    "sinc": Helper("x", "return x == 0 ? 1 : @sin(x) / x;"),
    "xlogy": Helper("x y", "return x == 0 && !isnan(y) ? 0 : x * @log(y);"),
    "sigmoid": Helper(
        "x",
        "const real small = @exp(-@fabs(x));\n    return (x >= 0 ? 1 : small) / (1 + small);",
    ),
    "softplus": Helper("x", "return isnan(x) ? x : (x > 0 ? x : 0) + @log1p(@exp(-@fabs(x)));"),
    "relu": Helper("x", "return x > 0 || isnan(x) ? x : 0;"),
    "leaky_relu": Helper("x slope", "return x > 0 ? x : slope * x;", ("0.01",)),
    "elu": Helper("x slope", "return x > 0 ? x : slope * @expm1(x);", ("1",)),
    "selu": Helper(
        "x",
        "const real y = x > 0 ? x : (real)1.6732632423543772848170429916717 * @expm1(x);\n"
        "    return (real)1.0507009873554804934193349852946 * y;",
    ),
    "swish": Helper(
        "x",
        "const real small = @exp(-@fabs(x));\n    return x * ((x >= 0 ? 1 : small) / (1 + small));",
    ),
    "gelu": Helper("x", "return x * (@erfc(-x * (real)0.70710678118654752440) / 2);"),
    "logaddexp": Helper(
        "x y",
        "const real top = x > y || isnan(x) ? x : y;\n"
        "    if (isinf(top) && (x == y || top > 0)) return top;\n"
        "    return top + @log1p(@exp(-@fabs(x - y)));",
        folded=True,
    ),
    "gamma": Helper("x", "return x < 0 && x == @floor(x) ? (real)NAN : @tgamma(x);"),
    "loggamma": Helper("x", "return x < 0 ? (real)NAN : @lgamma(x);"),
    "erf2": Helper(
        "x y",
        "if (x > 0.5 && y > 0.5) return @erfc(x) - @erfc(y);\n"
        "    if (x < -0.5 && y < -0.5) return @erfc(-y) - @erfc(-x);\n"
        "    return @erf(y) - @erf(x);",
    ),
    "SingularityFunction": Helper(
        "x a n",
        "if (isnan(x) || isnan(a) || isnan(n)) return (real)NAN;\n"
        "    if (n < 0) return x == a ? (real)INFINITY : 0;\n"
        "    return x >= a ? @pow(x - a, n) : 0;",
    ),
}
SAME = {"logsumexp": "logaddexp"}  # gates that share a helper
SPELLED = frozenset([*MATHS, *INFIX, *FOLDED, *HELPERS, *SAME])


def in_type(text: str, suffix: str) -> str:
    """Return a template with the functions of `math.h` in one type: `""` double, `"f"` float."""
    return re.sub(r"@(\w+)", rf"\1{suffix}", text)


def helper_of(gate: str) -> str:
    """Return the helper that a gate needs, or "" where it needs none."""
    name = SAME.get(gate, gate)
    return name if name in HELPERS else ""


def helper_source(name: str, suffix: str) -> str:
    """Return the definition of a helper."""
    helper = HELPERS[name]
    parameters = ", ".join(f"real {p}" for p in helper.parameters.split())
    body = in_type(helper.body, suffix)
    return f"static real sg_{name.lower()}({parameters})\n{{\n    {body}\n}}\n"


def expression(gate: str, operands: list[str], suffix: str) -> str:
    """Return a gate at some operands as an expression of C."""
    if gate in MATHS:
        return f"{MATHS[gate]}{suffix}({', '.join(operands)})"
    name = helper_of(gate)
    if name:
        return _called(HELPERS[name], f"sg_{name.lower()}", operands)
    if gate in FOLDED:
        found = f"({operands[0]} != 0)" if len(operands) == 1 else operands[0]
        for operand in operands[1:]:
            found = f"({_filled(FOLDED[gate], [found, operand])})"
        return found
    return _filled(in_type(INFIX[gate], suffix), operands)


def _called(helper: Helper, name: str, operands: list[str]) -> str:
    if helper.folded:
        found = operands[0]
        for operand in operands[1:]:
            found = f"{name}({found}, {operand})"
        return found
    count = len(helper.parameters.split())
    left_out = helper.defaults[len(helper.defaults) - count + len(operands) :]
    return f"{name}({', '.join([*operands, *left_out])})"


def _filled(template: str, operands: list[str] | Mapping[int, str]) -> str:
    return re.sub(r"\$(\d)", lambda found: operands[int(found[1])], template)
