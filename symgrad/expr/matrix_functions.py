"""Functions of whole matrices, and what a call means when an argument is a matrix.

A row gives the names, how many arguments, and what is built. Every other function acts entry by
entry. Imports the algebra of matrices and the function table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sympy
from sympy import Basic, DiagMatrix, S, Transpose
from sympy.matrices.expressions.diagonal import DiagonalOf

from symgrad.expr import elementwise, literal, operands
from symgrad.expr.algebra import SCALAR, Algebra
from symgrad.expr.catalogue import HALF
from symgrad.expr.dims import dim
from symgrad.expr.functions import Entry
from symgrad.expr.matrices import REDUCTIONS, SHAPES
from symgrad.expr.operands import Value
from symgrad.expr.refusal import Refusal

AXIS = "`axis=0` goes down the columns and `axis=1` along the rows; nothing else is an axis"
_LONGEST_AXIS = 10**15
_LARGEST_SIZE = 20  # nodes of a size that is written as a formula


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is written.

    Parameters
    ----------
    algebra : Algebra
        The matrices of the text.
    name : str
        The function.
    values : sequence of Value
        The arguments.
    params : tuple
        The axis, where one is given.
    place : int
        Where the call stands.
    """

    algebra: Algebra
    name: str
    values: Sequence[Value]
    params: tuple[Any, ...]
    place: int

    @property
    def nodes(self) -> list[Any]:
        """The arguments, which must be numbers or matrices."""
        return [operands.quantity(value) for value in self.values]

    def refused(self, message: str) -> Refusal:
        """Return a refusal at the first argument."""
        return Refusal(message, self.values[0].start, shape=True)


def transposed(algebra: Algebra, node: Any) -> Any:
    """Return `A.T`; a scalar is its own."""
    shape = algebra.shape(node)
    return node if shape == SCALAR else algebra.build(Transpose, shape[::-1], node)


# --- rows ---


def _named(call: Call) -> Any:
    """Build an operation that is known by name."""
    return call.algebra.operation(call.name, call.params, call.nodes, call.values[0].start)


def _of_square(head: Any, *more: Any, matrix: bool) -> Callable[[Call], Any]:
    """Return what builds `head` of a square matrix: a matrix or a scalar."""

    def build(call: Call) -> Any:
        (node,) = call.nodes
        shape = call.algebra.shape(node)
        if shape[0] != shape[1]:
            raise call.refused(
                f"`{call.name}` needs a square matrix, but "
                f"`{call.algebra.quoted(call.values[0])}` is {call.algebra.described(shape)}"
            )
        if matrix:
            return call.algebra.build(head, shape, node, *more)
        return literal.apply(head, node)

    return build


def _dot(call: Call) -> Any:
    left, right = call.values
    one, other = (call.algebra.shape(node) for node in call.nodes)
    if one != other:
        raise call.algebra.mismatch(left, right, call.place, call.name)
    return _named(call)


def _diagonal(call: Call) -> Any:
    (node,) = call.nodes
    rows, columns = shape = call.algebra.shape(node)
    if 1 in shape:
        length = columns if rows == 1 else rows
        made: Any = Basic.__new__(DiagMatrix, node)  # SymPy's constructor asks for the shape
        made._vector, made._iscolumn, made._shape = node, columns == 1, (_number(length),) * 2
        return call.algebra.made(made, (length, length))
    if rows != columns:
        raise call.refused(
            "`diag` takes a vector or a square matrix, but "
            f"`{call.algebra.quoted(call.values[0])}` is {call.algebra.described(shape)}"
        )
    return call.algebra.build(DiagonalOf, (rows, 1), node)


def _kronecker(call: Call) -> Any:
    (left, right), algebra = call.nodes, call.algebra
    if not (algebra.is_matrix(left) and algebra.is_matrix(right)):
        return algebra.product(left, right)
    (a, b), (c, d) = algebra.shape(left), algebra.shape(right)
    shape = dim(a * c), dim(b * d)
    if any(isinstance(n, int) and n > _LONGEST_AXIS for n in shape):
        raise call.refused(f"`kron` of these would be longer than {_LONGEST_AXIS} along an axis")
    return algebra.build(sympy.KroneckerProduct, shape, left, right)


