"""The Neural Turing Machine as a whole: against differences, against torch, and by hand."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import nn
from symgrad.errors import ShapeError, UnsupportedError

HERE = Path(__file__).parent
CLOSE = 1e-10  # relative to the largest entry of a gradient
BATCH, PLACES, WIDTH, INPUTS, HIDDEN, OUTPUTS, STEPS = 2, 6, 4, 3, 5, 2, 4
controllers = pytest.mark.parametrize("lstm", [True, False], ids=["LSTM", "feed-forward"])


def shapes(lstm: bool) -> tuple[nn.NTMState, nn.NTMParameters]:
    state = [(BATCH, PLACES, WIDTH), (BATCH, PLACES), (BATCH, PLACES), (BATCH, WIDTH)]
    state += [(BATCH, HIDDEN)] * 2 if lstm else []
    return nn.NTMState(*state), nn.ntm_shapes(INPUTS, HIDDEN, OUTPUTS, WIDTH, lstm=lstm)


def named(shaped: Any) -> Any:
    """Return tensors of the shapes, each by the name of its field."""
    made = [None if shape is None else sg.tensor(name, *shape) for name, shape in _items(shaped)]
    return type(shaped)(*made)


def _items(shaped: Any) -> Any:
    return shaped._asdict().items()


def values(lstm: bool, steps: int) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    state, parameters = shapes(lstm)
    at = {
        n: rng.uniform(-0.8, 0.8, s) for part in (state, parameters) for n, s in _items(part) if s
    }
    for name in ("read_weights", "write_weights"):
        weights = rng.uniform(0.5, 1, at[name].shape)
        at[name] = weights / weights.sum(1, keepdims=True)
    at["x"] = rng.uniform(-1, 1, (steps, BATCH, INPUTS))
    return at


def unrolled(lstm: bool, steps: int) -> Any:
    """Return the scores of every step and the last memory, cell after cell."""
    state, parameters = (named(part) for part in shapes(lstm))
    xs, scores = sg.tensor("x", steps, BATCH, INPUTS), []
    for t in range(steps):
        state, y = nn.ntm_cell(state, xs[t], parameters)
        scores.append(y)
    return sg.stack(scores), state


def rolled(lstm: bool, steps: int) -> Any:
    state, parameters = (named(part) for part in shapes(lstm))
    return nn.ntm(sg.tensor("x", steps, BATCH, INPUTS), state, parameters)


def loss(made: Any) -> Any:
    scores, state = made
    return sg.sum(nn.tanh(scores)) + sg.sum(state.memory**2) / 3 + sg.sum(state.read)


# --- promises ---


@controllers
def test_the_gradient_of_a_step_passes_the_check_for_every_variable(lstm: bool) -> None:
    report = sg.check_grad(loss(unrolled(lstm, 1)), values(lstm, 1))

    assert report, report.table()
    assert len(report.entries) == len([v for part in shapes(lstm) for v in part if v]) + 1


@controllers
def test_gradients_over_a_sequence_are_those_of_torch(lstm: bool) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle; install symgrad[torch]")
    hand = runpy.run_path(str(HERE / "by_torch.py"))
    at = values(lstm, STEPS)
    given = hand["leaves"](at)
    state = nn.NTMState(*(given.get(name) for name in nn.NTMState._fields))
    parameters = nn.NTMParameters(*(given.get(name) for name in nn.NTMParameters._fields))
    scores = []
    for t in range(STEPS):
        *kept, y = hand["machine_step"](state, given["x"][t], parameters)
        state = nn.NTMState(*kept)
        scores.append(torch.tanh(y))
    total = torch.stack(scores).sum() + (state.memory**2).sum() / 3 + state.read.sum()
    total.backward()

    value, grads = sg.compile(loss(rolled(lstm, STEPS)), list(at), wrt=list(at))(*at.values())

    assert float(value) == pytest.approx(total.item(), rel=1e-13)
    for name, found in zip(at, grads, strict=True):
        expected = given[name].grad.numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE * np.abs(expected).max())


@controllers
def test_the_loop_is_the_cells_written_out(lstm: bool) -> None:
    at = values(lstm, STEPS)
    pair = [sg.compile(loss(made(lstm, STEPS)), list(at))(*at.values())
            for made in (rolled, unrolled)]  # fmt: skip

    assert float(pair[0][0]) == pytest.approx(float(pair[1][0]), rel=1e-13)
    for a, b in zip(pair[0][1], pair[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=CLOSE * np.abs(b).max())


def test_the_loop_stays_rolled_whatever_its_length() -> None:
    counts = [len(sg.graph(loss(rolled(True, steps))).nodes.gates) for steps in (2, 50, 1000)]

    assert counts[0] == counts[1] == counts[2]


# --- the parts, by hand ---


def test_a_shift_by_one_moves_a_sharp_weight_to_the_next_place_round_the_end() -> None:
    w, s = sg.tensor("w", 1, 4), sg.tensor("s", 1, 3)
    at = {"w": np.array([[0, 0, 0, 1.0]]), "s": np.array([[0, 0, 1.0]])}

    assert [[1, 0, 0, 0]] == sg.evaluate(nn.circular_shift(w, s), at).tolist()


def test_a_sharp_write_replaces_one_place_and_a_sharp_read_returns_it() -> None:
    M, w, e, a = (
        sg.tensor(n, 1, *z) for n, z in zip("Mwea", [(3, 2), (3,), (2,), (2,)], strict=True)
    )
    at = {
        "M": np.arange(6.0).reshape(1, 3, 2), "w": np.array([[0, 1.0, 0]]),
        "e": np.array([[1.0, 0]]), "a": np.array([[7.0, 10]]),
    }  # fmt: skip
    written = nn.write_memory(M, w, e, a)

    assert [[[0, 1], [7, 13], [4, 5]]] == sg.evaluate(written, at).tolist()
    assert [[7, 13]] == sg.evaluate(nn.read_memory(written, w), at).tolist()


def test_a_strong_key_finds_its_row() -> None:
    M, k = sg.tensor("M", 1, 3, 2), sg.tensor("k", 1, 2)
    at = {"M": np.array([[[1.0, 0], [0, 1], [-1, 0]]]), "k": np.array([[0.1, 5]])}
    found = sg.evaluate(nn.content_addressing(M, k, 50), at)

    np.testing.assert_allclose(found, [[0, 1, 0]], atol=1e-9)


@controllers
def test_weights_stay_distributions(lstm: bool) -> None:
    _, state = unrolled(lstm, STEPS)
    at = values(lstm, STEPS)
    for weights in (state.read_weights, state.write_weights):
        found = sg.evaluate(weights, {n: at[n] for n in map(str, weights.free_symbols)})

        assert (found >= 0).all()
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-14)


# --- complaints ---


def test_a_controller_of_another_kind_is_refused() -> None:
    state, _ = (named(part) for part in shapes(True))
    _, parameters = (named(part) for part in shapes(False))
    with pytest.raises(UnsupportedError, match=r"needs `h` and `c` .* `w_hh`"):
        nn.ntm_cell(state, sg.tensor("x", BATCH, INPUTS), parameters)


def test_an_even_number_of_shifts_is_refused() -> None:
    state, _ = (named(part) for part in shapes(False))
    parameters = named(nn.ntm_shapes(INPUTS, HIDDEN, OUTPUTS, WIDTH, shifts=2, lstm=False))
    with pytest.raises(ShapeError, match="odd number of shifts"):
        nn.ntm_cell(state, sg.tensor("x", BATCH, INPUTS), parameters)
