"""Tensor expressions beside the same in NumPy: one table for shapes, values and derivatives.

Loaded by `runpy`; the sizes that are letters stay symbols in the expressions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import scipy.special
import sympy

import symgrad as sg

LENGTHS = {"n": 4, "m": 3, "b": 2}
A, B, V, U, C, Q = ("n", "m"), ("n", "m"), ("m",), ("n",), ("b", "n", "m"), ("b", 3, 3)
SYMBOLS: dict[Any, Any] = {k: sympy.Symbol(k, integer=True, positive=True) for k in LENGTHS}


class Case(NamedTuple):
    """An expression and its oracle.

    Attributes
    ----------
    name : str
        What it shows.
    shapes : tuple of tuple
        Of the operands.
    ours, theirs : callable
        Of tensors, and of arrays.
    """

    name: str
    shapes: tuple[tuple[Any, ...], ...]
    ours: Callable[..., Any]
    theirs: Callable[..., Any]


def both(name: str, shapes: Any, function: Callable[..., Any]) -> Case:
    """Return a case whose code is the same on both sides."""
    return Case(name, shapes, function, function)


def called(name: str, shapes: Any, *args: Any, theirs: Any = None, **options: Any) -> Case:
    """Return a case of a function that NumPy has under the same name."""
    function = theirs or getattr(np, name)
    shown = ", ".join([*map(str, args), *[f"{k}={v}" for k, v in options.items()]])
    return Case(
        f"{name}({shown})",
        shapes,
        lambda *x: getattr(sg, name)(*x, *args, **options),
        lambda *x: function(*x, *args, **options),
    )


def positive(x: Any) -> Any:
    """Return positive definite matrices from any."""
    return x @ np.swapaxes(x, -1, -2) + 3 * np.eye(3)


def positive_ours(x: Any) -> Any:
    return x @ sg.swapaxes(x, -1, -2) + 3 * sg.tensor("I", 3, 3)


def softmax(x: Any, axis: Any = -1) -> Any:
    return scipy.special.softmax(x, axis=axis)


def one_of(x: Any) -> Any:
    """Return the functions of a module for ours or theirs."""
    return np if isinstance(x, np.ndarray) else sg


ARITHMETIC = [
    both("x + y", (A, B), lambda x, y: x + y),
    both("x - row", (A, V), lambda x, v: x - v),
    both("column * x", (A, U), lambda x, u: u[:, None] * x),
    both("x/(2 + y**2)", (A, B), lambda x, y: x / (2 + y**2)),
    both("outer sum", (V, U), lambda v, u: v + u[:, None]),
    both("ones on both sides", ((1, "m"), ("n", 1)), lambda x, y: x * y - y),
    both("one entry", (A, (1, 1)), lambda x, y: x * y + y),
    both("more ones than axes", ((1,), (1, 1)), lambda x, y: x * y + x),
    both("batch", (C, A), lambda c, x: c * x - x * c**2),
    both("batch of rows", (C, V), lambda c, v: c + v),
    both("number on the left", (A,), lambda x: 2 - 3 * x),
    both("number below", (A,), lambda x: 1 / (3 + x**2)),
    both("number in the base", (A,), lambda x: 2**x),
    both("negative power", (A,), lambda x: (x**2 + 1) ** -2),
    both("root", (A,), lambda x: (x**2 + 1) ** 0.5),
    both("negation", (A,), lambda x: -x * -2),
    both("absolute value", (A,), lambda x: abs(x)),
    both("array on the left", ((3,),), lambda v: np.array([1.0, 2.0, 3.0]) * v),
    both("array of two axes", ((3,),), lambda v: v + np.arange(6.0).reshape(2, 3)),
    both("list", ((3,),), lambda v: v * [1, 0, 2]),
    both("ufuncs", (A, B), lambda x, y: np.tanh(x) + np.exp(np.sin(y)) * np.square(x)),
    both("ufuncs of two", (A, B), lambda x, y: np.multiply(x, y) - np.arctan2(x, 4 + y)),
    both("extremes", (A, V), lambda x, v: np.maximum(x, v) + np.minimum(x, 0.3)),
    Case(
        "map", (A,), lambda x: sg.map(lambda t: t**2 + sympy.cos(t), x), lambda x: x**2 + np.cos(x)
    ),
    Case("map by name", (A,), lambda x: sg.map("sigmoid", x), scipy.special.expit),
    Case(
        "map of two",
        (A, V),
        lambda x, v: sg.map(lambda s, t: s * sympy.exp(t) - t, x, v),
        lambda x, v: x * np.exp(v) - v,
    ),
    both("where", (A, V), lambda x, v: one_of(x).where(x > v, x * v, 1.0)),
    both(
        "where of joined conditions",
        (A, B),
        lambda x, y: one_of(x).where((x > 0) & ~(y <= 0.1) | (x < -1), x * y, y),
    ),
    both("conditions as numbers", (A, B), lambda x, y: (x > y) * x),
    Case("equality", (A,), lambda x: sg.where(sg.equal(x, x), x, 7), lambda x: x),
]
REDUCTIONS = [
    *(
        called(name, (C,), theirs=function, axis=axis, keepdims=keepdims)
        for name, function in (
            ("sum", np.sum),
            ("mean", np.mean),
            ("max", np.max),
            ("min", np.min),
            ("prod", np.prod),
            ("logsumexp", scipy.special.logsumexp),
            ("norm", lambda x, axis, keepdims: np.sqrt(np.sum(x**2, axis=axis, keepdims=keepdims))),
        )
        for axis, keepdims in ((1, False), ((0, -1), True), (-1, True), ((), False))
        if name != "prod"
    ),
    *(called(name, (C,)) for name in ("sum", "mean", "max", "min")),
    called("prod", ((3, "n", 2),), axis=(0, 2), keepdims=True),
    called("prod", ((5, "n"),), axis=0),
    *(called("softmax", (C,), axis=axis, theirs=softmax) for axis in (0, -1, (1, 2), None)),
    called("log_softmax", (C,), axis=1, theirs=scipy.special.log_softmax),
    both("methods", (C,), lambda c: c.sum(0) + c.mean((0,)) * c.max() - c.min(axis=0)),
]
FORMS = [
    both("transposed", (C,), lambda c: c.T),
    both("turned", (C,), lambda c: c.transpose((1, 0, 2)) * 1.0),
    called("transpose", (C,), (2, 0, 1)),
    called("swapaxes", (C,), -1, 0),
    both("flat", (C,), lambda c: c.reshape(-1)),
    both("reshaped", ((4, "m"),), lambda x: x.reshape(2, -1, 2)),
    called("broadcast_to", ((3, 1),), (2, 3, 5)),
    called("expand_dims", (A,), (0, -1)),
    called("squeeze", ((1, "n", 1),)),
    called("squeeze", ((1, "n", 1),), axis=-1),
    both("entry", (A,), lambda x: x[1, 2]),
    both("last row", (A,), lambda x: x[-1]),
    both("slices", (A,), lambda x: x[1:-1, ::-1]),
    both("steps", (("n",),), lambda x: x[::2]),
    both("steps backwards", ((7, "m"),), lambda x: x[5:0:-2]),
    both("nothing left", ((7, "m"),), lambda x: x[3:3]),
    both("beyond the end", ((7, "m"),), lambda x: x[5:99]),
    both("dots", (C,), lambda c: c[..., 0]),
    both("dots in front", (C,), lambda c: c[0, ..., 1:]),
    both("new axes", (A,), lambda x: x[None, :, None, 1]),
    both("positions", (A,), lambda x: x[[2, 0, 2]]),
    both("positions along the last axis", (C,), lambda c: c[..., np.array([[0, 1], [2, 0]])]),
    both("positions and slices", (C,), lambda c: c[:, [0, 3], 1:]),
    Case(
        "take",
        (A,),
        lambda x: sg.take(x, [[1, 0], [2, 1]], axis=1),
        lambda x: np.take(x, [[1, 0], [2, 1]], axis=1),
    ),
    called("take", (A,), [5, 1]),
    Case(
        "concat",
        (A, B),
        lambda x, y: sg.concat([x, y, x], axis=-1),
        lambda x, y: np.concatenate([x, y, x], axis=-1),
    ),
    both("stack", (A, B), lambda x, y: one_of(x).stack([x, y], axis=1)),
    both("stack of scalars", (V,), lambda v: one_of(v).stack([v[0], v[1] * v[2], 3.0])),
    called("pad", (A,), ((1, 0), (0, 2))),
    called("pad", (A,), 1, constant_values=2),
    called("pad", (A,), ((0, 0), (2, 1)), constant_values=-1.5),
    called("roll", (A,), 1, axis=1),
    called("roll", (A,), -1, axis=0),
    called("roll", ((3, 4),), 5),
    called("diag", (V,)),
    called("diag", ((3, 3),)),
    called("trace", ((3, 3),)),
    called("trace", ((3, "n", 3),), axis1=2, axis2=0),
    called("tril", (Q,)),
    called("triu", (Q,)),
]
PRODUCTS = [
    both("matrix @ vector", (A, V), lambda x, v: x @ v),
    both("vector @ matrix", (U, A), lambda u, x: u @ x),
    both("vector @ vector", (V, V), lambda v, u: v @ u),
    both("matrix @ matrix", (A, ("m", 5)), lambda x, y: x @ y),
    both("batch @ matrix", (C, ("m", 5)), lambda c, x: c @ x),
    both("matrix @ batch", ((5, "n"), C), lambda x, c: x @ c),
    both("batch @ batch", (C, ("b", "m", 2)), lambda c, x: c @ x),
    both("batch of one", (C, (1, "m", 2)), lambda c, x: c @ x),
    both("batches that broadcast", (("b", 1, "n", "m"), (5, "m", 1)), lambda c, x: c @ x),
    both("batch @ vector", (C, V), lambda c, v: c @ v),
    called("dot", (A, V)),
    called("dot", (C, ("b", "m", 2))),
    called("outer", (V, U)),
    *(
        Case(spec, shapes, lambda *x, s=spec: sg.einsum(s, *x), lambda *x, s=spec: np.einsum(s, *x))
        for spec, shapes in (
            ("ij,jk->ik", (A, ("m", 2))),
            ("ij,jk", (A, ("m", 2))),
            ("ba", (A,)),
            ("ij,ij->", (A, B)),
            ("ij->j", (A,)),
            ("bii->bi", (Q,)),
            ("bii->b", (Q,)),
            ("bij,j,i->bi", (C, V, U)),
            (" i , j -> j i ", (V, U)),
            ("bij,bkj,kl->bil", (C, C, ("n", 2))),
        )
    ),
]
ALGEBRA = [
    *(
        Case(
            name,
            (Q,),
            lambda x, f=name: getattr(sg, f)(positive_ours(x)),
            lambda x, f=function: f(positive(x)),
        )
        for name, function in (
            ("inv", np.linalg.inv),
            ("det", np.linalg.det),
            ("logdet", lambda x: np.linalg.slogdet(x)[1]),
            ("cholesky", np.linalg.cholesky),
        )
    ),
    called("expm", (Q,), theirs=scipy.linalg.expm),
    *(
        Case(
            f"solve {shape}",
            (Q, shape),
            lambda x, y: sg.solve(positive_ours(x), y),
            lambda x, y: np.linalg.solve(positive(x), y),
        )
        for shape in ((3,), ("b", 3, 2), (3, "n"))
    ),
    Case(
        "solve of one matrix",
        ((3, 3), ("b", 3, 2)),
        lambda x, y: sg.solve(positive_ours(x), y),
        lambda x, y: np.linalg.solve(np.broadcast_to(positive(x), (2, 3, 3)), y),
    ),
]
NUMPY = [  # NumPy's own functions, given tensors
    both("np.sum", (C,), lambda c: np.sum(c, axis=(0, 2)) + np.mean(c, axis=-1).sum(axis=0)),
    both("np.where", (A,), lambda x: np.where(x > 0, np.exp(x), 1 + x)),
    both("np.concatenate", (A, B), lambda x, y: np.concatenate([x, y], axis=1)[:, 1:]),
    both("np.stack", (A, B), lambda x, y: np.stack([x, y])),
    both("np.einsum", (A, C), lambda x, c: np.einsum("nm,bnm->b", x, c)),
    both("np.dot", (A, V), lambda x, v: np.dot(x, v) * np.linalg.norm(x, axis=1)),
    both("np.transpose", (C,), lambda c: np.transpose(c, (1, 0, 2)) - np.swapaxes(c, 0, 1)),
    both("np.reshape", (C,), lambda c: np.reshape(c, (-1, 3))),
    both("np.linalg", ((3, 3), V), lambda x, v: np.linalg.solve(x @ x.T + np.eye(3), v[:3])),
    both("np.trace", ((3, 3),), lambda x: np.trace(x) * np.max(x)),
]
CASES = [*NUMPY, *ARITHMETIC, *REDUCTIONS, *FORMS, *PRODUCTS, *ALGEBRA]


def symbols(case: Case) -> list[Any]:
    """Return a tensor symbol for each operand."""
    return [sg.tensor(f"x{k}", *shape) for k, shape in enumerate(case.shapes)]


def arrays(case: Case, rng: np.random.Generator) -> list[Any]:
    """Return an array for each operand; half of the entries are of either sign."""
    return [rng.normal(size=numbers(shape)) for shape in case.shapes]


def numbers(shape: Any) -> tuple[int, ...]:
    """Return a shape with numbers for letters and symbols."""
    symbolic = [sympy.Integer(1) * SYMBOLS.get(n, n) for n in shape]
    return tuple(int(n.subs({SYMBOLS[k]: size for k, size in LENGTHS.items()})) for n in symbolic)


def values(case: Case, given: list[Any]) -> dict[str, Any]:
    """Return operands by name, with the identity that some cases need."""
    named = {f"x{k}": value for k, value in enumerate(given)}
    return named | ({"I": np.eye(3)} if case in ALGEBRA and "expm" not in case.name else {})
