"""Compiled sparse matrices: three roads, one answer, and the answer of SciPy and of differences."""

from __future__ import annotations

import pickle
import runpy
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad, rosen_hess
from scipy.optimize._numdiff import approx_derivative
from scipy.sparse import csr_array

import symgrad as sg
from symgrad.calculus import growth
from symgrad.calculus.colouring import colour_columns, colour_symmetric
from symgrad.calculus.families import families
from symgrad.calculus.sparsity import Pattern
from symgrad.dag.digraph import Graph, graph
from symgrad.numeric import strata
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.inline import inline
from symgrad.numeric.program import lower
from symgrad.numeric.sparse_derivatives import compile_sparse
from symgrad.numeric.sparse_roads import EVERYTHING

drawn: Any = SimpleNamespace(
    **runpy.run_path(
        str(Path(__file__).parents[1] / "calculus" / "test_random_expressions.py"),
    )
)
FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
METHODS = ["terms", "entries", "colours"]


def valley(size: int) -> tuple[Graph, list[Any]]:
    x = sympy.symbols(f"x:{size}")
    terms = [100 * (after - before**2) ** 2 + (1 - before) ** 2 for before, after in pairwise(x)]
    return graph(sympy.Add(*terms)), list(x)


# --- against others ---


@pytest.mark.parametrize("backend", ["auto", "numpy"])
@pytest.mark.parametrize("method", METHODS)
def test_a_valleys_hessian_is_scipys(method: str, backend: str, rng: np.random.Generator) -> None:
    source, x = valley(60)
    points = rng.normal(size=(4, 60))

    fn = compile_sparse(source, [x], method=method, backend=backend)
    found = fn(points[0])

    assert isinstance(found, csr_array) and found.nnz == 3 * 60 - 2
    assert method == fn.method
    np.testing.assert_allclose(found.toarray(), rosen_hess(points[0]), rtol=1e-12, atol=1e-9)
    data = fn.data(points.reshape(2, 2, 60))
    assert (2, 2, found.nnz) == data.shape
    for point, entries in zip(points, data.reshape(4, -1), strict=True):
        np.testing.assert_allclose(fn(point).data, entries, rtol=1e-13, atol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_a_jacobian_is_that_of_differences(method: str, rng: np.random.Generator) -> None:
    x = sympy.symbols("x:40")
    F = [sympy.sin(a * b) + sympy.exp(b / 3) - a for a, b in pairwise(x)]
    at = rng.normal(size=40)
    value = sympy.lambdify([x], F, "numpy")

    found = compile_sparse(F, [x], kind="jacobian", method=method)(at)

    expected = approx_derivative(lambda p: np.array(value(p)), at, method="3-point")
    assert (39, 40) == found.shape and found.nnz == 78
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("method", ["entries", "colours"])
def test_a_hessian_is_that_of_differences_of_gradients(
    method: str, rng: np.random.Generator
) -> None:
    x = sympy.symbols("x:7")
    f = x[0] * sympy.Add(*(sympy.sin(v) for v in x)) + x[1] * x[2] / (1 + x[3] ** 2)
    at = rng.normal(size=7)
    gradient = sympy.lambdify([x], [f.diff(v) for v in x], "numpy")

    found = compile_sparse(f, [x], method=method)(at).toarray()

    np.testing.assert_array_equal(found, found.T)
    for row in range(7):
        gap = check_grad(
            lambda p, row=row: gradient(p)[row], lambda _, row=row: found[row], at, epsilon=1e-6
        )
        assert gap < 1e-4


# --- the roads agree, with the full matrices too ---


def full_hessian(expr: Any, at: list[float]) -> np.ndarray:
    source = graph(expr)
    names = list(drawn.NAMES)
    grown = growth.hessian_graph(source, [source.find(n) for n in names])
    with np.errstate(all="ignore"):
        found = Floats().outputs(lower(grown, names), at)
    return np.array(found, dtype=float).reshape(3, 3)


@FEW
@given(drawn.KINKY, drawn.POINT)
def test_all_roads_lead_to_the_full_hessian(expr: Any, at: dict[str, Any]) -> None:
    point = [float(at[name.name]) for name in drawn.NAMES]
    full = full_hessian(expr, point)
    assume(np.isfinite(full).all() and abs(full).max() < 1e6)

    for method in ("entries", "colours"):
        found = compile_sparse(expr, [list(drawn.NAMES)], method=method, backend="numpy")(point)
        np.testing.assert_allclose(found.toarray(), full, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("as_block", [False, True])
@pytest.mark.parametrize(
    "formula",
    [
        "sin(x*y)*z",
        "max(x, y)*x*z + min(x, z)**3",
        "where(x > y, x**2*z, y*z*x)",
        "abs(x - z)*y**2",
        "mod(x, z)*y*x",
        "sqrt(x**2 + z**2)/(1 + exp(y))",
    ],
)
def test_terms_are_added_where_they_meet(
    formula: str, as_block: bool, rng: np.random.Generator
) -> None:
    """Members share variables, have the same one twice, and parameters of their own."""
    v, p = sympy.symbols("v:4"), sympy.symbols("p:36")
    members = [(v[k % 4], v[k % 3], p[k]) for k in range(36)]
    body = sg.parse(formula).expr
    term = sg.block("term", list(drawn.NAMES), [body])
    one = term if as_block else lambda *m: body.xreplace(dict(zip(drawn.NAMES, m, strict=True)))
    source = graph(sympy.Add(*(one(*m) for m in members), evaluate=False))
    at = rng.normal(size=4), 1 + rng.random(36)

    found = compile_sparse(source, [v, p], wrt=v, backend="numpy")

    entries = compile_sparse(source, [v, p], wrt=v, backend="numpy", method="entries")
    assert ("terms", "entries") == (found.method, entries.method)
    expected = entries(*at).toarray()
    np.testing.assert_allclose(found(*at).toarray(), expected, rtol=1e-11, atol=1e-11)
    assert np.count_nonzero(expected) >= 4


def test_terms_may_have_weights_signs_and_factors(rng: np.random.Generator) -> None:
    x = sympy.symbols("x:20")
    squares = " + ".join(f"{v}**3" for v in x)
    f = f"-({squares} - 3*({' + '.join(f'{v}**3' for v in x[:9])}))/4 + x0**3 + x0**3"
    at = rng.normal(size=20)

    fn = compile_sparse(f, [x])

    weights = np.array([0.5] * 9 + [-0.25] * 11) + np.array([2] + [0] * 19)
    assert "terms" == fn.method and fn.stats["terms"] <= 40
    np.testing.assert_allclose(fn(at).toarray(), np.diag(6 * weights * at), rtol=1e-13)


def test_a_seed_of_zero_does_not_spoil_what_stands_beside_an_infinite_entry() -> None:
    fn = compile_sparse("z*(sqrt(x) + y)", [["x", "y", "z"]], method="colours")

    with np.errstate(all="ignore"):
        found = fn([0.0, 2.0, 3.0]).toarray()

    assert 1.0 == found[1, 2] == found[2, 1]
    assert np.isinf(found[0, 2]) and -np.inf == found[0, 0] and 0.0 == found[0, 1]


def test_crowded_functions_are_coloured() -> None:
    x = [f"x{k}" for k in range(60)]
    steps = [f"a{k + 1} = sin(a{k})*x{k} + cos(a{k})" for k in range(40)]
    f = "; ".join([f"a0 = {'*'.join(x)}", *steps])

    assert "colours" == compile_sparse(f, [x], backend="numpy").method


def test_blocks_and_loops_run_by_layers(rng: np.random.Generator) -> None:
    a, b = sympy.symbols("a b")
    x = sympy.symbols("x:80")
    step = sg.block("step", [a, b], [sympy.sin(a) * b, b + a])
    F = [sg.scan(step, [u, v], length=3)[0] for u, v in pairwise(x)]
    at = rng.normal(size=80)

    fn = compile_sparse(F, [x], kind="jacobian", method="entries", backend="numpy")

    value = sg.compile(F[0] + sympy.Add(*F[1:]), [x], returns="value")
    expected = approx_derivative(lambda p: float(value(p)), at, method="3-point")
    assert "numpy, by layers" == fn.backend
    np.testing.assert_allclose(fn(at).toarray().sum(axis=0), expected, rtol=1e-6, atol=1e-7)


# --- layers ---


@FEW
@given(drawn.KINKY, drawn.POINT)
def test_layers_compute_what_single_operations_do(expr: Any, at: dict[str, Any]) -> None:
    names = list(drawn.NAMES)
    source = graph(expr)
    grown = growth.gradient(source, [source.find(n) for n in names])
    program = inline(lower(grown, names), EVERYTHING)
    assume(not any(op.payload is not None or not op.args for op in program.operations))
    values = np.array([[float(at[name.name])] * 2 for name in names])

    found = strata.Strata(program)(values)

    with np.errstate(all="ignore"):
        expected = Floats().outputs(program, list(values))
    expected = np.array([np.broadcast_to(e, 2) for e in expected], dtype=float)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=0, equal_nan=True)


def test_a_valley_has_few_layers_whatever_its_length() -> None:
    layers = [
        compile_sparse(*map_packed(valley(n)), method="entries", backend="numpy").stats["layers"]
        for n in (100, 200)
    ]

    assert layers[0] == layers[1] < 20


def map_packed(posed: tuple[Graph, list[Any]]) -> tuple[Graph, list[Any]]:
    return posed[0], [posed[1]]


# --- families ---


def test_a_valley_has_two_families() -> None:
    source, _ = valley(30)

    found = families(source, source.input_nodes)

    assert [29, 29] == [len(f.members) for f in found]


@pytest.mark.parametrize(
    "formula", ["sin(x)*y + cos(x*y) - z", "(x + y + z)**2", "x**2 + y**3 + sin(z)"]
)
def test_what_does_not_repeat_has_no_families(formula: str) -> None:
    source = graph(formula)

    assert [] == families(source, source.input_nodes)
    with pytest.raises(sg.SymgradError, match="method='terms'"):
        compile_sparse(formula, method="terms")


def test_families_are_of_plain_variables_each_once() -> None:
    source, x = valley(30)
    node = source.find(x[0])

    assert [] == families(source, [node, node])
    assert [] == families(source, [source.outputs[0]])


# --- colours ---

ROWS = st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=8)


