"""One gate as a drawing around its own axis: the circle, what it is called, its wires' ends.

The wires' ends belong to the gate's box, with everything that is written on them: the layout keeps
boxes apart, so no two labels meet.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.show.account import GateAccount
from symgrad.show.draw_icons import icon
from symgrad.show.draw_labels import (
    Style,
    flag,
    gradient,
    local_label,
    part_label,
    sentence,
    tag,
)
from symgrad.show.draw_layers import Box
from symgrad.show.draw_shapes import (
    FACES,
    Group,
    Item,
    Plate,
    Words,
    around,
    moved,
    polyline,
)
from symgrad.show.draw_text import text_width, visible

RADIUS = 17.0
LONGEST_NAME = 28
LONGEST_SYMBOL = 18
LEAD = 13.0  # from where a wire's level end meets the gate's circle
PAD = 2.0
SIGNS = {"·": "@"}  # a dot alone in a circle is hard to see; `@` is how the product is typed


@dataclass(frozen=True, slots=True)
class Figure:
    """A box for the layout, and what is drawn in it around its axis."""

    box: Box
    drawing: Group


@dataclass(frozen=True, slots=True)
class Body:
    """The gate's plate: half its width, half its height, its corners, whether it is a circle."""

    half: float
    tall: float
    corner: float
    is_round: bool
    items: tuple[Item, ...]


def figure(gate: GateAccount, style: Style, *, early: bool = False) -> Figure:
    """Return a gate as a drawing around its axis.

    Parameters
    ----------
    gate : GateAccount
        The gate.
    style : Style
        What is written on it.
    early : bool
        Whether it stands in the first column.
    """
    labels = [(local_label(w, style), part_label(w, style), w.is_map) for w in gate.wires]
    heights = port_heights(labels)
    body = _body(gate, max(heights, default=0.0))
    stub, end = _stub(gate, style, body)
    ports, start = _ports(labels, heights, body)
    above = min(-body.tall, around(stub)[1], around(ports)[1])
    items = [*body.items, *stub, *ports, *_marks(gate, body, above)]
    left, top, right, bottom = around(items)
    if -left > start and heights:
        items += [polyline([(left, y), (-start, y)], "wire") for y in heights]
    if right > end:
        items.append(polyline([(end, 0.0), (right, 0.0)], "wire"))
    left, right, up, down = (round(v, 2) for v in (-left, right, PAD - top, PAD + bottom))
    box = Box(left, right, up, down, tuple(heights), early=early)
    return Figure(box, Group(tuple(items), sentence(gate, style), gate.kind))


# --- the plate ---


def _body(gate: GateAccount, reach: float) -> Body:
    """Return the plate with the gate's sign in it, tall enough for its in-ports."""
    sign = SIGNS.get(gate.symbol, gate.symbol)
    sign = visible(sign, LONGEST_NAME if gate.kind == "input" else LONGEST_SYMBOL)
    role = "name" if gate.kind == "input" else "symbol"
    sizes = _sizes(gate)
    wide = text_width(sign, FACES[role].size, bold=FACES[role].bold)
    if gate.kind == "input":
        return _leaf(sign, sizes, wide)
    fits = wide <= 2 * RADIUS - 8 and not sizes
    boxed = gate.kind in ("block", "loop", "constant") or reach > RADIUS + 6
    is_round = fits and not boxed
    half = RADIUS if is_round else max(RADIUS, wide / 2 + 9, _wide(sizes) / 2 + 7)
    tall = max(RADIUS + (6 if sizes else 0), reach + 9 if boxed else 0)
    corner = 4.0 if boxed else tall
    items: list[Item] = [Plate(-half, -tall, 2 * half, 2 * tall, min(corner, half), gate.kind)]
    if gate.kind == "loop":
        items.insert(0, Plate(4 - half, -4 - tall, 2 * half, 2 * tall, corner, "loop"))
    if gate.kind == "composite":
        inner = min(corner, half) - 3.5
        items.append(Plate(3.5 - half, 3.5 - tall, 2 * half - 7, 2 * tall - 7, inner, "inner"))
    if gate.kink:
        rim = min(corner, half) + 3.5
        items.append(Plate(-half - 3.5, -tall - 3.5, 2 * half + 7, 2 * tall + 7, rim, "kink"))
    items.append(Words(0.0, 5.2 - (6 if sizes else 0), sign, "symbol"))
    if sizes:
        items.append(Words(0.0, 14.0, sizes, "shape"))
    return Body(half, tall, min(corner, half), is_round, tuple(items))


def _leaf(sign: str, sizes: str, wide: float) -> Body:
    half = max(13.0, wide / 2 + 8, _wide(sizes) / 2 + 7)
    tall = 19.0 if sizes else 13.0
    plate = Plate(-half, -tall, 2 * half, 2 * tall, 7.0, "input")
    words = [Words(0.0, -1.0 if sizes else 4.6, sign, "name")]
    words += [Words(0.0, 13.0, sizes, "shape")] if sizes else []
    return Body(half, tall, 7.0, False, (plate, *words))


