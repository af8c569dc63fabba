"""Attention: every query takes a mean of the values, weighted by how well it meets their keys.

Argument order and mask are those of torch's `scaled_dot_product_attention`, and the weights of the
form with several heads are laid out as its `multi_head_attention_forward` has them.
"""

from __future__ import annotations

from typing import Any

import sympy

from symgrad.errors import ShapeError
from symgrad.expr.tensor_forms import reshape, swapaxes
from symgrad.expr.tensor_products import matmul
from symgrad.expr.tensor_reductions import softmax, where
from symgrad.expr.tensor_shapes import same_shape, same_size, shown
from symgrad.expr.tensors import as_operand
from symgrad.nn.given import need_axes, need_shape
from symgrad.nn.layers import linear

HALF = sympy.Rational(1, 2)
HIDDEN = sympy.Integer(-(10**9))  # exp of it is 0, and a row in which all is hidden stays finite


def attention(query: Any, key: Any, value: Any, mask: Any = None) -> Any:
    """Return `softmax(query @ key.T/sqrt(d)) @ value`.

    Parameters
    ----------
    query : tensor, *shape (…, T, d)*
        What is asked for.
    key, value : tensor, *shapes (…, S, d) and (…, S, v)*
        What is met, and what is taken.
    mask : condition or tensor, *broadcasts to (…, T, S)*, optional
        True, or 1, where a query may see a key, and 0 elsewhere. A query that may see none takes
        the plain mean.

    Returns
    -------
    tensor
        *Shape (…, T, v)*.

    Raises
    ------
    ShapeError
        If shapes do not fit; the message holds both.

    References
    ----------
    Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin (2017), eq. 1.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> attention(tensor("Q", "T", "d"), tensor("K", "S", "d"), tensor("V", "S", "v"))
    softmax(Q @ K.T/sqrt(d), axis=1) @ V
    """
    shapes = [
        need_axes("attention", what, x, 2)
        for what, x in (("queries", query), ("keys", key), ("values", value))
    ]
    _check(*shapes)
    scores = matmul(query, swapaxes(key, -1, -2)) / sympy.sqrt(shapes[0][-1])
    if mask is not None:
        seen = mask if getattr(mask, "is_condition", False) else as_operand(mask) > HALF
        scores = where(seen, scores, HIDDEN)
    return matmul(softmax(scores), value)


def _check(query: Any, key: Any, value: Any) -> None:
    if not same_size(query[-1], key[-1]):
        raise ShapeError(
            f"`attention` needs queries and keys of one length, but they have shapes "
            f"{shown(query)} and {shown(key)}"
        )
    if not same_shape(key[:-1], value[:-1]):
        raise ShapeError(
            f"`attention` needs one value a key, but they have shapes {shown(value)} and "
            f"{shown(key)}"
        )


def multi_head_attention(
    query: Any,
    key: Any,
    value: Any,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    out_proj_weight: Any,
    out_proj_bias: Any,
    mask: Any = None,
) -> Any:
    """Return attention by several heads, each over its part of the features.

    Parameters
    ----------
    query, key, value : tensor, *shapes (N, T, E), (N, S, E) and (N, S, E)*
        Batch first; all three may be one tensor.
    num_heads : int
        How many heads; E is a multiple of it.
    in_proj_weight, in_proj_bias : tensor, *shapes (3*E, E) and (3*E,)*, the bias optional
        Weights of queries, keys and values, one below the other.
    out_proj_weight, out_proj_bias : tensor, *shapes (E, E) and (E,)*, the bias optional
        Weights of the output.
    mask : as for `attention`

    Returns
    -------
    tensor
        *Shape (N, T, E)*.

    Raises
    ------
    ShapeError
        If shapes do not fit, or E is no multiple of the number of heads.

    References
    ----------
    Vaswani et al. (2017), section 3.2.2.
    """
    size = need_axes("multi_head_attention", "queries", query, 3)[-1]
    because = f"`query` has shape {shown(query.shape)}"
    weights = in_proj_weight
    need_shape("multi_head_attention", "in_proj_weight", weights, 3 * size, size, because=because)
    q, k, v = (
        _heads(x, _part(weights, place, size), _part(in_proj_bias, place, size), num_heads)
        for place, x in enumerate((query, key, value))
    )
    joined = swapaxes(attention(q, k, v, mask), 1, 2)  # (N, T, heads, E/heads)
    return linear(reshape(joined, query.shape), out_proj_weight, out_proj_bias)


def _part(rows: Any, place: int, size: Any) -> Any:
    return None if rows is None else rows[place * size : (place + 1) * size]


def _heads(x: Any, weight: Any, bias: Any, count: int) -> Any:
    batch, length, size = x.shape
    if isinstance(size, int) and size % count:
        raise ShapeError(
            f"`multi_head_attention` cannot divide the {size} features of shape {shown(x.shape)} "
            f"among {count} heads"
        )
    split = reshape(linear(x, weight, bias), (batch, length, count, -1))
    return swapaxes(split, 1, 2)  # (N, heads, T, E/heads)
