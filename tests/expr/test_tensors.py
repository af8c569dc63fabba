"""Tensor expressions: shapes beside NumPy's, operators, facts, text, errors that name shapes."""

from __future__ import annotations

import copy
import itertools
import pickle
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.errors import ShapeError, UnknownPartialError, UnsupportedError
from symgrad.expr.tensors import TensorOp, TensorScalar, TensorSymbol

table: Any = SimpleNamespace(
    **runpy.run_path(str(Path(__file__).with_name("tensor_cases.py")), {"__name__": "cases"})
)
N, M = (sympy.Symbol(name, integer=True, positive=True) for name in "NM")
X, Y, w, b = (
    sg.tensor("X", "N", 3),
    sg.tensor("Y", "N", 3),
    sg.tensor("w", 3),
    sg.tensor("b", "N"),
)
S = sg.tensor("S", 3, 3)
a = sympy.Symbol("a")


@pytest.mark.parametrize("case", table.CASES, ids=lambda case: case.name)
def test_shapes_are_those_of_numpy(case: Any, rng: np.random.Generator) -> None:
    expected = np.shape(case.theirs(*table.arrays(case, rng)))
    made = case.ours(*table.symbols(case))
    actual = getattr(made, "shape", ())

    assert expected == table.numbers(actual)
    assert isinstance(made, sympy.Expr) == (actual == ())


def random_shapes(rng: np.random.Generator) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Draw two shapes that mostly broadcast."""
    full = rng.integers(1, 4, rng.integers(0, 5))
    made = []
    for _ in range(2):
        kept = full[rng.integers(0, len(full) + 1) :]
        made.append(tuple(int(n) if rng.random() < 0.7 else 1 for n in kept))
    if rng.random() < 0.2:
        made[0] = (*made[0], 2)
    return made[0], made[1]


def test_random_shapes_broadcast_as_in_numpy(rng: np.random.Generator) -> None:
    refused = 0
    for _ in range(300):
        shapes = random_shapes(rng)
        x, y = (sg.tensor(name, *shape) for name, shape in zip("xy", shapes, strict=True))
        try:
            expected = np.broadcast_shapes(*shapes)
        except ValueError:
            refused += 1
            with pytest.raises(ShapeError, match="entry by entry"):
                x + y
        else:
            assert expected == getattr(x + y, "shape", ())
    assert 5 < refused < 200


def random_key(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Draw an index of positions, slices, new axes and dots."""
    key: list[Any] = []
    for n in shape[: rng.integers(0, len(shape) + 1)]:
        kind = rng.integers(0, 3)
        if kind == 0:
            key.append(int(rng.integers(-n, n)))
        elif kind == 1:
            ends = [None if rng.random() < 0.3 else int(k) for k in rng.integers(-6, 7, 2)]
            key.append(slice(*ends, int(rng.choice([-2, -1, 1, 1, 2, 3]))))
        else:
            key.append(slice(None))
    for extra in (None, Ellipsis):
        if rng.random() < 0.3:
            key.insert(rng.integers(0, len(key) + 1), extra)
    return tuple(key)


def test_random_indices_are_read_as_in_numpy(rng: np.random.Generator) -> None:
    for _ in range(300):
        shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 4)))
        key = random_key(rng, shape)
        expected = np.zeros(shape)[key].shape
        made = sg.tensor("x", *shape)[key]

        assert expected == getattr(made, "shape", ()), key


def test_slices_of_symbolic_axes_have_symbolic_lengths() -> None:
    assert (N - 1, 3) == X[1:].shape
    assert (N - 3, 3) == X[1:-2].shape
    assert (N, 3) == X[::-1].shape == X[-N:].shape
    assert (sympy.ceiling(N / 2), 3) == X[::2].shape
    assert (3,) == X[N - 1].shape
    assert (4, 3) == X[N - 4 :].shape


def test_sizes_that_are_equal_as_expressions_meet() -> None:
    x, y = sg.tensor("x", 2 * (N + 1)), sg.tensor("y", 2 * N + 2)

    assert (2 * N + 2,) == (x + y).shape == sg.concat([X[:, 0], X[:, 1], w[:2]]).shape


