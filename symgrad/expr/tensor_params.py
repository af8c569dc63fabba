"""Parameters of tensor operations: as SymPy stores them, and as Python reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sympy import Atom, Expr, Integer, S, Tuple
from sympy.core.symbol import Str

from symgrad.expr.numbers import as_expr


def frozen(value: Any) -> Any:
    """Return a parameter as SymPy stores it."""
    if isinstance(value, (tuple, list)):
        return Tuple(*map(frozen, value))
    if isinstance(value, str):
        return Str(value)
    if isinstance(value, (bool, np.bool_)):
        return S.true if value else S.false
    if isinstance(value, Atom) and not isinstance(value, Expr):  # a block
        return value
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
