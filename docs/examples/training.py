"""A training loop: gradients come from symgrad, everything else is a few lines of NumPy.

A run shows its progress. It is saved every half minute, when Ctrl-C is pressed and at its end,
and goes on with `--resume` as if nothing had happened: its losses are the same to the last bit.
Needs nothing beyond what symgrad needs.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from curve import curve_svg
from optimisers import Array, Optimiser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SAVE_SECONDS = 30
LINES = 20  # of progress, where there is no terminal
INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C stopped


class RunError(ValueError):
    """A run that cannot be made, or not be gone on with."""


# --- what is trained, and how long ---


@dataclass(frozen=True)
class Task:
    """What is learned.

    Attributes
    ----------
    parameters : mapping of name to array
        Where the run starts; they are copied.
    function : callable
        `function(*parameters, *batch)` gives the loss and the gradients, in the order of
        `parameters`: what `sg.compile(loss, [*parameters, *data], wrt=parameters)` returns.
    batch : callable
        `batch(step, rng)` gives the data of a step, counted from 0. What it draws it draws from
        `rng` alone, whose state is saved with the run.
    settings : mapping
        What else decides the curve, as JSON; a run that was saved under others is not continued.
    """

    parameters: Mapping[str, Array]
    function: Callable[..., tuple[Any, Sequence[Any]]]
    batch: Callable[[int, np.random.Generator], Sequence[Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How many steps, from which seed, saved where (nowhere, if `out` is None)."""

    steps: int
    seed: int = 0
    out: Path | None = None
    resume: bool = False
    quiet: bool = False

    def part(self, name: str, steps: int) -> Plan:
        """Return the plan of one of several runs of a script."""
        return Plan(steps, self.seed, self.out and self.out / name, self.resume, self.quiet)


@dataclass
class State:
    """Everything that the next step depends on, and the losses so far."""

    parameters: dict[str, Array]
    memory: dict[str, list[Array]]
    rng: np.random.Generator
    losses: list[float] = field(default_factory=list)

    @property
    def step(self) -> int:
        """How many steps were made."""
        return len(self.losses)


@dataclass(frozen=True)
class Trained:
    """What came out; `finished` is False if Ctrl-C stopped the run."""

    parameters: dict[str, Array]
    losses: Array
    finished: bool


def whole(*data: Any) -> Callable[..., Sequence[Any]]:
    """Return batches that are all of the data, each time."""
    return lambda step, rng: data