def test_results_without_axes_live_in_scalar_expressions() -> None:
    loss = sympy.log(sg.sum(X)) * a + 2

    assert isinstance(loss, sympy.Expr)
    assert {X, a} == loss.free_symbols
    assert sympy.S.Zero == sg.sum(X) - sg.sum(X)


def test_tensors_never_cancel() -> None:
    assert (N, 3) == (X - X).shape == (0 * X).shape == (X / X).shape
    assert X - X != Y - Y


def test_a_tensor_without_sizes_is_a_symbol() -> None:
    assert sympy.Symbol("x") == sg.tensor("x")


def test_scalars_mix_in_from_both_sides() -> None:
    for scalar in (2, 0.5, a, sympy.Rational(1, 3), sympy.pi, sg.sum(w), np.float64(2.0)):
        for made in (scalar * X, X * scalar, scalar + X, X - scalar, scalar - X, scalar / X):
            assert (N, 3) == made.shape


def test_comparisons_make_conditions_and_no_truth_values() -> None:
    holds = (X > 0) & (X < a)

    assert holds.is_condition
    with pytest.raises(ShapeError, match="use `where`"):
        bool(holds)
    with pytest.raises(ShapeError, match="use `where`"):
        0 < X < 1  # noqa: B015


def test_equal_trees_are_equal_and_hash_alike() -> None:
    first, second = sg.softmax(X @ S) * 2, sg.softmax(X @ S) * 2

    assert first == second
    assert hash(first) == hash(second)
    assert first != sg.softmax(X @ S) * 3


def test_tensors_can_be_copied_and_pickled() -> None:
    for made in (X, sg.sum(X[1:] ** 2), sg.conv(X[:, None], w[None, None], padding=1)):
        twin = pickle.loads(pickle.dumps(made))
        assert made == twin == copy.deepcopy(made)
        assert getattr(made, "shape", ()) == getattr(twin, "shape", ())


def test_sizes_and_symbols_can_be_substituted() -> None:
    assert (5, 3) == (X + w).subs(N, 5).shape
    assert Y @ w == (X @ w).xreplace({X: Y})


def test_a_tensor_is_as_long_as_its_first_axis() -> None:
    assert 3 == len(w)
    assert [w[0], w[1], w[2]] == list(w)
    with pytest.raises(ShapeError, match="no number yet"):
        len(X)


def test_deep_expressions_are_built_hashed_and_searched_without_recursion() -> None:
    deep: Any = X
    for _ in range(5_000):
        deep = deep * 2 + w

    assert {X, w} == sg.sum(deep).free_symbols
    assert 10_000 < len(sg.graph(sg.sum(deep)))


def test_deep_expressions_are_sorted_and_written_without_recursion() -> None:
    deep: Any = X
    for _ in range(3_000):
        deep = sg.map(sympy.tanh, deep * 2 + w)
    loss = sg.sum(deep) - a * sg.sum(deep**2) + sg.sum(w**2) / 2

    assert str(loss).count("tanh") == sg.text(loss).count("tanh") == 6_000
    assert sg.grad(loss, [w], form="graph").nodes.shapes


def test_sums_of_losses_are_written_in_an_order_of_their_own() -> None:
    parts = [sg.sum(X**2), sg.sum(Y**2), sg.sum(X * Y), a * sg.norm(w)]

    assert 1 == len({str(sum(order)) for order in itertools.permutations(parts)})


def test_facts_are_declared_with_what_they_imply() -> None:
    A = sg.tensor("A", "B", "n", "n", facts=["positive_definite"])

    assert {"positive_definite", "symmetric"} == A.facts
    assert {"one_hot", "sums_to_one"} == sg.tensor("y", "N", 10, facts="one_hot").facts
    assert A != sg.tensor("A", "B", "n", "n")


def test_sympy_diff_refuses_what_it_does_not_know() -> None:
    assert sympy.S.Zero == sg.sum(X).diff(a)
    with pytest.raises(UnknownPartialError, match=r"sg\.grad"):
        sg.sum(a * X).diff(a)


# --- SymPy matrices ---

P, v = sympy.MatrixSymbol("P", 3, 3), sympy.MatrixSymbol("v", 3, 1)


