"""Check every invariant of a node table: once a node, nothing evaluated, nothing recursive.

Run after each pass in tests and after each load. Imports the table and its regions; never changes
what it checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import sympy
from sympy import Basic, Indexed, Symbol
from sympy.core.function import UndefinedFunction

from symgrad.dag.carried import SIZES, check_carried, has_form
from symgrad.dag.nodes import CONSTANT, VARIABLE, Nodes, reachable
from symgrad.dag.owners import check_owner, check_sizes
from symgrad.dag.regions import Region, nested, owned
from symgrad.errors import GraphError
from symgrad.expr.region import DEEPEST, DEEPEST_OF_TENSORS
from symgrad.rules import opaque
from symgrad.rules.row import Gate

NUMBERS = (sympy.Number, sympy.NumberSymbol, sympy.core.numbers.ImaginaryUnit)
TRUTHS = (sympy.logic.boolalg.BooleanTrue, sympy.logic.boolalg.BooleanFalse)


def validate(nodes: Nodes, outputs: Sequence[int], names: Mapping[str, int]) -> None:
    """Check a graph and every region in it.

    Parameters
    ----------
    nodes : Nodes
        The table.
    outputs : sequence of int
        The nodes of its values.
    names : mapping of str to int
        The named nodes.

    Raises
    ------
    GraphError
        If an invariant is broken; the message names the node, its gate, what was found and what
        to do.

    Notes
    -----
    Linear in the number of nodes; each region is checked once, however often it is used.
    """
    check_table(nodes, "")
    check_ports(outputs, "output", len(nodes), "")
    if not outputs:
        raise GraphError("the graph has no outputs; give at least one")
    for name, node in names.items():
        if type(name) is not str:
            raise GraphError(f"the name {name!r} is no text; name nodes by strings")
        check_ports([node], f"name `{name}`", len(nodes), "")
    depths: dict[int, int] = {}
    for region in nested(nodes):
        check_region(region)
        inner = max((depths[id(r)] for r in owned(region.nodes)), default=0)
        depths[id(region)] = inner + 1
        deepest = DEEPEST_OF_TENSORS if region.nodes.shapes else DEEPEST
        if inner >= deepest:
            raise GraphError(f"region `{region.name}` is more than {deepest} levels deep")


def check_region(region: Region) -> None:
    """Check one region without those inside it."""
    where = f" of region `{region.name}`"
    nodes, size = region.nodes, len(region.nodes)
    check_table(nodes, where)
    check_ports(region.inputs, "input", size, where)
    check_ports(region.outputs, "output", size, where)
    known = set(region.inputs)
    if len(known) != len(region.inputs) or any(nodes.gates[i] is not VARIABLE for i in known):
        raise GraphError(f"the inputs{where} are {region.inputs}; give different variables")
    check_sizes(region, where)
    needed = reachable(nodes, region.outputs)
    for node, gate in enumerate(nodes.gates):
        if gate is VARIABLE and needed[node] and node not in known:
            symbol = nodes.payloads[node]
            raise GraphError(f"`{symbol}`{where} is no input; list every symbol as an input")


def check_ports(ports: Sequence[int], what: str, size: int, where: str) -> None:
    """Check that outputs, inputs or names stand for nodes."""
    for port in ports:
        if type(port) is not int or not 0 <= port < size:
            known = f"nodes are 0 to {size - 1}" if size else "there are none"
            raise GraphError(f"{what} {port!r}{where} is no node; {known}")


def check_table(nodes: Nodes, where: str) -> None:
    """Check the rows of a table: operands, arity, payload, flag, and that none is there twice."""
    lengths = {len(nodes.gates), len(nodes.args), len(nodes.payloads), len(nodes.constant)}
    if len(lengths) != 1:
        raise GraphError(f"the lists of the table{where} differ in length: {sorted(lengths)}")
    check_operands(nodes, where)
    rows = zip(nodes.gates, nodes.payloads, nodes.args, strict=True)
    for node, (gate, payload, args) in enumerate(rows):
        check = PAYLOADS.get(gate)
        if gate in opaque.OF_TENSORS and check is not None:  # before its shape is asked for
            check(nodes, node, payload, len(args), where)
        if nodes.shapes or gate.shape is not None:
            check_shape(nodes, node, where)
        if check is None:
            if payload is not None and gate.shape is None:
                _complain(nodes, node, where, f"carries {payload!r}", "it carries nothing")
        else:
            check(nodes, node, payload, len(args), where)
    check_interning(nodes, where)


def check_operands(nodes: Nodes, where: str) -> None:
    """Check that operands are earlier nodes, as many as the gate takes, and the constant flags."""
    flags = nodes.constant
    for node, (gate, args) in enumerate(zip(nodes.gates, nodes.args, strict=True)):
        if not isinstance(gate, Gate):
            raise GraphError(f"node {node}{where} has {gate!r} for a gate; take one from the table")
        least, most = gate.arity
        if len(args) < least or (most is not None and len(args) > most):
            _complain(nodes, node, where, f"has {len(args)} operands", _arity(gate))
        constant = gate is not VARIABLE
        for operand in args:
            if type(operand) is not int or not 0 <= operand < node:
                remedy = f"operands are earlier nodes, 0 to {node - 1}"
                _complain(nodes, node, where, f"has operand {operand!r}", remedy)
            if not flags[operand]:
                constant = False
        if flags[node] != constant:
            found = f"is marked {'constant' if flags[node] else 'variable'}"
            _complain(nodes, node, where, found, "a node is constant if no variable reaches it")


def check_shape(nodes: Nodes, node: int, where: str) -> None:
    """Check that a node has the shape that its gate gives, and that scalars' gates meet one."""
    gate, found = nodes.gates[node], nodes.shapes.get(node, ())
    shapes = [nodes.shapes.get(a, ()) for a in nodes.args[node]]
    wide = [s for s in shapes if s]
    if gate is VARIABLE:
        if not has_form(found, SIZES):
            _complain(nodes, node, where, f"has shape {found!r:.80}", "a shape is a tuple of sizes")
        return
    if gate.shape is not None:
        check_carried(gate, nodes.payloads[node], shapes, f"node {node}{where}")
        expected = gate.shape(nodes.payloads[node], shapes)
    else:
        expected = wide[0] if wide else ()
        if any(s != expected for s in wide):
            _complain(nodes, node, where, f"meets shapes {wide}", "broadcast operands explicitly")
    if found != expected:
        _complain(nodes, node, where, f"has shape {found}", f"its gate gives {expected}")


