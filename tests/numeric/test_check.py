"""The gradient check: verdicts, kinks and reports; and wrong rules, each of which it catches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sympy import Symbol, symbols

import symgrad as sg
from symgrad.errors import (
    GradientCheckError,
    KinkError,
    MissingValueError,
    NotAnalyticError,
    SymgradError,
    UnknownNameError,
    UnsupportedError,
)
from symgrad.numeric.report import relative_error, verdict_of

x, y = symbols("x y")
AT = {"x": 0.7, "y": 1.3}


def wrong(name: str, factor: str, offset: str = "0") -> Any:
    """Register sin with the partial `cos(x)*factor + offset`."""
    partial = f"cos(x)*({factor}) + ({offset})"
    return sg.gate(name, "x", numpy=np.sin, partials=[partial], replace=True)


# --- verdicts ---


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (0.0, "happy"),
        (1e-7, "happy"),
        (1.001e-7, "fine"),
        (1e-4, "fine"),
        (1.001e-4, "uneasy"),
        (1e-2, "uneasy"),
        (1.001e-2, "wrong"),
        (2.0, "wrong"),
        (math.inf, "wrong"),
    ],
)
def test_verdicts_change_at_the_lectures_thresholds(error: float, verdict: str) -> None:
    assert verdict == verdict_of(error)


@pytest.mark.parametrize(
    ("analytic", "numeric", "error"),
    [
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 0.0),
        (1.0, 2.0, 0.5),
        (2.0, 1.0, 0.5),
        (1.0, -1.0, 2.0),
        (0.0, 1e-300, 1.0),
        (1e-300, 2e-300, 0.5),
        (1.0, math.nan, math.inf),
        (math.nan, math.nan, math.inf),
        (math.inf, 1.0, math.inf),
        (math.inf, math.inf, 0.0),
        (math.inf, -math.inf, math.inf),
    ],
)
def test_relative_error_is_the_lectures(analytic: float, numeric: float, error: float) -> None:
    assert error == relative_error(analytic, numeric)


@pytest.mark.parametrize(
    ("factor", "verdict", "passes"),
    [
        ("1 + 1e-9", "happy", True),
        ("1 + 1e-6", "fine", True),
        ("1 + 1e-3", "uneasy", False),
        ("1.1", "wrong", False),
    ],
)
def test_errors_of_a_rule_become_verdicts(factor: str, verdict: str, passes: bool) -> None:
    report = sg.check_grad(wrong("slanted", factor)(x), {"x": 0.5})

    assert (verdict, passes) == (report["x"].verdict, bool(report))


@pytest.mark.parametrize("method", ["central", "complex", "richardson"])
@pytest.mark.parametrize("formula", ["x*y", "sin(x)/y", "x**y", "sigmoid(x*y)", "exp(x)*log(y)"])
def test_right_gradients_pass_by_every_method(formula: str, method: str) -> None:
    assert sg.check_grad(formula, AT, method=method)


def test_exact_gradients_are_happy() -> None:
    assert {"x": "happy", "y": "happy"} == sg.check_grad("x*y", AT).verdict


# --- a test of the checker ---

SPOILED: dict[str, tuple[list[str], dict[str, list[str]]]] = {
    "x*y**2": (
        ["y**2", "2*x*y"],
        {
            "a relative error of 1e-3": ["y**2*1.001", "2*x*y"],
            "a relative error of 1e-3 in the second": ["y**2", "2*x*y*0.999"],
            "a wrong sign": ["-y**2", "2*x*y"],
            "a wrong sign in the second": ["y**2", "-2*x*y"],
            "swapped arguments": ["2*x*y", "y**2"],
            "swapped operands": ["x**2", "2*x*y"],
            "a lost factor": ["y**2", "x*y"],
            "a zero": ["0", "2*x*y"],
        },
    ),
    "x*sin(y) + y*x**2": (
        ["sin(y) + 2*x*y", "x*cos(y) + x**2"],
        {
            "a lost term": ["sin(y)", "x*cos(y) + x**2"],
            "another lost term": ["sin(y) + 2*x*y", "x**2"],
            "a term too much": ["sin(y) + 2*x*y", "x*cos(y) + x**2 + 0.01"],
            "a wrong sign of a term": ["sin(y) - 2*x*y", "x*cos(y) + x**2"],
            "swapped arguments": ["x*cos(y) + x**2", "sin(y) + 2*x*y"],
            "sine for cosine": ["sin(y) + 2*x*y", "x*sin(y) + x**2"],
        },
    ),
    "x/y": (
        ["1/y", "-x/y**2"],
        {
            "a lost sign": ["1/y", "x/y**2"],
            "a lost power": ["1/y", "-x/y"],
            "a relative error of 1e-3": ["1.001/y", "-x/y**2"],
            "swapped arguments": ["-x/y**2", "1/y"],
        },
    ),
    "exp(x*y)": (
        ["y*out", "x*out"],
        {
            "a lost chain": ["out", "x*out"],
            "the value's derivative": ["y*out", "x*out**2"],
            "swapped arguments": ["x*out", "y*out"],
            "a relative error of 1e-3": ["y*out*(1 + 1/1000)", "x*out"],
        },
    ),
}
ROWS = [(f, fault) for f, (_, faults) in SPOILED.items() for fault in faults]
POINTS = [{"u": 0.7, "v": 1.9}, {"u": -1.3, "v": 0.6}, {"u": 2.1, "v": 1.2}]


def spoiled(formula: str, partials: list[str]) -> Any:
    """Register a gate that computes a formula, with partials of its own."""
    numbers = sg.compile(formula, ["x", "y"], returns="value")
    return sg.gate("spoiled", "x, y", numpy=numbers, partials=partials, replace=True)


@pytest.mark.parametrize("at", POINTS, ids=str)
@pytest.mark.parametrize(("formula", "fault"), ROWS)
def test_a_wrong_rule_is_caught(formula: str, fault: str, at: dict[str, float]) -> None:
    head = spoiled(formula, SPOILED[formula][1][fault])

    assert not sg.check_grad(head(*symbols("u v")), at)


@pytest.mark.parametrize("at", POINTS, ids=str)
@pytest.mark.parametrize("formula", SPOILED)
def test_the_right_rule_of_the_same_gate_passes(formula: str, at: dict[str, float]) -> None:
    head = spoiled(formula, SPOILED[formula][0])

    assert sg.check_grad(head(*symbols("u v")), at)


@pytest.mark.parametrize("depth", [1, 5, 20])
def test_a_wrong_rule_is_caught_deep_inside_a_formula(depth: int) -> None:
    formula = wrong("deep", "1.01")(x)
    for _ in range(depth):
        formula = formula * y + 1

    assert not sg.check_grad(formula * y, AT)


def test_a_wrong_rule_is_caught_by_the_complex_step() -> None:
    head = sg.gate("twisted", "x", numpy=np.sin, partials=["1"], analytic=True, replace=True)

    assert not sg.check_grad(head(x), {"x": 0.5}, method="complex")


def test_one_wrong_gradient_among_many_fails_the_report() -> None:
    names = [f"x{k}" for k in range(50)]
    total = sum(Symbol(n) ** 2 for n in names) + wrong("lonely", "-1")(Symbol("x7"))
    report = sg.check_grad(total, {n: 0.1 * k for k, n in enumerate(names)})

    assert ["x7"] == [e.name for e in report.entries if not e.ok]


# --- kinks ---


@pytest.mark.parametrize(
    ("formula", "at"),
    [
        ("abs(x)", 1e-6),
        ("abs(x)", -1e-6),
        ("relu(x)", 1e-6),
        ("max(x, 0)", -1e-6),
        ("min(x, 3*x)", 1e-6),
        ("where(x > 0, x, 2*x)", 1e-6),
        ("leaky_relu(x)", 3e-6),
        ("sign(x)*x", 1e-6),
        ("elu(x, 3)", -1e-6),
    ],
)
def test_a_kink_between_the_evaluations_is_found_by_its_winner(formula: str, at: float) -> None:
    entry = sg.check_grad(formula, {"x": at})["x"]

    assert "kink within step 1e-05" in entry.note
    assert entry.ok


@pytest.mark.parametrize("formula", ["max(x, y)", "abs(x - y)", "relu(x - y)", "floor(x)*y"])
def test_a_point_on_a_kink_is_said_to_be_one(formula: str) -> None:
    report = sg.check_grad(formula, {"x": 1.0, "y": 1.0})

    assert ("kink", "the point lies on a kink") == (report["x"].verdict, report["x"].note)
    assert len(report.kinks) == 1


def test_a_kink_that_is_far_away_is_not_mentioned() -> None:
    report = sg.check_grad("abs(x)", {"x": 0.1})

    assert ("", ()) == (report["x"].note, report.kinks)


def test_a_wrong_rule_beside_a_kink_is_still_wrong() -> None:
    head = sg.gate("abs_wrong", "x", numpy=np.abs, partials=["3*sign(x)"], replace=True)

    assert not sg.check_grad(head(x) + abs(x), {"x": 1e-6})


def test_a_kink_beside_a_large_value_is_judged_within_rounding() -> None:
    assert sg.check_grad("1e6 + relu(x)", {"x": -1e-6})


@pytest.mark.parametrize(
    ("policy", "expected"), [("min_norm", 0.5), ("first", 1.0), ("nan", math.nan)]
)
def test_policies_choose_the_analytic_gradient_at_a_tie(policy: str, expected: float) -> None:
    found = sg.check_grad("max(x, y)", {"x": 1.0, "y": 1.0}, kinks=policy)["x"].analytic

    assert expected == found or (math.isnan(expected) and math.isnan(found))


def test_policy_raise_raises_on_a_kink() -> None:
    with pytest.raises(KinkError, match="kink exactly here"):
        sg.check_grad("max(x, y)", {"x": 1.0, "y": 1.0}, kinks="raise")


# --- rounding ---


@pytest.mark.parametrize("method", ["central", "complex", "richardson"])
@pytest.mark.parametrize("formula", ["y*x/x", "x/x", "sin(x)**2 + cos(x)**2", "(x + y) - x"])
def test_gradients_that_are_zero_but_for_rounding_pass(formula: str, method: str) -> None:
    assert sg.check_grad(formula, {n: AT[n] for n in "xy" if n in formula}, method=method)


def test_a_tiny_gradient_is_remarked_upon() -> None:
    entry = sg.check_grad("1e-12*x", {"x": 1.0})["x"]

    assert "rescale" in entry.note
    assert entry.ok


def test_a_gradient_that_is_not_finite_fails() -> None:
    report = sg.check_grad("log(x)", {"x": 0.0})

    assert not report
    assert "not finite" in report["x"].note


@pytest.mark.parametrize("step", [1e-3, 1e-4, 1e-6, 1e-7])
def test_steps_may_be_chosen(step: float) -> None:
    assert sg.check_grad("x**3*y", AT, step=step)


# --- the report ---


def test_failures_raise_with_the_numbers_in_the_message() -> None:
    report = sg.check_grad(wrong("doubled", "2")(x), {"x": 0.0})

    with pytest.raises(GradientCheckError) as caught:
        report.raise_if_failed()
    assert str(caught.value) == (
        "1 of 1 gradients disagree with central differences:\n"
        "  x: analytic 2, numeric 1, relative error 0.5 (wrong)"
    )


def test_failures_are_assertion_errors() -> None:
    with pytest.raises(AssertionError):
        sg.check_grad(wrong("doubled", "2")(x), {"x": 0.0}).raise_if_failed()


def test_reports_that_pass_return_themselves() -> None:
    report = sg.check_grad("x*y", AT)

    assert report is report.raise_if_failed()


def test_reports_are_read_by_variable() -> None:
    report = sg.check_grad("x*y", {"x": 2.0, "y": 3.0})

    assert {"x": 3.0, "y": 2.0} == report.analytic
    assert {"x": 3.0, "y": 2.0} == pytest.approx(report.numeric)
    assert max(report.error.values()) < 1e-9


@pytest.mark.parametrize("key", ["w", Symbol("w"), 3])
def test_unknown_variables_of_a_report_are_errors(key: Any) -> None:
    with pytest.raises(KeyError):
        sg.check_grad("x", {"x": 1.0})[key]


@pytest.mark.parametrize("key", ["x", x])
def test_entries_are_had_by_name_and_symbol(key: Any) -> None:
    assert sg.check_grad("x**2", {"x": 3.0})[key].analytic == 6.0


def test_sweep_has_the_error_of_each_variable_for_each_step() -> None:
    sweep = sg.check_grad("exp(x)*y", AT, sweep=True).sweep

    assert [10.0**-k for k in range(2, 11)] == pytest.approx(list(sweep))
    assert all({"x", "y"} == set(errors) for errors in sweep.values())


def test_sweep_falls_and_then_rises() -> None:
    sweep = sg.check_grad("exp(x)", {"x": 0.7}, sweep=True).sweep
    errors = [e["x"] for e in sweep.values()]

    best = errors.index(min(errors))
    assert 0 < best < len(errors) - 1
    assert errors[0] > 100 * errors[best] < errors[-1]


def test_table_has_a_row_for_each_variable() -> None:
    rows = sg.check_grad("x*y", AT).table().rows

    assert ["x", "y"] == [row[0] for row in rows]


def test_inner_nodes_are_checked_too() -> None:
    report = sg.check_grad("q = x*y; f = q**2", {"x": 2.0, "y": 3.0}, ["q", "x"])

    assert {"q": 12.0, "x": 36.0} == report.analytic
    assert report


def test_nothing_to_check_passes() -> None:
    assert sg.check_grad("3")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"at": {"x": 1.0}}, MissingValueError),
        ({"at": AT | {"w": 1.0}}, UnknownNameError),
        ({"at": AT, "wrt": "w"}, UnknownNameError),
        ({"at": AT, "method": "forward"}, UnsupportedError),
        ({"at": AT, "kinks": "none"}, UnsupportedError),
        ({"at": AT, "step": -1.0}, UnsupportedError),
        ({"at": {"x": [1.0, 2.0], "y": 1.0}}, SymgradError),
    ],
)
def test_what_cannot_be_meant_is_refused(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        sg.check_grad("x*y", **options)


def test_complex_step_refuses_what_is_not_analytic() -> None:
    with pytest.raises(NotAnalyticError, match="`abs`"):
        sg.check_grad("abs(x)", {"x": 1.0}, method="complex")
