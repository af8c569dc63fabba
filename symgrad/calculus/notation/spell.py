"""From forms to SymPy's matrix expressions, written as a textbook writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import MatAdd, MatMul, S
from sympy.core.symbol import Str

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.forms import GROUP, LEAF, MAP, SOFTMAX, Atom, Form, Product, exact
from symgrad.calculus.notation.kronecker import kronecker_parts
from symgrad.calculus.notation.pieces import (
    Chain,
    Joiner,
    Piece,
    joined,
    transpose,
    transposed,
)
from symgrad.dag.express import CANONICAL, write
from symgrad.errors import UnsupportedError
from symgrad.expr import matrices, textbook
from symgrad.rules import linalg, tensors
from symgrad.rules.row import Gate

Term = tuple[Any, Chain]  # coefficient, chain of matrices
DEEP = 3  # how far inside products a difference is looked for that takes up a minus


class Speller:
    """Write the forms of a table as SymPy expressions.

    Vectors are columns and what has no axes is a scalar; `made` keeps what is written.

    Parameters
    ----------
    algebra : Algebra
        The table.
    """

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self.made: dict[int, Any] = {}

    def spell(self, root: int) -> Any:
        """Return the expression of a form; a vector is a column."""
        for number in self._needed(root):
            if number not in self.made:
                entry = self.algebra.entries[number]
                self.made[number] = (
                    self._form(entry) if isinstance(entry, Form) else self._atom(entry)
                )
        return self.made[root]

    def spell_parts(self, root: int) -> None:
        """Write all that a form is made of, but not the form, which may have any axes."""
        for number in self._inner(root):
            self.spell(number)

    def _needed(self, root: int) -> list[int]:
        """Return what a form is made of, itself last."""
        seen, stack = {root}, [root]
        while stack:
            for inner in self._inner(stack.pop()):
                if inner not in seen and inner not in self.made:
                    seen.add(inner)
                    stack.append(inner)
        return sorted(seen)

    def _inner(self, number: int) -> Sequence[int]:
        entry = self.algebra.entries[number]
        if isinstance(entry, Atom):
            parts = kronecker_parts(self.algebra, entry)
            return entry.operands if parts is None else [part for part, _ in parts]
        return [atom for product, _ in entry.terms for atom, _, _ in product.factors]

    # --- atoms ---

    def _atom(self, atom: Atom) -> Any:
        if len(atom.shape) > 2:
            raise UnsupportedError(f"a tensor of {len(atom.shape)} axes has no matrix notation")
        if atom.kind == LEAF:
            return leaf(atom.data)
        parts = kronecker_parts(self.algebra, atom)
        if parts is not None:
            factors = [transpose(self.made[p]) if t else self.made[p] for p, t in parts]
            return sympy.KroneckerProduct(*factors)
        operands = [self.made[o] for o in atom.operands]
        if atom.kind == GROUP:
            return operands[0]
        gate = atom.gate
        assert gate is not None
        if atom.kind == MAP:
            if not atom.shape:
                return write(gate, operands, atom.data, CANONICAL)
            return matrices.apply("map", *operands, params=(Str(gate.name),))
        spell = OPERATIONS.get(gate)
        if spell is None:
            raise UnsupportedError(f"`{gate.name}` has no matrix notation")
        return spell(atom, self.algebra.shape(atom.operands[0]), operands)

    # --- sums ---

    def _form(self, form: Form) -> Any:
        if not form.shape:
            return sympy.Add(*(self._number(p, c) for p, c in form.terms))
        shape = matrix_of(form.shape)
        if not form.terms:
            return sympy.ZeroMatrix(*shape)
        terms = [self._term(product, c, form) for product, c in form.terms]
        return collected(terms, shape)

    def _number(self, product: Product, coefficient: Any) -> Any:
        scalars, joiner = self.pieces(product, ())
        if joiner.pieces:
            raise UnsupportedError("a sum over more than two shared axes has no matrix notation")
        return sympy.Mul(coefficient, *scalars, *joiner.scalars)

    def pieces(self, product: Product, shape: Sequence[Any]) -> tuple[list[Any], Joiner]:
        """Return the scalar factors of a product, and its matrices joined."""
        sizes = dict(zip(product.out, shape, strict=True))
        scalars, pieces = [], []
        for atom, indices, exponent in product.factors:
            value = self.made[atom]
            sizes.update(zip(indices, self.algebra.shape(atom), strict=True))
            if not indices:
                scalars.append(value**exponent)
                continue
            if exponent != 1 and len(set(indices)) < len(indices):
                value, indices = textbook.DiagonalVector(value), indices[:1]
            factor = value if exponent == 1 else textbook.EntrywisePower(value, exponent)
            parts = factor.args if isinstance(factor, MatMul) else (factor,)
            chain = tuple(part for part in parts if part.is_Matrix)
            scalars += [part for part in parts if not part.is_Matrix]
            pieces.append(Piece(chain, indices[0], indices[1] if indices[1:] else None))
        joiner = Joiner(pieces, product.out, sizes)
        joiner.run()
        return scalars, joiner

    def _term(self, product: Product, coefficient: Any, form: Form) -> Term:
        scalars, joiner = self.pieces(product, form.shape)
        number = sympy.Mul(coefficient, *scalars, *joiner.scalars)
        return number, arranged(joiner, matrix_of(form.shape))


def leaf(symbol: Any) -> Any:
    """Return a symbol; a row is written as the transpose of itself, since vectors are columns."""
    if isinstance(symbol, sympy.MatrixSymbol):
        rows, columns = symbol.shape
        if rows == 1 and columns == 1:
            return matrices.apply("scalar", symbol)
        return sympy.Transpose(symbol) if rows == 1 else symbol
    return exact(symbol)


def matrix_of(shape: Sequence[Any]) -> tuple[Any, Any]:
    """Return the shape as a matrix; a vector is a column."""
    if len(shape) > 2:
        raise UnsupportedError(f"a tensor of {len(shape)} axes has no matrix notation")
    rows, columns = (*shape, 1)[:2]
    return exact(rows), exact(columns)


def arranged(joiner: Joiner, shape: tuple[Any, Any]) -> Chain:
    """Return the chain of what is left of a product, in the order of its result."""
    out, pieces = joiner.out, list(joiner.pieces)
    ones = sympy.OneMatrix
    if len(out) == 1:
        if not pieces:
            return (ones(*shape),)
        if len(pieces) == 1 and pieces[0].indices == out:
            return pieces[0].chain
    elif out[0] == out[1]:
        if not pieces:
            return (sympy.Identity(shape[0]),)
        if len(pieces) == 1 and pieces[0].indices == out[:1]:
            return (textbook.Diagonal(pieces[0].value),)
    else:
        chain = _outer(pieces, out, shape)
        if chain is not None:
            return chain
    raise UnsupportedError("a product over more than two shared axes has no matrix notation")


def _outer(pieces: list[Piece], out: tuple[Any, ...], shape: tuple[Any, Any]) -> Chain | None:
    """Return the chain of a matrix: one piece, or a column times a row."""
    if len(pieces) == 1 and set(pieces[0].indices) == set(out):
        piece = pieces[0] if pieces[0].row == out[0] else pieces[0].turned()
        return piece.chain
    vectors = {p.row: p.chain for p in pieces if p.is_vector}
    if len(vectors) != len(pieces) or not set(vectors) <= set(out):
        return None
    if not pieces:
        return (sympy.OneMatrix(*shape),)
    ones = [(sympy.OneMatrix(n, 1),) for n in shape]
    left, right = (vectors.get(i, one) for i, one in zip(out, ones, strict=True))
    return left + transposed(right)


# --- sums of chains ---


def collected(terms: Sequence[Term], shape: tuple[Any, Any]) -> Any:
    """Return a sum with common factors outside: `(A + A.T)*x`, `2*(X + Y)`."""
    found = list(terms)
    if len(found) > 1:
        found = _factored(found, last=True)
        found = _factored(found, last=False)
    return total(found)


def _factored(terms: list[Term], *, last: bool) -> list[Term]:
    """Group terms that share their last (or first) matrix."""
    groups: dict[Any, list[Term]] = {}
    for place, (coefficient, chain) in enumerate(terms):
        end = chain[-1] if last else chain[0]
        key = end if len(chain) > 1 else place
        groups.setdefault(key, []).append((coefficient, chain))
    made = []
    for group in groups.values():
        if len(group) == 1:
            made += group
            continue
        common = _common(group, last=last)
        cut = slice(None, -len(common)) if last else slice(len(common), None)
        content, inner = _content([(c, chain[cut]) for c, chain in group])
        inner = _factored(inner, last=not last) if last else inner
        scale, middle = inner[0] if len(inner) == 1 else (S.One, (total(inner),))
        made.append((content * scale, middle + common if last else common + middle))
    return made


def _common(group: list[Term], *, last: bool) -> Chain:
    """Return the longest common end that leaves something of each chain."""
    chains = [chain[::-1] if last else chain for _, chain in group]
    size = min(map(len, chains)) - 1
    count = 0
    while count < size and all(chain[count] == chains[0][count] for chain in chains):
        count += 1
    return tuple(chains[0][:count][::-1] if last else chains[0][:count])


def _content(terms: list[Term]) -> tuple[Any, list[Term]]:
    """Return the coefficient that all terms share up to sign, and the terms without it."""
    lead = terms[0][0]
    if lead == 0 or any(c not in (lead, -lead) for c, _ in terms):
        return _number_outside(terms)
    ratios = [S.One if c == lead else S.NegativeOne for c, _ in terms]
    content = abs(lead) if lead.is_Rational else lead
    if S.NegativeOne not in ratios:
        content = lead
    sign = lead / content
    return content, [(r * sign, chain) for r, (_, chain) in zip(ratios, terms, strict=True)]


def _number_outside(terms: list[Term]) -> tuple[Any, list[Term]]:
    """Return the rational number that all terms share, if they are as plain as `2*x - 2*c`."""
    numbers = {abs(c.as_coeff_Mul()[0]) for c, _ in terms}
    if len(numbers) > 1 or any(len(chain) > 1 for _, chain in terms):
        return S.One, terms
    (number,) = numbers
    return number, [(c / number, chain) for c, chain in terms]


def total(terms: Sequence[Term]) -> Any:
    """Return a sum, a positive term first."""
    if len(terms) == 1:
        return scaled(*terms[0])
    content, inner = _content(list(terms))
    ordered = sorted(inner, key=lambda t: (negative(t[0]), _is_turned(t[1])))
    turn = negative(ordered[0][0])  # after a positive term a minus stays a minus
    made = textbook.Sum(*(scaled(*t, turn=turn) for t in ordered))
    return made if content == 1 else scaled(content, (made,))


def negative(coefficient: Any) -> bool:
    """Return whether a coefficient is written with a minus."""
    return bool(coefficient.could_extract_minus_sign())


def _is_turned(chain: Chain) -> bool:
    return len(chain) == 1 and isinstance(chain[0], sympy.Transpose)


def scaled(coefficient: Any, chain: Chain, *, turn: bool = True) -> Any:
    """Return a chain times a number; a minus goes into a difference, which it turns around."""
    factors = list(chain)
    if turn and negative(coefficient):
        for place, factor in enumerate(factors):
            turned = opposite(factor, DEEP)
            if turned is not None and not _twin(factor, factors):
                factors[place], coefficient = turned, -coefficient
                break
    value = joined(tuple(factors))
    if coefficient == 1:
        return value
    inner = value.args if isinstance(value, MatMul) else (value,)
    return textbook.Product(coefficient, *inner)


def _twin(factor: Any, factors: Sequence[Any]) -> bool:
    """Return whether a chain holds a factor a second time, as it is or transposed."""
    if not getattr(factor, "is_Matrix", False):
        return False
    turned = transpose(factor)
    return sum(f in (factor, turned) for f in factors) > 1


def opposite(value: Any, depth: int) -> Any:
    """Return a value with the other sign if it holds a difference to turn around, or None."""
    if isinstance(value, MatAdd):
        if not any(textbook.is_negative(t) for t in value.args):
            return None
        terms = [
            textbook.without_sign(t) if textbook.is_negative(t) else scaled(S.NegativeOne, (t,))
            for t in value.args
        ]
        return textbook.Sum(*sorted(terms, key=textbook.is_negative))
    if isinstance(value, sympy.Transpose):
        turned = opposite(value.arg, depth)
        return None if turned is None else sympy.Transpose(turned)
    if depth and isinstance(value, (MatMul, textbook.Entrywise)):
        for place, factor in enumerate(value.args):
            turned = opposite(factor, depth - 1)
            if turned is not None and not _twin(factor, value.args):
                return value.func(*value.args[:place], turned, *value.args[place + 1 :])
    return None


# --- tensor gates ---


def reduction(name: str) -> Callable[..., Any]:
    """Return how a reduction is written; over the rows of a matrix it gives a column."""

    def spell(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
        if len(atom.data) == len(shape):
            return matrices.apply(name, *operands)
        (axis,) = atom.data
        made = matrices.apply(name, *operands, params=(sympy.Integer(axis),))
        return sympy.Transpose(made) if axis == 0 and atom.gate is not SOFTMAX else made

    return spell


def call(name: str) -> Callable[..., Any]:
    """Return how a gate without options is written."""

    def spell(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
        return matrices.apply(name, *operands)

    return spell


def head(make: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return how a gate with a head of SymPy is written."""
    return lambda atom, shape, operands: make(*operands)


