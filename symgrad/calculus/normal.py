"""From nodes to normal terms: like terms and powers collected, trivial gates gone.

One pass in topological order. A sum or product that a single consumer of its own kind reads is
extended in place, so long chains stay linear; a shared one is closed and only short ones are
copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Rational, S

from symgrad.calculus import powers
from symgrad.calculus.terms import FUNCTION, NUMBER, PRODUCT, SUM, Terms, is_coefficient
from symgrad.dag.nodes import (
    ADD,
    BITS,
    CONSTANT,
    DIV,
    MUL,
    NEG,
    POW,
    SQRT,
    SUB,
    VARIABLE,
    Nodes,
    reachable,
)
from symgrad.rules import routing
from symgrad.rules.row import Gate
from symgrad.rules.table import GATES

LONG = 4 * BITS  # longer numbers stay sums and powers of shorter ones
NOT, XLOGY, LOG = GATES.named("not"), GATES.named("xlogy"), GATES.named("log")
ELEMENTARY = frozenset(
    [
        "exp",
        "log",
        "log1p",
        "expm1",
        "sin",
        "cos",
        "tan",
        "asin",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "atanh",
        "erf",
    ]
)


class Open:
    """A sum or product that is still growing, owned by its only consumer."""

    __slots__ = ("entries", "kind", "scalar")

    def __init__(self, kind: int, scalar: Any, entries: dict[int, Any]) -> None:
        self.kind = kind
        self.scalar = scalar
        self.entries = entries


class Normaliser:
    """Rewrite the nodes that some outputs need into terms.

    Parameters
    ----------
    nodes : Nodes
        The table.
    outputs : sequence of int
        The nodes whose terms are wanted.
    expand : int
        Length up to which a shared sum or product is copied into its consumer.
    distribute : bool
        Whether a number times a sum becomes the sum of the multiples.
    budget : float
        Most entries of all terms together.

    Raises
    ------
    FormTooLargeError
        If there are more entries than that.
    """

    def __init__(
        self,
        nodes: Nodes,
        outputs: Sequence[int],
        *,
        expand: int,
        distribute: bool,
        budget: float = float("inf"),
    ) -> None:
        self.nodes = nodes
        self.terms = Terms(budget)
        self.expand = expand
        self.distribute = distribute
        self.value: dict[int, Any] = {}
        self.uses = _count_uses(nodes, outputs)
        for node, wanted in enumerate(reachable(nodes, outputs)):
            if wanted:
                made = self._rewrite(node)
                shared = self.uses[node] != 1
                self.value[node] = self.close(made) if shared else made
        self.outputs = [self.settle(self.value[o]) for o in outputs]

    def close(self, made: Any) -> int:
        """Return the finished term of a value."""
        if not isinstance(made, Open):
            return made  # type: ignore[no-any-return]
        if made.kind == SUM:
            _join_choices(self.terms, made)
            return self.terms.sum(made.scalar, made.entries)
        powers.join_powers(self.terms, made.entries)
        if self.distribute:
            powers.join_exponentials(self.terms, made.entries)
        scalar = powers.join_roots(self.terms, made.scalar, made.entries)
        return self.terms.product(scalar, made.entries)

    def settle(self, made: Any) -> int:
        """Return the finished term of a value that stands alone: a number times a sum is spread."""
        term = self.close(made)
        if not self.distribute or self.terms.kinds[term] != PRODUCT:
            return term
        factor, powers = self.terms.data[term]
        base, exponent = powers[0]
        if len(powers) > 1 or factor is S.One or exponent is not S.One:
            return term
        if self.terms.kinds[base] != SUM:
            return term
        constant, units = self.terms.data[base]
        if len(units) > self.expand:
            return term
        return self.terms.sum(constant * factor, {u: c * factor for u, c in units})

    def _rewrite(self, node: int) -> Any:
        gate, payload = self.nodes.gates[node], self.nodes.payloads[node]
        args = [self.value[a] for a in self.nodes.args[node]]
        rule = REWRITES.get(gate)
        if rule is not None:
            return rule(self, *args)
        if gate is VARIABLE:
            return self.terms.leaf(payload)
        if gate is CONSTANT:
            known = is_coefficient(payload)
            return self.terms.number(payload) if known else self.terms.leaf(payload)
        return self.function(gate, tuple(self.settle(a) for a in args), payload)

    def function(self, gate: Gate, args: tuple[int, ...], payload: Any = None) -> int:
        """Return a function term, evaluated where its value is an obvious number."""
        if gate.name in ELEMENTARY and self.terms.kinds[args[0]] == NUMBER:
            value = self.terms.data[args[0]]
            found = gate.head(value) if value is S.Zero or value is S.One else None
            if found is not None and is_coefficient(found):
                return self.terms.number(found)
        return self.terms.function(gate, args, payload)

    def open_sum(self, made: Any) -> Open:
        """Return a value as a sum that may be extended."""
        if isinstance(made, Open) and made.kind == SUM:
            return made
        total = Open(SUM, S.Zero, {})
        self.add_into(total, made, S.One)
        return total

    def add_into(self, total: Open, made: Any, factor: Any) -> None:
        """Add `factor` times a value to a sum."""
        if isinstance(made, Open) and made.kind == SUM:
            self._add_number(total, factor, made.scalar)
            entries: Any = made.entries.items()
        else:
            term = self.close(made)
            kind, data = self.terms.kinds[term], self.terms.data[term]
            if kind == NUMBER:
                self._add_number(total, factor, data)
                return
            if kind == SUM and len(data[1]) <= self.expand:
                self._add_number(total, factor, data[0])
                entries = data[1]
            else:
                coefficient, unit = self.terms.split(term)
                entries = ((unit, coefficient),)
                if self.distribute and self._spreads(unit):
                    self._add_number(total, factor * coefficient, self.terms.data[unit][0])
                    entries = [(u, coefficient * c) for u, c in self.terms.data[unit][1]]
        for unit, coefficient in entries:
            _gather(total.entries, unit, _times(factor, coefficient))

    def _add_number(self, total: Open, factor: Any, value: Any) -> None:
        """Add a multiple of a number to a sum, exactly and within the size limit."""
        if value is S.Zero:
            return
        found = total.scalar + _times(factor, value)
        if _fits(found):
            total.scalar = found
        else:
            _gather(total.entries, self.terms.number(value), factor)

    def _spreads(self, unit: int) -> bool:
        """Return whether a unit is a sum that is short enough to be copied."""
        return self.terms.kinds[unit] == SUM and len(self.terms.data[unit][1]) <= self.expand

    def open_product(self, made: Any) -> Open:
        """Return a value as a product that may be extended."""
        if isinstance(made, Open) and made.kind == PRODUCT:
            return made
        total = Open(PRODUCT, S.One, {})
        self.multiply_into(total, made, S.One)
        return total

    def multiply_into(self, total: Open, made: Any, exponent: Any) -> None:
        """Multiply a product by a value to a power; a root of a product stays whole."""
        whole = isinstance(exponent, Rational) and exponent.q == 1
        if isinstance(made, Open) and made.kind == PRODUCT and whole:
            scalar, entries = made.scalar, tuple(made.entries.items())
        else:
            term = self.close(made)
            kind, data = self.terms.kinds[term], self.terms.data[term]
            if kind == NUMBER:
                self._multiply_number(total, term, data, exponent)
                return
            if kind == PRODUCT and (whole and len(data[1]) <= self.expand):
                scalar, entries = data
            else:
                scalar, entries = S.One, ((term, S.One),)
        if scalar is not S.One:
            self._multiply_number(total, self.terms.number(scalar), scalar, exponent)
        for base, power in entries:
            _gather(total.entries, base, _times(exponent, power))

    def _multiply_number(self, total: Open, term: int, value: Any, exponent: Any) -> None:
        """Multiply by a number to a power, exactly and within the size limit."""
        found = _number_power(value, exponent)
        product = None if found is None else _times(total.scalar, found)
        if product is not None and _fits(product):
            total.scalar = product
        else:
            _gather(total.entries, term, exponent)


def _fits(value: Any) -> bool:
    """Return whether a number is short enough to be written out."""
    return not isinstance(value, Rational) or value.p.bit_length() + value.q.bit_length() <= LONG


def _times(a: Any, b: Any) -> Any:
    """Return a product of SymPy numbers; most factors are 1, and SymPy is slow at them."""
    if a is S.One:
        return b
    return a if b is S.One else a * b


def _gather(entries: dict[int, Any], key: int, amount: Any) -> None:
    """Add an amount to an entry."""
    known = entries.get(key)
    entries[key] = amount if known is None else known + amount


def _count_uses(nodes: Nodes, outputs: Sequence[int]) -> list[int]:
    uses = [0] * len(nodes)
    for node, wanted in enumerate(reachable(nodes, outputs)):
        if wanted:
            for operand in nodes.args[node]:
                uses[operand] += 1
    for output in outputs:
        uses[output] += 2  # an output is read from outside and must be closed
    return uses


def _number_power(value: Any, exponent: Any) -> Any:
    """Return `value**exponent` where it is a number of bounded size, else None."""
    if exponent is S.One:
        return value
    if value is S.Zero:
        return S.Zero if exponent > 0 else None
    if not isinstance(value, Rational):
        return value**exponent if value > 0 else None
    bits = (int(value.p).bit_length() + int(value.q).bit_length()) * abs(exponent)
    if bits > BITS or (value < 0 and exponent.q != 1):
        return None
    found = value**exponent
    return found if isinstance(found, Rational) else None


def _join_choices(terms: Terms, total: Open) -> None:
    """Join `where(c, a, 0) + where(c, 0, b)` entries into one choice."""
    waiting: dict[tuple[int, int], int] = {}
    for unit in list(total.entries):
        side = _lone_side(terms, unit)
        if side is None:
            continue
        condition = terms.data[unit][1][0]
        partner = waiting.pop((condition, 3 - side), None)
        if partner is None:
            waiting[condition, side] = unit
            continue
        branches = {}
        for place, choice in ((side, unit), (3 - side, partner)):
            value = terms.data[choice][1][place]
            branches[place] = terms.product(total.entries.pop(choice), {value: S.One})
        joined = terms.function(routing.WHERE, (condition, branches[1], branches[2]))
        total.entries[joined] = total.entries.get(joined, S.Zero) + 1


def _lone_side(terms: Terms, unit: int) -> int | None:
    """Return which branch of a choice is not 0 (1 or 2), or None where that is not one."""
    if terms.kinds[unit] != FUNCTION or terms.data[unit][0] is not routing.WHERE:
        return None
    _, above, below = terms.data[unit][1]
    zero = (terms.value(above) == 0, terms.value(below) == 0)
    return {(False, True): 1, (True, False): 2}.get(zero)


# --- one rewrite a gate ---


def _add(to: Normaliser, x: Any, y: Any) -> Any:
    total = to.open_sum(x)
    to.add_into(total, y, S.One)
    return total


def _sub(to: Normaliser, x: Any, y: Any) -> Any:
    total = to.open_sum(x)
    to.add_into(total, y, S.NegativeOne)
    return total


def _neg(to: Normaliser, x: Any) -> Any:
    total = to.open_product(x)
    total.scalar = -total.scalar
    return total


def _mul(to: Normaliser, x: Any, y: Any) -> Any:
    total = to.open_product(x)
    to.multiply_into(total, y, S.One)
    return total


def _div(to: Normaliser, x: Any, y: Any) -> Any:
    below = y if isinstance(y, Open) else to.close(y)
    if not isinstance(below, Open) and to.terms.value(below) == 0:
        return to.terms.function(DIV, (to.close(x), below))  # 0/0 must not become 0**0
    total = to.open_product(x)
    to.multiply_into(total, below, S.NegativeOne)
    return total


def _pow(to: Normaliser, x: Any, y: Any) -> Any:
    exponent = to.settle(y)
    known = to.terms.value(exponent)
    if not isinstance(known, Rational):
        return to.terms.function(POW, (to.settle(x), exponent))
    total = Open(PRODUCT, S.One, {})
    to.multiply_into(total, x, known)
    return total


def _sqrt(to: Normaliser, x: Any) -> Any:
    return _pow(to, x, to.terms.number(S.Half))


def _where(to: Normaliser, condition: Any, x: Any, y: Any) -> Any:
    args = (to.close(condition), to.settle(x), to.settle(y))
    if args[1] == args[2]:
        return args[1]
    kind, truth = to.terms.kinds[args[0]], to.terms.data[args[0]]
    if truth is sympy.true or truth is sympy.false:
        return args[1] if truth is sympy.true else args[2]
    if kind == FUNCTION and truth[0] is NOT:
        args = (truth[1][0], args[2], args[1])  # exact for nan, unlike the opposite comparison
    return to.terms.function(routing.WHERE, args)


def _xlogy(to: Normaliser, x: Any, y: Any) -> Any:
    return _mul(to, x, to.function(LOG, (to.close(y),)))  # type: ignore[arg-type]


REWRITES: dict[Gate, Callable[..., Any]] = {
    ADD: _add,
    SUB: _sub,
    NEG: _neg,
    MUL: _mul,
    DIV: _div,
    POW: _pow,
    SQRT: _sqrt,
    routing.WHERE: _where,
    XLOGY: _xlogy,  # type: ignore[dict-item]
}
