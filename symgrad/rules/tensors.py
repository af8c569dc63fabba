"""Gates of tensors that choose, reduce or rearrange: extrema, logsumexp, norm, reshape, slices.

Composites (softmax, means, losses) have no rows: they are built from these and from the gates of
scalars, which act entry by entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.errors import ShapeError
from symgrad.expr.tensor_index import cut_length
from symgrad.rules import einsums
from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import Shape, TensorSite


def reduced_shape(axes: Sequence[int], shapes: Sequence[Shape]) -> Shape:
    """Return the shape without the axes that are reduced."""
    return tuple(n for k, n in enumerate(shapes[0]) if k not in axes)


def same_shape(payload: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of the first operand."""
    return shapes[0]


def spread(site: TensorSite, value: Any, axes: Sequence[int]) -> Any:
    """Return a reduced value, repeated along the axes that were reduced."""
    shape = site.shapes[0]
    kept = [k for k in range(len(shape)) if k not in axes]
    return einsums.broadcast(site.algebra, value, shape, kept)


def gathered(site: TensorSite, value: Any, axes: Sequence[int]) -> Any:
    """Return the sum over the axes that are reduced."""
    return einsums.total(site.algebra, value, len(site.shapes[0]), axes)


# --- reductions: the pullback spreads and weighs, the pushforward weighs and sums ---


def weigh(weights: Any) -> tuple[Any, Any]:
    """Return the rules of a reduction whose derivative is a tensor of weights."""

    def pull(site: TensorSite, index: int, bar: Any) -> Any:
        return site.mul(spread(site, bar, site.payload), weights(site))

    def push(site: TensorSite, index: int, dot: Any) -> Any:
        return gathered(site, site.mul(weights(site), dot), site.payload)

    return pull, push


def softmax_weights(site: TensorSite) -> Any:
    """Return `exp(x - logsumexp(x))`, which cannot overflow."""
    return site.exp(site.sub(site.operands[0], spread(site, site.out, site.payload)))


def unit_weights(site: TensorSite) -> Any:
    """Return `x/norm(x)`, the minimum-norm subgradient 0 at 0."""
    return site.apply(UNIT, site.operands[0], payload=site.payload)


def winners(which: str) -> Any:
    """Return the rule that hands the cotangent to the extreme entries."""

    def weights(site: TensorSite) -> Any:
        chosen = (which, site.payload, site.kinks)
        return site.apply(WINNERS, site.operands[0], payload=chosen)

    return weights


def reduction(name: str, weights: Any, **fields: Any) -> Gate:
    """Return the row of a reduction over the axes in its payload."""
    pull, push = weigh(weights)
    return Gate(name, shape=reduced_shape, pull=pull, push=push, analytic=False, **fields)


LOGSUMEXP = reduction("logsumexp_over", softmax_weights, letter="l")
MAX_OVER = reduction("max_over", winners("max"), role="routes", kinked=True, letter="m")
MIN_OVER = reduction("min_over", winners("min"), role="routes", kinked=True, letter="m")
NORM = reduction("norm", unit_weights, kinked=True, letter="r")
WINNERS = Gate(
    "winners",
    role="blocks",
    analytic=False,
    shape=same_shape,
    pull=lambda site, index, bar: None,
    push=lambda site, index, dot: None,
    source="minimum-norm element of the convex hull of the active gradients",
)


def unit_map(site: TensorSite, t: Any) -> Any:
    """Return `(t - u⟨u, t⟩)/norm(x)`: symmetric, so both pullback and pushforward."""
    axes, x = site.payload, site.operands[0]
    along = gathered(site, site.mul(site.out, t), axes)
    moved = site.sub(t, site.mul(site.out, spread(site, along, axes)))
    return site.div(moved, spread(site, site.apply(NORM, x, payload=axes), axes))


UNIT = Gate(
    "unit",
    analytic=False,
    shape=same_shape,
    pull=lambda site, index, bar: unit_map(site, bar),
    push=lambda site, index, dot: unit_map(site, dot),
    reason="x/norm(x), and 0 where x is 0",
)


# --- rearrangements: linear, each with its transpose ---


