"""Tensors of any rank with NumPy's semantics: symbols, and operations known by name.

A tensor with axes is a SymPy `Basic` but no `Expr`, so that SymPy cannot cancel or reorder it away;
a result without axes is an `Expr` and lives in SymPy's scalar expressions. Shapes are checked as an
operation is made. Nothing here evaluates; how the graph spells operations is in
`symgrad.dag.tensor_build`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy
from sympy import Basic, Expr, Integer, S, Tuple
from sympy.core.relational import Relational
from sympy.core.symbol import Str
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from symgrad.errors import ShapeError, UnknownPartialError, UnsupportedError, hint
from symgrad.expr.dims import Shape, dim
from symgrad.expr.functions import TABLE
from symgrad.expr.matrices import FACTS, SQUARE
from symgrad.expr.numbers import as_expr
from symgrad.expr.operands import Value
from symgrad.expr.tensor_index import read_key
from symgrad.expr.tensor_shapes import Axis, completed, many_axes, shown, tidy
from symgrad.expr.tensor_table import SHAPES
from symgrad.registry import service

LARGEST_ARRAY = 4096  # numbers written out in an expression; larger data are values at run time
MOST_OPERANDS = 16

# What stands for the operands of a mapped function: the same in every expression.
SLOTS = tuple(sympy.Dummy(f"x{k}", dummy_index=k + 1) for k in range(MOST_OPERANDS))

RELATIONS = {
    "lt": sympy.StrictLessThan,
    "le": sympy.LessThan,
    "gt": sympy.StrictGreaterThan,
    "ge": sympy.GreaterThan,
    "eq": sympy.Eq,
    "ne": sympy.Ne,
}
CONNECTIVES = {"and": sympy.And, "or": sympy.Or, "not": sympy.Not}
LOGICAL = (Relational, BooleanAtom, BooleanFunction)  # a SymPy Symbol is a Boolean too
SCALAR: dict[str, Callable[..., Any]] = {  # entry by entry, of operands without axes
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "neg": lambda a: -a,
    "where": lambda c, a, b: sympy.Piecewise((a, c), (b, True)),
    **RELATIONS,
    **CONNECTIVES,
}
CONDITIONS = frozenset([*RELATIONS, *CONNECTIVES])
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


class AnyTensor(Basic):  # type: ignore[misc]
    """What has axes: a symbol or an operation, with NumPy's operators and methods."""

    shape: Shape
    is_condition = False
    __hash__ = Basic.__hash__

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

    def _sympystr(self, printer: Any, *_: Any) -> str:
        return str(service("expr.text")(self))

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
        return indexed(self, key)

    def __add__(self, other: Any) -> Any:
        return apply("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return apply("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return apply("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return apply("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return apply("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return apply("div", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return apply("div", other, self)

    def __pow__(self, other: Any) -> Any:
        return apply("pow", self, other)

    def __rpow__(self, other: Any) -> Any:
        return apply("pow", other, self)

    def __matmul__(self, other: Any) -> Any:
        return apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return apply("matmul", other, self)

    def __neg__(self) -> Any:
        return apply("neg", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return mapped(sympy.Abs, self)

    def __lt__(self, other: Any) -> Any:
        return apply("lt", self, other)

    def __le__(self, other: Any) -> Any:
        return apply("le", self, other)

    def __gt__(self, other: Any) -> Any:
        return apply("gt", self, other)

    def __ge__(self, other: Any) -> Any:
        return apply("ge", self, other)

    def __and__(self, other: Any) -> Any:
        return apply("and", self, other)

    def __or__(self, other: Any) -> Any:
        return apply("or", self, other)

    def __invert__(self) -> Any:
        return apply("not", self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise UnsupportedError(
                f"`np.{ufunc.__name__}.{method}` with {sorted(options)} has no symbolic form; "
                "call the ufunc plainly"
            )
        name = UFUNCS.get(ufunc.__name__)
        return apply(name, *inputs) if name else mapped(ufunc.__name__, *inputs)

    def sum(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return the sum over axes; all of them by default."""
        return reduced("sum", self, axis, keepdims)

    def mean(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return the mean over axes."""
        return reduced("mean", self, axis, keepdims)

    def max(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return the largest entry over axes."""
        return reduced("max", self, axis, keepdims)

    def min(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return the smallest entry over axes."""
        return reduced("min", self, axis, keepdims)

    def logsumexp(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Return `log(sum(exp(x)))` over axes, without overflow."""
        return reduced("logsumexp", self, axis, keepdims)

    def reshape(self, *shape: Any) -> Any:
        """Return the entries in another shape; one size may be -1."""
        target = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        return apply("reshape", self, params=(completed(target, self.shape),))

    def transpose(self, *axes: Any) -> Any:
        """Return the tensor with its axes in another order; reversed by default."""
        given = axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        order = [int(a) % self.ndim for a in given] if given else range(self.ndim)[::-1]
        return apply("transpose", self, params=(tuple(order),))


class TensorSymbol(AnyTensor):
    """A tensor by name."""

    is_symbol = True

    def __new__(cls, name: Any, sizes: Any, *facts: Any) -> TensorSymbol:
        """Make the symbol; facts are names from `FACTS`."""
        made = Basic.__new__(cls, Str(str(name)), frozen(tuple(sizes)), *map(frozen, facts))
        made.shape = tidy(sizes)
        return made  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.args[0])

    @property
    def facts(self) -> frozenset[str]:
        """Everything that is known, implications included."""
        stated = [str(f) for f in self.args[2:]]
        return frozenset((*stated, *(i for f in stated for i in FACTS[f])))

    @property
    def free_symbols(self) -> set[Any]:
        """The symbol itself."""
        return {self}


class Applied:
    """What operations share: `args` are the name, the parameters, the operands."""

    args: tuple[Any, ...]
    shape: Shape

    @property
    def name(self) -> str:
        """Which operation."""
        return str(self.args[0])

    @property
    def params(self) -> tuple[Any, ...]:
        """What it needs beside operands, as plain Python values."""
        found: tuple[Any, ...] = plain(self.args[1])
        return found

    @property
    def operands(self) -> tuple[Any, ...]:
        """What it acts on."""
        return self.args[2:]

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols that it depends on; iterative, since networks are deep."""
        found: set[Any] = set()
        seen: set[int] = set()
        stack: list[Any] = [self]
        while stack:
            top = stack.pop()
            if id(top) in seen:
                continue
            seen.add(id(top))
            if isinstance(top, Applied):
                stack.extend(top.args[1:])
            else:
                found |= top.free_symbols
        return found.difference(SLOTS)


class TensorOp(Applied, AnyTensor):
    """An operation whose result has axes."""

    def __new__(cls, name: Any, params: Any, *operands: Any) -> TensorOp:
        """Make the expression; shapes are checked."""
        return _made(cls, name, params, operands, scalar=False)  # type: ignore[no-any-return]

    @property
    def is_condition(self) -> bool:  # type: ignore[override]
        """Whether its entries are true or false."""
        return self.name in CONDITIONS


class TensorScalar(Applied, Expr):  # type: ignore[misc]
    """An operation on tensors whose result is a number."""

    is_commutative = True
    ndim = 0

    def __new__(cls, name: Any, params: Any, *operands: Any) -> TensorScalar:
        """Make the expression; shapes are checked."""
        return _made(cls, name, params, operands, scalar=True)  # type: ignore[no-any-return]

    def _sympystr(self, printer: Any, *_: Any) -> str:
        return str(service("expr.text")(self))

    def _eval_derivative(self, symbol: Any) -> Any:
        if symbol not in self.free_symbols:
            return S.Zero
        raise UnknownPartialError(
            f"SymPy's `diff` does not know `{self.name}` of tensors; ask `sg.grad` instead"
        )


def _made(cls: Any, name: Any, params: Any, operands: Sequence[Any], *, scalar: bool) -> Any:
    fixed = frozen(tuple(params))
    shape = tidy(shape_of_call(str(name), plain(fixed), operands))
    if scalar is not (shape == ()):
        raise ShapeError(f"`{name}` of these operands has shape {shown(shape)}")
    made = Basic.__new__(cls, Str(str(name)), fixed, *operands)
    made.shape = shape
    hash(made)  # asked while it is shallow: SymPy recurses later, and operands remember theirs
    return made


# --- parameters as SymPy objects and back ---


def frozen(value: Any) -> Any:
    """Return a parameter as SymPy stores it."""
    if isinstance(value, (tuple, list)):
        return Tuple(*map(frozen, value))
    if isinstance(value, str):
        return Str(value)
    if isinstance(value, (bool, np.bool_)):
        return S.true if value else S.false
    return as_expr(value)


def plain(value: Any) -> Any:
    """Return a parameter as Python reads it: numbers, texts, tuples, expressions."""
    if isinstance(value, Tuple):
        return tuple(map(plain, value))
    if isinstance(value, Str):
        return value.name
    if value is S.true or value is S.false:
        return value is S.true
    return int(value) if isinstance(value, Integer) else value


# --- making operations ---


def shape_of_call(name: str, params: tuple[Any, ...], operands: Sequence[Any]) -> Shape:
    """Return the shape of an operation.

    Raises
    ------
    UnsupportedError
        If there is no such operation.
    ShapeError
        If the operands do not fit.
    """
    rule = SHAPES.get(name)
    if rule is None:
        raise UnsupportedError(f"`{name}` is no tensor operation{hint(name, SHAPES)}")
    return rule(name, params, [getattr(o, "shape", ()) for o in operands])


def apply(name: str, *operands: Any, params: Sequence[Any] = ()) -> Any:
    """Return an operation by its name: a tensor, or a scalar where the result has no axes."""
    given = [as_operand(o) for o in operands]
    if name == "where":
        given = [truth(given[0]), *map(number, given[1:])]
    else:
        given = [truth(o) if name in CONNECTIVES else number(o) for o in given]
    if name in SCALAR and not any(isinstance(o, AnyTensor) for o in given):
        return SCALAR[name](*given)
    shape = shape_of_call(name, tuple(params), given)
    return (TensorOp if shape else TensorScalar)(name, params, *given)


def as_operand(value: Any) -> Any:
    """Return what a tensor operation may act on.

    Parameters
    ----------
    value : Tensor, Expr, Boolean, number, or list or array of numbers
        Scalars have no axes and meet every entry.

    Raises
    ------
    UnsupportedError
        If it is of another kind, or an array of very many numbers.
    """
    if isinstance(value, (AnyTensor, *LOGICAL)):
        return value
    if getattr(value, "is_Matrix", False):
        raise UnsupportedError(
            "a SymPy matrix and a tensor do not mix, since `*` means different things; declare "
            "both with `sg.tensor`, or both as matrices"
        )
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(np.asarray(value, object)) > 0:
        return _array(np.asarray(value, object))
    if isinstance(value, np.ndarray):
        value = value[()]
    made = as_expr(value)
    if not isinstance(made, Expr) or not made.is_commutative:
        raise UnsupportedError(f"a tensor or a scalar is needed here, not `{str(value)[:80]}`")
    return made


def _array(entries: Any) -> Any:
    if entries.size > LARGEST_ARRAY:
        raise UnsupportedError(
            f"an array of {entries.size} numbers would become as many nodes; declare it with "
            "`sg.tensor`, and give the numbers as its value"
        )
    return TensorOp("array", (entries.shape,), *[as_operand(e) for e in entries.reshape(-1)])


def number(operand: Any) -> Any:
    """Return an operand as numbers: a condition counts 1 where it holds and 0 elsewhere."""
    if isinstance(operand, LOGICAL):
        return sympy.Piecewise((S.One, operand), (S.Zero, True))
    if getattr(operand, "is_condition", False):
        return TensorOp("where", (), operand, S.One, S.Zero)
    return operand


def truth(operand: Any) -> Any:
    """Return an operand as a condition: a number holds where it is not 0."""
    if isinstance(operand, LOGICAL) or getattr(operand, "is_condition", False):
        return operand
    return apply("ne", operand, S.Zero)


def reduced(name: str, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Return a reduction over axes, counted as NumPy counts them."""
    operand = as_operand(x)
    axes = many_axes(name, axis, len(getattr(operand, "shape", ())))
    return apply(name, operand, params=(axes, keepdims))


def mapped(function: Any, *operands: Any) -> Any:
    """Return a function of scalars, applied entry by entry.

    Parameters
    ----------
    function : callable or str
        A SymPy function, the name of one, or Python's own function of as many scalars.
    *operands : tensor or scalar
        They broadcast.
    """
    given = [number(as_operand(o)) for o in operands]
    slots = SLOTS[: len(given)]
    if isinstance(function, str):
        entry = TABLE.entry(function)
        if entry is None:
            raise UnsupportedError(f"`{function}` is no function{hint(function, TABLE.names())}")
        body = entry.build([Value(s, 0, 0) for s in slots])
    else:
        body = function(*slots)
    body = as_expr(body)
    if isinstance(body, LOGICAL):
        body = number(body)
    if not any(isinstance(o, AnyTensor) for o in given):
        return body.xreplace(dict(zip(slots, given, strict=True)))
    shape_of_call("map", (body,), given)
    return TensorOp("map", (body,), *given)


def indexed(x: AnyTensor, key: Any) -> Any:
    """Return `x[key]`."""
    parts = read_key(key, x.shape, _is_index)
    chosen = [k for k, part in enumerate(parts) if part[0] == "take"]
    if len(chosen) > 1:
        raise UnsupportedError(
            "only one tensor of positions may stand in an index; to pick one entry a row, use "
            "`sg.sum(sg.one_hot(positions, n)*x, axis=1)`"
        )
    if chosen and any(part[0] == "at" for part in parts):
        raise UnsupportedError(
            "positions as a tensor and as numbers do not mix in one index; index twice, as in "
            "`x[0][:, positions]`"
        )
    still = [("cut", 0, x.shape[_axis(parts, k)], 1) if k in chosen else p
             for k, p in enumerate(parts)]  # fmt: skip
    if any(p[:2] != ("cut", 0) or p[3] != 1 for p in still) or _cuts(still, x.shape):
        x = apply("index", x, params=(tuple(still),))
    return apply("take", x, parts[chosen[0]][1], params=(chosen[0],)) if chosen else x


def _axis(parts: Sequence[Any], place: int) -> int:
    return sum(part[0] != "new" for part in parts[:place])


def _cuts(parts: Sequence[Any], shape: Shape) -> bool:
    return any(part[2] != n for part, n in zip(parts, shape, strict=True))


def _is_index(item: Any) -> bool:
    if isinstance(item, (list, np.ndarray)):
        return np.asarray(item).dtype.kind in "iu" and np.ndim(item) > 0
    if isinstance(item, AnyTensor):
        return not item.is_condition
    return isinstance(item, Expr) and not item.is_number


def tensor(name: str, *sizes: Any, facts: Sequence[str] | str = ()) -> Any:
    """Return a tensor symbol; without sizes, a plain SymPy symbol.

    Parameters
    ----------
    name : str
        What it is called.
    *sizes : int, str or Expr
        Its shape; a name stands for a positive whole number.
    facts : sequence of str
        Any of `symmetric`, `diagonal`, `orthogonal`, `positive_definite` (the last two axes),
        `sums_to_one`, `one_hot` (the last axis), for closed forms.

    Returns
    -------
    TensorSymbol or Symbol
        With NumPy's operators, `.shape`, `.T`, indexing and reductions.

    Raises
    ------
    UnsupportedError
        If a fact is not known.
    ShapeError
        If a size is no whole number and no symbol, or a fact needs square matrices.

    Examples
    --------
    >>> X, w = tensor("X", "N", 3), tensor("w", 3)
    >>> (X @ w - 1).shape
    (N,)
    """
    shape = tuple(dim(n) for n in sizes)
    stated = (facts,) if isinstance(facts, str) else tuple(facts)
    for fact in stated:
        if fact not in FACTS:
            raise UnsupportedError(f"`{fact}` is no known fact; use any of {', '.join(FACTS)}")
        if fact in SQUARE and (len(shape) < 2 or shape[-1] != shape[-2]):
            raise ShapeError(f"`{name}` has shape {shown(shape)}; only square matrices are {fact}")
    return TensorSymbol(name, shape, *stated) if shape else sympy.Symbol(name)
