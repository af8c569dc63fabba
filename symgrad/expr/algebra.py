"""Build matrix expressions one node at a time, and know every shape.

SymPy asks a matrix for its shape by walking down the tree; here the shape of each node is noted
when it is built, so nothing recurses and nothing is evaluated. A 1 × 1 result is a scalar. Imports
the literal builder and the matrix heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sympy
from sympy import Basic, HadamardPower, HadamardProduct, MatAdd, MatMul, OneMatrix, S
from sympy.core.symbol import Str

from symgrad.errors import ShapeError
from symgrad.expr import literal
from symgrad.expr.dims import Shape, described, shape_of
from symgrad.expr.matrices import SHAPES, MatrixOp, ScalarOp
from symgrad.expr.operands import Value
from symgrad.expr.refusal import Refusal

SCALAR: Shape = (1, 1)
_LONGEST_SHAPE = 60  # characters of a shape in a message
_LONGEST_SHOWN = 24  # characters of an operand that a message repeats


class Algebra:
    """The matrices of one text: their shapes, and what operators make of them.

    Parameters
    ----------
    text : str
        The whole input, from which messages quote.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._shapes: dict[int, tuple[Any, Shape]] = {}

    def shape(self, node: Any) -> Shape:
        """Return rows and columns; whatever is no matrix is 1 × 1."""
        known = self._shapes.get(id(node))
        if known is not None:
            return known[1]
        if isinstance(node, sympy.MatrixSymbol):
            return self.note(node, shape_of(node.shape))
        return SCALAR

    def note(self, node: Any, shape: Shape) -> Shape:
        """Keep the shape of a node, and the node, so that its identity is never reused.

        The node keeps it too, for whoever builds a graph of it.
        """
        self._shapes[id(node)] = node, shape
        if not isinstance(node, sympy.MatrixSymbol):
            node.known_shape = shape
        return shape

    def is_matrix(self, node: Any) -> bool:
        """Return whether a node is larger than 1 × 1."""
        return self.shape(node) != SCALAR

    def takes(self, symbol: str, values: Sequence[Value]) -> bool:
        """Return whether an operator is about matrices here."""
        return symbol == "@" or any(self.is_matrix(value.node) for value in values)

    # --- nodes ---

    def made(self, node: Any, shape: Shape) -> Any:
        """Return a node that was just built: a 1 × 1 matrix as a scalar."""
        hash(node)  # asked now so that SymPy never recurses for it later
        if shape == SCALAR:
            node.known_shape = shape
            return self._settled(ScalarOp, "scalar", (), (node,))
        self.note(node, shape)
        return node

    def build(self, head: Any, shape: Shape, *args: Any) -> Any:
        """Return `head(*args)` without evaluation."""
        return self.made(Basic.__new__(head, *args), shape)

    def operation(self, name: str, params: Sequence[Any], nodes: Sequence[Any], place: int) -> Any:
        """Return an operation known by name.

        Raises
        ------
        Refusal
            If the operands do not fit.
        """
        try:
            shape = shape_of(SHAPES[name](name, tuple(params), [self.shape(n) for n in nodes]))
        except ShapeError as error:
            raise Refusal(str(error), place, shape=True) from None
        found = self._settled(ScalarOp if shape == SCALAR else MatrixOp, name, params, nodes)
        if shape != SCALAR:
            self.note(found, shape)
        return found

    def entrywise(
        self, gate: str, nodes: Sequence[Any], place: int, shown: Sequence[Value] = ()
    ) -> Any:
        """Return a gate that acts entry by entry; scalars meet every entry."""
        shapes = [self.shape(node) for node in nodes]
        wide = [k for k, shape in enumerate(shapes) if shape != SCALAR]
        for k in wide[1:]:
            if shapes[k] != shapes[wide[0]]:
                if shown:
                    raise self.mismatch(shown[wide[0]], shown[k], place, gate)
                raise Refusal(
                    f"`{gate}` acts entry by entry, but its operands are "
                    f"{self.described(shapes[wide[0]])} and {self.described(shapes[k])}",
                    place,
                    shape=True,
                )
        if not wide:
            return self._settled(ScalarOp, "map", [_gate(gate)], nodes)
        found = self._settled(MatrixOp, "map", [_gate(gate)], nodes)
        self.note(found, shapes[wide[0]])
        return found

    def _settled(self, head: Any, name: str, params: Sequence[Any], nodes: Sequence[Any]) -> Any:
        node = Basic.__new__(head, *_name_and_params(name, tuple(params)), *nodes)
        hash(node)
        return node

    # --- what several operators need ---

    def negative(self, node: Any) -> Any:
        """Return `-A`."""
        return self.scaled(S.NegativeOne, node) if self.is_matrix(node) else literal.neg(node)

    def scaled(self, scalar: Any, node: Any) -> Any:
        """Return a scalar times a matrix."""
        return self.build(MatMul, self.shape(node), scalar, node)

    def spread(self, scalar: Any, shape: Shape) -> Any:
        """Return the matrix whose every entry is a scalar."""
        ones = self.made(OneMatrix(*shape), shape)
        return ones if scalar is S.One else self.scaled(scalar, ones)

    def inverse_scaled(self, node: Any, scalar: Any) -> Any:
        """Return a matrix over a scalar."""
        return self.scaled(literal.power(scalar, S.NegativeOne), node)

    def reciprocal(self, node: Any) -> Any:
        """Return one over every entry."""
        return self.build(HadamardPower, self.shape(node), node, S.NegativeOne)

    def product(self, left: Any, right: Any) -> Any:
        """Return the product entry by entry of two nodes of one shape; scalars scale."""
        if not self.is_matrix(left):
            return self.scaled(left, right) if self.is_matrix(right) else literal.mul(left, right)
        if not self.is_matrix(right):
            return self.scaled(right, left)
        return self.build(HadamardProduct, self.shape(left), left, right)

    def quotient(self, left: Any, right: Any) -> Any:
        """Return the quotient entry by entry of two nodes of one shape, or with a scalar."""
        if not self.is_matrix(right):
            if self.is_matrix(left):
                return self.inverse_scaled(left, right)
            return literal.div(left, right)
        below = self.reciprocal(right)
        return below if left is S.One else self.product(left, below)

    def sum(self, left: Any, right: Any) -> Any:
        """Return the sum of two nodes of one shape; a scalar is added to every entry."""
        left, right = self._spread_one(left, right)
        return self.build(MatAdd, self.shape(left), left, right)

    def difference(self, left: Any, right: Any) -> Any:
        """Return the difference of two nodes of one shape, or with a scalar."""
        left, right = self._spread_one(left, right)
        return self.build(MatAdd, self.shape(left), left, self.scaled(S.NegativeOne, right))

    def _spread_one(self, left: Any, right: Any) -> tuple[Any, Any]:
        if not self.is_matrix(left):
            left = self.spread(left, self.shape(right))
        elif not self.is_matrix(right):
            right = self.spread(right, self.shape(left))
        return left, right

    def power(self, base: Any, exponent: Any, place: int) -> Any:
        """Return the power of every entry."""
        if self.is_matrix(base) and not self.is_matrix(exponent):
            return self.build(HadamardPower, self.shape(base), base, exponent)
        return self.entrywise("pow", (base, exponent), place)

    # --- messages ---

    def described(self, shape: Shape) -> str:
        """Return a shape as a person writes it, if that is short."""
        written = described(shape)
        return written if len(written) <= _LONGEST_SHAPE else "too large to be written here"

    def quoted(self, value: Value, *, tight: bool = False) -> str:
        """Return an operand as it is written, with brackets where a postfix needs them."""
        written = " ".join(self._text[value.start : value.end].split())
        if len(written) > _LONGEST_SHOWN:
            return "(...)" if tight else f"{written[:_LONGEST_SHOWN]}..."
        return f"({written})" if tight and not _is_tight(written) else written

    def both(self, left: Value, right: Value) -> str:
        """Return both operands with their shapes."""
        shapes = [self.described(self.shape(v.node)) for v in (left, right)]
        if SCALAR in (self.shape(left.node), self.shape(right.node)):
            shapes = [s if s != "1 × 1" else "a scalar" for s in shapes]
        return f"`{self.quoted(left)}` is {shapes[0]} and `{self.quoted(right)}` is {shapes[1]}"

    def mismatch(self, left: Value, right: Value, place: int, symbol: str) -> Refusal:
        """Say that two shapes differ that must be equal."""
        shapes = self.shape(left.node), self.shape(right.node)
        return Refusal(
            f"`{symbol}` acts entry by entry, but {self.both(left, right)}; "
            f"{self._remedy(left, right, symbol, *shapes)}",
            place,
            shape=True,
        )

    def _remedy(self, left: Value, right: Value, symbol: str, one: Shape, other: Shape) -> str:
        a, b = self.quoted(left, tight=True), self.quoted(right, tight=True)
        infix = symbol if not symbol.isalpha() else ","
        if other[::-1] == one:
            return f"transpose one of them, as in `{a} {infix} {b}.T`"
        if other == (one[0], 1):
            return f"to repeat the column write `{b}@ones(1, {one[1]})`"
        if other == (1, one[1]):
            return f"to repeat the row write `ones({one[0]}, 1)@{b}`"
        if other == (one[1], 1):
            return f"to repeat it as a row write `ones({one[0]}, 1)@{b}.T`"
        return "give both one shape"


_gate = lru_cache(maxsize=1024)(Str)


@lru_cache(maxsize=1024)
def _name_and_params(name: str, params: tuple[Any, ...]) -> tuple[Any, Any]:
    return Str(name), sympy.Tuple(*params)


def _is_tight(written: str) -> bool:
    """Return whether a postfix operator would take all of a text."""
    depth = 0
    for character in written:
        depth += (character in "([") - (character in ")]")
        if depth == 0 and not (character.isalnum() or character in "_.)]"):
            return False
    return True