def check_interning(nodes: Nodes, where: str) -> None:
    """Check that no two nodes are equal, and that the index finds every node."""
    keys = list(zip(nodes.gates, nodes.args, nodes.payloads, strict=True))
    if _is_interned(nodes, keys):
        return
    first: dict[Any, int] = {}
    for node, key in enumerate(keys):
        if first.setdefault(key, node) != node:
            remedy = "equal nodes are one node; add nodes with `Nodes.add`"
            _complain(nodes, node, where, f"equals node {first[key]}", remedy)
    raise GraphError(f"the index of the table{where} is stale; add nodes with `Nodes.add`")


def _is_interned(nodes: Nodes, keys: list[tuple[Any, ...]]) -> bool:
    if nodes._index is None:
        return len(set(keys)) == len(keys)
    if sum(map(len, nodes._index.values())) != len(keys):
        return False
    return all(nodes.find(*key) == node for node, key in enumerate(keys))


# --- what a node may carry ---


def check_number(nodes: Nodes, node: int, payload: Any, count: int, where: str) -> None:
    """Check that a constant carries a SymPy number or truth value."""
    if not isinstance(payload, (*NUMBERS, *TRUTHS)):
        _complain(nodes, node, where, f"carries {payload!r}", "it carries a SymPy number")


def check_symbol(nodes: Nodes, node: int, payload: Any, count: int, where: str) -> None:
    """Check that a variable carries a commuting symbol, or a symbol that has a shape."""
    scalar = isinstance(payload, (Symbol, Indexed)) and payload.is_commutative
    if not (scalar or (getattr(payload, "is_symbol", False) and hasattr(payload, "shape"))):
        _complain(nodes, node, where, f"carries {payload!r}", "it carries a commuting symbol")


