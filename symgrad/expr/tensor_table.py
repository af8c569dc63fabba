"""The table of tensor operations: how the shape of each follows from those of its operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad.errors import ShapeError
from symgrad.expr import tensor_algebra_shapes as algebra
from symgrad.expr import tensor_shapes as shapes
from symgrad.expr import tensor_windows as windows
from symgrad.expr.dims import Shape, dim, squeezed
from symgrad.expr.tensor_index import indexed
from symgrad.registry import service

Rule = Callable[[str, Any, Sequence[Shape]], Shape]


def written_out(name: str, params: Any, given: Sequence[Shape]) -> Shape:
    """Return the shape of numbers written out."""
    (shape,) = params
    if any(given) or shapes.entries(shape) != len(given):
        raise ShapeError(f"`{name}` of shape {shapes.shown(shape)} needs that many scalars")
    return tuple(shape)


ENTRYWISE = (
    *("map", "where", "add", "sub", "mul", "div", "pow", "neg"),
    *("and", "or", "not", "lt", "le", "gt", "ge", "eq", "ne"),
)
SHAPES: dict[str, Rule] = {
    **dict.fromkeys(ENTRYWISE, shapes.elementwise),
    **dict.fromkeys(
        ["sum", "mean", "max", "min", "prod", "logsumexp", "norm"],
        shapes.reduced,
    ),
    "matrix": lambda name, params, given: squeezed(given[0]),
    "eye": lambda name, params, given: (dim(params[0]), dim(params[0])),
    "gate": lambda name, params, given: service("rules.named")(params[0]).shape(
        params[1] if len(params) > 1 else None, given
    ),
    "call": lambda name, params, given: params[0].call_shapes(given)[params[1]],
    "scan": lambda name, params, given: params[0].loop_shapes(params[2:], given)[params[1]],
    "softmax": shapes.along,
    "log_softmax": shapes.along,
    "array": written_out,
    "transpose": shapes.transposed,
    "reshape": shapes.reshaped,
    "broadcast_to": shapes.widened,
    "index": indexed,
    "take": shapes.taken,
    "one_hot": lambda name, params, given: (*given[0], dim(params[0])),
    "concat": shapes.joined,
    "stack": shapes.stacked,
    "pad": shapes.padded,
    "einsum": algebra.einsum_shape,
    "matmul": algebra.matmul_shape,
    "dot": algebra.dot_shape,
    "outer": algebra.outer_shape,
    "diag": algebra.diagonal_shape,
    "trace": algebra.trace_shape,
    "tril": algebra.triangle,
    "triu": algebra.triangle,
    "inv": algebra.square,
    "det": algebra.of_square,
    "logdet": algebra.of_square,
    "cholesky": algebra.square,
    "expm": algebra.square,
    "solve": algebra.solved,
    "conv": windows.conv_shape,
    "max_pool": windows.pool_shape,
    "avg_pool": windows.pool_shape,
}
