"""Compiled functions: order of arguments, packing, structure of gradients, batches, errors."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sympy import IndexedBase, Symbol, symbols

import symgrad as sg
from symgrad.errors import (
    BackendError,
    ShapeError,
    SymgradError,
    UnknownNameError,
    UnsupportedError,
)

x, y, z = symbols("x y z")
FORMULA = "x**2*y + sin(z)"
AT = {"x": 2.0, "y": 3.0, "z": 0.5}
CASES = [
    "x*y*z",
    "x**y + z",
    "max(x, y)*z",
    "sigmoid(x*y) - softplus(z)",
    "where(x > y, x*z, y/z)",
    "besselj(1, x)*erf(y)*gamma(z)",
    "hypot(x, y)/z",
    "exp(-x**2)*log(y + z)",
    "abs(x - y)**3*z",
]


@pytest.mark.parametrize("formula", CASES)
def test_compiled_functions_agree_with_the_run(formula: str) -> None:
    run = sg.run(formula, AT)
    value, (dx, dy, dz) = sg.compile(formula, ["x", "y", "z"])(*AT.values())

    assert run.output == pytest.approx(value, rel=1e-14)
    expected = [run.grad[n] for n in "xyz"]
    assert expected == pytest.approx([dx, dy, dz], rel=1e-13)


# --- arguments ---


def test_arguments_stand_in_order_of_first_appearance() -> None:
    assert sg.compile("z - x/y", returns="value")(1.0, 6.0, 3.0) == -1.0


def test_arguments_stand_in_the_order_that_is_asked_for() -> None:
    assert sg.compile("x - y", ["y", "x"], returns="value")(1.0, 5.0) == 4.0


def test_gradients_stand_in_the_order_of_the_arguments() -> None:
    assert sg.compile("x - 2*y", [y, x], returns="grad")(1.0, 5.0) == (-2.0, 1.0)


def test_arguments_that_the_formula_does_not_hold_have_gradient_zero() -> None:
    value, gradient = sg.compile("x*2", [Symbol("w"), x])(7.0, 3.0)

    assert (6.0, (0.0, 2.0)) == (value, gradient)


def test_a_list_of_arguments_is_one_packed_array() -> None:
    fn = sg.compile("x*y + z", [["x", "y"], "z"])
    value, (packed, dz) = fn([2.0, 3.0], 1.0)

    assert (7.0, [3.0, 2.0], 1.0) == (value, packed.tolist(), dz)


def test_packed_arrays_stand_along_the_last_axis() -> None:
    fn = sg.compile("x*y", [["x", "y"]])
    value, (packed,) = fn(np.arange(12.0).reshape(2, 3, 2))

    assert ((2, 3), (2, 3, 2)) == (value.shape, packed.shape)
    assert np.array_equal(packed, np.arange(12.0).reshape(2, 3, 2)[..., ::-1])


def test_the_name_of_an_indexed_variable_stands_for_its_elements() -> None:
    fn = sg.compile("x[0]*x[1] + b", ["x", "b"])
    value, (dx, db) = fn([2.0, 3.0], 1.0)

    assert (7.0, [3.0, 2.0], 1.0) == (value, dx.tolist(), db)


def test_elements_are_packed_by_their_index_not_by_appearance() -> None:
    assert sg.compile("x[1] - x[0]", ["x"], returns="value")([1.0, 5.0]) == 4.0


def test_symbols_and_names_may_be_mixed() -> None:
    assert sg.compile(x / y, ["x", y], returns="value")(1.0, 2.0) == 0.5


def test_a_formula_without_variables_takes_no_arguments() -> None:
    assert sg.compile("2 + 3", returns="value")() == 5.0


# --- what is returned ---


@pytest.mark.parametrize(
    ("returns", "expected"),
    [
        (("value", "grad"), (12.0, (12.0, 4.0))),
        (("grad", "value"), ((12.0, 4.0), 12.0)),
        ("value", 12.0),
        ("grad", (12.0, 4.0)),
        (("value",), (12.0,)),
        (["grad"], ((12.0, 4.0),)),
    ],
)
def test_a_call_gives_what_is_asked_for(returns: Any, expected: Any) -> None:
    assert expected == sg.compile("x**2*y", ["x", "y"], returns=returns)(2.0, 3.0)


STRUCTURES: dict[str, tuple[Any, Any]] = {
    "a name": ("x", 12.0),
    "a symbol": (y, 4.0),
    "a list": (["y", "x"], [4.0, 12.0]),
    "a tuple": (("y",), (4.0,)),
    "a dict": ({"first": x, "rest": ["y"]}, {"first": 12.0, "rest": [4.0]}),
    "an inner node": ("q", 3.0),
    "a stranger": (Symbol("w"), 0.0),
}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_gradients_have_the_structure_of_wrt(structure: str) -> None:
    wrt, expected = STRUCTURES[structure]
    fn = sg.compile("q = x**2; f = q*y", ["x", "y"], wrt=wrt, returns="grad")

    assert expected == fn(2.0, 3.0)


def test_a_gradient_alone_does_not_pay_for_the_value() -> None:
    value = sg.compile("x*y*exp(z)", returns="value").stats["operations"]
    gradient = sg.compile("exp(x + y)", wrt="x", returns="grad").stats["operations"]
    both = sg.compile("sin(x)").stats["operations"]

    assert (3, 2) == (value, gradient)
    assert sg.compile("sin(x)", returns="grad").stats["operations"] < both


# --- batches ---


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (0,), (2, 1, 4)])
def test_results_have_the_shape_of_the_values(shape: tuple[int, ...]) -> None:
    value, gradient = sg.compile(FORMULA)(*(np.full(shape, v) for v in AT.values()))

    assert {shape} == {np.shape(value), *map(np.shape, gradient)}


def test_constant_gradients_have_the_shape_of_the_batch_too() -> None:
    _, (dx, dy) = sg.compile("x + 2*y")(np.zeros(4), 1.0)

    assert ([1.0] * 4, [2.0] * 4) == (dx.tolist(), dy.tolist())


def test_batches_are_the_points_one_by_one(rng: np.random.Generator) -> None:
    fn = sg.compile(FORMULA)
    points = rng.normal(size=(3, 10))
    value, gradient = fn(*points)

    for k, point in enumerate(points.T):
        one, partials = fn(*point)
        assert one == pytest.approx(value[k], rel=1e-15)
        assert partials == pytest.approx([g[k] for g in gradient], rel=1e-15)


def test_values_broadcast() -> None:
    value, (dx, dy) = sg.compile("x*y")(np.ones((3, 1)), np.arange(4.0))

    assert {(3, 4)} == {value.shape, dx.shape, dy.shape}


def test_calls_leave_their_input_alone() -> None:
    given = np.arange(3.0)
    sg.compile("x**2")(given)

    assert [0.0, 1.0, 2.0] == given.tolist()


def test_results_do_not_share_memory_with_a_later_call() -> None:
    fn = sg.compile("x*2", returns="value")
    first = fn(np.ones(3))
    fn(np.zeros(3))

    assert [2.0] * 3 == first.tolist()


def test_complex_points_of_holomorphic_functions() -> None:
    value, (slope,) = sg.compile("x**3")(1 + 2j)

    assert ((1 + 2j) ** 3, 3 * (1 + 2j) ** 2) == (
        pytest.approx(complex(value)),
        pytest.approx(complex(slope)),
    )


def test_complex_points_of_other_functions_are_refused_by_name() -> None:
    with pytest.raises(SymgradError, match="`abs`"):
        sg.compile("abs(x)")(1 + 2j)


@pytest.mark.parametrize(("policy", "expected"), [("min_norm", 0.5), ("first", 1.0)])
def test_kinks_follow_the_policy(policy: str, expected: float) -> None:
    fn = sg.compile("max(x, y)", wrt="x", returns="grad", kinks=policy)

    assert expected == fn(1.0, 1.0)


def test_policy_nan_marks_the_kink() -> None:
    assert np.isnan(sg.compile("abs(x)", returns="grad", kinks="nan")(0.0)[0])


# --- the object ---


def test_source_shows_the_program_without_the_names_of_variables() -> None:
    source = sg.compile("secret_name*2", returns="value", backend="numpy").source

    assert "secret_name" not in source
    assert "mul(0, 1)" in source


def test_the_backend_says_why_it_was_chosen() -> None:
    assert "numpy" == sg.compile("x", backend="numpy").backend
    assert sg.compile("lowergamma(2, x)").backend.startswith("numpy (")


def test_the_automatic_choice_names_what_llvm_does_not_know() -> None:
    pytest.importorskip("llvmlite")

    assert "`lowergamma`" in sg.compile("lowergamma(2, x)").backend
    assert sg.compile("x*y").backend.startswith("llvm (")


def test_compiled_functions_survive_pickling() -> None:
    fn = pickle.loads(pickle.dumps(sg.compile(FORMULA)))

    assert sg.compile(FORMULA)(*AT.values()) == fn(*AT.values())


def test_compiled_loops_are_the_loop_written_out() -> None:
    step = sg.block("step", [x, y], y * x * (1 - x))
    fn = sg.compile(sg.scan(step, [x], [y], length=4), [x, y])
    value, gradient = fn(0.3, 2.5)
    written = x
    for _ in range(4):
        written = y * written * (1 - written)

    at = {x: 0.3, y: 2.5}
    assert value == pytest.approx(float(written.subs(at)))
    assert gradient == pytest.approx([float(written.diff(v).subs(at)) for v in (x, y)])


# --- errors ---

A = IndexedBase("A")
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a variable that is left out": (
        lambda: sg.compile("x*y", ["x"]),
        UnknownNameError,
        "leaves out `y`",
    ),
    "a name that is unknown": (
        lambda: sg.compile("x*y", ["x", "y", "ww"]),
        UnknownNameError,
        "no variable `ww`",
    ),
    "a variable twice": (lambda: sg.compile("x*y", ["x", "y", "x"]), UnsupportedError, "twice"),
    "a variable packed twice": (
        lambda: sg.compile("x*y", [["x", "y"], "x"]),
        UnsupportedError,
        "twice",
    ),
    "a backend that does not exist": (
        lambda: sg.compile("x", backend="abacus"),
        BackendError,
        "no backend 'abacus'",
    ),
    "a part that does not exist": (
        lambda: sg.compile("x", returns="third"),
        UnsupportedError,
        "use any of value, grad",
    ),
    "no part at all": (lambda: sg.compile("x", returns=()), UnsupportedError, "returns"),
    "a policy that raises": (lambda: sg.compile("x", kinks="raise"), UnsupportedError, "use `run`"),
    "a policy that does not exist": (
        lambda: sg.compile("x", kinks="none"),
        UnsupportedError,
        "not a policy",
    ),
    "several outputs": (lambda: sg.compile(["x", "y"]), ShapeError, "2 outputs"),
    "too few values": (lambda: sg.compile("x*y")(1.0), ShapeError, "takes 2 arguments, not 1"),
    "too many values": (lambda: sg.compile("x")(1.0, 2.0), ShapeError, "takes 1 arguments, not 2"),
    "a pack of the wrong length": (
        lambda: sg.compile("x*y", [["x", "y"]])([1.0, 2.0, 3.0]),
        ShapeError,
        "packs 2 variables",
    ),
    "a pack that is a number": (
        lambda: sg.compile("x*y", [["x", "y"]])(1.0),
        ShapeError,
        "packs 2 variables",
    ),
    "shapes that do not broadcast": (
        lambda: sg.compile("x*y")([1.0, 2.0], [1.0, 2.0, 3.0]),
        ShapeError,
        "must broadcast",
    ),
    "text": (lambda: sg.compile("x")("one"), UnsupportedError, "argument 1"),
    "an unknown name in wrt": (
        lambda: sg.compile("x", wrt="w"),
        UnknownNameError,
        "no variable `w`",
    ),
    "an element that is left out": (
        lambda: sg.compile(A[0] * A[1], ["A[0]"]),
        UnknownNameError,
        r"leaves out `A\[1\]`",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_refused(case: str) -> None:
    call, error, message = REFUSED[case]

    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
@pytest.mark.parametrize(
    ("wrt", "expected"),
    [
        (["x", "y"], [5.0, 2.0]),
        (("x", ["y"]), (5.0, [2.0])),
        ({"a": "x", "b": ("y",)}, {"a": 5.0, "b": (2.0,)}),
        ((), ()),
    ],
)
def test_gradients_come_in_the_structure_of_wrt_at_a_point(
    backend: str, wrt: Any, expected: Any
) -> None:
    if backend == "llvm":
        pytest.importorskip("llvmlite")
    fn = sg.compile("x*y", ["x", "y"], wrt=wrt, returns="grad", backend=backend)

    assert fn(2.0, 5.0) == expected


def test_one_array_twice_in_out_is_written_twice() -> None:
    fn = sg.compile("x*y", ["x", "y"], returns="grad")
    room = np.zeros(3)

    fn(np.arange(3.0), np.ones(3), out=(room, room))

    assert room.tolist() == [0.0, 1.0, 2.0]
