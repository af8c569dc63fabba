"""Derivatives of calls and loops over tensors: calls and loops of derived blocks.

The pull of a call is a call of the block's pullback, the pull of a loop a loop over the pullback of
its body that walks time from the other end; each is derived once and kept by the region.
Parameters gather their cotangents as carries. All outputs of a call or loop are pulled together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import S

from symgrad.calculus.flow import Flow, settle
from symgrad.calculus.linear_loops import Body, Ports, Split, split
from symgrad.calculus.reverse import reverse
from symgrad.dag.nodes import Nodes, dependents, reachable
from symgrad.dag.regions import Region
from symgrad.dag.template import Algebra, T
from symgrad.expr.symbols import label
from symgrad.registry import provide
from symgrad.rules import einsums, opaque
from symgrad.rules.row import Gate

Form = opaque.ScanForm
Marks = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived block, and where each result stands in its outputs."""

    region: Region
    results: Mapping[int, int]


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
        found = _block(body, f"d{region.name}", bars, pulled)
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
        found = _block(body, f"{region.name}'", dots, pushed)
        found = region.derived.setdefault(key, found)
    return found


def _block(body: Body, name: str, fresh: Sequence[int], results: Mapping[int, int]) -> Derived:
    """Return a grown body as a block with further inputs and other outputs."""
    inputs, outputs = (*body.region.inputs, *fresh), tuple(results.values())
    made = Region(name, body.nodes, inputs, outputs, body.region.sizes)
    return Derived(made, {key: place for place, key in enumerate(results)})


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


# --- the walks' rules ---


@provide("regions.pull")
def pull(
    nodes: Nodes,
    node: int,
    primal: Sequence[T],
    bars: Mapping[int, T],
    active: Any,
    algebra: Algebra[T],
    kinks: str,
) -> Iterator[tuple[int, Flow[T]]]:
    """Hand the cotangents of the outputs of a call or loop to its operands, all at once."""
    args = nodes.args[node]
    region, _, rest = nodes.payloads[node]
    operands = [primal[a] for a in args]
    wanted = tuple(k for k, a in enumerate(args) if active[a])
    rule = pull_call if nodes.gates[node] is opaque.TENSOR_CALL else pull_loop
    found = rule(algebra, region, rest, operands, wanted, dict(sorted(bars.items())), kinks)
    for k, value in found.items():
        yield args[k], (1, value, None)


def pull_call(
    algebra: Algebra[T],
    region: Region,
    sizes: Any,
    operands: Sequence[T],
    wanted: Marks,
    bars: Mapping[int, T],
    kinks: str,
) -> dict[int, T]:
    """Call the block's pullback."""
    derived = call_pullback(region, wanted, tuple(bars), kinks)
    given = (*operands, *bars.values())
    values = outputs_of(algebra, opaque.TENSOR_CALL, given, derived.region, sizes)
    return {k: values[place] for k, place in derived.results.items()}


def pull_loop(
    algebra: Algebra[T],
    region: Region,
    form: Form,
    operands: Sequence[T],
    wanted: Marks,
    bars: Mapping[int, T],
    kinks: str,
) -> dict[int, T]:
    """Walk the loop's pullback from the end of time."""
    counts = (form.carries, form.streams)
    found = loop_pullback(region, counts, wanted, tuple(bars), kinks)
    if found is None:
        return {}
    shapes, _ = region.bound_shapes(form.sizes)
    starts = [bars[k] if k in bars else zeros(algebra, shapes[k]) for k in found.carried]
    starts += [zeros(algebra, shapes[k]) for k in found.gathered]
    seeds = [bars[k] for k in found.seeds]
    backward = replace(form, backward=not form.backward)
    values = _run(algebra, region, form, backward, operands, found, (starts, seeds, []))
    return {k: values[place] for k, place in found.results.items() if k in wanted}


