"""Two networks that fit on a slide, written with the loss alone: the backward pass is derived.

The slide's net learns 64 random examples of 1,000 numbers by heart: 100 sigmoids, no biases, the
sum of squares, rate 1e-4. The other one is the eleven-line network that learns exclusive or from
four examples.

    python docs/examples/twenty_lines.py          # 4 seconds
    python docs/examples/twenty_lines.py --lines  # print the derived gradient instead
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from optimisers import SGD
from training import Plan, Task, Trained, launch, plan_from, train, whole

import symgrad as sg

FORMULA = "h = sigmoid(x@w1); y_pred = h@w2; norm2(y_pred - y)"
SHAPES = {"x": ("N", "D"), "w1": ("D", "H"), "w2": ("H", "O"), "y": ("N", "O")}
XOR_FORMULA = "l1 = sigmoid(x@w1); l2 = sigmoid(l1@w2); norm2(y - l2)/2"
XOR_STEPS = 60_000
XOR = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1.0]]), np.array([[0], [1], [1], [0.0]])


def compiled(formula: str) -> Any:
    """Return loss and gradients of w1 and w2 as a function of w1, w2, x, y."""
    loss = sg.parse(formula, shapes=SHAPES)
    return sg.compile(loss, ["w1", "w2", "x", "y"], wrt=["w1", "w2"])


def slide(plan: Plan) -> Trained:
    """Train the slide's net: N, D, H, O = 64, 1000, 100, 10."""
    rng = np.random.default_rng(plan.seed)
    x, y = rng.standard_normal((64, 1000)), rng.standard_normal((64, 10))
    start = {"w1": rng.standard_normal((1000, 100)), "w2": rng.standard_normal((100, 10))}
    return train(Task(start, compiled(FORMULA), whole(x, y)), SGD(1e-4), plan)


def exclusive_or(plan: Plan) -> Trained:
    """Train the eleven lines' net, from its own random weights."""
    rng = np.random.RandomState(1)
    start = {"w1": 2 * rng.random_sample((3, 4)) - 1, "w2": 2 * rng.random_sample((4, 1)) - 1}
    return train(Task(start, compiled(XOR_FORMULA), whole(*XOR)), SGD(1.0), plan)


def output(trained: Trained) -> Any:
    """Return what the net of `exclusive_or` answers to the four examples."""
    hidden = 1 / (1 + np.exp(-XOR[0] @ trained.parameters["w1"]))
    return 1 / (1 + np.exp(-hidden @ trained.parameters["w2"]))


def main(argv: Sequence[str] | None = None) -> bool:
    """Train both; tell whether they came to their end."""
    given = list(sys.argv[1:] if argv is None else argv)
    if "--lines" in given:
        print(sg.grad(sg.parse(FORMULA, shapes=SHAPES), ["w1", "w2"], form="let"))
        return True
    plan = plan_from(__doc__, given, steps=2000, out="runs/twenty_lines")
    trained = slide(plan.part("slide", plan.steps))
    if not trained.finished:
        return False
    learned = exclusive_or(plan.part("exclusive_or", 30 * plan.steps))
    print("answers to 0 xor 0, 0 xor 1, 1 xor 0, 1 xor 1:", *output(learned).ravel().round(4))
    return learned.finished


if __name__ == "__main__":
    launch(main)
