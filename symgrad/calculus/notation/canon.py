"""Canonical products: the same einsum is always the same tuple, however its indices were called."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from symgrad.calculus.notation.forms import Factor, Product

Raw = tuple[int, tuple[Hashable, ...], Any]


def canonical(
    factors: Sequence[Raw], out: Sequence[Hashable], symmetric: Callable[[int], bool]
) -> Product:
    """Return a product with its factors in order and its indices numbered.

    Parameters
    ----------
    factors : sequence of (atom, indices, exponent)
        Indices are any hashable things.
    out : sequence of hashable
        The indices of the result.
    symmetric : callable
        Whether an atom of two axes equals its transpose.

    Notes
    -----
    Colours of indices and factors are refined by their neighbours until they do not change; what
    is still alike is told apart one by one. Products of a few factors take some 50 µs.
    """
    places: dict[Hashable, tuple[int, ...]] = {}
    for place, index in enumerate(out):
        places[index] = (*places.get(index, ()), place)
    colours: dict[Hashable, Any] = {i: (0, p) for i, p in places.items()}
    for _, indices, _ in factors:
        for index in indices:
            colours.setdefault(index, (1, ()))
    colours = _ranked(colours)
    if len(places) != len(colours) or len(factors) > 1:
        colours = _refined(factors, colours, symmetric)
    order = sorted(range(len(factors)), key=lambda k: _colour(factors[k], colours, symmetric))
    numbers: dict[Hashable, int] = {}
    for index in out:
        numbers.setdefault(index, len(numbers))
    for k in order:
        indices = factors[k][1]
        if symmetric(factors[k][0]):
            indices = tuple(sorted(indices, key=lambda i: colours[i]))
        for index in indices:
            numbers.setdefault(index, len(numbers))
    made: list[Factor] = []
    for k in order:
        atom, indices, exponent = factors[k]
        numbered = tuple(numbers[i] for i in indices)
        made.append((atom, tuple(sorted(numbered)) if symmetric(atom) else numbered, exponent))
    made.sort(key=lambda f: (f[0], f[1], f[2].p, f[2].q))
    return Product(tuple(made), tuple(numbers[i] for i in out))


def _ranked(colours: dict[Hashable, Any]) -> dict[Hashable, int]:
    ranks = {c: r for r, c in enumerate(sorted(set(colours.values())))}
    return {i: ranks[c] for i, c in colours.items()}


def _colour(factor: Raw, colours: dict[Hashable, int], symmetric: Callable[[int], bool]) -> Any:
    atom, indices, exponent = factor
    inner = tuple(colours[i] for i in indices)
    return atom, exponent.p, exponent.q, tuple(sorted(inner)) if symmetric(atom) else inner


def _refined(
    factors: Sequence[Raw], colours: dict[Hashable, int], symmetric: Callable[[int], bool]
) -> dict[Hashable, int]:
    while True:
        finer = _neighboured(factors, colours, symmetric)
        if len(set(finer.values())) == len(set(colours.values())):
            alike = _first_alike(finer)
            if alike is None:
                return finer
            finer = _ranked({i: (c, i is not alike) for i, c in finer.items()})
        colours = finer


def _neighboured(
    factors: Sequence[Raw], colours: dict[Hashable, int], symmetric: Callable[[int], bool]
) -> dict[Hashable, int]:
    seen: dict[Hashable, list[Any]] = {i: [] for i in colours}
    for factor in factors:
        colour = _colour(factor, colours, symmetric)
        for axis, index in enumerate(factor[1]):
            seen[index].append((colour, 0 if symmetric(factor[0]) else axis))
    return _ranked({i: (c, tuple(sorted(seen[i]))) for i, c in colours.items()})


def _first_alike(colours: dict[Hashable, int]) -> Hashable | None:
    taken: dict[int, Hashable] = {}
    for index, colour in colours.items():
        if colour in taken:
            return taken[colour]
        taken[colour] = index
    return None
