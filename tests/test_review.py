"""What users did that once went wrong: each test is one of their sessions."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import symgrad as sg
from symgrad.cli import main
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


def test_the_command_names_the_only_variable_that_it_differentiates_by() -> None:
    assert CliRunner().invoke(main, ["diff", "sin(x)"]).output == "df/dx = cos(x)\n"


@pytest.mark.parametrize(
    "words",
    [
        ["diff", "sin(x)", "--wrt", "x,9999"],
        ["diff", "sin(x)", "--wrt", "x," + "9" * 5000],
        ["run", "x*y", "--at", "x=1,x=2,y=3"],
        ["check", "x", "--at", "x=1", "--digits", "-3"],
        ["run", "x", "--at", "x=1", "--digits", "0"],
    ],
)
def test_the_command_refuses_what_it_would_have_to_guess(words: list[str]) -> None:
    result = CliRunner().invoke(main, words)

    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
