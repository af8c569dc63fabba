"""Small marks, drawn: what a gate does with an upstream gradient.

A distributor gives it to every operand, a switcher exchanges the operands' values, a router sends
it to one operand.
"""

from __future__ import annotations

from symgrad.show.draw_shapes import Item, Line, polyline

Points = list[tuple[float, float]]

# Lines, and heads of arrows, around the middle of the mark.
ICONS: dict[str, tuple[tuple[Points, ...], tuple[Points, ...]]] = {
    "distributor": (
        ([(9, 0), (2, 0), (-4, -4)], [(2, 0), (-4, 4)]),
        ([(-9, -5), (-4, -6.6), (-4, -1.6)], [(-9, 5), (-4, 6.6), (-4, 1.6)]),
    ),
    "switcher": (
        ([(8, -4), (3, -4), (-3, 4), (-5, 4)], [(8, 4), (3, 4), (-3, -4), (-5, -4)]),
        ([(-9, 4), (-4.5, 1.5), (-4.5, 6.5)], [(-9, -4), (-4.5, -6.5), (-4.5, -1.5)]),
    ),
    "router": (
        ([(9, 0), (2, 0), (-4, -4)], [(-2, 3), (-7, 3)], [(-7, 0.6), (-7, 5.4)]),
        ([(-9, -5), (-4, -6.6), (-4, -1.6)],),
    ),
}
MEANINGS = {
    "distributor": "distributor: gives the gradient to all",
    "switcher": "switcher: exchanges the operands’ values",
    "router": "router: gives the gradient to one",
}


def icon(role: str) -> list[Item]:
    """Return the mark of a role around (0, 0): 18 wide, 13 high."""
    lines, heads = ICONS[role]
    drawn: list[Line] = [polyline(points, "icon") for points in lines]
    return [*drawn, *(polyline(points, "iconhead", closed=True) for points in heads)]
