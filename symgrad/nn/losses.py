"""Losses and penalties: scalars, unless no reduction is asked for.

Classes are the last axis. Labels are whole numbers, the positions of the right classes, or rows of
one weight a class (one-hot, or probabilities); which of both is told by their shape.
"""

from __future__ import annotations

from typing import Any

import sympy

from symgrad.errors import UnsupportedError
from symgrad.expr.tensor_products import dot
from symgrad.expr.tensor_reductions import any_of, log_softmax, map, sum
from symgrad.nn.activations import relu, softplus
from symgrad.nn.given import decimal, need_same, reduce_as, targets


def hinge(scores: Any, labels: Any, *, delta: Any = 1.0, reduction: str = "mean") -> Any:
    """Return the multiclass SVM loss: the sum over wrong classes of `max(0, s_j - s_y + delta)`.

    Parameters
    ----------
    scores : tensor, *shape (…, C)*
        One score a class.
    labels : tensor, scalar or array, *shape (…)* or *(…, C)*
        Positions of the right classes, or one-hot rows.
    delta : scalar
        The margin by which the right class shall be ahead.
    reduction : {"mean", "sum", "none"}
        Over examples.

    Raises
    ------
    ShapeError
        If labels have another shape; the message holds both.
    UnsupportedError
        If the reduction is none of the three.

    References
    ----------
    Weston and Watkins (1999), "Support vector machines for multi-class pattern recognition".

    Examples
    --------
    >>> from symgrad.numeric.execution import evaluate
    >>> evaluate(hinge([13, -7, 11], 0, delta=10), {})
    8.0
    """
    right = targets("hinge", scores, labels)
    ahead = sum(right * scores, axis=-1, keepdims=True)
    margins = relu(scores - ahead + decimal(delta))
    return reduce_as("hinge", sum((1 - right) * margins, axis=-1), reduction)


def cross_entropy(scores: Any, labels: Any, *, reduction: str = "mean") -> Any:
    """Return the softmax cross-entropy `-sum(labels*log_softmax(scores))` of each example.

    Parameters
    ----------
    scores : tensor, *shape (…, C)*
        One score a class, before softmax; no size of them overflows.
    labels : tensor, scalar or array, *shape (…)* or *(…, C)*
        Positions of the right classes, or one probability a class.
    reduction : {"mean", "sum", "none"}
        Over examples.

    Raises
    ------
    ShapeError
        If labels have another shape; the message holds both.
    UnsupportedError
        If the reduction is none of the three.

    Notes
    -----
    In nats. The gradient by the scores is `(softmax(scores) - labels)/N`.

    References
    ----------
    Bishop (2006), "Pattern recognition and machine learning", eq. 4.108.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> cross_entropy(tensor("s", "N", 10), tensor("y", "N"))
    -mean(sum(one_hot(y, 10)*log_softmax(s, axis=1), axis=1))
    """
    right = targets("cross_entropy", scores, labels)
    return -reduce_as("cross_entropy", sum(right * log_softmax(scores), axis=-1), reduction)


def binary_cross_entropy_with_logits(logits: Any, targets: Any, *, reduction: str = "mean") -> Any:
    """Return `softplus(logits) - targets*logits`: the logistic loss, without overflow.

    Parameters
    ----------
    logits : tensor or scalar, *shape (…)*
        Scores, before the sigmoid.
    targets : tensor or scalar, *the shape of logits*
        Probabilities, from 0 to 1.
    reduction : {"mean", "sum", "none"}
        Over all entries.

    Raises
    ------
    ShapeError
        If the shapes differ; the message holds both.
    UnsupportedError
        If the reduction is none of the three.

    Notes
    -----
    In nats. The gradient by the logits is `(sigmoid(logits) - targets)/N`.

    References
    ----------
    Bishop (2006), eq. 4.90, with the sigmoid of eq. 4.87 put in.

    Examples
    --------
    >>> x, t = sympy.symbols("x t")
    >>> binary_cross_entropy_with_logits(x, t)
    -t*x + softplus(x)
    """
    need_same("binary_cross_entropy_with_logits", logits=logits, targets=targets)
    losses = softplus(logits) - targets * logits
    return reduce_as("binary_cross_entropy_with_logits", losses, reduction)


