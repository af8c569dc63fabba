"""LLVM: programs as machine code on vectors of points.

The program becomes text of LLVM's intermediate representation, slots numbered, and LLVM compiles
it in memory: at once without optimising, and what is called often again, better, on a thread of
its own. Results are the same bits whatever the batch, the threads and the tier.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np

from symgrad.errors import BackendError
from symgrad.numeric import llvm_scipy
from symgrad.numeric.backend import Backend, Executable, Packed
from symgrad.numeric.inline import inline
from symgrad.numeric.llvm_call import Descriptors, points_of
from symgrad.numeric.llvm_code import point_entry
from symgrad.numeric.llvm_gates import SPELLINGS
from symgrad.numeric.llvm_machine import absent
from symgrad.numeric.llvm_order import reordered
from symgrad.numeric.llvm_point import PointCall, numpy_table
from symgrad.numeric.llvm_tiers import Options, Point, Vectors, background
from symgrad.numeric.packing import Core, Packing, made
from symgrad.numeric.program import Program
from symgrad.numeric.spelling import unspelled
from symgrad.rules.row import Gate

DIGAMMA = Gate("digamma")  # polygamma of order 0
THREADS = 2
BUDGET = 20.0  # seconds that compiling may take
HOT_WORK = 50_000_000  # operations on points after which better code pays
HOT_CALLS = 100  # calls at one point after which it does


class Native(Executable):
    """A program compiled by LLVM.

    Parameters
    ----------
    program : Program
        What it computes.
    dtype : {"float64", "float32"}
        Of values and results.
    options : Options
        How it is compiled and run.
    """

    fills = True

    def __init__(self, program: Program, dtype: str, options: Options) -> None:
        start = perf_counter()
        self._type = np.dtype(dtype)
        self._options = options
        spelled = reordered(_plain_gates(program))
        llvm_scipy.provide({op.gate.name for op in spelled.operations})
        self._vectors = Vectors(spelled, options, double=dtype == "float64")
        self._tier = self._vectors.kept() or self._vectors.quick()
        self._point: Point | None = None
        self._calls: list[PointCall] = []
        self._heat = 0
        self._waiting: dict[str, Future[None]] = {}
        stats = {**self._tier.stats, "seconds": perf_counter() - start}
        super().__init__(program, dtype, "\n".join(self._tier.texts), stats)

    def __call__(self, values: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """Return the outputs at arrays that broadcast."""
        given = [_plain(v, self._type) for v in values]
        shape = _common({v.shape for v in given})
        if out is None:
            rows = np.empty((len(self.program.outputs), *shape), self._type)
            out = [rows[k, ...] for k in range(len(rows))]
        self._compute([(v, ()) for v in given], [(o, ()) for o in out], shape)
        return list(out)

    def _compute(self, sources: Any, sinks: Any, shape: tuple[int, ...]) -> None:
        if not self.program.outputs:  # nothing to compute; the code takes one for granted
            return
        count = points_of(shape)
        tier = self._tier  # it must live until its code has run: another may take its place
        tier.batch(Descriptors(sources, shape), Descriptors(sinks, shape), count)
        self._heat += count * tier.work
        if self._heat > HOT_WORK and not tier.optimised:
            self._begin("batch", self._improve_batches)

    # --- tiers ---

    def _begin(self, name: str, task: Any) -> None:
        """Have a task done on the compiler's thread, once."""
        if name not in self._waiting:
            self._waiting[name] = background().submit(task)
            self._waiting[name].add_done_callback(self._note)

    def _note(self, done: Future[None]) -> None:
        """Say in `stats` why better code was not to be had; the first code stays."""
        error = done.exception()
        if error is not None:
            self.stats["not_optimised"] = str(error)

    def optimise(self) -> None:
        """Compile the better code now, and wait for it.

        Raises
        ------
        BackendError
            If it takes longer than the budget.
        """
        for name, task in (("batch", self._improve_batches), ("point", self._improve_points)):
            self._begin(name, task)
        for future in self._waiting.values():
            future.result()

    def _improve_batches(self) -> None:
        if not self._tier.optimised:
            self._tier = self._vectors.best()
            self.stats.update(self._tier.stats)

    def _improve_points(self) -> None:
        if self._point is None:
            self._point = self._vectors.point()
        for call in self._calls:
            call.aim(1, self._point.kernel, 0, self._point.memory, self._point)

    # --- packed arrays ---

    def fill(self, packing: Packing, arguments: Sequence[Any], results: Sequence[Any]) -> bool:
        """Compute arrays of this dtype into others, where they are."""
        sources = _groups(arguments, packing.ins, self._type)
        sinks = _groups(results, packing.outs, self._type)
        if sources is None or sinks is None:
            return False
        try:
            shape = _common(_shapes(sources))
        except ValueError:
            return False
        if _shapes(sinks) != {shape} or not all(a.flags.writeable for a, _ in sinks):
            return False
        self._compute(sources, sinks, shape)
        return True

    def packed(self, packing: Packing) -> Packed | None:
        """Return a shortcut for arrays of this dtype, packed along their last axes."""
        if not self.program.outputs:
            return None
        shortcut = _Packed(self._compute, self._type, packing)
        if self.dtype != "float64" or numpy_table() is None:
            return shortcut
        entry = point_entry()
        fallback = _Fallback(self, shortcut)
        call = PointCall(entry.address("call"), packing, fallback, entry, patience=HOT_CALLS)
        call.aim(0, *self._tier.single())
        self._calls.append(call)
        self._point = self._point or self._vectors.kept_point()
        if self._point is not None:
            self._improve_points()
        return call.function

    def warm(self) -> None:
        """Have better code for one point made, on the compiler's thread."""
        self._begin("point", self._improve_points)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.program, self.dtype, self._options)


