"""Counting operations, and the certificate that a gradient is cheap.

Every gate has a bound: its own operation, the steps of its partials, and one addition for each
operand but one. Summed over a graph, the bounds limit value and gradient together. A gate of
tensors is one operation; how many of numbers that is, in the sizes, is counted beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Dummy

from symgrad.calculus import growth
from symgrad.calculus import wrt as structure
from symgrad.calculus.question import scalar
from symgrad.calculus.tensor_cost import LEAVES, arithmetic, entry_bound, pulled
from symgrad.dag.digraph import Graph, graph
from symgrad.dag.nodes import CONSTANT, Nodes, dependents
from symgrad.dag.template import TEMPLATES
from symgrad.errors import GraphError
from symgrad.expr.matrices import facts_of
from symgrad.rules import routing


@dataclass(frozen=True, slots=True)
class Stats:
    """Operation counts of a formula and of its value-and-gradient graph.

    Parameters
    ----------
    nodes, inputs, constants : int
        Of the formula's graph.
    operations : int
        Gates that are no leaves.
    depth : int
        Longest path from an input to the output.
    gates : tuple of (str, int)
        How often each gate occurs, most frequent first.
    with_gradient : int
        Operations of value and gradient together.
    bound : int
        What the gates' own bounds allow; `with_gradient <= bound` always.
    arithmetic, arithmetic_with_gradient : int or Expr
        Additions, multiplications and functions of numbers, in the sizes of the axes: a gate of
        scalars is one for each entry, an einsum is counted pair by pair from the left.
    """

    nodes: int
    inputs: int
    constants: int
    operations: int
    depth: int
    gates: tuple[tuple[str, int], ...]
    with_gradient: int
    bound: int
    arithmetic: Any
    arithmetic_with_gradient: Any

    @property
    def ratio(self) -> float:
        """Operations of value and gradient over operations of the value."""
        return self.with_gradient / max(self.operations, 1)

    def __str__(self) -> str:
        gates = ", ".join(f"{count} {name}" for name, count in self.gates)
        numbers = ""
        if self.arithmetic != self.operations:
            numbers = f"arithmetic          {self.arithmetic}\n"
            numbers += f"  and of gradient   {self.arithmetic_with_gradient}\n"
        return (
            f"nodes               {self.nodes} ({self.inputs} inputs, {self.constants} constants)\n"
            f"operations          {self.operations}" + (f": {gates}" if gates else "") + "\n"
            f"depth               {self.depth}\n"
            f"value and gradient  {self.with_gradient} operations, {self.ratio:.2f} x the value's\n"
            f"{numbers}"
            f"certificate         {self.with_gradient} <= {self.bound}, the gates' bounds"
        )


def stats(f: Any, wrt: Any = None) -> Stats:
    """Count the operations of a formula and of its gradient, and certify the bound.

    Parameters
    ----------
    f : str, Expr, Parsed or Graph
        One formula; of a tensor, the gradient is a `vjp` with one cotangent.
    wrt : structure of variables, optional
        What to differentiate by. Default: every variable.

    Returns
    -------
    Stats
        Its text is the report.

    Raises
    ------
    ShapeError
        If `f` has several outputs.
    GraphError
        If the gradient broke the bound, which would be a fault of symgrad.

    References
    ----------
    A. Griewank and A. Walther, "Evaluating Derivatives", 2nd ed. (2008), section 3.4: the cheap
    gradient principle.

    Examples
    --------
    >>> found = stats("(x + y)*z")
    >>> found.operations, found.with_gradient, found.bound
    (2, 2, 7)

    >>> from symgrad.expr.matrices import matrix
    >>> stats(matrix("A", "n", "n")*matrix("x", "n")).arithmetic
    2*n**2 - n
    """
    source = graph(f)
    if len(source.outputs) != 1:
        scalar(source, "min_norm")
    wanted = structure.nodes_of(source, structure.expand(source, wrt))
    grown = _pulled(source, wanted)
    found = _counted(source, grown)
    if found.with_gradient > found.bound:
        raise GraphError(
            f"the gradient has {found.with_gradient} operations, more than the certified "
            f"{found.bound}; please report this formula"
        )
    return found


def _pulled(source: Graph, wanted: Sequence[int | None]) -> Graph:
    """Return value and gradient; of a tensor, its pullback of a cotangent."""
    (out,) = source.outputs
    shape = source.nodes.shapes.get(out)
    if shape is None:
        return growth.gradient(source, wanted)
    growing = growth.Growth(source)
    seed = growing.nodes.variable(Dummy("cotangent"), shape)
    return growing.freeze([out, *growing.pull({out: seed}, wanted)])


def _counted(source: Graph, grown: Graph) -> Stats:
    counts = Counter(g.name for g in source.nodes.gates if g not in LEAVES)
    return Stats(
        nodes=len(source),
        inputs=len(source.inputs),
        constants=sum(g is CONSTANT for g in source.nodes.gates),
        operations=sum(counts.values()),
        depth=depth(source.nodes),
        gates=tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        with_gradient=operations(grown.nodes),
        bound=bound(source),
        arithmetic=arithmetic(source.nodes),
        arithmetic_with_gradient=arithmetic(grown.nodes),
    )


def operations(nodes: Nodes) -> int:
    """Return the number of gates that are no leaves."""
    return sum(g not in LEAVES for g in nodes.gates)


def depth(nodes: Nodes) -> int:
    """Return the length of the longest path."""
    heights = [0] * len(nodes)
    for node, args in enumerate(nodes.args):
        if args:
            heights[node] = 1 + max(heights[a] for a in args)
    return max(heights, default=0)


def gate_bound(nodes: Nodes, node: int, moving: bytearray) -> int:
    """Return the most operations that value and gradient of one gate can take."""
    args = nodes.args[node]
    total = 1 + entry_bound(nodes, node, moving)
    if nodes.gates[node].shape is not None:
        return total + pulled(nodes, node, moving) + max(len(args) - 1, 0)
    for position, operand in enumerate(args):
        if moving[operand]:
            template = TEMPLATES.of(nodes, node, position, "min_norm")
            total += template.cost if template is not None else 0
    if nodes.gates[node] is routing.WHERE:
        total += 3  # the opposite condition, and one guard a branch
    return total + max(len(args) - 1, 0)


def bound(source: Graph) -> int:
    """Return the sum of the gates' bounds; behind a `where`, one mask a wire more."""
    nodes = source.nodes
    moving = dependents(nodes, source.input_nodes, len(nodes) - 1)
    total = 1
    masked = False
    for node, args in enumerate(nodes.args):
        if args:
            total += gate_bound(nodes, node, moving) if moving[node] else 1
            masked = masked or nodes.gates[node] is routing.WHERE
    spread = sum(3 if facts_of(s) else 1 for s in source.inputs) if nodes.shapes else 0
    masks = sum(map(len, nodes.args)) + len(source.inputs) if masked else 0
    return total + spread + masks  # zeros are spread, gradients projected on declared spaces
