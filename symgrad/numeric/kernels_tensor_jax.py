"""What each gate of tensors is in JAX. JAX is imported by the first call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from symgrad.numeric import kernels_convolution_jax
from symgrad.numeric.kernels_arrays import Kernel
from symgrad.numeric.kernels_tensor_arrays import Axes, Planner, planners

Array = Any


class JaxArrays:
    """What JAX has its own names for."""

    xp: Any

    def __init__(self) -> None:
        import jax.numpy as jnp

        self.xp = jnp

    def largest(self, x: Array, axes: Axes, keep: bool) -> Array:
        """Return the largest entries over axes."""
        return self.xp.max(x, axis=axes, keepdims=keep)

    def smallest(self, x: Array, axes: Axes, keep: bool) -> Array:
        """Return the smallest entries over axes."""
        return self.xp.min(x, axis=axes, keepdims=keep)

    def total(self, x: Array, axes: Axes, keep: bool) -> Array:
        """Return sums over axes."""
        return self.xp.sum(x, axis=axes, keepdims=keep)

    def logsumexp(self, x: Array, axes: Axes) -> Array:
        """Return log(Σ exp) over axes."""
        from jax.scipy.special import logsumexp

        return logsumexp(x, axis=axes)

    def turned(self, x: Array, order: Sequence[int]) -> Array:
        """Return an array with its axes in another order."""
        return x.transpose(order)

    def as_type(self, x: Array, like: Array) -> Array:
        """Return an array in the type of another one."""
        return x.astype(like.dtype)

    def first_place(self, x: Array) -> Array:
        """Return the first place of the largest entry along the last axis."""
        return self.xp.argmax(x, axis=-1)

    def one_hot(self, places: Array, size: int, like: Array) -> Array:
        """Return 1 at places, 0 elsewhere; in float32 for whole numbers, which is exact."""
        inexact = self.xp.issubdtype(like.dtype, self.xp.inexact)
        kind = like.dtype if inexact else self.xp.float32
        return (places[..., None] == self.xp.arange(size)).astype(kind)

    def cut(self, parts: Any) -> Kernel:
        """Return what gives a part."""
        places = _slices(parts)
        return lambda x: x[places]

    def placed(self, x: Array, parts: Any, shape: Axes) -> Array:
        """Return zeros with an array in one part of them, by one `lax.pad`."""
        import jax

        turned = tuple(slice(None, None, -1 if step < 0 else 1) for _, _, step in parts)
        moves = []
        for (start, _, step), n, size in zip(parts, x.shape, shape, strict=True):
            low = start if step > 0 else start + (n - 1) * step
            moves.append((low, size - low - (n - 1) * abs(step) - 1, abs(step) - 1))
        return jax.lax.pad(x[turned], self.xp.zeros((), x.dtype), moves)

    def whole(self, x: Array) -> Array:
        """Return numbers as integers that index."""
        return x.astype(self.xp.int32)

    def taken(self, x: Array, places: Array, axis: int) -> Array:
        """Return the entries along an axis at places."""
        return self.xp.take(x, places, axis=axis, mode="clip")

    def scattered(self, x: Array, places: Array, axis: int, shape: Axes) -> Array:
        """Return zeros to which slices are added."""
        where = (*[slice(None)] * axis, places)
        return self.xp.zeros(shape, x.dtype).at[where].add(x)

    def eye(self, size: int, like: Array) -> Array:
        """Return an identity matrix."""
        return self.xp.eye(size, dtype=like.dtype)

    def linear(self) -> dict[str, Kernel]:
        """Return the functions of matrices."""
        import jax.scipy.linalg
        from jax.numpy import linalg

        return {
            "inv": linalg.inv,
            "det": linalg.det,
            "slogdet": linalg.slogdet,
            "solve": linalg.solve,
            "cholesky": lambda a: linalg.cholesky(a, symmetrize_input=False),
            "expm": lambda a: jax.scipy.linalg.expm(a, max_squarings=SQUARINGS),
        }


SQUARINGS = 64  # of a matrix exponential; JAX gives nan beyond


def _slices(parts: Any) -> tuple[slice, ...]:
    return tuple(slice(a, b if b >= 0 else None, step) for a, b, step in parts)


def einsum(payload: Any) -> Kernel:
    """Return an einsum; indices that no operand has are broadcast, repeated ones are diagonals."""
    import jax.numpy as jnp

    inputs, output, fresh = payload
    held = {i for one in inputs for i in one}
    unique = tuple(dict.fromkeys(output))
    core = [i for i in unique if i in held]
    new = [axis for axis, i in enumerate(unique) if i not in held]
    sizes = dict(fresh)

    def run(*operands: Array) -> Array:
        pairs = [part for pair in zip(operands, inputs, strict=True) for part in pair]
        found = jnp.einsum(*pairs, core)
        if new:
            shape = list(found.shape)
            for axis in new:
                shape.insert(axis, sizes[unique[axis]])
            found = jnp.broadcast_to(jnp.expand_dims(found, new), shape)
        return found if unique == output else embedded(found, (unique, output))

    return run


def embedded(x: Array, spec: tuple[Axes, Axes]) -> Array:
    """Return an array with x on the diagonals of its repeated indices, and 0 elsewhere."""
    import jax.numpy as jnp

    _, output = spec
    again = [axis for axis, i in enumerate(output) if i in output[:axis]]
    wide, on_diagonal = jnp.expand_dims(x, again), True
    for axis in again:
        first = output.index(output[axis])
        places = jnp.arange(wide.shape[first])
        here = jnp.expand_dims(places, [k for k in range(len(output)) if k != axis])
        there = jnp.expand_dims(places, [k for k in range(len(output)) if k != first])
        on_diagonal = on_diagonal & (here == there)
    return jnp.where(on_diagonal, wide, jnp.zeros((), x.dtype))


def add_diagonal(x: Array, diagonal: Array) -> Array:
    """Return a matrix with something added to its diagonal."""
    import jax.numpy as jnp

    return x + embedded(jnp.broadcast_to(diagonal, x.shape[:1]), ((0,), (0, 0)))


@lru_cache(maxsize=1)
def table() -> dict[str, Planner]:
    """Return the planners by gate name."""
    import jax.numpy as jnp

    return {
        **planners(JaxArrays()),
        **kernels_convolution_jax.PLANNERS,
        "einsum": einsum,
        "embed": lambda spec: lambda x: embedded(x, spec),
        "add_diagonal": lambda _: add_diagonal,
        "square": lambda _: jnp.square,
        "above_zero": lambda _: lambda x: jnp.clip(jnp.ceil(x), 0, 1),
    }
