"""A sheet: titled columns of text that prints plainly, through rich, as JSON or as LaTeX.

Layout is rich's, loaded by the first sheet that is printed; without a terminal a sheet is plain
text of any width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.show.escape import latex_text, visible

if TYPE_CHECKING:
    from rich.console import Group, JustifyMethod

SHORT = 6  # entries of an array that is shown whole
UNREACHED = "no slope of the output reaches it"
WIDE = 10_000  # columns of a plain sheet: never wrapped


@dataclass(frozen=True, slots=True)
class Sheet:
    """Columns, rows, and notes below them.

    Parameters
    ----------
    columns : tuple of str
        Titles.
    rows : tuple of tuple of str
        Cells.
    notes : tuple of str
        Lines below the table.
    right : frozenset of int
        Columns that are aligned to the right.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    right: frozenset[int] = field(default_factory=frozenset)

    def __rich__(self) -> Group:
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for place, title in enumerate(self.columns):
            side: JustifyMethod = "right" if place in self.right else "left"
            table.add_column(title, justify=side, no_wrap=True)
        for row in self.rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        return Group(table, *(Text(visible(note)) for note in self.notes))

    def __str__(self) -> str:
        from rich.console import Console

        out = StringIO()
        Console(file=out, width=WIDE, color_system=None, highlight=False).print(self)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")

    def latex(self) -> str:
        """Return a LaTeX tabular; every cell is text."""
        sides = "".join("r" if k in self.right else "l" for k in range(len(self.columns)))
        body = [" & ".join(map(latex_text, row)) + r" \\" for row in (self.columns, *self.rows)]
        body.insert(1, r"\hline")
        notes = [latex_text(note) for note in self.notes]
        return "\n".join([rf"\begin{{tabular}}{{{sides}}}", *body, r"\end{tabular}", *notes])

    def _repr_html_(self) -> str:
        """Return an HTML table; every cell is text."""
        head = _row("th", self.columns, self.right)
        body = "".join(_row("td", row, self.right) for row in self.rows)
        notes = "".join(f"<p>{escape(visible(note))}</p>" for note in self.notes)
        table = f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"
        return f'<div class="symgrad">{table}{notes}</div>'

    def records(self) -> list[dict[str, str]]:
        """Return the rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def _row(tag: str, cells: Sequence[str], right: frozenset[int]) -> str:
    """Return a row of an HTML table."""
    made = []
    for place, cell in enumerate(cells):
        side = "right" if place in right else "left"
        made.append(
            f'<{tag} style="text-align: {side}; padding: 2px 8px">{escape(visible(cell))}</{tag}>'
        )
    return f"<tr>{''.join(made)}</tr>"


def shown(value: Any, digits: int = 6) -> str:
    """Return a number with so many significant digits, or an array's shape and range.

    Examples
    --------
    >>> shown(-12.0), shown(0.1234567891), shown(float("inf"))
    ('-12', '0.123457', 'inf')
    """
    if value is None:
        return "—"
    if np.ndim(value):
        found = np.asarray(value)
        if not found.size:
            return f"empty array {found.shape}"
        if found.size <= SHORT:
            return _entries(found, digits)
        ends = f"{shown(found.flat[0], digits)} ... {shown(found.flat[-1], digits)}"
        return f"[{ends}] {found.shape}"
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if np.iscomplexobj(value):
        z = complex(value)
        return f"{z.real:.{digits}g}{z.imag:+.{digits}g}j"
    return f"{float(value) + 0.0:.{digits}g}"


def _entries(values: Any, digits: int) -> str:
    """Return a small array with all its entries."""
    if np.ndim(values) == 0:
        return shown(values[()], digits)
    return f"[{', '.join(_entries(v, digits) for v in values)}]"


def total(parts: Sequence[str]) -> str:
    """Join summands, a negative one with a minus sign.

    Examples
    --------
    >>> total(["2", "-3"])
    '2 - 3'
    """
    text = parts[0]
    for part in parts[1:]:
        text += f" - {part[1:]}" if part.startswith("-") else f" + {part}"
    return text
