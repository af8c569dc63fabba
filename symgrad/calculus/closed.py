"""Closed forms: terms written as SymPy expressions, expanded or as a let-form.

The expanded view has a size guard; the let-form names shared terms once and works at any size.
Nothing here evaluates or recurses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Expr, Integer, Mul, Rational, S, Symbol
from sympy.core.add import _addsort
from sympy.core.mul import _mulsort

from symgrad.calculus.normal import Normaliser
from symgrad.calculus.notation.view import closed_tensors
from symgrad.calculus.terms import FUNCTION, LEAF, NUMBER, PRODUCT, SUM, Terms, is_negative
from symgrad.dag.digraph import Graph
from symgrad.dag.express import LITERAL, write, write_all
from symgrad.dag.nodes import Nodes, reachable
from symgrad.errors import FormTooLargeError, UnsupportedError
from symgrad.expr import literal
from symgrad.rules import routing

CONDITIONS = frozenset((*routing.RELATIONS, *routing.CONNECTIVES))
LIMIT = 1_000_000  # nodes of an expanded tree; past this nobody reads it
ENTRIES = 300_000  # entries of terms that are collected before a small limit is judged
COPIED = 32  # length up to which the expanded view copies a shared sum or product
WRITTEN = 64  # longest sum that is written with differences
TALL = 40  # height past which a line of a let-form is broken: SymPy's printers recurse
SORTED_DEPTH = 100  # deeper terms keep their order: SymPy's comparison recurses

Let = tuple[list[tuple[Symbol, Expr]], list[Expr]]


class Writer:
    """Write terms as SymPy expressions.

    Parameters
    ----------
    terms : Terms
        The table.
    canonical : bool
        Whether arguments stand in SymPy's order, or in the order of the derivation.
    """

    def __init__(self, terms: Terms, *, canonical: bool) -> None:
        self.terms = terms
        self.canonical = canonical
        self.made: dict[int, Any] = {}

    def write(self, root: int) -> Any:
        """Return the expression of a term; what is in `made` already is used as it is."""
        made, stack = self.made, [root]
        while stack:
            term = stack[-1]
            pending = (
                [c for c in self.terms.children(term) if c not in made] if term not in made else []
            )
            if pending:
                stack.extend(reversed(pending))
                continue
            stack.pop()
            if term not in made:
                made[term] = self.compose(term)
        return made[root]

    def compose(self, term: int) -> Any:
        """Return the expression of a term whose children are written."""
        kind, data = self.terms.kinds[term], self.terms.data[term]
        if kind in (NUMBER, LEAF):
            return data
        if kind == SUM:
            return self._sum(term, *data)
        if kind == PRODUCT:
            return self._product(term, *data)
        gate, args, payload = data
        return write(gate, [self.made[a] for a in args], payload, LITERAL)

    def _sum(self, term: int, constant: Any, units: Any) -> Expr:
        if not self.canonical and len(units) <= WRITTEN:
            return self._written_sum(constant, units)
        parts = [self._scaled(self.made[u], c) for u, c in units]
        if self.canonical and self.terms.depths[term] <= SORTED_DEPTH:
            _addsort(parts)
        return literal.add(*([constant] if constant is not S.Zero else []), *parts)

    def _written_sum(self, constant: Any, units: Any) -> Expr:
        """Write summands as a person does, a positive one first: `1 - s`, `x + 1`, `y - x`."""
        parts = [(c, self.made[u]) for u, c in units]
        if constant is not S.Zero:
            parts.insert(0 if is_negative(parts[0][0]) else 1, (constant, S.One))
        first = next((i for i, (c, _) in enumerate(parts) if not is_negative(c)), 0)
        total = self._scaled(parts[first][1], parts[first][0])
        for c, x in parts[:first] + parts[first + 1 :]:
            join = literal.sub if is_negative(c) else literal.add
            total = join(total, self._scaled(x, abs(c)))
        return total

    def _scaled(self, unit: Any, coefficient: Any) -> Any:
        if coefficient is S.One:
            return unit
        if unit is S.One:
            return coefficient
        if coefficient is S.NegativeOne and not self.canonical:
            return literal.neg(unit)
        factors = unit.args if type(unit) is Mul else (unit,)
        return literal.mul(coefficient, *factors)

    def _product(self, term: int, coefficient: Any, powers: Any) -> Expr:
        if not self.canonical:
            return self._written_product(coefficient, powers)
        flat = [f for b, e in powers for f in self._factors(b, e)]
        if self.terms.depths[term] <= SORTED_DEPTH:
            _mulsort(flat)
        return literal.mul(*([coefficient] if coefficient is not S.One else []), *flat)

    def _written_product(self, coefficient: Any, powers: Any) -> Expr:
        """Write a product as a person does: in the order of the derivation, over one bar."""
        above = [f for b, e in powers if not is_negative(e) for f in self._factors(b, e)]
        below = [f for b, e in powers if is_negative(e) for f in self._factors(b, -e)]
        size = abs(coefficient)
        if isinstance(size, Rational):
            above[:0] = [Integer(size.p)] if size.p != 1 else []
            below[:0] = [Integer(size.q)] if size.q != 1 else []
        else:
            above.insert(0, size)
        made = _joined(above)
        made = literal.div(made, _joined(below)) if below else made
        return literal.neg(made) if is_negative(coefficient) else made

    def _factors(self, base: int, exponent: Any) -> Sequence[Any]:
        power = self._power(base, exponent)
        return power.args if type(power) is Mul else (power,)

    def _power(self, base: int, exponent: Any) -> Expr:
        written = self.made[base]
        return written if exponent is S.One else literal.power(written, exponent)


def closed(
    nodes: Nodes,
    outputs: Sequence[int],
    *,
    simplify: str = "light",
    limit: float = LIMIT,
    targets: Sequence[Any] | None = None,
) -> list[Expr]:
    """Return nodes as expanded expressions.

    Parameters
    ----------
    nodes : Nodes
        The table.
    outputs : sequence of int
        Which nodes.
    simplify : str
        `"none"`: the graph as it is; `"light"`: like terms collected, linear time; `"full"`:
        SymPy's `simplify` on top.
    limit : float
        Size guard: most nodes of one expanded tree.
    targets : sequence, optional
        For graphs of tensors: the symbol whose shape each output has, or None.

    Raises
    ------
    FormTooLargeError
        If a tree would be larger; the let-form always fits.
    """
    if nodes.shapes:
        return closed_tensors(nodes, outputs, targets)
    if simplify == "none":
        _guard(max(_tree_sizes(nodes, outputs), default=0), limit)
        return write_all(nodes, outputs)
    if simplify not in ("light", "full"):
        raise UnsupportedError(f"simplify={simplify!r} is not a level; use none, light or full")
    budget = max(limit / 2, ENTRIES)
    normal = Normaliser(nodes, outputs, expand=COPIED, distribute=True, budget=budget)
    _guard(max((normal.terms.sizes[t] for t in normal.outputs), default=0), limit)
    writer = Writer(normal.terms, canonical=True)
    written = [writer.write(t) for t in normal.outputs]
    return _simplified(written) if simplify == "full" else written


def _simplified(written: list[Any]) -> list[Any]:
    """Run SymPy's `simplify`, which recurses over depth."""
    try:
        return [sympy.simplify(w) for w in written]
    except RecursionError as error:
        raise FormTooLargeError(
            "the form is too deep for SymPy's `simplify`; use simplify='light'"
        ) from error


