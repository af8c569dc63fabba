"""The command: every option, exit codes, formats, and messages instead of tracebacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import symgrad as sg
from symgrad.cli import main

POINT = "x=-2,y=5,z=-4"
CHAIN = "q = x + y; f = q*z"
ROOT = Path(__file__).parents[1]


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


def process(*args: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", "from symgrad.cli import main; main()", *args],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"} | variables,
    )


# --- run ---


def test_run_prints_a_row_for_each_node() -> None:
    lines = output("run", CHAIN, "--at", POINT).splitlines()

    for start in ("x", "y", "q", "z", "f"):
        assert any(line.split()[:1] == [start] for line in lines)


def test_run_shows_where_a_value_comes_from() -> None:
    assert "q      x + y       3   -4 × 1 = -4" in output("run", CHAIN, "--at", POINT)


def test_run_spells_out_the_sum_at_a_fork() -> None:
    printed = output("run", "x*y + x", "--at", "x=2,y=3")

    assert "3 × 1 + 1 × 1 = 3 + 1 = 4" in printed


def test_run_ends_in_the_check() -> None:
    assert output("run", CHAIN, "--at", POINT).count("happy") == 3


def test_run_names_the_first_gate_that_made_an_inf() -> None:
    assert (
        "first inf or nan: r = 1/q = inf"
        in call("run", "q = x - 1; r = 1/q; r*2", "--at", "x=1").output
    )


def test_run_checks_the_variables_that_are_asked_for() -> None:
    found = record("run", CHAIN, "--at", POINT, "--wrt", "z,q")

    assert ["z", "q"] == list(found["check"]["variables"])


# --- grad ---


def test_grad_prints_one_formula_a_variable() -> None:
    assert output("grad", "(x + y)*z") == "df/dx = z\ndf/dy = z\ndf/dz = x + y\n"


def test_grad_prints_numbers_at_a_point() -> None:
    assert output("grad", "(x + y)*z", "--at", POINT, "--wrt", "z") == "df/dz = x + y = 3\n"


def test_grad_takes_inner_nodes() -> None:
    assert output("grad", CHAIN, "--wrt", "q") == "df/dq = z\n"


def test_grad_prints_latex() -> None:
    printed = output("grad", "x**2/y", "--wrt", "x", "--format", "latex")

    assert printed == "\\frac{\\partial f}{\\partial x} = \\frac{2 x}{y}\n"


def test_grad_prints_the_let_form_where_it_is_asked_for() -> None:
    assert output("grad", "sigmoid(x)", "--form", "let") == "s = sigmoid(x)\ndf/dx = (1 - s)*s\n"


def test_grad_falls_back_to_the_let_form_of_a_large_gradient() -> None:
    nested = "f0 = x;" + ";".join(f"f{k + 1} = sin(f{k})*f{k} + f{k}" for k in range(12))

    assert len(output("grad", nested)) < 5_000


def test_grad_refuses_a_closed_form_that_nobody_could_read() -> None:
    nested = "f0 = x;" + ";".join(f"f{k + 1} = sin(f{k})*f{k} + f{k}" for k in range(40))
    found = call("grad", nested, "--form", "closed")

    assert found.exit_code == 2
    assert "form='let'" in found.stderr


@pytest.mark.parametrize(("level", "expected"), [("light", "2*x"), ("full", "2*x")])
def test_grad_simplifies_as_asked(level: str, expected: str) -> None:
    assert output("grad", "x*x", "--simplify", level) == f"df/dx = {expected}\n"


@pytest.mark.parametrize(
    ("policy", "expected"), [("min_norm", "0.5"), ("first", "1"), ("nan", "nan")]
)
def test_grad_follows_the_policy_at_a_kink(policy: str, expected: str) -> None:
    printed = output("grad", "max(x, y)", "--at", "x=1,y=1", "--wrt", "x", "--kinks", policy)

    assert printed.endswith(f" = {expected}\n")


@pytest.mark.parametrize(("digits", "expected"), [("3", "0.333"), ("10", "0.3333333333")])
def test_numbers_have_as_many_digits_as_are_asked_for(digits: str, expected: str) -> None:
    assert f" = {expected}\n" in output("grad", "x/3", "--at", "x=1", "--digits", digits)


# --- diff ---


@pytest.mark.parametrize(
    ("wrt", "expected"),
    [
        ("x", "df/dx = 3*x**2*y**2\n"),
        ("x,x", "d2f/dx2 = 6*x*y**2\n"),
        ("x,x,y", "d3f/dx2dy = 12*x*y\n"),
        ("y,x", "d2f/dydx = 6*x**2*y\n"),
        ("x,x,x,x", "d4f/dx4 = 0\n"),
    ],
)
def test_diff_prints_a_derivative_of_any_order(wrt: str, expected: str) -> None:
    assert expected == output("diff", "x**3*y**2", "--wrt", wrt)


def test_diff_prints_latex() -> None:
    printed = output("diff", "x**3", "--wrt", "x,x", "--format", "latex")

    assert printed == "\\frac{\\partial^{2} f}{\\partial x^{2}} = 6 x\n"


def test_diff_needs_no_variable_where_there_is_one() -> None:
    assert output("diff", "sin(x)").endswith("= cos(x)\n")


# --- check and stats ---


def test_check_prints_verdicts() -> None:
    assert output("check", "x*y", "--at", "x=1,y=2").count("happy") == 2


@pytest.mark.parametrize("method", ["central", "complex", "richardson"])
def test_check_takes_every_method(method: str) -> None:
    assert method in output("check", "sin(x)", "--at", "x=1", "--method", method)


def test_check_sweeps_steps() -> None:
    printed = output("check", "exp(x)", "--at", "x=1", "--sweep")

    assert "step 1e-02" in printed
    assert "step 1e-10" in printed


def test_check_takes_a_step() -> None:
    found = record("check", "exp(x)", "--at", "x=1", "--step", "1e-2")

    assert found["variables"]["x"]["error"] == pytest.approx(1.7e-5, rel=0.1)


def test_a_check_that_fails_has_exit_code_one() -> None:
    assert call("check", "log(x)", "--at", "x=0").exit_code == 1


def test_a_run_whose_check_fails_has_exit_code_one() -> None:
    assert call("run", "1/x", "--at", "x=0").exit_code == 1


def test_stats_prints_counts_and_the_certificate() -> None:
    printed = output("stats", "(x + y)*z")

    assert "operations          2: 1 add, 1 mul" in printed
    assert "certificate" in printed


# --- formats ---

JSON: dict[str, tuple[str, ...]] = {
    "run": ("run", CHAIN, "--at", POINT),
    "run to infinity": ("run", "1/x + y", "--at", "x=0,y=1"),
    "run to nan": ("run", "log(x)", "--at", "x=-1"),
    "run of a tie": ("run", "max(x, y)", "--at", "x=1,y=1"),
    "grad": ("grad", CHAIN),
    "grad with numbers": ("grad", CHAIN, "--at", POINT),
    "grad to infinity": ("grad", "1/x", "--at", "x=0"),
    "grad as let-form": ("grad", "sigmoid(x)", "--form", "let"),
    "diff": ("diff", "x**3", "--wrt", "x,x"),
    "check": ("check", "x*y", "--at", "x=1,y=2"),
    "check to nan": ("check", "sqrt(x)", "--at", "x=-1"),
    "check with a sweep": ("check", "exp(x)", "--at", "x=1", "--sweep"),
    "stats": ("stats", "x*y"),
}


def strictly(text: str) -> Any:
    """Read JSON without the extensions that Python allows."""

    def refused(name: str) -> Any:
        raise AssertionError(f"`{name}` is no JSON")

    return json.loads(text, parse_constant=refused)


@pytest.mark.parametrize("case", JSON)
def test_json_is_valid_even_for_inf_and_nan(case: str) -> None:
    found = call(*JSON[case], "--format", "json")

    assert isinstance(strictly(found.stdout), dict)


def test_json_of_inf_and_nan_is_text() -> None:
    found = strictly(call("run", "1/x + 0*log(y)", "--at", "x=0,y=-1", "--format", "json").stdout)

    assert (found["value"], found["gradient"]["x"]) == ("nan", "-inf")


def test_json_of_a_gradient_is_read_back() -> None:
    found = record("grad", "x**2*sin(y)", "--at", "x=2,y=0")

    assert {"x": "2*x*sin(y)", "y": "x**2*cos(y)"} == found["gradient"]
    assert {"x": 0.0, "y": 4.0} == found["numbers"]
    assert sg.parse(found["gradient"]["x"]).expr.doit() == sg.diff("x**2*sin(y)", "x")


def test_json_of_a_check_has_the_numbers() -> None:
    found = record("check", "x*y", "--at", "x=1,y=2")

    assert found["passed"] is True
    assert found["variables"]["x"]["symbolic"] == 2.0
    assert found["variables"]["x"]["verdict"] == "happy"


def test_json_of_stats_has_the_bound() -> None:
    found = record("stats", "x*y")

    assert found["gates"] == {"mul": 1}
    assert found["with_gradient"] <= found["bound"]


@pytest.mark.parametrize("command", ["run", "check"])
def test_tables_print_as_latex(command: str) -> None:
    printed = output(command, "x*y", "--at", "x=1,y=2", "--format", "latex")

    assert printed.startswith("\\begin{tabular}")
    assert printed.count("\\begin{tabular}") == printed.count("\\end{tabular}")


def test_names_are_escaped_in_latex_tables() -> None:
    assert "x\\_1" in output("check", "x_1*y", "--at", "x_1=1,y=2", "--format", "latex")


# --- reading ---


@pytest.mark.parametrize("command", ["grad", "stats"])
def test_a_dash_reads_standard_input(command: str) -> None:
    assert output(command, "-", stdin="x*y\n") == output(command, "x*y")


def test_standard_input_may_have_several_lines_and_comments() -> None:
    printed = output("grad", "-", "--wrt", "x", stdin="# a chain\nq = x + y\nf = q*z # end\n")

    assert printed == "df/dx = z\n"


@pytest.mark.parametrize(
    "formula", ["-x", "-x**2 + y", "--x", "-sin(x)*y", "-1", "-(x + y)", "-x-y"]
)
@pytest.mark.parametrize("command", ["grad", "stats"])
def test_formulas_may_start_with_a_minus(command: str, formula: str) -> None:
    assert output(command, formula) == output(command, f"0 + ({formula})") or command == "stats"


def test_options_may_stand_before_a_formula_that_starts_with_a_minus() -> None:
    assert output("grad", "--wrt", "x", "-x*y") == "df/dx = -y\n"


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("x=2", 2.0),
        (" x = 2 ", 2.0),
        ("x=1e3", 1000.0),
        ("x=-2", -2.0),
        ("x=pi", 3.141592653589793),
        ("x=pi/2", 1.5707963267948966),
        ("x=sqrt(2)", 1.4142135623730951),
        ("x=1/3", 1 / 3),
        ("x=max(1,2)", 2.0),
        ("x=2,", 2.0),
    ],
)
def test_values_are_constant_formulas(at: str, expected: float) -> None:
    assert record("grad", "x**2/2", "--at", at)["numbers"] == {"x": pytest.approx(expected)}


@pytest.mark.parametrize(
    ("at", "expected"), [("x=inf", "inf"), ("x=-inf", "-inf"), ("x=nan", "nan")]
)
def test_values_may_be_inf_and_nan(at: str, expected: str) -> None:
    assert record("grad", "x", "--at", at)["value"] == expected


def test_arrays_fill_indexed_variables() -> None:
    found = record("grad", "x[0]*x[1] + b", "--at", "x=[2, 3],b=1")

    assert {"x[0]": 3.0, "x[1]": 2.0, "b": 1.0} == found["numbers"]


def test_matrices_fill_variables_of_two_indices() -> None:
    found = record("grad", "A[0, 1]*A[1, 0]", "--at", "A=[[1, 2], [3, 4]]")

    assert {"A[0,1]": 3.0, "A[1,0]": 2.0} == found["numbers"]


def test_elements_are_asked_for_by_subscript() -> None:
    assert output("grad", "A[0, 1]*x", "--wrt", "A[0,1],x").splitlines()[0].endswith("= x")


def test_batches_are_arrays_of_plain_variables() -> None:
    assert record("grad", "x**2", "--at", "x=[1, 2, 3]")["numbers"] == {"x": [2.0, 4.0, 6.0]}


# --- help ---


@pytest.mark.parametrize("command", ["run", "grad", "diff", "check", "stats"])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help(command: str, flag: str) -> None:
    assert "Usage:" in output(command, flag)


def test_help_lists_every_command() -> None:
    assert all(c in output("--help") for c in ("run", "grad", "diff", "check", "stats"))


def test_version_is_the_package_version() -> None:
    assert sg.__version__ in output("--version")


# --- bad input ---

BAD: list[tuple[str, ...]] = [
    ("grad", ""),
    ("grad", "   "),
    ("grad", "x +"),
    ("grad", "x + + "),
    ("grad", "2x"),
    ("grad", "x y"),
    ("grad", "(x"),
    ("grad", "x)"),
    ("grad", "x**"),
    ("grad", "sn(x)"),
    ("grad", "f(x)"),
    ("grad", "sin()"),
    ("grad", "sin(x, y)"),
    ("grad", "x.y"),
    ("grad", "'x'"),
    ("grad", "lambda x: x"),
    ("grad", "__import__('os')"),
    ("grad", "x == 1"),
    ("grad", "x > y"),
    ("grad", "x := 2"),
    ("grad", "x = 1; x = 2"),
    ("grad", "q = q + 1"),
    ("grad", "х + 1"),  # a Cyrillic letter
    ("grad", "x\x00"),
    ("grad", "1e1000000000"),
    ("grad", "x[y"),
    ("grad", "x[]"),
    ("grad", "where(x, y, z)"),
    ("grad", "x*y", "--wrt", "q"),
    ("grad", "x*y", "--wrt", "x+y"),
    ("grad", "x*y", "--wrt", "x y"),
    ("grad", "x*y", "--at", "x=1"),
    ("grad", "x*y", "--at", "x"),
    ("grad", "x*y", "--at", "=1"),
    ("grad", "x*y", "--at", "x=,y=1"),
    ("grad", "x*y", "--at", "x=one,y=1"),
    ("grad", "x*y", "--at", "x=1,y=2,z=3"),
    ("grad", "x*y", "--at", "x=1,x=2,y=3"),
    ("grad", "x*y", "--at", "x=[1,2],y=[1,2,3]"),
    ("grad", "x*y", "--at", "x=[1,[2]],y=1"),
    ("grad", "x*y", "--at", "x=[1,y=2"),
    ("grad", "x*y", "--at", "x=1=2,y=1"),
    ("grad", "x[0]*x[1]", "--at", "x=[1]"),
    ("grad", "x[0]*x[1]", "--at", "x=1"),
    ("grad", "q = x + 1; f = q*q", "--at", "x=1,q=2"),
    ("grad", "besselj(n, x)", "--wrt", "n"),
    ("grad", "zeta(x)"),
    ("diff", "x*y"),
    ("diff", "x*y", "--wrt", "x,q"),
    ("run", "x*y"),
    ("run", "x*y", "--at", "x=1"),
    ("run", "max(x, y)", "--at", "x=1,y=1", "--kinks", "raise"),
    ("run", "x", "--at", "x=[1,2]"),
    ("check", "x*y", "--at", "x=1"),
    ("check", "abs(x)", "--at", "x=1", "--method", "complex"),
    ("check", "x", "--at", "x=1", "--step", "0"),
    ("check", "x", "--at", "x=1", "--step", "-1"),
    ("check", "x", "--at", "x=1", "--step", "nan"),
    ("check", "max(x, y)", "--at", "x=1,y=1", "--kinks", "raise"),
    ("stats", "x*y", "--wrt", "q"),
    ("stats", "besselj(x, y)"),
]
USAGE: list[tuple[str, ...]] = [
    (),
    ("walk", "x"),
    ("grad",),
    ("grad", "x", "y"),
    ("grad", "x", "--format", "yaml"),
    ("grad", "x", "--kinks", "soft"),
    ("grad", "x", "--form", "short"),
    ("grad", "x", "--simplify", "more"),
    ("grad", "x", "--digits", "many"),
    ("grad", "x", "--at", "x=1", "--digits", "100000000"),
    ("grad", "x", "--at", "x=1", "--digits", "-3"),
    ("grad", "x", "--digits", "0"),
    ("check", "x", "--method", "forward"),
    ("check", "x", "--step", "small"),
]


def test_tables_of_bad_input_are_long() -> None:
    assert len(BAD) + len(USAGE) >= 40


@pytest.mark.parametrize("args", BAD, ids=" ".join)
def test_bad_input_ends_in_a_message_and_exit_code_two(args: tuple[str, ...]) -> None:
    found = call(*args)

    assert found.exit_code == 2, found.output
    assert found.stdout == ""
    assert found.stderr.startswith("error: ")
    assert isinstance(found.exception, SystemExit)


@pytest.mark.parametrize("args", BAD, ids=" ".join)
def test_messages_are_short_and_speak_no_python(args: tuple[str, ...]) -> None:
    message = call(*args).stderr

    assert 20 < len(message) < 700
    assert not any(word in message for word in ("Traceback", "NoneType", "object at 0x", "<class"))


@pytest.mark.parametrize("args", USAGE, ids=" ".join)
def test_bad_usage_is_explained(args: tuple[str, ...]) -> None:
    found = call(*args)

    assert found.exit_code == 2
    assert "Usage:" in found.output


def test_messages_point_at_the_place() -> None:
    _, shown, caret = call("grad", "2*sn(x)").stderr.splitlines()

    assert shown[caret.index("^") :] == "sn(x)"


# --- as a process ---


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("check", "x*y", "--at", "x=1,y=2"), 0),
        (("check", "log(x)", "--at", "x=0"), 1),
        (("check", "log(x", "--at", "x=0"), 2),
    ],
)
def test_exit_codes_reach_the_shell(args: tuple[str, ...], code: int) -> None:
    done = process(*args)

    assert (code, "") == (done.returncode, "Traceback" if "Traceback" in done.stderr else "")


def test_standard_input_of_a_process_is_read() -> None:
    assert process("grad", "-", stdin="x*y").stdout == "df/dx = y\ndf/dy = x\n"


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_output_that_is_no_terminal_has_no_colours(variables: dict[str, str]) -> None:
    assert "\x1b" not in process("run", "x*y", "--at", "x=1,y=2", **variables).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize(("variables", "coloured"), [({"NO_COLOR": "1"}, False)])
def test_no_color_is_heeded_on_a_terminal(variables: dict[str, str], coloured: bool) -> None:
    shown = on_terminal("run", "x*y", "--at", "x=1,y=2", **variables)

    assert "happy" in shown
    assert coloured == ("\x1b[3" in shown)


def on_terminal(*args: str, **variables: str) -> str:
    """Return what the command writes to a terminal."""
    import pty

    master, slave = pty.openpty()
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    settings = {"PYTHONPATH": path, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        [sys.executable, "-c", "from symgrad.cli import main; main()", *args],
        stdout=slave,
        stderr=slave,
        stdin=subprocess.DEVNULL,
        env=os.environ | settings | variables,
    ):
        os.close(slave)
        pieces = []
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            pieces.append(piece)
    os.close(master)
    return b"".join(pieces).decode()


def test_a_closed_pipe_is_no_traceback() -> None:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    formula = "+".join(f"x{k}*x{k + 1}" for k in range(3_000))
    with subprocess.Popen(
        [sys.executable, "-c", "from symgrad.cli import main; main()", "grad", formula],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        told = running.stderr.read().decode()

    assert "Traceback" not in told


def test_a_bad_byte_on_standard_input_is_an_error() -> None:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", "from symgrad.cli import main; main()", "grad", "-"],
        input=b"x + \xff\xfe",
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
    )

    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
