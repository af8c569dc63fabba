"""The declared derivative at every kink, in both modes, as graphs and as numbers."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import ITE, Piecewise, Symbol

import symgrad as sg
from symgrad.calculus import growth
from symgrad.dag.digraph import graph
from symgrad.errors import KinkError

oracle: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("oracle.py"))))

NAN = np.nan


def gradients(text: str, at: dict[str, float], kinks: str) -> dict[str, list[float]]:
    """Return the gradient by reverse and forward graphs and by the numeric walk."""
    source = graph(text)
    wrt = [source.find(Symbol(name)) for name in at]
    pulled = growth.gradient(source, wrt, kinks)
    growing = growth.Growth(source, kinks)
    columns = [growing.push({w: growing.one()}, source.outputs)[0] for w in wrt if w is not None]
    walked = sg.run(text, at, kinks=kinks).grad
    return {
        "reverse": _values(pulled, pulled.outputs[1:], at),
        "forward": _values(growing.freeze(columns), None, at),
        "run": [float(walked[name]) for name in at],
    }


def _values(found: Any, outputs: Any, at: dict[str, float]) -> list[float]:
    inputs = [np.float64(at[str(s)]) for s in found.inputs]
    with np.errstate(all="ignore"):
        values = oracle.forward_values(found, inputs, oracle.Floats())
    return [float(values[o]) for o in outputs or found.outputs]


def check(text: str, at: dict[str, float], kinks: str, expected: list[float]) -> None:
    for mode, found in gradients(text, at, kinks).items():
        assert found == pytest.approx(expected, rel=1e-14, abs=0, nan_ok=True), mode


TIES = [
    # text, point, min_norm, first, nan
    ("abs(x)", {"x": 0}, [0], [1], [NAN]),
    ("relu(x)", {"x": 0}, [0], [1], [NAN]),
    ("leaky_relu(x, 1/4)", {"x": 0}, [0.25], [1], [NAN]),
    ("max(x, y)", {"x": 2, "y": 2}, [0.5, 0.5], [1, 0], [NAN, NAN]),
    ("min(x, y)", {"x": 2, "y": 2}, [0.5, 0.5], [1, 0], [NAN, NAN]),
    ("max(x, y, z)", {"x": 2, "y": 2, "z": 2}, [1 / 3] * 3, [1, 0, 0], [NAN] * 3),
    ("max(x, y, z)", {"x": 1, "y": 2, "z": 2}, [0, 0.5, 0.5], [0, 1, 0], [0, NAN, NAN]),
    ("min(x, y, z)", {"x": 2, "y": 3, "z": 2}, [0.5, 0, 0.5], [1, 0, 0], [NAN, 0, NAN]),
    ("max(x, 2)", {"x": 2}, [0], [1], [NAN]),
    ("min(x, 2)", {"x": 2}, [0], [1], [NAN]),
    ("max(x, y, 2)", {"x": 2, "y": 2}, [0, 0], [1, 0], [NAN, NAN]),
    ("sign(x)", {"x": 0}, [0], [0], [NAN]),
    ("Heaviside(x)", {"x": 0}, [0], [0], [NAN]),
    ("floor(x)", {"x": 2}, [0], [0], [NAN]),
    ("ceil(x)", {"x": 2}, [0], [0], [NAN]),
    ("frac(x)", {"x": 2}, [1], [1], [NAN]),
    ("Mod(x, y)", {"x": 4, "y": 2}, [1, -2], [1, -2], [NAN, NAN]),
    ("fmod(x, y)", {"x": 4, "y": 2}, [1, -2], [1, -2], [NAN, NAN]),
]


@pytest.mark.parametrize(
    ("text", "at", "kinks", "expected"),
    [
        pytest.param(text, at, kinks, expected, id=f"{text}-{kinks}-{index}")
        for index, (text, at, *rows) in enumerate(TIES)
        for kinks, expected in zip(("min_norm", "first", "nan"), rows, strict=True)
    ],
)
def test_a_tie_follows_the_policy(
    text: str, at: dict[str, float], kinks: str, expected: list[float]
) -> None:
    check(text, at, kinks, expected)


@pytest.mark.parametrize("kinks", ["min_norm", "first", "nan"])
@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("abs(x)", {"x": -3}, [-1]),
        ("relu(x)", {"x": 3}, [1]),
        ("max(x, y, z)", {"x": 1, "y": 3, "z": 2}, [0, 1, 0]),
        ("min(x, y, z)", {"x": 1, "y": 3, "z": 2}, [1, 0, 0]),
        ("max(x, y)", {"x": 1e308, "y": -1e308}, [1, 0]),
        ("sign(x) + Heaviside(x) + floor(x) + ceil(x)", {"x": 0.5}, [0]),
        ("Mod(x, y)", {"x": -1.5, "y": 1}, [1, 2]),
        ("fmod(x, y)", {"x": -3.5, "y": 1}, [1, 3]),
        ("frac(x)", {"x": 1.25}, [1]),
        ("SingularityFunction(x, a, 2)", {"x": 3, "a": 1}, [4, -4]),
        ("SingularityFunction(x, a, 2)", {"x": 1, "a": 3}, [0, 0]),
        ("leaky_relu(x, a)", {"x": -2, "a": 0.1}, [0.1, -2]),
    ],
)
def test_away_from_the_kink_every_policy_agrees(
    text: str, at: dict[str, float], kinks: str, expected: list[float]
) -> None:
    check(text, at, kinks, expected)


@pytest.mark.parametrize("text", ["abs(x)", "max(x, 0)", "relu(x)", "floor(x)", "sign(x)"])
def test_raise_names_the_kink(text: str) -> None:
    with pytest.raises(KinkError):
        sg.run(text, {"x": 0}, kinks="raise")


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("where(x > 0, sqrt(x), x)", {"x": -1}, [1]),
        ("where(x > 0, sqrt(x), x)", {"x": 0}, [1]),
        ("where(x > 0, log(x), 0)", {"x": 0}, [0]),
        ("where(x > 0, log(x), 0)", {"x": -1}, [0]),
        ("where(x > 0, x*log(x), x**2)", {"x": 0}, [0]),
        ("where(x > 0, exp(1/x), 3*x)", {"x": 0}, [3]),
        ("where(x < 1, where(x > 0, log(x), x), sqrt(1 - x))", {"x": 2}, [NAN]),
        ("where(x < 1, where(x > 0, log(x), x), sqrt(x - 1))", {"x": 0.5}, [2]),
        ("where(x < 1, where(x > 0, log(x), 5*x), sqrt(x - 1))", {"x": -1}, [5]),
        ("where(x > 0, sqrt(x)*y, y)", {"x": -1, "y": 2}, [0, 1]),
        ("y*where(x > 0, log(x), 0) + y", {"x": 0, "y": 2}, [0, 1]),
        ("where(x > 0, 1/x, 0)*where(x > 0, x, 0)", {"x": 0}, [0]),
        ("Piecewise((x**2, x < 0), (sqrt(x), x > 0), (7*x, True))", {"x": 0}, [7]),
        ("max(x, -1) + where(x > 0, asin(x + 2), 0)", {"x": 0}, [1]),
    ],
)
def test_the_branch_not_taken_sends_nothing(
    text: str, at: dict[str, float], expected: list[float]
) -> None:
    check(text, at, "min_norm", expected)


def test_second_derivative_keeps_the_mask() -> None:
    found = sg.diff("where(x > 0, x*sqrt(x), x**2)", "x", 2)

    assert 2 == sg.evaluate(found, {"x": -1})
    assert 2 == sg.evaluate(found, {"x": 0})


def test_a_condition_on_a_choice_is_understood() -> None:
    x, y = Symbol("x", real=True), Symbol("y", real=True)
    inner = Piecewise((x, x > 1), (y, True))
    expr = Piecewise((x**2, ITE(x > 1, y > 0, x < 0)), (3 * x, True))

    assert expr.has(ITE)
    assert [4, 6, 3, -2] == [
        float(sg.run(expr, {"x": a, "y": b}).grad["x"])
        for a, b in ((2, 1), (3, 1), (2, -1), (-1, -1))
    ]
    assert sg.graph(sympy.sin(inner)).outputs
