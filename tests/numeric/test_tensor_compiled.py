"""Compiled formulas of tensors: values, derivatives, batches, memory, and the lean program."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Determinant, DiagMatrix, HadamardProduct, OneMatrix, Trace
from sympy.core.symbol import Str

import symgrad as sg
from symgrad.dag.digraph import Graph
from symgrad.dag.vmap import vmap
from symgrad.errors import BackendError, ShapeError, UnknownNameError, UnsupportedError
from symgrad.expr.matrices import apply, matrix
from symgrad.numeric.sizes import Reader, bind

W, x, b, y = matrix("W", "m", "n"), matrix("x", "n"), matrix("b", "m"), matrix("y", "m")
A, X = matrix("A", "n", "n"), matrix("X", "m", "n")
m = sympy.Symbol("m", integer=True, positive=True)
RNG = np.random.default_rng(0)


def mapped(name: str, *operands: Any) -> Any:
    return apply("map", *operands, params=(Str(name),))


SCORES = mapped("tanh", W * x + b)
LAYER = apply("norm2", apply("log_softmax", SCORES) - y) + apply("max", W * x) + apply("norm", x)
POINT = {
    "W": RNG.normal(size=(4, 3)),
    "x": RNG.normal(size=3),
    "b": RNG.normal(size=4),
    "y": RNG.normal(size=4),
}
ARGS = [W, x, b, y]
VALUES = list(POINT.values())


def gates(fn: Any) -> list[str]:
    """Return the gates of the lean program of the latest plan."""
    plan = next(reversed(fn._plans.values()))
    return [step.gate.name for step in plan.run.lean.steps.values()]


# --- values and gradients ---


def test_a_call_gives_what_a_run_gives() -> None:
    value, gradients = sg.compile(LAYER, ARGS)(*VALUES)
    run = sg.run(LAYER, POINT)

    np.testing.assert_allclose(value, run.output, rtol=1e-13)
    for name, gradient in zip(POINT, gradients, strict=True):
        np.testing.assert_allclose(gradient, run.grad[name], rtol=1e-12, atol=1e-14)


def test_gradients_have_the_form_of_what_was_given() -> None:
    fn = sg.compile(LAYER, ARGS)
    _, gradients = fn(VALUES[0], VALUES[1][:, None], VALUES[2].tolist(), VALUES[3])

    assert [(4, 3), (3, 1), (4,), (4,)] == [g.shape for g in gradients]


def test_wrt_gives_its_structure_to_the_gradients() -> None:
    fn = sg.compile(LAYER, ARGS, wrt={"weights": [W], "bias": b}, returns="grad")
    found = fn(*VALUES)

    assert {"weights", "bias"} == set(found)
    assert (4, 3) == found["weights"][0].shape


def test_arguments_stand_in_order_of_appearance_by_default() -> None:
    fn = sg.compile(apply("norm2", W * x), returns="value")

    assert 34 == fn(np.array([[1.0, 2], [1, 1]]), np.array([1.0, 2]))


def test_a_size_that_is_a_number_of_the_formula_is_no_argument() -> None:
    n = sympy.Symbol("n", integer=True, positive=True)
    value, (gradient,) = sg.compile(apply("norm2", x) / n)([3.0, 4.0])

    assert 12.5 == value
    np.testing.assert_array_equal(gradient, [3, 4])


def test_matrices_are_results_too() -> None:
    (total,) = sg.compile([A + A.T], [A])(np.array([[1.0, 2], [3, 4]]))
    alone = sg.compile(A + A.T, [A])(np.array([[1.0, 2], [3, 4]]))

    np.testing.assert_array_equal(total, [[2, 5], [5, 8]])
    np.testing.assert_array_equal(alone, total)


def test_several_outputs_of_different_shapes_come_together() -> None:
    found = sg.compile([W * x, Trace(W.T * W), x], [W, x])(VALUES[0], VALUES[1])

    assert [(4,), (), (3,)] == [np.shape(v) for v in found]


def test_products_with_derivatives_take_directions_and_weights() -> None:
    direction = [RNG.normal(size=v.shape) for v in VALUES]
    value, along = sg.compile(LAYER, ARGS, returns=("value", "jvp"))(*VALUES, *direction)
    run = sg.run(LAYER, POINT)

    expected = sum(np.sum(run.grad[k] * d) for k, d in zip(POINT, direction, strict=True))
    np.testing.assert_allclose(value, run.output)
    np.testing.assert_allclose(along, expected, rtol=1e-12)


def test_the_products_of_an_output_with_axes_are_transposes() -> None:
    v, w = RNG.normal(size=3), RNG.normal(size=4)
    pushed = sg.compile(SCORES, [W, x, b], wrt=x, returns="jvp")(*VALUES[:3], v)
    pulled = sg.compile(SCORES, [W, x, b], wrt=x, returns="vjp")(*VALUES[:3], w)

    assert abs(w @ pushed - pulled @ v) <= 1e-12 * np.linalg.norm(w) * np.linalg.norm(pushed)


def test_a_product_with_the_hessian_is_the_slope_of_the_gradient() -> None:
    v, step = RNG.normal(size=3), 1e-6
    fn = sg.compile(LAYER, ARGS, wrt=x, returns="hvp")
    gradient = sg.compile(LAYER, ARGS, wrt=x, returns="grad")

    def at(shift: float) -> Any:
        return gradient(VALUES[0], VALUES[1] + shift * v, *VALUES[2:])

    expected = (at(step) - at(-step)) / (2 * step)
    np.testing.assert_allclose(fn(*VALUES, v), expected, rtol=1e-6, atol=1e-8)


def test_jacobians_and_hessians_are_compiled_from_closed_forms() -> None:
    f, square = apply("scalar", x.T * A * x), RNG.normal(size=(3, 3))
    fn = sg.compile(f, [A, x], wrt=x, returns=("value", "hessian"))
    value, hessian = fn(square, VALUES[1])
    jacobian = sg.compile(apply("softmax", x), [x], wrt=x, returns="jacobian")(VALUES[1])
    p = np.exp(VALUES[1]) / np.exp(VALUES[1]).sum()

    np.testing.assert_allclose(value, VALUES[1] @ square @ VALUES[1])
    np.testing.assert_allclose(hessian, square + square.T)
    np.testing.assert_allclose(jacobian, np.diag(p) - np.outer(p, p), atol=1e-15)


@pytest.mark.parametrize(
    ("kinks", "expected"),
    [("min_norm", [0, 0.5, 0.5]), ("first", [0, 1, 0]), ("nan", [0, np.nan, np.nan])],
)
def test_ties_are_shared_as_the_policy_says(kinks: str, expected: Any) -> None:
    fn = sg.compile(apply("max", x), [x], kinks=kinks, returns="grad")

    np.testing.assert_array_equal(fn(np.array([1.0, 3, 3]))[0], expected)


def test_blocks_and_sums_of_numbers_stand_beside_tensors() -> None:
    t, u, v, k = sympy.symbols("t u v k")
    block = sg.block("step", [u, v], [u * v + sympy.sin(u), v])
    product, length = block(t, apply("norm", x))
    f = product * length + sympy.Sum(sympy.sin(k * t) / k, (k, 1, 5)) * apply("sum", x)
    times = np.array([0.3, 0.5])
    values, gradients = sg.compile(f, [t, x], batch="t")(times, [1.0, 2.0])

    for place, time in enumerate(times):
        run = sg.run(f, {"t": time, "x": [1.0, 2.0]})
        np.testing.assert_allclose(values[place], run.output)
        np.testing.assert_allclose(gradients[0][place], run.grad["t"])
        np.testing.assert_allclose(gradients[1][place], run.grad["x"])


# --- types ---


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_have_the_type_of_the_arrays(dtype: str) -> None:
    value, gradients = sg.compile(LAYER, ARGS)(*[v.astype(dtype) for v in VALUES])

    assert {np.dtype(dtype)} == {value.dtype, *(g.dtype for g in gradients)}


def test_narrow_results_may_be_asked_for() -> None:
    value, _ = sg.compile(LAYER, ARGS, dtype="float32")(*VALUES)

    assert np.float32 == value.dtype


def test_complex_points_of_analytic_formulas_are_computed() -> None:
    z = np.array([1.0 + 2j, -1j, 0.5])
    value, (gradient,) = sg.compile(apply("scalar", x.T * x), [x])(z)

    np.testing.assert_allclose(value, z @ z)
    np.testing.assert_allclose(gradient, 2 * z)


# --- memory ---


@pytest.mark.parametrize(
    "f", [A, A.T, 2 * A, A + A.T, DiagMatrix(x), x * x.T, A * OneMatrix(*A.shape)], ids=str
)
def test_results_are_the_callers_own(f: Any) -> None:
    fn = sg.compile([f], [s for s in (A, x) if f.has(s)])
    given = [np.ones((3, 3)), np.ones(3)]
    given = [g for g, s in zip(given, (A, x), strict=True) if f.has(s)]
    (first,) = fn(*given)
    before = first.copy()
    first += 100
    (second,) = fn(*given)

    np.testing.assert_array_equal(second, before)
    assert all(np.all(g == 1) for g in given)


def test_one_array_asked_for_twice_is_two_arrays() -> None:
    first, second = sg.compile([A + A.T, A + A.T], [A])(np.eye(2))

    assert not np.shares_memory(first, second)


def test_what_is_given_is_never_written_to() -> None:
    given = [v.copy() for v in VALUES]
    sg.compile(LAYER, ARGS, returns=("value", "grad"))(*given)

    assert all(np.array_equal(g, v) for g, v in zip(given, VALUES, strict=True))


def test_results_go_where_they_are_wanted() -> None:
    fn = sg.compile(LAYER, ARGS, wrt=[W], returns="grad")
    room = [np.empty((4, 3))]

    assert fn(*VALUES, out=room) is room
    np.testing.assert_array_equal(room[0], fn(*VALUES)[0])
    with pytest.raises(ShapeError, match="`out` takes"):
        fn(*VALUES, out=[np.empty(3)])


# --- plans ---


def test_each_choice_of_sizes_is_planned_once() -> None:
    fn = sg.compile(apply("norm2", W * x), [W, x])
    for rows in (2, 3, 2, 3):
        fn(np.ones((rows, 2)), np.ones(2))

    assert 2 == fn.stats["plans"]


def test_plans_do_not_pile_up() -> None:
    fn = sg.compile(apply("norm2", x), [x])
    for size in range(1, 60):
        fn(np.ones(size))

    assert 32 == fn.stats["plans"]


def test_threads_may_share_a_compiled_formula() -> None:
    fn = sg.compile(LAYER, ARGS, returns="value")
    sizes = [2 + k % 40 for k in range(400)]

    def call(size: int) -> Any:
        return fn(np.ones((size, 3)), VALUES[1], np.ones(size), np.ones(size))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(call, sizes))

    assert [call(size) for size in sizes] == found


def test_a_compiled_formula_can_be_pickled() -> None:
    fn = pickle.loads(pickle.dumps(sg.compile(LAYER, ARGS)))

    np.testing.assert_allclose(fn(*VALUES)[0], sg.run(LAYER, POINT).output)


def test_it_says_what_it_is() -> None:
    fn = sg.compile(LAYER, ARGS)
    fn(*VALUES)

    assert "(W, x, b, y)" in repr(fn)
    assert "einsum" in fn.source


# --- the lean program ---


def test_a_diagonal_matrix_in_a_product_is_never_made() -> None:
    w = matrix("w", "m")
    fn = sg.compile([X.T * DiagMatrix(w) * X], [X, w])
    data, weights = RNG.normal(size=(50, 4)), RNG.normal(size=50)
    (found,) = fn(data, weights)

    assert ["einsum"] == gates(fn)
    np.testing.assert_allclose(found, (data * weights[:, None]).T @ data, rtol=1e-12)


def test_a_diagonal_is_added_in_place() -> None:
    p = apply("softmax", x)
    fn = sg.compile([DiagMatrix(p) - p * p.T], [x])
    (found,) = fn(VALUES[1])
    soft = np.exp(VALUES[1]) / np.exp(VALUES[1]).sum()

    assert "embed" not in gates(fn)
    assert "add_diagonal" in gates(fn)
    np.testing.assert_allclose(found, np.diag(soft) - np.outer(soft, soft), atol=1e-15)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (A + DiagMatrix(x), lambda a, v: a + np.diag(v)),
        (A - DiagMatrix(x), lambda a, v: a - np.diag(v)),
        (DiagMatrix(x) - A, lambda a, v: np.diag(v) - a),
        (DiagMatrix(x) - A * A, lambda a, v: np.diag(v) - a @ a),
        (HadamardProduct(A, DiagMatrix(x)), lambda a, v: a * np.diag(v)),
        (DiagMatrix(x) * A * DiagMatrix(x), lambda a, v: np.diag(v) @ a @ np.diag(v)),
        (DiagMatrix(x) + DiagMatrix(x) ** 2, lambda a, v: np.diag(v + v**2)),
        (Trace(DiagMatrix(x) * A) * A.T, lambda a, v: np.trace(np.diag(v) @ a) * a.T),
    ],
    ids=lambda part: "by hand" if callable(part) else str(part),
)
def test_sums_and_products_with_diagonals_are_right(f: Any, expected: Callable[..., Any]) -> None:
    given = {A: RNG.normal(size=(3, 3)), x: RNG.normal(size=3)}
    names = [s for s in given if f.has(s)]
    found = sg.compile([f], names)(*[given[s] for s in names])[0]

    np.testing.assert_allclose(found, expected(given[A], given[x]), rtol=1e-12, atol=1e-14)


def test_a_lean_program_gives_what_the_graph_gives() -> None:
    """Every rewrite at once: the gradients' program against the walk in numbers."""
    f = apply("logsumexp", DiagMatrix(x) * A * x + apply("softmax", x)) / 3 + Determinant(A)
    at = {"A": RNG.normal(size=(3, 3)), "x": RNG.normal(size=3)}
    _, gradients = sg.compile(f, [A, x])(at["A"], at["x"])
    run = sg.run(f, at)

    np.testing.assert_allclose(gradients[0], run.grad["A"], rtol=1e-12)
    np.testing.assert_allclose(gradients[1], run.grad["x"], rtol=1e-12)


