"""Derivatives of calls and loops over tensors: calls and loops of derived blocks.

The pull of a call is a call of the block's pullback, the pull of a loop a loop over the pullback of
its body that walks time from the other end. All outputs of a call or loop are pulled together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sympy import S

from symgrad.calculus.derived_blocks import (
    LinearLoop,
    Marks,
    call_pullback,
    call_tangent,
    loop_pullback,
    loop_tangent,
)
from symgrad.calculus.flow import Flow, settle
from symgrad.dag.nodes import Nodes
from symgrad.dag.regions import Region
from symgrad.dag.template import Algebra, T
from symgrad.registry import provide
from symgrad.rules import einsums, opaque
from symgrad.rules.row import Gate

Form = opaque.ScanForm


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
