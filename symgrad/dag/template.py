"""Local partials compiled into a few gate applications over (operands, output, incoming).

A template is the linear map `t ↦ t·∂out/∂operand`. The backward walk feeds it the cotangent of the
output, the forward walk the tangent of the operand, and 1 gives the partial itself. Its steps
speak of gates alone, so graphs, floats and multiprecision numbers all run the same template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import sympy
from sympy import S

from symgrad.dag.build import Builder
from symgrad.dag.nodes import CONSTANT, DIV, MUL, NEG, VARIABLE, Nodes
from symgrad.registry import service
from symgrad.rules import local, opaque
from symgrad.rules.row import Gate, Site

T = TypeVar("T")
OWNERS = (opaque.CALL, opaque.SCAN)
Step = tuple[Gate, tuple[int, ...], Any]


class Algebra(Protocol[T]):
    """What a walk needs of its values: numbers, and the application of a gate."""

    def number(self, value: Any) -> T:
        """Return the value of a SymPy number."""
        ...

    def apply(self, gate: Gate, args: tuple[T, ...], payload: Any = None) -> T:
        """Return the value of `gate` at `args`."""
        ...


@dataclass(frozen=True, slots=True)
class Template(Generic[T]):
    """The linear map of one operand.

    Parameters
    ----------
    sign : int
        +1 or -1, kept outside so that a sum can subtract instead of negating first.
    steps : tuple
        `(gate, references, payload)`; references 0..n-1 are operands, n the output, n+1 the
        incoming value, then the results of earlier steps.
    result : int
        Reference of the value.
    """

    sign: int
    steps: tuple[Step, ...]
    result: int

    @property
    def cost(self) -> int:
        """Number of operations, constants not counted."""
        return sum(gate is not CONSTANT for gate, _, _ in self.steps)

    def __call__(self, algebra: Algebra[T], operands: Sequence[T], out: T, incoming: T) -> T:
        """Return the map's value without its sign."""
        slots = [*operands, out, incoming]
        for gate, references, payload in self.steps:
            if gate is CONSTANT:
                slots.append(algebra.number(payload))
            else:
                slots.append(algebra.apply(gate, tuple(slots[r] for r in references), payload))
        return slots[self.result]


class Templates:
    """All templates met so far; keyed by what a partial may depend on.

    A region keeps the templates of its calls itself, so that they go when it goes.

    The cache only grows by distinct gate kinds and sites, and is safe to share between threads:
    two threads may make the same template, and either is right.
    """

    def __init__(self) -> None:
        self._made: dict[Any, Template[Any] | None] = {}

    def of(self, nodes: Nodes, node: int, index: int, kinks: str) -> Template[Any] | None:
        """Return the template of operand `index` of a node, or None where the partial is 0."""
        gate, args = nodes.gates[node], nodes.args[node]
        if not gate.sited:
            key: Any = (gate, index, len(args))
        else:
            constants = tuple(_known(nodes, a) for a in args)
            key = (gate, index, constants, nodes.payloads[node], kinks)
        made = self._made if gate not in OWNERS else nodes.payloads[node][0].derived
        found = made.get(key, self)
        if found is not self:
            return found  # type: ignore[return-value]
        constants = tuple(_known(nodes, a) for a in args)
        site = Site(
            local.operand_symbols(len(args)),
            local.OUT,
            index,
            constants,
            kinks,
            nodes.payloads[node],
        )
        return made.setdefault(key, compile_template(gate, site))


TEMPLATES = Templates()


def _known(nodes: Nodes, operand: int) -> Any:
    """Return None for a variable operand, its exact value, or Ellipsis where it is unknown."""
    if not nodes.constant[operand]:
        return None
    exact = nodes.exact(operand)
    return ... if exact is None else exact


def compile_template(gate: Gate, site: Site) -> Template[Any] | None:
    """Derive a partial and turn it into steps."""
    if gate is opaque.UNKNOWN:
        return _times(
            (gate, tuple(range(len(site.operands))), site.payload.raised(site.index)), site
        )
    if gate is opaque.CALL:
        return _compile_call(site)
    if gate is opaque.SCAN:
        return _compile_scan(site)
    count = len(site.operands)
    expr = local.partial(gate, site)
    leaves = dict(local.leaf_positions(count))
    if gate is opaque.WHOLE:
        leaves |= {s: i for i, s in enumerate(site.payload.symbols)}
    nodes = Nodes()
    slots = [nodes.add(VARIABLE, (), ("slot", i)) for i in range(count + 2)]
    root = Builder(nodes, {s: slots[i] for s, i in leaves.items()}).build(expr)
    return _linear(nodes, root, slots[count + 1])


