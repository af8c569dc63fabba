"""The lecture's vectors in closed form: sizes are letters, gradients are printed as it writes them.

Each closed form is evaluated at the lecture's numbers too; runs of the same networks as tensors are
in `numeric/test_tensor_runs.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import sympy
from sympy import MatrixSymbol

import symgrad as sg
from symgrad.errors import ShapeError

ROUNDING = 1e-9  # relative: the lecture's long numbers have ten digits


class Loss(NamedTuple):
    """A loss as text, its shapes and facts, and its gradients as the lecture writes them."""

    formula: str
    shapes: dict[str, Any]
    facts: dict[str, str]
    gradients: dict[str, str]


CLASSIFIER = {"W": ("c", "n"), "x": "n", "b": "c", "y": "c"}
BATCH = {"X": ("N", "n"), "W": ("n", "c"), "Y": ("N", "c")}
MARGINS = "1(1 + X*W - sum(X*W .* Y, axis=1)*1 > 0)"
ONE_HOT = {"y": "one_hot"}

LOSSES = {
    "A7 squared norm of a product": Loss(
        "norm2(W@x)", CLASSIFIER, {}, {"W": "2*W*x*x.T", "x": "2*W.T*W*x"}
    ),
    "B1 hinge of the scores": Loss(
        "sum(relu(s - y.T@s + d)) - d",
        {"s": "c", "y": "c"},
        ONE_HOT,
        {"s": "1(s + d - (s.T*y) > 0) - sum(1(s + d - (s.T*y) > 0))*y"},
    ),
    "B2 softmax of a linear score": Loss(
        "-sum(y .* log_softmax(W@x + b))",
        CLASSIFIER,
        ONE_HOT,
        {
            "W": "(softmax(W*x + b) - y)*x.T",
            "x": "W.T*(softmax(W*x + b) - y)",
            "b": "softmax(W*x + b) - y",
        },
    ),
    "B4 softmax over a batch with L2": Loss(
        "-sum(Y .* log_softmax(X@W, axis=1))/N + r*norm2(W)/2",
        BATCH,
        {"Y": "one_hot"},
        {"W": "X.T*(softmax(X*W, axis=1) - Y)/N + r*W"},
    ),
    "B4 hinge over a batch with L2": Loss(
        "S = X@W; (sum(relu(S - sum(S .* Y, axis=1)@ones(1, c) + 1)) - N)/N + r*norm2(W)",
        BATCH,
        {"Y": "one_hot"},
        {"W": f"X.T*({MARGINS} - diag(sum({MARGINS}, axis=1))*Y)/N + 2*r*W"},
    ),
    "B6 cross-entropy by the scores": Loss(
        "-sum(y .* log_softmax(s))", {"s": "c", "y": "c"}, ONE_HOT, {"s": "softmax(s) - y"}
    ),
    "B9 L2 with one half": Loss("r*norm2(W)/2", BATCH, {}, {"W": "r*W"}),
    "B11 logistic neuron": Loss(
        "-(t*log(sigmoid(w.T@x + b)) + (1 - t)*log(1 - sigmoid(w.T@x + b)))",
        {"w": "n", "x": "n"},
        {},
        {"w": "(sigmoid(b + w.T*x) - t)*x"},
    ),
    "C2 two layers, both by their weights": Loss(
        "norm2(V@relu(W@x) - y)",
        {"W": ("h", "n"), "V": ("c", "h"), "x": "n", "y": "c"},
        {},
        {
            "V": "2*(V*relu(W*x) - y)*relu(W*x).T",
            "W": "2*(V.T*(V*relu(W*x) - y) .* 1(W*x > 0))*x.T",
        },
    ),
    "C6 the network of twenty lines": Loss(
        "norm2(sigmoid(x@w1)@w2 - y)",
        {"x": ("N", "D"), "w1": ("D", "H"), "w2": ("H", "O"), "y": ("N", "O")},
        {},
        {
            "w2": "2*sigmoid(x*w1).T*(sigmoid(x*w1)*w2 - y)",
            "w1": "2*x.T*(sigmoid(x*w1) .* (1 - sigmoid(x*w1)) .* (sigmoid(x*w1)*w2 - y)*w2.T)",
        },
    ),
}


def parsed(name: str) -> Any:
    loss = LOSSES[name]
    return sg.parse(loss.formula, shapes=loss.shapes, assume=loss.facts)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_printed_as_the_lecture_writes_them(name: str) -> None:
    found = sg.grad(parsed(name), list(LOSSES[name].gradients))

    assert list(LOSSES[name].gradients.values()) == [str(g) for g in found]


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_have_the_shape_of_their_variable(name: str) -> None:
    for symbol, gradient in sg.grad(parsed(name)).items():
        assert getattr(symbol, "shape", ()) == getattr(gradient, "shape", ())


# --- layers, not losses ---


def test_a8_gradients_of_a_product_go_through_transposes() -> None:
    D = sg.parse("W@X", shapes={"W": ("m", "n"), "X": ("n", "k")})
    G = MatrixSymbol("G", *D.expr.shape)

    assert "G*X.T" == str(sg.vjp(D, "W", G))
    assert "W.T*G" == str(sg.vjp(D, "X", G))


def test_a8_gradients_at_the_lecture_size_have_the_shapes_of_the_variables() -> None:
    D = sg.parse("W@X", shapes={"W": (5, 10), "X": (10, 3)})
    G = MatrixSymbol("G", 5, 3)

    assert (5, 10) == sg.vjp(D, "W", G).shape
    assert (10, 3) == sg.vjp(D, "X", G).shape
    with pytest.raises(ShapeError, match="5 × 3"):
        sg.vjp(D, "W", MatrixSymbol("G", 3, 5))


def test_a9_the_jacobian_of_relu_is_a_diagonal_that_is_never_multiplied_out() -> None:
    layer = sg.parse("relu(x)", shapes={"x": 4096})
    g = MatrixSymbol("g", 4096, 1)

    assert "diag(1(x > 0))" == str(sg.jacobian(layer, "x"))
    assert "g .* 1(x > 0)" == str(sg.vjp(layer, "x", g))
    assert "g .* 1(x > 0)" == str(sg.jvp(layer, "x", g))


def test_b5_the_jacobian_of_softmax_is_a_diagonal_less_an_outer_product() -> None:
    layer = sg.parse("softmax(s)", shapes={"s": "c"})

    assert "diag(softmax(s)) - softmax(s)*softmax(s).T" == str(sg.jacobian(layer, "s"))


# --- networks, line by line ---


def lines(text: str, shapes: dict[str, Any], facts: dict[str, str], wrt: Any = None) -> list[str]:
    return str(sg.grad(sg.parse(text, shapes=shapes, assume=facts), wrt, form="let")).splitlines()


def test_c2_three_layers_line_by_line() -> None:
    found = lines(
        "h1 = tanh(W1@x + b1); h2 = tanh(W2@h1 + b2); norm2(W3@h2 + b3 - y)",
        {"W1": ("p", "n"), "W2": ("q", "p"), "W3": ("c", "q"), "x": "n"}
        | {"b1": "p", "b2": "q", "b3": "c", "y": "c"},
        {},
    )

    assert {
        "h1 = tanh(W1@x + b1)",
        "h2 = tanh(W2@h1 + b2)",
        "dh2 = W3.T@q",
        "dW3 = q@h2.T",
    } <= set(found)
    assert len(found) <= 16


def test_c4_the_toy_network_line_by_line() -> None:
    found = lines(
        "H = relu(X@W1 + ones(N)@b1.T); S = H@W2 + ones(N)@b2.T; "
        "-sum(Y .* log_softmax(S, axis=1))/N + r*(norm2(W1) + norm2(W2))",
        {"X": ("N", "n"), "W1": ("n", "h"), "b1": "h", "W2": ("h", "c"), "b2": "c"}
        | {"Y": ("N", "c")},
        {"Y": "one_hot"},
    )

    assert "dH = dS@W2.T" in found
    assert "dW2 = H.T@dS + 2*r*W2" in found


def test_c6_the_twenty_lines_are_six() -> None:
    text = "h = sigmoid(x@w1); y_pred = h@w2; norm2(y_pred - y)"
    shapes = {"x": ("N", "D"), "w1": ("D", "H"), "w2": ("H", "O"), "y": ("N", "O")}

    assert [
        "h = sigmoid(x@w1)",
        "y_pred = h@w2",
        "dy_pred = 2*(y_pred - y)",
        "dh = dy_pred@w2.T",
    ] == lines(text, shapes, {}, ["w1", "w2"])[:4]


# --- the closed forms at the lecture's numbers ---

PICTURE = {  # B2
    "W": np.array([[0.01, -0.05, 0.1, 0.05], [0.7, 0.2, 0.05, 0.16], [0, -0.45, -0.2, 0.03]]),
    "x": np.array([-15.0, 22, -44, 56]),
    "b": np.array([0.0, 0.2, -0.3]),
    "y": np.array([0.0, 0, 1]),
}
SQUARED = {"W": np.array([[0.1, 0.5], [-0.3, 0.8]]), "x": np.array([0.2, 0.4])}
HINGE = {"s": np.array([13.0, -7, 11]), "y": np.array([1.0, 0, 0]), "d": 10.0}
NUMBERS = {
    ("A7 squared norm of a product", "W"): (SQUARED, [[0.088, 0.176], [0.104, 0.208]]),
    ("A7 squared norm of a product", "x"): (SQUARED, [-0.112, 0.636]),
    ("B1 hinge of the scores", "s"): (HINGE, [-1, 0, 1]),
    ("B2 softmax of a linear score", "b"): (
        PICTURE,
        [0.0154493157, 0.6311633536, -0.6466126693],
    ),
    ("B2 softmax of a linear score", "x"): (
        PICTURE,
        [0.4419688407, 0.4164359061, 0.1624256331, 0.0823602223],
    ),
    ("B6 cross-entropy by the scores", "s"): (
        {"s": np.log([0.2, 0.3, 0.5]), "y": np.array([0.0, 1, 0])},
        [0.2, -0.7, 0.5],
    ),
}


@pytest.mark.parametrize(("name", "variable"), NUMBERS)
def test_closed_forms_have_the_lecture_numbers(name: str, variable: str) -> None:
    at, expected = NUMBERS[name, variable]
    gradient = sg.grad(parsed(name), variable)
    held = {s.name for s in gradient.free_symbols}
    found = sg.evaluate(gradient, {k: v for k, v in at.items() if k in held})

    assert pytest.approx(np.array(expected), rel=ROUNDING, abs=1e-10) == np.squeeze(found)


def test_a8_by_hand() -> None:
    x = np.array([[2.0, 1, -3], [-3, 4, 2]])
    w = np.array([[3.0, 2, 1, -1], [2, 1, 3, 2], [3, 2, 1, -2]])
    dy = np.array([[2.0, 3, -3, 9], [-8, 1, 4, 6]])
    product = sg.parse("x@w", shapes={"x": ("N", "n"), "w": ("n", "m")})
    G = MatrixSymbol("G", *product.expr.shape)
    dx = sg.evaluate(sg.vjp(product, "x", G), {"G": dy, "w": w})
    dw = sg.evaluate(sg.vjp(product, "w", G), {"G": dy, "x": x})

    assert [[0, 16, -9], [-24, 9, -30]] == dx.tolist()
    assert [[28, 3, -18, 0], [-30, 7, 13, 33], [-22, -7, 17, -15]] == dw.tolist()


def test_b10_each_row_of_the_hinge_gradient_counts_its_margins() -> None:
    loss = sg.parse("sum(relu(W@x - y.T@W@x + 1)) - 1", shapes=CLASSIFIER, assume=ONE_HOT)
    at = {key: PICTURE[key] for key in ("W", "x", "y")}
    scores = at["W"] @ at["x"]
    margins = (scores - scores[2] + 1 > 0) * np.array([1.0, 1, 0])
    expected = np.outer(margins, at["x"])
    expected[2] = -np.sum(margins) * at["x"]
    found = sg.evaluate(sg.grad(loss, "W"), at)

    assert pytest.approx(expected) == found


def test_c3_the_two_layer_network_by_hand() -> None:
    shapes = {"X": ("N", "n"), "W1": ("n", "h"), "W2": ("h", "c"), "Y": ("N", "c")}
    loss = sg.parse(
        "-sum(Y .* log_softmax(relu(X@W1)@W2, axis=1))", shapes=shapes, assume={"Y": "one_hot"}
    )
    at = {
        "X": np.array([[16.0, -6]]),
        "Y": np.array([[0.0, 0, 1]]),
        "W1": np.array([[0.18, 0.04], [0.1, 0.22]]),
        "W2": np.array([[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]]),
    }
    inner, outer = (sg.evaluate(g, at) for g in sg.grad(loss, ["W1", "W2"]))

    assert pytest.approx(1.0513754685, rel=ROUNDING) == sg.evaluate(loss, at)
    assert (
        pytest.approx(
            np.array([[0.9782402101, 0.5049983962, -1.4832386063], [0, 0, 0]]), rel=ROUNDING
        )
        == outer
    )
    assert pytest.approx(np.array([[-0.0909337567, 0], [0.0341001588, 0]]), rel=ROUNDING) == inner


def test_scalars_of_the_lecture_are_one_by_one() -> None:
    score = sg.parse("w.T@x + b", shapes={"w": "n", "x": "n"})

    assert ["x", "w", "1"] == [str(g) for g in sg.grad(score, ["w", "x", "b"])]
    assert sympy.Symbol("b") in score.expr.free_symbols
