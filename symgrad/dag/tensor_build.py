"""From tensor expressions to nodes: NumPy's semantics spelled with the gates of the table.

A node has the shape of its expression, axes of length 1 included. A gate of scalars takes operands
of its own shape or without axes, so broadcasting is written out here, in `spread`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Rational, S

from symgrad.dag import region_build
from symgrad.dag.matrix_pen import Pen, identity
from symgrad.dag.nodes import ADD, DIV, MUL, NEG, POW, SUB
from symgrad.dag.tensor_linalg import LINEAR_ALGEBRA, repeated
from symgrad.errors import UnsupportedError
from symgrad.expr.dims import Shape
from symgrad.expr.numbers import as_expr
from symgrad.expr.tensors import SLOTS, TensorOp, TensorScalar, TensorSymbol
from symgrad.rules import convolution, einsums, routing, tensors
from symgrad.rules.table import GATES

LONGEST_PRODUCT = 256  # entries along the axes of `prod`, which is written out
SCALAR_GATES = {
    "add": ADD,
    "sub": SUB,
    "mul": MUL,
    "div": DIV,
    "neg": NEG,
    "where": routing.WHERE,
    **{gate.name: gate for gate in (*routing.RELATIONS, *routing.CONNECTIVES)},
}
Spell = Callable[[Pen, Any, list[int]], int]  # pen, operation, nodes of its operands


def spread(pen: Pen, node: int, shape: Shape) -> int:
    """Return an operand as entry-by-entry gates take it: of their shape, or without axes."""
    own = pen.shape(node)
    if own == shape or not own:
        return node
    if all(n == 1 for n in own):
        return pen.apply(tensors.RESHAPE, node, payload=())
    return repeated(pen, node, shape)


def reshaped(pen: Pen, node: int, shape: Shape) -> int:
    """Return a node in another shape."""
    same = pen.shape(node) == shape
    return node if same else pen.apply(tensors.RESHAPE, node, payload=tuple(shape))


# --- entry by entry ---


def entrywise(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build a gate of scalars."""
    operands = [spread(pen, n, operation.shape) for n in nodes]
    return pen.apply(SCALAR_GATES[operation.name], *operands)


