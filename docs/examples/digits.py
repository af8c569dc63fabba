"""Handwritten digits: a two-layer net reads 97 % of those that it has not seen.

1,797 pictures of 8 × 8 pixels come with scikit-learn (`pip install "symgrad[examples]"`); one in
five is kept for the test.

    python docs/examples/digits.py
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from nets import Array, count, drawn, layered, one_hot
from optimisers import Adam
from training import Task, launch, plan_from, shuffled, train

CLASSES, PIXELS, HIDDEN = 10, 64, 100
BATCH, DECAY = 64, 1e-4


def digits(seed: int = 0) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return pictures (n, 64), from 0 to 1, with labels: those to learn from, those to test."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise SystemExit('this needs scikit-learn: pip install "symgrad[examples]"') from None
    X, labels = load_digits(return_X_y=True)
    split = train_test_split(X / 16, labels, test_size=0.2, stratify=labels, random_state=seed)
    return (split[0], split[2]), (split[1], split[3])


def main(argv: Sequence[str] | None = None) -> bool:
    """Train; tell whether it came to its end."""
    plan = plan_from(__doc__, argv, steps=1000, out="runs/digits")
    (X, labels), test = digits()
    rng = np.random.default_rng(plan.seed)
    start = drawn(rng, (PIXELS, HIDDEN, CLASSES), np.sqrt([2 / PIXELS, 2 / HIDDEN]))
    net = layered(2)
    batch = shuffled(BATCH, plan.seed, [X, one_hot(labels, CLASSES)], DECAY)
    trained = train(Task(start, net.step, batch, {"decay": DECAY}), Adam(0.003), plan)
    print("{} weights and {} biases".format(*count(start)))
    print(f"accuracy on {len(labels)} that it learned from: ", end="")
    print(f"{net.accuracy(trained.parameters, X, labels):.2%}")
    print(f"accuracy on {len(test[1])} others: {net.accuracy(trained.parameters, *test):.2%}")
    return trained.finished


if __name__ == "__main__":
    launch(main)
