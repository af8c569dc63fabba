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
            made = np.empty((len(self.program.outputs), *shape), self._type)
            out = [made[k, ...] for k in range(len(made))]
        self._compute([(v, None) for v in given], [(o, None) for o in out], shape)
        return list(out)

    def _compute(self, sources: Any, sinks: Any, shape: tuple[int, ...]) -> None:
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

    def packed(self, ins: Sequence[int | None], outs: Sequence[int | None]) -> Packed | None:
        """Return a shortcut for arrays of this dtype, packed along their last axes."""
        shortcut = _Packed(self._compute, self._type, ins, outs)
        if self.dtype != "float64" or numpy_table() is None:
            return shortcut
        entry = point_entry()
        fallback = _Fallback(self, shortcut)
        call = PointCall(entry.address("call"), ins, outs, fallback, entry, patience=HOT_CALLS)
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

    def __call__(self, *args: Any) -> list[Any] | None:
        if any(call.is_worn() for call in self._owner._calls):
            self._owner.warm()
        return self._shortcut(*args)


class _Packed:
    """Calls with arrays of one dtype, packed along their last axes, of any leading shapes."""

    def __init__(
        self, compute: Any, dtype: Any, ins: Sequence[int | None], outs: Sequence[int | None]
    ) -> None:
        self._compute, self._type = compute, dtype
        self._ins, self._outs = list(ins), list(outs)

    def __call__(self, *args: Any) -> list[Any] | None:
        if len(args) != len(self._ins):
            return None
        groups, shapes = [], set()
        for arg, size in zip(args, self._ins, strict=True):
            array = np.asarray(arg) if isinstance(arg, (float, np.floating)) else arg
            if type(array) is not np.ndarray or array.dtype != self._type:
                return None
            if not array.flags.aligned:
                return None
            if size is not None and (array.ndim == 0 or array.shape[-1] != size):
                return None
            groups.append((array, size))
            shapes.add(array.shape if size is None else array.shape[:-1])
        try:
            shape = _common(shapes)
        except ValueError:
            return None
        sinks = [(self._made(shape, size), size) for size in self._outs]
        self._compute(groups, sinks, shape)
        return [array[()] for array, _ in sinks]

    def _made(self, shape: tuple[int, ...], size: int | None) -> Any:
        """Return an array for results in which each slot's points are neighbours."""
        if size is None:
            return np.empty(shape, self._type)
        return np.moveaxis(np.empty((size, *shape), self._type), 0, -1)


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
