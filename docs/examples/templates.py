"""Third lesson: two approaches driven by data, on handwritten digits.

The nearest neighbour has no parameters and keeps every picture; the linear classifier keeps one
template a class, and its gradient is derived. A template is a row of weights, drawn as a picture.

    python docs/examples/templates.py   # writes docs/figures/templates.svg
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from digits import CLASSES, PIXELS, digits
from figures import bare, figure, save
from nets import Array, drawn, layered, one_hot
from optimisers import Adam
from training import Plan, Task, shuffled, train

BATCH, DECAY, STEPS, RATE = 64, 1e-3, 1500, 0.01


class Approach(NamedTuple):
    """Accuracy on pictures that were not seen, numbers kept, and what was learned."""

    accuracy: float
    kept: int
    learned: Array


def nearest() -> Approach:
    """Return scikit-learn's nearest neighbour; what it learned are the pictures themselves."""
    from sklearn.neighbors import KNeighborsClassifier

    (X, labels), (others, truth) = digits()
    found = KNeighborsClassifier(n_neighbors=1).fit(X, labels).predict(others)
    return Approach(float(np.mean(found == truth)), X.size, X)


def linear() -> Approach:
    """Return the softmax classifier; what it learned are ten templates (10, 8, 8)."""
    (X, labels), test = digits()
    net = layered(1)
    start = drawn(np.random.default_rng(0), (PIXELS, CLASSES), 0.01)
    batch = shuffled(BATCH, 0, [X, one_hot(labels, CLASSES)], DECAY)
    parameters = train(Task(start, net.step, batch), Adam(RATE), Plan(STEPS, quiet=True)).parameters
    kept = sum(w.size for w in parameters.values())
    return Approach(
        net.accuracy(parameters, *test), kept, parameters["W1"].T.reshape(CLASSES, 8, 8)
    )


def draw(neighbour: Approach, classifier: Approach) -> None:
    """Draw a picture of each digit, the mean of its class, and its template."""
    (X, labels), _ = digits()
    first = [X[labels == k][0].reshape(8, 8) for k in range(CLASSES)]
    mean = [X[labels == k].mean(axis=0).reshape(8, 8) for k in range(CLASSES)]
    largest = np.abs(classifier.learned).max()
    rows = [(first, "gray_r", 0, 1), (mean, "gray_r", 0, 1)]
    rows.append((classifier.learned, "RdBu_r", -largest, largest))
    names = ["one of those\nthat are kept", "mean of\nthe class", "template of\nthe class"]
    with figure(CLASSES, 3, width=9, height=3.3) as (page, panels):
        bare(panels)
        for row, (pictures, colours, low, high) in enumerate(rows):
            for panel, picture in zip(panels[CLASSES * row :], pictures, strict=False):
                panel.imshow(picture, cmap=colours, vmin=low, vmax=high)
            panels[CLASSES * row].set_ylabel(names[row], rotation=0, ha="right", va="center")
        page.suptitle(
            f"nearest neighbour: {neighbour.kept:,} numbers kept, {neighbour.accuracy:.1%} right; "
            f"one template a class: {classifier.kept:,} kept, {classifier.accuracy:.1%} right",
            fontsize=11,
        )
        save(page, "templates")


def main() -> None:
    """Print the numbers and draw the figure."""
    neighbour, classifier = nearest(), linear()
    for name, found in (("nearest neighbour", neighbour), ("linear classifier", classifier)):
        print(f"{name}: {found.accuracy:.2%} of unseen digits right, {found.kept:,} numbers kept")
    draw(neighbour, classifier)


if __name__ == "__main__":
    main()
