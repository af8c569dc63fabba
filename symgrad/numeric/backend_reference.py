"""The reference: one point at a time, one gate at a time, each rounded once.

Slow and obvious; the other backends answer to it. A gate's value is computed by mpmath from the
floats that it is given and rounded to a float; the arithmetic operations are Python's own, which
know the sign of zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import mpmath as mp
import numpy as np

from symgrad.numeric import precise
from symgrad.numeric.arithmetic import Precise, float_of
from symgrad.numeric.backend import Backend, Executable, Machine
from symgrad.numeric.program import Program
from symgrad.rules import opaque
from symgrad.rules.row import Gate

DIGITS = 40  # of a gate before it is rounded
# f(±0) = ±0 and f(±0) = ±inf, which mpmath does not know: its zero has no sign.
ODD = frozenset(
    [
        *("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf", "erfi"),
        *("expm1", "log1p", "cbrt", "sqrt", "floor", "ceiling", "sign", "re", "conjugate"),
    ]
)
POLES = frozenset(["cot", "csc", "coth", "csch", "acsch", "gamma"])
HUGE = 2.0**64  # exponents from here on are even, and give 0, 1 or inf
BEYOND = 30.0  # where erfc is 0 or 2 to any number of digits that a float has

Function = Callable[..., Any]


def divide(x: float, y: float) -> float:
    """Return x/y by IEEE's rules."""
    if y != 0:
        return x / y
    if x == 0 or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def plain(function: Function) -> Function:
    """Return a function of Python's `math` that gives nan outside its domain."""

    def guarded(*args: float) -> Any:
        try:
            return function(*args)
        except (ValueError, ZeroDivisionError):
            return math.nan
        except OverflowError:
            return math.inf

    return guarded


def power_of_zero(x: float, y: float) -> float:
    """Return x**y for x = ±0."""
    if y >= 0 or math.isnan(y):
        return math.pow(x, y)
    return math.copysign(math.inf, x) if y % 2 == 1 else math.inf


def at_edges(name: str, args: tuple[Any, ...]) -> Any:
    """Return the value where IEEE's rules fix it: zeros, infinities and nan; else None."""
    x = args[0]
    edge = any(a == 0 or math.isinf(a) or math.isnan(a) for a in args)
    if name == "pow" and (edge or abs(args[1]) > HUGE):
        return power_of_zero(*args) if x == 0 else plain(math.pow)(*args)
    if name in EDGES and edge:
        return EDGES[name](*args)
    if name in ("logsumexp", "logaddexp") and any(map(math.isnan, args)):
        return math.nan
    if x == 0 and name in ODD:
        return x
    if x == 0 and name in POLES:
        return math.copysign(math.inf, x)
    return None


# Python's own function where an operand is 0, infinite or nan.
EDGES: dict[str, Function] = {
    "atan2": math.atan2,
    "hypot": math.hypot,
    "xlogy": lambda x, y: x * 0 if x == 0 and y == y else plain(mp.fprod)([x, precise_log(y)]),
    "acot": lambda x: math.atan(divide(1.0, x)),
    "asec": plain(lambda x: math.acos(divide(1.0, x))),
    "acsc": plain(lambda x: math.asin(divide(1.0, x))),
    "sinc": plain(lambda x: 1.0 if x == 0 else math.sin(x) / x),
    "loggamma": plain(lambda x: math.inf if x == 0 else mp.loggamma(x)),
}


def precise_log(y: float) -> Any:
    """Return log(y) with IEEE's infinities."""
    return -mp.inf if y == 0 else (mp.log(y) if y > 0 else mp.nan)


def step(x: float, at_zero: float = 0.5) -> float:
    """Return the unit step; nan stays nan."""
    return float(x > 0) if x != 0 and x == x else (at_zero if x == 0 else x)


def tail(x: float) -> Any:
    """Return erfc(x)."""
    return mp.erfc(x) if not abs(x) > BEYOND else (0.0 if x > 0 else 2.0)


