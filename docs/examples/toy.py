"""The toy network of the lecture's assignment: 4 inputs, 10 hidden neurons, 3 classes, 5 examples.

Its weights, its data and the 200 examples drawn for each step come from NumPy's generator of that
time, so that the numbers are those of the assignment: the loss ends at 0.017149607938732.

    python docs/examples/toy.py
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from nets import Array, drawn, layered, one_hot
from optimisers import SGD
from training import Task, launch, plan_from, train

SIZES, LABELS = (4, 10, 3), np.array([0, 1, 2, 2, 1])
DECAY = 5e-6
DRAWN = 200  # examples a step, of five


def data() -> tuple[Array, Array]:
    """Return the five examples (5, 4) and their labels."""
    return 10 * np.random.RandomState(1).randn(5, 4), LABELS


def task(steps: int) -> Task:
    """Return the assignment's task; its generator goes on from the weights to the batches."""
    rng = np.random.RandomState(0)
    start = drawn(rng, SIZES, 0.1)
    rows = [rng.choice(len(LABELS), DRAWN) for _ in range(steps)]
    return Task(start, layered(2).step, batches(rows), {"decay": DECAY})


def batches(rows: Sequence[Array]) -> Callable[..., Sequence[Any]]:
    """Return batches of the rows that were drawn for each step."""
    X, labels = data()
    Y = one_hot(labels, SIZES[-1])
    return lambda step, rng: (X[rows[step]], Y[rows[step]], DECAY)


def main(argv: Sequence[str] | None = None) -> bool:
    """Train; tell whether it came to its end."""
    plan = plan_from(__doc__, argv, steps=100, out="runs/toy")
    trained = train(task(plan.steps), SGD(0.1, decay=0.95), plan)
    print(f"final training loss: {trained.losses[-1]:.15f}")
    return trained.finished


if __name__ == "__main__":
    launch(main)
