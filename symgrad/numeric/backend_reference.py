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
ODD = frozenset(  # f(-0) = -0, which mpmath does not know
    [
        *("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf", "erfi"),
        *("expm1", "log1p", "cbrt", "sqrt", "floor", "ceiling", "sign", "re", "conjugate"),
    ]
)


def divide(x: float, y: float) -> float:
    """Return x/y by IEEE's rules."""
    if y != 0:
        return x / y
    if x == 0 or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def selected(condition: Any, x: Any, y: Any) -> Any:
    """Return x where the condition holds, else y."""
    return x if condition else y


FLOATS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "neg": lambda x: -x,
    "mul": lambda x, y: x * y,
    "div": divide,
    "abs": abs,
    "where": selected,
    "stop_gradient": lambda x: x,
}


def to_float(value: Any) -> Any:
    """Return an mpmath number as the nearest float; truth values stay."""
    if isinstance(value, bool):
        return value
    if isinstance(value, mp.mpc):
        return float(value.real) if value.imag == 0 else math.nan
    return float(value)


class Rounded:
    """Python floats; each gate is rounded once."""

    def __init__(self) -> None:
        self.precise = Precise()
        self._machines: dict[int, Machine] = {}

    def kernel(self, gate: Gate) -> Callable[..., Any]:
        """Return the function of a gate on floats."""
        if gate.name in FLOATS:
            return FLOATS[gate.name]
        function = self.precise.kernel(gate)

        def rounded(*args: Any) -> Any:
            if gate.name in ODD and args[0] == 0:
                return args[0]
            return to_float(function(*(a if isinstance(a, bool) else mp.mpf(a) for a in args)))

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
