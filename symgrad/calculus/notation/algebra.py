"""The algebra of forms: sums, einsums, powers and functions, tidied as they are made."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from sympy import Integer, Rational, S

from symgrad.calculus.notation import declared
from symgrad.calculus.notation.canon import Raw, canonical
from symgrad.calculus.notation.forms import (
    GROUP,
    LEAF,
    OP,
    SOFTMAX,
    Atom,
    Factor,
    Form,
    Product,
    Shape,
    Table,
    has_diagonal,
)
from symgrad.calculus.notation.opened import opening
from symgrad.calculus.notation.unify import Unifier
from symgrad.rules import tensors
from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import EXP

Terms = dict[Product, Any]
DEEPEST = 3  # sums inside sums that are looked through for terms that vanish


class Algebra(Table):
    """A table of forms with its arithmetic; every method takes and returns numbers of forms."""

    def __init__(self) -> None:
        super().__init__()
        self.behind: dict[int, int] = {}  # what a named form stands for
        self._depth = 0

    def named(self, symbol: Any, form: int) -> int:
        """Return the symbol of a form."""
        leaf = self.leaf(symbol, self.shape(form))
        self.behind[leaf] = form
        return leaf

    def without_scalars(self, form: int) -> tuple[int, int]:
        """Split a single product into its number and the rest; one with sums in it stays whole."""
        term = self.single(form)
        if term is None or not self.shape(form) or has_diagonal(term[0].out):
            return self.number(S.One), form
        product, coefficient = term
        if any(self.atom(a).kind == GROUP for a, _, _ in product.factors):
            return self.number(S.One), form
        scalars = tuple(f for f in product.factors if not f[1])
        rest = Product(tuple(f for f in product.factors if f[1]), product.out)
        number = self.of_terms((), {Product(scalars, ()): coefficient})
        return number, self.of_terms(self.shape(form), {rest: S.One})

    def worth_naming(self, form: int) -> bool:
        """Return whether a form is more than a number or a symbol, or a multiple of one."""
        terms = self.form(form).terms
        if len(terms) != 1:
            return bool(terms)
        factors = terms[0][0].factors
        wide = sum(bool(indices) for _, indices, _ in factors)
        return wide > 1 or not all(self._is_light(a) for a, _, _ in factors)

    def _is_light(self, atom: int) -> bool:
        """Return whether an atom is a symbol, or a part of one."""
        entry = self.atom(atom)
        if entry.kind != OP or entry.gate not in (tensors.RESHAPE, tensors.SLICE):
            return entry.kind == LEAF
        inner = self.bare(entry.operands[0])
        return inner is not None and self._is_light(inner[0])

    # --- sums ---

    def sum(self, parts: Sequence[tuple[Any, int]], shape: Shape | None = None) -> int:
        """Return a linear combination; scalars are repeated over the shape of the others."""
        if shape is None:
            shape = next((self.shape(f) for _, f in parts if self.shape(f)), ())
        terms: Terms = {}
        for coefficient, form in parts:
            wide = form if self.shape(form) == shape else self.spread(form, shape)
            for product, c in self.form(wide).terms:
                self._collect(terms, product, c * coefficient)
        return self.of_terms(shape, terms)

    def _collect(self, terms: Terms, product: Product, coefficient: Any) -> None:
        """Add a term; a sum in parentheses is opened where its terms meet like ones."""
        inner = self._parenthesised(product)
        alone = abs(coefficient) == 1
        if inner is None or not (alone or any(p in terms for p, _ in inner.terms)):
            terms[product] = terms.get(product, S.Zero) + coefficient
            return
        for p, c in inner.terms:
            terms[p] = terms.get(p, S.Zero) + c * coefficient

    def _parenthesised(self, product: Product) -> Form | None:
        """Return the sum that a product is, if it is nothing else."""
        if len(product.factors) != 1:
            return None
        atom, indices, exponent = product.factors[0]
        entry = self.atom(atom)
        if entry.kind != GROUP or exponent != 1 or indices != product.out:
            return None
        return None if has_diagonal(indices) else self.form(entry.operands[0])

    def scaled(self, coefficient: Any, form: int) -> int:
        """Return a form times a number."""
        return self.sum([(coefficient, form)], self.shape(form))

    # --- products ---

    def einsum(
        self,
        inputs: Sequence[Sequence[Any]],
        out: Sequence[Any],
        operands: Sequence[int],
        sizes: Mapping[Any, Any] | None = None,
    ) -> int:
        """Return an einsum of forms."""
        known = {i: n for i, n in (sizes or {}).items() if i in out}
        for indices, operand in zip(inputs, operands, strict=True):
            known.update(zip(indices, self.shape(operand), strict=True))
        shape = tuple(known[i] for i in out)
        if any(not self.form(o).terms for o in operands):
            return self.of_terms(shape, {})
        broader = not set(out) <= {i for indices in inputs for i in indices}
        linear = None if broader else self._through(inputs, out, operands)
        if linear is not None:
            return linear
        unifier = Unifier(known)
        coefficient: Any = S.One
        factors: list[Raw] = []
        for place, (indices, operand) in enumerate(zip(inputs, operands, strict=True)):
            term = self.single(operand)
            if term is None:
                term = self.grouped(operand)
            coefficient *= term[1]
            factors += unifier.embed(place, term[0], indices, self)
        return self._finished(coefficient, factors, tuple(out), unifier, shape)

    def grouped(self, operand: int) -> tuple[Product, Any]:
        """Return a sum as one factor; what its terms have in common stays outside."""
        content, inner = self._primitive(operand)
        scalars, inner = self._scalars_outside(inner)
        axes = tuple(range(len(self.shape(operand))))
        if len(axes) == 2:  # a sum and its transpose are one atom
            sign, turned = self._primitive(self.turned(inner))
            if self.plainness(turned) < self.plainness(inner):
                factors = ((self.group(turned), (1, 0), S.One), *scalars)
                return Product(factors, axes), content * sign
        return Product(((self.group(inner), axes, S.One), *scalars), axes), content

    def _scalars_outside(self, form: int) -> tuple[list[Factor], int]:
        """Split a sum into the scalar factors that all of its terms have, and the rest."""
        terms = self.form(form).terms
        common = set.intersection(*({f for f in p.factors if not f[1]} for p, _ in terms))
        if not common or not self.shape(form):
            return [], form
        left = {Product(tuple(f for f in p.factors if f not in common), p.out): c for p, c in terms}
        return sorted(common), self.of_terms(self.shape(form), left)

    def plainness(self, form: int) -> tuple[int, int]:
        """Return how many transposes a form of two axes is written with, and its number."""
        turned = sum(i == (1, 0) for p, _ in self.form(form).terms for _, i, _ in p.factors)
        return turned, form

    def _primitive(self, form: int) -> tuple[Any, int]:
        """Split a sum into its rational content and a sum whose first term is positive."""
        coefficients = [abs(c) for _, c in self.form(form).terms]
        content = coefficients[0] if all(c == coefficients[0] for c in coefficients) else S.One
        if self.form(form).terms[0][1] < 0:
            content = -content
        return (S.One, form) if content == 1 else (content, self.scaled(1 / content, form))

    def _through(
        self, inputs: Sequence[Sequence[Any]], out: Sequence[Any], operands: Sequence[int]
    ) -> int | None:
        """Return an einsum of one sum term by term: a transpose, or a sum that tidies a term."""
        if len(operands) != 1 or len(self.form(operands[0]).terms) < 2:
            return None
        if set(inputs[0]) <= set(out):
            return self.termwise(inputs[0], out, operands[0])
        return self.shrunk(inputs[0], out, operands[0])

    def termwise(self, indices: Sequence[Any], out: Sequence[Any], form: int) -> int:
        """Return an einsum of one form, term by term."""
        wide = self.shape(form)
        sizes = dict(zip(indices, wide, strict=True))
        parts = []
        for product, coefficient in self.form(form).terms:
            alone = self.of_terms(wide, {product: S.One})
            parts.append((coefficient, self.einsum([indices], out, [alone], sizes)))
        return self.sum(parts, tuple(sizes[i] for i in out))

    def shrunk(self, indices: Sequence[Any], out: Sequence[Any], form: int) -> int | None:
        """Return the einsum of a sum term by term if it is shorter; looked for a few sums deep."""
        if self._depth >= DEEPEST:
            return None
        self._depth += 1
        made = self.termwise(indices, out, form)
        self._depth -= 1
        return made if self.shrinks(made, form) else None

    def shrinks(self, made: int, source: int) -> bool:
        """Return whether a sum got shorter, or one of its terms became a number."""
        after, before = self.form(made).terms, self.form(source).terms
        bare = all(p.factors for p, _ in before) and not all(p.factors for p, _ in after)
        return bare or len(after) < len(before)

    def _finished(
        self,
        coefficient: Any,
        factors: Sequence[Raw],
        out: Sequence[Hashable],
        unifier: Unifier,
        shape: Shape,
    ) -> int:
        """Merge powers, apply what is declared, sum over indices that nobody has, and order."""
        tidy = declared.Tidier(self, unifier, factors, out)
        tidy.run()
        coefficient *= tidy.coefficient
        if coefficient == 0:
            return self.of_terms(shape, {})
        for size in tidy.repeated:
            if isinstance(size, (int, Integer)):
                coefficient *= size
            else:
                leaf = self.bare(self.leaf(size))
                assert leaf is not None
                tidy.factors.append(leaf)
        opened = opening(self, tidy.merged(), tidy.out)
        if opened is not None:
            return self.scaled(coefficient, opened)
        product = canonical(tidy.merged(), tidy.out, self.is_symmetric)
        inner = self._parenthesised(product)
        if inner is not None and len(inner.terms) == 1:
            return self.scaled(coefficient, self.intern(inner))
        return self.of_terms(shape, {product: coefficient})

    def product(self, a: int, b: int) -> int:
        """Return the product entry by entry; a scalar meets every entry."""
        rank = max(len(self.shape(a)), len(self.shape(b)))
        axes = tuple(range(rank))
        inputs = [axes if self.shape(f) else () for f in (a, b)]
        return self.einsum(inputs, axes, [a, b])

    def power(self, form: int, exponent: Any) -> int:
        """Return a rational power, entry by entry."""
        if exponent == 1:
            return form
        if not self.form(form).terms:
            return self.number(S.Zero**exponent, self.shape(form))
        term = self.single(form)
        if term is not None:
            made = self._term_power(*term, exponent, self.shape(form))
            if made is not None:
                return made
        if exponent == 0:
            return self.number(S.One, self.shape(form))
        content, inner = self._primitive(form) if exponent.is_integer else (S.One, form)
        power = self.of_atom(self.group(inner), exponent)
        return self.scaled(content**exponent, power)

    def _term_power(
        self, product: Product, coefficient: Any, exponent: Any, shape: Shape
    ) -> int | None:
        """Return the power of a product without sums; None where it must stay in parentheses."""
        inner = {i for _, indices, _ in product.factors for i in indices}
        if has_diagonal(product.out) or not inner <= set(product.out):
            return None
        number = coefficient**exponent if coefficient > 0 or exponent.is_integer else None
        whole = exponent.is_integer or (
            len(product.factors) == 1 and product.factors[0][2] == 1 and coefficient == 1
        )
        if not isinstance(number, Rational) or not whole or number is S.ComplexInfinity:
            return None
        factors = [(a, i, e * exponent) for a, i, e in product.factors]
        raised = [f for f in factors if f[2] != 0]
        return self.of_terms(shape, {canonical(raised, product.out, self.is_symmetric): number})

    # --- functions ---

    def function(self, gate: Gate, payload: Any, operands: Sequence[int], shape: Shape) -> int:
        """Return a function entry by entry; `exp(x - logsumexp(x))` is the softmax."""
        if gate is EXP:
            found = self._softmax(self.behind.get(operands[0], operands[0]))
            if found is not None:
                return found
        return self.map(gate, payload, operands, shape)

    def _softmax(self, form: int) -> int | None:
        for product, coefficient in self.form(form).terms:
            if coefficient != -1 or len(product.factors) != 1 or product.factors[0][2] != 1:
                continue
            atom, indices, _ = product.factors[0]
            entry = self.source(atom)
            if entry.kind != OP or entry.gate is not tensors.LOGSUMEXP:
                continue
            rest = {p: c for p, c in self.form(form).terms if p != product}
            operand = self.of_terms(self.shape(form), rest)
            kept = tuple(k for k in range(len(product.out)) if k not in entry.data)
            if operand == entry.operands[0] and indices == tuple(product.out[k] for k in kept):
                return self.operation(SOFTMAX, entry.data, (operand,), self.shape(form))
        return None

    def source(self, atom: int) -> Atom:
        """Return an atom, or the one that it is a name of."""
        return self.atom(self._source(atom))

    def _source(self, atom: int) -> int:
        form = self.behind.get(self.of_atom(atom)) if self.behind else None
        bare = None if form is None else self.bare(form)
        return atom if bare is None or bare[1] != tuple(range(len(bare[1]))) else bare[0]

    def facts(self, atom: int) -> frozenset[str]:
        """Return what is declared of an atom, or of what it is a name of."""
        return super().facts(self._source(atom))

    def turned(self, form: int) -> int:
        """Return the transpose of a form of two axes."""
        return self.einsum([(0, 1)], (1, 0), [form])
