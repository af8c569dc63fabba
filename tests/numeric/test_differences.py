"""Numeric gradients: three methods that see values only, and agree with the symbolic gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sympy import Symbol, symbols

import symgrad as sg
from symgrad.errors import (
    MissingValueError,
    NotAnalyticError,
    ShapeError,
    UnknownNameError,
    UnsupportedError,
)

x, y = symbols("x y")
METHODS = {"central": 1e-7, "complex": 1e-13, "richardson": 1e-8}  # relative accuracy
AT = {"x": 0.7, "y": 1.3}
SMOOTH = [
    "x*y",
    "sin(x)*exp(y)",
    "x**y",
    "(x + y)/(x*y)",
    "sigmoid(x)*tanh(y)",
    "log(x + y**2)",
    "sqrt(x**2 + y**2)",
    "atan(x*y)",
    "sinh(x)*cosh(y)",
    "softplus(x*y)",
    "erf(x)*y",
    "x**3 - 2*x*y**2 + 1",
    "exp(exp(x/2))*y",
]
KINKED = ["abs(x)*y", "max(x, y)", "relu(x)*y", "min(x, y)*x", "leaky_relu(x - y)", "sign(y)*x"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("formula", SMOOTH)
def test_every_method_finds_the_symbolic_gradient(formula: str, method: str) -> None:
    run = sg.run(formula, AT)
    found = sg.numeric_grad(formula, AT, ("x", "y"), method=method)

    assert pytest.approx((run.grad["x"], run.grad["y"]), rel=METHODS[method]) == found


@pytest.mark.parametrize("method", ["central", "richardson"])
@pytest.mark.parametrize("formula", KINKED)
def test_kinked_formulas_are_smooth_beside_the_kink(formula: str, method: str) -> None:
    run = sg.run(formula, AT)
    found = sg.numeric_grad(formula, AT, ("x", "y"), method=method)

    assert pytest.approx((run.grad["x"], run.grad["y"]), rel=1e-7, abs=1e-10) == found


@pytest.mark.parametrize("formula", KINKED)
def test_complex_step_refuses_gates_that_are_not_analytic_by_name(formula: str) -> None:
    gate = formula.split("(")[0]

    with pytest.raises(NotAnalyticError, match=f"`{gate}`.*use method='central'"):
        sg.numeric_grad(formula, AT, method="complex")


def test_complex_step_passes_a_kinked_gate_of_constants() -> None:
    assert sg.numeric_grad("max(2, 3)*x", {"x": 1.0}, "x", method="complex") == 3.0


def test_complex_step_is_exact_where_differences_drown() -> None:
    found = sg.numeric_grad("exp(x)/sqrt(sin(x)**3 + cos(x)**3)", {"x": 1.5}, "x", method="complex")

    assert pytest.approx(4.053427893898621, rel=1e-14) == found


def test_central_differences_fall_with_the_square_of_the_step() -> None:
    errors = [
        abs(sg.numeric_grad("exp(x)", {"x": 0.0}, "x", step=step) - 1) for step in (1e-2, 1e-3)
    ]

    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)


def test_steps_grow_with_large_points() -> None:
    found = sg.numeric_grad("x**2", {"x": 1e9}, "x")

    assert pytest.approx(2e9, rel=1e-6) == found


def test_default_step_is_the_one_of_the_lecture() -> None:
    same = sg.numeric_grad("exp(x)", {"x": 0.3}, "x", step=1e-5)

    assert same == sg.numeric_grad("exp(x)", {"x": 0.3}, "x")


STRUCTURES: dict[str, tuple[Any, Any]] = {
    "nothing": (None, {x: 3.0, y: 2.0}),
    "a name": ("x", 3.0),
    "a symbol": (y, 2.0),
    "a list": (["y", "x"], [2.0, 3.0]),
    "a dict": ({"p": ("x",)}, {"p": (3.0,)}),
    "a stranger": (Symbol("w"), 0.0),
    "an inner node": ("q", 1.0),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_numeric_gradients_have_the_structure_of_wrt(structure: str, method: str) -> None:
    wrt, expected = STRUCTURES[structure]
    found = sg.numeric_grad("q = x*y; f = q + 1", {"x": 2.0, "y": 3.0}, wrt, method=method)

    assert type(expected) is type(found)
    assert str(expected).count(",") == str(found).count(",")
    assert _leaves(expected) == pytest.approx(_leaves(found), rel=1e-9)


def _leaves(tree: Any) -> list[float]:
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in _leaves(value)]
    if isinstance(tree, (list, tuple)):
        return [leaf for value in tree for leaf in _leaves(value)]
    return [tree]


def test_an_inner_node_is_moved_while_its_operands_stay() -> None:
    found = sg.numeric_grad("q = x*x; f = q*x", {"x": 3.0}, "q", method="complex")

    assert found == 3.0


def test_many_variables_are_moved_in_blocks() -> None:
    names = [f"x{k}" for k in range(600)]
    at = {name: k / 600 for k, name in enumerate(names)}
    found = sg.numeric_grad("+".join(f"{n}**2" for n in names), at, names)

    assert pytest.approx([2 * v for v in at.values()], abs=1e-8) == found


@pytest.mark.parametrize("method", METHODS)
def test_elements_of_indexed_variables(method: str) -> None:
    found = sg.numeric_grad("x[0]**2*x[1]", {"x": [2.0, 3.0]}, ["x[0]", "x[1]"], method=method)

    assert pytest.approx([12.0, 4.0], rel=1e-9) == found


def test_the_derivative_is_never_asked() -> None:
    wrong = sg.gate("twisted", "x", numpy=np.sin, partials=["7"], replace=True)

    assert pytest.approx(np.cos(0.5)) == sg.numeric_grad(wrong(x), {"x": 0.5}, "x")


def test_unknown_methods_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="use one of central, complex, richardson"):
        sg.numeric_grad("x", {"x": 1.0}, method="forward")


def test_batches_are_refused() -> None:
    with pytest.raises(ShapeError, match="one point"):
        sg.numeric_grad("x", {"x": [1.0, 2.0]})


def test_several_outputs_are_refused() -> None:
    with pytest.raises(ShapeError, match="2 outputs"):
        sg.numeric_grad(["x", "y"], {"x": 1.0, "y": 1.0})


def test_missing_values_are_named() -> None:
    with pytest.raises(MissingValueError, match="`y`"):
        sg.numeric_grad("x*y", {"x": 1.0})


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="`w`"):
        sg.numeric_grad("x", {"x": 1.0}, "w")


@pytest.mark.parametrize("step", [0.0, -1e-5, float("nan"), float("inf")])
def test_steps_that_are_no_lengths_are_refused(step: float) -> None:
    with pytest.raises(UnsupportedError, match="step"):
        sg.numeric_grad("x", {"x": 1.0}, step=step)
