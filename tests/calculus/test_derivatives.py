"""Derivatives as formulas: against SymPy's own, in every structure, form and order."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import (
    Derivative,
    Expr,
    Function,
    IndexedBase,
    Integral,
    Max,
    Min,
    Product,
    Rational,
    Sum,
    Symbol,
    cos,
    exp,
    log,
    sin,
    symbols,
)

import symgrad as sg
from symgrad.dag.nodes import reachable
from symgrad.errors import (
    AmbiguousNameError,
    FormTooLargeError,
    KinkError,
    ParseError,
    ShapeError,
    SymgradError,
    UnknownNameError,
    UnknownPartialError,
    UnsupportedError,
)

x, y, z, t, a, b = symbols("x y z t a b")
f = Function("f")
AT = {x: Rational(7, 10), y: Rational(13, 10), z: Rational(-2, 5), a: Rational(9, 10)}
DIGITS = 30

FORMULAS: tuple[Expr, ...] = (
    x * y,
    (x + y) * z,
    x**3 - 2 * x * y + 5,
    x / y,
    (x - y) / (x + y),
    1 / (1 + exp(-x)),
    x**y,
    y**x * x**y,
    2**x,
    sympy.sqrt(x**2 + y**2),
    exp(x * y) * sin(z),
    log(x**2 + y) / y,
    sin(x) * cos(x) * sympy.tan(x),
    sympy.atan2(y, x),
    sympy.asin(x / 2) + sympy.acos(x / 3) + sympy.atan(x * y),
    sympy.sinh(x) * sympy.cosh(y) - sympy.tanh(z),
    sympy.asinh(x) + sympy.acosh(1 + y) + sympy.atanh(z),
    sympy.cot(x) + sympy.sec(y) * sympy.csc(x),
    sympy.erf(x) * exp(-(y**2)),
    sympy.gamma(x + 1) * sympy.loggamma(y),
    sympy.besselj(1, x * y) + sympy.bessely(0, x),
    sympy.polygamma(0, x) * y,
    sympy.LambertW(x * y),
    sympy.Abs(x - y) * x,
    Max(x, y) + Min(x, z) * y,
    sympy.Piecewise((x**2, x > y), (x * y, True)),
    sympy.sign(x) * x**3,
    sympy.log(x, y),
    x**x**x,
    (x + y + z + a) ** 4,
    sympy.cbrt(x) * y ** Rational(5, 3),
    sympy.Mul(*symbols("x y z a")),
    exp(exp(exp(x / 2))),
    sin(sin(sin(sin(x * y)))),
    sympy.pi * x**2 + sympy.E * y + sympy.sqrt(2) * z,
    sympy.Ei(y) + sympy.Si(x) * sympy.Ci(y),
    sympy.airyai(x) * sympy.airybi(y),
    sympy.fresnels(x) + sympy.fresnelc(y),
)
SMOOTH = tuple(e for e in FORMULAS if not e.has(Max, Min, sympy.Abs, sympy.Piecewise, sympy.sign))


def number(expr: Any) -> complex:
    """Evaluate a formula at the point of this file."""
    found = sympy.sympify(expr).subs(AT).doit().evalf(DIGITS)
    return complex(found)


def assert_equal(expected: Any, actual: Any) -> None:
    assert number(actual) == pytest.approx(number(expected), rel=1e-13, abs=1e-13)


def real_diff(formula: Expr, *wrt: Any) -> Expr:
    """Differentiate with SymPy under real analysis, which is symgrad's."""
    real = {s: Symbol(f"{s}_", real=True) for s in formula.free_symbols if s.is_Symbol}
    back = {value: key for key, value in real.items()}
    return formula.xreplace(real).diff(*(real.get(v, v) for v in wrt)).xreplace(back)


def variables(expr: Expr) -> list[Symbol]:
    return sorted(expr.free_symbols, key=str)


# --- against SymPy ---


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_gradient_is_the_one_of_sympy(formula: Expr) -> None:
    for variable, partial in sg.grad(formula).items():
        assert_equal(real_diff(formula, variable), partial)


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_value_and_gradient_gives_the_formula_back(formula: Expr) -> None:
    value, gradient = sg.value_and_grad(formula)

    assert_equal(formula, value)
    assert sg.grad(formula) == gradient


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_second_derivatives_are_the_ones_of_sympy(formula: Expr) -> None:
    first, *_, last = variables(formula)[:1] + variables(formula)

    assert_equal(real_diff(formula, first, last), sg.diff(formula, first, last))


