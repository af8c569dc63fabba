"""What a row of the table is measured with: points of its domain, derivatives, and oracles.

Loaded by `runpy`; every function here is used by the tests beside it.
"""

from __future__ import annotations

import itertools
import math
import random
import zlib
from typing import Any

import mpmath as mp
import numpy as np
from sympy import Integer, Symbol

from symgrad.calculus import growth
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import Nodes
from symgrad.errors import UnknownPartialError
from symgrad.numeric import precise
from symgrad.numeric.arithmetic import Floats, Precise, forward_values

DIGITS = 30


# --- points ---


def interval(gate: Any, index: int) -> Any:
    return gate.domain[min(index, len(gate.domain) - 1)]


def arities(gate: Any) -> list[int]:
    least, most = gate.arity
    if most is not None:
        return list(range(max(least, 1), most + 1))
    return [len(gate.domain)] if len(gate.domain) > 1 else list(range(max(least, 1), 4))


def is_count(gate: Any, index: int) -> bool:
    """An operand whose interval is one point is part of the gate's form: a constant."""
    low, high = interval(gate, index)
    return low == high


def points(gate: Any, arity: int, count: int) -> list[tuple[float, ...]]:
    """Draw seeded points; the seed is the gate's name."""
    rng = random.Random(zlib.crc32(f"{gate.name}/{arity}".encode()))
    return [tuple(_draw(gate, i, rng) for i in range(arity)) for _ in range(count)]


def _draw(gate: Any, index: int, rng: random.Random) -> float:
    low, high = interval(gate, index)
    if index in gate.integers:
        return float(rng.randint(math.ceil(low), math.floor(high)))
    return rng.uniform(low, high)


# --- graphs ---


def gate_graph(gate: Any, arity: int, fixed: dict[int, float]) -> tuple[Graph, list[int]]:
    """Build the graph of one gate; operands in `fixed` are constants, the others variables."""
    nodes = Nodes()
    args = [
        nodes.number(Integer(int(fixed[i]))) if i in fixed else nodes.variable(Symbol(f"x{i}"))
        for i in range(arity)
    ]
    root = nodes.add(gate, tuple(args))
    return Graph(nodes, [root]), [a for i, a in enumerate(args) if i not in fixed]


def by_reverse(graph: Graph, wrt: list[int]) -> Graph:
    grown = growth.gradient(graph, wrt)
    return Graph(grown.nodes, grown.outputs[1:])


def by_forward(graph: Graph, wrt: list[int]) -> Graph:
    growing = growth.Growth(graph)
    columns = [growing.push({w: growing.one()}, graph.outputs)[0] for w in wrt]
    return growing.freeze(columns)


def variable(graph: Graph, index: int) -> int | None:
    return graph.find(Symbol(f"x{index}"))


def second(graph: Graph, i: int, j: int) -> Graph:
    """Differentiate by operand i, then by operand j."""
    first = by_reverse(graph, [variable(graph, i)])  # type: ignore[list-item]
    return by_reverse(first, [variable(first, j)])  # type: ignore[list-item]


def known(gate: Any, arity: int, fixed: dict[int, float]) -> list[int]:
    if gate.name == "hyper":  # its parameters are as many as the caller likes
        return [arity - 1]
    return [i for i in range(arity) if i not in gate.unknown and i not in fixed]


# --- values ---


def at_floats(graph: Graph, columns: list[Any]) -> list[Any]:
    """Evaluate with NumPy kernels; `columns` holds one array an operand."""
    complex_values = any(np.iscomplexobj(c) for c in columns)
    size = len(columns[0])
    with np.errstate(all="ignore"):
        values = forward_values(
            graph, _inputs(graph, columns), Floats(complex_values=complex_values)
        )
    return [np.broadcast_to(values[o], (size,)) for o in graph.outputs]


def at_digits(graph: Graph, point: Any) -> list[Any]:
    """Evaluate with mpmath at the working precision."""
    lifted = [mp.mpmathify(p) for p in point]
    values = forward_values(graph, _inputs(graph, lifted), Precise())
    return [values[o] for o in graph.outputs]


def _inputs(graph: Graph, columns: Any) -> list[Any]:
    return [columns[int(str(s)[1:])] for s in graph.inputs]


# --- oracles ---


