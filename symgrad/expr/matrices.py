"""Matrix heads: what SymPy's matrix expressions lack, and matrices with declared facts.

A matrix has two axes, and a column is `n × 1`. Operations are known by name; their shapes are in
`SHAPES`, and how the graph spells them in `symgrad.dag.matrices`. Nothing here evaluates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Basic, Expr, MatrixExpr, MatrixSymbol
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.printing.precedence import PRECEDENCE, precedence

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr import literal
from symgrad.expr.dims import Shape, described, dim, shape_of
from symgrad.expr.numbers import as_expr
from symgrad.expr.tensor_params import frozen
from symgrad.registry import service

FACTS: dict[str, tuple[str, ...]] = {  # each with what it implies
    "symmetric": (),
    "diagonal": ("symmetric",),
    "orthogonal": (),
    "positive_definite": ("symmetric",),
    "one_hot": ("sums_to_one",),
    "sums_to_one": (),
}
SQUARE = frozenset(FACTS) - {"one_hot", "sums_to_one"}


class DeclaredMatrix(MatrixSymbol):  # type: ignore[misc]
    """A matrix symbol about which something is known."""

    def __new__(cls, name: Any, rows: Any, columns: Any, *facts: Any) -> DeclaredMatrix:
        """Make the symbol; facts are names from `FACTS`."""
        plain = MatrixSymbol(name, rows, columns)
        return Basic.__new__(cls, *plain.args, *(Str(str(f)) for f in facts))  # type: ignore[no-any-return]

    @property
    def facts(self) -> frozenset[str]:
        """Everything that is known, implications included."""
        stated = [str(f) for f in self.args[3:]]
        return frozenset((*stated, *(i for f in stated for i in FACTS[f])))


def matrix(name: str, rows: Any, columns: Any = 1, *facts: str) -> MatrixSymbol:
    """Return a matrix symbol, with declared facts that closed forms may use.

    Parameters
    ----------
    name : str
        What it is called.
    rows, columns : int, str or Expr
        Its sizes; a name stands for a positive whole number. A column by default.
    *facts : str
        Any of `symmetric`, `diagonal`, `orthogonal`, `positive_definite` (square matrices),
        `sums_to_one`, `one_hot` (a vector, or each row of a matrix).

    Returns
    -------
    MatrixSymbol
        SymPy's own, or a subclass that carries the facts.

    Raises
    ------
    UnsupportedError
        If a fact is not known.
    ShapeError
        If a fact needs a square matrix.

    Examples
    --------
    >>> matrix("A", "n", "n", "symmetric").shape
    (n, n)
    """
    sizes = dim(rows), dim(columns)
    for fact in facts:
        if fact not in FACTS:
            raise UnsupportedError(f"`{fact}` is no known fact; use any of {', '.join(FACTS)}")
        if fact in SQUARE and sizes[0] != sizes[1]:
            raise ShapeError(f"`{name}` is {described(sizes)}; only a square matrix is {fact}")
    return DeclaredMatrix(name, *sizes, *facts) if facts else MatrixSymbol(name, *sizes)


def facts_of(symbol: Any) -> frozenset[str]:
    """Return what is known of a symbol."""
    found: frozenset[str] = getattr(symbol, "facts", frozenset())
    return found


# --- operations by name ---


class Operation:
    """What `MatrixOp` and `ScalarOp` share: `args` are the name, the parameters, the operands."""

    args: tuple[Any, ...]

    def _latex(self, printer: Any, *_: Any) -> str:
        return str(service("formula.latex")(self))

    @property
    def name(self) -> str:
        """Which operation."""
        return str(self.args[0].name)

    @property
    def params(self) -> tuple[Any, ...]:
        """What it needs beside operands."""
        return tuple(self.args[1])

    @property
    def operands(self) -> tuple[Any, ...]:
        """What it acts on."""
        return self.args[2:]


class MatrixOp(Operation, MatrixExpr):  # type: ignore[misc]
    """An operation whose result is a matrix."""

    is_commutative = False

    def __new__(cls, name: Any, params: Any, *operands: Any) -> MatrixOp:
        """Make the expression; shapes are checked."""
        shape_of_call(str(name), tuple(params), operands)
        held = frozen(tuple(params))
        return Basic.__new__(cls, Str(str(name)), held, *operands)  # type: ignore[no-any-return]

    @property
    def shape(self) -> Shape:
        """Rows and columns."""
        rows, columns = shape_of_call(self.name, self.params, self.operands)
        return as_expr(rows), as_expr(columns)

    def _sympystr(self, printer: Any, *_: Any) -> str:
        return written(self, printer._print)

    def _entry(self, i: Any, j: Any, **_: Any) -> Any:
        return MatrixElement(self, i, j)


class ScalarOp(Operation, Expr):  # type: ignore[misc]
    """An operation whose result is a number."""

    is_commutative = True

    def __new__(cls, name: Any, params: Any, *operands: Any) -> ScalarOp:
        """Make the expression; shapes are checked."""
        found = shape_of_call(str(name), tuple(params), operands)
        if found != (1, 1):
            raise ShapeError(f"`{name}` of these operands is {described(found)}, not a scalar")
        held = frozen(tuple(params))
        return Basic.__new__(cls, Str(str(name)), held, *operands)  # type: ignore[no-any-return]

    @property
    def precedence(self) -> int:
        """How tightly it binds in print: a 1 × 1 product is written as the product."""
        plain = self.name != "scalar"
        return int(PRECEDENCE["Func"] if plain else precedence(self.operands[0]))

    def _sympystr(self, printer: Any, *_: Any) -> str:
        return written(self, printer._print)


def apply(name: str, *operands: Any, params: Sequence[Any] = ()) -> Any:
    """Return an operation by its name: a matrix, or a scalar where the result is 1 × 1."""
    shape = shape_of_call(name, tuple(params), operands)
    return (ScalarOp if shape == (1, 1) else MatrixOp)(name, frozen(tuple(params)), *operands)


def written(expr: Any, write: Callable[[Any], str]) -> str:
    """Return an operation as a call, or as its function of numbers writes it."""
    if expr.name == "scalar":
        return write(expr.operands[0])
    operands = [write(o) for o in expr.operands]
    if expr.name == "map":
        gate = service("rules.named")(str(expr.params[0]))
        if gate is not None and gate.head is not None:
            wide = [getattr(o, "is_Matrix", False) for o in expr.operands]
            parts = zip(wide, operands, expr.operands, strict=True)
            entries = [sympy.Symbol(text) if is_wide else o for is_wide, text, o in parts]
            return write(literal.apply(gate.head, *entries))
    options = [f"axis={axis}" for axis in expr.params] if expr.name in REDUCTIONS else []
    if expr.name in ("one_hot", "commutation"):
        options = [str(size) for size in expr.params]
    name = expr.params[0] if expr.name == "map" else expr.name
    return f"{name}({', '.join([*operands, *options])})"


def matrix_shape(operand: Any) -> Shape:
    """Return the shape of an operand; a scalar is 1 × 1."""
    known: Shape | None = getattr(operand, "known_shape", None)  # noted where it was read
    if known is not None:
        return known
    shape = getattr(operand, "shape", None)
    return (1, 1) if not shape else shape_of(shape)


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
        raise UnsupportedError(f"`{name}` is no matrix operation")
    return rule(name, params, [matrix_shape(o) for o in operands])


def same(name: str, shapes: Sequence[Shape]) -> Shape:
    """Return the one shape of operands that meet entry by entry; scalars fit everywhere.

    Raises
    ------
    ShapeError
        If two shapes differ; the message holds both.
    """
    wide = [s for s in shapes if s != (1, 1)]
    for other in wide[1:]:
        if other != wide[0]:
            raise ShapeError(
                f"`{name}` acts entry by entry, but its operands are {described(wide[0])} and "
                f"{described(other)}; give both one shape, or transpose one of them"
            )
    return wide[0] if wide else (1, 1)


def square(name: str, shape: Shape) -> Shape:
    """Return the shape of a square matrix.

    Raises
    ------
    ShapeError
        If it is not square.
    """
    if shape[0] != shape[1]:
        raise ShapeError(f"`{name}` needs a square matrix, but its operand is {described(shape)}")
    return shape


def _reduced(name: str, params: tuple[Any, ...], shapes: Sequence[Shape]) -> Shape:
    (rows, columns), *_ = shapes
    if not params:
        return 1, 1
    if params[0] not in (0, 1):
        raise ShapeError(f"axis={params[0]} is no axis of a matrix; use 0 or 1")
    return (1, columns) if params[0] == 0 else (rows, 1)


def _dot(name: str, params: tuple[Any, ...], shapes: Sequence[Shape]) -> Shape:
    same(name, shapes)
    return 1, 1


def _scalar(name: str, params: tuple[Any, ...], shapes: Sequence[Shape]) -> Shape:
    if shapes[0] != (1, 1):
        raise ShapeError(f"only a 1 × 1 matrix is a scalar, and this one is {described(shapes[0])}")
    return 1, 1


def _solved(name: str, params: tuple[Any, ...], shapes: Sequence[Shape]) -> Shape:
    left, right = shapes
    if square(name, left)[0] != right[0]:
        raise ShapeError(
            f"`solve(A, B)` needs as many rows in B as A has; A is {described(left)} and B is "
            f"{described(right)}"
        )
    return right


REDUCTIONS = frozenset(
    [
        "norm",
        "sum",
        "mean",
        "max",
        "min",
        "logsumexp",
        "softmax",
        "log_softmax",
        "winners",
        "losers",
    ]
)
SHAPES: dict[str, Callable[..., Shape]] = {
    "scalar": _scalar,
    "map": lambda name, params, shapes: same(str(params[0]), shapes),
    "dot": _dot,
    "norm": _reduced,
    "norm2": lambda name, params, shapes: (1, 1),
    "sum": _reduced,
    "mean": _reduced,
    "max": _reduced,
    "min": _reduced,
    "logsumexp": _reduced,
    "winners": lambda name, params, shapes: shapes[0],
    "losers": lambda name, params, shapes: shapes[0],
    "softmax": lambda name, params, shapes: shapes[0],
    "log_softmax": lambda name, params, shapes: shapes[0],
    "logdet": lambda name, params, shapes: square(name, shapes[0]) and (1, 1),
    "expm": lambda name, params, shapes: square(name, shapes[0]),
    "expm_frechet": lambda name, params, shapes: square(name, same(name, shapes)),
    "cholesky": lambda name, params, shapes: square(name, shapes[0]),
    "tril": lambda name, params, shapes: square(name, shapes[0]),
    "solve": _solved,
    "vec": lambda name, params, shapes: (shapes[0][0] * shapes[0][1], 1),
    "commutation": lambda name, params, shapes: (params[0] * params[1],) * 2,
    "one_hot": lambda name, params, shapes: (dim(params[0]), 1),
}