@pytest.mark.parametrize("formula", SMOOTH[:24], ids=str)
def test_third_derivatives_are_the_ones_of_sympy(formula: Expr) -> None:
    first = variables(formula)[0]

    assert_equal(real_diff(formula, first, 3), sg.diff(formula, first, 3))


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
def test_let_form_computes_the_gradient(formula: Expr) -> None:
    replacements, reduced = sg.grad(formula, form="let")
    for variable, partial in reduced.items():
        for symbol, value in reversed(replacements):
            partial = partial.subs(symbol, value)

        assert_equal(real_diff(formula, variable), partial)


@pytest.mark.parametrize("level", ["none", "light", "full"])
@pytest.mark.parametrize("formula", SMOOTH[:16], ids=str)
def test_every_level_of_simplification_is_the_same_function(formula: Expr, level: str) -> None:
    for variable, partial in sg.grad(formula, simplify=level).items():
        assert_equal(real_diff(formula, variable), partial)


@pytest.mark.parametrize("order", range(9))
def test_derivatives_of_any_order(order: int) -> None:
    assert_equal((x * exp(x * y)).diff(x, order), sg.diff(x * exp(x * y), x, order))


def test_twentieth_derivative_is_reached() -> None:
    assert sg.diff(sin(2 * x), x, 20) == 2**20 * sin(2 * x)


@pytest.mark.parametrize(
    ("wrt", "same"),
    [
        ((x,), (x,)),
        ((x, y), (x, y)),
        ((x, 2), (x, x)),
        ((x, 2, y), (x, x, y)),
        ((x, y, 2), (x, y, y)),
        (((x, 2),), (x, x)),
        (((x, 2), (y, 1)), (x, x, y)),
        ((x, (y, 2)), (x, y, y)),
        (((x, 0),), ()),
        ((x, 0), ()),
        (("x", 2, "y"), (x, x, y)),
        ((sympy.Tuple(x, 2),), (x, x)),
        ((x, sympy.Integer(2)), (x, x)),
    ],
)
def test_diff_takes_the_call_shapes_of_sympy(wrt: Any, same: Any) -> None:
    formula = x**3 * y**3
    expected = formula.diff(*same) if same else formula

    assert expected == sg.diff(formula, *wrt)


def test_diff_needs_no_variable_where_there_is_one() -> None:
    assert 2 * x == sg.diff(x**2)


@pytest.mark.parametrize("wrt", [(x, -1), (x, Rational(1, 2)), ((x, -2),), ((x, "y"),), (x, 1.5)])
def test_orders_that_are_no_counts_are_refused(wrt: Any) -> None:
    with pytest.raises(SymgradError):
        sg.diff(x**2 * y, *wrt)


def test_diff_asks_which_variable_is_meant() -> None:
    with pytest.raises(UnsupportedError, match="differentiate by which variable"):
        sg.diff(x * y)


# --- several outputs ---

OUTPUTS = [x * y * z, sin(x) + y, z**2 / x, sympy.Integer(3)]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("wrt", [[x], [x, y], [x, y, z], [z, x], [x, x]])
def test_jacobian_is_the_one_of_sympy(count: int, wrt: list[Symbol]) -> None:
    expected = sympy.Matrix(OUTPUTS[:count]).jacobian(wrt) if len(set(wrt)) == len(wrt) else None
    found = sg.jacobian(OUTPUTS[:count], wrt)

    assert (count, len(wrt)) == found.shape
    if expected is not None:
        assert (expected - found).applyfunc(sympy.simplify).is_zero_matrix


@pytest.mark.parametrize("formula", SMOOTH[:24], ids=str)
def test_hessian_is_the_one_of_sympy_and_symmetric(formula: Expr) -> None:
    names = variables(formula)
    found = sg.hessian(formula, names)

    assert found == found.T
    for expected, entry in zip(sympy.hessian(formula, names), found, strict=True):
        assert_equal(expected, entry)


U, V = symbols("u v")


