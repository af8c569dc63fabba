"""The first section of a derivation: every value, from the inputs to the output."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgrad.dag.express import LITERAL, write
from symgrad.expr.dims import described
from symgrad.show.alone import constant, is_written
from symgrad.show.derivation_pens import Line, Part, Words
from symgrad.show.derivation_teller import MOST_STEPS, REGIONS, Teller
from symgrad.show.gate_account import GateAccount


class Forward(Teller):
    """Every value, made of those that its gate reads."""

    def lines(self) -> Iterator[Line]:
        """Tell every node; a long chain in part."""
        told = self.account
        gates = [g for g in told.gates if g.kind != "constant" or g.name or g.node in told.outputs]
        for gate in gates[:MOST_STEPS]:
            yield self._computed(gate)
        if len(gates) > MOST_STEPS:
            yield Line(0, (Words(f"... and {len(gates) - MOST_STEPS} more nodes"),))

    def _computed(self, gate: GateAccount) -> Line:
        """Return `q = x + y = -2 + 5 = 3`."""
        chain: list[Part] = [self.label(gate)]
        if gate.wires:
            chain.append(self.formula(gate))
            numbers = self._with_numbers(gate)
            chain += [] if numbers is None else [numbers]
        if gate.value is not None:
            chain.append(self.sized(gate.value))
        note = f"shape {described(gate.shape)}" if gate.shape else ""
        if gate.kink:
            note = f"on its kink: several slopes would do; policy {self.account.policy} chooses"
        return Line(0, (), self.distinct(chain), note if len(chain) > 1 or note else gate.kind)

    def _with_numbers(self, gate: GateAccount) -> Any:
        """Return the gate's formula with numbers for its neighbours; None for tensors."""
        if self.account.run is None or gate.is_tensor or gate.kind in REGIONS:
            return None
        nodes, values = self.account.nodes, self.account.run.values
        source = self.account.graph
        args = nodes.args[gate.node]
        if any(np.ndim(values[a]) for a in args):
            return None
        operands = [
            constant(source, a) if is_written(source, a) else self.number(values[a]) for a in args
        ]
        return write(nodes.gates[gate.node], operands, nodes.payloads[gate.node], LITERAL)
