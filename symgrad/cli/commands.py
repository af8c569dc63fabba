"""The commands of the engine: `run`, `grad`, `diff`, `check`, `stats` and `compile`."""

from __future__ import annotations

import math
from typing import Any

import click
import numpy as np
from sympy import Expr, MatrixSymbol

from symgrad.calculus import closed, cost, derivatives
from symgrad.cli.options import (
    SETTINGS,
    Command,
    guarded,
    main,
    print_json,
    print_sheet,
    read,
    taken,
    taking,
    write,
)
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import FormTooLargeError
from symgrad.expr.printer import text
from symgrad.expr.symbols import label
from symgrad.numeric import check as checking
from symgrad.numeric.execution import Run, run
from symgrad.numeric.report import CheckReport
from symgrad.numeric.written import written
from symgrad.show import arguments
from symgrad.show.formulas import derivative_name, lines, partial_name
from symgrad.show.sheet import shown

READABLE = 2_000  # nodes of an expanded form past which the command prints the let-form
LISTED = 24  # entries of an array that `grad` prints one by one


@main.command("run", cls=Command, context_settings=SETTINGS)
@taking("shape", "assume", "at", "wrt", "format", "digits", "kinks", "method", "step", "tree")
@guarded
def run_command(
    at: str, wrt: str, style: str, digits: int, kinks: str, tree: bool, **options: Any
) -> int:
    """Compute every value and gradient, one row a node, then check the gradients."""
    source, point = graph(taken(options)), arguments.point(at)
    made = run(source, point, kinks=kinks)
    asked = arguments.names(wrt) or None
    report = checking.check_grad(source, point, asked, kinks=kinks, **options)
    if style == "json":
        print_json(_run_record(made) | {"check": _check_record(report)})
    else:
        if tree and style == "text":
            click.echo(made.tree(digits=digits))
        else:
            print_sheet(made.table(digits=digits), style)
        print_sheet(report.table(digits=digits), style)
    return 0 if report else 1


@main.command("grad", cls=Command, context_settings=SETTINGS)
@taking("shape", "assume", "at", "wrt", "format", "digits", "form", "simplify", "kinks")
@guarded
def grad_command(at: str, wrt: str, style: str, digits: int, **choices: Any) -> None:
    """Print the gradient as formulas, and its numbers at a point."""
    source = graph(taken(choices))
    wanted = arguments.names(wrt) or list(source.inputs)
    replacements, partials = _forms(source, wanted, choices)
    names = [str(w) if isinstance(w, str) else label(w) for w in wanted]
    numbers = run(source, arguments.point(at), kinks=choices["kinks"]) if at else None
    _print_gradient(source, names, replacements, partials, numbers, style, digits)


@main.command("diff", cls=Command, context_settings=SETTINGS)
@taking("shape", "assume", "wrt", "format", "simplify", "kinks")
@guarded
def diff_command(wrt: str, style: str, simplify: str, kinks: str, **options: Any) -> None:
    """Print one derivative of any order: --wrt x,x,y or x,2,y differentiates three times."""
    source = graph(taken(options))
    names = arguments.repeated(arguments.names(wrt))
    if not wrt and len(source.inputs) == 1:
        names = [label(source.inputs[0])]
    found = derivatives.diff(source, *names, simplify=simplify, kinks=kinks)
    if style == "json":
        print_json({"derivative": text(found), "wrt": names})
    else:
        (line,) = lines([(derivative_name("f", names, style), found)], style, evaluated=True)
        click.echo(line)


@main.command("check", cls=Command, context_settings=SETTINGS)
@taking("shape", "assume", "at", "wrt", "format", "digits", "kinks", "method", "step", "sweep")
@guarded
def check_command(at: str, wrt: str, style: str, digits: int, **choices: Any) -> int:
    """Compare the gradient with numeric differences; exit code 1 if they disagree."""
    source, asked = taken(choices), arguments.names(wrt) or None
    report = checking.check_grad(source, arguments.point(at), asked, **choices)
    if style == "json":
        print_json(_check_record(report))
    else:
        print_sheet(report.table(digits=digits), style)
    return 0 if report else 1


