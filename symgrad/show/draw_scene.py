"""From the account of a run to a drawing: gates, wires, frames around spelled composites.

A frame is drawn on its own first and then stands in the outer drawing as one wide box, so that
nothing but its own gates can lie in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from symgrad.show.account import Account, GateAccount
from symgrad.show.draw_gates import figure
from symgrad.show.draw_labels import Style
from symgrad.show.draw_layers import LANE, Box, Link, in_order
from symgrad.show.draw_place import Placed, Point, placed
from symgrad.show.draw_shapes import Group, Item, Line, Plate, Words, moved, polyline, wire
from symgrad.show.draw_text import text_width, visible

FEW, FEW_INPUTS = 40, 8  # nodes and inputs up to which every input stands in the first column
INSET = 12.0  # between a frame and what it holds
HEADROOM = 26.0  # for a frame's name

Port = tuple[int, int]  # a reader's node, and which operand


@dataclass(frozen=True, slots=True)
class Part:
    """What the layout places: a gate, or a frame with its gates.

    Attributes
    ----------
    box : Box
        Its reach and ports.
    items : tuple of Item
        What is drawn, around its axis.
    ins : mapping of (node, position) to int
        Which port a wire arrives at.
    outs : mapping of int to int
        Which port a node's wires leave from.
    """

    box: Box
    items: tuple[Item, ...]
    ins: Mapping[Port, int]
    outs: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Gates and wires in their places, from (0, 0) to (width, height)."""

    items: tuple[Item, ...]
    width: float
    height: float
    crossings: int
    routes: tuple[tuple[tuple[float, float], ...], ...] = ()


def drawn(account: Account, gates: Sequence[GateAccount], style: Style) -> Drawn:
    """Draw gates and the wires between them.

    Parameters
    ----------
    account : Account
        The whole.
    gates : sequence of GateAccount
        Those that are drawn; an operand that is not among them is written as "… name".
    style : Style
        What is written on a picture.
    """
    few = len(gates) <= FEW and sum(g.kind == "input" for g in gates) <= FEW_INPUTS
    parts: dict[int, Part] = {}
    for gate in gates:
        made = figure(gate, style, early=few and gate.kind == "input")
        ins = {(gate.node, w.position): k for k, w in enumerate(gate.wires)}
        parts[gate.node] = Part(made.box, (made.drawing,), ins, {gate.node: 0})
    ends = _ends(gates, parts)
    parts |= {source: _missing(account, source) for source, _ in ends if source not in parts}
    framed = _frames(account, parts, ends)
    whole = {framed.get(node, node) for node in parts}
    for root in sorted(set(framed.values())):
        inside = [node for node in parts if framed.get(node) == root]
        parts[root] = _frame(account, root, inside, parts, ends)
    units = [node for node in parts if node in whole]
    links = [(framed.get(a, a), framed.get(b[0], b[0]), a, b) for a, b in ends]
    return _arranged(units, parts, [link for link in links if link[0] != link[1]])


def _ends(gates: Iterable[GateAccount], parts: Mapping[int, Part]) -> list[tuple[int, Port]]:
    """Return the wires: the node that is read, and the port that reads it."""
    return [(w.source, (gate.node, w.position)) for gate in gates for w in gate.wires]


def _missing(account: Account, node: int) -> Part:
    """Return the mark of an operand that is left out of the picture."""
    called = visible(f"… {account.names.get(node, '')}", 20)
    half = text_width(called, 11) / 2 + 3
    items = (Words(0.0, 4.0, called, "legend"),)
    return Part(Box(half, half, 10, 10, (), (0.0,)), items, {}, {node: 0})


def _arranged(
    units: Sequence[int], parts: Mapping[int, Part], links: Sequence[tuple[int, int, int, Port]]
) -> Drawn:
    """Place parts, and draw them and the wires between them."""
    index = {unit: k for k, unit in enumerate(units)}
    joined = [
        Link(index[a], parts[a].outs[source], index[b], parts[b].ins[port])
        for a, b, source, port in links
    ]
    found = placed([parts[unit].box for unit in units], joined)
    items = wires(found, joined)
    for unit, (x, y) in zip(units, found.at, strict=True):
        items += [moved(item, x, y) for item in parts[unit].items]
    return Drawn(tuple(items), found.width, found.height, found.crossings, found.routes)


def wires(found: Placed, links: Sequence[Link]) -> list[Item]:
    """Return the wires; where some cross, those of each source with a gap around them.

    Wires of one source share a trunk, which is drawn once, with a dot where they part.
    """
    bundles: dict[tuple[int, int], list[Sequence[Point]]] = {}
    for link, route in zip(links, found.routes, strict=True):
        bundles.setdefault((link.source, link.out), []).append(route)
    items: list[Item] = []
    for routes in bundles.values():
        lines, dots = _branches(routes)
        if found.crossings:
            items += [Line(line.steps, "under") for line in lines]
        items += [*lines, *dots]
    return items


