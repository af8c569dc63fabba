"""The other sections of a derivation: every gradient, against the arrows, and the closed form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sympy import Basic, log

from symgrad.expr.dims import described
from symgrad.expr.heads import xlogy
from symgrad.show import derivation_pens as pens
from symgrad.show.derivation_pens import Line, Part, Slope, Times, Words
from symgrad.show.derivation_teller import MOST_STEPS, REGIONS, Teller
from symgrad.show.gate_account import GateAccount, Path
from symgrad.show.sheet import UNREACHED

MOST_PATHS = 12  # of a node that many read
MOST_FORMS = 24  # closed forms at the end
LONGEST_FORM = 200  # nodes of one that is written out
WIDEST = 140  # characters of one; shared terms of a longer one are named

SPACES = {
    "symmetric": "(G + G.T)/2 of the sum G of what arrives",
    "diagonal": "the diagonal of the sum of what arrives",
}
LONG = "(too long to be read; `grad` writes it)"
INSIDE = "(through a block or a loop; `grad` writes it)"
SHARED = "with these terms, each named once,"
LITTLE = "grows a little; ∂ is the same across one gate"
SHAPED = "here d before a name stands for the gradient by it, in its own shape:"


class Backward(Teller):
    """Every gradient, made of those of its readers."""

    def lines(self) -> Iterator[Line]:
        """Tell every node that the gradient passes; a long chain in part."""
        moving = self.moving
        gates = [g for g in reversed(self.account.gates) if moving[g.node]]
        if gates and len(self.wanted):
            first = self.account.by_node[self.wanted[0]]
            end, start = self.label(self.output), self.label(first)
            said = (Words("is how much"), end, Words("grows when"), start, Words(LITTLE))
            yield Line(0, (self.total(first), *said))
        shaped = next((g for g in gates if g.shape), None)
        if shaped is not None:
            means = (shaped.upstream, Words("for"), self.total(shaped))
            yield Line(0, (Words(SHAPED), *means))
        for gate in gates[:MOST_STEPS]:
            yield from self._arrived(gate)
        if len(gates) > MOST_STEPS:
            yield Line(0, (Words(f"... and {len(gates) - MOST_STEPS} more nodes"),))
        for node in self.wanted:
            if node not in {g.node for g in gates}:
                zero = (self.total(self.account.by_node[node]), self.sized(0.0))
                yield Line(0, (), zero, UNREACHED)

    def _arrived(self, gate: GateAccount) -> Iterator[Line]:
        """Tell how a node's gradient arrives: one path, or several that are added."""
        total = self.total(gate)
        if gate.node == self.output.node and not gate.paths:
            yield Line(0, (), (total, self.sized(1.0)), "the seed, where it starts")
            return
        if not gate.paths:
            if gate.node in self.wanted or not gate.wires:  # a condition has nothing to tell
                yield Line(0, (), (total, self.sized(0.0)), UNREACHED)
            return
        count = len(gate.paths)
        several = count > 1 or bool(gate.declared)
        if several:
            ways = f"{count} times: {count} paths" if count > 1 else "once: 1 path"
            yield Line(0, (self.label(gate), Words(f"is read {ways}")))
        for path in gate.paths[:MOST_PATHS]:
            yield from self._passed(gate, path, total=None if several else total)
        if count > MOST_PATHS:
            yield Line(1, (Words(f"... and {count - MOST_PATHS} more paths"),))
        if several:
            yield self._added(gate, total)

    def _passed(self, gate: GateAccount, path: Path, *, total: Slope | None) -> Iterator[Line]:
        """Tell one path: the reader and its rule, the local slope, and the product."""
        level = 0 if total is not None else 1
        reader = path.wire.gate
        who = () if total is None else (self.label(gate),)
        how = (Words("through"), self.label(reader), Words("="), self.formula(reader))
        yield Line(level, (*who, *how), (), reader.rule)
        if path.wire.is_map:
            note = f"shape {described(gate.shape)}" if gate.shape else ""
            yield Line(level + 1, (), self._mapped(gate, path, total), note)
            return
        local = Slope("∂", self.label(reader), self.label(gate))
        slope = readable(path.wire.local)
        chain: list[Part] = [local] if slope is None else [local, slope]
        if path.local is not None:
            numbers = self._slope_with_numbers(reader, slope)
            chain += [] if numbers is None else [numbers]
            chain.append(self.sized(path.local))
        yield Line(level + 1, (), self.distinct(chain))
        upstream = self.total(reader)
        product: list[Part] = [] if total is None else [total]
        product.append(Times(upstream, local))
        if path.product is not None:
            left, right = self.sized(path.upstream), self.sized(path.local)
            product += [Times(left, right), self.sized(path.product)]
        elif slope is not None:
            product.append(self._times(reader, slope))
        yield Line(level + 1, (), self.distinct(product))

    def _times(self, reader: GateAccount, slope: Any) -> Part:
        """Return what arrived at a reader times a slope; a factor of 1 is left out."""
        if reader.node == self.output.node and not reader.paths:
            return slope
        return self.total(reader) if slope == 1 else Times(self.total(reader), slope)

    def _slope_with_numbers(self, reader: GateAccount, slope: Any) -> Any:
        """Return a local slope with numbers for its neighbours; None where that says nothing."""
        if not isinstance(slope, Basic) or slope.is_Symbol or not slope.free_symbols:
            return None
        near = (reader.node, *self.account.nodes.args[reader.node])
        labels = {self.account.graph.labels[n]: self.account.run.values[n] for n in near}  # type: ignore[union-attr]
        if any(np.ndim(v) for v in labels.values()):
            return None
        return slope.xreplace({k: self.number(v) for k, v in labels.items() if k.is_symbol})

    def _mapped(self, gate: GateAccount, path: Path, total: Slope | None) -> tuple[Part, ...]:
        """Tell a path of tensors: `dW = dq*x.T`, where dq is what arrived at q."""
        chain: list[Part] = [gate.upstream if gate.shape else total] if total is not None else []
        inner = path.wire.gate.kind in REGIONS
        formula = None if inner else path.wire.contribution
        said = f"back through {path.wire.gate.symbol}"
        chain.append(Words(said) if formula is None else formula)
        if path.product is not None:
            chain.append(self.sized(path.product))
        return self.distinct(chain)

    def _added(self, gate: GateAccount, total: Slope) -> Line:
        """Return `df/db = 2 + 3 = 5`; by a declared matrix, the sum put on its space."""
        count = len(gate.paths)
        if gate.declared:
            chain = [gate.upstream, Words(SPACES[gate.declared])]
            chain += [] if gate.grad is None else [self.sized(gate.grad)]
            said = (self.label(gate), Words(f"is {gate.declared}:"))
            return Line(1, said, self.distinct(chain))
        rest = [Words("...")] if count > MOST_PATHS else []
        shaped = any(path.wire.is_map for path in gate.paths)
        chain = [gate.upstream if shaped and gate.shape else total]
        if gate.grad is None or any(p.product is None for p in gate.paths):
            parts = [self._symbolic(gate, p) for p in gate.paths[:MOST_PATHS]]
            chain.append(pens.Sum((*parts, *rest)))
        else:
            products = [self.sized(p.product) for p in gate.paths[:MOST_PATHS]]
            chain += [pens.Sum((*products, *rest)), self.sized(gate.grad)]
        return Line(1, (Words(f"{count} paths:"),), self.distinct(chain))

    def _symbolic(self, gate: GateAccount, path: Path) -> Part:
        if path.wire.is_map and path.wire.contribution is not None:
            return path.wire.contribution
        reader = path.wire.gate
        if path.wire.local is not None:
            return self._times(reader, readable(path.wire.local))
        return Times(self.total(reader), Slope("∂", self.label(reader), self.label(gate)))