@given(ROWS)
def test_columns_of_a_colour_share_no_row(rows: list[set[int]]) -> None:
    pattern = Pattern(tuple(tuple(sorted(row)) for row in rows), 8)

    found = colour_columns(pattern)

    for row in pattern.rows:
        assert len(row) == len({found.colours[j] for j in row})
    assert found.count <= 8


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_each_wanted_entry_is_alone_in_its_product(places: set[tuple[int, int]]) -> None:
    places |= {(j, i) for i, j in places}
    rows = tuple(tuple(sorted(j for i, j in places if i == row)) for row in range(8))
    pattern = Pattern(rows, 8)

    found = colour_symmetric(pattern, pattern.upper())

    for (i, j), (row, colour) in zip(pattern.upper().places(), found.found, strict=True):
        (column,) = [c for c in rows[row] if found.colours[c] == colour]
        assert {i, j} == {row, column}


def test_an_arrow_takes_two_colours() -> None:
    rows = (tuple(range(50)), *((0, k) for k in range(1, 50)))

    assert 2 == colour_symmetric(Pattern(rows, 50), Pattern(rows, 50).upper()).count


# --- questions ---


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compile_sparse(["x", "y"]), "Jacobian"),
        (lambda: compile_sparse("x**2", kind="gradient"), "jacobian or hessian"),
        (lambda: compile_sparse("x**2", method="magic"), "terms or entries or colours"),
        (lambda: sg.compile("x**2", sparse=True), "jacobian or hessian"),
        (lambda: compile_sparse("x**2", dtype="float32"), "float64"),
        (lambda: compile_sparse("abs(x)*x", kinks="raise"), "kinks='nan'"),
        (lambda: compile_sparse("x**2")([1.0, 2.0]), "one point"),
        (lambda: compile_sparse("x**2")(1j), "real numbers"),
        (lambda: compile_sparse("x*y", [["x", "y"]])([1.0]), "packs 2 variables"),
        (lambda: compile_sparse("x*y", ["x"]), "leaves out `y`"),
    ],
)
def test_wrong_questions_are_told_what_to_do(call: Any, message: str) -> None:
    with pytest.raises(sg.SymgradError, match=message):
        call()


