"""Families of terms: a long sum of one term at many places is derived once, at one place.

The sum of squares of a fit, the energy of a lattice and Rosenbrock's valley are such sums (Griewank
and Toint 1982 call them partially separable). Terms that differ only in the variables that they
read are one family; its derivatives are those of its first member.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sympy import Dummy, Expr, Rational

from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import ADD, CONSTANT, DIV, MUL, NEG, SUB, VARIABLE, Nodes

MOST = 16  # families past which a function is taken as a whole
MEMBERS = 8  # terms a family, on average, from which families pay
LARGEST = 2**500  # of a factor's numerator and denominator
REPEATED = 4  # how often a node may be visited, on average, because terms share it

SUMS = (ADD, SUB, NEG)

Form = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Terms of one form.

    Parameters
    ----------
    formula : Graph
        The term, of symbols of its own.
    symbols : tuple of Expr
        k symbols, in the order of `members`.
    moved : tuple of bool
        Whether each of them is differentiated by.
    members : list of tuple of int
        The k variable nodes of each term.
    rows : list of int
        The output that each term is added to.
    weights : list of float
        What each term is multiplied by.
    """

    formula: Graph
    symbols: tuple[Expr, ...]
    moved: tuple[bool, ...]
    members: list[tuple[int, ...]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)


def families(graph: Graph, wrt: Sequence[int | None]) -> list[Family]:
    """Return the families of a graph whose outputs are sums; none where they do not pay.

    Parameters
    ----------
    graph : Graph
        m outputs.
    wrt : sequence of int or None
        The nodes to differentiate by; families are of variables, each named once.
    """
    nodes, alive = graph.nodes, [w for w in wrt if w is not None]
    moved = set(alive)
    if len(moved) < len(alive) or any(nodes.gates[w] is not VARIABLE for w in alive):
        return []
    if nodes.shapes:  # tensors have forms of their own
        return []
    found: dict[Form, Family] = {}
    budget, terms = REPEATED * len(nodes), 0
    for row, output in enumerate(graph.outputs):
        for term, weight in summands(nodes, output).items():
            form, members = form_of(nodes, term, moved)
            budget -= len(form)
            terms += 1
            if form not in found:
                found[form] = _family(form)
            if len(found) > MOST or budget < 0:
                return []
            family = found[form]
            family.members.append(members)
            family.rows.append(row)
            family.weights.append(weight)
    return list(found.values()) if terms >= MEMBERS * len(found) else []


def summands(nodes: Nodes, output: int) -> Mapping[int, float]:
    """Return the terms of a sum with their weights; a constant factor of a sum is spread."""
    weights = {output: 1.0}
    found: dict[int, float] = {}
    heap = [-output]
    while heap:
        node = -heapq.heappop(heap)
        weight = weights.pop(node)
        parts = _parts(nodes, node)
        if not parts:
            found[node] = weight
        for part, factor in parts:
            if part not in weights:
                weights[part] = 0.0
                heapq.heappush(heap, -part)
            weights[part] += weight * factor
    return {node: weight for node, weight in found.items() if not nodes.constant[node]}


def _parts(nodes: Nodes, node: int) -> list[tuple[int, float]]:
    """Return what a node is the weighted sum of, or nothing."""
    gate, args = nodes.gates[node], nodes.args[node]
    if gate is ADD:
        return [(args[0], 1.0), (args[1], 1.0)]
    if gate is SUB:
        return [(args[0], 1.0), (args[1], -1.0)]
    if gate is NEG:
        return [(args[0], -1.0)]
    if gate is MUL and _is_factor(nodes, args[0]) and nodes.gates[args[1]] in SUMS:
        return [(args[1], float(nodes.payloads[args[0]]))]
    if gate is DIV and _is_factor(nodes, args[1]) and nodes.gates[args[0]] in SUMS:
        return [(args[0], 1.0 / float(nodes.payloads[args[1]]))]
    return []


def _is_factor(nodes: Nodes, node: int) -> bool:
    """Whether a node is a rational number that a float holds well."""
    value = nodes.payloads[node]
    if nodes.gates[node] is not CONSTANT or not isinstance(value, Rational):
        return False
    return value.p != 0 and bool(max(abs(value.p), value.q) < LARGEST)


def form_of(nodes: Nodes, root: int, moved: set[int]) -> tuple[Form, tuple[int, ...]]:
    """Return a term without the names of its variables, and its variables in order."""
    local: dict[int, int] = {}
    form: list[Any] = []
    variables: list[int] = []
    stack = [root]
    while stack:
        node = stack[-1]
        pending = [a for a in nodes.args[node] if a not in local] if node not in local else []
        if pending:
            stack.extend(reversed(pending))
            continue
        stack.pop()
        if node in local:
            continue
        local[node] = len(local)
        gate = nodes.gates[node]
        if gate is VARIABLE:
            variables.append(node)
            form.append(node in moved)
        else:
            form.append((gate, tuple([local[a] for a in nodes.args[node]]), nodes.payloads[node]))
    return tuple(form), tuple(variables)


def _family(form: Form) -> Family:
    """Return the family of a form, still without members."""
    nodes = Nodes()
    made: list[int] = []
    symbols: list[Expr] = []
    for step in form:
        if isinstance(step, bool):
            symbols.append(Dummy(f"x{len(symbols)}"))
            made.append(nodes.variable(symbols[-1]))
        else:
            gate, args, payload = step
            made.append(nodes.add(gate, tuple(made[a] for a in args), payload))
    moved = tuple(step for step in form if isinstance(step, bool))
    return Family(Graph(nodes, [made[-1]]), tuple(symbols), moved)
