"""Functions of square matrices in the normal form: inverse, determinant, exponential.

The inverse of a product of square matrices is the product of their inverses, a diagonal matrix is
inverted entry by entry, and of a matrix and its transpose the plainer one is the operand.
"""

from __future__ import annotations

from typing import Any

from sympy import S

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.forms import OP, Product, Shape, exact, has_diagonal
from symgrad.calculus.notation.kronecker import kronecker_parts
from symgrad.rules import linalg, tensors
from symgrad.rules.row import Gate
from symgrad.rules.table import GATES
from symgrad.rules.tensor_site import EXP

TURNED = (linalg.INVERSE, linalg.EXPM)  # f(A.T) = f(A).T
BLIND = (linalg.DET, linalg.LOGDET)  # f(A.T) = f(A)
LOG = GATES.named("log")


def matrix_function(algebra: Algebra, gate: Gate, payload: Any, operand: int, shape: Shape) -> int:
    """Return a function of a square matrix."""
    known = _of_diagonal(algebra, gate, operand, shape)
    if known is None:
        known = _of_kronecker(algebra, gate, operand, shape)
    if known is None and gate is linalg.INVERSE:
        known = _inverse(algebra, operand)
    if known is not None:
        return known
    turned = algebra.turned(operand)
    plainer = algebra.plainness(turned) < algebra.plainness(operand)
    if plainer and gate in BLIND:
        return algebra.operation(gate, payload, (turned,), shape)
    if plainer and gate in TURNED:
        return algebra.turned(algebra.operation(gate, payload, (turned,), shape))
    return algebra.operation(gate, payload, (operand,), shape)


def diagonal_of(algebra: Algebra, form: int) -> int | None:
    """Return the vector of a diagonal matrix, or None where it cannot be read off."""
    terms = algebra.form(form).terms
    if not terms or any(p.out != (0, 0) for p, _ in terms):
        return None
    vectors = {Product(p.factors, (0,)): c for p, c in terms}
    declared = any("diagonal" in algebra.facts(a) for p in vectors for a, _, _ in p.factors)
    return None if declared else algebra.of_terms(algebra.shape(form)[:1], vectors)


def as_diagonal(algebra: Algebra, vector: int) -> int:
    """Return the diagonal matrix of a vector."""
    return algebra.einsum([("i",)], ("i", "i"), [vector])


def _of_diagonal(algebra: Algebra, gate: Gate, operand: int, shape: Shape) -> int | None:
    vector = diagonal_of(algebra, operand)
    if vector is None:
        return None
    if gate is linalg.INVERSE:
        return as_diagonal(algebra, algebra.power(vector, S.NegativeOne))
    if gate is linalg.EXPM:
        entries = algebra.function(EXP, None, (vector,), algebra.shape(vector))
        return as_diagonal(algebra, entries)
    if gate is linalg.LOGDET and LOG is not None and algebra.constant(vector) != 1:
        entries = algebra.function(LOG, None, (vector,), algebra.shape(vector))
        return algebra.einsum([("i",)], (), [entries])
    if algebra.constant(vector) == 1:
        return algebra.number(S.One if gate is linalg.DET else S.Zero)
    return None


def _of_kronecker(algebra: Algebra, gate: Gate, operand: int, shape: Shape) -> int | None:
    """Return the inverse or log-determinant of a Kronecker product of square matrices."""
    bare = algebra.bare(operand)
    if bare is None or bare[1] != (0, 1) or gate not in (linalg.INVERSE, linalg.LOGDET):
        return None
    atom = algebra.atom(bare[0])
    parts = kronecker_parts(algebra, atom)
    wide = [algebra.shape(a) for a, _ in parts or ()]
    if parts is None or any(len(s) != 2 or s[0] != s[1] for s in wide):
        return None
    forms = [_turned_if(algebra, algebra.of_atom(a), turned) for a, turned in parts]
    made = [matrix_function(algebra, gate, None, f, s) for f, s in zip(forms, wide, strict=True)]
    if gate is linalg.LOGDET:
        sizes = [algebra.number(exact(s[0])) for s in reversed(wide)]
        pairs = zip(sizes, made, strict=True)
        return algebra.sum([(S.One, algebra.product(n, f)) for n, f in pairs], ())
    outer = algebra.einsum([("i", "j"), ("k", "l")], ("i", "k", "j", "l"), made)
    return algebra.operation(tensors.RESHAPE, atom.data, (outer,), shape)


def _turned_if(algebra: Algebra, form: int, turned: bool) -> int:
    return algebra.turned(form) if turned else form


def _inverse(algebra: Algebra, operand: int) -> int | None:
    """Return the inverse of a product of square matrices factor by factor, or None."""
    term = algebra.single(operand)
    if term is None:
        return None
    product, coefficient = term
    chain = _square_chain(algebra, product)
    if chain is None:
        return None
    scalars, links = chain
    found = [_inverse_factor(algebra, atom, turned) for atom, turned in links]
    if len(found) == 1 and coefficient == 1 and not scalars and found[0] is None:
        return None
    made: int | None = None
    for (atom, turned), known in zip(links, found, strict=True):
        inverse = known if known is not None else _plain_inverse(algebra, atom, turned)
        made = inverse if made is None else _times(algebra, inverse, made)
    assert made is not None
    for atom, _, exponent in scalars:
        made = algebra.product(algebra.of_atom(atom, -exponent), made)
    return algebra.scaled(1 / coefficient, made)


def _times(algebra: Algebra, a: int, b: int) -> int:
    return algebra.einsum([("i", "k"), ("k", "j")], ("i", "j"), [a, b])


def _plain_inverse(algebra: Algebra, atom: int, turned: bool) -> int:
    shape = algebra.shape(atom)
    made = algebra.operation(linalg.INVERSE, None, (algebra.of_atom(atom),), shape)
    return algebra.turned(made) if turned else made


def _inverse_factor(algebra: Algebra, atom: int, turned: bool) -> int | None:
    """Return the inverse of a factor that is known: of an inverse, or of an orthogonal matrix."""
    entry = algebra.atom(atom)
    if entry.kind == OP and entry.gate is linalg.INVERSE:
        found = entry.operands[0]
    elif "orthogonal" in algebra.facts(atom):
        found = algebra.turned(algebra.of_atom(atom))
    else:
        return None
    return algebra.turned(found) if turned else found


def _square_chain(algebra: Algebra, product: Product) -> Any:
    """Return the scalar factors, and the matrices from left to right, each perhaps transposed."""
    if product.out != (0, 1):
        return None
    scalars = [f for f in product.factors if not f[1]]
    wide = [f for f in product.factors if f[1]]
    for atom, indices, exponent in wide:
        shape = algebra.shape(atom)
        if exponent != 1 or len(shape) != 2 or shape[0] != shape[1] or has_diagonal(indices):
            return None
    links, index = [], 0
    while wide:
        here = [f for f in wide if index in f[1]]
        if len(here) != 1:
            return None
        wide.remove(here[0])
        atom, (row, column), _ = here[0]
        links.append((atom, row != index))
        index = column if row == index else row
    return (scalars, links) if links and index == 1 else None
