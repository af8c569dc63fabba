"""The classic bugs of hand-written gradients, put into a network: the gradient check finds each.

A bug is a layer whose value is right and whose derivative is another layer's: `value` is computed
and cut off from the gradient, `like` sends the gradient back and adds nothing. The check sees
nothing but the loss, as with any derivative that somebody else wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import symgrad as sg
from symgrad import nn
from symgrad.errors import GradientCheckError

# All square: a forgotten transpose is no error of shapes here.
SIZE, EXAMPLES = 4, 3
SHAPES = {"X": (EXAMPLES, SIZE), "W": (SIZE, SIZE), "V": (SIZE, SIZE), "b": (SIZE,)}
X, W, V, b = (sg.tensor(name, *shape) for name, shape in SHAPES.items())
LABELS = [2, 0, 3]


def stopped(x: Any) -> Any:
    return sg.map("stop_gradient", x)


def disguised(value: Any, like: Any) -> Any:
    """Return `value`, with the derivative of `like`."""
    return stopped(value) + (like - stopped(like))


def affine_without_transpose(x: Any, w: Any, bias: Any = 0) -> Any:
    """Backward, `dx = dout @ W` instead of `dout @ W.T`."""
    return disguised(x @ w, x @ stopped(w).T + stopped(x) @ w) + bias


def affine_weight_transposed(x: Any, w: Any, bias: Any = 0) -> Any:
    """Backward, `dW = (x.T @ dout).T`."""
    return disguised(x @ w, x @ stopped(w) + stopped(x) @ w.T) + bias


def cross_entropy_without_mean(scores: Any, labels: Any) -> Any:
    """Backward, `ds = softmax(s) - y`, not divided by N."""
    return disguised(
        nn.cross_entropy(scores, labels), nn.cross_entropy(scores, labels, reduction="sum")
    )


def l2_without_two(w: Any) -> Any:
    """Backward, `dW = lam*W` for `lam*sum(W**2)`."""
    return disguised(nn.l2(w, half=False), nn.l2(w))


class Network(NamedTuple):
    """Two layers with a penalty; each part can be exchanged for a wrong one."""

    affine: Callable[..., Any] = nn.affine
    relu: Callable[..., Any] = lambda z, other: nn.relu(z)
    cross_entropy: Callable[..., Any] = nn.cross_entropy
    penalty: Callable[..., Any] = lambda w: nn.l2(w, half=False)
    second: Callable[..., Any] = lambda w: w

    def loss(self) -> Any:
        z = self.affine(X, W, b)
        scores = self.affine(self.relu(z, X), V)
        again = self.affine(nn.tanh(scores), self.second(V))
        data = self.cross_entropy(again, LABELS)
        return data + 0.1 * (self.penalty(W) + self.penalty(V))


BUGS = {
    "forgotten transpose in dx": (Network(affine=affine_without_transpose), {"W", "b", "V"}),
    "forgotten transpose in dW": (Network(affine=affine_weight_transposed), {"W", "V"}),
    "missing 1/N": (Network(cross_entropy=cross_entropy_without_mean), {"W", "b", "V"}),
    "ReLU mask on the wrong tensor": (
        Network(relu=lambda z, other: disguised(nn.relu(z), z * sg.map("sign", nn.relu(other)))),
        {"W", "b"},
    ),
    "lambda without its 2": (Network(penalty=l2_without_two), {"W", "V"}),
    "shared weight counted once": (Network(second=stopped), {"V"}),
}


def point() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    return {name: rng.uniform(-1, 1, shape) for name, shape in SHAPES.items()}


def check(network: Network) -> Any:
    return sg.check_grad(network.loss(), point(), ["W", "b", "V"])


def blamed(report: Any) -> set[str]:
    return {entry.name for entry in report.entries if entry.verdict in ("uneasy", "wrong")}


def test_the_network_without_a_bug_passes() -> None:
    assert check(Network())


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_changes_no_value(name: str) -> None:
    network, _ = BUGS[name]

    assert sg.evaluate(Network().loss(), point()) == pytest.approx(
        sg.evaluate(network.loss(), point()), rel=1e-14
    )


@pytest.mark.parametrize("name", BUGS)
def test_the_check_finds_the_bug_and_names_the_parameters(name: str) -> None:
    network, wrong = BUGS[name]
    report = check(network)

    assert not report
    assert wrong == blamed(report)
    with pytest.raises(GradientCheckError, match="disagree"):
        report.raise_if_failed()


# --- a wrong rule of an activation, registered in the open ---

WRONG_RULES = {
    "tanh' without its square": ("wrong_tanh", ["1 - out"], np.tanh),
    "sigmoid' of the input, not of the output": (
        "wrong_sigmoid",
        ["x*(1 - x)"],
        lambda x: 1 / (1 + np.exp(-x)),
    ),
    "a rule wrong by a thousandth": ("wrong_sin", ["1.001*cos(x)"], np.sin),
}


@pytest.mark.parametrize("name", WRONG_RULES)
def test_a_wrong_rule_of_an_activation_is_found_inside_a_layer(name: str) -> None:
    gate, partials, numpy = WRONG_RULES[name]
    sg.gate(gate, "x", partials=partials, numpy=numpy, replace=True)
    loss = nn.cross_entropy(nn.affine(sg.map(gate, nn.affine(X, W, b)), V), LABELS)
    report = sg.check_grad(loss, point(), ["W", "b", "V"])

    assert {"W", "b"} == blamed(report)


# --- what the lecture advises: the two parts of a loss on their own ---


def test_a_penalty_can_hide_a_wrong_data_loss_and_a_check_of_the_parts_does_not() -> None:
    network = Network(cross_entropy=cross_entropy_without_mean)
    data = network.cross_entropy(nn.affine(X, W, b), LABELS)
    penalty = network.penalty(W)
    at = {name: value for name, value in point().items() if name != "V"}
    weights = {"W": at["W"]}

    heavy = sg.check_grad(1e-6 * data + 1e4 * penalty, at, "W")

    assert heavy, "the penalty drowns the data loss, so that the whole passes"
    assert not sg.check_grad(data, at, "W")
    assert sg.check_grad(penalty, weights, "W")