def by_mpmath(gate: Any, point: Any, orders: tuple[int, ...]) -> Any:
    """Differentiate the gate's own value numerically with mpmath; no rule takes part."""
    moving = [i for i, k in enumerate(orders) if k]
    kernel = precise.kernel(gate)
    fixed = [mp.mpmathify(p) for p in point]

    def value(*moved: Any) -> Any:
        args = list(fixed)
        for i, x in zip(moving, moved, strict=True):
            args[i] = x
        return mp.mpmathify(kernel(*args) * 1)

    return mp.diff(value, tuple(fixed[i] for i in moving), tuple(orders[i] for i in moving))


def by_central(graph: Graph, columns: list[Any], index: int, step: float = 1e-5) -> Any:
    """Return the central difference with NumPy kernels."""
    sides = []
    for sign in (1, -1):
        moved = list(columns)
        moved[index] = columns[index] + sign * step
        sides.append(at_floats(graph, moved)[0] * 1.0)
    return (sides[0] - sides[1]) / (2 * step)


def by_complex_step(graph: Graph, columns: list[Any], index: int, step: float) -> Any:
    """Return the derivative from one evaluation at a complex point."""
    moved = list(columns)
    moved[index] = columns[index] + 1j * step
    return at_floats(graph, moved)[0].imag / step


def agree(actual: Any, expected: Any, tolerance: float) -> bool:
    """Return whether all numbers agree, relative to 1 + |expected|; nan agrees with nothing."""
    return error(actual, expected) <= tolerance


def error(actual: Any, expected: Any) -> float:
    """Return the largest error relative to 1 + |expected|; inf where something is nan."""
    worst = 0.0
    for a, e in zip(actual, expected, strict=True):
        gap = abs(mp.mpmathify(a) - mp.mpmathify(e)) / (1 + abs(mp.mpmathify(e)))
        worst = max(worst, float(gap)) if mp.isfinite(gap) else math.inf
    return worst


# --- one row, measured ---


def cases(gate: Any, arity: int, count: int, *, fix: bool) -> Any:
    """Yield (graph, known operands, points); integers are constants if `fix`, else variables."""
    drawn = points(gate, arity, count)
    held = [i for i in range(arity) if is_count(gate, i) or (fix and i in gate.integers)]
    key = lambda p: tuple(p[i] for i in held)  # noqa: E731
    for values, group in itertools.groupby(sorted(drawn, key=key), key=key):
        fixed = dict(zip(held, values, strict=True))
        graph, _ = gate_graph(gate, arity, fixed)
        yield graph, known(gate, arity, fixed), list(group)


def first_order_errors(gate: Any, arity: int, count: int, *, fix: bool) -> dict[str, float]:
    """Measure reverse and forward against mpmath's numeric derivative, to 30 digits."""
    worst = {"reverse": 0.0, "forward": 0.0}
    for graph, wrt, group in cases(gate, arity, count, fix=fix):
        nodes = [variable(graph, i) for i in wrt]
        modes = {"reverse": by_reverse(graph, nodes), "forward": by_forward(graph, nodes)}  # type: ignore[arg-type]
        for point in group:
            with mp.workdps(DIGITS):
                at = _complex(point) if gate.complex_valued else point
                expected = [by_mpmath(gate, at, _unit(arity, i)) for i in wrt]
                for mode, derived in modes.items():
                    found = error(at_digits(derived, at), expected)
                    worst[mode] = max(worst[mode], found)
    return worst


def second_order_errors(gate: Any, arity: int, count: int, *, fix: bool) -> tuple[float, list[Any]]:
    """Measure second partials likewise; return the worst error and the refused pairs."""
    worst, refused = 0.0, set()
    for graph, wrt, group in cases(gate, arity, count, fix=fix):
        for i, j in itertools.combinations_with_replacement(wrt, 2):
            try:
                derived = second(graph, i, j)
            except UnknownPartialError:
                refused.add((i, j))
                continue
            orders = tuple(a + b for a, b in zip(_unit(arity, i), _unit(arity, j), strict=True))
            for point in group:
                with mp.workdps(DIGITS):
                    at = _complex(point) if gate.complex_valued else point
                    expected = [by_mpmath(gate, at, orders)]
                    worst = max(worst, error(at_digits(derived, at), expected))
    return worst, sorted(refused)


def _unit(arity: int, index: int) -> tuple[int, ...]:
    return tuple(int(k == index) for k in range(arity))


def _complex(point: Any) -> Any:
    return [mp.mpc(p) for p in point]


def columns_of(group: list[tuple[float, ...]]) -> list[Any]:
    return [np.array(column) for column in zip(*group, strict=True)]
