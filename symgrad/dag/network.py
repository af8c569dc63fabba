"""The networkx view of a graph, made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import networkx as nx
from sympy import Expr

from symgrad.dag.nodes import Nodes

Partial = Callable[[int, int], Expr]


def network(
    nodes: Nodes, labels: Sequence[Any], names: Mapping[str, int], partial: Partial
) -> nx.MultiDiGraph[int]:
    """Return the frozen networkx graph of a table.

    Parameters
    ----------
    nodes : Nodes
        The table.
    labels : sequence
        What each node is called.
    names : mapping of str to int
        The named nodes; of two names of a node the first counts.
    partial : callable
        The partial of an edge, or a NotImplementedError where there is none.
    """
    view: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    named = {node: name for name, node in reversed(list(names.items()))}
    for node, gate in enumerate(nodes.gates):
        shape = nodes.shapes.get(node, ())
        known = {"gate": gate.name, "role": gate.role, "shape": shape, "label": labels[node]}
        if node in named:
            known["name"] = named[node]
        if nodes.payloads[node] is not None:
            known["value"] = nodes.payloads[node]
        view.add_node(node, **known)
        for position, operand in enumerate(nodes.args[node]):
            view.add_edge(operand, node, key=position, partial=_known(partial, node, position))
    nx.freeze(view)
    return view


def _known(partial: Partial, node: int, position: int) -> Expr | None:
    try:
        return partial(node, position)
    except NotImplementedError:
        return None
