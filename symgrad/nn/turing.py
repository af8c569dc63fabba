"""The parts of the Neural Turing Machine: how its memory is addressed, read and written.

The first axis is the batch (B), the memory has N places of M numbers; what is one number an example
has shape (B, 1), so that it meets the places.

References
----------
Graves, Wayne and Danihelka (2014), "Neural Turing machines"; equation numbers are theirs.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.expr.tensor_forms import concat
from symgrad.expr.tensor_products import einsum
from symgrad.expr.tensor_reductions import map, softmax, sum
from symgrad.expr.tensor_shapes import shown
from symgrad.nn.given import decimal, need_axes, need_same, need_shape


def cosine_similarity(memory: Any, key: Any, *, eps: Any = 1e-8) -> Any:
    """Return the cosine of the angle between a key and each row of a memory (eq. 6).

    Parameters
    ----------
    memory : tensor, *shape (B, N, M)*
        Rows.
    key : tensor, *shape (B, M)*
        One key an example.
    eps : scalar
        Added to both squared lengths: a row of zeros then has similarity 0 with everything, and
        the gradient exists everywhere.

    Returns
    -------
    tensor
        *Shape (B, N)*, from -1 to 1.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> cosine_similarity(tensor("M", "B", 128, 20), tensor("k", "B", 20)).shape
    (B, 128)
    """
    shape = _memory("cosine_similarity", memory)
    need_shape("cosine_similarity", "key", key, shape[0], shape[2], because=_stated(shape))
    small = decimal(eps)
    lengths = (sum(memory**2, axis=-1) + small) * (sum(key**2, axis=-1, keepdims=True) + small)
    return einsum("bnm,bm->bn", memory, key) / map("sqrt", lengths)


def content_addressing(memory: Any, key: Any, strength: Any, *, eps: Any = 1e-8) -> Any:
    """Return `softmax(strength*cosine)` over the places (eq. 5).

    Parameters
    ----------
    memory, key, eps
        As for `cosine_similarity`.
    strength : tensor or scalar, *shape (B, 1)*, positive
        How sharply the best places are preferred.

    Returns
    -------
    tensor
        *Shape (B, N)*; each row adds up to 1.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> M, k, beta = tensor("M", "B", "N", 20), tensor("k", "B", 20), tensor("beta", "B", 1)
    >>> content_addressing(M, k, beta).shape
    (B, N)
    """
    return softmax(strength * cosine_similarity(memory, key, eps=eps))


def interpolation(content: Any, previous: Any, gate: Any) -> Any:
    """Return `gate*content + (1 - gate)*previous` (eq. 7).

    Parameters
    ----------
    content, previous : tensor, *shape (B, N)*
        Weights by content, and those of the step before.
    gate : tensor or scalar, *shape (B, 1)*, from 0 to 1
        How much the content counts.

    Raises
    ------
    ShapeError
        If the weights differ in shape; the message holds both.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> interpolation(tensor("u", "B", "N"), tensor("v", "B", "N"), tensor("g", "B", 1))
    g*u + (1 - g)*v
    """
    need_same("interpolation", content=content, previous=previous)
    return gate * content + (1 - gate) * previous


def circular_shift(weights: Any, shift: Any) -> Any:
    """Return weights moved round the places by a distribution over shifts (eq. 8).

    Parameters
    ----------
    weights : tensor, *shape (B, N)*
        What is moved.
    shift : tensor, *shape (B, S)*, S odd and a number
        How probable each shift is, from -(S - 1)/2 to (S - 1)/2; a positive one moves towards
        higher places.

    Raises
    ------
    ShapeError
        If S is no odd number, or shapes do not fit.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> circular_shift(tensor("w", "B", "N"), tensor("s", "B", 3)).shape
    (B, N)
    """
    batch = need_axes("circular_shift", "weights", weights, 2)[0]
    count = need_axes("circular_shift", "shifts", shift, 2)[1]
    if not isinstance(count, int) or count % 2 == 0:
        raise ShapeError(
            f"`circular_shift` needs an odd number of shifts, but `shift` has shape "
            f"{shown(shift.shape)}"
        )
    need_shape("circular_shift", "shift", shift, batch, count, because=_weighed(weights.shape))
    reach, places = count // 2, weights.shape[1]
    ring = concat([weights[:, places - reach :], weights, weights[:, :reach]], axis=1)
    total: Any = 0
    for k in range(count):
        first = 2 * reach - k
        total = total + shift[:, k : k + 1] * ring[:, first : first + places]
    return total


def sharpening(weights: Any, sharpness: Any, *, eps: Any = 1e-16) -> Any:
    """Return `weights**sharpness`, divided by its sum over the places (eq. 9).

    Parameters
    ----------
    weights : tensor, *shape (B, N)*, from 0 on
        What is sharpened.
    sharpness : tensor or scalar, *shape (B, 1)*, from 1 on
        The power.
    eps : scalar
        Added to the weights: powers are taken through `softmax(sharpness*log(weights + eps))`,
        which does not underflow as a whole, and whose gradient is finite where a weight is 0.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> sharpening(tensor("w", "B", "N"), tensor("gamma", "B", 1)).shape
    (B, N)
    """
    need_axes("sharpening", "weights", weights, 2)
    return softmax(sharpness * map("log", weights + decimal(eps)))


def addressing(
    memory: Any,
    previous: Any,
    key: Any,
    strength: Any,
    gate: Any,
    shift: Any,
    sharpness: Any,
) -> Any:
    """Return a head's new weights over the places: eqs. 5 to 9, one after the other.

    Parameters
    ----------
    memory : tensor, *shape (B, N, M)*
        What is addressed.
    previous : tensor, *shape (B, N)*
        The head's weights of the step before.
    key, strength, gate, shift, sharpness
        As for `content_addressing`, `interpolation`, `circular_shift` and `sharpening`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> one = [tensor(name, "B", 1) for name in ("beta", "g", "gamma")]
    >>> M, w, k, s = (tensor(n, "B", *z) for n, z in zip("Mwks", [(8, 4), (8,), (4,), (3,)]))
    >>> addressing(M, w, k, one[0], one[1], s, one[2]).shape
    (B, 8)
    """
    content = content_addressing(memory, key, strength)
    moved = circular_shift(interpolation(content, previous, gate), shift)
    return sharpening(moved, sharpness)


def read_memory(memory: Any, weights: Any) -> Any:
    """Return the mean of the rows by the weights (eq. 2).

    Parameters
    ----------
    memory : tensor, *shape (B, N, M)*
        Rows.
    weights : tensor, *shape (B, N)*
        One weight a row.

    Returns
    -------
    tensor
        *Shape (B, M)*.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> read_memory(tensor("M", "B", 128, 20), tensor("w", "B", 128)).shape
    (B, 20)
    """
    shape = _memory("read_memory", memory)
    need_shape("read_memory", "weights", weights, *shape[:2], because=_stated(shape))
    return einsum("bn,bnm->bm", weights, memory)


def write_memory(memory: Any, weights: Any, erase: Any, add: Any) -> Any:
    """Return the memory after a head has erased and added (eqs. 3 and 4).

    Parameters
    ----------
    memory : tensor, *shape (B, N, M)*
        Rows.
    weights : tensor, *shape (B, N)*
        How much each row takes part.
    erase : tensor, *shape (B, M)*, from 0 to 1
        How much of each column goes.
    add : tensor, *shape (B, M)*
        What comes in its place.

    Returns
    -------
    tensor
        `memory*(1 - weights erase') + weights add'`, *shape (B, N, M)*.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> M, w, e, a = (tensor(n, "B", *z) for n, z in zip("Mwea", [(8, 4), (8,), (4,), (4,)]))
    >>> write_memory(M, w, e, a).shape
    (B, 8, 4)
    """
    shape = _memory("write_memory", memory)
    need_shape("write_memory", "weights", weights, *shape[:2], because=_stated(shape))
    for name, row in (("erase", erase), ("add", add)):
        need_shape("write_memory", name, row, shape[0], shape[2], because=_stated(shape))
    where = weights[:, :, None]
    return memory * (1 - where * erase[:, None, :]) + where * add[:, None, :]


def _memory(name: str, memory: Any) -> Any:
    shape = need_axes(name, "a memory", memory, 3)
    if len(shape) != 3:
        raise ShapeError(f"`{name}` needs a memory of shape (B, N, M), not {shown(shape)}")
    return shape


def _stated(shape: Any) -> str:
    return f"`memory` has shape {shown(shape)}"


def _weighed(shape: Any) -> str:
    return f"`weights` has shape {shown(shape)}"