@pytest.mark.parametrize(
    "name",
    [
        "sum",
        "mean",
        "max",
        "min",
        "logsumexp",
        "norm",
        "logdet",
        "softmax",
        "cholesky",
        "expm",
        "tril",
        "inv",
        "det",
        "trace",
        "diag",
        "transpose",
    ],
)
def test_functions_take_sympy_matrices_too(name: str) -> None:
    made = getattr(sg, name)(P)

    assert sg.graph(made).inputs == (P,)


def test_a_softmax_of_a_column_is_over_its_entries() -> None:
    value = sg.evaluate(sg.softmax(v), {"v": np.zeros(3)})

    np.testing.assert_allclose(value.ravel(), np.full(3, 1 / 3))


def test_maps_take_a_sympy_matrix() -> None:
    value = sg.evaluate(sg.map(lambda t: t**2 + 1, v), {"v": np.array([1.0, 2.0, 3.0])})

    assert [2.0, 5.0, 10.0] == value.ravel().tolist()


# --- text ---

WRITTEN = [
    (X, "X"),
    (-X + 2 * w, "-X + 2*w"),
    ((X + w) * X / 2, "(X + w)*X/2"),
    (X - (Y - w), "X - (Y - w)"),
    (X / (Y * w), "X/(Y*w)"),
    ((-X) ** 2, "(-X)**2"),
    (-(X**2), "-X**2"),
    (X @ w * b, "X @ w*b"),
    (X * w @ S, "X*w @ S"),
    (X @ (S @ w), "X @ (S @ w)"),
    ((X + Y).T, "(X + Y).T"),
    ((X > 0) & (X <= a), "(X > 0) & (X <= a)"),
    (sg.where(~(X > 0), X, 0), "where(~(X > 0), X, 0)"),
    (sg.map(sympy.tanh, X @ S), "tanh(X @ S)"),
    (sg.map("relu", X), "relu(X)"),
    (sg.map(lambda t: t**2 + a, X), "map(lambda x: a + x**2, X)"),
    (sg.map(lambda s, t: s * t, X, w), "map(lambda x, y: x*y, X, w)"),
    (sg.sum(X), "sum(X)"),
    (sg.sum(X, axis=-1), "sum(X, axis=1)"),
    (sg.mean(X, axis=0, keepdims=True), "mean(X, axis=0, keepdims=True)"),
    (sg.softmax(X), "softmax(X, axis=1)"),
    (sg.einsum("ij, jk", X, S), 'einsum("ij,jk->ik", X, S)'),
    (X[0, 1], "X[0, 1]"),
    (X[:-1, None, ::-1], "X[:N - 1, None, ::-1]"),
    (X.reshape(-1), "reshape(X, (3*N,))"),
    (sg.tensor("C", 2, 3, 4).transpose(1, 0, 2), "transpose(C, (1, 0, 2))"),
    (sg.concat([X, Y], axis=1), "concat([X, Y], axis=1)"),
    (sg.stack([w, w]), "stack([w, w])"),
    (sg.pad(w, (1, 2)), "pad(w, ((1, 2),))"),
    (sg.take(S, [1, 0], axis=0), "take(S, array([1, 0]), axis=0)"),
    (S + np.eye(3, dtype=int), "S + array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])"),
    (sg.one_hot(b, 5), "one_hot(b, 5)"),
    (sg.logdet(S) * a, "a*logdet(S)"),
    (sg.solve(S, w), "solve(S, w)"),
    (S - sg.eye(3) * sg.zeros((3, 3)), "S - eye(3)*zeros((3, 3))"),
    (sg.ones("N"), "ones((N,))"),
    (sg.conv(sg.tensor("x", 1, 1, 9), sg.tensor("k", 1, 1, 3), stride=2, padding=1),
     "conv(x, k, stride=2, padding=1)"),
    (sg.max_pool(sg.tensor("x", 1, 1, 9), 3, stride=2), "max_pool(x, 3, stride=2)"),
    (2 * sg.log_softmax(X, axis=None)[0, 0], "2*log_softmax(X)[0, 0]"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), WRITTEN, ids=[text for _, text in WRITTEN])
def test_tensors_are_written_as_python_would(made: Any, expected: str) -> None:
    assert expected == str(made) == sg.text(made) == repr(made)