@provide("regions.push")
def push(
    nodes: Nodes,
    node: int,
    primal: Sequence[T],
    dots: Mapping[int, Flow[T]],
    algebra: Algebra[T],
    kinks: str,
) -> list[Flow[T]]:
    """Return the tangent of one output of a call or loop; outputs share what computes it."""
    args = nodes.args[node]
    _, index, rest = nodes.payloads[node]
    region = _widest(nodes, node, len(primal))
    operands = [primal[a] for a in args]
    moved = tuple(k for k, a in enumerate(args) if a in dots)
    tangents = {k: settle(algebra, dots[args[k]]) for k in moved}
    rule = push_call if nodes.gates[node] is opaque.TENSOR_CALL else push_loop
    found = rule(algebra, region, rest, operands, tangents, index, kinks)
    return [] if found is None else [(1, found, None)]


def _widest(nodes: Nodes, node: int, count: int) -> Region:
    """Return the region of a node, or one that extends it over the same operands.

    So the tangents of a loop, and of what it keeps for a derivative, are one loop. Only nodes that
    stand before the walk, the first `count`, are looked at.
    """
    gate, args = nodes.gates[node], nodes.args[node]
    region, _, rest = nodes.payloads[node]
    wider = [r for key, r in region.derived.items() if type(key) is tuple and key[0] == "keeping"]
    firsts = {r: nodes.find(gate, args, (r, 0, rest)) for r in wider}
    there = [r for r, first in firsts.items() if first is not None and first < count]
    found: Region = max([region, *there], key=lambda r: len(r.outputs))
    return found


def push_call(
    algebra: Algebra[T],
    region: Region,
    sizes: Any,
    operands: Sequence[T],
    dots: Mapping[int, T],
    index: int,
    kinks: str,
) -> T | None:
    """Call the block's tangent."""
    derived = call_tangent(region, tuple(dots), kinks)
    if index not in derived.results:
        return None
    given = (*operands, *dots.values())
    payload = (derived.region, derived.results[index], sizes)
    return algebra.apply(opaque.TENSOR_CALL, given, payload)


def push_loop(
    algebra: Algebra[T],
    region: Region,
    form: Form,
    operands: Sequence[T],
    dots: Mapping[int, T],
    index: int,
    kinks: str,
) -> T | None:
    """Run the loop of tangents beside the loop."""
    found = loop_tangent(region, (form.carries, form.streams), tuple(dots), kinks)
    if index not in found.results:
        return None
    shapes, _ = region.bound_shapes(form.sizes)
    starts = [dots[k] if k in dots else zeros(algebra, shapes[k]) for k in found.carried]
    seeds, params = ([dots[k] for k in group] for group in (found.seeds, found.gathered))
    values = _run(algebra, region, form, form, operands, found, (starts, seeds, params))
    return values[found.results[index]]


def _run(
    algebra: Algebra[T],
    region: Region,
    form: Form,
    other: Form,
    operands: Sequence[T],
    found: LinearLoop,
    ports: tuple[list[T], list[T], list[T]],
) -> list[T]:
    """Return the outputs of a linear loop over what the forward loop keeps."""
    parts = found.parts
    starts, seeds, params = ports
    kept = (
        outputs_of(algebra, opaque.TENSOR_SCAN, operands, parts.forward, form) if parts.kept else []
    )
    streams = [*seeds, *(operands[k] for k in parts.streams), *(kept[k] for k in parts.kept)]
    given = (*starts, *streams, *(operands[k] for k in parts.params), *params)
    linear = replace(other, carries=len(starts), streams=len(streams))
    return outputs_of(algebra, opaque.TENSOR_SCAN, given, parts.linear, linear)


def outputs_of(
    algebra: Algebra[T], gate: Gate, args: Sequence[T], region: Region, rest: Any
) -> list[T]:
    """Return all outputs of a call or loop; numbers are computed once."""
    bundle = getattr(algebra, "bundle", None)
    if bundle is not None:
        return list(bundle(gate, tuple(args), (region, rest)))
    count = len(region.outputs)
    return [algebra.apply(gate, tuple(args), (region, k, rest)) for k in range(count)]


def zeros(algebra: Algebra[T], shape: Sequence[Any]) -> T:
    """Return zeros of a shape."""
    zero = algebra.number(S.Zero)
    return einsums.broadcast(algebra, zero, tuple(shape)) if shape else zero
