"""From our own matrix heads to nodes: maps, reductions, norms, softmax, factorisations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sympy import Determinant, Inverse, S

from symgrad.dag.matrix_pen import Pen, identity, shaped, squared
from symgrad.dag.nodes import DIV, MUL
from symgrad.errors import UnsupportedError
from symgrad.expr.dims import letters, shape_of, squeezed
from symgrad.expr.matrices import MatrixOp, ScalarOp, matrix_shape, same, square
from symgrad.rules import einsums, linalg, tensors
from symgrad.rules.table import GATES


def combine_square(gate: Any) -> Callable[[Any, Any], int]:
    """Return the builder of a function of one square matrix."""

    def combine(builder: Any, expr: Any) -> int:
        node, shape = shaped(builder, _first(expr))
        return squared(Pen(builder.grower), gate, node, square(gate.name, shape))

    return combine


def _first(expr: Any) -> Any:
    return expr.operands[0] if isinstance(expr, (MatrixOp, ScalarOp)) else expr.args[0]


def axes_of(operation: Any) -> list[int]:
    """Return which axes of the node an operation reduces: all, or one of a matrix."""
    shape = matrix_shape(operation.operands[0])
    kept = [k for k, n in enumerate(shape) if n != 1]
    wanted = [int(a) for a in operation.params] or [0, 1]
    return [place for place, axis in enumerate(kept) if axis in wanted]


def combine_map(builder: Any, operation: Any) -> int:
    """Build a function of scalars, entry by entry."""
    name = str(operation.params[0])
    gate = GATES.named(name)
    if gate is None or gate.shape is not None:
        raise UnsupportedError(f"`{name}` is no function of scalars that symgrad knows")
    operands = [builder.value(o) for o in operation.operands]
    return Pen(builder.grower).apply(gate, *operands)


Spell = Callable[[Pen, int, list[int]], int]


def over_axes(spell: Spell) -> Callable[[Any, Any], int]:
    """Return the builder of an operation over axes."""

    def combine(builder: Any, operation: Any) -> int:
        node = builder.value(operation.operands[0])
        return spell(Pen(builder.grower), node, axes_of(operation))

    return combine


def squares(pen: Pen, x: int, axes: list[int]) -> int:
    """Return the sum of squares."""
    if not axes:
        return pen.apply(MUL, x, x)
    inner = tuple(range(len(axes)))
    return pen.einsum([inner, inner], (), [x, x])


def length(pen: Pen, x: int, axes: list[int]) -> int:
    """Return the norm; of a number, its absolute value."""
    return pen.reduce(tensors.NORM, x, axes) if axes else pen.apply(GATES.named("abs"), x)


def combine_dot(builder: Any, operation: Any) -> int:
    """Build the sum of products entry by entry."""
    pen = Pen(builder.grower)
    pairs = [shaped(builder, o) for o in operation.operands]
    shape = same("dot", [s for _, s in pairs])
    inner = letters(shape, "i", "j")
    nodes = [n for n, _ in pairs]
    if any(pen.shape(n) != squeezed(shape) for n in nodes):
        nodes = [pen.full(n, squeezed(shape)) for n in nodes]
    return pen.einsum([inner, inner], (), nodes)


def combine_solve(builder: Any, operation: Any) -> int:
    """Build `inv(A)*B`; 1 × 1 is a quotient."""
    (a, shape), (b, _) = (shaped(builder, o) for o in operation.operands)
    pen = Pen(builder.grower)
    return pen.apply(DIV, b, a) if shape == (1, 1) else pen.apply(linalg.SOLVE, a, b)


def combine_tril(builder: Any, operation: Any) -> int:
    """Build the lower triangle."""
    node, shape = shaped(builder, operation.operands[0])
    return node if shape == (1, 1) else Pen(builder.grower).apply(tensors.TRIL, node, payload=False)


def combine_vec(builder: Any, operation: Any) -> int:
    """Build the columns of a matrix, stacked."""
    node, shape = shaped(builder, operation.operands[0])
    if 1 in shape:
        return node
    pen = Pen(builder.grower)
    turned = pen.einsum([("i", "j")], ("j", "i"), [node])
    return pen.apply(tensors.RESHAPE, turned, payload=squeezed(operation.shape))


def combine_commutation(builder: Any, operation: Any) -> int:
    """Build the matrix that makes the stacked columns of `X` those of `X.T`."""
    pen = Pen(builder.grower)
    rows, columns = shape_of(operation.params)
    one = pen.number(S.One)
    sizes = {"i": rows, "j": columns}
    if 1 in (rows, columns):
        return identity(pen, shape_of(operation.shape))
    wide = pen.einsum([()], ("i", "j", "j", "i"), [one], sizes)
    return pen.apply(tensors.RESHAPE, wide, payload=shape_of(operation.shape))


def combine_frechet(builder: Any, operation: Any) -> int:
    """Build the derivative of the matrix exponential along some directions."""
    nodes = [builder.value(o) for o in operation.operands]
    pen = Pen(builder.grower)
    if matrix_shape(operation.operands[0]) != (1, 1):
        return pen.apply(linalg.EXPM, *nodes)
    total = pen.apply(GATES.named("exp"), nodes[0])
    for node in nodes[1:]:
        total = pen.apply(MUL, total, node)
    return total


def combine_one_hot(builder: Any, operation: Any) -> int:
    """Build a vector that is 1 at one place and 0 elsewhere."""
    node = builder.value(operation.operands[0])
    size = operation.params[0]
    (size,) = shape_of([size])
    return Pen(builder.grower).apply(tensors.ONE_HOT, node, payload=size)


OPERATIONS: dict[str, Callable[[Any, Any], int]] = {
    "scalar": lambda builder, operation: int(builder.value(operation.operands[0])),
    "map": combine_map,
    "dot": combine_dot,
    "solve": combine_solve,
    "tril": combine_tril,
    "vec": combine_vec,
    "commutation": combine_commutation,
    "expm_frechet": combine_frechet,
    "one_hot": combine_one_hot,
    "norm": over_axes(length),
    "norm2": over_axes(squares),
    "sum": over_axes(lambda pen, x, axes: einsums.total(pen.grower, x, len(pen.shape(x)), axes)),
    "mean": over_axes(Pen.mean),
    "max": over_axes(lambda pen, x, axes: pen.reduce(tensors.MAX_OVER, x, axes)),
    "min": over_axes(lambda pen, x, axes: pen.reduce(tensors.MIN_OVER, x, axes)),
    "logsumexp": over_axes(lambda pen, x, axes: pen.reduce(tensors.LOGSUMEXP, x, axes)),
    "softmax": over_axes(Pen.softmax),
    "winners": over_axes(lambda pen, x, axes: pen.winners(x, axes, "max")),
    "losers": over_axes(lambda pen, x, axes: pen.winners(x, axes, "min")),
    "log_softmax": over_axes(Pen.log_softmax),
    "logdet": combine_square(linalg.LOGDET),
    "cholesky": combine_square(linalg.CHOLESKY),
    "expm": combine_square(linalg.EXPM),
}


def combine_operation(builder: Any, expr: Any) -> int:
    """Build one of our own heads."""
    combine = OPERATIONS.get(expr.name)
    if combine is None:
        raise UnsupportedError(f"`{expr.name}` is no matrix operation that the graph knows")
    return combine(builder, expr)


HEADS_COMBINE: dict[type, Callable[[Any, Any], int]] = {
    Determinant: combine_square(linalg.DET),
    Inverse: combine_square(linalg.INVERSE),
    MatrixOp: combine_operation,
    ScalarOp: combine_operation,
}