# --- batches ---


def per_point(fn: Any, values: list[Any], batched: list[bool], count: int) -> list[Any]:
    return [
        fn(*[v[k] if wide else v for v, wide in zip(values, batched, strict=True)])
        for k in range(count)
    ]


def flat(found: Any) -> list[Any]:
    return (
        [v for part in found for v in flat(part)] if isinstance(found, (tuple, list)) else [found]
    )


def agrees(f: Any, args: list[Any], values: list[Any], batch: Any, batched: list[bool]) -> None:
    many = sg.compile(f, args, batch=batch)(*values)
    ones = per_point(sg.compile(f, args), values, batched, 3)
    for place, found in enumerate(flat(many)):
        expected = np.stack([flat(one)[place] for one in ones])
        assert expected.shape == found.shape
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_a_batch_gives_values_and_gradients_for_each_point() -> None:
    values = [VALUES[0], RNG.normal(size=(3, 3)), VALUES[2], RNG.normal(size=(3, 4))]

    agrees(LAYER, ARGS, values, ["x", y], [False, True, False, True])


def test_every_argument_may_have_the_batch() -> None:
    values = [RNG.normal(size=(3, *v.shape)) for v in VALUES]

    agrees(LAYER, ARGS, values, True, [True] * 4)


SQUARES = RNG.normal(size=(3, 3, 3))
SQUARES = SQUARES @ np.swapaxes(SQUARES, -1, -2) + np.eye(3)
LINEAR = [
    Determinant(A),
    apply("logdet", A),
    Trace(A.I),
    Trace(A**3),
    Trace(apply("expm", A / 4) * A),
    Trace(apply("cholesky", A) * A),
    apply("sum", apply("solve", A, apply("tril", A))),
]


