"""Forward accumulation: one walk along the arrows, the mirror of `reverse`."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from sympy import S

from symgrad.calculus.flow import NOT, Flow, guard, merge, settle, tensor_site, unmasked
from symgrad.dag.nodes import Nodes
from symgrad.dag.template import TEMPLATES, Algebra, T
from symgrad.registry import service
from symgrad.rules import einsums, opaque, routing
from symgrad.rules.row import Gate


def forward(
    nodes: Nodes,
    primal: Sequence[T],
    tangents: Mapping[int, T],
    order: Iterable[int],
    algebra: Algebra[T],
    *,
    kinks: str = "min_norm",
    targets: Container[int] | None = None,
) -> dict[int, T]:
    """Return the tangents of all nodes that move; a node at rest is absent.

    Parameters
    ----------
    nodes : Nodes
        The table that is walked.
    primal : sequence
        The value of each node in the algebra.
    tangents : mapping of int to value
        The tangents of the nodes that are moved.
    order : iterable of int
        The nodes to visit, ascending; those outside are taken to be at rest.
    algebra : Algebra
        How values are combined.
    kinks : str
        The policy where a gate has no derivative.
    targets : container of int, optional
        The nodes whose tangents are wanted; default: all.
    """
    dots: dict[int, Flow[T]] = {node: (1, t, None) for node, t in tangents.items()}
    for node in order:
        args = nodes.args[node]
        if not any(a in dots for a in args):
            continue
        gate = nodes.gates[node]
        push = PUSHFORWARDS.get(gate, push_local) if gate.push is None else push_tensor
        flows = push(nodes, node, primal, dots, algebra, kinks)
        if node in tangents:
            flows.append(dots[node])
        if flows:
            dots[node] = merge(algebra, flows)
    wanted = dots if targets is None else targets
    return {node: settle(algebra, flow) for node, flow in dots.items() if node in wanted}


def push_local(
    nodes: Nodes,
    node: int,
    primal: Sequence[T],
    dots: Mapping[int, Flow[T]],
    algebra: Algebra[T],
    kinks: str,
) -> list[Flow[T]]:
    """Multiply each operand's tangent by the local partial."""
    args = nodes.args[node]
    operands = [primal[a] for a in args]
    flows: list[Flow[T]] = []
    for index, operand in enumerate(args):
        if operand in dots:
            template = TEMPLATES.of(nodes, node, index, kinks)
            if template is not None:
                sign, value, mask = _spread(nodes, node, operand, dots[operand], algebra)
                passed = template(algebra, operands, primal[node], value)
                flows.append((sign * template.sign, passed, mask))
    return flows


def push_where(
    nodes: Nodes,
    node: int,
    primal: Sequence[T],
    dots: Mapping[int, Flow[T]],
    algebra: Algebra[T],
    kinks: str,
) -> list[Flow[T]]:
    """Choose between the tangents of the branches; a single one that moves goes behind a mask."""
    condition, *branches = nodes.args[node]
    holds = primal[condition]
    moving = [b for b in branches if b in dots]
    wide = {b: _spread(nodes, node, b, dots[b], algebra) for b in moving}
    if len(moving) == 2:
        sides = tuple(settle(algebra, wide[b]) for b in branches)
        return [(1, algebra.apply(routing.WHERE, (holds, *sides)), None)]
    if not moving:
        return []
    sign, value, mask = wide[moving[0]]
    if nodes.payloads[branches[1]] is S.NaN:  # no default: undefined elsewhere
        held = (holds, value, primal[branches[1]])
        return [(sign, algebra.apply(routing.WHERE, held), mask)]
    chosen = holds if moving[0] == branches[0] else algebra.apply(NOT, (holds,))
    return [(sign, value, guard(algebra, mask, chosen))]


def push_tensor(
    nodes: Nodes,
    node: int,
    primal: Sequence[T],
    dots: Mapping[int, Flow[T]],
    algebra: Algebra[T],
    kinks: str,
) -> list[Flow[T]]:
    """Apply the pushforward of a tensor gate."""
    site, gate = tensor_site(nodes, node, primal, algebra, kinks), nodes.gates[node]
    flows: list[Flow[T]] = []
    for index, operand in enumerate(nodes.args[node]):
        if operand in dots and gate.push is not None:
            sign, value, _ = unmasked(algebra, dots[operand])
            passed = gate.push(site, index, value)
            if passed is not None:
                flows.append((sign, passed, None))
    return flows


def _spread(nodes: Nodes, node: int, operand: int, flow: Flow[T], algebra: Algebra[T]) -> Flow[T]:
    """Return the tangent of a scalar repeated over the entries that it meets."""
    shapes = nodes.shapes
    if node not in shapes or operand in shapes:
        return flow
    sign, value, _ = unmasked(algebra, flow)
    return sign, einsums.broadcast(algebra, value, shapes[node]), None


def push_region(*where: Any) -> list[Flow[Any]]:
    """Return the tangent of an output of a call or loop over tensors."""
    found: list[Flow[Any]] = service("regions.push")(*where)
    return found


PUSHFORWARDS: dict[Gate, Callable[..., list[Flow[Any]]]] = {
    routing.WHERE: push_where,
    **dict.fromkeys(opaque.OF_TENSORS, push_region),
}
