"""The command: `symgrad run | grad | diff | check | stats | compile EXPR`.

Exit code 0 is success, 1 a gradient check that failed, 2 input that cannot be used. Wrong input
ends in a message, never in a traceback.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from sympy import Expr, MatrixSymbol

from symgrad.calculus import closed, cost, derivatives
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import (
    FormTooLargeError,
    SymgradError,
    UnsupportedError,
)
from symgrad.expr import kinks as policies
from symgrad.expr.declarations import read_facts, read_shapes
from symgrad.expr.printer import text
from symgrad.expr.reader import Parsed, parse
from symgrad.expr.symbols import label
from symgrad.numeric import check as checking
from symgrad.numeric.asked import DTYPES
from symgrad.numeric.backends import BACKENDS
from symgrad.numeric.differences import METHODS
from symgrad.numeric.execution import Run, run
from symgrad.numeric.report import CheckReport
from symgrad.numeric.written import written
from symgrad.show import arguments
from symgrad.show.formulas import derivative_name, lines, partial_name
from symgrad.show.sheet import Sheet, shown

READABLE = 2_000  # nodes of an expanded form past which the command prints the let-form
LISTED = 24  # entries of an array that `grad` prints one by one
SETTINGS = {"help_option_names": ["-h", "--help"], "ignore_unknown_options": True}
SEVERAL = ("--shape", "--assume")  # flags that take every `name=...` that follows
PAIR = re.compile(r"[A-Za-z_]\w*=\w+(,\w+)*", re.ASCII)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="symgrad")
def main() -> None:
    """Show the gradient of a formula, prove it, and run it.

    EXPR is a formula such as "q = x + y; f = q*z"; "-" reads it from standard input.
    """


class _Command(click.Command):
    """A command whose `--shape` and `--assume` take several values after one flag."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(context, _one_each(args))


def _one_each(args: list[str]) -> list[str]:
    """Repeat a flag before each of its values."""
    found: list[str] = []
    flag = ""
    for arg in args:
        if flag and (found[-1:] == [flag] or PAIR.fullmatch(arg)):
            found += [arg] if found[-1:] == [flag] else [flag, arg]
        else:
            flag = arg if arg in SEVERAL else ""
            found.append(arg)
    return found


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
    "shape": click.option(
        "--shape",
        multiple=True,
        metavar="W=m,n x=n",
        help="Sizes of the matrices; one size makes a column.",
    ),
    "assume": click.option(
        "--assume", multiple=True, metavar="A=symmetric", help="What is known of the matrices."
    ),
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
    "returns": click.option(
        "--returns", default="value,grad", show_default=True, help="Which of the parts."
    ),
    "backend": click.option("--backend", type=click.Choice([*BACKENDS, "json"]), default="c"),
    "dtype": click.option("--dtype", type=click.Choice(list(DTYPES)), default=DTYPES[0]),
    "output": click.option("--output", "-o", default="", metavar="FILE", help="Where it goes."),
    "sweep": click.option("--sweep", is_flag=True, help="Errors for steps 1e-2 to 1e-10."),
}


@main.command("run", cls=_Command, context_settings=SETTINGS)
@_options("shape", "assume", "at", "wrt", "format", "digits", "kinks", "method", "step")
@_guarded
def run_command(at: str, wrt: str, style: str, digits: int, kinks: str, **options: Any) -> int:
    """Compute every value and gradient, one row a node, then check the gradients."""
    source, point = graph(_taken(options)), arguments.point(at)
    made = run(source, point, kinks=kinks)
    asked = arguments.names(wrt) or None
    report = checking.check_grad(source, point, asked, kinks=kinks, **options)
    if style == "json":
        _print_json(_run_record(made) | {"check": _check_record(report)})
    else:
        _print(made.table(digits=digits), style)
        _print(report.table(digits=digits), style)
    return 0 if report else 1


