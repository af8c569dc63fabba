"""Declared facts and numbers: values must agree, and differences stay in the declared space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg

RIGHT: dict[str, Any] = {
    "symmetric": [[1.0, 2.0], [2.0, 3.0]],
    "diagonal": [[1.0, 0.0], [0.0, 3.0]],
    "orthogonal": [[0.0, 1.0], [-1.0, 0.0]],
    "positive_definite": [[2.0, 1.0], [1.0, 2.0]],
    "sums_to_one": [[0.25, 0.75], [0.5, 0.5]],
    "one_hot": [[0.0, 1.0], [1.0, 0.0]],
}
WRONG: dict[str, Any] = {
    "symmetric": [[1.0, 2.0], [2.1, 3.0]],
    "diagonal": [[1.0, 0.1], [0.0, 3.0]],
    "orthogonal": [[0.0, 1.0], [-1.1, 0.0]],
    "positive_definite": [[1.0, 2.0], [2.0, 1.0]],
    "sums_to_one": [[0.25, 0.75], [0.5, 0.6]],
    "one_hot": [[0.5, 0.5], [1.0, 0.0]],
}


def total(fact: str) -> Any:
    A, B = sg.matrix("A", "n", "n", fact), sg.matrix("B", "n", "n")
    return sg.trace(A * A * B)


@pytest.mark.parametrize("fact", RIGHT)
def test_a_value_that_is_what_was_declared_is_taken(fact: str) -> None:
    B = np.array([[1.0, -2.0], [0.5, 4.0]])
    found = sg.evaluate(total(fact), {"A": RIGHT[fact], "B": B})

    np.testing.assert_allclose(found, np.trace(np.array(RIGHT[fact]) @ RIGHT[fact] @ B))


@pytest.mark.parametrize("fact", WRONG)
def test_a_value_that_breaks_a_fact_is_refused_by_name(fact: str) -> None:
    with pytest.raises(sg.SymgradError, match=f"`A` is declared {fact.replace('_', ' ')}"):
        sg.run(total(fact), {"A": WRONG[fact], "B": np.eye(2)})


def test_rounded_values_pass() -> None:
    angle = np.float32(0.3)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)

    assert np.isfinite(sg.evaluate(total("orthogonal"), {"A": turn, "B": np.eye(2, dtype="f4")}))


@pytest.mark.parametrize("fact", ["symmetric", "diagonal", "positive_definite"])
@pytest.mark.parametrize("size", [2, 20])
def test_the_gradient_on_a_declared_space_passes_the_check(
    fact: str, size: int, rng: np.random.Generator
) -> None:
    square = rng.normal(size=(size, size))
    values = {
        "symmetric": square + square.T,
        "diagonal": np.diag(np.diag(square)),
        "positive_definite": square @ square.T + np.eye(size),
    }
    at = {"A": values[fact], "B": rng.normal(size=(size, size))}

    assert sg.check_grad(total(fact), at)


def test_a_numeric_gradient_stays_on_the_declared_space(rng: np.random.Generator) -> None:
    A, x = sg.matrix("A", "n", "n", "diagonal"), sg.matrix("x", "n")
    point = rng.normal(size=3)
    found = sg.numeric_grad(x.T * A * x, {"A": np.diag(point), "x": point}, "A")

    np.testing.assert_allclose(found, np.diag(point**2), atol=1e-8)


@pytest.mark.parametrize("fact", [f for f in WRONG if f != "positive_definite"])
def test_a_compiled_function_refuses_what_breaks_a_fact(fact: str) -> None:
    function = sg.compile(total(fact), ["A", "B"])

    assert np.isfinite(function(RIGHT[fact], np.eye(2))[0])
    with pytest.raises(sg.SymgradError, match=f"`A` is declared {fact.replace('_', ' ')}"):
        function(WRONG[fact], np.eye(2))
