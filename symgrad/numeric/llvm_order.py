"""The order of operations that keeps few values waiting.

A gradient's natural order computes all values first and reads them last, backwards; here
operations move to where their results are wanted, so that most values stay in the nearest cache.
The operations and their operands are the same, so the numbers are too, bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.numeric.program import Operation, Program, Step, _last_reads

Args = list[tuple[int, ...]]


def ordered(program: Program) -> list[int]:
    """Return the operations that outputs need, by number, in the order to compute them.

    Parameters
    ----------
    program : Program
        Straight-line operations.

    Notes
    -----
    From the deepest output to the shallowest, operands before operations; what uses up a value
    that is ready is computed at once. Linear in the number of operands.
    """
    first = program.first
    args = [tuple(a - first for a in op.args if a >= first) for op in program.operations]
    depths = _depths(args)
    roots = sorted({o - first for o in program.outputs if o >= first})
    roots.sort(key=depths.__getitem__, reverse=True)
    return _Schedule(args, depths, _readers(args)).run(roots)


def reordered(program: Program) -> Program:
    """Return the program with its operations in the order of `ordered`; slots are renumbered."""
    first, order = program.first, ordered(program)
    place = {first + k: first + new for new, k in enumerate(order)}
    steps: list[Step] = []
    for k in order:
        op = program.operations[k]
        steps.append((op.gate, tuple([place.get(a, a) for a in op.args]), op.payload))
    outputs = tuple(place.get(o, o) for o in program.outputs)
    dead = _last_reads(steps, outputs)
    operations = tuple(Operation(*step, ends) for step, ends in zip(steps, dead, strict=True))
    return Program(program.inputs, program.constants, operations, outputs)


def _depths(args: Args) -> list[int]:
    depths: list[int] = []
    for operands in args:
        depths.append(1 + max([depths[a] for a in operands], default=0))
    return depths


def _readers(args: Args) -> list[list[int]]:
    readers: list[list[int]] = [[] for _ in args]
    for k, operands in enumerate(args):
        for a in dict.fromkeys(operands):
            readers[a].append(k)
    return readers


class _Schedule:
    """Operations in the order in which they are wanted."""

    def __init__(self, args: Args, depths: Sequence[int], readers: list[list[int]]) -> None:
        self._args, self._depths, self._readers = args, depths, readers
        self._unread = [len(r) for r in readers]  # readers still to come
        self._missing = [len(set(a)) for a in args]  # operands still to come
        self._done = [False] * len(args)
        self._order: list[int] = []

    def run(self, roots: Sequence[int]) -> list[int]:
        args, depths, done = self._args, self._depths, self._done
        stack = list(reversed(roots))
        while stack:
            k = stack[-1]
            waiting = [] if done[k] else [a for a in args[k] if not done[a]]
            if waiting:
                stack += sorted(waiting, key=depths.__getitem__)
                continue
            stack.pop()
            if not done[k]:
                self._compute(k)
        return self._order

    def _compute(self, first: int) -> None:
        """Compute an operation, then what has become ready and uses up an operand."""
        ready = [first]
        while ready:
            k = ready.pop()
            if self._done[k]:
                continue
            self._done[k] = True
            self._order.append(k)
            for a in set(self._args[k]):
                self._unread[a] -= 1
            for reader in self._readers[k]:
                self._missing[reader] -= 1
            for a in (k, *self._args[k]):
                ready += [r for r in self._readers[a] if self._is_welcome(r)]

    def _is_welcome(self, k: int) -> bool:
        """Return whether an operation can be computed now and leaves no more values waiting."""
        if self._done[k] or self._missing[k]:
            return False
        return any(self._unread[a] == 1 for a in self._args[k])
