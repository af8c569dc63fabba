"""What a compiled function can return: the value and its derivatives, grown in one graph.

Every part shares the nodes of the others. Directions and weights are inputs of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sympy import Dummy, Expr

from symgrad.calculus.growth import Growth
from symgrad.dag.digraph import Graph
from symgrad.errors import ShapeError, UnsupportedError

SCALAR = frozenset(["grad", "hessian", "hvp"])  # parts that one scalar alone has
TANGENTS = frozenset(["jvp", "hvp"])  # parts that take a direction
COTANGENTS = frozenset(["vjp"])  # parts that take weights of the outputs


class Parts:
    """The parts of a function, each a list of nodes in one growing graph.

    Parameters
    ----------
    source : Graph
        The function; m outputs.
    wrt : sequence of (int or None)
        The nodes of n variables; None for one that the function does not hold.
    kinks : str
        The policy where a gate has no derivative.
    """

    def __init__(self, source: Graph, wrt: Sequence[int | None], kinks: str) -> None:
        self.source = source
        self.wrt = list(wrt)
        self.growing = Growth(source, kinks)
        self.tangents = [Dummy(f"tangent{k}") for k in range(len(wrt))]
        self.cotangents = [Dummy(f"cotangent{k}") for k in range(len(source.outputs))]

    @cached_property
    def value(self) -> list[int]:
        """The outputs."""
        return list(self.source.outputs)

    @cached_property
    def grad(self) -> list[int]:
        """The partials of the one output, one a variable."""
        return self.growing.pull({self.value[0]: self.growing.one()}, self.wrt)

    @cached_property
    def jacobian(self) -> list[int]:
        """The partials of every output, row by row; the cheaper mode is chosen."""
        growing, one = self.growing, self.growing.one()
        if len(self.value) <= len(self.wrt):
            return [n for o in self.value for n in growing.pull({o: one}, self.wrt)]
        return _transposed([self._pushed({w: one}, self.value) for w in self.wrt])

    @cached_property
    def hessian(self) -> list[int]:
        """The second partials of the one output, row by row."""
        one = self.growing.one()
        columns = [self._pushed({w: one}, self.grad) for w in self.wrt]
        size = range(len(columns))
        return [columns[max(i, j)][min(i, j)] for i in size for j in size]

    @cached_property
    def jvp(self) -> list[int]:
        """The derivative of every output along the tangents."""
        return self._pushed(self._direction, self.value)

    @cached_property
    def vjp(self) -> list[int]:
        """The partials of the outputs' sum, weighted by the cotangents."""
        weights = self._variables(self.cotangents, self.value)
        return self.growing.pull(self._added(self.value, weights), self.wrt)

    @cached_property
    def hvp(self) -> list[int]:
        """The derivative of the gradient along the tangents."""
        return self._pushed(self._direction, self.grad)

    @cached_property
    def _direction(self) -> dict[int, int]:
        nodes = self._variables(self.tangents, self.wrt)
        return self._added(self.wrt, nodes)

    def _variables(self, symbols: Sequence[Expr], like: Sequence[int | None]) -> list[int]:
        """Return new inputs, each in the shape of a node."""
        nodes = self.growing.nodes
        shapes = [() if node is None else nodes.shapes.get(node, ()) for node in like]
        return [nodes.variable(s, shape) for s, shape in zip(symbols, shapes, strict=True)]

    def _added(self, nodes: Sequence[int | None], weights: Sequence[int]) -> dict[int, int]:
        """Return the weight of each node; a node that is named twice has the sum."""
        found: dict[int, int] = {}
        for node, weight in zip(nodes, weights, strict=True):
            if node is not None:
                known = found.get(node)
                found[node] = weight if known is None else self.growing.add(known, weight)
        return found

    def _pushed(self, seeds: Mapping[Any, int], targets: Sequence[int]) -> list[int]:
        alive = {node: seed for node, seed in seeds.items() if node is not None}
        if not alive:
            return [self.growing.zero(target) for target in targets]
        dots = self.growing.tangents(alive, max(targets))
        return [self.growing.or_zero(dots, target) for target in targets]


def _transposed(columns: list[list[int]]) -> list[int]:
    return [node for row in zip(*columns, strict=True) for node in row]


