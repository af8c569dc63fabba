"""The account of a run, gate by gate: what every table, derivation, picture and page is made of.

It reads the engine's own graph and run; nothing is derived a second time. A gate's texts, partials
and products are made when they are asked for, so the account of 100,000 nodes is had at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Symbol

from symgrad.calculus import growth
from symgrad.calculus.closed import closed, let
from symgrad.calculus.notation.lines import let_tensors
from symgrad.calculus.reverse import consumers
from symgrad.dag.composites import spelled
from symgrad.dag.digraph import Graph, graph
from symgrad.dag.nodes import CONSTANT, Nodes
from symgrad.expr.printer import text
from symgrad.numeric.execution import Run, run
from symgrad.rules.routing import WHERE
from symgrad.show.alone import REFUSED, Alone, constant, is_small
from symgrad.show.formulas import latex
from symgrad.show.gate_account import GateAccount, Path, Wire
from symgrad.show.mathml import mathml

__all__ = ["Account", "GateAccount", "Path", "Wire", "account"]

OUTPUT = "f"  # what a formula without a name is called
DEEP = 2_000  # nodes of any graph past which nobody reads its closed form
LAYERED = 40  # nodes of a graph of tensors past which a closed form repeats too much
READABLE = 400  # nodes of a closed form past which it is not spelled


@dataclass(frozen=True, eq=False)
class Account:
    """A graph or a run, told gate by gate.

    Parameters
    ----------
    graph : Graph
        The graph, collapsed or expanded already.
    run : Run, optional
        Its run.
    policy : str
        What the derivative is where it does not exist.
    """

    graph: Graph
    run: Run | None = None
    policy: str = "min_norm"

    @property
    def nodes(self) -> Nodes:
        """The table of the graph."""
        return self.graph.nodes

    @property
    def outputs(self) -> tuple[int, ...]:
        """The nodes of the values."""
        return self.graph.outputs

    @cached_property
    def visible(self) -> tuple[int, ...]:
        """The nodes that are shown: all but the constants that are folded into gates."""
        nodes = self.nodes
        shown = bytearray(len(nodes))
        for output in self.outputs:
            shown[output] = 1
        for node in range(len(nodes) - 1, -1, -1):
            if shown[node]:
                inside = self.folded(node)
                for operand in nodes.args[node]:
                    shown[operand] |= operand not in inside
        return tuple(n for n, flag in enumerate(shown) if flag)

    def folded(self, node: int) -> tuple[int, ...]:
        """Return the constants that are written inside a gate: short ones without a name."""
        flags, args = self.nodes.constant, self.nodes.args[node]
        if flags[node] or not any(flags[a] for a in args):
            return ()
        named = self._named
        inside = (a for a in dict.fromkeys(args) if flags[a] and a not in named)
        return tuple(a for a in inside if is_small(self.nodes, a))

    @cached_property
    def _named(self) -> frozenset[int]:
        return frozenset(self.graph.names.values())

    @cached_property
    def gates(self) -> tuple[GateAccount, ...]:
        """Every node that is shown, in topological order."""
        return tuple(GateAccount(self, n) for n in self.visible)

    @cached_property
    def by_node(self) -> Mapping[int, GateAccount]:
        """The gates by node."""
        return {g.node: g for g in self.gates}

    @cached_property
    def names(self) -> Mapping[int, str]:
        """The name of each node that an assignment or the formula named."""
        found = {n: name for name, n in reversed(list(self.graph.names.items()))}
        inputs = self.graph.input_nodes
        return found | {n: text(self.graph.labels[n]) for n in inputs}

    @cached_property
    def kinks(self) -> frozenset[int]:
        """The nodes whose kink lies exactly here."""
        return frozenset() if self.run is None else frozenset(self.run.kinks)

    @cached_property
    def groups(self) -> Mapping[int, tuple[str, tuple[int, ...]]]:
        """Composites that are spelled out: by the node of the result, a name and the gates."""
        found = {}
        shown = set(self.visible)
        for name, root, inside in spelled(self.nodes, self.outputs, self.graph.names):
            kept = tuple(sorted(shown & {root, *inside}))
            if len(kept) > 1:
                found[root] = (name, kept)
        return found

    @cached_property
    def member(self) -> Mapping[int, int]:
        """For each gate of a spelled composite the node of its result."""
        return {n: root for root, (_, inside) in self.groups.items() for n in inside}

    @cached_property
    def _readers(self) -> Mapping[int, list[tuple[int, int]]]:
        return consumers(self.nodes, set(self.visible))

    @cached_property
    def _alone(self) -> dict[int, Alone]:
        return {}

    def alone(self, node: int) -> Alone:
        """Return one gate in a table of its own."""
        found = self._alone.get(node)
        if found is None:
            found = self._alone[node] = Alone(self.graph, node)
        return found

    def paths(self, node: int) -> tuple[Path, ...]:
        """Return the paths along which a node's gradient arrives."""
        made, by_node = self.run, self.by_node
        fixed = self.nodes.constant[node] and node not in self._named
        if fixed or (made is not None and not made.reaches(node)):
            return ()
        return tuple(
            Path(Wire(by_node[reader], node, position))
            for reader, position in self._readers.get(node, ())
            if reader in by_node and (made is None or made.reaches(reader))
        )

    def symbol(self, node: int) -> Any:
        """Return what a node is called, as a symbol of its shape."""
        shape, label = self.nodes.shapes.get(node, ()), self.graph.labels[node]
        if self.nodes.gates[node] is CONSTANT and node in self.names:
            return Symbol(self.names[node])
        return self.alone(node).symbol(text(label), shape) if shape else label

    def upstream(self, node: int) -> Any:
        """Return the symbol of the gradient that arrives at a node."""
        name = f"d{text(self.graph.labels[node])}"
        shape = self.nodes.shapes.get(node, ())
        while name in self._taken:
            name += "_"
        return self.alone(node).symbol(name, shape) if shape else Symbol(name)

    @cached_property
    def _taken(self) -> frozenset[str]:
        return frozenset({*map(str, self.graph.inputs), *self.graph.names})

    # --- formulas ---

    def expression(self, node: int) -> Any:
        """Return how a node is made of its neighbours, as an expression; None for a leaf."""
        if not self.nodes.args[node]:
            return None
        try:
            return self.alone(node).formula()
        except REFUSED:
            return None

    def local(self, node: int, position: int) -> Any:
        """Return a local partial in the neighbours' names; None where it has no spelling."""
        try:
            if not self.by_node[node].is_tensor:
                found = self.graph.partial(node, position, kinks=self.policy)
                return found.xreplace(self._written(node))
            return self.alone(node).pulled(position, self.upstream(node), self.policy)
        except REFUSED:
            return None

    def _written(self, node: int) -> dict[Any, Any]:
        """Return what stands for the labels of constants inside a gate: the constants."""
        inside = self.folded(node)
        return {self.graph.labels[a]: constant(self.graph, a) for a in inside}

    def gradient(self, node: int) -> Any:
        """Return the closed form of the output's gradient by a node; None where it is too long."""
        return self.gradients([node])[0]

    def gradients(self, wanted: Sequence[int], *, limit: int = READABLE) -> list[Any]:
        """Return closed forms of the output's gradient by nodes; None for what is too long."""
        if len(self.outputs) != 1 or self.outputs[0] in self.nodes.shapes:
            return [None] * len(wanted)
        if len(self.nodes) > (LAYERED if self.nodes.shapes else DEEP):
            return [None] * len(wanted)
        try:
            grown = growth.gradient(self.graph, wanted, self.policy)
        except REFUSED:
            return [None] * len(wanted)
        return [
            self._closed(grown, node, bar, limit)
            for node, bar in zip(wanted, grown.outputs[1:], strict=True)
        ]

    def _closed(self, grown: Graph, node: int, bar: int, limit: int) -> Any:
        target = self.graph.labels[node] if node in self.nodes.shapes else None
        try:
            return closed(grown.nodes, [bar], limit=limit, targets=[target])[0]
        except REFUSED:
            return None

    def shared(self, wanted: Sequence[int]) -> tuple[list[tuple[Any, Any]], list[Any]]:
        """Return the gradient by nodes with shared terms named once: the terms, then the partials.

        Both are empty where it has no spelling.
        """
        if len(self.nodes) > DEEP:
            return [], []
        try:
            grown = growth.gradient(self.graph, wanted, self.policy)
            picked = Graph(grown.nodes, grown.outputs[1:], grown.names)
            return (let_tensors if self.nodes.shapes else let)(picked, picked.outputs)
        except REFUSED:
            return [], []

    def product(self, wire: Wire) -> Any:
        """Return what arrives along a wire as a number or an array; None without a run."""
        made, gate = self.run, wire.gate
        if made is None or gate.grad is None:
            return None
        bar, position = made.bars[gate.node], wire.position
        with np.errstate(all="ignore"):
            if gate.is_tensor or self.nodes.gates[gate.node] is WHERE:
                alone, value = self.alone(gate.node), made.values[gate.node]
                found = alone.product(position, made.values, value, bar, made)
            else:
                found = made.local_partial(gate.node, position) * bar
        return self._unmasked(found, made.bars.get(wire.source))

    def _unmasked(self, found: Any, grad: Any) -> Any:
        """Return what arrived, where a branch that was not chosen passes back exactly 0.

        The engine keeps `0*inf` out of a gradient; the product of the two numbers is nan there.
        """
        if np.all(np.isfinite(found)) or grad is None:
            return found
        return np.where(np.isfinite(found) | ~np.isfinite(grad), found, 0.0)[()]

    # --- in words and signs ---

    def text(self, node: int) -> str:
        """Return a node's formula as text: `x + y`; "" for a leaf."""
        if not self.nodes.args[node]:
            return ""
        found = self.expression(node)
        return self.alone(node).called() if found is None else str(text(found))

    def latex(self, node: int) -> str:
        """Return a node's formula in LaTeX; "" for a leaf."""
        found = self.expression(node)
        return str(latex(Symbol(self.text(node)) if found is None else found))

    def mathml(self, node: int) -> str:
        """Return a node's formula in presentation MathML, without the `math` element."""
        return mathml(self.latex(node))


