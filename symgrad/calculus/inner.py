"""Derived regions: the partials of a block's output, and a loop body that carries tangents."""

from __future__ import annotations

from typing import Any

from sympy import Dummy, Expr

from symgrad.calculus.derivatives import diff
from symgrad.calculus.growth import Growth
from symgrad.calculus.notation.view import closed_tensors
from symgrad.dag.digraph import Graph
from symgrad.dag.regions import Region
from symgrad.registry import provide


@provide("expression.partial")
def expression_partial(expr: Expr, by: Expr, kinks: str) -> Expr:
    """Return the closed partial of the body of a sum, a product or an integral."""
    return diff(expr, by, kinks=kinks)


@provide("region.outputs")
def region_outputs(region: Region) -> list[Any]:
    """Return the values of a block as expressions of its inputs."""
    return closed_tensors(region.nodes, region.outputs)


@provide("region.partials")
def region_partials(region: Region, output: int, kinks: str) -> Region:
    """Return the region whose outputs are the partials of one output; always the same one."""
    key = ("partials", output, kinks)
    found: Region | None = region.derived.get(key)
    if found is None:
        growth = Growth(Graph(region.nodes, region.outputs), kinks)
        bars = growth.pull({region.outputs[output]: growth.one()}, region.inputs)
        name = f"d{region.name}" if len(region.outputs) == 1 else f"d{region.name}_{output}"
        made = Region(name, growth.nodes, region.inputs, tuple(bars))
        found = region.derived.setdefault(key, made)
    return found


@provide("region.tangent")
def region_tangent(region: Region, param: int | None, kinks: str) -> Region:
    """Return the body over carries, their tangents and parameters.

    Parameters
    ----------
    region : Region
        The body of the loop.
    param : int or None
        The input whose own tangent is 1 in every step; None where only carries move.
    kinks : str
        The policy where a gate has no derivative.
    """
    key = ("tangent", param, kinks)
    found: Region | None = region.derived.get(key)
    if found is None:
        growth = Growth(Graph(region.nodes, region.outputs), kinks)
        count = len(region.outputs)
        carried = [growth.nodes.payloads[i] for i in region.inputs[:count]]
        dots = [growth.nodes.variable(Dummy(f"{symbol}_dot")) for symbol in carried]
        moved = dict(zip(region.inputs[:count], dots, strict=True))
        if param is not None:
            moved[region.inputs[param]] = growth.one()
        tangents = growth.push(moved, region.outputs)
        inputs = (*region.inputs[:count], *dots, *region.inputs[count:])
        outputs = (*region.outputs, *tangents)
        moving = "" if param is None else f"_{growth.nodes.payloads[region.inputs[param]]}"
        name = f"{region.name}'{moving}"
        made = Region(name, growth.nodes, inputs, outputs)
        found = region.derived.setdefault(key, made)
    return found
