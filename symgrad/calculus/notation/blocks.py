"""Jacobians and Hessians of tensor formulas, with their structure kept symbolic.

`J[i, j] = ∂F_i/∂x_j`: the axes of the output come first, then those of the variable. The Hessian is
the Jacobian of the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Dummy

from symgrad.calculus.growth import Growth
from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.linear import Probe
from symgrad.calculus.notation.read import Reader
from symgrad.calculus.notation.view import View
from symgrad.dag.digraph import Graph

Blocks = list[list[Any]]


def jacobian_blocks(source: Graph, wrt: Sequence[int | None], kinks: str) -> Blocks:
    """Return a block for each output and variable."""
    growth = Growth(source, kinks)
    return [_row(growth, output, wrt) for output in source.outputs]


def hessian_blocks(source: Graph, wrt: Sequence[int | None], kinks: str) -> Blocks:
    """Return a block for each pair of variables."""
    growth = Growth(source, kinks)
    bars = growth.pull({source.outputs[0]: growth.one()}, wrt)
    return [_row(growth, bar, wrt) for bar in bars]


def _row(growth: Growth, output: int, wrt: Sequence[int | None]) -> list[Any]:
    """Return the Jacobians of one node."""
    nodes = growth.nodes
    shape = nodes.shapes.get(output, ())
    probe = Dummy("w") if shape else None
    seed = nodes.variable(probe, shape) if shape else growth.one()
    bars = growth.pull({output: seed}, wrt)
    algebra = Algebra()
    forms = Reader(nodes, algebra).read(bars)
    view = View(nodes, algebra)
    if not shape:
        return [view.write(f, _Row if len(algebra.shape(f)) == 1 else None) for f in forms]
    taken = Probe(algebra, probe, shape)
    return [view.write(taken.taken_out(f)) for f in forms]


class _Row:
    """The shape of a row, for `oriented`."""

    shape = (1, None)
