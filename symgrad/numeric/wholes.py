"""Finite sums, products and integrals, with the kernels of the arithmetic that asks.

Floats add up blocks of terms, mpmath numbers one term after the other; integrals between numbers
are quadratures. What is infinite or bounded by numbers that are no integers is left to SymPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import mpmath as mp
import numpy as np
import sympy

from symgrad.dag.digraph import graph
from symgrad.errors import BackendError, UnsupportedError
from symgrad.numeric.program import Program, lower
from symgrad.rules import opaque

LONGEST = 1_000_000  # terms in floats; past this the time is no longer a second
LONGEST_PRECISE = 10_000  # terms in mpmath numbers, likewise
BLOCK = 1 << 14  # terms that are added up together
DEGREE = 8  # of a quadrature: each doubles the points of the one before
DOUBTFUL = 1e-3  # estimated relative error past which a quadrature is no answer

Run = Callable[[Program, Sequence[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class Whole:
    """How to compute a sum, product or integral: its two bounds, its term, and what joins terms."""

    bounds: Program
    term: Program
    join: Any = None


JOINS = {sympy.Sum: np.add, sympy.Product: np.multiply, sympy.Integral: None}


@lru_cache(maxsize=256)
def parts_of(whole: opaque.Whole) -> Whole | None:
    """Return the programs of a sum, product or integral over one index, else None."""
    expr = whole.expr
    if type(expr) not in JOINS:
        return None
    *inner, (index, *ends) = expr.limits
    if len(ends) != 2 or index in whole.symbols:
        return None
    try:
        bounds = lower(graph(ends), whole.symbols)
        body = expr.func(expr.function, *inner) if inner else expr.function
        term = lower(graph(body), (index, *whole.symbols))
    except UnsupportedError:
        return None
    return Whole(bounds, term, JOINS[type(expr)])


def term_by_term(whole: opaque.Whole, args: Sequence[Any], run: Run, *, blocks: bool) -> Any:
    """Return the value of a finite sum or product, or None where it is neither.

    Parameters
    ----------
    whole : Whole
        The expression and its symbols.
    args : sequence
        The values of the symbols.
    run : callable
        A program and its inputs to its outputs.
    blocks : bool
        Whether `run` takes arrays of terms; mpmath numbers are taken one by one.

    Raises
    ------
    BackendError
        If there are more terms than can be added up in about a second.
    """
    parts = parts_of(whole)
    if parts is None or parts.join is None:
        return None
    first, last = (_integer(bound) for bound in run(parts.bounds, args))
    if first is None or last is None or last - first < -1:
        return None
    most = LONGEST if blocks else LONGEST_PRECISE
    if last - first >= most:
        raise BackendError(
            f"`{sympy.sstr(whole.expr)[:80]}` has {last - first + 1} terms, more than the {most} "
            "that are added up one by one; write it in closed form"
        )
    if blocks:
        return _joined_in_blocks(parts, args, run, range(first, last + 1))
    found = (run(parts.term, (mp.mpf(k), *args))[0] for k in range(first, last + 1))
    return reduce(parts.join, found, mp.mpf(parts.join.identity))


def _joined_in_blocks(parts: Whole, args: Sequence[Any], run: Run, places: range) -> Any:
    ndim = max(map(np.ndim, args), default=0)
    total: Any = np.float64(parts.join.identity)
    for start in range(places.start, places.stop, BLOCK):
        stop = min(start + BLOCK, places.stop)
        index = np.arange(start, stop, dtype=np.float64).reshape(-1, *(1,) * ndim)
        found = run(parts.term, (index, *args))[0]
        shape = np.broadcast_shapes(np.shape(found), index.shape)
        total = parts.join(total, parts.join.reduce(np.broadcast_to(found, shape), axis=0))
    return total


def quadrature(whole: opaque.Whole, args: Sequence[Any], run: Run) -> Any:
    """Return the value of an integral between two real numbers, or None where it is none.

    Parameters
    ----------
    whole, args, run
        As for `term_by_term`, in mpmath numbers.

    Raises
    ------
    BackendError
        If the estimated error is too large for an answer.

    References
    ----------
    H. Takahasi and M. Mori, "Double exponential formulas for numerical integration", Publ. RIMS 9
    (1974), through `mpmath.quad`.
    """
    parts = parts_of(whole)
    if parts is None or parts.join is not None:
        return None
    ends = run(parts.bounds, args)
    if not all(mp.isfinite(e) and mp.im(e) == 0 for e in ends):
        return None
    found, error = mp.quad(
        lambda t: run(parts.term, (t, *args))[0], ends, error=True, maxdegree=DEGREE
    )
    if mp.isfinite(found) and error > DOUBTFUL * abs(found) and error > mp.eps:
        raise BackendError(
            f"`{sympy.sstr(whole.expr)[:80]}` oscillates or jumps too much for a quadrature; "
            "split the interval, or write the integral in closed form"
        )
    return found


def _integer(bound: Any) -> int | None:
    """Return the integer that a bound is, the same one at every point."""
    if isinstance(bound, mp.mpf):
        return int(bound) if mp.isint(bound) else None
    values = np.unique(np.asarray(bound, dtype=complex))
    if values.size != 1 or not np.isfinite(values[0]):
        return None
    value = complex(values[0])
    return int(value.real) if value.imag == 0 and value.real == round(value.real) else None
