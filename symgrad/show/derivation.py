"""Derivations: the chain rule of one formula, gate by gate, as lines that can be written anywhere.

A derivation is sections of lines; a line is words and a chain of equal things. What they say is
read from the account of the engine's own run; how they look is the pens' matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Basic, Symbol, log

from symgrad.calculus.question import scalar
from symgrad.dag.express import LITERAL, write
from symgrad.dag.nodes import dependents
from symgrad.errors import UnsupportedError
from symgrad.expr.dims import described
from symgrad.expr.heads import xlogy
from symgrad.numeric.execution import Run
from symgrad.show import derivation_pens as pens
from symgrad.show.account import Account, GateAccount, Path, account
from symgrad.show.alone import constant, is_written
from symgrad.show.derivation_pens import Line, Number, Part, Section, Slope, Times, Words
from symgrad.show.sheet import UNREACHED, shown

MOST_STEPS = 60  # nodes of each walk that are told
MOST_PATHS = 12  # of a node that many read
MOST_FORMS = 24  # closed forms at the end
REGIONS = ("block", "loop")  # gates with gates inside
LONGEST_FORM = 200  # nodes of one that is written out
WIDEST = 140  # characters of one; shared terms of a longer one are named

FORWARD = "Forward: every value, from the inputs to {}"
BACKWARD = (
    "Backward: from {} to the inputs; a gradient is the upstream gradient × the local gradient"
)
CLOSED = "Together: the gradient as a formula"
SPACES = {
    "symmetric": "(G + G.T)/2 of the sum G of what arrives",
    "diagonal": "the diagonal of the sum of what arrives",
}
LONG = "(too long to be read; `grad` writes it)"
INSIDE = "(through a block or a loop; `grad` writes it)"
SHARED = "with these terms, each named once,"
LITTLE = "grows a little; ∂ is the same across one gate"
SHAPED = "here d before a name stands for the gradient by it, in its own shape:"


@dataclass(frozen=True, eq=False)
class Derivation:
    """The chain rule of a formula, told gate by gate; printing writes it.

    Parameters
    ----------
    account : Account
        The formula, and its run where there is one.
    wanted : tuple of int
        The nodes whose gradients are asked for.
    digits : int
        Significant digits.
    format : {"text", "markdown", "latex"}
        How `str` writes it.
    """

    account: Account
    wanted: tuple[int, ...]
    digits: int = 6
    format: str = "text"

    def __post_init__(self) -> None:
        if self.format not in pens.FORMATS:
            known = ", ".join(pens.FORMATS)
            raise UnsupportedError(f"format={self.format!r} is not a format; use one of {known}")

    def __str__(self) -> str:
        return pens.FORMATS[self.format](self.sections)

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str | None:
        return None if self.format == "latex" else pens.markdown(self.sections)

    def _repr_latex_(self) -> str:
        return pens.latex(self.sections)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """What is told: forward, backward, and the closed form."""
        end = self._output.label
        with np.errstate(all="ignore"):
            found = (
                Section(FORWARD.format(end), tuple(self._forward())),
                Section(BACKWARD.format(end), tuple(self._backward())),
                Section(CLOSED, tuple(self._together())),
            )
        return tuple(section for section in found if section.lines)

    @property
    def _output(self) -> GateAccount:
        return self.account.by_node[self.account.outputs[0]]

    # --- forward ---

    def _forward(self) -> Iterator[Line]:
        gates = [g for g in self.account.gates if g.kind != "constant" or g.name]
        for gate in gates[:MOST_STEPS]:
            yield self._computed(gate)
        if len(gates) > MOST_STEPS:
            yield Line(0, (Words(f"... and {len(gates) - MOST_STEPS} more nodes"),))

    def _computed(self, gate: GateAccount) -> Line:
        """Return `q = x + y = -2 + 5 = 3`."""
        chain: list[Part] = [self._label(gate)]
        if gate.wires:
            chain.append(self._formula(gate))
            numbers = self._with_numbers(gate)
            chain += [] if numbers is None else [numbers]
        if gate.value is not None:
            chain.append(Number(gate.value))
        note = f"shape {described(gate.shape)}" if gate.shape else ""
        if gate.kink:
            note = f"on its kink: several slopes would do; policy {self.account.policy} chooses"
        return Line(0, (), self._distinct(chain), note if len(chain) > 1 or note else gate.kind)

    def _label(self, gate: GateAccount) -> Part:
        return self.account.symbol(gate.node)

    def _formula(self, gate: GateAccount) -> Part:
        found = self.account.expression(gate.node)
        return Words(gate.formula) if found is None else found

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
            constant(source, a) if is_written(source, a) else self._number(values[a]) for a in args
        ]
        return write(nodes.gates[gate.node], operands, nodes.payloads[gate.node], LITERAL)

    def _number(self, value: Any) -> Symbol:
        """Return a number as a symbol that is called so; a negative one in brackets."""
        written = shown(value, self.digits)
        return Symbol(f"({written})" if written.startswith("-") or "j" in written else written)

    def _distinct(self, chain: list[Part]) -> tuple[Part, ...]:
        """Drop what is written like the part before it."""
        kept: list[Part] = []
        for part in chain:
            if not kept or not pens.same(part, kept[-1]):
                kept.append(part)
        return tuple(self._sized(p) for p in kept)

    def _sized(self, part: Part) -> Part:
        return Number(part.value, self.digits) if isinstance(part, Number) else part

    # --- backward ---

    @cached_property
    def _moving(self) -> bytearray:
        return dependents(self.account.nodes, self.wanted, len(self.account.nodes) - 1)

    def _backward(self) -> Iterator[Line]:
        moving = self._moving
        gates = [g for g in reversed(self.account.gates) if moving[g.node]]
        if gates and len(self.wanted):
            first = self.account.by_node[self.wanted[0]]
            end, start = self._label(self._output), self._label(first)
            said = (Words("is how much"), end, Words("grows when"), start, Words(LITTLE))
            yield Line(0, (self._total(first), *said))
        shaped = next((g for g in gates if g.shape), None)
        if shaped is not None:
            means = (shaped.upstream, Words("for"), self._total(shaped))
            yield Line(0, (Words(SHAPED), *means))
        for gate in gates[:MOST_STEPS]:
            yield from self._arrived(gate)
        if len(gates) > MOST_STEPS:
            yield Line(0, (Words(f"... and {len(gates) - MOST_STEPS} more nodes"),))
        for node in self.wanted:
            if node not in {g.node for g in gates}:
                zero = (self._total(self.account.by_node[node]), Number(0.0, self.digits))
                yield Line(0, (), zero, UNREACHED)

    def _total(self, gate: GateAccount) -> Slope:
        """Return df/dx."""
        return Slope("d", self._label(self._output), self._label(gate))

    def _arrived(self, gate: GateAccount) -> Iterator[Line]:
        """Tell how a node's gradient arrives: one path, or several that are added."""
        total = self._total(gate)
        if gate.node == self._output.node and not gate.paths:
            yield Line(0, (), (total, Number(1.0, self.digits)), "the seed, where it starts")
            return
        if not gate.paths:
            if gate.node in self.wanted or not gate.wires:  # a condition has nothing to tell
                yield Line(0, (), (total, Number(0.0, self.digits)), UNREACHED)
            return
        count = len(gate.paths)
        several = count > 1 or bool(gate.declared)
        if several:
            ways = f"{count} times: {count} paths" if count > 1 else "once: 1 path"
            yield Line(0, (self._label(gate), Words(f"is read {ways}")))
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
        who = () if total is None else (self._label(gate),)
        how = (Words("through"), self._label(reader), Words("="), self._formula(reader))
        yield Line(level, (*who, *how), (), reader.rule)
        if path.wire.is_map:
            note = f"shape {described(gate.shape)}" if gate.shape else ""
            yield Line(level + 1, (), self._mapped(gate, path, total), note)
            return
        local = Slope("∂", self._label(reader), self._label(gate))
        slope = readable(path.wire.local)
        chain: list[Part] = [local] if slope is None else [local, slope]
        if path.local is not None:
            numbers = self._slope_with_numbers(reader, slope)
            chain += [] if numbers is None else [numbers]
            chain.append(Number(path.local))
        yield Line(level + 1, (), self._distinct(chain))
        upstream = self._total(reader)
        product: list[Part] = [] if total is None else [total]
        product.append(Times(upstream, local))
        if path.product is not None:
            left, right = Number(path.upstream, self.digits), Number(path.local, self.digits)
            product += [Times(left, right), Number(path.product)]
        elif slope is not None:
            product.append(self._times(reader, slope))
        yield Line(level + 1, (), self._distinct(product))

    def _times(self, reader: GateAccount, slope: Any) -> Part:
        """Return what arrived at a reader times a slope; a factor of 1 is left out."""
        if reader.node == self._output.node and not reader.paths:
            return slope
        return self._total(reader) if slope == 1 else Times(self._total(reader), slope)

    def _slope_with_numbers(self, reader: GateAccount, slope: Any) -> Any:
        """Return a local slope with numbers for its neighbours; None where that says nothing."""
        if not isinstance(slope, Basic) or slope.is_Symbol or not slope.free_symbols:
            return None
        near = (reader.node, *self.account.nodes.args[reader.node])
        labels = {self.account.graph.labels[n]: self.account.run.values[n] for n in near}  # type: ignore[union-attr]
        if any(np.ndim(v) for v in labels.values()):
            return None
        return slope.xreplace({k: self._number(v) for k, v in labels.items() if k.is_symbol})

    def _mapped(self, gate: GateAccount, path: Path, total: Slope | None) -> tuple[Part, ...]:
        """Tell a path of tensors: `dW = dq*x.T`, where dq is what arrived at q."""
        chain: list[Part] = [gate.upstream if gate.shape else total] if total is not None else []
        inner = path.wire.gate.kind in REGIONS
        formula = None if inner else path.wire.contribution
        said = f"back through {path.wire.gate.symbol}"
        chain.append(Words(said) if formula is None else formula)
        if path.product is not None:
            chain.append(Number(path.product))
        return self._distinct(chain)

    def _added(self, gate: GateAccount, total: Slope) -> Line:
        """Return `df/db = 2 + 3 = 5`; by a declared matrix, the sum put on its space."""
        count = len(gate.paths)
        if gate.declared:
            chain = [gate.upstream, Words(SPACES[gate.declared])]
            chain += [] if gate.grad is None else [Number(gate.grad)]
            said = (self._label(gate), Words(f"is {gate.declared}:"))
            return Line(1, said, self._distinct(chain))
        rest = [Words("...")] if count > MOST_PATHS else []
        shaped = any(path.wire.is_map for path in gate.paths)
        chain = [gate.upstream if shaped and gate.shape else total]
        if gate.grad is None or any(p.product is None for p in gate.paths):
            parts = [self._symbolic(gate, p) for p in gate.paths[:MOST_PATHS]]
            chain.append(pens.Sum((*parts, *rest)))
        else:
            products = [Number(p.product, self.digits) for p in gate.paths[:MOST_PATHS]]
            chain += [pens.Sum((*products, *rest)), Number(gate.grad)]
        return Line(1, (Words(f"{count} paths:"),), self._distinct(chain))

    def _symbolic(self, gate: GateAccount, path: Path) -> Part:
        if path.wire.is_map and path.wire.contribution is not None:
            return path.wire.contribution
        reader = path.wire.gate
        if path.wire.local is not None:
            return self._times(reader, readable(path.wire.local))
        return Times(self._total(reader), Slope("∂", self._label(reader), self._label(gate)))

    # --- together ---

    def _together(self) -> Iterator[Line]:
        wanted = self.wanted[:MOST_FORMS]
        forms = self.account.gradients(wanted, limit=LONGEST_FORM)
        if any(self._moving[g.node] and g.kind in REGIONS for g in self.account.gates):
            forms = [Words(INSIDE)] * len(wanted)
        elif any(form is None or len(pens.plain(form)) > WIDEST for form in forms):
            terms, forms = self._shared(wanted, forms)
            yield from terms
        for node, form in zip(wanted, forms, strict=True):
            gate = self.account.by_node[node]
            chain: list[Part] = [self._total(gate), Words(LONG) if form is None else form]
            if self.account.run is not None:
                chain.append(Number(0.0 if gate.grad is None else gate.grad))
            note = f"shape {described(gate.shape)}, as {gate.label}" if gate.shape else ""
            yield Line(0, (), self._distinct(chain), note)
        if len(self.wanted) > MOST_FORMS:
            more = len(self.wanted) - MOST_FORMS
            yield Line(0, (Words(f"... and {more} more; `grad` writes them all"),))

    def _shared(self, wanted: tuple[int, ...], forms: list[Any]) -> tuple[list[Line], list[Any]]:
        """Name shared terms once where formulas are too long without; leave them out if many."""
        terms, found = self.account.shared(wanted)
        if not found or len(terms) > MOST_FORMS:
            return [], forms
        lines = [Line(1, (), (name, value)) for name, value in terms]
        return [Line(0, (Words(SHARED),)), *lines], found


