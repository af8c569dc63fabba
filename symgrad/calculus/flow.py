"""Signed, masked contributions: what travels along a wire in either direction.

A flow is `(sign, value, mask)`. The sign stays outside so that a sum subtracts instead of negating
first. The mask is the condition of a `where` whose unselected branch must receive exactly
nothing: it is applied where flows meet or end, so that `0*inf` never makes a nan on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import S

from symgrad.dag.nodes import ADD, NEG, SUB, Nodes
from symgrad.dag.template import Algebra, T
from symgrad.rules import einsums, routing
from symgrad.rules.tensor_site import TensorSite

Flow = tuple[int, T, Any]

AND = next(g for g in routing.CONNECTIVES if g.name == "and")
NOT = next(g for g in routing.CONNECTIVES if g.name == "not")


def merge(algebra: Algebra[T], flows: Sequence[Flow[T]]) -> Flow[T]:
    """Add contributions; a mask that all of them share stays outside."""
    if len(flows) == 1:
        return flows[0]
    mask = flows[0][2]
    if all(f[2] is mask or (type(mask) is int and f[2] == mask) for f in flows):
        return *_total(algebra, flows), mask
    return *_total(algebra, [unmasked(algebra, f) for f in flows]), None


def settle(algebra: Algebra[T], flow: Flow[T]) -> T:
    """Return a flow as a plain value."""
    sign, value, _ = unmasked(algebra, flow)
    return value if sign > 0 else algebra.apply(NEG, (value,))


def guard(algebra: Algebra[T], mask: Any, condition: T) -> T:
    """Return the mask of a flow that already has one and passes another `where`."""
    return condition if mask is None else algebra.apply(AND, (mask, condition))


def unmasked(algebra: Algebra[T], flow: Flow[T]) -> Flow[T]:
    """Return a flow with its mask applied."""
    sign, value, mask = flow
    if mask is None:
        return flow
    return sign, algebra.apply(routing.WHERE, (mask, value, algebra.number(S.Zero))), None


def gathered(algebra: Algebra[T], flow: Flow[T], shape: Sequence[Any]) -> Flow[T]:
    """Return the sum over all entries of a flow: the one place where broadcasting is undone."""
    sign, value, _ = unmasked(algebra, flow)
    return sign, einsums.total(algebra, value, len(shape)), None


def tensor_site(
    nodes: Nodes, node: int, primal: Sequence[T], algebra: Algebra[T], kinks: str
) -> TensorSite:
    """Return where the rule of a tensor gate is applied."""
    args, shapes = nodes.args[node], nodes.shapes
    return TensorSite(
        algebra,
        nodes.payloads[node],
        [primal[a] for a in args],
        [shapes.get(a, ()) for a in args],
        primal[node],
        shapes.get(node, ()),
        kinks,
    )


def _total(algebra: Algebra[T], flows: Sequence[Flow[T]]) -> tuple[int, T]:
    """Sum flows, starting at the first positive one."""
    positive = [f[1] for f in flows if f[0] > 0]
    negative = [f[1] for f in flows if f[0] < 0]
    sign, gate = (1, SUB) if positive else (-1, ADD)
    total, *rest = positive or negative
    for value in rest:
        total = algebra.apply(ADD, (total, value))
    for value in negative if positive else ():
        total = algebra.apply(gate, (total, value))
    return sign, total