def erf_between(x: float, y: float) -> Any:
    """Return erf(y) - erf(x) without cancellation."""
    if x > 1 and y > 1:
        return tail(x) - tail(y)
    return tail(-y) - tail(-x) if x < -1 and y < -1 else mp.erf(y) - mp.erf(x)


FLOATS: dict[str, Function] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "neg": lambda x: -x,
    "mul": lambda x, y: x * y,
    "div": divide,
    "abs": abs,
    "where": lambda condition, x, y: x if condition else y,
    "stop_gradient": lambda x: x,
    "mod": plain(lambda x, y: x % y),
    "Rem": plain(math.fmod),
    "ceiling": lambda x: math.copysign(math.ceil(x), x) if math.isfinite(x) else x,
    "heaviside": step,
    "erfc": tail,
    "erf2": erf_between,
    "gelu": lambda x: math.nan if x == -math.inf else x * tail(-x / mp.sqrt(2)) / 2,
    # These compare and choose: what they are made of knows floats as well as mpmath's numbers.
    **{name: precise.KERNELS[name] for name in ("max", "min", "indicator", "relu", "leaky_relu")},
}


def to_float(value: Any) -> Any:
    """Return an mpmath number as the nearest float; truth values stay."""
    if isinstance(value, bool):
        return value
    if isinstance(value, mp.mpc):
        return float(value.real) if value.imag == 0 else math.nan
    return float(value)


def _lifted(value: Any) -> Any:
    return value if isinstance(value, bool) else mp.mpf(value)


class Rounded:
    """Python floats; each gate is rounded once."""

    def __init__(self) -> None:
        self.precise = Precise()
        self._machines: dict[int, Machine] = {}

    def kernel(self, gate: Gate) -> Callable[..., Any]:
        """Return the function of a gate on floats."""
        exact = FLOATS.get(gate.name) if not gate.kernels else None
        function = exact or self.precise.kernel(gate)
        lifted = (lambda a: a) if exact else _lifted

        def rounded(*args: Any) -> Any:
            found = at_edges(gate.name, args) if args else None
            return to_float(function(*map(lifted, args)) if found is None else found)

        return rounded

    def whole(self, payload: opaque.Whole, args: tuple[Any, ...]) -> Any:
        """Return a sum, product or integral."""
        return to_float(self.precise.whole(payload, tuple(map(mp.mpf, args))))

    def machine(self, program: Program) -> Machine:
        """Return a program bound to these kernels; one machine a program."""
        found = self._machines.get(id(program))
        if found is None:
            found = Machine(program, self.kernel, float_of, self.whole, self.machine)
            self._machines[id(program)] = found
        return found


class Reference(Executable):
    """A program that is run point by point."""

    def __init__(self, program: Program, dtype: str) -> None:
        start = perf_counter()
        self._machine = Rounded().machine(program)
        super().__init__(program, dtype, str(program), {"seconds": perf_counter() - start})

    def __call__(self, values: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """Return the outputs, one point after the other."""
        shape = np.broadcast_shapes(*(np.shape(v) for v in values))
        spread = [np.broadcast_to(np.asarray(v, dtype=self.dtype), shape) for v in values]
        count = len(self.program.outputs)
        found = [np.empty(shape, self.dtype) for _ in range(count)] if out is None else list(out)
        with precise.working(DIGITS):
            for place in np.ndindex(shape):
                point = self._machine([float(v[place]) for v in spread])
                for array, value in zip(found, point, strict=True):
                    array[place] = value
        return [array[()] for array in found]


def build(program: Program, *, dtype: str = "float64", **_: Any) -> Executable:
    """Return the program, ready to run point by point."""
    return Reference(program, dtype)


def missing(program: Program) -> list[str]:
    """Return nothing: what has no number says so when it is asked."""
    return []


REFERENCE = Backend("reference", build, missing)
