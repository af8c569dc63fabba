"""Backends: each against the reference on every gate, refusals by name, and what the source holds.

Points, tolerances and known deviations are data, in `conformance`.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sympy import Dummy, Function, Integral, Symbol, sqrt, symbols

import symgrad as sg
from symgrad.errors import BackendError, ShapeError
from symgrad.numeric.backends import BACKENDS, choose, installed
from symgrad.rules.row import Gate
from symgrad.rules.table import GATES

given = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("conformance.py"))))
x, y, z = symbols("x y z")
NAMES = [name for name in installed() if name != "reference"]
GROUPS = sorted({given.group(GATES.named(name)) for name in given.EVERYWHERE})
PAIRS = [
    (backend, gate) for backend in NAMES for key in GROUPS for gate in given.spelled(backend, key)
]


def row(name: str) -> Gate:
    found = GATES.named(name)
    assert found is not None
    return found


# --- every gate, at every special value ---


@pytest.mark.parametrize(("backend", "gate"), PAIRS)
def test_gates_agree_with_the_reference_at_special_values(backend: str, gate: str) -> None:
    key = given.group(row(gate))
    points = given.arrays(key)
    expected = given.results("reference", key, "float64")[gate]
    found = given.results(backend, key, "float64")[gate]
    apart = given.distance(found, expected, gate)
    apart[given.excused(backend, gate, points, expected)] = 0.0
    worst = int(np.argmax(apart))

    assert apart[worst] <= given.tolerance(backend, gate), (
        f"{gate}{tuple(float(p[worst]) for p in points)} = {found[worst]!r}, "
        f"not {expected[worst]!r}: {apart[worst]:.3g} ulp"
    )


@pytest.mark.parametrize("number", range(len(given.DEVIATIONS)))
def test_deviations_are_met(number: int) -> None:
    listed = given.DEVIATIONS[number]
    present = [name for name in listed.backends if name in NAMES]
    if not present:
        pytest.skip(f"none of {', '.join(listed.backends)} is installed")

    assert any(_deviates(name, gate, listed) for name in present for gate in _gates(name, listed))


def _gates(backend: str, listed: Any) -> list[str]:
    gates = [gate for name, gate in PAIRS if name == backend]
    return gates if listed.gate == given.ANY else [listed.gate] if listed.gate in gates else []


def _deviates(backend: str, gate: str, listed: Any) -> bool:
    key = given.group(row(gate))
    points = given.arrays(key)
    expected = given.results("reference", key, "float64")[gate]
    apart = given.distance(given.results(backend, key, "float64")[gate], expected, gate)
    return bool(np.any((apart > given.tolerance(backend, gate)) & listed.where(points, expected)))


def test_a_wrong_backend_would_be_seen() -> None:
    expected = given.results("reference", (1, ()), "float64")["exp"]
    off = expected * (1 + 1e-13)

    assert given.distance(off, expected, "exp").max() > given.DEFAULT
    assert given.distance(-expected, expected, "exp").max() == np.inf


# --- refusals ---


@pytest.mark.parametrize("gate", sorted({g.name for g in GATES if g.arity[0] <= 4} - given.LEAVES))
def test_every_gate_is_spelled_or_refused_by_name(gate: str) -> None:
    count = given.operands(row(gate))
    for name in NAMES:
        made = given.program((gate,), count)
        if BACKENDS[name].missing(made):
            with pytest.raises(BackendError, match=re.escape(f"`{gate}`")):
                choose(name, made, "float64")
        else:
            assert BACKENDS[name] is choose(name, made, "float64")[0]


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("numpy", "llvm")])
@pytest.mark.parametrize(
    ("formula", "named"),
    [
        ("besselj(1, x)", "besselj"),
        (Integral(x * y, (y, 0, x)), "Integral"),
        (Function("f")(x), "f"),
        (sqrt(-1) * x, "a complex number"),
    ],
)
def test_what_a_backend_lacks_is_refused_when_it_is_compiled(
    name: str, formula: Any, named: str
) -> None:
    with pytest.raises(BackendError, match=f"`{named}`"):
        sg.compile(formula, [x], returns="value", backend=name)


def test_an_undefined_function_is_refused_when_it_is_compiled() -> None:
    with pytest.raises(BackendError, match="does not know `f`"):
        sg.compile(Function("f")(x), returns="value", backend="numpy")


def test_a_backend_that_is_absent_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(BackendError, match="no C compiler is on PATH; install one of cc, gcc"):
        sg.compile("x", backend="c")


# --- every backend, on whole programs ---

FORMULAS = [
    "x**2*y + sin(z)/(1 + exp(-x*y))",
    "max(x, y, z)*where(x > y, x*z, y/z) + abs(x - y)",
    "sigmoid(x*y) - softplus(z) + hypot(x, y)**3",
    "log(1 + x**2)*tanh(y)*sqrt(z) + atan2(x, z)",
]
BATCH = {"x": np.linspace(-2, 2, 7), "y": np.linspace(0.5, 3, 7)[::-1], "z": 1.25}


@pytest.mark.parametrize("backend", [*NAMES, "reference"])
@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_programs_agree_with_the_run(backend: str, formula: str, dtype: str) -> None:
    run = sg.run(formula, BATCH)
    fn = sg.compile(formula, ["x", "y", "z"], backend=backend, dtype=dtype)
    value, gradient = fn(*BATCH.values())
    expected = [run.output, *(run.grad[n] for n in "xyz")]

    for found, wanted in zip([value, *gradient], expected, strict=True):
        assert dtype == found.dtype
        precision = 64 * np.finfo(dtype).eps
        np.testing.assert_allclose(found, np.broadcast_to(wanted, (7,)), precision, precision)


@pytest.mark.parametrize("backend", [*NAMES, "reference"])
def test_values_of_any_shape_and_stride_broadcast(backend: str) -> None:
    fn = sg.compile("x*y + z", ["x", ["y", "z"]], backend=backend)
    left, right = np.arange(24.0).reshape(4, 6)[::2, ::-3], np.arange(12.0).reshape(2, 2, 3)
    value, (dx, packed) = fn(left.T, right[..., :2].transpose(1, 0, 2))

    expected = left.T * right[..., 0].T + right[..., 1].T
    assert np.array_equal(expected, value)
    assert np.array_equal(np.broadcast_to(right[..., 0].T, (2, 2)), dx)
    assert np.array_equal(np.stack([left.T, np.ones((2, 2))], -1), packed)


@pytest.mark.parametrize("backend", [*NAMES, "reference"])
@pytest.mark.parametrize("count", [0, 1, 3, 1000])
def test_batches_of_any_length_are_filled(backend: str, count: int) -> None:
    if backend == "reference" and count > 3:
        pytest.skip("one point at a time")
    points = np.linspace(0.0, 1.0, count)
    value, (slope,) = sg.compile("x*exp(x)", backend=backend)(points)

    np.testing.assert_allclose(value, points * np.exp(points), 1e-14)
    np.testing.assert_allclose(slope, (1 + points) * np.exp(points), 1e-14)


@pytest.mark.parametrize("backend", NAMES)
def test_results_are_written_where_the_caller_wants_them(backend: str) -> None:
    fn = sg.compile("x*y", [["x", "y"]], backend=backend)
    points = np.arange(8.0).reshape(4, 2)
    store = np.zeros((8, 3))
    out = (store[::2, 0], (store[::2, 1:],))

    assert fn(points, out=out) is out
    assert np.array_equal(points.prod(-1), store[::2, 0])
    assert np.array_equal(points[:, ::-1], store[::2, 1:])
    assert not store[1::2].any()


@pytest.mark.parametrize("backend", NAMES)
def test_results_may_be_written_over_the_values(backend: str) -> None:
    fn = sg.compile("x*y + x", [["x", "y"]], returns="grad", backend=backend)
    points = np.arange(8.0).reshape(4, 2)
    expected = fn(points)[0].copy()
    fn(points, out=(points,))

    assert np.array_equal(expected, points)


@pytest.mark.parametrize("out", [np.zeros(3), np.zeros(4, np.float32), [0.0] * 4, ()])
def test_an_out_that_does_not_fit_is_refused(out: Any) -> None:
    with pytest.raises(ShapeError, match="`out` takes arrays of float64"):
        sg.compile("x", returns="value")(np.ones(4), out=out)


@pytest.mark.parametrize("backend", NAMES)
def test_results_have_memory_of_their_own(backend: str) -> None:
    fn = sg.compile(["x", "x", "2", "y"], ["x", "y"], returns="value", backend=backend)
    given_x, given_y = np.arange(3.0), np.ones(3)
    found = fn(given_x, given_y)
    for array in found:
        array += 1.0

    assert [1.0, 2.0, 3.0] == found[0].tolist() == found[1].tolist()
    assert [3.0] * 3 == found[2].tolist()
    assert ([0.0, 1.0, 2.0], [1.0] * 3) == (given_x.tolist(), given_y.tolist())


@pytest.mark.parametrize("backend", [*NAMES, "reference"])
@pytest.mark.parametrize("length", [0, 1, 5])
def test_rolled_loops_are_the_loop_written_out(backend: str, length: int) -> None:
    step = sg.block("step", [x, y, z], [y * x * (1 - x) + z, x])
    first, _ = sg.scan(step, [x, y], [z], length=length)
    fn = sg.compile(first, [x, y, z], backend=backend)
    at = (0.3, np.array([2.5, 1.0]), 0.1)
    value, _ = fn(*at)
    a, b = np.broadcast_arrays(at[0], at[1])
    for _ in range(length):
        a, b = b * a * (1 - a) + at[2], a

    np.testing.assert_allclose(value, np.broadcast_to(a, (2,)), 1e-13)


# --- names never reach the source ---

HOSTILE = [
    Symbol("x; exit(1)"),
    Symbol("lambda"),
    Symbol('__import__("os")'),
    Symbol("🦊"),
    Symbol("same"),
    Symbol("same", real=True),
    Symbol("*/ #include <evil.h>"),
    Symbol("}"),
    Symbol("line\nbreak"),
    Dummy("same"),
]
TRACES = ["exit", "lambda", "import", "os", "🦊", "same", "evil", "break", "secretly"]


@pytest.mark.parametrize("backend", [*NAMES, "reference"])
def test_names_of_variables_and_blocks_never_reach_the_source(backend: str) -> None:
    block = sg.block("secretly", [x, y], x * y + x)
    formula = sum(k * s**2 for k, s in enumerate(HOSTILE, 1)) + block(HOSTILE[0], HOSTILE[1])
    fn = sg.compile(formula, HOSTILE, backend=backend)
    value, gradient = fn(*range(len(HOSTILE)))

    assert sum(k * (k - 1) ** 2 for k in range(1, 11)) == value
    assert [1 + 0 + 1, 0 + 4, 12, 24, 40, 60, 84, 112, 144, 180] == [float(g) for g in gradient]
    words = set(re.findall(r"\w+|[^\x00-\x7f]", fn.source))
    assert not words & set(TRACES)


@pytest.mark.parametrize("backend", NAMES)
def test_the_source_is_text_that_names_slots(backend: str) -> None:
    source = sg.compile("secret*2 + secret**3", backend=backend).source

    assert len(source) > 40
    assert "secret" not in source
