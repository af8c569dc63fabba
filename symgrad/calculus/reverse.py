"""Reverse accumulation: one walk against the arrows.

Generic in its algebra: with a graph's own algebra the cotangents are new nodes, with floats they
are numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic

from sympy import S

from symgrad.calculus.flow import (
    NOT,
    Flow,
    gathered,
    guard,
    merge,
    settle,
    tensor_site,
    unmasked,
)
from symgrad.dag.nodes import ADD, MUL, VARIABLE, Nodes, dependents
from symgrad.dag.template import TEMPLATES, Algebra, T
from symgrad.expr.matrices import facts_of
from symgrad.registry import service
from symgrad.rules import einsums, routing
from symgrad.rules.opaque import OF_TENSORS
from symgrad.rules.row import Gate

Pulled = Iterator[tuple[int, Flow[T]]]


def reverse(
    nodes: Nodes,
    primal: Sequence[T],
    seeds: Mapping[int, T],
    wrt: Iterable[int],
    algebra: Algebra[T],
    *,
    kinks: str = "min_norm",
) -> dict[int, T]:
    """Return the cotangents of `wrt`; a node that no seed depends on is absent.

    Parameters
    ----------
    nodes : Nodes
        The table that is walked.
    primal : sequence
        The value of each node in the algebra.
    seeds : mapping of int to value
        The cotangents of the outputs.
    wrt : iterable of int
        The nodes whose cotangents are wanted.
    algebra : Algebra
        How values are combined.
    kinks : str
        The policy where a gate has no derivative.

    Notes
    -----
    One visit a node that lies between `wrt` and a seed; one application of a template and at most
    one addition an edge.
    """
    wanted, top = frozenset(wrt), max(seeds)
    active = dependents(nodes, wanted, top)
    order = range(top, -1, -1)
    return sweep(nodes, primal, seeds, wanted, order, active, algebra, kinks, complete=True)


def sweep(
    nodes: Nodes,
    primal: Sequence[T],
    seeds: Mapping[int, T],
    wanted: Container[int],
    order: Iterable[int],
    active: bytearray,
    algebra: Algebra[T],
    kinks: str,
    *,
    complete: bool = False,
) -> dict[int, T]:
    """Walk against the arrows over the `active` nodes of a descending `order`.

    Where the order is `complete`, all outputs of a call or loop over tensors are pulled at once.
    """
    arriving: dict[int, list[Flow[T]]] = {node: [(1, s, None)] for node, s in seeds.items()}
    bars: dict[int, T] = {}
    joint: Joint[T] = Joint(nodes, together=complete)
    for node in order:
        flows = arriving.pop(node, None)
        if not active[node] or (flows is None and node not in joint.held):
            continue
        gate, shapes = nodes.gates[node], nodes.shapes
        bar = merge(algebra, flows[::-1]) if flows else None
        if bar is not None and node in wanted:
            bars[node] = on_declared_space(nodes, node, settle(algebra, bar), algebra)
        if gate in OF_TENSORS:
            for operand, flow in joint.pull(node, primal, bar, active, algebra, kinks):
                arriving.setdefault(operand, []).append(flow)
            continue
        assert bar is not None
        pull = PULLBACKS.get(gate, pull_local) if gate.pull is None else pull_tensor
        for operand, flow in pull(nodes, node, primal, bar, active, algebra, kinks):
            if node in shapes and gate.shape is None and operand not in shapes:
                flow = gathered(algebra, flow, shapes[node])  # a scalar met every entry
            arriving.setdefault(operand, []).append(flow)
    return bars


class Joint(Generic[T]):
    """The outputs of calls and loops over tensors: their cotangents wait for the lowest of them.

    There all of them are complete, since whatever reads an output comes later in the table.
    """

    __slots__ = ("_nodes", "_together", "held")

    def __init__(self, nodes: Nodes, *, together: bool) -> None:
        self._nodes, self._together = nodes, together
        self.held: dict[int, dict[int, T]] = {}

    def pull(
        self,
        node: int,
        primal: Sequence[T],
        bar: Flow[T] | None,
        active: bytearray,
        algebra: Algebra[T],
        kinks: str,
    ) -> Iterable[tuple[int, Flow[T]]]:
        """Return what the operands receive, or keep the cotangent for a lower output."""
        bars = self.held.pop(node, {})
        if bar is not None:
            bars[self._nodes.payloads[node][1]] = settle(algebra, bar)
        lower = self._below(node) if self._together else None
        if lower is not None:
            self.held.setdefault(lower, {}).update(bars)
            return ()
        rule = service("regions.pull")
        found: Pulled[T] = rule(self._nodes, node, primal, bars, active, algebra, kinks)
        return found

    def _below(self, node: int) -> int | None:
        """Return the next lower output of the same call or loop."""
        gate, args = self._nodes.gates[node], self._nodes.args[node]
        region, _, rest = self._nodes.payloads[node]
        payloads = [(region, k, rest) for k in range(len(region.outputs))]
        found = [self._nodes.find(gate, args, payload) for payload in payloads]
        return max((n for n in found if n is not None and n < node), default=None)


def on_declared_space(nodes: Nodes, node: int, bar: T, algebra: Algebra[T]) -> T:
    """Return the gradient by a declared variable: projected on its space.

    For a symmetric `A` that is `(G + G.T)/2`, for a diagonal one the diagonal of `G`.
    """
    facts = facts_of(nodes.payloads[node]) if node in nodes.shapes else frozenset()
    if not facts or len(nodes.shapes[node]) != 2 or nodes.gates[node] is not VARIABLE:
        return bar
    if "diagonal" in facts:
        return einsums.einsum(algebra, [("i", "i")], ("i", "i"), [bar])  # type: ignore[no-any-return]
    if "symmetric" not in facts:
        return bar
    turned = einsums.einsum(algebra, [("i", "j")], ("j", "i"), [bar])
    half = algebra.number(S.Half)
    return algebra.apply(MUL, (half, algebra.apply(ADD, (bar, turned))))


def pull_local(
    nodes: Nodes,
    node: int,
    primal: Sequence[T],
    bar: Flow[T],
    active: bytearray,
    algebra: Algebra[T],
    kinks: str,
) -> Pulled[T]:
    """Multiply the cotangent by each local partial."""
    sign, value, mask = bar
    args = nodes.args[node]
    operands = [primal[a] for a in args]
    for index, operand in enumerate(args):
        if active[operand]:
            template = TEMPLATES.of(nodes, node, index, kinks)
            if template is not None:
                passed = template(algebra, operands, primal[node], value)
                yield operand, (sign * template.sign, passed, mask)


def pull_where(
    nodes: Nodes,
    node: int,
    primal: Sequence[T],
    bar: Flow[T],
    active: bytearray,
    algebra: Algebra[T],
    kinks: str,
) -> Pulled[T]:
    """Hand the cotangent to the branch that was chosen, behind a mask."""
    sign, value, mask = bar
    condition, chosen, other = nodes.args[node]
    holds = primal[condition]
    if active[chosen] and nodes.payloads[other] is S.NaN:  # no default: undefined elsewhere
        yield chosen, (sign, algebra.apply(routing.WHERE, (holds, value, primal[other])), mask)
    elif active[chosen]:
        yield chosen, (sign, value, guard(algebra, mask, holds))
    if active[other]:
        fails = algebra.apply(NOT, (holds,))
        yield other, (sign, value, guard(algebra, mask, fails))


def pull_tensor(
    nodes: Nodes,
    node: int,
    primal: Sequence[T],
    bar: Flow[T],
    active: bytearray,
    algebra: Algebra[T],
    kinks: str,
) -> Pulled[T]:
    """Apply the pullback of a tensor gate."""
    sign, value, _ = unmasked(algebra, bar)
    site, gate = tensor_site(nodes, node, primal, algebra, kinks), nodes.gates[node]
    for index, operand in enumerate(nodes.args[node]):
        if active[operand] and gate.pull is not None:
            passed = gate.pull(site, index, value)
            if passed is not None:
                yield operand, (sign, passed, None)


def consumers(nodes: Nodes, wanted: set[int]) -> dict[int, list[tuple[int, int]]]:
    """Return who reads each wanted node: `(reader, argument position)`, in order."""
    found: dict[int, list[tuple[int, int]]] = {}
    for reader, args in enumerate(nodes.args):
        for position, operand in enumerate(args):
            if operand in wanted:
                found.setdefault(operand, []).append((reader, position))
    return found


PULLBACKS: dict[Gate, Callable[..., Pulled[Any]]] = {routing.WHERE: pull_where}
