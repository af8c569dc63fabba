"""RNN, GRU and LSTM over 500 steps, as loops; what comes back is what torch and JAX compute."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recurrent
import twins
from conftest import EXAMPLES

import symgrad as sg

STEPS, BATCH, HIDDEN, WIDTH = 500, 2, 5, 3
KINDS = list(recurrent.CELLS)
TORCH = {
    "w_ih": "weight_ih_l0",
    "w_hh": "weight_hh_l0",
    "b_ih": "bias_ih_l0",
    "b_hh": "bias_hh_l0",
}


def weights(kind: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    shapes = {name: p.shape for name, p in recurrent.parameters(kind, HIDDEN, WIDTH).items()}
    return {name: rng.normal(size=[int(n) for n in s]) / 2 for name, s in shapes.items()}


def data(rng: np.random.Generator, steps: int = STEPS) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(steps, BATCH, WIDTH)), rng.normal(size=(steps, BATCH, HIDDEN))


def network(kind: str, steps: Any = "T") -> tuple[Any, list[Any], dict[str, Any]]:
    """Return the loss of a loop, its data, and its parameters."""
    p = recurrent.parameters(kind)
    xs, targets = sg.tensor("xs", steps, "N", "D"), sg.tensor("targets", steps, "N", "H")
    return recurrent.missed(recurrent.hidden_states(kind, xs, p), targets), [xs, targets], p


def slopes(kind: str, given: Mapping[str, Any], arrays: Any, backend: str = "numpy") -> Any:
    loss, inputs, p = network(kind)
    fn = sg.compile(loss, [*inputs, *p.values()], wrt=p, backend=backend)
    value, found = fn(*arrays, *given.values())
    return float(value), {name: np.asarray(slope) for name, slope in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_500_steps_have_the_gradients_of_torchs_own_layer(
    kind: str, rng: np.random.Generator
) -> None:
    torch = pytest.importorskip("torch")
    given, arrays = weights(kind, rng), data(rng)
    value, ours = slopes(kind, given, arrays)
    named = {TORCH[name]: w for name, w in given.items()}
    expected, theirs = twins.recurrent_loss(torch, kind, named, *arrays)

    assert expected == pytest.approx(value, rel=1e-12)
    assert twins.farthest({TORCH[n]: s for n, s in ours.items()}, theirs)[0] <= 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_500_steps_have_the_gradients_of_jax(kind: str, rng: np.random.Generator) -> None:
    jax = pytest.importorskip("jax")
    given, arrays = weights(kind, rng), data(rng)
    value, ours = slopes(kind, given, arrays)
    with jax.enable_x64(True):
        expected, theirs = twins.jax_recurrent(jax, kind, given, *arrays)

    assert expected == pytest.approx(value, rel=1e-12)
    assert twins.farthest(ours, theirs)[0] <= 1e-9


@pytest.mark.parametrize(("backend", "kind"), [("jax", "LSTM"), ("torch", "GRU")])
def test_other_backends_run_the_loop_too(backend: str, kind: str, rng: np.random.Generator) -> None:
    pytest.importorskip(backend)
    given, arrays = weights(kind, rng), data(rng)
    value, ours = slopes(kind, given, arrays, backend)
    expected, numpys = slopes(kind, given, arrays)

    assert expected == pytest.approx(value, rel=1e-12)
    assert twins.farthest(ours, numpys)[0] <= 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_each_cell_passes_the_check(kind: str, rng: np.random.Generator) -> None:
    loss, inputs, p = network(kind, 4)
    at = dict(zip([*inputs, *p.values()], [*data(rng, 4), *weights(kind, rng).values()],
                  strict=True))  # fmt: skip
    report = sg.check_grad(loss, at, wrt=list(p.values()))

    assert report, report.table()
    assert len(p) <= len(report.entries)


def nodes_of_gradient(kind: str, steps: Any) -> int:
    loss, _, p = network(kind, steps)
    return len(sg.grad(loss, list(p.values()), form="graph").nodes)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_1000_steps_is_as_large_as_that_of_one(kind: str) -> None:
    sizes = [nodes_of_gradient(kind, steps) for steps in (1, 1000, "T")]

    assert sizes[1] <= 1.2 * sizes[0]
    assert sizes[2] <= 1.2 * sizes[0]


# --- how far a gradient reaches ---


def test_the_reach_is_the_norm_of_the_product_of_jacobians(rng: np.random.Generator) -> None:
    given = recurrent.drawn("RNN", 1.1, rng)
    inputs = rng.normal(size=(6, recurrent.WIDTH))
    state, products = np.zeros(recurrent.HIDDEN), np.eye(recurrent.HIDDEN)
    jacobians = []
    for x in inputs:
        state = np.tanh(given["w_ih"] @ x + given["w_hh"] @ state)
        jacobians.append((1 - state**2)[:, None] * given["w_hh"])
    expected = []
    for jacobian in reversed(jacobians):
        products = products @ jacobian
        expected.append(np.linalg.norm(products, 2))

    np.testing.assert_allclose(expected, recurrent.reach("RNN", given, inputs), rtol=1e-12)


def test_gradients_vanish_and_explode_by_spectral_radius_and_an_open_lstm_keeps_them() -> None:
    found = recurrent.measured(steps=120)
    last = {key: norms[-1] for key, norms in found.items()}
    by_radius = [last["RNN", r] for r in recurrent.RADII]
    by_gate = [last["LSTM", b] for b in recurrent.FORGET]

    assert by_radius == sorted(by_radius)
    assert by_gate == sorted(by_gate)
    assert by_radius[0] < 1e-10
    assert by_radius[-1] > 1e6
    assert by_gate[0] < 1e-10
    assert 0.1 < by_gate[-1] < 100


def test_one_command_draws_the_figure_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    script = [sys.executable, EXAMPLES / "recurrent.py", tmp_path / "a.svg", "--steps", "20"]
    subprocess.run(script, check=True, capture_output=True)
    recurrent.draw(recurrent.measured(20), tmp_path / "b.svg")
    made = [(tmp_path / name).read_bytes() for name in ("a.svg", "b.svg")]

    assert made[0] == made[1]
    assert ET.fromstring(made[0]).tag.endswith("svg")
