"""The table of backends, and the choice among them."""

from __future__ import annotations

from symgrad.errors import BackendError, hint
from symgrad.numeric.backend import Backend
from symgrad.numeric.backend_c import C
from symgrad.numeric.backend_jax import JAX
from symgrad.numeric.backend_llvm import LLVM
from symgrad.numeric.backend_numpy import NUMPY
from symgrad.numeric.backend_reference import REFERENCE
from symgrad.numeric.backend_torch import TORCH
from symgrad.numeric.program import Program

BACKENDS: dict[str, Backend] = {row.name: row for row in (REFERENCE, NUMPY, LLVM, C, JAX, TORCH)}
PREFERRED = ("llvm",)  # what "auto" takes where it can, in this order, before NumPy


def choose(name: str, program: Program, dtype: str) -> tuple[Backend, str]:
    """Return a backend that can run a program, and what to say about it.

    Parameters
    ----------
    name : str
        A name of the table, or "auto".
    program : Program
        What is to be run.
    dtype : str
        In what.

    Raises
    ------
    BackendError
        If there is no such backend, it is not installed, does not compute in `dtype`, or cannot
        spell a gate; the message names them.
    """
    if name == "auto":
        return _automatic(program, dtype)
    backend = BACKENDS.get(name)
    if backend is None:
        known = ["auto", *BACKENDS]
        listed = ", ".join(known)
        raise BackendError(
            f"there is no backend {name!r:.80}" + (hint(name, known) or f"; use one of {listed}")
        )
    why_not = _refusal(backend, program, dtype)
    if why_not:
        raise BackendError(f"the backend `{name}` cannot run this: {why_not}; use backend='numpy'")
    return backend, name


def _automatic(program: Program, dtype: str) -> tuple[Backend, str]:
    reasons = []
    for name in PREFERRED:
        if name not in BACKENDS:
            continue
        why_not = _refusal(BACKENDS[name], program, dtype)
        if not why_not:
            return BACKENDS[name], f"{name} (the fastest one that knows every gate)"
        reasons.append(f"{name}: {why_not}")
    return BACKENDS["numpy"], f"numpy ({'; '.join(reasons) or 'no faster one is installed'})"


def _refusal(backend: Backend, program: Program, dtype: str) -> str:
    """Return why a backend cannot run a program, or nothing."""
    absent = backend.absent()
    if absent:
        return absent
    if dtype not in backend.dtypes:
        return f"dtype {dtype!r:.80} is none of {', '.join(backend.dtypes)}"
    names = backend.missing(program)
    shown = "`, `".join(names[:8]) + ("`, ..." if len(names) > 8 else "`")
    return f"it does not know `{shown}" if names else ""


def installed() -> list[str]:
    """Return the names of the backends that can be used here."""
    return [name for name, row in BACKENDS.items() if not row.absent()]