def readable(slope: Any) -> Any:
    """Return a local gradient with `a*log(b)` for symgrad's `xlogy(a, b)`."""
    if isinstance(slope, Basic) and slope.has(xlogy):
        return slope.replace(xlogy, lambda a, b: a * log(b))
    return slope


def explain(
    f: Any,
    wrt: Any = None,
    at: Mapping[Any, Any] | None = None,
    *,
    format: str = "text",
    expanded: bool = False,
    digits: int = 6,
    kinks: str = "min_norm",
) -> Derivation:
    """Derive the gradient of a formula by the chain rule, gate by gate.

    Parameters
    ----------
    f : str, Expr, Parsed, Graph or Run
        One scalar formula.
    wrt : symbol, name, or list or tuple of them, optional
        The variables or inner nodes that are asked for; default: every variable.
    at : mapping of name or symbol to number or array, optional
        The point; without one there are no numbers.
    format : {"text", "markdown", "latex"}
        What `str` gives.
    expanded : bool
        Whether composite gates, such as a sigmoid, are told gate by gate instead of as one.
    digits : int
        Significant digits.
    kinks : str
        What the derivative is where it does not exist.

    Returns
    -------
    Derivation
        Prints itself.

    Raises
    ------
    ShapeError, UnknownNameError, MissingValueError
        If `f` is not one scalar; `wrt` names nothing; `at` and the variables do not match.

    Examples
    --------
    >>> print(explain("q = x + y; f = q*z", "z", {"x": -2, "y": 5, "z": -4}))
    Forward: every value, from the inputs to f
      x = -2
    ...
    """
    source = f if isinstance(f, Run) else scalar(f, kinks)
    told = account(source, at, collapsed=not expanded, kinks=kinks)
    return Derivation(told, _wanted(told, wrt), digits, format)


def _wanted(told: Account, wrt: Any) -> tuple[int, ...]:
    """Return the nodes that are asked for; every variable by default."""
    if wrt is None:
        return told.graph.input_nodes
    asked = wrt if isinstance(wrt, (list, tuple)) else [wrt]
    found = [told.graph.node(one) for one in asked]
    return tuple(n for n in found if n is not None and n in told.by_node)
