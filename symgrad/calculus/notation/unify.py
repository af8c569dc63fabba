"""Indices of an einsum that is being put together: which are the same, and how long they are."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from symgrad.calculus.notation.forms import Product, Table


class Unifier:
    """Union-find over indices.

    Parameters
    ----------
    sizes : mapping
        The sizes of the indices that are known from the start.
    """

    def __init__(self, sizes: Mapping[Hashable, Any]) -> None:
        self.sizes: dict[Hashable, Any] = dict(sizes)
        self.parent: dict[Hashable, Hashable] = {}
        self._fresh = 0

    def find(self, index: Hashable) -> Hashable:
        """Return the index that stands for an index."""
        while index in self.parent:
            index = self.parent[index]
        return index

    def join(self, a: Hashable, b: Hashable) -> None:
        """Make two indices one."""
        a, b = self.find(a), self.find(b)
        if a != b:
            self.parent[b] = a

    def fresh(self, size: Any) -> Hashable:
        """Return a new index."""
        self._fresh += 1
        index = ("new", self._fresh)
        self.sizes[index] = size
        return index

    def embed(
        self, place: int, product: Product, indices: Sequence[Hashable], table: Table
    ) -> list[Any]:
        """Return the factors of a product whose result has the given indices."""
        names: dict[int, Hashable] = {}
        for inner, outer in zip(product.out, indices, strict=True):
            if inner in names:
                self.join(names[inner], outer)
            else:
                names[inner] = outer
        found = []
        for atom, inner_indices, exponent in product.factors:
            shape = table.shape(atom)
            for inner, size in zip(inner_indices, shape, strict=True):
                if inner not in names:
                    names[inner] = (place, inner, "sum")
                    self.sizes[names[inner]] = size
            found.append((atom, tuple(names[i] for i in inner_indices), exponent))
        return found
