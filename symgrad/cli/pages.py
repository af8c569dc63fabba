"""Commands that open pages: a file that steps through a chain rule, and the explorer."""

from __future__ import annotations

from typing import Any

import click

from symgrad.cli.options import SETTINGS, Command, guarded, main, read, taken, taking, write
from symgrad.show import arguments
from symgrad.show.explore_server import serve
from symgrad.show.page_file import page


@main.command("page", cls=Command, context_settings=SETTINGS)
@taking("shape", "assume", "at", "kinks", "output")
@click.option("--title", default="", help="What stands before the formula.")
@guarded
def page_command(at: str, kinks: str, output: str, title: str, **options: Any) -> None:
    """Write one HTML file that steps through the chain rule, gate by gate: -o page.html."""
    point = arguments.point(at) if at else None
    write(output, page(taken(options), point, title=title, kinks=kinks))


@main.command("explore", cls=Command, context_settings=SETTINGS)
@click.argument("expr", default="")
@click.option("--shape", multiple=True, metavar="W=2,3 x=3", help="Sizes of the matrices.")
@click.option("--at", default="", metavar="x=1,y=2", help="The point; what is left out is 1.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one.")
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@guarded
def explore_command(
    expr: str, shape: tuple[str, ...], at: str, port: int, no_browser: bool
) -> None:
    """Serve the page on this machine alone, with a box for any formula, until interrupted."""
    first = {"formula": read(expr), "shapes": " ".join(shape), "at": at}
    serve(first, port=port, browser=not no_browser, say=_said)


def _said(address: str) -> None:
    click.echo(f"symgrad explore: {address} (stop with Ctrl-C)")
