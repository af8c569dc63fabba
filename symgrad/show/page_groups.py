"""What a page folds: composites into one gate each, and large graphs into parts.

A composite is folded by the engine's own pass over its gates alone. One whose inner gates are read
from elsewhere is not foldable here: folding it would hide where a gradient comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Symbol

from symgrad.calculus.notation.lines import symbol_of
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import VARIABLE, Nodes
from symgrad.expr.tensors import AnyTensor
from symgrad.show.account import Account

PART = 64  # gates of one part


@dataclass
class Folded:
    """A composite that can be one gate.

    Parameters
    ----------
    name : str
        What it is called.
    root : int
        The node of its result.
    members : tuple of int
        Its gates.
    account : Account
        The one gate, in a graph of its own.
    outside : mapping of int to int
        For each operand's node there, the node in the whole graph.
    closable : bool
        Whether folding hides nothing.
    open : bool
        Whether a page begins with it unfolded.
    """

    name: str
    root: int
    members: tuple[int, ...]
    account: Account
    outside: Mapping[int, int]
    closable: bool
    open: bool = True


def folded(told: Account) -> list[Folded]:
    """Return the composites of an account, each with its one gate."""
    readers: dict[int, set[int]] = {}
    for gate in told.gates:
        for wire in gate.wires:
            readers.setdefault(wire.source, set()).add(gate.node)
    found: list[Folded] = []
    for root, (name, members) in told.groups.items():
        alone = _alone(told, root, members)
        inner = set(members)
        hidden = all(readers.get(n, set()) <= inner for n in members if n != root)
        hidden = hidden and not (set(told.outputs) & (inner - {root}))
        shared = any(inner & set(g.members) for g in found)
        closable = hidden and not shared and _is_one_gate(alone[0])
        found.append(Folded(name, root, members, alone[0], alone[1], closable))
    return found


def _is_one_gate(told: Account) -> bool:
    """Return whether all but one of the gates are leaves."""
    return sum(g.kind not in ("input", "constant") for g in told.gates) == 1


def _alone(told: Account, root: int, members: tuple[int, ...]) -> tuple[Account, dict[int, int]]:
    """Return the composite in a graph of its own, folded, and where its operands stand."""
    source, nodes, moved = told.nodes, Nodes(), {}
    inner, outer = set(members), dict[Any, int]()
    stack = [root]
    while stack:
        node = stack[-1]
        if node in moved:
            stack.pop()
            continue
        inside = node in inner or source.constant[node]
        missing = [a for a in source.args[node] if a not in moved] if inside else []
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if not inside:
            symbol = _called(told, node)
            outer[symbol] = node
            moved[node] = nodes.variable(symbol, source.shapes.get(node, ()))
        else:
            args = tuple(moved[a] for a in source.args[node])
            moved[node] = nodes.add(source.gates[node], args, source.payloads[node])
    named = {told.by_node[root].label: moved[root]}
    made = Graph(nodes, [moved[root]], named).collapse()
    inputs = zip(made.inputs, made.input_nodes, strict=True)
    return Account(made, None, told.policy), {n: outer[s] for s, n in inputs}


def _called(told: Account, node: int) -> Any:
    """Return the symbol of a gate outside: a variable itself, or one with its label."""
    if told.nodes.gates[node] is VARIABLE:
        return told.nodes.payloads[node]
    label, shape = told.by_node[node].label, told.nodes.shapes.get(node, ())
    if not shape:
        return Symbol(label)
    tensorial = any(isinstance(s, AnyTensor) for s in told.graph.inputs)
    return symbol_of(label, tuple(shape), tensorial=tensorial)


def parts(gates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return parts of a large graph: runs of gates that follow one another."""
    found = []
    for first in range(0, len(gates), PART):
        members = list(range(first, min(first + PART, len(gates))))
        last = gates[members[-1]]["label"]
        found.append(part(f"{gates[first]['label']} … {last}", members))
    return found


def part(label: str, members: list[int]) -> dict[str, Any]:
    """Return some gates as one box that begins folded, and computes inside."""
    kept = {"label": label, "gate": -1, "root": members[-1], "members": members}
    return kept | {"open": False}
