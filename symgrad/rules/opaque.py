"""Gates whose node carries more than operands: what SymPy differentiates as a whole.

`Sum`, `Product`, `Integral`, `Derivative` and `Subs` are one gate each with edges from their free
symbols; an undefined function `f(x)` and its derivatives are one gate kind. `call` and `scan` own a
graph; their rules live with the graphs, in `symgrad.dag.regions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr

from symgrad.rules.row import Gate, Site


@dataclass(frozen=True, slots=True)
class Whole:
    """A SymPy expression kept whole, and the symbols that its operands stand for, in order."""

    expr: Expr
    symbols: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """An undefined function and how often it is differentiated by each argument."""

    function: Any
    orders: tuple[int, ...]

    def expression(self, args: tuple[Expr, ...]) -> Expr:
        """Return the SymPy form: `f(x)`, `Derivative(f(x), x)`, or a `Subs` of it."""
        if not any(self.orders):
            return self.function(*args)
        plain = len(set(args)) == len(args) and all(a.is_Symbol for a in args)
        names = args if plain else tuple(sympy.Dummy(f"xi{i + 1}") for i in range(len(args)))
        pairs = [(n, k) for n, k in zip(names, self.orders, strict=True) if k]
        derived = sympy.Derivative(self.function(*names), *pairs)
        return derived if plain else sympy.Subs(derived, names, args)

    def raised(self, index: int) -> Unknown:
        """Return the derivative once more by argument `index`."""
        orders = tuple(k + (i == index) for i, k in enumerate(self.orders))
        return Unknown(self.function, orders)


def whole_partial(site: Site) -> Expr:
    """Differentiate the carried expression as SymPy does."""
    whole: Whole = site.payload
    return sympy.diff(whole.expr.doit(integrals=False, sums=False), whole.symbols[site.index])


WHOLE = Gate("whole", None, whole_partial, (0, None), sited=True, analytic=False, letter="w")
UNKNOWN = Gate("unknown", None, None, (1, None), sited=True, analytic=False, letter="f")
CALL = Gate("call", None, None, (0, None), sited=True, analytic=False, letter="c")
SCAN = Gate("scan", None, None, (0, None), sited=True, analytic=False, letter="h")

ROWS = (WHOLE, UNKNOWN, CALL, SCAN)
