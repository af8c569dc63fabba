"""Regions: the graph that a `call` or `scan` node owns.

The derivative of a call is a call of the derived region, and the derivative of a scan a scan over a
region that carries its tangents along; both are derived once and kept by the region.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from symgrad.dag.nodes import Nodes


class Region:
    """A graph with ordered inputs and outputs, owned by the nodes that use it.

    Parameters
    ----------
    name : str
        What outlines call it.
    nodes : Nodes
        Its table; not changed afterwards.
    inputs : tuple of int
        The variable nodes that operands replace, in order.
    outputs : tuple of int
        The nodes of its values.
    """

    __slots__ = ("__weakref__", "derived", "inputs", "name", "nodes", "outputs")

    _made: WeakKeyDictionary[Any, Region] = WeakKeyDictionary()

    def __init__(
        self, name: str, nodes: Nodes, inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> None:
        self.name = name
        self.nodes = nodes
        self.inputs = inputs
        self.outputs = outputs
        self.derived: dict[Any, Region] = {}

    def __repr__(self) -> str:
        return f"<region {self.name}: {len(self.inputs)} in, {len(self.outputs)} out>"

    @classmethod
    def of(cls, block: Any, make: Callable[[Any], Region]) -> Region:
        """Return the region of a block; the same block always has the same region."""
        found = cls._made.get(block)
        return found if found is not None else cls._made.setdefault(block, make(block))
