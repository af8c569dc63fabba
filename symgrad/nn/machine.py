"""The Neural Turing Machine: what its heads are told, and one step with either controller.

The first axis is the batch (B), the memory has N places of M numbers, S shifts are possible; the
parts that a step is made of are in `turing`.

References
----------
Graves, Wayne and Danihelka (2014), "Neural Turing machines"; equation numbers are theirs.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.tensor_forms import concat
from symgrad.expr.tensor_reductions import softmax
from symgrad.nn.activations import sigmoid, softplus, tanh
from symgrad.nn.given import need_axes, need_shape
from symgrad.nn.layers import linear
from symgrad.nn.recurrent import lstm_cell
from symgrad.nn.turing import addressing, read_memory, write_memory

CONTROLS = 3  # numbers that a head is told beside its key and its shifts


class NTMState(NamedTuple):
    """What a Neural Turing Machine keeps from step to step; in the order of a loop's carries."""

    memory: Any  # (B, N, M)
    read_weights: Any  # (B, N)
    write_weights: Any  # (B, N)
    read: Any  # (B, M): what was read last
    h: Any = None  # (B, H): state of an LSTM controller
    c: Any = None  # (B, H)


class NTMParameters(NamedTuple):
    """The weights of a Neural Turing Machine; weights multiply by their transpose, as in torch."""

    w_ih: Any  # (4*H, n + M), or (H, n + M) of a feed-forward controller
    b_ih: Any
    w_read: Any  # (M + 3 + S, H)
    b_read: Any
    w_write: Any  # (3*M + 3 + S, H)
    b_write: Any
    w_out: Any  # (outputs, H + M)
    b_out: Any
    w_hh: Any = None  # (4*H, H) of an LSTM controller
    b_hh: Any = None


def ntm_shapes(
    inputs: Any, hidden: Any, outputs: Any, width: Any, *, shifts: int = 3, lstm: bool = True
) -> NTMParameters:
    """Return the shapes of the weights of a Neural Turing Machine.

    Parameters
    ----------
    inputs, hidden, outputs, width : int or Expr
        How many numbers an input, the controller, an output and a place of the memory have.
    shifts : int
        How many shifts, an odd number.
    lstm : bool
        Whether the controller is an LSTM, or a single layer with tanh.

    Examples
    --------
    >>> ntm_shapes(8, 100, 8, 20).w_read
    (26, 100)
    """
    rows = 4 * hidden if lstm else hidden
    told = width + CONTROLS + shifts
    written = told + 2 * width
    return NTMParameters(
        *((rows, inputs + width), (rows,)),
        *((told, hidden), (told,)),
        *((written, hidden), (written,)),
        *((outputs, hidden + width), (outputs,)),
        *(((rows, hidden), (rows,)) if lstm else (None, None)),
    )


def head_controls(raw: Any, width: Any, shifts: int) -> tuple[Any, ...]:
    """Return what a head is told, from a controller's outputs.

    Parameters
    ----------
    raw : tensor, *shape (B, M + 3 + S)*
        Side by side: key (M numbers), strength, gate, shifts (S), sharpness.
    width : int or Expr
        M, the width of the memory.
    shifts : int
        S, how many shifts there are.

    Returns
    -------
    tuple of tensor
        Key in (-1, 1) by tanh, strength from 0 on by softplus, gate by sigmoid, shifts by softmax,
        sharpness from 1 on by 1 + softplus.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> [part.shape for part in head_controls(tensor("z", "B", 10), 4, 3)]
    [(B, 4), (B, 1), (B, 1), (B, 3), (B, 1)]
    """
    rows = need_axes("head_controls", "`raw`", raw, 2)[0]
    because = f"the memory is {width} wide and there are {shifts} shifts"
    need_shape("head_controls", "raw", raw, rows, width + CONTROLS + shifts, because=because)
    return _controls(raw, width, shifts)


def _controls(raw: Any, width: Any, shifts: int) -> tuple[Any, ...]:
    edges = [0, width, width + 1, width + 2, width + 2 + shifts, width + 3 + shifts]
    key, strength, gate, shift, sharp = (raw[:, a:b] for a, b in itertools.pairwise(edges))
    return tanh(key), softplus(strength), sigmoid(gate), softmax(shift), 1 + softplus(sharp)


