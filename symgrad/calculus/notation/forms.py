"""The normal form of tensor expressions: sums of products of indexed atoms.

A product is an einsum: atoms with indices and exponents, and the indices of the result. An index
that the result lacks is summed, one that only the result has is broadcast, one that it has twice
makes a diagonal. Identities, transposes and broadcasts therefore vanish by themselves, and equal
terms are equal tuples. Forms and atoms are interned in one table and named by numbers; what a
number is made of has smaller numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sympy import Integer, Rational, S

from symgrad.expr.matrices import facts_of
from symgrad.rules import linalg, tensors
from symgrad.rules.row import Gate

Shape = tuple[Any, ...]
Factor = tuple[int, tuple[int, ...], Any]  # atom, indices, exponent
LEAF, MAP, OP, GROUP = "leaf", "map", "op", "group"
ONE_HOT = frozenset(["one_hot", "sums_to_one"])
SOFTMAX = Gate("softmax")  # recognised in closed forms only: exp(x - logsumexp(x))


class Product(NamedTuple):
    """An einsum of atoms without its coefficient.

    Parameters
    ----------
    factors : tuple of (atom, indices, exponent)
        In canonical order; the result's indices are numbered first, then the summed ones.
    out : tuple of int
        The indices of the result.
    """

    factors: tuple[Factor, ...]
    out: tuple[int, ...]


class Form(NamedTuple):
    """A sum of products.

    Parameters
    ----------
    shape : tuple
        The shape of every term.
    terms : tuple of (Product, Rational)
        Each product once, with its coefficient, in the order of the products.
    """

    shape: Shape
    terms: tuple[tuple[Product, Any], ...]


class Atom(NamedTuple):
    """What is not taken apart.

    Parameters
    ----------
    kind : str
        `LEAF`: a symbol or number; `MAP`: a function entry by entry; `OP`: a tensor gate;
        `GROUP`: a sum in parentheses.
    gate : Gate or None
        The function.
    data : object
        The symbol of a leaf; the payload of a gate.
    operands : tuple of int
        Forms.
    shape : tuple
        The shape.
    """

    kind: str
    gate: Gate | None
    data: Any
    operands: tuple[int, ...]
    shape: Shape


class Table:
    """All forms and atoms, each once."""

    def __init__(self) -> None:
        self.entries: list[Form | Atom] = []
        self._index: dict[Any, int] = {}
        self._symmetric: dict[int, bool] = {}

    def intern(self, entry: Form | Atom) -> int:
        """Return the number of an entry."""
        found = self._index.get(entry)
        if found is None:
            found = self._index[entry] = len(self.entries)
            self.entries.append(entry)
        return found

    def form(self, number: int) -> Form:
        """Return the form of a number."""
        found = self.entries[number]
        assert isinstance(found, Form)
        return found

    def atom(self, number: int) -> Atom:
        """Return the atom of a number."""
        found = self.entries[number]
        assert isinstance(found, Atom)
        return found

    def shape(self, number: int) -> Shape:
        """Return the shape of a form or an atom."""
        return self.entries[number].shape

    # --- making ---

    def of_terms(self, shape: Shape, terms: Mapping[Product, Any]) -> int:
        """Return a form; terms that cancelled are dropped."""
        kept = sorted((p for p, c in terms.items() if c != 0))
        return self.intern(Form(tuple(shape), tuple((p, terms[p]) for p in kept)))

    def of_atom(self, atom: int, exponent: Any = S.One) -> int:
        """Return the form of a single atom."""
        shape = self.shape(atom)
        axes = tuple(range(len(shape)))
        return self.intern(Form(shape, ((Product(((atom, axes, exponent),), axes), S.One),)))

    def leaf(self, symbol: Any, shape: Shape = ()) -> int:
        """Return the form of a symbol."""
        return self.of_atom(self.intern(Atom(LEAF, None, symbol, (), tuple(shape))))

    def number(self, value: Any, shape: Shape = ()) -> int:
        """Return the form of a number, repeated over a shape."""
        if not isinstance(value, Rational) or value is S.NaN:
            made = self.leaf(value)
            return made if not shape else self.spread(made, shape)
        axes = tuple(range(len(shape)))
        return self.of_terms(shape, {Product((), axes): value})

    def group(self, form: int) -> int:
        """Return the atom of a form in parentheses."""
        return self.intern(Atom(GROUP, None, None, (form,), self.shape(form)))

    def map(self, gate: Gate, payload: Any, operands: Sequence[int], shape: Shape) -> int:
        """Return a function applied entry by entry."""
        return self.of_atom(self.intern(Atom(MAP, gate, payload, tuple(operands), tuple(shape))))

    def operation(self, gate: Gate, payload: Any, operands: Sequence[int], shape: Shape) -> int:
        """Return a tensor gate that is not taken apart."""
        return self.of_atom(self.intern(Atom(OP, gate, payload, tuple(operands), tuple(shape))))

    # --- asking ---

    def single(self, form: int) -> tuple[Product, Any] | None:
        """Return the only term of a form, or None."""
        terms = self.form(form).terms
        return terms[0] if len(terms) == 1 else None

    def bare(self, form: int) -> Factor | None:
        """Return the only factor of a form that is one atom with coefficient 1, or None."""
        term = self.single(form)
        if term is None or term[1] != 1 or len(term[0].factors) != 1:
            return None
        factor = term[0].factors[0]
        return factor if factor[2] == 1 else None

    def constant(self, form: int) -> Any:
        """Return the number that every entry of a form is, or None."""
        terms = self.form(form).terms
        if not terms:
            return S.Zero
        if len(terms) > 1 or terms[0][0].factors or has_diagonal(terms[0][0].out):
            return None
        return terms[0][1]

    def facts(self, atom: int) -> frozenset[str]:
        """Return what is declared of an atom."""
        entry = self.atom(atom)
        if entry.kind == OP and entry.gate is tensors.ONE_HOT:
            return ONE_HOT
        return facts_of(entry.data) if entry.kind == LEAF else frozenset()

    def is_diagonal(self, atom: int) -> bool:
        """Return whether an atom is declared diagonal, or the inverse of one that is."""
        entry = self.atom(atom)
        if entry.kind == OP and entry.gate is linalg.INVERSE:
            bare = self.bare(entry.operands[0])
            return bare is not None and self.is_diagonal(bare[0])
        return "diagonal" in self.facts(atom)

    def is_symmetric(self, atom: int) -> bool:
        """Return whether an atom of two axes equals its transpose."""
        known = self._symmetric.get(atom)
        if known is None:
            known = self._symmetric[atom] = self._find_symmetry(atom)
        return known

    def _find_symmetry(self, atom: int) -> bool:
        entry = self.atom(atom)
        if len(entry.shape) != 2 or entry.shape[0] != entry.shape[1]:
            return False
        if entry.kind == LEAF:
            return "symmetric" in self.facts(atom)
        through = entry.kind in (MAP, GROUP) or entry.gate in (linalg.INVERSE, linalg.EXPM)
        return through and all(self.form_symmetric(o) for o in entry.operands)

    def form_symmetric(self, form: int) -> bool:
        """Return whether a form equals its transpose, as far as it can be read off."""
        shape = self.shape(form)
        return len(shape) != 2 or self.turned(form) == form

    def turned(self, form: int) -> int:
        """Return the transpose of a form of two axes."""
        raise NotImplementedError

    def spread(self, form: int, shape: Shape) -> int:
        """Return a scalar form repeated over a shape."""
        axes = tuple(range(len(shape)))
        terms = {
            Product(p.factors, axes) if not shape else lifted(p, len(shape)): c
            for p, c in self.form(form).terms
        }
        return self.of_terms(shape, terms)


def lifted(product: Product, rank: int) -> Product:
    """Return a scalar product with the indices of a result; the summed ones come after them."""
    factors = tuple((a, tuple(i + rank for i in idx), e) for a, idx, e in product.factors)
    return Product(factors, tuple(range(rank)))


def has_diagonal(out: tuple[int, ...]) -> bool:
    """Return whether an index stands twice in a result."""
    return len(set(out)) != len(out)


def bare_scalar(form: Form) -> int | None:
    """Return the atom that a form without axes is, or None if it is more than that."""
    if len(form.terms) != 1 or form.shape:
        return None
    (product, coefficient), *_ = form.terms
    if coefficient != 1 or len(product.factors) != 1:
        return None
    ((atom, indices, exponent),) = product.factors
    return atom if exponent == 1 and not indices else None


def exact(value: Any) -> Any:
    """Return a Python number as a SymPy one."""
    return Integer(value) if isinstance(value, int) else value
