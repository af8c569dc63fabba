"""What holds for every formula of matrices: reverse is forward is scalar; Hessians are symmetric.

Formulas are random, their shapes fit, and the seeds are fixed. Numbers come from `by_hand`.
"""

from __future__ import annotations

import functools
import pickle
import random
import runpy
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import MatrixSymbol, Symbol

import symgrad as sg
from symgrad.errors import ShapeError, SymgradError, TextShapeError, UnsupportedError
from symgrad.expr.matrices import apply, matrix

HERE = Path(__file__).parent
HAND = runpy.run_path(str(HERE / "by_hand.py"))
WORDS = runpy.run_path(str(HERE / "matrix_sentences.py"))
evaluated, same = HAND["evaluated"], HAND["same"]
LENGTHS = {"m": 2, "n": 3, "k": 2}
EXACT = 1e-12  # two orders of summation of some dozen numbers of the order of one

scalars = pytest.mark.parametrize("seed", range(60))
vectors = pytest.mark.parametrize("seed", range(40))


@functools.cache
def formula(seed: int, *, wide: bool = False) -> Any:
    rng = random.Random(seed)
    while True:
        text = WORDS["matrix"](rng, ("m", "1"), 3) if wide else WORDS["scalar"](rng, 2)
        found = sg.parse(text, shapes=WORDS["SHAPES"]).expr
        if matrices(found):
            return found


def matrices(expr: Any) -> list[Any]:
    return sorted((s for s in expr.free_symbols if isinstance(s, MatrixSymbol)), key=str)


def point(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, 7])
    shapes = {n: s if isinstance(s, tuple) else (s,) for n, s in WORDS["SHAPES"].items()}
    drawn = {n: rng.uniform(-1, 1, [LENGTHS[i] for i in s]) for n, s in shapes.items()}
    return {**LENGTHS, **drawn}


def direction(symbol: Any, seed: int) -> tuple[Any, Any]:
    """A symbol for a tangent and its values, the shape of a variable."""
    rows, columns = symbol.shape
    made = MatrixSymbol(f"{symbol.name}_dot", rows, columns)
    rng = np.random.default_rng([seed, zlib.crc32(symbol.name.encode())])
    return made, rng.uniform(-1, 1, [LENGTHS.get(str(n), 1) for n in (rows, columns)])


# --- first order ---


@scalars
def test_reverse_is_the_scalar_engine(seed: int) -> None:
    f, at = formula(seed), point(seed)
    for symbol, gradient in sg.grad(f).items():
        expected = HAND["scalar_gradient"](f, symbol.name, at)

        assert same(expected, evaluated(gradient, f, at), 1e-10)


@scalars
def test_reverse_is_forward(seed: int) -> None:
    f, at = formula(seed), point(seed)
    for symbol, gradient in sg.grad(f).items():
        tangent, values = direction(symbol, seed)
        along = sg.jvp(f, symbol, tangent)
        expected = float(np.sum(evaluated(gradient, f, at) * values))
        found = evaluated(along, f, {**at, tangent.name: values})

        assert pytest.approx(expected, rel=EXACT, abs=EXACT) == float(np.squeeze(found))


@vectors
def test_a_jacobian_and_its_transpose_agree(seed: int) -> None:
    F, at = formula(seed, wide=True), point(seed)
    w = MatrixSymbol("w", *F.shape)
    w_values = np.random.default_rng(seed).uniform(-1, 1, LENGTHS["m"])
    for symbol in matrices(F):
        v, v_values = direction(symbol, seed)
        more = {**at, "w": w_values, v.name: v_values}
        forward = np.reshape(evaluated(sg.jvp(F, symbol, v), F, more), -1)
        backward = evaluated(sg.vjp(F, symbol, w), F, more)

        expected = float(w_values @ forward)
        assert pytest.approx(expected, rel=EXACT, abs=EXACT) == float(np.sum(backward * v_values))


@vectors
def test_a_jacobian_times_a_tangent_is_the_product_without_it(seed: int) -> None:
    F, at = formula(seed, wide=True), point(seed)
    for symbol in [s for s in matrices(F) if s.shape[1] == 1]:
        v, v_values = direction(symbol, seed)
        J = evaluated(sg.jacobian(F, symbol), F, at)
        product = evaluated(sg.jvp(F, symbol, v), F, {**at, v.name: v_values})

        assert (LENGTHS["m"], len(v_values)) == J.shape
        assert same(J @ v_values, product, EXACT)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_closed_forms_of_deeper_formulas_are_what_runs_compute(seed: int) -> None:
    f = sg.parse(WORDS["scalar"](random.Random(seed), 3), shapes=WORDS["SHAPES"]).expr
    at = point(seed)
    held = {s.name for s in f.free_symbols}
    run = sg.run(f, {name: value for name, value in at.items() if name in held})
    for symbol, gradient in sg.grad(f).items():
        assert same(run.grad[symbol.name], evaluated(gradient, f, at), 1e-10)


