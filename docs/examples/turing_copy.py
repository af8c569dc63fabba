"""A Neural Turing Machine learns to copy: bits come in, then a sign, then it must say them again.

About 3,000 steps of 16 sequences of 1 to 10 vectors; afterwards it is tested on sequences that it
has not seen, of 10 vectors and of 20, and where it looks is drawn.

    python docs/examples/turing_copy.py --figure ntm_weights.svg   # minutes; Ctrl-C stops and saves
    python docs/examples/turing_copy.py --resume                   # goes on
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from optimisers import Adam
from training import Plan, Task, Trained, clipped, launch, plan_from, train
from turing import Sizes, copy_task, drawn, loss, machine, tensors

import symgrad as sg

Array = np.ndarray

BATCH, LONGEST = 16, 10
STEPS, RATE, CLIP = 3_000, 3e-3, 10.0
TESTED = 50  # batches of each length
UNSEEN = 1_000_003  # seed of the test sequences


def step_function(sizes: Sizes) -> Callable[..., Any]:
    """Return the loss and its gradient, as a function of the parameters, inputs and bits."""
    p = tensors(sizes)
    xs, told = sg.tensor("xs", "T", "B", sizes.bits + 1), sg.tensor("told", "L", "B", sizes.bits)
    scores, _, _ = machine(sizes, xs, p)
    wrt = list(p.values())
    return sg.compile(loss(scores, told), args=[*wrt, xs, told], wrt=wrt)


def answers(sizes: Sizes) -> Callable[..., Any]:
    """Return scores and where the heads look, as a function of the parameters and inputs."""
    p, xs = tensors(sizes), sg.tensor("xs", "T", "B", sizes.bits + 1)
    found = list(machine(sizes, xs, p))
    return sg.compile(found, args=[*p.values(), xs], returns="value")


def batch(sizes: Sizes, longest: int = LONGEST) -> Callable[..., Sequence[Array]]:
    """Return batches of sequences of one length each, drawn anew."""

    def drawn_batch(step: int, rng: np.random.Generator) -> Sequence[Array]:
        return copy_task(rng, int(rng.integers(1, longest + 1)), BATCH, sizes.bits)

    return drawn_batch


def learn(sizes: Sizes, plan: Plan, longest: int = LONGEST) -> Trained:
    """Train a machine from a seed."""
    start = drawn(sizes, np.random.default_rng(plan.seed))
    settings = {"batch": BATCH, "longest": longest, "clip": CLIP, "sizes": repr(sizes)}
    task = Task(start, clipped(step_function(sizes), CLIP), batch(sizes, longest), settings)
    return train(task, Adam(RATE), plan)


def wrong_bits(
    machine_of: Callable[..., Any], parameters: Mapping[str, Array], sizes: Sizes, length: int
) -> float:
    """Return the share of wrong bits over unseen sequences of some length."""
    rng, wrong = np.random.default_rng([UNSEEN, length]), []
    for _ in range(TESTED):
        xs, told = copy_task(rng, length, BATCH, sizes.bits)
        scores = machine_of(*parameters.values(), xs)[0]
        wrong.append(np.mean((scores[-length:] > 0) != (told > 0.5)))
    return float(np.mean(wrong))


# --- what it has learned ---


def report(machine_of: Callable[..., Any], parameters: Any, sizes: Sizes) -> list[str]:
    """Return a line for each tested length."""
    lines = []
    for length in (LONGEST // 2, LONGEST, 2 * LONGEST):
        share = wrong_bits(machine_of, parameters, sizes, length)
        lines.append(f"{length:2} vectors, unseen: {share:.4f} bit errors a bit")
    return lines


def draw(machine_of: Callable[..., Any], parameters: Any, sizes: Sizes, path: Path) -> None:
    """Draw one sequence: what came in, what was answered, and where both heads looked."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    xs, _ = copy_task(np.random.default_rng(UNSEEN), LONGEST, BATCH, sizes.bits)
    scores, reading, writing = machine_of(*parameters.values(), xs)
    answered = 1 / (1 + np.exp(-np.asarray(scores)))
    panels = {
        "input": xs[:, 0].T,
        "answer": np.where(np.arange(len(xs))[:, None] > LONGEST, answered[:, 0], 0).T,
        "write weights": np.asarray(writing)[:, 0].T,
        "read weights": np.asarray(reading)[:, 0].T,
    }
    with mpl.rc_context({"svg.hashsalt": "symgrad", "font.size": 9}):
        figure = Figure(figsize=(8, 5), layout="constrained")
        grid = figure.subplots(2, 2, sharex=True, height_ratios=[sizes.bits + 1, sizes.places / 2])
        for axes, (title, values) in zip(grid.flat, panels.items(), strict=True):
            axes.imshow(values, aspect="auto", cmap="Greys", vmin=0, vmax=1)
            axes.axvline(LONGEST, color="tab:orange", linewidth=1)
            axes.set_title(title)
        for axes in grid[1]:
            axes.set_xlabel("step; the line is the sign")
        grid[0, 0].set_ylabel("bit")
        grid[1, 0].set_ylabel("place in memory")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})


def main(argv: Sequence[str] | None = None) -> bool:
    """Train, test and draw; tell whether the training came to its end."""
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--controller", choices=("lstm", "feedforward"), default="lstm")
    own.add_argument("--figure", type=Path)
    chosen, rest = own.parse_known_args(argv)
    plan = plan_from(__doc__, rest, steps=STEPS, out="runs/turing_copy")
    sizes = Sizes(lstm=chosen.controller == "lstm")
    trained = learn(sizes, plan)
    if trained.finished and not plan.quiet:
        machine_of = answers(sizes)
        print("\n".join(report(machine_of, trained.parameters, sizes)))
        if chosen.figure:
            draw(machine_of, trained.parameters, sizes, chosen.figure)
    return trained.finished


if __name__ == "__main__":
    launch(main)
