"""Measure the lecture's systems, and write `docs/systems.md`.

    python -m tests.benchmarks.systems [--rows NAME ...] [--batch 4] [--output PATH]

Every row is a process of its own. Steps of symgrad and of what is written by hand for torch and
JAX take turns in one process, in single precision; each is the best of some turns. Needs the
`bench` extra.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "docs" / "examples"), str(ROOT / "tests" / "systems")]

TURNS = 10
STEPS = 100  # of the LSTM
SMALL = np.float32


def peak() -> float:
    """Return the most memory that this process has used, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def seconds(run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def in_turns(runs: dict[str, Callable[[], Any]], turns: int = TURNS) -> dict[str, float]:
    """Return the best time of each, after one run that warms it up."""
    for run in runs.values():
        run()
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(turns):
        for name, run in runs.items():
            found[name].append(seconds(run))
    return {name: min(times) for name, times in found.items()}


# --- rows: each returns pairs of what was measured and how it is shown ---


def derive_alexnet(batch: int) -> dict[str, str]:
    import alexnet

    net = alexnet.model(alexnet.sizes())
    parameters = list(net.parameters.values())
    graph = seconds(lambda: sg.grad(net.loss, parameters, form="graph"))
    return {
        "the gradient of AlexNet, derived": f"{graph:.2f} s (goal: ≤ 2 s)",
        "its outline": f"{seconds(lambda: str(sg.outline(net.loss, net.parameters))):.2f} s",
    }


def derive_turing(batch: int) -> dict[str, str]:
    import turing

    s = turing.Sizes()
    p = turing.tensors(s)
    xs, told = sg.tensor("xs", "T", "B", s.bits + 1), sg.tensor("told", "L", "B", s.bits)
    loss: list[Any] = []
    built = seconds(lambda: loss.append(turing.loss(turing.machine(s, xs, p)[0], told)))
    graph = seconds(lambda: sg.grad(loss[0], list(p.values()), form="graph"))
    return {
        "the gradient of the NTM's cell, derived": f"{graph:.2f} s (goal: ≤ 5 s)",
        "the machine, built": f"{built:.2f} s",
    }


def derive_loops(batch: int) -> dict[str, str]:
    import recurrent

    def derive(steps: int) -> float:
        recurrent.cell.cache_clear()
        p = recurrent.parameters("RNN", 32, 8)
        xs, targets = sg.tensor("xs", steps, 2, 8), sg.tensor("targets", steps, 2, 32)

        def run() -> None:
            loss = recurrent.missed(recurrent.hidden_states("RNN", xs, p), targets)
            sg.grad(loss, list(p.values()), form="graph")

        return seconds(run)

    derive(3)
    pairs = [(derive(2 + k), derive(1000 + k)) for k in range(7)]
    one, many = map(min, zip(*pairs, strict=True))
    shown = f"{1e3 * many:.1f} ms, {many / one:.2f} × that of a few steps (goal: ≤ 1.2 ×)"
    return {"an RNN of 1,000 steps, built and derived": shown}


def memory_numpy(batch: int) -> dict[str, str]:
    import alexnet

    alexnet.step(batch=2)
    return {"peak memory of an AlexNet step at batch 2, NumPy": f"{peak():.2f} GB (goal: ≤ 3 GB)"}


def memory_torch(batch: int) -> dict[str, str]:
    import alexnet
    import torch
    import twins

    rng, shapes = np.random.default_rng(0), alexnet.sizes()
    x, y, *masks = map(torch.tensor, alexnet.images(shapes, 227, 2, rng))
    twins.torch_slopes(
        torch,
        lambda p: twins.alexnet_loss(torch, p, x, y, 2, masks),
        alexnet.drawn(shapes, rng),
    )
    return {"the same by torch's autograd": f"{peak():.2f} GB"}


def small(arrays: Sequence[Any]) -> list[Any]:
    return [a.astype(SMALL) if a.dtype.kind == "f" else a for a in map(np.asarray, arrays)]


def alexnet_arrays(batch: int) -> tuple[Any, list[Any], dict[str, Any]]:
    import alexnet

    rng, shapes = np.random.default_rng(0), alexnet.sizes()
    net = alexnet.model(shapes)
    data = small(alexnet.images(shapes, 227, batch, rng))
    weights = {k: w.astype(SMALL) for k, w in alexnet.drawn(shapes, rng).items()}
    return net, data, weights


def alexnet_torch(batch: int) -> dict[str, str]:
    import torch
    import twins

    net, data, weights = alexnet_arrays(batch)
    fn = sg.compile(net.loss, net.args, wrt=net.parameters, backend="torch", dtype="float32")
    x, y, *masks = map(torch.from_numpy, data)
    leaves = {k: torch.from_numpy(w).requires_grad_() for k, w in weights.items()}
    given = [x, y, *masks, *(leaf.detach() for leaf in leaves.values())]

    def by_hand() -> None:
        loss = twins.alexnet_loss(torch, leaves, x, y, 2, masks)
        torch.autograd.grad(loss, list(leaves.values()))

    times = in_turns({"ours": lambda: fn(*given), "theirs": by_hand})
    return {f"AlexNet step, batch {batch}, through torch": compared(times, "torch's autograd")}


def alexnet_jax(batch: int) -> dict[str, str]:
    import jax
    import twins

    net, data, weights = alexnet_arrays(batch)
    fn = sg.compile(net.loss, net.args, wrt=net.parameters, backend="jax", dtype="float32")
    x, y, *masks = map(jax.numpy.asarray, data)
    p = {k: jax.numpy.asarray(w) for k, w in weights.items()}
    by_hand = jax.jit(jax.value_and_grad(lambda q: twins.jax_alexnet_loss(jax, q, x, y, 2, masks)))
    runs = {
        "ours": lambda: jax.block_until_ready(fn(x, y, *masks, *p.values())),
        "theirs": lambda: jax.block_until_ready(by_hand(p)),
    }
    times = in_turns(runs)
    return {f"AlexNet step, batch {batch}, through JAX": compared(times, "`jax.grad`")}


def lstm_arrays() -> tuple[Any, list[Any], dict[str, Any], dict[str, Any]]:
    import recurrent

    rng, hidden, width = np.random.default_rng(0), 128, 64
    p = recurrent.parameters("LSTM", hidden, width)
    xs, targets = sg.tensor("xs", "T", "N", width), sg.tensor("targets", "T", "N", hidden)
    loss = recurrent.missed(recurrent.hidden_states("LSTM", xs, p), targets)
    arrays = [rng.normal(size=(STEPS, 32, n)).astype(SMALL) for n in (width, hidden)]
    weights = {
        name: (rng.normal(size=[int(n) for n in t.shape]) / 12).astype(SMALL)
        for name, t in p.items()
    }
    return (loss, [xs, targets, *p.values()], p), arrays, weights, p


def lstm_torch(batch: int) -> dict[str, str]:
    import torch
    import twins

    (loss, args, p), arrays, weights, _ = lstm_arrays()
    fn = sg.compile(loss, args, wrt=p, backend="torch", dtype="float32")
    xs, targets = map(torch.from_numpy, arrays)
    layer = torch.nn.LSTM(xs.shape[2], targets.shape[2])
    given = [xs, targets, *map(torch.from_numpy, weights.values())]

    leaves = [torch.from_numpy(w).requires_grad_() for w in weights.values()]

    def loop() -> None:
        states = twins.torch_lstm(torch, leaves, xs)
        torch.autograd.grad(((states - targets) ** 2).mean() / 2, leaves)

    def fused() -> None:
        missed = ((layer(xs)[0] - targets) ** 2).mean() / 2
        torch.autograd.grad(missed, list(layer.parameters()))

    times = in_turns({"ours": lambda: fn(*given), "theirs": loop, "fused": fused})
    what = f"LSTM of {STEPS} steps, through torch"
    own = compared({**times, "theirs": times["fused"]}, "`torch.nn.LSTM`", "no goal")
    loops = compared(times, "torch's autograd of a loop")
    return {what: loops, f"{what}, beside the fused layer": own}


def lstm_jax(batch: int) -> dict[str, str]:
    import jax
    import twins

    (loss, args, p), arrays, weights, _ = lstm_arrays()
    fn = sg.compile(loss, args, wrt=p, backend="jax", dtype="float32")
    given = [*map(jax.numpy.asarray, arrays), *map(jax.numpy.asarray, weights.values())]
    by_hand = jax.jit(
        lambda xs, targets, *w: jax.value_and_grad(
            lambda q: twins.jax_recurrent_loss(jax, "LSTM", q, xs, targets)
        )(dict(zip(weights, w, strict=True)))
    )
    runs = {
        "ours": lambda: jax.block_until_ready(fn(*given)),
        "theirs": lambda: jax.block_until_ready(by_hand(*given)),
    }
    times = in_turns(runs)
    return {f"LSTM of {STEPS} steps, through JAX": compared(times, "`jax.grad` of `lax.scan`")}


def compared(times: dict[str, float], other: str, goal: str = "goal: ≤ 1.1 ×") -> str:
    ratio = times["ours"] / times["theirs"]
    return f"{1e3 * times['ours']:.0f} ms, {ratio:.2f} × {other} ({goal})"


ROWS = {
    row.__name__: row
    for row in (
        *(derive_alexnet, derive_turing, derive_loops, memory_numpy, memory_torch),
        *(alexnet_torch, alexnet_jax, lstm_torch, lstm_jax),
    )
}


HEAD = """# The lecture's systems, measured

Written by `python -m tests.benchmarks.systems`; {versions}, {cores} cores. Each row is a process
of its own. Steps are in single precision, AlexNet's at batch {batch}; those of symgrad and those
written by hand take turns, and the best of {turns} counts.

| what | measured |
|---|---|
"""


def rows(names: Sequence[str], batch: int) -> list[str]:
    """Return a row of Markdown for each measurement, printed as it comes."""
    found = []
    for name in names:
        command = [sys.executable, "-m", "tests.benchmarks.systems", "--worker", name]
        command += ["--batch", str(batch)]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        for what, shown in json.loads(done.stdout.splitlines()[-1]).items():
            found.append(f"| {what} | {shown} |")
            print(found[-1], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.systems")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--batch", type=int, default=4, help="of AlexNet's steps")
    parser.add_argument("--output", type=Path, help="where the page is written")
    parser.add_argument("--worker", choices=ROWS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(ROWS[given.worker](given.batch)))
        return
    measured = rows(given.rows, given.batch)
    if given.output:
        held = ("symgrad", "numpy", "jax", "torch")
        versions = ", ".join(f"{name} {version(name)}" for name in held)
        cores = len(os.sched_getaffinity(0))
        head = HEAD.format(versions=versions, cores=cores, batch=given.batch, turns=TURNS)
        given.output.write_text(head + "\n".join(measured) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
