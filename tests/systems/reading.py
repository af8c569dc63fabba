"""An outline is read as a person reads it, and carried out with numbers, line by line.

Knows nothing of graphs or derivatives: what comes out is what the printed lines say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sympy import Integer

import symgrad as sg
from symgrad.calculus.derived_blocks import Derived
from symgrad.expr.symbols import label
from symgrad.show.outline_text import partners

Numbers = dict[str, Any]


@dataclass
class Visit:
    """One pass over a page: what its names are, and what happened inside each of its calls."""

    page: Any
    names: Numbers
    inside: dict[int, Any] = field(default_factory=dict)


def gradient_of(outline: Any, at: Mapping[str, Any]) -> Numbers:
    """Return the gradient by each parameter of an outline, by its lines alone."""
    pages = {(m.page.name, m.page.form is not None): m.page for m in outline.modules}
    visit = Visit(outline.modules[0].page, dict(at))
    forward(pages, visit)
    backward(pages, visit)
    return {name: visit.names[f"d{name}"] for name, _ in outline.parameters}


def value(visit: Visit, expr: Any) -> Any:
    """Return a formula's value; letters of sizes are what the page's inputs say."""
    sizes: dict[Any, Any] = {}
    for name, shape in visit.page.inputs:
        held = next((visit.names[n] for n in (name, f"{name}[t]", f"{name}[t-1]")
                     if n in visit.names), None)  # fmt: skip
        if held is not None:
            sizes |= {s: Integer(n) for s, n in zip(shape, np.shape(held), strict=True)
                      if getattr(s, "is_Symbol", False)}  # fmt: skip
    bound = expr.xreplace(sizes)
    symbols = [s for s in bound.free_symbols if str(s) in visit.names]
    return sg.evaluate(bound, {s: visit.names[str(s)] for s in symbols})


# --- forward ---


def forward(pages: Any, visit: Visit) -> None:
    for line in visit.page.forward:
        if line.call is None:
            visit.names[line.names[0]] = value(visit, line.value)
            continue
        operands = [value(visit, o) for o in line.value.operands]
        repeated = line.value.name == "scan"
        page, run = pages[line.call.name, repeated], loop if repeated else call
        found, visit.inside[id(line)] = run(pages, page, operands)
        visit.names |= dict(zip(line.names, found, strict=True))


def call(pages: Any, page: Any, operands: Sequence[Any]) -> tuple[list[Any], Visit]:
    inner = Visit(page, dict(zip([n for n, _ in page.inputs], operands, strict=True)))
    forward(pages, inner)
    return [inner.names[name] for name in page.outputs], inner


def loop(pages: Any, page: Any, operands: Sequence[Any]) -> tuple[list[Any], list[Visit]]:
    carries, streams = page.form.carries, page.form.streams
    names, now = [n for n, _ in page.inputs], list(operands[:carries])
    params = dict(zip(names[carries + streams :], operands[carries + streams :], strict=True))
    length = len(operands[carries]) if streams else int(page.form.length)
    visits = []
    for t in range(length):
        known = {f"{n}[t-1]": v for n, v in zip(names, now, strict=False)}
        cut = zip(names[carries:], operands[carries : carries + streams], strict=False)
        known |= {f"{n}[t]": v[t] for n, v in cut}
        visits.append(Visit(page, {**params, **known}))
        forward(pages, visits[-1])
        now = [visits[-1].names[name] for name in page.outputs[:carries]]
    kept = [np.stack([v.names[name] for v in visits]) for name in page.outputs[carries:]]
    return [*now, *kept], visits


# --- backward ---


def backward(pages: Any, visit: Visit) -> Numbers:
    """Carry out the lines that go back; return what `+=` adds."""
    page, added = visit.page, {}
    backs, _ = partners(page)
    ahead = {id(b): line for line, row in zip(page.forward, backs, strict=True) for b in row}
    for line in page.backward:
        if line.call is None:
            found = value(visit, line.value)
            target = added if line.adds else visit.names
            target[line.names[0]] = found
            continue
        pulled = line.through
        operands = [value(visit, o) for o in line.value.operands[: bars_end(pulled, line)]]
        inner = visit.inside[id(ahead[id(line)])]
        pull = pull_call if isinstance(pulled.derived, Derived) else pull_loop
        results = pull(pages, pulled, inner, line, visit, operands)
        places = {place: k for k, place in pulled.derived.results.items()}
        for name, port in zip(line.names, line.ports, strict=True):
            visit.names[name] = results[places[port]]
    return added


def bars_end(pulled: Any, line: Any) -> int:
    """Return up to which operand a pullback is given cotangents; of a block they stand last."""
    derived = pulled.derived
    if isinstance(derived, Derived):
        return 0
    return len(derived.carried) + len(derived.gathered) + len(derived.seeds)


def pull_call(
    pages: Any, pulled: Any, inner: Visit, line: Any, visit: Visit, operands: Any
) -> dict[int, Any]:
    page, symbols = inner.page, pulled.derived.region.symbols
    again = Visit(page, dict(inner.names), inner.inside)
    again.names |= {f"d{n}": np.zeros(np.shape(inner.names[n])) for n in page.outputs}
    for symbol, bar in zip(symbols[len(page.inputs) :], line.bars, strict=True):
        place = "".join(c for c in label(symbol) if c.isdigit())
        again.names[f"d{page.outputs[int(place or 0)]}"] = value(visit, bar)
    backward(pages, again)
    return {k: again.names[f"d{page.inputs[k][0]}"] for k in pulled.derived.results}


def pull_loop(
    pages: Any, pulled: Any, inner: Sequence[Visit], line: Any, visit: Visit, operands: Any
) -> dict[int, Any]:
    page, derived = inner[0].page, pulled.derived
    names, carries = [n for n, _ in page.inputs], page.form.carries
    first = len(derived.carried) + len(derived.gathered)
    now = {k: bar for k, bar in zip(derived.carried, operands, strict=False)}
    seeds = dict(zip(derived.seeds, operands[first:], strict=True))
    sums: dict[str, Any] = {}
    cuts: dict[str, list[Any]] = {}
    for t in range(len(inner) - 1, -1, -1):
        before = inner[t]
        again = Visit(page, dict(before.names), before.inside)
        for k, name in enumerate(page.outputs):
            zero = np.zeros(np.shape(before.names[name]))
            again.names[f"d{name}"] = now.get(k, zero) if k < carries else zero
        again.names |= {f"d{page.outputs[k]}": bar[t] for k, bar in seeds.items()}
        for name, found in backward(pages, again).items():
            sums[name] = sums.get(name, 0) + found
        now = {k: again.names[f"d{names[k]}[t-1]"] for k in derived.carried}
        for name in names[carries : carries + page.form.streams]:
            cuts.setdefault(name, []).insert(0, again.names.get(f"d{name}[t]"))
    return {
        k: now[k] if k < carries
        else np.stack(cuts[names[k]]) if names[k] in cuts
        else sums[f"d{names[k]}"]
        for k in derived.results
    }  # fmt: skip
