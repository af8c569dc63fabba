"""Sizes of axes, read from the arrays that are given, and the shapes in which answers go back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sympy import DiagMatrix, Identity, MatrixSymbol, Symbol, Trace, symbols
from sympy.core.symbol import Str

import symgrad as sg
from symgrad.errors import MissingValueError, ShapeError, SymgradError, UnknownNameError
from symgrad.expr.matrices import apply, matrix
from symgrad.numeric.sizes import Reader, bind

m, n = symbols("m n", integer=True, positive=True)
W, x, y = matrix("W", "m", "n"), matrix("x", "n"), matrix("y", "m")
LOSS = apply("norm2", W * x - y)
POINT = {"W": [[1, 2, 3], [4, 5, 6]], "x": [1, 0, 2], "y": [1, 1]}


def cores(f: Any, *shapes: tuple[int, ...]) -> Any:
    return Reader(sg.graph(f)).cores(shapes)


# --- matching ---


def test_sizes_are_read_from_the_shapes_of_the_inputs() -> None:
    assert {m: 2, n: 3} == cores(LOSS, (2,), (2, 3), (3,))[1]


def test_a_size_that_two_arrays_give_differently_is_named_with_both_shapes() -> None:
    message = r"`n` is 4 by the shape \(4,\) of `x` \(n × 1\), but 3 by the shape \(2, 3\) of `W`"

    with pytest.raises(ShapeError, match=message):
        sg.run(LOSS, {**POINT, "x": [1, 2, 3, 4]})


def test_a_wrong_number_of_axes_is_told_with_what_is_taken() -> None:
    with pytest.raises(ShapeError, match=r"`W` is m × n and takes .* \(m, n\); found shape \(2,\)"):
        sg.run(LOSS, {**POINT, "W": [1, 2]})
    with pytest.raises(ShapeError, match=r"takes an array of shape \(n, 1\) or \(n,\)"):
        sg.run(LOSS, {**POINT, "x": np.zeros((1, 3, 1))})


def test_a_row_is_no_column() -> None:
    with pytest.raises(ShapeError, match="3 is not 1"):
        sg.run(LOSS, {**POINT, "x": [[1, 0, 2]]})


def test_sizes_that_are_numbers_are_checked() -> None:
    fixed = MatrixSymbol("v", 3, 1)

    with pytest.raises(ShapeError, match="4 is not 3"):
        sg.run(apply("norm2", fixed), {"v": [1, 2, 3, 4]})


@pytest.mark.parametrize(
    ("size", "length", "expected"), [(n + 1, 4, 3), (2 * n, 6, 3), (2 * n - 1, 5, 3)]
)
def test_a_size_may_be_solved_for(size: Any, length: int, expected: int) -> None:
    assert {n: expected} == cores(apply("norm2", MatrixSymbol("v", size, 1)), (length,))[1]


def test_computed_sizes_are_checked_after_plain_ones() -> None:
    longer = apply("norm2", MatrixSymbol("v", n + 1, 1)) + apply("norm2", x)

    assert {n: 3} == cores(longer, (4,), (3,))[1]
    with pytest.raises(ShapeError, match=r"`n \+ 1` is 5 by the shape \(5,\) of `v`.*must be 4"):
        sg.run(longer, {"v": np.ones(5), "x": np.ones(3)})


def test_a_size_that_no_whole_number_gives_is_refused() -> None:
    with pytest.raises(ShapeError, match="no whole number `n` makes `2\\*n` 5"):
        cores(apply("norm2", MatrixSymbol("v", 2 * n, 1)), (5,))
    with pytest.raises(ShapeError, match="does not say what"):
        cores(apply("norm2", MatrixSymbol("v", m * n, 1)), (6,))


def test_a_size_that_no_input_shows_is_asked_for() -> None:
    lonely = Symbol("c") * Trace(Identity(n))

    with pytest.raises(ShapeError, match="the size `n` is in the shape of no input"):
        sg.run(lonely, {"c": 2})
    assert 10 == sg.run(lonely, {"c": 2, "n": 5}).output
    assert 10 == sg.run(lonely, {"c": 2, n: 5}).output


@pytest.mark.parametrize("size", [0, -1, 2.5, "3"])
def test_a_size_is_a_positive_whole_number(size: Any) -> None:
    with pytest.raises(ShapeError, match="positive whole number"):
        sg.run(LOSS, {**POINT, "n": size})


def test_a_size_that_is_also_a_number_of_the_formula_needs_no_value() -> None:
    mean = apply("norm2", x) / n

    run = sg.run(mean, {"x": [3.0, 4.0]})

    assert 12.5 == run.output
    np.testing.assert_array_equal(run.grad["x"], [3, 4])


def test_values_that_contradict_a_size_are_refused() -> None:
    with pytest.raises(ShapeError, match="`n` is 2 by the shape"):
        sg.run(apply("norm2", x) / n, {"x": [3.0, 4.0], "n": 3})


# --- binding ---


def test_binding_keeps_nodes_names_and_numbering() -> None:
    source = sg.graph(apply("mean", W * x) + Trace(W.T * DiagMatrix(y) * W))
    made = bind(source, {m: 2, n: 2})

    assert len(source) == len(made)
    assert source.inputs == made.inputs
    assert all(isinstance(k, int) for shape in made.nodes.shapes.values() for k in shape)
    made.validate()


def test_binding_leaves_the_symbolic_graph_as_it_is() -> None:
    source = sg.graph(LOSS)
    before = dict(source.nodes.shapes), list(source.nodes.payloads)
    bind(source, {m: 2, n: 3})

    assert before == (source.nodes.shapes, source.nodes.payloads)


# --- values and answers ---


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_a_gradient_comes_back_as_its_column_was_given(shape: tuple[int, ...]) -> None:
    run = sg.run(LOSS, {**POINT, "x": np.reshape([1.0, 0, 2], shape)})

    assert shape == run.grad["x"].shape == run.value["x"].shape
    np.testing.assert_array_equal(run.grad["x"].ravel(), [132, 174, 216])


def test_a_row_may_be_given_as_a_vector_or_a_matrix() -> None:
    row = matrix("r", 1, "n")
    for value in ([1.0, 2.0], [[1.0, 2.0]]):
        assert np.shape(value) == sg.run(apply("norm2", row), {"r": value}).grad["r"].shape


def test_a_matrix_of_one_entry_is_a_number() -> None:
    one = MatrixSymbol("u", 1, 1)
    for value in (3.0, [[3.0]]):
        run = sg.run(apply("norm2", one) + apply("norm2", x), {"u": value, "x": [0.0]})
        assert np.shape(value) == np.shape(run.grad["u"])
        assert 6 == np.squeeze(run.grad["u"])


def test_a_number_of_the_formula_is_one_number() -> None:
    with pytest.raises(ShapeError, match="`c` is one number here, and no batch is asked for"):
        sg.run(Symbol("c") * apply("norm2", x), {"c": [1, 2], "x": [1, 2]})


@pytest.mark.parametrize(
    ("given", "expected"),
    [("float32", "float32"), ("float64", "float64"), ("int64", "float64"), ("bool", "float64")],
)
def test_results_have_the_type_of_the_arrays(given: str, expected: str) -> None:
    at = {k: np.array(v, dtype=given) for k, v in POINT.items()}
    run = sg.run(LOSS, at)

    assert {np.dtype(expected)} == {np.dtype(run.value[k].dtype) for k in range(len(run.values))}
    assert {np.dtype(expected)} == {run.grad[k].dtype for k in at}


def test_whole_numbers_beside_narrow_floats_stay_narrow() -> None:
    at = {**POINT, "W": np.ones((2, 3), np.float32)}

    assert np.float32 == sg.run(LOSS, at).output.dtype


def test_a_narrow_run_is_narrow_through_every_kind_of_gate() -> None:
    def mapped(name: str, *args: Any) -> Any:
        return apply("map", *args, params=(Str(name),))

    deep = mapped("gelu", mapped("relu", mapped("abs", W * x) - y))
    f = apply("logsumexp", deep) + apply("max", mapped("sigmoid", deep)) + apply("norm", deep) / 3
    run = sg.run(f, {k: np.array(v, np.float32) for k, v in POINT.items()})

    assert {np.dtype("float32")} == {v.dtype for v in run.values}
    assert {np.dtype("float32")} == {v.dtype for v in run.bars.values()}


def test_nothing_that_is_given_is_written_to() -> None:
    given = {k: np.array(v, dtype=float) for k, v in POINT.items()}
    run = sg.run(LOSS, given)

    with pytest.raises(ValueError, match="read-only"):
        run.value["W"][0, 0] = 7
    given["W"][0, 0] = 7
    assert 1 == run.value["W"][0, 0]


@pytest.mark.parametrize(
    ("at", "error"),
    [
        ({"W": POINT["W"], "x": POINT["x"]}, MissingValueError),
        ({**POINT, "z": 1}, UnknownNameError),
        ({**POINT, "x": [[1], [2, 3]]}, ShapeError),
        ({**POINT, "x": ["a", "b", "c"]}, SymgradError),
    ],
)
def test_bad_values_are_named(at: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        sg.run(LOSS, at)
