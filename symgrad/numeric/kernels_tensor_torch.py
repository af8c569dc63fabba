"""What each gate of tensors is in torch. torch is imported by the first call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from symgrad.numeric import kernels_convolution_torch, kernels_einsum_torch, kernels_pools
from symgrad.numeric.kernels_arrays import Kernel
from symgrad.numeric.kernels_tensor_arrays import Axes, Planner, planners

Array = Any


class TorchArrays:
    """What torch has its own names for."""

    xp: Any

    def __init__(self) -> None:
        import torch

        self.xp = torch

    def largest(self, x: Array, axes: Axes, keep: bool) -> Array:
        """Return the largest entries over axes."""
        return self.xp.amax(x, axes, keep)

    def smallest(self, x: Array, axes: Axes, keep: bool) -> Array:
        """Return the smallest entries over axes."""
        return self.xp.amin(x, axes, keep)

    def total(self, x: Array, axes: Axes, keep: bool) -> Array:
        """Return sums over axes."""
        return self.xp.sum(x, axes, keep)

    def logsumexp(self, x: Array, axes: Axes) -> Array:
        """Return log(Σ exp) over axes."""
        return self.xp.logsumexp(x, axes)

    def turned(self, x: Array, order: Sequence[int]) -> Array:
        """Return a tensor with its axes in another order."""
        return x.permute(tuple(order))

    def as_type(self, x: Array, like: Array) -> Array:
        """Return a tensor in the type of another one."""
        return x.to(like.dtype)

    def first_place(self, x: Array) -> Array:
        """Return the first place of the largest entry along the last axis."""
        return self.xp.argmax(x, -1)

    def one_hot(self, places: Array, size: int, like: Array) -> Array:
        """Return 1 at places, 0 elsewhere."""
        numbers = self.xp.arange(size, device=places.device)
        return (places[..., None] == numbers).to(like.dtype)

    def cut(self, parts: Any) -> Kernel:
        """Return what gives a part; steps backward cut the same entries and turn them around."""
        places, backward = _slices(parts)
        if backward:
            return lambda x: x[places].flip(backward)
        return lambda x: x[places]

    def placed(self, x: Array, parts: Any, shape: Axes) -> Array:
        """Return zeros with a tensor in one part of them."""
        places, backward = _slices(parts)
        found = x.new_zeros(shape)
        found[places] = x.flip(backward) if backward else x
        return found

    def whole(self, x: Array) -> Array:
        """Return numbers as integers that index."""
        return x.to(self.xp.int64)

    def taken(self, x: Array, places: Array, axis: int) -> Array:
        """Return the entries along an axis at places."""
        found = x.index_select(axis, places.reshape(-1))
        return found.reshape((*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]))

    def scattered(self, x: Array, places: Array, axis: int, shape: Axes) -> Array:
        """Return zeros to which slices are added."""
        return x.new_zeros(shape).index_add(axis, places, x)

    def eye(self, size: int, like: Array) -> Array:
        """Return an identity matrix."""
        return self.xp.eye(size, dtype=like.dtype, device=like.device)

    def linear(self) -> dict[str, Kernel]:
        """Return the functions of matrices; those that fail give nan."""
        linalg = self.xp.linalg

        def exponential(x: Array) -> Array:
            return self._known(linalg.matrix_exp(x), self.xp.isfinite(x).all(-1).all(-1))

        return {
            "inv": lambda a: self._answered(*linalg.inv_ex(a)),
            "det": linalg.det,
            "slogdet": linalg.slogdet,
            "solve": lambda a, b: self._answered(*linalg.solve_ex(a, b)),
            "cholesky": lambda a: self._answered(*linalg.cholesky_ex(a)),
            "expm": exponential,
        }

    def _answered(self, found: Array, info: Array) -> Array:
        return self._known(found, info == 0)

    def _known(self, found: Array, good: Array) -> Array:
        return self.xp.where(good[..., None, None], found, self.xp.full_like(found, self.xp.nan))


def _slices(parts: Any) -> tuple[tuple[slice, ...], list[int]]:
    """Return slices with positive steps, and the axes that run backward; torch has no such step."""
    found, backward = [], []
    for axis, (start, stop, step) in enumerate(parts):
        if step > 0:
            found.append(slice(start, stop, step))
            continue
        last = start + (len(range(start, stop, step)) - 1) * step
        found.append(slice(last, start + 1, -step))
        backward.append(axis)
    return tuple(found), backward


def add_diagonal(x: Array, diagonal: Array) -> Array:
    """Return a matrix with something added to its diagonal."""
    found = x.clone()
    found.diagonal().add_(diagonal)
    return found


def overwriting() -> dict[str, dict[int, Kernel]]:
    """Return gates that can write into an operand: gate, its place, what does so."""
    import torch

    return {
        "add": {0: lambda x, y: x.add_(y), 1: lambda x, y: y.add_(x)},
        "sub": {0: lambda x, y: x.sub_(y), 1: lambda x, y: torch.sub(x, y, out=y)},
        "mul": {0: lambda x, y: x.mul_(y), 1: lambda x, y: y.mul_(x)},
        "div": {0: lambda x, y: x.div_(y), 1: lambda x, y: torch.div(x, y, out=y)},
        "neg": {0: lambda x: x.neg_()},
        "exp": {0: lambda x: x.exp_()},
        "tanh": {0: lambda x: x.tanh_()},
        "sigmoid": {0: lambda x: x.sigmoid_()},
        "relu": {0: lambda x: x.clamp_min_(0)},
        "square": {0: lambda x: x.square_()},
        "above_zero": {0: lambda x: x.ceil_().clamp_(0, 1)},
    }


@lru_cache(maxsize=1)
def table() -> dict[str, Planner]:
    """Return the planners by gate name."""
    import torch

    return {
        **planners(TorchArrays()),
        **kernels_convolution_torch.PLANNERS,
        **kernels_pools.planners(kernels_convolution_torch.strided()),
        "einsum": kernels_einsum_torch.planned,
        "embed": lambda spec: lambda x: kernels_einsum_torch.embedded(x, spec),
        "add_diagonal": lambda _: add_diagonal,
        "square": lambda _: torch.square,
        "above_zero": lambda _: lambda x: torch.ceil(x).clamp(0, 1),
        "relu": lambda _: lambda x: x.clamp_min(0),
    }
