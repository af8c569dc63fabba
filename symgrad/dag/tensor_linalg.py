"""Einsum, products and factorisations of tensors, spelled with the gates of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.dag.matrix_pen import Pen
from symgrad.expr.dims import Shape
from symgrad.expr.tensor_algebra_shapes import einsum_letters
from symgrad.expr.tensor_shapes import broadcast
from symgrad.rules import einsums, linalg, tensors

Spell = Callable[[Pen, Any, list[int]], int]


def fitted(pen: Pen, node: int, shape: Shape) -> tuple[int, tuple[int, ...]]:
    """Return a node without the axes of length 1 that are repeated, and which axes it has."""
    own = pen.shape(node)
    first = len(shape) - len(own)
    kept = tuple(first + k for k, n in enumerate(own) if n != 1 or shape[first + k] == 1)
    if len(kept) < len(own):
        node = pen.apply(tensors.RESHAPE, node, payload=tuple(own[k - first] for k in kept))
    return node, kept


def repeated(pen: Pen, node: int, shape: Shape) -> int:
    """Return a node broadcast to a shape."""
    narrow, kept = fitted(pen, node, shape)
    made: int = einsums.broadcast(pen.grower, narrow, shape, kept)
    return made


def einsum(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build an einsum as it is written."""
    inputs, output = einsum_letters(operation.params[0])
    return pen.einsum(inputs, output, nodes)


def matmul(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build a product of matrices or vectors; axes before the last two are a batch."""
    shapes = [pen.shape(n) for n in nodes]
    batch = broadcast("matmul", [s[:-2] for s in shapes])
    cores = (("i", "k")[-len(shapes[0]) :], ("k", "j")[: len(shapes[1])])
    narrow, inputs = [], []
    for node, shape, core in zip(nodes, shapes, cores, strict=True):
        letters = (*range(len(batch)), *core)
        thin, kept = fitted(pen, node, (*batch, *shape[-len(core) :]))
        narrow.append(thin)
        inputs.append(tuple(letters[k] for k in kept))
    ends = [c for core in cores for c in core if c != "k"]
    sizes = dict(enumerate(batch))
    return pen.einsum(inputs, (*range(len(batch)), *ends), narrow, sizes)


def dot(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build NumPy's `dot`: the last axis of a with the last but one of b."""
    a, b = (len(pen.shape(n)) for n in nodes)
    left = [("a", k) for k in range(a - 1)]
    right = [("b", k) for k in range(b)]
    joint = max(b - 2, 0)
    inputs = [[*left, right[joint]], right]
    return pen.einsum(inputs, [*left, *right[:joint], *right[joint + 1 :]], nodes)


def diag(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build a diagonal matrix, or take a diagonal."""
    vector = len(pen.shape(nodes[0])) == 1
    return pen.einsum(["i" if vector else "ii"], "ii" if vector else "i", nodes)


def trace(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build a sum over a diagonal."""
    first, second = operation.params
    rank = len(pen.shape(nodes[0]))
    letters = [first if k == second else k for k in range(rank)]
    return pen.einsum([letters], [k for k in range(rank) if k not in (first, second)], nodes)


def turned(pen: Pen, node: int) -> int:
    """Return the transpose of the last two axes."""
    order = list(range(len(pen.shape(node))))
    order[-2:] = order[:-3:-1]
    return pen.einsum([range(len(order))], order, [node])


def triangle(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build the lower or upper triangle."""
    if operation.name == "tril":
        return pen.apply(tensors.TRIL, nodes[0], payload=False)
    return turned(pen, pen.apply(tensors.TRIL, turned(pen, nodes[0]), payload=False))


def solve(pen: Pen, operation: Any, nodes: list[int]) -> int:
    """Build `inv(a)*b` with both sides of one batch."""
    a, b = nodes
    columns = 1 if len(pen.shape(b)) == 1 else 2
    batch = operation.shape[:-columns]
    return pen.apply(
        linalg.SOLVE,
        _batched(pen, a, (*batch, *pen.shape(a)[-2:])),
        _batched(pen, b, (*batch, *pen.shape(b)[-columns:])),
    )


def _batched(pen: Pen, node: int, shape: Shape) -> int:
    return node if pen.shape(node) == shape else repeated(pen, node, shape)


def by_gate(gate: Any) -> Spell:
    """Return the builder of one gate."""
    return lambda pen, operation, nodes: pen.apply(gate, *nodes)


LINEAR_ALGEBRA: dict[str, Spell] = {
    "einsum": einsum,
    "matmul": matmul,
    "dot": dot,
    "outer": lambda pen, operation, nodes: pen.einsum(["i", "j"], "ij", nodes),
    "diag": diag,
    "trace": trace,
    "tril": triangle,
    "triu": triangle,
    "solve": solve,
    "inv": by_gate(linalg.INVERSE),
    "det": by_gate(linalg.DET),
    "logdet": by_gate(linalg.LOGDET),
    "cholesky": by_gate(linalg.CHOLESKY),
    "expm": by_gate(linalg.EXPM),
}