def ntm_cell(state: NTMState, x: Any, parameters: NTMParameters) -> tuple[NTMState, Any]:
    """Return the state of a Neural Turing Machine after a step, and its output.

    The controller sees the input and what was read last. The write head is addressed and writes
    first; the read head is addressed in the new memory, as in eq. 2.

    Parameters
    ----------
    state : NTMState
        With `h` and `c`, the controller is an LSTM; without, a single layer with tanh.
    x : tensor, *shape (B, n)*
        Input.
    parameters : NTMParameters
        Weights, of the shapes of `ntm_shapes`.

    Returns
    -------
    (NTMState, tensor)
        The new state, and scores *of shape (B, outputs)*, before any sigmoid.

    Raises
    ------
    ShapeError
        If shapes do not fit, or the rows of the heads' weights leave no odd number of shifts.
    UnsupportedError
        If the state and the weights are of different controllers.

    References
    ----------
    Graves, Wayne and Danihelka (2014), sections 3.1 to 3.3.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> weights = [tensor(f"p{k}", *s) for k, s in enumerate(ntm_shapes(3, 5, 2, 4))]
    >>> shapes = [("B", 8, 4), ("B", 8), ("B", 8), ("B", 4), ("B", 5), ("B", 5)]
    >>> state = NTMState(*(tensor(f"s{k}", *s) for k, s in enumerate(shapes)))
    >>> ntm_cell(state, tensor("x", "B", 3), NTMParameters(*weights))[1].shape
    (B, 2)
    """
    h, c = _controller(state, concat([x, state.read], axis=1), parameters)
    memory, written = _write(state, linear(h, parameters.w_write, parameters.b_write))
    told = linear(h, parameters.w_read, parameters.b_read)
    shifts = _shifts("w_read", told.shape[1], state.memory.shape[2])
    controls = head_controls(told, state.memory.shape[2], shifts)
    weights = addressing(memory, state.read_weights, *controls)
    read = read_memory(memory, weights)
    y = linear(concat([h, read], axis=1), parameters.w_out, parameters.b_out)
    kept = (None, None) if state.c is None else (h, c)
    return NTMState(memory, weights, written, read, *kept), y


def _controller(state: NTMState, x: Any, parameters: NTMParameters) -> tuple[Any, Any]:
    given = [v is not None for v in (state.h, state.c, parameters.w_hh)]
    if any(given) is not all(given):
        raise UnsupportedError(
            "`ntm_cell` with an LSTM controller needs `h` and `c` in the state and `w_hh` among "
            "the parameters; a feed-forward controller needs none of them"
        )
    if not any(given):
        return tanh(linear(x, parameters.w_ih, parameters.b_ih)), None
    w_ih, w_hh, b_ih, b_hh = (getattr(parameters, n) for n in ("w_ih", "w_hh", "b_ih", "b_hh"))
    return lstm_cell(state.h, state.c, x, w_ih, w_hh, b_ih, b_hh)


def _write(state: NTMState, told: Any) -> tuple[Any, Any]:
    """Return the memory and the write head's weights after it has written."""
    width = state.memory.shape[2]
    shifts = _shifts("w_write", told.shape[1], 3 * width)
    first = told.shape[1] - 2 * width
    controls = _controls(told, width, shifts)
    weights = addressing(state.memory, state.write_weights, *controls)
    erase, add = sigmoid(told[:, first : first + width]), tanh(told[:, first + width :])
    return write_memory(state.memory, weights, erase, add), weights


def _shifts(name: str, rows: Any, others: Any) -> int:
    count = rows - others - CONTROLS
    if not getattr(count, "is_Integer", isinstance(count, int)) or count < 1 or count % 2 == 0:
        raise ShapeError(
            f"`ntm_cell` needs {others + CONTROLS} rows of `{name}`, and one more for each of an "
            f"odd number of shifts, but there are {rows}"
        )
    return int(count)
