"""Figures for the docs: one style, drawn by matplotlib, written the same way each time.

Needs matplotlib, which comes with `pip install "symgrad[examples]"`; it is loaded when a figure is
drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "figures"
BLUE, ORANGE, GREEN = "#1f5fbf", "#d9730d", "#2e8b3d"
FINE = re.compile(r"(?m)^([ML] -?[\d.]+ -?[\d.]+)")  # a corner of a line, one a line
STYLE = {
    "svg.hashsalt": "symgrad",  # the same names of parts each time
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
}


@contextmanager
def figure(columns: int, rows: int, *, width: float, height: float) -> Iterator[tuple[Any, Any]]:
    """Give a page, sizes in inches, and its panels in one flat array."""
    try:
        import matplotlib
    except ImportError:
        raise SystemExit('figures need matplotlib: pip install "symgrad[examples]"') from None
    matplotlib.use("agg")
    from matplotlib import pyplot

    with matplotlib.rc_context(STYLE):
        page, panels = pyplot.subplots(rows, columns, figsize=(width, height), squeeze=False)
        try:
            yield page, np.ravel(panels)
        finally:
            pyplot.close(page)


def save(page: Any, name: str) -> Path:
    """Write the page into docs/figures, as SVG without a date, and return where."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.svg"
    page.savefig(path, bbox_inches="tight", metadata={"Date": None, "Creator": "symgrad"})
    lines = FINE.sub(coarse, path.read_text(encoding="utf-8")).splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
    print(f"wrote {path.relative_to(FOLDER.parents[1])}, {path.stat().st_size / 1000:.0f} kB")
    return path


def coarse(corner: re.Match[str]) -> str:
    """Return a corner to a tenth of a point: half of the file, and nobody can see it."""
    letter, *numbers = corner.group(1).split()
    return " ".join([letter, *(f"{float(number):.1f}" for number in numbers)])


def bare(panels: Sequence[Any]) -> None:
    """Take the axes from panels that hold pictures."""
    for panel in panels:
        panel.set(xticks=[], yticks=[])
        for spine in panel.spines.values():
            spine.set_visible(False)
