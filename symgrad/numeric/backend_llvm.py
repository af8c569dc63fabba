"""LLVM: programs as machine code on vectors of points.

The program becomes text of LLVM's intermediate representation, slots numbered, and LLVM compiles
it in memory. Results are the same bits whatever the batch, the threads and the tier.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from symgrad.errors import BackendError
from symgrad.numeric import llvm_ir
from symgrad.numeric.backend import Backend, Executable
from symgrad.numeric.inline import inline
from symgrad.numeric.llvm_call import Batch, Descriptors, Layout, block_of, points_of
from symgrad.numeric.llvm_driver import driver
from symgrad.numeric.llvm_gates import SPELLINGS
from symgrad.numeric.llvm_machine import Loaded, absent, assemble, target
from symgrad.numeric.llvm_order import reordered
from symgrad.numeric.program import Program
from symgrad.numeric.spelling import unspelled

LONGEST = 200  # operations of a function: LLVM's time grows faster than their number
THREADS = 2


class Native(Executable):
    """A program compiled by LLVM.

    Parameters
    ----------
    program : Program
        What it computes.
    dtype : {"float64", "float32"}
        Of values and results.
    threads : int
        Threads for large batches.
    cache : bool
        Whether compiled code is kept on disk.
    """

    def __init__(self, program: Program, dtype: str, *, threads: int, cache: bool) -> None:
        start = perf_counter()
        double = dtype == "float64"
        spelled = reordered(inline(program, SPELLINGS))
        self._target = target(double=double)
        counts = len(program.inputs), len(program.outputs)
        block = block_of(
            sum(counts) + spelled.stats["temporaries"], self._target.size, self._target.lanes
        )
        code = llvm_ir.write(spelled, self._target, block=block, longest=LONGEST)
        self._loaded = Loaded(assemble(code.text, optimised=0))
        self._driver = Loaded(assemble(driver(self._target), optimised=1))
        layout = Layout(*counts, code.waiting, block, self._target.size)
        self._batch = Batch(
            self._driver.address("run"),
            self._loaded.address("kernel"),
            layout,
            threads,
            max(len(spelled.operations), 1),
        )
        self._type = np.dtype(dtype)
        self._options = {"threads": threads, "cache": cache}
        found = {"functions": code.functions, "block": block, "lanes": self._target.lanes}
        super().__init__(program, dtype, code.text, {**found, "seconds": perf_counter() - start})

    def __call__(self, values: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """Return the outputs at arrays that broadcast."""
        given = [_plain(v, self._type) for v in values]
        shape = np.broadcast_shapes(*{v.shape for v in given})
        if out is None:
            made = np.empty((len(self.program.outputs), *shape), self._type)
            out = [made[k, ...] for k in range(len(made))]
        sinks = Descriptors(out, shape)
        sources = Descriptors(given, shape)
        self._batch(sources.words, sinks.words, points_of(shape))
        return list(out)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.program, self.dtype, self._options)


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
) -> Executable:
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

    Raises
    ------
    BackendError
        If LLVM is absent or cannot spell a gate; the message names it.
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
    return Native(program, name, threads=count, cache=cache)


def _rebuilt(program: Program, dtype: str, options: dict[str, Any]) -> Executable:
    return build(program, dtype, **options)


def missing(program: Program) -> list[str]:
    """Return what LLVM cannot spell: gates without a formula, complex numbers."""
    return unspelled(inline(program, SPELLINGS), SPELLINGS, "llvm")


LLVM = Backend("llvm", build, missing, absent)
