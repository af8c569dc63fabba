"""Axes of length 1, and axes along which nothing changes: they come and go without a trace.

A sum that keeps its axes, and a broadcast behind it, are then one sum with one new axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import S

from symgrad.calculus.notation.canon import canonical
from symgrad.calculus.notation.forms import GROUP, LEAF, MAP, Product, Shape, has_diagonal
from symgrad.rules import tensors


def without_units(shape: Sequence[Any]) -> Shape:
    """Return a shape without its axes of length 1."""
    return tuple(n for n in shape if n != 1)


def refitted(table: Any, form: int, shape: Shape) -> int | None:
    """Return a form with other axes of length 1, or None if it cannot be read so.

    Parameters
    ----------
    table : Algebra
        Where forms are kept.
    form : int
        A form of one term.
    shape : tuple
        Its shape, but for axes of length 1.
    """
    wide = table.shape(form)
    if without_units(wide) != without_units(shape) or 0 in (len(wide), len(shape)):
        return None
    lean = _squeezed(table, form)
    if lean is None:
        return None
    long = [k for k, n in enumerate(shape) if n != 1]
    places = tuple(range(len(long)))
    moved = dict(zip(places, long, strict=True))
    out = tuple(range(len(shape)))
    inputs = tuple(moved[i] for i in places)
    return int(table.einsum([inputs], out, [lean], dict(enumerate(shape))))


def _squeezed(table: Any, form: int) -> int | None:
    """Return a form without its axes of length 1; None where an axis is more than its length."""
    shape = table.shape(form)
    if 1 not in shape:
        return form
    parts = []
    for product, coefficient in table.form(form).terms:
        if has_diagonal(product.out):
            return None
        term = _squeezed_term(table, product, shape)
        if term is None:
            return None
        parts.append((coefficient, term))
    return int(table.sum(parts, without_units(shape)))


def _squeezed_term(table: Any, product: Product, shape: Shape) -> int | None:
    units = {i for i, n in zip(product.out, shape, strict=True) if n == 1}
    out = tuple(i for i in product.out if i not in units)
    factors = []
    for atom, indices, exponent in product.factors:
        kept = tuple(i for i in indices if i not in units)
        if kept == indices:
            factors.append((atom, indices, exponent))
            continue
        inner = _squeezed_atom(table, atom)
        if inner is None or len(table.shape(inner)) != len(kept):
            return None
        bare = table.bare(inner)
        if bare is None:  # a function that became a sum or a number
            return None
        factors.append((bare[0], kept, exponent))
    made = canonical(factors, out, table.is_symmetric)
    return int(table.of_terms(without_units(shape), {made: S.One}))


def _squeezed_atom(table: Any, atom: int) -> int | None:
    """Return what an atom is without its axes of length 1."""
    entry = table.atom(atom)
    shape = without_units(entry.shape)
    if entry.kind == LEAF:
        form = table.of_atom(atom)
        return int(table.operation(tensors.RESHAPE, shape, (form,), shape))
    if entry.kind not in (GROUP, MAP):
        return None
    operands = [_squeezed(table, o) for o in entry.operands]
    if any(o is None for o in operands):
        return None
    if entry.kind == MAP:
        return int(table.map(entry.gate, entry.data, operands, shape))
    return int(table.of_atom(table.group(operands[0])))


# --- axes along which a form is the same ---


def narrowed(table: Any, form: int) -> tuple[int, tuple[int, ...]]:
    """Return a form with those axes only along which it changes, and which axes these are."""
    shape = table.shape(form)
    lean = _squeezed(table, form)
    if lean is None or any(has_diagonal(p.out) for p, _ in table.form(lean).terms):
        return form, tuple(range(len(shape)))
    held: set[int] = set()
    for product, _ in table.form(lean).terms:
        within = {i for _, indices, _ in product.factors for i in indices}
        held |= {k for k, i in enumerate(product.out) if i in within}
    terms = {}
    for product, coefficient in table.form(lean).terms:
        out = [product.out[k] for k in sorted(held)]
        terms[canonical(product.factors, out, table.is_symmetric)] = coefficient
    long = [k for k, n in enumerate(shape) if n != 1]
    axes = tuple(long[k] for k in sorted(held))
    return int(table.of_terms(tuple(shape[k] for k in axes), terms)), axes


def widened(table: Any, form: int, axes: Sequence[int], shape: Shape) -> int:
    """Return a form repeated over a shape, of which it has some axes."""
    whole = tuple(range(len(shape)))
    return int(table.einsum([tuple(axes)], whole, [form], dict(enumerate(shape))))