PARTS: dict[str, Callable[[Parts], list[int]]] = {
    "value": lambda parts: parts.value,
    "grad": lambda parts: parts.grad,
    "jacobian": lambda parts: parts.jacobian,
    "hessian": lambda parts: parts.hessian,
    "jvp": lambda parts: parts.jvp,
    "vjp": lambda parts: parts.vjp,
    "hvp": lambda parts: parts.hvp,
}


@dataclass(frozen=True, slots=True)
class Derived:
    """A graph whose outputs are the parts, one after the other.

    Parameters
    ----------
    graph : Graph
        The function and its derivatives.
    tangents, cotangents : tuple of Expr
        The inputs that stand for a direction, and for weights; empty where no part takes them.
    """

    graph: Graph
    tangents: tuple[Expr, ...] = field(default=())
    cotangents: tuple[Expr, ...] = field(default=())


def derive(
    source: Graph, names: Sequence[str], wrt: Sequence[int | None], kinks: str = "min_norm"
) -> Derived:
    """Return the graph of some parts of a function.

    Parameters
    ----------
    source : Graph
        The function.
    names : sequence of str
        Keys of `PARTS`.
    wrt : sequence of (int or None)
        Nodes to differentiate by.
    kinks : str
        The policy where a gate has no derivative.

    Raises
    ------
    ShapeError
        If a part of one scalar is asked of several outputs.
    """
    count = len(source.outputs)
    scalar = next((n for n in names if n in SCALAR), None)
    if scalar is not None and count != 1:
        raise ShapeError(
            f"returns={scalar!r} is of one scalar, but {count} outputs were given; "
            "use 'jacobian' or 'vjp'"
        )
    parts = Parts(source, wrt, kinks)
    nodes = [node for name in names for node in PARTS[name](parts)]
    taken = frozenset(names)
    return Derived(
        parts.growing.freeze(nodes),
        tuple(parts.tangents) if taken & TANGENTS else (),
        tuple(parts.cotangents) if taken & COTANGENTS else (),
    )


def named_parts(returns: str | Sequence[str]) -> list[str]:
    """Return the parts that are asked for.

    Raises
    ------
    UnsupportedError
        If there is no such part, or none at all.
    """
    names = [returns] if isinstance(returns, str) else list(returns)
    if not names or any(name not in PARTS for name in names):
        raise UnsupportedError(f"returns={returns!r} is unknown; use any of {', '.join(PARTS)}")
    return names


# --- what stands where, in words without names ---


def meanings(
    names: Sequence[str], inputs: Sequence[Expr], wrt: Sequence[Expr | None], outputs: int
) -> tuple[list[str], list[str]]:
    """Return what each input and each output of a program of parts means.

    Parameters
    ----------
    names : sequence of str
        Keys of `PARTS`, in order.
    inputs : sequence of Expr
        The arguments.
    wrt : sequence of (Expr or None)
        What is differentiated by; None for an inner value.
    outputs : int
        Number of the function's outputs.
    """
    places = {symbol: f"x[{k}]" for k, symbol in enumerate(inputs)}
    by = [places.get(w, "an inner value") for w in wrt]
    of = [f"output {k}" for k in range(outputs)] if outputs > 1 else ["the value"]
    taken = [f"argument {k}" for k in range(len(inputs))]
    if not TANGENTS.isdisjoint(names):
        taken += [f"tangent of {w}" for w in by]
    if not COTANGENTS.isdisjoint(names):
        taken += [f"weight of {o}" for o in of]
    given: dict[str, Callable[[], list[str]]] = {  # called where asked: one has n**2 entries
        "value": lambda: of,
        "grad": lambda: [f"partial by {w}" for w in by],
        "jacobian": lambda: [f"partial of {o} by {w}" for o in of for w in by],
        "hessian": lambda: [f"partial by {v} and {w}" for v in by for w in by],
        "jvp": lambda: [f"derivative of {o} along the tangents" for o in of],
        "vjp": lambda: [f"partial of the weighted outputs by {w}" for w in by],
        "hvp": lambda: [f"derivative of the partial by {w} along the tangents" for w in by],
    }
    return taken, [text for name in names for text in given[name]()]
