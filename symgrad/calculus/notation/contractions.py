"""Products of indexed tensors in NumPy's spelling: broadcasting, `@`, sums over axes, einsum.

A tensor comes with the indices of its axes. Imports expressions only; knows no forms.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import reduce
from itertools import combinations, count
from operator import mul
from typing import Any

import sympy
from sympy import S

from symgrad.expr import tensors as build
from symgrad.expr.numerals import decimal_places
from symgrad.expr.tensor_table import ENTRYWISE

Placed = tuple[tuple[int, ...], Any]  # a tensor and the indices of its axes
MOST_PARTS = 8  # up to which a number is divided by; beyond, a decimal is easier to read
LETTERS = "ijklmnopqrstuvwxyzabcdefgh"


def filled(value: Any, shape: Sequence[Any]) -> Any:
    """Return a number repeated over a shape."""
    return build.apply("broadcast_to", value, params=(tuple(shape),)) if shape else value


def identity(size: Any) -> Any:
    """Return an identity matrix."""
    return build.apply("eye", params=(size,))


def scaled(number: Any, above: Sequence[Any], below: Sequence[Any] = ()) -> Any:
    """Return a number times some factors, divided by others."""
    top, bottom = sympy.fraction(number, exact=True)
    if top.is_Integer and bottom.is_Integer and bottom > MOST_PARTS and decimal_places(number):
        top, bottom = number, S.One
    factors = [*above] if top == 1 else [-above[0], *above[1:]] if above and top == -1 else None
    value = reduce(mul, factors or [S.One]) if factors is not None else reduce(mul, [top, *above])
    divisors = [*below] if bottom == 1 else [bottom, *below]
    return value / reduce(mul, divisors) if divisors else value


def raised(value: Any, exponent: Any) -> Any:
    """Return a power."""
    if exponent == S.Half and isinstance(value, build.AnyTensor):
        return build.mapped(sympy.sqrt, value)
    return value if exponent == 1 else value**exponent


def index_uses(out: Sequence[int], words: Iterable[Sequence[int]]) -> dict[int, int]:
    """Return how often each index stands in some words and in a result."""
    uses: dict[int, int] = {}
    for index in (*out, *(i for word in words for i in word)):
        uses[index] = uses.get(index, 0) + 1
    return uses


def side_by_side(factors: Sequence[Placed], out: tuple[int, ...]) -> list[Any]:
    """Return factors so that they broadcast; those that need new axes are multiplied before."""
    found: list[Any] = []
    groups: dict[tuple[int, ...], list[Any]] = {}
    for indices, value in factors:
        groups.setdefault(indices, []).append(value)
    for indices, values in sorted(groups.items(), key=lambda group: group[0] != out):
        plain = indices == out[len(out) - len(indices) :]
        found += values if plain else [beside(reduce(mul, values), indices, out)]
    return found


def joined(factors: Sequence[Placed]) -> list[Placed]:
    """Return factors with those of the same indices multiplied."""
    groups: dict[tuple[int, ...], list[Any]] = {}
    for indices, value in factors:
        groups.setdefault(indices, []).append(value)
    return [(indices, reduce(mul, values)) for indices, values in groups.items()]


def summed_over(indices: tuple[int, ...], value: Any, alone: Container[int]) -> Placed:
    """Return a factor summed over some of its axes."""
    axes = tuple(k for k, i in enumerate(indices) if i in alone)
    if not axes:
        return indices, value
    whole = len(axes) == len(indices)
    kept = tuple(i for i in indices if i not in alone)
    return kept, value.sum() if whole else value.sum(axis=axes[0] if len(axes) == 1 else axes)


def multiplied(factors: Sequence[Placed], out: tuple[int, ...]) -> Any:
    """Return the einsum of some factors, by products of two matrices as far as that goes."""
    left = joined(factors)
    while len(left) > 1:
        uses = index_uses(out, [indices for indices, _ in left])
        pair = next((p for p in combinations(left, 2) if _chained(p, out, uses)), None)
        if pair is None:
            break
        (first, a), (second, b) = pair
        ends = _ends(first, second, out)
        made = _pair([first, second], ends, [a, b])
        place = left.index(pair[0])
        others = [f for f in left if f not in pair]
        left = joined([*others[:place], (ends, made), *others[place:]])
        uses = index_uses(out, [indices for indices, _ in left])
        gone = {i for i, n in uses.items() if n == 1 and i not in out}
        if len(left) > 1:
            left = joined([summed_over(indices, value, gone) for indices, value in left])
    return contracted([i for i, _ in left], out, [v for _, v in left])


def _ends(first: Sequence[int], second: Sequence[int], out: Sequence[int]) -> tuple[int, ...]:
    """Return the indices of a product of matrices, in the order that needs fewest transposes."""
    (index,) = set(first) & set(second)
    before, after = (tuple(i for i in f if i != index) for f in (first, second))
    placed = [out.index(i) for i in (*before, *after) if i in out]
    if len(placed) == 2:
        return (*before, *after) if placed[0] < placed[1] else (*after, *before)
    turns = (first[-1] != index) + (second[0] != index)
    back = (second[-1] != index) + (first[0] != index)
    return (*before, *after) if turns <= back else (*after, *before)


def _chained(pair: Any, out: Sequence[int], uses: Mapping[int, int]) -> bool:
    """Return whether two factors are a product of matrices, or of a matrix and a vector."""
    (first, _), (second, _) = pair
    shared = set(first) & set(second)
    if len(shared) != 1 or max(len(first), len(second)) != 2:
        return False
    if len(set(first)) < len(first) or len(set(second)) < len(second):
        return False
    return all(uses[i] == 2 and i not in out for i in shared)


def with_diagonals(factors: Sequence[Placed], out: tuple[int, ...], shape: Sequence[Any]) -> Any:
    """Return an einsum with diagonals, which are products with identities."""
    if len(out) == 2 and [i for i, _ in factors] in ([out[:1]], []):
        return build.apply("diag", factors[0][1]) if factors else identity(shape[0])
    inputs: list[Sequence[int]] = [indices for indices, _ in factors]
    operands = [value for _, value in factors]
    fresh = count(1 + max([*out, *(i for indices in inputs for i in indices)], default=0))
    result: list[int] = []
    for index, size in zip(out, shape, strict=True):
        if index in result:  # another index, tied to the first by an identity
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
    sizes = iter(value.shape)
    before = _regained(value, tuple(next(sizes) if i in indices else 1 for i in out))
    if before is not None:
        return before
    key = tuple(slice(None) if i in indices else None for i in out)
    while key and key[0] is None:
        key = key[1:]
    return value[key] if None in key else value


def _regained(value: Any, shape: tuple[Any, ...]) -> Any:
    """Return a value that lost its axes of length 1 with these axes, or None if it never did."""
    if not isinstance(value, build.TensorOp):
        return None if isinstance(value, build.AnyTensor) else value
    if value.name == "reshape":
        return value.operands[0] if value.operands[0].shape == shape else None
    if value.name not in ENTRYWISE:
        return None
    parts = [_regained(operand, shape) for operand in value.operands]
    return (
        None
        if any(p is None for p in parts)
        else build.apply(value.name, *parts, params=value.params)
    )


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


def _batched(
    first: tuple[int, ...], second: tuple[int, ...], out: tuple[int, ...], operands: Sequence[Any]
) -> Any:
    """Return the product of a batch of rows and a matrix, or None."""
    shared = set(first) & set(second)
    if len(first) < 3 or len(second) != 2 or len(shared) != 1 or len(set(first)) < len(first):
        return None
    (index,) = shared
    (end,) = (i for i in second if i != index) if second[0] != second[1] else (None,)
    if first[-1] != index or out != (*first[:-1], end):
        return None
    a, b = operands
    return a @ (b if second[0] == index else b.T)


def _pair(inputs: Sequence[Sequence[int]], out: tuple[int, ...], operands: Sequence[Any]) -> Any:
    """Return a product of vectors or matrices, or None."""
    first, second = (tuple(i) for i in inputs)
    batched = _batched(first, second, out, operands) or _batched(second, first, out, operands[::-1])
    if batched is not None:
        return batched
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
