"""JAX: a pure function of arrays, which `jit`, `vmap`, `grad` and `shard_map` can take.

NumPy arrays are computed in the dtype that was asked for, whatever JAX's global switch says;
JAX's own arrays, traced or not, are computed as JAX is set, and float64 without x64 is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from symgrad.errors import BackendError
from symgrad.numeric.arithmetic import float_of
from symgrad.numeric.backend import Executable, Machine
from symgrad.numeric.kernels_jax import table
from symgrad.numeric.library import Library, delivered
from symgrad.numeric.program import Program


class JaxMachine(Machine):
    """The loop over operations, as JAX traces it; a rolled loop stays one."""

    def iterate(self, args: Sequence[Any], length: int) -> list[Any]:
        """Return the carries after `length` steps, through `lax.scan`."""
        import jax
        import jax.numpy as jnp

        carries = len(self.program.outputs)
        shape = jnp.broadcast_shapes(*map(jnp.shape, args))
        dtype = jnp.result_type(*args)
        state = [jnp.broadcast_to(jnp.asarray(a, dtype), shape) for a in args[:carries]]

        def step(state: Any, _: None) -> tuple[Any, None]:
            made = self((*state, *args[carries:]))
            return [jnp.broadcast_to(jnp.asarray(m, dtype), shape) for m in made], None

        return list(jax.lax.scan(step, state, None, length=length)[0])


class Jax(Executable):
    """A program as a jitted function.

    Parameters
    ----------
    program : Program
        What is run.
    dtype : {"float64", "float32"}
        In what.
    """

    def __init__(self, program: Program, dtype: str) -> None:
        import jax

        start = perf_counter()
        self._number = np.dtype(dtype).type
        self._machine = LIBRARY.binder(self._constant)(program)
        self._jitted = jax.jit(self.function)
        super().__init__(program, dtype, str(program), {"seconds": perf_counter() - start})

    def _constant(self, value: Any) -> Any:
        found = float_of(value)
        return found if isinstance(found, bool) else self._number(found)

    def function(self, *values: Any) -> list[Any]:
        """Return the outputs in the common shape of the values; pure."""
        import jax.numpy as jnp

        shape = jnp.broadcast_shapes(*map(jnp.shape, values))
        found = self._machine([jnp.asarray(v) for v in values])
        return [jnp.broadcast_to(jnp.asarray(f, self.dtype), shape) for f in found]

    def __call__(self, values: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """Return NumPy arrays for NumPy arrays."""
        import jax

        with jax.enable_x64(self.dtype == "float64"):
            found = [
                np.asarray(f) for f in self._jitted(*(np.asarray(v, self.dtype) for v in values))
            ]
        return delivered(found, out)

    def is_native(self, value: Any) -> bool:
        """Return whether a value is a JAX array or stands for one in a trace."""
        import jax

        return isinstance(value, jax.Array)

    def converted(self, value: Any) -> Any:
        """Return a value as a JAX array of this dtype."""
        import jax
        import jax.numpy as jnp

        if self.dtype == "float64" and not jax.config.read("jax_enable_x64"):
            raise BackendError(
                "the function computes in float64, but JAX makes float32 of its arrays here; run "
                "`jax.config.update('jax_enable_x64', True)` first, compile with dtype='float32', "
                "or give NumPy arrays"
            )
        return jnp.asarray(value, self.dtype)

    def native(self, values: Sequence[Any]) -> list[Any]:
        """Return JAX arrays for JAX arrays."""
        return list(self._jitted(*values))

    def stacked(self, values: Sequence[Any], core: tuple[int, ...]) -> Any:
        """Return JAX arrays as one."""
        import jax.numpy as jnp

        found = jnp.stack(values, axis=-1)
        return found.reshape(found.shape[:-1] + core)


LIBRARY = Library("jax", "JAX", table, JaxMachine)
JAX = LIBRARY.backend(Jax)
