"""Kinks inside blocks and loops: the steps are run again, and every gate is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import Nodes
from symgrad.dag.opened import unrolled
from symgrad.dag.regions import Region, nested
from symgrad.numeric.arithmetic import Floats, forward_values
from symgrad.rules import opaque

Met = Callable[[Graph, Sequence[Any]], Sequence[int]]


def inside(
    nodes: Nodes, node: int, values: Sequence[Any], kinked: frozenset[str], met: Met
) -> bool:
    """Return whether some gate of a block or loop lies on its kink.

    Parameters
    ----------
    nodes, node : Nodes, int
        The call or loop.
    values : sequence
        The value of each node.
    kinked : frozenset of str
        The names of gates that have kinks.
    met : callable
        The kinks of a graph at the values of its nodes.
    """
    region, _, rest = (*nodes.payloads[node], ())[:3]
    if not _may(region, kinked):
        return False
    form = rest if isinstance(rest, opaque.ScanForm) else None
    sizes = form.sizes if form else rest if nodes.gates[node] is opaque.TENSOR_CALL else ()
    body = Graph(*unrolled(region, sizes))
    operands = [values[a] for a in nodes.args[node]]
    if nodes.gates[node] in opaque.SCANS:
        steps = _steps(body, operands, form or _scalar_form(region, rest))
    else:
        steps = iter([forward_values(body, operands, Floats())])
    return any(met(body, found) for found in steps)


def _may(region: Region, kinked: frozenset[str]) -> bool:
    """Return whether a region or one inside it holds a gate with a kink."""
    tables = [region.nodes, *(r.nodes for r in nested(region.nodes))]
    return any(gate.name in kinked for table in tables for gate in table.gates)


def _scalar_form(region: Region, length: int) -> opaque.ScanForm:
    return opaque.ScanForm(length, len(region.outputs), 0)


def _steps(body: Graph, operands: Sequence[Any], form: opaque.ScanForm) -> Iterator[list[Any]]:
    """Yield the values of the body's nodes in every step."""
    first, last = form.carries, form.carries + form.streams
    state = list(operands[:first])
    times = range(form.length)
    for time in reversed(times) if form.backward else times:
        cut = [x[time] for x in operands[first:last]]
        found = forward_values(body, [*state, *cut, *operands[last:]], Floats())
        state = [found[o] for o in body.outputs[:first]]
        yield found
