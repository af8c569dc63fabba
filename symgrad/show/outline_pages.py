"""Pages of an outline: the network, then each block and loop once, with its inputs and lines.

A page holds names and formulas; how they are written is in `outline`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.calculus.derived_blocks import Derived, LinearLoop
from symgrad.dag.nodes import ADD, VARIABLE, Nodes, reachable
from symgrad.dag.regions import Region
from symgrad.expr.symbols import label
from symgrad.rules import opaque
from symgrad.show.outline_lines import (
    Form,
    Line,
    Named,
    Pulled,
    called,
    fresh,
    like,
    lines_of,
    names_of_calls,
    region_of,
)

ONLY, SEVERAL = "out", "out{}"


@dataclass(frozen=True, slots=True)
class Page:
    """What one module computes, and what its pullback computes.

    Parameters
    ----------
    name : str
        What it is called.
    inputs : tuple of (str, tuple)
        Its operands with their shapes.
    outputs : tuple of str
        What its values are called in the lines.
    forward, backward : tuple of Line
        In an order in which they can be computed.
    form : ScanForm, optional
        How a loop runs.
    """

    name: str
    inputs: tuple[tuple[str, Any], ...]
    outputs: tuple[str, ...]
    forward: tuple[Line, ...]
    backward: tuple[Line, ...]
    form: Any = None

    def called(self) -> list[tuple[Region, Form, Any]]:
        """Return the modules that are called, in order, each with its form and its length."""
        found: dict[Any, tuple[Region, Form, Any]] = {}
        for line in self.forward:
            if line.target is not None:
                length = line.value.params[2] if line.target[1] else None
                found.setdefault(line.target, (*line.target, length))
        return list(found.values())

    def count(self, region: Region, form: Form) -> int:
        """Return how often it calls a module."""
        return sum(line.target == (region, form) for line in self.forward)


@dataclass
class Draft:
    """A page in the making: a table, what is wanted of it, and names.

    Parameters
    ----------
    nodes : Nodes
        The table.
    forward, backward : sequence of (str, int)
        The values and cotangents that the page gives.
    names : dict of int to str
        Names of further nodes, each of which is a line.
    symbols : dict
        Other symbols for variables.
    adds : set of str
        Names to which the line's value is added.
    """

    nodes: Nodes
    forward: Named
    backward: Named
    names: dict[int, str] = field(default_factory=dict)
    symbols: dict[Any, Any] = field(default_factory=dict)
    adds: frozenset[str] = frozenset()

    def lines(
        self, derived: Mapping[int, Pulled], taken: set[str]
    ) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
        """Return the lines forward and backward; `taken` grows by the names they use."""
        nodes, wanted, names = self._renamed()
        taken.update(name for name, _ in wanted)
        taken.update(label(p) for p, g in zip(nodes.payloads, nodes.gates, strict=True)
                     if g is VARIABLE)  # fmt: skip
        own = {
            node: name
            for name, node in reversed(wanted)
            if nodes.gates[node] in opaque.OF_TENSORS and name not in self.adds
        }
        mask = reachable(nodes, [node for _, node in wanted])
        named = names_of_calls(nodes, mask, {**own, **names}, derived, taken)
        pairs = self._own(lines_of(nodes, wanted, named, taken))
        made = _grouped(_without_kept(list(pairs)), derived, self.adds)
        needed = _needed(made, [name for name, _ in self.forward])
        shown = _needed(made, [name for name, _ in self.backward]) - needed
        ahead = tuple(line for line in made if needed.intersection(line.names))
        behind = [line for line in made if not needed.intersection(line.names)]
        return ahead, tuple(line for line in behind if shown.intersection(line.names))

    def _renamed(self) -> tuple[Nodes, list[tuple[str, int]], dict[int, str]]:
        """Return the table with the other symbols, what is wanted, and the names in it.

        Variables are renamed before anything is spelled: afterwards a name that was given to a
        line could not be told from a variable that had it before.
        """
        wanted = [*self.forward, *self.backward]
        if not self.symbols:
            return self.nodes, wanted, self.names
        made, moved = Nodes(), []
        for node, gate in enumerate(self.nodes.gates):
            payload, shape = self.nodes.payloads[node], self.nodes.shapes.get(node, ())
            if gate is VARIABLE:
                moved.append(made.variable(self.symbols.get(payload, payload), shape))
            else:
                args = tuple([moved[a] for a in self.nodes.args[node]])
                moved.append(made.add(gate, args, payload))
        names = {moved[node]: name for node, name in self.names.items()}
        return made, [(name, moved[node]) for name, node in wanted], names

    def _own(self, pairs: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
        """Yield pairs in which what is added is written out: a running sum is no other name."""
        known = dict(pairs)
        for name, value in pairs:
            other = getattr(value, "name", "") if name in self.adds else ""
            yield name, known[other] if other in self.adds else value


def _without_kept(pairs: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return pairs but for what a loop stacks for its derivative alone."""
    found = []
    for name, value in pairs:
        block = called(value)
        if block is not None:
            region = region_of(block)
            if value.params[1] >= len(region.plain.outputs) and region.extends is not None:
                continue
        found.append((name, value))
    return found


