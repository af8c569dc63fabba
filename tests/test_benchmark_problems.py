"""The benchmarks' problems are what they say, and their gradients are SymPy's; nothing is timed."""

from __future__ import annotations

import importlib
import math
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from scipy.linalg import expm
from scipy.optimize import rosen, rosen_der

import symgrad as sg

POSED = runpy.run_path(str(Path(__file__).parent / "benchmarks" / "problems.py"))
SMALL = {
    "mlp": POSED["network"](3, 2, 2),
    "rosen": POSED["rosenbrock"](5),
    "deep": POSED["nested"](3),
}


def point(expr: Any, rng: np.random.Generator) -> dict[Any, float]:
    names = sorted(expr.free_symbols, key=str)
    return dict(zip(names, map(float, rng.normal(size=len(names))), strict=True))


@pytest.mark.parametrize("name", SMALL)
def test_gradients_are_those_of_sympy(name: str, rng: np.random.Generator) -> None:
    problem = SMALL[name]
    at = point(problem.expr, rng)

    found = [float(p.subs(at)) for p in sg.grad(problem.expr, problem.wrt)]

    expected = [float(problem.expr.diff(v).subs(at)) for v in problem.wrt]
    assert pytest.approx(expected, rel=1e-12) == found


def test_the_network_is_that_of_numpy(rng: np.random.Generator) -> None:
    problem = SMALL["mlp"]
    at = point(problem.expr, rng)
    weights = np.array([at[v] for v in problem.wrt])
    W, V = weights[:6].reshape(2, 3), weights[6:].reshape(2, 2)
    x = np.array([at[sympy.Symbol(f"x{i}")] for i in range(3)])

    expected = np.sum((V @ np.tanh(W @ x) - np.arange(2)) ** 2)

    assert pytest.approx(expected) == float(problem.expr.subs(at))


def test_the_valley_is_that_of_scipy(rng: np.random.Generator) -> None:
    problem = SMALL["rosen"]
    at = point(problem.expr, rng)
    x = np.array([at[v] for v in problem.wrt])

    run = sg.run(problem.expr, at)

    assert pytest.approx(rosen(x)) == sg.evaluate(problem.expr, at)
    assert pytest.approx(list(rosen_der(x))) == [run.grad[v] for v in problem.wrt]


def test_nesting_is_a_loop() -> None:
    x, y = 0.3, -1.2

    expected = x
    for _ in range(3):
        expected = math.sin(expected) * y + math.cos(expected)

    assert pytest.approx(expected) == sg.evaluate(SMALL["deep"].expr, {"x": x, "y": y})


@pytest.mark.parametrize("nodes", [100, 1000])
@pytest.mark.parametrize("family", ["deep", "rosen"])
def test_a_tree_has_the_nodes_that_are_asked_for(family: str, nodes: int) -> None:
    graph = sg.graph(POSED["FAMILIES"][family](nodes))

    assert abs(len(graph) - nodes) <= 10


@pytest.mark.parametrize(
    ("tree", "expr"),
    [
        (POSED["literal_chain"](12), POSED["nested"](3).expr),
        (POSED["literal_valley"](36), POSED["rosenbrock"](5).expr),
    ],
    ids=["deep", "rosen"],
)
def test_literal_trees_are_the_problems(tree: Any, expr: Any, rng: np.random.Generator) -> None:
    at = point(expr, rng)

    assert pytest.approx(float(expr.subs(at))) == sg.evaluate(tree, at)


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    return importlib.import_module("tests.benchmarks.native_problems").NATIVE


@pytest.mark.parametrize(
    "name", ["mlp16", "rosen500", "deep100", "reprojection", "speelpenning", "fourier"]
)
def test_formulas_by_hand_are_the_expressions(
    name: str, native: dict[str, Any], rng: np.random.Generator
) -> None:
    posed = native[name]()
    at = rng.uniform(posed.low, posed.high, size=len(posed.inputs))
    values = dict(zip(posed.inputs, at, strict=True))

    expected = np.ravel(posed.by_hand(np)(at))

    assert pytest.approx(expected, rel=1e-9) == [sg.evaluate(f, values) for f in posed.outputs]
    assert len(native) == 6


def test_a_camera_sees_what_rotation_matrices_say(
    native: dict[str, Any], rng: np.random.Generator
) -> None:
    posed = native["reprojection"]()
    at = rng.uniform(0.5, 1.5, size=15)
    r, t, p, f, c, (k1, k2) = at[:3], at[3:6], at[6:9], at[9:11], at[11:13], at[13:]
    cross = np.array([[0, -r[2], r[1]], [r[2], 0, -r[0]], [-r[1], r[0], 0]])
    x, y, z = expm(cross) @ p + t
    square = (x * x + y * y) / z**2
    expected = f * np.array([x, y]) / z * (1 + k1 * square + k2 * square**2) + c

    found = [sg.evaluate(e, dict(zip(posed.inputs, at, strict=True))) for e in posed.outputs]

    assert pytest.approx(expected, rel=1e-12) == found