def power(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build a power; a negative exponent is a quotient."""
    base, exponent = (spread(pen, n, operation.shape) for n in nodes)
    known = pen.grower.nodes.exact(exponent)
    if isinstance(known, Rational) and known < 0:
        return pen.apply(DIV, pen.number(S.One), pen.apply(POW, base, pen.number(-known)))
    return pen.apply(POW, base, exponent)


def build_map(builder: Any, operation: Any) -> int:
    """Build a function of scalars, whose operands stand in the slots."""
    pen = Pen(builder.grower)
    (body,) = operation.params
    nodes = [spread(pen, builder.value(o), operation.shape) for o in operation.operands]
    leaves = {**builder.leaves, **dict(zip(SLOTS, nodes, strict=False))}
    return pen.full(type(builder)(builder.nodes, leaves).build(body), operation.shape)


# --- over axes ---


def over_axes(reduce: Callable[[Pen, int, Sequence[int]], int]) -> Spell:
    """Return the builder of a reduction; `keepdims` is a reshape."""

    def spell(pen: Pen, operation: Any, nodes: list[int]) -> int:
        axes, _ = operation.params
        return reshaped(pen, reduce(pen, nodes[0], axes), operation.shape)

    return spell


def total(pen: Pen, x: int, axes: Sequence[int]) -> int:
    """Return the sum."""
    made: int = einsums.total(pen.grower, x, len(pen.shape(x)), axes)
    return made


def by_gate(gate: Any) -> Callable[[Pen, int, Sequence[int]], int]:
    """Return a reduction that is a gate of its own."""
    return lambda pen, x, axes: pen.reduce(gate, x, axes)


def length(pen: Pen, x: int, axes: Sequence[int]) -> int:
    """Return the norm; over no axes, the absolute value."""
    return pen.reduce(tensors.NORM, x, axes) if axes else pen.apply(GATES.named("abs"), x)


def product(pen: Pen, x: int, axes: Sequence[int]) -> int:
    """Return the product of entries, written out in halves.

    Raises
    ------
    UnsupportedError
        If the number of factors is a symbol, or very large.
    """
    for axis in sorted(axes, reverse=True):
        shape = pen.shape(x)
        if not isinstance(shape[axis], int) or shape[axis] > LONGEST_PRODUCT:
            raise UnsupportedError(
                f"`prod` over an axis of size {shape[axis]} is written out factor by factor, for "
                f"sizes up to {LONGEST_PRODUCT}; of positive entries it is `exp(sum(log(x)))`"
            )
        rest = (*shape[:axis], *shape[axis + 1 :])
        ones = pen.full(pen.number(S.One), rest)
        factors = [reshaped(pen, _layer(pen, x, axis, k), rest) for k in range(shape[axis])]
        while len(factors) > 1:
            pairs = [factors[k : k + 2] for k in range(0, len(factors), 2)]
            factors = [pen.apply(MUL, *pair) if len(pair) == 2 else pair[0] for pair in pairs]
        x = factors[0] if factors else ones
    return x


def _layer(pen: Pen, x: int, axis: int, place: int) -> int:
    parts = [(0, n, 1) for n in pen.shape(x)]
    parts[axis] = (place, place + 1, 1)
    return pen.apply(tensors.SLICE, x, payload=tuple(parts))


# --- rearrangements ---


def transpose(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build another order of axes."""
    (order,) = operation.params
    return pen.einsum([range(len(order))], order, nodes)


def index(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build positions and slices: a slice of every axis, then a reshape."""
    (node,) = nodes
    cuts = [part for part in operation.params[0] if part[0] != "new"]
    parts = tuple((p[1], p[1] + 1, 1) if p[0] == "at" else p[1:] for p in cuts)
    if parts != tuple((0, n, 1) for n in pen.shape(node)):
        node = pen.apply(tensors.SLICE, node, payload=parts)
    return reshaped(pen, node, operation.shape)


def concat(pen: Pen, axis: int, nodes: Sequence[int]) -> int:
    """Return nodes joined along an axis."""
    return pen.apply(tensors.CONCAT, *nodes, payload=axis) if len(nodes) > 1 else nodes[0]


def stack(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build tensors joined along a new axis."""
    axis = operation.params[0]
    thin = tuple(1 if k == axis else n for k, n in enumerate(operation.shape))
    return concat(pen, axis, [reshaped(pen, n, thin) for n in nodes])


def array(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build numbers written out."""
    if len(set(nodes)) == 1:
        return pen.full(nodes[0], operation.shape)
    row = concat(pen, 0, [reshaped(pen, n, (1,)) for n in nodes])
    return reshaped(pen, row, operation.shape)


def pad(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build a tensor among zeros, or among another number."""
    (widths, value), (node,) = operation.params, nodes
    if value == 0:
        shape = pen.shape(node)
        parts = tuple((low, low + n, 1) for (low, _), n in zip(widths, shape, strict=True))
        return pen.apply(tensors.UNSLICE, node, payload=(parts, operation.shape))
    for axis, pair in enumerate(widths):
        sides = []
        for width in pair:
            shape = tuple(width if k == axis else n for k, n in enumerate(pen.shape(node)))
            sides.append([] if width == 0 else [pen.full(pen.number(as_expr(value)), shape)])
        node = concat(pen, axis, [*sides[0], node, *sides[1]])
    return node


def pooled(fill: str, reduce: Callable[[Pen, int, Sequence[int]], int]) -> Spell:
    """Return the builder of one number for each window."""

    def spell(pen: Pen, operation: Any, nodes: list[int]) -> int:
        patches = pen.apply(convolution.PATCHES, nodes[0], payload=(*operation.params, fill))
        rank = len(operation.shape)
        return reduce(pen, patches, tuple(range(rank, len(pen.shape(patches)))))

    return spell


def by_name(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build a gate that is called by its name, with what it carries."""
    name, *payload = operation.params
    return pen.apply(GATES.named(name), *nodes, payload=payload[0] if payload else None)


SPELLINGS: dict[str, Spell] = {
    **dict.fromkeys(SCALAR_GATES, entrywise),
    "pow": power,
    "matrix": lambda pen, operation, nodes: nodes[0],
    "eye": lambda pen, operation, nodes: identity(pen, operation.shape),
    "gate": by_name,
    "sum": over_axes(total),
    "mean": over_axes(Pen.mean),
    "prod": over_axes(product),
    "norm": over_axes(length),
    "max": over_axes(by_gate(tensors.MAX_OVER)),
    "min": over_axes(by_gate(tensors.MIN_OVER)),
    "logsumexp": over_axes(by_gate(tensors.LOGSUMEXP)),
    "softmax": lambda pen, operation, nodes: pen.softmax(nodes[0], operation.params[0]),
    "log_softmax": lambda pen, operation, nodes: pen.log_softmax(nodes[0], operation.params[0]),
    "transpose": transpose,
    "reshape": lambda pen, operation, nodes: reshaped(pen, nodes[0], operation.shape),
    "broadcast_to": lambda pen, operation, nodes: repeated(pen, nodes[0], operation.shape),
    "index": index,
    "take": lambda pen, operation, nodes: pen.apply(
        tensors.GATHER, *nodes, payload=operation.params[0]
    ),
    "one_hot": lambda pen, operation, nodes: pen.apply(
        tensors.ONE_HOT, nodes[0], payload=operation.params[0]
    ),
    "concat": lambda pen, operation, nodes: concat(pen, operation.params[0], nodes),
    "stack": stack,
    "array": array,
    "pad": pad,
    "conv": lambda pen, operation, nodes: pen.apply(
        convolution.CONV, *nodes, payload=operation.params
    ),
    "max_pool": pooled("lowest", by_gate(tensors.MAX_OVER)),
    "avg_pool": pooled("zero", Pen.mean),
    **LINEAR_ALGEBRA,
}


BUILDERS: dict[str, Callable[[Any, Any], int]] = {  # of more than the nodes of their operands
    "map": build_map,
    "call": region_build.combine_tensors,
    "scan": region_build.combine_tensors,
}


def combine_operation(builder: Any, operation: Any) -> int:
    """Build an operation on tensors."""
    caller = BUILDERS.get(operation.name)
    if caller is not None:
        return caller(builder, operation)
    nodes = [builder.value(o) for o in operation.operands]
    return SPELLINGS[operation.name](Pen(builder.grower), operation, nodes)


def combine_symbol(builder: Any, symbol: Any) -> int:
    """Build the leaf of a tensor."""
    known: int | None = builder.leaves.get(symbol)
    return int(builder.nodes.variable(symbol, symbol.shape)) if known is None else known


def scalars(builder: Any, expr: Any) -> tuple[int, ...]:
    """Return the operands of a function of numbers; a matrix or tensor is none.

    Raises
    ------
    UnsupportedError
        If one is a matrix or tensor; the message says how to go entry by entry.
    """
    shapes = builder.nodes.shapes
    kinds = (sympy.MatrixExpr, TensorSymbol, TensorOp)
    wide = [a for a in expr.args if isinstance(a, kinds) and builder.value(a) in shapes]
    if wide:
        name, shown = type(expr).__name__, sympy.sstr(wide[0])[:40]
        matrix = getattr(wide[0], "is_Matrix", False)
        raise UnsupportedError(
            f"`{sympy.sstr(expr)[:80]}` gives a matrix to a function of numbers; entry by entry "
            f"it is `{f'{shown}.applyfunc({name})' if matrix else f'sg.map({name}, {shown})'}`"
        )
    found: tuple[int, ...] = builder.values(expr.args)
    return found


TENSOR_COMBINE: dict[type, Callable[[Any, Any], int]] = {
    TensorSymbol: combine_symbol,
    TensorOp: combine_operation,
    TensorScalar: combine_operation,
}
TENSOR_PARTS: dict[type, Callable[[Any], Sequence[Any]]] = {
    TensorSymbol: lambda e: (),
    TensorOp: lambda e: e.operands,
    TensorScalar: lambda e: e.operands,
}
