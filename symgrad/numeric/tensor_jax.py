"""Programs of tensors in JAX: one jitted function for each choice of shapes.

NumPy arrays are computed in the type that was asked for, whatever JAX's global switch says; JAX's
own arrays, traced, sharded or on a device, are answered in kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import BackendError
from symgrad.numeric.arithmetic import float_of
from symgrad.numeric.backend_jax import LIBRARY
from symgrad.numeric.kernels_tensor_jax import table
from symgrad.numeric.library import delivered
from symgrad.numeric.program import Program, TensorLoop
from symgrad.numeric.tensor_library import ArrayMachine, TensorLibrary
from symgrad.rules.tensor_site import Shape

Array = Any


def _module() -> Any:
    import jax.numpy as jnp

    return jnp


def repeated(body: Any, loop: TensorLoop, operands: Sequence[Array]) -> Any:
    """Return the outputs of a loop and its probes, by one `lax.scan`."""
    import jax
    import jax.numpy as jnp

    form = loop.form
    first, last = form.carries, form.carries + form.streams
    dtype = jnp.result_type(*operands)
    shapes = loop.shapes[:first]
    state = [
        jnp.broadcast_to(jnp.asarray(x, dtype), s) for x, s in zip(operands, shapes, strict=False)
    ]

    def step(state: Any, slices: Any) -> Any:
        found, probes = body([*state, *slices, *operands[last:]])
        return [jnp.asarray(f, dtype) for f in found[:first]], (found[first:], probes)

    streams = [jnp.asarray(x) for x in operands[first:last]]
    state, (stacks, probes) = jax.lax.scan(
        step, state, streams, length=form.length, reverse=form.backward
    )
    seen = probes if form.length else []
    first_wrong = [(jnp.any(wrong), number[jnp.argmax(wrong)]) for wrong, number in seen]
    return [*state, *stacks], first_wrong


JAX_TENSORS = TensorLibrary(LIBRARY, table, _module, repeated)


class JaxTensors:
    """A program of tensors as a jitted function.

    Parameters
    ----------
    program : Program
        What is run; sizes bound.
    shapes : sequence of tuple of int
        The shape of each input.
    dtype : {"float64", "float32"}
        In what.
    wide : bool
        Whether an input is complex.
    """

    def __init__(self, program: Program, shapes: Sequence[Shape], dtype: str, wide: bool) -> None:
        import jax

        if wide:
            raise BackendError(
                "the backend `jax` computes real numbers, but an argument is complex; use "
                "backend='numpy'"
            )
        self.program, self.dtype = program, dtype
        self._number = np.dtype(dtype).type
        self.machine = ArrayMachine(program, shapes, JAX_TENSORS, self._constant)
        self.lean = self.machine.lean
        self._jitted = jax.jit(self.function)

    def _constant(self, value: Any) -> Any:
        found = float_of(value)
        return found if isinstance(found, bool) else self._number(found)

    def function(self, *values: Array) -> tuple[list[Array], Any]:
        """Return the outputs, and the probes of what NumPy would refuse; pure."""
        import jax.numpy as jnp

        found, probes = self.machine([jnp.asarray(v) for v in values])
        return [jnp.asarray(f, self.dtype) for f in found], probes

    def __call__(self, values: Sequence[Array]) -> list[Array]:
        """Return NumPy arrays for NumPy arrays."""
        import jax

        exact = self.dtype == "float64" or any(v.dtype == np.float64 for v in values)
        with jax.enable_x64(exact):
            found, probes = self._jitted(*values)
            self.machine.verify(probes)
            return delivered([np.asarray(f) for f in found], None)

    def native(self, values: Sequence[Array]) -> list[Array]:
        """Return JAX arrays for JAX arrays; places outside an axis give nan, and so on."""
        return list(self._jitted(*values)[0])


def jax_arrays(values: Sequence[Any], dtype: str) -> tuple[list[Array], str] | None:
    """Return values as JAX's arrays, and in what to compute; None if none of them is one.

    Raises
    ------
    BackendError
        If that is float64, and JAX is not set to compute in it.
    """
    import jax
    import jax.numpy as jnp

    given = [v for v in values if isinstance(v, jax.Array)]
    if not given:
        return None
    bits = [jnp.finfo(v.dtype).bits for v in given if jnp.issubdtype(v.dtype, jnp.floating)]
    kind = "float32" if bits and max(bits) <= 32 else dtype
    if kind == "float64" and not jax.config.read("jax_enable_x64"):
        raise BackendError(
            "the function computes in float64, but JAX makes float32 of its arrays here; run "
            "`jax.config.update('jax_enable_x64', True)` first, compile with dtype='float32', or "
            "give NumPy arrays"
        )
    arrays = [jnp.asarray(v) for v in values]  # whole numbers stay what they are: exact
    inexact = [jnp.issubdtype(a.dtype, jnp.inexact) for a in arrays]
    return [a.astype(kind) if i else a for a, i in zip(arrays, inexact, strict=True)], kind


def seen_in_jax(value: Array) -> Array | None:
    """Return the numbers of an array, or None where they are traced, or on another machine."""
    import jax

    hidden = isinstance(value, jax.core.Tracer) or not value.is_fully_addressable
    return None if hidden else np.asarray(value)
