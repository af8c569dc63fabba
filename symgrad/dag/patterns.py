"""Composite gates and how people spell them, as data; and shapes that match a spelling.

Rows are texts in the reader's language. A shape knows the equal ways to write one gate (`-x` and
`-1*x`, `x/2` and `0.5*x`, sums in either order, a composite by name or spelled out), so a row
need not list them. Matching recurses over the few levels of a pattern, never over a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sympy import Float, Integer, Rational, S

from symgrad.dag.build import Builder
from symgrad.dag.nodes import ADD, CONSTANT, DIV, MUL, NEG, POW, SUB, VARIABLE, Nodes
from symgrad.errors import UnknownNameError, hint
from symgrad.expr.reader import parse
from symgrad.rules import routing
from symgrad.rules.row import Gate
from symgrad.rules.table import GATES

Tree = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One composite: what stands for it, and spellings of which the first defines the gate.

    Where `whole` is more than one gate on its variables, the row only collapses.
    """

    gate: str
    whole: str
    spellings: tuple[str, ...]


def row(gate: str, whole: str, *spellings: str) -> Row:
    """Return a row; earlier rows are tried first."""
    return Row(gate, whole, spellings)


ROWS = (
    row(
        "tanh",
        "tanh(x)",
        "(exp(x) - exp(-x))/(exp(x) + exp(-x))",
        "(exp(2*x) - 1)/(exp(2*x) + 1)",
        "(1 - exp(-2*x))/(1 + exp(-2*x))",
        "2*sigmoid(2*x) - 1",
        "2/(1 + exp(-2*x)) - 1",
        "sinh(x)/cosh(x)",
    ),
    row("sinh", "sinh(x)", "(exp(x) - exp(-x))/2", "exp(x)/2 - exp(-x)/2"),
    row("cosh", "cosh(x)", "(exp(x) + exp(-x))/2", "exp(x)/2 + exp(-x)/2"),
    row("swish", "swish(x)", "x*sigmoid(x)", "x/(1 + exp(-x))"),
    row("sigmoid", "sigmoid(x)", "1/(1 + exp(-x))", "exp(x)/(1 + exp(x))"),
    row("sigmoid", "sigmoid(-x)", "1/(1 + exp(x))"),
    row("sigmoid", "y*sigmoid(x)", "y/(1 + exp(-x))"),
    row("sigmoid", "y*sigmoid(-x)", "y/(1 + exp(x))"),
    row("softplus", "softplus(x)", "log(1 + exp(x))", "log1p(exp(x))"),
    row("softplus", "-softplus(-x)", "log(sigmoid(x))"),
    row("softplus", "-softplus(x)", "log(1/(1 + exp(x)))"),
    row("logsumexp", "x", "logsumexp(x)"),
    row("logaddexp", "logaddexp(x, y)", "log(exp(x) + exp(y))", "logsumexp(x, y)"),
    row("hypot", "hypot(x, y)", "sqrt(x**2 + y**2)"),
    row("log1p", "log1p(x)", "log(1 + x)"),
    row("log1p", "log1p(-x)", "log(1 - x)"),
    row("expm1", "expm1(x)", "exp(x) - 1"),
    row("expm1", "-expm1(x)", "1 - exp(x)"),
    row("relu", "relu(x)", "max(x, 0)", "where(x > 0, x, 0)", "where(x <= 0, 0, x)"),
    row(
        "leaky_relu",
        "leaky_relu(x)",
        "where(x > 0, x, 0.01*x)",
        "where(x <= 0, 0.01*x, x)",
        "leaky_relu(x, 0.01)",
    ),
    row("leaky_relu", "leaky_relu(x, y)", "where(x > 0, x, y*x)", "where(x <= 0, y*x, x)"),
    row("elu", "elu(x)", "where(x > 0, x, expm1(x))", "where(x <= 0, expm1(x), x)", "elu(x, 1)"),
    row("elu", "elu(x, y)", "where(x > 0, x, y*expm1(x))", "where(x <= 0, y*expm1(x), x)"),
    row("gelu", "gelu(x)", "x*(1 + erf(x/sqrt(2)))/2", "0.5*x*(1 + erf(x/sqrt(2)))"),
)
COMPOSITES = frozenset(r.gate for r in ROWS)


# --- texts to trees ---


@cache
def tree(text: str) -> Tree:
    """Return a text as nested tuples: `(gate, *parts)`, with a value at each leaf."""
    nodes = Nodes()
    root = Builder(nodes).build(parse(text).expr)
    made: list[Tree] = []
    for gate, args, payload in zip(nodes.gates, nodes.args, nodes.payloads, strict=True):
        value = payload.name if gate is VARIABLE else payload
        made.append((gate, *(made[a] for a in args)) if args else (gate, value))
    return made[root]


