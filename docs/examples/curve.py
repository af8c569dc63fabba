"""The picture of a loss curve: an SVG of one line, written without any other package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from math import ceil, floor, log10

import numpy as np

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 76, 16, 28, 44
POINTS = 600  # more cannot be told apart at this width
TICKS = 5
STYLE = """text{font:13px sans-serif;fill:#333}path{fill:none;stroke:#1f5fbf;stroke-width:1.5}
line{stroke:#8886}line.level{stroke:#b45309;stroke-dasharray:6 4}
@media(prefers-color-scheme:dark){text{fill:#ddd}path{stroke:#7ab0ff}}"""


def curve_svg(losses: Sequence[float], levels: Mapping[str, float] | None = None) -> str:
    """Return the curve as SVG; the axis is logarithmic where losses differ by 100 times.

    `levels` are losses to compare with: dashed lines, each with its name.
    """
    steps, means = thinned(np.array(losses, dtype=float))
    logarithmic = bool(len(means)) and means.min() > 0 and means.max() > 100 * means.min()
    heights = np.log10(means) if logarithmic else means
    marked = {n: np.log10(v) if logarithmic else v for n, v in (levels or {}).items()}
    low, high = bounds(np.array([*heights, *marked.values()]))
    across = scale(0, max(len(losses), 1), LEFT, WIDTH - RIGHT)
    up = scale(low, high, HEIGHT - BOTTOM, TOP)
    line = " ".join(f"{across(s):.1f},{up(h):.1f}" for s, h in zip(steps, heights, strict=True))
    marks = [
        *(rule(up(v), f"{10**v if logarithmic else v:.6g}") for v in ticks(low, high)),
        *(foot(across(s), f"{s:,.6g}") for s in ticks(0, max(len(losses), 1))),
        *(level(up(v), name) for name, v in marked.items()),
        f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">step</text>',
        f'<text x="14" y="{HEIGHT / 2:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 14 {HEIGHT / 2:.0f})">loss</text>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        f"<title>Loss of {len(losses):,} steps</title>\n<style>{STYLE}</style>\n"
        + "\n".join(marks)
        + (f'\n<path d="M{line}"/>' if line else "")
        + "\n</svg>\n"
    )


def thinned(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and means of neighbouring losses, at most `POINTS` of them."""
    together = max(1, ceil(len(losses) / POINTS))
    starts = np.arange(0, len(losses), together)
    sizes = np.diff(starts, append=len(losses))
    sums = np.add.reduceat(losses, starts) if len(losses) else losses
    return starts + (sizes - 1) / 2, sums / sizes


def bounds(heights: np.ndarray) -> tuple[float, float]:
    """Return the ends of the axis, apart also where all losses are equal."""
    if not len(heights):
        return 0.0, 1.0
    low, high = float(heights.min()), float(heights.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two others, `TICKS` or fewer apart from the ends."""
    rough = (high - low) / TICKS
    power = 10.0 ** floor(log10(rough))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough)
    return [float(f"{k * step:.12g}") for k in range(ceil(low / step), floor(high / step) + 1)]


def scale(low: float, high: float, first: float, last: float) -> Callable[[float], float]:
    """Return the map that takes `low` to `first` and `high` to `last`."""
    return lambda value: first + (last - first) * (value - low) / (high - low)


def rule(y: float, label: str) -> str:
    """Return a horizontal line with its number."""
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def level(y: float, name: str) -> str:
    """Return a dashed line with its name above its right end."""
    return (
        f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{WIDTH - RIGHT}" y="{y - 5:.1f}" text-anchor="end">{escape(name)}</text>'
    )


def foot(x: float, label: str) -> str:
    """Return a number below the axis."""
    return f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{label}</text>'
