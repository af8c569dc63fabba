"""Blocks on a page: each call is written out, and its gates begin folded into one box.

So a page computes inside a block as it does outside. Loops stay one gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import VARIABLE, Nodes, reachable
from symgrad.dag.opened import copied
from symgrad.dag.regions import Region
from symgrad.rules import opaque

MOST = 20_000  # nodes past which calls stay calls


@dataclass(frozen=True, slots=True)
class Written:
    """A call that is written out.

    Parameters
    ----------
    name : str
        The block's name.
    nodes : range
        The nodes that it brought into the table.
    """

    name: str
    nodes: range


def written_out(source: Graph) -> tuple[Graph, list[Written]]:
    """Return a graph without calls, and what each outermost call became.

    A graph that has no calls, or would become too large, is returned as it is.
    """
    if not any(gate in opaque.CALLS for gate in source.nodes.gates):
        return source, []
    made, parts = Nodes(), list[Written]()
    moved = _copied(made, source.nodes, {}, parts)
    if moved is None:
        return source, []
    outputs = [moved[o] for o in source.outputs]
    names = {name: moved[node] for name, node in source.names.items()}
    return Graph(made, outputs, names), parts


def _copied(
    made: Nodes, nodes: Nodes, placed: Mapping[int, int], parts: list[Written] | None
) -> dict[int, int] | None:
    """Copy a table with its calls written out; None where that is too large."""
    moved = dict(placed)
    calls: dict[Any, list[int]] = {}
    for node, gate in enumerate(nodes.gates):
        if node in moved:
            continue
        payload = nodes.payloads[node]
        if gate is VARIABLE:
            moved[node] = made.variable(payload, nodes.shapes.get(node, ()))
            continue
        args = tuple([moved[a] for a in nodes.args[node]])
        if gate not in opaque.CALLS:
            moved[node] = made.add(gate, args, payload)
            continue
        region, output, *sizes = payload
        key = (region, args, *sizes)
        if key not in calls:
            first = len(made)
            found = _body(made, region, args, *sizes)
            if found is None:
                return None
            calls[key] = found
            if parts is not None:
                parts.append(Written(region.name, range(first, len(made))))
        moved[node] = calls[key][output]
    return moved


def _body(
    made: Nodes, region: Region, args: Sequence[int], sizes: tuple[Any, ...] = ()
) -> list[int] | None:
    """Write the body of a block; blocks are nested at most a hundred deep."""
    if len(made) > MOST:
        return None
    placed = dict(zip(region.inputs, args, strict=True))
    if region.sizes or any(g in opaque.OF_TENSORS for g in region.nodes.gates):
        known = dict(zip(region.sizes, sizes, strict=True))
        mask = reachable(region.nodes, region.outputs)
        moved: dict[int, int] | None = copied(made, region.nodes, mask, placed, known)
    else:
        moved = _copied(made, region.nodes, placed, None)
    return None if moved is None else [moved[o] for o in region.outputs]
