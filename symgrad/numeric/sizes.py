"""Sizes of axes, read from arrays, and graphs in which they are numbers.

A graph of tensors has symbols for sizes; here the shapes of the arrays that are given fix them. In
the graph axes of length 1 are gone, so a column may be given as (n,) or as (n, 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr, Integer, MatrixExpr, Poly, Symbol

from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import CONSTANT, VARIABLE, Nodes
from symgrad.errors import ShapeError
from symgrad.expr.dims import Shape, described, shape_of, squeezed
from symgrad.expr.symbols import label
from symgrad.rules.einsums import SIZE
from symgrad.rules.opaque import OF_TENSORS, ScanForm

Sizes = dict[Symbol, int]


def has_tensors(source: Graph) -> bool:
    """Return whether a graph holds anything but scalars, inside its blocks too."""
    nodes = source.nodes
    return bool(nodes.shapes) or any(gate in OF_TENSORS for gate in nodes.gates)


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a graph and its shapes.

    Parameters
    ----------
    symbol : Expr
        The variable.
    core : tuple
        Its shape in the graph.
    declared : tuple
        Its shape as it was declared: with axes of length 1.
    """

    symbol: Expr
    core: Shape
    declared: Shape

    def fits(self, rank: int) -> Shape | None:
        """Return the shape that an array of this rank must have, or None."""
        if rank == len(self.declared):
            return self.declared
        return self.core if rank == len(self.core) else None


def declared_shape(symbol: Any, core: Shape) -> Shape:
    """Return the shape that a symbol was declared with; that of the graph where it has none."""
    shape = getattr(symbol, "shape", None) if core or isinstance(symbol, MatrixExpr) else None
    if shape is None or squeezed(shape) != core:
        return core
    return shape_of(shape)


class Reader:
    """What is needed to read arrays for a graph of tensors.

    Parameters
    ----------
    source : Graph
        The graph; a scalar variable that is the size of some axis needs no value.
    inputs : sequence of Input, optional
        What is read; default: every variable that is no size.
    """

    def __init__(self, source: Graph, inputs: Sequence[Input] | None = None) -> None:
        shapes = source.nodes.shapes
        self.symbols = frozenset(size_symbols(source.nodes))
        if inputs is not None:
            self.inputs = tuple(inputs)
            return
        pairs = zip(source.inputs, source.input_nodes, strict=True)
        self.inputs = tuple(
            Input(symbol, shapes.get(node, ()), declared_shape(symbol, shapes.get(node, ())))
            for symbol, node in pairs
            if symbol not in self.symbols
        )

    def cores(
        self, shapes: Sequence[tuple[int, ...]], known: Mapping[Symbol, int] | None = None
    ) -> tuple[list[tuple[int, ...]], Sizes]:
        """Return the shape of each array in the graph, and the sizes that they fix.

        Parameters
        ----------
        shapes : sequence of tuple of int
            One an input.
        known : mapping, optional
            Sizes that the caller gives.

        Raises
        ------
        ShapeError
            If an array does not fit its input, two arrays give one size differently, or a size
            stays unknown.
        """
        found = Match(known or {})
        for one, shape in zip(self.inputs, shapes, strict=True):
            found.add(one, shape)
        sizes = found.solved()
        missing = sorted(str(s) for s in self.symbols if s not in sizes)
        if missing:
            raise ShapeError(
                f"the size `{missing[0]}` is in the shape of no input; give it a number, "
                f"as in at={{'{missing[0]}': 3}}"
            )
        pairs = zip(self.inputs, shapes, strict=True)
        return [s if len(s) == len(one.core) else _squeeze(one, s) for one, s in pairs], sizes


def _squeeze(one: Input, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n, d in zip(shape, one.declared, strict=True) if d != 1)


class Match:
    """Sizes that are being matched: symbols first, then what is computed from them.

    Parameters
    ----------
    known : mapping of Symbol to int
        Sizes that are known beforehand.
    """

    def __init__(self, known: Mapping[Symbol, int]) -> None:
        self.sizes: Sizes = dict(known)
        self._source: dict[Any, str] = dict.fromkeys(known, "what was given for it")
        self._later: list[tuple[Any, int, str]] = []

    def add(self, one: Input, shape: tuple[int, ...]) -> None:
        """Match one input with the shape of an array."""
        expected = one.fits(len(shape))
        if expected is None or 0 in shape:
            what = "no axis may be empty" if expected else "the number of axes differs"
            raise ShapeError(f"{_wants(one)}; found shape {shape}: {what}")
        where = f"the shape {shape} of `{label(one.symbol)}` ({described(one.declared)})"
        pairs = list(zip(expected, shape, strict=True))
        for size, length in pairs:
            if isinstance(size, int) and size != length:
                raise ShapeError(f"{_wants(one)}; found shape {shape}: {length} is not {size}")
        for size, length in pairs:
            if isinstance(size, Symbol):
                self._note(size, length, where)
            elif isinstance(size, Expr):
                self._later.append((size, length, where))

    def _note(self, size: Symbol, length: int, where: str) -> None:
        if self.sizes.setdefault(size, length) != length:
            raise ShapeError(
                f"`{size}` is {length} by {where}, but {self.sizes[size]} by {self._source[size]}"
            )
        self._source.setdefault(size, where)

    def solved(self) -> Sizes:
        """Return the sizes; those known only through expressions are solved for."""
        pending = self._later
        while pending:
            waiting = []
            for size, length, where in pending:
                value = size.subs(self.sizes)
                if isinstance(value, Integer):
                    if int(value) != length:
                        raise ShapeError(f"`{size}` is {length} by {where}, but must be {value}")
                elif len(value.free_symbols) == 1:
                    (symbol,) = value.free_symbols
                    self._note(symbol, _solution(value, symbol, length, where), where)
                else:
                    waiting.append((size, length, where))
            if len(waiting) == len(pending):
                size, _, where = waiting[0]
                raise ShapeError(f"`{size}` in {where} does not say what its symbols are")
            pending = waiting
        return self.sizes


