"""From forms to the tensor dialect: elementwise products, `@`, sums over axes, and einsum.

What has no shorter spelling is an einsum, and a gate without a function of its own is called by its
name, so every form of any rank can be written, built again and run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import count
from operator import mul
from typing import Any

import sympy
from sympy import Integer, S

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

LETTERS = "ijklmnopqrstuvwxyzabcdefgh"


class TensorSpeller(Writer):
    """Write the forms of a table with NumPy's operations.

    Parameters
    ----------
    algebra : Algebra
        The table.
    """

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
        total = None
        ordered = sorted(form.terms, key=lambda term: bool(term[1] < 0))
        for product, coefficient in ordered:
            if total is None:
                total = self._term(product, coefficient, form.shape)
                continue
            value = self._term(product, abs(coefficient), form.shape)
            total = total + value if coefficient > 0 else total - value
        return _widened(total, form.shape)

    def _term(self, product: Product, coefficient: Any, shape: Sequence[Any]) -> Any:
        number: Any = coefficient
        for atom, indices, exponent in product.factors:
            if not indices:
                number = number * self.made[atom] ** exponent
        out = product.out
        factors = self._merged(product)
        covered = {i for indices, _ in factors for i in indices if not aligned(indices, out)}
        mixed = any(not aligned(indices, out) for indices, _ in factors)
        split = not mixed or set(out) <= covered
        whole = [f for f in factors if split and aligned(f[0], out)]
        rest = [f for f in factors if f not in whole]
        parts = [beside(value, indices, out) for indices, value in whole]
        if rest or len(set(out)) < len(out):
            parts.insert(0, _contracted(rest, out, shape))
        if not parts:
            return number
        made = reduce(mul, parts)
        if number == 1 or number == -1:
            return made if number == 1 else -made
        return number * made

    def _merged(self, product: Product) -> list[tuple[tuple[int, ...], Any]]:
        """Return the tensors of a product: like ones multiplied, axes that nobody shares summed."""
        groups: dict[tuple[int, ...], list[Any]] = {}
        for atom, indices, exponent in product.factors:
            if indices:
                value = self.made[atom]
                power = value if exponent == 1 else value**exponent
                groups.setdefault(indices, []).append(power)
        uses: dict[int, int] = {}
        for index in (*product.out, *(i for indices in groups for i in indices)):
            uses[index] = uses.get(index, 0) + 1
        found = []
        for indices, values in groups.items():
            value = reduce(mul, values)
            alone = [k for k, i in enumerate(indices) if uses[i] == 1 and i not in product.out]
            if alone and len(groups) > 1:
                value = value.sum(axis=tuple(alone)) if len(alone) < len(indices) else value.sum()
                indices = tuple(i for k, i in enumerate(indices) if k not in alone)
            found.append((indices, value))
        return found


def _contracted(
    factors: Sequence[tuple[tuple[int, ...], Any]], out: tuple[int, ...], shape: Sequence[Any]
) -> Any:
    """Return an einsum; a diagonal of the result is a product with an identity."""
    if len(out) == 2 and out[0] == out[1] and [i for i, _ in factors] in ([out[:1]], []):
        return build.apply("diag", factors[0][1]) if factors else identity(shape[0])
    inputs: list[Sequence[int]] = [indices for indices, _ in factors]
    operands = [value for _, value in factors]
    fresh = count(1 + max([*out, *(i for indices in inputs for i in indices)], default=0))
    result: list[int] = []
    for index, size in zip(out, shape, strict=True):
        if index in result:  # a diagonal: another index, tied to the first by an identity
            twin = next(fresh)
            inputs.append((index, twin))
            operands.append(identity(size))
            result.append(twin)
        else:
            result.append(index)
    held = {i for indices in inputs for i in indices}
    for index, size in zip(result, shape, strict=True):
        if index not in held:
            inputs.append((index,))
            operands.append(filled(S.One, (size,)))
    return contracted(inputs, result, operands)


def aligned(indices: tuple[int, ...], out: tuple[int, ...]) -> bool:
    """Return whether a factor meets the result entry by entry, its axes in the same order."""
    if len(set(out)) < len(out) or len(set(indices)) < len(indices):
        return False
    return tuple(i for i in out if i in indices) == indices


def beside(value: Any, indices: tuple[int, ...], out: tuple[int, ...]) -> Any:
    """Return a factor with an axis of length 1 for each that it lacks, as broadcasting asks."""
    key = tuple(slice(None) if i in indices else None for i in out)
    while key and key[0] is None:
        key = key[1:]
    return value[key] if None in key else value


def contracted(inputs: Sequence[Sequence[int]], out: Sequence[int], operands: Sequence[Any]) -> Any:
    """Return an einsum in its shortest spelling."""
    made = None
    if len(operands) == 1:
        made = _alone(tuple(inputs[0]), tuple(out), operands[0])
    elif len(operands) == 2:
        made = _pair(inputs, tuple(out), operands)
    if made is not None:
        return made
    order = list(dict.fromkeys([*out, *(i for indices in inputs for i in indices)]))
    names = {index: LETTERS[k] for k, index in enumerate(order)}
    words = ["".join(names[i] for i in indices) for indices in (*inputs, out)]
    return build.apply("einsum", *operands, params=(f"{','.join(words[:-1])}->{words[-1]}",))


def _alone(indices: tuple[int, ...], out: tuple[int, ...], operand: Any) -> Any:
    """Return a transpose or a sum over axes, or None."""
    if len(set(indices)) < len(indices) or not set(out) <= set(indices):
        return None
    kept = tuple(i for i in indices if i in out)
    axes = tuple(k for k, i in enumerate(indices) if i not in out)
    made = operand.sum(axis=axes[0] if len(axes) == 1 else axes) if axes else operand
    if len(axes) == len(indices):
        made = operand.sum()
    return made if kept == out else made.transpose([kept.index(i) for i in out])


def _pair(inputs: Sequence[Sequence[int]], out: tuple[int, ...], operands: Sequence[Any]) -> Any:
    """Return a product of vectors or matrices, or None."""
    first, second = (tuple(i) for i in inputs)
    shared = set(first) & set(second)
    if max(len(first), len(second)) > 2 or len(set(first)) < len(first):
        return None
    if len(set(second)) < len(second) or len(shared) > 1 or shared & set(out):
        return None
    if not shared:
        vectors = len(first) == len(second) == 1
        if not vectors or set(out) != {*first, *second}:
            return None
        ordered = operands if out == (*first, *second) else operands[::-1]
        return build.apply("outer", *ordered)
    (index,) = shared
    ends = [tuple(i for i in f if i != index) for f in (first, second)]
    if out not in ((*ends[0], *ends[1]), (*ends[1], *ends[0])):
        return None
    items = list(zip((first, second), operands, strict=True))
    if out != (*ends[0], *ends[1]):
        items.reverse()
    (left, a), (right, b) = items
    a = a if left[-1] == index else a.T
    b = b if right[0] == index else b.T
    return a @ b


def leaf(symbol: Any) -> Any:
    """Return a symbol; a matrix of SymPy by its entries."""
    if isinstance(symbol, sympy.MatrixSymbol):
        made = build.TensorScalar if symbol.shape == (1, 1) else build.TensorOp
        return made("matrix", (), symbol)
    return Integer(symbol) if isinstance(symbol, int) else symbol


def filled(value: Any, shape: Sequence[Any]) -> Any:
    """Return a number repeated over a shape."""
    return build.apply("broadcast_to", value, params=(tuple(shape),)) if shape else value


def identity(size: Any) -> Any:
    """Return an identity matrix."""
    return build.apply("eye", params=(size,))


def _widened(value: Any, shape: Sequence[Any]) -> Any:
    """Return a value in its full shape: along an axis that no term has, it is repeated."""
    held = value.shape if isinstance(value, AnyTensor) else ()
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
