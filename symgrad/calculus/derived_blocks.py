"""Blocks and bodies of loops derived: their pullbacks and tangents, once for each use of them.

A derived block is kept by the region that it is derived from. A loop's parameters gather their
cotangents as carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symgrad.calculus.linear_loops import Body, Ports, Split, split
from symgrad.calculus.reverse import reverse
from symgrad.dag.nodes import dependents, reachable
from symgrad.dag.regions import Region
from symgrad.expr.symbols import label

Marks = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived block, where each result stands in its outputs, and what its last inputs are of.

    Those seeds are outputs of the block for cotangents, inputs for tangents.
    """

    region: Region
    results: Mapping[int, int]
    seeds: Marks


@dataclass(frozen=True, slots=True)
class LinearLoop:
    """A derived loop.

    Parameters
    ----------
    parts : Split
        The linear loop and what it reads.
    carried : tuple of int
        The carries of the forward loop whose cotangents or tangents are carried.
    gathered : tuple of int
        The parameters whose cotangents are carried behind those.
    seeds : tuple of int
        The kept outputs, or the operands, whose cotangents or tangents are read.
    results : mapping of int to int
        Operand (output) of the forward loop to output of the linear loop.
    """

    parts: Split
    carried: Marks
    gathered: Marks
    seeds: Marks
    results: Mapping[int, int]


# --- calls ---


def call_pullback(region: Region, wanted: Marks, seeded: Marks, kinks: str) -> Derived:
    """Return the block of the cotangents of some inputs, given those of some outputs.

    Its inputs are those of the block, then a cotangent for each seeded output.
    """
    key = ("pullback", wanted, seeded, kinks)
    found: Derived | None = region.derived.get(key)
    if found is None:
        body = Body(region, kinks)
        names = _called(region, seeded)
        bars = [body.variable(n, region.outputs[k]) for n, k in zip(names, seeded, strict=True)]
        pulled = _pulled(body, dict(zip(seeded, bars, strict=True)), wanted, kinks)
        found = _block(body, f"d{region.name}", bars, pulled, seeded)
        found = region.derived.setdefault(key, found)
    return found


def call_tangent(region: Region, moved: Marks, kinks: str) -> Derived:
    """Return the block of the tangents of the outputs, given those of some inputs."""
    key = ("pushed", moved, kinks)
    found: Derived | None = region.derived.get(key)
    if found is None:
        body = Body(region, kinks)
        inputs = [region.inputs[k] for k in moved]
        dots = [body.variable(f"{label(region.symbols[k])}_dot", region.inputs[k]) for k in moved]
        tangents = body.growth.tangents(
            dict(zip(inputs, dots, strict=True)), max(region.outputs, default=0)
        )
        pushed = {k: tangents[o] for k, o in enumerate(region.outputs) if o in tangents}
        found = _block(body, f"{region.name}'", dots, pushed, moved)
        found = region.derived.setdefault(key, found)
    return found


def _block(
    body: Body, name: str, fresh: Sequence[int], results: Mapping[int, int], seeds: Marks
) -> Derived:
    """Return a grown body as a block with further inputs and other outputs."""
    inputs, outputs = (*body.region.inputs, *fresh), tuple(results.values())
    made = Region(name, body.nodes, inputs, outputs, body.region.sizes)
    return Derived(made, {key: place for place, key in enumerate(results)}, seeds)


def _called(region: Region, outputs: Sequence[int]) -> list[str]:
    """Return what the cotangents of outputs are called."""
    single = len(region.outputs) == 1
    return ["dy" if single else f"dy{k}" for k in outputs]


def _pulled(
    body: Body, bars: Mapping[int, int], wanted: Sequence[int], kinks: str
) -> dict[int, int]:
    """Return the cotangent nodes of inputs, by place; an input that nothing reaches is absent."""
    region, growth = body.region, body.growth
    seeds: dict[int, int] = {}
    for place, bar in bars.items():
        node = region.outputs[place]
        seeds[node] = growth.add(seeds[node], bar) if node in seeds else bar
    if not seeds:
        return {}
    ends = [region.inputs[k] for k in wanted]
    found = reverse(body.nodes, range(body.count), seeds, ends, growth.grower, kinks=kinks)
    return {k: found[region.inputs[k]] for k in wanted if region.inputs[k] in found}


# --- loops ---


