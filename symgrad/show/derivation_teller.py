"""What every section of a derivation needs: labels, formulas, numbers, chains of equal things."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sympy import Symbol

from symgrad.dag.nodes import dependents
from symgrad.show import derivation_pens as pens
from symgrad.show.account import Account, GateAccount
from symgrad.show.derivation_pens import Number, Part, Slope, Words
from symgrad.show.sheet import shown

REGIONS = ("block", "loop")  # gates with gates inside
MOST_STEPS = 60  # nodes of each walk that are told


@dataclass(frozen=True, eq=False)
class Teller:
    """One section of a derivation, about to be told.

    Parameters
    ----------
    account : Account
        The formula, and its run where there is one.
    wanted : tuple of int
        The nodes whose gradients are asked for.
    digits : int
        Significant digits.
    """

    account: Account
    wanted: tuple[int, ...]
    digits: int

    @property
    def output(self) -> GateAccount:
        """The node of the value."""
        return self.account.by_node[self.account.outputs[0]]

    @cached_property
    def moving(self) -> bytearray:
        """1 where a node depends on what is asked for."""
        return dependents(self.account.nodes, self.wanted, len(self.account.nodes) - 1)

    def label(self, gate: GateAccount) -> Part:
        """Return what a node is called."""
        return self.account.symbol(gate.node)

    def formula(self, gate: GateAccount) -> Part:
        """Return how a node is made of its neighbours; words where that has no spelling."""
        found = self.account.expression(gate.node)
        return Words(gate.formula) if found is None else found

    def total(self, gate: GateAccount) -> Slope:
        """Return df/dx."""
        return Slope("d", self.label(self.output), self.label(gate))

    def number(self, value: Any) -> Symbol:
        """Return a number as a symbol that is called so; a negative one in brackets."""
        written = shown(value, self.digits)
        return Symbol(f"({written})" if written.startswith("-") or "j" in written else written)

    def sized(self, value: Any) -> Number:
        """Return a number with so many digits as are asked for."""
        return Number(value, self.digits)

    def distinct(self, chain: list[Part]) -> tuple[Part, ...]:
        """Drop what is written like the part before it."""
        kept: list[Part] = []
        for part in chain:
            if not kept or not pens.same(part, kept[-1]):
                kept.append(part)
        return tuple(kept)
