"""What all commands share: the group, options, reading formulas, and writing.

Wrong input ends in a message, never in a traceback: exit code 2.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from symgrad.errors import SymgradError, UnsupportedError
from symgrad.expr import kinks as policies
from symgrad.expr.declarations import read_facts, read_shapes
from symgrad.expr.reader import Parsed, parse
from symgrad.numeric.asked import DTYPES
from symgrad.numeric.backends import BACKENDS
from symgrad.numeric.differences import METHODS
from symgrad.show.sheet import Sheet

SETTINGS = {"help_option_names": ["-h", "--help"], "ignore_unknown_options": True}
SEVERAL = ("--shape", "--assume")  # flags that take every `name=...` that follows
PAIR = re.compile(r"[A-Za-z_]\w*=\w+(,\w+)*", re.ASCII)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="symgrad")
def main() -> None:
    """Show the gradient of a formula, prove it, and run it.

    EXPR is a formula such as "q = x + y; f = q*z"; "-" reads it from standard input.
    """


class Command(click.Command):
    """A command whose `--shape` and `--assume` take several values after one flag."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Read the arguments of the command line."""
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


def guarded(command: Callable[..., int | None]) -> Callable[..., None]:
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


def taking(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
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
    "tree": click.option("--tree", is_flag=True, help="The output, and below it what it reads."),
    "expanded": click.option(
        "--expanded", is_flag=True, help="Composite gates, such as sigmoid, gate by gate."
    ),
    "markup": click.option(
        "--format", "style", type=click.Choice(["text", "markdown", "latex"]), default="text"
    ),
    "sweep": click.option("--sweep", is_flag=True, help="Errors for steps 1e-2 to 1e-10."),
}


# --- reading ---


def read(expr: str) -> str:
    """Return a formula; `-` reads it from standard input."""
    try:
        return sys.stdin.read() if expr == "-" else expr
    except UnicodeDecodeError as error:
        raise UnsupportedError(
            f"standard input is no text in UTF-8: byte {error.start} cannot be read; save it so"
        ) from error


def taken(options: dict[str, Any]) -> str | Parsed:
    """Take the formula out of the options, read with its shapes where it has any."""
    source = read(options.pop("expr"))
    shapes, facts = read_shapes(options.pop("shape")), read_facts(options.pop("assume"))
    return parse(source, shapes=shapes, assume=facts) if shapes or facts else source


# --- writing ---


def write(place: str, content: str) -> None:
    """Write a file, or to the terminal where no place is given."""
    if not place:
        click.echo(content)
        return
    try:
        Path(place).write_text(content, encoding="utf-8")
    except OSError as error:
        raise UnsupportedError(f"`{place}` cannot be written: {error.strerror}") from error
    click.echo(f"wrote {place}", err=True)


def print_sheet(sheet: Sheet, style: str) -> None:
    """Print a sheet; in colours only to a terminal."""
    if style == "latex":
        click.echo(sheet.latex())
    elif sys.stdout.isatty():
        Console().print(sheet)
    else:
        click.echo(str(sheet))


def print_json(record: dict[str, Any]) -> None:
    """Print a record as JSON."""
    click.echo(json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False))
