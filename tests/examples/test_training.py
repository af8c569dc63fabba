"""The training loop: one curve for one seed, stopped or not; optimisers; what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import curve
import numpy as np
import pytest
import training
from optimisers import SGD, Adam, Momentum, RMSprop
from training import Plan, RunError, Task, train

import symgrad as sg

RULES = [SGD(0.1, decay=0.9), Momentum(0.05), RMSprop(0.01), Adam(0.02)]
RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(40, 3)), RNG.normal(size=40)
QUIET = Plan(steps=30, seed=1, quiet=True)


def least_squares() -> Any:
    w, x, y = sg.tensor("w", "n"), sg.tensor("x", "N", "n"), sg.tensor("y", "N")
    return sg.compile(sg.mean((x @ w - y) ** 2), [w, x, y], wrt=[w])


def noisy(step: int, rng: np.random.Generator) -> Sequence[Any]:
    """Draw rows, and noise: the state of the generator matters."""
    rows = rng.integers(len(X), size=8)
    return X[rows], Y[rows] + 0.1 * rng.standard_normal(8)


def task(**settings: Any) -> Task:
    return Task({"w": np.ones(3)}, least_squares(), noisy, settings)


class StopError(Exception):
    """What a test raises in the middle of a run."""


def stopping_at(step: int) -> Task:
    """Return the task with a Ctrl-C of its own at one step."""

    def batch(number: int, rng: np.random.Generator) -> Sequence[Any]:
        if number == step:
            os.kill(os.getpid(), signal.SIGINT)
        return noisy(number, rng)

    return replace(task(), batch=batch)


# --- the same curve ---


def test_the_same_seed_gives_the_same_curve_to_the_last_bit() -> None:
    once, again = (train(task(), Adam(0.1), QUIET) for _ in range(2))
    other = train(task(), Adam(0.1), replace(QUIET, seed=2))

    assert once.losses.tolist() == again.losses.tolist()
    assert once.losses.tolist() != other.losses.tolist()
    assert once.losses[-5:].mean() < once.losses[:5].mean()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(rule: Any, tmp_path: Path) -> None:
    whole = train(task(), rule, QUIET)
    plan = replace(QUIET, out=tmp_path)

    stopped = train(stopping_at(11), rule, plan)
    resumed = train(task(), rule, replace(plan, resume=True))

    assert not stopped.finished
    assert 12 == len(stopped.losses)  # the step that runs is finished
    assert resumed.finished
    assert whole.losses.tolist() == resumed.losses.tolist()
    assert whole.parameters["w"].tolist() == resumed.parameters["w"].tolist()


def test_ctrl_c_works_as_before_when_the_run_is_over(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    train(stopping_at(3), SGD(0.1), replace(QUIET, out=tmp_path))

    assert before is signal.getsignal(signal.SIGINT)


def test_a_crash_leaves_what_was_saved_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SAVE_SECONDS", -1)  # after every step
    plan = replace(QUIET, out=tmp_path)

    def batch(number: int, rng: np.random.Generator) -> Sequence[Any]:
        if number == 7:
            raise StopError
        return noisy(number, rng)

    with pytest.raises(StopError):
        train(replace(task(), batch=batch), Momentum(0.05), plan)
    resumed = train(task(), Momentum(0.05), replace(plan, resume=True))

    assert train(task(), Momentum(0.05), QUIET).losses.tolist() == resumed.losses.tolist()
    assert ["curve.csv", "curve.svg", "state.npz"] == sorted(p.name for p in tmp_path.iterdir())


def test_a_write_that_fails_leaves_the_saved_state_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(QUIET, out=tmp_path)
    train(task(), SGD(0.1), replace(plan, steps=5))
    kept = (tmp_path / "state.npz").read_bytes()

    def full(file: Any, **arrays: Any) -> None:
        file.write(b"half of it")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        train(task(), SGD(0.1), replace(plan, steps=9, resume=True))

    assert kept == (tmp_path / "state.npz").read_bytes()


def test_a_run_goes_on_to_more_steps(tmp_path: Path) -> None:
    plan = replace(QUIET, out=tmp_path)
    train(task(), Adam(), replace(plan, steps=10))
    longer = train(task(), Adam(), replace(plan, resume=True))

    assert train(task(), Adam(), QUIET).losses.tolist() == longer.losses.tolist()


def test_the_curve_is_written_to_the_last_bit(tmp_path: Path) -> None:
    losses = train(task(), SGD(0.1), replace(QUIET, out=tmp_path)).losses
    rows = (tmp_path / "curve.csv").read_text().splitlines()

    assert "step,loss" == rows[0]
    assert losses.tolist() == [float(row.split(",")[1]) for row in rows[1:]]


# --- a script, stopped by a person ---


def run_script(script: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(script), "--steps", "1000", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_script_stopped_by_ctrl_c_and_resumed_has_the_curve_of_one_that_was_not(
    examples_folder: Path, tmp_path: Path
) -> None:
    script = examples_folder / "spiral.py"
    uninterrupted = run_script(script, tmp_path, "--out", "whole")
    stopped = run_script(script, tmp_path, "--out", "parts")
    assert stopped.stdout
    for line in stopped.stdout:
        if line.startswith("step 50 of 1,000"):
            break
    stopped.send_signal(signal.SIGINT)
    said = stopped.communicate(timeout=300)[0]
    rows = len((tmp_path / "parts/net/curve.csv").read_text().splitlines()) - 1
    resumed = run_script(script, tmp_path, "--out", "parts", "--resume")
    told = resumed.communicate(timeout=300)[0]
    uninterrupted.communicate(timeout=300)

    assert (0, 130, 0) == (uninterrupted.returncode, stopped.returncode, resumed.returncode)
    assert f"stopped after step {rows:,}; go on with --resume" in said
    assert 50 <= rows < 1000
    assert "2 layer(s): 1,000 steps" in told
    for name in ("linear/curve.csv", "net/curve.csv", "net/curve.svg"):
        whole, parts = ((tmp_path / folder / name).read_bytes() for folder in ("whole", "parts"))
        assert whole == parts


# --- what is refused ---


def test_a_run_under_other_settings_is_not_continued(tmp_path: Path) -> None:
    plan = replace(QUIET, out=tmp_path)
    train(task(decay=0.1), SGD(0.1), plan)

    with pytest.raises(RunError, match=r"seed was 1, now 2; decay was 0.1, now 0.2"):
        train(task(decay=0.2), SGD(0.1), replace(plan, seed=2, resume=True))
    with pytest.raises(RunError, match=r"optimiser was SGD\(rate=0.1"):
        train(task(decay=0.1), Adam(), replace(plan, resume=True))


def test_an_unfinished_run_is_not_overwritten(tmp_path: Path) -> None:
    plan = replace(QUIET, out=tmp_path)
    train(stopping_at(3), SGD(0.1), plan)

    with pytest.raises(RunError, match="stopped after step 4 of 30; go on with --resume"):
        train(task(), SGD(0.1), plan)


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    with pytest.raises(RunError, match="use a smaller rate"), np.errstate(all="ignore"):
        train(task(), SGD(1e9), replace(QUIET, steps=200))


def test_a_refusal_is_one_line_for_the_person_at_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> bool:
        raise RunError("no")

    with pytest.raises(SystemExit, match=r"^error: no$"):
        training.launch(main)


def test_a_second_ctrl_c_ends_the_program_without_a_traceback() -> None:
    def main() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit, match=r"^130$"):
        training.launch(main)


# --- progress ---


def test_without_a_terminal_progress_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    train(task(), SGD(0.1), replace(QUIET, steps=100, quiet=False))
    lines = capsys.readouterr().out.splitlines()

    assert 21 == len(lines)
    assert lines[0].startswith("step 1 of 100: loss ")
    assert lines[-1].startswith("step 100 of 100: loss ")


def test_on_a_terminal_progress_is_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    train(task(), SGD(0.1), replace(QUIET, quiet=False))
    shown = capsys.readouterr().out

    assert "30/30" in shown
    assert "loss" in shown


# --- optimisers, against their definitions ---


def moved(rule: Any, gradients: Sequence[float]) -> float:
    w, memory = np.array([1.0]), [np.zeros(1) for _ in range(rule.memories)]
    for step, gradient in enumerate(gradients, start=1):
        rule.update(w, np.array([gradient]), memory, step)
    return float(w[0])


def test_sgd_goes_down_the_gradient_at_a_rate_that_decays() -> None:
    assert pytest.approx(1 - 0.5 * 2 - 0.25 * 3) == moved(SGD(0.5, decay=0.5), [2, 3])


def test_momentum_adds_what_is_kept_of_the_velocity() -> None:
    assert pytest.approx(1 - 0.2 - (0.1 + 0.3)) == moved(Momentum(0.1, keep=0.5), [2, 3])


def test_rmsprop_divides_by_the_root_of_the_mean_square() -> None:
    expected = 1 - 0.1 * 2 / 2**0.5 - 0.1 * 3 / (0.5 * 2 + 0.5 * 9) ** 0.5

    assert pytest.approx(expected) == moved(RMSprop(0.1, keep=0.5, small=0), [2, 3])


def test_the_first_step_of_adam_is_its_rate_whatever_the_gradient() -> None:
    assert pytest.approx(1 - 0.1) == moved(Adam(0.1, small=0), [1e-6])
    assert pytest.approx(1 + 0.1) == moved(Adam(0.1, small=0), [-1e6])


def test_adam_divides_weighted_means_by_the_sum_of_their_weights() -> None:
    g, w = np.array([0.3, -2.0, 5.0, 0.01]), 1.0
    for n in range(1, 5):
        by_age = np.arange(n)[::-1]
        mean = np.average(g[:n], weights=0.9**by_age)
        w -= 0.1 * mean / (np.sqrt(np.average(g[:n] ** 2, weights=0.999**by_age)) + 1e-8)

    assert pytest.approx(w, rel=1e-12) == moved(Adam(0.1), list(g))


# --- batches, clipping ---


def test_an_epoch_deals_every_row_once_and_the_next_one_in_another_order() -> None:
    rows = np.arange(10)
    batch = training.shuffled(5, 3, [rows], "r")
    epochs = [[*batch(2 * k, RNG)[0], *batch(2 * k + 1, RNG)[0]] for k in range(2)]

    assert rows.tolist() == sorted(epochs[0]) == sorted(epochs[1])
    assert epochs[0] != epochs[1]
    assert "r" == batch(0, RNG)[1]


def test_clipping_shortens_all_gradients_together() -> None:
    function = training.clipped(lambda: (1.0, [np.array([3.0]), np.array([0.0, 4.0])]), 1.0)
    loss, gradients = function()

    assert 1.0 == loss
    np.testing.assert_allclose(np.concatenate(gradients), [0.6, 0, 0.8])
    short = training.clipped(lambda: (1.0, [np.array([0.3])]), 1.0)()[1]
    assert [0.3] == short[0].tolist()


# --- the picture of a curve ---


def path_of(svg: str) -> list[tuple[float, float]]:
    drawn = ET.fromstring(svg).find("{http://www.w3.org/2000/svg}path")
    assert drawn is not None
    points = drawn.attrib["d"].removeprefix("M").split()
    return [tuple(map(float, point.split(","))) for point in points]  # type: ignore[misc]


def test_a_curve_is_drawn_from_its_first_loss_to_its_last() -> None:
    points = path_of(curve.curve_svg([3.0, 2.0, 1.0]))

    assert [28, 172, 316] == [y for _, y in points]
    assert curve.LEFT == points[0][0] < points[1][0] < points[2][0] < curve.WIDTH


def test_a_long_curve_is_drawn_by_means() -> None:
    points = path_of(curve.curve_svg(np.linspace(5, 4, 100_001)))

    assert 590 < len(points) <= curve.POINTS
    assert sorted(points) == points


@pytest.mark.parametrize("losses", [[], [1.0], [2.0, 2.0], [1e6, 1.0, 1e-6]])
def test_any_curve_is_xml(losses: list[float]) -> None:
    ET.fromstring(curve.curve_svg(losses))


def test_saved_settings_are_json_without_pickles(tmp_path: Path) -> None:
    train(task(decay=0.5), Adam(), replace(QUIET, out=tmp_path))
    with np.load(tmp_path / "state.npz", allow_pickle=False) as held:
        header = json.loads(str(held["header"]))

    assert {"settings", "steps", "rng", "memories"} == set(header)
    assert 0.5 == header["settings"]["decay"]
    assert {"w": Adam.memories} == header["memories"]
