"""From nodes back to SymPy: how each gate is written, as it stands or in canonical order.

`Literal` keeps every gate and its order; `Canonical` gives SymPy's own evaluated forms and is meant
for small things, such as one local partial in the names of its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Expr, Rational, S
from sympy.concrete.expr_with_limits import ExprWithLimits

from symgrad.dag.nodes import ADD, CONSTANT, DIV, MUL, NEG, POW, SQRT, SUB, VARIABLE, Nodes
from symgrad.dag.regions import Region, depth
from symgrad.expr import hypergeometric, literal
from symgrad.expr import tensors as build
from symgrad.expr.region import Block, Call, RegionBlock, Scan, as_operand
from symgrad.rules import opaque, routing, special
from symgrad.rules.row import Gate

Write = Callable[..., Any]

LITERAL: dict[Gate, Write] = {
    ADD: literal.add,
    SUB: literal.sub,
    NEG: literal.neg,
    MUL: literal.mul,
    DIV: literal.div,
    POW: literal.power,
    SQRT: lambda x: literal.power(x, S.Half),
    routing.WHERE: literal.where,
    special.HYPER: hypergeometric.hyper_of,
    special.MEIJERG: hypergeometric.meijerg_of,
}
CANONICAL: dict[Gate, Write] = {
    ADD: lambda x, y: x + y,
    SUB: lambda x, y: x - y,
    NEG: lambda x: -x,
    MUL: lambda x, y: y if x is S.One else x * y,  # SymPy takes long to find that 1*y is y
    DIV: lambda x, y: x / y,
    POW: lambda x, y: x**y,
    SQRT: sympy.sqrt,
    routing.WHERE: lambda c, x, y: sympy.Piecewise((x, c), (y, True)),
    special.HYPER: hypergeometric.hyper_of,
    special.MEIJERG: hypergeometric.meijerg_of,
}


def write_special(gate: Gate, args: Sequence[Expr], payload: Any) -> Any:
    """Return the SymPy form of a gate that carries a payload."""
    if gate is CONSTANT or gate is VARIABLE:
        return payload
    if gate is opaque.UNKNOWN:
        return payload.expression(tuple(args))
    if gate is opaque.WHOLE:
        return _write_whole(payload, args)
    region, *rest = payload
    if gate in opaque.OF_TENSORS:
        return write_tensors(gate, args, payload)
    head = Call if gate is opaque.CALL else Scan
    operands = [as_operand(f"block `{region.name}`", a) for a in args]
    return literal.apply(head, as_block(region), *map(sympy.Integer, rest), *operands)


def write_tensors(gate: Gate, args: Sequence[Any], payload: Any) -> Any:
    """Return one output of a call or loop over tensors at operands."""
    region, index, rest = payload
    block = as_block(region)
    if gate is opaque.TENSOR_CALL:
        return build.apply("call", *args, params=(block, index))
    form = (rest.length, rest.carries, rest.streams, rest.backward)
    return build.apply("scan", *args, params=(block, index, *form))


def _write_whole(whole: opaque.Whole, args: Sequence[Expr]) -> Expr:
    if tuple(args) == whole.symbols:
        return whole.expr
    expr = _apart(whole.expr, args)
    return expr.subs(list(zip(whole.symbols, args, strict=True)), simultaneous=True)


def _apart(expr: Expr, args: Sequence[Expr]) -> Expr:
    """Rename bound variables that the operands hold too; SymPy would let them be captured."""
    bound = {v for e in expr.atoms(ExprWithLimits) for v in e.variables} - expr.free_symbols
    taken = {v for v in bound if any(v in a.free_symbols for a in args)}
    fresh = {v: sympy.Dummy(v.name, **v.assumptions0) for v in sorted(taken, key=str)}
    return expr.xreplace(fresh) if fresh else expr


def as_block(region: Region) -> Block:
    """Return the region as a SymPy block with the same inputs and outputs; always the same one."""
    found: Block | None = region.derived.get("block")
    if found is None and region.nodes.shapes:
        made = RegionBlock(region)
        made.depth = depth(region.nodes) + 1
        found = region.derived.setdefault("block", made)
    if found is None:
        inputs = [region.nodes.payloads[i] for i in region.inputs]
        made = Block(region.name, inputs, write_all(region.nodes, region.outputs))
        found = region.derived.setdefault("block", made)
    return found


def write(gate: Gate, args: Sequence[Any], payload: Any, table: dict[Gate, Write]) -> Any:
    """Return the SymPy form of one gate at SymPy operands."""
    writer = table.get(gate)
    if writer is not None:
        return writer(*args)
    if gate.head is None or payload is not None:
        return write_special(gate, args, payload)
    return gate.head(*args) if table is CANONICAL else literal.apply(gate.head, *args)


def write_all(
    nodes: Nodes, roots: Sequence[int], known: dict[int, Expr] | None = None
) -> list[Any]:
    """Return the literal SymPy trees of some nodes; shared nodes are shared objects.

    A negative number inside a tree is a written negation, so that building it gives the same gates.
    """
    made: dict[int, Any] = dict(known or {})
    whole = set(roots)
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        pending = [a for a in nodes.args[node] if a not in made] if node not in made else []
        if pending:
            stack.extend(pending)
            continue
        stack.pop()
        if node not in made:
            args = [made[a] for a in nodes.args[node]]
            made[node] = write(nodes.gates[node], args, nodes.payloads[node], LITERAL)
            if isinstance(made[node], Rational) and made[node].p < 0 and node not in whole:
                made[node] = literal.neg(-made[node])
    return [made[r] for r in roots]


class Canonical:
    """The algebra of evaluated SymPy expressions."""

    def number(self, value: Any) -> Any:
        """Return the number itself."""
        return value

    def apply(self, gate: Gate, args: tuple[Any, ...], payload: Any = None) -> Any:
        """Return the evaluated SymPy form."""
        return write(gate, args, payload, CANONICAL)
