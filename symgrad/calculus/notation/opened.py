"""Multiplying out where it makes a product shorter: `s*(1 - s)*(y/s - (1 - y)/(1 - s))` is `y - s`.

Sums in parentheses stay as they are unless one of their terms divides by another factor of the
product.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from sympy import S

from symgrad.calculus.notation.forms import GROUP, Table

MOST = 24  # terms, past which nothing is multiplied out
Raw = tuple[int, tuple[Hashable, ...], Any]


def opening(table: Any, factors: Sequence[Raw], out: Sequence[Hashable]) -> int | None:
    """Return a product multiplied out if a factor cancels inside a sum, or None."""
    place = _cancelling(table, factors)
    if place is None:
        return None
    atom, indices, _ = factors[place]
    others = [f for k, f in enumerate(factors) if k != place]
    made = _distributed(table, table.atom(atom).operands[0], indices, others, out)
    flat = flattened(table, made)
    return flat if flat is not None and _size(table, flat) <= _size(table, made) else made


def _cancelling(table: Table, factors: Sequence[Raw]) -> int | None:
    """Return the place of a sum whose terms divide by one of the other factors."""
    have = {(atom, indices) for atom, indices, e in factors if e.is_positive}
    for place, (atom, indices, exponent) in enumerate(factors):
        entry = table.atom(atom)
        if entry.kind != GROUP or exponent != 1 or len(set(indices)) != len(indices):
            continue
        for product, _ in table.form(entry.operands[0]).terms:
            names = dict(zip(product.out, indices, strict=True))
            for inner, inner_indices, power in product.factors:
                placed = tuple(names.get(i, ("inner", i)) for i in inner_indices)
                if power.is_negative and (inner, placed) in have:
                    return place
    return None


def _distributed(
    table: Any, form: int, indices: Sequence[Hashable], others: Sequence[Raw], out: Sequence[Any]
) -> int:
    """Return a sum times other factors, term by term."""
    shape = table.shape(form)
    inputs = [indices, *(i for _, i, _ in others)]
    rest = [table.of_atom(atom, exponent) for atom, _, exponent in others]
    parts = []
    for product, coefficient in table.form(form).terms:
        term = table.of_terms(shape, {product: S.One})
        parts.append((coefficient, table.einsum(inputs, out, [term, *rest])))
    sizes = dict(zip(indices, shape, strict=True))
    for atom, placed, _ in others:
        sizes |= dict(zip(placed, table.shape(atom), strict=True))
    return int(table.sum(parts, tuple(sizes[i] for i in out)))


def flattened(table: Any, form: int) -> int | None:
    """Return a form with all sums in its products multiplied out; None if it grows too long."""
    shape, current = table.shape(form), form
    while True:
        found = None
        for product, coefficient in table.form(current).terms:
            for place, (atom, indices, exponent) in enumerate(product.factors):
                if table.atom(atom).kind == GROUP and exponent == 1:
                    found = product, coefficient, place, indices, atom
        if found is None:
            return int(current)
        product, coefficient, place, indices, atom = found
        others = [f for k, f in enumerate(product.factors) if k != place]
        opened = _distributed(table, table.atom(atom).operands[0], indices, others, product.out)
        rest = {p: c for p, c in table.form(current).terms if p != product}
        current = table.sum([(S.One, table.of_terms(shape, rest)), (coefficient, opened)], shape)
        if len(table.form(current).terms) > MOST:
            return None


def _size(table: Table, form: int) -> int:
    """Return how many factors a form is written with, those in parentheses included."""
    total = 0
    for product, _ in table.form(form).terms:
        total += 1
        for atom, _, _ in product.factors:
            entry = table.atom(atom)
            total += _size(table, entry.operands[0]) if entry.kind == GROUP else 1
    return total
