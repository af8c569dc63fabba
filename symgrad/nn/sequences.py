"""Recurrent networks over a sequence: a cell made a block, and the block a loop that stays rolled.

The first axis of a sequence is time. What comes back is ordered as torch has it: what was shown at
each step, then the last state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from symgrad.expr.region import block
from symgrad.expr.repetition import scan
from symgrad.expr.tensors import tensor
from symgrad.nn.given import need_axes, shape_of
from symgrad.nn.machine import NTMParameters, NTMState, ntm_cell
from symgrad.nn.recurrent import gru_cell, lstm_cell, rnn_cell

STATES = ("h", "c")
WEIGHTS = ("w_ih", "w_hh", "b_ih", "b_hh")


def rnn(
    xs: Any,
    h0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    *,
    nonlinearity: str = "tanh",
) -> tuple[Any, Any]:
    """Return the states of a recurrent network over a sequence, and the last one.

    Parameters
    ----------
    xs : tensor, *shape (T, …, n)*
        The sequence, time first.
    h0 : tensor, *shape (…, H)*
        The state before the first step.
    w_ih, w_hh, b_ih, b_hh, nonlinearity
        As for `rnn_cell`.

    Returns
    -------
    (tensor, tensor)
        All states, *shape (T, …, H)*, and the last, *shape (…, H)*.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.

    Examples
    --------
    >>> xs, h, U, W = (tensor(n, *s) for n, s in zip("xhUW", [("T", 2), (3,), (3, 2), (3, 3)]))
    >>> [s.shape for s in rnn(xs, h, U, W)]
    [(T, 3), (3,)]
    """
    cell = partial(rnn_cell, nonlinearity=nonlinearity)
    h, ys = _over("rnn", cell, xs, [h0], (w_ih, w_hh, b_ih, b_hh))
    return ys, h


def gru(
    xs: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> tuple[Any, Any]:
    """Return the states of gated recurrent units over a sequence, and the last; as for `rnn`.

    Examples
    --------
    >>> xs, h, U, W = (tensor(n, *s) for n, s in zip("xhUW", [("T", 2), (3,), (9, 2), (9, 3)]))
    >>> [s.shape for s in gru(xs, h, U, W)]
    [(T, 3), (3,)]
    """
    h, ys = _over("gru", gru_cell, xs, [h0], (w_ih, w_hh, b_ih, b_hh))
    return ys, h


def lstm(
    xs: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> tuple[Any, tuple[Any, Any]]:
    """Return what an LSTM shows over a sequence, and its last state (h, c); as for `rnn`.

    Examples
    --------
    >>> shapes = [("T", 2), (3,), (3,), (12, 2), (12, 3)]
    >>> ys, (h, c) = lstm(*(tensor(n, *s) for n, s in zip("xhcUW", shapes)))
    >>> ys.shape, h.shape, c.shape
    ((T, 3), (3,), (3,))
    """
    h, c, ys = _over("lstm", lstm_cell, xs, [h0, c0], (w_ih, w_hh, b_ih, b_hh))
    return ys, (h, c)


def ntm(xs: Any, state: NTMState, parameters: NTMParameters) -> tuple[Any, NTMState]:
    """Return a Neural Turing Machine's outputs over a sequence, and its last state.

    Parameters
    ----------
    xs : tensor, *shape (T, B, n)*
        The sequence, time first.
    state, parameters : NTMState, NTMParameters
        As for `ntm_cell`.

    Returns
    -------
    (tensor, NTMState)
        Scores *of shape (T, B, outputs)*, and the state after the last step.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.
    """
    need_axes("ntm", "`xs`", xs, 3)
    kept = {name: value for name, value in state._asdict().items() if value is not None}
    given = {name: value for name, value in parameters._asdict().items() if value is not None}

    def step(held: Any, x: Any, weights: Any) -> tuple[Any, ...]:
        after, y = ntm_cell(NTMState(**held), x, NTMParameters(**weights))
        return (*after[: len(held)], y)

    *last, ys = _loop("ntm", step, kept, xs, given)
    return ys, NTMState(*last)


def _over(
    name: str, cell: Callable[..., Any], xs: Any, start: Sequence[Any], weights: Sequence[Any]
) -> Any:
    """Return the last states of a cell over a sequence, and all that it showed."""
    need_axes(name, "a sequence", xs, 2)
    states = dict(zip(STATES, start, strict=False))
    given = {n: w for n, w in zip(WEIGHTS, weights, strict=True) if w is not None}

    def step(held: Any, x: Any, weights: Any) -> tuple[Any, ...]:
        made = cell(*held.values(), x, **weights)
        after = made if isinstance(made, tuple) else (made,)
        return (*after, after[0])

    return _loop(name, step, states, xs, given)


def _loop(
    name: str,
    step: Callable[..., tuple[Any, ...]],
    states: dict[str, Any],
    xs: Any,
    weights: dict[str, Any],
) -> Any:
    """Return a loop over a step, whose block has the names and shapes of what it is given."""
    given = {**states, "x": xs, **weights}
    sizes = {n: shape_of(v)[n == "x" :] for n, v in given.items()}
    inputs = {n: tensor(n, *shape) for n, shape in sizes.items()}
    held, told = ({n: inputs[n] for n in part} for part in (states, weights))
    body = block(name, list(inputs.values()), step(held, inputs["x"], told))
    return scan(body, list(states.values()), list(weights.values()), xs=[xs])