def _linear(nodes: Nodes, root: int, incoming: int) -> Template[Any] | None:
    """Multiply by the incoming value, inside the leading factor where that is a constant."""
    sign, spine = 1, []
    node = root
    while nodes.gates[node] in (NEG, MUL, DIV):
        spine.append(node)
        node = nodes.args[node][0]
    lead = nodes.payloads[node] if nodes.gates[node] is CONSTANT else None
    if isinstance(lead, sympy.Rational):
        if lead == 0 and not spine:
            return None
        sign = 1 if lead > 0 else -1
        total = _scaled(nodes, incoming, abs(lead))
    else:
        kept = [n for n in spine if nodes.gates[n] is NEG]
        if len(kept) == len(spine):
            sign, total, spine = (-1) ** len(kept), nodes.add(MUL, (incoming, node)), []
        else:
            total, spine = _stripped(nodes, spine, node), [n for n in spine if n in kept]
            total = nodes.add(MUL, (incoming, total))
    for node in reversed(spine):
        if nodes.gates[node] is NEG:
            sign = -sign
        else:
            total = nodes.add(nodes.gates[node], (total, nodes.args[node][1]))
    return _steps(nodes, sign, total, incoming)


def _stripped(nodes: Nodes, spine: list[int], lead: int) -> int:
    """Rebuild a spine without its negations."""
    total = lead
    for node in reversed(spine):
        if nodes.gates[node] is not NEG:
            total = nodes.add(nodes.gates[node], (total, nodes.args[node][1]))
    return total


def _scaled(nodes: Nodes, incoming: int, factor: Any) -> int:
    if factor == 1:
        return incoming
    return nodes.add(MUL, (incoming, nodes.number(factor)))


def _steps(nodes: Nodes, sign: int, result: int, incoming: int) -> Template[Any]:
    """Keep what the result needs, renumbered; the slots come first already."""
    needed, stack = set(), [result]
    while stack:
        node = stack.pop()
        if node > incoming and node not in needed:
            needed.add(node)
            stack.extend(nodes.args[node])
    order = {node: incoming + 1 + k for k, node in enumerate(sorted(needed))}
    steps = tuple(
        (nodes.gates[n], tuple(order.get(a, a) for a in nodes.args[n]), nodes.payloads[n])
        for n in sorted(needed)
    )
    return Template(sign, steps, order.get(result, result))


def _times(step: Step, site: Site) -> Template[Any]:
    """Return the template of one step times the incoming value."""
    incoming = len(site.operands) + 1
    product: Step = (MUL, (incoming, incoming + 1), None)
    return Template(1, (step, product), incoming + 2)


def _compile_call(site: Site) -> Template[Any] | None:
    region, output = site.payload
    derived = service("region.partials")(region, output, site.kinks)
    nodes, partial = derived.nodes, derived.outputs[site.index]
    if nodes.gates[partial] is CONSTANT:
        value = nodes.payloads[partial]
        return None if value == 0 else _times((CONSTANT, (), value), site)
    return _times((opaque.CALL, tuple(range(len(site.operands))), (derived, site.index)), site)


def _compile_scan(site: Site) -> Template[Any]:
    """Return the tangent of a carry as one more scan, over carries and their tangents."""
    region, output, length = site.payload
    carries = len(region.outputs)
    by_carry = site.index if site.index < carries else None
    by_param = None if by_carry is not None else site.index
    body = service("region.tangent")(region, by_param, site.kinks)
    operands = range(len(site.operands))
    first = len(site.operands) + 2
    seeds: list[Step] = [(CONSTANT, (), S.One if k == by_carry else S.Zero) for k in range(carries)]
    references = (
        *operands[:carries],
        *range(first, first + carries),
        *operands[carries:],
    )
    loop: Step = (opaque.SCAN, references, (body, carries + output, length))
    product: Step = (MUL, (first - 1, first + carries), None)
    return Template(1, (*seeds, loop, product), first + carries + 1)
