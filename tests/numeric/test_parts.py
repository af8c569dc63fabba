"""What a compiled function can return: Jacobians, Hessians, products; and how it is called."""

from __future__ import annotations

import io
import pickle
import time
from typing import Any

import numpy as np
import pytest
from sympy import Matrix, Symbol, symbols

import symgrad as sg
from symgrad.errors import BackendError, ShapeError, UnknownNameError, UnsupportedError
from symgrad.numeric import progress

x, y, z = symbols("x y z")
SCALAR = "x**2*y + sin(x*z)*exp(y) + z**3/x"
SEVERAL = ["x*y*z", "exp(x)/y", "sin(x + z)"]
AT = {"x": 0.7, "y": 1.3, "z": -0.4}
POINTS = np.array([[0.7, 1.3, -0.4], [1.1, 0.6, 0.9]])


def exact(formula: Any, point: Any) -> Any:
    """A SymPy matrix at a point, by SymPy."""
    pairs = dict(zip((x, y, z), map(float, point), strict=True))
    return np.array(Matrix(formula).subs(pairs).evalf(20).tolist(), dtype=float)


def jacobian_by_sympy(formulas: list[str]) -> Any:
    return Matrix([sg.parse(f).expr for f in formulas]).jacobian([x, y, z])


def hessian_by_sympy(formula: str) -> Any:
    slopes = [sg.parse(formula).expr.diff(v) for v in (x, y, z)]
    return Matrix(slopes).jacobian([x, y, z])


def test_jacobians_have_a_row_an_output() -> None:
    found = sg.compile(SEVERAL, [["x", "y", "z"]], returns="jacobian")(POINTS)

    assert (2, 3, 3) == found.shape
    for entry, point in zip(found, POINTS, strict=True):
        np.testing.assert_allclose(entry, exact(jacobian_by_sympy(SEVERAL), point), rtol=1e-13)


def test_jacobians_of_many_outputs_are_pushed_forward() -> None:
    formulas = ["x*y", "x**2", "y**3", "x/y"]
    found = sg.compile(formulas, ["x", "y"], returns="jacobian")(2.0, 3.0)

    expected = [[3.0, 2.0], [4.0, 0.0], [0.0, 27.0], [1 / 3, -2 / 9]]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_a_scalar_has_a_jacobian_of_one_row() -> None:
    assert [[3.0, 2.0]] == sg.compile("x*y", returns="jacobian")(2.0, 3.0).tolist()


def test_hessians_stand_in_the_last_two_axes() -> None:
    found = sg.compile(SCALAR, [["x", "y", "z"]], returns="hessian")(POINTS)

    assert (2, 3, 3) == found.shape
    for entry, point in zip(found, POINTS, strict=True):
        np.testing.assert_allclose(entry, exact(hessian_by_sympy(SCALAR), point), rtol=1e-13)


def test_hessians_by_some_variables_follow_their_order() -> None:
    found = sg.compile("x**2*y**3", wrt=["y", "x", Symbol("w")], returns="hessian")(2.0, 1.0)

    assert [[24.0, 12.0, 0.0], [12.0, 2.0, 0.0], [0.0, 0.0, 0.0]] == found.tolist()


def test_products_are_the_matrix_times_a_vector(rng: np.random.Generator) -> None:
    v, w, point = rng.normal(size=(3, 3))
    matrix = sg.compile(SEVERAL, [["x", "y", "z"]], returns="jacobian")(point)
    pushed = sg.compile(SEVERAL, [["x", "y", "z"]], returns="jvp")(point, v)
    (pulled,) = sg.compile(SEVERAL, [["x", "y", "z"]], returns="vjp")(point, w)

    np.testing.assert_allclose(pushed, matrix @ v, rtol=1e-12)
    np.testing.assert_allclose(pulled, w @ matrix, rtol=1e-12)


def test_hessian_products_need_no_matrix(rng: np.random.Generator) -> None:
    v, point = rng.normal(size=(2, 3))
    matrix = sg.compile(SCALAR, [["x", "y", "z"]], returns="hessian")(point)
    fn = sg.compile(SCALAR, [["x", "y", "z"]], returns=("grad", "hvp"))
    _, (product,) = fn(point, v)

    np.testing.assert_allclose(product, matrix @ v, rtol=1e-12)
    assert len(fn.program.outputs) == 6


def test_directions_stand_behind_the_arguments_one_each() -> None:
    fn = sg.compile("x*y", ["x", "y"], returns=("value", "jvp", "vjp"))

    assert (6.0, 3.0 * 5 + 2.0 * 7, (30.0, 20.0)) == fn(2.0, 3.0, 5.0, 7.0, 10.0)


def test_directions_follow_wrt_where_it_is_given() -> None:
    assert 21.0 == sg.compile("x*y", ["x", "y"], wrt=["x"], returns="jvp")(2.0, 3.0, 7.0)


def test_a_direction_by_a_variable_named_twice_adds_up() -> None:
    assert 3.0 * 5 == sg.compile("x*y", wrt=["x", "x"], returns="jvp")(2.0, 3.0, 1.0, 4.0)


def test_values_of_a_list_are_a_tuple() -> None:
    value, matrix = sg.compile(["x", "x*y"], returns=("value", "jacobian"))([1.0, 2.0], 3.0)

    assert ([1.0, 2.0], [3.0, 6.0]) == (value[0].tolist(), value[1].tolist())
    assert [[[1.0, 0.0], [3.0, 1.0]], [[1.0, 0.0], [3.0, 2.0]]] == matrix.tolist()