@pytest.mark.parametrize("f", LINEAR, ids=str)
def test_linear_algebra_takes_batches(f: Any) -> None:
    agrees(f, [A], [SQUARES], "A", [True])


T, CHOSEN = sg.tensor("T", 5, 4), sg.tensor("c", 2)
IMAGE, KERNEL = sg.tensor("P", 2, 2, 6, 6), sg.tensor("Q", 3, 2, 3, 3)
REARRANGED = [
    sg.sum(sg.reshape(T, (2, 10))[1] ** 2),
    sg.sum(T[1:, ::-2] ** 3),
    sg.sum(sg.concat([T, T * T], axis=1) ** 2),
    sg.logsumexp(sg.max(T, axis=0)) + sg.min(T) + sg.norm(T),
    sg.sum(sg.where(T > 0, sg.map(sympy.log, T), T**2)),
    sg.sum(sg.softmax(T, axis=1) ** 2),
]


@pytest.mark.parametrize("f", REARRANGED, ids=lambda f: sg.text(f))
def test_rearrangements_and_reductions_take_batches(f: Any) -> None:
    agrees(f, [T], [RNG.normal(size=(3, 5, 4))], True, [True])


PLACES = np.array([[0, 4], [2, 2], [1, 3]])


@pytest.mark.parametrize("batched", [[True, False], [False, True], [True, True]], ids=str)
def test_places_may_be_different_for_each_point(batched: list[bool]) -> None:
    values = [RNG.normal(size=(3, 5, 4)) if batched[0] else RNG.normal(size=(5, 4))]
    values.append(PLACES if batched[1] else PLACES[0])
    names = [name for name, wide in zip("Tc", batched, strict=True) if wide]

    agrees(sg.sum(sg.take(T, CHOSEN, axis=0) ** 3), [T, CHOSEN], values, names, batched)


