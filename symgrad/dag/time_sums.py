"""Sums over time of what each step of a loop adds, without a stack of what is added.

A product of matrices in every step becomes one product over all steps: time is one more index that
is summed. Linear gates pass the sum on to their operand.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from math import prod
from typing import TYPE_CHECKING

from sympy import Integer

from symgrad.dag.nodes import ADD, DIV, MUL, NEG, SUB, Nodes
from symgrad.rules import convolution, einsums, tensors
from symgrad.rules.row import Gate

if TYPE_CHECKING:
    from symgrad.dag.vmap import Lift

TIME = "time"
LINEAR = frozenset([NEG, tensors.RESHAPE, tensors.SLICE, tensors.UNSLICE, tensors.TRIL])
SUMS = frozenset([ADD, SUB])


def sums_well(nodes: Nodes, node: int, wide: Sequence[int], most: tuple[int, int]) -> bool:
    """Return whether a sum over time needs no stack of something large.

    Parameters
    ----------
    nodes : Nodes
        The table of one step.
    node : int
        What is summed.
    wide : sequence of truth values
        Which nodes change with time.
    most : (int, int)
        Entries in each step: of what is stacked only to be summed, and of factors that are stacked.
    """
    stack = [node]
    while stack:
        top = stack.pop()
        passed = _passed_to(nodes, lambda n: bool(wide[n]), top)
        stack.extend(passed)
        if not wide[top] or passed:
            continue
        product = nodes.gates[top] in SPECIAL
        stacked = [a for a in nodes.args[top] if wide[a]] if product else [top]
        if any(prod(nodes.shapes.get(n, ())) > most[product] for n in stacked):
            return False
    return True


def summed(lift: Lift, node: int, whole: Container[int] = ()) -> int:
    """Return the node of the sum of an old node over all steps.

    Parameters
    ----------
    lift : Lift
        Where the steps stand side by side; its count is the number of steps.
    node : int
        A node of one step that stands in the new table for all of them.
    whole : container of int
        Nodes whose operands do not stand there.
    """
    done: dict[int, int] = {}
    stack = [node]
    while stack:
        top = stack[-1]
        passed = () if top in whole else _passed_to(lift.old, lift.wide.__contains__, top)
        waiting = [n for n in passed if n not in done]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        done[top] = _total(lift, top) if top in whole else _sum(lift, top, passed, done)
    return done[node]


def _passed_to(nodes: Nodes, wide: Callable[[int], bool], node: int) -> Sequence[int]:
    """Return the operands whose sums make the sum of a node."""
    gate, args = nodes.gates[node], nodes.args[node]
    if not wide(node):
        return ()
    if gate in LINEAR or gate in SUMS:
        return args
    if gate is DIV:
        return () if wide(args[1]) else args[:1]
    if gate in (MUL, einsums.EINSUM):
        moving = [a for a in args if wide(a)]
        own = (*LINEAR, *SUMS, MUL, DIV, einsums.EINSUM)
        return moving if len(moving) == 1 and nodes.gates[moving[0]] in own else ()
    return ()


def _sum(lift: Lift, node: int, passed: Sequence[int], done: dict[int, int]) -> int:
    gate, args, payload = lift.old.gates[node], lift.old.args[node], lift.old.payloads[node]
    if node not in lift.wide:
        return _times(lift, lift.moved[node])
    if passed:
        operands = [done[a] if a in passed else lift.moved[a] for a in args]
        return lift.apply(gate, *operands, payload=payload)
    special = SPECIAL.get(gate)
    if special is not None:
        return special(lift, node)
    return _total(lift, node)


def _total(lift: Lift, node: int) -> int:
    """Sum a stack over its first axis."""
    rank = 1 + len(lift.shape(node))
    return int(einsums.total(lift.grower, lift.moved[node], rank, (0,)))


def _times(lift: Lift, made: int) -> int:
    """Return what stays the same in every step, once for each."""
    return lift.apply(MUL, lift.made.number(Integer(lift.count)), made)


def _einsum(lift: Lift, node: int) -> int:
    """Sum over time as over any other index."""
    ins, out, fresh = lift.old.payloads[node]
    args = lift.old.args[node]
    inputs = [(TIME, *one) if a in lift.wide else one for one, a in zip(ins, args, strict=True)]
    return lift.einsum(inputs, out, [lift.moved[a] for a in args], dict(fresh))


def _product(lift: Lift, node: int) -> int:
    """Sum a product entry by entry."""
    axes = tuple(range(len(lift.shape(node))))
    args = lift.old.args[node]
    inputs = []
    for a in args:
        own = axes if lift.shape(a) else ()
        inputs.append((TIME, *own) if a in lift.wide else own)
    return lift.einsum(inputs, axes, [lift.moved[a] for a in args])


def _scatter(lift: Lift, node: int) -> int:
    """Add at the places of all steps at once."""
    (axis, shape), (x, chosen) = lift.old.payloads[node], lift.old.args[node]
    moved, places = lift.ahead(lift.moved[x], x), lift.ahead(lift.moved[chosen], chosen)
    rank = 1 + len(lift.shape(x))
    order = [*range(1, axis + 1), 0, *range(axis + 1, rank)]
    turned = lift.einsum([range(rank)], order, [moved])
    return lift.apply(tensors.SCATTER, turned, places, payload=(axis, shape))


def _conv_weight(lift: Lift, node: int) -> int:
    """Take the images of all steps as one batch."""
    joined = []
    for old in lift.old.args[node]:
        count, *rest = lift.shape(old)
        made = lift.ahead(lift.moved[old], old)
        joined.append(lift.apply(tensors.RESHAPE, made, payload=(lift.count * count, *rest)))
    return lift.apply(convolution.CONV_WEIGHT, *joined, payload=lift.old.payloads[node])


SPECIAL: dict[Gate, Callable[[Lift, int], int]] = {
    einsums.EINSUM: _einsum,
    MUL: _product,
    tensors.SCATTER: _scatter,
    convolution.CONV_WEIGHT: _conv_weight,
}
