"""NumPy's operators and methods, for whatever can apply an operation by its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.dims import Shape
from symgrad.expr.tensor_shapes import Axis, completed, many_axes, one_axis, shown
from symgrad.registry import service

UFUNCS = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "power": "pow",
    "float_power": "pow",
    "negative": "neg",
    "matmul": "matmul",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "equal": "eq",
    "not_equal": "ne",
    "logical_and": "and",
    "logical_or": "or",
    "logical_not": "not",
}


class Operators:
    """What a tensor can be written with: operators, brackets, ufuncs, methods."""

    shape: Shape
    is_condition = False

    @staticmethod
    def _apply(name: str, *operands: Any, params: Any = ()) -> Any:
        """Return an operation by its name."""
        raise NotImplementedError

    @staticmethod
    def _mapped(function: Any, *operands: Any) -> Any:
        """Return a function of scalars, entry by entry."""
        raise NotImplementedError

    def _indexed(self, key: Any) -> Any:
        """Return what stands in brackets."""
        raise NotImplementedError

    def _reduced(self, name: str, axis: Axis, keepdims: bool) -> Any:
        return self._apply(name, self, params=(many_axes(name, axis, self.ndim), keepdims))

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """How many entries there are."""
        return sympy.prod(self.shape)

    @property
    def T(self) -> Any:
        """The tensor with its axes in reverse order."""
        return self.transpose()

    def __len__(self) -> int:
        if isinstance(self.shape[0], int):
            return self.shape[0]
        raise ShapeError(f"the first size of shape {shown(self.shape)} is no number yet")

    def __bool__(self) -> bool:
        if self.is_condition:
            raise ShapeError(
                "a condition on a tensor is true in some entries and false in others; use `where`, "
                "and join conditions with `&`, `|` and `~`"
            )
        return True

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        return self._indexed(key)

    def __add__(self, other: Any) -> Any:
        return self._apply("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._apply("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._apply("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._apply("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._apply("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._apply("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._apply("div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._apply("div", other, self)

    def __pow__(self, other: Any) -> Any:
        return self._apply("pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._apply("pow", other, self)

    def __matmul__(self, other: Any) -> Any:
        return self._apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._apply("matmul", other, self)

    def __neg__(self) -> Any:
        return self._apply("neg", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self._mapped(sympy.Abs, self)

    def __lt__(self, other: Any) -> Any:
        return self._apply("lt", self, other)

    def __le__(self, other: Any) -> Any:
        return self._apply("le", self, other)

    def __gt__(self, other: Any) -> Any:
        return self._apply("gt", self, other)

    def __ge__(self, other: Any) -> Any:
        return self._apply("ge", self, other)

    def __and__(self, other: Any) -> Any:
        return self._apply("and", self, other)

    def __or__(self, other: Any) -> Any:
        return self._apply("or", self, other)

    def __invert__(self) -> Any:
        return self._apply("not", self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise UnsupportedError(
                f"`np.{ufunc.__name__}.{method}` with {sorted(options)} has no symbolic form; "
                "call the ufunc plainly"
            )
        name = UFUNCS.get(ufunc.__name__)
        return self._apply(name, *inputs) if name else self._mapped(ufunc.__name__, *inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return service("tensor.function")(function.__name__)(*args, **options)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UnsupportedError(
            "a tensor holds no numbers that an array could hold; join tensors with `stack` or "
            "`concat`, and evaluate one with `sg.evaluate`"
        )

    def sum(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return the sum over axes; all of them by default."""
        return self._reduced("sum", axis, keepdims)

    def mean(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return the mean over axes."""
        return self._reduced("mean", axis, keepdims)

    def max(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return the largest entry over axes."""
        return self._reduced("max", axis, keepdims)

    def min(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return the smallest entry over axes."""
        return self._reduced("min", axis, keepdims)

    def logsumexp(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return `log(sum(exp(x)))` over axes, without overflow."""
        return self._reduced("logsumexp", axis, keepdims)

    def reshape(self, *shape: Any) -> Any:
        """Return the entries in another shape; one size may be -1."""
        target = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return self._apply("reshape", self, params=(completed(target, self.shape),))

    def transpose(self, *axes: Any) -> Any:
        """Return the tensor with its axes in another order; reversed by default."""
        given = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        order = [one_axis("transpose", a, self.ndim) for a in given]
        return self._apply("transpose", self, params=(tuple(order or range(self.ndim)[::-1]),))
