"""Tell a tree that SymPy evaluated from one that was written, and put it as a person would.

SymPy stores `x - y` as `x + (-1)*y` and `x/y` as `x*y**-1`. A written tree never holds a negative
number, so both can be told apart. Imports the literal builder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sympy import (
    Add,
    Basic,
    HadamardPower,
    MatAdd,
    MatMul,
    MatPow,
    Mul,
    Pow,
    Rational,
    S,
    default_sort_key,
    log,
)

from symgrad.expr import literal, textbook
from symgrad.expr.heads import Indicator
from symgrad.expr.numerals import decimal_places

MARKS = (literal.Sub, literal.Neg, literal.Div)
_SIGNED = (MatMul, HadamardPower, MatPow)
_DEEPEST = 40  # SymPy's ordering recurses; deeper trees keep the order in which they are stored
_MOST_TERMS = 200  # and it is slow on long sums


@dataclass(frozen=True, slots=True)
class Product:
    """A product as a person writes it: a sign, what is above the bar, what is below."""

    negative: bool
    top: tuple[Any, ...]
    bottom: tuple[Any, ...]

    def positive(self) -> Product:
        """Return the product without its sign."""
        return Product(False, self.top, self.bottom)


def as_product(node: Any, *, fractions: bool) -> Product:
    """Split an unmarked node into sign, numerator and denominator.

    Parameters
    ----------
    node : Expr
        Anything; what is no product is its own numerator.
    fractions : bool
        True to write 1/2 instead of 0.5.
    """
    negative, top, bottom = False, [], []
    factors = node.args if type(node) is Mul else (node,)
    for place, factor in enumerate(factors):
        if place == 0 and factor.is_Rational:
            negative, above, below = _coefficient(factor, fractions)
            top += above
            bottom += below
        elif type(factor) is Pow and _is_negative(factor.exp):
            bottom.append(_inverse(factor))
        else:
            top.append(factor)
    if top[:1] == [S.One] and len(top) > 1 and (negative or bottom or fractions):
        del top[0]
    return Product(negative, tuple(top) or (S.One,), tuple(bottom))


def _coefficient(value: Any, fractions: bool) -> tuple[bool, list[Any], list[Any]]:
    size = abs(value)
    if size.q == 1 or (not fractions and decimal_places(size) is not None):
        return bool(value < 0), [size], []
    return bool(value < 0), [Rational(size.p)], [Rational(size.q)]


def _is_negative(exponent: Any) -> bool:
    return bool(exponent.is_Rational and exponent.is_negative)


def _inverse(power: Any) -> Any:
    """Return `base**-exponent` for an exponent that is a negative number."""
    if power.exp is S.NegativeOne:
        return power.base
    return literal.power(power.base, -power.exp)


def is_negative_term(node: Any) -> bool:
    """Return True for an unmarked term that is written with a minus sign before it."""
    if node.is_Number:
        return bool(node.is_negative)
    return type(node) is Mul and bool(node.args[0].is_Number and node.args[0].is_negative)


def is_canonical(root: Any) -> bool:
    """Return True if the tree bears the signs of SymPy's evaluation and no mark of the reader.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> is_canonical(x - y), is_canonical(literal.sub(x, y))
    (True, False)
    """
    found = False
    for node in distinct_nodes(root):
        if isinstance(node, MARKS):
            return False
        found = found or _is_sign(node)
    return found


def _is_sign(node: Any) -> bool:
    if node.is_Rational:
        return bool(node.is_negative) or decimal_places(node) is None
    if isinstance(node, (Add, Mul, MatAdd, MatMul)):
        return len(node.args) != 2 or isinstance(node, (textbook.MatrixSum, textbook.MatrixProduct))
    return False


def distinct_nodes(root: Any) -> Iterator[Any]:
    """Yield every node once; the tie of an indicator is part of its head."""
    seen, waiting = {id(root): root}, [root]
    while waiting:
        node = waiting.pop()
        yield node
        for part in _parts(node):
            if id(part) not in seen:
                seen[id(part)] = part
                waiting.append(part)


def _parts(node: Any) -> list[Any]:
    """Return the arguments as one list; some SymPy classes make them anew at each call.

    A written matrix holds -1 as a sign or under a fraction bar, which is part of its head.
    """
    args = node.args[:2] if isinstance(node, Indicator) else node.args
    if isinstance(node, _SIGNED):
        args = tuple(_divisor(arg) for arg in args if arg is not S.NegativeOne)
    return [arg for arg in args if isinstance(arg, Basic)]


def _divisor(factor: Any) -> Any:
    inverted = type(factor) is Pow and factor.args[1] is S.NegativeOne
    return factor.args[0] if inverted else factor


def tree_size(root: Any) -> int:
    """Return the number of nodes of the tree when shared nodes are counted again and again.

    Examples
    --------
    >>> from sympy.abc import x
    >>> tree_size(literal.mul(x, x))
    3
    """
    sizes: dict[int, int] = {}
    parts: dict[int, list[Any]] = {}
    waiting = [root]
    while waiting:
        node = waiting[-1]
        if id(node) not in parts:
            parts[id(node)] = _parts(node)
            waiting += [part for part in parts[id(node)] if id(part) not in sizes]
        else:
            sizes[id(node)] = 1 + sum(sizes[id(part)] for part in parts[id(node)])
            waiting.pop()
    return sizes[id(root)]


def is_shallow(root: Any) -> bool:
    """Return True if SymPy's own ordering may recurse into the tree."""
    level, depth = [root], 0
    while level and depth <= _DEEPEST:
        below = {id(part): part for node in level for part in _parts(node)}
        level, depth = list(below.values()), depth + 1
    return not level


def terms(node: Any, *, ordered: bool) -> list[Any]:
    """Return the terms of a sum, in SymPy's printing order where `ordered`."""
    if ordered and len(node.args) <= _MOST_TERMS and all(map(_has_plain_numbers, node.args)):
        return list(node.as_ordered_terms())
    return list(node.args)


def _has_plain_numbers(term: Any) -> bool:
    """Return whether SymPy can order a term: it evaluates numeric factors, however huge."""
    factors = term.args if isinstance(term, Mul) else (term,)
    return all(not f.is_number or _is_plain(f) for f in factors)


def _is_plain(number: Any) -> bool:
    parts = number.args if type(number) in (Pow, log) else (number,)
    return all(p.is_NumberSymbol or (p.is_Rational and _is_short(p)) for p in parts)


def _is_short(value: Any) -> bool:
    return abs(int(value.p)).bit_length() < 64 and int(value.q).bit_length() < 64


def factors(node: Any, *, ordered: bool) -> Any:
    """Return the product in SymPy's printing order where `ordered`."""
    if not ordered or len(node.args) > _MOST_TERMS:
        return node
    first, *rest = node.args
    if not first.is_Number:
        return literal.mul(*sorted(node.args, key=default_sort_key))
    return literal.mul(first, *sorted(rest, key=default_sort_key))
