"""Tensors of any rank with NumPy's semantics: symbols, and operations known by name.

A tensor with axes is a SymPy `Basic` but no `Expr`, so that SymPy cannot cancel or reorder it away;
a result without axes is an `Expr` and lives in SymPy's scalar expressions. Shapes are checked as an
operation is made. Nothing here evaluates; how the graph spells operations is in
`symgrad.dag.tensor_build`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy
from sympy import Basic, Expr, S
from sympy.core.relational import Relational
from sympy.core.symbol import Str
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from symgrad.errors import ShapeError, UnknownPartialError, UnsupportedError, hint
from symgrad.expr.dims import Shape, dim
from symgrad.expr.functions import TABLE
from symgrad.expr.matrices import FACTS, SQUARE
from symgrad.expr.numbers import as_expr
from symgrad.expr.operands import Value
from symgrad.expr.structure import Structural
from symgrad.expr.tensor_index import is_whole, read_key, whole_axes
from symgrad.expr.tensor_operators import Operators
from symgrad.expr.tensor_order import depth_of, sort_key_of
from symgrad.expr.tensor_params import frozen, plain
from symgrad.expr.tensor_shapes import Axis, many_axes, shown, tidy
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


class AnyTensor(Structural, Operators, Basic):  # type: ignore[misc]
    """What has axes: a symbol or an operation."""

    @staticmethod
    def _apply(name: str, *operands: Any, params: Any = ()) -> Any:
        return apply(name, *operands, params=params)

    @staticmethod
    def _mapped(function: Any, *operands: Any) -> Any:
        return mapped(function, *operands)

    def _indexed(self, key: Any) -> Any:
        return indexed(self, key)

    def _sympystr(self, printer: Any, *_: Any) -> str:
        return str(service("expr.text")(self))

    def _latex(self, printer: Any, *_: Any) -> str:
        return str(service("tensor.latex")(self, printer))

    def sort_key(self, order: Any = None) -> Any:
        """Return what SymPy sorts by, without recursion."""
        return sort_key_of(self)


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


class Applied(Structural):
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
            if isinstance(top, Applied):  # a size in a parameter is no variable
                stack.extend(top.args[2:] if top.name != "map" else top.args[1:])
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

    def _latex(self, printer: Any, *_: Any) -> str:
        return str(service("tensor.latex")(self, printer))

    def sort_key(self, order: Any = None) -> Any:
        """Return what SymPy sorts by, without recursion."""
        return sort_key_of(self)

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
    made.depth = depth_of(operands)
    hash(made)  # asked while it is shallow: SymPy recurses later, and operands remember theirs
    return made


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
    still = whole_axes(parts, x.shape)
    if not is_whole(still, x.shape):
        x = apply("index", x, params=(tuple(still),))
    return apply("take", x, parts[chosen[0]][1], params=(chosen[0],)) if chosen else x


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