def _grouped(
    pairs: Sequence[tuple[str, Any]], derived: Mapping[int, Pulled], adds: frozenset[str]
) -> list[Line]:
    """Return lines; the values of one call are one line, where the first of them stands."""
    groups: dict[Any, dict[int, str]] = {}
    for name, value in pairs:
        if called(value) is not None:
            groups.setdefault(_call_key(value), {}).setdefault(value.params[1], name)
    made, done = [], set()
    for name, value in pairs:
        key = _call_key(value) if called(value) is not None else None
        if key is None:
            made.append(Line((name,), value, name in adds))
        elif key not in done:
            done.add(key)
            made.append(_call_line(value, groups[key], derived))
    return made


def _call_key(value: Any) -> Any:
    block, _, *form = value.params
    return id(region_of(block).plain), tuple(form), value.operands


def _call_line(value: Any, given: Mapping[int, str], derived: Mapping[int, Pulled]) -> Line:
    region = region_of(called(value))
    pulled = derived.get(id(region))
    if pulled is None:
        ports = tuple(range(len(region.plain.outputs)))
        return Line(tuple(given.get(k, "_") for k in ports), value, ports=ports)
    ports, bars = tuple(sorted(given)), pulled.bars(value.operands)
    return Line(tuple(given[k] for k in ports), value, False, pulled, bars, ports)


def _needed(lines: Sequence[Line], wanted: Sequence[str]) -> set[str]:
    """Return the names that some values are shown with, themselves included."""
    by_name = {name: line for line in lines for name in line.names if name != "_"}
    needed, stack = set(wanted), list(wanted)
    while stack:
        line = by_name.get(stack.pop())
        if line is None:
            continue
        given = [line.value] if line.through is None else line.bars
        for name in sorted({label(s) for value in given for s in value.free_symbols}):
            if name not in needed:
                needed.add(name)
                stack.append(name)
    return needed


# --- one page each ---


def block_page(region: Region, pulled: Pulled | None, derived: Mapping[int, Pulled]) -> Page:
    """Return the page of a block."""
    taken = {label(s) for s in region.symbols}
    outputs = _output_names(region, taken)
    forward = list(zip(outputs, region.outputs, strict=True))
    draft = Draft(region.nodes, forward, [])
    if pulled is not None:
        assert isinstance(pulled.derived, Derived)
        back = pulled.derived.region
        results = pulled.derived.results.items()
        names = [fresh(f"d{label(region.symbols[k])}", taken) for k, _ in results]
        wanted = [(n, back.outputs[place]) for n, (_, place) in zip(names, results, strict=True)]
        bars = back.symbols[len(region.inputs) :]
        shown = [fresh(f"d{outputs[k]}", taken) for k in pulled.derived.seeds]
        draft = Draft(back.nodes, forward, wanted)
        draft.symbols = {s: like(s, n) for s, n in zip(bars, shown, strict=True)}
    ahead, behind = draft.lines(derived, taken)
    return Page(region.name, _inputs(region), tuple(outputs), ahead, behind)


def _output_names(region: Region, taken: set[str]) -> list[str]:
    if len(region.outputs) == 1:
        return [fresh(ONLY, taken)]
    return [fresh(SEVERAL.format(k), taken) for k in range(len(region.outputs))]


def _inputs(region: Region) -> tuple[tuple[str, Any], ...]:
    return tuple((label(s), region.shape(n)) for s, n in zip(region.symbols, region.inputs,
                 strict=True))  # fmt: skip


