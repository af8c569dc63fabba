"""Tidying one product: equal factors merge, and what is declared of matrices is used.

Diagonal matrices tie their indices, orthogonal pairs and a matrix with its inverse vanish, what
sums to one is gone when it is summed, a one-hot vector is its own square.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from sympy import S

from symgrad.calculus.notation.forms import GROUP, OP, SOFTMAX
from symgrad.calculus.notation.unify import Unifier
from symgrad.rules import linalg

Raw = tuple[int, tuple[Hashable, ...], Any]


class Tidier:
    """One product while it is tidied.

    Attributes
    ----------
    factors : list of (atom, indices, exponent)
        What is left.
    coefficient : Expr
        What became a number.
    repeated : list
        The sizes of summed indices that no factor has.
    """

    def __init__(
        self, table: Any, unifier: Unifier, factors: Sequence[Raw], out: Sequence[Hashable]
    ) -> None:
        self.table, self.unifier = table, unifier
        self.factors: list[Raw] = list(factors)
        self._out = tuple(out)
        self.coefficient: Any = S.One
        self.repeated: list[Any] = []
        self._spaces = {i for _, indices, _ in factors for i in indices} | set(unifier.sizes)

    @property
    def out(self) -> tuple[Hashable, ...]:
        """The indices of the result."""
        return tuple(self.unifier.find(i) for i in self._out)

    def run(self) -> None:
        """Tidy until nothing changes."""
        rules = (
            self._tie_diagonals,
            self._drop_pairs,
            self._close_factorisations,
            self._drop_sums,
            self._shrink_groups,
        )
        self._rename()
        while any(rule() for rule in rules):
            self._rename()
        held = {i for _, indices, _ in self.factors for i in indices} | set(self.out)
        for index in sorted({self.unifier.find(i) for i in self._spaces} - held, key=str):
            if index not in self._gone:
                self.repeated.append(self.unifier.sizes[index])

    _gone: frozenset[Hashable] = frozenset()

    def _rename(self) -> None:
        find = self.unifier.find
        self.factors = [(a, tuple(find(i) for i in idx), e) for a, idx, e in self.factors]
        self.factors = self.merged()

    def merged(self) -> list[Raw]:
        """Return the factors with equal ones joined."""
        powers: dict[Any, Any] = {}
        for atom, indices, exponent in self.factors:
            if self.table.is_symmetric(atom):
                indices = tuple(sorted(indices, key=str))
            if "one_hot" in self.table.facts(atom) and exponent.is_positive:
                powers[atom, indices] = S.One
                continue
            powers[atom, indices] = powers.get((atom, indices), S.Zero) + exponent
        return [(a, i, e) for (a, i), e in powers.items() if e != 0]

    def _uses(self) -> dict[Hashable, int]:
        """Return how often each index stands in factors and in the result."""
        uses: dict[Hashable, int] = {}
        for index in (*self.out, *(i for _, indices, _ in self.factors for i in indices)):
            uses[index] = uses.get(index, 0) + 1
        return uses

    def _tie_diagonals(self) -> bool:
        for atom, indices, _ in self.factors:
            if len(set(indices)) == 2 and self.table.is_diagonal(atom):
                self.unifier.join(*indices)
                return True
        return False

    def _drop_pairs(self) -> bool:
        """Drop an orthogonal matrix with its transpose, and a matrix with its inverse."""
        uses = self._uses()
        plain = [f for f in self.factors if f[2] == 1 and len(set(f[1])) == 2]
        for place, first in enumerate(plain):
            for second in plain[place + 1 :]:
                ends = self._ends(first, second, uses)
                if ends is not None:
                    self.factors.remove(first)
                    self.factors.remove(second)
                    shared = set(first[1]) & set(second[1])
                    self._gone = self._gone | (shared - set(ends))
                    self.unifier.join(*ends)
                    return True
        return False

    def _ends(
        self, first: Raw, second: Raw, uses: dict[Hashable, int]
    ) -> tuple[Hashable, Hashable] | None:
        """Return the outer indices of two factors whose product is the identity."""
        shared = [i for i in first[1] if i in second[1] and uses[i] == 2 and i not in self.out]
        if not shared:
            return None
        places = [f[1].index(shared[0]) for f in (first, second)]
        same_side = places[0] == places[1]
        ends = first[1][1 - places[0]], second[1][1 - places[1]]
        if first[0] == second[0]:
            return ends if same_side and "orthogonal" in self.table.facts(first[0]) else None
        inverse = self._inverts(first[0], second[0])
        symmetric = self.table.is_symmetric(first[0]) or self.table.is_symmetric(second[0])
        return ends if inverse and (symmetric or not same_side) else None

    def _inverts(self, a: int, b: int) -> bool:
        """Return whether one atom is the inverse of the other."""
        for inverse, matrix in ((a, b), (b, a)):
            entry, other = self.table.atom(inverse), self.table.atom(matrix)
            if entry.kind == OP and entry.gate is linalg.INVERSE:
                form = entry.operands[0]
                if other.kind == GROUP and other.operands[0] == form:
                    return True
                if self.table.of_atom(matrix) == form:
                    return True
        return False

    def _close_factorisations(self) -> bool:
        """Write `L*L.T` as the matrix that was factored, and `inv(L).T*inv(L)` as its inverse."""
        uses = self._uses()
        plain = [f for f in self.factors if f[2] == 1 and len(set(f[1])) == 2]
        for place, first in enumerate(plain):
            side, made = self._factored(first[0])
            for second in plain[place + 1 :]:
                shared = first[1][side]
                if made is None or second[0] != first[0] or second[1][side] != shared:
                    continue
                if uses[shared] == 2 and shared not in self.out:
                    self.factors.remove(first)
                    self.factors.remove(second)
                    self._gone = self._gone | {shared}
                    self._replace(made, (first[1][1 - side], second[1][1 - side]))
                    return True
        return False

    def _factored(self, atom: int) -> tuple[int, int | None]:
        """Return the axis over which an atom times itself is known, and what that is."""
        entry = self.table.atom(atom)
        if entry.kind == OP and entry.gate is linalg.CHOLESKY:
            return 1, entry.operands[0]
        if entry.kind == OP and entry.gate is linalg.INVERSE:
            bare = self.table.bare(entry.operands[0])
            inner = None if bare is None or bare[1] != (0, 1) else self.table.atom(bare[0])
            if inner is not None and inner.kind == OP and inner.gate is linalg.CHOLESKY:
                form = inner.operands[0]
                return 0, self.table.operation(linalg.INVERSE, None, (form,), entry.shape)
        return 0, None

    def _drop_sums(self) -> bool:
        """Drop what sums to one over an index that nothing else has."""
        uses = self._uses()
        for factor in self.factors:
            atom, indices, exponent = factor
            if exponent != 1 or not indices:
                continue
            axes = self._unit_axes(atom)
            summed = [indices[a] for a in axes]
            if axes and all(uses[i] == 1 and i not in self.out for i in summed):
                self.factors.remove(factor)
                self._gone = self._gone | set(summed)
                self._keep([indices[a] for a in range(len(indices)) if a not in axes])
                return True
        return False

    def _shrink_groups(self) -> bool:
        """Sum a sum term by term over an index that only it has, if it gets shorter by that."""
        uses = self._uses()
        for place, (atom, indices, exponent) in enumerate(self.factors):
            entry = self.table.atom(atom)
            alone = {i for i in indices if uses[i] == indices.count(i) and i not in self.out}
            if entry.kind != GROUP or exponent != 1 or not alone:
                continue
            kept = tuple(dict.fromkeys(i for i in indices if i not in alone))
            inner = entry.operands[0]
            made = self.table.shrunk(indices, kept, inner)
            if made is not None:
                self._gone = self._gone | alone
                del self.factors[place]
                self._replace(made, kept)
                return True
        return False

    def _replace(self, form: int, indices: Sequence[Hashable]) -> None:
        """Put a form among the factors."""
        terms = self.table.form(form).terms
        if not terms:
            self.coefficient, self.factors = S.Zero, []
            return
        self._embedded += 1
        product, coefficient = terms[0] if len(terms) == 1 else self.table.grouped(form)
        self.coefficient *= coefficient
        place = -self._embedded
        self.factors += self.unifier.embed(place, product, indices, self.table)
        self._keep(indices)

    _embedded = 0

    def _keep(self, indices: Sequence[Hashable]) -> None:
        self._spaces |= set(indices)

    def _unit_axes(self, atom: int) -> tuple[int, ...]:
        """Return the axes over which an atom sums to one."""
        entry = self.table.source(atom)
        if entry.kind == OP and entry.gate is SOFTMAX:
            return tuple(entry.data)
        if "sums_to_one" in self.table.facts(atom):
            return (len(entry.shape) - 1,)
        return ()
