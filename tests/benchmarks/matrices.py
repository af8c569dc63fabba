"""Hessians of matrix formulas: symgrad's closed forms, other systems' derivatives, closed by hand.

Every contender returns a call without arguments; its Hessian stands in memory when the call ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.native_problems import SEED

Array = Any
Call = Callable[[], Array]
SIZES = {"quadratic": (1024, 1024), "logistic": (2048, 256), "logsumexp": (2048, 1)}
TITLES = {
    "quadratic": "x'Ax, n = 1024",
    "logistic": "logistic regression, 2048 × 256",
    "logsumexp": "logsumexp, n = 2048",
}


def data(problem: str) -> tuple[Array, ...]:
    """Return A and x; X, y and w; or v."""
    rng = np.random.default_rng(SEED)
    rows, columns = SIZES[problem]
    if problem == "logsumexp":
        return (rng.normal(size=rows),)
    if problem == "quadratic":
        return rng.normal(size=(rows, columns)), rng.normal(size=columns)
    labels = (rng.random(rows) > 0.5) * 1.0
    return rng.normal(size=(rows, columns)), labels, rng.normal(size=columns) * 0.1


def by_symgrad(problem: str) -> Call:
    """Compile the closed form of the Hessian of a formula of SymPy's matrix symbols."""
    import sympy

    import symgrad
    from symgrad.expr import heads

    rows, columns = SIZES[problem]
    A = sympy.MatrixSymbol("A", rows, columns)
    x, y = sympy.MatrixSymbol("x", columns, 1), sympy.MatrixSymbol("y", rows, 1)
    v = sympy.MatrixSymbol("v", rows, 1)
    ones = sympy.OneMatrix(1, rows)
    given = data(problem)
    if problem == "quadratic":
        f, wrt, args, values = x.T * A * x, x, [A], [given[0]]
    elif problem == "logistic":
        f = ones * (A * x).applyfunc(heads.softplus) - y.T * A * x
        wrt, args, values = x, [A, x], [given[0], given[2]]
    else:
        f, wrt, args, values = symgrad.logsumexp(v), v, [v], [given[0]]
    fn = symgrad.compile(symgrad.hessian(f, wrt), args)
    return lambda: fn(*values)


def by_numpy(problem: str) -> Call:
    """Write the closed form by hand."""
    given = data(problem)

    def quadratic() -> Array:
        return given[0] + given[0].T

    def logistic() -> Array:
        X, _, w = given
        s = 1 / (1 + np.exp(-(X @ w)))
        return (X * (s * (1 - s))[:, None]).T @ X

    def logsumexp() -> Array:
        (v,) = given
        s = np.exp(v - v.max())
        s /= s.sum()
        found = -np.outer(s, s)
        found[np.diag_indices(len(s))] += s
        return found

    return {"quadratic": quadratic, "logistic": logistic, "logsumexp": logsumexp}[problem]


def by_jax(problem: str) -> Call:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    *held, x = map(jnp.array, data(problem))

    def logistic(w: Any, X: Any, y: Any) -> Any:
        return jnp.sum(jnp.logaddexp(0, X @ w) - y * (X @ w))

    f = {
        "quadratic": lambda x, A: x @ A @ x,
        "logistic": logistic,
        "logsumexp": jax.nn.logsumexp,
    }[problem]
    hessian = jax.jit(jax.hessian(f))
    return lambda: jax.block_until_ready(hessian(x, *held))


def by_torch(problem: str) -> Call:
    import torch

    *held, x = map(torch.tensor, data(problem))

    def logistic(w: Any) -> Any:
        z = held[0] @ w
        return (torch.nn.functional.softplus(z) - held[1] * z).sum()

    f = {
        "quadratic": lambda x: x @ held[0] @ x,
        "logistic": logistic,
        "logsumexp": lambda v: torch.logsumexp(v, 0),
    }[problem]
    hessian = torch.func.hessian(f)
    return lambda: hessian(x)


HESSIANS: dict[str, tuple[str, Callable[[str], Call]]] = {
    "symgrad": ("symgrad", by_symgrad),
    "NumPy, by hand": ("numpy", by_numpy),
    "JAX, jit": ("jax", by_jax),
    "torch.func": ("torch", by_torch),
}