@main.command("grad", cls=_Command, context_settings=SETTINGS)
@_options("shape", "assume", "at", "wrt", "format", "digits", "form", "simplify", "kinks")
@_guarded
def grad_command(at: str, wrt: str, style: str, digits: int, **choices: Any) -> None:
    """Print the gradient as formulas, and its numbers at a point."""
    source = graph(_taken(choices))
    wanted = arguments.names(wrt) or list(source.inputs)
    replacements, partials = _forms(source, wanted, choices)
    names = [str(w) if isinstance(w, str) else label(w) for w in wanted]
    numbers = run(source, arguments.point(at), kinks=choices["kinks"]) if at else None
    _print_gradient(source, names, replacements, partials, numbers, style, digits)


@main.command("diff", cls=_Command, context_settings=SETTINGS)
@_options("shape", "assume", "wrt", "format", "simplify", "kinks")
@_guarded
def diff_command(wrt: str, style: str, simplify: str, kinks: str, **options: Any) -> None:
    """Print one derivative of any order: --wrt x,x,y or x,2,y differentiates three times."""
    source = graph(_taken(options))
    names = arguments.repeated(arguments.names(wrt))
    if not wrt and len(source.inputs) == 1:
        names = [label(source.inputs[0])]
    found = derivatives.diff(source, *names, simplify=simplify, kinks=kinks)
    if style == "json":
        _print_json({"derivative": text(found), "wrt": names})
    else:
        (line,) = lines([(derivative_name("f", names, style), found)], style, evaluated=True)
        click.echo(line)


@main.command("check", cls=_Command, context_settings=SETTINGS)
@_options("shape", "assume", "at", "wrt", "format", "digits", "kinks", "method", "step", "sweep")
@_guarded
def check_command(at: str, wrt: str, style: str, digits: int, **choices: Any) -> int:
    """Compare the gradient with numeric differences; exit code 1 if they disagree."""
    source, asked = _taken(choices), arguments.names(wrt) or None
    report = checking.check_grad(source, arguments.point(at), asked, **choices)
    if style == "json":
        _print_json(_check_record(report))
    else:
        _print(report.table(digits=digits), style)
    return 0 if report else 1


@main.command("stats", cls=_Command, context_settings=SETTINGS)
@_options("shape", "assume", "wrt", "format")
@_guarded
def stats_command(wrt: str, style: str, **options: Any) -> None:
    """Count the operations of the formula and of its gradient."""
    found = cost.stats(_taken(options), arguments.names(wrt) or None)
    if style == "json":
        fields = {name: getattr(found, name) for name in found.__slots__}
        fields = {k: str(v) if isinstance(v, Expr) else v for k, v in fields.items()}  # in sizes
        _print_json(fields | {"gates": dict(found.gates), "ratio": found.ratio})
    else:
        click.echo(str(found))


@main.command("compile", context_settings=SETTINGS)
@_options("wrt", "kinks", "returns", "backend", "dtype", "output")
@_guarded
def compile_command(
    expr: str, wrt: str, kinks: str, returns: str, backend: str, dtype: str, output: str
) -> None:
    """Write the program of the formula and its gradient: C99 with a header, or what a backend runs.

    For C, -o grad.c writes grad.c and grad.h; the function is symgrad_grad.
    """
    parts = tuple(part.strip() for part in returns.split(","))
    files = written(_read(expr), arguments.names(wrt) or None, parts, backend, kinks, dtype, output)
    for place, content in files.items():
        _write(place, content)


def _write(place: str, content: str) -> None:
    if not place:
        click.echo(content)
        return
    try:
        Path(place).write_text(content, encoding="utf-8")
    except OSError as error:
        raise UnsupportedError(f"`{place}` cannot be written: {error.strerror}") from error
    click.echo(f"wrote {place}", err=True)


# --- reading ---


def _read(expr: str) -> str:
    try:
        return sys.stdin.read() if expr == "-" else expr
    except UnicodeDecodeError as error:
        raise UnsupportedError(
            f"standard input is no text in UTF-8: byte {error.start} cannot be read; save it so"
        ) from error


def _taken(options: dict[str, Any]) -> str | Parsed:
    """Take the formula out of the options, read with its shapes where it has any."""
    source = _read(options.pop("expr"))
    shapes, facts = read_shapes(options.pop("shape")), read_facts(options.pop("assume"))
    return parse(source, shapes=shapes, assume=facts) if shapes or facts else source


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