def let(graph: Graph, outputs: Sequence[int], *, simplify: str = "light") -> Let:
    """Return nodes as a let-form: `(replacements, reduced)` like `sympy.cse`.

    Parameters
    ----------
    graph : Graph
        The graph; its names name the intermediates.
    outputs : sequence of int
        Which nodes.
    simplify : str
        `"none"`, `"light"` or `"full"` (here the same as light).

    Returns
    -------
    (list of (Symbol, Expr), list of Expr)
        Each intermediate once, in an order in which they can be computed; then the outputs.
    """
    named = sorted({n for n in graph.names.values() if n < len(graph.nodes)} - set(outputs))
    mask = reachable(graph.nodes, outputs)
    named = [n for n in named if mask[n]]
    expand = 2 if simplify != "none" else 0
    normal = Normaliser(graph.nodes, [*outputs, *named], expand=expand, distribute=False)
    count = len(outputs)
    roots = normal.outputs[:count]
    wanted = dict(zip(normal.outputs[count:], named, strict=True))
    letters = _Letters(graph)
    return _compose_let(normal.terms, roots, wanted, letters)


def _joined(factors: list[Any]) -> Any:
    """Return a product of any number of factors."""
    if len(factors) < 2:
        return factors[0] if factors else S.One
    return literal.mul(*factors)


