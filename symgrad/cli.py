"""The command: `symgrad run | grad | diff | check | stats EXPR`.

Exit code 0 is success, 1 a gradient check that failed, 2 input that cannot be used. Wrong input
ends in a message, never in a traceback.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from rich.console import Console

from symgrad.calculus import closed, cost, derivatives
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import (
    FormTooLargeError,
    ParseError,
    SymgradError,
    UnsupportedError,
)
from symgrad.expr import kinks as policies
from symgrad.expr.printer import text
from symgrad.expr.symbols import label
from symgrad.numeric import check as checking
from symgrad.numeric.differences import METHODS
from symgrad.numeric.execution import Run, evaluate, run
from symgrad.show.formulas import derivative_name, lines, partial_name
from symgrad.show.sheet import Sheet, shown

MOST_ORDERS = 1_000  # of one derivative
READABLE = 2_000  # nodes of an expanded form past which the command prints the let-form
SETTINGS = {"help_option_names": ["-h", "--help"], "ignore_unknown_options": True}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="symgrad")
def main() -> None:
    """Show the gradient of a formula, prove it, and run it.

    EXPR is a formula such as "q = x + y; f = q*z"; "-" reads it from standard input.
    """


def _guarded(command: Callable[..., int | None]) -> Callable[..., None]:
    """Turn errors that a user can meet into a message and exit code 2."""

    @wraps(command)
    def guarded(**options: Any) -> None:
        try:
            code = command(**options) or 0
        except SymgradError as error:
            click.echo(f"error: {error}", err=True)
            code = 2
        except (RecursionError, MemoryError, OverflowError) as error:
            found = str(error) or type(error).__name__
            click.echo(f"error: the formula is too large for this step ({found})", err=True)
            code = 2
        sys.exit(code)

    return guarded


def _options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the argument and the options that a command takes."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            command = OPTIONS[name](command)
        return click.argument("expr")(command)

    return add


OPTIONS: dict[str, Callable[..., Any]] = {
    "at": click.option("--at", default="", metavar="x=1,y=2", help="The point."),
    "wrt": click.option("--wrt", default="", metavar="x,y", help="Differentiate by these."),
    "format": click.option(
        "--format", "style", type=click.Choice(["text", "latex", "json"]), default="text"
    ),
    "digits": click.option(
        "--digits",
        type=click.IntRange(1, 17),
        default=6,
        show_default=True,
        help="Significant digits.",
    ),
    "form": click.option(
        "--form",
        type=click.Choice(["auto", "closed", "let"]),
        default="auto",
        help="Expanded, or with shared terms named once.",
    ),
    "simplify": click.option(
        "--simplify", type=click.Choice(["none", "light", "full"]), default="light"
    ),
    "kinks": click.option(
        "--kinks", type=click.Choice(list(policies.POLICIES)), default="min_norm"
    ),
    "method": click.option("--method", type=click.Choice(list(METHODS)), default="central"),
    "step": click.option("--step", type=float, default=None, help="Step of the differences."),
    "sweep": click.option("--sweep", is_flag=True, help="Errors for steps 1e-2 to 1e-10."),
}


@main.command("run", context_settings=SETTINGS)
@_options("at", "wrt", "format", "digits", "kinks", "method", "step")
@_guarded
def run_command(
    expr: str, at: str, wrt: str, style: str, digits: int, kinks: str, method: str, step: Any
) -> int:
    """Compute every value and gradient, one row a node, then check the gradients."""
    source, point = graph(_read(expr)), _point(at)
    made = run(source, point, kinks=kinks)
    report = checking.check_grad(
        source, point, _wanted(wrt) or None, method=method, step=step, kinks=kinks
    )
    if style == "json":
        _print_json(_run_record(made) | {"check": _check_record(report)})
    else:
        _print(made.table(digits=digits), style)
        _print(report.table(digits=digits), style)
    return 0 if report else 1


@main.command("grad", context_settings=SETTINGS)
@_options("at", "wrt", "format", "digits", "form", "simplify", "kinks")
@_guarded
def grad_command(expr: str, at: str, wrt: str, style: str, digits: int, **choices: str) -> None:
    """Print the gradient as formulas, and its numbers at a point."""
    source = graph(_read(expr))
    wanted = _wanted(wrt) or list(source.inputs)
    replacements, partials = _forms(source, wanted, choices)
    names = [str(w) if isinstance(w, str) else label(w) for w in wanted]
    numbers = run(source, _point(at), kinks=choices["kinks"]) if at else None
    _print_gradient(source, names, replacements, partials, numbers, style, digits)


@main.command("diff", context_settings=SETTINGS)
@_options("wrt", "format", "simplify", "kinks")
@_guarded
def diff_command(expr: str, wrt: str, style: str, simplify: str, kinks: str) -> None:
    """Print one derivative of any order: --wrt x,x,y or x,2,y differentiates three times."""
    source = graph(_read(expr))
    names = _repeated(_wanted(wrt))
    if not wrt and len(source.inputs) == 1:
        names = [label(source.inputs[0])]
    found = derivatives.diff(source, *names, simplify=simplify, kinks=kinks)
    if style == "json":
        _print_json({"derivative": text(found), "wrt": names})
    else:
        (line,) = lines([(derivative_name("f", names, style), found)], style, evaluated=True)
        click.echo(line)


@main.command("check", context_settings=SETTINGS)
@_options("at", "wrt", "format", "digits", "kinks", "method", "step", "sweep")
@_guarded
def check_command(expr: str, at: str, wrt: str, style: str, digits: int, **choices: Any) -> int:
    """Compare the gradient with numeric differences; exit code 1 if they disagree."""
    report = checking.check_grad(_read(expr), _point(at), _wanted(wrt) or None, **choices)
    if style == "json":
        _print_json(_check_record(report))
    else:
        _print(report.table(digits=digits), style)
    return 0 if report else 1


@main.command("stats", context_settings=SETTINGS)
@_options("wrt", "format")
@_guarded
def stats_command(expr: str, wrt: str, style: str) -> None:
    """Count the operations of the formula and of its gradient."""
    found = cost.stats(_read(expr), _wanted(wrt) or None)
    if style == "json":
        fields = {name: getattr(found, name) for name in found.__slots__}
        _print_json(fields | {"gates": dict(found.gates), "ratio": found.ratio})
    else:
        click.echo(str(found))


# --- reading ---


def _read(expr: str) -> str:
    try:
        return sys.stdin.read() if expr == "-" else expr
    except UnicodeDecodeError as error:
        raise UnsupportedError(
            f"standard input is no text in UTF-8: byte {error.start} cannot be read; save it so"
        ) from error


def _wanted(names: str) -> list[str]:
    return [part.strip() for part in _split(names) if part.strip()]


def _repeated(names: list[str]) -> list[str]:
    """Spell out `x,2` as x, x: a number is the order of the variable before it."""
    found: list[str] = []
    for name in names:
        if name.isdecimal() and found:
            if len(name) > 4 or int(name) > MOST_ORDERS:
                raise UnsupportedError(f"order {name} is beyond {MOST_ORDERS}; ask for less")
            found += [found.pop()] * int(name)
        else:
            found.append(name)
    return found


def _split(listed: str) -> list[str]:
    """Split at commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(listed):
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            parts.append(listed[start:place])
            start = place + 1
    return [*parts, listed[start:]]


