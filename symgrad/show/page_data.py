"""The record of a page: everything that it shows and runs, as JSON, from the account of a run.

`symgrad/show/web/src/data.ts` describes the same record for the page. The record is data: names
and formulas are text in it, and stay text on the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.dag.digraph import Graph, graph
from symgrad.dag.express import write_all
from symgrad.dag.nodes import CONSTANT, VARIABLE
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.matrices import facts_of
from symgrad.expr.printer import text
from symgrad.expr.reader import Parsed, parse
from symgrad.numeric.execution import Run
from symgrad.show.account import Account, GateAccount, Wire, account
from symgrad.show.alone import REFUSED
from symgrad.show.formulas import latex
from symgrad.show.mathml import mathml
from symgrad.show.page_blocks import Written, written_out
from symgrad.show.page_groups import Folded, folded, part, parts
from symgrad.show.page_program import (
    RefusedError,
    Writer,
    check_size,
    constant_values,
    entries,
    maps,
)

SCHEMA = 1
SPELLED = 800  # gates up to which formulas are set as mathematics, and not as text alone
CLOSED = 60  # gates up to which the inputs' closed forms are shown
INPUTS = 12  # inputs up to which they have closed forms
LONG = 600  # characters of a formula that is shown whole
PARTED = 300  # gates from which the page opens with parts folded
LARGEST = 4_096  # entries of one array that the page holds
SIMPLE = frozenset({"relu", "log1p", "expm1", "leaky_relu", "elu", "hypot"})

Record = dict[str, Any]


def record(
    f: Any,
    at: Mapping[Any, Any] | None,
    *,
    known: frozenset[str],
    title: str = "",
    kinks: str = "min_norm",
) -> Record:
    """Return the record of a formula at a point.

    Parameters
    ----------
    f : str, Expr, Parsed, Graph or Run
        One scalar formula, or a run of one.
    at : mapping of name or symbol to number or array, optional
        The point; without one a page of scalars waits for numbers.
    known : frozenset of str
        The gates that the page has kernels for.
    title : str
        What stands before the formula.
    kinks : str
        What the derivative is where it does not exist.

    Raises
    ------
    ShapeError
        If there are several outputs, a batch of points, or tensors without a point.
    """
    if isinstance(f, Run):
        at, kinks = _point(f), f.policy
    source = f.graph if isinstance(f, Run) else graph(f)
    told = account(source, at, collapsed=None, kinks=kinks)
    _check(told)
    try:
        found = _computing(source, told, at, known)
    except RefusedError as error:
        found = _Teller(told, [], str(error), Writer(known, kinks)).gates()
    whole = _whole(f, told)
    _close(found, told)
    return {
        "schema": SCHEMA,
        "title": title,
        "source": f if isinstance(f, str) else whole["text"],
        "formula": whole,
        "policy": kinks,
        **found,
    }


def _point(made: Run) -> dict[Any, Any]:
    nodes = made.graph.input_nodes
    return {s: made.values[n] for s, n in zip(made.graph.inputs, nodes, strict=True)}


def _check(told: Account) -> None:
    """Refuse what no page shows."""
    if len(told.outputs) != 1 or told.outputs[0] in told.nodes.shapes:
        raise ShapeError("a page is of one scalar; give one output, such as a loss")
    if told.run is None and told.nodes.shapes:
        raise ShapeError("a page of tensors needs numbers: give `at=`, from which sizes are read")
    if told.run is not None:
        for node, value in enumerate(told.run.values):
            if np.iscomplexobj(value):
                raise UnsupportedError("a page shows real numbers; this point is complex")
            if np.shape(value) and node not in told.nodes.shapes:
                raise ShapeError("a page is of one point, but a batch was given; take one of them")


def _computing(
    source: Graph, told: Account, at: Mapping[Any, Any] | None, known: frozenset[str]
) -> Record:
    """Return what a page needs that computes by itself, with every composite expandable."""
    if any(np.size(v) > LARGEST for v in (told.run.values if told.run else ())):
        raise RefusedError(f"an array has more than {LARGEST} entries")
    if any(facts_of(s) for s in told.graph.inputs):
        raise RefusedError("an input has declared facts, on whose space gradients are projected")
    bare, blocks = written_out(told.graph)
    if blocks:
        at = at if told.run is None else _point(told.run)
        told = account(bare, at, collapsed=None, kinks=told.policy)
    written = frozenset(told.nodes.gates[g.node].name for g in told.gates if g.kind == "composite")
    spread = told
    if written - SIMPLE and not blocks:
        spread = account(source.expand(written - SIMPLE), at, collapsed=None, kinks=told.policy)
    groups = folded(spread)
    if any(not g.closable for g in groups) and spread is not told:
        spread, groups = told, folded(told)
    groups = [g for g in groups if g.closable]
    for group in groups:
        group.open = group.name not in written
    return _Teller(spread, groups, "", Writer(known, told.policy), blocks).gates()


def _close(found: Record, told: Account) -> None:
    """Write the closed form of the gradient by each input, composites by their names."""
    if len(told.visible) > CLOSED or len(told.graph.inputs) > INPUTS:
        return
    folded_up = Account(told.graph.collapse(), None, told.policy)
    nodes = {folded_up.by_node[n].label: n for n in folded_up.graph.input_nodes}
    for entry in found["inputs"]:
        form = folded_up.gradient(nodes[entry["name"]]) if entry["name"] in nodes else None
        if form is not None:
            found["gates"][entry["gate"]]["closed"] = _short(form)


def _short(form: Any) -> Record | None:
    """Return a formula that is not too long, or None."""
    try:
        return _formula(form) if len(text(form)) <= LONG else None
    except REFUSED:
        return None


def _whole(f: Any, told: Account) -> Record:
    """Return the formula of the output, or its name where that is long."""
    label = told.by_node[told.outputs[0]].label
    if len(told.visible) > CLOSED:
        return _said(label)
    try:
        found = parse(f) if isinstance(f, str) else f
        if isinstance(found, Parsed):
            found = found.expr
        elif isinstance(found, (Graph, Run)):
            (found,) = write_all(told.nodes, told.outputs)
        return _formula(found) if len(text(found)) <= LONG else _said(label)
    except REFUSED:
        return _said(label)


def _said(label: str) -> Record:
    return {"text": label, "latex": "", "mathml": ""}


def _formula(found: Any) -> Record:
    written = latex(found)
    return {"text": text(found), "latex": written, "mathml": mathml(written)}


class _Teller:
    """Writes the gates of an account, with those that stand for folded composites."""

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
            "role": gate.role,
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
            reached = made is not None and made.reaches(gate.node)
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
            return self._shown(told.graph.labels[gate.node]) or _said(gate.label)
        found = told.expression(gate.node)
        if found is None:
            return _said(gate.formula or gate.label)
        return self._shown(found) or _said(gate.formula)

    def _shown(self, found: Any) -> Record | None:
        """Return a formula as text, and while there are few gates as LaTeX and MathML."""
        if found is None:
            return None
        try:
            if self._spelled:
                return _formula(found)
            return _said(text(found))
        except REFUSED:
            return _said(str(found))
