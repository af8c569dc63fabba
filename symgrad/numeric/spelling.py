"""What a program holds that a backend may be unable to spell."""

from __future__ import annotations

from collections.abc import Container, Iterator

from symgrad.numeric.arithmetic import float_of
from symgrad.numeric.program import ITEM, Loop, Operation, Program, TensorLoop
from symgrad.rules import opaque

INNER = (Loop, TensorLoop)  # payloads with a program of their own


def programs(program: Program) -> Iterator[Program]:
    """Yield a program and all programs inside it, each once."""
    seen: set[int] = set()
    stack = [program]
    while stack:
        found = stack.pop()
        if id(found) not in seen:
            seen.add(id(found))
            yield found
            stack += [op.payload.body for op in found.operations if isinstance(op.payload, INNER)]


def operations(program: Program) -> Iterator[Operation]:
    """Yield the operations that apply a gate, in a program and in all programs inside it."""
    for part in programs(program):
        for operation in part.operations:
            if not (operation.gate is ITEM or isinstance(operation.payload, INNER)):
                yield operation


def unspelled(program: Program, spelled: Container[str], backend: str) -> list[str]:
    """Return what a table does not spell, in order, each once: gates, complex numbers."""
    found = {
        title(op): None
        for op in operations(program)
        if op.gate.name not in spelled and backend not in op.gate.kernels
    }
    return [*found, *(["a complex number"] if has_complex(program) else [])]


def undefined(program: Program) -> list[str]:
    """Return the undefined functions, which have no numbers anywhere."""
    return list({title(op): None for op in operations(program) if op.gate is opaque.UNKNOWN})


def has_complex(program: Program) -> bool:
    """Return whether some constant is a complex number."""
    return any(isinstance(float_of(c), complex) for p in programs(program) for c in p.constants)


def title(operation: Operation) -> str:
    """Return what a person calls a gate: `Sum` or `f`, rather than that it is opaque."""
    if operation.gate is opaque.WHOLE:
        return type(operation.payload.expr).__name__
    if operation.gate is opaque.UNKNOWN:
        return str(operation.payload.function)
    return operation.gate.name
