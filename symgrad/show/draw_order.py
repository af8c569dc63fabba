"""The order of items within each column, so that few wires cross.

Sweeps of barycentres with exchanges of neighbours (Sugiyama, Tagawa and Toda 1981; Gansner,
Koutsofios, North and Vo 1993). Ports count: two wires into one gate cross where they arrive in the
wrong order, so that operands stand in the order in which they are written.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort

from symgrad.show.draw_layers import Grid

SWEEPS = 24
PATIENCE = 6  # sweeps without improvement after which the search ends
REACH = 1e-3  # a port's height, scaled so that it only decides between wires of one box
CLOSE = REACH / 10  # ports nearer than this are one


def ordered(grid: Grid) -> int:
    """Order every column of the grid, and return how many wires cross."""
    best, fewest = None, -1
    for columns in (_from_outputs(grid), _from_inputs(grid)):
        grid.columns = columns
        columns, found = _improved(grid)
        if best is None or found < fewest:
            best, fewest = columns, found
    grid.columns = best or []
    return fewest


def _improved(grid: Grid) -> tuple[list[list[int]], int]:
    """Sweep until nothing gets better, and return the best columns."""
    _exchanged(grid)
    best, fewest = [c[:] for c in grid.columns], crossings(grid)
    waited = 0
    for sweep in range(SWEEPS):
        if fewest == 0 or waited == PATIENCE:
            break
        _swept(grid, forward=sweep % 2 == 0)
        _exchanged(grid)
        found = crossings(grid)
        waited += 1
        if found < fewest:
            best, fewest, waited = [c[:] for c in grid.columns], found, 0
    return best, fewest


# --- first orders ---


def _from_outputs(grid: Grid) -> list[list[int]]:
    """Walk from the outputs to the operands in their order: a tree gets no crossing."""
    ends = [item for item in range(grid.real) if not grid.after[item]]
    near = [[other for other, *_ in sorted(side, key=lambda n: n[1])] for side in grid.before]
    return _walked(grid, ends, near)


def _from_inputs(grid: Grid) -> list[list[int]]:
    """Walk from the inputs to their readers."""
    ends = [item for item in range(grid.real) if not grid.before[item]]
    near = [[other for other, *_ in side] for side in grid.after]
    return _walked(grid, ends, near)


def _walked(grid: Grid, ends: list[int], near: list[list[int]]) -> list[list[int]]:
    rank: dict[int, int] = {}
    stack = list(reversed(ends))
    while stack:
        item = stack.pop()
        if item not in rank:
            rank[item] = len(rank)
            stack.extend(reversed(near[item]))
    last = len(rank)
    return [
        sorted(column, key=lambda item: (rank.get(item, last), item)) for column in grid.columns
    ]


# --- sweeps ---


def _swept(grid: Grid, *, forward: bool) -> None:
    """Sort each column by the mean height of its items' neighbours in the column swept before."""
    sides = grid.before if forward else grid.after
    places = range(1, len(grid.columns)) if forward else range(len(grid.columns) - 2, -1, -1)
    for place in places:
        column, beside = grid.columns[place], grid.columns[place + (-1 if forward else 1)]
        height = {item: k for k, item in enumerate(beside)}
        want = {item: _mean(height, sides[item]) for item in column}
        free = iter(sorted((i for i in column if want[i] is not None), key=lambda i: want[i] or 0))
        grid.columns[place] = [i if want[i] is None else next(free) for i in column]


def _mean(height: dict[int, int], side: list[tuple[int, float, float, float]]) -> float | None:
    if not side:
        return None
    # Python's own sum rounds otherwise from 3.12 on, and near ties would fall another way.
    levels = math.fsum(height[o] + REACH * (theirs - own) for o, own, theirs, _ in side)
    return round(levels / len(side), 9)


def _exchanged(grid: Grid) -> None:
    """Exchange neighbours in a column for as long as that takes crossings away."""
    height = {item: k for column in grid.columns for k, item in enumerate(column)}
    waiting = set(range(len(grid.columns)))
    for _ in range(SWEEPS):
        moved = {place for place in sorted(waiting) if _column_exchanged(grid, height, place)}
        waiting = {near for place in moved for near in (place - 1, place, place + 1)}
        waiting &= set(range(len(grid.columns)))


def _column_exchanged(grid: Grid, height: dict[int, int], place: int) -> bool:
    """Exchange neighbours in one column once, from the top; return whether any moved."""
    column = grid.columns[place]
    moved = False
    for k in range(len(column) - 1):
        a, b = column[k], column[k + 1]
        if _gain(grid, height, a, b) > 0:
            column[k], column[k + 1] = b, a
            height[a], height[b] = k + 1, k
            moved = True
    return moved


def _gain(grid: Grid, height: dict[int, int], upper: int, lower: int) -> int:
    """Return how many crossings fall away when two neighbours change places."""
    gain = 0
    for side in (grid.before, grid.after):
        lows = [height[o] + REACH * theirs for o, _, theirs, _ in side[lower]]
        for other, _, theirs, _ in side[upper]:
            end = height[other] + REACH * theirs
            for low in lows:
                gain += (low < end - CLOSE) - (end < low - CLOSE)
    return gain


def crossings(grid: Grid) -> int:
    """Count the crossings of wires between neighbouring columns."""
    height = {item: k for column in grid.columns for k, item in enumerate(column)}
    total = 0
    for column in grid.columns[:-1]:
        wires = sorted(
            (height[item] + REACH * own, height[other] + REACH * theirs)
            for item in column
            for other, own, theirs, _ in grid.after[item]
        )
        seen: list[float] = []
        for _, end in wires:
            total += len(seen) - bisect_right(seen, end + CLOSE)
            insort(seen, end)
    return total
