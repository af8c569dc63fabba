"""Normal terms: the interned form in which closed forms are collected.

A term is an integer. Sums hold coefficients of unit terms, products hold rational exponents of
bases, so like terms meet in one dictionary entry. Terms are a view for readers: their rewrites
(see the
page of rewrites in the docs) may widen a domain, and no numeric program is made from them.

Coefficients and exponents are SymPy's numbers, of which 0 and 1 exist once: they are asked for with
`is`, which takes a tenth of the time of `==`.
"""

from __future__ import annotations

from typing import Any

from sympy import Float, Rational, S

from symgrad.errors import FormTooLargeError

NUMBER, LEAF, SUM, PRODUCT, FUNCTION = range(5)

Number = Any
Key = tuple[int, Any]


class Terms:
    """An interned table of terms with their tree sizes and depths.

    Parameters
    ----------
    budget : float
        Most entries of all terms together; past it a `FormTooLargeError` is raised.

    Attributes
    ----------
    kinds : list of int
        `NUMBER`, `LEAF`, `SUM`, `PRODUCT` or `FUNCTION`.
    data : list
        A SymPy number or leaf; `(constant, ((unit, coefficient), ...))`;
        `(coefficient, ((base, exponent), ...))`; or `(gate, arguments, payload)`.
    sizes : list of float
        Number of nodes of the expanded tree.
    depths : list of int
        Height of the expanded tree.
    """

    __slots__ = ("_index", "_left", "data", "depths", "kinds", "sizes")

    def __init__(self, budget: float = float("inf")) -> None:
        self._left = budget
        self._index: dict[Key, int] = {}
        self.kinds: list[int] = []
        self.data: list[Any] = []
        self.sizes: list[float] = []
        self.depths: list[int] = []

    def _intern(self, kind: int, data: Any, children: Any) -> int:
        key = (kind, data)
        if kind in (SUM, PRODUCT):  # equal in any order; the first one's order is kept
            key = (kind, (data[0], frozenset(data[1])))
        term = self._index.get(key)
        if term is not None:
            return term
        self._index[key] = term = len(self.kinds)
        self.kinds.append(kind)
        self.data.append(data)
        size, depth = 1.0, 0
        self._left -= len(children)
        if self._left < 0:
            raise FormTooLargeError(
                "collecting the terms of the expanded closed form takes too many of them; ask for "
                "form='let' (shared terms named once), or raise `limit`"
            )
        for child in children:
            size += self.sizes[child]
            if self.depths[child] >= depth:
                depth = self.depths[child] + 1
        self.sizes.append(size)
        self.depths.append(depth)
        return term

    def number(self, value: Number) -> int:
        """Return the term of a rational or floating number."""
        return self._intern(NUMBER, value, ())

    def leaf(self, value: Any) -> int:
        """Return the term of a symbol or a named constant."""
        return self._intern(LEAF, value, ())

    def function(self, gate: Any, args: tuple[int, ...], payload: Any = None) -> int:
        """Return the term of a gate that is neither a sum nor a product."""
        return self._intern(FUNCTION, (gate, args, payload), args)

    def sum(self, constant: Number, units: dict[int, Number]) -> int:
        """Return the term of `constant + Σ coefficient·unit`, in its shortest kind."""
        alive = tuple((u, c) for u, c in units.items() if c is not S.Zero)
        if not alive:
            return self.number(constant)
        if len(alive) == 1 and constant is S.Zero:
            return self.scaled(*alive[0])
        return self._intern(SUM, (constant, alive), [u for u, _ in alive])

    def product(self, coefficient: Number, powers: dict[int, Number]) -> int:
        """Return the term of `coefficient·Π base**exponent`, in its shortest kind."""
        if coefficient is S.Zero:
            return self.number(S.Zero)
        alive = tuple((b, e) for b, e in powers.items() if e is not S.Zero)
        if not alive:
            return self.number(coefficient)
        if len(alive) == 1 and coefficient is S.One and alive[0][1] is S.One:
            return alive[0][0]
        return self._intern(PRODUCT, (coefficient, alive), [b for b, _ in alive])

    def scaled(self, unit: int, factor: Number) -> int:
        """Return `factor·unit` for a unit term."""
        if factor is S.One:
            return unit
        if self.kinds[unit] == NUMBER:
            return self.number(self.data[unit] * factor)
        if self.kinds[unit] == PRODUCT:
            coefficient, powers = self.data[unit]
            return self.product(coefficient * factor, dict(powers))
        return self.product(factor, {unit: S.One})

    def split(self, term: int) -> tuple[Number, int]:
        """Return the coefficient and the unit of a term that is no number."""
        if self.kinds[term] == PRODUCT and self.data[term][0] is not S.One:
            coefficient, powers = self.data[term]
            return coefficient, self.product(S.One, dict(powers))
        return S.One, term

    def value(self, term: int) -> Number | None:
        """Return the number that a term is, or None."""
        return self.data[term] if self.kinds[term] == NUMBER else None

    def children(self, term: int) -> list[int]:
        """Return the terms that a term is made of."""
        kind, data = self.kinds[term], self.data[term]
        if kind in (NUMBER, LEAF):
            return []
        return list(data[1]) if kind == FUNCTION else [pair[0] for pair in data[1]]


def is_negative(value: Number) -> bool:
    """Return whether a coefficient is below 0; SymPy's own comparison makes a number of the 0."""
    return bool(value.p < 0 if isinstance(value, Rational) else value < 0)


def is_coefficient(value: Any) -> bool:
    """Return whether a SymPy number takes part in arithmetic here (π and e do not)."""
    return isinstance(value, (Rational, Float)) and value.is_finite is True