def test_parts_share_their_operations() -> None:
    def count(*returns: str) -> int:
        found: int = sg.compile(SCALAR, returns=returns, backend="numpy").stats["operations"]
        return found

    assert count("value", "grad", "hessian") < count("value") + count("grad") + count("hessian")


@pytest.mark.parametrize("part", ["grad", "hessian", "hvp"])
def test_parts_of_one_scalar_are_refused_for_several(part: str) -> None:
    with pytest.raises(ShapeError, match=f"returns='{part}' is of one scalar, but 2 outputs"):
        sg.compile(["x", "y"], returns=part)


def test_choices_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="dtype='float16' is unknown; use one of float64"):
        sg.compile("x", dtype="float16")
    with pytest.raises(UnknownNameError, match="no variable `w`"):
        sg.compile("x", wrt="w", returns="hessian")


def test_complex_points_need_a_backend_that_has_them() -> None:
    with pytest.raises(BackendError, match="use backend='numpy'"):
        sg.compile("x**2", backend="reference")(1 + 2j)

    assert (1 + 2j) ** 2 == sg.compile("x**2", returns="value", backend="numpy")(1 + 2j)


@pytest.mark.parametrize("backend", ["numpy", "reference", "auto"])
def test_functions_of_any_backend_survive_pickling(backend: str) -> None:
    fn = sg.compile(SCALAR, returns=("value", "hessian"), backend=backend)
    again = pickle.loads(pickle.dumps(fn))

    assert fn(*AT.values())[1].tobytes() == again(*AT.values())[1].tobytes()


# --- NumPy: points, blocks, threads ---

FUNCTIONS = (
    "sin(x)*cos(y)*tan(z) + exp(-x)*log(y**2 + 1) + sqrt(abs(z)) + sigmoid(x) + atan2(y, z)"
    " + hypot(x, y)**3 + where(x > z, x, -y) + max(x, y)*min(y, z) + tanh(z)*sinh(x) + relu(y)"
)


def test_one_point_is_a_batch_of_one(rng: np.random.Generator) -> None:
    fn = sg.compile(FUNCTIONS, [["x", "y", "z"]], backend="numpy")
    for point in rng.normal(size=(20, 3)):
        value, (slope,) = fn(point)
        values, (slopes,) = fn(point[None])

        np.testing.assert_allclose(value, values[0], rtol=1e-13)
        np.testing.assert_allclose(slope, slopes[0], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("formula", "point", "expected"),
    [
        ("1/x", 0.0, np.inf),
        ("log(x)", 0.0, -np.inf),
        ("exp(x)", 1e3, np.inf),
        ("sqrt(x)", -1.0, np.nan),
        ("x**y", -8.0, np.nan),
        ("sin(x)", np.inf, np.nan),
        ("max(x, 1)", np.nan, np.nan),
    ],
)
def test_one_point_follows_ieee_where_python_raises(
    formula: str, point: float, expected: float
) -> None:
    fn = sg.compile(formula, returns="value", backend="numpy")
    values = [point, 1 / 3][: len(fn.program.inputs)]

    assert np.array_equal([expected], [fn(*values)], equal_nan=True)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_blocks_and_threads_do_not_change_a_bit(threads: int, rng: np.random.Generator) -> None:
    points = rng.normal(size=(3, 50_001))
    plain = sg.compile(FUNCTIONS, backend="numpy", threads=1)
    fn = sg.compile(FUNCTIONS, backend="numpy", threads=threads)
    value, gradient = fn(*points)
    pieces = [plain(*points[:, k : k + 7_001]) for k in range(0, 50_001, 7_001)]

    assert np.concatenate([p[0] for p in pieces]).tobytes() == value.tobytes()
    for k, slope in enumerate(gradient):
        assert np.concatenate([p[1][k] for p in pieces]).tobytes() == slope.tobytes()


def test_threads_raise_no_warnings_of_their_own() -> None:
    fn = sg.compile("log(x)/x", backend="numpy", threads=2)

    assert np.isnan(fn(np.zeros(40_000))[0]).sum() == 0
    assert np.isnan(fn(np.full(40_000, -1.0))[0]).all()


# --- progress ---


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress.working("deriving 9 nodes", patience=0.0):
        wait_for(terminal, "deriving 9 nodes")

    assert "deriving 9 nodes" in terminal.getvalue()


def test_what_is_quick_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    sg.compile("x*y")

    assert "" == terminal.getvalue()


def test_nothing_is_shown_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.working("deriving", patience=0.0):
        time.sleep(0.01)

    assert "" == capsys.readouterr().err


def test_an_interrupt_takes_the_line_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with pytest.raises(KeyboardInterrupt), progress.working("building", patience=0.0):
        wait_for(terminal, "building")
        raise KeyboardInterrupt
    shown = len(terminal.getvalue())
    time.sleep(0.2)

    assert shown == len(terminal.getvalue())


def test_an_interrupted_compilation_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    step = sg.block("step", [x, y], y * x * (1 - x))
    formula = sg.scan(step, [x], [y], length=3)

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    for place in ("symgrad.numeric.asked.lower", "symgrad.numeric.asked.derive"):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(place, interrupted)
            sg.compile(formula, [x, y])

    run = sg.run(formula, {x: 0.3, y: 2.5})
    value, (dx, _) = sg.compile(formula, [x, y])(0.3, 2.5)
    assert (run.output, run.grad[x]) == (pytest.approx(value), pytest.approx(dx))


def wait_for(terminal: Terminal, text: str) -> None:
    end = time.perf_counter() + 10
    while text not in terminal.getvalue() and time.perf_counter() < end:
        time.sleep(0.01)
