"""Closed forms of gradients by tensors have the variable's shape and the hand's numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.errors import UnsupportedError

Array = np.ndarray[Any, Any]
Case = tuple[Callable[..., Any], Callable[[Array, Array], Array]]
A = sg.tensor("A", "b", "t", "d")
B = sg.tensor("B", "k")


def spread(values: Array, like: Array, axis: int | tuple[int, ...]) -> Array:
    """Values that do not depend on some axes, repeated along them."""
    return np.broadcast_to(np.expand_dims(values, axis), like.shape)


def total_exp() -> Any:
    return sg.sum(sg.map(sympy.exp, sg.sum(A, axis=2) * sg.sum(B)))


REPEATED: dict[str, Case] = {  # the gradient is the same all along some axes
    "a factor of one number": (
        lambda: sg.sum(sg.sum(A, axis=1) ** 2) * sg.sum(B),
        lambda a, b: spread(2 * b.sum() * a.sum(1), a, 1),
    ),
    "a number alone in an einsum": (
        lambda: sg.sum(sg.einsum("ijk,l->i", A, B) ** 2),
        lambda a, b: spread(2 * b.sum() ** 2 * a.sum((1, 2)), a, (1, 2)),
    ),
    "a function of sums": (
        total_exp,
        lambda a, b: spread(b.sum() * np.exp(a.sum(2) * b.sum()), a, 2),
    ),
    "the largest of sums": (
        lambda: sg.max(sg.sum(A, axis=(0, 2))),
        lambda a, b: spread(1.0 * (a.sum((0, 2)) == a.sum((0, 2)).max()), a, (0, 2)),
    ),
    "a choice between sums": (
        lambda: sg.sum(sg.where(sg.sum(A, axis=0) > 0, sg.sum(A, axis=0), 0)),
        lambda a, b: spread(1.0 * (a.sum(0) > 0), a, 0),
    ),
}


@pytest.mark.parametrize("name", REPEATED)
def test_a_gradient_that_repeats_along_an_axis_has_that_axis(name: str) -> None:
    formula, by_hand = REPEATED[name]
    rng = np.random.default_rng(0)
    at = {"A": rng.normal(size=(2, 3, 4)), "B": rng.normal(size=5)}
    closed = sg.grad(formula(), A)
    held = {"b": 2, "t": 3, "d": 4, **at}
    names = {str(symbol) for symbol in sg.graph(closed).inputs}

    found = sg.evaluate(closed, {n: v for n, v in held.items() if n in {*names, "b", "t", "d"}})

    assert closed.shape == A.shape
    assert found.shape == (2, 3, 4)
    np.testing.assert_allclose(found, by_hand(at["A"], at["B"]), rtol=1e-12)


# --- conditions that are one number ---

HUBER = "where(norm(x) < 1, norm2(x)/2, norm(x) - 1/2)"


def huber(x: Any) -> Any:
    """Half the square of a length below 1, straight from there on."""
    squares = sg.norm(x) ** 2
    return sympy.Piecewise((squares / 2, sg.norm(x) < 1), (sg.norm(x) - sympy.Rational(1, 2), True))


CHOICES = {
    "of a column": (sg.parse(HUBER, shapes={"x": "n"}), (3,)),
    "of a matrix": (sg.parse(HUBER, shapes={"x": ("m", "n")}), (2, 3)),
    "of SymPy's own": (huber(sympy.MatrixSymbol("x", *sympy.symbols("m n"))), (2, 3)),
    "of a tensor": (huber(sg.tensor("x", "b", "t", "d")), (2, 3, 2)),
}


@pytest.mark.parametrize("length", [0.5, 2.0])
@pytest.mark.parametrize("kind", CHOICES)
def test_a_choice_by_one_number_has_a_closed_form(kind: str, length: float) -> None:
    formula, shape = CHOICES[kind]
    x = np.random.default_rng(0).normal(size=shape)
    x *= length / np.linalg.norm(x)

    found = sg.evaluate(sg.grad(formula, "x"), {"x": x})

    np.testing.assert_allclose(found.reshape(shape), x / max(length, 1), rtol=1e-12)


# --- entries of products, which SymPy writes as sums ---

n = sympy.Symbol("n")
M, P = sympy.MatrixSymbol("M", n, n), sympy.MatrixSymbol("P", n, n)
x = sympy.MatrixSymbol("x", n, 1)
i = sympy.Dummy("i", integer=True)
WHOLE: dict[str, tuple[Any, str]] = {
    "a quadratic form": ((x.T * M * x)[0, 0], "(M + M.T)*x"),
    "an entry of a sum": (((M + 2 * P) * x)[1, 0], "(M.T + 2*P.T)*one_hot(1, n)"),
    "an entry after an inverse": ((M.inv() * x)[0, 0], "inv(M).T*one_hot(0, n)"),
    "a sum of squares": (sympy.Sum(x[i, 0] ** 2, (i, 0, n - 1)), "2*x"),
    "a diagonal": (sympy.Sum(M[i, i] * x[i, 0], (i, 0, n - 1)), "diag(M)"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_sums_over_a_whole_axis_are_products_again(name: str) -> None:
    formula, gradient = WHOLE[name]

    assert str(sg.grad(formula, x)) == gradient


def test_a_sum_over_part_of_an_axis_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"holds `x`, which has axes, under Sum"):
        sg.grad(sympy.Sum(x[i, 0] ** 2, (i, 1, n - 1)), x)
