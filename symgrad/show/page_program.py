"""What a page runs: gates, constants and the linear maps of partials, as data.

The maps are pulled out of the engine's own reverse walk over one gate alone, so a page has no rule
of differentiation. What a page has no kernel for is refused by name, never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from sympy import Integer

from symgrad.calculus.reverse import reverse
from symgrad.dag.nodes import CONSTANT, VARIABLE, Grower, Nodes
from symgrad.errors import UnsupportedError
from symgrad.numeric.arithmetic import Floats
from symgrad.rules.einsums import sizes_of
from symgrad.rules.row import Gate
from symgrad.show.account import Account
from symgrad.show.alone import REFUSED

Step = list[Any]
MOST_PRODUCTS = 4_000_000  # multiplications of one product of tensors: some hundredths of a second
ORDERED = frozenset({"jn"})  # kernels that the page has for the orders 0 and 1 alone


class RefusedError(UnsupportedError):
    """The page cannot compute this graph; Python's numbers are shown."""


def entries(value: Any) -> Any:
    """Return a number or an array as JSON knows it: what is no number is text, None is null."""
    if value is None:
        return None
    found = np.asarray(value)
    if found.dtype.kind == "c":
        raise UnsupportedError("a page shows real numbers, and these are complex")
    if found.ndim:
        return [entries(part) for part in found]
    number = float(found)
    if np.isfinite(number):
        return number
    return "nan" if np.isnan(number) else ("inf" if number > 0 else "-inf")


def plain(payload: Any) -> Any:
    """Return what a gate carries as JSON knows it.

    Raises
    ------
    RefusedError
        If it is neither a number, a text nor a list of them.
    """
    if payload is None or isinstance(payload, (bool, int, str)):
        return payload
    if isinstance(payload, Integer):
        return int(payload)
    if isinstance(payload, (tuple, list)):
        return [plain(part) for part in payload]
    raise RefusedError("a gate carries more than numbers")


@dataclass
class Writer:
    """Collects the gates, constants and maps that a page needs.

    Parameters
    ----------
    known : frozenset of str
        The names of the gates that the page has kernels for.
    policy : str
        What the derivative is where it does not exist.
    """

    known: frozenset[str]
    policy: str
    table: list[str] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    templates: list[dict[str, Any]] = field(default_factory=list)
    _names: dict[str, int] = field(default_factory=dict)
    _constants: dict[str, int] = field(default_factory=dict)
    _templates: dict[str, int] = field(default_factory=dict)

    def gate(self, gate: Gate) -> int:
        """Return the place of a gate in the table.

        Raises
        ------
        RefusedError
            If the page has no kernel for it.
        """
        name = {CONSTANT: "const", VARIABLE: "var"}.get(gate, gate.name)
        if name not in self.known and name not in ("const", "var"):
            raise RefusedError(f"the page has no `{name}`")
        return self._place(self._names, name, self.table, name)

    def constant(self, value: Any) -> int:
        """Return the reference of a constant: -1, -2 and so on."""
        number = entries(value)
        return -1 - self._place(self._constants, json.dumps(number), self.constants, number)

    def template(self, steps: list[Step], result: int) -> int:
        """Return the place of a linear map; equal ones are kept once."""
        found = {"steps": steps, "result": result}
        return self._place(self._templates, json.dumps(found), self.templates, found)

    def _place(self, index: dict[str, int], key: str, items: list[Any], item: Any) -> int:
        if key not in index:
            index[key] = len(items)
            items.append(item)
        return index[key]

    def operation(self, gate: Gate, args: list[int], payload: Any) -> Step:
        """Return one operation."""
        if gate.name in ORDERED and self._order(args) not in (0.0, 1.0):
            raise RefusedError(f"the page has `{gate.name}` of the orders 0 and 1 alone")
        found: Step = [self.gate(gate), args]
        return found if payload is None else [*found, plain(payload)]

    def _order(self, args: list[int]) -> Any:
        return self.constants[-1 - args[0]] if args[0] < 0 else None


def constant_values(account: Account) -> dict[int, Any]:
    """Return the numbers of the nodes that depend on no variable."""
    nodes, arithmetic = account.nodes, Floats()
    found: dict[int, Any] = {}
    with np.errstate(all="ignore"):
        for node, flag in enumerate(nodes.constant):
            if flag and nodes.gates[node] is CONSTANT:
                found[node] = arithmetic.number(nodes.payloads[node])
            elif flag:
                args = tuple(found[a] for a in nodes.args[node])
                found[node] = arithmetic.apply(nodes.gates[node], args, nodes.payloads[node])
    return found


