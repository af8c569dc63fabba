"""Jacobians from pullbacks: what is linear in a probe, with the probe taken out.

The pullback of a symbolic cotangent `w` is a sum of products, each with `w` once. Without `w` its
indices become free, and what is left is the Jacobian: diagonals, identities and outer products stay
what they are, and nothing is materialised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import S

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.canon import canonical
from symgrad.calculus.notation.forms import GROUP, Atom, Product, Shape
from symgrad.errors import UnsupportedError
from symgrad.rules.routing import WHERE

NOT_LINEAR = (
    "this Jacobian has no closed form here, since a gate that is not taken apart stands before the "
    "variable; use `jvp` or `vjp`, which need no matrix"
)


class Probe:
    """The cotangent that is taken out.

    Parameters
    ----------
    algebra : Algebra
        The table.
    symbol : Symbol
        The leaf.
    shape : tuple
        Its shape.
    """

    def __init__(self, algebra: Algebra, symbol: Any, shape: Shape) -> None:
        self.algebra, self.shape = algebra, shape
        factor = algebra.bare(algebra.leaf(symbol, shape))
        assert factor is not None
        self.atom = factor[0]
        self._held: dict[int, bool] = {self.atom: True}

    def holds(self, root: int) -> bool:
        """Return whether an entry of the table depends on the probe."""
        stack = [root]
        while stack:
            number = stack[-1]
            pending = [i for i in self._inner(number) if i not in self._held]
            if number in self._held or not pending:
                stack.pop()
                if number not in self._held:
                    self._held[number] = any(self._held[i] for i in self._inner(number))
            else:
                stack += pending
        return self._held[root]

    def _inner(self, number: int) -> Sequence[int]:
        entry = self.algebra.entries[number]
        if isinstance(entry, Atom):
            return entry.operands
        return [atom for product, _ in entry.terms for atom, _, _ in product.factors]

    def taken_out(self, form: int) -> int:
        """Return the linear map of a form: the axes of the probe, then those of the form.

        Raises
        ------
        UnsupportedError
            If the probe stands inside a gate that is not taken apart.
        """
        shape = (*self.shape, *self.algebra.shape(form))
        parts = []
        todo = [(S.One, form)]
        while todo:
            scale, number = todo.pop()
            for product, coefficient in self.algebra.form(number).terms:
                opened = self._opened(product, self.algebra.shape(number))
                if opened is None:
                    parts.append((scale * coefficient, self._without(product, shape)))
                else:
                    todo += [(scale * coefficient * c, f) for c, f in opened]
        return self.algebra.sum(parts[::-1], shape)

    def _without(self, product: Product, shape: Shape) -> int:
        """Return a product without the probe, whose indices come first in the result."""
        algebra = self.algebra
        mine = [f for f in product.factors if f[0] == self.atom]
        rest = [f for f in product.factors if f[0] != self.atom]
        if len(mine) != 1 or mine[0][2] != 1 or any(self.holds(a) for a, _, _ in rest):
            raise UnsupportedError(NOT_LINEAR)
        indices = mine[0][1]
        made = canonical(rest, (*indices, *product.out), algebra.is_symmetric)
        return algebra.of_terms(shape, {made: S.One})

    def _opened(self, product: Product, shape: Shape) -> list[tuple[Any, int]] | None:
        """Return the terms of a sum in parentheses that holds the probe, multiplied out."""
        for place, (atom, indices, exponent) in enumerate(product.factors):
            if atom == self.atom or not self.holds(atom):
                continue
            inner = self._as_sum(self.algebra.atom(atom)) if exponent == 1 else None
            if inner is None:
                raise UnsupportedError(NOT_LINEAR)
            others = [f for k, f in enumerate(product.factors) if k != place]
            sizes = dict(zip(product.out, shape, strict=True))
            return self._distributed(inner, indices, others, sizes, product.out)
        return None

    def _as_sum(self, entry: Atom) -> int | None:
        """Return the sum that an atom is: one in parentheses, or a choice, which is linear."""
        if entry.kind == GROUP:
            return entry.operands[0]
        if entry.gate is not WHERE or self.holds(entry.operands[0]):
            return None
        algebra, (condition, *branches) = self.algebra, entry.operands
        one, zero = algebra.number(S.One), algebra.number(S.Zero)
        chosen = [
            algebra.map(WHERE, None, (condition, *sides), entry.shape)
            for sides in ((one, zero), (zero, one))
        ]
        pairs = zip(chosen, branches, strict=True)
        return algebra.sum([(S.One, algebra.product(c, b)) for c, b in pairs], entry.shape)

    def _distributed(
        self,
        inner: int,
        indices: Sequence[int],
        others: Sequence[Any],
        sizes: dict[int, Any],
        out: Sequence[int],
    ) -> list[tuple[Any, int]]:
        algebra = self.algebra
        found = []
        powers = [algebra.of_atom(a, e) for a, _, e in others]
        inputs = [indices, *(i for _, i, _ in others)]
        for atom, places, _ in others:
            sizes |= zip(places, algebra.shape(atom), strict=True)
        sizes |= zip(indices, algebra.shape(inner), strict=True)
        for product, coefficient in algebra.form(inner).terms:
            term = algebra.of_terms(algebra.shape(inner), {product: S.One})
            found.append((coefficient, algebra.einsum(inputs, out, [term, *powers], sizes)))
        return found
