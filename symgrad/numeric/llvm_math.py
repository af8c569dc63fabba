"""Sine and cosine in vector instructions: no calls, any width, both for little more than one.

For |x| ≤ 2**20 the argument is reduced by π/2 in three pieces, each product exact by fused
multiply-add (Cody and Waite, 1980); then the polynomials of fdlibm (Sun Microsystems, 1993:
k_sin.c and k_cos.c). Beyond, and for what is not finite, lanes ask libm. The error is below 1.2
ulp.
"""

from __future__ import annotations

from symgrad.numeric.llvm_writer import Target, Writer

LARGEST = float(1 << 20)
TURNS = float.fromhex("0x1.45f306dc9c883p-1")  # 2/π
ROUNDER = 1.5 * 2.0**52  # adding it leaves a whole number in the last bits
HALF_PI = (  # π/2 in three pieces
    float.fromhex("0x1.921fb54442d18p+0"),
    float.fromhex("0x1.1a62633145c07p-54"),
    float.fromhex("-0x1.f1976b7ed8fbcp-110"),
)
SINE = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
COSINE = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)


def has_sincos(target: Target) -> bool:
    """Return whether a target computes sine and cosine here."""
    return target.double and target.fma


def sincos(target: Target, declared: dict[str, str], *, sine: bool, cosine: bool) -> str:
    """Return the symbol of a function of a vector; both give a pair.

    Parameters
    ----------
    target : Target
        What is written for.
    declared : dict
        Helpers of the module; gets this one.
    sine, cosine : bool
        What it gives.
    """
    symbol = f"math.{'sin' if sine else ''}{'cos' if cosine else ''}"
    if symbol not in declared:
        declared[symbol] = ""  # helpers that it calls come first
        text = _function(target, declared, symbol, sine=sine, cosine=cosine)
        del declared[symbol]
        declared[symbol] = text
    return symbol


def _function(
    target: Target, declared: dict[str, str], symbol: str, *, sine: bool, cosine: bool
) -> str:
    w = Writer(target, declared)
    parts = _quick(w, sine=sine, cosine=cosine)
    names = [name for name, wanted in (("sin", sine), ("cos", cosine)) if wanted]
    size = w.intrinsic("fabs", "%x")
    odd = w.compare("ugt", size, w.constant(LARGEST))
    reduce = f"llvm.vector.reduce.or.v{target.lanes}i1"
    declared.setdefault(reduce, f"declare i1 @{reduce}({target.mask})")
    some = w.line(f"call i1 @{reduce}({target.mask} {odd})")
    slow = Writer(target, declared)
    slow.truths.add(odd)
    slow.start(1000)
    mended = [
        slow.select(odd, slow.lane_by_lane(name, "%x"), part)
        for name, part in zip(names, parts, strict=True)
    ]
    kind = target.vector
    joined = [
        f"%r{k} = phi {kind} [ {part}, %entry ], [ {mend}, %slow ]"
        for k, (part, mend) in enumerate(zip(parts, mended, strict=True))
    ]
    result = kind if len(names) == 1 else f"{{ {kind}, {kind} }}"
    given = "%r0"
    if len(names) == 2:
        joined.append(f"%p0 = insertvalue {result} poison, {kind} %r0, 0")
        joined.append(f"%p1 = insertvalue {result} %p0, {kind} %r1, 1")
        given = "%p1"
    lines = [
        f"define internal {result} @{symbol}({kind} %x) #0 {{",
        "entry:",
        *w.lines,
        f"br i1 {some}, label %slow, label %done",
        "slow:",
        *slow.lines,
        "br label %done",
        "done:",
        *joined,
        f"ret {result} {given}",
        "}",
    ]
    return "\n".join(lines)


def _quick(w: Writer, *, sine: bool, cosine: bool) -> list[str]:
    """Write the branch for moderate arguments; return what is wanted."""
    shifted = w.intrinsic("fma", "%x", w.constant(TURNS), w.constant(ROUNDER))
    turns = w.sub(shifted, w.constant(ROUNDER))
    rest = "%x"
    for piece in HALF_PI:
        rest = w.intrinsic("fma", turns, w.constant(-piece), rest)
    square = w.mul(rest, rest)
    swing = w.intrinsic("fma", w.mul(rest, square), _polynomial(w, SINE, square), rest)
    rise = _cosine(w, square)
    quarter = w.bits(shifted)
    swapped = w.bit_test(quarter, 1)
    found = []
    if sine:
        value = w.select(swapped, rise, swing)
        value = w.flip_sign(value, w.shifted_bit(quarter, 2))
        # The sum of both signs' zeros is +0; sin(-0) is -0.
        zero = w.compare("oeq", "%x", w.constant(0.0))
        found.append(w.select(zero, "%x", value))
    if cosine:
        value = w.select(swapped, swing, rise)
        found.append(w.flip_sign(value, w.shifted_bit(w.add_bits(quarter, 1), 2)))
    return found


def _cosine(w: Writer, square: str) -> str:
    """Write 1 - s/2 + s²·C(s), with what rounding takes from 1 - s/2 given back."""
    one, half = w.constant(1.0), w.mul(square, w.constant(0.5))
    first = w.sub(one, half)
    lost = w.sub(w.sub(one, first), half)
    tail = w.intrinsic("fma", w.mul(square, square), _polynomial(w, COSINE, square), lost)
    return w.add(first, tail)


def _polynomial(w: Writer, coefficients: tuple[float, ...], x: str) -> str:
    """Write a polynomial of degree 5; halves that do not wait for one another."""
    a, b, c, d, e, f = [w.constant(k) for k in coefficients]
    square = w.mul(x, x)
    low = w.intrinsic("fma", x, b, a)
    middle = w.intrinsic("fma", x, d, c)
    high = w.intrinsic("fma", x, f, e)
    return w.intrinsic("fma", square, w.intrinsic("fma", square, high, middle), low)
