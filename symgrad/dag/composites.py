"""Collapse spelled composites into one gate each, and expand them again.

A collapsed gate is the numerically safe one: `1/(1 + exp(-x))` at x = -1000 has the derivative nan,
`sigmoid(x)` has 0. Both passes keep every named node a node that one can differentiate by, enter
regions, and are linear in the size of the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import S

from symgrad.dag.nodes import ADD, CONSTANT, MUL, NEG, SUB, VARIABLE, Grower, Nodes
from symgrad.dag.opened import extended
from symgrad.dag.patterns import (
    COMPOSITES,
    EXP,
    LOG,
    LOGSUMEXP,
    Rule,
    Rules,
    Tree,
    chosen,
    definitions,
    fits,
    rules,
)
from symgrad.dag.regions import Region, nested
from symgrad.rules import opaque
from symgrad.rules.row import Gate

Parts = tuple[Nodes, list[int], dict[str, int]]
Moved = dict[int, Region]


def collapse(
    nodes: Nodes, outputs: Sequence[int], names: Mapping[str, int], only: Any = None
) -> Parts:
    """Return the parts of a graph in which each spelled composite is one gate.

    Parameters
    ----------
    nodes, outputs, names
        The graph.
    only : str or iterable of str, optional
        The composites to recognise; default: all.

    Raises
    ------
    UnknownNameError
        If `only` names no composite.

    Notes
    -----
    From the outputs down, the largest spelling wins. A named node inside a spelling keeps it from
    being collapsed; a node that is used elsewhere stays there for its other users. `max(0, x)` and
    `relu(x)` differ under `kinks="first"` alone.
    """
    wanted = chosen(only)
    found = rules(wanted)

    def shrink(nodes: Nodes, roots: Sequence[int], kept: Sequence[int], moved: Moved) -> Rebuilt:
        return _Collapser(nodes, roots, kept, found, sums="logsumexp" in wanted).rebuild(moved)

    return _passed(nodes, outputs, names, shrink)


def expand(
    nodes: Nodes, outputs: Sequence[int], names: Mapping[str, int], only: Any = None
) -> Parts:
    """Return the parts of a graph in which each composite is spelled by its definition.

    Parameters
    ----------
    nodes, outputs, names
        The graph.
    only : str or iterable of str, optional
        The composites to expand; default: all.

    Raises
    ------
    UnknownNameError
        If `only` names no composite.
    """
    wanted = chosen(only)

    def grow(nodes: Nodes, roots: Sequence[int], kept: Sequence[int], moved: Moved) -> Rebuilt:
        return _expanded(nodes, wanted, moved)

    return _passed(nodes, outputs, names, grow)


def spelled(
    nodes: Nodes, outputs: Sequence[int], names: Mapping[str, int]
) -> list[tuple[str, int, tuple[int, ...]]]:
    """Return each composite that a graph spells out: its name, its root and the nodes inside.

    Parameters
    ----------
    nodes, outputs, names
        The graph.
    """
    roots = (*outputs, *names.values())
    return _Collapser(nodes, roots, tuple(names.values()), rules(), sums=True).spellings()


# --- passes over a graph and its regions ---

Rebuilt = tuple[Nodes, dict[int, int]]
Pass = Callable[[Nodes, Sequence[int], Sequence[int], Moved], Rebuilt]


def _passed(nodes: Nodes, outputs: Sequence[int], names: Mapping[str, int], rebuild: Pass) -> Parts:
    """Rebuild every region, those inside first, then the graph itself."""
    moved: Moved = {}
    known = nested(nodes)
    for region in known:
        if id(region) not in moved:
            _pass_region(region, known, rebuild, moved)
    made, new = rebuild(nodes, (*outputs, *names.values()), tuple(names.values()), moved)
    return made, [new[o] for o in outputs], {name: new[n] for name, n in names.items()}


def _pass_region(region: Region, known: Sequence[Region], rebuild: Pass, moved: Moved) -> None:
    """Rebuild a region, together with those that extend the same one: they share a table."""
    family = [r for r in known if r.plain is region.plain]
    roots = (*region.inputs, *dict.fromkeys(o for r in family for o in r.outputs))
    made, new = rebuild(region.nodes, roots, (), moved)
    inputs = tuple(new[i] for i in region.inputs)
    outputs = tuple(new[o] for o in region.plain.outputs)
    plain = Region(region.name, made, inputs, outputs, region.sizes)
    for one in family:
        extra = tuple(new[o] for o in one.outputs[len(outputs) :])
        moved[id(one)] = extended(plain, extra)


def _copied(made: Nodes, nodes: Nodes, node: int, args: tuple[int, ...], moved: Moved) -> int:
    gate, payload = nodes.gates[node], nodes.payloads[node]
    if gate is VARIABLE:
        return made.variable(payload, nodes.shapes.get(node, ()))
    if gate in opaque.OWNERS:
        payload = (moved[id(payload[0])], *payload[1:])
    return made.add(gate, args, payload)


# --- collapsing ---


@dataclass(frozen=True, slots=True)
class _Plan:
    """What stands for a node: a tree over nodes of the graph, or a gate on some of them."""

    whole: Tree
    bound: Mapping[str, int]
    inside: tuple[int, ...] = ()


class _Collapser:
    """Plan from the outputs down, then build from the inputs up."""

    def __init__(
        self,
        nodes: Nodes,
        roots: Sequence[int],
        named: Sequence[int],
        found: Rules,
        sums: bool,
    ) -> None:
        self.nodes = nodes
        self._rules = found
        self._sums = sums
        self._named = frozenset(named)
        self._uses = _uses(nodes) if sums else []
        self._plans: dict[int, _Plan] = {}
        self._fitting: dict[tuple[Gate, ...], list[Rule]] = {}
        self._needed = bytearray(len(nodes))
        for root in roots:
            self._needed[root] = 1

    def rebuild(self, moved: Moved) -> Rebuilt:
        """Return the new table, and where each needed node went."""
        self._plan()
        made = Nodes()
        grower = Grower(made)
        new: dict[int, int] = {}
        for node, args in enumerate(self.nodes.args):
            plan = self._plans.get(node)
            if plan is not None:
                new[node] = self._grown(grower, plan, new)
            elif self._needed[node]:
                operands = tuple(new[a] for a in args)
                new[node] = _copied(made, self.nodes, node, operands, moved)
        return made, new

    def spellings(self) -> list[tuple[str, int, tuple[int, ...]]]:
        """Return the name, the root and the nodes inside of each spelled composite."""
        self._plan()
        return [(_called(p.whole), root, p.inside) for root, p in sorted(self._plans.items())]

    def _plan(self) -> None:
        needed, args = self._needed, self.nodes.args
        for node in range(len(needed) - 1, -1, -1):
            if needed[node]:
                plan = self._planned(node)
                if plan is not None:
                    self._plans[node] = plan
                for operand in args[node] if plan is None else plan.bound.values():
                    needed[operand] = 1

    def _planned(self, node: int) -> _Plan | None:
        nodes = self.nodes
        gate = nodes.gates[node]
        if gate not in self._rules or nodes.constant[node]:
            return None
        args = nodes.args[node]
        if gate is LOG and self._sums:
            plan = self._sum_of_exponentials(args[0])
            if plan is not None:
                return plan
        for rule in self._candidates((gate, *(nodes.gates[a] for a in args))):
            for bound, inside in fits(nodes, rule.parts, args, ({}, ())):
                if self._named.isdisjoint(inside):
                    return _Plan(rule.whole, bound, inside)
        return None

    def _candidates(self, gates: tuple[Gate, ...]) -> list[Rule]:
        """Return the rules that fit a gate and the gates of its operands; looked up once."""
        found = self._fitting.get(gates)
        if found is None:
            root, *operands = gates
            found = [rule for rule in self._rules[root] if rule.allows(operands)]
            self._fitting[gates] = found
        return found

    def _sum_of_exponentials(self, root: int) -> _Plan | None:
        """Recognise a sum of three or more exponentials; 1 counts as exp(0)."""
        nodes = self.nodes
        terms: list[Tree] = []
        bound: dict[str, int] = {}
        stack = [root]
        while stack:
            node = stack.pop()
            gate = nodes.gates[node]
            if node in self._named or (gate is ADD and node != root and self._uses[node] > 1):
                return None
            if gate is ADD:
                stack.extend(reversed(nodes.args[node]))
            elif gate is EXP:
                name = f"x{len(bound)}"
                terms.append((VARIABLE, name))
                bound[name] = nodes.args[node][0]
            elif gate is CONSTANT and nodes.payloads[node] is S.One:
                terms.append((CONSTANT, S.Zero))
            else:
                return None
        return _Plan((LOGSUMEXP, *terms), bound) if len(terms) > 2 else None

    def _grown(self, grower: Grower, plan: _Plan, new: Mapping[int, int]) -> int:
        """Build a tree of a few levels on nodes that are built."""

        def grow(tree: Tree) -> int:
            gate, *parts = tree
            if gate is VARIABLE:
                return new[plan.bound[parts[0]]]
            if gate is CONSTANT:
                return grower.number(parts[0])
            args = tuple(map(grow, parts))
            if gate is NEG and parts[0][0] is VARIABLE:
                return self._opposite(grower, plan.bound[parts[0][1]], args[0])
            return grower.apply(gate, args)

        return grow(plan.whole)

    def _opposite(self, grower: Grower, old: int, node: int) -> int:
        """Return -node; inside a product or difference where that is free and exact."""
        gates, args = grower.nodes.gates, grower.nodes.args[node]
        if old not in self._named:
            if gates[node] is SUB:
                return grower.apply(SUB, (args[1], args[0]))
            if gates[node] is MUL and gates[args[0]] in (NEG, CONSTANT):
                lead = grower.nodes.payloads[args[0]]
                if lead is None or lead.is_extended_negative:
                    return grower.apply(MUL, (grower.apply(NEG, (args[0],)), args[1]))
            return grower.apply(NEG, (node,))
        return grower.nodes.add(NEG, (node,))


def _called(whole: Tree) -> str:
    """Return the name of the composite in a tree that stands for a spelling."""
    gate, *parts = whole
    if gate is CONSTANT or gate is VARIABLE or gate.name in COMPOSITES:
        return "" if gate is CONSTANT or gate is VARIABLE else str(gate.name)
    return next(filter(None, map(_called, parts)), "")


def _uses(nodes: Nodes) -> list[int]:
    """Return how often each node is an operand."""
    found = [0] * len(nodes)
    for args in nodes.args:
        for operand in args:
            found[operand] += 1
    return found


# --- expanding ---


def _expanded(nodes: Nodes, wanted: frozenset[str], moved: Moved) -> Rebuilt:
    known = definitions()
    made = Nodes()
    new: dict[int, int] = {}
    for node, (gate, args) in enumerate(zip(nodes.gates, nodes.args, strict=True)):
        operands = tuple(new[a] for a in args)
        if gate.name not in wanted or nodes.constant[node]:
            new[node] = _copied(made, nodes, node, operands, moved)
        elif gate is LOGSUMEXP:
            new[node] = _logarithm_of_sum(made, operands)
        else:
            new[node] = _spelled(made, known[gate, len(args)], operands)
    return made, new


def _spelled(made: Nodes, tree: Tree, operands: tuple[int, ...]) -> int:
    """Build a definition of a few levels as it is written."""
    gate, *parts = tree
    if gate is VARIABLE:
        return operands["xyz".index(parts[0])]
    if gate is CONSTANT:
        return made.number(parts[0])
    return made.add(gate, tuple(_spelled(made, p, operands) for p in parts))


def _logarithm_of_sum(made: Nodes, operands: tuple[int, ...]) -> int:
    if len(operands) == 1:
        return operands[0]
    total, *rest = (made.add(EXP, (o,)) for o in operands)
    for term in rest:
        total = made.add(ADD, (total, term))
    return made.add(LOG, (total,))
