"""A disc inside a ring: three hidden neurons are three cuts, and three cuts make a triangle.

The net is 2 × 3 × 1 with a sigmoid and binary cross-entropy. A neuron's weights point across its
cut, so that the directions of the three stand about 120 degrees apart.

    python docs/examples/circles.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optimisers import SGD
from training import Task, launch, plan_from, train, whole

import symgrad as sg

Array = np.ndarray
POINTS, RATE = 500, 0.5


def circles(rng: np.random.Generator) -> tuple[Array, Array]:
    """Return points (500, 2) and 1 for those of the disc, 0 for those of the ring."""
    inside = np.arange(POINTS) % 2 == 0
    radius = np.where(inside, rng.uniform(0, 0.4, POINTS), rng.uniform(0.9, 1.1, POINTS))
    angle = rng.uniform(0, 2 * np.pi, POINTS)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), inside.astype(float)


def formula() -> tuple[Any, Any, list[Any], list[Any]]:
    """Return the loss, the output before its sigmoid, the parameters and the data."""
    x, t = sg.tensor("x", "N", 2), sg.tensor("t", "N")
    W, b, v, c = sg.tensor("W", 2, "H"), sg.tensor("b", "H"), sg.tensor("v", "H"), sg.tensor("c")
    z = sg.map("relu", x @ W + b) @ v + c
    # -(t log s + (1 - t) log(1 - s)) with s = sigmoid(z), in a form that never takes log 0.
    return sg.mean(sg.map("softplus", z) - t * z), z, [W, b, v, c], [x, t]


def start(rng: np.random.Generator) -> dict[str, Array]:
    """Return weights of three neurons, and biases of zero."""
    return {
        "W": rng.standard_normal((2, 3)),
        "b": np.zeros(3),
        "v": rng.standard_normal(3),
        "c": np.zeros(()),
    }


def accuracy(parameters: Mapping[str, Array], x: Array, t: Array) -> float:
    """Return the share of points on their side of z = 0."""
    _, z, symbols, data = formula()
    found = sg.compile(z, [*symbols, data[0]], returns="value")(*parameters.values(), x)
    return float(np.mean((found > 0) == (t > 0.5)))


def angles(W: Array) -> Array:
    """Return the angles in degrees from each neuron's direction to the next; they add to 360."""
    directions = np.sort(np.degrees(np.arctan2(W[1], W[0])))
    return np.diff(directions, append=directions[0] + 360)


def main(argv: Sequence[str] | None = None) -> bool:
    """Train; tell whether it came to its end."""
    plan = plan_from(__doc__, argv, steps=3000, out="runs/circles")
    rng = np.random.default_rng(plan.seed)
    x, t = circles(rng)
    loss, _, parameters, data = formula()
    step = sg.compile(loss, [*parameters, *data], wrt=parameters)
    trained = train(Task(start(rng), step, whole(x, t), {"points": POINTS}), SGD(RATE), plan)
    apart = ", ".join(f"{a:.0f}" for a in angles(trained.parameters["W"]))
    print(f"accuracy {accuracy(trained.parameters, x, t):.1%}, degrees between neurons: {apart}")
    return trained.finished


if __name__ == "__main__":
    launch(main)