def _point(at: str) -> dict[str, Any]:
    """Read `x=1,y=pi/2,z=[1,2]`; values are constant formulas."""
    point: dict[str, Any] = {}
    for part in _split(at):
        if not part.strip():
            continue
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ParseError("write `name=value`, as in `--at x=1,y=2`", at, at.find(part))
        if name.strip() in point:
            raise ParseError(f"`{name.strip()}` has a value already; give one", at, at.find(part))
        point[name.strip()] = _number(value.strip())
    return point


def _number(value: str) -> Any:
    if value.startswith("[") and value.endswith("]"):
        return [_number(v.strip()) for v in _split(value[1:-1])]
    return evaluate(value) if value not in ("inf", "-inf", "nan") else float(value)


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
        _print_json(record)
        return
    for line in lines(replacements, style):
        click.echo(line)
    expanded = None if replacements else True
    for name, value in zip(names, partials, strict=True):
        (line,) = lines([(partial_name("f", name, style), value)], style, evaluated=expanded)
        click.echo(line + (f" = {shown(numbers.grad[name], digits)}" if numbers else ""))


def _print(sheet: Sheet, style: str) -> None:
    if style == "latex":
        click.echo(sheet.latex())
    elif sys.stdout.isatty():
        Console().print(sheet)
    else:
        click.echo(str(sheet))


def _print_json(record: dict[str, Any]) -> None:
    click.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))


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


def _check_record(report: checking.CheckReport) -> dict[str, Any]:
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
