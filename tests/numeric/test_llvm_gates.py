"""Every gate that LLVM spells: special values as NumPy's kernels, errors in ulp as stated."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.numeric import kernels, llvm_scipy, precise
from symgrad.numeric.backend_llvm import build, missing
from symgrad.numeric.llvm_bounds import AS_SCIPY, BOUNDS, SCALES
from symgrad.numeric.llvm_gates import SPELLINGS
from symgrad.numeric.llvm_machine import target
from symgrad.numeric.llvm_math import has_sincos
from symgrad.numeric.program import Operation, Program, lower
from symgrad.rules.table import GATES

SPECIAL = np.array(
    [
        *(0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, 2.5, -2.5, 1e300, -1e300, 1e-300),
        *(-1e-300, 5e-324, -5e-324, 1e-310, np.inf, -np.inf, np.nan, 1e5, -1e5, 1e22, 709.9),
        *(-745.2, -708.5, 1e-17, -1e-8, 100.5, -100.5, 171.7, 26.0, np.pi, np.pi / 2, 36.5),
        *(-36.5, 20.0, -20.0),
    ]
)


def one_gate(name: str, count: int) -> Program:
    gate = GATES.named(name)
    assert gate is not None
    inputs = sympy.symbols(f"x:{count}")
    operation = Operation(gate, tuple(range(count)), None, ())
    return Program(inputs, (), (operation,), (count,))


def special_points(count: int, dtype: Any = np.float64) -> list[Any]:
    """Return all combinations of special values; fewer of them for three operands."""
    with np.errstate(over="ignore", under="ignore"):
        values = SPECIAL[:: 1 if count < 3 else 4].astype(dtype)
    return [np.ravel(g).copy() for g in np.meshgrid(*[values] * count)]


POINTS = 200
# Where NumPy's kernel is the one that is wrong: a logarithm that overflows.
NUMPY_ERRS = {"loggamma": lambda x: np.abs(x) < 1e-300}
# Ties of zeros of both signs may give either; exact zeros otherwise have NumPy's sign.
EITHER_ZERO = {"max", "min", "elu", "selu", "erf2", "logaddexp", "logsumexp", "gelu"}


def counts(name: str) -> list[int]:
    """Return the numbers of operands to try."""
    gate = GATES.named(name)
    assert gate is not None
    least, most = gate.arity
    return sorted({max(least, 2) if most is None else least, min(most or 3, 3)})


GATES_OF_TABLE = [name for name in SPELLINGS if name != "digamma"]
CASES = [(name, count) for name in GATES_OF_TABLE for count in counts(name)]
OURS = [(name, count) for name, count in CASES if name in BOUNDS]


@cache
def run(name: str, count: int, dtype: str) -> Any:
    return build(one_gate(name, count), dtype, cache=False)


def test_the_table_of_bounds_names_every_gate() -> None:
    assert set(BOUNDS) | AS_SCIPY == set(SPELLINGS)
    assert not set(BOUNDS) & AS_SCIPY


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "count"), CASES)
def test_special_values_are_those_of_numpy(name: str, count: int, dtype: str) -> None:
    points = special_points(count, dtype)
    with np.errstate(all="ignore"):
        expected = np.asarray(kernels.REAL[name](*points)).astype(dtype)

    actual = run(name, count, dtype)(points)[0]

    trusted = ~NUMPY_ERRS[name](*points) if name in NUMPY_ERRS else np.full(len(expected), True)
    tiny, fine = (1e-300, 1e-12) if dtype == "float64" else (1e-37, 1e-4)
    if name == "Li":  # a difference, 0 at 2
        tiny = 4 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(actual[trusted], expected[trusted], rtol=fine, atol=tiny)
    if name not in EITHER_ZERO:
        zeros = (expected == 0) & (actual == 0)
        assert np.array_equal(np.signbit(actual[zeros]), np.signbit(expected[zeros]))


def spacing(name: str, exact: float, operands: list[float]) -> float:
    at = {"one": 1.0, "largest operand": max([abs(exact), *map(abs, operands)])}
    return float(np.spacing(at.get(SCALES.get(name, ""), abs(exact))))


def worst(name: str, points: list[Any], values: Any) -> float:
    """Return the largest error in ulp; the reference is mpmath."""
    gate = GATES.named(name)
    assert gate is not None
    reference, found = precise.kernel(gate), 0.0
    for value, operands in zip(values, zip(*points, strict=True), strict=True):
        operands = [float(x) for x in operands]
        with precise.working(60):
            exact = reference(*[mp.mpf(x) for x in operands])
            if isinstance(exact, mp.mpc) or not mp.isfinite(exact):
                continue
            error = abs(mp.mpf(float(value)) - exact)
        found = max(found, float(error) / spacing(name, float(exact), operands))
    return found


@pytest.mark.parametrize(("name", "count"), OURS)
def test_errors_stay_within_the_stated_ulp(name: str, count: int, rng: np.random.Generator) -> None:
    gate = GATES.named(name)
    assert gate is not None
    domains = [*gate.domain, *[gate.domain[-1]] * count][:count]
    points = [rng.uniform(*domain, POINTS) for domain in domains]

    values = run(name, count, "float64")(points)[0]

    assert worst(name, points, values) <= BOUNDS[name] + 1e-9


WIDE = ("sin", "cos", "tan", "exp", "log", "cbrt", "atan", "tanh", "asinh", "sinh", "log1p")


@pytest.mark.parametrize("name", WIDE)
def test_functions_keep_their_bounds_over_many_magnitudes(
    name: str, rng: np.random.Generator
) -> None:
    x = rng.choice([-1.0, 1.0], POINTS) * 10.0 ** rng.uniform(-12, 2.8, POINTS)
    values = run(name, 1, "float64")([x])[0]

    assert worst(name, [x], values) <= BOUNDS[name]


def near_quarter_turns() -> Any:
    """Return the floats next to multiples of π/2, where the reduced argument cancels most."""
    turns = np.concatenate([np.arange(1, 200), 2 ** np.arange(8, 19), [667_543, 523_177]])
    with precise.working(40):
        return np.array([float(mp.mpf(int(k)) * mp.pi / 2) for k in turns])


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sines_hold_next_to_multiples_of_a_quarter_turn_and_beyond_their_range(name: str) -> None:
    edge = 2.0**20
    around = [edge, np.nextafter(edge, 0), np.nextafter(edge, 2 * edge), 1e7, 1e15, 1e300]
    x = np.concatenate([near_quarter_turns(), around])
    values = run(name, 1, "float64")([x])[0]

    most = 1.5 if has_sincos(target(double=True)) else BOUNDS[name]
    assert worst(name, [x], values) <= most
    mirrored = run(name, 1, "float64")([-x])[0]
    assert np.array_equal(values, -mirrored if name == "sin" else mirrored)


def test_digamma_is_polygamma_of_order_zero(rng: np.random.Generator) -> None:
    x = np.concatenate([rng.uniform(-5, 5, 50), [0.0, -1.0, np.inf, np.nan, 1e-300]])
    found = build(lower(sg.graph(sympy.polygamma(0, sympy.Symbol("x")) * 2)), cache=False)
    expected = 2 * kernels.REAL["polygamma"](0.0, x)

    np.testing.assert_array_equal(found([x])[0], expected)


def test_functions_that_scipy_does_not_publish_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llvm_scipy, "find", lambda name: None)

    assert ["besselj"] == missing(one_gate("besselj", 2))
    assert [] == missing(one_gate("sin", 1))


def test_the_documentation_states_these_bounds() -> None:
    page = Path(__file__).parents[2] / "docs" / "llvm.md"
    rows = re.findall(
        r"^\| ([\d.]+) \| ([\w ]+) \| (.*) \|$", page.read_text("utf-8"), re.MULTILINE
    )
    stated = {
        name: (float(ulp), scale)
        for ulp, scale, names in rows
        for name in re.findall(r"`(\w+)`", names)
    }

    assert stated == {name: (ulp, SCALES.get(name, "value")) for name, ulp in BOUNDS.items()}
