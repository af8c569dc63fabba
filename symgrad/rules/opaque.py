"""Gates whose node carries more than operands: what SymPy differentiates as a whole.

`Sum`, `Product`, `Integral`, `Derivative` and `Subs` are one gate each with edges from their free
symbols; an undefined function `f(x)` and its derivatives are one gate kind. `call` and `scan` own a
graph; their rules live with the graphs, in `symgrad.dag.regions`, and those of calls and loops over
tensors in `symgrad.calculus.loops`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Expr, S

from symgrad.errors import ShapeError
from symgrad.expr.tensor_shapes import same_shape
from symgrad.registry import service
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


@dataclass(frozen=True, slots=True)
class ScanForm:
    """How a loop over tensors runs.

    Parameters
    ----------
    length : int or Expr
        Number of steps.
    carries, streams : int
        How many of the operands are carried, and how many are cut along their first axis, time;
        the others stay the same in every step.
    backward : bool
        Whether time runs from the end; streams and stacks keep their own order.
    sizes : tuple
        What each size symbol of the body is, in the order of `region.sizes`.
    """

    length: Any
    carries: int
    streams: int
    backward: bool = False
    sizes: tuple[Any, ...] = ()


def call_shape(payload: Any, shapes: Any) -> tuple[Any, ...]:
    """Return the shape of one output of a block at operands.

    Raises
    ------
    ShapeError
        If the operands do not have the shapes of the block's inputs.
    """
    region, index, sizes = payload
    inputs, outputs = region.bound_shapes(sizes)
    _check_shapes(region, inputs, shapes)
    return outputs[index]  # type: ignore[no-any-return]


def scan_shape(payload: Any, shapes: Any) -> tuple[Any, ...]:
    """Return the shape of one output of a loop: a carry, or a stack along time.

    Raises
    ------
    ShapeError
        If the operands do not fit the body and the form.
    """
    region, index, form = payload
    inputs, outputs = region.bound_shapes(form.sizes)
    first, last = form.carries, form.carries + form.streams
    wanted = [(form.length, *s) if first <= k < last else s for k, s in enumerate(inputs)]
    _check_shapes(region, wanted, shapes)
    found = outputs[index]
    return found if index < form.carries else (form.length, *found)


def _check_shapes(region: Any, wanted: Any, shapes: Any) -> None:
    same = len(wanted) == len(shapes) and all(map(same_shape, wanted, shapes))
    if not same:
        raise ShapeError(
            f"`{region.name}` takes operands of the shapes {list(wanted)}, and was given "
            f"{list(shapes)}"
        )


# --- differentiation under the sign ---


def whole_partial(site: Site) -> Expr:
    """Differentiate under the sign; the bodies are differentiated by symgrad itself."""
    whole: Whole = site.payload
    by = whole.symbols[site.index]
    if by in getattr(whole.expr, "variables", ()):  # a bound variable hides a free one
        return by_sympy(whole.expr, by, site.kinks)
    return WHOLE_RULES.get(type(whole.expr), by_sympy)(whole.expr, by, site.kinks)


def body_partial(expr: Expr, by: Expr, kinks: str) -> Expr:
    """Return the partial of an expression, through its own graph."""
    if by not in expr.free_symbols:
        return S.Zero
    return service("expression.partial")(expr, by, kinks)


def by_sympy(expr: Expr, by: Expr, kinks: str) -> Expr:
    """Return SymPy's own derivative, of a `Derivative` or a `Subs` carried out first."""
    return sympy.diff(expr.doit(integrals=False, sums=False), by)


def sum_partial(expr: Expr, by: Expr, kinks: str) -> Expr:
    """Differentiate each term; a bound that moves is refused."""
    if _moves(expr, by):
        return sympy.Derivative(expr, by)
    slope = body_partial(expr.function, by, kinks)
    return S.Zero if slope == 0 else sympy.Sum(slope, *expr.limits)


def product_partial(expr: Expr, by: Expr, kinks: str) -> Expr:
    """Differentiate one factor at a time; no division, so that a factor may be 0."""
    if _moves(expr, by) or len(expr.limits) != 1:
        return sympy.Derivative(expr, by)
    (index, first, last), factor = expr.limits[0], expr.function
    slope, moving = body_partial(factor, by, kinks), sympy.Dummy("j", integer=True)
    others = sympy.Product(factor, (index, first, moving - 1)) * sympy.Product(
        factor, (index, moving + 1, last)
    )
    return sympy.Sum(slope.subs(index, moving) * others, (moving, first, last))


def integral_partial(expr: Expr, by: Expr, kinks: str) -> Expr:
    """Return Leibniz's rule: under the sign, and at the ends that move."""
    if any(len(limit) != 3 for limit in expr.limits):
        return by_sympy(expr, by, kinks)
    inner, total = expr.function, body_partial(expr.function, by, kinks)
    for limit in expr.limits:
        variable, *ends = limit
        under = S.Zero if total == 0 else sympy.Integral(total, limit)
        moved = [
            sign * inner.subs(variable, end) * body_partial(end, by, kinks)
            for sign, end in zip((-1, 1), ends, strict=True)
            if by in end.free_symbols
        ]
        inner, total = sympy.Integral(inner, limit), sympy.Add(under, *moved)
    return total


def _moves(expr: Expr, by: Expr) -> bool:
    return any(by in end.free_symbols for limit in expr.limits for end in limit[1:])


WHOLE_RULES: dict[Any, Callable[[Any, Expr, str], Expr]] = {
    sympy.Sum: sum_partial,
    sympy.Product: product_partial,
    sympy.Integral: integral_partial,
}

WHOLE = Gate("whole", None, whole_partial, (0, None), sited=True, analytic=False, letter="w")
UNKNOWN = Gate("unknown", None, None, (1, None), sited=True, analytic=False, letter="f")
CALL = Gate("call", None, None, (0, None), sited=True, analytic=False, letter="c")
SCAN = Gate("scan", None, None, (0, None), sited=True, analytic=False, letter="h")
TENSOR_CALL = Gate("block", arity=(0, None), shape=call_shape, analytic=False, letter="c")
TENSOR_SCAN = Gate("loop", arity=(0, None), shape=scan_shape, analytic=False, letter="h")

CALLS = frozenset([CALL, TENSOR_CALL])
SCANS = frozenset([SCAN, TENSOR_SCAN])
OF_TENSORS = frozenset([TENSOR_CALL, TENSOR_SCAN])
OWNERS = CALLS | SCANS  # whose payload begins with a region and the number of an output

ROWS = (WHOLE, UNKNOWN, CALL, SCAN, TENSOR_CALL, TENSOR_SCAN)
