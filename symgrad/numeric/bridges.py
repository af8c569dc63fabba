"""Bridges: a formula as what SciPy's optimisers, torch and JAX take, with symgrad's gradients.

The derivatives are the closed forms' programs; nobody differentiates through the value's program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np

from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import UnknownNameError, UnsupportedError
from symgrad.expr.symbols import label
from symgrad.numeric.compiled import compile_function
from symgrad.numeric.layout import Pack
from symgrad.numeric.sizes import Reader, has_tensors
from symgrad.numeric.tensor_torch import transformed

BOTH = ("value", "grad")
DENSE = 64  # variables up to which `hess="auto"` gives the whole matrix


@dataclass(frozen=True, slots=True)
class ForScipy:
    """What `scipy.optimize` takes, all of it a function of one point, shape (n,).

    Parameters
    ----------
    fun : callable
        The value, a float; the residuals, shape (m,), for a list of them.
    jac : callable
        The gradient, shape (n,); the Jacobian, shape (m, n), for residuals.
    hess : callable or None
        The Hessian, shape (n, n).
    hessp : callable or None
        `hessp(x, p)`: the Hessian times a direction, shape (n,).
    names : tuple of str
        The variables, in the order of the point.
    """

    fun: Callable[..., Any]
    jac: Callable[..., Any]
    hess: Callable[..., Any] | None
    hessp: Callable[..., Any] | None
    names: tuple[str, ...]

    @property
    def options(self) -> dict[str, Any]:
        """What is there as keyword arguments, for `minimize(fun, x0, **options)`."""
        found = {"jac": self.jac, "hess": self.hess, "hessp": self.hessp}
        return {name: function for name, function in found.items() if function is not None}


def to_scipy(
    f: Any,
    wrt: Any = None,
    *,
    fixed: dict[Any, float] | None = None,
    hess: str | None = "auto",
    kinks: str = "min_norm",
    backend: str = "auto",
) -> ForScipy:
    """Return a formula as `scipy.optimize.minimize` and `least_squares` take it.

    Parameters
    ----------
    f : scalar, or list of m residuals
        What to minimise; a list for `least_squares`.
    wrt : structure of n variables, optional
        What varies; default: every variable without a value in `fixed`.
    fixed : dict of name or symbol to float, optional
        The values of the other variables.
    hess : {"auto", "matrix", "product"} or None
        Which form the Hessian takes: a matrix up to 64 variables, else products. None: neither.
    kinks, backend
        As for `compile`.

    Returns
    -------
    ForScipy
        `.fun`, `.jac`, `.hess` or `.hessp`, and `.options` with all but `fun`.

    Raises
    ------
    UnknownNameError
        If a variable neither varies nor has a value.

    Examples
    --------
    >>> from scipy.optimize import minimize
    >>> rosenbrock = to_scipy("(1 - x)**2 + 100*(y - x**2)**2", ["x", "y"])
    >>> found = minimize(rosenbrock.fun, [0, 2], method="trust-exact", **rosenbrock.options)
    >>> found.x.round(3).tolist()
    [1.0, 1.0]
    """
    if hess not in ("auto", "matrix", "product", None):
        raise UnsupportedError(f"hess={hess!r} is unknown; use 'auto', 'matrix', 'product' or None")
    source = graph(f)
    moving, others = _divided(source, wrt, fixed or {})
    options = {"kinks": kinks, "backend": backend}
    listed = isinstance(f, (list, tuple)) or len(source.outputs) != 1
    return _for_scipy(_Maker(f, moving, others, options), hess, listed=listed)


def _for_scipy(made: _Maker, hess: str | None, *, listed: bool) -> ForScipy:
    names = tuple(map(label, made.moving))

    if listed:
        return ForScipy(made("value", np.array), made("jacobian", np.asarray), None, None, names)
    dense = hess == "matrix" or (hess == "auto" and len(names) <= DENSE)
    return ForScipy(
        made("value", float),
        made("grad", _only),
        made("hessian", np.asarray) if dense else None,
        made("hvp", _only) if hess and not dense else None,
        names,
    )


def _divided(source: Graph, wrt: Any, fixed: dict[Any, float]) -> tuple[Pack, dict[Any, float]]:
    """Return the variables that vary, and the values of the others."""
    others = {source.key(name): float(value) for name, value in fixed.items()}
    varies = source.inputs if wrt is None else map(source.key, structure.leaves(wrt))
    moving = Pack(s for s in varies if wrt is not None or s not in others)
    known = {*moving, *others}
    left = [label(s) for s in source.inputs if s not in known]
    if left:
        raise UnknownNameError(
            f"`{'`, `'.join(left[:8])}` neither varies nor has a value; name it in `wrt`, or give "
            f"its value, as in fixed={{{left[0]!r}: 1.0}}"
        )
    return moving, others


@dataclass(frozen=True, slots=True)
class _Maker:
    """Compiles functions of one packed point; values of what is fixed stand behind it."""

    f: Any
    moving: Pack
    others: dict[Any, float]
    options: dict[str, Any]

    def __call__(self, part: str, read: Callable[[Any], Any]) -> Callable[..., Any]:
        """Return a part as a function of a point; `read` gives it the form that SciPy takes."""
        args = [self.moving, *self.others]
        compiled = compile_function(self.f, args, wrt=self.moving, returns=part, **self.options)
        values = tuple(self.others.values())

        def function(point: Any, *direction: Any) -> Any:
            return read(compiled(np.asarray(point, np.float64), *values, *direction))

        return function


def _only(found: Any) -> Any:
    """Return the one packed array of a gradient."""
    (array,) = found
    return array


# --- torch and JAX ---


class _Pair:
    """A formula and its pullback in the dtype of the values; compiled when first met."""

    def __init__(self, f: Any, args: Sequence[Any] | None, options: dict[str, Any]) -> None:
        source = graph(f)
        self.listed = isinstance(f, (list, tuple)) or len(source.outputs) != 1
        self.of_tensors = has_tensors(source)
        self.alone = not self.listed and source.outputs[0] not in source.nodes.shapes
        self._question, self._options = (f, args), options
        self._args = args
        if args is None and self.of_tensors:
            self._args = [one.symbol for one in Reader(source).inputs]
        self._made: dict[Any, Any] = {}

    def __call__(
        self, part: str | tuple[str, ...], dtype: str, wanted: tuple[int, ...] | None = None
    ) -> Any:
        """Return a part in a dtype: of all arguments, or of those at the places wanted."""
        key = (part, dtype, wanted)
        if key not in self._made:
            wrt = None if wanted is None else tuple(self._args[k] for k in wanted)  # type: ignore[index]
            options = {"returns": part, "dtype": dtype, "wrt": wrt, **self._options}
            self._made[key] = compile_function(*self._question, **options)
        return self._made[key]

    def pulled(self, dtype: str, values: Sequence[Any], bars: Any, stack: Any) -> Any:
        """Return the cotangents of values; scalar outputs take theirs stacked in one array."""
        given = bars if isinstance(bars, (tuple, list)) else (bars,)
        if self.listed and not self.of_tensors:
            given = (stack(given),)
        return self("vjp", dtype)(*values, *given)


def to_torch(f: Any, args: Sequence[Any] | None = None, *, kinks: str = "min_norm") -> Any:
    """Return a formula as a function of tensors whose gradient is symgrad's.

    Parameters
    ----------
    f : scalar or tensor, or list of m outputs
        The formula.
    args : sequence of names or symbols, optional
        As for `compile`.
    kinks : {"min_norm", "first", "nan"}
        What the derivative is where it does not exist.

    Returns
    -------
    callable
        One tensor an argument to a tensor, or a tuple of m of them, in the dtype and on the device
        of its tensors; through a `torch.autograd.Function`, under `torch.func` too.

    Raises
    ------
    BackendError
        If torch is absent or cannot spell a gate.
    """
    pair = _Pair(f, args, {"backend": "torch", "kinks": kinks})
    pair("value", "float64")  # what torch cannot spell is refused now
    return _for_torch(pair)


def _for_torch(pair: _Pair) -> Callable[..., Any]:
    import torch

    class Formula(torch.autograd.Function):  # type: ignore[misc]
        """Value by one program, pullback by another."""

        generate_vmap_rule = True

        @staticmethod
        def forward(dtype: str, *values: Any) -> Any:
            return pair("value", dtype)(*values)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.dtype, *values = inputs
            ctx.save_for_backward(*values)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            values = ctx.saved_tensors
            bars = pair.pulled(ctx.dtype, values, cotangents, partial(torch.stack, dim=-1))
            sums = [b.sum_to_size(v.shape).to(v) for b, v in zip(bars, values, strict=True)]
            return (None, *sums)

    def function(*values: Any) -> Any:
        """Return the formula's value at tensors, which broadcast where it is of scalars."""
        tensors = [torch.as_tensor(v) for v in values]
        kinds = [t.dtype for t in tensors if t.is_floating_point()]
        dtype = str(reduce(torch.promote_types, kinds, torch.float32)).removeprefix("torch.")
        wanted = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
        once = pair.of_tensors and pair.alone and wanted and not transformed(tensors)
        return (loss if once else Formula).apply(dtype, *tensors)

    loss = _loss_for_torch(pair)
    return function