@main.command("stats", cls=Command, context_settings=SETTINGS)
@taking("shape", "assume", "wrt", "format")
@guarded
def stats_command(wrt: str, style: str, **options: Any) -> None:
    """Count the operations of the formula and of its gradient."""
    found = cost.stats(taken(options), arguments.names(wrt) or None)
    if style == "json":
        fields = {name: getattr(found, name) for name in found.__slots__}
        fields = {k: str(v) if isinstance(v, Expr) else v for k, v in fields.items()}  # in sizes
        print_json(fields | {"gates": dict(found.gates), "ratio": found.ratio})
    else:
        click.echo(str(found))


@main.command("compile", context_settings=SETTINGS)
@taking("wrt", "kinks", "returns", "backend", "dtype", "output")
@guarded
def compile_command(
    expr: str, wrt: str, kinks: str, returns: str, backend: str, dtype: str, output: str
) -> None:
    """Write the program of the formula and its gradient: C99 with a header, or what a backend runs.

    For C, -o grad.c writes grad.c and grad.h; the function is symgrad_grad.
    """
    parts = tuple(part.strip() for part in returns.split(","))
    files = written(read(expr), arguments.names(wrt) or None, parts, backend, kinks, dtype, output)
    for place, content in files.items():
        write(place, content)


# --- writing ---


def _forms(
    source: Graph, wanted: list[Any], choices: dict[str, str]
) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """Return the let-form's replacements (none for an expanded form) and the partials."""
    options: dict[str, Any] = {k: choices[k] for k in ("simplify", "kinks")}
    if choices["form"] != "let":
        limit = READABLE if choices["form"] == "auto" else closed.LIMIT
        try:
            return [], derivatives.grad(source, wanted, limit=limit, **options)
        except FormTooLargeError:
            if choices["form"] == "closed":
                raise
    replacements, partials = derivatives.grad(source, wanted, form="let", **options)
    return replacements, partials


def _print_gradient(
    source: Graph,
    names: list[str],
    replacements: list[tuple[Any, Any]],
    partials: list[Any],
    numbers: Run | None,
    style: str,
    digits: int,
) -> None:
    if style == "json":
        record: dict[str, Any] = {
            "let": {str(k): text(v) for k, v in replacements},
            "gradient": {n: text(p) for n, p in zip(names, partials, strict=True)},
        }
        if numbers is not None:
            record["value"] = _plain(numbers.output)
            record["numbers"] = {n: _plain(numbers.grad[n]) for n in names}
        print_json(record)
        return
    for line in lines(replacements, style):
        click.echo(line)
    expanded = None if replacements else True
    for name, value in zip(names, partials, strict=True):
        (line,) = lines([(_partial_name(source, name, style), value)], style, evaluated=expanded)
        click.echo(line + (f" = {_listed(numbers.grad[name], digits)}" if numbers else ""))


def _partial_name(source: Graph, name: str, style: str) -> str:
    """Return `df/dx`; in LaTeX a matrix is bold."""
    variable = source.key(name)
    return partial_name("f", variable if isinstance(variable, MatrixSymbol) else name, style)


def _listed(value: Any, digits: int) -> str:
    """Return a number, or a small array with all its entries."""
    if not np.ndim(value) or np.size(value) > LISTED:
        return shown(value, digits)
    return f"[{', '.join(_listed(v, digits) for v in value)}]"


def _plain(value: Any) -> Any:
    """Return a number that JSON can hold; inf and nan as text."""
    found = getattr(value, "tolist", lambda: value)()
    if isinstance(found, list):
        return [_plain(v) for v in found]
    if isinstance(found, complex):
        return {"real": _plain(found.real), "imag": _plain(found.imag)}
    return found if isinstance(found, bool) or math.isfinite(found) else str(found)


def _run_record(made: Run) -> dict[str, Any]:
    rows = made.table(rows=None).records()
    names = list(map(label, made.graph.inputs))
    return {
        "value": _plain(made.output),
        "gradient": {n: _plain(made.grad[n]) for n in names},
        "nodes": rows,
    }


def _check_record(report: CheckReport) -> dict[str, Any]:
    entries = {
        e.name: {
            "symbolic": _plain(e.analytic),
            "numeric": _plain(e.numeric),
            "error": _plain(e.error),
            "verdict": e.verdict,
            "note": e.note,
        }
        for e in report.entries
    }
    return {"passed": bool(report), "method": report.method, "variables": entries}
