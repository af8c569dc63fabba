"""The sheet of a picture: the drawing with its margins, title and legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.show.account import Account, GateAccount
from symgrad.show.draw_icons import MEANINGS, icon
from symgrad.show.draw_labels import Style, flag, sentence
from symgrad.show.draw_scene import drawn
from symgrad.show.draw_shapes import (
    FACES,
    Group,
    Item,
    Plate,
    Words,
    leaves,
    moved,
)
from symgrad.show.draw_text import text_width, visible

MARGIN = 16.0
NARROWEST = 400.0
ROW = 20.0  # height of a row of the legend
TOLD = 60  # gates that the description tells one by one


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that is drawn, and what it says to someone who cannot see it."""

    items: tuple[Item, ...]
    width: float
    height: float
    title: str
    description: str
    crossings: int


def scene(
    account: Account,
    gates: Sequence[GateAccount],
    style: Style,
    *,
    title: str = "",
    legend: bool = True,
) -> Scene:
    """Return the picture of some gates of an account as shapes.

    Parameters
    ----------
    account : Account
        The whole.
    gates : sequence of GateAccount
        Those that are drawn.
    style : Style
        What is written on it.
    title : str
        A heading; without one there is none to see.
    legend : bool
        Whether the marks are explained below.
    """
    found = drawn(account, gates, style)
    top = MARGIN + (26.0 if title else 0.0)
    heading = visible(title, 200)
    width = max(found.width, NARROWEST, text_width(heading, FACES["title"].size, bold=True))
    left = MARGIN + (width - found.width) / 2
    items: list[Item] = [moved(item, left, top) for item in found.items]
    bottom = top + found.height
    if heading:
        items.append(Words(MARGIN, MARGIN + 13, heading, "title", "start"))
    if legend:
        has_local = any(getattr(leaf, "role", "") == "local" for leaf in leaves(found.items))
        rows = _legend(account, gates, has_local, width)
        items.append(moved(rows, MARGIN, bottom + 18))
        bottom += 18 + rows.bounds[3]
    width, height = round(width + 2 * MARGIN, 1), round(bottom + MARGIN, 1)
    items.insert(0, Plate(0.0, 0.0, width, height, 6.0, "page"))
    told = _description(account, gates, style)
    return Scene(tuple(items), width, height, heading or _called(account), told, found.crossings)


def _called(account: Account) -> str:
    inputs = ", ".join(str(s) for s in account.graph.inputs[:6])
    more = ", …" if len(account.graph.inputs) > 6 else ""
    return visible(f"Computational graph of f({inputs}{more})", 120)


def _description(account: Account, gates: Sequence[GateAccount], style: Style) -> str:
    """Return the picture in words, from the inputs to the output."""
    lines = [f"{len(gates)} nodes from left to right."]
    lines += [sentence(gate, style) + "." for gate in gates[:TOLD]]
    if len(gates) > TOLD:
        lines.append(f"{len(gates) - TOLD} more nodes.")
    return " ".join(lines)


# --- the legend ---


def _legend(account: Account, gates: Sequence[GateAccount], has_local: bool, width: float) -> Group:
    """Return the meaning of every mark in the picture, in rows that fit."""
    entries = _entries(account, gates, has_local)
    items: list[Item] = []
    x, y = 0.0, 0.0
    for mark, words in entries:
        wide = 24.0 + text_width(words, FACES["legend"].size) + 18.0
        if x and x + wide - 18 > width:
            x, y = 0.0, y + ROW
        items += [moved(item, x + 10, y + 8) for item in mark]
        items.append(Words(x + 24, y + 12, words, "legend", "start"))
        x += wide
    return Group(tuple(items), "Legend", "legend")


def _entries(
    account: Account, gates: Sequence[GateAccount], has_local: bool
) -> list[tuple[list[Item], str]]:
    found: list[tuple[list[Item], str]] = [
        ([flag(-3, 0, "forward")], "value, above the wire"),
        ([flag(-3, 0, "backward")], "gradient, below the wire"),
    ]
    if has_local:
        found.append(([Words(0, 4, "∂", "legend")], "local derivative"))
    if account.run is None:
        found.append(([Words(0, 4, "—", "legend")], "not computed: no point was given"))
    roles = {gate.role for gate in gates}
    found += [(icon(role), words) for role, words in MEANINGS.items() if role in roles]
    kinds = {gate.kind for gate in gates}
    if "composite" in kinds:
        rim = [Plate(-8, -8, 16, 16, 8, "composite"), Plate(-5, -5, 10, 10, 5, "inner")]
        found.append((list(rim), "several gates in one"))
    if kinds & {"block", "loop"}:
        found.append(([Plate(-8, -6, 16, 12, 3, "block")], "block"))
    if "loop" in kinds:
        rim = [Plate(-6, -8, 14, 12, 3, "loop"), Plate(-8, -6, 14, 12, 3, "loop")]
        found.append((list(rim), "loop over a block"))
    if any(gate.kink for gate in gates):
        found.append(([Plate(-7, -7, 14, 14, 7, "kink")], "at its kink"))
    return found
