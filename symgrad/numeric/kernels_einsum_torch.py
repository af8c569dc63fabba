"""Einsum in torch: views where nothing is computed, `mm` and `bmm` where something is summed.

Specifications are planned as for NumPy, operand by operand and pair by pair in the cheapest order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from symgrad.numeric.kernels_einsum import Indices, Many, chained

Array = Any
Kernel = Callable[..., Any]


def planned(payload: Any) -> Kernel:
    """Return the function of an einsum; sizes are integers."""
    inputs, output, fresh = payload
    unique = tuple(dict.fromkeys(output))
    held = {i for one in inputs for i in one}
    kept = tuple(i for i in unique if i in held)
    core = contraction(inputs, kept)
    if kept == output:
        return core
    sizes = dict(fresh)
    wide = [slice(None) if i in held else None for i in unique]
    lengths = [-1 if i in held else sizes[i] for i in unique]

    def run(*operands: Array) -> Array:
        found = core(*operands)[tuple(wide)].expand(lengths)
        return found if unique == output else embedded(found, (unique, output))

    return run


def embedded(x: Array, spec: tuple[Indices, Indices]) -> Array:
    """Return a tensor with x on the diagonals of its repeated indices, and 0 elsewhere."""
    unique, output = spec
    sizes = dict(zip(unique, x.shape, strict=True))
    found = x.new_zeros([sizes[i] for i in output])
    view, left = found, list(output)
    for i in unique:
        while left.count(i) > 1:
            first = left.index(i)
            second = left.index(i, first + 1)
            view = view.diagonal(0, first, second)  # its axis is the last one
            left = [j for k, j in enumerate(left) if k not in (first, second)] + [i]
    view.copy_(x.permute([unique.index(i) for i in left]))
    return found


def contraction(inputs: Sequence[Indices], output: Indices) -> Kernel:
    """Return the function of an einsum whose output indices are different, each of an operand."""
    if len(inputs) == 1:
        return single(inputs[0], output) or (lambda x: x)
    if len(inputs) == 2:
        return pair(inputs[0], inputs[1], output)
    return Many(tuple(inputs), output, pair)


def single(indices: Indices, output: Indices) -> Kernel | None:
    """Return the function of one operand: diagonals, sums, an order of axes; None for none."""
    left, steps = list(indices), []
    for i in dict.fromkeys(indices):
        while left.count(i) > 1:
            first = left.index(i)
            second = left.index(i, first + 1)
            steps.append(_diagonal(first, second))
            left = [j for k, j in enumerate(left) if k not in (first, second)] + [i]
    summed = [axis for axis, i in enumerate(left) if i not in output]
    if summed:
        steps.append(lambda x: x.sum(summed))
        left = [i for i in left if i in output]
    order = [left.index(i) for i in output]
    if order != sorted(order):
        steps.append(lambda x: x.permute(order))
    return chained(steps) if steps else None


def _diagonal(first: int, second: int) -> Kernel:
    return lambda x: x.diagonal(0, first, second)


# --- two operands ---


def pair(first: Indices, second: Indices, output: Indices) -> Kernel:
    """Return the function of two operands."""
    mine, yours = _wanted(first, second, output), _wanted(second, first, output)
    product = _product(mine, yours, output)
    return _fed(product, single(first, mine), single(second, yours))


def _wanted(indices: Indices, other: Indices, output: Indices) -> Indices:
    """Return the different indices of an operand that anybody else asks for."""
    return tuple(dict.fromkeys(i for i in indices if i in other or i in output))


def _fed(product: Kernel, left: Kernel | None, right: Kernel | None) -> Kernel:
    if left is None and right is None:
        return product
    one, two = left or _same, right or _same
    return lambda x, y: product(one(x), two(y))


def _same(x: Array) -> Array:
    return x


def _product(a: Indices, b: Indices, output: Indices) -> Kernel:
    summed = tuple(i for i in a if i not in output)
    if not summed:
        return _fed(lambda x, y: x * y, _aligned(a, output), _aligned(b, output))
    shared = tuple(i for i in output if i in a and i in b)
    rows = tuple(i for i in output if i in a and i not in b)
    columns = tuple(i for i in output if i in b and i not in a)
    if rows and columns and output.index(columns[0]) < output.index(rows[0]):
        turned = _matrices(b, a, shared, columns, rows, summed, output)
        return lambda x, y: turned(y, x)
    return _matrices(a, b, shared, rows, columns, summed, output)


def _aligned(indices: Indices, output: Indices) -> Kernel | None:
    """Return what gives an operand one axis an output index, of length 1 where it has none."""
    order = [indices.index(i) for i in output if i in indices]
    first = next((k for k, i in enumerate(output) if i in indices), len(output))
    wide = tuple(slice(None) if i in indices else None for i in output[first:])
    steps: list[Kernel] = []
    if order != sorted(order):
        steps.append(lambda x: x.permute(order))
    if None in wide:
        steps.append(lambda x: x[wide])
    return chained(steps) if steps else None


def _matrices(
    a: Indices,
    b: Indices,
    shared: Indices,
    rows: Indices,
    columns: Indices,
    summed: Indices,
    output: Indices,
) -> Kernel:
    """Return a product of (batches of) matrices."""
    left, right = _grouped(a, shared, rows, summed), _grouped(b, shared, summed, columns)
    natural = (*shared, *rows, *columns)
    order = [natural.index(i) for i in output]
    turned = order != sorted(order)
    multiply = _fed(_batched if shared else _plain(rows, columns), left, right)
    if not turned and len(rows) <= 1 and len(columns) <= 1 and not shared:
        return multiply

    def run(x: Array, y: Array) -> Array:
        sizes = dict(zip((*a, *b), (*x.shape, *y.shape), strict=True))
        found = multiply(x, y).reshape([sizes[i] for i in natural])
        return found.permute(order) if turned else found

    return run


def _batched(x: Array, y: Array) -> Array:
    return x.bmm(y)


def _plain(rows: Indices, columns: Indices) -> Kernel:
    """Return the product of a matrix or vector with another one."""
    if rows and columns:
        return lambda x, y: x.mm(y)
    if rows:
        return lambda x, y: x.mv(y)
    if columns:
        return lambda x, y: y.t().mv(x)
    return lambda x, y: x.dot(y)


def _grouped(indices: Indices, shared: Indices, *groups: Indices) -> Kernel | None:
    """Return what makes a matrix of an operand, with one batch axis if any index is shared.

    Without a batch an empty group is no axis, so that vectors stay vectors. None where the operand
    is such a matrix already.
    """
    order = [indices.index(i) for i in (*shared, *groups[0], *groups[1])]
    turned = order != sorted(order)
    counts = [len(g) for g in groups]
    batch = len(shared)
    plain = batch == 1 and counts == [1, 1] if shared else max(counts) <= 1
    if plain:
        return (lambda x: x.permute(order)) if turned else None

    def group(x: Array) -> Array:
        if turned:
            x = x.permute(order)
        middle = batch + counts[0]
        ends = [prod(x.shape[batch:middle]), prod(x.shape[middle:])]
        if shared:
            return x.reshape([prod(x.shape[:batch]), *ends])
        return x.reshape([n for n, c in zip(ends, counts, strict=True) if c])

    return group
