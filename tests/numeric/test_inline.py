"""Inlined programs give the same numbers from fewer kinds of gates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.inline import inline
from symgrad.numeric.program import ITEM, Program, lower

BASE = {"add", "sub", "neg", "mul", "div", "pow", "sqrt", "exp", "log", "max", "min", "where"}
BASE |= {"gt", "ge", "lt", "le", "eq", "ne", "abs", "erf", "expm1", "log1p", "tanh", "sin"}


def names(program: Program) -> set[str]:
    return {op.gate.name for op in program.operations}


def both(program: Program, inlined: Program, points: list[Any]) -> tuple[list[Any], list[Any]]:
    arithmetic = Floats()
    return arithmetic.outputs(program, points), arithmetic.outputs(inlined, points)


@pytest.mark.parametrize(
    "text",
    [
        "relu(x)*y",
        "leaky_relu(x, y)",
        "elu(x)",
        "selu(x - y)",
        "gelu(x)",
        "swish(x*y)",
        "softplus(x)",
        "logaddexp(x, y)",
        "logsumexp(x, y, 1)",
        "sigmoid(sigmoid(x))",
    ],
)
def test_a_defined_gate_becomes_the_gates_of_its_formula(text: str) -> None:
    program = lower(sg.graph(text))

    inlined = inline(program, BASE)

    assert names(inlined) <= BASE
    points = [np.linspace(-2, 2, 9), np.linspace(0.5, 1.5, 9)][: len(program.inputs)]
    expected, actual = both(program, inlined, points)
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-14)


def test_what_is_known_stays_the_very_same_program() -> None:
    program = lower(sg.graph("sin(x) + x*y"))

    assert inline(program, {"sin", "add", "mul"}) is program


def test_a_gate_without_a_formula_stays_by_name() -> None:
    program = lower(sg.graph("besselj(0, relu(x))"))

    assert {"besselj", "max"} == names(inline(program, BASE))


def test_a_gate_whose_formula_leads_back_to_it_stays() -> None:
    program = lower(sg.graph("max(x, y)"))

    assert {"max"} == names(inline(program, set()))


def blocks() -> Program:
    x, h = sympy.symbols("x h")
    twice = sg.block("twice", [x, h], [sympy.sin(x * h), x + h])
    a, b = twice(x, h)
    return lower(sg.graph([twice(a, b)[0] + b, twice(a, b)[1]]))


def test_blocks_are_copied_to_where_they_are_called() -> None:
    program = blocks()

    inlined = inline(program, BASE)

    assert all(op.gate is not ITEM for op in inlined.operations)
    assert names(inlined) == {"sin", "mul", "add"}
    expected, actual = both(program, inlined, [0.3, 1.7])
    assert expected == actual


@pytest.mark.parametrize("length", [0, 1, 7])
def test_loops_are_unrolled(length: int) -> None:
    x, a = sympy.symbols("x a")
    step = sg.block("step", [x, a], [sympy.sin(a * x)])
    program = lower(sg.graph(sg.scan(step, [x], [a], length=length) * a), (x, a))

    inlined = inline(program, BASE)

    assert length == sum(op.gate.name == "sin" for op in inlined.operations)
    expected, actual = both(program, inlined, [0.3, 1.7])
    assert expected == actual


def test_a_loop_beyond_the_limit_stays_rolled() -> None:
    x, a = sympy.symbols("x a")
    step = sg.block("step", [x, a], sympy.sin(a * x))
    program = lower(sg.graph(sg.scan(step, [x], [a], length=1000) + sympy.sin(x)))

    inlined = inline(program, BASE, longest=100)

    assert {"scan", "item", "sin", "add"} == names(inlined)
    expected, actual = both(program, inlined, [0.3, 1.7])
    assert expected == actual


def test_what_nobody_reads_is_dropped() -> None:
    x, y = sympy.symbols("x y")
    pair = sg.block("pair", [x, y], [x + y, sympy.sin(x) * y])
    inlined = inline(lower(sg.graph(pair(x, y)[0])), BASE)

    assert ["add"] == [op.gate.name for op in inlined.operations]
