"""Inlining: blocks, loops and defined gates give way to the gates that they are made of.

Compilers of straight-line code know gates by name and nothing else; this pass, from program to
program, leaves them as little else as can be. What nobody reads afterwards is dropped.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy

from symgrad.dag.digraph import graph
from symgrad.expr.heads import OwnHead
from symgrad.numeric.program import ITEM, Loop, Operation, Program, Step, lower, with_liveness
from symgrad.rules.row import Gate

LONGEST = 2_000_000  # operations past which a loop stays rolled


def inline(program: Program, known: Container[str], *, longest: int = LONGEST) -> Program:
    """Replace what a backend does not know by the gates that it consists of.

    Parameters
    ----------
    program : Program
        What to compute.
    known : container of str
        Names of the gates that stay as they are.
    longest : int
        Operations past which a loop is not unrolled.

    Returns
    -------
    Program
        The same numbers from `known` gates; what has no formula stays, for the backend to refuse.

    Examples
    --------
    >>> import symgrad as sg
    >>> print(inline(lower(sg.graph("relu(x)")), {"max"}))
    input  0
    1 = 0
    2 = max(1, 0)
    return 2
    """
    if all(
        _stays(op.gate, known) and not isinstance(op.payload, Loop) for op in program.operations
    ):
        return program
    return _Inliner(known, longest).run(program)


def _stays(gate: Gate, known: Container[str]) -> bool:
    if gate is ITEM:
        return False
    return gate.name in known or bool(gate.kernels) or not _has_formula(gate)


def _has_formula(gate: Gate) -> bool:
    return isinstance(gate.head, type) and issubclass(gate.head, OwnHead)


def _formula(gate: Gate, count: int) -> Program | None:
    """Return the program of a gate's definition, or None where it leads back to the gate."""
    symbols = tuple(sympy.Dummy(f"x{k}", real=True) for k in range(count))
    try:
        body = lower(graph(gate.head.definition(*symbols)), symbols)
    except NotImplementedError:
        return None
    return None if any(op.gate is gate for op in body.operations) else body


@dataclass(slots=True)
class _Frame:
    """A program being copied: the value of each of its slots so far, and where it stands."""

    program: Program
    values: list[Any]
    gate: Gate | None = None  # whose definition this is
    rounds: int = 1  # how often it still runs, this time included
    bundle: bool = False  # whether its reader picks from all outputs
    position: int = field(default=0)


class _Inliner:
    """Copies operations; constants are negative until all are known."""

    def __init__(self, known: Container[str], longest: int) -> None:
        self._known = known
        self._longest = longest
        self._steps: list[Step] = []
        self._numbers: dict[Any, int] = {}
        self._bodies: dict[tuple[Gate, int], Program | None] = {}
        self._frames: list[_Frame] = []
        self._first = 0

    def run(self, program: Program) -> Program:
        self._first = len(program.inputs)
        self._enter(program, range(self._first))
        while True:
            frame = self._frames[-1]
            if frame.position < len(frame.program.operations):
                operation = frame.program.operations[frame.position]
                frame.position += 1
                self._copy(frame, operation)
                continue
            outputs = [frame.values[o] for o in frame.program.outputs]
            if frame.rounds > 1:
                self._again(frame, outputs)
                continue
            self._frames.pop()
            if not self._frames:
                return self._assembled(program, outputs)
            self._frames[-1].values.append(tuple(outputs) if frame.bundle else outputs[0])

    def _enter(self, program: Program, args: Sequence[Any], **how: Any) -> None:
        numbers = self._numbers
        keys = [(type(c), c) for c in program.constants]
        constants = [-1 - numbers.setdefault(key, len(numbers)) for key in keys]
        self._frames.append(_Frame(program, [*args, *constants], **how))

    def _again(self, frame: _Frame, carries: list[Any]) -> None:
        """Start the next round of a loop; what it does not carry stays."""
        frame.values[: len(carries)] = carries
        del frame.values[frame.program.first :]
        frame.position, frame.rounds = 0, frame.rounds - 1

    def _copy(self, frame: _Frame, operation: Operation) -> None:
        gate, payload = operation.gate, operation.payload
        args = [frame.values[a] for a in operation.args]
        if isinstance(payload, Loop):
            rounds = payload.length if payload.rolled else 1
            if rounds == 0:
                frame.values.append(tuple(args[: len(payload.body.outputs)]))
                return
            if rounds * len(payload.body.operations) <= self._longest:
                self._enter(payload.body, args, rounds=rounds, bundle=True)
                return
        if gate is ITEM and isinstance(args[0], tuple):
            frame.values.append(args[0][payload])
            return
        body = None if _stays(gate, self._known) else self._body(gate, len(args))
        if body is None:
            self._steps.append((gate, tuple(args), payload))
            frame.values.append(self._first + len(self._steps) - 1)
        else:
            self._enter(body, args, gate=gate)

    def _body(self, gate: Gate, count: int) -> Program | None:
        if gate is ITEM or any(f.gate is gate for f in self._frames):
            return None
        key = gate, count
        if key not in self._bodies:
            self._bodies[key] = _formula(gate, count)
        return self._bodies[key]

    def _assembled(self, program: Program, outputs: Sequence[int]) -> Program:
        first, steps = self._first, self._steps
        needed = {o - first for o in outputs if o >= first}
        for k in range(len(steps) - 1, -1, -1):
            if k in needed:
                needed.update(a - first for a in steps[k][1] if a >= first)
        kept = sorted(needed)
        place = {k: new for new, k in enumerate(kept)}
        count = len(self._numbers)

        def slot(value: int) -> int:
            if value < 0:
                return first - 1 - value
            return value if value < first else first + count + place[value - first]

        copied: list[Step] = [
            (steps[k][0], tuple([slot(a) for a in steps[k][1]]), steps[k][2]) for k in kept
        ]
        ends = tuple(slot(o) for o in outputs)
        numbers = [number for _, number in self._numbers]
        return with_liveness(program.inputs, numbers, copied, ends)