def _solve(call: Call) -> Any:
    left, right = call.nodes
    if not call.algebra.is_matrix(left):
        return call.algebra.quotient(right, left)
    return _named(call)


def _identity(call: Call) -> Any:
    length = size(call.values[0])
    if length == 1:
        return S.One
    return call.algebra.made(sympy.Identity(length), (length, length))


def _filled(head: Any, value: Any) -> Callable[[Call], Any]:
    """Return what builds a matrix of one value; one size makes a column."""

    def build(call: Call) -> Any:
        rows, columns = (*map(size, call.values), 1)[:2]
        if (rows, columns) == SCALAR:
            return value
        return call.algebra.made(head(rows, columns), (rows, columns))

    return build


def _commutation(call: Call) -> Any:
    sizes = [_number(size(value)) for value in call.values]
    return call.algebra.operation("commutation", sizes, [], call.place)


def _one_hot(call: Call) -> Any:
    index, length = call.values
    place, known = operands.number(index), size(length)
    if isinstance(place, sympy.Integer) and isinstance(known, int) and not place < known:
        raise Refusal(f"entry {place} of {known} is asked for; they count from 0", index.start)
    return call.algebra.operation("one_hot", [_number(known)], [place], call.place)


def size(value: Value) -> Any:
    """Return a size: a whole number, or sums and products of declared sizes.

    Raises
    ------
    Refusal
        If it is anything else.
    """
    node = operands.number(value)
    seen = list(islice(sympy.preorder_traversal(node), _LARGEST_SIZE + 1))
    if len(seen) <= _LARGEST_SIZE and all(map(_is_size, seen)):
        return dim(sympy.expand(node))
    raise Refusal(
        "a size is a whole number, or a name that is a size in `shapes=`", value.start, shape=True
    )


def _number(length: Any) -> Any:
    return sympy.Integer(length) if isinstance(length, int) else length


def _is_size(node: Any) -> bool:
    if isinstance(node, sympy.Symbol):
        return bool(node.is_integer and node.is_positive)
    return isinstance(node, (sympy.Integer, sympy.Add, sympy.Mul))


Row = tuple[str, Callable[[Call], Any], int, int]

# Operations that are called as they are named, and how many operands they take.
BY_NAME = {
    **dict.fromkeys(("logdet", "norm", "norm2", "sum", "mean", "softmax", "log_softmax"), 1),
    **dict.fromkeys(("winners", "losers", "cholesky", "expm", "tril", "vec"), 1),
    "expm_frechet": 2,
}

ROWS: tuple[Row, ...] = (
    ("tr trace", _of_square(sympy.Trace, matrix=False), 1, 1),
    ("det", _of_square(sympy.Determinant, matrix=False), 1, 1),
    ("inv", _of_square(sympy.Inverse, S.NegativeOne, matrix=True), 1, 1),
    ("transpose", lambda call: transposed(call.algebra, call.nodes[0]), 1, 1),
    ("diag", _diagonal, 1, 1),
    ("kron", _kronecker, 2, 2),
    ("dot", _dot, 2, 2),
    ("solve", _solve, 2, 2),
    *((name, _named, count, count) for name, count in BY_NAME.items() if name in SHAPES),
    ("eye", _identity, 1, 1),
    ("ones", _filled(sympy.OneMatrix, S.One), 1, 2),
    ("zeros", _filled(sympy.ZeroMatrix, S.Zero), 1, 2),
    ("one_hot", _one_hot, 2, 2),
    ("commutation", _commutation, 2, 2),
)

