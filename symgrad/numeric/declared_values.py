"""Values of variables about which something is declared: they must agree, and move so.

A closed form that uses a fact is wrong for values that break it, so such values are refused. A
difference quotient moves a symmetric matrix within the symmetric ones, as its gradient does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import UnsupportedError
from symgrad.expr.matrices import facts_of
from symgrad.expr.symbols import label

CLOSE = {"float64": 1e-8, "float32": 1e-3}  # relative, so that rounded data pass


def _turned(value: Any) -> Any:
    return np.swapaxes(value, -1, -2)


def _off_diagonal(value: Any) -> Any:
    return value * (1 - np.eye(value.shape[-1]))


def _gram(value: Any) -> Any:
    return value @ _turned(value) - np.eye(value.shape[-1])


def _lowest(value: Any) -> Any:
    """Return how far the lowest eigenvalue is below 0."""
    return np.minimum(np.linalg.eigvalsh((value + _turned(value)) / 2)[..., 0], 0)


def _beside_one_hot(value: Any) -> Any:
    return np.minimum(abs(value), abs(value - 1))


BROKEN: dict[str, Callable[[Any], Any]] = {  # what must be 0
    "symmetric": lambda value: value - _turned(value),
    "diagonal": _off_diagonal,
    "orthogonal": _gram,
    "positive_definite": _lowest,
    "sums_to_one": lambda value: value.sum(axis=-1) - 1,
    "one_hot": _beside_one_hot,
}


def _turned_probe(value: Any) -> Any:
    probe = np.cos(np.arange(1.0, value.shape[-1] + 1)).astype(value.dtype)
    return value @ (_turned(value) @ probe) - probe


QUICK: dict[str, Callable[[Any], Any]] = {  # what is quicker, and misses hardly anything
    "orthogonal": _turned_probe,
    "positive_definite": BROKEN["symmetric"],
}


def check_declared(symbol: Any, value: Any, *, quickly: bool = False) -> None:
    """Check that an array is what its variable is declared to be.

    Parameters
    ----------
    symbol : symbol
        The variable.
    value : ndarray
        Its value, in the shape of its node; axes in front are a batch.
    quickly : bool
        In time proportional to the entries: products with one vector instead of whole products,
        and of a positive definite matrix only its symmetry.

    Raises
    ------
    UnsupportedError
        If it is not; the message names the variable and the fact.
    """
    array = np.asarray(value)
    if not facts_of(symbol) or array.ndim == 0 or not np.all(np.isfinite(array)):
        return
    scale = max(float(np.max(abs(array), initial=0.0)), 1.0)
    close = CLOSE["float32" if array.dtype == np.float32 else "float64"] * scale
    for fact in sorted(facts_of(symbol)):
        broken = QUICK.get(fact, BROKEN[fact]) if quickly else BROKEN[fact]
        if np.any(abs(broken(array)) > close):
            words = fact.replace("_", " ")
            raise UnsupportedError(
                f"`{label(symbol)}` is declared {words}, but its value is not; closed forms use "
                "that, so give a value that is, or declare nothing"
            )


def within(facts: frozenset[str], step: Any) -> Any:
    """Return the part of a step that keeps a matrix symmetric, or diagonal, if it is declared."""
    if np.ndim(step) != 2:
        return step
    if "diagonal" in facts:
        return step * np.eye(len(step))
    return (step + step.T) / 2 if "symmetric" in facts else step
