"""Sparse Jacobians and Hessians: patterns, entries, and what they cost in nodes."""

from __future__ import annotations

import runpy
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import rosen_hess
from sympy import SparseMatrix, Symbol

import symgrad as sg
from symgrad.calculus import entries, sparsity
from symgrad.dag.digraph import Graph
from symgrad.numeric.arithmetic import Precise, forward_values

drawn: Any = SimpleNamespace(
    **runpy.run_path(str(Path(__file__).with_name("test_random_expressions.py")))
)
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
W, X, Y, Z = sympy.symbols("w x y z")


def valley(size: int) -> tuple[Graph, list[Symbol]]:
    x = sympy.symbols(f"x:{size}")
    terms = [100 * (after - before**2) ** 2 + (1 - before) ** 2 for before, after in pairwise(x)]
    return sg.graph(sympy.Add(*terms)), list(x)


def hessian_pattern(f: Any, wrt: list[Any]) -> set[tuple[int, int]]:
    """Return the places of the upper triangle."""
    source = sg.graph(f)
    return set(entries.sparse_hessian(source, [source.find(v) for v in wrt]).pattern.places())


def jacobian_pattern(F: Any, wrt: list[Any]) -> set[tuple[int, int]]:
    source = sg.graph(F)
    wanted = [source.find(v) for v in wrt]
    return set(sparsity.pattern(source.nodes, source.outputs, wanted).places())


# --- patterns ---


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("w + 2*x - y/3 - z", set()),
        ("w*x + y", {(0, 1)}),
        ("w/x", {(0, 1), (1, 1)}),
        ("sin(w) + y**2", {(0, 0), (2, 2)}),
        ("exp(w + x)*0 + z", {(0, 0), (0, 1), (1, 1)}),
        ("w*x*y*z", {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}),
        ("max(w, x) + abs(y) + relu(z)", set()),
        ("max(w*x, y)", {(0, 1)}),
        ("where(w > x, y**2, z)", {(2, 2)}),
        ("floor(w)*x + sign(y)*z", set()),
        ("where(w > 0, x*y, y*z)", {(1, 2), (2, 3)}),
    ],
)
def test_a_hessian_pattern_holds_the_pairs_that_meet_in_a_curved_gate(
    formula: str, expected: set[tuple[int, int]]
) -> None:
    assert expected == hessian_pattern(formula, [W, X, Y, Z])


def test_held_terms_are_in_no_pattern() -> None:
    f = sg.stop_gradient(W * X) * Y + sg.stop_gradient(Z) ** 2

    assert set() == hessian_pattern(f, [W, X, Y, Z])
    assert {(0, 2)} == jacobian_pattern([f], [W, X, Y, Z])


def test_a_block_passes_what_its_body_passes() -> None:
    mixed = sg.block("mixed", [X, Y], [X * Y, Y + 1])
    product, shifted = mixed(W, Z)

    assert {(0, 0), (0, 1), (1, 1)} == jacobian_pattern([product, shifted], [W, Z])
    assert {(0, 1)} == hessian_pattern(product + shifted, [W, Z])


def test_variables_may_be_inner_missing_or_named_twice() -> None:
    q, absent = Symbol("q"), Symbol("absent")
    source = sg.graph("q = x*y; f = q**2 + z")
    wrt = [source.node("q"), source.find(X), None, source.find(X)]

    found = sparsity.pattern(source.nodes, source.outputs, wrt)
    matrix = sg.hessian(source, ["q", X, absent, X], sparse=True)

    assert ((0, 1, 3),) == found.rows
    assert matrix == sg.hessian(source, ["q", X, absent, X])
    assert matrix[0, 0] == 2 and q not in matrix.free_symbols


def test_a_valley_is_tridiagonal() -> None:
    source, x = valley(50)

    plan = entries.sparse_hessian(source, [source.find(v) for v in x])

    expected = {(i, i) for i in range(50)} | {(i, i + 1) for i in range(49)}
    assert expected == set(plan.pattern.places())


def test_a_long_sum_has_its_pattern_at_once() -> None:
    x = sympy.symbols("x:4000")
    source = sg.graph([sympy.Add(*x, evaluate=False), sympy.sin(x[0])])

    found = sparsity.pattern(source.nodes, source.outputs, source.input_nodes)

    assert [4000, 1] == [len(row) for row in found.rows]


# --- nothing is lost ---


def seconds_by_differences(expr: Any, at: dict[str, Any], i: int, j: int) -> Any:
    """Return mpmath's second derivative of the formula's value; no rule takes part."""
    built = sg.graph(expr)

    def value(*moved: Any) -> Any:
        inputs = [moved[drawn.NAMES.index(s)] for s in built.inputs]
        return mp.mpmathify(forward_values(built, inputs, Precise())[built.outputs[0]])

    order = tuple((i == k) + (j == k) for k in range(3))
    point = (at[name.name] for name in drawn.NAMES)
    return mp.diff(value, tuple(mp.mpf(v.numerator) / v.denominator for v in point), order)


@FEW
@given(drawn.KINKY, drawn.POINT)
def test_what_a_hessian_pattern_leaves_out_is_zero(expr: Any, at: dict[str, Any]) -> None:
    held = {str(s): at[str(s)] for s in sg.graph(expr).inputs}
    assume(not sg.run(expr, held).kinks)
    places = hessian_pattern(expr, list(drawn.NAMES))
    missing = [(i, j) for j in range(3) for i in range(j + 1) if (i, j) not in places]
    with mp.workdps(40):
        found = [seconds_by_differences(expr, at, i, j) for i, j in missing]
        assume(all(mp.isfinite(v) for v in found))

        assert all(abs(v) < mp.mpf(10) ** -8 for v in found)


