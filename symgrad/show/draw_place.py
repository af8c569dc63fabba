"""Places of boxes and routes of wires, once columns and their order are known.

Heights: each column is placed at once, every item as near as possible (least squares) to where its
neighbours want it, by pooling adjacent violators of the smallest distances. The last sweep follows
the values, so that chains of gates and passing wires lie on one straight line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from symgrad.show.draw_layers import Box, Grid, Link, gridded
from symgrad.show.draw_order import ordered

GAP = 14.0  # between the boxes of a column
ROUNDS = 12
CHANNEL = (26.0, 150.0)  # narrowest and widest room for wires between two columns
STEEPNESS = 0.35  # of a channel's width, by the tallest step that a wire takes in it

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    """Where everything stands.

    Attributes
    ----------
    at : tuple of (x, y)
        The axis of each box.
    routes : tuple of tuple of (x, y)
        For each wire its corners: level stretches within columns, curves between them.
    width, height : float
        Of the whole.
    crossings : int
        How often wires cross.
    """

    at: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float
    crossings: int


def placed(boxes: Sequence[Box], links: Sequence[Link], *, gap: float = GAP) -> Placed:
    """Place boxes in columns from left to right, with few crossings and no wire through a box.

    Parameters
    ----------
    boxes : sequence of Box
        The boxes.
    links : sequence of Link
        The wires; they close no ring.
    gap : float
        Least distance between the boxes of a column, in pixels.

    Examples
    --------
    >>> two = [Box(5, 5, 5, 5), Box(5, 5, 5, 5)]
    >>> placed(two, [Link(0, 0, 1, 0)]).at
    ((5.0, 5.0), (41.0, 5.0))
    """
    if not boxes:
        return Placed((), (), 0.0, 0.0, 0)
    grid = gridded(boxes, links)
    crossed = ordered(grid)
    y = heights(grid, gap)
    sides = _columns(grid, y)
    x = [0.0] * len(grid.boxes)
    for column, (_, axis, _) in zip(grid.columns, sides, strict=True):
        for item in column:
            x[item] = axis
    at = tuple(zip(x[: grid.real], y[: grid.real], strict=True))
    where = {item: k for k, column in enumerate(grid.columns) for item in column}
    routes = tuple(
        _route(grid, link, chain, y, [sides[where[i]] for i in chain])
        for link, chain in zip(links, grid.chains, strict=True)
    )
    height = max(y[i] + grid.boxes[i].down for i in range(len(y)))
    return Placed(at, routes, sides[-1][2], height, crossed)


# --- heights ---


def heights(grid: Grid, gap: float) -> list[float]:
    """Return the height of each item's axis, the topmost reaching up to 0."""
    y = [0.0] * len(grid.boxes)
    for column in grid.columns:
        below = 0.0
        for item in column:
            y[item] = below + grid.boxes[item].up
            below = y[item] + grid.boxes[item].down + _room(grid, item, gap)
    for turn in range(ROUNDS):
        both = 0 < turn < ROUNDS - 2
        for column in reversed(grid.columns):
            _settled(grid, column, y, gap, grid.after, grid.before if both else grid.after)
        for column in grid.columns:
            _settled(grid, column, y, gap, grid.before, grid.after if both else grid.before)
    top = min(y[i] - grid.boxes[i].up for i in range(len(y)))
    return [round(v - top, 2) for v in y]


def _room(grid: Grid, item: int, gap: float) -> float:
    return gap if item < grid.real else 0.0


Side = list[list[tuple[int, float, float, float]]]


def _settled(grid: Grid, column: list[int], y: list[float], gap: float, a: Side, b: Side) -> None:
    """Move the items of a column to where their neighbours want them, as far as there is room."""
    wants, weights, offsets = [], [], []
    offset = 0.0
    for k, item in enumerate(column):
        if k:
            above = column[k - 1]
            room = max(_room(grid, above, gap), _room(grid, item, gap))
            offset += grid.boxes[above].down + grid.boxes[item].up + room
        near = a[item] if a is b else a[item] + b[item]
        near = near or grid.after[item] or grid.before[item]
        weight = math.fsum(w for *_, w in near)
        pull = math.fsum(w * (y[o] + theirs - own) for o, own, theirs, w in near)
        want = pull / weight if near else 0.0
        wants.append((want if near else y[item]) - offset)
        weights.append(weight or 0.01)
        offsets.append(offset)
    for item, level, offset in zip(column, pooled(wants, weights), offsets, strict=True):
        y[item] = level + offset


def pooled(wants: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the rising numbers nearest to `wants`, by weighted least squares.

    Examples
    --------
    >>> pooled([1, 3, 2], [1, 1, 1])
    [1, 2.5, 2.5]
    """
    blocks: list[tuple[float, float, int]] = []
    for want, weight in zip(wants, weights, strict=True):
        level, mass, count = want, weight, 1
        while blocks and blocks[-1][0] > level:
            above, more, many = blocks.pop()
            level = (above * more + level * mass) / (more + mass)
            mass, count = mass + more, count + many
        blocks.append((level, mass, count))
    return [level for level, _, count in blocks for _ in range(count)]


# --- columns and routes ---

Sides = tuple[float, float, float]


def _columns(grid: Grid, y: list[float]) -> list[Sides]:
    """Return left end, axis and right end of each column."""
    sides: list[Sides] = []
    start = 0.0
    for column in grid.columns:
        left = max(grid.boxes[i].left for i in column)
        right = max(grid.boxes[i].right for i in column)
        sides.append((start, start + left, start + left + right))
        start += left + right + _channel(grid, column, y)
    return sides


def _channel(grid: Grid, column: list[int], y: list[float]) -> float:
    """Return the room for wires after a column: more where they step far."""
    steps = [
        abs(y[other] + theirs - y[item] - own)
        for item in column
        for other, own, theirs, _ in grid.after[item]
    ]
    narrow, wide = CHANNEL
    return round(min(max(narrow, STEEPNESS * max(steps, default=0.0)), wide), 2)


def _route(
    grid: Grid, link: Link, chain: list[int], y: list[float], sides: list[Sides]
) -> tuple[Point, ...]:
    """Return the corners of a wire, from its source's right side to its target's left side."""
    source, target = grid.boxes[link.source], grid.boxes[link.target]
    start = y[link.source] + source.outs[link.out]
    end = y[link.target] + target.ins[link.port]
    corners = [(sides[0][1] + source.right, start), (sides[0][2], start)]
    for item, (left, _, right) in zip(chain[1:-1], sides[1:-1], strict=True):
        corners += [(left, y[item]), (right, y[item])]
    corners += [(sides[-1][0], end), (sides[-1][1] - target.left, end)]
    return tuple((round(a, 2), round(b, 2)) for a, b in corners)
