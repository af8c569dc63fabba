"""The command that draws."""

from __future__ import annotations

from typing import Any

import click

from symgrad.cli.options import SETTINGS, Command, guarded, main, taken, taking
from symgrad.dag.digraph import graph
from symgrad.show import arguments
from symgrad.show.draw_picture import FORMATS, LAYOUTS, draw
from symgrad.show.draw_theme import THEMES

CHOICES = (
    click.option(
        "--format", "style", type=click.Choice(FORMATS), default=None, help="What to make."
    ),
    click.option("--theme", type=click.Choice(["auto", *THEMES]), default="auto"),
    click.option(
        "--layout", type=click.Choice(LAYOUTS), default="own", help="Who places the gates."
    ),
    click.option("--title", default="", help="A heading."),
    click.option("--legend/--no-legend", default=True, help="What the marks mean."),
    click.option("--local/--no-local", default=None, help="Local derivatives on the wires."),
    click.option("--around", default=None, metavar="q", help="Only what is near this node."),
    click.option("--reach", type=click.IntRange(0), default=3, show_default=True),
)


def _choosing(command: Any) -> Any:
    for option in reversed(CHOICES):
        command = option(command)
    return command


@main.command("draw", cls=Command, context_settings=SETTINGS)
@taking("shape", "assume", "at", "digits", "kinks", "expanded", "output")
@_choosing
@guarded
def draw_command(
    at: str, style: str | None, expanded: bool, output: str, digits: int, **options: Any
) -> None:
    """Draw the graph: -o f.svg, .png, .dot, .mmd or .tex; without -o, text on standard output."""
    source = graph(taken(options))
    point = arguments.point(at) if at else None
    picture = draw(source, point, collapsed=not expanded, digits=digits, **options)
    if output:
        click.echo(f"wrote {picture.save(output)}", err=True)
        return
    made = picture.as_format(style or "svg")
    click.echo(made, nl=False)
