"""Local Jacobians of gates of tensors, for those who want to see one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.calculus import loops
from symgrad.calculus.flow import tensor_site
from symgrad.dag.nodes import Nodes
from symgrad.errors import UnsupportedError
from symgrad.rules.opaque import OF_TENSORS, TENSOR_CALL

MOST_ENTRIES = 1_000_000


def local_jacobian(
    nodes: Nodes, node: int, position: int, values: Sequence[Any], algebra: Any, kinks: str
) -> Any:
    """Return the Jacobian of one gate by one operand, shape (*node, *operand).

    Parameters
    ----------
    nodes : Nodes
        The table, sizes bound.
    node, position : int
        Which gate, and which of its operands.
    values : sequence
        The value of each node.
    algebra : Floats
        In what to compute.
    kinks : str
        The policy where the gate has no derivative.

    Raises
    ------
    UnsupportedError
        If it would have more than a million entries.
    """
    shape = nodes.shapes.get(node, ())
    inner = nodes.shapes.get(nodes.args[node][position], ())
    rows, columns = math.prod(shape), math.prod(inner)
    gate = nodes.gates[node]
    if rows * columns > MOST_ENTRIES:
        raise UnsupportedError(
            f"the local Jacobian of `{gate.name}` (node {node}) has {rows} × {columns} entries; "
            "a product with it is had by `jvp` or `vjp`"
        )
    pulled = _pullback(nodes, node, position, values, algebra, kinks)
    kind = np.result_type(values[node])
    found = np.zeros((rows, columns), kind)
    with np.errstate(all="ignore"):
        for row in range(rows):
            bar = np.zeros(rows, kind)
            bar[row] = 1
            passed = pulled(bar.reshape(shape)[()])
            if passed is None:
                break
            found[row] = np.reshape(passed, -1)
    return found.reshape((*shape, *inner))


def _pullback(
    nodes: Nodes, node: int, position: int, values: Sequence[Any], algebra: Any, kinks: str
) -> Callable[[Any], Any]:
    """Return the linear map from a cotangent of a node to that of one operand; None is zero."""
    gate = nodes.gates[node]
    if gate in OF_TENSORS:
        region, index, rest = nodes.payloads[node]
        operands = [values[a] for a in nodes.args[node]]
        rule = loops.pull_call if gate is TENSOR_CALL else loops.pull_loop

        def through(bar: Any) -> Any:
            found = rule(algebra, region, rest, operands, (position,), {index: bar}, kinks)
            return found.get(position)

        return through
    if gate.pull is None:
        raise UnsupportedError(f"`{gate.name}` (node {node}) has no local Jacobian")
    pull, site = gate.pull, tensor_site(nodes, node, values, algebra, kinks)
    return lambda bar: pull(site, position, bar)
