"""What the spellings of matrix expressions write with: shapes, sums, products of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Integer, S

from symgrad.dag.nodes import DIV, SUB, Grower
from symgrad.errors import ShapeError
from symgrad.expr.dims import Shape, described, letters
from symgrad.expr.matrices import matrix_shape
from symgrad.rules import einsums, linalg, tensors
from symgrad.rules.table import GATES
from symgrad.rules.tensor_site import EXP


class Pen:
    """What the spellings below write with: the table's algebra, and shapes of nodes.

    Parameters
    ----------
    grower : Grower
        The table that grows.
    """

    def __init__(self, grower: Grower) -> None:
        self.grower = grower

    def shape(self, node: int) -> Shape:
        """Return the shape of a node."""
        return self.grower.nodes.shapes.get(node, ())

    def apply(self, gate: Any, *args: int, payload: Any = None) -> int:
        """Return the node of a gate."""
        return self.grower.apply(gate, args, payload)

    def number(self, value: Any) -> int:
        """Return the node of a number."""
        return self.grower.number(value)

    def einsum(
        self, inputs: Sequence[Any], output: Any, operands: Sequence[int], sizes: Any = None
    ) -> int:
        """Return the node of an einsum."""
        return int(einsums.einsum(self.grower, inputs, output, operands, sizes))

    def size(self, value: Any) -> int:
        """Return the node of a size: a number, or read from the shapes when the graph is run."""
        if isinstance(value, (int, Integer)):
            return self.number(Integer(value))
        return self.grower.nodes.add(einsums.SIZE, (), value)

    def full(self, value: int, shape: Shape) -> int:
        """Return a scalar repeated over a shape, or a tensor that has it already."""
        if self.shape(value) == shape:
            return value
        return int(einsums.broadcast(self.grower, value, shape))

    def reduce(self, gate: Any, x: int, axes: Sequence[int]) -> int:
        """Return a reduction over some axes; over none of them, the operand."""
        return self.apply(gate, x, payload=tuple(axes)) if axes else x

    def spread(self, value: int, like: int, axes: Sequence[int]) -> int:
        """Return a reduced value repeated along the axes of `like` that were reduced."""
        shape = self.shape(like)
        kept = [k for k in range(len(shape)) if k not in axes]
        return int(einsums.broadcast(self.grower, value, shape, kept))

    def log_softmax(self, x: int, axes: Sequence[int]) -> int:
        """Return `x - logsumexp(x)`."""
        return self.apply(SUB, x, self.spread(self.reduce(tensors.LOGSUMEXP, x, axes), x, axes))

    def softmax(self, x: int, axes: Sequence[int]) -> int:
        """Return `exp(x - logsumexp(x))`."""
        return self.apply(EXP, self.log_softmax(x, axes))

    def winners(self, x: int, axes: Sequence[int], which: str) -> int:
        """Return the weights that share 1 among the extreme entries."""
        chosen = (which, tuple(axes), "min_norm")
        return self.apply(tensors.WINNERS, x, payload=chosen) if axes else self.number(S.One)

    def mean(self, x: int, axes: Sequence[int]) -> int:
        """Return the sum over some axes, over how many entries there are."""
        shape = self.shape(x)
        total: int = einsums.total(self.grower, x, len(shape), axes)
        for axis in axes:
            total = self.apply(DIV, total, self.size(shape[axis]))
        return total


Pair = tuple[int, Shape]


def shaped(builder: Any, expr: Any) -> Pair:
    """Return the node of a part, with its shape as a matrix."""
    return builder.value(expr), matrix_shape(expr)


def matrix_product(pen: Pen, left: Pair, right: Pair, what: Any) -> Pair:
    """Return a product of two matrices.

    Raises
    ------
    ShapeError
        If the inner sizes differ.
    """
    (a, (rows, inner)), (b, (other, columns)) = left, right
    if inner != other:
        raise ShapeError(
            f"in `{sympy.sstr(what)[:80]}` a {described((rows, inner))} matrix meets one of "
            f"{described((other, columns))}; the inner sizes `{inner}` and `{other}` differ"
        )
    inputs = [letters((rows, inner), "i", "k"), letters((inner, columns), "k", "j")]
    return pen.einsum(inputs, letters((rows, columns), "i", "j"), [a, b]), (rows, columns)


def chain_product(pen: Pen, factors: Sequence[Pair], what: Any) -> Pair:
    """Return a chain of matrices, multiplied from the side where a vector stands."""
    items = list(factors)
    if items[-1][1][1] == 1 and items[0][1][0] != 1:
        total = items.pop()
        while items:
            total = matrix_product(pen, items.pop(), total, what)
        return total
    total, *rest = items
    for factor in rest:
        total = matrix_product(pen, total, factor, what)
    return total


def squared(pen: Pen, gate: Any, node: int, shape: Shape) -> int:
    """Return a function of a square matrix; of a 1 × 1 matrix, that of a number."""
    if shape != (1, 1):
        return pen.apply(gate, node)
    if gate is linalg.INVERSE:
        return pen.apply(DIV, pen.number(S.One), node)
    named = {linalg.LOGDET: "log", linalg.EXPM: "exp", linalg.CHOLESKY: "sqrt"}.get(gate)
    return node if named is None else pen.apply(GATES.named(named), node)


def identity(pen: Pen, shape: Shape) -> int:
    """Return the node of an identity matrix."""
    one = pen.number(S.One)
    if shape == (1, 1):
        return one
    return pen.einsum([()], ("i", "i"), [one], {"i": shape[0]})
