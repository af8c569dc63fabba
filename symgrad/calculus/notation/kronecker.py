"""Kronecker products in the normal form: an outer product whose axes are folded in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.calculus.notation.forms import OP, Atom, Factor, Table
from symgrad.rules import tensors

Part = tuple[int, bool]  # an atom, and whether it is transposed


def kronecker_parts(table: Table, atom: Atom) -> list[Part] | None:
    """Return the two factors of a Kronecker product, or None where an atom is none."""
    if atom.kind != OP or atom.gate is not tensors.RESHAPE or len(atom.shape) > 2:
        return None
    term = table.single(atom.operands[0])
    if term is None or term[1] != 1 or len(term[0].factors) != 2:
        return None
    product, wide = term[0], table.shape(atom.operands[0])
    if product.out != tuple(range(len(wide))) or any(e != 1 for _, _, e in product.factors):
        return None
    return _matched(product.factors, wide, atom.shape)


def _matched(
    factors: Sequence[Factor], wide: Sequence[Any], shape: Sequence[Any]
) -> list[Part] | None:
    """Return the factors in order if the first half of their axes are rows."""
    if len(wide) == 2 and len(shape) == 1:
        vectors = sorted(factors, key=lambda f: f[1])
        return (
            [(a, False) for a, i, _ in vectors] if all(len(i) == 1 for _, i, _ in vectors) else None
        )
    if len(wide) == 3 and len(shape) == 2 and wide[0] * wide[1] == shape[0]:
        return _placed(factors, (0, 1), (2,))
    if len(wide) == 4 and len(shape) == 2:
        return _placed(factors, (0, 1), (2, 3))
    return None


def _placed(
    factors: Sequence[Factor], rows: Sequence[int], columns: Sequence[int]
) -> list[Part] | None:
    found: dict[int, Part] = {}
    for atom, indices, _ in factors:
        up = [i for i in indices if i in rows]
        across = [i for i in indices if i in columns]
        if len(up) != 1 or len(across) > 1 or len(up) + len(across) != len(indices):
            return None
        if len(columns) == 2 and (not across or across[0] - 2 != up[0]):
            return None
        found[up[0]] = (atom, bool(across) and indices[0] != up[0])
    return [found[0], found[1]] if len(found) == 2 else None
