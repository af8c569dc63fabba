"""The entries of sparse Jacobians and Hessians, each derived once, the zeros never.

A column is one tangent walk over what its variable moves, a row one cotangent walk over what its
output reads. Where those are neighbourhoods, all walks together are linear in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from symgrad.calculus.forward import forward
from symgrad.calculus.growth import Growth, Wanted
from symgrad.calculus.reverse import sweep
from symgrad.calculus.sparsity import (
    Pattern,
    carriers,
    full_rows,
    influences,
    positions,
    rows_of,
)
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import reachable
from symgrad.errors import UnsupportedError

Entries = dict[tuple[int, int], int]


class Walks:
    """Walks over one growing table, each over the nodes that concern it.

    Parameters
    ----------
    growth : Growth
        The table; walks read the nodes that it has now.
    outputs : sequence of int
        The nodes of the rows.
    wrt : sequence of int or None
        The nodes of the columns.
    """

    def __init__(self, growth: Growth, outputs: Sequence[int], wrt: Wanted) -> None:
        self.growth = growth
        self.outputs = outputs
        self.wrt = wrt
        self.primal = range(len(growth.nodes))
        self.places = positions(wrt)
        needed = reachable(growth.nodes, outputs)
        self.carried = carriers(growth.nodes, needed, self.places, growth.kinks)
        moved_by, self.tangents = influences(self.carried, outputs, self.places)
        self.pattern = rows_of(moved_by, outputs, wrt)

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """The nodes that each node can move."""
        found: dict[int, list[int]] = {}
        for node, operands in self.carried.items():
            for a in operands:
                found.setdefault(a, []).append(node)
        return found

    def reads(self, row: int) -> set[int]:
        """Return the nodes through which variables move an output."""
        return spread([self.outputs[row]], lambda node: self.carried.get(node, ()))

    def columns(self, wanted: Mapping[int, Sequence[int]]) -> Entries:
        """Return entries by one tangent walk a column; `wanted` gives the rows of each."""
        ends = {self.outputs[i] for rows in wanted.values() for i in rows}
        mask = spread(ends, lambda node: self.carried.get(node, ()))
        found: Entries = {}
        for j, rows in wanted.items():
            dots = self._push(j, {self.outputs[i] for i in rows}, mask)
            found |= {(i, j): self.growth.or_zero(dots, self.outputs[i]) for i in rows}
        return found

    def _push(self, column: int, targets: set[int], mask: set[int]) -> dict[int, int]:
        source = self.wrt[column]
        if source is None:
            return {}
        moved = spread([source], lambda node: [r for r in self.readers.get(node, ()) if r in mask])
        nodes, grower, kinks = self.growth.nodes, self.growth.grower, self.growth.kinks
        seed, order = {source: self.growth.one()}, sorted(moved - {source})
        return forward(nodes, self.primal, seed, order, grower, kinks=kinks, targets=targets)

    def rows(self, wanted: Iterable[int]) -> Entries:
        """Return entries by one cotangent walk a row."""
        active = bytearray(len(self.primal))
        for node in self.carried:
            active[node] = 1
        nodes, grower, kinks = self.growth.nodes, self.growth.grower, self.growth.kinks
        found: Entries = {}
        for i in wanted:
            seed, order = {self.outputs[i]: self.growth.one()}, sorted(self.reads(i), reverse=True)
            bars = sweep(nodes, self.primal, seed, self.places, order, active, grower, kinks)
            for j in self.pattern.rows[i]:
                found[i, j] = self.growth.or_zero(bars, self.wrt[j])
        return found


def spread(starts: Iterable[int], neighbours: Callable[[int], Iterable[int]]) -> set[int]:
    """Return everything that can be reached."""
    seen = set(starts)
    stack = list(seen)
    while stack:
        for node in neighbours(stack.pop()):
            if node not in seen:
                seen.add(node)
                stack.append(node)
    return seen


@dataclass(frozen=True, slots=True)
class Plan:
    """A sparse matrix of partials before its entries are derived.

    Parameters
    ----------
    pattern : Pattern
        The places: of a Jacobian all, of a Hessian those with row <= column.
    moving : int
        Nodes that variables move.
    tangents : int
        Tangents of all nodes together, one a variable that moves the node: the cost of `derive`.
    derive : callable
        Returns the graph of the entries, in the order of the pattern.
    whole : Pattern
        All places, below the diagonal too.
    """

    pattern: Pattern
    moving: int
    tangents: int
    derive: Callable[[], Graph]
    whole: Pattern


def sparse_jacobian(graph: Graph, wrt: Wanted, kinks: str = "min_norm") -> Plan:
    """Return the plan of a Jacobian: rows that are full apart, the others in the cheaper mode."""
    growth = _growth(graph, wrt, kinks)
    walks = Walks(growth, graph.outputs, wrt)
    pattern = walks.pattern

    def derive() -> Graph:
        full = set(full_rows(pattern))
        found = walks.rows(sorted(full))
        rest = [i for i in range(len(graph.outputs)) if i not in full]
        if _rows_are_cheaper(walks, rest):
            found |= walks.rows(rest)
        else:
            found |= walks.columns(_by_column(pattern, rest))
        return growth.freeze([found[place] for place in pattern.places()])

    return Plan(pattern, len(walks.carried), walks.tangents, derive, pattern)


def sparse_hessian(graph: Graph, wrt: Wanted, kinks: str = "min_norm") -> Plan:
    """Return the plan of a Hessian's entries (i, j) with i <= j.

    Notes
    -----
    An entry is the derivative of partial i by variable j, as in the full Hessian. Where row i is
    full and row j is not, it is that of partial j by variable i: one walk then gives all of i's.
    """
    growth = _growth(graph, wrt, kinks)
    bars = growth.pull({graph.outputs[0]: growth.one()}, wrt)
    walks = Walks(growth, bars, wrt)
    upper = walks.pattern.upper()

    def derive() -> Graph:
        full = set(full_rows(walks.pattern))
        few: dict[int, list[int]] = {}
        many: dict[int, list[int]] = {}
        derived = [(j, i) if i in full and j not in full else (i, j) for i, j in upper.places()]
        for row, column in derived:
            (many if column in full else few).setdefault(column, []).append(row)
        found = walks.columns(few) | walks.columns(many)
        return growth.freeze([found[place] for place in derived])

    return Plan(upper, len(walks.carried), walks.tangents, derive, walks.pattern)


def _growth(graph: Graph, wrt: Wanted, kinks: str) -> Growth:
    shapes = graph.nodes.shapes
    if any(node in shapes for node in (*graph.outputs, *wrt)):
        raise UnsupportedError(
            "sparse=True is of scalars by scalars, but a matrix or tensor is among them; "
            "leave it out: the structure of tensor derivatives is kept as a formula"
        )
    return Growth(graph, kinks)


def _rows_are_cheaper(walks: Walks, rows: Sequence[int]) -> bool:
    """Whether cotangent walks visit fewer nodes than tangent walks."""
    outputs = [walks.outputs[i] for i in rows]
    _, most = influences(walks.carried, outputs, walks.places)
    visited = 0
    for i in rows:
        visited += len(walks.reads(i))
        if visited > most:
            return False
    return True


def _by_column(pattern: Pattern, rows: Iterable[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for i in rows:
        for j in pattern.rows[i]:
            found.setdefault(j, []).append(i)
    return found
