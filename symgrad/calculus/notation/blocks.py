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
from symgrad.calculus.notation.vectorised import spell_vec
from symgrad.calculus.notation.view import View
from symgrad.dag.digraph import Graph
from symgrad.dag.opened import opened
from symgrad.errors import UnsupportedError

Blocks = list[list[Any]]


LAYOUTS = ("axes", "vec")


def jacobian_blocks(
    source: Graph, wrt: Sequence[int | None], kinks: str, layout: str = "axes"
) -> Blocks:
    """Return a block for each output and variable."""
    check_layout(layout)
    source, wrt = _without_calls(source, wrt)
    growth = Growth(source, kinks)
    return [_row(growth, output, wrt, layout) for output in source.outputs]


def hessian_blocks(
    source: Graph, wrt: Sequence[int | None], kinks: str, layout: str = "axes"
) -> Blocks:
    """Return a block for each pair of variables."""
    check_layout(layout)
    source, wrt = _without_calls(source, wrt)
    growth = Growth(source, kinks)
    bars = growth.pull({source.outputs[0]: growth.one()}, wrt)
    return [_row(growth, bar, wrt, layout) for bar in bars]


def check_layout(layout: str) -> None:
    """Refuse a layout that does not exist.

    Raises
    ------
    UnsupportedError
        If there is none of that name.
    """
    if layout not in LAYOUTS:
        raise UnsupportedError(f"layout={layout!r} is no layout; use {' or '.join(LAYOUTS)}")


def _without_calls(source: Graph, wrt: Sequence[int | None]) -> tuple[Graph, Sequence[int | None]]:
    """Return a graph with calls of blocks written out, and where the variables are in it."""
    known = [w for w in wrt if w is not None]
    nodes, ends = opened(source.nodes, [*source.outputs, *known])
    count = len(source.outputs)
    moved = dict(zip(known, ends[count:], strict=True))
    return Graph(nodes, ends[:count]), [None if w is None else moved[w] for w in wrt]


def _row(growth: Growth, output: int, wrt: Sequence[int | None], layout: str) -> list[Any]:
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
    found = [taken.taken_out(f) for f in forms]
    if layout == "axes":
        return [view.write(f) for f in found]
    speller = view.matrix_speller
    for form in found:
        speller.spell_parts(form)
    return [spell_vec(algebra, speller, f, len(shape)) for f in found]


class _Row:
    """The shape of a row, for `oriented`."""

    shape = (1, None)
