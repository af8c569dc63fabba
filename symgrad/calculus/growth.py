"""Derivatives as graphs: the input graph, grown by its gradient, Jacobian, tangents or Hessian.

Every function takes a frozen graph and gives a new one whose nodes are shared between value and
derivative, so that any order of derivative is one more call.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import S

from symgrad.calculus.forward import forward
from symgrad.calculus.realness import refuse_complex
from symgrad.calculus.reverse import reverse
from symgrad.dag.digraph import Graph, compact
from symgrad.dag.nodes import ADD, Grower, Nodes, dependents
from symgrad.rules import einsums

Wanted = Sequence[int | None]


class Growth:
    """A growing copy of a graph, with the walks bound to it.

    Parameters
    ----------
    graph : Graph
        The graph to start from; it does not change.
    kinks : str
        The policy where a gate has no derivative.

    Raises
    ------
    UnknownPartialError
        If a complex number reaches a gate of real analysis.
    """

    def __init__(self, graph: Graph, kinks: str = "min_norm") -> None:
        refuse_complex(graph.nodes)
        self.graph = graph
        self.nodes: Nodes = graph.nodes.fork()
        self.grower = Grower(self.nodes)
        self.kinks = kinks

    def zero(self, like: int | None = None) -> int:
        """Return the node of 0, in the shape of a node: the derivative *is* zero."""
        zero = self.nodes.number(S.Zero)
        shape = () if like is None else self.nodes.shapes.get(like, ())
        return einsums.broadcast(self.grower, zero, shape) if shape else zero

    def pull(self, seeds: dict[int, int], wrt: Wanted) -> list[int]:
        """Return the cotangent nodes of `wrt`."""
        alive = [w for w in wrt if w is not None]
        bars = reverse(
            self.nodes, range(len(self.nodes)), seeds, alive, self.grower, kinks=self.kinks
        )
        return [self.or_zero(bars, w) for w in wrt]

    def push(self, tangents: dict[int, int], targets: Sequence[int]) -> list[int]:
        """Return the tangent nodes of `targets`."""
        return [self.or_zero(self.tangents(tangents, max(targets)), t) for t in targets]

    def tangents(self, tangents: dict[int, int], top: int) -> dict[int, int]:
        """Return the tangent nodes of everything that moves, up to node `top`."""
        moving = dependents(self.nodes, tangents, top)
        order = (node for node, flag in enumerate(moving) if flag)
        primal = range(len(self.nodes))
        return forward(self.nodes, primal, tangents, order, self.grower, kinks=self.kinks)

    def or_zero(self, found: dict[int, int], node: int | None) -> int:
        """Return what was found for a node; 0 where nothing was."""
        if node is None or node not in found:
            return self.zero(node)
        return found[node]

    def add(self, a: int, b: int) -> int:
        """Return the node of a sum."""
        return self.grower.apply(ADD, (a, b))

    def one(self) -> int:
        """Return the node of 1, the seed."""
        return self.nodes.number(S.One)

    def freeze(self, outputs: Sequence[int]) -> Graph:
        """Return the grown graph with other outputs; names are kept."""
        return Graph(*compact(self.nodes, outputs, self.graph.names))


def gradient(graph: Graph, wrt: Wanted, kinks: str = "min_norm") -> Graph:
    """Return the graph whose outputs are the value and its partials by `wrt`."""
    growth = Growth(graph, kinks)
    value = graph.outputs[0]
    bars = growth.pull({value: growth.one()}, wrt)
    return growth.freeze([value, *bars])


def jacobian_graph(graph: Graph, wrt: Wanted, kinks: str = "min_norm") -> Graph:
    """Return the graph of all partials, row by row; the cheaper mode is chosen."""
    growth = Growth(graph, kinks)
    outputs = graph.outputs
    if len(outputs) <= len(wrt):
        rows = [growth.pull({o: growth.one()}, wrt) for o in outputs]
    else:
        columns = [_column(growth, w, outputs) for w in wrt]
        rows = [list(row) for row in zip(*columns, strict=True)]
    return growth.freeze([entry for row in rows for entry in row])


def _column(growth: Growth, wrt: int | None, outputs: Sequence[int]) -> list[int]:
    if wrt is None:
        return [growth.zero()] * len(outputs)
    return growth.push({wrt: growth.one()}, outputs)


def hessian_graph(graph: Graph, wrt: Wanted, kinks: str = "min_norm") -> Graph:
    """Return the graph of second partials, row by row, symmetric by construction.

    Notes
    -----
    Forward over reverse: one tangent walk of the gradient a variable, over the nodes that it moves.
    """
    growth = Growth(graph, kinks)
    bars = growth.pull({graph.outputs[0]: growth.one()}, wrt)
    size = len(wrt)
    entries = [[growth.zero()] * size for _ in range(size)]
    top = max(bars, default=0)
    for j, variable in enumerate(wrt):
        if variable is None:
            continue
        dots = growth.tangents({variable: growth.one()}, top)
        for i in range(j + 1):
            entries[i][j] = entries[j][i] = dots.get(bars[i], growth.zero())
    return growth.freeze([entry for row in entries for entry in row])