def _sizes(gate: GateAccount) -> str:
    """Return the sizes of a tensor, `2×3`, and the steps of a loop; "" for a plain scalar."""
    found = ["×".join(map(str, gate.shape))] if gate.shape else []
    if gate.kind == "loop":
        form = gate.account.nodes.payloads[gate.node][2]
        found.append(f"{getattr(form, 'length', form)} steps")
    return visible(", ".join(found), LONGEST_SYMBOL)


def _wide(sizes: str) -> float:
    return text_width(sizes, FACES["shape"].size)


def _marks(gate: GateAccount, body: Body, above: float) -> list[Item]:
    """Return the name above the plate, and the marks of role and kink below it."""
    items: list[Item] = []
    if gate.name and gate.kind != "input":
        name = visible(gate.name, LONGEST_NAME)
        wide = text_width(name, FACES["name"].size, bold=True) / 2
        level = -body.tall if wide <= body.half else above
        items.append(Words(0.0, level - 6, name, "name"))
    below = body.tall + (4 if gate.kink else 0)
    if gate.role:
        items += [moved(i, 0.0, below + 8) for i in icon(gate.role)]
        below += 15
    if gate.kink:
        items.append(Words(0.0, below + 10, "kink", "kink"))
    return items


# --- the ends of wires ---


def _stub(gate: GateAccount, style: Style, body: Body) -> tuple[list[Item], float]:
    """Return the wire's beginning with value and gradient, and where it ends."""
    start = body.half + (9.0 if gate.kink or gate.kind == "loop" else 6.0)
    forward = tag(gate.value, "forward", style)
    backward = tag(gradient(gate), "backward", style)
    end = start + max(forward.width, backward.width) + 4
    items: list[Item] = [polyline([(body.half, 0.0), (end, 0.0)], "wire")]
    items += [moved(i, start, 0.0) for i in (*forward.items, *backward.items)]
    if len(gate.paths) > 1:
        items.append(Plate(end - 2.6, -2.6, 5.2, 5.2, 2.6, "dot"))
        end += 2.6
    return items, end


def port_heights(labels: Sequence[tuple[str, str, bool]]) -> list[float]:
    """Return the heights of in-ports, with room for what is written above and below each."""
    heights = [0.0]
    for (_, below, _), (above, _, _) in itertools.pairwise(labels):
        room = 14.0 + (4.0 if above else 0) + (13.0 if below else 0)
        heights.append(heights[-1] + room)
    middle = heights[-1] / 2
    return [round(h - middle, 2) for h in heights][: len(labels)]


def _ports(
    labels: Sequence[tuple[str, str, bool]], heights: Sequence[float], body: Body
) -> tuple[list[Item], float]:
    """Return the ends of the wires into a gate, and how far to the left they begin."""
    if not labels:
        return [], body.half
    size = FACES["local"].size
    wide = max(max(text_width(a, size), text_width(b, size)) for a, b, _ in labels)
    meet = body.half + LEAD
    start = meet + (wide + 10 if wide else 0)
    items: list[Item] = []
    for (local, part, is_map), y in zip(labels, heights, strict=True):
        end = _touch(body, -meet, y)
        points = [(-start, y), (-meet, y), end]
        items += [polyline(points, "wire"), _head((-meet, y), end)]
        left = -start + 2
        if local:
            role = "part" if is_map else "local"
            shift = 8.0 if is_map else 0.0
            items.append(Words(left + shift, y - 4, local, role, "start"))
            items += [flag(left, y - 7.6, "backward", 5.0)] if is_map else []
        if part:
            items.append(Words(left + 8, y + 11.2, part, "part", "start"))
            items.append(flag(left, y + 7.6, "backward", 5.0))
    return items, start


def _touch(body: Body, x: float, y: float) -> tuple[float, float]:
    """Return where a wire that comes from (x, y) meets the plate."""
    if not body.is_round:
        level = min(max(y, 6 - body.tall), body.tall - 6)
        into = max(0.0, abs(level) - (body.tall - body.corner))
        inset = body.corner - math.sqrt(body.corner**2 - into**2)
        return round(inset - body.half, 2), level
    scale = RADIUS / math.hypot(x, y)
    return round(x * scale, 2), round(y * scale, 2)


def _head(start: tuple[float, float], end: tuple[float, float], size: float = 7.0) -> Item:
    """Return an arrow's head at the end of a wire."""
    x, y = end[0] - start[0], end[1] - start[1]
    length = math.hypot(x, y) or 1.0
    x, y = x / length * size, y / length * size
    back = (end[0] - x, end[1] - y)
    wings = [(back[0] - y * 0.45, back[1] + x * 0.45), (back[0] + y * 0.45, back[1] - x * 0.45)]
    return polyline([end, *((round(a, 2), round(b, 2)) for a, b in wings)], "arrow", closed=True)
