"""Regions: the graph that a `call` or `scan` node owns.

The derivative of a call is a call of the derived region, and the derivative of a scan a scan over a
region that carries its tangents along; both are derived once and kept by the region.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from sympy import Expr, Symbol

from symgrad.dag.nodes import Nodes
from symgrad.errors import GraphError
from symgrad.expr.matching import put
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
    sizes : tuple of Symbol
        The size symbols in its shapes; each use says what they are.
    extends : Region, optional
        A region with the same inputs whose outputs are the first of this one's.
    """

    __slots__ = (
        *("__weakref__", "derived", "extends", "inputs", "name", "nodes", "outputs", "sizes"),
    )

    _made: ClassVar[WeakKeyDictionary[Any, Region]] = WeakKeyDictionary()

    def __init__(
        self,
        name: str,
        nodes: Nodes,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        sizes: tuple[Symbol, ...] = (),
        extends: Region | None = None,
    ) -> None:
        self.name = name
        self.nodes = nodes
        self.inputs = inputs
        self.outputs = outputs
        self.sizes = sizes
        self.extends = extends
        self.derived: dict[Any, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        parts = (self.name, self.nodes, self.inputs, self.outputs, self.sizes, self.extends)
        return Region, parts

    def __repr__(self) -> str:
        return f"<region {self.name}: {len(self.inputs)} in, {len(self.outputs)} out>"

    @property
    def symbols(self) -> tuple[Any, ...]:
        """The symbol of each input."""
        return tuple(self.nodes.payloads[i] for i in self.inputs)

    @property
    def plain(self) -> Region:
        """The region that this one extends in the end."""
        found = self
        while found.extends is not None:
            found = found.extends
        return found

    def shape(self, node: int) -> tuple[Any, ...]:
        """Return the shape of a node."""
        return self.nodes.shapes.get(node, ())

    def bound_shapes(self, sizes: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
        """Return the shapes of inputs and outputs, with sizes for the size symbols."""
        found: tuple[list[Any], list[Any]] | None = self.derived.get(("shapes", sizes))
        if found is None:
            known = dict(zip(self.sizes, sizes, strict=True))
            ports = (self.inputs, self.outputs)
            made = [[put(self.shape(n), known) for n in nodes] for nodes in ports]
            found = self.derived.setdefault(("shapes", sizes), (made[0], made[1]))
        return found

    @classmethod
    def of(cls, block: Any, make: Callable[[Any], Region]) -> Region:
        """Return the region of a block; the same block always has the same region."""
        own: Region | None = getattr(block, "region", None)
        if own is not None:
            return own
        found = cls._made.get(block)
        return found if found is not None else cls._made.setdefault(block, make(block))


def held_sizes(nodes: Nodes) -> set[Any]:
    """Return the symbols in the sizes that a table holds, inner regions excepted."""
    parts: list[Any] = list(nodes.shapes.values())
    parts += [p for g, p in zip(nodes.gates, nodes.payloads, strict=True) if g.shape is not None]
    found: set[Any] = set()
    while parts:
        part = parts.pop()
        if isinstance(part, tuple):
            parts.extend(part)
        elif isinstance(part, opaque.ScanForm):
            parts += [part.length, part.sizes]
        elif isinstance(part, Expr):
            found |= part.free_symbols
    return found


def owned(nodes: Nodes) -> list[Region]:
    """Return the regions that the nodes of a table own, in order, each once."""
    found = {
        id(p[0]): p[0]
        for g, p in zip(nodes.gates, nodes.payloads, strict=True)
        if g in opaque.OWNERS and isinstance(p, tuple) and p and isinstance(p[0], Region)
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


def depth(nodes: Nodes) -> int:
    """Return how deep regions are nested in a table."""
    levels: dict[int, int] = {}
    for region in nested(nodes):
        levels[id(region)] = 1 + max((levels[id(r)] for r in owned(region.nodes)), default=0)
    return max(levels.values(), default=0)
