"""C: the program as C99, compiled where a compiler is there, and called through ctypes.

The shared library lives in a private directory that is gone as soon as it is loaded; nothing is
kept on disk.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from symgrad.errors import BackendError
from symgrad.numeric.backend import Backend, Executable
from symgrad.numeric.kernels_c import SPELLED
from symgrad.numeric.program import Program
from symgrad.numeric.source_c import Source, write
from symgrad.numeric.spelling import unspelled

COMPILERS = ("cc", "gcc", "clang")
# The same bits on every machine: no fused operations that are not asked for, no fast maths.
FLAGS = ("-std=c99", "-fPIC", "-shared", "-ffp-contract=off", "-fno-math-errno")
THOROUGH = 3_000  # operations up to which the optimiser is given its time


class Native(Executable):
    """A program as machine code, made by a C compiler.

    Parameters
    ----------
    program : Program
        What is run.
    dtype : {"float64", "float32"}
        In what.
    """

    def __init__(self, program: Program, dtype: str) -> None:
        start = perf_counter()
        source = write(program, dtype=dtype)
        self._batch = _compiled(source, quick=len(program.operations) > THOROUGH)
        super().__init__(program, dtype, source.body, {"seconds": perf_counter() - start})

    def __call__(self, values: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """Return the outputs at arrays that broadcast."""
        shape = np.broadcast_shapes(*map(np.shape, values))
        count = len(self.program.outputs)
        found = [np.empty(shape, self.dtype) for _ in range(count)] if out is None else list(out)
        rows = [_line(array) for array in found]
        self._run([self._flat(v, shape) for v in values], rows, int(np.prod(shape)))
        for array, row in zip(found, rows, strict=True):
            if not np.may_share_memory(array, row):
                array[...] = row.reshape(shape)
        return [array[()] for array in found]

    def _flat(self, value: Any, shape: tuple[int, ...]) -> Any:
        """Return an input as one line, or as one number that does not vary."""
        array = np.asarray(value, self.dtype)
        if array.ndim == 0:
            return array
        line = np.broadcast_to(array, shape).reshape(-1)
        return line if line.strides[0] % line.itemsize == 0 else line.copy()

    def _run(self, lines: list[Any], rows: list[Any], size: int) -> None:
        failed = self._batch(size, *_addresses(lines), *_addresses(rows))
        if failed:
            raise MemoryError("the compiled function found no memory to work in")


def _line(array: Any) -> Any:
    """Return a result as one line: a view where C can step through it, else new memory."""
    if array.flags.c_contiguous:
        return array.reshape(-1)
    steps = array.ndim == 1 and array.strides[0] % array.itemsize == 0
    return array if steps else np.empty(array.size, array.dtype)


def _addresses(arrays: list[Any]) -> tuple[Any, Any]:
    """Return where arrays begin, and their steps counted in numbers."""
    count = len(arrays)
    starts = (ctypes.c_void_p * count)(*(a.ctypes.data for a in arrays))
    steps = (ctypes.c_ssize_t * count)(
        *(a.strides[0] // a.itemsize if a.ndim else 0 for a in arrays)
    )
    return starts, steps


def compiler() -> str | None:
    """Return the path of a C compiler, or None."""
    return next((path for name in COMPILERS if (path := shutil.which(name))), None)


def _compiled(source: Source, *, quick: bool) -> Any:
    """Compile and load a source; return its function of many points."""
    path = compiler()
    if path is None:
        raise BackendError(absent())
    level = "-O1" if quick else "-O2"
    with TemporaryDirectory(prefix="symgrad-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        (place / "program.c").write_text(source.body, encoding="ascii")
        (place / "program.h").write_text(source.header, encoding="ascii")
        command = [path, *FLAGS, level, "-o", "program.so", "program.c", "-lm"]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BackendError(
                f"the C compiler `{path}` failed: {done.stderr.strip()[:400]}; "
                "use backend='numpy', or write the source with `symgrad compile --backend c`"
            )
        library = ctypes.CDLL(str(place / "program.so"))
    function = getattr(library, f"{source.name}_batch")
    function.argtypes = [ctypes.c_size_t, *[ctypes.c_void_p] * 4]
    function.restype = ctypes.c_int
    return function


def build(program: Program, *, dtype: str = "float64", **_: Any) -> Executable:
    """Return the program as machine code."""
    return Native(program, dtype)


def missing(program: Program) -> list[str]:
    """Return what C99 has no function for."""
    return unspelled(program, SPELLED, "c")


def absent() -> str:
    """Return what must be installed first."""
    if compiler() is not None:
        return ""
    return f"no C compiler is on PATH; install one of {', '.join(COMPILERS)}"


C = Backend("c", build, missing, absent)