# --- second order ---


def vector_of(f: Any) -> Any:
    return next((s for s in matrices(f) if s.shape[1] == 1), None)


SECOND = [seed for seed in range(60) if vector_of(formula(seed)) is not None]


@pytest.mark.parametrize("seed", SECOND)
def test_hessians_are_symmetric_and_the_gradient_differentiated_again(seed: int) -> None:
    f, at = formula(seed), point(seed)
    x = vector_of(f)
    v, v_values = direction(x, seed)
    more = {**at, v.name: v_values}
    H = evaluated(sg.hessian(f, x), f, at)
    gradient = sg.grad(f, x)
    again = sg.grad(apply("dot", gradient, v), x)

    assert same(H, H.T, EXACT)
    assert same(H @ v_values, evaluated(sg.hvp(f, x, v), f, more), 1e-11)
    assert same(H @ v_values, evaluated(again, f, more), 1e-11)


# --- what comes back is SymPy's ---


def result() -> tuple[Any, dict[str, Any]]:
    f = sg.parse("norm2(W@x + b)", shapes={"W": ("m", "n"), "x": "n", "b": "m"})
    at = {"W": np.array([[1.0, 2, 3], [4, 5, 6]]), "x": np.array([1.0, -1, 2]), "b": np.ones(2)}
    return sg.grad(f, "W"), at


def test_results_are_matrix_expressions_to_go_on_with() -> None:
    gradient, _ = result()
    W, x, b = (next(s for s in gradient.free_symbols if s.name == n) for n in ("W", "x", "b"))
    m, n = W.shape

    assert isinstance(gradient, sympy.MatrixExpr)
    assert (m, n) == gradient.shape
    assert "2*(W*x + b)*x.T + W" == str(gradient + W)
    assert "6*(W*x + b)*x.T" == str(3 * gradient)
    assert "2*W*x*x.T" == str(gradient.subs(b, sympy.ZeroMatrix(m, 1)).doit())
    assert (n, m) == gradient.T.doit().shape
    assert gradient == pickle.loads(pickle.dumps(gradient))
    assert not gradient.subs({W: W + W, x: x}).has(sympy.nan)


def test_results_go_through_sympys_printers() -> None:
    gradient, _ = result()

    assert "T" in sympy.pretty(gradient)
    assert r"\mathbf{x}^\top" in sympy.latex(gradient)
    assert sympy.srepr(gradient)


def test_results_compile_with_sympys_own_lambdify() -> None:
    gradient, at = result()
    symbols = [next(s for s in gradient.free_symbols if s.name == name) for name in at]
    columns = [np.asarray(v).reshape(len(v), -1) for v in at.values()]
    expected = 2 * np.outer(at["W"] @ at["x"] + at["b"], at["x"])

    assert pytest.approx(expected) == sympy.lambdify(symbols, gradient)(*columns)


def test_results_of_fixed_sizes_become_explicit_matrices() -> None:
    X = MatrixSymbol("X", 2, 2)

    assert 3 * X.as_explicit().T ** 2 == sg.grad(sympy.Trace(X**3), X).as_explicit()


# --- SymPy's own matrix derivatives, which are never asked ---

n, m = (Symbol(name, integer=True, positive=True) for name in "nm")
X = MatrixSymbol("X", n, n)
WRONG = {
    sympy.log(sympy.Determinant(X)): "inv(X).T",
    sympy.exp(sympy.Trace(X)): "exp(tr(X))*I",
    sympy.Determinant(X) ** 2: "2*det(X)**2*inv(X).T",
}


@pytest.mark.parametrize("f", WRONG, ids=str)
def test_sympy_answers_zero_where_symgrad_is_right(f: Any) -> None:
    assert "0" == str(f.diff(X))
    assert WRONG[f] == str(sg.grad(f, X))


def test_sympy_is_never_asked_for_a_derivative_by_a_matrix(monkeypatch: Any) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("SymPy was asked")

    for head in (sympy.MatrixExpr, sympy.Trace, sympy.Determinant, MatrixSymbol):
        monkeypatch.setattr(head, "diff", refuse, raising=False)
        monkeypatch.setattr(head, "_eval_derivative", refuse, raising=False)

    for f in WRONG:
        assert WRONG[f] == str(sg.grad(f, X))


# --- bad input ---

