"""The command on matrices: shapes, facts, arrays, formats, and messages."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from symgrad.cli import main

SQUARES = "norm2(W@x + b - y)"
SHAPES = ("--shape", "W=m,n", "x=n", "b=m", "y=m")
POINT = "W=[[1,2],[3,4]],x=[1,1],b=[0,1],y=[1,1]"


def call(*args: str, stdin: str | None = None) -> Result:
    """Run the command inside this process."""
    return CliRunner().invoke(main, list(args), input=stdin)


def output(*args: str, stdin: str | None = None) -> str:
    """Return what a command that must succeed prints."""
    found = call(*args, stdin=stdin)
    assert found.exit_code == 0, found.output
    return found.stdout


def record(*args: str) -> Any:
    """Return the JSON that a command prints."""
    return json.loads(output(*args, "--format", "json"))


GRADIENT = """\
df/dW = 2*(W@x + b - y)@x.T
df/dx = 2*W.T@(W@x + b - y)
df/db = 2*(W@x + b - y)
df/dy = 2*(y - W@x - b)
"""


def test_grad_prints_matrix_notation() -> None:
    assert output("grad", SQUARES, *SHAPES) == GRADIENT


@pytest.mark.parametrize(
    "args",
    [
        (SQUARES, "--shape", "W=m,n", "--shape", "x=n", "--shape", "b=m", "--shape", "y=m"),
        (SQUARES, "--shape=W=m,n", "--shape=x=n", "--shape=b=m", "--shape=y=m"),
        ("--shape", "W=m,n", "x=n", "--shape", "b=m", "y=m", SQUARES),
        (SQUARES, "--shape", "W=m,n", "x=n", "b=m", "y=m", "--form", "closed"),
    ],
)
def test_shapes_may_stand_after_one_flag_or_many(args: tuple[str, ...]) -> None:
    assert output("grad", *args) == GRADIENT


def test_shapes_are_read_for_standard_input_too() -> None:
    assert output("grad", "-", *SHAPES, stdin=SQUARES) == GRADIENT


def test_sizes_may_be_numbers() -> None:
    assert output("grad", "tr(A)", "--shape", "A=3,3") == "df/dA = eye(3)\n"


def test_facts_simplify() -> None:
    plain = output("grad", "x.T@A@x", "--shape", "A=n,n", "x=n", "--wrt", "x")
    told = ("--assume", "A=symmetric,positive_definite")
    simpler = output("grad", "x.T@A@x", "--shape", "A=n,n", "x=n", *told, "--wrt", "x")

    assert (plain, simpler) == ("df/dx = (A + A.T)@x\n", "df/dx = 2*A@x\n")


def test_inner_matrices_are_variables_too() -> None:
    printed = output("grad", "q = W@x; norm2(q - y)", *SHAPES[:3], "y=m", "--wrt", "q")

    assert printed == "df/dq = 2*(W@x - y)\n"


def test_grad_prints_small_arrays_entry_by_entry() -> None:
    lines = output("grad", SQUARES, *SHAPES, "--at", POINT).splitlines()

    assert lines[0] == "df/dW = 2*(W@x + b - y)@x.T = [[4, 4], [14, 14]]"
    assert lines[2] == "df/db = 2*(W@x + b - y) = [4, 14]"


def test_grad_prints_large_arrays_by_shape_and_ends() -> None:
    values = json.dumps(list(range(100)))
    printed = output("grad", "norm2(x)", "--shape", "x=n", "--at", f"x={values}")

    assert printed == "df/dx = 2*x = [0 ... 198] (100,)\n"


def test_json_holds_arrays() -> None:
    found = record("grad", SQUARES, *SHAPES, "--at", POINT, "--wrt", "W")

    assert found["gradient"] == {"W": "2*(W@x + b - y)@x.T"}
    assert found["numbers"] == {"W": [[4.0, 4.0], [14.0, 14.0]]}


def test_latex_is_bold() -> None:
    printed = output("grad", SQUARES, *SHAPES, "--wrt", "W", "--format", "latex")

    assert printed == (
        r"\frac{\partial f}{\partial \mathbf{W}} = 2 \left(\mathbf{W} \mathbf{x} + \mathbf{b} "
        r"- \mathbf{y}\right) \mathbf{x}^\top" + "\n"
    )


def test_what_grad_prints_can_be_asked_again() -> None:
    printed = output("grad", SQUARES, *SHAPES, "--wrt", "x").removeprefix("df/dx = ").strip()
    again = output("grad", f"sum({printed})", *SHAPES, "--wrt", "b")

    assert printed == "2*W.T@(W@x + b - y)"
    assert again == "df/db = 2*sum(W, axis=1)\n"


def test_diff_prints_one_derivative() -> None:
    assert output("diff", "norm2(x)", "--shape", "x=n", "--wrt", "x") == "df/dx = 2*x\n"
    assert output("diff", "norm2(x)", "--shape", "x=n") == "df/dx = 2*x\n"


def test_run_shows_matrices_and_checks_them() -> None:
    found = record("run", SQUARES, *SHAPES, "--at", POINT)
    gradient = np.array(found["gradient"]["W"])

    assert found["value"] == 53.0
    assert gradient.tolist() == [[4.0, 4.0], [14.0, 14.0]]
    assert found["check"]["passed"]


def test_run_prints_a_row_for_each_node() -> None:
    printed = output("run", "a*norm2(x)", "--shape", "x=n", "--at", "a=2,x=[1,2,3]")

    assert "[1, 2, 3]" in printed
    assert printed.count("happy") == 2


def test_check_compares_every_entry() -> None:
    found = record("check", "logdet(A)", "--shape", "A=n,n", "--at", "A=[[2,1],[1,3]]")
    entry = found["variables"]["A"]

    assert found["passed"]
    np.testing.assert_allclose(entry["symbolic"], np.linalg.inv([[2, 1], [1, 3]]).T, rtol=1e-12)
    np.testing.assert_allclose(entry["symbolic"], entry["numeric"], rtol=1e-6)


def test_entries_may_be_formulas() -> None:
    printed = output("grad", "norm2(x)", "--shape", "x=n", "--at", "x=[1/2, -3e0]")

    assert printed == "df/dx = 2*x = [1, -6]\n"


ERRORS = [
    (("grad", "W@y", *SHAPES), "`W` is m × n and `y` is m × 1; write `W.T@y`?\n  W@y\n   ^"),
    (("grad", "W*x", *SHAPES), "`*` only scales"),
    (("grad", "W@x", "--shape", "W=m,n", "x=n"), "a gradient is of one scalar"),
    (("grad", "W@x"), "or give `shapes=`"),
    (("grad", "tr(W)"), "it takes matrices"),
    (("grad", "tr(W)", "--shape", "W"), "a shape is written `W=m,n`"),
    (("grad", "tr(W)", "--shape", "W="), "a shape is written `W=m,n`"),
    (("grad", "tr(W)", "--shape", "W=m,n,k"), "`W` has 3 sizes"),
    (("grad", "tr(W)", "--shape", "W=m,-1"), "a shape is written `W=m,n`"),
    (("grad", "tr(W)", "--shape", "W=m,2n"), "a shape is written `W=m,n`"),
    (("grad", "tr(W)", "--shape", f"W={'9' * 40}"), "a size of 40 digits"),
    (("grad", "tr(W)", "--shape", "W=n,n", "W=m,m"), "`W` is given twice"),
    (("grad", "tr(W)", "--shape", "W=W,W"), "`W` names both a size and a matrix"),
    (("grad", "tr(W)", "--assume", "W=symmetric"), "`W` in `assume` has no shape"),
    (("grad", "tr(W)", "--shape", "W=n,n", "--assume", "W=nice"), "`nice` is no known fact"),
    (("grad", "tr(W)", "--shape", "W=m,n", "--assume", "W=symmetric"), "only a square matrix"),
    (("grad", "tr(W)", "--shape", "W=n,n", "--at", "W=[[1,2],[3]]"), "differ in length"),
    (("grad", "tr(W)", "--shape", "W=n,n", "--at", "W=[[1,2],[3,true]]"), "no value for `true`"),
    (("grad", "tr(W)", "--shape", "W=n,n", "--at", 'W=["a"]'), "strings have no meaning"),
    (("run", "tr(W)", "--shape", "W=n,n", "--at", "W=[[1,2]]"), "`n`"),
]


@pytest.mark.parametrize(("args", "part"), ERRORS)
def test_wrong_input_ends_in_a_message(args: tuple[str, ...], part: str) -> None:
    found = call(*args)

    assert found.exit_code == 2
    assert part in found.stderr
    assert "Traceback" not in found.stderr


def test_a_flag_without_a_value_is_refused() -> None:
    assert call("grad", "tr(W)", "--shape").exit_code == 2


def test_scalar_formulas_are_read_as_before() -> None:
    assert output("grad", "(x + y)*z", "--wrt", "z") == "df/dz = x + y\n"