class Together(Teller):
    """The gradient as a formula."""

    def lines(self) -> Iterator[Line]:
        """Tell the closed forms; shared terms of long ones are named once."""
        wanted = self.wanted[:MOST_FORMS]
        forms = self.account.gradients(wanted, limit=LONGEST_FORM)
        if any(self.moving[g.node] and g.kind in REGIONS for g in self.account.gates):
            forms = [Words(INSIDE)] * len(wanted)
        elif any(form is None or len(pens.plain(form)) > WIDEST for form in forms):
            terms, forms = self._shared(wanted, forms)
            yield from terms
        for node, form in zip(wanted, forms, strict=True):
            gate = self.account.by_node[node]
            chain: list[Part] = [self.total(gate), Words(LONG) if form is None else form]
            if self.account.run is not None:
                chain.append(self.sized(0.0 if gate.grad is None else gate.grad))
            note = f"shape {described(gate.shape)}, as {gate.label}" if gate.shape else ""
            yield Line(0, (), self.distinct(chain), note)
        if len(self.wanted) > MOST_FORMS:
            more = len(self.wanted) - MOST_FORMS
            yield Line(0, (Words(f"... and {more} more; `grad` writes them all"),))

    def _shared(self, wanted: tuple[int, ...], forms: list[Any]) -> tuple[list[Line], list[Any]]:
        """Name shared terms once where formulas are too long without; leave them out if many."""
        terms, found = self.account.shared(wanted)
        if not found or len(terms) > MOST_FORMS:
            return [], forms
        lines = [Line(1, (), (name, value)) for name, value in terms]
        kept = [form if len(pens.plain(form)) <= 4 * WIDEST else None for form in found]
        return [Line(0, (Words(SHARED),)), *lines], kept


def readable(slope: Any) -> Any:
    """Return a local gradient with `a*log(b)` for symgrad's `xlogy(a, b)`."""
    if isinstance(slope, Basic) and slope.has(xlogy):
        return slope.replace(xlogy, lambda a, b: a * log(b))
    return slope
