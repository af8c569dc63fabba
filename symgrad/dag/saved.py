"""Graphs as JSON, and back: a schema version, terms, regions, nodes, outputs and names.

Loading evaluates nothing, looks nothing up by a name from the file but listed heads and registered
gates, and ends in `validate`. A loaded graph is saved to the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from sympy import Basic, Function

from symgrad.dag.carried import SIZES, check_carried, check_form, has_form
from symgrad.dag.nodes import CONSTANT, VARIABLE, Nodes
from symgrad.dag.opened import extended
from symgrad.dag.owners import check_owner
from symgrad.dag.regions import Region, nested
from symgrad.dag.saved_heads import HEADS, dump
from symgrad.dag.saved_read import TermReader
from symgrad.dag.saved_write import TermWriter
from symgrad.dag.validate import check_ports, check_region, validate
from symgrad.errors import GraphError, hint
from symgrad.expr.dims import squeezed
from symgrad.expr.tensor_params import frozen, plain
from symgrad.expr.tensors import AnyTensor
from symgrad.rules import opaque
from symgrad.rules.row import Gate
from symgrad.rules.table import GATES

FORMAT, VERSION = "symgrad.graph", 1
KEYS = ("format", "version", "terms", "regions", "nodes", "outputs", "names")
REGION_KEYS = ("name", "inputs", "outputs", "nodes")
TENSOR_KEYS = (*REGION_KEYS, "sizes")  # of a region with sizes
EXTENDED_KEYS = ("name", "extends", "outputs")  # of one with the table of an earlier region

Parts = tuple[Nodes, list[int], dict[str, int]]


# --- saving ---


def save(nodes: Nodes, outputs: Sequence[int], names: Mapping[str, int]) -> str:
    """Return a graph as JSON, one node a line.

    Raises
    ------
    GraphError
        If a node carries what files do not know, or its gate is not in the table.
    """
    writer = _Writer()
    for region in nested(nodes):
        writer.region(region)
    rows = writer.nodes(nodes)
    parts = {
        "format": dump(FORMAT),
        "version": dump(VERSION),
        "terms": lines(writer.terms.lines),
        "regions": lines(list(map(dump, writer.regions))),
        "nodes": lines(list(map(dump, rows))),
        "outputs": dump(list(outputs)),
        "names": lines([dump(pair) for pair in names.items()]),
    }
    return written(parts)


def written(parts: Mapping[str, str]) -> str:
    """Return an object of JSON whose values are JSON already."""
    return "{\n" + ",\n".join(f'"{key}": {value}' for key, value in parts.items()) + "\n}\n"


def lines(rows: Sequence[str]) -> str:
    """Return a list of JSON, a row a line."""
    return "[\n" + ",\n".join(rows) + "\n]" if rows else "[]"


class _Writer:
    """Number terms and regions while tables are written."""

    def __init__(self) -> None:
        self.terms = TermWriter()
        self.regions: list[dict[str, Any]] = []
        self._places: dict[int, int] = {}

    def region(self, region: Region) -> int:
        """Write a region whose inner regions are written, if it is new; return where it stands."""
        place = self._places.get(id(region))
        if place is not None:
            return place
        if region.extends is not None:
            base = self.region(region.extends)
            row = dict(zip(EXTENDED_KEYS, (region.name, base, list(region.outputs)), strict=True))
        else:
            rows = self.nodes(region.nodes)
            values = (region.name, list(region.inputs), list(region.outputs), rows)
            row = dict(zip(REGION_KEYS, values, strict=True))
            if region.sizes:
                row["sizes"] = self.terms.add(frozen(region.sizes))
        self.regions.append(row)
        self._places[id(region)] = len(self.regions) - 1
        return self._places[id(region)]

    def nodes(self, nodes: Nodes) -> list[list[Any]]:
        """Return the rows of a table: gate, operands, and what the node carries."""
        rows: list[list[Any]] = []
        for gate, args, payload in zip(nodes.gates, nodes.args, nodes.payloads, strict=True):
            row: list[Any] = [name_of(gate), list(args)]
            rows.append(row if payload is None else [*row, self._payload(gate, payload)])
        for node, shape in nodes.shapes.items():
            if nodes.gates[node] is VARIABLE and shape != shape_in_graph(nodes.payloads[node]):
                rows[node][2] = [rows[node][2], self.terms.add(frozen(shape))]
        return rows

    def _payload(self, gate: Gate, payload: Any) -> Any:
        if gate in opaque.OWNERS:
            region, *rest = payload
            return [self.region(region), *self._bound(rest)]
        return write_payload(gate, payload, self.terms.add)

    def _bound(self, rest: list[Any]) -> list[Any]:
        """Return what stands behind the region: numbers as they are, sizes as terms."""
        if isinstance(rest[-1], opaque.ScanForm):
            form = rest.pop()
            rest += [form.carries, form.streams, form.backward, (form.length, *form.sizes)]
        return [self.terms.add(frozen(r)) if isinstance(r, tuple) else r for r in rest]


def name_of(gate: Gate) -> str:
    """Return the name by which a gate is saved.

    Raises
    ------
    GraphError
        If the table does not hold the gate.
    """
    if GATES.named(gate.name) is not gate:
        raise GraphError(f"the gate `{gate.name}` is not in the table; register it first")
    return gate.name


def write_payload(gate: Gate, payload: Any, term: Callable[[Any], int]) -> Any:
    """Return what a node carries, regions excepted, for JSON; `term` gives an expression's row."""
    if gate is opaque.WHOLE:
        return [term(payload.expr), *map(term, payload.symbols)]
    if gate is opaque.UNKNOWN:
        return [term(payload.function), *payload.orders]
    if gate.shape is None:
        return term(payload)
    check_form(gate, payload)  # so that what is saved can be loaded
    return [term(frozen(payload))]


