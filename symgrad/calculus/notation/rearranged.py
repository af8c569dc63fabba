"""Rearrangements in the normal form: what is linear passes through, what undoes itself is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sympy import Rational, S

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.axes import refitted
from symgrad.calculus.notation.forms import OP, Product, Shape
from symgrad.rules import tensors
from symgrad.rules.row import Gate

Each = Callable[[Algebra, int], int | None]


def linearly(
    algebra: Algebra, gate: Gate, payload: Any, operand: int, shape: Shape, known: Each
) -> int:
    """Return a linear gate of a sum term by term, numbers outside.

    Parameters
    ----------
    algebra : Algebra
        The table.
    gate, payload : Gate and object
        The gate.
    operand : int
        A form.
    shape : tuple
        The shape of the result.
    known : callable
        What the gate gives of a single term, or None.
    """
    terms = algebra.form(operand).terms
    wide = algebra.shape(operand)
    alone = [algebra.of_terms(wide, {p: S.One}) for p, _ in terms]
    found = [known(algebra, f) for f in alone]
    if len(terms) > 1 and all(f is None for f in found):
        return algebra.operation(gate, payload, (operand,), shape)
    parts = []
    for (_, coefficient), form, made in zip(terms, alone, found, strict=True):
        value = algebra.operation(gate, payload, (form,), shape) if made is None else made
        parts.append((coefficient, value))
    return algebra.sum(parts, shape)


def read_tril(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return a lower triangle; that of a diagonal matrix is itself, or its half."""

    def known(table: Algebra, form: int) -> int | None:
        term = table.single(form)
        if term is None or len(shape) != 2 or term[0].out != (0, 0):
            return None
        return table.scaled(Rational(1, 2) if payload else S.One, form)

    return linearly(algebra, tensors.TRIL, payload, operands[0], shape, known)


def read_reshape(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return other axes for the same entries; undoing it gives back what it was made of."""

    def known(table: Algebra, form: int) -> int | None:
        if table.shape(form) == shape:
            return form
        constant = table.constant(form)
        if constant is not None:
            return table.number(constant, shape)
        bare = table.bare(form)
        if bare is not None:
            entry = table.atom(bare[0])
            whole = tuple(range(len(table.shape(form))))
            if entry.kind == OP and entry.gate is tensors.RESHAPE and bare[1] == whole:
                inner = entry.operands[0]
                return inner if table.shape(inner) == shape else None
            if entry.kind == OP and entry.gate is tensors.RESHAPE and bare[1] == (1, 0):
                return _turned_back(table, entry.operands[0], shape)
        fitted = refitted(table, form, shape)
        return _identity(table, form, shape) if fitted is None else fitted

    return linearly(algebra, tensors.RESHAPE, payload, operands[0], shape, known)


def _turned_back(algebra: Algebra, inner: int, shape: Shape) -> int | None:
    """Return the unfolded axes of the transpose of a matrix whose axes are folded in pairs."""
    wide = algebra.shape(inner)
    if len(wide) != 4 or (*wide[2:], *wide[:2]) != tuple(shape):
        return None
    return algebra.einsum([(0, 1, 2, 3)], (2, 3, 0, 1), [inner])


def _identity(algebra: Algebra, form: int, shape: Shape) -> int | None:
    """Return an identity of folded axes as the product of the identities of its parts."""
    term = algebra.single(form)
    if term is None or term[0].factors or term[0].out != (0, 0) or len(shape) != 4:
        return None
    if shape[0] != shape[2] or shape[1] != shape[3]:
        return None
    return algebra.of_terms(shape, {Product((), (0, 1, 0, 1)): term[1]})