def loop_pullback(
    region: Region, form: tuple[int, int], wanted: Marks, seeded: Marks, kinks: str
) -> LinearLoop | None:
    """Return the loop of the cotangents of some operands; None where nothing reaches them."""
    key = ("loop pullback", form, wanted, seeded, kinks)
    if key not in region.derived:
        region.derived.setdefault(key, _loop_pullback(region, form, wanted, seeded, kinks))
    found: LinearLoop | None = region.derived[key]
    return found


def _loop_pullback(
    region: Region, form: tuple[int, int], wanted: Marks, seeded: Marks, kinks: str
) -> LinearLoop | None:
    carries, streams = form
    moving = _moving(region, carries, wanted)
    carried = tuple(k for k in _useful(region, carries, seeded) if k in moving)
    seeds = tuple(k for k in seeded if k >= carries)
    if not carried and not seeds:
        return None
    body = Body(region, kinks)
    names = body.output_names(carries)
    bars = {k: body.variable(f"d{names[k]}", region.outputs[k]) for k in (*carried, *seeds)}
    others = tuple(k for k in wanted if k >= carries)
    found = _pulled(body, bars, (*carried, *others), kinks)
    gathered = tuple(k for k in others if k >= carries + streams and k in found)
    sums = [body.variable(f"d{label(region.symbols[k])}", region.inputs[k]) for k in gathered]
    cut = tuple(k for k in others if k < carries + streams and k in found)
    outputs = [
        *(found[k] if k in found else body.growth.zero(region.outputs[k]) for k in carried),
        *(body.growth.add(s, found[k]) for s, k in zip(sums, gathered, strict=True)),
        *(found[k] for k in cut),
    ]
    ports = Ports((*(bars[k] for k in carried), *sums), tuple(bars[k] for k in seeds))
    parts = split(body, ports, outputs, form, f"d{region.name}")
    results = {k: place for place, k in enumerate((*carried, *gathered, *cut))}
    return LinearLoop(parts, carried, gathered, seeds, results)


def loop_tangent(region: Region, form: tuple[int, int], moved: Marks, kinks: str) -> LinearLoop:
    """Return the loop of the tangents of the outputs, given those of some operands."""
    key = ("loop pushed", form, moved, kinks)
    found: LinearLoop | None = region.derived.get(key)
    if found is None:
        found = region.derived.setdefault(key, _loop_tangent(region, form, moved, kinks))
    return found


def _loop_tangent(region: Region, form: tuple[int, int], moved: Marks, kinks: str) -> LinearLoop:
    carries, streams = form
    carried = tuple(k for k in _moving(region, carries, moved) if k < carries)
    others = tuple(k for k in moved if k >= carries)
    body = Body(region, kinks)
    dots = {
        k: body.variable(f"{label(region.symbols[k])}_dot", region.inputs[k])
        for k in (*carried, *others)
    }
    tangents = body.growth.tangents(
        {region.inputs[k]: dot for k, dot in dots.items()}, max(region.outputs, default=0)
    )
    kept = [k for k, o in enumerate(region.outputs) if k >= carries and o in tangents]
    outputs = [body.growth.or_zero(tangents, region.outputs[k]) for k in carried]
    outputs += [tangents[region.outputs[k]] for k in kept]
    cut = tuple(k for k in others if k < carries + streams)
    params = tuple(k for k in others if k >= carries + streams)
    ports = Ports(*(tuple(dots[k] for k in group) for group in (carried, cut, params)))
    parts = split(body, ports, outputs, form, f"{region.name}'")
    results = {k: place for place, k in enumerate((*carried, *kept))}
    return LinearLoop(parts, carried, params, cut, results)


def _moving(region: Region, carries: int, sources: Sequence[int]) -> list[int]:
    """Return the inputs that move with some operands: those, and the carries they reach."""
    moving = set(sources)
    nodes, top = region.nodes, len(region.nodes) - 1
    while True:
        mask = dependents(nodes, [region.inputs[k] for k in moving], top)
        fresh = {k for k in range(carries) if mask[region.outputs[k]]} - moving
        if not fresh:
            return sorted(moving)
        moving |= fresh


def _useful(region: Region, carries: int, seeded: Sequence[int]) -> list[int]:
    """Return the carries on which some outputs of a loop depend."""
    useful = set(seeded)
    while True:
        mask = reachable(region.nodes, [region.outputs[k] for k in useful])
        fresh = {k for k in range(carries) if mask[region.inputs[k]]} - useful
        if not fresh:
            return sorted(k for k in useful if k < carries)
        useful |= fresh