def spell_tril(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
    """Write a lower triangle; with half its diagonal it needs two terms."""
    if not atom.data:
        return matrices.apply("tril", *operands)
    diagonal = textbook.Diagonal(textbook.DiagonalVector(*operands))
    half = textbook.Product(-S.Half, diagonal)
    return textbook.Sum(matrices.apply("tril", *operands), half)


def spell_expm(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
    """Write the exponential, or its derivative along directions."""
    return matrices.apply("expm" if len(operands) == 1 else "expm_frechet", *operands)


def spell_winners(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
    """Write which entries are extreme."""
    which, axes, _ = atom.data
    name = "winners" if which == "max" else "losers"
    params = () if len(axes) == len(shape) else (sympy.Integer(axes[0]),)
    return matrices.apply(name, *operands, params=params)


def spell_one_hot(atom: Atom, shape: Sequence[Any], operands: Sequence[Any]) -> Any:
    """Write a one-hot vector."""
    return matrices.apply("one_hot", *operands, params=(exact(atom.data),))


OPERATIONS: dict[Gate, Callable[..., Any]] = {
    linalg.INVERSE: head(textbook.Inverse),
    linalg.DET: head(textbook.Determinant),
    linalg.LOGDET: call("logdet"),
    linalg.CHOLESKY: call("cholesky"),
    linalg.EXPM: spell_expm,
    tensors.TRIL: spell_tril,
    tensors.NORM: reduction("norm"),
    tensors.LOGSUMEXP: reduction("logsumexp"),
    tensors.MAX_OVER: reduction("max"),
    tensors.MIN_OVER: reduction("min"),
    tensors.WINNERS: spell_winners,
    tensors.ONE_HOT: spell_one_hot,
    SOFTMAX: reduction("softmax"),
}
