"""Matrix formulas in arrays, without the engine: the oracle of the identities.

A tree of SymPy's matrix algebra and symgrad's heads becomes a NumPy array, a column `n × 1`. The
entries are floats, or SymPy symbols: then it is the same formula written out in scalars, with
determinants by cofactors, inverses by adjugates and the Cholesky factor by its recursion. Only
`scalar_gradient` asks the engine, for derivatives of scalars. Loaded by `runpy`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.linalg
import sympy
from sympy import Basic

import symgrad as sg

Values = Mapping[Any, Any]


class Numbers:
    """Arithmetic of floats."""

    dtype: Any = float
    one, zero = 1.0, 0.0
    functions: Mapping[str, Callable[..., Any]] = {
        "exp": np.exp,
        "log": np.log,
        "sqrt": np.sqrt,
        "Abs": np.abs,
        "abs": np.abs,
        "sign": np.sign,
        "sin": np.sin,
        "cos": np.cos,
        "tanh": np.tanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "softplus": lambda x: np.log1p(np.exp(x)),
        "relu": lambda x: np.maximum(x, 0.0),
        "maximum": np.maximum,
        "pow": np.power,
        "indicator": lambda x, y, tie: np.where(x == y, float(tie), (x > y) * 1.0),
        "RealIndicator": lambda x, y, tie: np.where(x == y, float(tie), (x > y) * 1.0),
    }
    det = staticmethod(np.linalg.det)
    inverse = staticmethod(np.linalg.inv)
    cholesky = staticmethod(np.linalg.cholesky)
    expm = staticmethod(scipy.linalg.expm)

    @staticmethod
    def frechet(X: Any, *directions: Any) -> Any:
        """The derivative of expm along directions: a corner of the exponential of blocks."""
        blocks, above = X, np.array([[0.0, 1], [0, 0]])
        for order, E in enumerate(directions):
            wide = np.kron(np.eye(2**order), E)
            blocks = np.kron(np.eye(2), blocks) + np.kron(above, wide)
        return scipy.linalg.expm(blocks)[: len(X), -len(X) :]

    @staticmethod
    def winners(X: Any, axis: Any, pick: Callable[..., Any]) -> Any:
        won = pick(X, axis=axis, keepdims=True) == X
        return won / won.sum(axis=axis, keepdims=True)


class Symbols:
    """Arithmetic of SymPy expressions."""

    dtype: Any = object
    one, zero = sympy.S.One, sympy.S.Zero
    functions: Mapping[str, Callable[..., Any]] = {
        "exp": sympy.exp,
        "log": sympy.log,
        "sqrt": sympy.sqrt,
        "Abs": sympy.Abs,
        "abs": sympy.Abs,
        "sin": sympy.sin,
        "cos": sympy.cos,
        "tanh": sympy.tanh,
        "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
        "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
        "relu": lambda x: sympy.Max(x, 0),
        "maximum": sympy.Max,
        "pow": sympy.Pow,
    }

    @staticmethod
    def det(X: Any) -> Any:
        """By cofactors of the first row."""
        if len(X) == 1:
            return X[0, 0]
        minors = (np.delete(X[1:], j, axis=1) for j in range(len(X)))
        return sum((-1) ** j * X[0, j] * Symbols.det(m) for j, m in enumerate(minors))

    @staticmethod
    def inverse(X: Any) -> Any:
        """By the adjugate."""
        n, whole = len(X), Symbols.det(X)
        made = np.empty((n, n), dtype=object)
        for i, j in itertools.product(range(n), repeat=2):
            minor = np.delete(np.delete(X, i, axis=0), j, axis=1)
            made[j, i] = (-1) ** (i + j) * (Symbols.det(minor) if n > 1 else 1) / whole
        return made

    @staticmethod
    def cholesky(X: Any) -> Any:
        """Row by row."""
        L = np.full(X.shape, sympy.S.Zero, dtype=object)
        for i, j in itertools.product(range(len(X)), repeat=2):
            if j < i:
                L[i, j] = (X[i, j] - L[i, :j] @ L[j, :j]) / L[j, j]
            elif j == i:
                L[i, i] = sympy.sqrt(X[i, i] - L[i, :i] @ L[i, :i])
        return L


def value(expr: Any, at: Values, arithmetic: type[Numbers] | type[Symbols] = Numbers) -> Any:
    """Return a matrix as an array of two axes, a scalar as a number.

    Parameters
    ----------
    expr : Basic
        The formula; literal trees are fine.
    at : mapping
        Arrays of matrix symbols, numbers of scalars, whole numbers of sizes.
    arithmetic : Numbers or Symbols
        What the entries are.
    """
    return _Reader(at, arithmetic).read(expr)


class _Reader:
    def __init__(self, at: Values, arithmetic: Any) -> None:
        self.at, self.arithmetic = at, arithmetic
        self.read = functools.cache(self._read)

    def _read(self, expr: Any) -> Any:
        if expr in self.at:
            return self.at[expr]
        if getattr(expr, "is_Number", False) or expr is sympy.pi:
            return float(expr) if self.arithmetic is Numbers else expr
        if hasattr(expr, "operands") and hasattr(expr, "params"):
            return self._operation(expr)
        for head, read in HEADS.items():
            if isinstance(expr, head):
                return read(self, expr)
        return self.function(type(expr).__name__)(*(self.read(a) for a in expr.args))

    def size(self, length: Any) -> int:
        return int(sympy.sympify(length).subs({k: v for k, v in self.at.items() if k.is_Symbol}))

    def shape(self, matrix: Any) -> tuple[int, int]:
        rows, columns = matrix.shape
        return self.size(rows), self.size(columns)

    def full(self, shape: tuple[int, int], number: Any) -> Any:
        return np.full(shape, number, dtype=self.arithmetic.dtype)

    def eye(self, size: int) -> Any:
        made = self.full((size, size), self.arithmetic.zero)
        np.fill_diagonal(made, self.arithmetic.one)
        return made

    def function(self, name: str) -> Callable[..., Any]:
        known = self.arithmetic.functions.get(name)
        if known is None:
            raise LookupError(f"{name} of {self.arithmetic.__name__.lower()}")
        return known if self.arithmetic is Numbers else np.frompyfunc(known, _arity(name), 1)

    def parts(self, expr: Any) -> list[Any]:
        return [self.read(a) for a in expr.args]

    def _operation(self, expr: Any) -> Any:
        operands = [self.read(o) for o in expr.operands]
        if expr.name == "map":
            return self.function(str(expr.params[0]))(*operands)
        if expr.name == "one_hot":
            made = self.full((self.size(expr.params[0]), 1), self.arithmetic.zero)
            made[int(operands[0]), 0] = self.arithmetic.one
            return made
        known = OPERATIONS.get(expr.name)
        if known is None:
            raise LookupError(expr.name)
        axis = int(expr.params[0]) if expr.params else None
        return known(self, axis, *operands)


def _arity(name: str) -> int:
    return {"maximum": 2, "pow": 2, "indicator": 3}.get(name, 1)


def _total(numbers: list[Any]) -> Any:
    return functools.reduce(lambda a, b: a + b, numbers)


def _product(reader: _Reader, expr: Any) -> Any:
    scalars, matrices = [], []
    for arg in expr.args:
        (matrices if getattr(arg, "is_Matrix", False) else scalars).append(reader.read(arg))
    chain = functools.reduce(lambda a, b: a @ b, matrices)
    return functools.reduce(lambda a, b: b * a, scalars, chain)


def _power(reader: _Reader, expr: Any) -> Any:
    base, exponent = reader.read(expr.args[0]), int(expr.args[1])
    if exponent < 0:
        base = reader.arithmetic.inverse(base)
    return functools.reduce(lambda a, b: a @ b, [base] * abs(exponent), reader.eye(len(base)))


def _diagonal(reader: _Reader, expr: Any) -> Any:
    return reader.read(expr.args[0]).diagonal().reshape(-1, 1)


def _with_diagonal(reader: _Reader, entries: Any) -> Any:
    made = reader.full((entries.size, entries.size), reader.arithmetic.zero)
    np.fill_diagonal(made, entries.reshape(-1))
    return made


def _element(reader: _Reader, expr: Any) -> Any:
    matrix, i, j = (reader.read(a) for a in expr.args)
    return matrix[int(i), int(j)]


HEADS: dict[type[Basic], Callable[[_Reader, Any], Any]] = {  # subclasses before classes
    sympy.MatMul: _product,
    sympy.MatAdd: lambda r, e: _total(r.parts(e)),
    sympy.Inverse: lambda r, e: r.arithmetic.inverse(r.read(e.args[0])),
    sympy.MatPow: _power,
    sympy.HadamardProduct: lambda r, e: functools.reduce(lambda a, b: a * b, r.parts(e)),
    sympy.HadamardPower: lambda r, e: r.read(e.args[0]) ** r.read(e.args[1]),
    sympy.Transpose: lambda r, e: r.read(e.args[0]).T,
    sympy.Trace: lambda r, e: _total(list(r.read(e.args[0]).diagonal())),
    sympy.Determinant: lambda r, e: r.arithmetic.det(r.read(e.args[0])),
    sympy.Identity: lambda r, e: r.eye(r.shape(e)[0]),
    sympy.OneMatrix: lambda r, e: r.full(r.shape(e), r.arithmetic.one),
    sympy.ZeroMatrix: lambda r, e: r.full(r.shape(e), r.arithmetic.zero),
    sympy.DiagMatrix: lambda r, e: _with_diagonal(r, r.read(e.args[0])),
    sympy.matrices.expressions.diagonal.DiagonalOf: _diagonal,
    sympy.matrices.expressions.diagonal.DiagonalMatrix: lambda r, e: _with_diagonal(
        r, _diagonal(r, e)
    ),
    sympy.KroneckerProduct: lambda r, e: functools.reduce(np.kron, r.parts(e)),
    sympy.matrices.expressions.matexpr.MatrixElement: _element,
    sympy.Add: lambda r, e: _total(r.parts(e)),
    sympy.Mul: lambda r, e: functools.reduce(lambda a, b: a * b, r.parts(e)),
    sympy.Pow: lambda r, e: r.read(e.args[0]) ** r.read(e.args[1]),
}


# --- operations known by name ---


def _scalar(reader: _Reader, axis: Any, matrix: Any) -> Any:
    return matrix[0, 0] if getattr(matrix, "shape", ()) else matrix


def _sum(reader: _Reader, axis: Any, matrix: Any) -> Any:
    return matrix.sum() if axis is None else matrix.sum(axis=axis, keepdims=True)


def _mean(reader: _Reader, axis: Any, matrix: Any) -> Any:
    whole = _sum(reader, axis, matrix)
    return whole / (matrix.size // getattr(whole, "size", 1))


def _norm(reader: _Reader, axis: Any, matrix: Any) -> Any:
    return reader.function("sqrt")(_sum(reader, axis, matrix * matrix))


def _logsumexp(reader: _Reader, axis: Any, matrix: Any) -> Any:
    return reader.function("log")(_sum(reader, axis, reader.function("exp")(matrix)))


def _softmax(reader: _Reader, axis: Any, matrix: Any) -> Any:
    powers = reader.function("exp")(matrix)
    return powers / _sum(reader, axis, powers)


def _extreme(pick: Any, symbolic: Any) -> Callable[..., Any]:
    def read(reader: _Reader, axis: Any, matrix: Any) -> Any:
        if reader.arithmetic is Numbers:
            return pick(matrix) if axis is None else pick(matrix, axis=axis, keepdims=True)
        rows = [list(matrix.reshape(-1))] if axis is None else list(np.moveaxis(matrix, axis, -1))
        found = [symbolic(*row) for row in rows]
        return found[0] if axis is None else np.expand_dims(np.array(found, object), axis)

    return read


def _of(name: str) -> Callable[..., Any]:
    def read(reader: _Reader, axis: Any, *matrices: Any) -> Any:
        return getattr(reader.arithmetic, name)(*matrices)

    return read


def _winners(pick: Any) -> Callable[..., Any]:
    def read(reader: _Reader, axis: Any, matrix: Any) -> Any:
        return reader.arithmetic.winners(matrix, axis, pick)

    return read


OPERATIONS: dict[str, Callable[..., Any]] = {
    "scalar": _scalar,
    "dot": lambda r, axis, a, b: (a * b).sum(),
    "norm2": lambda r, axis, x: (x * x).sum() if hasattr(x, "sum") else x * x,
    "norm": _norm,
    "sum": _sum,
    "mean": _mean,
    "max": _extreme(np.max, sympy.Max),
    "min": _extreme(np.min, sympy.Min),
    "winners": _winners(np.max),
    "losers": _winners(np.min),
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": lambda r, axis, x: r.function("log")(_softmax(r, axis, x)),
    "logdet": lambda r, axis, x: r.function("log")(r.arithmetic.det(x)),
    "expm": _of("expm"),
    "expm_frechet": _of("frechet"),
    "cholesky": _of("cholesky"),
    "tril": lambda r, axis, x: np.tril(x) if r.arithmetic is Numbers else _lower(x),
    "solve": lambda r, axis, a, b: r.arithmetic.inverse(a) @ b,
}


def _lower(matrix: Any) -> Any:
    rows, columns = np.indices(matrix.shape)
    return np.where(rows >= columns, matrix, sympy.S.Zero)


# --- whole questions ---


def evaluated(expr: Any, formula: Any, at: Mapping[str, Any]) -> Any:
    """Return what an expression is where names have values; flat vectors are columns.

    Parameters
    ----------
    expr : Basic
        What is evaluated.
    formula : Basic
        Whose symbols these are.
    at : mapping of str to array or number
        The values, sizes included.
    """
    known = symbols_at(formula, at) | symbols_at(expr, at)
    return value(expr, known)


def symbols_at(formula: Any, at: Mapping[str, Any]) -> dict[Any, Any]:
    """Return values by symbol, vectors as columns."""
    return {s: _column(s, at[s.name]) for s in formula.free_symbols if s.name in at}


def _column(symbol: Any, given: Any) -> Any:
    if not isinstance(symbol, sympy.MatrixSymbol):
        return given
    array = np.asarray(given, dtype=float)
    return array.reshape(-1, 1) if symbol.shape[1] == 1 else np.atleast_2d(array)


def scalar_gradient(formula: Any, wrt: str, at: Mapping[str, Any]) -> Any:
    """Return a gradient by the scalar engine, entry by entry, of the formula written out."""
    values: dict[Any, Any] = {}
    entries: dict[Any, Any] = {}
    for symbol, given in symbols_at(formula, at).items():
        if isinstance(given, np.ndarray):
            made = np.empty(given.shape, dtype=object)
            for i, j in np.ndindex(given.shape):
                made[i, j] = sympy.Symbol(f"{symbol.name}_{i}_{j}")
                values[made[i, j]] = float(given[i, j])
            entries[symbol] = made
        elif isinstance(given, float):
            entries[symbol] = symbol
            values[symbol] = given
        else:
            entries[symbol] = given
    scalars = value(formula, entries, Symbols)
    (wanted,) = [made for symbol, made in entries.items() if symbol.name == wrt]
    by_entry, held = sg.run(scalars, values).grad, scalars.free_symbols
    return np.vectorize(lambda s: float(by_entry[s]) if s in held else 0.0)(wanted)


def same(expected: Any, found: Any, tolerance: float) -> bool:
    """Return whether arrays are equal up to a tolerance relative to the largest entry."""
    wanted, got = (np.asarray(a, dtype=float).squeeze() for a in (expected, found))
    assert wanted.shape == got.shape
    scale = max(1.0, float(np.max(np.abs(wanted))))
    return bool(np.max(np.abs(wanted - got)) <= tolerance * scale)
