"""What the blocks take: scalars, SymPy matrices, arrays; and what they refuse, with both shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad import nn
from symgrad.errors import ShapeError, UnsupportedError

x = sympy.Symbol("x")
X, W, b = sg.tensor("X", "N", 4), sg.tensor("W", 4, 3), sg.tensor("b", 3)
scores, image = sg.tensor("s", "N", 5), sg.tensor("x", "N", 3, 8, 8)
h, H = sg.tensor("h", "N", 6), 6

# --- refusals ---

SHAPES: dict[str, tuple[Any, str]] = {
    "a matrix that does not fit": (lambda: nn.affine(X, W.T), r"\(N, 4\).*\(3, 4\)"),
    "a bias of another length": (
        lambda: nn.affine(X, W, sg.tensor("b", 4)),
        r"`b` of shape \(3,\), since the output has shape \(N, 3\), but it has shape \(4,\)",
    ),
    "weights that are not transposed": (
        lambda: nn.linear(X, W),
        r"`weight` of shape \(m, 4\) for `x` of shape \(N, 4\), but it has shape \(4, 3\)",
    ),
    "a bias a channel": (
        lambda: nn.conv(image, sg.tensor("w", 2, 3, 3, 3), sg.tensor("b", 3)),
        r"`bias` of shape \(2,\).*\(N, 2, 6, 6\).*\(3,\)",
    ),
    "a table of another rank": (
        lambda: nn.embedding([0, 1], sg.tensor("E", 4)),
        r"a table of shape \(V, E\), not \(4,\)",
    ),
    "a mask of another shape": (
        lambda: nn.dropout(X, sg.tensor("mask", 4)),
        r"`x` and `mask` of one shape, but they have shapes \(N, 4\) and \(4,\)",
    ),
    "slopes and channels": (
        lambda: nn.prelu(image, sg.tensor("a", 8)),
        r"`x` has shape \(N, 3, 8, 8\) and `weight` has shape \(8,\)",
    ),
    "scales and channels": (
        lambda: nn.batch_norm(image, sg.tensor("g", 8)),
        r"`weight` of shape \(3,\), since `x` has shape \(N, 3, 8, 8\).*\(8,\)",
    ),
    "scales and features": (
        lambda: nn.layer_norm(X, sg.tensor("g", "N")),
        r"`weight` of shape \(4,\).*\(N,\)",
    ),
    "labels of another length": (
        lambda: nn.cross_entropy(scores, sg.tensor("y", "M")),
        r"scores of shape \(N, 5\).*\(N,\).*\(N, 5\).*found \(M,\)",
    ),
    "targets that would broadcast": (
        lambda: nn.squared_error(sg.tensor("y", "N", 1), sg.tensor("t", "N")),
        r"`predictions` and `targets` of one shape.*\(N, 1\) and \(N,\)",
    ),
    "logits and targets": (
        lambda: nn.binary_cross_entropy_with_logits(scores, sg.tensor("t", "N")),
        r"\(N, 5\) and \(N,\)",
    ),
    "weights of four gates": (
        lambda: nn.lstm_cell(h, h, X, sg.tensor("U", 3 * H, 4), sg.tensor("V", 4 * H, H)),
        r"`w_ih` of shape \(24, 4\).*\(N, 4\).*\(N, 6\).*\(18, 4\)",
    ),
    "weights of the state": (
        lambda: nn.gru_cell(h, X, sg.tensor("U", 18, 4), sg.tensor("V", 18, 4)),
        r"`w_hh` of shape \(18, 6\)",
    ),
    "the two parts of a state": (
        lambda: nn.lstm_cell(h, h[0], X, sg.tensor("U", 24, 4), sg.tensor("V", 24, 6)),
        r"`c` of shape \(N, 6\).*\(6,\)",
    ),
    "a sequence without time": (
        lambda: nn.rnn(sg.tensor("x", 4), h, sg.tensor("U", 6, 4), sg.tensor("V", 6, 6)),
        r"a sequence with 2 axes or more, not \(4,\)",
    ),
    "queries and keys": (
        lambda: nn.attention(X, scores, scores),
        r"queries and keys of one length.*\(N, 4\) and \(N, 5\)",
    ),
    "keys and values": (
        lambda: nn.attention(X, X, sg.tensor("V", "M", 4)),
        r"one value a key.*\(M, 4\) and \(N, 4\)",
    ),
    "features among heads": (
        lambda: nn.multi_head_attention(
            *[sg.tensor("q", 2, 3, 5)] * 3, 2, *[sg.tensor("W", 15, 5), None] * 2
        ),
        r"cannot divide the 5 features of shape \(2, 3, 5\) among 2 heads",
    ),
    "a memory without a batch": (
        lambda: nn.read_memory(sg.tensor("M", 8, 4), sg.tensor("w", 8)),
        r"a memory with 3 axes or more, not \(8, 4\)",
    ),
    "an even number of shifts": (
        lambda: nn.circular_shift(sg.tensor("w", "B", 8), sg.tensor("s", "B", 2)),
        r"an odd number of shifts.*\(B, 2\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_what_does_not_fit_is_refused_with_the_shapes(name: str) -> None:
    block, message = SHAPES[name]

    with pytest.raises(ShapeError, match=message):
        block()


OPTIONS: dict[str, tuple[Any, str]] = {
    "a reduction": (lambda: nn.hinge(scores, [0] * 3 and sg.tensor("y", "N"), reduction="avg"),
                    "'mean', 'sum', 'none', not 'avg'"),
    "an approximation": (lambda: nn.gelu(x, "sigmoid"), "'none' or 'tanh', not 'sigmoid'"),
    "a rate": (lambda: nn.dropout(x, x, 1.0), "from 0 to less than 1, not 1"),
    "a nonlinearity": (
        lambda: nn.rnn_cell(h, X, sg.tensor("U", 6, 4), sg.tensor("V", 6, 6), nonlinearity="elu"),
        "'tanh' or 'relu', not 'elu'"),
    "half of the statistics": (lambda: nn.batch_norm(X, running_mean=sg.tensor("m", 4)),
                               "both running statistics, or neither"),
    "one piece": (lambda: nn.maxout(x), "two pieces or more"),
    "no parameters": (lambda: nn.l2(), "at least one parameter"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_that_does_not_exist_is_refused_with_those_that_do(name: str) -> None:
    block, message = OPTIONS[name]

    with pytest.raises(UnsupportedError, match=message):
        block()


# --- other dialects ---

POINTWISE = (
    nn.sigmoid, nn.tanh, nn.relu, nn.leaky_relu, nn.elu, nn.selu, nn.softplus, nn.gelu, nn.swish,
    lambda t: nn.gelu(t, "tanh"), lambda t: nn.leaky_relu(t, 0.3), lambda t: nn.elu(t, 2),
    lambda t: nn.prelu(t, 0.3),
)  # fmt: skip


@pytest.mark.parametrize("activation", POINTWISE, ids=lambda f: f.__name__)
def test_scalars_matrices_and_tensors_have_one_activation(activation: Any) -> None:
    values = np.array([[-1.5, -0.2], [0.4, 2.0]])
    matrix, tensor = sympy.MatrixSymbol("A", 2, 2), sg.tensor("A", 2, 2)
    entries = [[float(sg.evaluate(activation(x), {"x": v})) for v in row] for row in values]

    for dialect in (matrix, tensor):
        found = sg.evaluate(activation(dialect), {"A": values})
        slopes = sg.run(sg.sum(activation(dialect)), {"A": values}).grad["A"]

        np.testing.assert_allclose(found, entries, rtol=1e-14)
        expected = sg.compile(activation(x), ["x"], returns="grad")(values)
        np.testing.assert_allclose(slopes, np.asarray(expected).reshape(2, 2), rtol=1e-13)


def test_scalars_pass_through_losses_and_dropout() -> None:
    t, p = sympy.symbols("t p")

    assert (x - t) ** 2 == nn.squared_error(x, t)
    assert x**2 / 2 == nn.l2(x)
    assert 2 * x * t == nn.dropout(x, t)
    assert nn.sigmoid(x) - t == sg.grad(nn.binary_cross_entropy_with_logits(x, t), x)
    assert sg.check_grad(nn.binary_cross_entropy(p, t), {"p": 0.3, "t": 0.8}, "p")


def test_penalties_are_of_the_entries_of_a_matrix_not_of_its_square() -> None:
    W = sympy.MatrixSymbol("W", 2, 2)
    values = {"W": np.array([[1.0, -2], [3, 4]])}

    assert 15 == sg.evaluate(nn.l2(W), values)
    assert 10 == sg.evaluate(nn.l1(W), values)
    assert "W" == str(sg.grad(nn.l2(W), W))


@pytest.mark.parametrize("block", [nn.squared_error, nn.cross_entropy, nn.dropout, nn.hinge])
def test_other_blocks_refuse_matrices(block: Any) -> None:
    W = sympy.MatrixSymbol("W", 2, 2)

    with pytest.raises(UnsupportedError, match="matrix"):
        block(W, W)


def test_labels_are_positions_rows_or_arrays_of_either() -> None:
    values = {"s": np.array([[1.0, 2, 0], [0, 1, 3]])}
    s = sg.tensor("s", 2, 3)
    rows = np.eye(3)[[1, 0]]
    symbols = sg.tensor("y", 2), sg.tensor("Y", 2, 3)
    losses = [
        sg.evaluate(loss(s, labels), {**values, **given})
        for loss in (nn.cross_entropy, nn.hinge)
        for labels, given in [
            ([1, 0], {}), (np.array([1, 0]), {}), (rows, {}),
            (symbols[0], {"y": np.array([1.0, 0])}), (symbols[1], {"Y": rows}),
        ]
    ]  # fmt: skip

    assert losses[:5] == pytest.approx([losses[0]] * 5, rel=1e-15)
    assert losses[5:] == pytest.approx([losses[5]] * 5, rel=1e-15)
    assert losses[0] != losses[5]


def test_reductions_are_of_examples() -> None:
    s, at = sg.tensor("s", 2, 3), {"s": np.array([[1.0, 2, 0], [0, 1, 3]])}
    each = sg.evaluate(nn.cross_entropy(s, [1, 0], reduction="none"), at)
    total = sg.evaluate(nn.cross_entropy(s, [1, 0], reduction="sum"), at)

    assert (2,) == each.shape
    assert float(total) == pytest.approx(each.sum(), rel=1e-15)
    assert float(sg.evaluate(nn.cross_entropy(s, [1, 0]), at)) == pytest.approx(each.mean())


def test_decimals_are_printed_as_they_were_written() -> None:
    assert "0.01" in str(sg.grad(sg.sum(nn.leaky_relu(X)), X))
    assert "0.00001" in str(nn.layer_norm(X))
    assert "0.0001" in str(nn.local_response_norm(image, 5))


def test_running_statistics_are_constants_of_the_gradient() -> None:
    m, v = sg.tensor("m", 4), sg.tensor("v", 4)
    layer = nn.batch_norm(X, running_mean=m, running_var=v)

    assert "1/sqrt(0.00001 + v)" in str(sg.grad(sg.sum(layer), X))
