"""Programs: a flat list of operations, the only thing that a numeric backend sees.

An operation applies one gate to earlier slots; it may own a program of its own (a block, a loop).
Symbols are slots here: no user's name goes further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Expr

from symgrad.dag.digraph import Graph, compact
from symgrad.dag.nodes import CONSTANT, VARIABLE, Nodes
from symgrad.dag.regions import Region
from symgrad.rules import opaque
from symgrad.rules.row import Gate


@dataclass(frozen=True, slots=True)
class Operation:
    """One application of a gate.

    Parameters
    ----------
    gate : Gate
        What is applied.
    args : tuple of int
        Slots that are read.
    payload : object
        What the gate needs beside its operands: an inner `Loop`, a whole SymPy expression.
    dead : tuple of int
        Slots that nobody reads afterwards.
    """

    gate: Gate
    args: tuple[int, ...]
    payload: Any
    dead: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """An inner program: one output of a block, once or (rolled) after `length` steps."""

    body: Program
    output: int
    length: int
    rolled: bool


@dataclass(frozen=True)
class Program:
    """A straight-line program.

    Parameters
    ----------
    inputs : tuple of Expr
        The symbol of each input slot; slots 0..n-1, shape () each.
    constants : tuple
        SymPy numbers; the next slots.
    operations : tuple of Operation
        Each result takes the next slot.
    outputs : tuple of int
        Slots of the results.
    """

    inputs: tuple[Expr, ...]
    constants: tuple[Any, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]

    @property
    def first(self) -> int:
        """The slot of the first operation."""
        return len(self.inputs) + len(self.constants)

    @cached_property
    def stats(self) -> dict[str, int]:
        """How many operations, constants, inputs and outputs there are."""
        return {
            "operations": len(self.operations),
            "constants": len(self.constants),
            "inputs": len(self.inputs),
            "outputs": len(self.outputs),
        }

    def __str__(self) -> str:
        lines = [f"input  {i}" for i in range(len(self.inputs))]
        lines += [f"{len(self.inputs) + i} = {c}" for i, c in enumerate(self.constants)]
        for slot, op in enumerate(self.operations, self.first):
            lines.append(f"{slot} = {op.gate.name}({', '.join(map(str, op.args))})")
        return "\n".join([*lines, f"return {', '.join(map(str, self.outputs))}"])


def lower(graph: Graph, args: Sequence[Expr] | None = None) -> Program:
    """Turn a graph into a program.

    Parameters
    ----------
    graph : Graph
        What to compute: all of its outputs.
    args : sequence of Expr, optional
        The inputs in their order; default: the order of first appearance.
    """
    inputs = tuple(graph.inputs if args is None else args)
    return _lower(graph.nodes, graph.outputs, inputs)


def _lower(nodes: Nodes, outputs: Sequence[int], inputs: tuple[Expr, ...]) -> Program:
    slots: dict[int, int] = {}
    position = {symbol: i for i, symbol in enumerate(inputs)}
    constants: list[Any] = []
    operations: list[int] = []
    for node, gate in enumerate(nodes.gates):
        if gate is VARIABLE:
            slots[node] = position[nodes.payloads[node]]
        elif gate is CONSTANT:
            slots[node] = len(inputs) + len(constants)
            constants.append(nodes.payloads[node])
        else:
            operations.append(node)
    first = len(inputs) + len(constants)
    slots |= {node: first + k for k, node in enumerate(operations)}
    kept = {slots[o] for o in outputs}
    dead = _last_reads(nodes, operations, slots, kept)
    made = tuple(
        Operation(
            nodes.gates[node],
            tuple(slots[a] for a in nodes.args[node]),
            _payload(nodes.gates[node], nodes.payloads[node]),
            tuple(dead.get(node, ())),
        )
        for node in operations
    )
    return Program(inputs, tuple(constants), made, tuple(slots[o] for o in outputs))


def _last_reads(
    nodes: Nodes, operations: Sequence[int], slots: dict[int, int], kept: set[int]
) -> dict[int, list[int]]:
    """Map each operation to the slots that it is the last to read."""
    seen = set(kept)
    dead: dict[int, list[int]] = {}
    for node in reversed(operations):
        for operand in nodes.args[node]:
            slot = slots[operand]
            if slot not in seen:
                seen.add(slot)
                dead.setdefault(node, []).append(slot)
    return dead


def _payload(gate: Gate, payload: Any) -> Any:
    if gate is opaque.CALL:
        region, output = payload
        return Loop(lower_region(region), output, 1, rolled=False)
    if gate is opaque.SCAN:
        region, output, length = payload
        return Loop(lower_region(region), output, length, rolled=True)
    return payload


def lower_region(region: Region) -> Program:
    """Return the program of a region; made once and kept by the region."""
    found: Program | None = region.derived.get("program")
    if found is None:
        inputs = tuple(region.nodes.payloads[i] for i in region.inputs)
        nodes, outputs, _ = compact(region.nodes, region.outputs)
        found = region.derived.setdefault("program", _lower(nodes, outputs, inputs))
    return found
