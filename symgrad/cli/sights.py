"""Commands that show: derivations, examples, pictures and pages."""

from __future__ import annotations

from typing import Any

import click

from symgrad.cli.options import SETTINGS, Command, guarded, main, taken, taking
from symgrad.dag.digraph import graph
from symgrad.show import arguments
from symgrad.show.derivation import explain


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
