"""From text to code in memory: compiled piece by piece, within a budget, or read from disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import thread as futures
from functools import lru_cache
from pathlib import Path
from threading import current_thread
from time import perf_counter

from symgrad.errors import BackendError
from symgrad.numeric import llvm_cache
from symgrad.numeric.llvm_driver import driver
from symgrad.numeric.llvm_machine import Loaded, assemble, machine, target
from symgrad.numeric.llvm_point_ir import point_code

COMPILER = "symgrad-compiler"  # the thread that compiles better code


@lru_cache(maxsize=1)
def _writers() -> str:
    """Return a digest of the modules that write text: what they change, old code must not serve."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("llvm_*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def key(*parts: str) -> str:
    """Return the name under which code is kept: all that it depends on, digested.

    Parameters
    ----------
    parts : str
        Text of the code, and how it is compiled.
    """
    digest = hashlib.sha256()
    for part in (machine().identity, _writers(), *parts):
        digest.update(f"{len(part)}:".encode())
        digest.update(part.encode())
    return digest.hexdigest()


def stored(name: str, pieces: int) -> list[bytes] | None:
    """Return code of so many pieces from disk, or None if one is not there."""
    found = []
    for number in range(pieces):
        code = llvm_cache.read(f"{name}-{number}")
        if code is None:
            return None
        found.append(code)
    return found


def compiled(
    texts: Sequence[str], *, optimised: int, name: str | None, budget: float
) -> list[bytes]:
    """Compile modules one by one, and keep their code.

    Parameters
    ----------
    texts : sequence of str
        Modules that refer to one another.
    optimised : {0, 1, 2, 3}
        How hard LLVM tries.
    name : str or None
        Under which key to keep them; None: nowhere.
    budget : float
        Seconds after which no further module is begun.

    Raises
    ------
    BackendError
        If the budget does not suffice.
    """
    start, codes = perf_counter(), []
    for number, text in enumerate(texts):
        if _is_in_the_way():
            raise BackendError("better code is not compiled any more: the interpreter ends")
        spent = perf_counter() - start
        if spent > budget:
            raise BackendError(
                f"LLVM has compiled {number} of {len(texts)} pieces of this program in "
                f"{spent:.1f} s, and {budget:g} s are allowed; use backend='numpy'"
            )
        codes.append(assemble(text, optimised=optimised))
    if name is not None:
        for number, code in enumerate(codes):
            llvm_cache.write(f"{name}-{number}", code)
    return codes


def _is_in_the_way() -> bool:
    """Return whether the interpreter waits for the compiler's thread in order to end."""
    ours = current_thread().name.startswith(COMPILER)
    return ours and bool(getattr(futures, "_shutdown", False))


@lru_cache(maxsize=32)
def runner(lanes: int, *, double: bool, optimised: bool) -> Loaded:
    """Return the driver for kernels on so many lanes.

    Unoptimised, it is there five times as soon, and copies odd strides at half the speed; if the
    better one is on disk, it is taken.
    """
    return _helper(driver(target(double=double, lanes=lanes)), optimised=optimised)


@lru_cache(maxsize=1)
def point_entry() -> Loaded:
    """Return the function that Python calls for one point; it gains nothing by optimising."""
    return _helper(point_code(), optimised=False)


def _helper(text: str, *, optimised: bool) -> Loaded:
    """Return what all programs share: from disk, the better one if it is there, or compiled."""
    level = int(optimised)
    names = [key("helper", str(k), text) for k in range(1, level - 1, -1)]
    found = next((code for name in names if (code := stored(name, 1)) is not None), None)
    made = found or compiled([text], optimised=level, name=names[-1], budget=60.0)
    return Loaded(made)
