"""Who computes formulas of tensors: the table of backends, and what each must be able to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from symgrad.errors import BackendError
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.program import Program
from symgrad.numeric.tensor_jax import JAX_TENSORS, JaxTensors, jax_arrays, seen_in_jax
from symgrad.numeric.tensor_library import TensorLibrary
from symgrad.numeric.tensor_machine import TensorMachine
from symgrad.numeric.tensor_torch import TORCH_TENSORS, TorchTensors, seen_in_torch, torch_arrays
from symgrad.rules.tensor_site import Shape

Array = Any


class Runner(Protocol):
    """A program bound to the shapes of its inputs; `lean` is what is left of it."""

    program: Program
    lean: Any

    def __call__(self, values: Sequence[Array]) -> list[Array]:
        """Return NumPy arrays for NumPy arrays; each result has memory of its own."""

    def native(self, values: Sequence[Array]) -> list[Array]:
        """Return arrays of the backend's own kind for such arrays."""


def _none(values: Sequence[Any], dtype: str) -> None:
    """Return that no value is of the backend's own kind."""
    return None


@dataclass(frozen=True, slots=True)
class TensorBackend:
    """One row of the table.

    Parameters
    ----------
    name, title : str
        What `compile(backend=...)` calls it, and what `fn.backend` says.
    build : callable
        `build(program, shapes, dtype, wide)` to a `Runner`; `wide`: some input is complex.
    library : TensorLibrary or None
        The array library, where it is none of NumPy's.
    arrays : callable
        Values and a dtype to arrays of the backend's own kind and the dtype in which they are
        computed; None where no value is of that kind.
    seen : callable
        Such an array to its numbers, or None where nobody can look at them.
    """

    name: str
    title: str
    build: Callable[[Program, Sequence[Shape], str, bool], Any]
    library: TensorLibrary | None = None
    arrays: Callable[[Sequence[Any], str], tuple[list[Array], str] | None] = _none
    seen: Callable[[Array], Array | None] = np.asarray

    def refuse(self, program: Program) -> None:
        """Check that the backend is there and knows every gate.

        Raises
        ------
        BackendError
            If not; the message says what is missing.
        """
        if self.library is None:
            return
        why = self.library.scalars.absent()
        if not why:
            names = self.library.missing(program)
            why = f"it does not know `{'`, `'.join(names[:8])}`" if names else ""
        if why:
            raise BackendError(
                f"the backend `{self.name}` cannot run this: {why}; use backend='numpy'"
            )


def _numpy(program: Program, shapes: Sequence[Shape], dtype: str, wide: bool) -> TensorMachine:
    return TensorMachine(program, shapes, Floats(complex_values=wide, dtype=dtype))


ROWS = (
    TensorBackend("numpy", "numpy (arrays)", _numpy),
    TensorBackend("jax", "jax (arrays)", JaxTensors, JAX_TENSORS, jax_arrays, seen_in_jax),
    TensorBackend(
        "torch", "torch (arrays)", TorchTensors, TORCH_TENSORS, torch_arrays, seen_in_torch
    ),
)
TENSOR_BACKENDS = {row.name: row for row in ROWS}


def tensor_backend(name: str) -> TensorBackend:
    """Return a row of the table; "auto" is NumPy.

    Raises
    ------
    BackendError
        If tensors are computed by no such backend.
    """
    found = TENSOR_BACKENDS.get("numpy" if name == "auto" else name)
    if found is None:
        known = "', '".join(TENSOR_BACKENDS)
        raise BackendError(f"tensors are computed by '{known}', not by {name!r:.80}")
    return found
