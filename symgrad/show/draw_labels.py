"""Values, gradients and local derivatives as labels: what is written on a wire.

A value stands above its wire behind ▸, a gradient below behind ◂; a small matrix shows its entries,
a large one its sizes and range. What no run has computed is "—", never 0.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from symgrad.expr.printer import text
from symgrad.show.account import GateAccount, Wire
from symgrad.show.draw_shapes import ASCENT, FACES, Item, Words, polyline
from symgrad.show.draw_text import text_width, visible
from symgrad.show.sheet import shown

NONE = "—"
ENTRIES = 4  # rows and columns of a matrix that is written out
LONGEST_LOCAL = 12  # characters of a local derivative that is written beside its number
LONGEST_MAP = 22
CLEAR = 4.0  # between a wire and what is written on it
FLAG = 6.0  # the width of ▸ and ◂
LEADING = 1.2
OTHER = "other"
NAME = re.compile(r"[A-Za-z_]\w*")


class Style(NamedTuple):
    """What is written on a picture.

    Parameters
    ----------
    digits : int
        Significant digits.
    local : bool
        Whether local derivatives are written on the wires.
    """

    digits: int = 4
    local: bool = True


class Label(NamedTuple):
    """Something written on a wire: its items from x = 0, and how wide it is."""

    items: tuple[Item, ...]
    width: float


# --- numbers as rows of cells ---


def cells(value: Any, digits: int) -> list[list[str]]:
    """Return a number as one cell, a small matrix by rows, a large one as sizes and range.

    Examples
    --------
    >>> cells(None, 4), cells(0.19661193, 4), cells(np.eye(2), 4)
    ([['—']], [['0.1966']], [['1', '0'], ['0', '1']])
    >>> cells(np.zeros((64, 100)), 4)
    [['64×100: 0…0']]
    """
    if value is None:
        return [[NONE]]
    found = np.asarray(value)
    if not found.ndim:
        return [[shown(value, digits)]]
    small = found.ndim <= 2 and max(found.shape) <= ENTRIES and found.size
    if small and not np.iscomplexobj(found):
        rows = found.reshape(-1, found.shape[-1])
        return [[shown(entry, min(digits, 3)) for entry in row] for row in rows]
    return [[summary(found, digits)]]


def summary(found: Any, digits: int) -> str:
    """Return an array's sizes and the range of its entries."""
    sizes = "×".join(map(str, found.shape))
    if not found.size or np.iscomplexobj(found):
        return sizes
    low, high = shown(found.min(), min(digits, 3)), shown(found.max(), min(digits, 3))
    return f"{sizes}: {low}…{high}"


def gradient(gate: GateAccount) -> Any:
    """Return a node's gradient: None for a constant and without a run, 0 where nothing flows."""
    made = gate.account.run
    if made is None or gate.account.nodes.constant[gate.node]:
        return None
    return made.grad[gate.node]


# --- labels ---


def flag(x: float, y: float, role: str, size: float = FLAG) -> Item:
    """Return ▸ or ◂, from `x` to the right, around the height `y`; drawn, so no font is asked."""
    tip, back = (x + size, x) if role == "forward" else (x, x + size)
    half = size / 2
    return polyline([(back, y - half), (tip, y), (back, y + half)], role, closed=True)


def tag(value: Any, role: str, style: Style) -> Label:
    """Return a value (above the wire) or a gradient (below), from x = 0 to the right."""
    face = FACES["value" if role == "forward" else "grad"]
    rows = cells(value, style.digits)
    bracketed = len(rows) > 1 or len(rows[0]) > 1
    step = face.size * LEADING
    first = CLEAR + ASCENT * face.size
    above = role == "forward"
    lines = [first + k * step for k in range(len(rows))]
    if above:
        lines = [-CLEAR - 1.0 - k * step for k in reversed(range(len(rows)))]
    start = FLAG + (8.0 if bracketed else 3.0)
    items, right = _table(rows, start, lines, "value" if above else "grad")
    middle = (lines[0] + lines[-1]) / 2 - 0.36 * face.size
    items.append(flag(0.0, middle, role))
    if bracketed:
        top, bottom = lines[0] - ASCENT * face.size, lines[-1] + 1.0
        items += [_bracket(start - 4, top, bottom, 3), _bracket(right + 4, top, bottom, -3)]
        right += 5
    return Label(tuple(items), right)


def _table(
    rows: list[list[str]], start: float, lines: list[float], role: str
) -> tuple[list[Item], float]:
    """Return the cells in columns, and where the last ends; rows are aligned to the right."""
    size = FACES[role].size
    items: list[Item] = []
    right = start
    for column in range(len(rows[0])):
        left = right + (8.0 if column else 0.0)
        right = left + max(text_width(row[column], size) for row in rows)
        x, anchor = (left, "start") if len(rows) == 1 else (right, "end")
        items += [
            Words(x, line, row[column], role, anchor) for row, line in zip(rows, lines, strict=True)
        ]
    return items, right


def _bracket(x: float, top: float, bottom: float, foot: float) -> Item:
    return polyline([(x + foot, top), (x, top), (x, bottom), (x + foot, bottom)], "bracket")


def local_label(wire: Wire, style: Style) -> str:
    """Return the local derivative along a wire: `∂ z = -4`, shorter where that is long; or ""."""
    if not style.local:
        return ""
    spelled = _spelled(wire)
    if wire.is_map:
        return spelled if len(spelled) <= LONGEST_MAP else ""
    number = wire.number
    if number is None or np.ndim(number):
        return f"∂ {visible(spelled, LONGEST_LOCAL + 8)}" if spelled else ""
    found = shown(number, style.digits)
    if not spelled or len(spelled) > LONGEST_LOCAL or wire.local.is_number or OTHER in spelled:
        return f"∂ {found}"
    return f"∂ {spelled} = {found}"


def _spelled(wire: Wire) -> str:
    """Return the local derivative as text, in names that stand in the picture.

    A gate without a name is `out` at its own wires, its gradient `dout`, and its operands are `in`
    and `other`.
    """
    if wire.local is None:
        return ""
    account, node = wire.gate.account, wire.gate.node
    places = {wire.source: "in", node: "out"}
    swaps = {
        text(account.graph.labels[a]): places.get(a, OTHER)
        for a in (*account.nodes.args[node], node)
        if a not in account.names and account.graph.labels[a].is_Symbol
    }
    if node not in account.names:
        swaps[text(wire.gate.upstream)] = "dout"
    return NAME.sub(lambda found: swaps.get(found[0], found[0]), visible(text(wire.local)))


def part_label(wire: Wire, style: Style) -> str:
    """Return what arrives along one of several wires of a node, or ""."""
    gate = wire.gate
    if not style.local or len(gate.account.paths(wire.source)) < 2:
        return ""
    product = gate.account.product(wire)
    return "" if product is None or np.ndim(product) else shown(product, style.digits)


def sentence(gate: GateAccount, style: Style) -> str:
    """Return what a gate is and has, in one line for a reader's ear."""
    head = f"{gate.label} = {gate.formula}" if gate.formula else f"{gate.kind} {gate.label}"
    numbers = [
        f"{what} {_spoken(value, style.digits)}"
        for what, value in (("value", gate.value), ("gradient", gradient(gate)))
    ]
    marks = [gate.role] if gate.role else []
    marks += ["at its kink"] if gate.kink else []
    return visible("; ".join([visible(head, 120), *numbers, *marks]))


def _spoken(value: Any, digits: int) -> str:
    if value is None:
        return "not computed"
    return shown(value, digits) if not np.ndim(value) else summary(np.asarray(value), digits)
