"""Where a run stands on a kink, or two evaluations lie on different sides of one.

Every kinked gate has a winner: the index of the largest argument, the side of a step, the chosen
branch. Two winners at once, or a change of winner, is a kink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import Nodes
from symgrad.numeric.inner_kinks import inside
from symgrad.rules.opaque import OWNERS
from symgrad.rules.row import Gate

Winner = Callable[..., Any]


def _side(x: Any, *_: Any) -> Any:
    return np.sign(x)


def _argmax(*args: Any) -> Any:
    return np.argmax(np.stack(np.broadcast_arrays(*args)), axis=0)


def _argmin(*args: Any) -> Any:
    return np.argmin(np.stack(np.broadcast_arrays(*args)), axis=0)


WINNERS: dict[str, Winner] = {
    "max": _argmax,
    "min": _argmin,
    "abs": _side,
    "sign": _side,
    "heaviside": _side,
    "relu": _side,
    "leaky_relu": _side,
    "elu": _side,
    "selu": _side,
    "floor": lambda x: np.floor(x),
    "ceiling": lambda x: np.ceil(x),
    "mod": lambda x, y: np.floor(x / y),
    "where": lambda c, *_: np.asarray(c, dtype=bool),
    "indicator": lambda x, y, _: np.sign(x - y),
}


def _place(function: Winner) -> Winner:
    """Return the winner of an extreme entry over axes: its place among the entries it beats."""

    def winner(axes: tuple[int, ...], x: Any) -> Any:
        kept = [k for k in range(np.ndim(x)) if k not in axes]
        turned = np.transpose(x, (*kept, *axes))
        return function(turned.reshape([*turned.shape[: len(kept)], -1]), axis=-1)

    return winner


TENSOR_WINNERS: dict[str, Winner] = {  # these are given the payload first
    "max_over": _place(np.argmax),
    "min_over": _place(np.argmin),
    "norm": lambda axes, x: np.all(np.asarray(x) == 0, axis=axes),
}


def _tied(*args: Any) -> Any:
    stacked = np.stack(np.broadcast_arrays(*args))
    return np.sum(stacked == stacked.max(axis=0), axis=0) > 1


def _whole(x: Any) -> Any:
    return np.asarray(x) == np.floor(x)


TIES: dict[str, Winner] = {
    "max": _tied,
    "min": lambda *args: _tied(*(-np.asarray(a) for a in args)),
    "abs": lambda x: np.asarray(x) == 0,
    "sign": lambda x: np.asarray(x) == 0,
    "heaviside": lambda x, *_: np.asarray(x) == 0,
    "relu": lambda x: np.asarray(x) == 0,
    "leaky_relu": lambda x, *_: np.asarray(x) == 0,
    "elu": lambda x, *_: np.asarray(x) == 0,
    "selu": lambda x: np.asarray(x) == 0,
    "floor": _whole,
    "ceiling": _whole,
    "mod": lambda x, y: _whole(x / y),
    "indicator": lambda x, y, _: np.asarray(x) == y,
}
TENSOR_TIES: dict[str, Winner] = {
    "max_over": lambda axes, x: np.sum(x == np.max(x, axis=axes, keepdims=True), axis=axes) > 1,
    "min_over": lambda axes, x: np.sum(x == np.min(x, axis=axes, keepdims=True), axis=axes) > 1,
    "norm": TENSOR_WINNERS["norm"],
}
RELATIONS = ("lt", "le", "gt", "ge", "eq", "ne")
KINKED = frozenset(["where", *TIES, *TENSOR_TIES])
CONNECTIVES = ("and", "or", "not", "xor")


def met(graph: Graph, values: Sequence[Any]) -> list[int]:
    """Return the nodes whose kink lies exactly at this point.

    Parameters
    ----------
    graph : Graph
        The graph that was run.
    values : sequence
        The value of each node.
    """
    seen: set[Any] = set()
    with np.errstate(all="ignore"):
        return [
            n
            for n, flag in enumerate(graph.nodes.constant)
            if not flag and (_on(graph, n, values) or _inside(graph.nodes, n, values, seen))
        ]


def _inside(nodes: Nodes, node: int, values: Sequence[Any], seen: set[Any]) -> bool:
    """Return whether a kink is met inside a block or loop; its first output tells for all."""
    if nodes.gates[node] not in OWNERS:
        return False
    region, _, *rest = nodes.payloads[node]
    key = (region, nodes.args[node], *rest)
    if key in seen:
        return False
    seen.add(key)
    return inside(nodes, node, values, KINKED, met)


def _on(graph: Graph, node: int, values: Sequence[Any]) -> bool:
    """Return whether one node lies on its kink."""
    gate, args = graph.nodes.gates[node], graph.nodes.args[node]
    if gate.name == "where":
        return any(_equal(graph, c, values) for c in _comparisons(graph, args[0]))
    operands = [values[a] for a in args]
    if gate.name in TENSOR_TIES:
        return bool(np.any(TENSOR_TIES[gate.name](graph.nodes.payloads[node], *operands)))
    tied = TIES.get(gate.name)
    return tied is not None and bool(np.any(tied(*operands)))


def _comparisons(graph: Graph, condition: int) -> list[int]:
    """Return the comparisons that a condition is made of."""
    found, stack = [], [condition]
    while stack:
        node = stack.pop()
        if graph.nodes.gates[node].name in RELATIONS:
            found.append(node)
        elif graph.nodes.gates[node].name in CONNECTIVES:
            stack.extend(graph.nodes.args[node])
    return found


def _equal(graph: Graph, comparison: int, values: Sequence[Any]) -> bool:
    """Return whether a comparison holds with equality: there a choice has its kink."""
    x, y = (values[a] for a in graph.nodes.args[comparison])
    return bool(np.any(np.asarray(x) == y))


def message(graph: Graph, node: int, values: Sequence[Any]) -> str:
    """Return what to say of a node whose kink lies exactly at this point."""
    gate = graph.nodes.gates[node].name
    if graph.nodes.gates[node] in OWNERS:
        name = graph.nodes.payloads[node][0].name
        return (
            f"`{name}` (node {node}) has a kink inside, exactly here; move the point, or choose "
            "kinks='min_norm'"
        )
    shown = {a: _short(values[a]) for a in graph.nodes.args[node]}
    operands = ", ".join(f"{graph.labels[a]} = {value}" for a, value in shown.items())
    return (
        f"`{gate}` (node {node}) has a kink exactly here, where {operands}; "
        "move the point, or choose kinks='min_norm'"
    )


def _short(value: Any) -> str:
    """Return a number, or an array without most of its entries."""
    return np.array2string(value, threshold=8, edgeitems=2) if np.ndim(value) else str(value)


def watched(graph: Graph) -> list[int]:
    """Return the nodes that have a winner which may change."""
    nodes = graph.nodes
    return [n for n, gate in enumerate(nodes.gates) if not nodes.constant[n] and is_watched(gate)]


def is_watched(gate: Gate) -> bool:
    """Return whether a gate has a winner which may change."""
    return gate.name in TENSOR_WINNERS or _winner(gate) is not None


def winner_at(nodes: Nodes, node: int, operands: Sequence[Any]) -> Any:
    """Return the winner of a gate of scalars or tensors, at its operands."""
    gate = nodes.gates[node]
    if gate.name in TENSOR_WINNERS:
        return TENSOR_WINNERS[gate.name](nodes.payloads[node], *operands)
    winner = _winner(gate)
    assert winner is not None
    return winner(*operands)


def crossed(graph: Graph, below: Sequence[Any], above: Sequence[Any]) -> Any:
    """Return where some gate has different winners in two evaluations; shape of the batch.

    Parameters
    ----------
    graph : Graph
        The graph that was run twice.
    below, above : sequence
        The values of each node, arrays of one batch shape.
    """
    change: Any = np.zeros((), dtype=bool)
    for node, gate in enumerate(graph.nodes.gates):
        winner = _winner(gate)
        if winner is None or graph.nodes.constant[node]:
            continue
        args = graph.nodes.args[node]
        sides = [winner(*[values[a] for a in args]) for values in (below, above)]
        change = change | (sides[0] != sides[1])
    return change


def _winner(gate: Gate) -> Winner | None:
    return WINNERS.get(gate.name) if gate.kinked else None