# --- loading ---


def load(text: str) -> Parts:
    """Return the nodes, outputs and names of a saved graph.

    Raises
    ------
    GraphError
        If the text is no saved graph, of another version, malformed, or holds an unknown gate.
    """
    document = read_document(text, "graph", FORMAT, VERSION, KEYS)
    try:
        return _loaded(document)
    except GraphError:
        raise
    except Exception as error:  # SymPy refuses malformed arguments by errors of any kind
        raise GraphError(f"the saved graph is malformed: {error!s:.200}") from error


def read_document(
    text: str, what: str, name: str, version: int, keys: Sequence[str]
) -> dict[str, Any]:
    """Return what a file holds: an object of JSON with the keys, name and version of a format.

    Raises
    ------
    GraphError
        If it holds anything else; `what` says what it should be.
    """
    if not isinstance(text, str):
        raise GraphError(f"a saved {what} is text, not {type(text).__name__}")
    try:
        found = json.loads(text, parse_float=_no_float, parse_constant=_no_float)
    except GraphError:
        raise
    except RecursionError:
        raise GraphError(f"the text is nested too deep for a saved {what}") from None
    except ValueError as error:
        raise GraphError(f"the text is no JSON: {error!s:.200}") from error
    document = checked(found, keys, f"a saved {what}")
    if document["format"] != name or type(document["version"]) is not int:
        raise GraphError(f"the format is {document['format']!r:.80}, not `{name}`")
    if document["version"] != version:
        raise GraphError(
            f"the {what} was saved in version {document['version']!r:.80} of the format; "
            f"this symgrad reads version {version}"
        )
    return document


def _no_float(text: str) -> NoReturn:
    raise GraphError(f"`{text:.80}` stands in the text; a saved graph holds integers alone")


def checked(found: Any, keys: Sequence[str], what: str) -> dict[str, Any]:
    """Return an object that has exactly these keys."""
    if not isinstance(found, dict) or found.keys() != set(keys):
        held = ", ".join(map(str, found))[:200] if isinstance(found, dict) else f"{found!r:.80}"
        raise GraphError(f"{what} has the keys {', '.join(keys)}; found {held or 'none'}")
    return found


