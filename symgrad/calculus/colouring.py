"""Colouring: columns that share no row are computed together, by one product with a vector.

`networkx.greedy_color` colours the graph whose edges join columns with a common row (Curtis, Powell
and Reid 1974). In a Hessian the rows that are full are set apart: each of their columns has a
colour of its own, and what the full row holds is read from those columns by symmetry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import networkx as nx

from symgrad.calculus.sparsity import Pattern, full_rows


@dataclass(frozen=True, slots=True)
class Colouring:
    """Seeds, and where each entry is found in the products with them.

    Parameters
    ----------
    colours : tuple of int
        The colour of each column; -1 where the column is empty.
    count : int
        Number of colours, products with a vector.
    found : tuple of (int, int)
        For each place of the pattern, in order: the row of the products, and the colour.
    """

    colours: tuple[int, ...]
    count: int
    found: tuple[tuple[int, int], ...]


def colour_columns(pattern: Pattern) -> Colouring:
    """Return a colouring in which no two columns of a colour share a row."""
    colours, count = _coloured(pattern, range(len(pattern.rows)), ())
    return Colouring(colours, count, tuple((i, colours[j]) for i, j in pattern.places()))


def colour_symmetric(pattern: Pattern, wanted: Pattern) -> Colouring:
    """Return a colouring of a symmetric matrix, of whose entries some are wanted.

    Parameters
    ----------
    pattern : Pattern
        The whole matrix, shape (n, n).
    wanted : Pattern
        The places that are asked for, such as those of one triangle.
    """
    full = full_rows(pattern)
    apart = set(full)
    colours, count = _coloured(pattern, (i for i in range(pattern.width) if i not in apart), full)
    found = [
        (j, colours[i]) if i in apart and j not in apart else (i, colours[j])
        for i, j in wanted.places()
    ]
    return Colouring(colours, count, tuple(found))


def _coloured(
    pattern: Pattern, rows: Iterable[int], own: Iterable[int]
) -> tuple[tuple[int, ...], int]:
    """Colour the columns so that they differ within some rows; `own` columns are alone."""
    colours = [-1] * pattern.width
    alone = set(own)
    within = [[j for j in pattern.rows[i] if j not in alone] for i in rows]
    columns = sorted({j for row in within for j in row})
    for column, colour in _greedy(columns, within).items():
        colours[column] = colour
    count = max(colours, default=-1) + 1
    for colour, column in enumerate(sorted(alone), count):
        colours[column] = colour
    return tuple(colours), count + len(alone)


def _greedy(columns: list[int], rows: list[list[int]]) -> dict[int, int]:
    if any(len(row) == len(columns) for row in rows):
        return {column: colour for colour, column in enumerate(columns)}
    together: nx.Graph[int] = nx.Graph()
    together.add_nodes_from(columns)
    for row in rows:
        together.add_edges_from(combinations(row, 2))
    found: dict[int, int] = nx.greedy_color(together, strategy="largest_first")
    return found