def test_gradients_are_written_with_places_windows_and_indicators() -> None:
    x, k = sg.tensor("x", 1, 1, 9), sg.tensor("k", 1, 1, 3)
    E = sg.tensor("E", "V", 4)
    gradients = [
        (sg.sum(w[1:] ** 2), w, "zeros((3,)).at[1:].set(2*w[1:])"),
        (sg.sum(sg.take(E, b, axis=0) ** 2), E, "zeros((V, 4)).at[b].add(2*take(E, b, axis=0))"),
        (sg.sum(sg.conv(x, k, padding=1)), k,
         "conv_weight(x, ones((1, 1, 9)), (3,), padding=1)"),
        (sg.sum(sg.max_pool(x, 3)), x,
         "fold(winners(patches(x, 3, stride=3), axis=3), 3, (9,), stride=3)"),
        (sg.sum(sg.map("relu", w)), w, "1(w > 0)"),
    ]  # fmt: skip
    for f, wrt, expected in gradients:
        assert expected == str(sg.grad(f, wrt))


IN_LATEX = [
    (2 * (X.T @ (X @ w - b)), r"2 \, \left(\mathbf{X}^\top \left(\mathbf{X} \mathbf{w} - \mathbf{b}"
     r"\right)\right)"),
    (X * X / 2, r"\frac{\mathbf{X} \odot \mathbf{X}}{2}"),
    (sg.sum((X / Y) ** 2) * a, r"a \operatorname{sum}\left(\left(\mathbf{X} \oslash \mathbf{Y}"
     r"\right)^{\circ 2}\right)"),
    (w @ w + 1, r"\mathbf{w} \cdot \mathbf{w} + 1"),
    (sg.map(sympy.tanh, X), r"\tanh\left(\mathbf{X}\right)"),
    (sg.sum(X, axis=0), r"\operatorname{sum}_{\mathrm{axis}\,0}\left(\mathbf{X}\right)"),
    (sg.norm(w), r"\left\lVert \mathbf{w} \right\rVert_{2}"),
    (sg.solve(S, w), r"\mathbf{S}^{-1} \mathbf{w}"),
    (sg.one_hot(b, 5), r"\operatorname{one\_hot}(\mathbf{b}\mathtt{, 5})"),
    (sg.grad(sg.sum(sg.map("relu", w)), w), r"\mathbf{1}\left(\mathbf{w} > 0\right)"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "expected"), IN_LATEX, ids=lambda part: str(part)[:40])
def test_tensors_have_latex(made: Any, expected: str) -> None:
    assert expected == sympy.latex(made)


# --- errors ---

