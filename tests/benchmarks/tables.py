"""Markdown tables, and figures with three digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tests.benchmarks.plan import Job
from tests.benchmarks.worker import Found

Results = dict[Job, list[Found | None]]
Goal = tuple[str, str, str, bool]  # what, goal, found, whether it is reached


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is text, the others stand to the right."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def duration(value: float) -> str:
    """Return seconds with three digits, in the unit that fits."""
    if math.isinf(value):
        return "stopped"
    units = ((1.0, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"))
    scale, unit = next((u for u in units if value * u[0] >= 1), units[-1])
    digits = max(0, 2 - math.floor(math.log10(value * scale)))
    return f"{value * scale:.{digits}f} {unit}"


def times_text(ratio: float) -> str:
    """Return a ratio with three digits."""
    if math.isinf(ratio):
        return "∞"
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.3g}"