class _Fallback:
    """What the C function hands over: what it does not expect, and the call after so many."""

    def __init__(self, owner: Native, shortcut: _Packed) -> None:
        self._owner, self._shortcut = owner, shortcut

    def __call__(self, *args: Any) -> Any:
        if any(call.is_worn() for call in self._owner._calls):
            self._owner.warm()
        return self._shortcut(*args)


class _Packed:
    """Calls with arrays of one dtype, packed along their last axes, of any leading shapes."""

    def __init__(self, compute: Any, dtype: Any, packing: Packing) -> None:
        self._compute, self._type, self._packing = compute, dtype, packing

    def __call__(self, *args: Any) -> Any:
        packing = self._packing
        sources = _groups(args, packing.ins, self._type)
        if sources is None:
            return None
        try:
            shape = _common(_shapes(sources))
        except ValueError:
            return None
        sinks = [(made(shape, core, self._type), core) for core in packing.outs]
        self._compute(sources, sinks, shape)
        return packing.nested([array[()] for array, _ in sinks])


def _groups(
    arrays: Sequence[Any], cores: Sequence[Core], dtype: np.dtype[Any]
) -> list[tuple[Any, Core]] | None:
    """Return arrays with their cores; None where one is not what code can work on in place."""
    if len(arrays) != len(cores):
        return None
    groups = []
    for value, core in zip(arrays, cores, strict=True):
        array = np.asarray(value) if isinstance(value, (float, np.floating)) else value
        if type(array) is not np.ndarray or array.dtype != dtype or not array.flags.aligned:
            return None
        if core and array.shape[-len(core) :] != core:
            return None
        groups.append((array, core))
    return groups


def _shapes(groups: Sequence[tuple[Any, Core]]) -> set[tuple[int, ...]]:
    """Return the shapes of arrays without their cores."""
    return {array.shape[: array.ndim - len(core)] for array, core in groups}


def _common(shapes: set[tuple[int, ...]]) -> tuple[int, ...]:
    """Return what shapes broadcast to; of a single one there is nothing to ask."""
    return next(iter(shapes)) if len(shapes) == 1 else np.broadcast_shapes(*shapes)


def _plain(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a value as an array that code can read in place, copied where it is none."""
    array = np.asarray(value, dtype)
    return array if array.flags.aligned else array.copy()


def build(
    program: Program,
    dtype: Any = "float64",
    *,
    threads: int | None = None,
    cache: bool = True,
    budget: float = BUDGET,
) -> Native:
    """Compile a program.

    Parameters
    ----------
    program : Program
        What to compute.
    dtype : {"float64", "float32"}
        In what.
    threads : int, optional
        Threads for large batches; default: 2, where there are as many processors.
    cache : bool
        Whether compiled code is kept on disk.
    budget : float
        Seconds that compiling may take.

    Raises
    ------
    BackendError
        If LLVM is absent, cannot spell a gate (the message names it), or the budget is spent.

    Examples
    --------
    >>> import symgrad as sg
    >>> from symgrad.numeric.program import lower
    >>> run = build(lower(sg.graph("x*y + 1")), cache=False)
    >>> run([np.array([1.0, 2.0]), 3.0])[0].tolist()
    [4.0, 7.0]
    """
    name = np.dtype(dtype).name
    why_not = absent()
    if why_not:
        raise BackendError(why_not)
    if name not in LLVM.dtypes:
        raise BackendError(f"the backend `llvm` computes in {' or '.join(LLVM.dtypes)}, not {name}")
    names = missing(program)
    if names:
        listed = "`, `".join(names[:8])
        raise BackendError(
            f"the backend `llvm` cannot run this: it does not know `{listed}`; use backend='numpy'"
        )
    count = min(THREADS, os.cpu_count() or 1) if threads is None else max(1, threads)
    return Native(program, name, Options(count, cache, budget))


def _rebuilt(program: Program, dtype: str, options: Options) -> Native:
    return Native(program, dtype, options)


def missing(program: Program) -> list[str]:
    """Return what LLVM cannot spell: gates without a formula, complex numbers."""
    plain = _plain_gates(program)
    used = {op.gate.name for op in plain.operations}
    return unspelled(plain, SPELLINGS.keys() - llvm_scipy.absent(used), "llvm")


def _plain_gates(program: Program) -> Program:
    """Return the program in gates that LLVM spells, as far as there are formulas."""
    inlined = inline(program, SPELLINGS)
    zeros = {k for k, c in enumerate(inlined.constants, len(inlined.inputs)) if c == 0}
    special = [op.gate.name == "polygamma" and op.args[0] in zeros for op in inlined.operations]
    if not any(special):
        return inlined
    operations = tuple(
        replace(op, gate=DIGAMMA, args=op.args[1:], dead=()) if is_digamma else op
        for op, is_digamma in zip(inlined.operations, special, strict=True)
    )
    return replace(inlined, operations=operations)


LLVM = Backend("llvm", build, missing, absent)
