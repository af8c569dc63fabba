"""A batch of points through a graph: every node that depends on a batched input gets one axis more.

The new axis is the first. Gates of linear algebra take a batch as they are; the others are written
with their axes moved by one. Sizes are numbers here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import VARIABLE, Grower, Nodes, dependents
from symgrad.dag.opened import opened, unrolled
from symgrad.dag.regions import Region
from symgrad.errors import UnsupportedError
from symgrad.rules import convolution, einsums, linalg, opaque, tensors
from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import Shape

AHEAD = "batch"  # the index of the batch in an einsum


def vmap(source: Graph, batched: Iterable[int], count: int) -> Graph:
    """Return a graph of the same outputs at a batch of points.

    Parameters
    ----------
    source : Graph
        The graph of one point, sizes bound.
    batched : iterable of int
        The nodes of the inputs that have the batch as their first axis.
    count : int
        How many points there are.

    Returns
    -------
    Graph
        Every output has the batch as its first axis, those that are the same for all points too.

    Raises
    ------
    UnsupportedError
        If a gate has no rule for batches; the message names it.

    Examples
    --------
    >>> from symgrad.dag.digraph import graph
    >>> one = graph("x*y")
    >>> vmap(one, one.input_nodes[:1], 4).nodes.shapes
    {0: (4,), 2: (4,)}
    """
    places = [source.nodes.payloads[b] for b in batched]
    roots = [*source.outputs, *source.names.values()]
    nodes, ends = opened(source.nodes, roots)
    chosen = {n for n, p in enumerate(nodes.payloads) if nodes.gates[n] is VARIABLE and p in places}
    lift = Lift(nodes, chosen, count)
    for node in range(len(nodes)):
        lift.moved[node] = lift.node(node)
    outputs = [lift.ahead(lift.moved[o], o) for o in ends[: len(source.outputs)]]
    named = zip(source.names, ends[len(source.outputs) :], strict=True)
    names = {name: lift.moved[node] for name, node in named}
    return Graph(lift.made, outputs, names)


class Lift:
    """A table that is being copied with one axis more.

    Parameters
    ----------
    old : Nodes
        The table of one point.
    wide : set of int
        Nodes that have the batch; grows as nodes are copied.
    count : int
        Points of the batch.
    made : Nodes, optional
        The new table, where it exists already.

    Attributes
    ----------
    moved : dict of int to int
        Where each node went.
    """

    def __init__(self, old: Nodes, wide: set[int], count: int, made: Nodes | None = None) -> None:
        self.old, self.wide, self.count = old, wide, count
        self.made = Nodes() if made is None else made
        self.grower = Grower(self.made)
        self.moved: dict[int, int] = {}

    def shape(self, node: int) -> Shape:
        """Return the shape that a node of the old table has."""
        return self.old.shapes.get(node, ())

    def node(self, node: int) -> int:
        """Return the new node of an old one."""
        gate, args, payload = self.old.gates[node], self.old.args[node], self.old.payloads[node]
        if gate is VARIABLE:
            lead = (self.count,) if node in self.wide else ()
            return self.made.variable(payload, (*lead, *self.shape(node)))
        if not any(a in self.wide for a in args):
            return self.made.add(gate, tuple([self.moved[a] for a in args]), payload)
        self.wide.add(node)
        if gate.shape is None:
            return self.entrywise(node)
        rule = RULES.get(gate)
        if rule is None:
            raise UnsupportedError(
                f"`{gate.name}` (node {node}) has no rule for `batch=`; call the function for one "
                "point after another"
            )
        made: int = rule(self, node)
        return made

    def apply(self, gate: Gate, *args: int, payload: Any = None) -> int:
        """Return a node of the new table."""
        return self.made.add(gate, args, payload)

    def ahead(self, made: int, node: int) -> int:
        """Return the new node of an old one with the batch as its first axis, repeated if new."""
        if node in self.wide:
            return made
        shape = self.shape(node)
        return self.broadcast(made, shape, range(1, len(shape) + 1))

    def broadcast(self, value: int, shape: Shape, kept: Sequence[int]) -> int:
        """Return a node repeated over the batch and a shape."""
        made: int = einsums.broadcast(self.grower, value, (self.count, *shape), tuple(kept))
        return made

    def einsum(
        self,
        inputs: Sequence[Any],
        output: Sequence[Any],
        operands: Sequence[int],
        sizes: Any = None,
    ) -> int:
        """Return the node of an einsum."""
        made: int = einsums.einsum(self.grower, inputs, output, operands, sizes)
        return made

    def turned(self, made: int, rank: int) -> int:
        """Return a node with its first two axes swapped: the batch and time."""
        return self.einsum([range(rank)], [1, 0, *range(2, rank)], [made])

    def operands(self, node: int) -> list[int]:
        """Return the new nodes of the operands, all with the batch."""
        return [self.ahead(self.moved[a], a) for a in self.old.args[node]]

    def entrywise(self, node: int) -> int:
        """Copy a gate of scalars: operands get the whole shape, or stay without axes."""
        shape, args = self.shape(node), []
        for old in self.old.args[node]:
            new, own = self.moved[old], self.shape(old)
            if own == shape:
                new = self.ahead(new, old) if shape else new
            elif old in self.wide:  # a number for each point meets the entries of a tensor
                new = self.broadcast(new, shape, (0,))
            args.append(new)
        return self.made.add(self.old.gates[node], tuple(args), self.old.payloads[node])

    def first_wide(self, node: int) -> bool:
        """Return whether only the first operand of a node has the batch."""
        first, *rest = self.old.args[node]
        return first in self.wide and not any(a in self.wide for a in rest)


# --- rules ---


def lift_einsum(lift: Lift, node: int) -> int:
    """Give the batch an index of its own."""
    ins, out, fresh = lift.old.payloads[node]
    args = lift.old.args[node]
    inputs = [(AHEAD, *one) if a in lift.wide else one for one, a in zip(ins, args, strict=True)]
    operands = [lift.moved[a] for a in args]
    return lift.einsum(inputs, (AHEAD, *out), operands, dict(fresh))


Rule = Callable[[Lift, int], int]


def unary(payload: Callable[[Lift, Any], Any]) -> Rule:
    """Return the rule of a gate of one operand, from what becomes of its payload."""

    def rule(lift: Lift, node: int) -> int:
        changed = payload(lift, lift.old.payloads[node])
        return lift.apply(lift.old.gates[node], lift.moved[lift.old.args[node][0]], payload=changed)

    return rule


def together(lift: Lift, node: int) -> int:
    """Give every operand the batch, and keep the payload."""
    return lift.apply(lift.old.gates[node], *lift.operands(node), payload=lift.old.payloads[node])


def lift_concat(lift: Lift, node: int) -> int:
    """Join along the axis after the batch."""
    return lift.apply(tensors.CONCAT, *lift.operands(node), payload=lift.old.payloads[node] + 1)


def whole(lift: Lift, parts: Any) -> Any:
    """Return a slice of everything along the batch."""
    return ((0, lift.count, 1), *parts)


def further(lift: Lift, axes: Sequence[int]) -> tuple[int, ...]:
    """Return axes behind the batch."""
    return tuple(axis + 1 for axis in axes)


def lift_gather(lift: Lift, node: int) -> int:
    """Take along the axis behind the batch; with places of its own for each point, by one-hots."""
    axis, (x, chosen) = lift.old.payloads[node], lift.old.args[node]
    if lift.first_wide(node):
        moved = lift.moved[x], lift.moved[chosen]
        return lift.apply(tensors.GATHER, *moved, payload=axis + 1)
    shape, places = lift.shape(x), len(lift.shape(chosen))
    hot = lift.apply(tensors.ONE_HOT, lift.moved[chosen], payload=shape[axis])
    own = [f"x{k}" for k in range(len(shape))]
    inner = [f"c{k}" for k in range(places)]
    lead = (AHEAD,) if x in lift.wide else ()
    inputs = [(*lead, *own), (AHEAD, *inner, own[axis])]
    output = (AHEAD, *own[:axis], *inner, *own[axis + 1 :])
    return lift.einsum(inputs, output, [lift.moved[x], hot])


def lift_scatter(lift: Lift, node: int) -> int:
    """Add along the axis behind the batch; with places of its own for each point, by one-hots."""
    (axis, shape), (x, chosen) = lift.old.payloads[node], lift.old.args[node]
    if lift.first_wide(node):
        moved = lift.moved[x], lift.moved[chosen]
        return lift.apply(tensors.SCATTER, *moved, payload=(axis + 1, (lift.count, *shape)))
    hot = lift.apply(tensors.ONE_HOT, lift.moved[chosen], payload=shape[axis])
    own = [f"x{k}" for k in range(len(shape))]
    inner = [f"c{k}" for k in range(len(lift.shape(chosen)))]
    lead = (AHEAD,) if x in lift.wide else ()
    inputs = [(*lead, *own[:axis], *inner, *own[axis + 1 :]), (AHEAD, *inner, own[axis])]
    return lift.einsum(inputs, (AHEAD, *own), [lift.moved[x], hot])


def folded(images: int) -> Rule:
    """Return the rule of a convolution in which only the images have the batch.

    The batch and the images become one axis, and are parted again in the result.
    """

    def rule(lift: Lift, node: int) -> int:
        args = lift.old.args[node]
        if any(a in lift.wide for k, a in enumerate(args) if k != images):
            raise UnsupportedError(
                f"`{lift.old.gates[node].name}` (node {node}) has a kernel for each point of the "
                "batch; call the function for one point after another"
            )
        moved = [lift.moved[a] for a in args]
        shape = lift.shape(args[images])
        joined = (lift.count * shape[0], *shape[1:])
        moved[images] = lift.apply(tensors.RESHAPE, moved[images], payload=joined)
        made = lift.apply(lift.old.gates[node], *moved, payload=lift.old.payloads[node])
        return lift.apply(tensors.RESHAPE, made, payload=(lift.count, *lift.shape(node)))

    return rule


def lift_conv_weight(lift: Lift, node: int) -> int:
    """Give each point of the batch groups of channels of its own."""
    settings, window = lift.old.payloads[node]
    *plain, groups = settings
    joined = []
    for old, new in zip(lift.old.args[node], lift.operands(node), strict=True):
        n, channels, *spatial = lift.shape(old)
        rank = len(spatial) + 3
        axes = list(range(rank))
        turned = lift.einsum([axes], [1, 0, *axes[2:]], [new])
        merged = (n, lift.count * channels, *spatial)
        joined.append(lift.apply(tensors.RESHAPE, turned, payload=merged))
    payload = ((*plain, lift.count * groups), window)
    made = lift.apply(convolution.CONV_WEIGHT, *joined, payload=payload)
    return lift.apply(tensors.RESHAPE, made, payload=(lift.count, *lift.shape(node)))


# --- loops ---


def lift_scan(lift: Lift, node: int) -> int:
    """Run all points side by side: in the loop the batch is the first axis, behind time."""
    (region, index, form), args = lift.old.payloads[node], lift.old.args[node]
    moving = tuple(k for k, a in enumerate(args) if a in lift.wide)
    body, steady = _side_by_side(region, form, moving, lift.count)
    first, last = form.carries, form.carries + form.streams
    operands = []
    for k, a in enumerate(args):
        made = lift.moved[a]
        if k < first and k in steady.carries:
            made = lift.ahead(made, a)
        elif first <= k < last and a in lift.wide:
            made = lift.turned(made, 1 + len(lift.shape(a)))
        operands.append(made)
    made = lift.apply(opaque.TENSOR_SCAN, *operands, payload=(body, index, replace(form, sizes=())))
    if index not in steady.outputs:
        shape = lift.shape(node)
        return lift.broadcast(made, shape, range(1, len(shape) + 1))
    return made if index < first else lift.turned(made, 1 + len(lift.shape(node)))


class Wide(NamedTuple):
    """Which carries and outputs of a loop differ between the points of a batch."""

    carries: frozenset[int]
    outputs: frozenset[int]


def _side_by_side(
    region: Region, form: opaque.ScanForm, moving: tuple[int, ...], count: int
) -> tuple[Region, Wide]:
    """Return the body of a loop for a batch; made once for each choice of operands."""
    key = ("vmap", form.sizes, form.carries, moving, count)
    found: tuple[Region, Wide] | None = region.derived.get(key)
    if found is not None:
        return found
    nodes, outputs = unrolled(region, form.sizes)
    wide = set(moving)
    while True:
        mask = dependents(nodes, wide, len(nodes) - 1)
        fresh = {k for k in range(form.carries) if mask[outputs[k]]} - wide
        if not fresh:
            break
        wide |= fresh
    lift = Lift(nodes, set(wide), count)
    for node in range(len(nodes)):
        lift.moved[node] = lift.node(node)
    outs = [
        lift.ahead(lift.moved[o], o)
        if mask[o] or (k < form.carries and k in wide)
        else lift.moved[o]
        for k, o in enumerate(outputs)
    ]
    inputs = tuple(lift.moved[k] for k in range(len(region.inputs)))
    steady = Wide(
        frozenset(k for k in range(form.carries) if k in wide),
        frozenset(k for k, o in enumerate(outputs) if mask[o] or (k < form.carries and k in wide)),
    )
    made = Region(region.name, lift.made, inputs, tuple(outs))
    return region.derived.setdefault(key, (made, steady))  # type: ignore[no-any-return]


RULES: dict[Gate, Rule] = {
    opaque.TENSOR_SCAN: lift_scan,
    einsums.EINSUM: lift_einsum,
    tensors.RESHAPE: unary(lambda lift, shape: (lift.count, *shape)),
    tensors.SLICE: unary(whole),
    tensors.UNSLICE: unary(lambda lift, p: (whole(lift, p[0]), (lift.count, *p[1]))),
    tensors.TRIL: unary(lambda lift, halved: halved),
    tensors.ONE_HOT: unary(lambda lift, size: size),
    tensors.WINNERS: unary(lambda lift, p: (p[0], further(lift, p[1]), *p[2:])),
    tensors.CONCAT: lift_concat,
    tensors.GATHER: lift_gather,
    tensors.SCATTER: lift_scatter,
    convolution.PATCHES: unary(lambda lift, payload: payload),
    convolution.FOLD: unary(lambda lift, payload: payload),
    convolution.CONV: folded(0),
    convolution.CONV_INPUT: folded(0),
    convolution.CONV_WEIGHT: lift_conv_weight,
    **dict.fromkeys(linalg.ROWS, together),
    **dict.fromkeys(
        (tensors.LOGSUMEXP, tensors.MAX_OVER, tensors.MIN_OVER, tensors.NORM, tensors.UNIT),
        unary(further),
    ),
}