# What a function of matrices is where every argument is a scalar.
OF_SCALARS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("tr", "det", "transpose", "diag", "sum", "mean", "tril"), lambda x: x),
    "inv": lambda x: literal.div(S.One, x),
    "logdet": lambda x: literal.apply(sympy.log, x),
    "norm": lambda x: literal.apply(sympy.Abs, x),
    "norm2": lambda x: literal.power(x, sympy.Integer(2)),
    "expm": lambda x: literal.apply(sympy.exp, x),
    "cholesky": lambda x: literal.power(x, HALF),
    **dict.fromkeys(("softmax", "winners", "losers"), lambda x: S.One),
    "log_softmax": lambda x: S.Zero,
    "dot": literal.mul,
    "kron": literal.mul,
    "solve": lambda a, b: literal.div(b, a),
    "vec": lambda x: x,
}


def _unread(values: Sequence[Value]) -> Any:
    raise Refusal("a function of matrices stands where scalars are read", values[0].start)


_BUILDERS = {names.split()[0]: build for names, build, _, _ in ROWS}
ENTRIES = {
    name: Entry(names.split()[0], least, most, _unread)
    for names, _, least, most in ROWS
    for name in names.split()
}


def call(
    algebra: Algebra, entry: Entry, values: Sequence[Value], axis: Value | None, place: int
) -> Any:
    """Return what a function makes of its arguments.

    Parameters
    ----------
    algebra : Algebra
        The matrices of the text.
    entry : Entry
        A function of matrices from `ENTRIES`, or one of scalars.
    values : sequence of Value
        The arguments.
    axis : Value or None
        What stands after `axis=`.
    place : int
        Where the call stands.

    Raises
    ------
    Refusal
        If the arguments do not fit.
    """
    wide = any(algebra.is_matrix(value.node) for value in values)
    params = () if axis is None else (_axis(entry, values, axis, wide=wide),)
    asked = Call(algebra, entry.name, values, params, place)
    if entry.build is _unread:
        if not wide and entry.name in OF_SCALARS:
            return OF_SCALARS[entry.name](*(operands.number(value) for value in values))
        return _BUILDERS[entry.name](asked)
    if not wide or any(isinstance(value.node, tuple) for value in values):
        return entry.build(values)
    if entry.name in REDUCTIONS and len(values) == 1:
        return _named(asked)
    if entry.name == "where":
        condition, *branches = values
        nodes = [operands.condition(condition), *(operands.quantity(v) for v in branches)]
        return algebra.entrywise("where", nodes, place, values)
    return elementwise.apply(algebra, entry, values, place)


def _axis(entry: Entry, values: Sequence[Value], axis: Value, *, wide: bool) -> Any:
    if entry.name not in REDUCTIONS or len(values) != 1:
        raise Refusal(f"`{entry.name}` of these arguments takes no `axis=`", axis.start)
    if not wide:
        raise Refusal("`axis=` goes with a matrix, and this is a scalar", axis.start, shape=True)
    if axis.node not in (S.Zero, S.One):
        raise Refusal(AXIS, axis.start, shape=True)
    return axis.node


def indicator(algebra: Algebra, comparison: Value, tie: Any, place: int) -> Any:
    """Return `1(X > Y)` entry by entry.

    Raises
    ------
    Refusal
        If it is no comparison by `<`, `<=`, `>` or `>=`.
    """
    gate = operands.gate_of(comparison.node)
    if gate not in _ORDER:
        raise Refusal(
            "`1(...)` takes one comparison by `<`, `<=`, `>` or `>=`; "
            "for other conditions write `where(condition, 1, 0)`",
            comparison.start,
        )
    swap, at_tie = _ORDER[gate]
    if tie is not None and at_tie is S.One:
        raise Refusal("`tie` goes with `<` or `>`; take the `=` away", comparison.start)
    x, y = reversed(comparison.node.operands) if swap else comparison.node.operands
    return algebra.entrywise("indicator", (x, y, at_tie if tie is None else tie), place)


_ORDER = {"gt": (False, S.Zero), "ge": (False, S.One), "lt": (True, S.Zero), "le": (True, S.One)}
