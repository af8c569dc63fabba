"""Shapes of einsum, matrix products and factorisations of tensors.

The matrix is in the last two axes, and axes before them are a batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from symgrad.errors import ShapeError
from symgrad.expr.dims import Shape
from symgrad.expr.tensor_shapes import broadcast, one_axis, same_size, shown

Letters = tuple[str, ...]


def einsum_letters(spec: str) -> tuple[Letters, str]:
    """Return the letters of each operand and of the result.

    Parameters
    ----------
    spec : str
        `"ij,jk->ik"`; without an arrow the letters that occur once are kept, in alphabetical order.

    Raises
    ------
    ShapeError
        If it holds anything but letters, commas and one arrow, or the result a foreign letter.

    Examples
    --------
    >>> einsum_letters("ij,jk")
    (('ij', 'jk'), 'ik')
    """
    plain = "".join(spec.split())
    left, arrow, right = plain.partition("->")
    inputs = tuple(left.split(","))
    if "..." in plain:
        raise ShapeError(f"`einsum` of {spec!r}: write a letter for each axis instead of `...`")
    bad = [c for c in "".join((*inputs, right)) if not (c.isascii() and c.isalpha())]
    if bad:
        raise ShapeError(f"`einsum` of {spec!r}: indices are letters, and found {bad[0]!r}")
    counts = Counter("".join(inputs))
    if not arrow:
        right = "".join(sorted(c for c, n in counts.items() if n == 1))
    foreign = [c for c in right if c not in counts]
    if foreign:
        raise ShapeError(
            f"`einsum` of {spec!r}: no operand has the index `{foreign[0]}` of the result; "
            "repeat along a new axis with `broadcast_to`"
        )
    return inputs, right


def einsum_shape(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of an einsum."""
    (spec,) = params
    inputs, output = einsum_letters(spec)
    if len(inputs) != len(shapes):
        raise ShapeError(f"`{name}` of {spec!r} has {len(shapes)} operands, not {len(inputs)}")
    sizes: dict[str, Any] = {}
    for place, (word, shape) in enumerate(zip(inputs, shapes, strict=True)):
        if len(word) != len(shape):
            raise ShapeError(
                f"`{name}` of {spec!r}: operand {place} has shape {shown(shape)}, which needs "
                f"{len(shape)} indices and not `{word}`"
            )
        for letter, size in zip(word, shape, strict=True):
            if not same_size(sizes.setdefault(letter, size), size):
                raise ShapeError(
                    f"`{name}` of {spec!r}: the index `{letter}` has size {sizes[letter]} and "
                    f"size {size}; the shapes are {' and '.join(map(shown, shapes))}"
                )
    return tuple(sizes[letter] for letter in output)


def matmul_shape(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a product of matrices, vectors, or batches of matrices."""
    a, b = shapes
    if not a or not b:
        raise ShapeError(f"`{name}` needs two tensors, and one of them is a scalar; use `*`")
    inner, other = a[-1], b[-2] if len(b) > 1 else b[-1]
    if not same_size(inner, other):
        turned = b[-1] if len(b) > 1 else None
        tip = "; did you mean `a @ b.T`?" if turned is not None and same_size(inner, turned) else ""
        raise ShapeError(
            f"`{name}(a, b)` needs inner sizes to agree, but `a` has shape {shown(a)} and `b` has "
            f"shape {shown(b)}: {inner} ≠ {other}{tip}"
        )
    batch = broadcast(name, [a[:-2], b[:-2]])
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def dot_shape(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of NumPy's `dot`: the last axis of a with the last but one of b."""
    a, b = shapes
    matmul_shape(name, params, [a[-2:], b[-2:]])
    return (*a[:-1], *b[:-2], *(b[-1:] if len(b) > 1 else ()))


def outer_shape(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the outer product of two vectors."""
    for shape in shapes:
        if len(shape) != 1:
            raise ShapeError(f"`{name}` is of two vectors, and found the shape {shown(shape)}")
    return (*shapes[0], *shapes[1])


def square(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of square matrices.

    Raises
    ------
    ShapeError
        If the last two sizes differ.
    """
    shape = shapes[0]
    if len(shape) < 2 or not same_size(*shape[-2:]):
        raise ShapeError(
            f"`{name}` needs square matrices in the last two axes, and found shape {shown(shape)}"
        )
    return shape


def of_square(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of one number for each square matrix."""
    return square(name, params, shapes)[:-2]


def solved(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of `inv(a)*b`; a `b` of one axis is a vector, else columns."""
    a, b = square(name, params, shapes), shapes[1]
    rows = b[-1] if len(b) == 1 else (b[-2] if len(b) > 1 else None)
    if rows is None or not same_size(a[-1], rows):
        raise ShapeError(
            f"`{name}(a, b)` needs as many rows in b as in a: a has shape {shown(a)}, b {shown(b)}"
        )
    if len(b) == 1:
        return a[:-1]
    return (*broadcast(name, [a[:-2], b[:-2]]), *b[-2:])


def diagonal_shape(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a vector's matrix, or of a matrix's diagonal."""
    (shape,) = shapes
    if len(shape) == 1:
        return (*shape, *shape)
    if len(shape) == 2:
        return square(name, params, shapes)[:1]
    raise ShapeError(f"`{name}` is of a vector or a matrix, and found shape {shown(shape)}")


def trace_shape(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape without two axes of one size."""
    (shape,) = shapes
    first, second = (one_axis(name, a, len(shape)) for a in params)
    if first == second or not same_size(shape[first], shape[second]):
        raise ShapeError(
            f"`{name}` needs two axes of one size; axes {first} and {second} of shape "
            f"{shown(shape)} are not"
        )
    return tuple(n for k, n in enumerate(shape) if k not in (first, second))


def triangle(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of matrices."""
    if len(shapes[0]) < 2:
        raise ShapeError(f"`{name}` is of matrices, and found shape {shown(shapes[0])}")
    return shapes[0]
