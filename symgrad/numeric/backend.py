"""What a backend is, and the loop that backends without generated code share.

A `Backend` is one row of the table in `backends`: it builds an `Executable` of a program, and knows
beforehand which gates it cannot spell. `Machine` runs a program with the kernels of one arithmetic.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from symgrad.numeric.packing import Packing
from symgrad.numeric.program import ITEM, Loop, Operation, Program, TensorLoop
from symgrad.numeric.repeats import repeated
from symgrad.rules import opaque
from symgrad.rules.row import Gate

Fetch = Callable[[Gate], Callable[..., Any]]
Whole = Callable[[opaque.Whole, tuple[Any, ...]], Any]
Packed = Callable[..., Any]


class Executable(ABC):
    """A program that is ready to run.

    Parameters
    ----------
    program : Program
        What it computes.
    dtype : {"float64", "float32", "complex128"}
        Of values and results.
    source : str
        What runs, as text; slots are numbered, no user's name is in it.
    stats : mapping
        What is known beside the program's own counts: "seconds" of building, and the like.
    """

    fills = False  # whether `fill` is worth a try

    def __init__(self, program: Program, dtype: str, source: str, stats: Mapping[str, Any]) -> None:
        self.program = program
        self.dtype = dtype
        self.source = source
        self.stats: dict[str, Any] = {**program.stats, **stats}

    @abstractmethod
    def __call__(self, values: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """Return the outputs at arrays of this dtype that broadcast, one an input.

        Parameters
        ----------
        values : sequence of array
            One an input of the program.
        out : sequence of ndarray, optional
            Where results go: one an output, of the common shape and this dtype, any strides;
            none overlaps with an input or another one.

        Returns
        -------
        list of array
            Each of the common shape, with memory of its own; `out` where it is given.
        """

    def packed(self, packing: Packing) -> Packed | None:
        """Return a shortcut that takes and gives packed arrays, or None where there is none.

        Parameters
        ----------
        packing : Packing
            How inputs and outputs stand in arrays.

        Returns
        -------
        callable or None
            `shortcut(*arguments)` gives arrays and numbers, nested as `packing` says, or None
            where the arguments are not what it is made for; the caller then takes the long way.
        """
        return None

    def fill(self, packing: Packing, arguments: Sequence[Any], results: Sequence[Any]) -> bool:
        """Compute packed arrays into packed arrays, if they are what this is made for.

        Parameters
        ----------
        packing : Packing
            How inputs and outputs stand in arrays.
        arguments, results : sequence of object
            One an entry of `packing.ins` and `packing.outs`; no result overlaps with anything.

        Returns
        -------
        bool
            Whether it is done; if not, nothing is, and the caller takes the long way.
        """
        return False

    def is_native(self, value: Any) -> bool:
        """Return whether a value is an array of the backend's own kind, to be answered in kind."""
        return False

    def converted(self, value: Any) -> Any:
        """Return a value as an array of the backend's own kind."""
        raise NotImplementedError

    def native(self, values: Sequence[Any]) -> list[Any]:
        """Return the outputs at arrays of the backend's own kind, in kind."""
        raise NotImplementedError

    def stacked(self, values: Sequence[Any], core: tuple[int, ...]) -> Any:
        """Return arrays of the backend's own kind as one, of shape (..., *core)."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Backend:
    """One row of the table of backends.

    Parameters
    ----------
    name : str
        What `compile(backend=...)` calls it.
    build : callable
        `build(program, *, dtype, threads, cache) -> Executable`; `threads` and `cache` mean
        something to those that have them.
    missing : callable
        Program to the names of what it cannot spell; empty where it can be built.
    absent : callable
        What must be installed before it can be used, as a sentence; "" where nothing is.
    dtypes : tuple of str
        What it can compute in.
    """

    name: str
    build: Callable[..., Executable]
    missing: Callable[[Program], list[str]]
    absent: Callable[[], str] = str
    dtypes: tuple[str, ...] = ("float64", "float32")


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
        self.steps = [(self._kernel(op), op.args, op.dead) for op in program.operations]

    def _kernel(self, operation: Operation) -> Callable[..., Any]:
        payload = operation.payload
        if isinstance(payload, Loop):
            return partial(run_loop, self._inner(payload.body), payload)
        if isinstance(payload, TensorLoop):
            body = self._inner(payload.body)
            return lambda *args: repeated(body, payload, args)
        if operation.gate is ITEM:
            return itemgetter(payload)
        if operation.gate is opaque.WHOLE:
            return lambda *args: self._whole(payload, args)
        kernel = self._fetch(operation.gate)
        if operation.gate.shape is not None:  # planned once for its payload
            planned: Callable[..., Any] = kernel(payload)
            return planned
        return kernel if payload is None else partial(kernel, payload)

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
        for kernel, args, dead in self.steps:
            append(kernel(*[slots[a] for a in args]))
            for slot in dead:
                slots[slot] = None
        return [slots[o] for o in self.program.outputs]


def run_loop(body: Machine, loop: Loop, *args: Any) -> list[Any]:
    """Return the outputs of a block, called once or repeated, in the shape of its operands."""
    return spread(body.iterate(args, loop.length) if loop.rolled else body(args), args)


def spread(found: list[Any], args: Sequence[Any]) -> list[Any]:
    """Return outputs of a block of scalars in the shape of its operands.

    One that reads none of the arrays, as a constant derivative, is repeated over them.
    """
    shape = np.broadcast_shapes(*[getattr(a, "shape", ()) for a in args])
    if not shape:
        return found
    like = next(a for a in args if getattr(a, "shape", ()))
    return [f if getattr(f, "shape", ()) == shape else _spread(f, shape, like) for f in found]


def _spread(value: Any, shape: tuple[int, ...], like: Any) -> Any:
    """Return a value in each entry of an array of some shape, of the library of `like`."""
    zeros = getattr(like, "new_zeros", None)
    made = np.zeros(shape, like.dtype) if zeros is None else zeros(shape)
    return made + value
