"""Build SymPy trees exactly as they are written.

SymPy's own constructors reorder, merge and distribute, and some of its methods recurse over
depth. Here a node is made of the given arguments as they stand, and its hash and
commutativity are asked at once, so that no later question recurses. Imports SymPy only;
never evaluates.

Difference, quotient and negation are marked subclasses of `Add` and `Mul` whose arguments
form a valid SymPy node: `Sub(x, y)` *is* the sum of `x` and `-1*y`. All of SymPy works on them, and
rebuilding one gives the plain node, so a mark can be lost but never be wrong.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, cast

import sympy
from sympy import Add, Basic, Expr, Function, Mul, Pow, S


class Sub(Add):  # type: ignore[misc]
    """A difference as written: the sum of `x` and `-1*y`."""

    __slots__ = ()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return Add(*args, **options)

    def __reduce_ex__(self, protocol: int) -> Any:  # type: ignore[override]
        return sub, (self.args[0], self.args[1].args[1])


class Neg(Mul):  # type: ignore[misc]
    """A negation as written: the product of -1 and `x`."""

    __slots__ = ()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return Mul(*args, **options)

    def __reduce_ex__(self, protocol: int) -> Any:  # type: ignore[override]
        return neg, (self.args[1],)


class Div(Mul):  # type: ignore[misc]
    """A quotient as written: the product of `x` and `y**-1`."""

    __slots__ = ()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return Mul(*args, **options)

    def __reduce_ex__(self, protocol: int) -> Any:  # type: ignore[override]
        return div, (self.args[0], self.args[1].args[0])


def _settle(node: Any) -> Any:
    node.is_commutative  # noqa: B018 - asked now so that SymPy never recurses for it later
    hash(node)
    return node


def add(*args: Expr) -> Expr:
    """Return the sum of `args` in the given order, unevaluated."""
    return _settle(Add._from_args(list(args), is_commutative=True))


def mul(*args: Expr) -> Expr:
    """Return the product of `args` in the given order, unevaluated."""
    return _settle(Mul._from_args(list(args), is_commutative=True))


def power(base: Expr, exponent: Expr) -> Expr:
    """Return `base**exponent`, unevaluated."""
    node: Any = Basic.__new__(Pow, base, exponent)
    node.is_commutative = True
    return _settle(node)


def neg(x: Expr) -> Expr:
    """Return `-x` as one node."""
    return _settle(Neg._from_args([S.NegativeOne, x], is_commutative=True))


def sub(x: Expr, y: Expr) -> Expr:
    """Return `x - y` as one node."""
    minus = mul(S.NegativeOne, y)
    return _settle(Sub._from_args([x, minus], is_commutative=True))


def div(x: Expr, y: Expr) -> Expr:
    """Return `x/y` as one node."""
    inverse = power(y, S.NegativeOne)
    return _settle(Div._from_args([x, inverse], is_commutative=True))


def apply(head: type[Basic], *args: Basic) -> Any:
    """Return `head(*args)` without evaluation; `head` is any SymPy class of fixed layout."""
    node: Any = Basic.__new__(head, *args)
    if issubclass(head, Function):
        node.nargs = _nargs(cast("Hashable", head))
    return _settle(node)


@lru_cache(maxsize=4096)
def _nargs(head: Hashable) -> Any:
    return getattr(head, "nargs")  # noqa: B009 - SymPy classes are untyped


def where(condition: Basic, chosen: Expr, other: Expr) -> Expr:
    """Return the two-branch `Piecewise` that is `chosen` where `condition` holds."""
    return piecewise([(chosen, condition), (other, sympy.true)])


def piecewise(branches: list[tuple[Expr, Basic]]) -> Expr:
    """Return a `Piecewise` of `(value, condition)` pairs, unevaluated."""
    pairs = [apply(sympy.functions.elementary.piecewise.ExprCondPair, *b) for b in branches]
    return apply(sympy.Piecewise, *pairs)
