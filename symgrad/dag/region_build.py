"""From calls of blocks and loops to nodes that own the block's graph."""

from __future__ import annotations

from typing import Any

from sympy import Expr

from symgrad.dag.nodes import Nodes
from symgrad.dag.regions import Region, held_sizes
from symgrad.dag.size_leaves import with_sizes
from symgrad.errors import UnsupportedError
from symgrad.expr.matching import matched
from symgrad.rules import opaque


def region_of(builder: Any, block: Any) -> Region:
    """Return the region of a block."""
    return Region.of(block, lambda made: build_block(type(builder), made))


def build_block(make: Any, block: Any) -> Region:
    """Build the graph of a block; `make` is the class that builds tables."""
    nodes = Nodes()
    inputs = [nodes.variable(s, shape) for s, shape in zip(block.inputs, block.shapes, strict=True)]
    builder = make(nodes)
    outputs = [builder.build(o) for o in block.outputs]
    count = len(inputs)
    nodes, ports, _ = with_sizes(nodes, [*inputs, *outputs], {})
    return Region(block.name, nodes, tuple(ports[:count]), tuple(ports[count:]), block.sizes)


def combine_call(builder: Any, expr: Expr) -> int:
    """Build the call of a block: the node owns the block's graph."""
    block, index, *operands = expr.args
    payload = (region_of(builder, block), int(index))
    return int(builder.nodes.add(opaque.CALL, builder.values(operands), payload))


def combine_scan(builder: Any, expr: Expr) -> int:
    """Build a loop over a block: the node owns the block's graph and the step count."""
    block, index, length, *operands = expr.args
    payload = (region_of(builder, block), int(index), int(length))
    return int(builder.nodes.add(opaque.SCAN, builder.values(operands), payload))


def combine_tensors(builder: Any, operation: Any) -> int:
    """Build the call of a block of tensors, or a loop over one; operands bind its sizes."""
    block, index, *form = operation.params
    operands = builder.values(operation.operands)
    shapes = [builder.nodes.shapes.get(n, ()) for n in operands]
    first, last = (form[1], form[1] + form[2]) if form else (0, 0)
    slices = [s[1:] if first <= k < last else s for k, s in enumerate(shapes)]
    known = matched(f"block `{block.name}`", block.inputs, block.shapes, slices)
    region = region_of(builder, block)
    sizes = tuple(known[s] if s in known else _unread(region, s) for s in block.sizes)
    if not form:
        return int(builder.nodes.add(opaque.TENSOR_CALL, operands, (region, index, sizes)))
    length, carries, streams, backward = form
    made = opaque.ScanForm(length, carries, streams, backward, sizes)
    payload = (region, index, made)
    return int(builder.nodes.add(opaque.TENSOR_SCAN, operands, payload))


def _unread(region: Region, size: Any) -> int:
    """Return what stands for a size that the operands do not fix: nothing reads it.

    Raises
    ------
    UnsupportedError
        If something does.
    """
    if size in held_sizes(region.nodes):
        raise UnsupportedError(
            f"the size `{size}` of block `{region.name}` is in the shape of none of its inputs; "
            "ask for form='graph', where it is known"
        )
    return 1
