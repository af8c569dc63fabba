"""Running a wide program layer by layer: equal gates at equal depth are one call of a kernel.

A function that repeats one term a thousand times has a Hessian of ten thousand operations, but in
twenty layers: even at one point NumPy then runs at the speed of arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.numeric.arithmetic import Floats, float_of
from symgrad.numeric.program import Operation, Program
from symgrad.numeric.spelling import has_complex

FEWEST = 8  # operations a layer, on average, from which layers are faster than single operations
ROOM = 1 << 22  # numbers in the table at once; more points are taken in blocks

Array = Any
Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of a kernel.

    Parameters
    ----------
    kernel : callable
        A gate on arrays.
    reads : tuple
        What each operand is: places in the table, or a number.
    low, high : int
        Where results go.
    """

    kernel: Callable[..., Any]
    reads: tuple[tuple[Any, Any], ...]
    low: int
    high: int


class Strata:
    """A program by layers, in float64 or complex128.

    Parameters
    ----------
    program : Program
        Without payloads: blocks and loops are inlined before.
    dtype : {"float64", "complex128"}
        In what.
    """

    def __init__(self, program: Program, dtype: str = "float64") -> None:
        self.program = program
        self.dtype = np.dtype(dtype)
        groups = grouped(program)
        place = _places(program, groups)
        numbers = [float_of(c) for c in program.constants]
        arithmetic = Floats(complex_values=self.dtype.kind == "c")
        first = len(program.inputs)
        self._size = program.first + len(program.operations)
        self._numbers = np.array(numbers, dtype=self.dtype)
        self._outputs = _reading(place[list(program.outputs)])
        self._layers = []
        low = program.first
        for key, members in groups.items():
            exponent = None if key[3] is None else numbers[key[3] - first]
            args = place[[program.operations[m].args for m in members]]
            reads = [(_reading(args[:, k]), None) for k in range(args.shape[1])]
            if exponent is not None:
                reads[1] = None, exponent
            high = low + len(members)
            self._layers.append(Layer(arithmetic.kernel(key[1]), tuple(reads), low, high))
            low = high

    @property
    def layers(self) -> int:
        """How many calls of kernels one evaluation takes."""
        return len(self._layers)

    def __call__(self, values: Array) -> Array:
        """Return the outputs, shape (m, ...), at values of shape (n, ...)."""
        points = values.shape[1:]
        table = np.empty((self._size, *points), dtype=self.dtype)
        first = len(values)
        table[:first] = values
        table[first : self.program.first] = self._numbers.reshape(-1, *[1] * len(points))
        with np.errstate(all="ignore"):
            for layer in self._layers:
                operands = [n if r is None else table[r] for r, n in layer.reads]
                table[layer.low : layer.high] = layer.kernel(*operands)
        # One place may be all outputs.
        return np.broadcast_to(table[self._outputs], (len(self.program.outputs), *points))


def suits(program: Program) -> bool:
    """Return whether a program can run by layers, and few of them."""
    operations = program.operations
    if has_complex(program) or any(op.payload is not None or not op.args for op in operations):
        return False
    return len(operations) >= FEWEST * len(grouped(program))


def grouped(program: Program) -> dict[Key, list[int]]:
    """Return the operations of each layer, by their number, in an order that can be run.

    A power with a constant exponent is grouped by its exponent: kernels know the common ones.
    """
    first = program.first
    depth = [0] * first
    found: dict[Key, list[int]] = {}
    for number, operation in enumerate(program.operations):
        own = 1 + max([depth[a] for a in operation.args], default=0)
        depth.append(own)
        key = own, operation.gate, len(operation.args), _exponent(program, operation)
        found.setdefault(key, []).append(number)
    return dict(sorted(found.items(), key=lambda item: (item[0][0], item[1][0])))


def _exponent(program: Program, operation: Operation) -> int | None:
    """Return the slot of a power's constant exponent."""
    if operation.gate.name != "pow":
        return None
    slot = operation.args[1]
    return slot if len(program.inputs) <= slot < program.first else None


def _places(program: Program, groups: dict[Key, list[int]]) -> Array:
    """Return where each slot stands in the table: results of a layer side by side."""
    order = [number for members in groups.values() for number in members]
    place = np.arange(program.first + len(order))
    place[program.first + np.array(order, dtype=int)] = program.first + np.arange(len(order))
    return place


def _reading(places: Array) -> Any:
    """Return places as a slice where they are side by side; all the same are one, to broadcast."""
    start = int(places[0]) if len(places) else 0
    if len(places) > 1 and (places == start).all():
        return slice(start, start + 1)
    if (places == start + np.arange(len(places))).all():
        return slice(start, start + len(places))
    return places


def blocks(count: int, size: int) -> list[slice]:
    """Return slices over `count` points so that `size` numbers a point fit into the table."""
    step = max(1, ROOM // max(size, 1))
    return [slice(low, min(low + step, count)) for low in range(0, count, step)]
