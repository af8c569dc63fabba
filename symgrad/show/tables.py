"""Tables and trees of runs, and tables of checks.

A row a node: where its value comes from, and its gradient as local × upstream, with the sum
spelled out where wires fork. All of it is read from the account of the run.
"""

from __future__ import annotations

import numpy as np

from symgrad.expr.dims import described
from symgrad.expr.printer import text
from symgrad.numeric.execution import Run
from symgrad.numeric.report import CheckReport
from symgrad.registry import provide
from symgrad.show.account import Account, GateAccount, Path, account
from symgrad.show.escape import visible
from symgrad.show.sheet import UNREACHED, Sheet, shown, total

HEAD = 200  # rows that are printed unless more are asked for
COLUMNS = ("node", "from", "value", "gradient = local × upstream")
MOST_PATHS = 8  # summands that are spelled out
DEEPEST = 24  # levels of a tree; deeper ones are a line of their own further down


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
    told = account(run)
    kept = told.gates if rows is None else told.gates[:rows]
    shaped = any(gate.shape for gate in kept)
    with np.errstate(all="ignore"):
        made = tuple(_row(gate, digits, shaped=shaped) for gate in kept)
    notes = _notes(told, digits)
    if len(kept) < len(told.gates):
        more = len(told.gates) - len(kept)
        notes.append(f"{more} more nodes; .table(rows=None) shows them all")
    columns = (COLUMNS[0], "shape", *COLUMNS[1:]) if shaped else COLUMNS
    return Sheet(columns, made, tuple(notes), frozenset({columns.index("value")}))


def _row(gate: GateAccount, digits: int, *, shaped: bool) -> tuple[str, ...]:
    value, arrives = shown(gate.value, digits), arriving(gate, digits)
    sizes = (described_shape(gate),) if shaped else ()
    return gate.label, *sizes, gate.formula or gate.kind, value, arrives


def described_shape(gate: GateAccount) -> str:
    """Return the sizes of a node as `3 × 4`; nothing for a scalar."""
    return described(gate.shape) if gate.shape else ""


def arriving(gate: GateAccount, digits: int) -> str:
    """Return how a node's gradient is made: local × upstream, summed over the paths."""
    if gate.account.nodes.constant[gate.node] and gate.grad is None:
        return "— (constant)"
    found = shown(gate.grad, digits)
    if gate.node in gate.account.outputs:
        return "1 (seed)" if not gate.paths else f"1 (seed) = {found}"
    if not gate.paths:
        return f"0 ({UNREACHED})"
    spelled = gate.paths if len(gate.paths) <= MOST_PATHS else gate.paths[:MOST_PATHS]
    terms = [product(path, digits) for path in spelled]
    more = f" + ... ({len(gate.paths)} paths)" if len(spelled) < len(gate.paths) else ""
    if len(terms) == 1 or any(path.wire.is_map for path in spelled):
        made = f", made {gate.declared}:" if gate.declared else " ="
        return f"{total(terms)}{more}{made} {found}"
    sums = [shown(path.product, digits) for path in spelled]
    return f"{' + '.join(terms)}{more} = {total(sums)}{more and ' + ...'} = {found}"


def product(path: Path, digits: int) -> str:
    """Return what arrives along one path: two numbers, or for tensors a formula."""
    if not path.wire.is_map:
        return f"{shown(path.local, digits)} × {shown(path.upstream, digits)}"
    formula = path.wire.contribution
    if path.wire.gate.kind in ("block", "loop"):
        return f"back through {path.wire.gate.symbol}"
    return shown(path.product, digits) if formula is None else str(text(formula))


def _notes(told: Account, digits: int) -> list[str]:
    notes, run = [], told.run
    assert run is not None
    for node in run.kinks:
        name = told.nodes.gates[node].name
        label = text(told.graph.labels[node])
        notes.append(f"kink: `{name}` at {label} has no derivative here; policy {run.policy}")
    bad = run.nonfinite
    if bad is not None:
        label, value = text(told.graph.labels[bad]), shown(run.value[bad], digits)
        notes.append(f"first inf or nan: {label} = {told.text(bad)} = {value}")
    return notes


@provide("run.tree")
def run_tree(run: Run, *, digits: int = 6, rows: int | None = HEAD) -> str:
    """Return the tree of a run: the output, below it what it is made of; shared nodes once.

    Parameters
    ----------
    run : Run
        The run.
    digits : int
        Significant digits.
    rows : int or None
        Most lines; None for all.
    """
    told = account(run)
    lines: list[str] = []
    told_already: set[int] = set()
    # What waits: a node, the lines before its branch, whether it is the last one, and its wire.
    waiting: list[tuple[int, str, str, str]] = [(o, "", "", "") for o in reversed(told.outputs)]
    while waiting and (rows is None or len(lines) < rows):
        node, before, branch, local = waiting.pop()
        gate = told.by_node[node]
        again = node in told_already and bool(gate.wires)
        lines.append(f"{before}{branch}{_leaf(gate, local, digits, again=again)}")
        told_already.add(node)
        if again:
            continue
        below = before + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        if len(below) > 3 * DEEPEST:
            lines[-1] += "  …" if gate.wires else ""
            continue
        for wire in reversed(gate.wires):
            mark = "└─ " if wire is gate.wires[-1] else "├─ "
            number = None if wire.is_map else wire.number
            waiting.append(
                (wire.source, below, mark, "" if number is None else shown(number, digits))
            )
    if waiting:
        lines.append(f"... {len(told.gates)} nodes in all; .tree(rows=None) shows them all")
    return "\n".join(map(visible, lines))


def _leaf(gate: GateAccount, local: str, digits: int, *, again: bool) -> str:
    """Return one node of a tree: its formula, value and gradient, and the local one on its wire."""
    wire = f"({local}) " if local else ""
    if again:
        return f"{wire}{gate.label} (above)"
    formula = f" = {gate.formula}" if gate.formula else ""
    grad = "" if gate.grad is None else f"   gradient {shown(gate.grad, digits)}"
    value = "" if gate.kind == "constant" else f" = {shown(gate.value, digits)}"
    return f"{wire}{gate.label}{formula}{value}{grad}"


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