@cache
def definitions() -> dict[tuple[Gate, int], Tree]:
    """Map each composite gate and its number of operands to its definition in plain gates."""
    found: dict[tuple[Gate, int], Tree] = {}
    for entry in ROWS:
        gate, *parts = tree(entry.whole)
        if gate is not VARIABLE and all(p[0] is VARIABLE for p in parts):
            found[gate, len(parts)] = tree(entry.spellings[0])
    return {key: _plain(defined, found) for key, defined in found.items()}


def _plain(of: Tree, known: Mapping[tuple[Gate, int], Tree]) -> Tree:
    """Replace the composites inside a tree by their definitions."""
    gate, *parts = of
    if gate is CONSTANT or gate is VARIABLE:
        return of
    parts = [_plain(p, known) for p in parts]
    defined = known.get((gate, len(parts)))
    return _plain(_filled(defined, parts), known) if defined else (gate, *parts)


def _filled(pattern: Tree, parts: list[Tree]) -> Tree:
    gate, *inner = pattern
    if gate is VARIABLE:
        return parts["xyz".index(inner[0])]
    return pattern if gate is CONSTANT else (gate, *(_filled(p, parts) for p in inner))


# --- equal spellings of one gate ---


def named(name: str) -> Gate:
    """Return a row of the table of gates."""
    return next(g for g in GATES if g.name == name)


GREATER, LESS, AT_LEAST, AT_MOST = (named(n) for n in ("gt", "lt", "ge", "le"))
EXP, LOG, LOGSUMEXP = (named(n) for n in ("exp", "log", "logsumexp"))
MIRRORED = {GREATER: LESS, LESS: GREATER, AT_LEAST: AT_MOST, AT_MOST: AT_LEAST}
COMMUTING = (ADD, MUL, routing.MAX, routing.MIN)
ONE: Tree = (CONSTANT, S.One)
TWO: Tree = (CONSTANT, Integer(2))


def _number(value: Any) -> Tree:
    return (CONSTANT, value)


def commuted(gate: Any, parts: Any) -> Iterator[Tree]:
    """Swap two operands: of a sum, a product, a max, or a comparison by its mirror image."""
    if gate in COMMUTING and len(parts) == 2:
        yield gate, parts[1], parts[0]
    if gate in MIRRORED:
        yield MIRRORED[gate], parts[1], parts[0]


def negated(gate: Any, parts: Any) -> Iterator[Tree]:
    """Write `-x` as `-1*x`, and `-(2*x)` as `-2*x` and back."""
    if gate is NEG:
        yield MUL, _number(S.NegativeOne), parts[0]
        inner, *factors = parts[0]
        if inner is MUL and factors[0][0] is CONSTANT:
            yield MUL, _number(-factors[0][1]), factors[1]
    elif gate is MUL and parts[0][0] is CONSTANT and parts[0][1] < -1:
        yield NEG, (MUL, _number(-parts[0][1]), parts[1])


def by_constant(gate: Any, parts: Any) -> Iterator[Tree]:
    """Write `x - 1` as `x + -1`, and `x/2` as `x*0.5`."""
    if len(parts) == 2 and parts[1][0] is CONSTANT:
        value = parts[1][1]
        if gate is SUB:
            yield ADD, parts[0], _number(-value)
        elif gate is DIV:
            yield MUL, parts[0], _number(1 / value)


def powered(gate: Any, parts: Any) -> Iterator[Tree]:
    """Write `1/x` as `x**-1`, `x**2` as `x*x`, `exp(-x)` as `1/exp(x)`, `exp(x)` as `E**x`."""
    if gate is DIV and parts[0] == ONE:
        yield POW, parts[1], _number(S.NegativeOne)
    elif gate is POW and parts[1] == TWO:
        yield MUL, parts[0], parts[0]
    elif gate is EXP:
        yield POW, _number(S.Exp1), parts[0]
        if parts[0][0] is NEG:
            yield DIV, ONE, (EXP, parts[0][1])
        elif parts[0][0] is MUL and parts[0][1][0] is CONSTANT and parts[0][1][1] < 0:
            yield DIV, ONE, (EXP, (MUL, _number(-parts[0][1][1]), parts[0][2]))


def spelled_out(gate: Any, parts: Any) -> Iterator[Tree]:
    """Write a composite by each of its spellings."""
    for entry in ROWS:
        whole = tree(entry.whole)
        fits_here = whole[0] is gate and len(whole) == len(parts) + 1
        if fits_here and all(p[0] is VARIABLE for p in whole[1:]):
            yield from (_filled(tree(text), list(parts)) for text in entry.spellings)


