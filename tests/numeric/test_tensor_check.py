"""Gradient checks and numeric differences on arrays: every entry, samples, kinks, wrong rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Determinant, Trace
from sympy.core.symbol import Str

import symgrad as sg
from symgrad.errors import GradientCheckError, KinkError, NotAnalyticError, ShapeError
from symgrad.expr.matrices import apply, matrix
from symgrad.numeric import tensor_check

W, x, b, y, A = (
    matrix("W", "m", "n"),
    matrix("x", "n"),
    matrix("b", "m"),
    matrix("y", "m"),
    matrix("A", "n", "n"),
)
RNG = np.random.default_rng(0)


def mapped(name: str, *operands: Any) -> Any:
    return apply("map", *operands, params=(Str(name),))


LAYER = apply("norm2", mapped("relu", W * x + b) - y)
POINT = {
    "W": RNG.normal(size=(4, 3)),
    "x": RNG.normal(size=(3, 1)),
    "b": RNG.normal(size=4),
    "y": RNG.normal(size=4),
}
WIDE = {"W": RNG.normal(size=(40, 30)), "x": RNG.normal(size=30), "b": RNG.normal(size=40)}
WIDE["y"] = RNG.normal(size=40)


# --- small arrays: every entry ---


def test_each_variable_has_one_verdict() -> None:
    report = sg.check_grad(LAYER, POINT)

    assert report
    assert {"W", "x", "b", "y"} == set(report.verdict)
    assert (3, 1) == report["x"].analytic.shape == report["x"].numeric.shape


def test_every_entry_of_a_small_array_is_compared() -> None:
    report = sg.check_grad(LAYER, POINT)
    run = sg.run(LAYER, POINT)

    for name in POINT:
        np.testing.assert_allclose(report[name].analytic, run.grad[name], rtol=1e-12)
        np.testing.assert_allclose(report[name].numeric, run.grad[name], rtol=1e-6, atol=1e-9)


SYMMETRIC = POINT["W"].T @ POINT["W"] + np.eye(3)
MATRICES: list[tuple[Any, Any]] = [
    (apply("logdet", A), SYMMETRIC),
    (Determinant(A), SYMMETRIC),
    (Determinant(A) ** 2, SYMMETRIC),
    (Trace(A.I), SYMMETRIC),
    (Trace(A**3), SYMMETRIC),
    (Trace(apply("expm", A) * A), SYMMETRIC / 4),
    (Trace(apply("cholesky", A) * A), SYMMETRIC),
    (apply("sum", apply("solve", A, A.T * A)), SYMMETRIC),
    (apply("norm", A), SYMMETRIC),
    (apply("logsumexp", A), SYMMETRIC),
]


@pytest.mark.parametrize(("f", "at"), MATRICES, ids=[str(f) for f, _ in MATRICES])
def test_formulas_of_linear_algebra_pass(f: Any, at: Any) -> None:
    assert sg.check_grad(f, {"A": at}).raise_if_failed()


def test_inner_nodes_may_be_checked() -> None:
    source = sg.graph(LAYER)
    product = next(n for n, g in enumerate(source.nodes.gates) if g.name == "einsum")
    report = sg.check_grad(source, POINT, [product, "W"])

    assert report
    assert (4,) == report.entries[0].analytic.shape


def test_narrow_floats_are_checked_in_wide_ones() -> None:
    narrow = {k: v.astype(np.float32) for k, v in POINT.items()}
    report = sg.check_grad(LAYER, narrow)

    assert report
    assert max(report.error.values()) < 1e-6


def test_places_in_an_axis_are_not_moved() -> None:
    rows, chosen = sg.tensor("T", "V", "D"), sg.tensor("i", "B")
    f = sg.sum(sg.take(rows, chosen, axis=0) ** 3)
    at = {"T": RNG.normal(size=(5, 2)), "i": [0, 3, 3]}

    assert ["T"] == list(sg.check_grad(f, at).verdict)
    assert ["T"] == [str(k) for k in sg.numeric_grad(f, at)]
    with pytest.raises(ShapeError, match="whole numbers"):
        sg.numeric_grad(f, at, "i")


def test_a_sweep_has_an_error_for_each_step() -> None:
    sweep = sg.check_grad(LAYER, POINT, ["W", "x"], sweep=True).sweep

    assert 9 == len(sweep)
    assert sweep[1e-5]["W"] < 1e-6


# --- wrong rules are caught, entry by entry and along directions ---


def spoiled(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    right = tensor_check.array_gradient
    monkeypatch.setattr(
        tensor_check, "array_gradient", lambda *args: [change(g) for g in right(*args)]
    )


def test_one_wrong_entry_of_a_small_array_is_found_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def change(gradient: Any) -> Any:
        wrong = np.array(gradient)
        wrong[2, 1] += 0.1
        return wrong

    spoiled(monkeypatch, change)
    report = sg.check_grad(apply("norm2", W * x), {"W": POINT["W"], "x": POINT["x"]}, ["W"])

    assert "wrong" == report["W"].verdict
    assert "worst at [2, 1]" in report["W"].note
    with pytest.raises(GradientCheckError, match=r"W: analytic .*worst at \[2, 1\]"):
        report.raise_if_failed()


@pytest.mark.parametrize("factor", [1.001, -1.0, 0.0])
def test_a_wrong_factor_of_a_large_array_is_found(
    monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    spoiled(monkeypatch, lambda gradient: gradient * factor)

    assert not sg.check_grad(LAYER, WIDE, ["W"])


def test_one_wrong_row_of_a_large_array_is_found_by_directions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def change(gradient: Any) -> Any:
        wrong = np.array(gradient)
        wrong[np.argmax(np.abs(wrong).sum(axis=1))] *= 1.5
        return wrong

    spoiled(monkeypatch, change)

    assert not sg.check_grad(LAYER, WIDE, ["W"])


# --- large arrays: seeded samples ---


def test_a_large_array_is_sampled_along_directions_and_at_entries() -> None:
    entry = sg.check_grad(LAYER, WIDE)["W"]

    assert entry.ok
    assert (30,) == entry.analytic.shape
    assert "6 directions and 24 of 1200 entries" in entry.note


def test_samples_are_the_same_every_time() -> None:
    first, second = (sg.check_grad(LAYER, WIDE, ["W"])["W"] for _ in range(2))

    np.testing.assert_array_equal(first.numeric, second.numeric)


# --- kinks ---


def test_a_kink_between_the_two_evaluations_is_stepped_over() -> None:
    entry = sg.check_grad(apply("sum", mapped("relu", x)), {"x": [-1e-6, 2.0]})["x"]

    assert "fine" == entry.verdict
    assert "kink within step" in entry.note


def test_a_point_on_a_kink_is_said_to_be_one() -> None:
    report = sg.check_grad(apply("sum", mapped("relu", x)), {"x": [0.0, 2.0]})

    assert "kink" == report["x"].verdict
    assert report.kinks


def test_a_tie_of_a_maximum_is_a_kink() -> None:
    report = sg.check_grad(apply("max", x), {"x": [1.0, 3.0, 3.0]})

    assert "kink" == report["x"].verdict
    with pytest.raises(KinkError):
        sg.check_grad(apply("max", x), {"x": [1.0, 3.0, 3.0]}, kinks="raise")


def test_a_change_of_the_largest_entry_is_a_kink() -> None:
    entry = sg.check_grad(apply("max", x), {"x": [3.0, 3.0 - 1e-6]})["x"]

    assert "fine" == entry.verdict
    assert "kink within step" in entry.note


# --- differences ---


@pytest.mark.parametrize(
    ("method", "error"), [("central", 1e-8), ("complex", 1e-15), ("richardson", 1e-9)]
)
def test_every_method_takes_arrays(method: str, error: float) -> None:
    f = sympy.exp(apply("scalar", x.T * A * x) / 10)
    at = {"x": [1.0, -2.0], "A": [[1.0, 2.0], [0.5, 3.0]]}
    exact = sg.run(f, at)
    found = sg.numeric_grad(f, at, ("x", "A"), method=method)

    for name, numeric in zip(("x", "A"), found, strict=True):
        np.testing.assert_allclose(numeric, exact.grad[name], rtol=error)


def test_a_complex_step_is_refused_where_it_says_nothing() -> None:
    with pytest.raises(NotAnalyticError, match="max_over"):
        sg.numeric_grad(apply("max", x), {"x": [1.0, 2.0]}, method="complex")


def test_differences_come_back_in_the_form_of_the_variable() -> None:
    found = sg.numeric_grad(LAYER, POINT)

    assert {"W": (4, 3), "x": (3, 1), "b": (4,), "y": (4,)} == {
        str(k): v.shape for k, v in found.items()
    }


def test_a_tensor_has_no_gradient() -> None:
    with pytest.raises(ShapeError, match="one scalar has a gradient"):
        sg.check_grad(W * x, {"W": np.eye(2), "x": [1, 2]})
