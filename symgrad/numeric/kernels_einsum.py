"""Einsum on NumPy arrays: views where nothing is computed, BLAS where something is summed.

A specification is planned once: one operand becomes sums and views, two become a product entry by
entry or one matrix product, more are contracted pair by pair in the cheapest order for their sizes.
Diagonals and identities that only stand in a product are never stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

Array = Any
Kernel = Callable[..., Any]
Indices = tuple[int, ...]
MOST_PLANS = 64  # orders of contraction kept by one einsum, one for each choice of shapes
MOST_EXACT = 5  # operands up to which every order of contraction is compared


def planned(payload: Any) -> Kernel:
    """Return the function of an einsum.

    Parameters
    ----------
    payload : (inputs, output, sizes)
        The indices of each operand and of the result, and the sizes of indices that no operand has;
        all sizes are integers.
    """
    inputs, output, fresh = payload
    unique = tuple(dict.fromkeys(output))
    held = {i for one in inputs for i in one}
    core = contraction(inputs, tuple(i for i in unique if i in held))
    finish = spreading(tuple(i for i in unique if i in held), output, dict(fresh))
    if finish is None:
        return core
    return lambda *arrays: finish(core(*arrays))


def contraction(inputs: Sequence[Indices], output: Indices) -> Kernel:
    """Return the function of an einsum whose output indices are different, each of an operand."""
    if len(inputs) == 1:
        return single(inputs[0], output)
    if len(inputs) == 2:
        return pair(inputs[0], inputs[1], output)
    return Many(tuple(inputs), output)


# --- what comes after: new axes, and diagonals ---


def spreading(kept: Indices, output: Indices, sizes: dict[int, int]) -> Kernel | None:
    """Return what gives a result its new and its repeated indices; None where it has none."""
    if kept == output:
        return None
    unique = tuple(dict.fromkeys(output))
    wide = tuple(slice(None) if i in kept else None for i in unique)
    placed = [(axis, sizes[i]) for axis, i in enumerate(unique) if i not in kept]

    def broadcast(x: Array) -> Array:
        lengths = list(np.shape(x))
        for axis, size in placed:
            lengths.insert(axis, size)
        return np.broadcast_to(np.asarray(x)[wide], lengths)

    if unique == output:
        return broadcast
    if placed:
        return lambda x: embedded(broadcast(x), unique, output)
    return lambda x: embedded(x, unique, output)


def embedded(x: Array, unique: Indices, output: Indices) -> Array:
    """Return an array with x on the diagonals of its repeated indices, and 0 elsewhere."""
    sizes = dict(zip(unique, np.shape(x), strict=True))
    found = np.zeros([sizes[i] for i in output], np.result_type(x))
    diagonal_view(found, output, unique)[...] = x
    return found


def diagonal_view(x: Array, indices: Indices, unique: Indices) -> Array:
    """Return the view of the entries where repeated indices agree, axes in the order `unique`."""
    strides = [
        sum(s for i, s in zip(indices, x.strides, strict=True) if i == one) for one in unique
    ]
    sizes = dict(zip(indices, x.shape, strict=True))
    return np.lib.stride_tricks.as_strided(x, [sizes[i] for i in unique], strides)


# --- one operand ---


def single(indices: Indices, output: Indices) -> Kernel:
    """Return the function of one operand: diagonals, sums, an order of axes."""
    unique = tuple(dict.fromkeys(indices))
    summed = tuple(axis for axis, i in enumerate(unique) if i not in output)
    left = [i for i in unique if i in output]
    order = tuple(left.index(i) for i in output)
    steps: list[Kernel] = []
    if unique != indices:
        steps.append(lambda x: diagonal_view(x, indices, unique))
    if summed:
        steps.append(lambda x: np.add.reduce(x, axis=summed))
    if order != tuple(range(len(order))):
        steps.append(lambda x: x.transpose(order))
    return chained(steps)


def chained(steps: Sequence[Kernel]) -> Kernel:
    """Return the function that does one thing after the other."""
    if len(steps) == 1:
        return steps[0]

    def run(x: Array) -> Array:
        for step in steps:
            x = step(x)
        return x

    return run


# --- two operands ---


def pair(first: Indices, second: Indices, output: Indices) -> Kernel:
    """Return the function of two operands."""
    mine, yours = _wanted(first, second, output), _wanted(second, first, output)
    product = _product(mine, yours, output)
    one = None if mine == first else single(first, mine)
    two = None if yours == second else single(second, yours)
    if one is None and two is None:
        return product
    return lambda a, b: product(one(a) if one else a, two(b) if two else b)


def _wanted(indices: Indices, other: Indices, output: Indices) -> Indices:
    """Return the different indices of an operand that anybody else asks for."""
    return tuple(dict.fromkeys(i for i in indices if i in other or i in output))


def _product(a: Indices, b: Indices, output: Indices) -> Kernel:
    summed = tuple(i for i in a if i not in output)
    if not summed:
        return _entrywise(a, b, output)
    shared = tuple(i for i in output if i in a and i in b)
    rows = tuple(i for i in output if i in a and i not in b)
    columns = tuple(i for i in output if i in b and i not in a)
    if shared and not rows and not columns:
        return _batched_dot(a, b, shared, summed, output)
    swapped = bool(rows and columns) and output.index(columns[0]) < output.index(rows[0])
    if swapped:
        turned = _matrix_product(b, a, shared, columns, rows, summed, output)
        return lambda x, y: turned(y, x)
    return _matrix_product(a, b, shared, rows, columns, summed, output)


def _aligned(indices: Indices, output: Indices) -> Kernel | None:
    """Return what gives an operand one axis an output index, of length 1 where it has none."""
    inside = [i for i in output if i in indices]
    order = tuple(indices.index(i) for i in inside)
    first = next((k for k, i in enumerate(output) if i in indices), len(output))
    wide = tuple(slice(None) if i in indices else None for i in output[first:])
    turned, widened = order != tuple(range(len(order))), None in wide
    if turned:
        return lambda x: x.transpose(order)[wide]
    return (lambda x: x[wide]) if widened else None


def _entrywise(a: Indices, b: Indices, output: Indices) -> Kernel:
    """Return a product entry by entry; axes that only one operand has are broadcast."""
    return _fed(np.multiply, _aligned(a, output), _aligned(b, output))


def _batched_dot(a: Indices, b: Indices, shared: Indices, summed: Indices, out: Indices) -> Kernel:
    """Return inner products along `summed`, one for each of the shared indices."""
    left = [a.index(i) for i in (*shared, *summed)]
    right = [b.index(i) for i in (*shared, *summed)]
    inner = list(range(len(left)))
    ends = inner[: len(shared)]
    return lambda x, y: np.einsum(x.transpose(left), inner, y.transpose(right), inner, ends)


def _matrix_product(
    a: Indices,
    b: Indices,
    shared: Indices,
    rows: Indices,
    columns: Indices,
    summed: Indices,
    output: Indices,
) -> Kernel:
    """Return a product of (batches of) matrices by BLAS."""
    left = _grouped(a, shared, rows, summed)
    right = _grouped(b, shared, summed, columns)
    natural = (*shared, *rows, *columns)
    order = tuple(natural.index(i) for i in output)
    turned = order != tuple(range(len(order)))
    multiply = _fed(_batches if shared else np.dot, left, right)
    if not turned and len(rows) <= 1 and len(columns) <= 1 and (not shared or (rows and columns)):
        return multiply

    def run(x: Array, y: Array) -> Array:
        found = multiply(x, y).reshape(_lengths(x, y, a, b, natural))
        return found.transpose(order) if turned else found

    return run


def _fed(multiply: Kernel, left: Kernel | None, right: Kernel | None) -> Kernel:
    """Return a product whose operands are prepared first, where they need it."""
    if left is None and right is None:
        return multiply
    if left is None:
        return lambda x, y: multiply(x, right(y))  # type: ignore[misc]
    if right is None:
        return lambda x, y: multiply(left(x), y)
    return lambda x, y: multiply(left(x), right(y))


def _lengths(x: Array, y: Array, a: Indices, b: Indices, wanted: Indices) -> list[int]:
    sizes = {**dict(zip(a, x.shape, strict=True)), **dict(zip(b, y.shape, strict=True))}
    return [sizes[i] for i in wanted]


def _batches(x: Array, y: Array) -> Array:
    return np.matmul(_near(x), _near(y))


def _near(x: Array) -> Array:
    """Return matrices that BLAS can read as they are: one of the last axes without gaps."""
    step = x.itemsize
    return x if step in x.strides[-2:] and 0 not in x.strides[-2:] else np.ascontiguousarray(x)


def _grouped(indices: Indices, shared: Indices, *groups: Indices) -> Kernel | None:
    """Return what makes a matrix of an operand: one axis a group; one batch axis an index.

    Without a batch an empty group is no axis, so that vectors stay vectors. None where the operand
    is such a matrix already.
    """
    order = tuple(indices.index(i) for i in (*shared, *groups[0], *groups[1]))
    turned = order != tuple(range(len(order)))
    counts = [len(g) for g in groups]
    plain = all(c == 1 for c in counts) if shared else all(c <= 1 for c in counts)
    batch = len(shared)
    if plain:
        return (lambda x: x.transpose(order)) if turned else None

    def group(x: Array) -> Array:
        if turned:
            x = x.transpose(order)
        middle = batch + counts[0]
        ends = [math.prod(x.shape[batch:middle]), math.prod(x.shape[middle:])]
        kept = [n for n, c in zip(ends, counts, strict=True) if c or shared]
        return x.reshape([*x.shape[:batch], *kept])

    return group


# --- many operands ---


class Many:
    """An einsum of three operands or more, contracted pair by pair.

    Parameters
    ----------
    inputs : tuple of tuple of int
        The indices of each operand.
    output : tuple of int
        The indices of the result.
    pair : callable, optional
        What plans two operands; other array libraries have their own.
    """

    def __init__(
        self, inputs: tuple[Indices, ...], output: Indices, pair: Callable[..., Kernel] = pair
    ) -> None:
        self.inputs, self.output, self._pair = inputs, output, pair
        self._plans: dict[Any, list[tuple[int, int, Kernel]]] = {}

    def __call__(self, *arrays: Array) -> Array:
        """Return the result."""
        shapes = tuple(map(np.shape, arrays))
        plan = self._plans.get(shapes)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = self._plans[shapes] = self._planned(shapes)
        pool = list(arrays)
        for i, j, kernel in plan:
            b, a = pool.pop(j), pool.pop(i)
            pool.append(kernel(a, b))
        return pool[0]

    def _planned(self, shapes: Sequence[tuple[int, ...]]) -> list[tuple[int, int, Kernel]]:
        sizes = {
            i: n
            for one, shape in zip(self.inputs, shapes, strict=True)
            for i, n in zip(one, shape, strict=True)
        }
        pool, plan = list(self.inputs), []
        for i, j in contraction_order(self.inputs, self.output, sizes):
            b, a = pool.pop(j), pool.pop(i)
            result = self.output if not pool else _result(a, b, pool, self.output)
            plan.append((i, j, self._pair(a, b, result)))
            pool.append(result)
        return plan


def _result(a: Indices, b: Indices, others: Sequence[Indices], output: Indices) -> Indices:
    """Return the indices of a product of two that are still asked for, in a cheap order."""
    asked = {*output, *(i for one in others for i in one)}
    wide, slim = (a, b) if len(a) >= len(b) else (b, a)
    if set(slim) <= set(wide):
        return tuple(dict.fromkeys(i for i in wide if i in asked))
    shared = [i for i in a if i in b]
    return tuple(dict.fromkeys(i for i in (*shared, *a, *b) if i in asked))


Pairs = list[tuple[int, int]]


def contraction_order(inputs: Sequence[Indices], output: Indices, sizes: dict[int, int]) -> Pairs:
    """Return which two operands to contract next, i < j; the result goes to the end.

    Notes
    -----
    The cheapest order in multiplications where operands are few; greedy where they are many.
    """
    if len(inputs) <= MOST_EXACT:
        return _cheapest(tuple(inputs), output, sizes)[1]
    pool, order = tuple(inputs), []
    while len(pool) > 1:
        costs = {p: _cost(pool, p, output, sizes) for p in combinations(range(len(pool)), 2)}
        best = min(costs, key=lambda p: (costs[p], p))
        order.append(best)
        pool = _contracted(pool, best, output)
    return order


def _cheapest(
    pool: tuple[Indices, ...], output: Indices, sizes: dict[int, int]
) -> tuple[int, Pairs]:
    if len(pool) == 1:
        return 0, []
    best: tuple[int, Pairs] | None = None
    for chosen in combinations(range(len(pool)), 2):
        cost = sum(_cost(pool, chosen, output, sizes))
        rest, order = _cheapest(_contracted(pool, chosen, output), output, sizes)
        if best is None or cost + rest < best[0]:
            best = cost + rest, [chosen, *order]
    assert best is not None
    return best


def _contracted(
    pool: tuple[Indices, ...], chosen: tuple[int, int], output: Indices
) -> tuple[Indices, ...]:
    i, j = chosen
    others = [one for k, one in enumerate(pool) if k not in chosen]
    return (*others, _result(pool[i], pool[j], others, output))


def _cost(
    pool: Sequence[Indices], chosen: tuple[int, int], output: Indices, sizes: dict[int, int]
) -> tuple[int, int]:
    """Return the multiplications of a product of two, and the entries of its result."""
    a, b = (pool[k] for k in chosen)
    others = [one for k, one in enumerate(pool) if k not in chosen]
    made = _result(a, b, others, output)
    return math.prod(sizes[i] for i in {*a, *b}), math.prod(sizes[i] for i in made)
