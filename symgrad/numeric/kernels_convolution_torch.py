"""What convolutions and windows are in torch. torch is imported by the first call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

from symgrad.numeric.kernels_pools import SMALL, Strided

Array = Any
Kernel = Callable[..., Any]
LOWEST = {"zero": 0.0, "lowest": float("-inf")}


def widened(torch: Any, x: Array, pads: Any, fill: float = 0.0) -> Array:
    """Return a tensor with entries added at the ends of its last axes."""
    if not any(map(any, pads)):
        return x
    flat = [width for pair in reversed(pads) for width in pair]  # torch starts at the last axis
    return torch.nn.functional.pad(x, flat, value=fill)


def trimmed(x: Array, pads: Any) -> Array:
    """Return a tensor without what padding added."""
    sizes = x.shape[-len(pads) :]
    inner = [slice(low, n - high) for (low, high), n in zip(pads, sizes, strict=True)]
    return x[(..., *inner)]


def conv(payload: Any) -> Kernel:
    """Return the convolution."""
    strides, pads, dilation, groups = payload

    def run(x: Array, w: Array) -> Array:
        import torch

        function = getattr(torch.nn.functional, f"conv{len(strides)}d")
        return function(widened(torch, x, pads), w, None, strides, 0, dilation, groups)

    return run


def conv_input(payload: Any) -> Kernel:
    """Return the transpose by the images."""
    (strides, pads, dilation, groups), spatial = payload
    sizes = [n + low + high for n, (low, high) in zip(spatial, pads, strict=True)]

    def run(y: Array, w: Array) -> Array:
        import torch

        function = getattr(torch.nn.grad, f"conv{len(strides)}d_input")
        shape = (y.shape[0], w.shape[1] * groups, *sizes)
        return trimmed(function(shape, w, y, strides, 0, dilation, groups), pads)

    return run


def conv_weight(payload: Any) -> Kernel:
    """Return the transpose by the weights."""
    (strides, pads, dilation, groups), window = payload

    def run(x: Array, y: Array) -> Array:
        import torch

        function = getattr(torch.nn.grad, f"conv{len(strides)}d_weight")
        shape = (y.shape[1], x.shape[1] // groups, *window)
        return function(widened(torch, x, pads), shape, y, strides, 0, dilation, groups)

    return run


def patches(payload: Any) -> Kernel:
    """Return all windows as a view: (*lead, *positions, *window)."""
    window, strides, pads, dilation, fill = payload

    def run(x: Array) -> Array:
        import torch

        found = widened(torch, x, pads, LOWEST[fill])
        first = x.ndim - len(window)
        for axis, (k, s, d) in enumerate(zip(window, strides, dilation, strict=True), first):
            found = found.unfold(axis, d * (k - 1) + 1, s)[..., ::d]
        return found

    return run


def fold(payload: Any) -> Kernel:
    """Return the sum over the windows that hold each entry."""
    (window, strides, pads, dilation), spatial = payload
    sizes = [n + low + high for n, (low, high) in zip(spatial, pads, strict=True)]

    def run(x: Array) -> Array:
        count = len(window)
        lead, positions = x.shape[: -2 * count], x.shape[-2 * count : -count]
        found = x.new_zeros((*lead, *sizes))
        for place in product(*map(range, window)):
            at = tuple(
                slice(d * k, d * k + s * (n - 1) + 1, s)
                for k, d, s, n in zip(place, dilation, strides, positions, strict=True)
            )
            found[(..., *at)] += x[(..., *place)]
        return trimmed(found, pads)

    return run


def counted(truths: Sequence[Array]) -> Array:
    """Return how many truths hold, in as few bytes as may be."""
    import torch

    found = truths[0].to(torch.uint8 if len(truths) < SMALL else torch.int32)
    for one in truths[1:]:
        found = found + one
    return found


def strided() -> Strided:
    """Return what poolings need of torch."""
    import torch

    return Strided(
        padded=partial(widened, torch),
        zeros=lambda shape, like: like.new_zeros(shape),
        larger=lambda x, y, out: torch.maximum(x, y),
        plus=lambda x, y, out: x + y if out is None else out.add_(y),
        count=counted,
    )


PLANNERS: dict[str, Callable[[Any], Kernel]] = {
    "conv": conv,
    "conv_input": conv_input,
    "conv_weight": conv_weight,
    "patches": patches,
    "fold": fold,
}