REFUSED = [
    (lambda: X + b, ShapeError, r"\(N, 3\) and \(N,\).*x\[:, None\]"),
    (lambda: X + X.T, ShapeError, r"\(N, 3\) and \(3, N\).*transpose"),
    (lambda: X + sg.tensor("Z", "M", 3), ShapeError, r"\(N, 3\) and \(M, 3\)"),
    (lambda: X + sg.tensor("Z", sympy.Symbol("N"), 3), ShapeError, "their assumptions differ"),
    (lambda: X @ Y, ShapeError, r"3 ≠ N; did you mean `a @ b.T`"),
    (lambda: X @ 2, ShapeError, r"use `\*`"),
    (lambda: sg.sum(X, axis=2), ShapeError, "no axis 2: the axes of its operand are -2 to 1"),
    (lambda: sg.sum(X, axis=(0, -2)), ShapeError, "an axis twice"),
    (lambda: sg.sum(X, axis=0.5), ShapeError, "whole numbers"),
    (lambda: X.transpose(0, 0), ShapeError, "each of its 2 axes once"),
    (lambda: X.reshape(2, 3), ShapeError, r"3\*N entries cannot become 6"),
    (lambda: S.reshape(2, -1), ShapeError, "no multiple of 2"),
    (lambda: S.reshape(-1, -1), ShapeError, "only one size"),
    (lambda: sg.broadcast_to(X, (3, "N")), ShapeError, "cannot|entry by entry"),
    (lambda: sg.squeeze(X, axis=1), ShapeError, "drops axes of length 1"),
    (lambda: sg.concat([X, S], axis=1), ShapeError, r"\(N, 3\) and \(3, 3\)"),
    (lambda: sg.stack([w, X]), ShapeError, "of one shape"),
    (lambda: sg.stack([]), ShapeError, "at least one"),
    (lambda: sg.pad(X, ((1, 1),)), ShapeError, "pair of widths for each"),
    (lambda: sg.pad(X, -1), ShapeError, "from 0 on"),
    (lambda: S[3], ShapeError, "position 3 is outside an axis of size 3"),
    (lambda: S[0, 0, 0], ShapeError, "3 indices"),
    (lambda: S[..., ...], ShapeError, "only one"),
    (lambda: S[::0], ShapeError, "step"),
    (lambda: S["a"], UnsupportedError, "an index is"),
    (lambda: S[S > 0], UnsupportedError, "use `where`"),
    (lambda: S[w, w], UnsupportedError, "one_hot"),
    (lambda: S[0, w], UnsupportedError, "index twice"),
    (lambda: sg.einsum("ij,jk", X, Y), ShapeError, r"index `j` has size 3 and size N"),
    (lambda: sg.einsum("ijk->i", X), ShapeError, "needs 2 indices and not `ijk`"),
    (lambda: sg.einsum("ij->k", X), ShapeError, "index `k` of the result"),
    (lambda: sg.einsum("...j", X), ShapeError, r"instead of `\.\.\.`"),
    (lambda: sg.einsum("i1", X), ShapeError, "indices are letters"),
    (lambda: sg.einsum("ij,jk", X), ShapeError, "has 1 operands, not 2"),
    (lambda: sg.inv(X), ShapeError, r"square matrices.*\(N, 3\)"),
    (lambda: sg.solve(S, b), ShapeError, "as many rows"),
    (lambda: sg.trace(X), ShapeError, "two axes of one size"),
    (lambda: sg.diag(sg.tensor("C", 2, 2, 2)), ShapeError, "a vector or a matrix"),
    (lambda: sg.outer(X, w), ShapeError, "of two vectors"),
    (lambda: sg.map("tan_h", X), UnsupportedError, "did you mean `tanh`"),
    (lambda: X + P, UnsupportedError, "do not mix"),
    (lambda: sg.einsum("ij->i", P), UnsupportedError, "of tensors"),
    (lambda: X + "x", UnsupportedError, "read text with"),
    (lambda: X + sympy.Symbol("q", commutative=False), UnsupportedError, "tensor or a scalar"),
    (lambda: w + np.zeros((5000, 3)), UnsupportedError, "declare it with"),
    (lambda: np.add.reduce(X), UnsupportedError, "no symbolic form"),
    (lambda: np.cumsum(X), UnsupportedError, "`np.cumsum` has no symbolic form"),
    (lambda: np.linalg.norm(X, 1), UnsupportedError, "not ord=1"),
    (lambda: np.trace(S, 1), UnsupportedError, "not offset=1"),
    (lambda: np.asarray(S), UnsupportedError, "join tensors with `stack`"),
    (lambda: sg.concat([[w, w]]), UnsupportedError, "join tensors with `stack`"),
    (lambda: sg.tensor("x", -1), ShapeError, "a size is"),
    (lambda: sg.tensor("x", 3, 2, facts=["symmetric"]), ShapeError, "only square"),
    (lambda: sg.tensor("x", 3, 3, facts=["round"]), UnsupportedError, "no known fact"),
    (lambda: TensorOp("summ", (), X), UnsupportedError, "did you mean `sum`"),
    (lambda: TensorOp("sum", ((0, 1), False), X), ShapeError, r"has shape \(\)"),
    (lambda: TensorScalar("sum", ((0,), False), X), ShapeError, r"has shape \(3,\)"),
    (lambda: sg.graph(sympy.Function("f")(X)), UnsupportedError, r"it is `sg\.map\(f, X\)`"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "kind", "message"), REFUSED, ids=[m for *_, m in REFUSED])
def test_errors_say_what_was_found(ask: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        ask()


def test_symbols_know_their_name_and_rank() -> None:
    assert isinstance(X, TensorSymbol)
    assert ("X", 2, 3 * N) == (X.name, X.ndim, X.size)
