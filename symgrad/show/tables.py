"""Tables of runs and checks.

A row a node: where its value comes from, and its gradient as local × upstream, with the sum
spelled out where wires fork.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.calculus.reverse import consumers
from symgrad.dag.express import LITERAL, write
from symgrad.dag.nodes import CONSTANT, VARIABLE
from symgrad.expr.printer import text
from symgrad.numeric.execution import Run
from symgrad.numeric.report import CheckReport
from symgrad.registry import provide
from symgrad.show.sheet import Sheet, shown, total

HEAD = 200  # rows that are printed unless more are asked for


@provide("run.table")
def run_table(run: Run, *, digits: int = 6, rows: int | None = HEAD) -> Sheet:
    """Return the table of a run.

    Parameters
    ----------
    run : Run
        The run.
    digits : int
        Significant digits.
    rows : int or None
        Most rows; None for all.
    """
    source = run.graph
    nodes = [n for n, gate in enumerate(source.nodes.gates) if gate is not CONSTANT]
    kept = nodes if rows is None else nodes[:rows]
    readers = consumers(source.nodes, set(kept))
    with np.errstate(all="ignore"):
        made = tuple(_run_row(run, node, readers.get(node, []), digits) for node in kept)
    notes = _run_notes(run, digits)
    if len(kept) < len(nodes):
        notes.append(f"{len(nodes) - len(kept)} more nodes; .table(rows=None) shows them all")
    return Sheet(
        ("node", "from", "value", "gradient = local × upstream"), made, tuple(notes), frozenset({2})
    )


def _run_row(run: Run, node: int, readers: list[tuple[int, int]], digits: int) -> tuple[str, ...]:
    label = text(run.graph.labels[node])
    value = shown(run.value[node], digits)
    return label, origin(run.graph, node), value, _gradient(run, node, readers, digits)


def origin(source: Any, node: int) -> str:
    """Return how a node is made of its neighbours' names, or "input"."""
    nodes = source.nodes
    if nodes.gates[node] is VARIABLE:
        return "input"
    operands = [source.labels[a] for a in nodes.args[node]]
    if nodes.gates[node].shape is not None:
        return f"{nodes.gates[node].name}({', '.join(map(text, operands))})"
    return str(text(write(nodes.gates[node], operands, nodes.payloads[node], LITERAL)))


def _gradient(run: Run, node: int, readers: list[tuple[int, int]], digits: int) -> str:
    source = run.graph
    if source.nodes.constant[node]:
        return "— (constant)"
    if node == source.outputs[0]:
        return "1 (seed)" if not readers else f"1 (seed) = {shown(run.grad[node], digits)}"
    terms, sums = [], []
    if node in source.nodes.shapes or any(reader in source.nodes.shapes for reader, _ in readers):
        return shown(run.grad[node], digits)  # local Jacobians of tensors are not shown
    for reader, position in readers:
        if not run.reaches(reader):
            continue
        local, upstream = run.local_partial(reader, position), run.grad[reader]
        terms.append(f"{shown(local, digits)} × {shown(upstream, digits)}")
        sums.append(shown(local * upstream, digits))
    if not terms:
        return "0 (the output does not depend on it)"
    found = shown(run.grad[node], digits)
    if len(terms) == 1:
        return f"{terms[0]} = {found}"
    return f"{' + '.join(terms)} = {total(sums)} = {found}"


def _run_notes(run: Run, digits: int) -> list[str]:
    notes = []
    for node in run.kinks:
        name = run.graph.nodes.gates[node].name
        label = text(run.graph.labels[node])
        notes.append(f"kink: `{name}` at {label} has no derivative here; policy {run.policy}")
    bad = run.nonfinite
    if bad is not None:
        label, value = text(run.graph.labels[bad]), shown(run.value[bad], digits)
        notes.append(f"first inf or nan: {label} = {origin(run.graph, bad)} = {value}")
    return notes


@provide("check.table")
def check_table(report: CheckReport, *, digits: int = 6) -> Sheet:
    """Return the table of a gradient check.

    Parameters
    ----------
    report : CheckReport
        The report.
    digits : int
        Significant digits.
    """
    rows = tuple(
        (
            e.name,
            shown(e.analytic, digits),
            shown(e.numeric, digits),
            f"{e.error:.1e}",
            f"{e.verdict}: {e.note}" if e.note else e.verdict,
        )
        for e in report.entries
    )
    notes = [] if rows else ["the formula has no variables: nothing to check"]
    notes += [f"kink exactly here: {k}" for k in report.kinks]
    for step, errors in report.sweep.items():
        notes.append(f"step {step:.0e}: " + ", ".join(f"{n} {e:.1e}" for n, e in errors.items()))
    columns = ("variable", "symbolic", f"numeric ({report.method})", "relative error", "verdict")
    return Sheet(columns, rows, tuple(notes), frozenset({1, 2, 3}))
