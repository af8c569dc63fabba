"""Sizes as numbers: a scalar symbol that is also the size of an axis is that size.

In `sum(x)/n` with a vector of `n` entries the divisor is no variable: it is read from the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sympy import Expr

from symgrad.dag.nodes import VARIABLE, Nodes
from symgrad.errors import AmbiguousNameError
from symgrad.rules.einsums import SIZE


def size_symbols(nodes: Nodes) -> set[Any]:
    """Return the symbols in the shapes of a table."""
    sizes = {n for shape in nodes.shapes.values() for n in shape if isinstance(n, Expr)}
    return {symbol for n in sizes for symbol in n.free_symbols}


def with_sizes(
    nodes: Nodes, outputs: Sequence[int], names: Mapping[str, int]
) -> tuple[Nodes, list[int], dict[str, int]]:
    """Return the table with the leaves of size symbols read from the shapes.

    Raises
    ------
    AmbiguousNameError
        If a variable has the name of a size, but is another symbol.
    """
    sizes = size_symbols(nodes)
    called = {symbol.name for symbol in sizes}
    swapped = set()
    for node, gate in enumerate(nodes.gates):
        symbol = nodes.payloads[node]
        if gate is not VARIABLE or node in nodes.shapes:
            continue
        if symbol in sizes:
            swapped.add(node)
        elif getattr(symbol, "name", None) in called:
            raise AmbiguousNameError(
                f"`{symbol}` is the name of a size and of another symbol; use the size itself, "
                f"Symbol({str(symbol)!r}, integer=True, positive=True), or rename one of them"
            )
    if not swapped:
        return nodes, list(outputs), dict(names)
    made = Nodes()
    moved: list[int] = []
    for node, gate in enumerate(nodes.gates):
        payload = nodes.payloads[node]
        if node in swapped:
            moved.append(made.add(SIZE, (), payload))
        elif gate is VARIABLE:
            moved.append(made.variable(payload, nodes.shapes.get(node, ())))
        else:
            args = tuple(moved[a] for a in nodes.args[node])
            moved.append(made.add(gate, args, payload))
    return made, [moved[o] for o in outputs], {name: moved[n] for name, n in names.items()}
