"""What users did that once went wrong: each test is one of their sessions."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import SymgradError


def test_a_step_downhill_in_place_leaves_the_other_gradient_alone() -> None:
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    _, (by_x, by_y) = sg.compile("x*y")(x, y)
    x -= 0.1 * by_x

    assert [1.0, 2.0] == by_y.tolist()


@pytest.mark.parametrize("formula", ["x", "exp(x) + y", "x + y", "x*y", "3*x + y"])
def test_results_of_a_compiled_function_may_be_written_to(formula: str) -> None:
    at = {"x": np.ones(3), "y": np.full(3, 2.0)}
    fn = sg.compile(formula)
    given = [at[str(s)] for s in fn.program.inputs]
    value, gradient = fn(*given)
    results = [value, *gradient]
    before = [r.copy() for r in [*results, *given]]
    for k, result in enumerate(results):
        result += 1
        before[k] = before[k] + 1

    assert all(map(np.array_equal, before, [*results, *given]))


@pytest.mark.parametrize("args, formula", [("x", "x*y"), ("x, x", "x**2")])
def test_a_gate_whose_operands_are_not_its_own_is_refused(args: str, formula: str) -> None:
    with pytest.raises(SymgradError, match="operand"):
        sg.gate("review_strange", args, formula)


def test_tangents_of_a_variable_named_twice_add_up() -> None:
    assert sg.parse("2*y").expr.doit() == sg.jvp("x*y", ["x", "x"], [1, 1])
    assert sg.hvp("x**3", ["x"], [2]) == sg.hvp("x**3", ["x", "x"], [1, 1])[:1]
