"""Programs: a flat list of operations, the only thing that a numeric backend sees.

An operation applies one gate to earlier slots; it may own a program of its own (a block, a loop).
Symbols are slots here: no user's name goes further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sympy import Expr

from symgrad.dag.digraph import Graph, compact
from symgrad.dag.fission import parted
from symgrad.dag.nodes import CONSTANT, VARIABLE, Nodes
from symgrad.dag.opened import opened, unrolled
from symgrad.dag.regions import Region
from symgrad.registry import service
from symgrad.rules import opaque
from symgrad.rules.row import Gate

ITEM = Gate("item")  # picks one output of a block; only programs know it
Step = tuple[Gate, tuple[int, ...], Any]


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
    """An inner program: a block, called once or (rolled) repeated `length` times.

    An operation with a loop gives all of the block's outputs; `ITEM` operations pick from them.
    """

    body: Program
    length: int
    rolled: bool


@dataclass(frozen=True, slots=True)
class TensorLoop:
    """An inner program that is repeated over tensors, as its form says.

    An operation with a loop gives all outputs: the last carries, then the stacks of what is kept;
    `ITEM` operations pick from them.

    Parameters
    ----------
    body : Program
        One step: carries, slices of the streams and parameters to new carries and what is kept.
    form : ScanForm
        Its length, how many operands are carried and cut, and which way time runs.
    shapes : tuple of tuple
        The shape of each output of the operation.
    """

    body: Program
    form: opaque.ScanForm
    shapes: tuple[tuple[Any, ...], ...]


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
        """Counts of operations, constants, inputs, outputs, temporaries alive at once, and bytes.

        A temporary is one float64 a point; its bytes are what a backend without blocks of its own
        would hold for each point of a batch.
        """
        alive = most = 0
        for operation in self.operations:
            alive += 1
            most = max(most, alive)
            alive -= sum(slot >= self.first for slot in operation.dead)
        return {
            "operations": len(self.operations),
            "constants": len(self.constants),
            "inputs": len(self.inputs),
            "outputs": len(self.outputs),
            "temporaries": most,
            "bytes": 8 * most,
        }

    def __str__(self) -> str:
        lines = [f"input  {i}" for i in range(len(self.inputs))]
        lines += [f"{len(self.inputs) + i} = {c}" for i, c in enumerate(self.constants)]
        for slot, op in enumerate(self.operations, self.first):
            read = ", ".join(map(str, op.args))
            lines.append(f"{slot} = {op.gate.name}({read}){_carried(op)}")
        return "\n".join([*lines, f"return {', '.join(map(str, self.outputs))}"])

    def to_json(self) -> str:
        """Return the program as JSON, with a schema version; `from_json` gives it back.

        Raises
        ------
        GraphError
            If an operation carries what files do not know.

        Examples
        --------
        >>> import symgrad as sg
        >>> saved = sg.compile("x*y + sin(x)").program.to_json()
        >>> Program.from_json(saved).to_json() == saved
        True
        """
        found: str = service("program.save")(self)
        return found

    @classmethod
    def from_json(cls, text: str) -> Program:
        """Return a saved program; nothing in the text is evaluated.

        Raises
        ------
        GraphError
            If the text is no saved program, of another version, or holds an unknown gate.
        """
        found: Program = service("program.load")(text)
        return found


def _carried(operation: Operation) -> str:
    """Return what an operation carries, for people; no expression, for it may hold names."""
    payload = operation.payload
    if isinstance(payload, Loop):
        return f"  # {payload.length} x {len(payload.body.operations)} operations"
    if isinstance(payload, TensorLoop):
        back = ", backward" if payload.form.backward else ""
        return f"  # {payload.form.length} x {len(payload.body.operations)} operations{back}"
    return f"[{payload}]" if operation.gate is ITEM else ""


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
    nodes, outputs = opened(graph.nodes, graph.outputs)
    return _lower(*_without_waste(nodes, outputs), inputs)


def _without_waste(nodes: Nodes, outputs: Sequence[int]) -> tuple[Nodes, list[int]]:
    """Return a table whose loops hold only what a step must wait for."""
    made, found = parted(nodes, outputs)
    if made is nodes:
        return nodes, found
    kept, found, _ = compact(made, found)
    return kept, found


def _lower(nodes: Nodes, outputs: Sequence[int], inputs: tuple[Expr, ...]) -> Program:
    position = {symbol: i for i, symbol in enumerate(inputs)}
    constants = [n for n, gate in enumerate(nodes.gates) if gate is CONSTANT]
    slots = {node: len(inputs) + k for k, node in enumerate(constants)}
    steps: list[Step] = []
    bundles: dict[Any, int] = {}
    first = len(inputs) + len(constants)
    for node, gate in enumerate(nodes.gates):
        if gate is VARIABLE:
            slots[node] = position[nodes.payloads[node]]
        elif gate is not CONSTANT:
            args = tuple([slots[a] for a in nodes.args[node]])
            slots[node] = _append(steps, first, bundles, gate, args, nodes.payloads[node])
    numbers = tuple(nodes.payloads[c] for c in constants)
    return with_liveness(inputs, numbers, steps, [slots[o] for o in outputs])


def with_liveness(
    inputs: Sequence[Expr], constants: Sequence[Any], steps: Sequence[Step], outputs: Sequence[int]
) -> Program:
    """Return the program of some steps, with the slots that each is the last to read."""
    dead = _last_reads(steps, outputs)
    made = [Operation(*step, slots) for step, slots in zip(steps, dead, strict=True)]
    return Program(tuple(inputs), tuple(constants), tuple(made), tuple(outputs))


def _append(
    steps: list[Step],
    first: int,
    bundles: dict[Any, int],
    gate: Gate,
    args: tuple[int, ...],
    payload: Any,
) -> int:
    """Append the operations of a node; calls of one block at the same operands share one."""
    if gate not in opaque.OWNERS:
        steps.append((gate, args, payload))
        return first + len(steps) - 1
    region, output, *rest = payload
    key = (gate, region, args, *rest)
    if key not in bundles:
        steps.append((gate, args, _repeated(gate, region, rest)))
        bundles[key] = first + len(steps) - 1
    steps.append((ITEM, (bundles[key],), output))
    return first + len(steps) - 1


def _repeated(gate: Gate, region: Region, rest: list[Any]) -> Loop | TensorLoop:
    """Return the inner program of a node that owns a region."""
    if gate is not opaque.TENSOR_SCAN:
        return Loop(lower_region(region), (rest or [1])[0], rolled=gate is opaque.SCAN)
    return tensor_loop(region, rest[0])


def tensor_loop(region: Region, form: opaque.ScanForm) -> TensorLoop:
    """Return the inner program of a loop over tensors."""
    _, shapes = region.bound_shapes(form.sizes)
    stacked = [s if k < form.carries else (form.length, *s) for k, s in enumerate(shapes)]
    plain = replace(form, sizes=())  # the body's sizes are bound
    return TensorLoop(lower_tensors(region, form.sizes), plain, tuple(map(tuple, stacked)))


def _last_reads(steps: Sequence[Step], kept: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the slots that each operation is the last to read."""
    seen = set(kept)
    dead: list[tuple[int, ...]] = []
    for _, args, _ in reversed(steps):
        fresh = tuple(dict.fromkeys(a for a in args if a not in seen))
        seen.update(fresh)
        dead.append(fresh)
    return dead[::-1]


def lower_region(region: Region) -> Program:
    """Return the program of a region; made once and kept by the region."""
    found: Program | None = region.derived.get("program")
    if found is None:
        inputs = tuple(region.nodes.payloads[i] for i in region.inputs)
        nodes, outputs, _ = compact(region.nodes, region.outputs)
        found = region.derived.setdefault("program", _lower(nodes, outputs, inputs))
    return found


def lower_tensors(region: Region, sizes: tuple[Any, ...]) -> Program:
    """Return the program of a region with sizes bound; made once and kept by the region."""
    found: Program | None = region.derived.get(("program", sizes))
    if found is None:
        nodes, outputs = _without_waste(*unrolled(region, sizes))
        nodes, outputs, _ = compact(nodes, outputs)
        made = _lower(nodes, outputs, region.symbols)
        found = region.derived.setdefault(("program", sizes), made)
    return found
