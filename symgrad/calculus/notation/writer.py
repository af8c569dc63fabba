"""Writing forms bottom-up: what a form is made of first, each part once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.forms import Atom, Form


class Writer:
    """What the dialects share; they write one atom and one form from what is made of them.

    Parameters
    ----------
    algebra : Algebra
        The table; `made` keeps what is written.
    """

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self.made: dict[int, Any] = {}

    def spell(self, root: int) -> Any:
        """Return the expression of a form."""
        for number in self._needed(root):
            if number not in self.made:
                entry = self.algebra.entries[number]
                is_form = isinstance(entry, Form)
                self.made[number] = self._form(entry) if is_form else self._atom(entry)
        return self.made[root]

    def spell_parts(self, root: int) -> None:
        """Write all that a form is made of, but not the form, which may have any axes."""
        for number in self.inner(root):
            self.spell(number)

    def _needed(self, root: int) -> list[int]:
        """Return what a form is made of, itself last."""
        seen, stack = {root}, [root]
        while stack:
            for number in self.inner(stack.pop()):
                if number not in seen and number not in self.made:
                    seen.add(number)
                    stack.append(number)
        return sorted(seen)

    def inner(self, number: int) -> Sequence[int]:
        """Return what an entry is made of."""
        entry = self.algebra.entries[number]
        if isinstance(entry, Atom):
            return entry.operands
        return [atom for product, _ in entry.terms for atom, _, _ in product.factors]

    def _atom(self, atom: Any) -> Any:
        raise NotImplementedError

    def _form(self, form: Any) -> Any:
        raise NotImplementedError