def _loaded(document: dict[str, Any]) -> Parts:
    reader = _Reader(listed(document["terms"], "terms"))
    for saved in listed(document["regions"], "regions"):
        reader.region(saved)
    nodes = reader.nodes(document["nodes"], "")
    names: dict[str, int] = {}
    for name, node in listed(document["names"], "names"):
        if names.setdefault(name, node) != node:
            raise GraphError(f"the name `{name}` stands for two nodes")
    outputs = listed(document["outputs"], "outputs")
    validate(nodes, outputs, names)
    return nodes, outputs, names


def listed(value: Any, what: str) -> list[Any]:
    """Return a list that is one."""
    if type(value) is not list:
        raise GraphError(f"`{what}` is a list, not {value!r:.80}")
    return value


class _Reader:
    """Make tables and regions of rows; the terms are made first."""

    def __init__(self, rows: list[Any]) -> None:
        reader = TermReader()
        for row in rows:
            reader.add(row)
        self._terms = reader.terms
        self._regions: list[Region] = []

    def region(self, saved: Any) -> None:
        """Make a region whose inner regions are made."""
        if isinstance(saved, dict) and "extends" in saved:
            self._regions.append(self._extended(saved))
            return
        keys = TENSOR_KEYS if isinstance(saved, dict) and "sizes" in saved else REGION_KEYS
        parts = checked(saved, keys, "a region")
        name, inputs, outputs, rows = (parts[key] for key in REGION_KEYS)
        if type(name) is not str:
            raise GraphError(f"{name!r:.80} is no name of a region")
        nodes = self.nodes(rows, f" of region `{name:.80}`")
        ports = tuple(listed(inputs, "inputs")), tuple(listed(outputs, "outputs"))
        sizes = plain(self._term(parts["sizes"])) if "sizes" in parts else ()
        region = Region(name, nodes, *ports, sizes)
        if nodes.shapes or sizes:  # what calls it asks for its shapes
            check_region(region)
        self._regions.append(region)

    def _extended(self, saved: Any) -> Region:
        """Make a region that has the table of an earlier one."""
        parts = checked(saved, EXTENDED_KEYS, "a region")
        base, outputs = self._region(parts["extends"]), listed(parts["outputs"], "outputs")
        check_ports(outputs, "output", len(base.nodes), f" of region `{base.name:.80}`")
        count = len(base.outputs)
        if parts["name"] != base.name or tuple(outputs[:count]) != base.outputs:
            raise GraphError(f"region `{base.name:.80}` is extended by one that begins otherwise")
        return extended(base, tuple(outputs[count:]))

    def _region(self, place: Any) -> Region:
        if type(place) is not int or not 0 <= place < len(self._regions):
            raise GraphError(f"region {place!r:.80} is not there; regions inside come first")
        return self._regions[place]

    def nodes(self, rows: Any, where: str) -> Nodes:
        """Make a table."""
        nodes = Nodes()
        for number, row in enumerate(listed(rows, "nodes")):
            if type(row) is not list or not 2 <= len(row) <= 3:
                raise GraphError(f"node {number}{where} is {row!r:.80}; a row is gate and operands")
            gate = gate_named(row[0])
            args = tuple(listed(row[1], "operands"))
            if any(type(a) is not int or not 0 <= a < number for a in args):
                found = f"node {number} (`{gate.name}`){where} has operands {row[1]!r:.80}"
                raise GraphError(f"{found}; operands are earlier nodes")
            if gate is VARIABLE and len(row) == 3:
                made = nodes.variable(*self._variable(row[2]))
            else:
                payload = self._payload(gate, row[2]) if len(row) == 3 else None
                if gate in opaque.OF_TENSORS:
                    check_owner(gate, payload, len(args), f"node {number}{where}")
                elif gate.shape is not None:
                    shapes = [nodes.shapes.get(a, ()) for a in args]
                    check_carried(gate, payload, shapes, f"node {number}{where}")
                made = nodes.add(gate, args, payload)
            if made != number:
                raise GraphError(f"node {number} (`{gate.name}`){where} is there twice; keep one")
        return nodes

    def _variable(self, saved: Any) -> tuple[Any, tuple[Any, ...]]:
        """Return a variable and its shape: its own, or one that stands beside it."""
        if type(saved) is not list:
            symbol = self._term(saved)
            return symbol, shape_in_graph(symbol)
        if len(saved) != 2:
            raise GraphError(f"a variable is a term, or a term and a shape, not {saved!r:.80}")
        shape = plain(self._term(saved[1]))
        if not has_form(shape, SIZES):
            raise GraphError(f"`{shape!s:.80}` is no shape of a variable; it is a tuple of sizes")
        return self._term(saved[0]), shape

    def _payload(self, gate: Gate, saved: Any) -> Any:
        if gate is CONSTANT:
            return self._term(saved)
        if gate not in opaque.OWNERS:
            return read_payload(gate, saved, self._term)
        first, *rest = listed(saved, "payload")
        region = self._region(first)
        if gate not in opaque.OF_TENSORS:
            return (region, *rest)
        if len(rest) != (2 if gate is opaque.TENSOR_CALL else 5):
            raise GraphError(
                f"a node of gate `{gate.name}` carries {saved!r:.80}; parts are missing"
            )
        *counts, sizes = (*rest[:-1], plain(self._term(rest[-1])))
        if type(sizes) is not tuple:
            raise GraphError(f"`{sizes!s:.80}` is no tuple of sizes")
        if gate is opaque.TENSOR_CALL:
            return (region, *counts, sizes)
        index, carries, streams, backward = counts
        length = sizes[0] if sizes else None
        return (region, index, opaque.ScanForm(length, carries, streams, backward, sizes[1:]))

    def _term(self, number: Any) -> Any:
        if type(number) is not int or not 0 <= number < len(self._terms):
            raise GraphError(f"term {number!r:.80} is not there; terms are 0 to {len(self._terms)}")
        return self._terms[number]


