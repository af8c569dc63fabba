"""From forms to the tensor dialect: elementwise products, `@`, sums over axes, and einsum.

What has no shorter spelling is an einsum, and a gate without a function of its own is called by its
name, so every form of any rank can be written, built again and run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Integer, S

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.contractions import (
    Placed,
    aligned,
    filled,
    index_uses,
    multiplied,
    raised,
    scaled,
    side_by_side,
    summed_over,
    with_diagonals,
)
from symgrad.calculus.notation.forms import (
    GROUP,
    LEAF,
    MAP,
    SOFTMAX,
    Atom,
    Form,
    Product,
    bare_scalar,
)
from symgrad.calculus.notation.writer import Writer
from symgrad.dag.express import CANONICAL, write, write_tensors
from symgrad.expr import tensors as build
from symgrad.expr.tensors import AnyTensor
from symgrad.rules import linalg, opaque, routing, tensors
from symgrad.rules.row import Gate

Term = tuple[Product, Any]  # with its coefficient


class TensorSpeller(Writer):
    """Write the forms of a table with NumPy's operations.

    Parameters
    ----------
    algebra : Algebra
        The table.
    """

    def __init__(self, algebra: Algebra) -> None:
        super().__init__(algebra)
        self.turned: dict[int, Any] = {}  # sums in parentheses that are written with other signs

    def _atom(self, atom: Atom) -> Any:
        if atom.kind == LEAF:
            return leaf(atom.data)
        operands = [self.made[o] for o in atom.operands]
        if atom.kind == GROUP:
            return operands[0]
        gate = atom.gate
        assert gate is not None
        if atom.kind == MAP:
            return mapped(gate, operands, atom)
        spell = OPERATIONS.get(gate)
        return spell(atom, operands) if spell else by_name(gate, atom.data, operands)

    def _form(self, form: Form) -> Any:
        if not form.terms:
            return filled(S.Zero, form.shape)
        bare = bare_scalar(form)  # which may be a condition: those are not multiplied
        if bare is not None:
            return self.made[bare]
        terms = sorted(form.terms, key=lambda term: bool(term[1] < 0))
        outside, inner = self._shared(terms) if form.shape else (S.One, terms)
        total, inner = self._tiled(inner, form.shape)
        for product, coefficient in inner:
            if total is None:
                total = self._term(product, self._turned(product, coefficient), form.shape)
                self.turned.clear()
                continue
            value = self._term(product, abs(coefficient), form.shape)
            total = total + value if coefficient > 0 else total - value
        return _widened(scaled(outside, [total]), form.shape)

    def _shared(self, terms: Sequence[Term]) -> tuple[Any, Sequence[Term]]:
        """Return the number that all terms of a sum have as a factor, and the terms without it."""
        if len(terms) == 1:
            return S.One, terms
        common = set.intersection(*({f for f in p.factors if not f[1]} for p, _ in terms))
        sizes = {abs(c) for _, c in terms}
        outside: Any = sizes.pop() if len(sizes) == 1 else S.One
        left = [c / outside for _, c in terms]
        bare = [Product(tuple(f for f in p.factors if f not in common), p.out) for p, _ in terms]
        for atom, _, exponent in sorted(common):
            outside = outside * self.made[atom] ** exponent
        return outside, list(zip(bare, left, strict=True))

    def _tiled(self, terms: Sequence[Term], shape: Sequence[Any]) -> tuple[Any, Sequence[Term]]:
        """Return parts among zeros that fill an axis side by side as one tensor, and the rest."""
        for axis, size in enumerate(shape):
            found, place = [], 0
            parts = {k: v for t in terms for k, v in [self._part(t, axis, shape)] if v is not None}
            while place in parts and parts[place][1] != place:
                term, place, value = parts[place]
                found.append((term, value))
            if len(found) > 1 and place == size:
                rest = [t for t in terms if all(t is not f for f, _ in found)]
                return build.apply("concat", *(v for _, v in found), params=(axis,)), rest
        return None, terms

    def _part(self, term: Term, axis: int, shape: Sequence[Any]) -> tuple[Any, Any]:
        """Return where a term begins along an axis, and what it is; None if it is no such part."""
        product, coefficient = term
        atom, indices, exponent = product.factors[0] if len(product.factors) == 1 else (-1, (), 0)
        entry = self.algebra.atom(atom) if exponent == 1 and indices == product.out else None
        if entry is None or entry.gate is not tensors.UNSLICE:
            return None, None
        cuts = list(entry.data[0])
        start, stop, step = cuts.pop(axis)
        others = [(0, n, 1) for k, n in enumerate(shape) if k != axis]
        if step != 1 or cuts != others:
            return None, None
        value = scaled(coefficient, [self.made[entry.operands[0]]])
        return start, (term, stop, value)

    def _turned(self, product: Product, coefficient: Any) -> Any:
        """Turn a difference around that a minus stands before: `-(a - b)*c` is `(b - a)*c`."""
        for atom, _, exponent in product.factors if coefficient < 0 else ():
            entry = self.algebra.atom(atom)
            inner = self.algebra.form(entry.operands[0]).terms if entry.kind == GROUP else ()
            signs = {bool(c < 0) for p, c in inner if p.factors}
            if exponent == 1 and len(signs) == 2 and all(p.factors for p, _ in inner):
                turned = Form(entry.shape, tuple((p, -c) for p, c in inner))
                self.turned[atom] = self._form(turned)
                return -coefficient
        return coefficient

    def _term(self, product: Product, coefficient: Any, shape: Sequence[Any]) -> Any:
        number: Any = coefficient
        for atom, indices, exponent in product.factors:
            if not indices:
                number = number * self._value(atom) ** exponent
        out = product.out
        above, below = self._merged(product)
        rest = [f for f in above if not aligned(f[0], out)]
        whole = [f for f in above if aligned(f[0], out)]
        if len(set(out)) < len(out):
            whole = [(out, with_diagonals(rest, out, shape))]
        elif rest:
            held = tuple(i for i in out if any(i in indices for indices, _ in rest))
            whole.insert(0, (held, multiplied(rest, held)))
        return scaled(number, side_by_side(whole, out), side_by_side(below, out))

    def _value(self, atom: int) -> Any:
        return self.turned.get(atom, self.made[atom])

    def _merged(self, product: Product) -> tuple[list[Placed], list[Placed]]:
        """Return what a product multiplies and divides by; like ones are multiplied.

        What divides is aligned with the result, and axes that nobody shares are summed.
        """
        groups: dict[tuple[int, ...], tuple[list[Any], list[Any]]] = {}
        for atom, indices, exponent in product.factors:
            if indices:
                power = raised(self._value(atom), abs(exponent))
                groups.setdefault(indices, ([], []))[bool(exponent < 0)].append(power)
        uses = index_uses(product.out, groups)
        above, below = [], []
        for indices, (values, divisors) in groups.items():
            alone = {i for i in indices if uses[i] == 1 and i not in product.out}
            if aligned(indices, product.out):
                above += [(indices, value) for value in values]
                below += [(indices, value) for value in divisors]
                continue
            value = scaled(S.One, values, divisors)
            above.append(
                summed_over(indices, value, alone) if len(groups) > 1 else (indices, value)
            )
        return above, below


def leaf(symbol: Any) -> Any:
    """Return a symbol; a matrix of SymPy by its entries."""
    if isinstance(symbol, sympy.MatrixSymbol):
        made = build.TensorScalar if symbol.shape == (1, 1) else build.TensorOp
        return made("matrix", (), symbol)
    return Integer(symbol) if isinstance(symbol, int) else symbol


def _widened(value: Any, shape: Sequence[Any]) -> Any:
    """Return a value in its full shape: along an axis that no term has, it is repeated."""
    held = value.shape if isinstance(value, AnyTensor) else ()
    missing = len(shape) - len(held)
    if held and missing > 0 and set(shape[:missing]) == {1} and tuple(shape[missing:]) == held:
        return value[(None,) * missing]
    repeated = any(size == 1 != full for size, full in zip(held, shape, strict=False))
    return filled(value, shape) if repeated or len(held) < len(shape) else value


def mapped(gate: Gate, operands: Sequence[Any], atom: Atom) -> Any:
    """Return a function entry by entry."""
    if not atom.shape:
        return write(gate, operands, atom.data, CANONICAL)
    if gate is routing.WHERE or gate.name in build.CONDITIONS or gate.head is None:
        return build.apply(gate.name, *operands)
    return build.mapped(gate.head, *operands)


def by_name(gate: Gate, payload: Any, operands: Sequence[Any]) -> Any:
    """Return a gate called by its name."""
    params = (gate.name,) if payload is None else (gate.name, payload)
    return build.apply("gate", *operands, params=params)


def reduction(name: str) -> Callable[..., Any]:
    """Return how a reduction over axes is written."""

    def spell(atom: Atom, operands: Sequence[Any]) -> Any:
        axes = tuple(atom.data)
        whole = len(axes) == len(operands[0].shape)
        return build.reduced(name, operands[0], None if whole else axes, False)

    return spell


def plain(name: str) -> Callable[..., Any]:
    """Return how a gate without options is written."""
    return lambda atom, operands: build.apply(name, *operands)


def spell_expm(atom: Atom, operands: Sequence[Any]) -> Any:
    """Write the exponential, or its derivative along directions."""
    if len(operands) == 1:
        return build.apply("expm", *operands)
    return by_name(linalg.EXPM, None, operands)


def spell_solve(atom: Atom, operands: Sequence[Any]) -> Any:
    """Write a solution; of a batch of vectors by the gate, since NumPy reads columns there."""
    a, b = operands
    if 1 < len(b.shape) < len(a.shape):
        return by_name(linalg.SOLVE, None, operands)
    return build.apply("solve", a, b)


def spell_region(gate: Gate) -> Callable[..., Any]:
    """Return how a call of a block or a loop is written."""
    return lambda atom, operands: write_tensors(gate, operands, atom.data)


OPERATIONS: dict[Gate, Callable[..., Any]] = {
    tensors.LOGSUMEXP: reduction("logsumexp"),
    tensors.MAX_OVER: reduction("max"),
    tensors.MIN_OVER: reduction("min"),
    tensors.NORM: reduction("norm"),
    SOFTMAX: lambda atom, operands: build.apply("softmax", *operands, params=(tuple(atom.data),)),
    tensors.RESHAPE: lambda atom, operands: build.apply(
        "reshape", *operands, params=(tuple(atom.data),)
    ),
    tensors.ONE_HOT: lambda atom, operands: build.apply("one_hot", *operands, params=(atom.data,)),
    tensors.GATHER: lambda atom, operands: build.apply("take", *operands, params=(atom.data,)),
    linalg.INVERSE: plain("inv"),
    linalg.DET: plain("det"),
    linalg.LOGDET: plain("logdet"),
    linalg.CHOLESKY: plain("cholesky"),
    linalg.SOLVE: spell_solve,
    linalg.EXPM: spell_expm,
    **{gate: spell_region(gate) for gate in sorted(opaque.OF_TENSORS, key=lambda g: g.name)},
}