REWRITES: tuple[Callable[[Any, Any], Iterator[Tree]], ...] = (
    commuted,
    negated,
    by_constant,
    powered,
    spelled_out,
)


def alternatives(of: Tree) -> list[Tree]:
    """Return the tree and every equal one that differs near the root."""
    found = [of]
    for current in found:
        gate, *parts = current
        if gate is not CONSTANT and gate is not VARIABLE:
            found += [t for r in REWRITES for t in r(gate, parts) if t not in found]
    return found


# --- shapes ---


@dataclass(frozen=True, slots=True)
class Shape:
    """A pattern, ready to match: a variable, a number, or a choice of gates with parts."""

    variable: str | None
    value: Any
    choices: tuple[tuple[Gate, tuple[Shape, ...]], ...]


@cache
def shape(of: Tree) -> Shape:
    """Return the shape of a tree."""
    gate, *parts = of
    if gate is VARIABLE:
        return Shape(parts[0], None, ())
    if gate is CONSTANT:
        return Shape(None, parts[0], ())
    choices = tuple((g, tuple(map(shape, p))) for g, *p in alternatives(of))
    return Shape(None, None, choices)


Bound = dict[str, int]
Found = tuple[Bound, tuple[int, ...]]


def matches(nodes: Nodes, wanted: Shape, node: int, found: Found) -> Iterator[Found]:
    """Yield the variables bound and the nodes inside, for each way the shape fits the node."""
    bound, inside = found
    if wanted.variable is not None:
        if bound.get(wanted.variable, node) == node:
            yield {**bound, wanted.variable: node}, inside
        return
    gate = nodes.gates[node]
    if gate is CONSTANT:
        if wanted.value is not None and _equal(nodes.payloads[node], wanted.value):
            yield bound, (*inside, node)
        return
    for chosen, parts in wanted.choices:
        if chosen is gate:
            yield from fits(nodes, parts, nodes.args[node], (bound, (*inside, node)))


def fits(
    nodes: Nodes, parts: tuple[Shape, ...], args: tuple[int, ...], found: Found
) -> Iterator[Found]:
    """Yield the ways in which all operands fit their shapes."""
    if len(parts) != len(args):
        return
    if not parts:
        yield found
        return
    for first in matches(nodes, parts[0], args[0], found):
        yield from fits(nodes, parts[1:], args[1:], first)


def _equal(payload: Any, value: Any) -> bool:
    if isinstance(payload, Float):
        return bool(Rational(payload) == value)
    return bool(payload == value)


# --- rules ---


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to spell a composite, by the gate at its root.

    Parameters
    ----------
    whole : tree
        What stands for it.
    parts : tuple of Shape
        The operands of the root.
    gates : tuple of (frozenset of Gate or None)
        Which gates each operand may have; None for any.
    """

    whole: Tree
    parts: tuple[Shape, ...]
    gates: tuple[frozenset[Gate] | None, ...]

    def allows(self, operands: Sequence[Gate]) -> bool:
        """Return whether operands of these gates may fit."""
        if len(operands) != len(self.gates):
            return False
        pairs = zip(self.gates, operands, strict=True)
        return all(allowed is None or gate in allowed for allowed, gate in pairs)


Rules = dict[Gate, list[Rule]]


@cache
def rules(only: frozenset[str] = COMPOSITES) -> Rules:
    """Return the rules of some composites by root gate, first row first."""
    found: Rules = {LOG: []} if "logsumexp" in only else {}
    for entry in ROWS:
        if entry.gate in only:
            whole = tree(entry.whole)
            for text in entry.spellings:
                for root, parts in shape(tree(text)).choices:
                    rule = Rule(whole, parts, tuple(map(_gates, parts)))
                    known = found.setdefault(root, [])
                    same = root is whole[0] and len(parts) == len(whole) - 1
                    if rule not in known and not same:
                        known.append(rule)
    return found


def _gates(part: Shape) -> frozenset[Gate] | None:
    if part.variable is not None:
        return None
    return frozenset(g for g, _ in part.choices) if part.choices else frozenset([CONSTANT])


def chosen(only: Any) -> frozenset[str]:
    """Return the composites that a caller names; all of them for None.

    Raises
    ------
    UnknownNameError
        If a name is no composite.
    """
    if only is None:
        return COMPOSITES
    names = [only] if isinstance(only, str) else list(only)
    for name in names:
        if name not in COMPOSITES:
            known = ", ".join(sorted(COMPOSITES))
            near = hint(str(name), COMPOSITES) or "."
            raise UnknownNameError(f"`{name}` is no composite gate{near} There are {known}.")
    return frozenset(names)
