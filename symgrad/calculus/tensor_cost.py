"""What gates of tensors cost: scalar operations in terms of the sizes, and bounds of pullbacks.

Counted are additions, multiplications and functions of numbers; moving entries costs nothing. An
einsum is counted pair by pair from the left, as it is written; factorisations by their leading
term.

References: Golub & Van Loan, "Matrix Computations", 4th ed. (2013), sections 3.2 and 4.2; Higham
(2005), "The scaling and squaring method for the matrix exponential revisited": six products and
one solution with the Padé approximant of degree 13; squarings depend on the numbers and are not
counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import sympy
from sympy import Dummy, Integer, Rational

from symgrad.dag.nodes import CONSTANT, VARIABLE, Grower, Nodes, reachable
from symgrad.dag.opened import unrolled
from symgrad.dag.regions import Region
from symgrad.registry import service
from symgrad.rules import convolution, einsums, linalg, opaque, tensors
from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import Shape, TensorSite

LEAVES = (CONSTANT, VARIABLE, einsums.SIZE)
Shapes = Sequence[Shape]
Cost = Callable[[Any, Shapes, Shape], Any]  # payload, shapes of operands, shape of the result


def einsum_cost(payload: Any, shapes: Shapes, shape: Shape) -> Any:
    """Return multiplications and additions, pair by pair from the left.

    Examples
    --------
    >>> n = sympy.Symbol("n")
    >>> einsum_cost((((0, 1), (1,)), (0,), ()), [(n, n), (n,)], (n,))
    2*n**2 - n
    """
    inputs, output, _ = payload
    sizes = einsums.sizes_of(payload, shapes)
    held: set[int] = set()
    total: Any = 0
    for place, one in enumerate(inputs):
        joint = held | set(one)
        later = set(output).union(*inputs[place + 1 :])
        points, kept = (prod(sizes[i] for i in some) for some in (joint, joint & later))
        total += points - kept if kept != points else 0  # additions
        total += points if place else 0  # multiplications
        held = joint & later
    return total


def each(times: Any) -> Cost:
    """Return the cost of so many operations an entry of the first operand."""
    return lambda payload, shapes, shape: times * prod(shapes[0])


def cubic(factor: Any) -> Cost:
    """Return the cost of so many times n**3 for each matrix of a batch."""
    return lambda payload, shapes, shape: factor * prod(shapes[0]) * shapes[0][-1]


def solve_cost(payload: Any, shapes: Shapes, shape: Shape) -> Any:
    """Return the cost of one factorisation, and of two triangular solutions a column."""
    matrix, right = shapes
    return Rational(2, 3) * prod(matrix) * matrix[-1] + 2 * prod(right) * matrix[-1]


def expm_cost(payload: Any, shapes: Shapes, shape: Shape) -> Any:
    """Return the cost at a block matrix of twice the size for each direction."""
    return Rational(44, 3) * prod(shapes[0]) * shapes[0][-1] * 8 ** (len(shapes) - 1)


def conv_cost(images: Shape, weights: Shape) -> Any:
    """Return a product and a sum for each entry of the images and each weight that it meets."""
    return 2 * prod(images) * prod(weights[1:])


FREE = (
    *(tensors.RESHAPE, tensors.SLICE, tensors.UNSLICE, tensors.GATHER, tensors.CONCAT),
    *(tensors.ONE_HOT, tensors.TRIL, convolution.PATCHES, einsums.SIZE),
)
COSTS: dict[Gate, Cost] = {
    einsums.EINSUM: einsum_cost,
    **dict.fromkeys(FREE, each(0)),
    einsums.SIZE: lambda payload, shapes, shape: 0,
    tensors.LOGSUMEXP: each(2),
    tensors.NORM: each(2),
    tensors.UNIT: each(3),
    linalg.INVERSE: cubic(2),
    linalg.DET: cubic(Rational(2, 3)),
    linalg.LOGDET: cubic(Rational(2, 3)),
    linalg.CHOLESKY: cubic(Rational(1, 3)),
    linalg.SOLVE: solve_cost,
    linalg.EXPM: expm_cost,
    convolution.CONV: lambda payload, shapes, shape: conv_cost(shape, shapes[1]),
    convolution.CONV_INPUT: lambda payload, shapes, shape: conv_cost(*shapes),
    convolution.CONV_WEIGHT: lambda payload, shapes, shape: conv_cost(shapes[1], shape),
}


def arithmetic(nodes: Nodes) -> Any:
    """Return the number of scalar operations of a table: an int, or an expression in its sizes.

    Notes
    -----
    A gate of scalars is one operation for each entry of its result; other reductions are one for
    each entry that they read.
    """
    found: Counter[Any] = Counter()
    counted: set[Any] = set()
    for node, gate in enumerate(nodes.gates):
        if gate in LEAVES:
            continue
        if gate in opaque.OF_TENSORS:  # all outputs are had at once
            region, _, rest = nodes.payloads[node]
            key = (region.plain, nodes.args[node], rest)
            if key not in counted:
                found[_inner(region, rest)] += 1
            counted.add(key)
            continue
        shape = nodes.shapes.get(node, ())
        if gate.shape is None:
            found[prod(shape)] += 1
        else:
            shapes = [nodes.shapes.get(a, ()) for a in nodes.args[node]]
            found[COSTS.get(gate, each(1))(nodes.payloads[node], shapes, shape)] += 1
    total = sympy.expand(sympy.Add(*[Integer(n) * cost for cost, n in found.items()]))
    return int(sympy.ceiling(total)) if total.is_number else total


def _inner(region: Region, rest: Any) -> Any:
    """Return the number of scalar operations of a call or loop over tensors."""
    looped = isinstance(rest, opaque.ScanForm)
    body, outputs = unrolled(region, rest.sizes if looped else rest)
    kept, _ = body.kept(reachable(body, outputs))
    return arithmetic(kept) * rest.length if looped else arithmetic(kept)


# --- bounds ---


def pulled(nodes: Nodes, node: int, moving: bytearray) -> int:
    """Return how many gates the pullbacks of one tensor gate are, by applying them once."""
    made = Nodes()
    args = nodes.args[node]
    new = {n: made.variable(Dummy(), nodes.shapes.get(n, ())) for n in (*args, node)}
    bar = made.variable(Dummy(), nodes.shapes.get(node, ()))
    site = TensorSite(
        Grower(made),
        nodes.payloads[node],
        [new[a] for a in args],
        [nodes.shapes.get(a, ()) for a in args],
        new[node],
        nodes.shapes.get(node, ()),
    )
    if nodes.gates[node] in opaque.OF_TENSORS:
        before = [new[a] for a in args]
        _pull_region(nodes, node, moving, made, before, bar)
    pull = nodes.gates[node].pull
    for index, operand in enumerate(args):
        if moving[operand] and pull is not None:
            pull(site, index, bar)
    return sum(gate not in LEAVES for gate in made.gates)


def _pull_region(
    nodes: Nodes, node: int, moving: bytearray, made: Nodes, args: Sequence[int], bar: int
) -> None:
    """Write the pullback of one output of a call or loop into a table."""
    index = nodes.payloads[node][1]
    primal = dict(zip(nodes.args[node], args, strict=True))
    rule = service("regions.pull")
    list(rule(nodes, node, primal, {index: bar}, moving, Grower(made), "min_norm"))


def entry_bound(nodes: Nodes, node: int, moving: bytearray) -> int:
    """Return what a gate that acts entry by entry adds: a sum for each scalar that it spreads."""
    wide = node in nodes.shapes and nodes.gates[node].shape is None
    return sum(moving[a] and a not in nodes.shapes for a in nodes.args[node]) if wide else 0
