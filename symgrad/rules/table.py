"""The table of gates: every row, found by name or by SymPy head.

A SymPy function that has no row becomes a gate when it is first met, with its partials derived
from its own `fdiff`; a user's gate is a row like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sympy
from sympy import Function

from symgrad.errors import UnsupportedError
from symgrad.registry import provide
from symgrad.rules import (
    activation,
    arithmetic,
    bessel,
    convolution,
    discontinuous,
    elementary,
    gammas,
    linalg,
    opaque,
    polynomials,
    routing,
    special,
    tensors,
)
from symgrad.rules.row import Gate


class GateTable:
    """Rows by name and by head.

    Parameters
    ----------
    rows : iterable of Gate
        The rows that symgrad ships.
    """

    def __init__(self, rows: Iterable[Gate]) -> None:
        self._by_name: dict[str, Gate] = {}
        self._by_head: dict[Any, Gate] = {}
        for row in rows:
            self.add(row)

    def __iter__(self) -> Iterator[Gate]:
        return iter(tuple(self._by_name.values()))

    def add(self, gate: Gate, *, replace: bool = False) -> Gate:
        """Add a row.

        Raises
        ------
        UnsupportedError
            If the name is taken and `replace` is False.
        """
        if gate.name in self._by_name and not replace:
            raise UnsupportedError(f"a gate named `{gate.name}` exists; choose another name")
        self._by_name[gate.name] = gate
        if gate.head is not None:
            self._by_head[gate.head] = gate
        return gate

    def named(self, name: str) -> Gate | None:
        """Return the row called `name`, or None."""
        return self._by_name.get(name)

    def of_head(self, head: Any) -> Gate | None:
        """Return the row of a SymPy class; a function without one gets one."""
        found = self._by_head.get(head)
        if found is not None:
            return found
        if not (isinstance(head, type) and issubclass(head, Function)):
            return None
        return self._meet(head)

    def _meet(self, head: Any) -> Gate:
        """Make the row of a function class met for the first time."""
        counts = [int(n) for n in head.nargs] if head.nargs != sympy.S.Naturals0 else []
        arity = (min(counts), max(counts)) if counts else (0, None)
        name = head.__name__
        if name in self._by_name:
            name = f"{head.__module__}.{name}"
        gate = Gate(name, head, None, arity, analytic=False)
        return self._by_head.setdefault(head, self._by_name.setdefault(name, gate))


GATES = GateTable(
    (
        *arithmetic.ROWS,
        *elementary.ROWS,
        *routing.ROWS,
        *activation.ROWS,
        *discontinuous.ROWS,
        *gammas.ROWS,
        *special.ROWS,
        *bessel.ROWS,
        *polynomials.ROWS,
        *opaque.ROWS,
        *tensors.ROWS,
        *linalg.ROWS,
        *convolution.ROWS,
    )
)
provide("rules.named")(GATES.named)
GATES._by_head.update({sympy.Max: routing.MAX, sympy.Min: routing.MIN})
