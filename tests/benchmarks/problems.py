"""The problems: functions as SymPy expressions, and trees of any size for the slopes.

Written with SymPy's own operators, as a user would; nothing here is timed. Trees of a given number
of nodes are made literally, since SymPy's constructors recurse over their depth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sympy
from sympy import Integer, Symbol

from symgrad.expr import literal

Expr = Any


@dataclass(frozen=True, slots=True)
class Problem:
    """A scalar and the variables of its gradient."""

    expr: Expr
    wrt: list[Any]


def network(inputs: int, hidden: int, outputs: int) -> Problem:
    """Return Σ(V·tanh(W·x) - k)², in scalars; the gradient is by the weights."""
    x = sympy.symbols(f"x:{inputs}")
    W = [sympy.symbols(f"w{row}_:{inputs}") for row in range(hidden)]
    V = [sympy.symbols(f"v{row}_:{hidden}") for row in range(outputs)]
    h = [sympy.tanh(dot(row, x)) for row in W]
    loss = sympy.Add(*[(dot(row, h) - k) ** 2 for k, row in enumerate(V)])
    return Problem(loss, [weight for row in (*W, *V) for weight in row])


def dot(a: Any, b: Any) -> Expr:
    return sympy.Add(*[p * q for p, q in zip(a, b, strict=True)])


def rosenbrock(size: int) -> Problem:
    x = sympy.symbols(f"x:{size}")
    valley = [100 * (after - before**2) ** 2 + (1 - before) ** 2 for before, after in pairwise(x)]
    return Problem(sympy.Add(*valley), list(x))


def nested(depth: int) -> Problem:
    x, y = sympy.symbols("x y")
    e = x
    for _ in range(depth):
        e = sympy.sin(e) * y + sympy.cos(e)
    return Problem(e, [x, y])


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "mlp16": lambda: network(16, 16, 4),
    "rosen500": lambda: rosenbrock(500),
    "deep100": lambda: nested(100),
}


# --- trees of any size ---


def literal_chain(nodes: int) -> Expr:
    """Return `deep` as a literal tree whose graph has about `nodes` nodes."""
    e: Expr = Symbol("x")
    y = Symbol("y")
    for _ in range(nodes // 4):
        turned = literal.mul(literal.apply(sympy.sin, e), y)
        e = literal.add(turned, literal.apply(sympy.cos, e))
    return e


def literal_valley(nodes: int) -> Expr:
    """Return `rosen` as a literal tree whose graph has about `nodes` nodes."""
    x = [Symbol(f"x{i}") for i in range(nodes // 9 + 1)]
    two, hundred, one = Integer(2), Integer(100), Integer(1)
    terms = []
    for before, after in pairwise(x):
        bend = literal.sub(after, literal.power(before, two))
        terms.append(literal.mul(hundred, literal.power(bend, two)))
        terms.append(literal.power(literal.sub(one, before), two))
    return literal.add(*terms)


FAMILIES: dict[str, Callable[[int], Expr]] = {
    "deep": literal_chain,
    "rosen": literal_valley,
}
