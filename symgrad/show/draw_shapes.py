"""What a drawing is made of: texts, lines, plates, and groups of them, in pixels, y downward.

Writers (SVG, TikZ) know these four and nothing of graphs. A role says what a thing is; the theme
says how that looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from symgrad.show.draw_text import text_width


class Face(NamedTuple):
    """How text of a role is set."""

    size: float
    colour: str
    bold: bool = False
    italic: bool = False


FACES: dict[str, Face] = {
    "symbol": Face(15, "ink"),
    "name": Face(13, "ink", bold=True),
    "value": Face(12, "forward"),
    "grad": Face(12, "backward"),
    "part": Face(10, "backward"),
    "local": Face(10, "muted"),
    "shape": Face(10, "muted"),
    "kink": Face(10, "kink", bold=True),
    "frame": Face(12, "ink", bold=True),
    "legend": Face(11, "muted"),
    "title": Face(15, "ink", bold=True),
}
ASCENT, DESCENT = 0.78, 0.24  # of the size: what letters reach above and below their line

Bounds = tuple[float, float, float, float]
Step = tuple[Any, ...]  # a letter of SVG's paths, and the numbers that follow it


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text; `y` is its base line, `anchor` one of "start", "middle" and "end"."""

    x: float
    y: float
    text: str
    role: str
    anchor: str = "middle"

    @property
    def width(self) -> float:
        """How wide it is at most."""
        face = FACES[self.role]
        return text_width(self.text, face.size, bold=face.bold)

    @property
    def bounds(self) -> Bounds:
        """Left, top, right, bottom."""
        size, width = FACES[self.role].size, self.width
        left = self.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor] * width
        return left, self.y - ASCENT * size, left + width, self.y + DESCENT * size


@dataclass(frozen=True, slots=True)
class Line:
    """A path of steps: ("M", x, y), ("L", x, y), ("C", x, y, x, y, x, y) and ("Z",)."""

    steps: tuple[Step, ...]
    role: str

    @property
    def points(self) -> list[tuple[float, float]]:
        """Every point of it, those that only steer a curve too."""
        found = []
        for _, *numbers in self.steps:
            found += list(zip(numbers[::2], numbers[1::2], strict=True))
        return found

    @property
    def bounds(self) -> Bounds:
        """Left, top, right, bottom."""
        xs, ys = zip(*self.points, strict=True)
        return min(xs), min(ys), max(xs), max(ys)


@dataclass(frozen=True, slots=True)
class Plate:
    """A rectangle with round corners: a circle where `corner` is half of both sides."""

    left: float
    top: float
    width: float
    height: float
    corner: float
    role: str

    @property
    def bounds(self) -> Bounds:
        """Left, top, right, bottom."""
        return self.left, self.top, self.left + self.width, self.top + self.height


@dataclass(frozen=True, slots=True)
class Group:
    """Things that belong together, with a sentence that says what they are."""

    items: tuple[Item, ...]
    sentence: str = ""
    kind: str = ""

    @property
    def bounds(self) -> Bounds:
        """Left, top, right, bottom."""
        return around(self.items)


Item = Words | Line | Plate | Group


def around(items: Iterable[Item]) -> Bounds:
    """Return left, top, right and bottom of several things."""
    sides = [item.bounds for item in items]
    if not sides:
        return 0.0, 0.0, 0.0, 0.0
    lefts, tops, rights, bottoms = zip(*sides, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def moved(item: Item, x: float, y: float) -> Item:
    """Return a thing moved to the right and downward."""
    if isinstance(item, Group):
        return replace(item, items=tuple([moved(i, x, y) for i in item.items]))
    if isinstance(item, Plate):
        return replace(item, left=item.left + x, top=item.top + y)
    if isinstance(item, Words):
        return replace(item, x=item.x + x, y=item.y + y)
    by = (x, y)
    steps = tuple(
        (a, *(v + by[k % 2] for k, v in enumerate(numbers))) for a, *numbers in item.steps
    )
    return replace(item, steps=steps)


def leaves(items: Iterable[Item]) -> Iterator[Words | Line | Plate]:
    """Yield the texts, lines and plates in all groups, in the order in which they are drawn."""
    for item in items:
        if isinstance(item, Group):
            yield from leaves(item.items)
        else:
            yield item


def polyline(points: Iterable[tuple[float, float]], role: str, *, closed: bool = False) -> Line:
    """Return a line through points."""
    steps: list[Step] = [("L", x, y) for x, y in points]
    steps[0] = ("M", *steps[0][1:])
    return Line((*steps, ("Z",)) if closed else tuple(steps), role)


def wire(corners: Iterable[tuple[float, float]], role: str) -> Line:
    """Return a smooth wire: level between the 1st and 2nd corner, curved to the 3rd, and so on."""
    (x, y), *rest = corners
    steps: list[Step] = [("M", x, y)]
    for place, (to_x, to_y) in enumerate(rest):
        if place % 2 and to_y != y:
            half = (to_x - x) / 2
            steps.append(("C", x + half, y, to_x - half, to_y, to_x, to_y))
        elif to_x != x:
            if steps[-1][0] == "L" and to_y == steps[-1][2]:
                steps.pop()
            steps.append(("L", to_x, to_y))
        x, y = to_x, to_y
    return Line(tuple(steps), role)
