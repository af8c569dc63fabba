"""Many quotients of one divisor: a reciprocal, and three multiplications each.

A quotient x*(1/a) is off by up to 1.5 ulp; with what x - quotient*a leaves over, exact by fused
multiply-add, times 1/a, it is rounded as well as a division (Markstein, 1990), at a sixth of its
time. Where that changes nothing, or gives no number (at infinities), the first quotient stands,
with the sign of its zero.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from symgrad.numeric.llvm_writer import Writer
from symgrad.numeric.program import Program

SHARED = 4  # quotients of one divisor from which on it is worth it
NORMAL = {True: 2.0**-1022, False: 2.0**-126}  # reciprocals of smaller numbers overflow
LARGER = {True: 2.0**100, False: 2.0**64}  # what then multiplies both dividend and divisor


def divisors(program: Program) -> set[int]:
    """Return the slots that divide often."""
    counts = Counter(op.args[1] for op in program.operations if op.gate.name == "div")
    return {slot for slot, count in counts.items() if count >= SHARED}


@dataclass(frozen=True, slots=True)
class Divisor:
    """A divisor in lines of IR: scaled to be normal, by what, and one over it."""

    scale: str
    scaled: str
    inverse: str


def divisor(w: Writer, value: str) -> Divisor:
    """Write what all quotients of a divisor share."""
    number, double = w.number(value), w.target.double
    tiny = w.compare("olt", w.intrinsic("fabs", number), w.constant(NORMAL[double]))
    scale = w.select(tiny, w.constant(LARGER[double]), w.constant(1.0))
    scaled = w.mul(number, scale)
    return Divisor(scale, scaled, w.div(w.constant(1.0), scaled))


def quotient(w: Writer, value: str, by: Divisor) -> str:
    """Write a quotient."""
    x = w.mul(value, by.scale)
    near = w.mul(x, by.inverse)
    left = w.intrinsic("fma", w.neg(near), by.scaled, x)
    mended = w.intrinsic("fma", left, by.inverse, near)
    return w.select(w.compare("one", mended, near), mended, near)
