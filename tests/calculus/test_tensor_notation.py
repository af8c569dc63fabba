"""Gradients by tensors are written as a person writes them, and what is written is the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.numeric.sizes import size_symbols

SIZES = {"N": 3, "n": 4, "m": 2}
N, n = sg.tensor("_", "N", "n").shape
X, Y, G = (sg.tensor(name, "N", "n") for name in "XYG")
W, x, u, b = sg.tensor("W", "n", "m"), sg.tensor("x", "n"), sg.tensor("u", "N"), sg.tensor("b", "m")
y, c = sg.tensor("y", "N"), sympy.Symbol("c")
rows = sg.one_hot(y, n)


def centred() -> Any:
    return X - sg.mean(X, axis=0, keepdims=True)


PRINTED: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "a number that all terms share stands outside": (
        lambda: sg.sum(sg.logsumexp(X, axis=1) - sg.sum(Y * X, axis=1)) / N, X,
        "(softmax(X, axis=1) - Y)/N"),
    "a one-hot row adds up to one": (
        lambda: -sg.mean(sg.sum(rows * sg.log_softmax(X), axis=1)), X,
        "(softmax(X, axis=1) - one_hot(y, n))/N"),
    "the number goes on through a product of matrices": (
        lambda: -sg.mean(sg.sum(sg.one_hot(y, 2) * sg.log_softmax(X @ sg.tensor("W", "n", 2)),
                                axis=1)),
        "W", "X.T @ (softmax(X @ W, axis=1) - one_hot(y, 2))/N"),
    "a quotient is a quotient": (lambda: sg.sum(X / Y), Y, "-X/Y**2"),
    "also by a row": (lambda: sg.sum(X / x), X, "broadcast_to(1/x, (N, n))"),
    "and by a column": (lambda: sg.sum(G * (X / u[:, None])), X, "G/u[:, None]"),
    "a root is a root": (lambda: sg.sum(sg.map("sqrt", X)), X, "1/(2*sqrt(X))"),
    "a mean over rows is taken off again": (
        lambda: sg.sum(G * centred()), X, "G - sum(G, axis=0)/N"),
    "a mean over columns has a new axis": (
        lambda: sg.sum(G * (X - sg.mean(X, axis=1, keepdims=True))), X,
        "G - sum(G, axis=1)[:, None]/n"),
    "an axis of length 1 is not written": (
        lambda: sg.sum(X * sg.tensor("g", "N", 1)), X, "broadcast_to(g, (N, n))"),
    "its own gradient has it": (
        lambda: sg.sum(X * sg.tensor("g", "N", 1)), "g", "sum(X, axis=1)[:, None]"),
    "products of three are taken two by two": (
        lambda: sg.sum(G * sg.softmax(X)), X,
        "G*softmax(X, axis=1) - softmax(X, axis=1)*sum(G*softmax(X, axis=1), axis=1)[:, None]"),
    "a difference is turned around before a minus": (
        lambda: sg.sum((X - Y) ** 2) / -c, X, "2*(Y - X)/c"),
    "parts that fill an axis are joined": (
        lambda: sg.sum(G[:, :1] * sg.map("tanh", X[:, :1])) + sg.sum(X[:, 1:] ** 2), X,
        "concat([G[:, :1]*(1 - tanh(X[:, :1])**2), 2*X[:, 1:]], axis=1)"),
    "parts that leave a gap are not": (
        lambda: sg.sum(X[:, :1]) + sg.sum(X[:, 2:]), X,
        "zeros((N, n)).at[:, 2:].set(ones((N, n - 2)))"
        " + zeros((N, n)).at[:, :1].set(ones((N, 1)))"),
    "a batch of rows times a matrix": (
        lambda: sg.sum(sg.tensor("A", "N", 5, "n") @ W * sg.tensor("D", "N", 5, "m")), "A",
        "D @ W.T"),
}  # fmt: skip


@pytest.mark.parametrize("name", PRINTED)
def test_a_gradient_reads_as_in_a_textbook(name: str) -> None:
    formula, wrt, expected = PRINTED[name]

    assert expected == str(sg.grad(formula(), wrt))


def test_conditions_are_not_named_since_they_are_no_numbers() -> None:
    seen = sg.where(X > Y, sg.map("tanh", X), sg.map("exp", X))
    printed = str(sg.grad(sg.sum(seen * G), [X], form="let"))

    assert "not_equal" not in printed
    assert "X > Y" in printed


def test_a_name_is_known_for_what_it_stands_for() -> None:
    lines, reduced = sg.grad(-sg.mean(sg.sum(rows * sg.log_softmax(X), axis=1)), [X], form="let")

    assert [] == [name for name, value in lines if "sum(" in str(value)]
    assert "sum(" not in str(reduced[0])


def test_a_named_line_has_no_axis_along_which_it_repeats() -> None:
    deviation = sg.map("sqrt", sg.mean(centred() ** 2, axis=0, keepdims=True) + 1)
    lines, _ = sg.grad(sg.sum(G * (centred() / deviation)), X, form="let")
    shapes = {str(name): name.shape for name, _ in lines}

    assert (n,) == shapes["r"]
    assert all(1 not in shape for shape in shapes.values())


# --- what is written is the gradient: formulas by chance ---

FORMULAS = 60
CLOSE = 1e-12  # of numbers around 1; some hundred operations


STEPS: tuple[Callable[..., Any], ...] = (  # of two tensors, and of the first in full shape
    lambda a, d, wide: a + d,
    lambda a, d, wide: a - 2 * d,
    lambda a, d, wide: a * d,
    lambda a, d, wide: a / (2 + d * d),
    lambda a, d, wide: sg.map("tanh", a) * c,
    lambda a, d, wide: sg.softmax(wide),
    lambda a, d, wide: sg.mean(wide, axis=0, keepdims=True) - d,
    lambda a, d, wide: sg.sum(wide * d, axis=1, keepdims=True) / 3,
    lambda a, d, wide: (wide @ W) @ W.T,
    lambda a, d, wide: sg.concat([wide[:, 2:], sg.map("sin", wide[:, :2])], axis=1),
    lambda a, d, wide: sg.where(wide > d, a, d),
    lambda a, d, wide: wide * rows,
    lambda a, d, wide: sg.map("sqrt", 1 + wide**2),
)


def by_chance(rng: np.random.Generator) -> Any:
    """Return a scalar made of sums, products, quotients, reductions and parts, a few deep."""
    pool: list[Any] = [X, Y, x, u[:, None], sg.tensor("g", "N", 1), X * 0.5 + 1]
    for _ in range(int(rng.integers(3, 9))):
        a, d = (pool[k] for k in rng.integers(0, len(pool), 2))
        pool.append(STEPS[int(rng.integers(len(STEPS)))](a, d, a + X * 0))
    return sg.sum(pool[-1] * G) + sg.mean(pool[-2] * X) / c


def at_point(formula: Any, values: dict[str, Any]) -> Any:
    made = sg.graph(formula)
    held = {str(getattr(s, "name", s)) for s in made.inputs}
    held |= {size.name for size in size_symbols(made.nodes)}
    return sg.evaluate(made, {k: v for k, v in values.items() if k in held})


@pytest.mark.parametrize("seed", range(FORMULAS))
def test_closed_forms_and_named_lines_are_the_gradient(seed: int) -> None:
    rng = np.random.default_rng(seed)
    formula = by_chance(rng)
    shapes = {"X": (3, 4), "Y": (3, 4), "G": (3, 4), "x": (4,), "u": (3,), "g": (3, 1), "W": (4, 2)}
    values: dict[str, Any] = {k: rng.uniform(-1, 1, s) for k, s in shapes.items()}
    values |= {"y": np.array([1.0, 3, 0]), "c": 1.7, **SIZES}
    held = [str(getattr(s, "name", s)) for s in sg.graph(formula).inputs]
    by = [name for name in held if name not in ("y", *SIZES)]
    expected = sg.compile(formula, held, wrt=by, returns="grad")(*(values[k] for k in held))

    lines, reduced = sg.grad(formula, by, form="let")
    known = dict(values)
    for name, line in lines:
        known[str(name)] = at_point(line, known)

    for name, a, closed, line in zip(by, expected, sg.grad(formula, by), reduced, strict=True):
        scale = max(1.0, np.abs(a).max())
        for found in (at_point(closed, values), at_point(line, known)):
            assert np.shape(found) == np.shape(a), name
            np.testing.assert_allclose(found, a, rtol=0, atol=CLOSE * scale)
