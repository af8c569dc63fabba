"""The linear loop of a derivative: what it carries, and what the forward loop keeps for it.

Cotangents (tangents) of a step are grown on a copy of the body. What they read of the step becomes
a stream, stacked by the forward loop, unless it is cheap to compute again, or an operand already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from sympy import Symbol

from symgrad.calculus.growth import Growth
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import NEG, VARIABLE, Nodes, dependents
from symgrad.dag.opened import extended
from symgrad.dag.regions import Region
from symgrad.expr.symbols import label
from symgrad.expr.tensors import TensorSymbol
from symgrad.rules import einsums, routing, tensors

VIEWS = frozenset(
    [tensors.RESHAPE, tensors.SLICE, tensors.ONE_HOT, NEG, *routing.RELATIONS, *routing.CONNECTIVES]
)


class Body:
    """A copy of a region that is being grown by a derivative.

    Parameters
    ----------
    region : Region
        The body of a loop, or a block.
    kinks : str
        The policy where a gate has no derivative.
    """

    def __init__(self, region: Region, kinks: str) -> None:
        self.region = region
        self.growth = Growth(Graph(region.nodes, region.outputs), kinks)
        self.nodes = self.growth.nodes
        self.count = len(self.nodes)
        self._taken = {label(s) for s in region.symbols}

    def fresh(self, name: str) -> str:
        """Return a name that nothing else has."""
        numbered = (f"{name}{k}" for k in count(1))
        found = name
        while found in self._taken:
            found = next(numbered)
        self._taken.add(found)
        return found

    def variable(self, name: str, like: int) -> int:
        """Return a new variable in the shape of a node."""
        shape = self.region.shape(like)
        called = self.fresh(name)
        return self.nodes.variable(symbol_of(called, shape), shape)

    def output_names(self, count: int) -> list[str]:
        """Return what outputs are called: carries as their inputs, others `y`."""
        names = [label(s) for s in self.region.symbols[:count]]
        return names + ["y"] * (len(self.region.outputs) - count)


def symbol_of(name: str, shape: Sequence[Any]) -> Any:
    """Return a symbol of some shape."""
    return TensorSymbol(name, shape) if shape else Symbol(name)


@dataclass(frozen=True, slots=True)
class Ports:
    """The inputs that a linear loop has beside those of the step: of cotangents or tangents.

    Parameters
    ----------
    carries, streams, params : tuple of int
        Variables of the grown body.
    """

    carries: tuple[int, ...]
    streams: tuple[int, ...]
    params: tuple[int, ...] = ()

    @property
    def all(self) -> tuple[int, ...]:
        """All of them."""
        return (*self.carries, *self.streams, *self.params)


@dataclass(frozen=True, slots=True)
class Split:
    """A linear loop apart from the forward loop.

    Parameters
    ----------
    forward : Region
        The body, which also keeps what `linear` reads.
    kept : tuple of int
        Outputs of `forward` whose stacks are streams of the linear loop.
    streams, params : tuple of int
        Operands of the forward loop that the linear loop reads too.
    linear : Region
        The body of the linear loop: its streams are those of the ports, `streams`, then `kept`; its
        parameters `params`, then those of the ports.
    """

    forward: Region
    kept: tuple[int, ...]
    streams: tuple[int, ...]
    params: tuple[int, ...]
    linear: Region


def split(
    body: Body, ports: Ports, outputs: Sequence[int], form: tuple[int, int], name: str
) -> Split:
    """Return the linear loop of a grown body, and what the forward loop keeps for it.

    Parameters
    ----------
    body : Body
        The grown body.
    ports : Ports
        The variables of cotangents or tangents.
    outputs : sequence of int
        What the linear loop gives.
    form : (int, int)
        How many carries and streams the forward loop has.
    name : str
        What the linear loop is called.
    """
    region, nodes = body.region, body.nodes
    carries, streams = form
    first = carries + streams
    read = _boundary(body, ports, outputs, region.inputs[:first])
    used = [k for k, node in enumerate(region.inputs) if node in read]
    kept = sorted(read.difference(region.inputs[carries:]))
    forward, places = keeping(region, kept, carries)
    own = [k for k in used if carries <= k < first]
    params = [k for k in used if k >= first]
    known = {node: nodes.payloads[node] for node in (*ports.all, *region.inputs)}
    names = {
        o: f"{label(s)}_next"
        for s, o in zip(region.symbols[:carries], region.outputs, strict=False)
    }
    for node in kept:
        if node not in region.inputs:
            known[node] = symbol_of(
                body.fresh(names.get(node, nodes.gates[node].letter)), region.shape(node)
            )
    order = [
        *(*ports.carries, *ports.streams, *(region.inputs[k] for k in own), *kept),
        *(*(region.inputs[k] for k in params), *ports.params),
    ]
    made, inputs, outs = _apart(nodes, order, known, outputs)
    linear = Region(name, made, inputs, outs, region.sizes)
    return Split(forward, places, tuple(own), tuple(params), linear)


def keeping(region: Region, kept: Sequence[int], carries: int) -> tuple[Region, tuple[int, ...]]:
    """Return the body that also gives some nodes, and which of its outputs they are."""
    stacked = {node: k for k, node in enumerate(region.outputs) if k >= carries}
    fresh = tuple(n for n in kept if n not in stacked)
    places = {**{n: k for k, n in enumerate(fresh, len(region.outputs))}, **stacked}
    return extended(region, fresh), tuple(places[n] for n in kept)


def _boundary(body: Body, ports: Ports, outputs: Iterable[int], moving: Iterable[int]) -> set[int]:
    """Return the nodes of the step that a linear loop reads, its inputs included."""
    nodes, own = body.nodes, frozenset(ports.all)
    inputs = frozenset(body.region.inputs)
    timed = dependents(nodes, moving, body.count - 1)
    found: set[int] = set()
    seen, stack = set(outputs), list(outputs)
    while stack:
        node = stack.pop()
        if node in own:
            continue
        inner = node < body.count and bool(timed[node])
        if node in inputs or (inner and not _is_cheap(nodes, node)):
            found.add(node)
            continue
        fresh = [a for a in nodes.args[node] if a not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return found


def _is_cheap(nodes: Nodes, node: int) -> bool:
    """Return whether a node is a view of its operand, or a condition: not worth its memory."""
    gate = nodes.gates[node]
    if gate is einsums.EINSUM:
        ins, out, _ = nodes.payloads[node]
        return len(ins) == 1 and set(ins[0]) <= set(out)
    return gate in VIEWS


def _apart(
    nodes: Nodes, order: Sequence[int], known: dict[int, Any], outputs: Sequence[int]
) -> tuple[Nodes, tuple[int, ...], tuple[int, ...]]:
    """Return a table of its own with variables for some nodes, its inputs and outputs."""
    made = Nodes()
    moved = {n: made.variable(known[n], nodes.shapes.get(n, ())) for n in order}
    needed, stack = set(outputs), [o for o in outputs if o not in moved]
    while stack:
        for operand in nodes.args[stack.pop()]:
            if operand not in needed:
                needed.add(operand)
                if operand not in moved:
                    stack.append(operand)
    for node in sorted(needed - moved.keys()):
        assert nodes.gates[node] is not VARIABLE
        args = tuple([moved[a] for a in nodes.args[node]])
        moved[node] = made.add(nodes.gates[node], args, nodes.payloads[node])
    return made, tuple(moved[n] for n in order), tuple(moved[o] for o in outputs)
