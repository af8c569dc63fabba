"""Regions: the graph that a `call` or `scan` node owns.

The derivative of a call is a call of the derived region, and the derivative of a scan a scan over a
region that carries its tangents along; both are derived once and kept by the region.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from symgrad.dag.nodes import Nodes
from symgrad.errors import GraphError
from symgrad.rules import opaque


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

    _made: ClassVar[WeakKeyDictionary[Any, Region]] = WeakKeyDictionary()

    def __init__(
        self, name: str, nodes: Nodes, inputs: tuple[int, ...], outputs: tuple[int, ...]
    ) -> None:
        self.name = name
        self.nodes = nodes
        self.inputs = inputs
        self.outputs = outputs
        self.derived: dict[Any, Any] = {}

    def __repr__(self) -> str:
        return f"<region {self.name}: {len(self.inputs)} in, {len(self.outputs)} out>"

    @classmethod
    def of(cls, block: Any, make: Callable[[Any], Region]) -> Region:
        """Return the region of a block; the same block always has the same region."""
        found = cls._made.get(block)
        return found if found is not None else cls._made.setdefault(block, make(block))


def owned(nodes: Nodes) -> list[Region]:
    """Return the regions that the nodes of a table own, in order, each once."""
    owners = (opaque.CALL, opaque.SCAN)
    found = {
        id(p[0]): p[0]
        for g, p in zip(nodes.gates, nodes.payloads, strict=True)
        if g in owners and isinstance(p, tuple) and p and isinstance(p[0], Region)
    }
    return list(found.values())


def nested(nodes: Nodes) -> list[Region]:
    """Return every region inside a table, at any depth, each once and after those inside it.

    Raises
    ------
    GraphError
        If a region is inside itself.
    """
    done: dict[int, Region] = {}
    open_: set[int] = set()
    stack = owned(nodes)[::-1]
    while stack:
        region = stack[-1]
        if id(region) in done or id(region) in open_:
            stack.pop()
            open_.discard(id(region))
            done.setdefault(id(region), region)
            continue
        open_.add(id(region))
        inner = [r for r in owned(region.nodes) if id(r) not in done]
        if any(id(r) in open_ for r in inner):
            raise GraphError(f"region `{region.name}` is inside itself; use `scan` to repeat it")
        stack.extend(reversed(inner))
    return list(done.values())