def test_variables_may_be_missing_and_matrices_empty() -> None:
    absent = sympy.Symbol("absent")

    hessian = compile_sparse("x + 3*y", ["x", "y"])(1.0, 2.0)
    mixed = compile_sparse("x**2*y", ["x", "y"], wrt=["y", absent, "x"])(2.0, 5.0)

    assert 0 == hessian.nnz and (2, 2) == hessian.shape
    np.testing.assert_array_equal([[0, 0, 4], [0, 0, 0], [4, 0, 10]], mixed.toarray())


@pytest.mark.parametrize("method", ["entries", "colours"])
def test_entries_may_all_be_one_number(method: str) -> None:
    fn = compile_sparse("x**2 + y**2 + z**2", [["x", "y", "z"]], method=method, backend="numpy")

    np.testing.assert_array_equal(2 * np.eye(3), fn([1.0, 2.0, 3.0]).toarray())
    np.testing.assert_array_equal(np.full((5, 3), 2.0), fn.data(np.ones((5, 3))))


def test_scalars_and_packs_broadcast() -> None:
    fn = compile_sparse("a*x**2*y", ["a", ["x", "y"]], wrt=["x", "y"])

    data = fn.data([1.0, 2.0], [3.0, 4.0])

    np.testing.assert_array_equal([[8, 6, 6], [16, 12, 12]], data)


@pytest.mark.parametrize("backend", ["auto", "numpy", "reference"])
def test_compile_takes_sparse(backend: str) -> None:
    hessian = sg.compile("x*y**2", [["x", "y"]], returns="hessian", sparse=True, backend=backend)
    jacobian = sg.compile(
        ["x*y", "y**2"], ["x", "y"], wrt="y", returns="jacobian", sparse=True, cache=False
    )

    np.testing.assert_array_equal([[0, 6], [6, 4]], hessian([2.0, 3.0]).toarray())
    np.testing.assert_array_equal([[2], [6]], jacobian(2.0, 3.0).toarray())


@pytest.mark.parametrize("method", METHODS)
def test_compiled_matrices_pickle(method: str, rng: np.random.Generator) -> None:
    source, x = valley(20)
    fn = compile_sparse(source, [x], method=method)
    at = rng.normal(size=20)

    copy = pickle.loads(pickle.dumps(fn))

    assert method == copy.method
    np.testing.assert_array_equal(fn(at).toarray(), copy(at).toarray())