def read_payload(gate: Gate, saved: Any, term: Callable[[Any], Any]) -> Any:
    """Return what a node carries, regions excepted; `term` gives the expression of a row.

    Raises
    ------
    GraphError
        If a node of this gate carries nothing, or something else.
    """
    first, *rest = listed(saved, "payload")
    if gate is opaque.UNKNOWN:
        return opaque.Unknown(term(first), tuple(rest))
    if gate.shape is not None and not rest:
        return plain(term(first))
    if gate is not opaque.WHOLE:
        raise GraphError(f"a node of gate `{gate.name}` carries nothing, not {saved!r:.80}")
    expr, symbols = term(first), tuple(map(term, rest))
    if not isinstance(expr, Basic) or not expr.free_symbols <= set(symbols):
        raise GraphError(f"`{expr!s:.80}` is carried whole, but not all of its symbols are")
    return opaque.Whole(expr, symbols)


def shape_in_graph(symbol: Any) -> tuple[Any, ...]:
    """Return the shape of a variable's node: a matrix has no axes of length 1 there."""
    if getattr(symbol, "is_Matrix", False):
        return squeezed(symbol.shape)
    return tuple(symbol.shape) if isinstance(symbol, AnyTensor) else ()


def gate_named(name: Any) -> Gate:
    """Return the gate of a name: a row of the table, or a SymPy function that has none yet."""
    found = GATES.named(name) if type(name) is str else None
    if found is None and type(name) is str:
        head = HEADS.get(name)
        met = GATES.of_head(head) if head is not None and issubclass(head, Function) else None
        found = met if met is not None and met.name == name else None
    if found is None:
        near = hint(name, [g.name for g in GATES]) if type(name) is str else ""
        remedy = f"{near or '.'} Register it with `sg.gate` before loading."
        raise GraphError(f"the gate {name!r:.80} is not known{remedy}")
    return found
