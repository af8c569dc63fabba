"""Finite sums and products, term by term, with the kernels of the arithmetic that asks.

What is infinite, an integral, or bounded by numbers that are no integers is left to SymPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add, mul
from typing import Any

import numpy as np
import sympy
from sympy import Integer

from symgrad.dag.digraph import graph
from symgrad.errors import UnsupportedError
from symgrad.numeric.program import Program, lower
from symgrad.rules import opaque

LONGEST = 1_000_000  # terms; past this the time is no longer a second

Run = Callable[[Program, Sequence[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class Terms:
    """How to compute a sum or product: its two bounds, its term, and what joins terms."""

    bounds: Program
    term: Program
    join: Callable[[Any, Any], Any]
    empty: int


@lru_cache(maxsize=256)
def terms_of(whole: opaque.Whole) -> Terms | None:
    """Return the programs of a sum or product over one index, else None."""
    expr = whole.expr
    if not isinstance(expr, (sympy.Sum, sympy.Product)) or len(expr.limits) != 1:
        return None
    index, *ends = expr.limits[0]
    if len(ends) != 2 or index in whole.symbols:
        return None
    try:
        bounds = lower(graph(ends), whole.symbols)
        term = lower(graph(expr.function), (index, *whole.symbols))
    except UnsupportedError:
        return None
    if isinstance(expr, sympy.Sum):
        return Terms(bounds, term, add, 0)
    return Terms(bounds, term, mul, 1)


def term_by_term(
    whole: opaque.Whole, args: Sequence[Any], run: Run, number: Callable[[Any], Any]
) -> Any:
    """Return the value of a finite sum or product, or None where it is neither.

    Parameters
    ----------
    whole : Whole
        The expression and its symbols.
    args : sequence
        The values of the symbols.
    run : callable
        A program and its inputs to its outputs.
    number : callable
        A SymPy number to a value.
    """
    terms = terms_of(whole)
    if terms is None:
        return None
    first, last = (_integer(bound) for bound in run(terms.bounds, args))
    if first is None or last is None or not -1 <= last - first < LONGEST:
        return None
    found = (run(terms.term, (number(Integer(k)), *args))[0] for k in range(first, last + 1))
    return reduce(terms.join, found, number(Integer(terms.empty)))


def _integer(bound: Any) -> int | None:
    """Return the integer that a bound is, the same one at every point."""
    values = np.unique(np.asarray(bound, dtype=complex))
    if values.size != 1 or not np.isfinite(values[0]):
        return None
    value = complex(values[0])
    return int(value.real) if value.imag == 0 and value.real == round(value.real) else None
