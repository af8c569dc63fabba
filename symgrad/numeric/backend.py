"""Running a program: one loop over its operations, with the kernels of one arithmetic.

`Machine` is what a backend without generated code needs: it fetches a kernel an operation once, and
frees a slot after its last reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from symgrad.numeric.program import ITEM, Loop, Operation, Program
from symgrad.rules import opaque
from symgrad.rules.row import Gate

Fetch = Callable[[Gate], Callable[..., Any]]
Whole = Callable[[opaque.Whole, tuple[Any, ...]], Any]


class Machine:
    """A program bound to the kernels of one arithmetic.

    Parameters
    ----------
    program : Program
        What to compute.
    fetch : callable
        Gate to kernel.
    number : callable
        SymPy number to value.
    whole : callable
        Value of a whole expression at given operands.
    inner : callable
        The machine of an inner program; the same one for the same program.
    """

    def __init__(
        self,
        program: Program,
        fetch: Fetch,
        number: Callable[[Any], Any],
        whole: Whole,
        inner: Callable[[Program], Machine],
    ) -> None:
        self.program = program
        self._fetch, self._whole, self._inner = fetch, whole, inner
        self._constants = [number(c) for c in program.constants]
        self._steps = [(self._kernel(op), op.args, op.dead) for op in program.operations]

    def _kernel(self, operation: Operation) -> Callable[..., Any]:
        payload = operation.payload
        if isinstance(payload, Loop):
            return partial(run_loop, self._inner(payload.body), payload)
        if operation.gate is ITEM:
            return itemgetter(payload)
        if operation.gate is opaque.WHOLE:
            return lambda *args: self._whole(payload, args)
        return self._fetch(operation.gate)

    def iterate(self, args: Sequence[Any], length: int) -> list[Any]:
        """Return the carries after `length` steps; the other operands stay."""
        carries = len(self.program.outputs)
        state, params = list(args[:carries]), args[carries:]
        for _ in range(length):
            state = self((*state, *params))
        return state

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """Return the outputs at the given inputs."""
        slots: list[Any] = [*values, *self._constants]
        append = slots.append
        for kernel, args, dead in self._steps:
            append(kernel(*[slots[a] for a in args]))
            for slot in dead:
                slots[slot] = None
        return [slots[o] for o in self.program.outputs]


def run_loop(body: Machine, loop: Loop, *args: Any) -> list[Any]:
    """Return the outputs of a block, called once or repeated."""
    return body.iterate(args, loop.length) if loop.rolled else body(args)