def _branches(routes: Sequence[Sequence[Point]]) -> tuple[list[Line], list[Item]]:
    """Return the wires of one source, each from where it leaves those before it, and the dots."""
    seen: set[tuple[Point, Point]] = set()
    lines: list[Line] = []
    dots: dict[Point, Item] = {}
    for route in routes:
        pairs = list(itertools.pairwise(route))
        parts = next((k for k, pair in enumerate(pairs) if pair not in seen), len(pairs))
        seen.update(pairs)
        own = route[parts:] if parts % 2 == 0 else (route[parts], *route[parts:])
        line = wire(own, "wire")
        if len(line.steps) > 1:
            lines.append(line)
        x, y = route[parts]
        if parts > 1 and parts % 2:
            dots[x, y] = Plate(x - 2.2, y - 2.2, 4.4, 4.4, 2.2, "dot")
    return lines, list(dots.values())


# --- frames ---


def _frames(
    account: Account, parts: Mapping[int, Part], ends: Sequence[tuple[int, Port]]
) -> dict[int, int]:
    """Return the frame of each gate that is in one: composites whose gates all are drawn.

    A frame through which a wire would leave and come back is not drawn.
    """
    framed: dict[int, int] = {}
    for root, (_, inside) in sorted(account.groups.items()):
        if all(node in parts and node not in framed for node in inside):
            trial = framed | dict.fromkeys(inside, root)
            if not _has_ring(list(parts), trial, ends):
                framed = trial
    return framed


def _has_ring(
    nodes: Sequence[int], framed: Mapping[int, int], ends: Sequence[tuple[int, Port]]
) -> bool:
    """Whether a wire leaves a frame and comes back to it."""
    index = {node: k for k, node in enumerate(nodes)}
    pairs = {(framed.get(a, a), framed.get(b, b)) for a, (b, _) in ends}
    links = [Link(index[a], 0, index[b], 0) for a, b in sorted(pairs) if a != b]
    try:
        in_order(len(nodes), links)
    except ValueError:
        return True
    return False


def _frame(
    account: Account,
    root: int,
    inside: Sequence[int],
    parts: Mapping[int, Part],
    ends: Sequence[tuple[int, Port]],
) -> Part:
    """Return a frame with its gates, and ports on its sides for the wires that pass through."""
    own = set(inside)
    entering = [(a, b) for a, b in ends if a not in own and b[0] in own]
    leaving = sorted({a for a, b in ends if a in own and b[0] not in own})
    inner = [(a, b) for a, b in ends if a in own and b[0] in own]
    index = {node: k for k, node in enumerate(inside)}
    boxes = [parts[node].box for node in inside]
    links = [Link(index[a], 0, index[b[0]], parts[b[0]].ins[b]) for a, b in inner]
    for _, port in entering:
        links.append(Link(len(boxes), 0, index[port[0]], parts[port[0]].ins[port]))
        boxes.append(Box(0, 0, LANE, LANE, early=True))
    for node in leaving:
        links.append(Link(index[node], 0, len(boxes), 0))
        boxes.append(Box(0, 0, LANE, LANE, late=True))
    found = placed(boxes, links)
    lines = [line for line in wires(found, links) if getattr(line, "role", "") != "under"]
    return _bordered(account, root, inside, parts, found, lines, entering, leaving)


def _bordered(
    account: Account,
    root: int,
    inside: Sequence[int],
    parts: Mapping[int, Part],
    found: Placed,
    lines: Sequence[Item],
    entering: Sequence[tuple[int, Port]],
    leaving: Sequence[int],
) -> Part:
    """Draw a placed frame around its axis, which is the height at which its result leaves."""
    count = len(inside)
    ports_in = found.at[count : count + len(entering)]
    ports_out = found.at[count + len(entering) :]
    name = account.groups[root][0]
    half = max(found.width + 2 * INSET, text_width(name, 12, bold=True) + 24) / 2
    x0 = -half + INSET
    axis = ports_out[-1][1] if ports_out else found.at[list(inside).index(root)][1]
    top, bottom = HEADROOM + axis, found.height + INSET - axis
    items: list[Item] = [
        Plate(-half, -top, 2 * half, top + bottom, 9.0, "frame"),
        Words(10 - half, 17 - top, visible(name, 40), "frame", "start"),
    ]
    items += [moved(line, x0, -axis) for line in lines]
    for _, y in ports_in:
        items.append(polyline([(-half, y - axis), (x0, y - axis)], "wire"))
    for x, y in ports_out:
        items.append(polyline([(x0 + x, y - axis), (half, y - axis)], "wire"))
    for node, (x, y) in zip(inside, found.at, strict=False):
        items += [moved(item, x + x0, y - axis) for item in parts[node].items]
    box = Box(
        half,
        half,
        top,
        bottom,
        tuple(y - axis for _, y in ports_in),
        tuple(y - axis for _, y in ports_out),
    )
    outs = {node: k for k, node in enumerate(leaving)}
    ins = {port: k for k, (_, port) in enumerate(entering)}
    return Part(box, (Group(tuple(items), f"{name}, gate by gate", "frame"),), ins, outs)