def shuffled(
    size: int, seed: int, examples: Sequence[Array], *more: Any
) -> Callable[..., Sequence[Any]]:
    """Return batches of `size` rows; each epoch deals all rows anew, a rest is left out.

    An epoch's order follows from its number and the seed, so that it need not be saved.
    """
    count = len(examples[0])

    def batch(step: int, rng: np.random.Generator) -> Sequence[Any]:
        epoch, place = divmod(step, count // size)
        dealt = np.random.default_rng([seed, epoch]).permutation(count)
        rows = dealt[place * size : (place + 1) * size]
        return (*(array[rows] for array in examples), *more)

    return batch


def clipped(function: Callable[..., Any], longest: float) -> Callable[..., Any]:
    """Return `function` with gradients that, all together, are no longer than `longest`."""

    def limited(*values: Any) -> tuple[Any, list[Array]]:
        loss, gradients = function(*values)
        length = np.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
        scale = min(1.0, longest / length) if length else 1.0
        return loss, [scale * g for g in gradients]

    return limited


# --- the loop ---


def train(task: Task, optimiser: Optimiser, plan: Plan) -> Trained:
    """Run `plan.steps` steps, or until Ctrl-C, and save where the run stands.

    Raises
    ------
    RunError
        If a saved run has other settings, or is unfinished and was not asked to go on; if the
        loss is no longer finite.
    """
    settings = settings_of(task, optimiser, plan)
    state = begun(task, optimiser, plan, settings)
    saved = time.monotonic()
    with interruption() as asked, progress(plan, state.step) as tell:
        while state.step < plan.steps and not asked.is_set():
            one_step(task, optimiser, state)
            tell(state.step, state.losses[-1])
            if plan.out and time.monotonic() - saved > SAVE_SECONDS:
                save(plan, state, settings)
                saved = time.monotonic()
    finished = state.step >= plan.steps
    if plan.out:
        save(plan, state, settings)
        write_curve(plan.out, state.losses)
        if not finished:
            print(f"stopped after step {state.step:,}; go on with --resume", flush=True)
    return Trained(state.parameters, np.array(state.losses), finished)


def one_step(task: Task, optimiser: Optimiser, state: State) -> None:
    """Take the loss and its gradients on one batch, and move every parameter."""
    batch = task.batch(state.step, state.rng)
    loss, gradients = task.function(*state.parameters.values(), *batch)
    if not np.isfinite(loss):
        raise RunError(f"the loss is {loss} at step {state.step + 1}; use a smaller rate")
    state.losses.append(float(loss))
    for (name, w), gradient in zip(state.parameters.items(), gradients, strict=True):
        optimiser.update(w, gradient, state.memory[name], state.step)


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """Give an event that the first Ctrl-C sets; the second one stops the program at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked  # signals belong to the main thread
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress(plan: Plan, done: int) -> Iterator[Callable[[int, float], None]]:
    """Give a function that shows a step and its loss: a bar, or lines without a terminal."""
    console = Console()
    if plan.quiet:
        yield lambda step, loss: None
    elif not console.is_terminal:
        yield lambda step, loss: show_line(plan.steps, step, loss)
    else:
        loss_column = TextColumn("loss {task.fields[loss]:.6g}")
        columns = BarColumn(), MofNCompleteColumn(), loss_column, TimeRemainingColumn()
        with Progress(*columns, console=console) as bar:
            shown = bar.add_task("", total=plan.steps, completed=done, loss=float("nan"))
            rare = max(1, plan.steps // 500)

            def tell(step: int, loss: float) -> None:
                if step % rare == 0 or step == plan.steps:
                    bar.update(shown, completed=step, loss=loss)

            yield tell


def show_line(steps: int, step: int, loss: float) -> None:
    """Print some of the steps."""
    if step == 1 or step % max(1, steps // LINES) == 0 or step == steps:
        print(f"step {step:,} of {steps:,}: loss {loss:.6g}", flush=True)


# --- saving and going on ---


def settings_of(task: Task, optimiser: Optimiser, plan: Plan) -> dict[str, Any]:
    """Return what decides the curve, as it looks after a round through JSON."""
    shapes = {name: np.shape(w) for name, w in task.parameters.items()}
    found = {"optimiser": repr(optimiser), "seed": plan.seed, "parameters": shapes}
    fixed: dict[str, Any] = json.loads(json.dumps({**found, **task.settings}))
    return fixed


def begun(task: Task, optimiser: Optimiser, plan: Plan, settings: dict[str, Any]) -> State:
    """Return the state of a new run, or of the saved one that goes on."""
    saved = plan.out and plan.out / "state.npz"
    if saved and saved.exists():
        state, found = load(saved)
        if plan.resume:
            return agreed(state, found["settings"], settings, saved)
        if state.step < found["steps"]:
            raise RunError(
                f"{saved} holds a run that stopped after step {state.step:,} of "
                f"{found['steps']:,}; go on with --resume, or give another --out"
            )
    parameters = {name: np.array(w, dtype=float) for name, w in task.parameters.items()}
    memory = {
        name: [np.zeros_like(w) for _ in range(optimiser.memories)]
        for name, w in parameters.items()
    }
    return State(parameters, memory, np.random.default_rng(plan.seed))


def agreed(state: State, found: Mapping[str, Any], asked: Mapping[str, Any], path: Path) -> State:
    """Return the saved state, if it was made under the settings that are asked for."""
    differing = [k for k in {**found, **asked} if found.get(k) != asked.get(k)]
    if differing:
        pairs = [f"{k} was {found.get(k)}, now {asked.get(k)}" for k in differing]
        raise RunError(f"{path} was made under other settings: {'; '.join(pairs)}")
    return state


def save(plan: Plan, state: State, settings: Mapping[str, Any]) -> None:
    """Write the arrays and a JSON text for the rest, as one .npz; a crash leaves the old one."""
    assert plan.out is not None
    plan.out.mkdir(parents=True, exist_ok=True)
    header = {
        "settings": settings,
        "steps": plan.steps,
        "rng": state.rng.bit_generator.state,
        "memories": {name: len(arrays) for name, arrays in state.memory.items()},
    }
    arrays = {f"parameter {name}": w for name, w in state.parameters.items()}
    for name, memory in state.memory.items():
        arrays |= {f"memory {k} {name}": m for k, m in enumerate(memory)}
    written = plan.out / "state.npz.part"
    with written.open("wb") as file:
        np.savez(file, header=json.dumps(header), losses=np.array(state.losses), **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(written, plan.out / "state.npz")


def load(path: Path) -> tuple[State, dict[str, Any]]:
    """Return a saved state and its header."""
    with np.load(path, allow_pickle=False) as held:
        header: dict[str, Any] = json.loads(str(held["header"]))
        names = header["memories"]
        parameters = {name: held[f"parameter {name}"] for name in names}
        memory = {n: [held[f"memory {k} {n}"] for k in range(c)] for n, c in names.items()}
        losses = held["losses"].tolist()
    rng = np.random.default_rng()
    rng.bit_generator.state = header["rng"]
    return State(parameters, memory, rng, losses), header


def write_curve(folder: Path, losses: Sequence[float]) -> None:
    """Write the loss of every step as CSV, to the last bit, and as a picture."""
    rows = (f"{step},{loss!r}\n" for step, loss in enumerate(losses))
    (folder / "curve.csv").write_text("step,loss\n" + "".join(rows), encoding="utf-8")
    (folder / "curve.svg").write_text(curve_svg(losses), encoding="utf-8")


# --- scripts ---


def plan_from(
    description: str | None, argv: Sequence[str] | None, *, steps: int, out: str, seed: int = 0
) -> Plan:
    """Read the options that every example has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=steps, help=f"default {steps:,}")
    parser.add_argument("--seed", type=int, default=seed, help=f"default {seed}")
    parser.add_argument("--out", type=Path, default=Path(out), help=f"folder; default {out}")
    parser.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    given = parser.parse_args(argv)
    return Plan(given.steps, given.seed, given.out, given.resume)


def launch(main: Callable[[], bool]) -> None:
    """Run a script's `main`, which tells whether it finished, and exit as a shell expects."""
    try:
        raise SystemExit(0 if main() else INTERRUPTED)
    except RunError as error:
        raise SystemExit(f"error: {error}") from None
    except KeyboardInterrupt:  # outside the loop, or a second one
        raise SystemExit(INTERRUPTED) from None
