"""The structure of `wrt`: one symbol, a tuple, list or dict of them, nested as the caller likes.

Answers come back in the structure in which the question was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sympy import Basic, MatrixSymbol, S, Tuple, ZeroMatrix

from symgrad.dag.digraph import Graph
from symgrad.expr import tensors

Structure = Any


def expand(graph: Graph, wrt: Structure) -> Structure:
    """Return `wrt`, or a dict of all variables in order of first appearance for None."""
    return {symbol: symbol for symbol in graph.inputs} if wrt is None else wrt


def leaves(wrt: Structure) -> Iterator[Any]:
    """Yield the single variables of a structure, in order."""
    if isinstance(wrt, Mapping):
        for value in wrt.values():
            yield from leaves(value)
    elif isinstance(wrt, (list, tuple, Tuple)):
        for value in wrt:
            yield from leaves(value)
    else:
        yield wrt


def fill(wrt: Structure, values: Iterator[Any]) -> Any:
    """Return the structure with its variables replaced by `values`, in order."""
    if wrt is None:  # this and tuples come first: calls at one point take microseconds
        return next(values)
    if type(wrt) is tuple:
        return tuple([fill(value, values) for value in wrt])
    if isinstance(wrt, Mapping):
        return {key: fill(value, values) for key, value in wrt.items()}
    if isinstance(wrt, (list, tuple, Tuple)):
        made = [fill(value, values) for value in wrt]
        return made if isinstance(wrt, list) else tuple(made)
    return next(values)


def rename(wrt: Structure, values: list[Any]) -> Any:
    """Return `fill` of a list; the 0 of a matrix has the shape of the matrix."""
    pairs = zip(leaves(wrt), values, strict=True)
    return fill(wrt, iter([_in_shape(leaf, value) for leaf, value in pairs]))


def _in_shape(leaf: Any, value: Any) -> Any:
    if value is S.Zero and isinstance(leaf, MatrixSymbol):
        return value if leaf.shape == (1, 1) else ZeroMatrix(*leaf.shape)
    if value is S.Zero and isinstance(leaf, tensors.AnyTensor):
        return tensors.apply("broadcast_to", value, params=(leaf.shape,))
    return value


def nodes_of(graph: Graph, wrt: Structure) -> list[int | None]:
    """Return the node of each variable; None for a symbol that the graph does not hold.

    Raises
    ------
    UnknownNameError
        If a string names nothing in the graph.
    """
    return [graph.node(leaf) for leaf in leaves(wrt)]


def targets(graph: Graph, wrt: Structure) -> list[Any]:
    """Return the symbol of each variable, whose shape its gradient has; None for inner nodes."""
    found = []
    for leaf, node in zip(leaves(wrt), nodes_of(graph, wrt), strict=True):
        held = leaf if node is None else graph.nodes.payloads[node]
        found.append(held if isinstance(held, Basic) else None)
    return found