@pytest.mark.parametrize("formula", SMOOTH[:16], ids=str)
def test_jvp_is_the_gradient_along_a_direction(formula: Expr) -> None:
    first, last = variables(formula)[0], variables(formula)[-1]
    wrt = [first] if first == last else [first, last]
    tangents = [U, Rational(1, 3)][: len(wrt)]
    expected = sum(formula.diff(v) * d for v, d in zip(wrt, tangents, strict=True))

    assert_equal(expected.subs(U, 2), sg.jvp(formula, wrt, tangents).subs(U, 2))


def test_jvp_of_several_outputs_is_a_list() -> None:
    assert [x * V + y * U, U] == [sympy.expand(e) for e in sg.jvp([x * y, x], [x, y], [U, V])]


@pytest.mark.parametrize("F", [sg.graph(["x*y", "x"]), {"p": "x*y", "q": "x"}, ("x*y", "x")])
def test_jvp_gives_every_output_of_whatever_holds_them(F: Any) -> None:
    assert [2 * y + 3 * x, 2] == sg.jvp(F, ["x", "y"], [2, 3])


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        (lambda: sg.jvp("x*y", None, [2, 3]), 3 * x + 2 * y),
        (lambda: sg.vjp("x*y", None, 2), {x: 2 * y, y: 2 * x}),
        (lambda: sg.hvp("x*y", None, [2, 3]), {x: 3, y: 2}),
    ],
)
def test_products_take_every_variable_where_none_is_named(
    product: Callable[[], Any], expected: Any
) -> None:
    assert expected == product()


def test_jvp_of_one_variable_takes_a_bare_tangent() -> None:
    assert 6 * x == sg.jvp("x**2", "x", 3)


def test_tangents_may_hold_the_variables_themselves() -> None:
    assert 2 * x**2 == sg.jvp("x**2", "x", x)


def test_vjp_weights_the_outputs() -> None:
    assert (U * y + V, U * x) == sg.vjp([x * y, x], (x, y), [U, V])


def test_vjp_adds_the_weights_of_an_output_that_is_given_twice() -> None:
    assert sympy.expand(y * (U + V)) == sympy.expand(sg.vjp([x * y, x * y], x, [U, V]))


def test_pushforward_and_pullback_are_adjoint() -> None:
    outputs, wrt = [x * y, sin(x) * z, x + y / z], [x, y, z]
    direction, weights = [2, -1, Rational(1, 2)], [3, Rational(1, 3), -2]
    pushed = sg.jvp(outputs, wrt, direction)
    pulled = sg.vjp(outputs, wrt, weights)

    forward = sum(w * d for w, d in zip(weights, pushed, strict=True))
    backward = sum(d * w for d, w in zip(direction, pulled, strict=True))
    assert_equal(forward, backward)


@pytest.mark.parametrize("formula", SMOOTH[:16], ids=str)
def test_hvp_is_the_hessian_times_a_vector(formula: Expr) -> None:
    names = variables(formula)
    v = [Rational(k + 1, 3) for k in range(len(names))]
    expected = sympy.hessian(formula, names) * sympy.Matrix(v)

    for entry, found in zip(expected, sg.hvp(formula, names, v), strict=True):
        assert_equal(entry, found)


@pytest.mark.parametrize(
    "call",
    [
        lambda: sg.jvp("x*y", ["x", "y"], [1]),
        lambda: sg.vjp(["x*y", "x"], ["x", "y"], [1]),
        lambda: sg.hvp("x*y", ["x", "y"], [1, 2, 3]),
        lambda: sg.grad(["x", "y"]),
        lambda: sg.hessian(["x", "y"]),
        lambda: sg.diff(["x", "y"], "x"),
        lambda: sg.hvp(["x", "y"], ["x"], [1]),
        lambda: sg.stats(["x", "y"]),
    ],
)
def test_counts_that_do_not_fit_are_shape_errors(call: Callable[[], Any]) -> None:
    with pytest.raises(ShapeError):
        call()


# --- the structure of wrt ---

X = IndexedBase("x")

