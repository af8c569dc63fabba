"""Contenders at native speed: each derives, compiles and runs in the form its own users choose.

A contender makes a `Ready` from a problem: a batch into buffers that are there before, and a call
at one point. Batches stand in the memory order that the contender reads best.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from tests.benchmarks.contenders import postorder, to_casadi
from tests.benchmarks.native_problems import SEED, Posed

Array = Any


@dataclass(slots=True)
class Ready:
    """What was compiled.

    Parameters
    ----------
    batch, single : callable or None
        One run over all points, one call at the first; None where that is not its business.
    answer : callable
        After `single` (or `batch`): the first point's numbers in the order of `Posed.results`.
    settled : callable
        Whether better code for batches is there, if it comes later.
    wait : callable
        Waits for what is being made in the background.
    """

    batch: Callable[[], Any] | None
    single: Callable[[], Any] | None
    answer: Callable[[], Any]
    settled: Callable[[], bool] = field(default=lambda: True)
    wait: Callable[[], Any] = field(default=lambda: None)


Make = Callable[[Posed, Array], Ready]


@dataclass(frozen=True, slots=True)
class Native:
    """A contender; what its `package` lists, between commas, is loaded before it is timed.

    Parameters
    ----------
    package : str
        A package, and compilers that come with it: others load theirs with the package.
    slow : bool
        Whether few turns must do.
    cached : bool
        Whether it finds its compiled code on disk: it is run once before, untimed.
    left_out : tuple of str
        Problems that it cannot do in the time and memory allowed.
    """

    name: str
    package: str
    make: Make
    slow: bool = False
    cached: bool = False
    left_out: tuple[str, ...] = ()


def points_of(posed: Posed) -> Array:
    """Return the inputs, shape (n, points)."""
    rng = np.random.default_rng(SEED)
    return rng.uniform(posed.low, posed.high, size=(len(posed.inputs), posed.points))


# --- symgrad ---

RETURNS = {"gradient": ("value", "grad"), "jacobian": ("value", "jacobian"), "hessian": "hessian"}


def symgrad_compiled(posed: Posed, X: Array, **options: Any) -> Ready:
    import symgrad
    from symgrad.numeric.llvm_tiers import background

    f = posed.outputs if posed.kind == "jacobian" else posed.outputs[0]
    fn = symgrad.compile(f, [posed.inputs], returns=RETURNS[posed.kind], **options)
    points, first = X.T, np.ascontiguousarray(X[:, 0])
    n, m, count = len(posed.inputs), len(posed.outputs), posed.points
    rows = np.empty((posed.results, count))
    out: Any = {
        "gradient": lambda: (rows[0], (rows[1:].T,)),
        "jacobian": lambda: (list(rows[:m]), rows[m:].reshape(m, n, count).transpose(2, 0, 1)),
        "hessian": lambda: rows.reshape(n, n, count).transpose(2, 0, 1),
    }[posed.kind]()

    def single() -> Any:
        return fn(first)

    def settled() -> bool:
        return fn.stats.get("tier", "optimised") == "optimised"

    def wait() -> None:
        background().submit(bool).result()  # the queue of one compiler

    return Ready(lambda: fn(points, out=out), single, lambda: flattened(single()), settled, wait)


def flattened(found: Any) -> Array:
    """Return nested results as one line."""
    if isinstance(found, (tuple, list)):
        return np.concatenate([flattened(part) for part in found])
    return np.ravel(found)


# --- SymPy and SymEngine ---


def derived(posed: Posed, outputs: Any, inputs: Any) -> list[Any]:
    """Return what is to be computed, by the `diff` of the system that made the expressions."""
    if posed.kind == "hessian":
        first = [outputs[0].diff(v) for v in inputs]
        return [p.diff(v) for p in first for v in inputs]
    return [*outputs, *(f.diff(v) for f in outputs for v in inputs)]


def sympy_lambdified(posed: Posed, X: Array) -> Ready:
    import sympy

    wanted = derived(posed, posed.outputs, posed.inputs)
    fn = sympy.lambdify([posed.inputs], wanted, "numpy", cse=True)
    first = X[:, 0].tolist()
    return Ready(lambda: fn(X), lambda: fn(first), lambda: flattened(fn(first)))


def symengine_llvm(posed: Posed, X: Array) -> Ready:
    import symengine  # type: ignore[import-untyped]

    inputs = [symengine.Symbol(v.name) for v in posed.inputs]
    wanted = derived(posed, [symengine.sympify(f) for f in posed.outputs], inputs)
    fn = symengine.Lambdify(inputs, wanted, backend="llvm", cse=True)
    points, first = np.ascontiguousarray(X.T), np.ascontiguousarray(X[:, 0])
    out, line = np.empty((posed.points, posed.results)), np.empty(posed.results)
    return Ready(
        lambda: fn(points, out=out),
        lambda: fn.unsafe_real(first, line),
        lambda: line,
    )


# --- CasADi ---


def casadi_function(posed: Posed) -> Any:
    import casadi

    x = casadi.SX.sym("x", len(posed.inputs))
    inputs = dict(zip(posed.inputs, casadi.vertsplit(x), strict=True))
    found = casadi.vertcat(*[to_casadi(casadi, f, inputs) for f in posed.outputs])
    if posed.kind == "hessian":
        wanted = casadi.vec(casadi.densify(casadi.hessian(found, x)[0]))
    else:
        rows = casadi.densify(casadi.jacobian(found, x)) if posed.kind == "jacobian" else None
        slope = casadi.gradient(found, x) if rows is None else casadi.vec(rows.T)
        wanted = casadi.vertcat(found, casadi.densify(slope))
    return casadi.Function("F", [x], [wanted])


LOOP = """
#include <stdlib.h>
void batch(const double* X, double* O, long count) {{
    {pragma}
    {{
        double* w = malloc(sizeof(double) * {w});
        casadi_int iw[{iw}];
        const double* arg[{args}];
        double* res[{results}];
        {share}
        for (long k = 0; k < count; k++) {{
            arg[0] = X + k * {n};
            res[0] = O + k * {m};
            F(arg, res, iw, w, 0);
        }}
        free(w);
    }}
}}
"""


def casadi_loop(posed: Posed, X: Array, *, threads: bool) -> Ready:
    """Generate C, and let it loop over the points in C."""
    F = casadi_function(posed)
    folder = Path(mkdtemp(dir=os.environ.get("BENCH_CACHE")))
    code = compiled_c(F, folder, threads=threads)
    points = np.ascontiguousarray(X.T)
    out = np.empty((posed.points, posed.results))
    call = code.batch
    given = [points.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p)]
    count = ctypes.c_long(posed.points)
    return Ready(lambda: call(*given, count), None, lambda: out[0])


def compiled_c(F: Any, folder: Path, *, threads: bool) -> Any:
    import casadi

    generator = casadi.CodeGenerator("generated.c")
    generator.add(F)
    generator.generate(f"{folder}/")
    loop = LOOP.format(
        pragma="#pragma omp parallel" if threads else "",
        share="#pragma omp for" if threads else "",
        w=max(1, F.sz_w()),
        iw=max(1, F.sz_iw()),
        args=max(1, F.sz_arg()),
        results=max(1, F.sz_res()),
        n=F.numel_in(),
        m=F.numel_out(),
    )
    source, library = folder / "generated.c", folder / "generated.so"
    source.write_text(source.read_text() + loop)
    flags = ["-O3", "-march=native", "-fPIC", "-shared", *(["-fopenmp"] if threads else [])]
    subprocess.run(["gcc", *flags, str(source), "-o", str(library), "-lm"], check=True)
    return ctypes.CDLL(str(library))


def casadi_buffers(posed: Posed, X: Array) -> Ready:
    """Run CasADi's own machine at one point, through buffers."""
    F = casadi_function(posed)
    buffer, trigger = F.buffer()
    first, out = np.ascontiguousarray(X[:, 0]), np.empty(posed.results)
    buffer.set_arg(0, memoryview(first))
    buffer.set_res(0, memoryview(out))
    kept = buffer, first  # CasADi holds addresses only
    return Ready(None, lambda: (kept, trigger())[1], lambda: out)


