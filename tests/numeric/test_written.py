"""`symgrad compile`: C99 with its header that any compiler takes, JSON, and other texts."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import symgrad as sg
from symgrad.cli import main
from symgrad.numeric.program import Program

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
# Every helper of C at once, and what compilers warn of: constants, truth values, what is unused.
EVERYTHING = (
    "sigmoid(x) + softplus(y) + gelu(x) + elu(x) + selu(y) + swish(x) + leaky_relu(x) + relu(y)"
    " + max(x, y, 1) + min(x, y, -1) + sign(x) + heaviside(y) + mod(x, y) + sinc(x) + gamma(x)"
    " + logsumexp(x, y, 2) + loggamma(y) + erf2(x, y) + xlogy(x, y) + frac(x) + where(x > y, 1, 2)"
    " + where((x > 1) & ~(y < 2) | (x == y), x, y) + floor(x)*ceiling(y) + abs(x)**y + atan2(x, y)"
    " + 0*z"
)


def command(*args: str) -> Any:
    return CliRunner().invoke(main, ["compile", *args])


def compiler() -> str:
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        pytest.skip("no C compiler is there")
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("formula", [EVERYTHING, "2 + 3", "x", "x*1e400 - pi", "x[0]*x[1]"])
def test_written_c_compiles_without_a_warning(tmp_path: Path, formula: str, dtype: str) -> None:
    cc, place = compiler(), tmp_path / "grad.c"
    parts = "value" if formula is EVERYTHING else "value,grad"  # its gradient needs digamma
    made = command(formula, "--returns", parts, "--dtype", dtype, "-o", str(place))
    user = tmp_path / "user.c"
    user.write_text('#include "grad.h"\nint main(void) { return SYMGRAD_GRAD_INPUTS > 9; }\n')
    done = subprocess.run(
        [cc, *STRICT, str(place), str(user), "-lm", "-o", str(tmp_path / "user")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == made.exit_code, made.output
    assert "" == done.stderr
    assert 0 == subprocess.run([tmp_path / "user"], check=False).returncode


def test_written_c_computes_what_the_run_does(tmp_path: Path) -> None:
    cc, place = compiler(), tmp_path / "my-grad.c"
    formula = "x**2*y + sin(x)*max(x, y)"
    assert 0 == command(formula, "-o", str(place)).exit_code
    library = tmp_path / "library.so"
    subprocess.run([cc, *STRICT, "-shared", "-fPIC", place, "-lm", "-o", library], check=True)
    point, results, work = (ctypes.c_double * 2)(0.7, 1.3), (ctypes.c_double * 3)(), ctypes.c_double
    ctypes.CDLL(str(library)).symgrad_my_grad(point, results, (work * 8)())
    run = sg.run(formula, {"x": 0.7, "y": 1.3})

    expected = [run.output, run.grad["x"], run.grad["y"]]
    np.testing.assert_allclose(list(results), expected, rtol=1e-15)


def test_the_header_says_what_stands_where_without_names(tmp_path: Path) -> None:
    place = tmp_path / "grad.c"
    command("secret*other", "--wrt", "other", "--returns", "value,grad,hvp", "-o", str(place))
    header = place.with_suffix(".h").read_text()

    for line in (
        "x[0]  argument 0",
        "x[2]  tangent of x[1]",
        "y[0]  the value",
        "y[1]  partial by x[1]",
        "y[2]  derivative of the partial by x[1] along the tangents",
    ):
        assert f" *   {line}\n" in header
    assert "secret" not in header + place.read_text()
    assert "other" not in header + place.read_text()


def test_long_programs_are_written_in_pieces(tmp_path: Path) -> None:
    compiler()
    formula = sum(sg.parse(f"sin({k}*x + y)*cos(x)").expr for k in range(1, 400))
    fn = sg.compile(formula, ["x", "y"], backend="c")
    value, (dx, dy) = fn(0.3, np.array([0.1, 0.2]))
    expected, (ex, ey) = sg.compile(formula, ["x", "y"], backend="numpy")(0.3, [0.1, 0.2])

    assert "symgrad_program_1(" in fn.source
    for found, wanted in ((value, expected), (dx, ex), (dy, ey)):
        np.testing.assert_allclose(found, wanted, rtol=1e-11)


def test_json_is_a_program_that_can_be_loaded() -> None:
    made = command("x*y", "--backend", "json")

    assert "return 2, 1, 0" in str(Program.from_json(made.output))


def test_other_backends_write_what_they_run() -> None:
    assert "2 = mul(0, 1)\nreturn 2" in command("x*y", "--backend", "numpy").output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["besselj(1, x)"], "C99 has no function for `besselj`"),
        (["x", "--returns", "value,third"], "use any of value, grad, jacobian"),
        (["x", "-o", "gr@d.c"], "cannot be included by its name in C"),
        (["x", "-o", "grad.txt"], "C is written to a file such as `grad.c`"),
        (["x", "-o", "no/such/place.c"], "cannot be written"),
        (["x", "--wrt", "w"], "no variable `w`"),
        (["x", "--kinks", "raise"], "use `run`"),
        (["x +"], "line 1"),
    ],
)
def test_what_cannot_be_written_is_refused(args: list[str], message: str) -> None:
    made = command(*args)

    assert 2 == made.exit_code
    assert message in made.output
