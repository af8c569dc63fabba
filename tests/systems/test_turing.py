"""The Neural Turing Machine: its gradient over a sequence, and that it learns to copy."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import turing
import turing_copy
import twins
from training import Plan

import symgrad as sg
from symgrad import nn

BATCH = 2
CONTROLLERS = [True, False]
IDS = ["LSTM", "feed-forward"]


def sizes(lstm: bool) -> turing.Sizes:
    return turing.Sizes(bits=4, places=6, width=3, hidden=5, lstm=lstm)


def network(s: turing.Sizes, length: Any = "L") -> tuple[Any, list[Any], dict[str, Any]]:
    """Return the loss of the copy task, its data, and its parameters."""
    p = turing.tensors(s)
    steps = "T" if length == "L" else 2 * length + 1
    xs, told = sg.tensor("xs", steps, "B", s.bits + 1), sg.tensor("told", length, "B", s.bits)
    return turing.loss(turing.machine(s, xs, p)[0], told), [xs, told], p


def weights(s: turing.Sizes, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.normal(size=shape) / 2 for name, shape in s.shapes.items()}


@pytest.mark.parametrize("lstm", CONTROLLERS, ids=IDS)
def test_a_sequence_has_the_gradients_of_torch(lstm: bool, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    s = sizes(lstm)
    loss, inputs, p = network(s)
    given, arrays = weights(s, rng), turing.copy_task(rng, 6, BATCH, s.bits)
    value, ours = sg.compile(loss, [*inputs, *p.values()], wrt=p)(*arrays, *given.values())
    xs, told = map(torch.tensor, arrays)
    expected, theirs = twins.torch_slopes(
        torch, lambda q: twins.turing_loss(torch, q, xs, told, s.places), given
    )

    assert expected == pytest.approx(float(value), rel=1e-12)
    assert twins.farthest(ours, theirs)[0] <= 1e-9


@pytest.mark.parametrize("backend", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_other_backends_run_the_machine_too(backend: str, rng: np.random.Generator) -> None:
    pytest.importorskip(backend)
    s = sizes(False)
    loss, inputs, p = network(s)
    args = [*turing.copy_task(rng, 3, BATCH, s.bits), *weights(s, rng).values()]
    found = [
        sg.compile(loss, [*inputs, *p.values()], wrt=p, backend=name, returns="grad")(*args)
        for name in (backend, "numpy")
    ]
    ours = {name: np.asarray(slope) for name, slope in found[0].items()}

    assert twins.farthest(ours, found[1])[0] <= 1e-12


@pytest.mark.parametrize("lstm", CONTROLLERS, ids=IDS)
def test_the_whole_machine_passes_the_check_in_random_directions(
    lstm: bool, rng: np.random.Generator
) -> None:
    s = sizes(lstm)
    loss, inputs, p = network(s, 2)
    arrays = [*turing.copy_task(rng, 2, BATCH, s.bits), *weights(s, rng).values()]
    report = sg.check_grad(
        loss, dict(zip([*inputs, *p.values()], arrays, strict=True)), wrt=list(p.values())
    )

    assert report, report.table()
    assert len(p) <= len(report.entries)


def test_the_loop_is_derived_once_however_long_the_sequence() -> None:
    counts = []
    for length in (1, 50, "L"):
        loss, _, p = network(sizes(True), length)
        counts.append(len(sg.grad(loss, list(p.values()), form="graph").nodes))

    assert max(counts) <= 1.2 * counts[0]


def test_a_batch_of_the_task_says_bits_a_sign_and_nothing(rng: np.random.Generator) -> None:
    xs, told = turing.copy_task(rng, 3, 4, 5)

    assert (7, 4, 6) == xs.shape
    np.testing.assert_array_equal(told, xs[:3, :, :5])
    np.testing.assert_array_equal(1, xs[3, :, 5])
    assert 0 == xs[:3, :, 5].sum() == xs[3, :, :5].sum() == xs[4:].sum()
    assert {0, 1} == set(told.ravel())


@pytest.mark.parametrize("lstm", CONTROLLERS, ids=IDS)
def test_a_short_training_lowers_the_loss(lstm: bool) -> None:
    s = turing.Sizes(bits=4, places=8, width=6, hidden=24, lstm=lstm)
    found = turing_copy.learn(s, Plan(steps=100, seed=1, quiet=True), longest=2)

    assert 0.65 < found.losses[:10].mean() < 0.75
    assert found.losses[-10:].mean() < 0.9 * found.losses[:10].mean()


def test_a_training_that_was_interrupted_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    s = turing.Sizes(bits=2, places=4, width=3, hidden=4, lstm=False)
    whole = turing_copy.learn(s, Plan(steps=6, seed=3, quiet=True), longest=2)
    half = Plan(steps=3, seed=3, out=tmp_path, quiet=True)
    turing_copy.learn(s, half, longest=2)
    rest = turing_copy.learn(s, replace(half, steps=6, resume=True), longest=2)

    np.testing.assert_array_equal(whole.losses, rest.losses)


def test_the_machine_of_blocks_is_the_machine_of_the_package(rng: np.random.Generator) -> None:
    s = sizes(True)
    p, xs = turing.tensors(s), sg.tensor("xs", 3, "B", s.bits + 1)
    state, found = nn.NTMState(*turing.start(s, xs.shape[1])), []
    for t in range(3):
        state, scores = nn.ntm_cell(state, xs[t], nn.NTMParameters(**p))
        found.append(scores)
    both = [turing.machine(s, xs, p)[0], sg.stack(found)]
    args = [rng.normal(size=(3, BATCH, s.bits + 1)), *weights(s, rng).values()]
    blocks, flat = sg.compile(both, [xs, *p.values()], returns="value")(*args)

    np.testing.assert_allclose(blocks, flat, rtol=1e-12)


def test_where_the_heads_look_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    s = turing.Sizes(bits=2, places=4, width=3, hidden=4, lstm=False)
    start = turing.drawn(s, np.random.default_rng(0))
    turing_copy.draw(turing_copy.answers(s), start, s, tmp_path / "heads.svg")
    picture = ET.parse(tmp_path / "heads.svg").getroot()

    assert 4 == sum(1 for e in picture.iter() if e.tag.endswith("}image"))


@pytest.mark.slow
def test_it_learns_to_copy_and_to_copy_more_than_it_has_seen() -> None:
    s = turing.Sizes()
    found = turing_copy.learn(s, Plan(steps=turing_copy.STEPS, quiet=True))
    machine_of = turing_copy.answers(s)
    shares = [turing_copy.wrong_bits(machine_of, found.parameters, s, n) for n in (10, 20)]

    assert shares[0] < 0.02
    assert shares[1] < 0.25
