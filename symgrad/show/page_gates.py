"""The gates of a page as JSON: what each is, what runs in it, and the maps of its wires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.dag.nodes import CONSTANT, VARIABLE
from symgrad.expr.printer import text
from symgrad.show.account import Account, GateAccount, Wire
from symgrad.show.alone import REFUSED
from symgrad.show.formulas import latex
from symgrad.show.mathml import mathml
from symgrad.show.page_blocks import Written
from symgrad.show.page_groups import Folded, part, parts
from symgrad.show.page_program import Writer, check_size, constant_values, entries, maps

SPELLED = 800  # gates up to which formulas are set as mathematics, and not as text alone
PARTED = 300  # gates from which the page opens with parts folded
LARGEST = 4_096  # entries of one array that the page holds

Record = dict[str, Any]


def said(label: str) -> Record:
    """Return a formula that is text alone."""
    return {"text": label, "latex": "", "mathml": ""}


def formula_record(found: Any) -> Record:
    """Return an expression as text, LaTeX and MathML."""
    written = latex(found)
    return {"text": text(found), "latex": written, "mathml": mathml(written)}


class Teller:
    """Writes the gates of an account, with those that stand for folded composites.

    Parameters
    ----------
    told : Account
        The gates.
    groups : list of Folded
        The composites that fold.
    refused : str
        Why the page does not compute; "" where it does.
    writer : Writer
        Where operations, constants and maps go.
    blocks : sequence of Written
        The calls of blocks that are written out.
    """

    def __init__(
        self,
        told: Account,
        groups: list[Folded],
        refused: str,
        writer: Writer,
        blocks: Sequence[Written] = (),
    ) -> None:
        self._blocks = blocks
        self._told = told
        self._groups = {g.root: g for g in groups}
        self._refused = refused
        self._writer = writer
        self._place: dict[int, int] = {}
        self._values = {} if refused else constant_values(told)
        self._spelled = len(told.visible) <= SPELLED

    def gates(self) -> Record:
        """Return the part of the record that is about gates."""
        told = self._told
        found: list[Record] = []
        folded_at: dict[int, int] = {}
        for gate in self._told_gates():
            self._place[gate.node] = len(found)
            found.append(self._gate(told, gate, gate.node))
            group = self._groups.get(gate.node)
            if group is not None:
                folded_at[gate.node] = len(found)
                found.append(self._composite(group))
        composites = [self._group(g, folded_at[root]) for root, g in self._groups.items()]
        outer = parts(found) if len(found) > PARTED else self._block_parts(folded_at)
        inputs = [(n, told.by_node[n]) for n in told.graph.input_nodes if n in self._place]
        return {
            "output": self._place[told.outputs[0]],
            "gates": found,
            "groups": composites + outer,
            "inputs": [{"gate": self._place[n], "name": g.label} for n, g in inputs],
            "table": self._writer.table,
            "constants": self._writer.constants,
            "templates": self._writer.templates,
            "refusal": self._sentence(),
        }

    def _told_gates(self) -> list[GateAccount]:
        """Return the gates that are shown: a long constant is one leaf, without what it is of."""
        nodes, told = self._told.nodes, self._told
        read = {w.source for g in told.gates if not nodes.constant[g.node] for w in g.wires}
        kept = read | set(told.outputs)
        return [g for g in told.gates if not nodes.constant[g.node] or g.node in kept]

    def _block_parts(self, folded_at: Mapping[int, int]) -> list[Record]:
        """Return the blocks that are written out, each a part that begins folded."""
        found = []
        for block in self._blocks:
            nodes = [n for n in block.nodes if n in self._place]
            places = {self._place[n] for n in nodes}
            places |= {folded_at[n] for n in nodes if n in folded_at}
            if len(places) > 1:
                found.append(part(block.name, sorted(places)))
        return found

    def _sentence(self) -> str:
        if not self._refused:
            return ""
        return (
            f"Recomputation is by Python for this graph: {self._refused}. "
            "The numbers are those of the point that was given."
        )

    def _group(self, group: Folded, place: int) -> Record:
        members = [self._place[n] for n in group.members]
        root = self._place[group.root]
        kept = {"label": group.name, "gate": place, "root": root, "members": members}
        return kept | {"open": group.open}

    def _gate(self, told: Account, gate: GateAccount, node: int) -> Record:
        """Return one gate; `node` is where its wires lead from in the whole."""
        constant = bool(told.nodes.constant[gate.node])
        positions = [w.position for w in gate.wires]
        return {
            "name": gate.name,
            "label": gate.label,
            "symbol": gate.symbol,
            "kind": "constant" if constant else gate.kind,
            "role": "" if constant else gate.role,
            "rule": gate.rule,
            "shape": [int(n) for n in gate.shape],
            "formula": self._written(told, gate),
            "closed": None,
            "wires": [] if constant else self._wires(gate, self._maps(told, gate, positions)),
            "operation": self._operation(gate),
            "value": self._number(self._value(told, gate)) if self._keeps(told, gate) else None,
            "grad": self._grad(told, gate) if self._spelled or self._refused else None,
        }

    def _keeps(self, told: Account, gate: GateAccount) -> bool:
        """Return whether the value is written: in a large graph the page computes it."""
        fixed = gate.kind == "input" or bool(told.nodes.constant[gate.node])
        return fixed or self._spelled or bool(self._refused)

    def _grad(self, told: Account, gate: GateAccount) -> Any:
        return self._number(None if told.run is None else told.run.bars.get(gate.node))

    def _value(self, told: Account, gate: GateAccount) -> Any:
        """Return a gate's value; constants have one without a run."""
        if told.run is not None:
            return told.run.values[gate.node]
        return self._values.get(gate.node) if told is self._told else None

    def _composite(self, group: Folded) -> Record:
        """Return the one gate of a folded composite, on the gates around it."""
        inner = group.account
        gate = inner.by_node[inner.outputs[0]]
        made = self._gate(inner, gate, group.root)
        outside = self._told.by_node[group.root]
        places = {n: self._place[o] for n, o in group.outside.items()}
        for wire, read in zip(made["wires"], gate.wires, strict=True):
            wire["source"] = places[read.source]
        made["operation"] = self._operation(gate, places, constant_values(inner))
        return made | {
            "name": outside.name,
            "label": outside.label,
            "kind": "composite",
            "value": self._number(outside.value),
            "grad": self._number(outside.grad),
        }

    def _maps(self, told: Account, gate: GateAccount, positions: list[int]) -> list[int]:
        if self._refused:
            made = told.run
            reached = made is None or made.reaches(gate.node)
            moves = [not told.nodes.constant[told.nodes.args[gate.node][p]] for p in positions]
            return [0 if reached and m else -1 for m in moves]
        values = self._values if told is self._told else constant_values(told)
        moving = [p for p in positions if not told.nodes.constant[told.nodes.args[gate.node][p]]]
        found = dict(
            zip(moving, maps(self._writer, told.nodes, gate.node, moving, values), strict=True)
        )
        return [found.get(p, -1) for p in positions]

    def _wires(self, gate: GateAccount, places: list[int]) -> list[Record]:
        return [self._wire(w, place) for w, place in zip(gate.wires, places, strict=True)]

    def _wire(self, wire: Wire, place: int) -> Record:
        found = {
            "source": self._place.get(wire.source, -1),
            "position": wire.position,
            "local": self._shown(wire.contribution if wire.is_map else wire.local),
            "map": wire.is_map,
            "template": place,
        }
        if self._refused:
            found["number"] = None if wire.is_map else self._number(wire.number)
            found["product"] = self._number(wire.gate.account.product(wire)) if place >= 0 else None
        return found

    def _operation(
        self,
        gate: GateAccount,
        places: Mapping[int, int] | None = None,
        values: Mapping[int, Any] | None = None,
    ) -> list[Any]:
        """Return what runs: the gate, its operands and constants, what it carries."""
        nodes, node = gate.account.nodes, gate.node
        where = self._place if places is None else places
        known = self._values if values is None else values
        kind = nodes.gates[node]
        if self._refused:
            return [0, []]
        if kind is VARIABLE:
            return [self._writer.gate(VARIABLE), []]
        if nodes.constant[node]:
            return [self._writer.gate(CONSTANT), []]
        check_size(nodes, node)
        args = [
            where[a] if a in where else self._writer.constant(known[a]) for a in nodes.args[node]
        ]
        return self._writer.operation(kind, args, nodes.payloads[node])

    def _number(self, value: Any) -> Any:
        return None if np.size(value) > LARGEST else entries(value)

    def _written(self, told: Account, gate: GateAccount) -> Record:
        if gate.kind == "input":
            return self._shown(told.graph.labels[gate.node]) or said(gate.label)
        found = told.expression(gate.node)
        if found is None:
            return said(gate.formula or gate.label)
        return self._shown(found) or said(gate.formula)

    def _shown(self, found: Any) -> Record | None:
        """Return a formula as text, and while there are few gates as LaTeX and MathML."""
        if found is None:
            return None
        try:
            if self._spelled:
                return formula_record(found)
            return said(text(found))
        except REFUSED:
            return said(str(found))
