"""Joining powers inside one product: `x*x**(y - 1)`, `exp(a)*exp(b)`, `2/sqrt(2)`.

Works on the entries of an open product, base → rational exponent, before it is closed.
"""

from __future__ import annotations

from typing import Any

from sympy import Mul, Pow, Rational, S

from symgrad.calculus.terms import FUNCTION, NUMBER, SUM, Terms
from symgrad.dag.nodes import POW
from symgrad.rules.table import GATES

EXP = GATES.named("exp")
SMALL = 1 << 64  # numbers under a root are factored up to this size
SHORT = 64  # largest exponent with which a root is written out
Entries = dict[int, Any]


def join_powers(terms: Terms, entries: Entries) -> None:
    """Add exponents of equal bases where one of them is symbolic."""
    for power in [t for t in entries if _is(terms, t, POW)]:
        base, exponent = terms.data[power][1]
        partners = [
            t
            for t in entries
            if t == base or (t > power and _is(terms, t, POW) and terms.data[t][1][0] == base)
        ]
        if power not in entries or not partners:
            continue
        total = _Exponent(terms)
        total.add(exponent, entries.pop(power))
        for partner in partners:
            times = entries.pop(partner)
            inner = terms.number(S.One) if partner == base else terms.data[partner][1][1]
            total.add(inner, times)
        _put(terms, entries, base, total.term())


def join_exponentials(terms: Terms, entries: Entries) -> None:
    """Write a product of exponentials, or a power of one, as one exponential."""
    found = [t for t in entries if _is(terms, t, EXP)]
    if not found or (len(found) == 1 and entries[found[0]] == 1):
        return
    total = _Exponent(terms)
    for term in found:
        total.add(terms.data[term][1][0], entries.pop(term))
    exponent = total.term()
    if terms.value(exponent) != 0:
        joined = terms.function(EXP, (exponent,))
        entries[joined] = entries.get(joined, S.Zero) + 1


def join_roots(terms: Terms, scalar: Any, entries: Entries) -> Any:
    """Fold roots of small rationals into the coefficient; return the coefficient."""
    roots = [t for t, e in entries.items() if _foldable(terms, t, e)]
    if not roots or not isinstance(scalar, Rational) or not _small(scalar):
        return scalar
    factors = [Pow(terms.data[t], entries[t]) for t in roots]
    coefficient, rest = Mul(scalar, *factors).as_coeff_Mul()
    parts = [f.as_base_exp() for f in Mul.make_args(rest) if f != 1]
    if not all(b.is_Rational and e.is_Rational for b, e in parts):
        return scalar
    for term in roots:
        del entries[term]
    for base, exponent in parts:
        entries[terms.number(base)] = exponent
    return coefficient


class _Exponent:
    """A sum of multiples of terms."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.constant: Any = S.Zero
        self.units: dict[int, Any] = {}

    def add(self, term: int, times: Any) -> None:
        """Add `times` a term."""
        terms = self.terms
        if terms.kinds[term] == NUMBER:
            self.constant += times * terms.data[term]
            return
        if terms.kinds[term] == SUM:
            constant, units = terms.data[term]
            self.constant += times * constant
        else:
            coefficient, unit = terms.split(term)
            units = ((unit, coefficient),)
        for unit, coefficient in units:
            self.units[unit] = self.units.get(unit, S.Zero) + times * coefficient

    def term(self) -> int:
        """Return the sum as a term."""
        return self.terms.sum(self.constant, self.units)


def _put(terms: Terms, entries: Entries, base: int, exponent: int) -> None:
    known = terms.value(exponent)
    if isinstance(known, Rational):
        entries[base] = entries.get(base, S.Zero) + known
    else:
        joined = terms.function(POW, (base, exponent))
        entries[joined] = entries.get(joined, S.Zero) + 1


def _is(terms: Terms, term: int, gate: Any) -> bool:
    return terms.kinds[term] == FUNCTION and terms.data[term][0] is gate


def _foldable(terms: Terms, term: int, exponent: Any) -> bool:
    return terms.kinds[term] == NUMBER and abs(exponent) <= SHORT and _small(terms.data[term])


def _small(value: Any) -> bool:
    return isinstance(value, Rational) and abs(value.p) < SMALL and value.q < SMALL and value > 0
