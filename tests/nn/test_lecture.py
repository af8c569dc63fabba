"""The lecture's losses and activations (numbers B1 to B11 and section 3), through `symgrad.nn`."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad import nn

LONG = 1e-9  # relative: numbers of ten digits
DIGITS = 1e-10  # absolute: numbers of ten decimals
EXACT = 1e-14
x = sympy.Symbol("x")
s = sg.tensor("s", 3)


def value_and_gradients(loss: Any, **values: Any) -> tuple[Any, dict[str, Any]]:
    run = sg.run(loss, values)
    return float(run.output), {name: np.asarray(run.grad[name]) for name in values}


# --- B: losses ---


def test_b1_the_hinge_of_one_image() -> None:
    value, grads = value_and_gradients(nn.hinge(s, 0, delta=10), s=np.array([13.0, -7, 11]))

    assert 8 == value
    assert [-1, 0, 1] == grads["s"].tolist()


W2 = np.array([[0.01, -0.05, 0.1, 0.05], [0.7, 0.2, 0.05, 0.16], [0, -0.45, -0.2, 0.03]])
X2 = np.array([-15.0, 22, -44, 56])
B2 = np.array([0, 0.2, -0.3])
CLASSIFIER = nn.linear(sg.tensor("x", 4), sg.tensor("W", 3, 4), sg.tensor("b", 3))


def test_b2_hinge_and_softmax_of_one_picture() -> None:
    at = {"W": W2, "x": X2, "b": B2}
    margin, by_margin = value_and_gradients(nn.hinge(CLASSIFIER, 2), **at)
    entropy, by_entropy = value_and_gradients(nn.cross_entropy(CLASSIFIER, 2), **at)
    ds = np.array([0.0154493157, 0.6311633536, -0.6466126693])

    assert margin == pytest.approx(1.58, rel=EXACT)
    assert entropy == pytest.approx(1.0401905694301092, rel=EXACT)
    np.testing.assert_allclose(by_margin["b"], [0, 1, -1], atol=EXACT)
    np.testing.assert_allclose(by_margin["x"], [0.7, 0.65, 0.25, 0.13], rtol=1e-12)
    np.testing.assert_allclose(by_entropy["b"], ds, atol=DIGITS)
    np.testing.assert_allclose(by_entropy["W"], np.outer(ds, X2), atol=60 * DIGITS)
    np.testing.assert_allclose(
        by_entropy["x"], [0.4419688407, 0.4164359061, 0.1624256331, 0.0823602223], rtol=LONG
    )


def test_b3_the_scores_of_the_cat_with_their_bias() -> None:
    W = np.array([[0.2, -0.5, 0.1, 2], [1.5, 1.3, 2.1, 0], [0, 0.25, 0.2, -0.3]])
    at = {"W": W, "x": np.array([56.0, 231, 24, 2]), "b": np.array([1.1, 3.2, -1.2])}

    found = sg.evaluate(CLASSIFIER, at)

    np.testing.assert_allclose(found, [-96.8, 437.9, 60.75], rtol=EXACT)


S4 = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
S = sg.tensor("S", 3, 3)


def test_b4_the_hinge_of_three_images() -> None:
    each = sg.evaluate(nn.hinge(S, [0, 1, 2], reduction="none"), {"S": S4})
    mean = sg.evaluate(nn.hinge(S, [0, 1, 2]), {"S": S4})

    np.testing.assert_allclose(each, [2.9, 0, 12.9], rtol=EXACT)
    assert float(mean) == pytest.approx(5.2666666667, rel=LONG)


def test_b4_the_softmax_of_the_first_image_in_nats() -> None:
    found = sg.evaluate(nn.cross_entropy(s, 0), {"s": S4[0]})

    assert float(found) == pytest.approx(2.04035515, rel=1e-8)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([1, -2, 0], [0.7053845, 0.0351190, 0.2594965]),
        ([0.5, -1, 0], [0.5465494, 0.1219517, 0.3314990]),
    ],
)
def test_b5_weaker_scores_are_less_sure(scores: list[float], expected: list[float]) -> None:
    found = sg.evaluate(nn.softmax(s), {"s": np.array(scores, float)})

    np.testing.assert_allclose(found, expected, atol=5e-8)


def test_b6_the_gradient_is_the_probabilities_less_one_at_the_right_class() -> None:
    p = np.array([0.2, 0.3, 0.5])
    _, grads = value_and_gradients(nn.cross_entropy(s, 1), s=np.log(p))

    np.testing.assert_allclose(grads["s"], [0.2, -0.7, 0.5], rtol=1e-14)


def test_b7_huge_scores_neither_overflow_nor_lose_the_gradient() -> None:
    huge = np.array([123.0, 456, 789])

    assert [0, 0, 1] == pytest.approx(sg.evaluate(nn.softmax(s), {"s": huge}), abs=1e-140)
    value, grads = value_and_gradients(nn.cross_entropy(s, 0), s=huge)
    assert 666 == value
    np.testing.assert_allclose(grads["s"], [-1, 0, 1], atol=1e-140)


@pytest.mark.parametrize(
    ("loss", "classes", "expected"),
    [
        (nn.cross_entropy, 10, 2.302585),
        (nn.cross_entropy, 3, 1.098612),
        (nn.hinge, 10, 9),
    ],
)
def test_b8_the_loss_of_chance(loss: Any, classes: int, expected: float) -> None:
    scores = sg.tensor("s", 4, classes)
    found = sg.evaluate(loss(scores, [0, 1, 2, 0]), {"s": np.zeros((4, classes))})

    assert float(found) == pytest.approx(expected, abs=5e-7)


def test_b8_regularisation_raises_the_loss() -> None:
    w = sg.tensor("W", 2, 3)
    data = nn.cross_entropy(sg.tensor("x", 4, 2) @ w, [0, 1, 2, 0])
    at = {"W": np.full((2, 3), 0.1), "x": np.ones((4, 2))}

    assert sg.evaluate(data, at) < sg.evaluate(data + 1e3 * nn.l2(w), at)


def test_b9_l2_prefers_weights_that_are_spread_out() -> None:
    w, lam = sg.tensor("w", 4), sympy.Symbol("lam")
    one, spread = np.array([1.0, 0, 0, 0]), np.full(4, 0.25)

    plain = nn.l2(w, half=False)
    assert [1, 0.25] == [float(sg.evaluate(plain, {"w": v})) for v in (one, spread)]
    assert one.sum() == spread.sum()
    assert "lam*w" == str(sg.grad(lam * nn.l2(w), w))
    assert "2*lam*w" == str(sg.grad(lam * plain, w))


def test_b10_the_gradient_of_the_hinge_counts_violated_margins() -> None:
    W, row = sg.tensor("W", 4, 3), np.array([1.0, -2, 0.5, 3])
    scores = np.array([2.0, 1.5, -9])
    weights = np.outer(row, scores) / (row @ row)  # so that row @ weights are the scores
    loss = nn.hinge(sg.tensor("x", 4) @ W, 0)
    _, grads = value_and_gradients(loss, x=row, W=weights)

    np.testing.assert_allclose(grads["W"].T, [-1 * row, 1 * row, 0 * row], atol=EXACT)


def test_b11_the_logistic_loss_is_softmax_with_two_classes() -> None:
    z, t = sg.tensor("z", 5), np.array([0.0, 1, 1, 0, 1])
    scores = np.linspace(-3, 3, 5)
    binary = nn.binary_cross_entropy_with_logits(z, t)
    two = nn.cross_entropy(sg.stack([sg.zeros(5), z], axis=1), t.astype(int))

    assert float(sg.evaluate(binary, {"z": scores})) == pytest.approx(
        float(sg.evaluate(two, {"z": scores})), rel=EXACT
    )


def test_b11_tanh_is_a_scaled_sigmoid() -> None:
    at = np.linspace(-4, 4, 33)

    np.testing.assert_allclose(
        sg.evaluate(nn.tanh(x), {"x": at}),
        sg.evaluate(2 * nn.sigmoid(2 * x) - 1, {"x": at}),
        atol=4e-16,
    )


# --- section 3: activations, at high precision by mpmath ---

SELU_ALPHA, SELU_SCALE = "1.6732632423543772848170429916717", "1.0507009873554804934193349852946"
mpf = mpmath.mpf


def slope(alpha: Any) -> Any:
    return lambda t: t if t > 0 else alpha * t


CURVES = {
    "sigmoid": (nn.sigmoid(x), lambda t: 1 / (1 + mpmath.exp(-t))),
    "tanh": (nn.tanh(x), mpmath.tanh),
    "relu": (nn.relu(x), lambda t: max(t, mpf(0))),
    "leaky": (nn.leaky_relu(x), slope(mpf("0.01"))),
    "leaky, another slope": (nn.leaky_relu(x, 0.2), slope(mpf("0.2"))),
    "prelu": (nn.prelu(x, sympy.Rational(1, 4)), slope(mpf("0.25"))),
    "maxout": (nn.maxout(x, -x / 2, sympy.Integer(-1)), lambda t: max(t, -t / 2, mpf(-1))),
    "elu": (nn.elu(x), lambda t: t if t > 0 else mpmath.expm1(t)),
    "elu, another height": (nn.elu(x, 2), lambda t: t if t > 0 else 2 * mpmath.expm1(t)),
    "selu": (
        nn.selu(x),
        lambda t: mpf(SELU_SCALE) * (t if t > 0 else mpf(SELU_ALPHA) * mpmath.expm1(t)),
    ),
    "softplus": (nn.softplus(x), lambda t: mpmath.log1p(mpmath.exp(t))),
    "gelu": (nn.gelu(x), lambda t: t * mpmath.ncdf(t)),
    "gelu by tanh": (
        nn.gelu(x, "tanh"),
        lambda t: (
            t / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (t + mpf("0.044715") * t**3)))
        ),
    ),
    "swish": (nn.swish(x), lambda t: t / (1 + mpmath.exp(-t))),
}
POINTS = (-6.5, -2.0, -0.7, 0.3, 1.0, 5.5)


@pytest.mark.parametrize("name", CURVES)
def test_an_activation_and_its_derivative_are_right(name: str) -> None:
    curve, oracle = CURVES[name]
    derivative = sg.grad(curve, x)
    for t in POINTS:
        with mpmath.workdps(40):
            expected = [float(oracle(mpf(t))), float(mpmath.diff(oracle, mpf(t)))]
        found = [float(sg.evaluate(f, {"x": t})) for f in (curve, derivative)]

        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_the_lectures_table_of_sigmoid_and_tanh() -> None:
    at = {"x": np.array([-1.0, 0, 1])}
    rows = [
        (nn.sigmoid(x), [0.2689414214, 0.5, 0.7310585786]),
        (sg.grad(nn.sigmoid(x), x), [0.1966119332, 0.25, 0.1966119332]),
        (sg.grad(nn.tanh(x), x), [0.4199743416, 1, 0.4199743416]),
    ]
    for curve, expected in rows:
        np.testing.assert_allclose(sg.evaluate(curve, at), expected, rtol=1e-9)


def test_derivatives_are_printed_as_the_lecture_writes_them() -> None:
    printed = {
        nn.sigmoid(x): "(1 - sigmoid(x))*sigmoid(x)",
        nn.tanh(x): "1 - tanh(x)**2",
        nn.relu(x): "1(x > 0)",
        nn.softplus(x): "sigmoid(x)",
    }

    assert list(printed.values()) == [str(sg.grad(f, x)) for f in printed]


def test_relu_is_a_maxout_and_prelu_learns_its_slope() -> None:
    a = sympy.Symbol("a")
    at = {"x": np.array([-2.0, -0.5, 0.5, 3])}

    np.testing.assert_array_equal(
        sg.evaluate(nn.maxout(x, sympy.Integer(0)), at), sg.evaluate(nn.relu(x), at)
    )
    assert "Min(x, 0)" == str(sg.grad(nn.prelu(x, a), a))
