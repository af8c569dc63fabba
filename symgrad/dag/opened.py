"""Calls over tensors written out, and loops that compute the same joined, before numbers are run.

Nodes are interned, so what the pullback of a block shares with its value is computed once. A loop
and its other self that also keeps something for a derivative become one loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sympy import Expr, Integer

from symgrad.dag.nodes import VARIABLE, Grower, Nodes, reachable
from symgrad.dag.regions import Region, nested
from symgrad.errors import UnsupportedError
from symgrad.expr.matching import replaced
from symgrad.rules import einsums, opaque

MOST_NODES = 2_000_000  # of a table with all calls written out: some gigabytes
Table = tuple[Nodes, list[int]]


def opened(nodes: Nodes, outputs: Sequence[int]) -> Table:
    """Return a table without calls over tensors, and its outputs.

    Raises
    ------
    UnsupportedError
        If it would be too large.
    """
    if not any(g in opaque.OF_TENSORS for g in nodes.gates):
        return nodes, list(outputs)
    check_length(nodes, "the formula")
    made = Nodes()
    moved = copied(made, nodes, reachable(nodes, outputs), {}, {})
    return joined(made, [moved[o] for o in outputs])


def unrolled(region: Region, sizes: tuple[Any, ...]) -> Table:
    """Return a region's table and outputs with sizes bound and calls written out.

    The first nodes of the table are its inputs.
    """
    check_length(region.nodes, f"block `{region.name}`")
    made = Nodes()
    known = dict(zip(region.sizes, sizes, strict=True))
    shapes, _ = region.bound_shapes(sizes)
    pairs = zip(region.symbols, shapes, strict=True)
    operands = [made.variable(symbol, tuple(shape)) for symbol, shape in pairs]
    placed = dict(zip(region.inputs, operands, strict=True))
    moved = copied(made, region.nodes, reachable(region.nodes, region.outputs), placed, known)
    kept = joined(made, [*operands, *(moved[o] for o in region.outputs)])
    return kept[0], kept[1][len(operands) :]


def copied(
    made: Nodes,
    nodes: Nodes,
    mask: bytearray,
    placed: Mapping[int, int],
    sizes: Mapping[Any, Any],
) -> dict[int, int]:
    """Copy marked nodes into a table, calls written out; return where each went.

    Parameters
    ----------
    made : Nodes
        The table that grows.
    nodes, mask
        What is copied.
    placed : mapping of int to int
        Nodes that stand in the new table already.
    sizes : mapping
        What size symbols are.
    """
    moved = dict(placed)
    grower = Grower(made)
    calls: dict[Any, list[int]] = {}
    for node, gate in enumerate(nodes.gates):
        if not mask[node] or node in moved:
            continue
        payload = nodes.payloads[node]
        if gate is VARIABLE:
            moved[node] = made.variable(payload, nodes.shapes.get(node, ()))
            continue
        args = tuple([moved[a] for a in nodes.args[node]])
        if sizes and gate.shape is not None:
            payload = rebound(payload, sizes)
        if gate is einsums.SIZE and isinstance(payload, int):
            moved[node] = made.number(Integer(payload))
        elif gate is opaque.TENSOR_CALL:
            region, index, known = payload
            if (region, args, known) not in calls:
                calls[region, args, known] = _written(made, region, args, known)
            moved[node] = calls[region, args, known][index]
        else:
            moved[node] = (
                grower.apply(gate, args, payload) if sizes else made.add(gate, args, payload)
            )
    return moved


def _written(made: Nodes, region: Region, args: Sequence[int], sizes: Any) -> list[int]:
    """Write a block out at operands; blocks are nested at most a hundred deep."""
    placed = dict(zip(region.inputs, args, strict=True))
    known = dict(zip(region.sizes, sizes, strict=True))
    moved = copied(made, region.nodes, reachable(region.nodes, region.outputs), placed, known)
    return [moved[o] for o in region.outputs]


def check_length(nodes: Nodes, what: str) -> None:
    """Refuse a table that would be too long with its calls written out, before it is.

    Raises
    ------
    UnsupportedError
        If blocks that call blocks several times, many levels deep, are in it.
    """
    for region in nested(nodes):
        if "length" not in region.derived:
            region.derived["length"] = _length(region.nodes)
    if _length(nodes) > MOST_NODES:
        raise UnsupportedError(
            f"{what} has {_length(nodes):.3g} nodes with every call of its blocks written out, "
            f"more than {MOST_NODES:.3g}; repeat a block with `sg.scan`"
        )


def _length(nodes: Nodes) -> float:
    """Return how many nodes a table has with calls written out; those inside are counted."""
    rows = zip(nodes.gates, nodes.args, nodes.payloads, strict=True)
    calls = {(p[0], args, p[2]) for gate, args, p in rows if gate is opaque.TENSOR_CALL}
    inner: list[float] = [region.derived["length"] for region, _, _ in calls]
    return len(nodes) + sum(inner)


def rebound(value: Any, sizes: Mapping[Any, Any]) -> Any:
    """Return what a node carries with other sizes for size symbols; a region keeps its own."""
    if isinstance(value, tuple):
        return tuple([rebound(part, sizes) for part in value])
    if isinstance(value, opaque.ScanForm):
        length, own = rebound(value.length, sizes), rebound(value.sizes, sizes)
        return replace(value, length=length, sizes=own)
    if not isinstance(value, Expr):
        return value
    return replaced(value, sizes)


# --- loops that are one ---


def joined(nodes: Nodes, outputs: Sequence[int]) -> Table:
    """Return a table in which loops over one body that only keep different things are one loop."""
    families: dict[Any, list[Region]] = {}
    for node, gate in enumerate(nodes.gates):
        if gate is opaque.TENSOR_SCAN:
            region, _, form = nodes.payloads[node]
            family = families.setdefault((region.plain, nodes.args[node], form), [])
            if region not in family:
                family.append(region)
    if all(len(family) == 1 for family in families.values()):
        return nodes, list(outputs)
    made = Nodes()
    moved: list[int] = []
    for node, gate in enumerate(nodes.gates):
        args, payload = tuple([moved[a] for a in nodes.args[node]]), nodes.payloads[node]
        if gate is VARIABLE:
            moved.append(made.variable(payload, nodes.shapes.get(node, ())))
            continue
        if gate is opaque.TENSOR_SCAN:
            region, index, form = payload
            payload = (
                *_shared(families[region.plain, nodes.args[node], form], region, index),
                form,
            )
        moved.append(made.add(gate, args, payload))
    return made, [moved[o] for o in outputs]


def _shared(family: Sequence[Region], region: Region, index: int) -> tuple[Region, int]:
    """Return the region that gives all that a family gives, and where it gives an output."""
    count = len(region.plain.outputs)
    if index >= count:
        node = region.outputs[index]
    extra = tuple(dict.fromkeys(o for r in family for o in r.outputs[count:]))
    whole = extended(region.plain, extra)
    return whole, index if index < count else count + extra.index(node)


def extended(region: Region, extra: tuple[int, ...]) -> Region:
    """Return a region that also gives further nodes; always the same one."""
    if not extra:
        return region
    found: Region | None = region.derived.get(("keeping", extra))
    if found is None:
        outputs = (*region.outputs, *extra)
        made = Region(region.name, region.nodes, region.inputs, outputs, region.sizes, region)
        found = region.derived.setdefault(("keeping", extra), made)
    return found
