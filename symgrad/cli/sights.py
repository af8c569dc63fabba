"""Commands that show: derivations and examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from symgrad.cli.options import SETTINGS, Command, guarded, main, print_sheet, taken, taking
from symgrad.dag.digraph import graph
from symgrad.show import arguments, examples, gallery
from symgrad.show.derivation import explain
from symgrad.show.sheet import Sheet


@main.command("explain", cls=Command, context_settings=SETTINGS)
@taking("shape", "assume", "at", "wrt", "markup", "digits", "kinks", "expanded")
@guarded
def explain_command(
    at: str, wrt: str, style: str, digits: int, kinks: str, expanded: bool, **options: Any
) -> None:
    """Derive the gradient gate by gate: what is computed, which rule holds, what is passed back."""
    source = graph(taken(options))
    asked, point = arguments.names(wrt) or None, arguments.point(at) if at else None
    choices: dict[str, Any] = {"digits": digits, "kinks": kinks, "expanded": expanded}
    click.echo(str(explain(source, asked, point, format=style, **choices)))


@main.command("examples", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", required=False)
@click.option("--out", default="", metavar="DIR", help="Write picture, page and derivation there.")
@guarded
def examples_command(name: str | None, out: str) -> None:
    """Show the lecture's examples: a list, or one of them with its numbers and its derivation.

    With --out, an example is written as NAME.svg, NAME.html and NAME.md; without NAME all of them,
    with a gallery.
    """
    chosen = None if name is None else [examples.load(name)]
    if out:
        for place in gallery.written(Path(out), chosen):
            click.echo(f"wrote {place}", err=True)
    elif chosen is None:
        rows = tuple((e.name, e.title, e.formula) for e in examples.EXAMPLES)
        notes = ("symgrad examples NAME shows one; --out DIR writes pictures and pages",)
        print_sheet(Sheet(("name", "title", "formula"), rows, notes), "text")
    else:
        _print_example(chosen[0])


def _print_example(example: examples.Example) -> None:
    click.echo(f"{example.title}\n\n{example.formula}\n\n{example.story}\n")
    rows = tuple(gallery.numbers(example))
    print_sheet(Sheet(("node", "from", "value", "gradient"), rows), "text")
    click.echo(f"\n{example.explain()}")
