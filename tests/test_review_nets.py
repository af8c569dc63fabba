"""What users of blocks, loops and networks did that once went wrong: each test is a session."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.errors import SymgradError, UnsupportedError

x, w = sg.tensor("x", "D"), sg.tensor("w", "D", "D")
X, W = sg.tensor("X", 2), sg.tensor("W", 2, 2)
BACKENDS = ["numpy", "jax", "torch"]


def having(backend: str) -> str:
    """Return a backend, or skip where it is not installed."""
    if backend != "numpy":
        pytest.importorskip(backend)
    return backend


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("made", [w @ x, sg.inv(w) @ x])
def test_a_loop_of_no_steps_gives_its_start_and_empty_stacks(backend: str, made: Any) -> None:
    last, kept = sg.scan(sg.block("step", [x, w], [made, w]), [X], [W], length=0)
    f = sg.sum(last**2) + sg.sum(kept)
    value, (by_x, by_w) = sg.compile(f, [X, W], backend=having(backend))([1.0, 3.0], np.eye(2))

    assert 10 == value
    assert ([2, 6], [[0, 0], [0, 0]]) == (by_x.tolist(), by_w.tolist())


def test_a_tensor_may_be_held_fixed() -> None:
    f = sg.sum(sg.stop_gradient(X) * X**2)
    M = sympy.MatrixSymbol("M", 2, 2)

    assert [2, 12] == [round(g) for g in sg.run(f, {"X": [1, 2]}).grad["X"] * [1, 1.5]]
    assert (2, 2) == sg.stop_gradient(M).shape
    assert sg.stop_gradient(sympy.Symbol("t")) == sg.parse("stop_gradient(t)").expr


def test_a_loop_repeats_a_block_alone() -> None:
    with pytest.raises(UnsupportedError, match="repeats a block, but found function"):
        sg.scan(lambda h: h, [X], length=2)


def test_how_often_may_be_a_letter() -> None:
    doubled = sg.scan(sg.block("twice", [x, w], [w @ x, x]), [X], [W], length="T")[1]

    assert "(T, 2)" == str(doubled.shape)


def test_an_output_may_be_a_plain_number() -> None:
    assert 3 == sg.evaluate(sg.block("three", [x], [3])(X), {"X": [1, 2]})


def test_every_refusal_of_a_loop_is_one_of_ours() -> None:
    step = sg.block("step", [x, w], [w @ x])
    for wrong in ({"length": -1}, {"length": 2.5}, {"length": "a b"}, {}, {"xs": [X, W, X]}):
        with pytest.raises(SymgradError):
            sg.scan(step, [X], [W], **wrong)


def products() -> Any:
    """Return a block of numbers, one of whose partials is a constant where `b` is one."""
    a, b = sympy.symbols("a b")
    return sg.block("product", [a, b], [a * b])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_constant_slope_of_a_block_of_numbers_is_one_for_each_step(backend: str) -> None:
    s = sympy.Symbol("s")
    step = sg.block("step", [x, s], [x * products()(s, 2), s + 3])
    f = sg.sum(sg.scan(step, [X, s], length=2)[0])
    by_x, by_s = sg.compile(f, [X, s], returns="grad", backend=having(backend))([0.1, 0.2], 0.5)

    # X * 2s * 2(s + 3), by hand
    np.testing.assert_allclose(by_x, [7.0, 7.0])
    np.testing.assert_allclose(by_s, 0.3 * 4 * (2 * 0.5 + 3))
    assert sg.check_grad(f, {"X": [0.1, 0.2], "s": 0.5})


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gradient_through_a_mapped_block_has_the_shape_of_its_variable(backend: str) -> None:
    f = sg.sum(sg.map(lambda t: products()(t, 2), X))
    (found,) = sg.compile(f, [X], returns="grad", backend=having(backend))([0.1, 0.2])

    constant = sg.map(lambda t: sg.block("three", ["t"], 3)(t), X)

    assert [2, 2] == found.tolist()
    assert 6 == sg.evaluate(sg.sum(constant), {"X": [1, 2]})