def _solution(value: Expr, symbol: Symbol, length: int, where: str) -> int:
    """Return the size at which a linear expression has a value."""
    poly = Poly(value, symbol) if value.is_polynomial(symbol) else None
    if poly is None or poly.degree() != 1:
        raise ShapeError(f"`{value}` in {where} does not say what `{symbol}` is")
    slope, rest = poly.all_coeffs()
    found = (length - rest) / slope
    if not found.is_Integer or found < 0:
        raise ShapeError(
            f"no whole number `{symbol}` makes `{value}` {length}, as asked by {where}"
        )
    return int(found)


def _wants(one: Input) -> str:
    """Return what an input may be given as."""
    forms = [one.declared] if one.declared == one.core else [one.declared, one.core]
    shown = " or ".join(f"({', '.join(map(str, f))}{',' if len(f) == 1 else ''})" for f in forms)
    if not one.declared:
        return f"`{label(one.symbol)}` is one number here, and no batch is asked for"
    return f"`{label(one.symbol)}` is {described(one.declared)} and takes an array of shape {shown}"


def size_symbols(nodes: Nodes) -> Iterator[Symbol]:
    """Yield the symbols of which sizes are made."""
    for shape in nodes.shapes.values():
        yield from _symbols(shape)
    for gate, payload in zip(nodes.gates, nodes.payloads, strict=True):
        if gate is SIZE or (gate.shape is not None and payload is not None):
            yield from _symbols((payload,))


def _symbols(parts: Iterable[Any]) -> Iterator[Symbol]:
    for part in parts:
        if isinstance(part, tuple):
            yield from _symbols(part)
        elif isinstance(part, ScanForm):
            yield from _symbols((part.length, part.sizes))
        elif isinstance(part, Expr):
            yield from part.free_symbols


# --- graphs with numbers for sizes ---


def bound(value: Any, sizes: Mapping[Symbol, int]) -> Any:
    """Return a payload or a shape with numbers for sizes.

    Raises
    ------
    ShapeError
        If a size is not known, or no whole number.
    """
    if isinstance(value, tuple):
        return tuple([bound(part, sizes) for part in value])
    if isinstance(value, ScanForm):
        return replace(value, length=bound(value.length, sizes), sizes=bound(value.sizes, sizes))
    if not isinstance(value, Expr):
        return value
    found = value.subs(sizes)
    if not isinstance(found, Integer):
        raise ShapeError(f"the size `{value}` is `{found}` here, which is no whole number")
    return int(found)


def bind_nodes(nodes: Nodes, sizes: Mapping[Symbol, int]) -> Nodes:
    """Return a table in which sizes are numbers; every node keeps its place."""
    made = nodes.fork()
    made._index = None  # equal sizes may make equal nodes, which stay two
    known: dict[Any, Any] = {}

    def replaced(value: Any) -> Any:
        if value not in known:
            known[value] = bound(value, sizes)
        return known[value]

    for node, gate in enumerate(nodes.gates):
        payload = nodes.payloads[node]
        if gate is SIZE or (gate is VARIABLE and payload in sizes):
            made.gates[node], made.constant[node] = CONSTANT, 1
            made.payloads[node] = Integer(replaced(payload))
        elif gate.shape is not None and payload is not None:
            made.payloads[node] = replaced(payload)
    made.shapes = {node: replaced(shape) for node, shape in nodes.shapes.items()}
    for node, gate in enumerate(made.gates):
        if gate.shape is not None:  # slices and windows may leave an axis once it has a number
            gate.shape(made.payloads[node], [made.shapes.get(a, ()) for a in made.args[node]])
    return made


def bind(source: Graph, sizes: Mapping[Symbol, int]) -> Graph:
    """Return a graph in which sizes are numbers; nodes and names stay as they are."""
    return Graph(bind_nodes(source.nodes, sizes), source.outputs, source.names)
