"""The layout: columns, few crossings, nothing on anything else, whatever the graph."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.show.draw_layers import Box, Grid, Link, gridded, layered
from symgrad.show.draw_order import crossings, ordered
from symgrad.show.draw_place import placed, pooled

SMALL = Box(20, 40, 15, 18)


def random_links(count: int, seed: int, *, ports: int = 2) -> tuple[list[Box], list[Link]]:
    """Return a random graph of gates of two operands; some operands stand twice."""
    rng = random.Random(seed)
    boxes, links = [], []
    for box in range(count):
        read = min(box, ports)
        heights = tuple(12.0 * k - 6.0 * (read - 1) for k in range(read))
        sizes = [rng.uniform(8, 40) for _ in range(4)]
        boxes.append(Box(*sizes, heights, (0.0,)))
        links += [Link(max(0, box - 1 - int(rng.expovariate(0.2))), 0, box, k) for k in range(read)]
    return boxes, links


def counted_crossings(grid: Grid) -> int:
    """Count crossings pair by pair, by the definition."""
    height = {item: k for column in grid.columns for k, item in enumerate(column)}
    total = 0
    for column in grid.columns:
        wires = [
            ((height[a], own), (height[b], theirs))
            for a in column
            for b, own, theirs, _ in grid.after[a]
        ]
        total += sum(
            (a < c and b > d) or (a > c and b < d)
            for (a, b), (c, d) in itertools.combinations(wires, 2)
        )
    return total


@settings(max_examples=30)
@given(st.integers(2, 40), st.integers(0, 10_000))
def test_every_wire_runs_from_a_column_to_a_later_one(count: int, seed: int) -> None:
    boxes, links = random_links(count, seed)

    column = layered(boxes, links)

    assert all(column[link.source] < column[link.target] for link in links)
    assert min(column) == 0


@settings(max_examples=30)
@given(st.integers(2, 30), st.integers(0, 10_000))
def test_crossings_are_counted_as_they_are_defined(count: int, seed: int) -> None:
    grid = gridded(*random_links(count, seed))

    found = ordered(grid)

    assert counted_crossings(grid) == crossings(grid) == found


@settings(max_examples=30)
@given(st.integers(5, 40), st.integers(0, 10_000))
def test_ordering_never_adds_crossings(count: int, seed: int) -> None:
    grid = gridded(*random_links(count, seed))
    before = crossings(grid)

    assert ordered(grid) <= before


def test_a_tree_is_drawn_without_a_crossing() -> None:
    leaves = 32
    boxes, links = [SMALL] * leaves, []
    level = list(range(leaves))
    random.Random(3).shuffle(level)
    while len(level) > 1:
        pairs = list(zip(level[::2], level[1::2], strict=True))
        level = []
        for one, other in pairs:
            level.append(len(boxes))
            links += [Link(one, 0, len(boxes), 0), Link(other, 0, len(boxes), 1)]
            boxes.append(Box(20, 40, 15, 18, (-9.0, 9.0)))

    assert placed(boxes, links).crossings == 0


@settings(max_examples=30)
@given(st.integers(2, 40), st.integers(0, 10_000))
def test_no_box_lies_on_another(count: int, seed: int) -> None:
    boxes, links = random_links(count, seed)

    at = placed(boxes, links).at

    for (a, (x, y)), (b, (u, v)) in itertools.combinations(zip(boxes, at, strict=True), 2):
        apart = x + a.right <= u - b.left or u + b.right <= x - a.left
        assert apart or y + a.down <= v - b.up + 0.02 or v + b.down <= y - a.up + 0.02


@settings(max_examples=30)
@given(st.integers(3, 40), st.integers(0, 10_000))
def test_no_wire_passes_through_a_box(count: int, seed: int) -> None:
    """Between columns there is no box; within a column a wire is level, at its lane's height."""
    boxes, links = random_links(count, seed)

    found = placed(boxes, links)

    for link, route in zip(links, found.routes, strict=True):
        for (x, y), (u, v) in list(itertools.pairwise(route))[::2]:
            assert y == v
            for k, (box, (bx, by)) in enumerate(zip(boxes, found.at, strict=True)):
                if k not in (link.source, link.target):
                    beside = u <= bx - box.left or x >= bx + box.right
                    assert beside or y <= by - box.up or y >= by + box.down


def test_curves_stay_between_columns() -> None:
    boxes, links = random_links(60, 5)

    found = placed(boxes, links)
    sides = [(x - b.left, x + b.right) for b, (x, _) in zip(boxes, found.at, strict=True)]

    for route in found.routes:
        for (x, _), (u, _) in list(itertools.pairwise(route))[1::2]:
            assert all(u <= left + 0.02 or x >= right - 0.02 for left, right in sides)


def test_a_chain_of_gates_lies_on_one_line() -> None:
    boxes = [Box(20, 40, 15 + k, 18) for k in range(12)]
    links = [Link(k, 0, k + 1, 0) for k in range(11)]

    heights = {y for _, y in placed(boxes, links).at}

    assert len(heights) == 1


def test_operands_stand_in_the_order_in_which_they_are_written() -> None:
    gate = Box(20, 40, 15, 18, (-20.0, 0.0, 20.0))
    boxes = [SMALL, SMALL, SMALL, gate]
    links = [Link(2, 0, 3, 0), Link(0, 0, 3, 1), Link(1, 0, 3, 2)]

    at = placed(boxes, links).at

    assert at[2][1] < at[0][1] < at[1][1]


def test_a_ring_is_refused() -> None:
    with pytest.raises(ValueError, match="ring"):
        layered([SMALL, SMALL], [Link(0, 0, 1, 0), Link(1, 0, 0, 0)])


def test_pooling_gives_the_nearest_rising_numbers() -> None:
    """The answer is rising, and no small rising change of it is nearer."""
    rng = random.Random(7)
    wants = [rng.uniform(-5, 5) for _ in range(9)]
    weights = [rng.choice([1.0, 2.0, 8.0]) for _ in range(9)]

    found = pooled(wants, weights)

    def cost(levels: list[float]) -> float:
        return sum(w * (a - b) ** 2 for w, a, b in zip(weights, levels, wants, strict=True))

    assert all(a <= b for a, b in itertools.pairwise(found))
    for _ in range(2000):
        moved = sorted(level + rng.gauss(0, 0.05) for level in found)
        assert cost(moved) >= cost(found) - 1e-12


def test_an_empty_drawing_has_no_size() -> None:
    assert (0.0, 0.0) == (placed([], []).width, placed([], []).height)