def check_size(nodes: Nodes, node: int) -> None:
    """Refuse a product of tensors that would make a slider stutter.

    Raises
    ------
    RefusedError
        If it takes more than some millions of multiplications.
    """
    if nodes.gates[node].name != "einsum":
        return
    shapes = [nodes.shapes.get(a, ()) for a in nodes.args[node]]
    count = prod(int(n) for n in sizes_of(nodes.payloads[node], shapes).values())
    if count > MOST_PRODUCTS:
        raise RefusedError(f"a product takes {count} multiplications, more than {MOST_PRODUCTS}")


class Pulls:
    """The linear maps of one gate: what an upstream gradient becomes along each wire.

    Parameters
    ----------
    writer : Writer
        Where maps and constants go.
    nodes : Nodes
        The table that the gate stands in.
    node : int
        The gate.
    values : mapping of int to number
        The constants of that table.
    """

    def __init__(self, writer: Writer, nodes: Nodes, node: int, values: dict[int, Any]) -> None:
        self._writer = writer
        self._count = len(nodes.args[node])
        self._values = values
        made = self._made = Nodes()
        self._moved: dict[int, int] = {}
        self._slots = [
            self._constant(nodes, a)
            if nodes.constant[a]
            else made.variable(_Slot(k), nodes.shapes.get(a, ()))
            for k, a in enumerate(nodes.args[node])
        ]
        self._known = {new: values[old] for old, new in self._moved.items()}
        self._out = made.add(nodes.gates[node], tuple(self._slots), nodes.payloads[node])
        self._up = made.variable(_Slot(-1), made.shapes.get(self._out, ()))

    def _constant(self, nodes: Nodes, node: int) -> int:
        """Copy a constant with what it is made of, so that it stays a constant."""
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [a for a in nodes.args[top] if a not in self._moved]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            args = tuple(self._moved[a] for a in nodes.args[top])
            self._moved[top] = self._made.add(nodes.gates[top], args, nodes.payloads[top])
        return self._moved[node]

    def along(self, position: int) -> int:
        """Return the place of the map of one operand; -1 where nothing passes.

        Raises
        ------
        RefusedError
            If the partial is not known, or the page has no kernel for a step of it.
        """
        nodes = self._made.fork()
        slot = self._slots[position]
        try:
            bars = reverse(
                nodes,
                range(len(nodes)),
                {self._out: self._up},
                [slot],
                Grower(nodes),
                kinks=self._writer.policy,
            )
        except REFUSED as error:
            raise RefusedError(str(error)) from error
        return self._written(nodes, bars[slot]) if slot in bars else -1

    def _written(self, nodes: Nodes, result: int) -> int:
        """Return the steps from the operands, the output and the upstream to the result."""
        refs = {slot: k for k, slot in enumerate(self._slots) if slot not in self._known}
        refs |= {self._out: self._count, self._up: self._count + 1}
        needed: set[int] = set()
        stack = [result]
        while stack:
            node = stack.pop()
            if node in refs or node in needed:
                continue
            needed.add(node)
            if node not in self._known:
                stack.extend(nodes.args[node])
        steps: list[Step] = []
        for node in sorted(needed):
            if node in self._known:
                refs[node] = self._writer.constant(self._known[node])
            elif nodes.gates[node] is CONSTANT:
                refs[node] = self._writer.constant(Floats().number(nodes.payloads[node]))
            else:
                check_size(nodes, node)
                args = [refs[a] for a in nodes.args[node]]
                operation = self._writer.operation(nodes.gates[node], args, nodes.payloads[node])
                refs[node] = self._count + 2 + len(steps)
                steps.append(operation)
        return self._writer.template(steps, refs[result])


@dataclass(frozen=True, slots=True)
class _Slot:
    """What stands for an operand: its position."""

    position: int


def maps(
    writer: Writer, nodes: Nodes, node: int, positions: Iterable[int], values: dict[int, Any]
) -> list[int]:
    """Return the map of each wire of a gate."""
    pulls = Pulls(writer, nodes, node, values)
    return [pulls.along(position) for position in positions]
