"""Runs and evaluation: every value, local and global gradient; IEEE rules; any number of digits."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Float, IndexedBase, Rational, Symbol, symbols

import symgrad as sg
from symgrad.errors import (
    BackendError,
    KinkError,
    MissingValueError,
    ShapeError,
    SymgradError,
    UnknownNameError,
    UnsupportedError,
)

x, y = symbols("x y")
CHAIN = "q = x + y; f = q*z"
POINT = {"x": -2, "y": 5, "z": -4}
inf, nan = math.inf, math.nan


def same(expected: float, actual: Any) -> bool:
    return (math.isnan(expected) and math.isnan(actual)) or expected == actual


# --- by name, symbol and node ---


def test_values_and_gradients_are_had_by_name_symbol_and_node() -> None:
    run = sg.run(CHAIN, POINT)
    node = run.graph.names["q"]

    assert [3, 3, 3] == [run.value["q"], run.value[Symbol("q")], run.value[node]]
    assert [-4, -4, -4] == [run.grad["q"], run.grad[Symbol("q")], run.grad[node]]


def test_points_may_be_given_by_symbol_and_by_name() -> None:
    assert sg.run(x * y, {x: 2, "y": 3}).output == 6


def test_runs_map_every_variable_and_named_node() -> None:
    run = sg.run(CHAIN, POINT)

    assert {"x": -4, "y": -4, "z": 3, "q": -4, "f": 1} == dict(run.grad)


def test_local_gradients_are_had_by_gate_and_operand() -> None:
    run = sg.run(CHAIN, POINT)

    assert ((-4, 3), -4, 1) == (run.local["f"], run.local["f", "q"], run.local["q", "x"])


def test_local_gradient_by_an_operand_that_occurs_twice_is_the_sum() -> None:
    assert sg.run("f = x*x", {"x": 3}).local["f", "x"] == 6


def test_global_gradients_are_local_times_upstream_summed_over_wires() -> None:
    run = sg.run("q = x*y; r = q + x; f = q*r", {"x": 2, "y": 3})
    upstream = run.local["f", "q"] * run.grad["f"] + run.local["r", "q"] * run.grad["r"]

    assert upstream == run.grad["q"]


def test_a_symbol_that_is_not_in_the_formula_has_gradient_zero() -> None:
    assert sg.run("x", {"x": 1}).grad[Symbol("w")] == 0


def test_gradients_of_nodes_that_do_not_reach_the_output_are_zero() -> None:
    assert sg.run("x + stop_gradient(y*y)", {"x": 1, "y": 2}).grad["y"] == 0


@pytest.mark.parametrize("key", ["w", "qq", "X"])
def test_unknown_names_are_errors(key: str) -> None:
    with pytest.raises(UnknownNameError, match=f"no variable `{key}`"):
        sg.run(CHAIN, POINT).value[key]


def test_table_has_a_row_for_each_node_that_is_no_constant() -> None:
    table = sg.run("2*x + y", {"x": 1, "y": 2}).table()

    assert ["input", "2*x", "input", "v2 + y"] == [origin for _, origin, *_ in table.rows]


def test_table_spells_out_the_sum_at_a_fork() -> None:
    table = str(sg.run("x*y + x", {"x": 2, "y": 3}).table())

    assert "3 × 1 + 1 × 1 = 3 + 1 = 4" in table


# --- immutability ---


@pytest.mark.parametrize("name", ["value", "grad", "output", "policy", "novelty"])
def test_runs_cannot_be_changed(name: str) -> None:
    run = sg.run(CHAIN, POINT)

    with pytest.raises((AttributeError, dataclasses.FrozenInstanceError, TypeError)):
        setattr(run, name, 1)


def test_maps_of_a_run_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        sg.run(CHAIN, POINT).value["x"] = 3  # type: ignore[index]


def test_arrays_of_a_run_cannot_be_changed() -> None:
    run = sg.run("x*y", {"x": np.arange(3.0), "y": 2.0})
    for found in (run.output, run.grad["x"], run.value["x"]):
        with pytest.raises(ValueError, match="read-only"):
            found[0] = 7.0


def test_changing_the_input_afterwards_changes_nothing() -> None:
    given = np.arange(3.0)
    run = sg.run("x*2", {"x": given})
    given[0] = 100.0

    assert ([0, 2, 4], [0, 1, 2]) == (run.output.tolist(), run.value["x"].tolist())


def test_running_leaves_the_input_writable() -> None:
    given = np.arange(3.0)
    sg.run("x*2", {"x": given})
    given[0] = 5.0

    assert given[0] == 5.0


def test_runs_survive_pickling() -> None:
    run = pickle.loads(pickle.dumps(sg.run(CHAIN, POINT)))

    assert (-12, {"x": -4, "y": -4, "z": 3, "q": -4, "f": 1}) == (run.output, dict(run.grad))


# --- batches ---


def test_batches_are_the_points_one_by_one(rng: np.random.Generator) -> None:
    points = rng.uniform(0.5, 2, (2, 7))
    formula = "x**y*sin(x*y) + max(x, y)/sigmoid(x)"
    batch = sg.run(formula, {"x": points[0], "y": points[1]})
    single = [sg.run(formula, {"x": a, "y": b}) for a, b in points.T]

    np.testing.assert_allclose(batch.output, [r.output for r in single], rtol=1e-14)
    np.testing.assert_allclose(batch.grad["x"], [r.grad["x"] for r in single], rtol=1e-13)


@pytest.mark.parametrize(
    ("left", "right"), [((3,), ()), ((2, 1), (3,)), ((2, 1, 4), (5, 1)), ((0,), ()), ((1,), (4,))]
)
def test_values_broadcast(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    run = sg.run("x*y + x", {"x": np.ones(left), "y": np.full(right, 2.0)})

    assert np.broadcast_shapes(left, right) == run.output.shape
    assert np.all(run.output == 3)


def test_shapes_that_do_not_broadcast_are_named() -> None:
    with pytest.raises(ShapeError, match=r"`x` \(2,\), `y` \(3,\)"):
        sg.run("x*y", {"x": np.ones(2), "y": np.ones(3)})


def test_lists_are_arrays() -> None:
    assert [2, 4] == sg.run("2*x", {"x": [1, 2]}).output.tolist()


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "bool", "longdouble"])
def test_any_real_number_becomes_float64(dtype: str) -> None:
    found = sg.run("x/2", {"x": np.ones(2, dtype=dtype)}).output

    assert (np.float64, [0.5, 0.5]) == (found.dtype, found.tolist())


def test_integers_do_not_overflow_as_integers() -> None:
    assert 2.0**200 == sg.run("x*x", {"x": 2**100}).output


@pytest.mark.parametrize(
    "value", [Rational(1, 2), Float("0.5"), 0.5, np.float32(0.5), sympy.sqrt(Rational(1, 4))]
)
def test_numbers_of_any_kind_are_taken(value: Any) -> None:
    assert sg.run("x + 1", {"x": value}).output == 1.5


# --- indexed variables ---


def test_a_list_fills_the_elements_of_an_indexed_variable() -> None:
    run = sg.run("x[0]*x[2]", {"x": [2, 3, 5]})

    assert (10, 5) == (run.output, run.grad["x[0]"])


def test_a_matrix_fills_elements_of_two_indices() -> None:
    A = IndexedBase("A")

    assert sg.run(A[0, 1] - A[1, 0], {"A": [[1, 2], [3, 4]]}).output == -1


def test_single_elements_are_given_by_name() -> None:
    assert sg.run("x[0]*x[1]", {"x[0]": 2, "x[1]": 3}).output == 6


def test_an_array_that_is_too_short_is_an_error_with_its_shape() -> None:
    with pytest.raises(ShapeError, match=r"`x` has shape \(1,\), but `x\[1\]`"):
        sg.run("x[0]*x[1]", {"x": [2]})


# --- names that do not match ---

MISMATCHES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a missing value": ({"x": 1}, MissingValueError, "no value for `y`"),
    "nothing": ({}, MissingValueError, "no value for `x`, `y`"),
    "an unknown name": ({"x": 1, "y": 2, "yy": 3}, UnknownNameError, "`yy`"),
    "a computed name": ({"x": 1, "y": 2, "q": 3}, UnknownNameError, "`q` is computed"),
    "text": ({"x": "one", "y": 2}, UnsupportedError, "`x` needs a number"),
    "a symbol": ({"x": Symbol("t"), "y": 2}, UnsupportedError, "holds symbols"),
    "None": ({"x": None, "y": 2}, UnsupportedError, "`x` needs a number"),
}


@pytest.mark.parametrize("case", MISMATCHES)
def test_points_that_do_not_match_are_refused(case: str) -> None:
    at, error, message = MISMATCHES[case]

    with pytest.raises(error, match=message):
        sg.run("q = x*y; f = q + 1", at)


def test_runs_of_several_outputs_are_refused() -> None:
    with pytest.raises(ShapeError, match="2 outputs"):
        sg.run(["x", "y"], {"x": 1, "y": 1})


@pytest.mark.parametrize("digits", [None, 30])
def test_evaluation_of_several_outputs_is_refused(digits: int | None) -> None:
    with pytest.raises(ShapeError, match="2 outputs"):
        sg.evaluate(["x", "y"], {"x": 1, "y": 1}, digits=digits)


# --- IEEE rules ---

SPECIAL: list[tuple[str, dict[str, float], float]] = [
    ("1/x", {"x": 0.0}, inf),
    ("1/x", {"x": -0.0}, -inf),
    ("-1/x", {"x": 0.0}, -inf),
    ("x/x", {"x": 0.0}, nan),
    ("0*x", {"x": inf}, nan),
    ("x - x", {"x": inf}, nan),
    ("x/x", {"x": inf}, nan),
    ("log(x)", {"x": 0.0}, -inf),
    ("log(x)", {"x": -1.0}, nan),
    ("sqrt(x)", {"x": -1.0}, nan),
    ("sqrt(x)", {"x": inf}, inf),
    ("asin(x)", {"x": 2.0}, nan),
    ("exp(x)", {"x": 1000.0}, inf),
    ("exp(x)", {"x": -1000.0}, 0.0),
    ("exp(x)", {"x": -inf}, 0.0),
    ("x**0", {"x": 0.0}, 1.0),
    ("x**y", {"x": 0.0, "y": -1.0}, inf),
    ("x**y", {"x": -8.0, "y": 0.5}, nan),
    ("x**(1/3)", {"x": -8.0}, nan),
    ("cbrt(x)", {"x": -8.0}, -2.0),
    ("sin(x)", {"x": inf}, nan),
    ("tanh(x)", {"x": inf}, 1.0),
    ("atan(x)", {"x": -inf}, -math.pi / 2),
    ("atan2(y, x)", {"y": 0.0, "x": -1.0}, math.pi),
    ("max(x, y)", {"x": nan, "y": 1.0}, nan),
    ("min(x, y)", {"x": 1.0, "y": nan}, nan),
    ("max(x, y)", {"x": inf, "y": 1.0}, inf),
    ("abs(x)", {"x": -inf}, inf),
    ("sign(x)", {"x": nan}, nan),
    ("relu(x)", {"x": nan}, nan),
    ("hypot(x, y)", {"x": 1e200, "y": 1e200}, 1e200 * math.sqrt(2)),
    ("log1p(x)", {"x": 1e-30}, 1e-30),
    ("expm1(x)", {"x": 1e-30}, 1e-30),
    ("logsumexp(x, y)", {"x": 1000.0, "y": 1000.0}, 1000 + math.log(2)),
    ("logsumexp(x, y)", {"x": -1000.0, "y": -1000.0}, -1000 + math.log(2)),
    ("where(x > 0, log(x), 0)", {"x": -1.0}, 0.0),
    ("mod(x, y)", {"x": 5.0, "y": 0.0}, nan),
    ("gamma(x)", {"x": 200.0}, inf),
    ("sigmoid(x)", {"x": 1000.0}, 1.0),
    ("sigmoid(x)", {"x": -1000.0}, 0.0),
    ("softplus(x)", {"x": 800.0}, 800.0),
    ("softplus(x)", {"x": -800.0}, 0.0),
]


@pytest.mark.parametrize(("formula", "at", "expected"), SPECIAL)
def test_special_values_follow_ieee(formula: str, at: dict[str, float], expected: float) -> None:
    found = float(sg.run(formula, at).output)

    assert same(expected, found) or found == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(("formula", "at", "expected"), SPECIAL)
def test_evaluate_is_the_value_of_the_run(
    formula: str, at: dict[str, float], expected: float
) -> None:
    assert same(float(sg.run(formula, at).output), sg.evaluate(formula, at))


SAFE = [
    ("sigmoid(x)", 1000.0, 0.0),
    ("sigmoid(x)", -1000.0, 0.0),
    ("softplus(x)", 800.0, 1.0),
    ("softplus(x)", -800.0, 0.0),
    ("tanh(x)", 1000.0, 0.0),
    ("log(sigmoid(x))", 50.0, 1.928749847963918e-22),
    ("swish(x)", -1000.0, 0.0),
    ("swish(x)", 1000.0, 1.0),
    ("gelu(x)", -1000.0, 0.0),
    ("elu(x)", -1000.0, 0.0),
    ("elu(x)", 1000.0, 1.0),
    ("erf(x)", 1000.0, 0.0),
    ("logsumexp(x, 0)", 1000.0, 1.0),
    ("logsumexp(x, 0)", -1000.0, 0.0),
    ("logaddexp(x, 0)", 1000.0, 1.0),
    ("x**2", 0.0, 0.0),
    ("x**3", 0.0, 0.0),
    ("xlogy(0, x)", 0.0, nan),
    ("exp(-x**2)", 1000.0, 0.0),
    ("where(x > 0, sqrt(x), 0)", -1.0, 0.0),
]


@pytest.mark.parametrize(("formula", "at", "expected"), SAFE)
def test_gradients_at_the_ends_of_the_range_are_right(
    formula: str, at: float, expected: float
) -> None:
    found = float(sg.run(formula, {"x": at}).grad["x"])

    assert same(expected, found) or found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("formula", ["1/(1 + exp(-x))", "log(1 + exp(x))", "log(exp(x) + 1)"])
@pytest.mark.parametrize("at", [-1000.0, -800.0, 800.0, 1000.0])
def test_collapsed_spellings_are_finite_where_the_spelling_is_not(formula: str, at: float) -> None:
    run = sg.run(sg.graph(formula).collapse(), {"x": at})

    assert np.isfinite(run.output)
    assert np.isfinite(run.grad["x"])


@pytest.mark.parametrize(
    ("formula", "at", "gate"),
    [
        ("q = x - 1; r = 1/q; f = r*2 + x", {"x": 1.0}, "r"),
        ("q = log(x); f = q + 3", {"x": -1.0}, "q"),
        ("q = exp(x); r = q - q; f = r + x", {"x": 1000.0}, "q"),
        ("q = x*0; r = sqrt(q - 1); f = r*r", {"x": 2.0}, "r"),
    ],
)
def test_the_first_gate_that_made_an_inf_or_nan_is_named(
    formula: str, at: dict[str, float], gate: str
) -> None:
    run = sg.run(formula, at)

    assert run.graph.names[gate] == run.nonfinite
    assert f"first inf or nan: {gate} = " in str(run.table())


def test_a_finite_run_names_no_gate() -> None:
    assert sg.run("1/x", {"x": 1}).nonfinite is None


# --- complex points ---

HOLOMORPHIC = [
    "x**2*y",
    "exp(x)/y",
    "sin(x)*cosh(y)",
    "log(x)*sqrt(y)",
    "x**y",
    "sigmoid(x*y)",
    "tanh(x)*y",
]


@pytest.mark.parametrize("formula", HOLOMORPHIC)
def test_holomorphic_functions_run_at_complex_points(formula: str) -> None:
    point = {"x": 0.7 + 0.4j, "y": 1.2 - 0.3j}
    run = sg.run(formula, point)
    closed = sg.grad(formula, "x")
    exact = {Symbol(k): sympy.sympify(v) for k, v in point.items()}

    assert complex(closed.subs(exact).evalf()) == pytest.approx(complex(run.grad["x"]), rel=1e-12)


@pytest.mark.parametrize("formula", ["abs(x)", "max(x, 1)", "relu(x)", "sign(x)", "floor(x)"])
def test_what_is_not_holomorphic_is_refused_by_name_at_complex_points(formula: str) -> None:
    gate = formula.split("(")[0]

    with pytest.raises(SymgradError, match=f"`{gate}`"):
        sg.run(formula, {"x": 1 + 1j})


# --- kinks ---


@pytest.mark.parametrize(
    ("formula", "at"),
    [
        ("max(x, y)", {"x": 1, "y": 1}),
        ("abs(x)", {"x": 0}),
        ("relu(x - 1)", {"x": 1}),
        ("sign(x)", {"x": 0}),
        ("floor(x)", {"x": 2}),
        ("where(x > y, x, 2*y)", {"x": 1, "y": 1}),
        ("min(x, 3)", {"x": 3}),
    ],
)
def test_runs_report_the_kinks_that_they_meet(formula: str, at: dict[str, float]) -> None:
    run = sg.run(formula, at)

    assert len(run.kinks) == 1
    assert "kink" in str(run.table())


@pytest.mark.parametrize("formula", ["max(x, y)", "abs(x - y)", "where(x > y, x, 2*y)"])
def test_policy_raise_names_the_gate(formula: str) -> None:
    with pytest.raises(KinkError, match=r"has a kink exactly here, where .* = "):
        sg.run(formula, {"x": 1, "y": 1}, kinks="raise")


@pytest.mark.parametrize("formula", ["max(x, y)", "abs(x - y)", "where(x > y, x, 2*y)"])
def test_policy_raise_is_silent_beside_the_kink(formula: str) -> None:
    assert () == sg.run(formula, {"x": 1.5, "y": 1}, kinks="raise").kinks


# --- digits ---

PRECISE: dict[str, tuple[str, dict[str, Any], Any]] = {
    "exp": ("exp(x)", {"x": 1}, lambda: mpmath.e),
    "pi": ("4*atan(x)", {"x": 1}, lambda: mpmath.pi),
    "rational": ("x/3", {"x": Rational(1, 7)}, lambda: mpmath.mpf(1) / 21),
    "decimal text": ("0.1*x", {"x": 1}, lambda: mpmath.mpf(1) / 10),
    "cancelled sum": ("(x + y) - x", {"x": 10**40, "y": 1}, lambda: mpmath.mpf(1)),
    "cancelled far": ("(x + 1) - x", {"x": 10**2000}, lambda: mpmath.mpf(1)),
    "remainder": ("mod(x, 7)", {"x": 10**400}, lambda: mpmath.mpf(4)),
    "remainder of pi": (
        "mod(x, 4*atan(1))",
        {"x": 10**100},
        lambda: mpmath.fmod(mpmath.mpf(10) ** 100, mpmath.pi),
    ),
    "logarithm": (
        "log(1 + x)",
        {"x": Rational(1, 10**90)},
        lambda: mpmath.log1p(mpmath.mpf(10) ** -90),
    ),
    "sine far out": ("sin(x)", {"x": 10**400}, lambda: mpmath.sin(mpmath.mpf(10**400))),
    "tiny": ("(1 + x) - 1", {"x": Rational(1, 10**100)}, lambda: mpmath.mpf(10) ** -100),
    "cosine": (
        "(1 - cos(x))/2",
        {"x": Rational(1, 10**20)},
        lambda: mpmath.sin(mpmath.mpf(10) ** -20 / 2) ** 2,
    ),
    "sine integral": ("Si(x)", {"x": Rational(1, 3)}, lambda: mpmath.si(mpmath.mpf(1) / 3)),
    "large argument": ("sin(x)", {"x": 10**50}, lambda: mpmath.sin(mpmath.mpf(10) ** 50)),
    "erf": ("erf(x)", {"x": Rational(1, 2)}, lambda: mpmath.erf(0.5)),
}


@pytest.mark.parametrize("digits", [1, 15, 30, 200, 1000])
@pytest.mark.parametrize("case", PRECISE)
def test_evaluate_gives_as_many_digits_as_are_asked_for(case: str, digits: int) -> None:
    formula, at, oracle = PRECISE[case]
    found = sg.evaluate(formula, at, digits=digits)

    with mpmath.workdps(digits + 480):
        expected = sympy.Float(oracle(), digits)
        gap = abs(sympy.Float(oracle(), digits + 60) - found)
    assert isinstance(found, Float)
    assert gap <= abs(expected) * Float(10) ** -digits


def test_polynomial_of_rump_is_right_to_thirty_digits() -> None:
    rump = "333.75*y**6 + x**2*(11*x**2*y**2 - y**6 - 121*y**4 - 2) + 5.5*y**8 + x/(2*y)"
    found = sg.evaluate(rump, {"x": 77617, "y": 33096}, digits=30)

    assert Rational(-54767, 66192).evalf(30) == found


@pytest.mark.parametrize("digits", [0, -1, 10_001])
def test_digits_out_of_range_are_refused(digits: int) -> None:
    with pytest.raises(UnsupportedError, match="outside 1 to 10000"):
        sg.evaluate("x", {"x": 1}, digits=digits)


def test_digits_take_one_point_only() -> None:
    with pytest.raises(ShapeError, match="needs one number for `x`"):
        sg.evaluate("x", {"x": [1.0, 2.0]}, digits=30)


@pytest.mark.parametrize(
    ("formula", "expected"), [("1/x", sympy.oo), ("log(x)", -sympy.oo), ("sqrt(x - 1)", sympy.nan)]
)
def test_inf_and_nan_stay_what_they_are_with_digits(formula: str, expected: Any) -> None:
    assert expected == sg.evaluate(formula, {"x": 0}, digits=30)


def test_evaluate_without_digits_gives_python_numbers() -> None:
    assert (float, complex) == (
        type(sg.evaluate("x*2", {"x": 1})),
        type(sg.evaluate("x*2", {"x": 1j})),
    )


def test_evaluate_takes_batches() -> None:
    assert [1.0, 4.0] == sg.evaluate("x**2", {"x": [1, 2]}).tolist()


def test_an_undefined_function_has_no_numbers() -> None:
    f = sympy.Function("f")

    with pytest.raises(BackendError, match="substitute a formula"):
        sg.run(f(x), {"x": 1})


def test_sums_and_integrals_have_numbers() -> None:
    k, t = symbols("k t")
    formula = sympy.Sum(x**k, (k, 0, 3)) + sympy.Integral(x * t, (t, 0, 2))
    run = sg.run(formula, {"x": 2})

    assert (19, pytest.approx(19)) == (pytest.approx(run.output), run.grad["x"])


def test_long_sums_are_added_in_blocks() -> None:
    k = Symbol("k")
    found = sg.evaluate(sympy.Sum(x / k**2, (k, 1, 200_000)), {"x": [1.0, 2.0]})
    expected = float(mpmath.zeta(2) - mpmath.zeta(2, 200_001))

    np.testing.assert_allclose(found, [expected, 2 * expected], rtol=1e-12)


def test_sums_that_are_too_long_are_refused() -> None:
    k = Symbol("k")

    with pytest.raises(BackendError, match="has 1000000000 terms"):
        sg.evaluate(sympy.Sum(x**k, (k, 1, 10**9)), {"x": 0.5})