def account(
    f: Any,
    at: Mapping[Any, Any] | None = None,
    *,
    collapsed: bool | None = True,
    kinks: str = "min_norm",
) -> Account:
    """Return the account of a formula, and of its run where a point is given.

    Parameters
    ----------
    f : str, Expr, Parsed, Graph or Run
        A formula; a run is told as it was made.
    at : mapping of name or symbol to number or array, optional
        The point; without one there are no numbers.
    collapsed : bool or None
        Composite gates as one gate each, spelled out, or, for None, as they were written.
    kinks : str
        What the derivative is where it does not exist.

    Examples
    --------
    >>> found = account("q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4})
    >>> [(g.label, g.formula, float(g.value), float(g.grad)) for g in found.gates[2:]]
    [('q', 'x + y', 3.0, -4.0), ('z', '', -4.0, 3.0), ('f', 'q*z', -12.0, 1.0)]
    """
    if isinstance(f, Run):
        return Account(titled(f.graph), replace(f, graph=titled(f.graph)), f.policy)
    source = graph(f)
    if collapsed is not None:
        source = source.collapse() if collapsed else source.expand()
    source = titled(source)
    if at is None:
        return Account(source, None, kinks)
    made = run(source, at, kinks=kinks)
    return Account(made.graph, made, kinks)


def titled(source: Graph) -> Graph:
    """Return a graph whose only output is called `f` if nothing else is and it has no name."""
    taken = {*map(str, source.inputs), *source.names}
    (output, *more) = source.outputs
    if more or OUTPUT in taken or output in source.names.values() or not source.nodes.args[output]:
        return source
    return Graph(source.nodes, source.outputs, {**source.names, OUTPUT: output})
