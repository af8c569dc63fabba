"""One gate alone: its formula, and its pullback with the upstream gradient as a symbol or a number.

The gate is set into a table of its own, on symbols that are called like its neighbours, and the
engine's own reverse walk pulls one cotangent through it. What is shown is therefore what is
computed, for gates of scalars, of tensors, blocks and loops alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Basic, S, Symbol

from symgrad.calculus.closed import closed
from symgrad.calculus.notation.lines import symbol_of
from symgrad.calculus.reverse import reverse
from symgrad.dag.digraph import Graph
from symgrad.dag.express import LITERAL, write, write_all
from symgrad.dag.nodes import Grower, Nodes
from symgrad.errors import SymgradError
from symgrad.expr.printer import text
from symgrad.expr.tensors import AnyTensor
from symgrad.rules.einsums import SIZE
from symgrad.rules.opaque import OWNERS

# What SymPy and the printers raise on what they cannot write; SymPy asserts inside `Piecewise`.
REFUSED = (
    *(SymgradError, RecursionError, TypeError, ValueError, AttributeError, NotImplementedError),
    AssertionError,
)
SMALL = 12  # nodes of a constant that is written out inside its gate


class Alone:
    """One gate on symbols that are called like its neighbours.

    Parameters
    ----------
    source : Graph
        The graph.
    node : int
        The gate.
    """

    def __init__(self, source: Graph, node: int) -> None:
        self.source, self.node = source, node
        self.nodes = Nodes()
        self._real: dict[Any, Any] = {}  # stand-ins of operands that stand twice
        tensorial = any(isinstance(s, AnyTensor) for s in source.inputs)
        self._tensorial = tensorial
        self.slots = [self._slot(k, a) for k, a in enumerate(source.nodes.args[node])]
        gate, payload = source.nodes.gates[node], source.nodes.payloads[node]
        self.out = self.nodes.add(gate, tuple(self.slots), payload)

    def _slot(self, position: int, operand: int) -> int:
        """Return the leaf of an operand; one that stands twice has a stand-in."""
        nodes = self.source.nodes
        shape = nodes.shapes.get(operand, ())
        if is_written(self.source, operand):
            return copied(nodes, operand, self.nodes)
        if nodes.constant[operand] and not shape:
            return self.nodes.number(self.source.labels[operand])
        called = self.source.labels[operand]
        symbol = self.symbol(text(called), shape) if shape or not called.is_symbol else called
        if operand in nodes.args[self.node][:position]:
            twin = self.symbol(f"{symbol}__{position}", shape)
            self._real[twin] = symbol
            symbol = twin
        return self.nodes.variable(symbol, shape)

    def symbol(self, name: str, shape: Sequence[Any] = ()) -> Any:
        """Return a symbol of some shape in the dialect of the graph."""
        return symbol_of(name, tuple(shape), tensorial=self._tensorial)

    # --- formulas ---

    def formula(self) -> Any:
        """Return the gate on its neighbours' names, or None where it has no spelling."""
        gate, payload = self.nodes.gates[self.out], self.nodes.payloads[self.out]
        if not self.nodes.shapes:
            return write(gate, self._names(), payload, LITERAL)
        return self._spelled(self.nodes, self.out)

    def _names(self) -> list[Any]:
        nodes = self.source.nodes
        return [
            constant(self.source, a) if nodes.constant[a] else self.source.labels[a]
            for a in nodes.args[self.node]
        ]

    def called(self) -> str:
        """Return the gate called by its name, which always can be written."""
        gate, payload = self.nodes.gates[self.out], self.nodes.payloads[self.out]
        name = payload[0].name if gate in OWNERS else gate.name
        return f"{name}({', '.join(text(n) for n in self._names())})"

    def pulled(self, position: int, upstream: Any, kinks: str = "min_norm") -> Any:
        """Return what arrives at an operand when `upstream` arrives at the gate, as a formula.

        None where nothing arrives, or where it has no spelling.
        """
        nodes = self.nodes.fork()
        bar = nodes.variable(upstream, nodes.shapes.get(self.out, ()))
        slot = self.slots[position]
        primal = range(len(nodes))
        bars = reverse(nodes, primal, {self.out: bar}, [slot], Grower(nodes), kinks=kinks)
        return self._spelled(nodes, bars[slot]) if slot in bars else S.Zero

    def _spelled(self, nodes: Nodes, node: int) -> Any:
        (found,) = closed(nodes, [node])
        return found.xreplace(self._real) if self._real and isinstance(found, Basic) else found

    # --- numbers ---

    def product(self, position: int, values: Sequence[Any], out: Any, bar: Any, run: Any) -> Any:
        """Return what arrives at an operand, as a number or an array; 0 where nothing does."""
        args = self.source.nodes.args[self.node]
        primal: list[Any] = [None] * len(self.nodes)  # what is inside a constant is never read
        for slot, operand in zip(self.slots, args, strict=True):
            primal[slot] = values[operand]
        primal[self.out] = out
        slot = self.slots[position]
        seeds, algebra = {self.out: bar}, run._arithmetic
        found = reverse(self.nodes, primal, seeds, [slot], algebra, kinks=run.policy)
        return found.get(slot, 0.0 * values[args[position]])


def is_written(source: Graph, node: int) -> bool:
    """Return whether a node is a constant that is written inside the gates that read it."""
    flags = source.nodes.constant
    return bool(flags[node]) and node not in source.names.values() and is_small(source.nodes, node)


def constant(source: Graph, node: int) -> Any:
    """Return a constant as it is written, or its label where that is long or has a name."""
    if not is_written(source, node):
        name = next((k for k, n in source.names.items() if n == node), None)
        return source.labels[node] if name is None else Symbol(name)
    nodes = Nodes()
    root = copied(source.nodes, node, nodes)
    try:
        if nodes.shapes:
            return closed(nodes, [root])[0]
        sizes = {n: p for n, p in enumerate(nodes.payloads) if nodes.gates[n] is SIZE}
        return write_all(nodes, [root], sizes)[0]
    except REFUSED:
        return source.labels[node]


def copied(nodes: Nodes, root: int, into: Nodes) -> int:
    """Copy a small constant into another table."""
    order, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if node not in order:
            order.add(node)
            waiting.extend(nodes.args[node])
    made: dict[int, int] = {}
    for node in sorted(order):
        args = tuple(made[a] for a in nodes.args[node])
        made[node] = into.add(nodes.gates[node], args, nodes.payloads[node])
    return made[root]


def is_small(nodes: Nodes, node: int) -> bool:
    """Return whether a constant is short enough to be written inside the gate that reads it."""
    stack, count = [node], 0
    while stack and count <= SMALL:
        stack.extend(nodes.args[stack.pop()])
        count += 1
    return count <= SMALL
