"""Whether a formula is analytic: only then does it run at complex points or pass a complex step."""

from __future__ import annotations

from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import Nodes, dependents
from symgrad.errors import NotAnalyticError
from symgrad.rules import opaque


def require_analytic(source: Graph, purpose: str, advice: str) -> None:
    """Refuse a formula with a gate that is not analytic, by name.

    Parameters
    ----------
    source : Graph
        The formula.
    purpose, advice : str
        What was asked, and what to do instead.

    Raises
    ------
    NotAnalyticError
        If a gate that depends on a variable is not analytic.
    """
    found = _first(source.nodes, source.input_nodes)
    if found is not None:
        gate, node = found
        raise NotAnalyticError(f"{purpose} cannot pass `{gate}` (node {node}): {advice}")


def _first(nodes: Nodes, inputs: tuple[int, ...]) -> tuple[str, int] | None:
    """Return the first gate that is not analytic, looking into regions too."""
    moving = dependents(nodes, inputs, len(nodes) - 1)
    for node, gate in enumerate(nodes.gates):
        if not moving[node] or gate.arity == (0, 0):
            continue
        if gate in opaque.OWNERS:
            region = nodes.payloads[node][0]
            inner = _first(region.nodes, region.inputs)
            if inner is not None:
                return f"{inner[0]} in {region.name}", node
        elif not gate.analytic:
            return gate.name, node
    return None
