"""Entries of matrix products, which SymPy writes as sums over a subscript.

`(A*B)[0, 1]` and `(x.T*A*x)[0, 0]` are sums of products of entries once SymPy has evaluated them;
here they become the contractions that they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import sympy
from sympy import S
from sympy.matrices.expressions.matexpr import MatrixElement

from symgrad.dag.matrix_pen import Pen, shaped
from symgrad.dag.nodes import ADD, MUL
from symgrad.expr.matrices import matrix_shape
from symgrad.rules import tensors

LARGEST_POWER = 64


class Term(NamedTuple):
    """A product under a sum: entries with a subscript that runs, and the numbers beside them."""

    entries: tuple[Any, ...]
    numbers: tuple[Any, ...]


def terms_of(expr: Any) -> list[Term] | None:
    """Return the products of a sum over whole axes of matrices; None for another expression."""
    if not isinstance(expr, sympy.Sum):
        return None
    body, *limits = expr.args
    running = {limit[0]: limit[1:] for limit in limits}
    found = [_term(product, running) for product in sympy.Add.make_args(sympy.expand_mul(body))]
    return None if None in found else [term for term in found if term is not None]


def _term(product: Any, running: Any) -> Term | None:
    entries: list[Any] = []
    numbers: list[Any] = []
    for factor in sympy.Mul.make_args(product):
        base, exponent = factor.as_base_exp()
        if not factor.free_symbols & running.keys():
            numbers.append(factor)
        elif _covers(base, running) and exponent.is_Integer and 0 < exponent <= LARGEST_POWER:
            entries += [base] * int(exponent)
        else:
            return None
    used = {place for entry in entries for place in entry.args[1:]}
    return Term(tuple(entries), tuple(numbers)) if running.keys() <= used else None


def _covers(entry: Any, running: Any) -> bool:
    """Return whether each subscript that runs stands alone and runs along the whole axis."""
    if not isinstance(entry, MatrixElement):
        return False
    parent, *places = entry.args
    if parent.free_symbols & running.keys():
        return False
    for size, place in zip(matrix_shape(parent), places, strict=True):
        if place in running:
            lower, upper = running[place]
            if lower != 0 or sympy.expand(upper + 1 - size) != 0:
                return False
        elif place.free_symbols & running.keys():
            return False
    return True


def parts(expr: Any) -> Sequence[Any]:
    """Return what such a sum is built from; nothing for another expression."""
    found: list[Any] = []
    for term in terms_of(expr) or ():
        found += term.numbers
        for entry in term.entries:
            found += [entry.args[0], *_fixed(entry, expr)]
    return found


def _fixed(entry: Any, expr: Any) -> list[Any]:
    running = {limit[0] for limit in expr.args[1:]}
    return [place for place in entry.args[1:] if place not in running]


def combine(builder: Any, expr: Any) -> int | None:
    """Build such a sum as einsums; None for another expression."""
    terms = terms_of(expr)
    if terms is None:
        return None
    pen = Pen(builder.grower)
    running = {limit[0]: f"sum{k}" for k, limit in enumerate(expr.args[1:])}
    made = [_contracted(builder, pen, term, running) for term in terms]
    return reduce(lambda a, b: pen.apply(ADD, a, b), made)


def _contracted(builder: Any, pen: Pen, term: Term, running: Any) -> int:
    inputs: list[tuple[str, ...]] = []
    operands: list[int] = []
    for k, entry in enumerate(term.entries):
        parent, *places = entry.args
        node, shape = shaped(builder, parent)
        letters = [running.get(place, f"entry{k}axis{j}") for j, place in enumerate(places)]
        wide = [j for j, size in enumerate(shape) if size != 1]
        inputs.append(tuple(letters[j] for j in wide))
        operands.append(node)
        for j in wide:
            if places[j] not in running:
                place = builder.value(places[j])
                inputs.append((letters[j],))
                operands.append(pen.apply(tensors.ONE_HOT, place, payload=shape[j]))
    value = pen.einsum(inputs, (), operands)
    numbers = [builder.value(n) for n in term.numbers if n is not S.One]
    return reduce(lambda total, number: pen.apply(MUL, number, total), numbers, value)