# --- heyoka ---


def heyoka_compiled(posed: Posed, X: Array, *, cached: bool) -> Ready:
    import heyoka

    heyoka.llvm_state.set_diskcache_enabled(cached)
    if cached:
        heyoka.llvm_state.set_diskcache_path(str(Path(os.environ["BENCH_CACHE"]) / "heyoka"))
    variables = heyoka.make_vars(*[v.name for v in posed.inputs])
    given = dict(zip(posed.inputs, variables, strict=True))
    made = [to_heyoka(heyoka, f, given) for f in posed.outputs]
    fn = heyoka.cfunc(heyoka_wanted(heyoka, posed, made, variables), variables)
    first, line = np.ascontiguousarray(X[:, 0]), np.empty(posed.results)
    out = np.empty((posed.results, posed.points))
    return Ready(lambda: fn(X, outputs=out), lambda: fn(first, outputs=line), lambda: line)


def heyoka_wanted(heyoka: Any, posed: Posed, made: list[Any], variables: list[Any]) -> list[Any]:
    count = len(variables)
    order = 2 if posed.kind == "hessian" else 1
    tensors = heyoka.diff_tensors(made, variables, diff_order=order)
    unit = np.eye(count, dtype=int)
    if posed.kind == "hessian":
        return [
            tensors[[0, *map(int, unit[i] + unit[j])]] for i in range(count) for j in range(count)
        ]
    slopes = [tensors[[k, *map(int, unit[j])]] for k in range(len(made)) for j in range(count)]
    return [*made, *slopes]


