"""Numbers of loops over tensors: batches, saved programs, and bodies of every kind."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.errors import GraphError, ShapeError, UnsupportedError
from symgrad.numeric.program import Program

PATH = Path(__file__).parents[1] / "calculus" / "recurrent.py"
nets = SimpleNamespace(**runpy.run_path(str(PATH)))
NAMES = list(nets.SHAPES)

c, x, p = sg.tensor("c", "N"), sg.tensor("x", "N"), sg.tensor("p", "N")
v, w, xs = sg.tensor("v", 3), sg.tensor("w", 3), sg.tensor("xs", 4, 3)
M = sg.tensor("M", 3, 3)


def steps(state: Any, step: Any) -> Any:
    """Return the state after every slice of `xs`."""
    for t in range(4):
        state = step(state, xs[t])
    return state


def embedding() -> tuple[Any, Any]:
    h, i = sg.tensor("h", "B", "H"), sg.tensor("i", "B")
    E, ids = sg.tensor("E", 7, 3), sg.tensor("ids", 4, 2)
    table = sg.tensor("table", "V", "H")
    body = sg.block("embed", [h, i, table], nets.tanh(h + table[i]))
    flat: Any = sg.tensor("start", 2, 3)
    rolled = sg.scan(body, [flat], [E], xs=[ids])
    for t in range(4):
        flat = nets.tanh(flat + E[ids[t]])
    return sg.sum(rolled**2), sg.sum(flat**2)


def choices() -> tuple[Any, Any]:
    body = sg.block("choice", [c, x, p], [sg.where(c > x, c * p, x + p), sg.max(c) * p, c[0]])
    last, kept, first = sg.scan(body, [v], [v], xs=[xs])
    state, highs, firsts = v, [], []
    for t in range(4):
        highs.append(sg.sum((sg.max(state) * v) ** 2))
        firsts.append(sympy.sin(state[0]))
        state = sg.where(state > xs[t], state * v, xs[t] + v)
    rolled = sg.sum(last) + sg.sum(kept**2) + sg.sum(sg.map("sin", first))
    return rolled, sg.sum(state) + sum(highs) + sum(firsts)


def convolution() -> tuple[Any, Any]:
    a, k = sg.tensor("a", "B", 2, 5, 5), sg.tensor("k", 2, 2, 3, 3)
    y = sg.tensor("y", "B", 2, 5, 5)
    body = sg.block("conv", [a, y, k], nets.tanh(sg.conv(a, k, padding=1) + y))
    images, kernel = sg.tensor("images", 3, 2, 2, 5, 5), sg.tensor("kernel", 2, 2, 3, 3)
    flat: Any = sg.tensor("start", 2, 2, 5, 5)
    rolled = sg.scan(body, [flat], [kernel], xs=[images])
    for t in range(3):
        flat = nets.tanh(sg.conv(flat, kernel, padding=1) + images[t])
    return sg.sum(rolled**2), sg.sum(flat**2)


def entrywise() -> tuple[Any, Any]:
    kept, sums = sg.scan(sg.block("each", [x, p], [x * p, sg.sum(x * p)]), [], [v], xs=[xs])
    flat = sg.sum((xs * v) ** 2) + sg.sum(sg.sum(xs * v, axis=1) ** 3)
    return sg.sum(kept**2) + sg.sum(sums**3), flat


def swapped() -> tuple[Any, Any]:
    first, second = sg.scan(sg.block("swap", [c, x], [x, c]), [v, w], length=3)
    return sg.sum(first**2) + 2 * sg.sum(second), sg.sum(w**2) + 2 * sg.sum(v)


def solved() -> tuple[Any, Any]:
    A = sg.tensor("A", "N", "N")
    body = sg.block("solve", [c, A], [sg.solve(A, c) + c, sg.logdet(A @ A.T)])
    last, dets = sg.scan(body, [v], [M], length=3)
    flat = v
    for _ in range(3):
        flat = sg.solve(M, flat) + flat
    return sg.sum(last**2) + sg.sum(dets), sg.sum(flat**2) + 3 * sg.logdet(M @ M.T)


def running_sum() -> tuple[Any, Any]:
    last, sums = sg.scan(sg.block("add", [c, x], [c + x, c + x]), [v], xs=[xs])
    flat, kept = v, []
    for t in range(4):
        flat = flat + xs[t]
        kept.append(sg.sum(sg.map("sin", flat)))
    return sg.sum(last**2) + sg.sum(sg.map("sin", sums)), sg.sum(flat**2) + sum(kept)


def sized_mean() -> tuple[Any, Any]:
    body = sg.block("mean", [c, x], c + x / nets.N)
    return sg.sum(sg.scan(body, [v], xs=[xs]) ** 2), sg.sum((v + sg.sum(xs, axis=0) / 3) ** 2)


def scaled_sum() -> tuple[Any, Any]:
    body = sg.block("weigh", [c, x, p], c + x * p * sg.sum(x))
    flat = steps(v, lambda state, slice_: state + slice_ * w * sg.sum(slice_))
    return sg.sum(sg.scan(body, [v], [w], xs=[xs]) ** 2), sg.sum(flat**2)


def nested() -> tuple[Any, Any]:
    A = sg.tensor("A", "N", "N")
    inner = sg.block("turn", [c, x, A], [nets.tanh(A @ c + x), sg.sum(c)])
    rows = sg.tensor("rows", 2, "N")
    last, sums = sg.scan(inner, [c], [A], xs=[rows])
    outer = sg.block("outer", [c, rows, A], [last, sg.sum(sums**2)])
    data = sg.tensor("data", 3, 2, 3)
    state, norms = sg.scan(outer, [v], [M], xs=[data])
    flat, kept = v, []
    for t in range(3):
        part = []
        for k in range(2):
            part.append(sg.sum(flat) ** 2)
            flat = nets.tanh(M @ flat + data[t, k])
        kept.append(sum(part) ** 2)
    return sg.sum(state**2) + sg.sum(norms**2), sg.sum(flat**2) + sum(kept)


BODIES = [
    *(embedding, choices, convolution, entrywise, swapped, solved, running_sum, sized_mean),
    *(scaled_sum, nested),
]


@pytest.mark.parametrize("make", BODIES, ids=lambda make: make.__name__)
def test_a_loop_over_any_body_has_the_numbers_of_the_unrolled_formula(make: Any) -> None:
    rolled, flat = make()
    inputs = sg.graph(rolled).inputs
    wrt = [s for s in inputs if str(s) != "ids"]
    chance = np.random.default_rng(1)
    at = {
        str(s): chance.integers(0, 7, size=s.shape) if str(s) == "ids" else
        chance.normal(size=s.shape) for s in inputs
    }  # fmt: skip
    a, b = (sg.compile(f, list(at), wrt=wrt)(*at.values()) for f in (rolled, flat))
    run = sg.run(rolled, at)

    assert nets.far(a[0], b[0]) < 1e-11
    for symbol, left, right in zip(wrt, a[1], b[1], strict=True):
        assert nets.far(left, right) < 1e-11, symbol
        assert nets.far(run.grad[symbol], right) < 1e-11, symbol


def test_a_batch_of_points_goes_through_a_loop_side_by_side() -> None:
    points = [nets.point(k) for k in range(3)]
    one = sg.compile(nets.rolled_lstm(), NAMES)
    singly = [one(*[at[n] for n in NAMES]) for at in points]
    together = sg.compile(nets.rolled_lstm(), NAMES, batch=True)
    values, grads = together(*[np.stack([at[n] for at in points]) for n in NAMES])

    for k, (value, gradient) in enumerate(singly):
        assert nets.far(values[k], value) < 1e-12
        assert all(nets.far(a[k], b) < 1e-12 for a, b in zip(grads, gradient, strict=True))


def test_a_batch_of_one_argument_leaves_the_others_as_they_are() -> None:
    points = [nets.point(k) for k in range(3)]
    fixed = points[0]
    one = sg.compile(nets.rolled_lstm(), NAMES)
    some = sg.compile(nets.rolled_lstm(), NAMES, batch=["X"])
    values, _ = some(*[np.stack([at["X"] for at in points]) if n == "X" else fixed[n]
                       for n in NAMES])  # fmt: skip

    for k, at in enumerate(points):
        expected, _ = one(*[at["X"] if n == "X" else fixed[n] for n in NAMES])
        assert nets.far(values[k], expected) < 1e-12


@pytest.mark.parametrize("bound", [True, False])
def test_a_program_with_loops_is_saved_to_the_same_bytes(bound: bool) -> None:
    fn = sg.compile(nets.rolled_lstm(), NAMES)
    fn(*nets.point().values())
    program = fn._latest if bound else fn.program
    text = program.to_json()

    assert text == Program.from_json(text).to_json()
    assert str(program) == str(Program.from_json(text))
    for old, new in (('"loop"', '"block"'), ("false", "7")):
        if old in text:
            with pytest.raises(GraphError):
                Program.from_json(text.replace(old, new))


def test_a_loop_of_no_step_is_its_start() -> None:
    body = sg.block("twice", [c], 2 * c)
    f = sg.sum(sg.scan(body, [v], length=0) ** 2)

    assert 14.0 == sg.evaluate(f, {"v": np.array([1.0, 2.0, 3.0])})
    np.testing.assert_array_equal(
        sg.compile(f, returns="grad")(np.array([1.0, 2.0, 3.0]))[0], [2.0, 4.0, 6.0]
    )


def test_results_own_their_memory_and_inputs_stay_as_they_were() -> None:
    last, kept = sg.scan(sg.block("add", [c, x], [c + x, c]), [v], xs=[xs])
    fn = sg.compile([last, kept], ["v", "xs"], returns="value")
    start, data = np.ones(3), np.ones((4, 3))
    first = fn(start, data)
    first[0][:] = 99.0
    first[1][:] = 99.0

    np.testing.assert_array_equal(start, np.ones(3))
    np.testing.assert_array_equal(data, np.ones((4, 3)))
    np.testing.assert_array_equal(fn(start, data)[0], np.full(3, 5.0))


def test_float32_stays_float32_in_a_loop() -> None:
    at = {n: np.float32(a) for n, a in nets.point().items()}
    value, grads = sg.compile(nets.rolled_lstm(), NAMES, dtype="float32")(*at.values())

    assert {np.dtype("float32")} == {np.asarray(a).dtype for a in (value, *grads)}


def test_digits_beyond_a_float_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match="digits"):
        sg.evaluate(nets.rolled_lstm(), nets.point(), digits=30)


def test_sizes_and_work_of_a_loop_are_counted_with_its_length() -> None:
    state, data = sg.tensor("h0", "B", 5), sg.tensor("data", "T", "B", 3)
    U, V = sg.tensor("U", 5, 5), sg.tensor("V", 3, 5)
    last, _ = sg.scan(nets.rnn(), [state], [U, V], xs=[data])
    found = sg.stats(last)
    B = sympy.Symbol("B", integer=True, positive=True)

    # h @ U and x @ V are 45 and 25 operations a row and step, then 5 sums and 5 tanh
    assert 80 * B * nets.T == found.arithmetic
    assert found.with_gradient <= found.bound


def scalars_with_a_block_of_tensors() -> tuple[Any, Any]:
    """Return a formula of scalars with tensors inside its block, and the same without."""
    a, b = sympy.symbols("a b")
    inner = sg.block("inner", [a, b], [sg.sum(sg.ones((3,)) * a * b), a + b])
    return inner(a, b)[0] ** 2 * inner(b, a)[1], (3 * a * b) ** 2 * (a + b)


def scalars_with_a_loop() -> tuple[Any, Any]:
    """Return a formula of scalars with a loop that also keeps something, and the same without."""
    a, b = sympy.symbols("a b")
    body = sg.block("body", [a, b], [sympy.sin(a) * b, a * b])
    flat: Any = a
    for _ in range(4):
        flat = sympy.sin(flat) * b
    return sg.scan(body, [a], [b], length=4)[0] ** 2 + a, flat**2 + a


@pytest.mark.parametrize("make", [scalars_with_a_block_of_tensors, scalars_with_a_loop])
def test_a_formula_of_scalars_with_tensors_inside_is_one_of_tensors(make: Any) -> None:
    rolled, flat = make()
    at = {"a": 0.7, "b": 1.2}
    found, expected = (sg.compile(f, ["a", "b"])(0.7, 1.2) for f in (rolled, flat))
    hessians = [
        np.array(sg.compile(f, ["a", "b"], returns="hessian")(0.7, 1.2), float).reshape(2, 2)
        for f in (rolled, flat)
    ]

    np.testing.assert_allclose(found[0], expected[0], rtol=1e-13)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-13)
    np.testing.assert_allclose(*hessians, rtol=1e-12)
    assert sg.check_grad(rolled, at)
    with pytest.raises(ShapeError, match="no batch is asked for"):
        sg.compile(rolled, ["a", "b"])(np.ones(3), 1.2)
    with pytest.raises(UnsupportedError, match="sparse"):
        sg.compile(rolled, returns="hessian", sparse=True)
    batched = sg.compile(rolled, ["a", "b"], batch=["a"])(np.array([0.7, 0.7]), 1.2)
    np.testing.assert_allclose(batched[0], [expected[0]] * 2, rtol=1e-13)


def test_a_check_tells_of_a_kink_inside_a_loop_that_its_steps_cross() -> None:
    body = sg.block("bend", [c, x, p], [sg.map("relu", c * p + x)])
    f = sg.sum(sg.scan(body, [v], [w], xs=[xs]) ** 2)
    at = {"v": np.full(3, 0.5), "w": np.full(3, 0.5), "xs": np.full((4, 3), 0.25)}
    plain = sg.check_grad(f, at)
    at["xs"][3] = 1e-7 - 0.5 * 0.5
    near = sg.check_grad(f, at)

    assert plain
    assert "kink" not in str(plain)
    assert near
    assert "kink within step" in str(near)
