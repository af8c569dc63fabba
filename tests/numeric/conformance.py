"""What the test of backends takes as given: points, tolerances, and deviations with their reasons.

Every deviation must be met by some backend that it names, else the test of this table fails.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from sympy import Dummy

from symgrad.numeric.backends import BACKENDS
from symgrad.numeric.kernels_c import SPELLED
from symgrad.numeric.program import Operation, Program
from symgrad.rules.row import Gate
from symgrad.rules.table import GATES

ANY = "*"
INPUTS = tuple(Dummy(f"x{k}") for k in range(4))

# --- points ---

SPECIAL = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -2.5, 0.1, 20.0, -20.0, 1e-10),
    *(1e300, -1e300, 1e-300, 5e-324, -5e-324, 2.3e-308, np.inf, -np.inf, np.nan),
)
FEW = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e300, np.inf, -np.inf, np.nan)
ORDERS = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)  # of operands that are meant to be integers


def operands(gate: Gate) -> int:
    """How many operands a gate is tried with."""
    least, most = gate.arity
    return 2 if most is None else least


def arrays(key: tuple[int, tuple[int, ...]]) -> list[Any]:
    """All combinations of special values, one array an operand."""
    count, integers = key
    values = SPECIAL if count <= 2 else FEW
    choices = [ORDERS if k in integers else values for k in range(count)]
    return [np.array(column) for column in zip(*itertools.product(*choices), strict=True)]


# --- gates ---

LEAVES = frozenset(["const", "var", "whole", "unknown", "call", "scan"])  # with a payload
# Gates whose value the reference knows at every special value; the others have a domain.
EVERYWHERE = sorted((SPELLED | {"and", "or", "xor"}) - {"item"}, key=[g.name for g in GATES].index)


def group(gate: Gate) -> tuple[int, tuple[int, ...]]:
    """Gates that are tried at the same points."""
    return operands(gate), gate.integers


def program(names: tuple[str, ...], count: int) -> Program:
    """A program with one output a gate, all of the same operands."""
    rows = [GATES.named(name) for name in names]
    args = tuple(range(count))
    made = tuple(Operation(row, args, None, ()) for row in rows if row is not None)
    return Program(INPUTS[:count], (), made, tuple(range(count, count + len(made))))


@lru_cache
def spelled(backend: str, key: tuple[int, tuple[int, ...]]) -> tuple[str, ...]:
    """The gates of a group that a backend can spell."""
    rows = [row for name in EVERYWHERE if (row := GATES.named(name)) and group(row) == key]
    known = [r.name for r in rows if not BACKENDS[backend].missing(program((r.name,), key[0]))]
    return tuple(known)


@lru_cache
def results(backend: str, key: tuple[int, tuple[int, ...]], dtype: str) -> dict[str, Any]:
    """What a backend gives for every gate of a group."""
    names = spelled(backend, key)
    run = BACKENDS[backend].build(program(names, key[0]), dtype=dtype)
    points = [a.astype(dtype) for a in arrays(key)]
    return dict(zip(names, map(np.asarray, run(points)), strict=True)) if names else {}


# --- tolerances, in units in the last place of the expected value ---

DEFAULT = 4.0
ULPS: dict[tuple[str, str], float] = {
    (ANY, "logsumexp"): 16,  # x - y is rounded before exp
    (ANY, "logaddexp"): 16,
    (ANY, "gelu"): 400,  # x/sqrt(2) is rounded before erfc, which multiplies the error by x**2
    (ANY, "erf2"): 16,  # a difference of rounded values
    ("torch", "gamma"): 1000,  # through its logarithm
    ("torch", "factorial"): 1000,
    ("jax", "gamma"): 1000,
    ("jax", "factorial"): 1000,
    ("jax", "loggamma"): 16,
    ("jax", "sinh"): 16,  # XLA's exp
    ("jax", "cosh"): 16,
    ("jax", "sech"): 16,
    ("jax", "csch"): 16,
    ("jax", "acoth"): 64,  # atanh(1/x) through logarithms
}


def tolerance(backend: str, gate: str) -> float:
    """How far a value may be from the reference."""
    return ULPS.get((backend, gate), ULPS.get((ANY, gate), DEFAULT))


# --- deviations ---

TINY = np.finfo(np.float64).tiny
Where = Callable[[list[Any], Any], Any]


@dataclass(frozen=True, slots=True)
class Deviation:
    """Points at which a backend (or any) is allowed to differ, and why."""

    backends: tuple[str, ...]
    gate: str
    where: Where
    reason: str


def is_subnormal(x: Any) -> Any:
    """Where a number is subnormal, or the smallest normal one."""
    return (np.abs(x) <= 2 * TINY) & (x != 0)


def flushed(points: list[Any], expected: Any) -> Any:
    """Where an operand or the value is subnormal."""
    found = is_subnormal(expected)
    for point in points:
        found = found | is_subnormal(point)
    return found


def overflows(points: list[Any], expected: Any) -> Any:
    """Where the quotient of two finite operands is infinite."""
    with np.errstate(all="ignore"):
        return np.isinf(points[0] / points[1]) & np.isfinite(points[0])


COMPILED = ("numpy", "llvm", "c", "jax", "torch")
DEVIATIONS = (
    Deviation(("jax",), ANY, flushed, "XLA takes subnormal numbers for 0 on CPUs"),
    Deviation(
        COMPILED,
        "asech",
        lambda p, _: (p[0] == 0) | is_subnormal(p[0]),
        "acosh(1/x): the sign of zero decides, and 1/x overflows at subnormal numbers",
    ),
    Deviation(COMPILED, "acsch", lambda p, _: is_subnormal(p[0]), "asinh(1/x): 1/x overflows"),
    Deviation(COMPILED, "im", lambda p, _: np.isnan(p[0]), "a real number's imaginary part is 0"),
    Deviation(
        ("numpy", "llvm"),
        "arg",
        lambda p, _: (p[0] == 0) & np.signbit(p[0]),
        "atan2(0, -0) is pi: the sign of zero counts",
    ),
    Deviation(COMPILED, "factorial", lambda p, _: p[0] == -1, "gamma(x + 1) at +0 is inf"),
    Deviation(("numpy",), "loggamma", lambda p, _: is_subnormal(p[0]), "SciPy gives inf at 5e-324"),
    Deviation(
        ("torch",),
        "gamma",
        lambda p, _: (p[0] == 0) & np.signbit(p[0]),
        "the logarithm has no sign of zero",
    ),
    *(
        Deviation(("torch",), gate, overflows, "torch divides, and x/y overflows")
        for gate in ("mod", "Rem")
    ),
    Deviation(
        ("numpy", "c", "jax", "torch"),
        "SingularityFunction",
        lambda p, _: np.isinf(p[0]) | np.isinf(p[1]),
        "inf**0 is 1, and infinities may be equal; SymPy has no value",
    ),
)
# Gates whose sign of zero is compared too.
SIGNED = frozenset(
    [
        *("add", "sub", "neg", "mul", "div", "sqrt", "abs", "pow", "where", "stop_gradient"),
        *("sin", "tan", "asin", "atan", "atan2", "sinh", "tanh", "asinh", "atanh"),
        *("expm1", "log1p", "cbrt", "floor", "ceiling"),
    ]
)


def excused(backend: str, gate: str, points: list[Any], expected: Any) -> Any:
    """Where a deviation is known."""
    found = np.zeros(np.shape(expected), bool)
    for row in DEVIATIONS:
        if backend in row.backends and row.gate in (ANY, gate):
            found = found | row.where(points, expected)
    return found


def distance(found: Any, expected: Any, gate: str) -> Any:
    """How many units in the last place lie between; inf where one is nan or infinite alone."""
    with np.errstate(all="ignore"):
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        if gate in SIGNED:
            same &= (expected != 0) | (np.signbit(found) == np.signbit(expected))
        unit = np.spacing(np.maximum(np.abs(expected), TINY))
        finite = np.isfinite(found) & np.isfinite(expected)
        apart = np.where(finite & (expected != 0), np.abs(found - expected) / unit, np.inf)
        apart = np.where(finite & (expected == 0) & (found != 0), np.abs(found) / unit, apart)
        return np.where(same, 0.0, apart)