def to_heyoka(heyoka: Any, expr: Any, given: dict[Any, Any]) -> Any:
    """Convert node by node: each distinct subtree once."""
    made = dict(given)
    for node in postorder(expr, made):
        args = [made[a] for a in node.args]
        if not args:
            made[node] = heyoka.expression(float(node))
        elif node.is_Add:
            made[node] = heyoka.sum(args)
        elif node.is_Mul:
            made[node] = heyoka.prod(args)
        elif node.is_Pow:
            made[node] = args[0] ** args[1]
        else:
            made[node] = getattr(heyoka, node.func.__name__)(*args)
    return made[expr]


# --- JAX ---


def jax_by_hand(posed: Posed, X: Array) -> Ready:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    f = posed.by_hand(jnp)
    one = {
        "gradient": jax.value_and_grad(f),
        "jacobian": lambda x: (f(x), jax.jacrev(f)(x)),
        "hessian": jax.hessian(f),
    }[posed.kind]
    points, first = jnp.array(X.T), jnp.array(X[:, 0])
    batch, alone = jax.jit(jax.vmap(one)), jax.jit(one)
    jax.block_until_ready(batch(points))  # it compiles at the first call
    return Ready(
        lambda: jax.block_until_ready(batch(points)),
        lambda: jax.block_until_ready(alone(first)),
        lambda: flattened(alone(first)),
    )


LLVM, NUMPY, LLVM_CACHED = "symgrad, llvm", "symgrad, numpy", "symgrad, llvm, from cache"
LLVM_PACKAGES = "symgrad,llvmlite.binding"
NATIVES: dict[str, Native] = {
    native.name: native
    for native in (
        Native(LLVM, LLVM_PACKAGES, partial(symgrad_compiled, backend="llvm", cache=False)),
        Native(
            f"{LLVM}, one thread",
            LLVM_PACKAGES,
            partial(symgrad_compiled, backend="llvm", cache=False, threads=1),
        ),
        Native(LLVM_CACHED, LLVM_PACKAGES, partial(symgrad_compiled, backend="llvm"), cached=True),
        Native(NUMPY, "symgrad", partial(symgrad_compiled, backend="numpy")),
        Native("heyoka", "heyoka", partial(heyoka_compiled, cached=False)),
        Native("heyoka, from cache", "heyoka", partial(heyoka_compiled, cached=True), cached=True),
        Native("SymEngine, LLVM", "symengine", symengine_llvm, left_out=("deep100",)),
        Native("CasADi, C", "casadi", partial(casadi_loop, threads=False)),
        Native("CasADi, C, OpenMP", "casadi", partial(casadi_loop, threads=True)),
        Native("CasADi, buffers", "casadi", casadi_buffers),
        Native("JAX, by hand", "jax", jax_by_hand),
        Native("SymPy, lambdify", "sympy", sympy_lambdified, slow=True, left_out=("deep100",)),
    )
}
