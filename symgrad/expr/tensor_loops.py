"""Calls of blocks and loops over blocks where tensors are in them: operations "call" and "scan".

What they carry is `(block, output)` and `(block, output, length, carries, streams, backward)`.
Shapes are checked, and sizes of the block bound, as an operation is made. Knows blocks by their
attributes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Expr, Integer

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.dims import Shape, dim
from symgrad.expr.matching import fits, matched, put
from symgrad.expr.tensor_shapes import same_size, shown
from symgrad.expr.tensors import AnyTensor, TensorOp, TensorScalar, as_operand, number


def shape_of(value: Any) -> Shape:
    """Return the shape of an operand; a scalar has no axes."""
    return value.shape if isinstance(value, AnyTensor) else ()


def call(block: Any, args: Sequence[Any]) -> Any:
    """Return the value of a block at operands: an expression, or a tuple of them."""
    operands = [number(as_operand(a)) for a in args]
    shapes = call_shapes(block, [shape_of(o) for o in operands])
    made = [_applied("call", (block, k), s, operands) for k, s in enumerate(shapes)]
    return made[0] if len(made) == 1 else tuple(made)


def call_shapes(block: Any, given: Sequence[Shape]) -> list[Shape]:
    """Return the shape of each output of a block at operands of some shapes.

    Raises
    ------
    ShapeError
        If they do not fit the block's inputs.
    """
    sizes = matched(f"block `{block.name}`", block.inputs, block.shapes, given)
    return [put(shape, sizes) for shape in block.output_shapes]


def loop(
    body: Any, carries: Sequence[Any], xs: Sequence[Any], params: Sequence[Any], length: Any
) -> Any:
    """Return what a loop over a block gives: the last carries, then stacks of what is kept."""
    check_counts(body, len(carries), len(xs), len(params))
    operands = [number(as_operand(a)) for a in (*carries, *xs, *params)]
    streams = [shape_of(o) for o in operands[len(carries) : len(carries) + len(xs)]]
    steps = length_of(body.name, streams, length)
    form = (steps, len(carries), len(xs), False)
    shapes = loop_shapes(body, form, [shape_of(o) for o in operands])
    made = [_applied("scan", (body, k, *form), s, operands) for k, s in enumerate(shapes)]
    return made[0] if len(made) == 1 else tuple(made)


def check_counts(body: Any, carries: int, streams: int, params: int) -> None:
    """Check that a loop has an operand for each input of its body, and an output for each carry."""
    name, given = body.name, carries + streams + params
    if given != len(body.inputs):
        raise ShapeError(
            f"a scan over `{name}` takes {len(body.inputs)} operands "
            f"({', '.join(map(str, body.inputs))}), in the order carries, xs, params; found "
            f"{carries} carries, {streams} xs, {params} params"
        )
    if len(body.outputs) < carries:
        raise ShapeError(
            f"a scan over `{name}` carries {carries} values, but the body has "
            f"{len(body.outputs)} outputs; its first outputs are the new carries"
        )


def length_of(name: str, streams: Sequence[Shape], length: Any) -> Any:
    """Return how many steps a loop has.

    Raises
    ------
    ShapeError
        If the streams do not have one length, or a stream has no axis.
    UnsupportedError
        If nothing says how many.
    """
    if any(not s for s in streams):
        raise ShapeError(
            f"a scan over `{name}` takes one slice a step from each of `xs`, whose first axis is "
            "time, but one of them is a scalar; give what stays the same as `params`"
        )
    lengths = [s[0] for s in streams]
    if length is not None:
        if isinstance(length, bool) or not isinstance(length, (int, str, Integer, Expr)):
            raise UnsupportedError(
                f"a scan over `{name}` of length {length!r}: give a whole number or a size"
            )
        lengths.insert(0, dim(length))
    if not lengths:
        raise UnsupportedError(
            f"a scan over `{name}` has no `xs`, so `length=` must say how many steps it has"
        )
    other = next((n for n in lengths if not same_size(n, lengths[0])), None)
    if other is not None:
        told = "`length` and `xs`" if length is not None else "its `xs`"
        raise ShapeError(
            f"a scan over `{name}` has one number of steps, but {told} say {lengths[0]} and "
            f"{other}; time is the first axis of each"
        )
    return lengths[0]


def loop_shapes(body: Any, form: tuple[Any, ...], given: Sequence[Shape]) -> list[Shape]:
    """Return the shape of each output of a loop over operands of some shapes.

    Raises
    ------
    ShapeError
        If an operand does not fit, or a step changes the shape of a carry.
    """
    length, carries, streams, _ = form
    slices = [s[1:] if carries <= k < carries + streams else s for k, s in enumerate(given)]
    for symbol, before, after in zip(body.inputs, body.shapes, body.output_shapes, strict=False):
        if carries > 0 and not fits(before, after):
            raise ShapeError(
                f"a scan over `{body.name}` carries `{symbol}` of shape {shown(before)}, but a "
                f"step makes shape {shown(after)} of it; a carry keeps its shape"
            )
        carries -= 1
    sizes = matched(f"a scan over `{body.name}`", body.inputs, body.shapes, slices)
    shapes = [put(shape, sizes) for shape in body.output_shapes]
    return [s if k < form[1] else (length, *s) for k, s in enumerate(shapes)]


def _applied(name: str, params: tuple[Any, ...], shape: Shape, operands: Sequence[Any]) -> Any:
    return (TensorOp if shape else TensorScalar)(name, params, *operands)
