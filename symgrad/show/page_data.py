"""The record of a page: everything that it shows and runs, as JSON, from the account of a run.

`symgrad/show/web/src/data.ts` describes the same record for the page. The record is data: names
and formulas are text in it, and stay text on the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symgrad.dag.digraph import Graph, graph
from symgrad.dag.express import write_all
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.matrices import facts_of
from symgrad.expr.printer import text
from symgrad.expr.reader import Parsed, parse
from symgrad.numeric.execution import Run
from symgrad.show.account import Account, account
from symgrad.show.alone import REFUSED
from symgrad.show.page_blocks import written_out
from symgrad.show.page_gates import LARGEST, Record, Teller, formula_record, said
from symgrad.show.page_groups import folded
from symgrad.show.page_program import RefusedError, Writer

SCHEMA = 1
CLOSED = 60  # gates up to which the inputs' closed forms are shown
INPUTS = 12  # inputs up to which they have closed forms
LONG = 600  # characters of a formula that is shown whole
SIMPLE = frozenset({"relu", "log1p", "expm1", "leaky_relu", "elu", "hypot"})


def record(
    f: Any,
    at: Mapping[Any, Any] | None,
    *,
    known: frozenset[str],
    title: str = "",
    kinks: str = "min_norm",
) -> Record:
    """Return the record of a formula at a point.

    Parameters
    ----------
    f : str, Expr, Parsed, Graph or Run
        One scalar formula, or a run of one.
    at : mapping of name or symbol to number or array, optional
        The point; without one a page of scalars waits for numbers.
    known : frozenset of str
        The gates that the page has kernels for.
    title : str
        What stands before the formula.
    kinks : str
        What the derivative is where it does not exist.

    Raises
    ------
    ShapeError
        If there are several outputs, a batch of points, or tensors without a point.
    """
    if isinstance(f, Run):
        at, kinks = _point(f), f.policy
    source = f.graph if isinstance(f, Run) else graph(f)
    told = account(source, at, collapsed=None, kinks=kinks)
    _check(told)
    try:
        found = _computing(source, told, at, known)
    except RefusedError as error:
        found = Teller(told, [], str(error), Writer(known, kinks)).gates()
    whole = _whole(f, told)
    _close(found, told)
    return {
        "schema": SCHEMA,
        "title": title,
        "source": f if isinstance(f, str) else whole["text"],
        "formula": whole,
        "policy": kinks,
        **found,
    }


def _point(made: Run) -> dict[Any, Any]:
    nodes = made.graph.input_nodes
    return {s: made.values[n] for s, n in zip(made.graph.inputs, nodes, strict=True)}


def _check(told: Account) -> None:
    """Refuse what no page shows."""
    if len(told.outputs) != 1 or told.outputs[0] in told.nodes.shapes:
        raise ShapeError("a page is of one scalar; give one output, such as a loss")
    if told.run is None and told.nodes.shapes:
        raise ShapeError("a page of tensors needs numbers: give `at=`, from which sizes are read")
    if told.run is not None:
        for node, value in enumerate(told.run.values):
            if np.iscomplexobj(value):
                raise UnsupportedError("a page shows real numbers; this point is complex")
            if np.shape(value) and node not in told.nodes.shapes:
                raise ShapeError("a page is of one point, but a batch was given; take one of them")


def _computing(
    source: Graph, told: Account, at: Mapping[Any, Any] | None, known: frozenset[str]
) -> Record:
    """Return what a page needs that computes by itself, with every composite expandable."""
    if any(np.size(v) > LARGEST for v in (told.run.values if told.run else ())):
        raise RefusedError(f"an array has more than {LARGEST} entries")
    if any(facts_of(s) for s in told.graph.inputs):
        raise RefusedError("an input has declared facts, on whose space gradients are projected")
    bare, blocks = written_out(told.graph)
    if blocks:
        at = at if told.run is None else _point(told.run)
        told = account(bare, at, collapsed=None, kinks=told.policy)
    written = frozenset(told.nodes.gates[g.node].name for g in told.gates if g.kind == "composite")
    spread = told
    if written - SIMPLE and not blocks:
        spread = account(source.expand(written - SIMPLE), at, collapsed=None, kinks=told.policy)
    groups = folded(spread)
    if any(not g.closable for g in groups) and spread is not told:
        spread, groups = told, folded(told)
    groups = [g for g in groups if g.closable]
    for group in groups:
        group.open = group.name not in written
    return Teller(spread, groups, "", Writer(known, told.policy), blocks).gates()


def _close(found: Record, told: Account) -> None:
    """Write the closed form of the gradient by each input, composites by their names."""
    if len(told.visible) > CLOSED or len(told.graph.inputs) > INPUTS:
        return
    folded_up = Account(told.graph.collapse(), None, told.policy)
    nodes = {folded_up.by_node[n].label: n for n in folded_up.graph.input_nodes}
    for entry in found["inputs"]:
        form = folded_up.gradient(nodes[entry["name"]]) if entry["name"] in nodes else None
        if form is not None:
            found["gates"][entry["gate"]]["closed"] = _short(form)


def _short(form: Any) -> Record | None:
    """Return a formula that is not too long, or None."""
    try:
        return formula_record(form) if len(text(form)) <= LONG else None
    except REFUSED:
        return None


def _whole(f: Any, told: Account) -> Record:
    """Return the formula of the output, or its name where that is long."""
    label = told.by_node[told.outputs[0]].label
    if len(told.visible) > CLOSED:
        return said(label)
    try:
        found = parse(f) if isinstance(f, str) else f
        if isinstance(found, Parsed):
            found = found.expr
        elif isinstance(found, (Graph, Run)):
            (found,) = write_all(told.nodes, told.outputs)
        return formula_record(found) if len(text(found)) <= LONG else said(label)
    except REFUSED:
        return said(label)
