"""Layers of a drawing: which column each box stands in, and how long wires pass through columns.

Boxes are numbers; a wire goes from an out-port of one box to an in-port of a later one. Wires that
pass over columns get a lane in each, so that room is kept for them and they meet no box; those of
one port share their lanes, as branches of one trunk.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

LANE = 6.0  # half the height that a passing wire keeps free
LEAF = 0.2  # how much less than a gate an input moves what reads it out of line


@dataclass(frozen=True, slots=True)
class Box:
    """What the layout knows of a box: how far it reaches from its axis, and its ports.

    Parameters
    ----------
    left, right, up, down : float
        Reach from the axis, in pixels.
    ins, outs : tuple of float
        Heights of the ports, from the axis, downward.
    early, late : bool
        Whether the box stands in the first column, or the last, whatever it is joined to.
    """

    left: float
    right: float
    up: float
    down: float
    ins: tuple[float, ...] = (0.0,)
    outs: tuple[float, ...] = (0.0,)
    early: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A wire: from a box's out-port to another box's in-port."""

    source: int
    out: int
    target: int
    port: int


@dataclass(slots=True)
class Grid:
    """Boxes and lanes in columns, with the short links between neighbouring columns.

    Attributes
    ----------
    boxes : list of Box
        The boxes, then the lanes.
    real : int
        How many of them are boxes.
    columns : list of list of int
        The items of each column, from the top.
    before, after : list of list of (item, own port's height, its port's height, weight)
        Each item's neighbours in the column before and after.
    chains : list of list of int
        For each wire, its items from source to target.
    """

    boxes: list[Box]
    real: int
    columns: list[list[int]]
    before: list[list[tuple[int, float, float, float]]] = field(default_factory=list)
    after: list[list[tuple[int, float, float, float]]] = field(default_factory=list)
    chains: list[list[int]] = field(default_factory=list)


def layered(boxes: Sequence[Box], links: Sequence[Link]) -> list[int]:
    """Return the column of each box: sources as near to their readers as wires stay short.

    Raises
    ------
    ValueError
        If the links close a ring.
    """
    order = in_order(len(boxes), links)
    readers: list[list[int]] = [[] for _ in boxes]
    sources: list[list[int]] = [[] for _ in boxes]
    for link in links:
        readers[link.source].append(link.target)
        sources[link.target].append(link.source)
    column = [0] * len(boxes)
    for box in order:
        column[box] = max((column[s] + 1 for s in sources[box]), default=0)
    for box in reversed(order):
        if readers[box] and len(readers[box]) >= len(sources[box]) and not boxes[box].early:
            latest = min(column[r] for r in readers[box]) - 1
            shortens = len(readers[box]) > len(sources[box])
            column[box] = latest if shortens else column[box]
    first, last = min(column, default=0), max(column, default=0)
    return [(last if box.late else c) - first for box, c in zip(boxes, column, strict=True)]


def in_order(count: int, links: Sequence[Link]) -> list[int]:
    """Return the boxes with sources before readers.

    Raises
    ------
    ValueError
        If the links close a ring.
    """
    waiting = [0] * count
    readers: list[list[int]] = [[] for _ in range(count)]
    for link in links:
        waiting[link.target] += 1
        readers[link.source].append(link.target)
    ready = [box for box in range(count) if not waiting[box]]
    for box in ready:
        for reader in readers[box]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if len(ready) < count:
        raise ValueError("the links close a ring; boxes cannot stand in columns")
    return ready


def gridded(boxes: Sequence[Box], links: Sequence[Link]) -> Grid:
    """Return boxes and lanes in columns; the order within a column is yet to be found."""
    column = layered(boxes, links)
    grid = Grid(list(boxes), len(boxes), [[] for _ in range(max(column, default=-1) + 1)])
    for box, place in enumerate(column):
        grid.columns[place].append(box)
    lanes: dict[tuple[int, int, int], int] = {}
    for link in links:
        chain = [link.source]
        for place in range(column[link.source] + 1, column[link.target]):
            key = (link.source, link.out, place)
            if key not in lanes:
                lanes[key] = len(grid.boxes)
                grid.columns[place].append(len(grid.boxes))
                grid.boxes.append(Box(0.0, 0.0, LANE, LANE))
            chain.append(lanes[key])
        grid.chains.append([*chain, link.target])
    grid.before = [[] for _ in grid.boxes]
    grid.after = [[] for _ in grid.boxes]
    joined: set[tuple[int, int]] = set()
    fed = {link.target for link in links}
    for link, chain in zip(links, grid.chains, strict=True):
        _join(grid, link, chain, joined, 1.0 if link.source in fed else LEAF)
    for item in range(len(grid.boxes)):
        grid.before[item].sort(key=lambda near: near[1])
    return grid


def _join(
    grid: Grid, link: Link, chain: list[int], joined: set[tuple[int, int]], pull: float
) -> None:
    """Note the short links of one wire; those between two lanes want most to be straight."""
    for a, b in itertools.pairwise(chain):
        if b >= grid.real and (a, b) in joined:
            continue
        joined.add((a, b))
        out = grid.boxes[a].outs[link.out] if a == link.source else 0.0
        port = grid.boxes[b].ins[link.port] if b == link.target else 0.0
        weight = (pull, 0.5 * pull, 8.0)[(a >= grid.real) + (b >= grid.real)]
        grid.after[a].append((b, out, port, weight))
        grid.before[b].append((a, port, out, weight))