def check_whole(nodes: Nodes, node: int, payload: Any, count: int, where: str) -> None:
    """Check that a whole expression has one operand a symbol."""
    if not (isinstance(payload, opaque.Whole) and isinstance(payload.expr, Basic)):
        _complain(nodes, node, where, f"carries {payload!r}", "it carries an expression")
    if len(payload.symbols) != count or not all(isinstance(s, Basic) for s in payload.symbols):
        found = f"stands for {len(payload.symbols)} symbols with {count} operands"
        _complain(nodes, node, where, found, "it has one operand a symbol")


def check_unknown(nodes: Nodes, node: int, payload: Any, count: int, where: str) -> None:
    """Check that an undefined function has one order of derivation an operand."""
    if type(payload) is not opaque.Unknown or type(payload.function) is not UndefinedFunction:
        _complain(nodes, node, where, f"carries {payload!r}", "it carries an undefined function")
    orders = payload.orders
    if len(orders) != count or any(type(k) is not int or k < 0 for k in orders):
        found = f"has orders {orders} with {count} operands"
        _complain(nodes, node, where, found, "it has one order >= 0 an operand")


def check_call(nodes: Nodes, node: int, payload: Any, count: int, where: str) -> None:
    """Check that a call fits its region."""
    region, index = _region(nodes, node, payload, 2, where)
    _check_port(nodes, node, region, index, where)
    if region.nodes.shapes:
        _complain(nodes, node, where, f"calls {region!r}, of tensors", "that is a gate of its own")
    if count != len(region.inputs):
        found = f"calls `{region.name}` of {len(region.inputs)} inputs with {count} operands"
        _complain(nodes, node, where, found, "give one operand an input")


def check_scan(nodes: Nodes, node: int, payload: Any, count: int, where: str) -> None:
    """Check that a loop fits its region: carries first, then parameters."""
    region, index, length = _region(nodes, node, payload, 3, where)
    _check_port(nodes, node, region, index, where)
    if region.nodes.shapes:
        _complain(nodes, node, where, f"repeats {region!r}, of tensors", "that is another gate")
    if count != len(region.inputs) or len(region.outputs) > count:
        found = f"repeats {region!r} with {count} operands"
        _complain(nodes, node, where, found, "give one operand an input; every output is carried")
    if type(length) is not int or length < 0:
        _complain(nodes, node, where, f"has length {length!r}", "a length is an integer >= 0")


def check_tensors(nodes: Nodes, node: int, payload: Any, count: int, where: str) -> None:
    """Check that a call or loop over tensors fits its region."""
    gate = nodes.gates[node]
    check_owner(gate, payload, count, f"node {node} (`{gate.name}`){where}")


PAYLOADS: dict[Gate, Callable[[Nodes, int, Any, int, str], None]] = {
    CONSTANT: check_number,
    VARIABLE: check_symbol,
    opaque.WHOLE: check_whole,
    opaque.UNKNOWN: check_unknown,
    opaque.CALL: check_call,
    opaque.SCAN: check_scan,
    **dict.fromkeys(opaque.OF_TENSORS, check_tensors),
}


def _region(nodes: Nodes, node: int, payload: Any, size: int, where: str) -> Any:
    if type(payload) is tuple and len(payload) == size and isinstance(payload[0], Region):
        return payload
    _complain(nodes, node, where, f"carries {payload!r}", f"it carries a region in a {size}-tuple")


def _check_port(nodes: Nodes, node: int, region: Region, index: Any, where: str) -> None:
    if type(index) is not int or not 0 <= index < len(region.outputs):
        found = f"takes output {index!r} of {region!r}"
        _complain(nodes, node, where, found, "outputs are counted from 0")


def _arity(gate: Gate) -> str:
    least, most = gate.arity
    return f"it takes {least}" if least == most else f"it takes {least} to {most or 'any number'}"


def _complain(nodes: Nodes, node: int, where: str, found: str, remedy: str) -> NoReturn:
    raise GraphError(f"node {node} (`{nodes.gates[node].name}`){where} {found}; {remedy}")
