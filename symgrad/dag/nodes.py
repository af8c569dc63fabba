"""The node table: an append-only, interned list of gates in topological order.

A node is an integer; its operands are smaller integers. Two nodes with the same gate, operands and
payload are one node. Flat lists keep a node at some hundred bytes, where a networkx node with its
edges takes thousands; the networkx view is made from here when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, compress
from typing import Any

from sympy import Expr, Integer, Rational, S, nan

from symgrad.errors import ShapeError
from symgrad.rules import arithmetic as rows
from symgrad.rules.row import Gate

BITS = 4096  # exact folding stops where a number would need more bits than this

CONSTANT, VARIABLE = rows.CONSTANT, rows.VARIABLE
ADD, SUB, NEG, MUL, DIV, POW, SQRT = (
    rows.ADD,
    rows.SUB,
    rows.NEG,
    rows.MUL,
    rows.DIV,
    rows.POW,
    rows.SQRT,
)


# By gate, then by operands, with the payload where there is one: no tuple is made for most nodes,
# which saves memory and the garbage collector's time.
Index = dict[Gate, dict[Any, int]]


class Nodes:
    """An append-only table of nodes.

    Attributes
    ----------
    gates : list of Gate
        The gate of each node.
    args : list of tuple of int
        The operands of each node, all smaller than the node.
    payloads : list
        What a node carries beside its operands: a number, a symbol, a region.
    constant : bytearray
        1 where a node depends on no variable.
    shapes : dict of int to tuple
        The shape of each node that is no scalar; sizes are integers or SymPy expressions.

    Examples
    --------
    >>> from sympy import Symbol
    >>> nodes = Nodes()
    >>> x = nodes.variable(Symbol("x"))
    >>> nodes.add(MUL, (x, x)) == nodes.add(MUL, (x, x))
    True
    """

    __slots__ = ("_index", "args", "constant", "gates", "payloads", "shapes")

    def __init__(self) -> None:
        self.gates: list[Gate] = []
        self.args: list[tuple[int, ...]] = []
        self.payloads: list[Any] = []
        self.constant = bytearray()
        self.shapes: dict[int, tuple[Any, ...]] = {}
        self._index: Index | None = {}

    def __len__(self) -> int:
        return len(self.gates)

    def fork(self) -> Nodes:
        """Return a copy that can grow on its own; costs some nanoseconds a node."""
        copy = Nodes()
        copy.gates, copy.args = self.gates[:], self.args[:]
        copy.payloads, copy.constant = self.payloads[:], self.constant[:]
        copy.shapes = self.shapes.copy()
        if self._index is None:
            copy._index = None
        else:
            copy._index = {gate: known.copy() for gate, known in self._index.items()}
        return copy

    def _indexed(self) -> Index:
        """Return the index of a table that was made without one."""
        index: Index = {}
        for node, gate in enumerate(self.gates):
            args, payload = self.args[node], self.payloads[node]
            index.setdefault(gate, {})[args if payload is None else (args, payload)] = node
        self._index = index
        return index

    def kept(self, mask: bytearray) -> tuple[Nodes, list[int]]:
        """Return a table of the marked nodes, and where each node went.

        The marked nodes' operands must be marked too; order and interning are kept.
        """
        moved = list(accumulate(mask, initial=0))
        copy = Nodes()
        copy.gates = list(compress(self.gates, mask))
        copy.payloads = list(compress(self.payloads, mask))
        copy.constant = bytearray(compress(self.constant, mask))
        copy.args = [tuple([moved[a] for a in args]) for args in compress(self.args, mask)]
        copy.shapes = {moved[n]: shape for n, shape in self.shapes.items() if mask[n]}
        copy._index = None
        return copy, moved

    def find(self, gate: Gate, args: tuple[int, ...], payload: Any = None) -> int | None:
        """Return the node of this gate, operands and payload, or None."""
        index = self._indexed() if self._index is None else self._index
        return index.get(gate, {}).get(args if payload is None else (args, payload))

    def add(self, gate: Gate, args: tuple[int, ...], payload: Any = None) -> int:
        """Return the node of this gate, operands and payload, making it if it is new."""
        index = self._indexed() if self._index is None else self._index
        known = index.get(gate)
        if known is None:
            known = index[gate] = {}
        key = args if payload is None else (args, payload)
        node = known.get(key)
        if node is not None:
            return node
        known[key] = node = len(self.gates)
        self.gates.append(gate)
        self.args.append(args)
        self.payloads.append(payload)
        if gate.shape is not None or self.shapes:
            self._shape(node)
        flags = self.constant
        for operand in args:
            if not flags[operand]:
                flags.append(0)
                return node
        flags.append(gate is not VARIABLE)
        return node

    def _shape(self, node: int) -> None:
        """Note the shape of a new node; a gate of scalars takes tensors of one shape, and scalars.

        Raises
        ------
        ShapeError
            If tensors of different shapes meet entry by entry.
        """
        gate = self.gates[node]
        shapes = [self.shapes.get(a, ()) for a in self.args[node]]
        if gate.shape is not None:
            shape = gate.shape(self.payloads[node], shapes)
        else:
            shape = next((s for s in shapes if s), ())
            if any(s and s != shape for s in shapes):
                listed = " and ".join(str(s) for s in shapes)
                raise ShapeError(f"`{gate.name}` acts entry by entry, but its shapes are {listed}")
        if shape:
            self.shapes[node] = shape

    def number(self, value: Any) -> int:
        """Return the leaf of a SymPy number (or truth value)."""
        return self.add(CONSTANT, (), value)

    def variable(self, symbol: Expr, shape: tuple[Any, ...] = ()) -> int:
        """Return the leaf of a symbol of some shape."""
        node = self.add(VARIABLE, (), symbol)
        if shape:
            self.shapes[node] = shape
        return node

    def is_number(self, node: int) -> bool:
        """Return whether `node` is a constant leaf."""
        return self.gates[node] is CONSTANT

    def exact(self, node: int) -> Rational | None:
        """Return the exact rational value of a constant leaf or a short constant expression."""
        stack = [node]
        seen: list[int] = []
        while stack:
            top = stack.pop()
            if not self.constant[top] or len(seen) > 64:
                return None
            seen.append(top)
            stack.extend(self.args[top])
        values: dict[int, Rational] = {}
        for top in sorted(set(seen)):
            gate, args = self.gates[top], self.args[top]
            known = (
                self.payloads[top] if gate is CONSTANT else _fold(gate, [values[a] for a in args])
            )
            if not isinstance(known, Rational) or known is S.NaN:
                return None
            values[top] = known
        return values[node]


class Grower:
    """The graph's algebra: applying a gate appends a node, after cheap exact shortcuts.

    Shortcuts are those that hold for every IEEE value: `1*x`, `x/1`, `-1*x`, `-(-x)`, and exact
    arithmetic between rationals. `0*x` and `x - x` stay.
    """

    __slots__ = ("nodes",)

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes

    def number(self, value: Any) -> int:
        """Return the leaf of a number."""
        return self.nodes.number(value)

    def apply(self, gate: Gate, args: tuple[int, ...], payload: Any = None) -> int:
        """Return the node of `gate` on `args`, or of something equal and shorter."""
        shortcut = SHORTCUTS.get(gate)
        if shortcut is not None:
            found = shortcut(self.nodes, *args)
            if found is not None:
                return found
        return self.nodes.add(gate, args, payload)


def _fold(gate: Gate, values: Sequence[Any]) -> Any:
    """Return exact arithmetic on rationals, or None where it does not apply."""
    folder = FOLDERS.get(gate)
    if folder is None or not all(type(v) in EXACT or isinstance(v, Rational) for v in values):
        return None
    found = folder(*values)
    if isinstance(found, Rational) and found is not nan and _bits(found) <= BITS:
        return found
    return None


def _bits(value: Rational) -> int:
    return int(value.p).bit_length() + int(value.q).bit_length()


def _fold_power(base: Rational, exponent: Rational) -> Any:
    if exponent.q != 1 or _bits(base) * abs(int(exponent.p)) > BITS or (base == 0 and exponent < 0):
        return None
    return base**exponent


EXACT: tuple[type, ...] = (Integer, Rational)
FOLDERS: dict[Gate, Callable[..., Any]] = {
    ADD: lambda a, b: a + b,
    SUB: lambda a, b: a - b,
    NEG: lambda a: -a,
    MUL: lambda a, b: a * b,
    DIV: lambda a, b: a / b if b != 0 else None,
    POW: _fold_power,
}


def _folded(nodes: Nodes, gate: Gate, *args: int) -> int | None:
    value = _fold(gate, [nodes.payloads[a] for a in args])
    return None if value is None else nodes.number(value)


def _short_mul(nodes: Nodes, a: int, b: int) -> int | None:
    gates = nodes.gates
    if gates[a] is CONSTANT:
        if nodes.payloads[a] is S.One:
            return b
        if gates[b] is CONSTANT:
            return _folded(nodes, MUL, a, b)
        if nodes.payloads[a] is S.NegativeOne:
            return _negated(nodes, b)
    elif gates[b] is CONSTANT:
        if nodes.payloads[b] is S.One:
            return a
        if nodes.payloads[b] is S.NegativeOne:
            return _negated(nodes, a)
        return nodes.add(MUL, (b, a))
    return None


def _short_div(nodes: Nodes, a: int, b: int) -> int | None:
    if nodes.gates[b] is not CONSTANT:
        return None
    if nodes.payloads[b] is S.One:
        return a
    return _folded(nodes, DIV, a, b) if nodes.gates[a] is CONSTANT else None


def _short_neg(nodes: Nodes, a: int) -> int | None:
    if nodes.gates[a] is NEG:
        return nodes.args[a][0]
    return _folded(nodes, NEG, a) if nodes.gates[a] is CONSTANT else None


def _negated(nodes: Nodes, a: int) -> int:
    found = _short_neg(nodes, a)
    return nodes.add(NEG, (a,)) if found is None else found


def _short_sum(gate: Gate) -> Callable[..., int | None]:
    def shorten(nodes: Nodes, a: int, b: int) -> int | None:
        if nodes.gates[a] is CONSTANT and nodes.gates[b] is CONSTANT:
            return _folded(nodes, gate, a, b)
        return None

    return shorten


def _short_pow(nodes: Nodes, a: int, b: int) -> int | None:
    if nodes.gates[b] is not CONSTANT:
        return None
    exponent = nodes.payloads[b]
    if exponent is S.One:
        return a
    if exponent is S.Half:
        return nodes.add(SQRT, (a,))
    return _folded(nodes, POW, a, b) if nodes.gates[a] is CONSTANT else None


SHORTCUTS: dict[Gate, Callable[..., int | None]] = {
    MUL: _short_mul,
    DIV: _short_div,
    NEG: _short_neg,
    ADD: _short_sum(ADD),
    SUB: _short_sum(SUB),
    POW: _short_pow,
}


def reachable(nodes: Nodes, roots: Iterable[int]) -> bytearray:
    """Return a mask over all nodes: 1 where some root depends on the node."""
    mask = bytearray(len(nodes))
    top = -1
    for root in roots:
        mask[root] = 1
        top = max(top, root)
    for node in range(top, -1, -1):
        if mask[node]:
            for operand in nodes.args[node]:
                mask[operand] = 1
    return mask


def dependents(nodes: Nodes, sources: Iterable[int], top: int) -> bytearray:
    """Return a mask over nodes 0..top: 1 where the node depends on (or is) a source."""
    mask = bytearray(top + 1)
    for source in sources:
        if source <= top:
            mask[source] = 1
    for node, args in enumerate(nodes.args[: top + 1]):
        for operand in args:
            if mask[operand]:
                mask[node] = 1
                break
    return mask