STRUCTURES: dict[str, tuple[Any, Any]] = {
    "a symbol": (x, y),
    "a name": ("x", y),
    "a list": (["x", y], [y, x]),
    "a tuple": (("x", y), (y, x)),
    "a dict": ({"first": "x", "second": [y, z]}, {"first": y, "second": [x, 0]}),
    "nested lists": ([["x"], ("y", [z])], [[y], (x, [0])]),
    "an empty list": ([], []),
    "nothing": (None, {x: y, y: x}),
    "a name twice": (["x", "x"], [y, y]),
}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_gradient_has_the_structure_of_the_question(structure: str) -> None:
    wrt, expected = STRUCTURES[structure]

    assert expected == sg.grad("x*y", wrt)


@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s != "nothing"])
def test_vjp_has_the_structure_of_the_question(structure: str) -> None:
    wrt, expected = STRUCTURES[structure]

    assert expected == sg.vjp("x*y", wrt, 1)


def test_variables_stand_in_order_of_first_appearance() -> None:
    assert ["z", "b", "a", "y"] == [str(s) for s in sg.grad("z*b + a*z + y")]


def test_a_symbol_that_the_formula_does_not_hold_has_derivative_zero() -> None:
    assert (0, 0, 0) == (
        sg.diff("x*y", Symbol("q")),
        sg.grad("x*y", Symbol("q")),
        sg.jvp("x*y", Symbol("q"), 1),
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda name: sg.grad("alpha*beta", name),
        lambda name: sg.diff("alpha*beta", name),
        lambda name: sg.jacobian(["alpha*beta"], [name]),
        lambda name: sg.hessian("alpha*beta", [name]),
        lambda name: sg.vjp("alpha*beta", name, 1),
        lambda name: sg.jvp("alpha*beta", name, 1),
        lambda name: sg.hvp("alpha*beta", [name], [1]),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest_name(call: Callable[[str], Any]) -> None:
    with pytest.raises(UnknownNameError, match=r"no variable `alpa`.*Did you mean `alpha`"):
        call("alpa")


def test_an_unknown_name_is_a_key_error_too() -> None:
    with pytest.raises(KeyError):
        sg.grad("x", "w")


def test_symbols_with_assumptions_are_found_by_name() -> None:
    p = Symbol("p", positive=True)

    assert 2 * p == sg.grad(p**2, "p")


def test_a_plain_symbol_is_not_the_one_with_assumptions() -> None:
    p = Symbol("p", positive=True)

    assert sg.grad(p**2, Symbol("p")) == 0


def test_a_name_of_two_symbols_is_ambiguous() -> None:
    p = Symbol("p", positive=True)

    with pytest.raises(AmbiguousNameError, match="names 2 different symbols"):
        sg.grad(p * Symbol("p"), "p")


def test_symbols_of_one_name_are_told_apart_by_the_symbol() -> None:
    p = Symbol("p", positive=True)

    assert Symbol("p") == sg.grad(p * Symbol("p"), p)


@pytest.mark.parametrize("wrt", ["x[0]", X[0]])
def test_elements_of_indexed_variables_are_variables(wrt: Any) -> None:
    assert X[1] == sg.grad("x[0]*x[1]", wrt)


def test_indexed_variables_of_two_indices() -> None:
    A = IndexedBase("A")

    assert {A[0, 1]: A[1, 0], A[1, 0]: A[0, 1]} == sg.grad(A[0, 1] * A[1, 0])


def test_the_base_of_indexed_variables_is_not_one_variable() -> None:
    with pytest.raises(UnknownNameError, match="`x` has parts"):
        sg.grad("x[0]*x[1]", "x")


@pytest.mark.parametrize("wrt", [3.5, object(), {"x"}])
def test_what_is_no_variable_is_refused(wrt: Any) -> None:
    with pytest.raises(SymgradError):
        sg.grad("x*y", wrt)


# --- inner nodes ---


@pytest.mark.parametrize(
    ("text", "node", "expected"),
    [
        ("q = x + y; f = q*z", "q", "z"),
        ("q = x + y; f = q*z", "f", "1"),
        ("q = x + y; f = q*z + (x + y)", "q", "z + 1"),
        ("q = x; f = q*y", "q", "y"),
        ("p = x*y; q = p + 1; f = p*q", "p", "2*p + 1"),
        ("p = x*y; q = p + 1; f = p*q", "q", "p"),
        ("q = x + y; r = y + x; f = q*r", "q", "r"),
    ],
)
def test_named_inner_nodes_are_variables_too(text: str, node: str, expected: str) -> None:
    at = {x: 2, y: 3, z: 5, Symbol("p"): 6, Symbol("q"): 7, Symbol("r"): 5}
    at |= {Symbol("q"): 5} if "q = x + y" in text else {}
    found = sg.grad(text, node)

    assert sg.parse(expected).expr.subs(at | {Symbol("p"): 6}).doit() == found.subs(at).doit()


def test_two_names_may_share_one_node() -> None:
    assert [z, z] == sg.grad("p = x + y; q = x + y; f = p*z", ["p", "q"])


def test_second_derivative_by_an_inner_node() -> None:
    assert 2 * z == sg.diff("q = x + y; f = q**2*z", "q", "q")


def test_gradient_passes_through_an_inner_node_to_a_variable() -> None:
    assert_equal(2 * (x + y) * z, sg.diff("q = x + y; f = q**2*z", "x"))


# --- forms ---


def test_graph_form_has_one_output_a_variable() -> None:
    found = sg.grad("x*y*z", form="graph")

    assert isinstance(found, sg.Graph)
    assert len(found.outputs) == 3


def test_graph_form_can_be_differentiated_again() -> None:
    once = sg.grad("x**3*y", "x", form="graph")

    assert 6 * x * y == sg.diff(once, "x")


def test_let_form_names_what_is_shared_once() -> None:
    replacements, reduced = sg.grad(exp(x * y) * sin(x * y), form="let")
    names = [symbol for symbol, _ in replacements]

    assert len(set(names)) == len(names)
    assert not any(v.has(x * y) for v in [*reduced.values(), *(e for _, e in replacements[1:])])


def test_let_form_defines_every_name_before_it_is_used() -> None:
    replacements, reduced = sg.grad("sigmoid(sigmoid(x*y)*x)*exp(x*y)", form="let")
    known = {x, y}
    for symbol, value in replacements:
        assert value.free_symbols <= known
        known.add(symbol)

    assert all(e.free_symbols <= known for e in reduced.values())


def test_let_names_do_not_clash_with_variables() -> None:
    replacements, _ = sg.grad("sigmoid(s)*s1*exp(e)*sin(s*e)", form="let")

    assert not {str(k) for k, _ in replacements} & {"s", "s1", "e"}


@pytest.mark.parametrize("form", ["expanded", "", None, "LET"])
def test_unknown_forms_are_refused(form: Any) -> None:
    with pytest.raises(UnsupportedError, match="use one of closed, let, graph"):
        sg.grad("x", form=form)


@pytest.mark.parametrize("level", ["heavy", "", None])
def test_unknown_levels_are_refused(level: Any) -> None:
    with pytest.raises(UnsupportedError, match="use none, light or full"):
        sg.grad("x", simplify=level)


@pytest.mark.parametrize("policy", ["max", "", None])
def test_unknown_policies_are_refused(policy: Any) -> None:
    with pytest.raises(UnsupportedError, match="use one of min_norm, first, nan, raise"):
        sg.grad("x", kinks=policy)


def nested(depth: int) -> str:
    return "f0 = x;" + ";".join(f"f{k + 1} = sin(f{k})*f{k} + f{k}" for k in range(depth))


@pytest.mark.parametrize("depth", [12, 20, 40])
@pytest.mark.parametrize("simplify", ["none", "light", "full"])
def test_expanded_forms_that_nobody_could_read_are_refused(depth: int, simplify: str) -> None:
    with pytest.raises(FormTooLargeError, match="form='let'"):
        sg.grad(nested(depth), "x", simplify=simplify)


def test_size_guard_can_be_set() -> None:
    with pytest.raises(FormTooLargeError, match="limit of 10"):
        sg.grad("sin(x)*cos(x)*tan(x)", limit=10)


@pytest.mark.parametrize("depth", [12, 20, 40])
def test_let_form_of_a_nested_formula_is_linear_and_equal(depth: int) -> None:
    replacements, reduced = sg.grad(nested(depth), "x", form="let")
    values: dict[Any, float] = {x: -0.3}
    for symbol, value in replacements:
        values[symbol] = float(value.evalf(subs=values))
    found = float(reduced.evalf(subs=values))

    assert len(replacements) <= 8 * depth
    assert found == pytest.approx(sg.run(nested(depth), {"x": -0.3}).grad["x"], rel=1e-11)


# --- closed forms are readable ---

READABLE = {
    "x**y": {"x": "x**(y - 1)*y", "y": "x**y*log(x)"},
    "exp(x)*exp(y)": {"x": "exp(x + y)", "y": "exp(x + y)"},
    "x*x": {"x": "2*x"},
    "x + x": {"x": "2"},
    "x/x": {"x": "0"},
    "x - x": {"x": "0"},
    "sqrt(x)": {"x": "1/(2*sqrt(x))"},
    "1/x": {"x": "-1/x**2"},
    "x*y*2*3": {"x": "6*y", "y": "6*x"},
    "max(x, y)": {"x": "1(x > y, tie=1/2)", "y": "1(y > x, tie=1/2)"},
    "relu(x)": {"x": "1(x > 0)"},
    "abs(x)": {"x": "sign(x)"},
    "where(x > y, x**2, y)": {"x": "where(x > y, 2*x, 0)"},
}


@pytest.mark.parametrize("formula", READABLE)
def test_closed_forms_are_what_a_person_writes(formula: str) -> None:
    for name, expected in READABLE[formula].items():
        found = sg.grad(formula, name)

        assert sympy.simplify(sg.parse(expected).expr.doit() - found) == 0
        assert len(sg.text(found)) <= len(expected) + 4


def test_text_of_a_closed_form_is_read_back_to_the_same_function() -> None:
    for formula in FORMULAS[:20]:
        for partial in sg.grad(formula).values():
            assert_equal(partial, sg.parse(sg.text(partial)).expr)


# --- kinks ---

TIES = {
    "max(x, y)": {"x": 0.5, "y": 0.5},
    "min(x, y)": {"x": 0.5, "y": 0.5},
    "max(x, y, z)": {"x": 1 / 3, "y": 1 / 3, "z": 1 / 3},
    "max(x, 1)": {"x": 0.0},
    "abs(x - y)": {"x": 0.0, "y": 0.0},
    "relu(x - y)": {"x": 0.0, "y": 0.0},
    "max(x, y)*x": {"x": 1.5, "y": 0.5},
    "sign(x - y)*x": {"x": 0.0},
    "max(x, max(y, z))": {"x": 0.5, "y": 0.25, "z": 0.25},
    "leaky_relu(x - y)": {"x": 0.01, "y": -0.01},
}


@pytest.mark.parametrize("level", ["none", "light"])
@pytest.mark.parametrize("formula", TIES)
def test_closed_forms_equal_the_run_at_the_tie(formula: str, level: str) -> None:
    point = {x: 1, y: 1, z: 1}
    run = sg.run(formula, {str(s): 1.0 for s in sg.graph(formula).inputs})
    for name, expected in TIES[formula].items():
        closed = sg.grad(formula, name, simplify=level)

        assert (expected, expected) == (
            pytest.approx(float(closed.evalf(subs=point))),
            pytest.approx(run.grad[name]),
        )


@pytest.mark.parametrize("at", [(1, 2), (2, 1), (1, 1)])
@pytest.mark.parametrize("level", ["none", "light", "full"])
@pytest.mark.parametrize("formula", ["max(x, y)*x", "min(x, y)**2", "abs(x - y)*y", "relu(x - y)"])
def test_every_level_is_equal_at_and_beside_a_tie(
    formula: str, level: str, at: tuple[int, int]
) -> None:
    point = dict(zip((x, y), at, strict=True))
    run = sg.run(formula, {"x": at[0], "y": at[1]})

    for variable, partial in sg.grad(formula, simplify=level).items():
        assert run.grad[variable] == pytest.approx(float(partial.subs(point).evalf()))


FIRST = {"max(x, y)": (1, 0), "min(x, y)": (1, 0), "max(y, x)": (0, 1), "abs(x - y)": (1, -1)}


@pytest.mark.parametrize("formula", FIRST)
def test_policy_first_takes_the_first_winner(formula: str) -> None:
    gradient = sg.grad(formula, ["x", "y"], kinks="first")

    assert list(FIRST[formula]) == [float(g.subs({x: 1, y: 1})) for g in gradient]


@pytest.mark.parametrize("formula", ["max(x, y)", "abs(x - y)", "relu(x - y)", "min(x, y)"])
def test_policy_nan_says_that_there_is_no_derivative(formula: str) -> None:
    assert math.isnan(float(sg.grad(formula, "x", kinks="nan").subs({x: 1, y: 1})))


def test_policy_raise_raises_in_a_run() -> None:
    with pytest.raises(KinkError, match="kink exactly here"):
        sg.run("max(x, y)", {"x": 1, "y": 1}, kinks="raise")


# --- what SymPy's diff does with whole expressions ---

WHOLE: tuple[Expr, ...] = (
    f(x) * y,
    f(x * y, sin(x)),
    f(f(x)),
    Derivative(f(x), x) * x,
    Derivative(f(x, y), x, y),
    Sum(x**t, (t, 0, y)),
    Sum(f(t) * x, (t, 0, 3)),
    Product(x + t, (t, 1, 4)),
    Integral(exp(-x * t**2), (t, 0, x)),
    Integral(f(t), (t, x, y)),
    Integral(f(t) * x, t),
    Integral(sin(x * t), (t, 0, x**2)) * y,
    X[0] * f(X[1]),
)


@pytest.mark.parametrize("formula", WHOLE, ids=str)
def test_whole_expressions_are_differentiated_as_sympy_does(formula: Expr) -> None:
    by = [v for v in sg.graph(formula).inputs if not (v == y and formula.has(Sum))]
    for variable, partial in sg.grad(formula, {v: v for v in by}).items():
        gap = (formula.diff(variable).doit() - partial.doit()).doit()

        assert sympy.simplify(gap) == 0


def test_what_is_not_known_is_an_error_that_names_gate_and_argument() -> None:
    with pytest.raises(UnknownPartialError, match=r"besselj") as caught:
        sg.grad("besselj(n, x)", "n")

    assert isinstance(caught.value, NotImplementedError)
    assert "n" in str(caught.value)


def test_what_is_known_of_such_a_gate_is_given() -> None:
    assert_equal(sympy.besselj(2, x).diff(x), sg.grad("besselj(n, x)", "x").subs(Symbol("n"), 2))


def test_user_functions_of_sympy_with_fdiff_work_as_they_are() -> None:
    class cube(Function):  # noqa: N801 - SymPy names functions in lower case
        nargs = 1

        def fdiff(self, argindex: int = 1) -> Expr:
            return 3 * self.args[0] ** 2

    assert sg.grad(cube(x * y), x) == 3 * x**2 * y**3


@pytest.mark.parametrize(
    "bad",
    [
        "x +",
        "",
        sympy.Matrix([x, y]),
        sympy.MatrixSymbol("A", 2, 2),
        object,
        None,
        x > y,
        sympy.Tuple(x, y),
        {x},
        sympy.true,
        "x > y",
    ],
    ids=repr,
)
def test_what_is_no_scalar_formula_is_refused(bad: Any) -> None:
    with pytest.raises(SymgradError):
        sg.grad(bad)


def test_text_that_cannot_be_read_shows_the_place() -> None:
    with pytest.raises(ParseError, match=r"column 3"):
        sg.grad("x*)")


@pytest.mark.parametrize("constant", ["3", "pi", 3, 2.5, Rational(1, 3), sympy.pi])
def test_constants_have_an_empty_gradient(constant: Any) -> None:
    assert {} == sg.grad(constant)


def test_stop_gradient_is_the_identity_with_derivative_zero() -> None:
    assert {x: sg.stop_gradient(x)} == sg.grad("stop_gradient(x)*x")


# --- blocks and loops ---


def test_calls_of_a_block_are_differentiated_as_their_body() -> None:
    square = sg.block("square", [x, y], x**2 * y)
    formula = square(sin(a), b) * a
    plain = sin(a) ** 2 * b * a
    run = sg.run(formula, {"a": 0.7, "b": 1.3})

    for v in (a, b):
        expected = float(plain.diff(v).subs({a: 0.7, b: 1.3}))
        assert expected == pytest.approx(run.grad[v], rel=1e-13)


def test_loops_are_differentiated_as_when_they_are_written_out() -> None:
    step = sg.block("step", [x, a], a * x * (1 - x))
    formula = sg.scan(step, [x], [a], length=5)
    written = x
    for _ in range(5):
        written = a * written * (1 - written)
    run = sg.run(formula, {"x": 0.3, "a": 2.7})

    for v in (x, a):
        expected = float(written.diff(v).subs({x: 0.3, a: 2.7}))
        assert expected == pytest.approx(run.grad[v], rel=1e-12)


# --- cost ---


def multiplications(graph: sg.Graph) -> int:
    """Count those that the outputs need."""
    wanted = reachable(graph.nodes, graph.outputs)
    return sum(g.name == "mul" and w for g, w in zip(graph.nodes.gates, wanted, strict=True))


@pytest.mark.parametrize(("count", "most"), [(8, 18), (20, 57), (1000, 3000)])
def test_gradient_of_a_product_takes_linearly_many_multiplications(count: int, most: int) -> None:
    product = "*".join(f"x{k}" for k in range(count))

    assert multiplications(sg.grad(product, form="graph")) <= most


@pytest.mark.parametrize("count", [8, 100])
def test_a_product_that_sympy_holds_is_as_cheap(count: int) -> None:
    product = sympy.Mul(*symbols(f"x:{count}"))

    assert multiplications(sg.grad(product, form="graph")) <= 3 * count


UNARY = (
    "sin",
    "cos",
    "exp",
    "log",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "sqrt",
    "atan",
    "asin",
    "sigmoid",
)


def random_formula(rng: random.Random, operations: int) -> str:
    """Join random nodes by arithmetic, powers by constants and unary elementary gates."""
    lines, nodes = [], ["x", "y", "z"]
    for k in range(operations):
        kind = rng.randrange(7)
        p, q = rng.choice(nodes), rng.choice(nodes)
        if kind < 4:
            body = f"{p} {'+-*/'[kind]} {q}"
        elif kind == 4:
            body = f"{p}**{rng.choice(['2', '3', '-1', '5', '(1/2)', '(-3/2)', '2.5'])}"
        else:
            body = f"{rng.choice(UNARY)}({p})"
        lines.append(f"v{k} = {body}")
        nodes.append(f"v{k}")
    return "; ".join(lines)


@pytest.mark.parametrize("seed", range(60))
def test_value_and_gradient_cost_at_most_five_times_the_value(seed: int) -> None:
    found = sg.stats(random_formula(random.Random(seed), 5 + seed))

    assert found.ratio <= 5


@pytest.mark.parametrize("unary", UNARY)
def test_each_unary_gate_alone_costs_at_most_five(unary: str) -> None:
    assert sg.stats(f"{unary}(x)").ratio <= 5


@pytest.mark.parametrize("formula", FORMULAS[:36], ids=str)
def test_certificate_holds(formula: Expr) -> None:
    found = sg.stats(formula)

    assert found.with_gradient <= found.bound


def test_certificate_holds_for_gates_that_route() -> None:
    for formula in (
        "max(x, y, z, a, b)",
        "where(x > y, x*y, x/y)",
        "abs(x)*relu(y)",
        "hypot(x, y)",
    ):
        found = sg.stats(formula)

        assert found.with_gradient <= found.bound


@pytest.mark.parametrize("wrt", ["x", x, ["x", "y"], {"p": "x", "q": ("y",)}, Symbol("w"), "q"])
def test_stats_takes_any_structure_of_variables(wrt: Any) -> None:
    assert sg.stats("q = x*y; f = q*x", wrt).ratio <= 5


def test_gradient_of_a_long_sum_is_shared() -> None:
    total = sg.value_and_grad("+".join(f"x{k}" for k in range(1000)), form="graph")

    assert len(total) <= 2001


def random_points(count: int) -> Iterator[dict[str, float]]:
    rng = np.random.default_rng(7)
    for _ in range(count):
        yield dict(zip("xyz", rng.uniform(0.5, 1.5, 3), strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_random_formulas_pass_the_check(seed: int) -> None:
    formula = random_formula(random.Random(1000 + seed), 8)
    graph = sg.graph(formula)
    for point in random_points(2):
        at = {str(s): point[str(s)] for s in graph.inputs}
        if math.isfinite(abs(sg.evaluate(graph, at))) and at:
            report = sg.check_grad(graph, at, method="complex")
            finite = [e for e in report.entries if math.isfinite(e.analytic)]

            assert all(e.ok for e in finite), f"{formula} at {at}\n{report}"
