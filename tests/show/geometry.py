"""Whether anything in a drawing lies on anything else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from symgrad.show.draw_shapes import Group, Item, Line, Plate, Words

Box = tuple[float, float, float, float]
TOUCH = 0.6  # pixels by which rounding may let two things touch
SURROUNDING = {"page", "frame"}  # plates that other things stand on


def owned(items: tuple[Item, ...], owner: int = 0) -> Iterator[tuple[int, Words | Line | Plate]]:
    """Yield every shape with the number of the innermost group that it belongs to."""
    for place, item in enumerate(items):
        if isinstance(item, Group):
            yield from owned(item.items, hash((owner, place)))
        else:
            yield owner, item


def overlap(one: Box, other: Box) -> bool:
    return (
        min(one[2], other[2]) - max(one[0], other[0]) > TOUCH
        and min(one[3], other[3]) - max(one[1], other[1]) > TOUCH
    )


def points(line: Line) -> list[tuple[float, float]]:
    """Return points along a path, some pixels apart."""
    found: list[tuple[float, float]] = []
    for action, *n in line.steps:
        if action == "M":
            found.append((n[0], n[1]))
        elif action == "L":
            x, y = found[-1]
            found += [(x + (n[0] - x) * t / 40, y + (n[1] - y) * t / 40) for t in range(1, 41)]
        elif action == "C":
            start = found[-1]
            found += [bezier(start, n, t / 40) for t in range(1, 41)]
    return found


def bezier(start: tuple[float, float], n: list[float], t: float) -> tuple[float, float]:
    s = 1 - t
    weights = (s**3, 3 * s * s * t, 3 * s * t * t, t**3)
    xs, ys = (start[0], *n[::2]), (start[1], *n[1::2])
    return (
        sum(w * x for w, x in zip(weights, xs, strict=True)),
        sum(w * y for w, y in zip(weights, ys, strict=True)),
    )


def faults(items: tuple[Item, ...]) -> list[str]:
    """Return what lies on what: texts on texts, plates on plates, wires on texts or plates."""
    shapes = list(owned(items))
    texts = [(o, s) for o, s in shapes if isinstance(s, Words)]
    plates = [(o, s) for o, s in shapes if isinstance(s, Plate) and s.role not in SURROUNDING]
    plates = [(o, s) for o, s in plates if s.role != "dot"]
    wires = [(o, s) for o, s in shapes if isinstance(s, Line) and s.role == "wire"]
    found = [
        f"{a.text!r} on {b.text!r}"
        for (_, a), (_, b) in itertools.combinations(texts, 2)
        if overlap(a.bounds, b.bounds)
    ]
    found += [
        f"{a.text!r} on a plate"
        for (o, a), (p, b) in itertools.product(texts, plates)
        if o != p and overlap(a.bounds, b.bounds)
    ]
    found += [
        f"plate {a.role} on plate {b.role}"
        for (o, a), (p, b) in itertools.combinations(plates, 2)
        if o != p and overlap(a.bounds, b.bounds)
    ]
    for owner, line in wires:
        track = points(line)
        found += [f"a wire through {t.text!r}" for _, t in texts if crosses(track, t.bounds)]
        found += [
            f"a wire through a {p.role}"
            for o, p in plates
            if o != owner and crosses(track, p.bounds)
        ]
    return found


def crosses(track: list[tuple[float, float]], box: Box) -> bool:
    left, top, right, bottom = box
    return any(
        left + TOUCH < x < right - TOUCH and top + TOUCH < y < bottom - TOUCH for x, y in track
    )
