"""Where in the text each node was written.

Operations are known by identity, and kept alive so that an identity is never reused. Imports
nothing of symgrad.
"""

from __future__ import annotations

from array import array
from typing import Any


class Spans:
    """The places of the nodes of one parsed text.

    Examples
    --------
    >>> from symgrad.expr.reader import parse
    >>> parsed = parse("2*sin(x)")
    >>> parsed.spans.of(parsed.expr), parsed.spans.of(parsed.expr.args[1])
    ((0, 8), (2, 8))
    """

    __slots__ = ("_atoms", "_ends", "_index", "_indexed", "_nodes", "_starts")

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._starts = array("q")
        self._ends = array("q")
        self._index: dict[int, int] = {}
        self._atoms: dict[Any, int] = {}
        self._indexed = 0

    def add(self, node: Any, start: int, end: int) -> None:
        """Note that `node` is written at `start:end`; the first place of a node counts."""
        self._nodes.append(node)
        self._starts.append(start)
        self._ends.append(end)

    def of(self, node: Any) -> tuple[int, int] | None:
        """Return `(start, end)` of the very object `node`, or None if it has no place.

        An atom is known by its value: SymPy may make the same symbol anew.
        """
        self._complete_index()
        place = self._index.get(id(node)) if node.args else self._atoms.get(node)
        return None if place is None else (self._starts[place], self._ends[place])

    def _complete_index(self) -> None:
        """Index the nodes that were added since the last question."""
        for place in range(self._indexed, len(self._nodes)):
            known = self._nodes[place]
            if known.args:
                self._index.setdefault(id(known), place)
            else:
                self._atoms.setdefault(known, place)
        self._indexed = len(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def __reduce__(self) -> Any:
        return _restore, (self._nodes, self._starts, self._ends)


def _restore(nodes: list[Any], starts: array[int], ends: array[int]) -> Spans:
    spans = Spans()
    for node, start, end in zip(nodes, starts, ends, strict=True):
        spans.add(node, start, end)
    return spans
