"""Identities of matrix calculus: each formula with its gradient, as print, in NumPy, and by name.

A row holds the formula as text, the variable, what symgrad prints, the formula and the textbook's
gradient by hand in NumPy (vectors are flat there), and who states it. Sizes are in `SHAPES`, one
letter each; a row may have its own. `python -m tests.calculus.identities` writes the table into
`docs/matrix-gradients.md` between its two marks; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import scipy.special
from numpy import diag, exp, eye, log, outer, sqrt, tanh
from numpy import trace as tr
from numpy.linalg import det, inv, norm

SHAPES: dict[str, Any] = {
    **dict.fromkeys("axwuvp", "n"),
    **dict.fromkeys("byz", "m"),
    **dict.fromkeys("ABCXS", ("n", "n")),
    "M": ("m", "m"),
    **dict.fromkeys("WYG", ("m", "n")),
    **dict.fromkeys("KH", ("n", "m")),
    "U": ("m", "k"),
    "V": ("n", "k"),
    "D": ("k", "k"),
}
NONE: Mapping[str, Any] = MappingProxyType({})


class Identity(NamedTuple):
    """A formula and its gradient."""

    name: str
    formula: str
    wrt: str
    printed: str
    function: Callable[..., Any]
    textbook: Callable[..., Any]
    source: str
    facts: Mapping[str, Any] = NONE
    where: Mapping[str, str] = NONE  # how values are drawn, if not freely
    shapes: Mapping[str, Any] = NONE
    tall: tuple[str, str] | None = None  # the first size is at least the second


# --- by hand ---


def sq(x: Any) -> Any:
    return np.sum(x * x)


def softmax(x: Any, axis: Any = None) -> Any:
    return scipy.special.softmax(x, axis=axis)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + exp(-x))


def lse(x: Any, axis: Any = None) -> Any:
    return scipy.special.logsumexp(x, axis=axis)


def logdet(x: Any) -> Any:
    return np.linalg.slogdet(x)[1]


def sym(x: Any) -> Any:
    return (x + x.T) / 2


def cook(number: int | str) -> str:
    return f"Petersen & Pedersen 2012, eq. {number}"


def magnus(part: str) -> str:
    return f"Magnus & Neudecker 1999, {part}"


def boyd(part: str) -> str:
    return f"Boyd & Vandenberghe 2004, {part}"


def bishop(part: str) -> str:
    return f"Bishop 2006, {part}"


def murphy(part: str) -> str:
    return f"Murphy 2012, {part}"


Row = Identity
stable = MappingProxyType({"X": "stable"})  # a positive determinant, well conditioned

# A row is a paragraph: question and print, by hand, source.
# fmt: off
VECTORS = (
    Row("linear form", "a.T@x", "x", "a",
        lambda a, x: a @ x, lambda a: a, cook(69)),
    Row("squared length", "x.T@x", "x", "2*x",
        lambda x: x @ x, lambda x: 2 * x, cook(131)),
    Row("quadratic form", "x.T@A@x", "x", "(A + A.T)@x",
        lambda x, A: x @ A @ x, lambda x, A: (A + A.T) @ x, cook(81)),
    Row("quadratic form, symmetric", "x.T@A@x", "x", "2*A@x",
        lambda x, A: x @ A @ x, lambda x, A: 2 * A @ x, magnus("ch. 9"), {"A": "symmetric"}),
    Row("bilinear form, by the right vector", "y.T@W@x", "x", "W.T@y",
        lambda y, W, x: y @ W @ x, lambda y, W: W.T @ y, magnus("ch. 9")),
    Row("bilinear form, by the matrix", "y.T@W@x", "W", "y@x.T",
        lambda y, W, x: y @ W @ x, lambda y, x: outer(y, x), cook(70)),
    Row("bilinear form of a transpose", "x.T@W.T@y", "W", "y@x.T",
        lambda y, W, x: x @ W.T @ y, lambda y, x: outer(y, x), cook(71)),
    Row("weighted squares", "sum(w .* (x - a).^2)", "x", "2*(w .* (x - a))",
        lambda w, x, a: np.sum(w * (x - a) ** 2), lambda w, x, a: 2 * w * (x - a),
        boyd("ch. 6.1")),
    Row("diagonal quadratic form, by the diagonal", "x.T@diag(w)@x", "w", "x .^ 2",
        lambda x, w: x @ diag(w) @ x, lambda x: x * x, magnus("ch. 2")),
    Row("fourth power of the length", "norm(x)**4", "x", "4*norm(x)**2*x",
        lambda x: norm(x) ** 4, lambda x: 4 * (x @ x) * x, boyd("app. A.4")),
    Row("power of a linear form", "(a.T@x)**3", "x", "3*(a.T@x)**2*a",
        lambda a, x: (a @ x) ** 3, lambda a, x: 3 * (a @ x) ** 2 * a, boyd("app. A.4")),
    Row("product of two linear forms", "(a.T@x)*(w.T@x)", "x", "(x.T@w)*a + (a.T@x)*w",
        lambda a, w, x: (a @ x) * (w @ x), lambda a, w, x: (w @ x) * a + (a @ x) * w,
        magnus("ch. 9")),
    Row("one over a squared length", "1/(x.T@x)", "x", "-2*x/norm2(x)**2",
        lambda x: 1 / (x @ x), lambda x: -2 * x / (x @ x) ** 2, boyd("app. A.4")),
    Row("Rayleigh quotient", "x.T@A@x/(x.T@x)", "x",
        "2*A@x/norm2(x) - 2*(x.T@A@x)*x/norm2(x)**2",
        lambda x, A: x @ A @ x / (x @ x),
        lambda x, A: 2 * (A @ x - (x @ A @ x) / (x @ x) * x) / (x @ x),
        "Horn & Johnson 2013, ch. 4.2", {"A": "symmetric"}),
    Row("cosine similarity", "a.T@x/(norm(a)*norm(x))", "x",
        "a/(norm(a)*norm(x)) - (a.T@x)*x/(norm(a)*norm(x)**3)",
        lambda a, x: a @ x / (norm(a) * norm(x)),
        lambda a, x: a / (norm(a) * norm(x)) - (a @ x) * x / (norm(a) * norm(x) ** 3),
        "Luo et al. 2018"),
    Row("product of two entries", "x[0]*x[1]", "x", "x[1]*one_hot(0, n) + x[0]*one_hot(1, n)",
        lambda x: x[0] * x[1], lambda x: x[1] * eye(len(x))[0] + x[0] * eye(len(x))[1], cook(73)),
)

TRACES = (
    Row("trace", "tr(X)", "X", "eye(n)",
        tr, lambda X: eye(len(X)), cook(99)),
    Row("trace of a product", "tr(H@W)", "W", "H.T",
        lambda H, W: tr(H @ W), lambda H: H.T, cook(100)),
    Row("trace between two matrices", "tr(H@W@A)", "W", "H.T@A.T",
        lambda H, W, A: tr(H @ W @ A), lambda H, A: H.T @ A.T, cook(101)),
    Row("trace of a transpose between two", "tr(Y@W.T@M)", "W", "M@Y",
        lambda Y, W, M: tr(Y @ W.T @ M), lambda Y, M: M @ Y, cook(102)),
    Row("inner product of matrices", "tr(W.T@Y)", "W", "Y",
        lambda W, Y: tr(W.T @ Y), lambda Y: Y, cook(103)),
    Row("trace of a square", "tr(X**2)", "X", "2*X.T",
        lambda X: tr(X @ X), lambda X: 2 * X.T, cook(106)),
    Row("trace of a square times a matrix", "tr(X**2@B)", "X", "B.T@X.T + X.T@B.T",
        lambda X, B: tr(X @ X @ B), lambda X, B: (X @ B + B @ X).T, cook(107)),
    Row("trace of a quadratic form", "tr(W.T@M@W)", "W", "(M + M.T)@W",
        lambda W, M: tr(W.T @ M @ W), lambda W, M: (M + M.T) @ W, cook(108)),
    Row("trace of a quadratic form, rows", "tr(W@A@W.T)", "W", "W@(A + A.T)",
        lambda W, A: tr(W @ A @ W.T), lambda W, A: W @ (A + A.T), cook(111)),
    Row("trace of a Gram matrix", "tr(W.T@W)", "W", "2*W",
        sq, lambda W: 2 * W, cook(115)),
    Row("trace of a quadratic form with two matrices", "tr(W.T@M@W@A)", "W", "M@W@A + M.T@W@A.T",
        lambda W, M, A: tr(W.T @ M @ W @ A), lambda W, M, A: M @ W @ A + M.T @ W @ A.T,
        cook(117)),
    Row("trace with the variable twice", "tr(A@X@B@X)", "X", "B.T@X.T@A.T + A.T@X.T@B.T",
        lambda A, X, B: tr(A @ X @ B @ X), lambda A, X, B: A.T @ X.T @ B.T + B.T @ X.T @ A.T,
        magnus("ch. 9")),
    Row("trace of a cube", "tr(X**3)", "X", "3*X.T**2",
        lambda X: tr(X @ X @ X), lambda X: 3 * (X @ X).T, cook(121)),
    Row("trace of the fourth power of singular values", "tr(W.T@W@W.T@W)", "W", "4*W@W.T@W",
        lambda W: tr(W.T @ W @ W.T @ W), lambda W: 4 * W @ W.T @ W, cook(123)),
    Row("square of a trace", "tr(X)**2", "X", "2*tr(X)*eye(n)",
        lambda X: tr(X) ** 2, lambda X: 2 * tr(X) * eye(len(X)), magnus("ch. 9")),
    Row("exponential of a trace", "exp(tr(X))", "X", "exp(tr(X))*eye(n)",
        lambda X: exp(tr(X)), lambda X: exp(tr(X)) * eye(len(X)), magnus("ch. 9")),
    Row("trace with a diagonal matrix", "tr(X@diag(w))", "w", "diag(X)",
        lambda X, w: tr(X @ diag(w)), lambda X: diag(X), magnus("ch. 2")),
)

DETERMINANTS = (
    Row("determinant", "det(X)", "X", "det(X)*inv(X).T",
        det, lambda X: det(X) * inv(X).T, cook(49), where=stable),
    Row("determinant of a product", "det(A@X@B)", "X", "det(A@X@B)*inv(X).T",
        lambda A, X, B: det(A @ X @ B), lambda A, X, B: det(A @ X @ B) * inv(X).T,
        cook(51), where={"X": "stable", "A": "stable", "B": "stable"}),
    Row("square of a determinant", "det(X)**2", "X", "2*det(X)**2*inv(X).T",
        lambda X: det(X) ** 2, lambda X: 2 * det(X) ** 2 * inv(X).T, cook(58), where=stable),
    Row("determinant of a Gram matrix", "det(W.T@W)", "W", "2*det(W.T@W)*W@inv(W.T@W)",
        lambda W: det(W.T @ W), lambda W: 2 * det(W.T @ W) * W @ inv(W.T @ W),
        cook(53), tall=("m", "n")),
    Row("determinant of a quadratic form", "det(W.T@M@W)", "W",
        "2*det(W.T@M@W)*M@W@inv(W.T@M@W)",
        lambda W, M: det(W.T @ M @ W),
        lambda W, M: 2 * det(W.T @ M @ W) * M @ W @ inv(W.T @ M @ W),
        cook(53), {"M": "symmetric"}, {"M": "spd"}, tall=("m", "n")),
    Row("determinant of a quadratic form, not symmetric", "det(W.T@M@W)", "W",
        "det(W.T@M@W)*(M@W@inv(W.T@M@W) + M.T@W@inv(W.T@M@W).T)",
        lambda W, M: det(W.T @ M @ W),
        lambda W, M: det(W.T @ M @ W) * (M @ W @ inv(W.T @ M @ W) + M.T @ W @ inv(W.T @ M.T @ W)),
        cook(54), where={"M": "stable"}, tall=("m", "n")),
    Row("log determinant of a Gram matrix", "log(det(W.T@W))", "W", "2*W@inv(W.T@W)",
        lambda W: logdet(W.T @ W), lambda W: 2 * np.linalg.pinv(W).T, cook(55), tall=("m", "n")),
    Row("log determinant", "logdet(X)", "X", "inv(X).T",
        logdet, lambda X: inv(X).T, cook(57), where=stable),
    Row("log determinant, positive definite", "logdet(A)", "A", "inv(A)",
        logdet, lambda A: inv(A), boyd("app. A.4.1"), {"A": "positive_definite"}),
    Row("determinant of a power", "det(X**3)", "X", "3*det(X**3)*inv(X).T",
        lambda X: det(X) ** 3, lambda X: 3 * det(X) ** 3 * inv(X).T, cook(58), where=stable),
    Row("determinant of an inverse", "det(inv(X))", "X", "-det(inv(X))*inv(X).T",
        lambda X: 1 / det(X), lambda X: -inv(X).T / det(X), cook(62), where=stable),
    Row("log determinant of a shifted matrix", "logdet(A + t*eye(n))", "t",
        "tr(inv(A + t*eye(n)))",
        lambda A, t: logdet(A + t * eye(len(A))), lambda A, t: tr(inv(A + t * eye(len(A)))),
        cook(43), where={"A": "stable", "t": "positive"}),
    Row("log determinant of a low-rank update", "logdet(eye(m) + W@W.T)", "W",
        "2*inv(eye(m) + W@W.T)@W",
        lambda W: logdet(eye(len(W)) + W @ W.T), lambda W: 2 * inv(eye(len(W)) + W @ W.T) @ W,
        magnus("ch. 8")),
    Row("log determinant of a diagonal matrix", "logdet(diag(x))", "x", "1 ./ x",
        lambda x: np.sum(log(x)), lambda x: 1 / x, magnus("ch. 8"), where={"x": "positive"}),
)

INVERSES = (
    Row("bilinear form of an inverse", "a.T@inv(X)@x", "X", "-inv(X).T@a@x.T@inv(X).T",
        lambda a, X, x: a @ inv(X) @ x, lambda a, X, x: -inv(X).T @ outer(a, x) @ inv(X).T,
        cook(61), where=stable),
    Row("trace of an inverse between two", "tr(H@inv(M)@W)", "M", "-inv(M).T@H.T@W.T@inv(M).T",
        lambda H, M, W: tr(H @ inv(M) @ W), lambda H, M, W: -(inv(M) @ W @ H @ inv(M)).T,
        cook(63), where={"M": "stable"}),
    Row("trace of an inverse", "tr(inv(X))", "X", "-inv(X).T**2",
        lambda X: tr(inv(X)), lambda X: -(inv(X) @ inv(X)).T, cook(64), where=stable),
    Row("trace of the inverse of a sum", "tr(inv(X + A))", "X", "-inv(X + A).T**2",
        lambda X, A: tr(inv(X + A)), lambda X, A: -(inv(X + A) @ inv(X + A)).T,
        cook(64), where={"X": "stable", "A": "stable"}),
    Row("a linear system, by its matrix", "a.T@solve(A, x)", "A", "-inv(A).T@a@x.T@inv(A).T",
        lambda a, A, x: a @ np.linalg.solve(A, x),
        lambda a, A, x: -outer(inv(A).T @ a, inv(A) @ x),
        "Giles 2008, sec. 2", where={"A": "stable"}),
    Row("a linear system, by its right side", "a.T@solve(A, x)", "x", "inv(A).T@a",
        lambda a, A, x: a @ np.linalg.solve(A, x), lambda a, A: inv(A).T @ a,
        "Giles 2008, sec. 2", where={"A": "stable"}),
    Row("inverse of a Gram matrix", "tr(inv(W.T@W)@A)", "W",
        "-W@inv(W.T@W)@(A + A.T)@inv(W.T@W)",
        lambda W, A: tr(inv(W.T @ W) @ A),
        lambda W, A: -W @ inv(W.T @ W) @ (A + A.T) @ inv(W.T @ W), cook(125), tall=("m", "n")),
    Row("energy of a shifted inverse, by the shift", "x.T@inv(A + t*eye(n))@x", "t",
        "-(x.T@inv(A + t*eye(n))**2@x)",
        lambda x, A, t: x @ inv(A + t * eye(len(x))) @ x,
        lambda x, A, t: -(x @ np.linalg.matrix_power(inv(A + t * eye(len(x))), 2) @ x),
        cook(59), where={"A": "stable", "t": "positive"}),
    Row("projection on a column space", "y.T@W@inv(W.T@W)@W.T@y", "W",
        "2*(y - W@inv(W.T@W)@W.T@y)@y.T@W@inv(W.T@W)",
        lambda y, W: y @ W @ inv(W.T @ W) @ W.T @ y,
        lambda y, W: 2 * outer(y - W @ inv(W.T @ W) @ W.T @ y, inv(W.T @ W) @ W.T @ y),
        "Golub & Pereyra 1973", tall=("m", "n")),
    Row("a power of the inverse", "tr(X**-2)", "X", "-2*inv(X).T**3",
        lambda X: tr(inv(X @ X)), lambda X: -2 * np.linalg.matrix_power(inv(X), 3).T,
        magnus("ch. 9"), where=stable),
)

NORMS = (
    Row("length", "norm(x)", "x", "x/norm(x)",
        norm, lambda x: x / norm(x), cook(129)),
    Row("distance", "norm(x - a)", "x", "(x - a)/norm(x - a)",
        lambda x, a: norm(x - a), lambda x, a: (x - a) / norm(x - a), cook(129)),
    Row("squared Frobenius norm", "norm2(W)", "W", "2*W",
        sq, lambda W: 2 * W, cook(132)),
    Row("Frobenius norm", "norm(W)", "W", "W/norm(W)",
        norm, lambda W: W / norm(W), cook(132)),
    Row("length of a product", "norm(W@x - y)", "x", "W.T@(W@x - y)/norm(W@x - y)",
        lambda W, x, y: norm(W @ x - y), lambda W, x, y: W.T @ (W @ x - y) / norm(W @ x - y),
        boyd("ch. 6.1")),
    Row("sum of the lengths of rows", "sum(norm(W, axis=1))", "W",
        "diag(1 ./ norm(W, axis=1))@W",
        lambda W: np.sum(norm(W, axis=1)), lambda W: W / norm(W, axis=1, keepdims=True),
        "Yuan & Lin 2006, eq. 2.1"),
    Row("sum of absolute values", "sum(abs(W))", "W", "sign(W)",
        lambda W: np.sum(np.abs(W)), np.sign, "Tibshirani 1996, eq. 1"),
    Row("smoothed length", "sqrt(norm2(x) + t**2)", "x", "x/sqrt(t**2 + norm2(x))",
        lambda x, t: sqrt(x @ x + t * t), lambda x, t: x / sqrt(x @ x + t * t), boyd("ch. 6.1")),
    Row("largest entry of each row", "sum(max(W, axis=1))", "W", "winners(W, axis=1)",
        lambda W: np.sum(np.max(W, axis=1)),
        lambda W: (W == np.max(W, axis=1, keepdims=True)) * 1.0, boyd("ch. 3.2.3")),
)

ENTRYWISE = (
    Row("sum of entries", "sum(W)", "W", "ones(m, n)",
        np.sum, np.ones_like, magnus("ch. 2")),
    Row("mean of squares", "mean(W.^2)", "W", "2*W/(m*n)",
        lambda W: np.mean(W**2), lambda W: 2 * W / W.size, cook(132)),
    Row("sum over an entrywise product", "sum(W .* Y)", "W", "Y",
        lambda W, Y: np.sum(W * Y), lambda Y: Y, magnus("ch. 3.6")),
    Row("trace with an entrywise product", "tr(A@(X .* B))", "X", "A.T .* B",
        lambda A, X, B: tr(A @ (X * B)), lambda A, B: A.T * B, "Minka 2000"),
    Row("quadratic form of an entrywise product", "x.T@(X .* A)@w", "X", "diag(x)@A@diag(w)",
        lambda x, X, A, w: x @ (X * A) @ w, lambda x, A, w: outer(x, w) * A, magnus("ch. 3.6")),
    Row("sum of logarithms", "sum(log(W))", "W", "1 ./ W",
        lambda W: np.sum(log(W)), lambda W: 1 / W, magnus("ch. 2"), where={"W": "positive"}),
    Row("sum of reciprocals", "sum(1 ./ W)", "W", "-1 ./ W .^ 2",
        lambda W: np.sum(1 / W), lambda W: -1 / W**2, magnus("ch. 2"), where={"W": "positive"}),
    Row("entropy", "-sum(p .* log(p))", "p", "-(1 + log(p))",
        lambda p: -np.sum(p * log(p)), lambda p: -1 - log(p),
        "Cover & Thomas 2006, eq. 2.1", where={"p": "positive"}, shapes={"p": "n"}),
    Row("relative entropy", "sum(p .* log(p ./ a))", "p", "1 + log(p ./ a)",
        lambda p, a: np.sum(p * log(p / a)), lambda p, a: 1 + log(p / a),
        "Cover & Thomas 2006, eq. 2.26", where={"p": "positive", "a": "positive"},
        shapes={"p": "n"}),
    Row("a layer of tanh", "y.T@tanh(W@x + b)", "W", "(y .* (1 - tanh(W@x + b) .^ 2))@x.T",
        lambda y, W, x, b: y @ tanh(W @ x + b),
        lambda y, W, x, b: outer(y * (1 - tanh(W @ x + b) ** 2), x), bishop("eq. 5.59")),
    Row("a layer of ReLU", "y.T@relu(W@x + b)", "W", "(y .* 1(W@x + b > 0))@x.T",
        lambda y, W, x, b: y @ np.maximum(W @ x + b, 0),
        lambda y, W, x, b: outer(y * (W @ x + b > 0), x), "Goodfellow et al. 2016, ch. 6.5"),
    Row("trace of a Kronecker product", "tr(kron(A, X))", "X", "tr(A)*eye(n)",
        lambda A, X: tr(np.kron(A, X)), lambda A, X: tr(A) * eye(len(X)), cook(105)),
    Row("trace of a Kronecker square", "tr(kron(X, X))", "X", "2*tr(X)*eye(n)",
        lambda X: tr(np.kron(X, X)), lambda X: 2 * tr(X) * eye(len(X)), cook(120)),
    Row("squared norm of a Kronecker product", "norm2(kron(Y, W))", "W", "2*norm2(Y)*W",
        lambda Y, W: sq(np.kron(Y, W)), lambda Y, W: 2 * sq(Y) * W, magnus("ch. 2.2")),
)

POWERS = (
    Row("bilinear form of a square", "a.T@X**2@x", "X", "a@x.T@X.T + X.T@a@x.T",
        lambda a, X, x: a @ X @ X @ x, lambda a, X, x: outer(a, X @ x) + outer(X.T @ a, x),
        cook(91)),
    Row("bilinear form of a cube", "a.T@X**3@x", "X",
        "(a@x.T@X.T + X.T@a@x.T)@X.T + X.T**2@a@x.T",
        lambda a, X, x: a @ X @ X @ X @ x,
        lambda a, X, x: outer(a, X @ X @ x) + outer(X.T @ a, X @ x) + outer(X.T @ X.T @ a, x),
        cook(91)),
    Row("trace of a fifth power", "tr(X**5)", "X", "5*X.T**4",
        lambda X: tr(np.linalg.matrix_power(X, 5)), lambda X: 5 * np.linalg.matrix_power(X, 4).T,
        cook(121)),
    Row("trace of a matrix exponential", "tr(expm(X))", "X", "expm(X).T",
        lambda X: tr(scipy.linalg.expm(X)), lambda X: scipy.linalg.expm(X).T,
        "Higham 2008, ch. 10.2"),
    Row("trace of a matrix exponential with a matrix", "tr(A@expm(X))", "X",
        "expm_frechet(X.T, A.T)",
        lambda A, X: tr(A @ scipy.linalg.expm(X)), lambda A, X: _van_loan(X.T, A.T),
        "Higham 2008, ch. 10.2"),
    Row("distance from an orthogonal matrix", "norm2(W.T@W - eye(n))", "W",
        "4*W@(W.T@W - eye(n))",
        lambda W: sq(W.T @ W - eye(W.shape[1])), lambda W: 4 * W @ (W.T @ W - eye(W.shape[1])),
        "Bansal et al. 2018"),
    Row("skew part", "norm2(X - X.T)", "X", "4*(X - X.T)",
        lambda X: sq(X - X.T), lambda X: 4 * (X - X.T), magnus("ch. 2")),
    Row("commutator with two matrices", "norm2(A@X - X@B)", "X",
        "2*(A.T@(A@X - X@B) - (A@X - X@B)@B.T)",
        lambda A, X, B: sq(A @ X - X @ B),
        lambda A, X, B: 2 * (A.T @ (A @ X - X @ B) - (A @ X - X @ B) @ B.T),
        "Higham 2008, app. B"),
    Row("log determinant of the Cholesky factor", "logdet(cholesky(X))", "X", "inv(X)/2",
        lambda X: logdet(np.linalg.cholesky(X)), lambda X: inv(X) / 2,
        "Murray 2016", {"X": "positive_definite"}),
    Row("a bilinear form of the Cholesky factor", "a.T@cholesky(X)@x", "X",
        "inv(cholesky(X)).T@(tril(cholesky(X).T@a@x.T) + tril(cholesky(X).T@a@x.T).T"
        " - diag(diag(cholesky(X).T@a@x.T)))@inv(cholesky(X))/2",
        lambda a, X, x: a @ np.linalg.cholesky(X) @ x,
        lambda a, X, x: _murray(np.linalg.cholesky(X), outer(a, x)),
        "Murray 2016", {"X": "positive_definite"}),
)


def _van_loan(X: Any, E: Any) -> Any:
    """The derivative of expm at X in the direction E, from the exponential of a block matrix."""
    n = len(X)
    return scipy.linalg.expm(np.block([[X, E], [np.zeros((n, n)), X]]))[:n, n:]



def _murray(L: Any, cotangent: Any) -> Any:
    """The symmetric cotangent of X = L*L.T from that of its factor."""
    P = np.tril(L.T @ cotangent)
    P[np.diag_indices(len(P))] /= 2
    return sym(inv(L).T @ P @ inv(L))


SOFTMAX = (
    Row("log-sum-exp", "logsumexp(x)", "x", "softmax(x)",
        lse, softmax, boyd("ch. 3.1.5")),
    Row("log-sum-exp of an affine map", "logsumexp(W@x + b)", "x", "W.T@softmax(W@x + b)",
        lambda W, x, b: lse(W @ x + b), lambda W, x, b: W.T @ softmax(W @ x + b),
        boyd("app. A.4.1")),
    Row("log-sum-exp of rows", "sum(logsumexp(W, axis=1))", "W", "softmax(W, axis=1)",
        lambda W: np.sum(lse(W, axis=1)), lambda W: softmax(W, axis=1), boyd("ch. 3.1.5")),
    Row("linear form of softmax", "a.T@softmax(x)", "x",
        "a .* softmax(x) - (a.T@softmax(x))*softmax(x)",
        lambda a, x: a @ softmax(x), lambda a, x: softmax(x) * (a - a @ softmax(x)),
        bishop("eq. 4.106")),
    Row("cross-entropy by the scores", "-sum(p .* log_softmax(x))", "x", "softmax(x) - p",
        lambda p, x: -np.sum(p * (x - lse(x))), lambda p, x: softmax(x) - p,
        bishop("eq. 4.108"), {"p": "sums_to_one"}, shapes={"p": "n"}),
    Row("cross-entropy, labels that need not sum to one", "-sum(p .* log_softmax(x))", "x",
        "sum(p)*softmax(x) - p",
        lambda p, x: -np.sum(p * (x - lse(x))), lambda p, x: np.sum(p) * softmax(x) - p,
        bishop("eq. 4.108"), shapes={"p": "n"}),
    Row("softmax classifier, by its weights", "-sum(y .* log_softmax(W@x + b))", "W",
        "(softmax(W@x + b) - y)@x.T",
        lambda y, W, x, b: -np.sum(y * (W @ x + b - lse(W @ x + b))),
        lambda y, W, x, b: outer(softmax(W @ x + b) - y, x),
        murphy("ch. 8.3"), {"y": "one_hot"}),
    Row("softmax classifier over a batch", "-sum(Y .* log_softmax(Z@B, axis=1))/m", "B",
        "Z.T@(softmax(Z@B, axis=1) - Y)/m",
        lambda Y, Z, B: -np.sum(Y * (Z @ B - lse(Z @ B, axis=1)[:, None])) / len(Y),
        lambda Y, Z, B: Z.T @ (softmax(Z @ B, axis=1) - Y) / len(Y),
        murphy("ch. 8.3"), {"Y": "one_hot"}, shapes={"Z": ("m", "k"), "B": ("k", "n")}),
)

GAUSS = (
    Row("Mahalanobis distance", "sqrt((x - a).T@inv(S)@(x - a))", "x",
        "inv(S)@(x - a)/sqrt((x - a).T@inv(S)@(x - a))",
        lambda x, a, S: sqrt((x - a) @ inv(S) @ (x - a)),
        lambda x, a, S: inv(S) @ (x - a) / sqrt((x - a) @ inv(S) @ (x - a)),
        bishop("eq. 2.44"), {"S": "positive_definite"}),
    Row("Gaussian log likelihood, by the mean", "-logdet(S)/2 - (x - a).T@inv(S)@(x - a)/2", "a",
        "inv(S)@(x - a)",
        lambda x, a, S: -logdet(S) / 2 - (x - a) @ inv(S) @ (x - a) / 2,
        lambda x, a, S: inv(S) @ (x - a), bishop("eq. 2.120"), {"S": "positive_definite"}),
    Row("Gaussian log likelihood, by the covariance",
        "-logdet(S)/2 - (x - a).T@inv(S)@(x - a)/2", "S",
        "(inv(S)@(x - a)@(x - a).T@inv(S) - inv(S))/2",
        lambda x, a, S: -logdet(S) / 2 - (x - a) @ inv(S) @ (x - a) / 2,
        lambda x, a, S: (inv(S) @ outer(x - a, x - a) @ inv(S) - inv(S)) / 2,
        bishop("ex. 2.34"), {"S": "positive_definite"}),
    Row("Gaussian log likelihood, by the precision", "logdet(S)/2 - (x - a).T@S@(x - a)/2", "S",
        "(inv(S) - (x - a)@(x - a).T)/2",
        lambda x, a, S: logdet(S) / 2 - (x - a) @ S @ (x - a) / 2,
        lambda x, a, S: (inv(S) - outer(x - a, x - a)) / 2,
        boyd("ch. 7.1.1"), {"S": "positive_definite"}),
    Row("Gaussian log likelihood of a sample, by the covariance",
        "-m*logdet(S)/2 - m*tr(C@inv(S))/2", "S",
        "m*(inv(S)@C@inv(S) - inv(S))/2",
        lambda S, C, m: -m * logdet(S) / 2 - m * tr(C @ inv(S)) / 2,
        lambda S, C, m: m * (inv(S) @ C @ inv(S) - inv(S)) / 2,
        "Anderson 2003, ch. 3.2", {"S": "positive_definite", "C": "symmetric"}),
    Row("graphical lasso without its penalty", "logdet(S) - tr(C@S)", "S", "inv(S) - C",
        lambda S, C: logdet(S) - tr(C @ S), lambda S, C: inv(S) - C,
        "Friedman et al. 2008, eq. 1", {"S": "positive_definite", "C": "symmetric"}),
    Row("relative entropy of two Gaussians, by the covariance",
        "(tr(inv(C)@S) - logdet(S))/2", "S",
        "(inv(C) - inv(S))/2",
        lambda C, S: (tr(inv(C) @ S) - logdet(S)) / 2, lambda C, S: (inv(C) - inv(S)) / 2,
        "Rasmussen & Williams 2006, eq. A.23",
        {"S": "positive_definite", "C": "positive_definite"}),
    Row("Gaussian kernel", "exp(-norm2(x - a)/(2*s**2))", "x",
        "-exp(-norm2(x - a)/(2*s**2))*(x - a)/s**2",
        lambda x, a, s: exp(-sq(x - a) / (2 * s * s)),
        lambda x, a, s: exp(-sq(x - a) / (2 * s * s)) * (a - x) / (s * s),
        "Rasmussen & Williams 2006, eq. 4.9", where={"s": "positive"}, shapes={"s": 1}),
    Row("evidence of a Gaussian process, by the noise",
        "-x.T@inv(A + t*eye(n))@x/2 - logdet(A + t*eye(n))/2", "t",
        "tr(inv(A + t*eye(n))@x@x.T@inv(A + t*eye(n)) - inv(A + t*eye(n)))/2",
        lambda x, A, t: -x @ inv(A + t * eye(len(x))) @ x / 2 - logdet(A + t * eye(len(x))) / 2,
        lambda x, A, t: sq(inv(A + t * eye(len(x))) @ x) / 2 - tr(inv(A + t * eye(len(x)))) / 2,
        "Rasmussen & Williams 2006, eq. 5.9", {"A": "positive_definite"}, {"t": "positive"}),
)

REGRESSION = (
    Row("least squares", "norm2(W@x - y)", "x", "2*W.T@(W@x - y)",
        lambda W, x, y: sq(W @ x - y), lambda W, x, y: 2 * W.T @ (W @ x - y), boyd("ch. 4.4")),
    Row("least squares, by the matrix", "norm2(W@x + b - y)", "W", "2*(W@x + b - y)@x.T",
        lambda W, x, b, y: sq(W @ x + b - y), lambda W, x, b, y: 2 * outer(W @ x + b - y, x),
        cook(88)),
    Row("ridge regression", "norm2(W@x - y) + t*norm2(x)", "x", "2*W.T@(W@x - y) + 2*t*x",
        lambda W, x, y, t: sq(W @ x - y) + t * sq(x),
        lambda W, x, y, t: 2 * W.T @ (W @ x - y) + 2 * t * x, "Hastie et al. 2009, eq. 3.43"),
    Row("weighted least squares", "(W@x - y).T@M@(W@x - y)", "x", "2*W.T@M@(W@x - y)",
        lambda W, x, y, M: (W @ x - y) @ M @ (W @ x - y),
        lambda W, x, y, M: 2 * W.T @ M @ (W @ x - y), cook(84), {"M": "symmetric"}),
    Row("weighted least squares, a weight per row", "sum(z .* (W@x - y).^2)", "x",
        "2*W.T@(z .* (W@x - y))",
        lambda z, W, x, y: np.sum(z * (W @ x - y) ** 2),
        lambda z, W, x, y: 2 * W.T @ (z * (W @ x - y)), "Hastie et al. 2009, ch. 3.2"),
    Row("lasso", "norm2(W@x - y)/2 + t*sum(abs(x))", "x", "W.T@(W@x - y) + t*sign(x)",
        lambda W, x, y, t: sq(W @ x - y) / 2 + t * np.sum(np.abs(x)),
        lambda W, x, y, t: W.T @ (W @ x - y) + t * np.sign(x), "Tibshirani 1996, eq. 1"),
    Row("multivariate regression", "norm2(W@B - U)", "B", "2*W.T@(W@B - U)",
        lambda W, B, U: sq(W @ B - U), lambda W, B, U: 2 * W.T @ (W @ B - U),
        cook(119), shapes={"B": ("n", "k")}),
    Row("a matrix between two others", "norm2(W@X@V - U)", "X", "2*W.T@(W@X@V - U)@V.T",
        lambda W, X, V, U: sq(W @ X @ V - U), lambda W, X, V, U: 2 * W.T @ (W @ X @ V - U) @ V.T,
        cook(119)),
    Row("logistic regression, labels ±1", "sum(softplus(-y .* (W@x)))", "x",
        "-W.T@(y .* sigmoid(-(y .* (W@x))))",
        lambda y, W, x: np.sum(np.log1p(exp(-y * (W @ x)))),
        lambda y, W, x: -W.T @ (y * sigmoid(-y * (W @ x))),
        "Hastie et al. 2009, eq. 10.18", where={"y": "signs"}),
    Row("logistic regression, labels 0 and 1", "sum(softplus(W@x)) - y.T@W@x", "x",
        "W.T@(sigmoid(W@x) - y)",
        lambda y, W, x: np.sum(np.log1p(exp(W @ x))) - y @ W @ x,
        lambda y, W, x: W.T @ (sigmoid(W @ x) - y), bishop("eq. 4.91")),
    Row("logistic regression by its logarithms",
        "-sum(y .* log(sigmoid(W@x)) + (1 - y) .* log(1 - sigmoid(W@x)))", "x",
        "W.T@(sigmoid(W@x) - y)",
        lambda y, W, x: -np.sum(y * log(sigmoid(W @ x)) + (1 - y) * log(1 - sigmoid(W @ x))),
        lambda y, W, x: W.T @ (sigmoid(W @ x) - y), bishop("eq. 4.90")),
    Row("hinge loss", "sum(relu(1 - y .* (W@x)))", "x", "-W.T@(y .* 1(1 - y .* (W@x) > 0))",
        lambda y, W, x: np.sum(np.maximum(1 - y * (W @ x), 0)),
        lambda y, W, x: -W.T @ (y * (1 - y * (W @ x) > 0)),
        "Hastie et al. 2009, eq. 12.25", where={"y": "signs"}),
    Row("Poisson regression", "sum(exp(W@x)) - y.T@W@x", "x", "W.T@(exp(W@x) - y)",
        lambda y, W, x: np.sum(exp(W @ x)) - y @ W @ x, lambda y, W, x: W.T @ (exp(W @ x) - y),
        murphy("ch. 9.3")),
    Row("log barrier of a polyhedron", "-sum(log(b - W@x))", "x", "W.T@(1 ./ (b - W@x))",
        lambda b, W, x: -np.sum(log(b - W @ x)), lambda b, W, x: W.T @ (1 / (b - W @ x)),
        boyd("ch. 11.2"), where={"b": "large"}),
)

FACTORS = (
    Row("matrix factorisation, left factor", "norm2(Y - U@V.T)", "U", "2*(U@V.T - Y)@V",
        lambda Y, U, V: sq(Y - U @ V.T), lambda Y, U, V: 2 * (U @ V.T - Y) @ V,
        "Koren et al. 2009, eq. 2"),
    Row("matrix factorisation, right factor", "norm2(Y - U@V.T)", "V", "2*(U@V.T - Y).T@U",
        lambda Y, U, V: sq(Y - U @ V.T), lambda Y, U, V: 2 * (U @ V.T - Y).T @ U,
        "Koren et al. 2009, eq. 2"),
    Row("matrix factorisation with a penalty", "norm2(Y - U@V.T) + t*(norm2(U) + norm2(V))", "U",
        "2*t*U + 2*(U@V.T - Y)@V",
        lambda Y, U, V, t: sq(Y - U @ V.T) + t * (sq(U) + sq(V)),
        lambda Y, U, V, t: 2 * (U @ V.T - Y) @ V + 2 * t * U, "Koren et al. 2009, eq. 2"),
    Row("matrix factorisation of the known entries", "norm2(G .* (Y - U@V.T))", "U",
        "2*(G .^ 2 .* (U@V.T - Y))@V",
        lambda G, Y, U, V: sq(G * (Y - U @ V.T)),
        lambda G, Y, U, V: 2 * (G * G * (U @ V.T - Y)) @ V, "Srebro & Jaakkola 2003"),
    Row("symmetric factorisation", "norm2(A - V@V.T)", "V", "4*(V@V.T - A)@V",
        lambda A, V: sq(A - V @ V.T), lambda A, V: 4 * (V @ V.T - A) @ V,
        "Burer & Monteiro 2003", {"A": "symmetric"}),
    Row("best rank-one approximation", "norm2(A - x@x.T)", "x", "4*(x@x.T - A)@x",
        lambda A, x: sq(A - outer(x, x)), lambda A, x: 4 * ((x @ x) * x - A @ x),
        "Eckart & Young 1936", {"A": "symmetric"}),
    Row("principal components", "-tr(V.T@S@V)", "V", "-2*S@V",
        lambda V, S: -tr(V.T @ S @ V), lambda V, S: -2 * S @ V,
        bishop("ch. 12.1"), {"S": "symmetric"}),
    Row("linear autoencoder", "norm2(Y - Y@V@H)", "V", "2*Y.T@(Y@V@H - Y)@H.T",
        lambda Y, V, H: sq(Y - Y @ V @ H), lambda Y, V, H: 2 * Y.T @ (Y @ V @ H - Y) @ H.T,
        "Baldi & Hornik 1989", shapes={"H": ("k", "n")}),
)

HEADS = MappingProxyType(
    {"Q": ("m", "d"), "K": ("n", "d"), "V": ("n", "k"), "Y": ("m", "k"), "G": ("m", "k")}
)

NETWORKS = (
    Row("attention, by the values", "norm2(softmax(Q@K.T/sqrt(d), axis=1)@V - Y)", "V",
        "2*softmax(Q@K.T/sqrt(d), axis=1).T@(softmax(Q@K.T/sqrt(d), axis=1)@V - Y)",
        lambda Q, K, V, Y, d: sq(softmax(Q @ K.T / sqrt(d), axis=1) @ V - Y),
        lambda Q, K, V, Y, d: _linear(softmax(Q @ K.T / sqrt(d), axis=1), V, Y),
        "Vaswani et al. 2017, eq. 1", shapes=HEADS),
    Row("attention, by the queries", "sum(G .* (softmax(Q@K.T, axis=1)@V))", "Q",
        "(G@V.T .* softmax(Q@K.T, axis=1) - "
        "diag(sum(G@V.T .* softmax(Q@K.T, axis=1), axis=1))@softmax(Q@K.T, axis=1))@K",
        lambda G, Q, K, V: np.sum(G * (softmax(Q @ K.T, axis=1) @ V)),
        lambda G, Q, K, V: _attention(G @ V.T, softmax(Q @ K.T, axis=1)) @ K,
        "Vaswani et al. 2017, eq. 1", shapes=HEADS),
    Row("attention, by the keys", "sum(G .* (softmax(Q@K.T, axis=1)@V))", "K",
        "(G@V.T .* softmax(Q@K.T, axis=1) - "
        "diag(sum(G@V.T .* softmax(Q@K.T, axis=1), axis=1))@softmax(Q@K.T, axis=1)).T@Q",
        lambda G, Q, K, V: np.sum(G * (softmax(Q @ K.T, axis=1) @ V)),
        lambda G, Q, K, V: _attention(G @ V.T, softmax(Q @ K.T, axis=1)).T @ Q,
        "Vaswani et al. 2017, eq. 1", shapes=HEADS),
    Row("centred squares", "norm2(x - mean(x))", "x", "2*(x - sum(x)/n)",
        lambda x: sq(x - np.mean(x)), lambda x: 2 * (x - np.mean(x)), "Seber & Lee 2003, ch. 1"),
    Row("layer normalisation", "a.T@(x - mean(x))/sqrt(norm2(x - mean(x))/n + t)", "x",
        "a/sqrt(t + norm2(x - sum(x)/n)/n)"
        " - (a.T@(x - sum(x)/n))*(x - sum(x)/n)/(n*(t + norm2(x - sum(x)/n)/n)**(3/2))"
        " - sum(a)/(n*sqrt(t + norm2(x - sum(x)/n)/n))",
        lambda a, x, t: a @ (x - np.mean(x)) / sqrt(np.var(x) + t),
        lambda a, x, t: _normalised(a, x, sqrt(np.var(x) + t)),
        "Ba et al. 2016, sec. 3", where={"t": "positive"}),
    Row("normalised to length one", "a.T@x/norm(x)", "x", "a/norm(x) - (a.T@x)*x/norm(x)**3",
        lambda a, x: a @ x / norm(x), lambda a, x: a / norm(x) - (a @ x) * x / norm(x) ** 3,
        "Salimans & Kingma 2016, eq. 3"),
    Row("two layers, outer weights", "norm2(D@relu(U.T@y) - w)", "D",
        "2*(D@relu(U.T@y) - w)@relu(U.T@y).T",
        lambda D, U, y, w: sq(D @ np.maximum(U.T @ y, 0) - w),
        lambda D, U, y, w: 2 * outer(D @ np.maximum(U.T @ y, 0) - w, np.maximum(U.T @ y, 0)),
        "Goodfellow et al. 2016, ch. 6.5", shapes={"D": ("n", "k")}),
    Row("two layers, inner weights", "norm2(D@relu(U.T@y) - w)", "U",
        "2*y@(D.T@(D@relu(U.T@y) - w) .* 1(U.T@y > 0)).T",
        lambda D, U, y, w: sq(D @ np.maximum(U.T @ y, 0) - w),
        lambda D, U, y, w: outer(y, 2 * D.T @ (D @ np.maximum(U.T @ y, 0) - w) * (U.T @ y > 0)),
        "Goodfellow et al. 2016, ch. 6.5", shapes={"D": ("n", "k")}),
)


def _normalised(cotangent: Any, x: Any, deviation: Any) -> Any:
    """What layer normalisation sends back."""
    z = (x - np.mean(x)) / deviation
    return (cotangent - np.mean(cotangent) - z * np.mean(cotangent * z)) / deviation


def _linear(P: Any, V: Any, Y: Any) -> Any:
    """The gradient of least squares by the right factor."""
    return 2 * P.T @ (P @ V - Y)


def _attention(cotangent: Any, weights: Any) -> Any:
    """The cotangent of the scores from that of the softmax over rows."""
    return weights * (cotangent - np.sum(weights * cotangent, axis=1, keepdims=True))


DECLARED = (
    Row("by a symmetric matrix", "tr(A@B)", "A", "(B + B.T)/2",
        lambda A, B: tr(A @ B), lambda B: sym(B), "Lewis 1996", {"A": "symmetric"}),
    Row("quadratic form, by a symmetric matrix", "x.T@A@w", "A", "(x@w.T + w@x.T)/2",
        lambda x, A, w: x @ A @ w, lambda x, w: sym(outer(x, w)),
        "Lewis 1996", {"A": "symmetric"}),
    Row("by a diagonal matrix", "x.T@A@w", "A", "diag(x .* w)",
        lambda x, A, w: x @ A @ w, lambda x, w: diag(x * w), cook(142), {"A": "diagonal"}),
    Row("an orthogonal matrix keeps lengths", "norm2(A@x)", "x", "2*x",
        lambda A, x: sq(A @ x), lambda x: 2 * x,
        "Horn & Johnson 2013, ch. 2.1", {"A": "orthogonal"}),
    Row("an orthogonal change of basis keeps the trace", "tr(A.T@X@A)", "X", "eye(n)",
        lambda A, X: tr(A.T @ X @ A), lambda X: eye(len(X)),
        "Horn & Johnson 2013, ch. 2.1", {"A": "orthogonal"}),
    Row("inverse of an orthogonal matrix", "a.T@inv(A)@x", "x", "A@a",
        lambda a, A, x: a @ inv(A) @ x, lambda a, A: A @ a,
        "Horn & Johnson 2013, ch. 2.1", {"A": "orthogonal"}),
    Row("Gaussian smoothing with a diagonal covariance", "x.T@A@x", "x", "2*(x .* diag(A))",
        lambda x, A: x @ A @ x, lambda x, A: 2 * diag(A) * x,
        "Horn & Johnson 2013, ch. 0.9", {"A": "diagonal"}),
    Row("an entry", "W[0, 1]**2", "W", "2*W[0, 1]*one_hot(0, m)@one_hot(1, n).T",
        lambda W: W[0, 1] ** 2,
        lambda W: 2 * W[0, 1] * outer(eye(len(W))[0], eye(W.shape[1])[1]), cook(73)),
    Row("a row of a product, picked by a one-hot vector", "b.T@W@x", "W", "b@x.T",
        lambda b, W, x: b @ W @ x, lambda b, x: outer(b, x), cook(70), {"b": "one_hot"}),
    Row("lower triangle", "norm2(tril(X)@x)", "X", "2*tril(tril(X)@x@x.T)",
        lambda X, x: sq(np.tril(X) @ x), lambda X, x: np.tril(2 * outer(np.tril(X) @ x, x)),
        "Murray 2016"),
)

# fmt: on
TOPICS: dict[str, tuple[Identity, ...]] = {
    "Vectors": VECTORS,
    "Traces": TRACES,
    "Determinants": DETERMINANTS,
    "Inverses": INVERSES,
    "Norms": NORMS,
    "Entry by entry": ENTRYWISE,
    "Powers, exponential, Cholesky": POWERS,
    "Softmax": SOFTMAX,
    "Gaussian models": GAUSS,
    "Regression and classification": REGRESSION,
    "Factorisation": FACTORS,
    "Networks": NETWORKS,
    "Declared facts and entries": DECLARED,
}
IDENTITIES = [row for rows in TOPICS.values() for row in rows]


def shapes_of(row: Identity, names: Any) -> dict[str, Any]:
    """The shapes of the matrices among some names."""
    known = {**SHAPES, **row.shapes}
    return {n: known[n] for n in names if n in known}


# --- the page ---

PAGE = Path(__file__).resolve().parents[2] / "docs" / "matrix-gradients.md"
BEGIN = "<!-- identities: written by `python -m tests.calculus.identities` -->\n"
END = "<!-- identities: end -->\n"
HEAD = "| identity | formula | by | gradient | given | source |\n|---|---|---|---|---|---|\n"
PHRASES = {
    "positive_definite": "positive definite",
    "one_hot": "one-hot",
    "sums_to_one": "sums to one",
}


def legend() -> str:
    """Which letters have which shape."""
    letters: dict[str, list[str]] = {}
    for name, shape in SHAPES.items():
        letters.setdefault(written(shape), []).append(name)
    listed = [f"`{' '.join(names)}` {shape}" for shape, names in letters.items()]
    return f"Unless a line says otherwise: {', '.join(listed)}; other letters are numbers.\n\n"


def table() -> str:
    """The identities by topic, as Markdown."""
    return legend() + "\n".join(
        f"### {topic}\n\n{HEAD}{''.join(map(line, rows))}" for topic, rows in TOPICS.items()
    )


def line(row: Identity) -> str:
    given = [f"`{name}` {PHRASES.get(fact, fact)}" for name, fact in row.facts.items()]
    given += [f"`{name}` is {written(shape)}" for name, shape in row.shapes.items()]
    cells = [
        row.name,
        f"`{row.formula}`",
        f"`{row.wrt}`",
        f"`{row.printed}`",
        ", ".join(given),
        row.source,
    ]
    return f"| {' | '.join(cells)} |\n"


def written(shape: Any) -> str:
    if shape == 1:
        return "a number"
    return " × ".join(map(str, shape)) if isinstance(shape, tuple) else f"{shape} × 1"


def page() -> str:
    """The page with the table in its place."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