@FEW
@given(drawn.KINKY)
def test_a_sparse_hessian_is_the_full_one(expr: Any) -> None:
    names = list(drawn.NAMES)

    assert sg.hessian(expr, names) == sg.hessian(expr, names, sparse=True)


@FEW
@given(st.lists(drawn.KINKY, min_size=1, max_size=5), drawn.POINT)
def test_a_sparse_jacobian_has_the_values_of_the_full_one(F: Any, at: dict[str, Any]) -> None:
    names = list(drawn.NAMES)
    with mp.workdps(drawn.DIGITS):
        full = numbers(sg.jacobian(F, names), at)
        assume(drawn.sane(full))

        assert drawn.agree(numbers(sg.jacobian(F, names, sparse=True), at), full)


def numbers(matrix: Any, at: dict[str, Any]) -> list[Any]:
    """Return the entries at a point, row by row."""
    source = sg.graph([e for row in matrix.tolist() for e in row])
    return drawn.values(source, source.outputs, at)


@pytest.mark.parametrize("kinks", ["min_norm", "first", "nan"])
@pytest.mark.parametrize(
    "formula",
    [
        "max(w*x, y*z)*abs(w)",
        "where(w > x, y**2*x, sqrt(z)*y)",
        "mod(w*x, y)*z + sign(w)*x",
        "min(w, x, y)*z + relu(w*x)",
    ],
)
def test_sparse_matrices_keep_the_policy_of_kinks(formula: str, kinks: str) -> None:
    names = [W, X, Y, Z]

    full = sg.hessian(formula, names, kinks=kinks)

    assert full == sg.hessian(formula, names, kinks=kinks, sparse=True)


def test_blocks_and_loops_are_walked() -> None:
    step = sg.block("step", [X, Y], [sympy.sin(X) * Y, Y + X])
    a, b = sg.scan(step, [W, Z], length=3)
    f, names = a * b + sympy.exp(Y), [W, Y, Z]
    at = {W: 0.3, Y: -0.4, Z: 1.1}

    full = [sg.evaluate(e, at) for e in sg.hessian(f, names)]
    sparse = sg.hessian(f, names, sparse=True)

    assert full == [sg.evaluate(e, at) for e in sparse.tolist() for e in e]
    assert 0 == sparse[0, 1] and 0 == sparse[1, 2]


# --- the entries ---


def test_a_valleys_entries_are_scipys(rng: np.random.Generator) -> None:
    source, x = valley(12)
    at = rng.normal(size=12)

    found = sg.hessian(source, x, sparse=True)

    assert isinstance(found, SparseMatrix)
    entered = np.array(found.subs(dict(zip(x, at, strict=True))).evalf(), dtype=float)
    np.testing.assert_allclose(entered, rosen_hess(at), rtol=1e-12, atol=1e-10)


def arrow(size: int) -> tuple[Graph, list[Symbol]]:
    x = sympy.symbols(f"x:{size}")
    return sg.graph(sympy.Add(*(x[0] * v**3 for v in x[1:]))), list(x)


def test_an_arrow_is_the_full_one() -> None:
    source, x = arrow(9)

    assert sg.hessian(source, x) == sg.hessian(source, x, sparse=True)
    assert [0] == sparsity.full_rows(
        sparsity.Pattern((tuple(range(9)), *((0, k) for k in range(1, 9))), 9)
    )


def test_a_jacobian_with_a_full_row_and_a_full_column_is_the_full_one() -> None:
    x = sympy.symbols("x:8")
    F = [sympy.Add(*(v**2 for v in x)), *(x[0] * sympy.sin(v) for v in x[1:])]

    assert sg.jacobian(F, x) == sg.jacobian(F, x, sparse=True)


@pytest.mark.parametrize("family", [valley, arrow])
def test_entries_cost_a_number_of_nodes_that_grows_with_them(family: Any) -> None:
    sizes = []
    for size in (100, 200):
        source, x = family(size)
        plan = entries.sparse_hessian(source, [source.find(v) for v in x])
        sizes.append(len(plan.derive()))

    assert 1.9 < sizes[1] / sizes[0] < 2.1


def test_rows_are_walked_where_that_is_cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    walked = []
    monkeypatch.setattr(entries, "sweep", counted(walked, entries.sweep))
    x = sympy.symbols("x:200")
    source = sg.graph([sympy.Add(*(v**2 for v in x)), *(sympy.sin(v) for v in x)])

    entries.sparse_jacobian(source, source.input_nodes).derive()

    assert 1 <= len(walked) <= 201
    assert sum(walked) < 20 * 200


def test_matrices_are_refused_by_name() -> None:
    x = sympy.MatrixSymbol("x", 3, 1)

    with pytest.raises(sg.SymgradError, match="sparse=True"):
        sg.hessian(sg.graph(sympy.MatMul(x.T, x)), [x], sparse=True)


def counted(walked: list[int], walk: Any) -> Any:
    def counting(nodes: Any, primal: Any, seeds: Any, wanted: Any, order: Any, *rest: Any) -> Any:
        walked.append(len(order))
        return walk(nodes, primal, seeds, wanted, order, *rest)

    return counting
