"""Where a rule of a tensor gate is applied: its algebra, operands and shapes.

Pullbacks and pushforwards are linear maps `t ↦ Jᵀt` and `t ↦ Jt` of one operand, written with the
gates of the same table. They run in any algebra: nodes of a graph, or arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import S

from symgrad.rules import arithmetic as rows
from symgrad.rules import elementary
from symgrad.rules.row import Gate

Shape = tuple[Any, ...]
EXP = next(row for row in elementary.ROWS if row.name == "exp")


@dataclass(frozen=True, slots=True)
class TensorSite:
    """Everything that the rule of a tensor gate may use.

    Parameters
    ----------
    algebra : Algebra
        How values are combined.
    payload : object
        What the gate carries beside its operands.
    operands : sequence
        The values of the operands.
    shapes : sequence of tuple
        Their shapes; sizes are integers or SymPy expressions.
    out : object
        The value of the gate.
    shape : tuple
        Its shape.
    kinks : str
        The policy where the gate has no derivative.
    """

    algebra: Any
    payload: Any
    operands: Sequence[Any]
    shapes: Sequence[Shape]
    out: Any
    shape: Shape
    kinks: str = "min_norm"

    def apply(self, gate: Gate, *args: Any, payload: Any = None) -> Any:
        """Return a gate's value."""
        return self.algebra.apply(gate, args, payload)

    def number(self, value: Any) -> Any:
        """Return a number."""
        return self.algebra.number(value)

    def mul(self, a: Any, b: Any) -> Any:
        """Return the product, entry by entry."""
        return self.apply(rows.MUL, a, b)

    def div(self, a: Any, b: Any) -> Any:
        """Return the quotient, entry by entry."""
        return self.apply(rows.DIV, a, b)

    def add(self, a: Any, b: Any) -> Any:
        """Return the sum."""
        return self.apply(rows.ADD, a, b)

    def sub(self, a: Any, b: Any) -> Any:
        """Return the difference."""
        return self.apply(rows.SUB, a, b)

    def neg(self, a: Any) -> Any:
        """Return the negation."""
        return self.apply(rows.NEG, a)

    def exp(self, a: Any) -> Any:
        """Return the exponential, entry by entry."""
        return self.apply(EXP, a)

    def half(self, a: Any) -> Any:
        """Return one half of a value."""
        return self.mul(self.number(S.Half), a)
