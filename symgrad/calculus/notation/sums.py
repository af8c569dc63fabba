"""Sums of matrix products: common factors outside, signs where a textbook has them.

A term is a number and a chain of matrices; nothing here knows forms or graphs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import MatAdd, MatMul, S

from symgrad.calculus.notation.pieces import Chain, joined, transposed
from symgrad.expr import matrices, textbook

Term = tuple[Any, Chain]  # coefficient, chain of matrices
DEEP = 4  # how far inside a difference is looked for that takes up a minus
SUMS = ("sum", "mean", "tril")
LINEAR = (
    MatMul,
    sympy.HadamardProduct,
    sympy.Transpose,
    sympy.DiagMatrix,
    matrices.MatrixOp,
)


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
    content, inner = _content(_opened(terms))
    parts = [part for coefficient, chain in inner for part in (coefficient, *chain)]
    turned = [_upright(*term, parts) for term in inner]
    ordered = sorted(turned, key=lambda t: (textbook.has_minus(t[0]), _is_turned(t[1])))
    made = textbook.MatrixSum(*(_written(*term) for term in ordered))
    return made if content == 1 else scaled(content, (made,))


def _opened(terms: Sequence[Term]) -> list[Term]:
    """Return terms with sums among them opened, where that leaves fewer terms."""
    opened: dict[Chain, Any] = {}
    count = 0
    for coefficient, chain in terms:
        for number, inner in _inner_terms(chain) if coefficient.is_number else [(S.One, chain)]:
            opened[inner] = opened.get(inner, S.Zero) + coefficient * number
            count += 1
    left = [(c, chain) for chain, c in opened.items() if c != 0]
    return left if left and len(terms) < count and len(left) < count else list(terms)


def _inner_terms(chain: Chain) -> list[Term]:
    """Return the terms of a chain that is a sum, or the transpose of one."""
    (first, *rest), is_turned = chain, _is_turned(chain)
    inner = first.arg if is_turned else first
    if rest or not isinstance(inner, MatAdd):
        return [(S.One, chain)]
    found = []
    for term in inner.args:
        factors = term.args if isinstance(term, MatMul) else (term,)
        numbers = [f for f in factors if not f.is_Matrix]
        product = tuple(f for f in factors if f.is_Matrix)
        found.append((sympy.Mul(*numbers), transposed(product) if is_turned else product))
    return found


def _is_turned(chain: Chain) -> bool:
    return len(chain) == 1 and isinstance(chain[0], sympy.Transpose)


def scaled(coefficient: Any, chain: Chain) -> Any:
    """Return a chain times a number; a minus goes into a difference, which it turns around."""
    return _written(*_upright(coefficient, chain, (coefficient, *chain)))


def _written(coefficient: Any, chain: Chain) -> Any:
    value = joined(chain)
    if coefficient == 1:
        return value
    inner = value.args if isinstance(value, MatMul) else (value,)
    return textbook.MatrixProduct(coefficient, *inner)


# --- signs ---


def _upright(coefficient: Any, chain: Chain, parts: Sequence[Any]) -> Term:
    """Return a term whose minus turned a difference around, if one stands nowhere else."""
    if not textbook.has_minus(coefficient):
        return coefficient, chain
    for place, factor in enumerate(chain):
        found = _difference(factor, DEEP)
        if found is not None and sum(_count(part, found) for part in parts) == 1:
            turned = _turned(factor, found)
            return -coefficient, (*chain[:place], turned, *chain[place + 1 :])
    for factor in sympy.Mul.make_args(coefficient):
        signs = {textbook.has_minus(term) for term in sympy.Add.make_args(factor)}
        if len(signs) == 2:
            return -coefficient / factor * -factor, chain
    return coefficient, chain


def _count(part: Any, wanted: Any) -> int:
    return sum(node == wanted for node in sympy.preorder_traversal(part))


def _difference(value: Any, depth: int) -> Any:
    """Return the first difference whose sign is that of a value, or None; `1 - x` is left alone."""
    if isinstance(value, MatAdd):
        signs = [textbook.is_negative(term) for term in value.args]
        of_one = any(isinstance(t, sympy.OneMatrix) for t in value.args)
        return value if any(signs) and not all(signs) and not of_one else None
    if not depth or not isinstance(value, LINEAR) or getattr(value, "name", "sum") not in SUMS:
        return None
    inner = (_difference(a, depth - 1) for a in value.args if getattr(a, "is_Matrix", False))
    return next((found for found in inner if found is not None), None)


def _turned(value: Any, difference: Any) -> Any:
    """Return a value with one difference in it turned around."""
    if value == difference:
        terms = [
            textbook.without_sign(t) if textbook.is_negative(t) else _written(S.NegativeOne, (t,))
            for t in value.args
        ]
        return textbook.MatrixSum(*sorted(terms, key=textbook.is_negative))
    place = next(k for k, a in enumerate(value.args) if _count(a, difference))
    args = value.args
    return value.func(*args[:place], _turned(args[place], difference), *args[place + 1 :])
