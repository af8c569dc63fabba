"""The entries of sparse Jacobians and Hessians, each derived once, the zeros never.

A column is one tangent walk over what its variable moves, a row one cotangent walk over what its
output reads. Where those are neighbourhoods, all walks together are linear in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from symgrad.calculus.forward import forward
from symgrad.calculus.growth import Growth, Wanted
from symgrad.calculus.reverse import sweep
from symgrad.calculus.sparsity import Pattern, carriers, influences, positions, rows_of
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import reachable

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


def sparse_jacobian(graph: Graph, wrt: Wanted, kinks: str = "min_norm") -> tuple[Pattern, Graph]:
    """Return the pattern of a Jacobian, and the graph of its entries, row by row."""
    growth = Growth(graph, kinks)
    walks = Walks(growth, graph.outputs, wrt)
    full = set(full_rows(walks.pattern))
    found = walks.rows(sorted(full))
    rest = [i for i in range(len(graph.outputs)) if i not in full]
    if _rows_are_cheaper(walks, rest):
        found |= walks.rows(rest)
    else:
        found |= walks.columns(_by_column(walks.pattern, rest))
    return walks.pattern, growth.freeze([found[place] for place in walks.pattern.places()])


def sparse_hessian(graph: Graph, wrt: Wanted, kinks: str = "min_norm") -> tuple[Pattern, Graph]:
    """Return the pattern of a Hessian, and the graph of its entries (i, j) with i <= j.

    Returns
    -------
    (Pattern, Graph)
        The upper triangle's pattern; its entries, row by row.

    Notes
    -----
    An entry is the derivative of partial i by variable j, as in the full Hessian. Where row i is
    full and row j is not, it is that of partial j by variable i: one walk then gives all of i's.
    """
    growth = Growth(graph, kinks)
    bars = growth.pull({graph.outputs[0]: growth.one()}, wrt)
    walks = Walks(growth, bars, wrt)
    upper = Pattern(
        tuple(tuple(j for j in row if i <= j) for i, row in enumerate(walks.pattern.rows)),
        len(wrt),
    )
    full = set(full_rows(walks.pattern))
    turned = {place for place in upper.places() if place[0] in full and place[1] not in full}
    few: dict[int, list[int]] = {}
    many: dict[int, list[int]] = {}
    for i, j in upper.places():
        column, row = (i, j) if (i, j) in turned else (j, i)
        (many if column in full else few).setdefault(column, []).append(row)
    found = walks.columns(few) | walks.columns(many)
    entries = [found[(j, i) if (i, j) in turned else (i, j)] for i, j in upper.places()]
    return upper, growth.freeze(entries)


def full_rows(pattern: Pattern) -> list[int]:
    """Return the rows that hold so much more than the others that they are treated apart.

    Notes
    -----
    k rows apart and the longest of the others: their sum bounds the number of walks or colours.
    """
    order = sorted(range(len(pattern.rows)), key=lambda i: -len(pattern.rows[i]))
    lengths = [*(len(pattern.rows[i]) for i in order), 0]
    apart = min(range(len(lengths)), key=lambda k: k + lengths[k])
    return order[:apart]


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