def binary_cross_entropy(probabilities: Any, targets: Any, *, reduction: str = "mean") -> Any:
    """Return `-(t*log(p) + (1 - t)*log(1 - p))`, where 0*log(0) is 0.

    Parameters
    ----------
    probabilities : tensor or scalar, *shape (…)*
        From 0 to 1. At 0 and at 1 the loss is inf or its gradient does not exist: give logits to
        `binary_cross_entropy_with_logits` instead.
    targets : tensor or scalar, *the shape of probabilities*
        Probabilities, from 0 to 1.
    reduction : {"mean", "sum", "none"}
        Over all entries.

    Raises
    ------
    ShapeError
        If the shapes differ; the message holds both.
    UnsupportedError
        If the reduction is none of the three.

    References
    ----------
    Bishop (2006), eq. 4.90.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> binary_cross_entropy(tensor("p", "N"), tensor("t", "N"))
    -mean(xlogy(t, p) + xlogy(1 - t, 1 - p))
    """
    need_same("binary_cross_entropy", probabilities=probabilities, targets=targets)
    hit = map("xlogy", targets, probabilities)
    miss = map("xlogy", 1 - targets, 1 - probabilities)
    return -reduce_as("binary_cross_entropy", hit + miss, reduction)


def squared_error(predictions: Any, targets: Any, *, reduction: str = "mean") -> Any:
    """Return `(predictions - targets)**2`, by default its mean over all entries.

    Parameters
    ----------
    predictions, targets : tensor or scalar, *of one shape*
        What is compared.
    reduction : {"mean", "sum", "none"}
        Over all entries.

    Raises
    ------
    ShapeError
        If the shapes differ; the message holds both.
    UnsupportedError
        If the reduction is none of the three.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> squared_error(tensor("y", "N"), tensor("t", "N"), reduction="sum")
    sum((y - t)**2)
    """
    need_same("squared_error", predictions=predictions, targets=targets)
    return reduce_as("squared_error", (predictions - targets) ** 2, reduction)


# --- penalties ---


def l2(*parameters: Any, half: bool = True) -> Any:
    """Return half the sum of the squares of all parameters, to be added with a factor.

    Parameters
    ----------
    *parameters : tensor, SymPy matrix or scalar
        Weights; biases are left out by custom.
    half : bool
        With the half, which is the lecture's own choice, the gradient of `lam*l2(W)` is `lam*W`;
        without it the penalty is the plain sum of squares, and the gradient `2*lam*W`.

    Raises
    ------
    UnsupportedError
        If there are no parameters.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> l2(tensor("W", "D", "H")), l2(tensor("W", "D", "H"), half=False)
    (sum(W**2)/2, sum(W**2))
    """
    squares = _added("l2", [_squares(p) for p in parameters])
    return squares / 2 if half else squares


def _squares(p: Any) -> Any:
    if any_of([p]):  # whose square is another matrix
        return dot(p, p)
    return sum(p**2) if _has_axes(p) else p**2


def l1(*parameters: Any) -> Any:
    """Return the sum of the absolute values of all parameters, to be added with a factor.

    At 0 the derivative is 0, the shortest subgradient.

    Raises
    ------
    UnsupportedError
        If there are no parameters.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> l1(tensor("W", "D", "H"))
    sum(abs(W))
    """
    sizes = [map(sympy.Abs, p) for p in parameters]
    return _added("l1", [sum(s) if _has_axes(s) else s for s in sizes])


def _has_axes(x: Any) -> bool:
    return bool(getattr(x, "shape", ()))


def _added(name: str, terms: list[Any]) -> Any:
    if not terms:
        raise UnsupportedError(f"`{name}` needs at least one parameter")
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
