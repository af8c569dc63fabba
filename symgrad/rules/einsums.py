"""The einsum gate: products, transposes, traces, sums, broadcasts and diagonals of tensors.

The specification is `(inputs, output, sizes)`: a tuple of indices an operand, the indices of the
result, and the sizes of the indices that no operand has. An index that the result lacks is summed;
one that only the result has is broadcast; one that it has twice makes a diagonal. So the gate is
closed under differentiation: the pullback of an einsum by any operand is an einsum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import Shape, TensorSite

Indices = tuple[int, ...]
Spec = tuple[tuple[Indices, ...], Indices, tuple[tuple[int, Any], ...]]


def spec(
    inputs: Iterable[Iterable[Any]], output: Iterable[Any], sizes: Mapping[Any, Any] | None = None
) -> Spec:
    """Return the canonical specification: indices numbered in the order of their appearance.

    Parameters
    ----------
    inputs : iterable of iterable of hashable
        The indices of each operand.
    output : iterable of hashable
        The indices of the result.
    sizes : mapping, optional
        The sizes of indices that no operand has.
    """
    numbers: dict[Any, int] = {}
    ins = tuple(tuple(numbers.setdefault(i, len(numbers)) for i in one) for one in inputs)
    known = len(numbers)
    out = tuple(numbers.setdefault(i, len(numbers)) for i in output)
    named = sizes or {}
    fresh = tuple((n, named[i]) for i, n in numbers.items() if n >= known)
    return ins, out, fresh


def sizes_of(payload: Spec, shapes: Sequence[Shape]) -> dict[int, Any]:
    """Return the size of each index."""
    ins, _, fresh = payload
    found = {
        i: n
        for one, shape in zip(ins, shapes, strict=True)
        for i, n in zip(one, shape, strict=True)
    }
    return found | dict(fresh)


def einsum_shape(payload: Spec, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the result."""
    sizes = sizes_of(payload, shapes)
    return tuple(sizes[i] for i in payload[1])


def einsum_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Swap the roles of the result and one operand."""
    ins, out, _ = site.payload
    others = [k for k in range(len(ins)) if k != index]
    sizes = sizes_of(site.payload, site.shapes)
    inputs = [out, *(ins[k] for k in others)]
    return einsum(
        site.algebra, inputs, ins[index], [bar, *(site.operands[k] for k in others)], sizes
    )


def einsum_push(site: TensorSite, index: int, dot: Any) -> Any:
    """Put the tangent in the operand's place."""
    moved = tuple(dot if k == index else x for k, x in enumerate(site.operands))
    return site.algebra.apply(EINSUM, moved, site.payload)


def einsum(
    algebra: Any,
    inputs: Sequence[Iterable[Any]],
    output: Iterable[Any],
    operands: Sequence[Any],
    sizes: Mapping[Any, Any] | None = None,
) -> Any:
    """Return an einsum in any algebra; one that changes nothing is its operand."""
    payload = spec(inputs, output, sizes)
    if (
        len(operands) == 1
        and payload[0][0] == payload[1]
        and len(set(payload[1])) == len(payload[1])
    ):
        return operands[0]
    return algebra.apply(EINSUM, tuple(operands), payload)


def broadcast(algebra: Any, value: Any, shape: Shape, kept: Sequence[int] = ()) -> Any:
    """Return a value of a few axes repeated along the others.

    Parameters
    ----------
    algebra : Algebra
        How values are combined.
    value : object
        Its axes are the axes `kept` of the result.
    shape : tuple
        The shape of the result.
    kept : sequence of int
        Which axes of the result the value has.
    """
    axes = tuple(range(len(shape)))
    return einsum(algebra, [tuple(kept)], axes, [value], dict(enumerate(shape)))


def total(algebra: Any, value: Any, rank: int, axes: Sequence[int] | None = None) -> Any:
    """Return the sum over some axes, or over all of them."""
    summed = set(range(rank)) if axes is None else set(axes)
    kept = [k for k in range(rank) if k not in summed]
    return einsum(algebra, [range(rank)], kept, [value])


EINSUM = Gate(
    "einsum",
    arity=(1, None),
    role="switches",
    letter="q",
    shape=einsum_shape,
    pull=einsum_pull,
    push=einsum_push,
)
SIZE = Gate("size", arity=(0, 0), shape=lambda payload, shapes: ())
