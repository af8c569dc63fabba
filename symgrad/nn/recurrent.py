"""Recurrent cells: functions of the state, the input and the weights that return the new state.

Weights and the order of gates are torch's, so that they can be exchanged: `w_ih` multiplies the
input and `w_hh` the state, both by their transpose. An example is a vector, or a row of a batch.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import UnsupportedError
from symgrad.expr.tensor_shapes import shown
from symgrad.nn.activations import relu, sigmoid, tanh
from symgrad.nn.given import need_axes, need_shape
from symgrad.nn.layers import linear

NONLINEARITIES = {"tanh": tanh, "relu": relu}


def rnn_cell(
    h: Any,
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    *,
    nonlinearity: str = "tanh",
) -> Any:
    """Return `tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh)`.

    Parameters
    ----------
    h : tensor, *shape (…, H)*
        State.
    x : tensor, *shape (…, n)*
        Input.
    w_ih, w_hh : tensor, *shapes (H, n) and (H, H)*
        Weights of the input and of the state.
    b_ih, b_hh : tensor, *shape (H,)*, optional
        Biases.
    nonlinearity : {"tanh", "relu"}
        What is applied at the end.

    Returns
    -------
    tensor
        The new state, *shape (…, H)*.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.
    UnsupportedError
        If the nonlinearity is neither.

    References
    ----------
    Elman (1990), "Finding structure in time".

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> rnn_cell(tensor("h", "H"), tensor("x", "n"), tensor("U", "H", "n"), tensor("W", "H", "H"))
    tanh(x @ U.T + h @ W.T)
    """
    activation = _nonlinearity("rnn_cell", nonlinearity)
    _check("rnn_cell", h, x, w_ih, w_hh, 1)
    return activation(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh))


def _nonlinearity(name: str, chosen: str) -> Any:
    if chosen in NONLINEARITIES:
        return NONLINEARITIES[chosen]
    names = " or ".join(map(repr, NONLINEARITIES))
    raise UnsupportedError(f"`{name}` takes nonlinearity={names}, not {chosen!r}")


def lstm_cell(
    h: Any, c: Any, x: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> tuple[Any, Any]:
    """Return the new state (h, c) of a cell with long short-term memory.

    Parameters
    ----------
    h, c : tensor, *shape (…, H)*
        State: what is shown, and what is kept.
    x : tensor, *shape (…, n)*
        Input.
    w_ih, w_hh : tensor, *shapes (4*H, n) and (4*H, H)*
        Weights of the four gates, one below the other: input i, forget f, candidate g, output o.
    b_ih, b_hh : tensor, *shape (4*H,)*, optional
        Biases, in the same order.

    Returns
    -------
    (tensor, tensor)
        `c = f*c + i*g` and `h = o*tanh(c)`, h first.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.

    References
    ----------
    Hochreiter and Schmidhuber (1997); with the forget gate of Gers, Schmidhuber and Cummins (2000).

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> U, W = tensor("U", 12, "n"), tensor("W", 12, 3)
    >>> [s.shape for s in lstm_cell(tensor("h", 3), tensor("c", 3), tensor("x", "n"), U, W)]
    [(3,), (3,)]
    """
    size = _check("lstm_cell", h, x, w_ih, w_hh, 4)
    need_shape("lstm_cell", "c", c, *h.shape, because="`h` has that shape")
    gates = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    i, f, g, o = _parts(gates, size, 4)
    kept = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(kept), kept


def gru_cell(h: Any, x: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """Return the new state of a gated recurrent unit.

    Parameters
    ----------
    h : tensor, *shape (…, H)*
        State.
    x : tensor, *shape (…, n)*
        Input.
    w_ih, w_hh : tensor, *shapes (3*H, n) and (3*H, H)*
        Weights of the three gates, one below the other: reset r, update z, candidate n.
    b_ih, b_hh : tensor, *shape (3*H,)*, optional
        Biases, in the same order.

    Returns
    -------
    tensor
        `(1 - z)*n + z*h`, where the reset gate scales the state's part of the candidate, bias
        included: `n = tanh(x's part + r*h's part)`.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.

    References
    ----------
    Cho, van Merrienboer, Gulcehre, Bahdanau, Bougares, Schwenk and Bengio (2014), eqs. 5 to 8;
    with the reset gate behind the product, as torch has it.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> U, W = tensor("U", 9, "n"), tensor("W", 9, 3)
    >>> gru_cell(tensor("h", "B", 3), tensor("x", "B", "n"), U, W).shape
    (B, 3)
    """
    size = _check("gru_cell", h, x, w_ih, w_hh, 3)
    x_r, x_z, x_n = _parts(linear(x, w_ih, b_ih), size, 3)
    h_r, h_z, h_n = _parts(linear(h, w_hh, b_hh), size, 3)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    return (1 - z) * tanh(x_n + r * h_n) + z * h


def _parts(gates: Any, size: Any, count: int) -> list[Any]:
    """Return the gates, which stand side by side along the last axis."""
    return [gates[..., k * size : (k + 1) * size] for k in range(count)]


def _check(name: str, h: Any, x: Any, w_ih: Any, w_hh: Any, gates: int) -> Any:
    """Return the size of the state, once all shapes fit."""
    state, given = need_axes(name, "a state", h, 1), need_axes(name, "an input", x, 1)
    size = state[-1]
    need_shape(name, "x", x, *state[:-1], given[-1], because=f"`h` has shape {shown(state)}")
    for called, weights, columns in (("w_ih", w_ih, given[-1]), ("w_hh", w_hh, size)):
        need_shape(
            name,
            called,
            weights,
            gates * size,
            columns,
            because=f"`x` has shape {shown(given)} and `h` has shape {shown(state)}",
        )
    return size
