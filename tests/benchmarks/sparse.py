"""Sparse Hessians of Rosenbrock's valley: derive and compile, then one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tests.benchmarks.native_problems import SEED, rosenbrock_by_hand

Array = Any


@dataclass(frozen=True, slots=True)
class Sparse:
    """A contender: `pose` makes its own function of n variables untimed, `ready` what is called."""

    package: str
    pose: Callable[[int], Any]
    ready: Callable[[Any, Array], Callable[[], Any]]
    largest: int


def point_of(size: int) -> Array:
    return np.random.default_rng(SEED).normal(size=size)


def posed_in_symgrad(size: int) -> Any:
    """Return the graph: the other systems' functions are their graphs, too."""
    import sympy

    import symgrad
    from tests.benchmarks.problems import literal_valley

    source = symgrad.graph(literal_valley(9 * (size - 1)))
    return source, [sympy.Symbol(f"x{k}") for k in range(size)]


def by_symgrad(posed: Any, at: Array, *, matrix: bool = True) -> Callable[[], Any]:
    from symgrad.numeric.sparse_derivatives import compile_sparse

    source, variables = posed
    fn = compile_sparse(source, [variables])
    return (lambda: fn(at)) if matrix else (lambda: fn.data(at))


def posed_in_casadi(size: int) -> Any:
    import casadi

    x = casadi.SX.sym("x", size)
    terms = (100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(size - 1))
    return x, sum(terms, casadi.SX(0))


def by_casadi(posed: Any, at: Array, *, matrix: bool = True) -> Callable[[], Any]:
    import casadi

    x, f = posed
    found = casadi.Function("H", [x], [casadi.hessian(f, x)[0]])
    if matrix:
        return lambda: found(at).sparse()
    values = np.empty(found.nnz_out(0))
    buffer, trigger = found.buffer()
    buffer.set_arg(0, memoryview(at))
    buffer.set_res(0, memoryview(values))
    return lambda: (buffer, at, trigger(), values)[3]


def by_jax(posed: Any, at: Array) -> Callable[[], Any]:
    import jax

    hessian = jax.jit(jax.hessian(posed))
    given = jax.numpy.array(at)
    jax.block_until_ready(hessian(given))
    return lambda: jax.block_until_ready(hessian(given))


def posed_in_jax(_: int) -> Any:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    return rosenbrock_by_hand(jnp)


SPARSE: dict[str, Sparse] = {
    "symgrad": Sparse("symgrad", posed_in_symgrad, by_symgrad, 100_000),
    "CasADi": Sparse("casadi", posed_in_casadi, by_casadi, 100_000),
    "symgrad, entries only": Sparse(
        "symgrad", posed_in_symgrad, partial(by_symgrad, matrix=False), 100_000
    ),
    "CasADi, entries only": Sparse(
        "casadi", posed_in_casadi, partial(by_casadi, matrix=False), 100_000
    ),
    "JAX, dense": Sparse("jax", posed_in_jax, by_jax, 1_000),
}
SPARSE_SIZES = (1_000, 100_000)
