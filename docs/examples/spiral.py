"""Three arms of a spiral: a linear classifier gets half of the points, a two-layer net 98 %.

The case study of the lecture's notes with its own random numbers (NumPy's generator of that time):
a softmax classifier, 200 steps, then a net of 100 hidden neurons, 10,000 steps, both at rate 1.

    python docs/examples/spiral.py            # 6 seconds; Ctrl-C stops and saves
    python docs/examples/spiral.py --resume   # goes on
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nets import Array, drawn, layered, one_hot
from optimisers import SGD
from training import Plan, Task, Trained, launch, plan_from, train, whole

POINTS, CLASSES, HIDDEN = 100, 3, 100  # points an arm
DECAY = 1e-3  # of the squares' halves
LINEAR_STEPS = 200


def spiral(rng: np.random.RandomState) -> tuple[Array, Array]:
    """Return the points (300, 2) and the arm that each lies on."""
    radius = np.linspace(0, 1, POINTS)
    arms = []
    for arm in range(CLASSES):
        angle = np.linspace(4 * arm, 4 * arm + 4, POINTS) + 0.2 * rng.randn(POINTS)
        arms.append(np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1))
    return np.concatenate(arms), np.repeat(np.arange(CLASSES), POINTS)


def fit(layers: int, start: dict[str, Array], X: Array, labels: Array, plan: Plan) -> Trained:
    """Train by all points at once, and say how many of them are classified rightly."""
    net = layered(layers)
    batch = whole(X, one_hot(labels, CLASSES), DECAY / 2)
    trained = train(Task(start, net.step, batch, {"decay": DECAY}), SGD(1.0), plan)
    if not plan.quiet:
        share = net.accuracy(trained.parameters, X, labels)
        print(f"{layers} layer(s): {len(trained.losses):,} steps, accuracy {share:.2%}")
    return trained


def main(argv: Sequence[str] | None = None) -> bool:
    """Train both classifiers; tell whether they came to their end."""
    plan = plan_from(__doc__, argv, steps=10_000, out="runs/spiral")
    rng = np.random.RandomState(plan.seed)
    X, labels = spiral(rng)
    starts = [drawn(rng, sizes, 0.01) for sizes in ([2, CLASSES], [2, HIDDEN, CLASSES])]
    linear = fit(1, starts[0], X, labels, plan.part("linear", LINEAR_STEPS))
    return linear.finished and fit(2, starts[1], X, labels, plan.part("net", plan.steps)).finished


if __name__ == "__main__":
    launch(main)
