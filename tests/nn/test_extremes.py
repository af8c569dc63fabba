"""Where naive formulas overflow, divide 0 by 0, or stop learning: all stays right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad import nn

x = sympy.Symbol("x")
FAR = 1000.0
ACTIVATIONS = {
    nn.sigmoid: ((0, 1), (0, 0)),
    nn.tanh: ((-1, 1), (0, 0)),
    nn.relu: ((0, FAR), (0, 1)),
    nn.leaky_relu: ((-10, FAR), (0.01, 1)),
    nn.elu: ((-1, FAR), (0, 1)),
    nn.softplus: ((0, FAR), (0, 1)),
    nn.gelu: ((0, FAR), (0, 1)),
    lambda t: nn.gelu(t, "tanh"): ((0, FAR), (0, 1)),
    nn.swish: ((0, FAR), (0, 1)),
}


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize(
    ("activation", "expected"), ACTIVATIONS.items(), ids=lambda part: getattr(part, "__name__", "")
)
def test_an_activation_saturates_without_nan(activation: Any, expected: Any, backend: str) -> None:
    compiled = sg.compile(activation(x), ["x"], backend=backend)
    values, (slopes,) = compiled(np.array([-FAR, FAR]))

    np.testing.assert_allclose(values, expected[0], atol=1e-300)
    np.testing.assert_allclose(slopes, expected[1], atol=1e-300)


def gradient(loss: Any, name: str, **values: Any) -> Any:
    run = sg.run(loss, values)
    return float(run.output), np.asarray(run.grad[name])


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e8, 1e300])
def test_cross_entropy_of_scores_of_any_size(scale: float) -> None:
    s = sg.tensor("s", 2, 3)
    scores = scale * np.array([[1.0, -1, 0], [0, 1, -1]])
    value, slope = gradient(nn.cross_entropy(s, [0, 1]), "s", s=scores)

    assert 0 <= value <= 0.41
    assert np.all(np.abs(slope) <= 0.5)
    if scale > 1:
        assert 0 == value
        assert not slope.any()


def test_cross_entropy_keeps_differences_of_large_scores_to_their_last_digit() -> None:
    value, _ = gradient(nn.cross_entropy(sg.tensor("s", 2), 1), "s", s=np.array([1e6, 1e6 + 1]))

    assert value == pytest.approx(np.log1p(np.exp(-1)), abs=2 * np.spacing(1e6))


def test_a_confident_mistake_has_a_finite_loss_and_the_full_gradient() -> None:
    z, t = sg.tensor("z", 2), np.array([1.0, 0])
    value, slope = gradient(nn.binary_cross_entropy_with_logits(z, t), "z", z=np.array([-FAR, FAR]))

    assert FAR == value
    assert [-0.5, 0.5] == slope.tolist()


def test_binary_cross_entropy_takes_zero_times_log_zero_as_zero() -> None:
    p, t = sg.tensor("p", 2), sg.tensor("t", 2)
    found = sg.evaluate(
        nn.binary_cross_entropy(p, t), {"p": np.array([0.0, 1]), "t": np.array([0.0, 1])}
    )

    assert 0 == float(found)


def test_hinge_counts_no_class_that_is_far_behind() -> None:
    value, slope = gradient(nn.hinge(sg.tensor("s", 3), 0), "s", s=np.array([1e300, -1e300, 1e299]))

    assert 0 == value
    assert not slope.any()


def test_normalising_constant_features_gives_zero_not_nan() -> None:
    v = sg.tensor("x", 2, 4)
    for layer in (nn.layer_norm(v), nn.batch_norm(v)):
        loss = sg.sum(layer * np.arange(8.0).reshape(2, 4))
        value, slope = gradient(loss, "x", x=np.ones((2, 4)))

        assert 0 == value
        assert np.isfinite(slope).all()


def test_attention_with_everything_hidden_takes_the_mean() -> None:
    Q, K, V = sg.tensor("Q", 1, 2), sg.tensor("K", 3, 2), sg.tensor("V", 3, 2)
    at = {"Q": np.ones((1, 2)), "K": np.ones((3, 2)), "V": np.arange(6.0).reshape(3, 2)}
    found = sg.evaluate(nn.attention(Q, K, V, np.zeros((1, 3))), at)

    np.testing.assert_allclose(found, [[2, 3]], rtol=np.spacing(1e9))  # scores of -1e9 stand there


# --- the memory ---

SHAPES = {"M": (1, 3, 2), "k": (1, 2), "w": (1, 3), "beta": (1, 1), "gamma": (1, 1)}
M, k, w, beta, gamma = (sg.tensor(name, *shape) for name, shape in SHAPES.items())


def test_cosine_similarity_of_an_empty_memory_is_zero_with_a_gradient() -> None:
    at = {"M": np.zeros((1, 3, 2)), "k": np.array([[3.0, 4]])}
    value, slope = gradient(sg.sum(nn.cosine_similarity(M, k)), "M", **at)

    assert 0 == value
    assert np.isfinite(slope).all()
    assert slope.all()


def test_cosine_similarity_is_the_cosine() -> None:
    at = {"M": np.array([[[3.0, 4], [-4, 3], [-3, -4]]]), "k": np.array([[6.0, 8]])}

    np.testing.assert_allclose(sg.evaluate(nn.cosine_similarity(M, k), at), [[1, 0, -1]], atol=1e-9)


@pytest.mark.parametrize("power", [1.0, 20.0, 1e4])
def test_sharpening_weights_of_zero_has_a_value_and_a_gradient(power: float) -> None:
    at = {"w": np.array([[0.0, 0.25, 0.75]]), "gamma": np.array([[power]])}
    value = sg.evaluate(nn.sharpening(w, gamma), at)
    _, slope = gradient(sg.sum(nn.sharpening(w, gamma)[:, 2]), "w", **at)

    assert float(np.sum(value)) == pytest.approx(1, rel=1e-14)
    np.testing.assert_allclose(value[0, 2], 1 / (1 + 3**-power), rtol=1e-12)
    assert np.isfinite(slope).all()


def test_sharpening_keeps_the_largest_weight_where_plain_powers_underflow() -> None:
    weights = np.array([[0.001, 0.002, 0.0015]])
    assert 0 == np.sum(weights**200.0), "plain powers are all 0 here"

    found = sg.evaluate(nn.sharpening(w, gamma), {"w": weights, "gamma": np.array([[200.0]])})

    np.testing.assert_allclose(found, [[0, 1, 0]], atol=1e-24)
