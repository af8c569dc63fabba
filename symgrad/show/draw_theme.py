"""Colours: two themes, and what each role of a shape looks like in them.

Every colour of text stands at 4.5 : 1 or more against every surface that it may stand on, every
line at 3 : 1 (WCAG 2.2, 1.4.3 and 1.4.11); a test measures them. No meaning hangs on colour alone:
values stand above the wire behind ▸, gradients below it behind ◂.
"""

from __future__ import annotations

from typing import NamedTuple

LIGHT = {
    "page": "#ffffff",
    "plate": "#f3f5f8",
    "leaf": "#ffffff",
    "composite": "#e9eefb",
    "region": "#eef6ee",
    "frame": "#faf7f0",
    "ink": "#1b1f24",
    "muted": "#525a66",
    "wire": "#59626f",
    "rim": "#3c444f",
    "edge": "#7b6a45",
    "forward": "#0b57a4",
    "backward": "#a83f00",
    "kink": "#a4124b",
}
DARK = {
    "page": "#14181f",
    "plate": "#232a35",
    "leaf": "#14181f",
    "composite": "#26304a",
    "region": "#1e3327",
    "frame": "#1d2129",
    "ink": "#eef1f5",
    "muted": "#b3bcc8",
    "wire": "#98a3b1",
    "rim": "#aab4c1",
    "edge": "#b5a173",
    "forward": "#85bdff",
    "backward": "#ffae6b",
    "kink": "#ff8fb8",
}
THEMES = {"light": LIGHT, "dark": DARK}
SURFACES = ("page", "plate", "leaf", "composite", "region", "frame")
LINES = ("wire", "rim", "edge")


class Look(NamedTuple):
    """How a plate or a line looks: names of colours, and the pen."""

    fill: str = ""
    stroke: str = ""
    pen: float = 1.4
    dash: str = ""


LOOKS: dict[str, Look] = {
    "page": Look("page", "", 0),
    "input": Look("leaf", "rim", 1.4),
    "constant": Look("leaf", "rim", 1.2, "3 2"),
    "gate": Look("plate", "rim", 1.6),
    "composite": Look("composite", "rim", 2.2),
    "block": Look("region", "rim", 1.6),
    "loop": Look("region", "rim", 1.6),
    "inner": Look("", "rim", 1.0),
    "frame": Look("frame", "edge", 1.4, "6 4"),
    "kink": Look("", "kink", 1.8, "3 2"),
    "wire": Look("", "wire", 1.5),
    "under": Look("", "page", 5.0),
    "arrow": Look("wire", "", 0),
    "dot": Look("wire", "", 0),
    "icon": Look("", "muted", 1.3),
    "iconhead": Look("muted", "", 0),
    "forward": Look("forward", "", 0),
    "backward": Look("backward", "", 0),
    "bracket": Look("", "muted", 1.2),
}


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21.

    Examples
    --------
    >>> contrast("#ffffff", "#000000")
    21.0
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return round((light + 0.05) / (dark + 0.05), 2)


def _luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
