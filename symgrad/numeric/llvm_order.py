"""The order of operations that keeps few values waiting.

A gradient's natural order computes all values first and reads them last, backwards; here
operations move to where their results are wanted, so that most values stay in the nearest cache.
The operations and their operands are the same, so the numbers are too, bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.numeric.program import Program, Step, with_liveness

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
    args = [tuple({a - first: None for a in op.args if a >= first}) for op in program.operations]
    depths = _depths(args)
    roots = sorted({o - first for o in program.outputs if o >= first})
    roots.sort(key=depths.__getitem__, reverse=True)
    return _Schedule(args, depths).run(roots)


def reordered(program: Program) -> Program:
    """Return the program with its operations in the order of `ordered`; slots are renumbered."""
    first, order = program.first, ordered(program)
    place = {first + k: first + new for new, k in enumerate(order)}
    steps: list[Step] = []
    for k in order:
        op = program.operations[k]
        steps.append((op.gate, tuple([place.get(a, a) for a in op.args]), op.payload))
    outputs = [place.get(o, o) for o in program.outputs]
    return with_liveness(program.inputs, program.constants, steps, outputs)


def _depths(args: Args) -> list[int]:
    depths: list[int] = []
    for operands in args:
        depths.append(1 + max([depths[a] for a in operands], default=0))
    return depths


class _Schedule:
    """Operations in the order in which they are wanted."""

    def __init__(self, args: Args, depths: Sequence[int]) -> None:
        self._args, self._depths = args, depths
        self._readers: list[list[int]] = [[] for _ in args]
        for k, operands in enumerate(args):
            for a in operands:
                self._readers[a].append(k)
        # Of the readers still to come: how many, and the sum of their numbers. Where it is one,
        # the sum is its number.
        self._unread = [len(r) for r in self._readers]
        self._sums = [sum(r) for r in self._readers]
        self._missing = [len(a) for a in args]  # operands still to come
        self._done = [False] * len(args)
        self._order: list[int] = []

    def run(self, roots: Sequence[int]) -> list[int]:
        args, depths, done = self._args, self._depths, self._done
        stack = list(reversed(roots))
        while stack:
            k = stack[-1]
            waiting = [] if done[k] else [a for a in args[k] if not done[a]]
            if len(waiting) > 1:
                waiting.sort(key=depths.__getitem__)
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if not done[k]:
                self._compute(k)
        return self._order

    def _compute(self, first: int) -> None:
        """Compute an operation, then what has become ready and is the last to read an operand."""
        args, unread, sums, missing = self._args, self._unread, self._sums, self._missing
        ready = [first]
        while ready:
            k = ready.pop()
            if self._done[k]:
                continue
            self._done[k] = True
            self._order.append(k)
            for a in args[k]:
                unread[a] -= 1
                sums[a] -= k
                if unread[a] == 1 and not missing[sums[a]]:
                    ready.append(sums[a])
            for reader in self._readers[k]:
                missing[reader] -= 1
                if not missing[reader] and any([unread[a] == 1 for a in args[reader]]):
                    ready.append(reader)
