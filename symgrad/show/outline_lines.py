"""Equations of a module: what it computes and what its derived pullback computes, line by line.

Reads the tables of the engine's own regions; derives nothing. A line names one or several values
of one formula; calls of blocks and loops are lines of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Basic, S, Symbol

from symgrad.calculus.closed import let
from symgrad.calculus.derived_blocks import Derived, LinearLoop
from symgrad.calculus.notation.lines import let_tensors, symbol_of
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import CONSTANT, VARIABLE, Nodes, reachable
from symgrad.dag.regions import Region
from symgrad.expr.symbols import label
from symgrad.expr.tensors import Applied, TensorSymbol
from symgrad.rules import opaque

CALLS = ("call", "scan")
Named = Sequence[tuple[str, int]]
Form = tuple[int, ...]  # of a loop: how many operands are carried, and how many are cut


@dataclass(frozen=True, slots=True)
class Pulled:
    """A derived region: what it was derived from, and of a loop how many carries and streams."""

    origin: Region
    derived: Derived | LinearLoop
    form: Form = ()

    @property
    def loop(self) -> bool:
        """Whether it is the body of a loop."""
        return isinstance(self.derived, LinearLoop)

    @property
    def size(self) -> tuple[int, int]:
        """How many cotangents it gives, and of how many it is made."""
        found = self.derived
        given = (
            len(found.region.inputs)
            if isinstance(found, Derived)
            else len(found.carried) + len(found.seeds)
        )
        return len(found.results), given

    def bars(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Return the cotangents among the operands of a call; of a loop, those that are not 0."""
        if isinstance(self.derived, Derived):
            return tuple(operands[len(self.origin.inputs) :])
        first, behind = len(self.derived.carried), len(self.derived.gathered)
        seeds = operands[first + behind :][: len(self.derived.seeds)]
        given = (*operands[:first], *seeds)
        return tuple(o for o in given if filled(o) != S.Zero)


@dataclass(frozen=True, slots=True)
class Line:
    """`names = value`, or `names += value`.

    Parameters
    ----------
    names : tuple of str
        What the values are called; `_` for an output that nobody reads.
    value : Expr or tensor
        The formula; of a call, its first output that is read.
    adds : bool
        Whether the value is added to what was there.
    through : Pulled, optional
        What a call of a pullback goes back through.
    bars : tuple
        The cotangents that it is given, but for zeros.
    ports : tuple of int
        Which outputs of a call the names are.
    """

    names: tuple[str, ...]
    value: Any
    adds: bool = False
    through: Pulled | None = None
    bars: tuple[Any, ...] = ()
    ports: tuple[int, ...] = ()

    @property
    def target(self) -> tuple[Region, Form] | None:
        """The module that a call or loop is of, and its form; None for any other line."""
        if self.call is None:
            return None
        return region_of(self.call).plain, tuple(self.value.params[3:5])

    @property
    def call(self) -> Any:
        """The block that is called, or None."""
        return called(self.value)


def called(value: Any) -> Any:
    """Return the block of a call or loop, or None."""
    found = isinstance(value, Applied) and value.name in CALLS
    return value.params[0] if found else None


def filled(value: Any) -> Any:
    """Return the number that fills a tensor, or the tensor."""
    while isinstance(value, Applied) and value.name == "broadcast_to":
        (value,) = value.operands
    return value


def region_of(block: Any) -> Region:
    """Return the region of a block, which exists once the block stood in a graph."""
    own: Region | None = getattr(block, "region", None)
    return Region.of(block, _never) if own is None else own


def _never(block: Any) -> Region:
    raise KeyError(f"block `{block.name}` has no region")


def pullbacks(regions: Iterable[Region]) -> dict[int, Pulled]:
    """Return what each derived region of some regions was derived from, by identity."""
    found = {}
    for origin in regions:
        for key, kept in list(origin.derived.items()):
            if isinstance(kept, Derived):
                found[id(kept.region)] = Pulled(origin, kept)
            elif isinstance(kept, LinearLoop):
                found[id(kept.parts.linear)] = Pulled(origin, kept, tuple(key[1]))
    return found


# --- names of the values of calls ---


