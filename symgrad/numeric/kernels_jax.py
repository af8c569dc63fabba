"""What each gate is in JAX. JAX is imported by the first call."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from symgrad.numeric import kernels_arrays

HALF_ROOT = 0.5**0.5


@lru_cache(maxsize=1)
def table() -> kernels_arrays.Table:
    """Return the kernels by gate name."""
    import jax
    import jax.numpy as jnp
    from jax.scipy import special

    found = kernels_arrays.table(jnp)
    found |= {
        "cbrt": jnp.cbrt,
        "stop_gradient": jax.lax.stop_gradient,
        "sigmoid": special.expit,
        "swish": lambda x: x * special.expit(x),
        "gelu": lambda x: x * special.erfc(-x * HALF_ROOT) / 2,
        "erf": special.erf,
        "erfc": special.erfc,
        "erf2": lambda x, y: _erf_between(jnp, special, x, y),
        "erfinv": special.erfinv,
        "gamma": special.gamma,
        "factorial": lambda x: special.gamma(x + 1),
        "loggamma": lambda x: jnp.where(x < 0, jnp.nan, special.gammaln(x)),
        "polygamma": lambda n, x: _polygamma(jnp, special, n, x),
        "lowergamma": lambda s, x: special.gamma(s) * special.gammainc(s, x),
        "uppergamma": lambda s, x: special.gamma(s) * special.gammaincc(s, x),
        "betainc_regularized": lambda a, b, x, y: (
            special.betainc(a, b, y) - special.betainc(a, b, x)
        ),
    }
    return found


def _polygamma(jnp: Any, special: Any, n: Any, x: Any) -> Any:
    """Return the polygamma function for x > 0, of order 0 for every x."""
    order = jnp.where(n == 0, jnp.ones_like(n), n)
    sign = jnp.where(jnp.remainder(order, 2.0) == 0, -1.0, 1.0)
    raised = sign * special.gamma(order + 1) * special.zeta(order + 1, jnp.where(x > 0, x, jnp.nan))
    return jnp.where(n == 0, special.digamma(x), raised)


def _erf_between(jnp: Any, special: Any, x: Any, y: Any) -> Any:
    """Return erf(y) - erf(x) without cancellation in the tails."""
    flip = (x < 0) & (y < 0)
    a, b = jnp.where(flip, -y, x), jnp.where(flip, -x, y)
    tails = (a > 0.5) & (b > 0.5)  # nearer to 0 it is erfc that cancels
    return jnp.where(tails, special.erfc(a) - special.erfc(b), special.erf(b) - special.erf(a))
