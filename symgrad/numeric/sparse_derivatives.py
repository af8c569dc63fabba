"""Compiled sparse Jacobians and Hessians: numbers in, `scipy.sparse` out."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import graph
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.kinks import check_policy
from symgrad.numeric.layout import arguments, filled, flat, spread
from symgrad.numeric.numbers import as_value, broadcast
from symgrad.numeric.packing import Core
from symgrad.numeric.sparse_roads import ROADS, Entries, Question, Road

KINDS = ("jacobian", "hessian")
METHODS = ("auto", *ROADS)

Array = Any


class CompiledSparse:
    """A sparse Jacobian or Hessian, ready to be called with numbers.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns.
    indices, indptr : ndarray of int
        The pattern in compressed rows, as in `scipy.sparse.csr_array`; columns ascend.
    method : {"terms", "entries", "colours"}
        How entries are had: from those of repeated terms, one by one, or from products with
        vectors.
    backend : str
        Who runs the programs.
    stats : dict
        Numbers of "entries" and "operations", of "terms", "tangents", "layers" and "colours" where
        there are some, and "seconds" of compilation.
    """

    def __init__(self, question: Question, cores: Sequence[Core], method: str) -> None:
        start = perf_counter()
        self._question = question
        self._cores = cores
        self.shape = question.shape
        self.method = question.cheapest if method == "auto" else method
        self._road = ROADS[self.method](question)
        self._exact: Road | None = None if self.method == "colours" else self._road
        self.backend = self._road.backend
        self.indptr, self.indices, self._order = _compressed(self._road, question)
        self.stats: dict[str, Any] = {
            "entries": len(self.indices),
            "operations": sum(len(program.operations) for program in self._road.programs),
            **self._road.stats,
            "seconds": perf_counter() - start,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return CompiledSparse, (self._question, self._cores, self.method)

    def __repr__(self) -> str:
        rows, columns = self.shape
        return (
            f"<compiled sparse matrix, {rows} x {columns}, {len(self.indices)} entries, "
            f"by {self.method}, {self.backend}>"
        )

    def __call__(self, *values: Any) -> Any:
        """Return the matrix at one point: numbers and packed arrays, in the order of `args`.

        Raises
        ------
        ShapeError
            If values are too many or too few, or those of several points; `data` takes these.
        """
        found = self.data(*values)
        if found.ndim != 1:
            raise ShapeError(
                f"a sparse matrix is of one point, but values of shape {found.shape[:-1]} were "
                "given; `data` returns the entries at many points"
            )
        from scipy.sparse import csr_array  # takes as long to load as half of symgrad

        return csr_array((found, self.indices.copy(), self.indptr.copy()), shape=self.shape)

    def data(self, *values: Any) -> Array:
        """Return the entries at points that broadcast, shape (..., nnz), in order of `indices`."""
        table = self._table(values)
        found = self._road(table)
        if self._exact is not self._road and not np.isfinite(found).all():
            # A seed of 0 times an infinite partial is nan; entries derived alone have no seeds.
            if self._exact is None:
                self._exact = Entries(self._question)
            found = self._exact(table)
        ordered = found[self._order]
        return ordered if ordered.ndim == 1 else np.ascontiguousarray(np.moveaxis(ordered, 0, -1))

    def _table(self, values: Sequence[Any]) -> Array:
        """Return real values as one array of shape (inputs, *points)."""
        given = [as_value(v, f"argument {place + 1}") for place, v in enumerate(values)]
        if any(map(np.iscomplexobj, given)):
            raise UnsupportedError(
                "a compiled sparse matrix takes real numbers; leave out sparse=True"
            )
        if len(given) == 1 == len(self._cores) and given[0].shape[-1:] == self._cores[0] != ():
            # One packed array, as most calls have it.
            return given[0] if given[0].ndim == 1 else np.moveaxis(given[0], -1, 0)
        inputs = spread(given, self._cores)
        found = np.empty((len(inputs), *broadcast(inputs, self._question.inputs)))
        for row, value in enumerate(inputs):
            found[row] = value
        return found


def _compressed(road: Road, question: Question) -> tuple[Array, Array, Array]:
    """Return the pattern in compressed rows, and the number of what fills each entry."""
    rows, columns, order = road.rows, road.columns, np.arange(len(road.rows))
    if question.symmetric:
        mirrored = rows != columns
        rows, columns = np.r_[rows, columns[mirrored]], np.r_[columns, rows[mirrored]]
        order = np.r_[order, order[mirrored]]
    place = np.lexsort((columns, rows))
    counts = np.bincount(rows, minlength=question.shape[0])
    indptr = np.r_[0, np.cumsum(counts)]
    return indptr.astype(np.int32), columns[place].astype(np.int32), order[place]


def compile_sparse(
    F: Any,
    args: Sequence[Any] | None = None,
    *,
    wrt: Any = None,
    kind: str = "hessian",
    backend: str = "auto",
    kinks: str = "min_norm",
    method: str = "auto",
    **options: Any,
) -> CompiledSparse:
    """Compile a sparse Jacobian or Hessian.

    Parameters
    ----------
    F, args, wrt, backend, kinks, **options
        As for `compile`; m outputs for a Jacobian, by n variables.
    kind : {"hessian", "jacobian"}
        Which matrix.
    method : {"auto", "terms", "entries", "colours"}
        How entries are had; see `CompiledSparse`.

    Returns
    -------
    CompiledSparse
        `fn(*values)` is a `scipy.sparse.csr_array` of shape (m, n) or (n, n); `fn.data(*values)`
        its entries at many points, shape (..., nnz).

    Raises
    ------
    ShapeError
        If a Hessian of several outputs is asked for.
    UnsupportedError
        If `method="terms"` is asked of what is no long sum of few forms of terms.

    Examples
    --------
    >>> fn = compile_sparse("x*y + z**3", [["x", "y", "z"]])
    >>> fn([1.0, 2.0, 3.0]).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 18.0]]
    """
    _check_choices(kind, method, kinks)
    source = graph(F)
    taken = arguments(source, args)
    leaves = flat(taken) if wrt is None else list(structure.leaves(wrt))
    wanted = structure.nodes_of(source, leaves)
    built = {"dtype": "float64", **options}
    question = Question(kind, source, tuple(flat(taken)), wanted, kinks, backend, built)
    _check_question(question, method)
    return CompiledSparse(question, filled(tuple(taken)).cores, method)


def _check_question(question: Question, method: str) -> None:
    if question.options["dtype"] != "float64":
        raise UnsupportedError("sparse matrices are compiled in float64; leave out `dtype`")
    count = len(question.source.outputs)
    if question.symmetric and count != 1:
        raise ShapeError(
            f"a Hessian is of one scalar, but {count} outputs were given; use a Jacobian"
        )
    if method == "terms" and not question.families:
        raise UnsupportedError(
            "method='terms' is for long sums of few forms of terms in plain variables; use 'auto'"
        )


def _check_choices(kind: str, method: str, kinks: str) -> None:
    if kind not in KINDS:
        raise UnsupportedError(f"what can be sparse is {' or '.join(KINDS)}, not {kind!r:.80}")
    if method not in METHODS:
        raise UnsupportedError(f"method={method!r:.80} is unknown; use {' or '.join(METHODS)}")
    check_policy(kinks)
    if kinks == "raise":
        raise UnsupportedError("kinks='raise' needs every step; use `run`, or kinks='nan' here")
