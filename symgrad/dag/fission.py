"""Loops parted before they are run: what needs no carry leaves the loop and is done for all steps.

Three parts: what depends on streams and parameters alone, before the loop; what a step must wait
for, in it; what only reads the steps, behind it. A carry that only adds up is a sum over time.
Sizes are numbers here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

from sympy import S, Symbol

from symgrad.dag import vmap
from symgrad.dag.nodes import ADD, CONSTANT, VARIABLE, Nodes, dependents, reachable
from symgrad.dag.opened import Table, unrolled
from symgrad.dag.regions import Region
from symgrad.dag.time_sums import summed, sums_well
from symgrad.errors import UnsupportedError
from symgrad.expr.tensors import TensorSymbol
from symgrad.rules import einsums, opaque
from symgrad.rules.row import Gate

Form = opaque.ScanForm
LARGEST = 2**25  # entries of what stands for all steps at once; more stays in the loop
CACHED = 8192  # entries of a step, from which on reading a stack costs more than a sum or product


Watch = Callable[[Gate], bool]


def parted(nodes: Nodes, outputs: Sequence[int], watch: Watch | None = None) -> Table:
    """Return a table whose loops hold nothing that could be done for all steps at once.

    Parameters
    ----------
    nodes, outputs : Nodes, sequence of int
        The table.
    watch : callable, optional
        Gate to whether its nodes inside loops shall stand in the table for all steps, too.
    """
    asked: dict[Any, set[int]] = {}
    for node, gate in enumerate(nodes.gates):
        if gate is opaque.TENSOR_SCAN:
            region, index, form = nodes.payloads[node]
            asked.setdefault((region, nodes.args[node], form), set()).add(index)
    if not any(_is_bound(form) for _, _, form in asked):
        return nodes, list(outputs)
    made = Nodes()
    moved: list[int] = []
    found: dict[Any, dict[int, int]] = {}
    for node, (gate, old) in enumerate(zip(nodes.gates, nodes.args, strict=True)):
        args, payload = tuple([moved[a] for a in old]), nodes.payloads[node]
        if gate is VARIABLE:
            moved.append(made.variable(payload, nodes.shapes.get(node, ())))
        elif gate is not opaque.TENSOR_SCAN or not _is_bound(payload[2]):
            moved.append(made.add(gate, args, payload))
        else:
            region, index, form = payload
            key = (region, old, form)
            if key not in found:
                found[key] = _parted(made, region, form, args, asked[key], watch)
            moved.append(found[key][index])
    return made, [moved[o] for o in outputs]


def _is_bound(form: Form) -> bool:
    """Return whether a loop has a known number of steps, and there is something to gain."""
    known = all(isinstance(n, int) for n in (form.length, *form.sizes))
    return known and form.length > 1


def _parted(
    made: Nodes,
    region: Region,
    form: Form,
    args: tuple[int, ...],
    asked: Iterable[int],
    watch: Watch | None,
) -> dict[int, int]:
    """Return the node of each output that is asked for."""
    try:
        return Fission(made, region, form, args, asked, watch).results()
    except UnsupportedError:  # something has no rule for many steps at once
        return {k: made.add(opaque.TENSOR_SCAN, args, (region, k, form)) for k in asked}


class Fission:
    """One loop on its way into three parts.

    Parameters
    ----------
    made : Nodes
        The table that grows.
    region, form : Region, ScanForm
        The loop.
    args : tuple of int
        Its operands in the new table.
    asked : iterable of int
        The outputs that are read.
    watch : callable, optional
        As for `parted`.
    """

    def __init__(
        self,
        made: Nodes,
        region: Region,
        form: Form,
        args: tuple[int, ...],
        asked: Iterable[int],
        watch: Watch | None = None,
    ) -> None:
        self.made, self.region, self.form, self.args = made, region, form, args
        self.asked = sorted(asked)
        self.watch = watch
        self.nodes, self.outputs = unrolled(region, form.sizes)
        self.carries = range(form.carries)
        streams = range(form.carries, form.carries + form.streams)
        self.lift = vmap.Lift(self.nodes, set(streams), form.length, made)
        first = form.carries
        self.lift.moved.update({k: args[k] for k in range(first, len(args))})
        self._classify()

    # --- what is where ---

    def _classify(self) -> None:
        nodes, watch = self.nodes, self.watch
        kept, mask = self._needed()
        inputs = range(self.form.carries + self.form.streams)
        self.varying = varying = dependents(nodes, inputs, len(nodes) - 1)
        self.sums = self._sums(kept, mask, varying)
        self.looped = [k for k in self.carries if k in kept and k not in self.sums]
        roots = [self.outputs[k] for k in kept if k not in self.sums]
        self.mask = reachable(nodes, [*roots, *self.sums.values()])
        top = len(nodes) - 1
        pinned = [n for n in range(len(nodes)) if varying[n] and self.mask[n] and self._pinned(n)]
        self.late = dependents(nodes, [*self.looped, *pinned], top)  # waits for a carry
        self.core = self._core([*(self.outputs[k] for k in self.looped), *pinned])
        watched = [n for n in sorted(self.core) if watch is not None and watch(nodes.gates[n])]
        self.watched = [n for n in watched if not nodes.constant[n]]

    def _needed(self) -> tuple[set[int], bytearray]:
        """Return the outputs that count: those asked for, and carries that reach them."""
        kept = set(self.asked)
        while True:
            mask = reachable(self.nodes, [self.outputs[k] for k in kept])
            fresh = {k for k in self.carries if mask[k]} - kept
            if not fresh:
                return kept, mask
            kept |= fresh

    def _sums(self, kept: set[int], mask: bytearray, varying: bytearray) -> dict[int, int]:
        """Return the carries to which each step only adds, with what it adds."""
        nodes, found = self.nodes, {}
        cut = range(self.form.carries + self.form.streams)
        largest = 4 * max((prod(nodes.shapes.get(k, ())) for k in cut), default=1)
        readers = Counter(
            a for n, args in enumerate(nodes.args) if mask[n] for a in args
        ) + Counter(self.outputs[k] for k in kept)
        for k in self.carries:
            out = self.outputs[k]
            if k not in kept or nodes.gates[out] is not ADD or readers[out] != 1 or readers[k] != 1:
                continue
            term = next((a for a in nodes.args[out] if a != k), k)
            alike = nodes.shapes.get(k, ()) == nodes.shapes.get(term, ())
            most = (largest, LARGEST // self.form.length)
            if k in nodes.args[out] and alike and sums_well(nodes, term, varying, most):
                found[k] = term
        return found

    def _pinned(self, node: int) -> bool:
        """Return whether a node has no rule for all steps at once, or is or reads too much."""
        gate, shapes = self.nodes.gates[node], self.nodes.shapes
        made = [n for n in self.nodes.args[node] if self.nodes.gates[n] is not VARIABLE]
        entries = max(prod(shapes.get(n, ())) for n in (node, *made) if self.varying[n])
        if entries * self.form.length > LARGEST:
            return True
        return gate.shape is not None and gate not in vmap.RULES

    def _core(self, roots: Sequence[int]) -> set[int]:
        """Return what is computed in the loop: what carries wait for, and cheap repetitions."""
        nodes = self.nodes
        found: set[int] = set()
        stack = list(roots)
        while stack:
            node = stack.pop()
            if node in found or nodes.gates[node] is VARIABLE:
                continue
            if self.late[node] or nodes.constant[node] or self._repeats(node):
                found.add(node)
                stack.extend(nodes.args[node])
        return found

    def _repeats(self, node: int) -> bool:
        """Return whether a node is better made anew in each step than read from a stack.

        That is one that repeats a smaller one, and an operation entry by entry on so many entries
        that it is faster while they are in the cache.
        """
        gate, entries = self.nodes.gates[node], prod(self.nodes.shapes.get(node, ()))
        if gate is einsums.EINSUM:
            return len(self.nodes.args[node]) == 1 and bool(self.nodes.payloads[node][2])
        return gate.shape is None and entries >= CACHED and bool(self.varying[node])

    # --- the parts ---

    def results(self) -> dict[int, int]:
        """Write the parts one after another; return the nodes of the outputs asked for."""
        core = self.core
        for node in self._order():
            if not self.late[node]:
                self._lifted(node)
        if self.looped or core:
            self._loop()
        for node in self._order():
            if self.late[node] and node not in core:
                self._lifted(node)
        for node in self.watched:
            self.lift.node(node)
        found = {}
        for k in self.asked:
            if k in self.sums:
                found[k] = self._total(k)
            elif k in self.carries:
                found[k] = self.last[k]
            else:
                out = self.outputs[k]
                found[k] = self.lift.ahead(self.lift.moved[out], out)
        return found

    def _order(self) -> list[int]:
        """Return the nodes that count, in order; inputs stand already."""
        gates = self.nodes.gates
        return [n for n, flag in enumerate(self.mask) if flag and gates[n] is not VARIABLE]

    def _lifted(self, node: int) -> None:
        """Write a node for all steps at once; one that no step changes is written once."""
        self.lift.moved[node] = self.lift.node(node)

    def _total(self, carry: int) -> int:
        """Return a carry that only adds up: its start and the sum over time."""
        start, total = self.args[carry], summed(self.lift, self.sums[carry], self.core)
        return total if _is_zero(self.made, start) else self.lift.apply(ADD, start, total)

    def _loop(self) -> None:
        """Write the loop that is left."""
        nodes, core, lift = self.nodes, self.core, self.lift
        outs = [self.outputs[k] for k in self.looped]
        read = {a for n in core for a in nodes.args[n] if a not in core}
        read |= {o for o in outs if o not in core}
        read -= set(self.looped)
        streams = sorted(n for n in read if n in lift.wide)
        params = sorted(n for n in read if n not in lift.wide)
        stacks = self._stacks()
        inputs = [*self.looped, *streams, *params]
        body = self._body(inputs, [*outs, *stacks])
        counts = (len(self.looped), len(streams))
        form = Form(self.form.length, *counts, self.form.backward)
        args = [self.args[k] for k in self.looped] + [lift.moved[n] for n in streams + params]
        made = [
            self.made.add(opaque.TENSOR_SCAN, tuple(args), (body, k, form))
            for k in range(len(body.outputs))
        ]
        self.last = dict(zip(self.looped, made, strict=False))
        for node, stack in zip(stacks, made[len(outs) :], strict=True):
            lift.moved[node] = stack
            lift.wide.add(node)

    def _stacks(self) -> list[int]:
        """Return what the loop keeps of each step: what is read behind it."""
        inner = self.core | set(self.looped)
        behind = [
            a
            for n in self._order()
            if self.late[n] and n not in self.core
            for a in self.nodes.args[n]
        ]
        behind += [self.outputs[k] for k in self.asked if k not in self.carries]
        behind += self.sums.values()
        behind += [a for n in self.watched for a in self.nodes.args[n]]
        return sorted({n for n in behind if n in inner and not self.nodes.constant[n]})

    def _body(self, inputs: Sequence[int], outputs: Sequence[int]) -> Region:
        """Return the region of the loop that is left."""
        nodes, made = self.nodes, Nodes()
        moved: dict[int, int] = {}
        for node in inputs:
            shape = nodes.shapes.get(node, ())
            own = nodes.gates[node] is VARIABLE
            symbol = nodes.payloads[node] if own else _symbol(f"v{node}_", shape)
            moved[node] = made.variable(symbol, shape)
        for node in sorted(self.core):
            args = tuple([moved[a] for a in nodes.args[node]])
            moved[node] = made.add(nodes.gates[node], args, nodes.payloads[node])
        ports = tuple(moved[n] for n in inputs), tuple(moved[n] for n in outputs)
        return Region(self.region.name, made, *ports)


def _symbol(name: str, shape: tuple[Any, ...]) -> Any:
    return TensorSymbol(name, shape) if shape else Symbol(name)


def _is_zero(nodes: Nodes, node: int) -> bool:
    """Return whether a node is zeros."""
    if nodes.gates[node] is einsums.EINSUM and len(nodes.args[node]) == 1:
        (node,) = nodes.args[node]
    return nodes.gates[node] is CONSTANT and nodes.payloads[node] is S.Zero
