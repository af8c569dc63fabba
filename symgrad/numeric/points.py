"""One point at a time on Python's own floats, which cost a fraction of what NumPy's scalars do.

Python raises where IEEE gives inf or nan; then the caller takes NumPy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.numeric.arithmetic import float_of
from symgrad.numeric.program import Program

Point = Callable[[list[float]], "list[Any] | None"]
ERRORS = (ArithmeticError, ValueError)


def power(x: float, y: float) -> float:
    """Return x**y, where that is real."""
    return x * x if y == 2 else math.pow(x, y)


def indicator(x: float, y: float, tie: float) -> float:
    """Return 1 where x > y, the tie's value where x = y, 0 below; nan stays nan."""
    if x > y:
        return 1.0
    return 0.0 if x < y else (tie if x == y else math.nan)


def larger(x: float, y: float) -> float:
    """Return the larger one; nan stays nan."""
    return x if x > y or x != x else y


def smaller(x: float, y: float) -> float:
    """Return the smaller one; nan stays nan."""
    return x if x < y or x != x else y


def sign(x: float) -> float:
    """Return -1, 0 or 1; nan stays nan."""
    return 1.0 if x > 0 else (-1.0 if x < 0 else x)


def sigmoid(x: float) -> float:
    """Return 1/(1 + exp(-x)) without overflow on either side."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)
    return small / (1.0 + small)


UNARY: dict[str, Callable[[float], Any]] = {
    "neg": operator.neg,
    "abs": abs,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log1p": math.log1p,
    "expm1": math.expm1,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "sign": sign,
    "sigmoid": sigmoid,
    "relu": lambda x: larger(x, 0.0),
    "stop_gradient": operator.pos,
    "not": operator.not_,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": power,
    "atan2": math.atan2,
    "hypot": math.hypot,
    "max": larger,
    "min": smaller,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}
TERNARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "where": lambda condition, x, y: x if condition else y,
    "indicator": indicator,
}
TABLES: dict[int, dict[str, Any]] = {1: UNARY, 2: BINARY, 3: TERNARY}


def point_function(program: Program) -> Point | None:
    """Return a function of one point, or None where a gate has no function on Python's floats.

    Notes
    -----
    It gives None where Python refuses an operation that IEEE defines.
    """
    bound = []
    for operation in program.operations:
        args = operation.args
        function = TABLES.get(len(args), {}).get(operation.gate.name)
        if function is None or operation.gate.kernels:
            return None
        bound.append((function, len(args), args[0], args[-1], args[len(args) // 2]))
    numbers = [float_of(c) for c in program.constants]
    outputs = program.outputs

    def run(values: list[float]) -> list[Any] | None:
        slots = values + numbers
        append = slots.append
        try:
            for function, count, a, c, b in bound:
                if count == 2:
                    append(function(slots[a], slots[b]))
                elif count == 1:
                    append(function(slots[a]))
                else:
                    append(function(slots[a], slots[b], slots[c]))
        except ERRORS:
            return None
        return [np.float64(slots[o]) for o in outputs]

    return run
