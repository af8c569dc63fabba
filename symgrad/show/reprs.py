"""What notebooks show: graphs as pictures, runs and reports as tables, all of them as formulas.

A row of a table for each kind of thing and form. What would be too large, or cannot be drawn, is
not shown richly: the notebook then has the text, and never an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.dag.digraph import Graph
from symgrad.errors import SymgradError
from symgrad.numeric.execution import Run
from symgrad.numeric.report import CheckReport
from symgrad.registry import provide
from symgrad.show import derivation_pens as pens
from symgrad.show.account import account
from symgrad.show.derivation import Derivation
from symgrad.show.draw_picture import draw

DRAWN = 150  # nodes of a graph that is drawn
ROWS = 60  # rows of a table
REFUSED = (SymgradError, RecursionError, MemoryError, OverflowError, ValueError, TypeError)


@provide("notebook.repr")
def shown(thing: Any, form: str) -> str | None:
    """Return a thing in a form of notebooks, or None.

    Parameters
    ----------
    thing : Graph, Run or CheckReport
        What is shown.
    form : {"html", "svg", "latex"}
        As what.
    """
    writer = FORMS.get((type(thing), form))
    if writer is None:
        return None
    try:
        return writer(thing)
    except REFUSED:
        return None


def _picture(thing: Graph | Run) -> str | None:
    told = account(thing, collapsed=None)
    return str(draw(told).svg) if len(told.gates) <= DRAWN else None


def _formulas(thing: Graph | Run) -> str | None:
    """Return every node as a formula, with its value in a run."""
    told = account(thing, collapsed=None)
    if len(told.outputs) != 1 or len(told.gates) > ROWS:
        return None
    return pens.latex(Derivation(told, ()).sections)


def _run(run: Run) -> str:
    picture = _picture(run)
    table = run.table(rows=ROWS)._repr_html_()
    return f"{picture}\n{table}" if picture else str(table)


FORMS: dict[tuple[type, str], Callable[[Any], str | None]] = {
    (Graph, "html"): _picture,  # Jupyter prefers HTML to LaTeX, and LaTeX to SVG
    (Graph, "svg"): _picture,
    (Graph, "latex"): _formulas,
    (Run, "html"): _run,
    (Run, "svg"): _picture,
    (Run, "latex"): _formulas,
    (CheckReport, "html"): lambda report: str(report.table()._repr_html_()),
    (CheckReport, "latex"): lambda report: str(report.table().latex()),
}
