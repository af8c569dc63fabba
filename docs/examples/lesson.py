"""What the lessons of capacity and of regularisation share: the points, the fit, the picture.

A hundred points of two classes lie in a disc of radius 5; the boundary has three lobes, and 8 % of
the labels are wrong. 4,000 other points with right labels tell what was learned and what was only
remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from figures import BLUE, ORANGE, bare, figure, save
from nets import Array, Net, drawn, layered, one_hot
from optimisers import Adam
from training import Plan, Task, train, whole

POINTS, OTHERS, WRONG, RADIUS = 100, 4000, 0.08, 5.0
STEPS, RATE = 2000, 0.03
GRID = 161  # points along each side of the picture
PALE_BLUE, PALE_ORANGE = (0.78, 0.84, 0.94), (0.96, 0.86, 0.76)


@dataclass(frozen=True)
class Fit:
    """A trained net of one hidden layer.

    Attributes
    ----------
    seen, unseen : float
        Accuracy on the points that it learned from, and on others.
    norm : float
        Root of the sum of the squares of its weights.
    boundary : float
        Length of the line between the classes inside the disc, followed along the grid.
    surface : array (GRID, GRID)
        Score of class 1 less that of class 0, rows from low to high second coordinate.
    """

    hidden: int
    decay: float
    seen: float
    unseen: float
    norm: float
    boundary: float
    surface: Array


def points(rng: np.random.Generator, many: int, wrong: float) -> tuple[Array, Array]:
    """Return points of the disc (many, 2) and their classes, some of them wrong."""
    radius, angle = np.sqrt(rng.uniform(0, 1, many)), rng.uniform(0, 2 * np.pi, many)
    inside = radius < 0.6 + 0.22 * np.sin(3 * angle)
    labels = np.where(rng.uniform(size=many) < wrong, ~inside, inside).astype(int)
    return RADIUS * radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), labels


def examples() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return the points to learn from, and the others."""
    rng = np.random.default_rng(2)
    return points(rng, POINTS, WRONG), points(rng, OTHERS, 0)


def grid() -> Array:
    """Return the points of the picture, (GRID * GRID, 2)."""
    side = np.linspace(-RADIUS, RADIUS, GRID)
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


def fit(net: Net, hidden: int, decay: float) -> Fit:
    """Train a net; `decay` is λ, the weight of half the sum of squares."""
    (X, labels), others = examples()
    start = drawn(np.random.default_rng(0), (2, hidden, 2), [1, hidden**-0.5])
    task = Task(start, net.step, whole(X, one_hot(labels, 2), decay / 2))
    parameters = train(task, Adam(RATE), Plan(STEPS, quiet=True)).parameters
    scores = net.outcome(*parameters.values(), grid())
    surface = (scores[:, 1] - scores[:, 0]).reshape(GRID, GRID)
    squares = sum(float(np.sum(parameters[name] ** 2)) for name in ("W1", "W2"))
    seen, unseen = net.accuracy(parameters, X, labels), net.accuracy(parameters, *others)
    return Fit(hidden, decay, seen, unseen, squares**0.5, boundary_length(surface), surface)


def boundary_length(surface: Array) -> float:
    """Count the neighbours within the disc that lie on two sides, times their distance."""
    inside = (np.sum(grid() ** 2, axis=1) <= RADIUS**2).reshape(GRID, GRID)
    side = surface > 0
    across = (side[:, 1:] != side[:, :-1]) & inside[:, 1:] & inside[:, :-1]
    up = (side[1:] != side[:-1]) & inside[1:] & inside[:-1]
    return float(np.sum(across) + np.sum(up)) * 2 * RADIUS / (GRID - 1)


def fits(cases: Sequence[tuple[int, float]]) -> list[Fit]:
    """Return one fit a case of (hidden neurons, λ)."""
    net = layered(2)
    return [fit(net, hidden, decay) for hidden, decay in cases]


def table(found: Sequence[Fit]) -> str:
    """Return the numbers of the fits as text."""
    head = "neurons      λ   seen  unseen  norm of weights  boundary"
    rows = (
        f"{f.hidden:7}  {f.decay:5g}  {f.seen:5.1%}  {f.unseen:6.1%}  {f.norm:15.1f}  "
        f"{f.boundary:8.1f}"
        for f in found
    )
    return "\n".join([head, *rows])


def draw(name: str, found: Sequence[Fit], title: str) -> None:
    """Draw the classes that each net sees, a panel a net."""
    with figure(len(found), 1, width=9, height=3.6) as (page, panels):
        for panel, fitted in zip(panels, found, strict=True):
            draw_fit(panel, fitted)
            bare([panel])
            panel.set_title(title.format(f=fitted), fontsize=11)
        save(page, name)


def draw_fit(panel: Any, fitted: Fit) -> None:
    """Draw both regions, the line between them, and the points by class and form."""
    side = np.linspace(-RADIUS, RADIUS, GRID)
    tints = np.array([PALE_BLUE, PALE_ORANGE])[(fitted.surface > 0).astype(int)]
    half = RADIUS / (GRID - 1)
    panel.imshow(tints, origin="lower", extent=[-RADIUS - half, RADIUS + half] * 2)
    panel.contour(side, side, fitted.surface, [0], colors="black", linewidths=1.3)
    (X, labels), _ = examples()
    for label, colour, mark in ((0, BLUE, "o"), (1, ORANGE, "^")):
        own = X[labels == label].T
        panel.scatter(*own, s=16, c=colour, marker=mark, edgecolors="black", lw=0.4)
    panel.set_xlabel(f"right: {fitted.seen:.0%} of those seen,\n{fitted.unseen:.0%} of others")