def _loss_for_torch(pair: _Pair) -> Any:
    """Return one scalar of tensors as an `autograd.Function`."""
    import torch

    class Loss(torch.autograd.Function):  # type: ignore[misc]
        """One scalar of tensors: its gradient is computed with it, and waits for its cotangent."""

        @staticmethod
        def forward(ctx: Any, dtype: str, *values: Any) -> Any:
            wanted = tuple(k for k, v in enumerate(values) if v.requires_grad)
            value, grads = pair(BOTH, dtype, wanted)(*values)
            ctx.dtype, ctx.wanted = dtype, wanted
            ctx.save_for_backward(*values, *grads)
            return value

        @staticmethod
        def backward(ctx: Any, bar: Any) -> Any:
            count = len(ctx.saved_tensors) - len(ctx.wanted)
            values, grads = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
            if torch.is_grad_enabled():  # it is differentiated again, so it must know its values
                grads = pair("grad", ctx.dtype, ctx.wanted)(*values)
            found: list[Any] = [None] * count
            for k, g in zip(ctx.wanted, grads, strict=True):
                found[k] = (bar * g).to(values[k])
            return (None, *found)

    return Loss


def to_jax(f: Any, args: Sequence[Any] | None = None, *, kinks: str = "min_norm") -> Any:
    """Return a formula as a function of JAX arrays whose gradient is symgrad's.

    Parameters
    ----------
    f : scalar or tensor, or list of m outputs
        The formula.
    args : sequence of names or symbols, optional
        As for `compile`.
    kinks : {"min_norm", "first", "nan"}
        What the derivative is where it does not exist.

    Returns
    -------
    callable
        One array an argument to an array, or a tuple of m of them, in the dtype of its arrays; a
        `jax.custom_vjp` that `jit`, `vmap` and `grad` take (not forward mode).

    Raises
    ------
    BackendError
        If JAX is absent or cannot spell a gate.
    """
    pair = _Pair(f, args, {"backend": "jax", "kinks": kinks})
    pair("value", "float32")  # what JAX cannot spell is refused now
    return _for_jax(pair)


