"""Sparsity: which outputs can move with which variables.

Read from the graph alone, before anything is derived. An entry outside a pattern is 0 everywhere:
the walks make no tangent for it. An entry inside may be 0 for another reason (`x - x`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from symgrad.calculus.forward import PUSHFORWARDS
from symgrad.dag.nodes import Nodes, reachable
from symgrad.dag.template import TEMPLATES
from symgrad.rules import routing
from symgrad.rules.row import Gate

Carriers = dict[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Pattern:
    """The places of a matrix that may hold something else than 0.

    Parameters
    ----------
    rows : tuple of tuple of int
        The columns of each row, ascending.
    width : int
        Number of columns.
    """

    rows: tuple[tuple[int, ...], ...]
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.rows), self.width

    @property
    def entries(self) -> int:
        """How many places there are."""
        return sum(map(len, self.rows))

    def places(self) -> Iterable[tuple[int, int]]:
        """Yield (row, column) in order, row by row."""
        return ((i, j) for i, row in enumerate(self.rows) for j in row)

    def upper(self) -> Pattern:
        """Return the places on and above the diagonal."""
        rows = enumerate(self.rows)
        return Pattern(tuple(tuple(j for j in row if i <= j) for i, row in rows), self.width)

    def transposed(self) -> Pattern:
        """Return the pattern of the transposed matrix."""
        columns: list[list[int]] = [[] for _ in range(self.width)]
        for i, j in self.places():
            columns[j].append(i)
        return Pattern(tuple(map(tuple, columns)), len(self.rows))


def positions(wrt: Sequence[int | None]) -> dict[int, list[int]]:
    """Return the places of each node in `wrt`, which may name a node twice."""
    found: dict[int, list[int]] = {}
    for place, node in enumerate(wrt):
        if node is not None:
            found.setdefault(node, []).append(place)
    return found


def pattern(
    nodes: Nodes, outputs: Sequence[int], wrt: Sequence[int | None], kinks: str = "min_norm"
) -> Pattern:
    """Return the pattern of the Jacobian of some nodes by others.

    Parameters
    ----------
    nodes : Nodes
        The table.
    outputs : sequence of int
        m nodes, the rows.
    wrt : sequence of int or None
        n nodes, the columns; None for a variable that the table does not hold.
    kinks : str
        The policy where a gate has no derivative.

    Returns
    -------
    Pattern
        Shape (m, n).
    """
    places = positions(wrt)
    carried = carriers(nodes, reachable(nodes, outputs), places, kinks)
    return rows_of(influences(carried, outputs, places)[0], outputs, wrt)


def rows_of(
    moved_by: Mapping[int, Iterable[int]], outputs: Sequence[int], wrt: Sequence[int | None]
) -> Pattern:
    """Return the pattern of outputs that some sources move."""
    places = positions(wrt)
    rows = {o: tuple(sorted(j for s in moved_by.get(o, ()) for j in places[s])) for o in outputs}
    return Pattern(tuple(rows[o] for o in outputs), len(wrt))


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


def carriers(
    nodes: Nodes, needed: bytearray, sources: Iterable[int], kinks: str = "min_norm"
) -> Carriers:
    """Return, for each needed node that can move, the operands that can move it.

    A source is there with its operands, or with none if it is a leaf.
    """
    asked, found = Asked(nodes, kinks), Carriers()
    moving = bytearray(len(nodes))
    for source in sources:
        if needed[source]:
            moving[source] = 1
            found[source] = ()
    for node, args in enumerate(nodes.args):
        if not needed[node] or not args:
            continue
        passing = [a for k, a in enumerate(args) if moving[a] and asked.carries(node, k)]
        if passing:
            moving[node] = 1
            found[node] = tuple(dict.fromkeys(passing))
    return dict(sorted(found.items()))


class Asked:
    """Whether an operand carries a tangent to its gate; remembered by kind of gate."""

    def __init__(self, nodes: Nodes, kinks: str) -> None:
        self.nodes = nodes
        self.kinks = kinks
        self._known: dict[tuple[Gate, int, int], bool] = {}

    def carries(self, node: int, index: int) -> bool:
        """Return False where the partial by operand `index` is 0 for any values."""
        gate = self.nodes.gates[node]
        if gate is routing.WHERE:
            return index > 0
        if gate in PUSHFORWARDS or gate.push is not None:  # it has a walk of its own
            return True
        if gate.sited or self.nodes.payloads[node] is not None:
            return TEMPLATES.of(self.nodes, node, index, self.kinks) is not None
        key = gate, index, len(self.nodes.args[node])
        found = self._known.get(key)
        if found is None:
            found = TEMPLATES.of(self.nodes, node, index, self.kinks) is not None
            self._known[key] = found
        return found


def influences(
    carried: Carriers, outputs: Iterable[int], sources: Mapping[int, object]
) -> tuple[dict[int, set[int]], int]:
    """Return the sources that can move each output, and the number of tangents of all nodes.

    Notes
    -----
    A set is handed on: by a node with one operand as it is, and by a sum to its last reader, which
    extends it in place. A chain of n terms costs O(n), not O(n**2).
    """
    left = _readers(carried, outputs)
    owner: dict[int, int] = {}  # whose set a node uses
    sets: dict[int, set[int]] = {}
    tangents = 0
    for node, operands in carried.items():
        if not left[node]:
            continue
        owners = {owner[a] for a in operands}
        largest = max(owners, key=lambda o: len(sets[o]), default=node)
        base = sets.get(largest, set())
        fresh = {node} - base if node in sources else set()
        fresh |= set().union(*(sets[o] - base for o in owners if o != largest))
        for a in operands:
            left[owner[a]] -= 1
        if owners and (not fresh or not left[largest]):
            base |= fresh
            owner[node] = largest
            left[largest] += left[node]
        else:
            sets[node] = base | fresh
            owner[node] = node
        tangents += len(sets[owner[node]])
        for o in owners:
            if not left[o]:
                del sets[o]
    return {o: sets[owner[o]] for o in outputs if o in owner}, tangents


def _readers(carried: Carriers, outputs: Iterable[int]) -> dict[int, int]:
    """Count who reads the set of each node; an output is read at the end."""
    left = dict.fromkeys(carried, 0)
    for operands in carried.values():
        for a in operands:
            left[a] += 1
    for output in outputs:
        if output in left:
            left[output] += 1
    return left
