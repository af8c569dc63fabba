"""Equality of tensor expressions that share their parts."""

from __future__ import annotations

from typing import Any

import symgrad as sg

DOUBLINGS = 200  # a comparison that walks every path never ends


def doubled(name: str) -> Any:
    x = sg.tensor(name, "n")
    for _ in range(DOUBLINGS):
        x = x * x
    return x


def test_equal_trees_built_twice_are_equal_though_their_paths_are_2_to_the_200() -> None:
    first, second = doubled("x"), doubled("x")

    assert first is not second
    assert first == second
    assert hash(first) == hash(second)


def test_trees_that_differ_in_one_leaf_or_one_operation_are_not_equal() -> None:
    x, y = sg.tensor("x", "n"), sg.tensor("y", "n")

    assert doubled("x") != doubled("y")
    assert x + y != x - y
    assert sg.sum(x) != sg.sum(x, keepdims=True)[0]
    assert sg.tensor("x", "n") != sg.tensor("x", "m")
    assert x != "x"


def test_numbers_of_another_kind_are_not_equal() -> None:
    x = sg.tensor("x", "n")

    assert 2 * x != 2.0 * x
    assert sg.sum(2 * x) != sg.sum(2.0 * x)


def test_scalars_of_tensors_are_equal_inside_formulas_of_scalars() -> None:
    first, second = (1 + sg.sum(doubled("x")) ** 2 for _ in range(2))

    assert first == second