def loop_page(
    region: Region, form: Any, pulled: Pulled | None, derived: Mapping[int, Pulled]
) -> Page:
    """Return the page of a loop: what one step computes at time t, and its pullback."""
    carries, streams = form.carries, form.streams
    names = [label(s) for s in region.symbols]
    taken = {*names, "t"}
    outputs = [f"{n}[t]" for n in names[:carries]]
    kept = len(region.outputs) - carries
    outputs += [f"{fresh('y', taken, k * (kept > 1))}[t]" for k in range(1, kept + 1)]
    forward = list(zip(outputs, region.outputs, strict=True))
    draft = Draft(region.nodes, forward, [])
    draft.symbols = _timed(region, carries, streams)
    if pulled is None:
        ahead, _ = draft.lines(derived, taken)
        return Page(region.name, _inputs(region), tuple(outputs), ahead, (), form)
    assert isinstance(pulled.derived, LinearLoop)
    draft.names = _names_of_kept(region, pulled.derived, outputs, carries, taken)
    ahead, _ = draft.lines(derived, taken)
    back = _backward(region, pulled.derived, draft, (carries, streams), taken)
    behind = sum(back.lines(derived, taken), ())
    return Page(region.name, _inputs(region), tuple(outputs), ahead, behind, form)


def _timed(region: Region, carries: int, streams: int) -> dict[Any, Any]:
    """Return symbols with their time: of carries the step before, of streams this one."""
    times = ["t-1"] * carries + ["t"] * streams
    pairs = zip(region.symbols, times, strict=False)
    return {s: like(s, f"{label(s)}[{time}]") for s, time in pairs}


def _names_of_kept(
    region: Region, loop: LinearLoop, outputs: Sequence[str], carries: int, taken: set[str]
) -> dict[int, str]:
    """Return names of the values of a step that its pullback reads."""
    forward, found = loop.parts.forward, {}
    of_outputs = dict(zip(reversed(region.outputs), reversed(outputs), strict=True))
    for place in loop.parts.kept:
        node = forward.outputs[place]
        gate = region.nodes.gates[node]
        if gate is not VARIABLE:
            found[node] = of_outputs.get(node) or fresh(gate.letter, taken)
    return found


def _backward(
    region: Region, loop: LinearLoop, draft: Draft, form: tuple[int, int], taken: set[str]
) -> Draft:
    """Return the pullback of a step: what comes back from t goes to t - 1."""
    carries, streams = form
    parts, linear = loop.parts, loop.parts.linear
    names = [label(s) for s in region.symbols]
    outputs = [name for name, _ in draft.forward]
    kept = [parts.forward.outputs[k] for k in parts.kept]
    inner = {**{n: k.name for n, k in _inner_symbols(region, draft)}, **draft.names}
    given = [
        *(f"d{names[k]}[t]" for k in loop.carried),
        *(f"sum of d{names[k]}" for k in loop.gathered),
        *(f"d{outputs[k]}" for k in loop.seeds),
        *(f"{names[k]}[t]" for k in parts.streams),
        *(inner[node] for node in kept),
        *(names[k] for k in parts.params),
    ]
    symbols = {s: like(s, n) for s, n in zip(linear.symbols, given, strict=True)}
    taken.update(name for name in given if name.endswith("]"))
    sums = {linear.inputs[len(loop.carried) + j] for j in range(len(loop.gathered))}
    wanted, adds = [], set()
    for k, place in loop.results.items():
        node = linear.outputs[place]
        time = "[t-1]" if k < carries else "[t]" if k < carries + streams else ""
        name = fresh(f"d{names[k]}{time}", taken)
        if k in loop.gathered:
            adds.add(name)
            node = _added(linear.nodes, node, sums)
        wanted.append((name, node))
    return Draft(linear.nodes, [], wanted, {}, symbols, frozenset(adds))


def _inner_symbols(region: Region, draft: Draft) -> list[tuple[int, Any]]:
    """Return the variables of a step with the symbols that stand for them."""
    pairs = zip(region.inputs, region.symbols, strict=True)
    return [(node, draft.symbols.get(s, s)) for node, s in pairs if hasattr(s, "name")]


def _added(nodes: Nodes, node: int, sums: set[int]) -> int:
    """Return what is added to a running sum."""
    if nodes.gates[node] is ADD:
        others = [a for a in nodes.args[node] if a not in sums]
        if len(others) == 1:
            return others[0]
    return node
