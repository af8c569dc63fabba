"""What NumPy's own functions do when they are given a tensor: symgrad's of the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.errors import UnsupportedError, hint
from symgrad.expr import tensor_forms as forms
from symgrad.expr import tensor_patterns as patterns
from symgrad.expr import tensor_products as products
from symgrad.expr import tensor_reductions as reductions
from symgrad.registry import provide


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord is not None:
        raise UnsupportedError(f"`norm` is the Euclidean one, of the entries; not ord={ord!r}")
    return reductions.norm(x, axis, keepdims=keepdims)


def _trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    if offset:
        raise UnsupportedError(f"`trace` is of the main diagonal, not offset={offset}")
    return products.trace(x, axis1, axis2)


_PLAIN: tuple[Callable[..., Any], ...] = (
    *(reductions.sum, reductions.mean, reductions.max, reductions.min, reductions.prod),
    *(reductions.where, forms.transpose, forms.swapaxes, forms.reshape, forms.broadcast_to),
    *(forms.expand_dims, forms.squeeze, forms.stack, forms.pad, forms.take, patterns.diag),
    *(patterns.tril, patterns.triu, forms.roll, products.einsum, products.dot, products.outer),
    *(products.inv, products.det, products.cholesky, products.solve),
)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{function.__name__: function for function in _PLAIN},
    "amax": reductions.max,
    "amin": reductions.min,
    "concatenate": forms.concat,
    "norm": _norm,
    "trace": _trace,
}


@provide("tensor.function")
def function_of(name: str) -> Callable[..., Any]:
    """Return symgrad's function for one of NumPy's.

    Raises
    ------
    UnsupportedError
        If there is none.
    """
    found = FUNCTIONS.get(name)
    if found is None:
        raise UnsupportedError(f"`np.{name}` has no symbolic form{hint(name, FUNCTIONS)}")
    return found