def test_convolutions_give_a_gradient_of_their_kernel_for_each_point() -> None:
    f = sg.sum(sg.max_pool(sg.conv(IMAGE, KERNEL, padding=1), 2) ** 2)
    values = [RNG.normal(size=(3, 2, 2, 6, 6)), RNG.normal(size=(3, 2, 3, 3))]

    agrees(f, [IMAGE, KERNEL], values, "P", [True, False])


def test_kernels_that_differ_from_point_to_point_are_refused_by_name() -> None:
    fn = sg.compile(sg.sum(sg.conv(IMAGE, KERNEL)), batch=["Q"], returns="value")

    with pytest.raises(UnsupportedError, match=r"`conv` .* has a kernel for each point"):
        fn(np.ones((2, 2, 6, 6)), np.ones((3, 3, 2, 3, 3)))


def test_columns_of_a_batch_keep_their_form() -> None:
    fn = sg.compile(LAYER, ARGS, batch=["x"])
    _, gradients = fn(VALUES[0], RNG.normal(size=(3, 3, 1)), VALUES[2][:, None], VALUES[3])

    assert [(3, 4, 3), (3, 3, 1), (3, 4, 1), (3, 4)] == [g.shape for g in gradients]


def test_a_batch_has_one_length() -> None:
    fn = sg.compile(LAYER, ARGS, batch=["x", "y"])

    with pytest.raises(ShapeError, match=r"a batch has one length.*3 for `x`, 2 for `y`"):
        fn(VALUES[0], np.ones((3, 3)), VALUES[2], np.ones((2, 4)))