def _for_jax(pair: _Pair) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    def kind(values: Sequence[Any]) -> str:
        return str(jnp.result_type(*values, jnp.float32).name)

    def pulled(bar: Any, value: Any) -> Any:
        """Return the cotangent of a value in its form; whole numbers have none."""
        if not jnp.issubdtype(value.dtype, jnp.inexact):
            return np.zeros(value.shape, jax.dtypes.float0)
        return _summed(bar, value.shape).astype(value.dtype)

    formula = jax.custom_vjp(lambda *values: pair("value", kind(values))(*values))

    def forward(*values: Any) -> Any:
        if pair.of_tensors and pair.alone:  # the gradient shares what its value needs
            value, grads = pair(BOTH, kind(values))(*values)
            return value, (values, grads)
        return formula(*values), (values, None)

    def backward(kept: Any, cotangents: Any) -> Any:
        values, grads = kept
        if grads is None:
            stack = partial(jnp.stack, axis=-1)
            bars = pair.pulled(kind(values), values, cotangents, stack)
        else:
            bars = [cotangents * g for g in grads]
        return tuple(map(pulled, bars, values))

    formula.defvjp(forward, backward)

    def function(*values: Any) -> Any:
        """Return the formula's value at arrays, which broadcast where it is of scalars."""
        return formula(*map(jnp.asarray, values))

    return function


def _summed(bar: Any, shape: tuple[int, ...]) -> Any:
    """Return a gradient summed over the axes along which its variable was broadcast."""
    extra = bar.ndim - len(shape)
    axes = [k + extra for k, size in enumerate(shape) if size == 1 and bar.shape[k + extra] != 1]
    return bar.sum(axis=(*range(extra), *axes), keepdims=True).reshape(shape)