class _Letters:
    """Hand out names of intermediates that clash with nothing."""

    def __init__(self, graph: Graph) -> None:
        self.taken = {str(s) for s in graph.inputs} | set(graph.names)
        self.by_node = {node: name for name, node in reversed(list(graph.names.items()))}
        self.counts: dict[str, int] = {}

    def fresh(self, letter: str) -> Symbol:
        """Return `s`, then `s1`, `s2`, ..."""
        while True:
            count = self.counts.get(letter, 0)
            self.counts[letter] = count + 1
            name = letter if count == 0 else f"{letter}{count}"
            if name not in self.taken:
                self.taken.add(name)
                return Symbol(name)


def _compose_let(terms: Terms, roots: list[int], wanted: dict[int, int], letters: _Letters) -> Let:
    writer = Writer(terms, canonical=False)
    replacements: list[tuple[Symbol, Expr]] = []
    uses = _term_uses(terms, roots)
    heights: dict[int, int] = {}
    for term in sorted(uses):
        if terms.kinds[term] in (NUMBER, LEAF) or _is_condition(terms, term):
            continue
        heights[term] = 1 + max((heights.get(c, 0) for c in terms.children(term)), default=0)
        shared = uses[term] > 1 and _worth_naming(terms, term)
        if not (shared or term in wanted or heights[term] > TALL):
            continue
        heights[term] = 0
        body = writer.write(term)
        name = letters.by_node.get(wanted.get(term, -1))
        symbol = Symbol(name) if name else letters.fresh(_letter(terms, term))
        replacements.append((symbol, body))
        writer.made[term] = symbol
    return replacements, [writer.write(r) for r in roots]


def _term_uses(terms: Terms, roots: list[int]) -> dict[int, int]:
    """Count how often each needed term is read."""
    uses: dict[int, int] = {}
    stack = list(roots)
    for root in roots:
        uses[root] = uses.get(root, 0) + 1
    seen = set()
    while stack:
        term = stack.pop()
        if term in seen:
            continue
        seen.add(term)
        for child in terms.children(term):
            uses[child] = uses.get(child, 0) + 1
            stack.append(child)
    return uses


def _is_condition(terms: Terms, term: int) -> bool:
    """Return whether a term is a truth value, which the reader does not let be named."""
    return terms.kinds[term] == FUNCTION and terms.data[term][0] in CONDITIONS


def _worth_naming(terms: Terms, term: int) -> bool:
    """Skip numbers times one leaf: a name would be no shorter."""
    if terms.kinds[term] != PRODUCT:
        return True
    _, powers = terms.data[term]
    return len(powers) > 1 or powers[0][1] is not S.One


def _letter(terms: Terms, term: int) -> str:
    if terms.kinds[term] == FUNCTION:
        return str(terms.data[term][0].letter)
    return "q" if terms.kinds[term] == SUM else "p"


def _tree_sizes(nodes: Nodes, outputs: Sequence[int]) -> list[float]:
    sizes = [0.0] * len(nodes)
    for node, args in enumerate(nodes.args):
        sizes[node] = 1.0 + sum(sizes[a] for a in args)
    return [sizes[o] for o in outputs]


def _guard(size: float, limit: float) -> None:
    if size > limit:
        raise FormTooLargeError(
            f"the expanded closed form would have {size:.3g} nodes, more than the limit of "
            f"{limit:.3g}; ask for form='let' (shared terms named once), or raise `limit`"
        )