def test_a_batch_of_a_batched_graph_is_a_valid_graph() -> None:
    source = sg.graph(LAYER)
    sizes = Reader(source).cores([np.shape(POINT[str(s)]) for s in source.inputs])[1]
    made = vmap(vmap(bind(source, sizes), source.input_nodes, 2), source.input_nodes, 3)

    assert isinstance(made.validate(), Graph)
    assert (3, 2) == made.nodes.shapes[made.outputs[0]]


# --- refusals ---


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"backend": "llvm"}, BackendError, "tensors are computed by 'numpy'"),
        ({"args": [W, x, b]}, UnknownNameError, "`args` leaves out `y`"),
        ({"args": [W, x, b, y, y]}, UnsupportedError, "twice"),
        ({"args": [W, [x, b, y]]}, UnsupportedError, "one array a variable"),
        ({"batch": ["z"]}, UnknownNameError, "z"),
        ({"batch": []}, UnknownNameError, "`batch` names nothing"),
        ({"returns": "everything"}, UnsupportedError, "unknown"),
        ({"kinks": "raise"}, UnsupportedError, "use `run`"),
    ],
)
def test_bad_questions_are_refused(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sg.compile(LAYER, **{"args": ARGS, **options})


def test_a_gradient_of_a_tensor_is_refused() -> None:
    with pytest.raises(ShapeError, match="is of one scalar"):
        sg.compile(W * x, [W, x], returns="grad")


def test_calls_with_the_wrong_arrays_are_refused() -> None:
    fn = sg.compile(LAYER, ARGS)

    with pytest.raises(ShapeError, match="takes 4 arguments, not 1"):
        fn(VALUES[0])
    with pytest.raises(ShapeError, match="`n` is 2 by the shape"):
        fn(VALUES[0], np.ones(2), *VALUES[2:])
