"""Draw what the two classifiers of `spiral.py` make of the plane.

python docs/examples/spiral_regions.py   # 6 seconds; writes docs/figures/spiral.svg
"""

from __future__ import annotations

from typing import Any

import numpy as np
from figures import BLUE, GREEN, ORANGE, bare, figure, save
from nets import Array, drawn, layered
from spiral import CLASSES, HIDDEN, LINEAR_STEPS, fit, spiral
from training import Plan

REACH, GRID = 1.2, 241  # the picture goes from -REACH to REACH, in so many points
COLOURS, MARKS = (BLUE, ORANGE, GREEN), ("o", "^", "s")
TINTS = np.array([(0.78, 0.84, 0.94), (0.96, 0.86, 0.76), (0.80, 0.91, 0.81)])
STEPS = LINEAR_STEPS, 10_000
SIZES = ([2, CLASSES], [2, HIDDEN, CLASSES])


def draw(panel: Any, layers: int, parameters: dict[str, Array], X: Array, labels: Array) -> None:
    """Draw the class of each place, the points by class and form, and how many are right."""
    side = np.linspace(-REACH, REACH, GRID)
    places = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    net = layered(layers)
    found = np.argmax(net.outcome(*parameters.values(), places), axis=1).reshape(GRID, GRID)
    half = REACH / (GRID - 1)
    panel.imshow(TINTS[found], origin="lower", extent=[-REACH - half, REACH + half] * 2)
    for label, (colour, mark) in enumerate(zip(COLOURS, MARKS, strict=True)):
        own = X[labels == label].T
        panel.scatter(*own, s=11, c=colour, marker=mark, edgecolors="black", lw=0.3)
    bare([panel])
    panel.set_title(["", "linear", "two layers"][layers], fontsize=11)
    panel.set_xlabel(f"{net.accuracy(parameters, X, labels):.0%} right")


def main() -> None:
    """Train both and draw them."""
    rng = np.random.RandomState(0)
    X, labels = spiral(rng)
    starts = [drawn(rng, sizes, 0.01) for sizes in SIZES]
    with figure(2, 1, width=7, height=3.8) as (page, panels):
        for layers, steps in enumerate(STEPS, start=1):
            trained = fit(layers, starts[layers - 1], X, labels, Plan(steps, quiet=True))
            draw(panels[layers - 1], layers, trained.parameters, X, labels)
        save(page, "spiral")


if __name__ == "__main__":
    main()
