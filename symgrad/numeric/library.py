"""What backends on an array library share: kernels by name, programs bound once, delivery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from symgrad.errors import BackendError
from symgrad.numeric.backend import Backend, Executable, Machine
from symgrad.numeric.kernels_arrays import Table
from symgrad.numeric.program import Program
from symgrad.numeric.spelling import unspelled
from symgrad.rules.row import Gate

Binder = Callable[[Program], Machine]


@dataclass(frozen=True, slots=True)
class Library:
    """An array library that runs programs operation by operation.

    Parameters
    ----------
    name : str
        Of the backend, of the package and of the extra that installs it.
    title : str
        What it is called in messages.
    table : callable
        Its kernels by gate name; the first call imports it.
    machine : type
        The loop over operations.
    """

    name: str
    title: str
    table: Callable[[], Table]
    machine: type[Machine] = Machine

    def binder(self, number: Callable[[Any], Any]) -> Binder:
        """Return what binds programs to the kernels, each program once."""
        bound: dict[int, Machine] = {}

        def bind(program: Program) -> Machine:
            if id(program) not in bound:
                parts = (self.kernel, number, self._no_whole, bind)
                bound[id(program)] = self.machine(program, *parts)
            return bound[id(program)]

        return bind

    def kernel(self, gate: Gate) -> Any:
        """Return the function of a gate; a user's own kernel comes first."""
        own = gate.kernels.get(self.name)
        return self.table()[gate.name] if own is None else own

    def _no_whole(self, payload: Any, args: tuple[Any, ...]) -> Any:
        raise BackendError(f"`{type(payload.expr).__name__}` has no spelling in {self.title}")

    def missing(self, program: Program) -> list[str]:
        """Return what the library has no function for."""
        return unspelled(program, self.table(), self.name)

    def absent(self) -> str:
        """Return what must be installed first."""
        if find_spec(self.name):
            return ""
        return f"{self.title} is not installed; run `pip install symgrad[{self.name}]`"

    def backend(self, make: Callable[[Program, str], Executable]) -> Backend:
        """Return the library's row of the table of backends."""

        def build(program: Program, *, dtype: str = "float64", **_: Any) -> Executable:
            return make(program, dtype)

        return Backend(self.name, build, self.missing, self.absent)


def delivered(found: Sequence[Any], out: Sequence[Any] | None) -> list[Any]:
    """Return NumPy arrays with memory of their own, or written where the caller asked."""
    if out is None:
        return [f.copy()[()] for f in found]
    for array, made in zip(out, found, strict=True):
        array[...] = made
    return list(out)