def names_of_calls(
    nodes: Nodes,
    mask: Sequence[int],
    named: Mapping[int, str],
    derived: Mapping[int, Pulled],
    taken: set[str],
) -> dict[int, str]:
    """Return a name for every value of a call or loop: h1, h2, ... and dx for what comes back.

    Parameters
    ----------
    nodes, mask
        The table, and which of its nodes count.
    named : mapping of int to str
        Names that are there already; they stay.
    derived : mapping of int to Pulled
        Regions of derivatives.
    taken : set of str
        Names of other things; it grows.
    """
    found = dict(named)
    taken.update(named.values())
    count = 0

    def known(operand: int) -> str:
        if nodes.gates[operand] is not VARIABLE:
            return found.get(operand, "")
        return label(nodes.payloads[operand])

    for node, gate in enumerate(nodes.gates):
        if not mask[node] or gate not in opaque.OF_TENSORS or node in found:
            continue
        region, index, _ = nodes.payloads[node]
        back = derived.get(id(region))
        if back is None:
            count += 1
            found[node] = fresh("h", taken, count)
        else:
            found[node] = fresh(f"d{_operand(back, index, nodes.args[node], known)}", taken)
    return found


def _operand(back: Pulled, index: int, args: Sequence[int], called: Callable[[int], str]) -> str:
    """Return what the operand is called whose cotangent a derived call gives."""
    places = {place: k for k, place in back.derived.results.items()}
    place = places[index]
    own = "" if back.loop else called(args[place])
    return own or label(back.origin.symbols[place])


def fresh(stem: str, taken: set[str], number: int = 0) -> str:
    """Return a name that nothing else has, and note it; the number stands before an index."""
    plain, bracket, index = stem.partition("[")
    apart = "_" if plain[-1].isdigit() else ""
    name = f"{plain}{apart}{number}{bracket}{index}" if number else stem
    while name in taken:
        number += 1
        name = f"{plain}{apart}{number}{bracket}{index}"
    taken.add(name)
    return name


# --- lines ---


def lines_of(
    nodes: Nodes, wanted: Named, names: Mapping[int, str], taken: set[str]
) -> list[tuple[str, Any]]:
    """Return names and formulas of some nodes, and of what they share, in order.

    Parameters
    ----------
    nodes : Nodes
        The table.
    wanted : sequence of (str, int)
        What is asked for.
    names : mapping of int to str
        Names of further nodes, each of which is a line.
    taken : set of str
        Names that shared values may not have.
    """
    first: dict[int, str] = {}
    for name, node in wanted:
        if nodes.gates[node] not in (VARIABLE, CONSTANT):
            first.setdefault(node, names.get(node, name))
    inner = _read_by_others(nodes, list(first))
    tops = [node for node in first if node not in inner]
    known = {**names, **{node: first[node] for node in inner}}
    kept = {n: node for node, n in known.items() if node not in tops}
    graph = Graph(nodes, tops, kept)
    spelled = let_tensors if nodes.shapes else let
    replaced, reduced = spelled(graph, tops) if tops else ([], [])
    found = [(symbol.name, symbol, value) for symbol, value in replaced]
    renamed = _tidied(found, set(known.values()), taken)
    pairs = [(n, _put(value, renamed)) for n, value in _with_names(found, renamed)]
    pairs += [(first[n], _put(e, renamed)) for n, e in zip(tops, reduced, strict=True)]
    aliases = [(name, _alias(nodes, node, first)) for name, node in wanted
               if first.get(node) != name]  # fmt: skip
    return pairs + aliases


def _read_by_others(nodes: Nodes, outputs: Sequence[int]) -> set[int]:
    """Return the outputs that other outputs are made of."""
    found = set()
    for output in outputs:
        mask = reachable(nodes, [output])
        found |= {other for other in outputs if other != output and mask[other]}
    return found


def _alias(nodes: Nodes, node: int, first: Mapping[int, str]) -> Any:
    if node in first:
        return symbol_of(first[node], nodes.shapes.get(node, ()), tensorial=True)
    return nodes.payloads[node]


def _with_names(
    found: Sequence[tuple[str, Any, Any]], renamed: Mapping[Any, Any]
) -> list[tuple[str, Any]]:
    return [(renamed[s].name if s in renamed else name, value) for name, s, value in found]


def _tidied(
    found: Sequence[tuple[str, Any, Any]], known: set[str], taken: set[str]
) -> dict[Any, Any]:
    """Return other symbols for shared values whose letters are taken."""
    made: dict[Any, Any] = {}
    for name, symbol, _ in found:
        if name in known:
            continue
        other = fresh(name.rstrip("0123456789"), taken)
        if other != name:
            made[symbol] = like(symbol, other)
    return made


def like(symbol: Any, name: str) -> Any:
    """Return a symbol of another name and the same shape."""
    shape = getattr(symbol, "shape", ()) or ()
    facts = symbol.args[2:] if isinstance(symbol, TensorSymbol) else ()
    return TensorSymbol(name, shape, *facts) if shape else Symbol(name)


def _put(value: Any, renamed: Mapping[Any, Any]) -> Any:
    return value.xreplace(dict(renamed)) if renamed and isinstance(value, Basic) else value
