"""Let-forms of tensor graphs: what is used twice is named once, line by line.

Each node that several others read is a line of its own, so a network of many layers is as long as
its layers. Names are the user's, `dh` for the cotangent of `h`, and letters otherwise. A line that
only one other reads goes back into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sympy import MatrixSymbol, Symbol

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.forms import Atom
from symgrad.calculus.notation.read import Reader
from symgrad.calculus.notation.spell import matrix_of
from symgrad.calculus.notation.view import View
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import CONSTANT, VARIABLE, reachable
from symgrad.expr.tensors import CONDITIONS, AnyTensor, TensorSymbol

Let = tuple[list[tuple[Any, Any]], list[Any]]


def let_tensors(
    graph: Graph,
    outputs: Sequence[int],
    targets: Sequence[Any] | None = None,
    called: Mapping[int, str] | None = None,
) -> Let:
    """Return nodes as a let-form.

    Parameters
    ----------
    graph : Graph
        The graph; its names name the intermediates.
    outputs : sequence of int
        Which nodes.
    targets : sequence, optional
        For each output the symbol whose shape it has, or None.
    called : mapping of int to str, optional
        Names of further nodes: of cotangents.

    Returns
    -------
    (list of (symbol, expression), list of expressions)
        Each intermediate once, in an order in which they can be computed; then the outputs.
    """
    algebra = Algebra()
    named = _symbols(graph, outputs, called or {})
    whole = {node for node in named if node in graph.names.values() or node in (called or {})}
    forms = Reader(graph.nodes, algebra).read(outputs, named, whole)
    lines = _lines(algebra, forms)
    uses = _uses(algebra, [*forms, *(algebra.behind[leaf] for leaf in lines)])
    view = View(graph.nodes, algebra)
    spellers = (view.matrix_speller, view.tensor_speller)
    kept = set(graph.names) | set((called or {}).values())
    replacements = []
    for leaf in lines:
        factor = algebra.bare(leaf)
        assert factor is not None
        symbol, value = algebra.atom(factor[0]).data, view.write(algebra.behind[leaf])
        # Where the symbol's own form is read, it reads its atom once: the readers of both count.
        readers = uses.get(factor[0], 0) + max(uses.get(leaf, 0) - 1, 0)
        if readers < 2 and symbol.name not in kept:
            for speller in spellers:
                speller.made[factor[0]] = value
        else:
            replacements.append((symbol, value))
    wanted = targets or [None] * len(forms)
    spelled = [view.write(f, t) for f, t in zip(forms, wanted, strict=True)]
    return replacements, spelled


def _symbols(graph: Graph, outputs: Sequence[int], called: Mapping[int, str]) -> dict[int, Any]:
    """Return a symbol for each node that has a name or several readers."""
    nodes = graph.nodes
    mask = reachable(nodes, outputs)
    readers = [0] * len(nodes)
    for node, args in enumerate(nodes.args):
        if mask[node]:
            for operand in set(args):
                readers[operand] += 1
    names = {node: name for name, node in reversed(list(graph.names.items()))}
    taken = {str(s) for s in graph.inputs} | set(names.values()) | set(called.values())
    counts: dict[str, int] = {}
    found: dict[int, Any] = {}
    tensorial = any(isinstance(s, AnyTensor) for s in graph.inputs)
    for node, gate in enumerate(nodes.gates):
        if not mask[node] or gate in (CONSTANT, VARIABLE) or nodes.constant[node]:
            continue
        name = names.get(node) or called.get(node)
        if name is not None and node in outputs:
            continue
        often = readers[node] + (node in outputs) > 1 and gate.name not in CONDITIONS
        if name is None and often:
            name = _fresh(gate.letter, taken, counts)
        if name is not None:
            found[node] = symbol_of(name, nodes.shapes.get(node, ()), tensorial=tensorial)
    return found


def _fresh(letter: str, taken: set[str], counts: dict[str, int]) -> str:
    while True:
        count = counts[letter] = counts.get(letter, -1) + 1
        name = letter if count == 0 else f"{letter}{count}"
        if name not in taken:
            taken.add(name)
            return name


def symbol_of(name: str, shape: Sequence[Any], *, tensorial: bool) -> Any:
    """Return a symbol of some shape; among matrices a vector is a column."""
    if shape and (tensorial or len(shape) > 2):
        return TensorSymbol(name, shape)
    return MatrixSymbol(name, *matrix_of(shape)) if shape else Symbol(name)


def _lines(algebra: Algebra, forms: Sequence[int]) -> list[int]:
    """Return the names that the outputs need, in order."""
    needed: set[int] = set()
    stack = list(forms)
    seen = set(stack)
    while stack:
        number = stack.pop()
        leaf = _leaf(algebra, number)
        if leaf is not None and leaf in algebra.behind and leaf not in needed:
            needed.add(leaf)
            stack.append(algebra.behind[leaf])
        for inner in _inner(algebra, number):
            if inner not in seen:
                seen.add(inner)
                stack.append(inner)
    return [leaf for leaf in algebra.behind if leaf in needed]


def _leaf(algebra: Algebra, number: int) -> int | None:
    entry = algebra.entries[number]
    return algebra.of_atom(number) if isinstance(entry, Atom) else None


def _inner(algebra: Algebra, number: int) -> Sequence[int]:
    entry = algebra.entries[number]
    if isinstance(entry, Atom):
        return entry.operands
    return [atom for product, _ in entry.terms for atom, _, _ in product.factors]


def _uses(algebra: Algebra, roots: Sequence[int]) -> dict[int, int]:
    """Count how often each entry is read."""
    uses: dict[int, int] = {}
    for root in roots:
        uses[root] = uses.get(root, 0) + 1
    stack, seen = list(roots), set(roots)
    while stack:
        for inner in _inner(algebra, stack.pop()):
            uses[inner] = uses.get(inner, 0) + 1
            if inner not in seen:
                seen.add(inner)
                stack.append(inner)
    return uses
