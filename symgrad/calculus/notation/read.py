"""From nodes to forms: what each gate is in the normal form."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from sympy import Integer, Rational, S, Symbol

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.axes import narrowed, widened
from symgrad.calculus.notation.rearranged import read_reshape, read_tril
from symgrad.calculus.notation.squares import matrix_function
from symgrad.dag.nodes import (
    ADD,
    CONSTANT,
    DIV,
    MUL,
    NEG,
    POW,
    SQRT,
    SUB,
    VARIABLE,
    Nodes,
    reachable,
)
from symgrad.expr.tensors import TensorSymbol
from symgrad.rules import einsums, linalg, tensors
from symgrad.rules.row import Gate

Shape = tuple[Any, ...]
Read = Callable[[Algebra, Any, Sequence[int], Shape], int]


class Reader:
    """The forms of a table's nodes.

    Parameters
    ----------
    nodes : Nodes
        The table.
    algebra : Algebra
        Where the forms are kept.
    """

    def __init__(self, nodes: Nodes, algebra: Algebra) -> None:
        self.nodes, self.algebra = nodes, algebra
        self.made: dict[int, int] = {}

    def read(
        self,
        roots: Sequence[int],
        named: Mapping[int, Any] | None = None,
        whole: Container[int] = (),
    ) -> list[int]:
        """Return the forms of some nodes.

        Parameters
        ----------
        roots : sequence of int
            The nodes.
        named : mapping of int to symbol, optional
            Nodes that stand as symbols in the forms of others; `Algebra.behind` keeps what they
            stand for.
        whole : container of int, optional
            Nodes that are named with all of their axes; others without those along which nothing
            changes.
        """
        nodes, symbols = self.nodes, named or {}
        needed = reachable(nodes, roots)
        for node, flag in enumerate(needed):
            if flag and node not in self.made:
                form = self._form(node)
                symbol = symbols.get(node)
                if symbol is not None and self.algebra.worth_naming(form):
                    form = self._named(symbol, form, node in whole)
                self.made[node] = form
        return [self.made[r] for r in roots]

    def _named(self, symbol: Any, form: int, is_whole: bool) -> int:
        """Return the symbol of a form; without axes along which nothing changes, unless whole."""
        if is_whole or not isinstance(symbol, TensorSymbol):
            return self.algebra.named(symbol, form)
        lean, axes = narrowed(self.algebra, form)
        outside, bare = self.algebra.without_scalars(lean)
        if not self.algebra.worth_naming(bare):
            return form
        shape = self.algebra.shape(form)
        sizes = [shape[k] for k in axes]
        short = TensorSymbol(symbol.name, sizes) if sizes else Symbol(symbol.name)
        name = self.algebra.product(outside, self.algebra.named(short, bare))
        return widened(self.algebra, name, axes, shape)

    def _form(self, node: int) -> int:
        nodes = self.nodes
        gate, payload = nodes.gates[node], nodes.payloads[node]
        operands = [self.made[a] for a in nodes.args[node]]
        shape = nodes.shapes.get(node, ())
        read = READ.get(gate)
        if read is not None:
            return read(self.algebra, payload, operands, shape)
        if gate.shape is None:
            return self.algebra.function(gate, payload, operands, shape)
        return self.algebra.operation(gate, payload, operands, shape)


def read_constant(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return a number."""
    return algebra.number(payload)


def read_leaf(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return a symbol, or a size."""
    return algebra.leaf(payload, shape)


def read_sum(*signs: int) -> Read:
    """Return the reading of a sum or difference."""

    def read(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
        return algebra.sum([(Integer(s), o) for s, o in zip(signs, operands, strict=True)], shape)

    return read


def read_product(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return a product entry by entry."""
    return algebra.product(*operands)


def read_quotient(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return a quotient entry by entry."""
    above, below = operands
    return algebra.product(above, algebra.power(below, S.NegativeOne))


def read_power(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return a power; one of a rational number is an exponent."""
    exponent = algebra.constant(operands[1])
    if exponent is None or algebra.shape(operands[1]):
        return algebra.map(POW, payload, operands, shape)
    return algebra.power(operands[0], Rational(exponent))


def read_root(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return a square root."""
    return algebra.power(operands[0], S.Half)


def read_einsum(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return an einsum."""
    inputs, out, sizes = payload
    return algebra.einsum(inputs, out, operands, dict(sizes))


def read_unit(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return `x/norm(x)`."""
    x, axes = operands[0], tuple(range(len(shape)))
    kept = [k for k in axes if k not in payload]
    norm = algebra.operation(tensors.NORM, payload, operands, tuple(shape[k] for k in kept))
    return algebra.einsum([axes, kept], axes, [x, algebra.power(norm, S.NegativeOne)])


def read_matrix_function(gate: Gate) -> Read:
    """Return the reading of a function of a square matrix."""

    def read(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
        if len(algebra.shape(operands[0])) != 2 or len(operands) > 1:
            return algebra.operation(gate, payload, operands, shape)
        return matrix_function(algebra, gate, payload, operands[0], shape)

    return read


def read_solve(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return `inv(A)*B`."""
    a, b = operands
    wide = algebra.shape(a)
    if len(wide) != 2:
        return algebra.operation(linalg.SOLVE, payload, operands, shape)
    inverse = matrix_function(algebra, linalg.INVERSE, None, a, wide)
    columns = ("c",) * (len(shape) - 1)
    return algebra.einsum([("i", "j"), ("j", *columns)], ("i", *columns), [inverse, b])


def read_expm(algebra: Algebra, payload: Any, operands: Sequence[int], shape: Shape) -> int:
    """Return the exponential, or its derivative; along a multiple of the identity it is itself."""
    a, *directions = operands
    if len(shape) != 2:
        return algebra.operation(linalg.EXPM, payload, operands, shape)
    scale, left = S.One, []
    for direction in directions:
        number = identity_multiple(algebra, direction)
        if number is None:
            left.append(direction)
        else:
            scale *= number
    if left:
        return algebra.scaled(scale, algebra.operation(linalg.EXPM, payload, [a, *left], shape))
    return algebra.scaled(scale, matrix_function(algebra, linalg.EXPM, payload, a, shape))


def identity_multiple(algebra: Algebra, form: int) -> Any:
    """Return the number that a form is times the identity, or None."""
    term = algebra.single(form)
    if term is None or term[0].factors or term[0].out != (0, 0):
        return None
    return term[1]


READ: dict[Gate, Read] = {
    CONSTANT: read_constant,
    VARIABLE: read_leaf,
    einsums.SIZE: read_leaf,
    ADD: read_sum(1, 1),
    SUB: read_sum(1, -1),
    NEG: read_sum(-1),
    MUL: read_product,
    DIV: read_quotient,
    POW: read_power,
    SQRT: read_root,
    einsums.EINSUM: read_einsum,
    tensors.UNIT: read_unit,
    tensors.RESHAPE: read_reshape,
    tensors.TRIL: read_tril,
    linalg.INVERSE: read_matrix_function(linalg.INVERSE),
    linalg.DET: read_matrix_function(linalg.DET),
    linalg.LOGDET: read_matrix_function(linalg.LOGDET),
    linalg.EXPM: read_expm,
    linalg.SOLVE: read_solve,
}