def linear(name: str, shape: Any, pull: Any, arity: tuple[int, int | None] = (1, 1)) -> Gate:
    """Return the row of a gate that is linear in its first operand; the others are integers."""

    def push(site: TensorSite, index: int, dot: Any) -> Any:
        if index:
            return None
        return site.algebra.apply(made, (dot, *site.operands[1:]), site.payload)

    def pulled(site: TensorSite, index: int, bar: Any) -> Any:
        return None if index else pull(site, bar)

    made = Gate(name, arity=arity, shape=shape, pull=pulled, push=push)
    return made


def slice_shape(payload: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a slice.

    Raises
    ------
    ShapeError
        If it leaves an axis whose size is a number.
    """
    for part, size in zip(payload, shapes[0], strict=True):
        start, stop, step = part
        known = all(isinstance(n, int) for n in (start, stop, size))
        low, high = (start, stop) if step > 0 else (stop + 1, start + 1)
        if known and not 0 <= low <= high <= size:
            raise ShapeError(f"a slice from {start} to {stop} leaves an axis of size {size}")
    return tuple(cut_length(*part) for part in payload)


def concat_shape(axis: int, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of tensors joined along an axis."""
    length = sum((s[axis] for s in shapes), 0)
    return tuple(length if k == axis else n for k, n in enumerate(shapes[0]))


def concat_parts(site: TensorSite) -> list[tuple[tuple[Any, Any, int], ...]]:
    """Return which slice of the result each operand is."""
    axis, start, parts = site.payload, 0, []
    for shape in site.shapes:
        stop = start + shape[axis]
        parts.append(
            tuple((start, stop, 1) if k == axis else (0, n, 1) for k, n in enumerate(shape))
        )
        start = stop
    return parts


def concat_pull(site: TensorSite, index: int, bar: Any) -> Any:
    """Cut the operand's part out of the cotangent."""
    return site.apply(SLICE, bar, payload=concat_parts(site)[index])


def concat_push(site: TensorSite, index: int, dot: Any) -> Any:
    """Put the tangent into its place among zeros."""
    return site.apply(UNSLICE, dot, payload=(concat_parts(site)[index], site.shape))


def gather_shape(axis: int, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of entries taken along an axis by an index tensor."""
    x, chosen = shapes
    return (*x[:axis], *chosen, *x[axis + 1 :])


RESHAPE: Gate = linear(
    "reshape",
    lambda payload, shapes: payload,
    lambda site, bar: site.apply(RESHAPE, bar, payload=tuple(site.shapes[0])),
)
SLICE: Gate = linear(
    "slice",
    slice_shape,
    lambda site, bar: site.apply(UNSLICE, bar, payload=(site.payload, tuple(site.shapes[0]))),
)
UNSLICE: Gate = linear(
    "unslice",
    lambda payload, shapes: payload[1],
    lambda site, bar: site.apply(SLICE, bar, payload=site.payload[0]),
)
TRIL: Gate = linear(  # lower triangle, the diagonal halved if the payload says so
    "tril",
    same_shape,
    lambda site, bar: site.apply(TRIL, bar, payload=site.payload),
)
GATHER: Gate = linear(
    "gather",
    gather_shape,
    lambda site, bar: site.apply(
        SCATTER, bar, site.operands[1], payload=(site.payload, tuple(site.shapes[0]))
    ),
    (2, 2),
)
SCATTER: Gate = linear(
    "scatter",
    lambda payload, shapes: payload[1],
    lambda site, bar: site.apply(GATHER, bar, site.operands[1], payload=site.payload[0]),
    (2, 2),
)
CONCAT = Gate("concat", arity=(1, None), shape=concat_shape, pull=concat_pull, push=concat_push)
ONE_HOT = Gate(
    "one_hot",
    role="blocks",
    shape=lambda payload, shapes: (*shapes[0], payload),
    pull=lambda site, index, bar: None,
    push=lambda site, index, dot: None,
)

ROWS = (
    einsums.EINSUM,
    einsums.SIZE,
    LOGSUMEXP,
    MAX_OVER,
    MIN_OVER,
    NORM,
    UNIT,
    WINNERS,
    RESHAPE,
    SLICE,
    UNSLICE,
    TRIL,
    GATHER,
    SCATTER,
    CONCAT,
    ONE_HOT,
)
