"""One point at a time on Python's own floats, which cost a fraction of what NumPy's scalars do.

Python raises where IEEE gives inf or nan; then the caller takes NumPy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

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


def first_if(condition: Any, x: float, y: float) -> float:
    """Return x where the condition holds, else y."""
    return x if condition else y


FUNCTIONS: dict[tuple[str, int], Callable[..., Any]] = {
    **{(name, 1): getattr(math, name) for name in ("sqrt", "exp", "log", "log1p", "expm1")},
    **{(name, 1): getattr(math, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan")},
    **{(name, 1): getattr(math, name) for name in ("sinh", "cosh", "tanh", "asinh", "acosh")},
    **{(name, 2): getattr(operator, name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    ("atanh", 1): math.atanh,
    ("abs", 1): abs,
    ("sign", 1): sign,
    ("sigmoid", 1): sigmoid,
    ("relu", 1): lambda x: larger(x, 0.0),
    ("stop_gradient", 1): operator.pos,
    ("not", 1): operator.not_,
    ("pow", 2): power,
    ("atan2", 2): math.atan2,
    ("hypot", 2): math.hypot,
    ("max", 2): larger,
    ("min", 2): smaller,
    ("where", 3): first_if,
    ("indicator", 3): indicator,
}
# The commonest gates without a call each: all of one gate that stand side by side.
Rows = list[Any]
TOGETHER: dict[tuple[str, int], Callable[[list[Any], Rows], list[Any]]] = {
    ("add", 2): lambda s, rows: [s[a] + s[b] for a, b in rows],
    ("sub", 2): lambda s, rows: [s[a] - s[b] for a, b in rows],
    ("mul", 2): lambda s, rows: [s[a] * s[b] for a, b in rows],
    ("div", 2): lambda s, rows: [s[a] / s[b] for a, b in rows],
    ("neg", 1): lambda s, rows: [-s[a] for (a,) in rows],
    ("square", 2): lambda s, rows: [s[a] * s[a] for a, _ in rows],
}
ALONE: dict[tuple[str, int], Callable[..., Any]] = {
    ("add", 2): operator.add,
    ("sub", 2): operator.sub,
    ("mul", 2): operator.mul,
    ("div", 2): operator.truediv,
    ("neg", 1): operator.neg,
    ("square", 2): lambda x, _: x * x,
    **{key: function for key, function in FUNCTIONS.items() if key[1] < 3},
}
FEW = 3  # gates side by side up to which a call each is cheaper


def point_function(program: Program) -> Point | None:
    """Return a function of one point, or None where a gate has no function on Python's floats.

    Notes
    -----
    It gives None where Python refuses an operation that IEEE defines.
    """
    numbers = [float_of(c) for c in program.constants]
    groups, place = _grouped(program, numbers)
    bound: list[tuple[Callable[[list[Any], Rows], Iterable[Any]], Rows]] = []
    for key, members in groups:
        alone = ALONE.get(key) if len(members) <= FEW else None
        if alone is not None:
            if not bound or bound[-1][0] is not _one_by_one:
                bound.append((_one_by_one, []))
            bound[-1][1].extend((alone, key[1] == 1, row[0], row[-1]) for row in members)
            continue
        together = TOGETHER.get(key) or _each(*key)
        if together is None:
            return None
        bound.append((together, members))
    outputs = [place[o] for o in program.outputs]

    def run(values: list[float]) -> list[Any] | None:
        slots = values + numbers
        try:
            for together, members in bound:
                slots += together(slots, members)
        except ERRORS:
            return None
        return [slots[o] for o in outputs]

    return run


def _one_by_one(slots: list[Any], rows: Rows) -> tuple[()]:
    """Append the value of each row; later ones may read earlier ones."""
    append = slots.append
    for function, unary, a, b in rows:
        append(function(slots[a]) if unary else function(slots[a], slots[b]))
    return ()


def _each(name: str, count: int) -> Callable[[list[Any], Rows], list[Any]] | None:
    """Return a gate's function on all rows of operands."""
    function = FUNCTIONS.get((name, count))
    if function is None:
        return None
    if count == 1:
        return lambda s, rows: [function(s[a]) for (a,) in rows]
    if count == 2:
        return lambda s, rows: [function(s[a], s[b]) for a, b in rows]
    return lambda s, rows: [function(s[a], s[b], s[c]) for a, b, c in rows]


def _grouped(program: Program, numbers: list[Any]) -> tuple[list[tuple[Any, Rows]], list[int]]:
    """Return equal gates at equal depth, in an order that can be run, and where each slot went."""
    first = program.first
    depth = [0] * first
    groups: dict[tuple[int, str, int], list[int]] = {}
    for slot, operation in enumerate(program.operations, first):
        own = 1 + max([depth[a] for a in operation.args], default=0)
        depth.append(own)
        name = "" if operation.gate.kernels else operation.gate.name
        if name == "pow" and len(program.inputs) <= operation.args[1] < first:
            square = numbers[operation.args[1] - len(program.inputs)] == 2
            name = "square" if square else name
        groups.setdefault((own, name, len(operation.args)), []).append(slot)
    place = list(range(first + len(program.operations)))
    order = sorted(groups)
    for new, slot in enumerate((s for key in order for s in groups[key]), first):
        place[slot] = new
    rows = [
        [tuple([place[a] for a in program.operations[s - first].args]) for s in groups[key]]
        for key in order
    ]
    return [(key[1:], found) for key, found in zip(order, rows, strict=True)], place