SHAPES = {"W": ("m", "n"), "x": "n", "b": "m", "A": ("n", "n")}
MISFITS = {  # each message names both shapes
    "A + W": ("n × n", "m × n"),
    "W.T@x": ("n × m", "n × 1"),
    "W*x": ("m × n", "n × 1", "`W@x`"),
    "W .* A": ("m × n", "n × n"),
    "W@x + b.T": ("m × 1", "1 × m"),
    "x.T@A@b": ("1 × n", "m × 1"),
    "x@x": ("n × 1", "`x.T@x`"),
    "dot(x, b)": ("n × 1", "m × 1"),
    "solve(A, b)": ("n × n", "m × 1"),
    "log(x) - log(b)": ("n × 1", "m × 1"),
    "max(x, b)": ("n × 1", "m × 1"),
    "where(x > 0, x, b)": ("n × 1", "m × 1"),
}
NOT_SQUARE = ("tr", "det", "inv", "logdet", "cholesky", "expm")


@pytest.mark.parametrize("text", MISFITS)
def test_shapes_that_do_not_fit_are_both_named(text: str) -> None:
    with pytest.raises(TextShapeError) as caught:
        sg.parse(text, shapes=SHAPES)

    assert [] == [part for part in MISFITS[text] if part not in str(caught.value)]


@pytest.mark.parametrize("name", NOT_SQUARE)
def test_functions_of_square_matrices_refuse_others(name: str) -> None:
    with pytest.raises(TextShapeError, match=r"square matrix.* m × n"):
        sg.parse(f"{name}(W)", shapes=SHAPES)


W, A, x, b = matrix("W", m, n), matrix("A", n, n), matrix("x", n), matrix("b", m)
SYMPY_MISFITS = {  # what SymPy lets pass
    "inner sizes": (lambda: apply("norm2", W.T * x), ("n × m", "n × 1")),
    "a sum": (lambda: apply("norm2", A + W), ("n × n", "m × n")),
    "a square of a column": (lambda: apply("norm2", x * x), ("square", "n × 1")),
    "a trace": (lambda: sympy.Trace(W), ("square", "m × n")),
}


@pytest.mark.parametrize("name", SYMPY_MISFITS)
def test_what_sympy_lets_pass_is_refused_with_its_shapes(name: str) -> None:
    make, parts = SYMPY_MISFITS[name]

    with pytest.raises(ShapeError) as caught:
        sg.grad(make())

    assert [] == [part for part in parts if part not in str(caught.value)]


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(TextShapeError, match=r"axis=0.*axis=1"):
        sg.parse("sum(W, axis=2)", shapes=SHAPES)
    with pytest.raises(ShapeError, match="axis=2 is no axis"):
        apply("sum", W, params=(2,))


def test_a_gradient_of_a_vector_is_refused_with_what_to_do() -> None:
    with pytest.raises(ShapeError, match=r"one scalar.*`jacobian` or `vjp`"):
        sg.grad(sg.parse("W@x", shapes=SHAPES))


def test_directions_have_the_shape_of_what_they_move() -> None:
    F = sg.parse("W@x", shapes=SHAPES)

    with pytest.raises(ShapeError, match="n, but one is m"):
        sg.jvp(F, "x", b)
    with pytest.raises(ShapeError, match="m, but one is n"):
        sg.vjp(F, "x", x)


def test_arrays_of_wrong_sizes_and_ranks_are_refused_by_name() -> None:
    f = sg.parse("norm2(W@x)", shapes=SHAPES)

    with pytest.raises(ShapeError, match=r"`n` is 4 by the shape \(4,\) of `x`"):
        sg.run(f, {"W": np.ones((2, 3)), "x": np.ones(4)})
    with pytest.raises(ShapeError, match=r"`W` is m × n.*found shape \(3,\)"):
        sg.run(f, {"W": np.ones(3), "x": np.ones(3)})


def test_a_size_that_no_input_shows_must_be_given() -> None:
    f = sg.parse("t*tr(eye(n))", shapes={"x": "n"})

    with pytest.raises(ShapeError, match="the size `n` is in the shape of no input"):
        sg.run(f, {"t": 2.0})
    assert 6.0 == sg.evaluate(f, {"t": 2.0, "n": 3})


@pytest.mark.parametrize(
    "text", ["tr(inv(A))", "sum(solve(A, x))", "logdet(A)", "sum(cholesky(A))"]
)
def test_a_singular_matrix_is_named(text: str) -> None:
    f = sg.parse(text, shapes=SHAPES)
    at = {"A": np.zeros((2, 2)), "x": np.ones(2)}
    held = {s.name for s in f.expr.free_symbols}

    with pytest.raises(SymgradError, match=r"matrix of shape \(2, 2\)"):
        sg.run(f, {k: v for k, v in at.items() if k in held})


def test_facts_need_a_known_name_and_a_shape_that_can_have_them() -> None:
    with pytest.raises(UnsupportedError, match="`pretty` is no known fact; use any of symmetric"):
        matrix("A", "n", "n", "pretty")
    with pytest.raises(ShapeError, match="m × n; only a square matrix is symmetric"):
        sg.parse("x.T@W@x", shapes=SHAPES, assume={"W": "symmetric"})
