"""Jacobians by matrices in the vec layout, against central differences and the tensor layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.expr.matrices import apply

SHAPES = {"A": ("p", "m"), "X": ("m", "n"), "B": ("n", "q"), "x": ("n",), "y": ("m",)}
SIZES = {"p": 2, "m": 3, "n": 4, "q": 5}

JACOBIANS = [
    ("A@X@B", "X", "kron(B.T, A)"),
    ("X.T", "X", "commutation(m, n)"),
    ("X@X.T", "X", "kron(eye(m), X)@commutation(m, n) + kron(X, eye(m))"),
    ("X@x", "X", "kron(x.T, eye(m))"),
    ("X@x", "x", "X"),
    ("X@x@x.T", "x", "kron(x, X) + kron(eye(n), X@x)"),
    ("2*X.T@y@y.T@X", "y", "2*(kron(X.T@y, X.T) + kron(X.T, X.T@y))"),
    ("x@y.T", "y", "kron(eye(m), x)"),
]


def drawn(name: str, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=[SIZES[size] for size in SHAPES[name]])


def stacked(value: Any) -> np.ndarray:
    return np.asarray(value).flatten(order="F")


@pytest.mark.parametrize(("formula", "wrt", "expected"), JACOBIANS)
def test_a_jacobian_in_vec_layout_is_a_sum_of_kronecker_products(
    formula: str, wrt: str, expected: str
) -> None:
    parsed = sg.parse(formula, shapes=SHAPES)

    assert expected == sg.text(sg.jacobian(parsed, wrt, layout="vec"))


@pytest.mark.parametrize(("formula", "wrt", "expected"), JACOBIANS)
def test_a_jacobian_in_vec_layout_equals_central_differences(
    formula: str, wrt: str, expected: str
) -> None:
    rng = np.random.default_rng(0)
    parsed = sg.parse(formula, shapes=SHAPES)
    at = {str(s.name): drawn(s.name, rng) for s in sg.graph(parsed).inputs}
    jacobian = sg.jacobian(parsed, wrt, layout="vec")
    held = {str(s.name) for s in sg.graph(jacobian).inputs}
    found = sg.evaluate(jacobian, {k: v for k, v in at.items() if k in held} | SIZES_OF[expected])

    step, base = 1e-6, at[wrt]
    for column in range(base.size):
        moved = np.zeros(base.size)
        moved[column] = step
        shift = moved.reshape(base.shape, order="F")
        ahead, behind = (sg.evaluate(parsed, {**at, wrt: base + s}) for s in (shift, -shift))
        slope = (stacked(ahead) - stacked(behind)) / (2 * step)
        np.testing.assert_allclose(np.asarray(found)[:, column], slope, atol=1e-8)


SIZES_OF: dict[str, dict[str, int]] = {row[2]: {} for row in JACOBIANS} | {
    "commutation(m, n)": {"m": 3, "n": 4},
    "kron(x.T, eye(m))": {"m": 3},
    "kron(eye(m), x)": {"m": 3},
}


def test_a_hessian_by_a_matrix_has_both_layouts() -> None:
    f = sg.parse("norm2(A@X)", shapes=SHAPES)

    assert "2*kron(eye(n), A.T@A)" == sg.text(sg.hessian(f, "X", layout="vec"))
    assert 4 == len(sg.hessian(f, "X").shape)


def test_an_unknown_layout_is_refused_by_name() -> None:
    with pytest.raises(sg.SymgradError, match="axes or vec"):
        sg.jacobian(sg.parse("X@x", shapes=SHAPES), "X", layout="rows")


def test_parameters_of_operations_are_never_evaluated(capsys: pytest.CaptureFixture[str]) -> None:
    text = "print('evaluated')"
    made = apply("map", sg.matrix("A", "n", "n"), params=(text,))

    assert f"{text}(A)" == str(made)
    assert "" == capsys.readouterr().out


def test_the_log_determinant_of_a_kronecker_product_falls_apart() -> None:
    f = sg.parse("logdet(kron(A, B))", shapes={"A": ("n", "n"), "B": ("m", "m")})

    assert {"A": "m*inv(A).T", "B": "n*inv(B).T"} == {
        str(symbol): sg.text(partial) for symbol, partial in sg.grad(f).items()
    }


def test_the_hessian_of_a_choice_is_the_choice_of_hessians() -> None:
    f = sg.parse("sum(where(x > 0, x.^2, x.^3))", shapes={"x": ("n",)})

    found = sg.evaluate(sg.hessian(f, "x"), {"x": [1.0, -2.0, 3.0]})

    np.testing.assert_array_equal(found, np.diag([2.0, -12.0, 2.0]))
