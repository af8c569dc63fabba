"""Blocks and loops over tensors have the derivatives of the formulas that they stand for."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.errors import KinkError
from symgrad.rules import opaque

nets = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("recurrent.py"))))
NAMES = list(nets.SHAPES)
TIGHT = 1e-12


def values(point: dict[str, Any]) -> list[Any]:
    return [point[n] for n in NAMES]


# --- calls ---


def test_a_block_called_twice_with_different_sizes_has_the_gradient_of_the_flat_formula() -> None:
    layer = nets.affine()
    X, W, V = sg.tensor("X", 5, 4), sg.tensor("W", 4, 3), sg.tensor("V", 3, 2)
    b, c = sg.tensor("b", 3), sg.tensor("c", 2)
    blocks = sg.sum(layer(layer(X, W, b), V, c) ** 2)
    flat = sg.sum(nets.tanh(nets.tanh(X @ W + b) @ V + c) ** 2)
    chance = np.random.default_rng(0)
    at = {str(s): chance.normal(size=s.shape) for s in (X, W, V, b, c)}
    names = list(at)
    found = sg.compile(blocks, names)(*at.values())
    expected = sg.compile(flat, names)(*at.values())

    assert nets.far(found[0], expected[0]) < TIGHT
    assert all(nets.far(a, b) < TIGHT for a, b in zip(found[1], expected[1], strict=True))
    assert sg.check_grad(blocks, at)
    assert all(nets.far(sg.run(blocks, at).grad[n], g) < TIGHT for n, g in
               zip(names, expected[1], strict=True))  # fmt: skip


def test_a_pullback_is_derived_once_for_all_calls_of_a_block() -> None:
    layer = nets.affine()
    h, f = sg.tensor("X", 5, 4), []
    for k in range(3):
        h = layer(h, sg.tensor(f"W{k}", 4, 4), sg.tensor(f"b{k}", 4))
        f.append(h)
    nodes = sg.grad(sg.sum(f[-1]), form="graph").nodes
    regions = {p[0] for g, p in zip(nodes.gates, nodes.payloads, strict=True)
               if g is opaque.TENSOR_CALL}  # fmt: skip

    assert {"layer", "dlayer"} == {region.name for region in regions}
    assert sum(region.name == "dlayer" for region in regions) <= 2  # one leaves out the data


def test_outputs_of_one_call_are_pulled_together() -> None:
    x, w = sg.tensor("x", "N"), sympy.Symbol("w")
    pair = sg.block("pair", [x, w], [sg.sum(x) * w, x * w])
    X = sg.tensor("X", 3)
    total, scaled = pair(X, w)
    f = total**2 + sg.sum(scaled**3) * total
    nodes = sg.grad(f, form="graph").nodes
    names = {p[0].name for g, p in zip(nodes.gates, nodes.payloads, strict=True)
             if g is opaque.TENSOR_CALL}  # fmt: skip
    at = {"X": np.array([0.5, -1.0, 2.0]), "w": 1.5}
    flat = sg.sum(X) * w
    expected = sg.run(flat**2 + sg.sum((X * w) ** 3) * flat, at)

    assert {"pair", "dpair"} == names
    assert 1 == len({args for g, args, p in zip(nodes.gates, nodes.args, nodes.payloads,
                     strict=True) if g is opaque.TENSOR_CALL and p[0].name == "dpair"})  # fmt: skip
    for name in ("X", "w"):
        assert nets.far(sg.run(f, at).grad[name], expected.grad[name]) < TIGHT


def test_an_output_that_an_input_of_another_output_reads_is_complete_before_it_is_pulled() -> None:
    x = sg.tensor("x", "N")
    both = sg.block("both", [x], [sg.map("sin", x), sg.map("exp", x)])
    X = sg.tensor("X", 3)
    first, second = both(X)
    f = sg.sum(second) * sg.sum(first * second) + sg.sum(both(first)[1])
    at = {"X": np.array([0.3, -0.4, 1.2])}

    assert sg.check_grad(f, at)


def test_nested_blocks_have_the_gradient_of_what_they_hold() -> None:
    layer = nets.affine()
    x, w, b = sg.tensor("x", "M", "K"), sg.tensor("w", "K", "K"), sg.tensor("b", "K")
    two = sg.block("two", [x, w, b], layer(layer(x, w, b), w, b))
    X, W, c = sg.tensor("X", 2, 3), sg.tensor("W", 3, 3), sg.tensor("c", 3)
    f = sg.sum(two(two(X, W, c), W, c) ** 2)
    chance = np.random.default_rng(1)
    at = {str(s): chance.normal(size=s.shape) for s in (X, W, c)}

    assert sg.check_grad(f, at)
    assert sg.check_grad(sg.sum(sg.grad(f, W) ** 2), at)


# --- loops ---


def test_a_loop_has_the_gradients_of_the_unrolled_formula() -> None:
    at = nets.point()
    value, grads = sg.compile(nets.rolled_lstm(), NAMES)(*values(at))
    expected, flat = sg.compile(nets.flat_lstm(), NAMES)(*values(at))

    assert nets.far(value, expected) < TIGHT
    for name, a, b in zip(NAMES, grads, flat, strict=True):
        assert nets.far(a, b) < TIGHT, name


def test_a_run_of_a_loop_has_the_gradients_of_the_unrolled_formula() -> None:
    at = nets.point(1)
    run, flat = sg.run(nets.rolled_lstm(), at), sg.run(nets.flat_lstm(), at)

    for name in NAMES:
        assert nets.far(run.grad[name], flat.grad[name]) < TIGHT, name
    assert sg.check_grad(nets.rolled_lstm(), at)


@pytest.mark.parametrize("returns", ["jvp", "hvp"])
def test_forward_derivatives_of_a_loop_are_those_of_the_unrolled_formula(returns: str) -> None:
    at, chance = nets.point(2), np.random.default_rng(3)
    along = [chance.normal(size=np.shape(v)) for v in values(at)]
    rolled = sg.compile(nets.rolled_lstm(), NAMES, returns=returns)(*values(at), *along)
    flat = sg.compile(nets.flat_lstm(), NAMES, returns=returns)(*values(at), *along)
    pairs = [(rolled, flat)] if returns == "jvp" else list(zip(rolled, flat, strict=True))

    assert all(nets.far(a, b) < 1e-10 for a, b in pairs)


def test_the_gradient_of_a_gradient_goes_through_the_loop_that_walks_back() -> None:
    at = nets.point(4)
    nested = [sg.sum(sg.grad(f(), "W") ** 2) for f in (nets.rolled_lstm, nets.flat_lstm)]
    rolled, flat = (sg.compile(f, NAMES, returns="grad")(*values(at)) for f in nested)

    for name, a, b in zip(NAMES, rolled, flat, strict=True):
        assert nets.far(a, b) < 1e-10, name


def test_the_length_of_a_loop_may_be_a_size() -> None:
    xs, h = sg.tensor("xs", "T", "B", 3), sg.tensor("h0", "B", 5)
    U, W = sg.tensor("U", 5, 5), sg.tensor("W", 3, 5)
    last, all_ = sg.scan(nets.rnn(), [h], [U, W], xs=[xs])
    f = sg.sum(last**2) + sg.mean(all_)
    chance = np.random.default_rng(5)

    for steps, batch in ((3, 2), (6, 1)):
        at = {
            "xs": chance.normal(size=(steps, batch, 3)),
            "h0": chance.normal(size=(batch, 5)),
            "U": chance.normal(size=(5, 5)),
            "W": chance.normal(size=(3, 5)),
        }
        assert (steps, batch, 5) == sg.evaluate(all_, at).shape
        assert sg.check_grad(f, at)


def test_a_loop_without_streams_repeats_as_often_as_its_length_says() -> None:
    x, A = sg.tensor("x", "N"), sg.tensor("A", "N", "N")
    turn = sg.block("turn", [x, A], A @ x)
    v, M = sg.tensor("v", 3), sg.tensor("M", 3, 3)
    f = sg.sum(sg.scan(turn, [v], [M], length=4))
    flat = sg.sum(M @ (M @ (M @ (M @ v))))
    chance = np.random.default_rng(6)
    at = {"v": chance.normal(size=3), "M": chance.normal(size=(3, 3))}

    for name in ("v", "M"):
        assert nets.far(sg.run(f, at).grad[name], sg.run(flat, at).grad[name]) < TIGHT


def test_scalars_are_carried_cut_from_vectors_and_stacked() -> None:
    c, x, w = sympy.symbols("c x w")
    step = sg.block("step", [c, x, w], [sympy.sin(c) * w + x, c * x])
    xs = sg.tensor("xs", "T")
    last, kept = sg.scan(step, [sympy.Symbol("start")], [w], xs=[xs])
    f = last**2 + sg.sum(kept)
    at = {"xs": np.array([0.4, -0.2, 0.9]), "start": 0.7, "w": 1.3}
    state, stacked = at["start"], []
    for entry in at["xs"]:
        stacked.append(state * entry)
        state = np.sin(state) * at["w"] + entry

    assert nets.far(sg.evaluate(f, at), state**2 + sum(stacked)) < TIGHT
    assert sg.check_grad(f, at)
    assert sg.check_grad(sg.grad(f, "w") ** 2, at)


def test_a_loop_inside_the_body_of_a_loop_is_differentiated() -> None:
    x, A = sg.tensor("x", "N"), sg.tensor("A", "N", "N")
    turn = sg.block("turn", [x, A], nets.tanh(A @ x))
    outer = sg.block("outer", [x, A], [sg.scan(turn, [x], [A], length=2), sg.sum(x**2)])
    v, M = sg.tensor("v", 3), sg.tensor("M", 3, 3)
    last, norms = sg.scan(outer, [v], [M], length=3)
    flat, sums = v, []
    for _ in range(3):
        sums.append(sg.sum(flat**2))
        flat = nets.tanh(M @ nets.tanh(M @ flat))
    chance = np.random.default_rng(7)
    at = {"v": chance.normal(size=3), "M": chance.normal(size=(3, 3))}
    f, g = sg.sum(last) * sg.sum(norms), sg.sum(flat) * sum(sums)

    for fn in (lambda e: sg.compile(e, ["v", "M"])(*at.values())[1],):
        assert all(nets.far(a, b) < TIGHT for a, b in zip(fn(f), fn(g), strict=True))
    for name in ("v", "M"):
        assert nets.far(sg.run(f, at).grad[name], sg.run(g, at).grad[name]) < TIGHT


def test_parameters_shared_between_loops_and_calls_add_their_gradients() -> None:
    layer, cell = nets.affine(), nets.rnn()
    xs, W, b = sg.tensor("xs", 3, 2, 4), sg.tensor("W", 4, 4), sg.tensor("b", 4)
    last, _ = sg.scan(cell, [layer(xs[0], W, b)], [W, W], xs=[xs])
    f = sg.sum(layer(last, W, b))
    chance = np.random.default_rng(8)
    at = {str(s): chance.normal(size=s.shape) for s in (xs, W, b)}

    assert sg.check_grad(f, at)


def test_what_a_loop_does_not_move_has_no_gradient_from_it_and_what_it_ignores_is_zero() -> None:
    c, x, k = sg.tensor("c", 2), sg.tensor("x", 2), sympy.Symbol("k")
    step = sg.block("step", [c, x, k], [c + x, sg.stop_gradient(k) * x])
    xs, start = sg.tensor("xs", 3, 2), sg.tensor("start", 2)
    last, kept = sg.scan(step, [start], [k], xs=[xs])
    at = {"xs": np.ones((3, 2)), "start": np.ones(2), "k": 2.0}

    assert 0 == sg.run(sg.sum(kept), at).grad["k"]
    np.testing.assert_array_equal(sg.run(sg.sum(kept), at).grad["start"], [0, 0])
    np.testing.assert_array_equal(sg.run(sg.sum(kept), at).grad["xs"], np.full((3, 2), 2.0))
    np.testing.assert_array_equal(sg.run(sg.sum(last), at).grad["xs"], np.ones((3, 2)))


def test_a_kink_in_a_body_follows_the_policy() -> None:
    c, x = sg.tensor("c", 2), sg.tensor("x", 2)
    step = sg.block("step", [c, x], [c + sg.map("relu", x)])
    f = sg.sum(sg.scan(step, [sg.tensor("start", 2)], xs=[sg.tensor("xs", 3, 2)]))
    at = {"xs": np.zeros((3, 2)), "start": np.ones(2)}
    slopes = {
        policy: sg.compile(f, ["xs", "start"], wrt="xs", returns="grad", kinks=policy)(
            at["xs"], at["start"]
        )
        for policy in ("min_norm", "nan")
    }

    np.testing.assert_array_equal(slopes["min_norm"], np.zeros((3, 2)))
    assert np.isnan(slopes["nan"]).all()
    assert sg.run(f, at).kinks
    with pytest.raises(KinkError, match="kink"):
        sg.run(f, at, kinks="raise")


# --- form and cost ---


def test_a_gradient_through_a_loop_prints_rolled_with_readable_names() -> None:
    xs, h = sg.tensor("xs", "T", 2, 3), sg.tensor("h0", 2, 5)
    U, W = sg.tensor("U", 5, 5), sg.tensor("W", 3, 5)
    last, _ = sg.scan(nets.rnn(), [h], [U, W], xs=[xs])
    found = str(sg.grad(sg.sum(last), U, form="let"))

    assert "reversed drnn^T" in found
    assert "block rnn(h, x, U, W) = tanh(h @ U + x @ W)" in found
    assert "block drnn(dh, dU, h, h_next, U) = dh*(1 - h_next**2) @ U.T" in found


def test_a_closed_gradient_through_a_loop_is_an_expression_like_any_other() -> None:
    at = nets.point(9)
    closed = sg.grad(nets.rolled_lstm())
    run = sg.run(nets.flat_lstm(), at)

    for symbol, form in closed.items():
        assert nets.far(sg.evaluate(form, at), run.grad[str(symbol)]) < TIGHT


def test_a_closed_gradient_that_reads_a_part_of_the_body_is_built_again() -> None:
    xs, h = sg.tensor("xs", 3, 2, 3), sg.tensor("h0", 2, 5)
    U, W = sg.tensor("U", 5, 5), sg.tensor("W", 3, 5)
    last, _ = sg.scan(nets.rnn(), [h], [U, W], xs=[xs])
    closed = sg.grad(sg.sum(last), h)  # whose body has no `x`, so nothing says what D is
    chance = np.random.default_rng(2)
    at = {str(s): chance.normal(size=s.shape) for s in (h, xs, U, W)}

    assert nets.far(sg.evaluate(closed, at), sg.run(sg.sum(last), at).grad["h0"]) < TIGHT
    assert sg.check_grad(sg.sum(closed**2), at)


def test_deriving_a_long_loop_costs_what_a_short_one_costs() -> None:
    def derived(steps: int) -> str:
        xs, h = sg.tensor("xs", steps, 2, 3), sg.tensor("h0", 2, 5)
        params = [sg.tensor("U", 5, 5), sg.tensor("W", 3, 5)]
        last, _ = sg.scan(nets.rnn(), [h], params, xs=[xs])
        return sg.grad(sg.sum(last**2), form="graph").to_json()

    short, long = derived(7), derived(1000)

    assert short.count("\n") == long.count("\n")
    assert len(long) < 1.1 * len(short)


def test_the_forward_loop_runs_once_for_a_value_and_its_gradient() -> None:
    fn = sg.compile(nets.rolled_lstm(), NAMES)
    fn(*values(nets.point()))
    loops = [line for line in fn.source.splitlines() if "= loop(" in line]

    assert 2 == len(loops)
    assert 1 == sum("backward" in line for line in loops)


def test_gradients_of_parameters_are_summed_over_time_by_one_product_behind_the_loop() -> None:
    xs, h = sg.tensor("xs", 7, 2, 3), sg.tensor("h0", 2, 5)
    U, W = sg.tensor("U", 5, 5), sg.tensor("W", 3, 5)
    last, _ = sg.scan(nets.rnn(), [h], [U, W], xs=[xs])
    fn = sg.compile(sg.sum(last**2), [xs, h, U, W], wrt=[U, W])
    chance = np.random.default_rng(0)
    fn(*(chance.normal(size=s.shape) for s in (xs, h, U, W)))
    backward = next(op for op in fn._latest.operations if op.gate is opaque.TENSOR_SCAN
                    and op.payload.form.backward)  # fmt: skip

    assert 1 == backward.payload.form.carries
    assert all(len(shape) < 3 or shape[0] == 7 for shape in backward.payload.shapes)
