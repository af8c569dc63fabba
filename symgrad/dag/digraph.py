"""The frozen graph: nodes, outputs and names, and its networkx view.

A `Graph` never changes; every pass gives a new one. It knows its variables in order of first
appearance, and resolves names, symbols and node numbers to nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sympy import Basic, Expr, S, Symbol
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from symgrad.dag import composites
from symgrad.dag.build import Builder
from symgrad.dag.express import Canonical
from symgrad.dag.network import network
from symgrad.dag.nodes import CONSTANT, VARIABLE, Nodes, reachable
from symgrad.dag.saved import load, save
from symgrad.dag.size_leaves import with_sizes
from symgrad.dag.template import TEMPLATES
from symgrad.dag.validate import validate
from symgrad.errors import UnknownNameError, UnknownPartialError, UnsupportedError
from symgrad.expr.numbers import as_expr
from symgrad.expr.reader import Parsed, parse
from symgrad.expr.region import has_axes
from symgrad.expr.symbols import label, resolve
from symgrad.registry import Shown

if TYPE_CHECKING:
    import networkx as nx

CONDITIONS = (Relational, BooleanAtom, BooleanFunction)


class Graph(Shown):
    """A frozen directed acyclic graph of gates.

    Parameters
    ----------
    nodes : Nodes
        The table; the graph takes it over, and nobody may grow it any more.
    outputs : sequence of int
        The nodes of the values.
    names : mapping of str to int, optional
        Names of nodes, from assignments; two names may share one node.

    Examples
    --------
    >>> g = graph("q = x + y; f = q*z")
    >>> g.inputs, g.names
    ((x, y, z), mappingproxy({'q': 2, 'f': 4}))
    >>> g.nx.edges[3, 4, 1]["partial"]
    q
    """

    def __init__(
        self, nodes: Nodes, outputs: Sequence[int], names: Mapping[str, int] | None = None
    ) -> None:
        self.nodes = nodes
        self.outputs = tuple(outputs)
        self.names: Mapping[str, int] = MappingProxyType(dict(names or {}))

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        inputs = ", ".join(map(str, self.inputs[:6])) + (", ..." if len(self.inputs) > 6 else "")
        return f"<Graph of {len(self)} nodes: ({inputs}) -> {len(self.outputs)} output(s)>"

    @cached_property
    def inputs(self) -> tuple[Expr, ...]:
        """The variables, in order of first appearance."""
        return tuple(self.nodes.payloads[i] for i in self.input_nodes)

    @cached_property
    def input_nodes(self) -> tuple[int, ...]:
        """The nodes of the variables, in order of first appearance."""
        return tuple(i for i, g in enumerate(self.nodes.gates) if g is VARIABLE)

    @cached_property
    def labels(self) -> tuple[Expr, ...]:
        """What each node is called: its number, its symbol, its name, or `v<node>`."""
        taken = {str(s) for s in self.inputs} | set(self.names)
        found: list[Any] = [None] * len(self)
        for name, node in reversed(list(self.names.items())):
            found[node] = Symbol(name)
        for node, gate in enumerate(self.nodes.gates):
            if gate is CONSTANT or gate is VARIABLE:
                found[node] = self.nodes.payloads[node]
            elif found[node] is None:
                name = f"v{node}"
                while name in taken:
                    name += "_"
                found[node] = Symbol(name)
        return tuple(found)

    def node(self, key: Any) -> int | None:
        """Return the node that a name, a symbol or a number stands for.

        Parameters
        ----------
        key : str, Symbol or int
            A name of a node or variable, a SymPy symbol, or a node's number.

        Returns
        -------
        int or None
            The node; None for a SymPy symbol that the graph does not hold.

        Raises
        ------
        UnknownNameError
            If a string or number names no node; the message has the nearest names.
        """
        if isinstance(key, int) and not isinstance(key, bool):
            if not 0 <= key < len(self):
                raise UnknownNameError(f"node {key} is asked for; nodes are 0 to {len(self) - 1}")
            return key
        return self.find(self.key(key))

    def key(self, wanted: Any) -> Any:
        """Return what names a node in this graph and all that grow from it: a name or a symbol.

        Raises
        ------
        UnknownNameError
            If a string names no node; the message has the nearest names.
        """
        if isinstance(wanted, Basic) and wanted in self._positions:
            return wanted
        if not isinstance(wanted, (str, Basic)):
            raise UnsupportedError(
                f"a name or a SymPy symbol is needed here, not {type(wanted).__name__}"
            )
        if isinstance(wanted, str) and wanted in self.names:
            return wanted
        if (
            isinstance(wanted, Symbol)
            and wanted not in self._positions
            and wanted.name in self.names
        ):
            return wanted.name
        if isinstance(wanted, str) and len(self._labelled.get(wanted, ())) == 1:
            return self._labelled[wanted][0]
        return resolve(wanted, self.inputs, names=self.names)

    def find(self, key: Any) -> int | None:
        """Return the node of a key, or None where nothing depends on it."""
        return self.names.get(key) if isinstance(key, str) else self._positions.get(key)

    @cached_property
    def _labelled(self) -> dict[str, list[Expr]]:
        groups: dict[str, list[Expr]] = {}
        for symbol in self.inputs:
            groups.setdefault(label(symbol), []).append(symbol)
        return groups

    @cached_property
    def _positions(self) -> dict[Expr, int]:
        return dict(zip(self.inputs, self.input_nodes, strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return Graph.from_json, (self.to_json(),)

    def validate(self) -> Graph:
        """Check every invariant, and return the graph itself.

        Raises
        ------
        GraphError
            If one is broken; the message names the node, what was found and what to do.
        """
        validate(self.nodes, self.outputs, self.names)
        return self

    def to_json(self) -> str:
        """Return the graph as JSON, with a schema version; `from_json` gives it back.

        Raises
        ------
        GraphError
            If a node carries what files do not know.

        Examples
        --------
        >>> saved = graph("q = x + y; f = q*z").to_json()
        >>> Graph.from_json(saved).to_json() == saved
        True
        """
        return save(self.nodes, self.outputs, self.names)

    @classmethod
    def from_json(cls, text: str) -> Graph:
        """Return a saved graph; nothing in the text is evaluated.

        Raises
        ------
        GraphError
            If the text is no saved graph, of another version, or holds an unknown gate.
        """
        return cls(*load(text))

    def collapse(self, only: str | Iterable[str] | None = None) -> Graph:
        """Return the graph with each spelled composite as one gate, the numerically safe one.

        Parameters
        ----------
        only : str or iterable of str, optional
            The composites to recognise, such as `"sigmoid"`; default: all.

        Raises
        ------
        UnknownNameError
            If `only` names no composite.

        Examples
        --------
        >>> graph("1/(1 + exp(-x))").collapse()
        <Graph of 2 nodes: (x) -> 1 output(s)>
        """
        return Graph(*composites.collapse(self.nodes, self.outputs, self.names, only))

    def expand(self, only: str | Iterable[str] | None = None) -> Graph:
        """Return the graph with each composite gate spelled by its definition.

        Parameters
        ----------
        only : str or iterable of str, optional
            The composites to expand; default: all.

        Raises
        ------
        UnknownNameError
            If `only` names no composite.
        """
        return Graph(*composites.expand(self.nodes, self.outputs, self.names, only))

    def partial(self, node: int, position: int, *, kinks: str = "min_norm") -> Expr:
        """Return ∂node/∂operand in the names of the neighbouring nodes.

        Parameters
        ----------
        node : int
            The node of the gate.
        position : int
            Which operand, counted from 0.
        kinks : str
            The policy where the gate has no derivative.

        Raises
        ------
        UnknownNameError
            If there is no such node or operand.
        UnknownPartialError
            If neither the table nor SymPy knows it, or if the gate is one of tensors, whose
            derivative is a map and no factor; between gates of scalars that act on tensors entry
            by entry, the partial is that of each entry.
        """
        count = len(self.nodes.args[node]) if 0 <= node < len(self) else 0
        if not 0 <= position < count:
            raise UnknownNameError(
                f"operand {position} of node {node} is asked for; the graph has nodes 0 to "
                f"{len(self) - 1}, and this one has {count} operands"
            )
        if self.nodes.gates[node].shape is not None:
            raise UnknownPartialError(
                f"node {node} is `{self.nodes.gates[node].name}` of tensors, whose derivative by "
                f"operand {position} is a linear map and no factor; ask `sg.jacobian` for all of "
                "it, or `sg.vjp` and `sg.jvp` for what it does to a cotangent or tangent"
            )
        template = TEMPLATES.of(self.nodes, node, position, kinks)
        if template is None:
            return S.Zero
        operands = [self._entry(a) for a in self.nodes.args[node]]
        value = template(Canonical(), operands, self._entry(node), S.One)
        return value if template.sign > 0 else -value

    def _entry(self, node: int) -> Any:
        """Return the label of a node; of a variable with axes, the symbol of one entry."""
        called = self.labels[node]
        return Symbol(called.name) if has_axes(called) else called

    @cached_property
    def nx(self) -> nx.MultiDiGraph[int]:
        """The frozen networkx graph: key = argument position, `partial` on the edge.

        Node attributes: `gate`, `name`, `label`, `role`, `shape`, a tuple of sizes, and `value`,
        what leaves and gates of tensors carry. An edge into a gate of tensors has no partial: None.
        """
        return network(self.nodes, self.labels, self.names, self.partial)


def compact(
    nodes: Nodes, outputs: Sequence[int], names: Mapping[str, int] | None = None
) -> tuple[Nodes, list[int], dict[str, int]]:
    """Drop what no output needs; keep order, hence topology."""
    mask = reachable(nodes, outputs)
    if all(mask):
        return nodes, list(outputs), dict(names or {})
    kept, moved = nodes.kept(mask)
    alive = {name: moved[n] for name, n in (names or {}).items() if mask[n]}
    return kept, [moved[o] for o in outputs], alive


def graph(f: Any) -> Graph:
    """Build the graph of a formula.

    Parameters
    ----------
    f : str, Expr, Parsed, Graph, or a list, tuple or dict of them
        Text for the reader, a SymPy expression, or several outputs; a dict names its outputs.

    Returns
    -------
    Graph
        Frozen, interned, in topological order; only what an output needs.

    Raises
    ------
    ParseError
        If text cannot be read.
    UnsupportedError
        If an expression is not a scalar, or of a kind that has no gate.

    Notes
    -----
    Linear in the size of the expression; nothing is evaluated and nothing recurses.

    Examples
    --------
    >>> graph("(x + y)*z")
    <Graph of 5 nodes: (x, y, z) -> 1 output(s)>
    """
    if isinstance(f, Graph):
        return f
    nodes = Nodes()
    builder = Builder(nodes)
    outputs: list[int] = []
    names: dict[str, int] = {}
    for root, inner in _roots(f):
        made, named = _planted(builder, root, inner)
        outputs += made
        for name, node in named:
            if names.setdefault(name, node) != node:
                raise UnsupportedError(f"the name `{name}` stands for two different things")
    if nodes.shapes:
        return Graph(*compact(*with_sizes(nodes, outputs, names)))
    return Graph(*compact(nodes, outputs, names))


def _planted(
    builder: Builder, root: Any, inner: Mapping[str, Any]
) -> tuple[list[int], list[tuple[str, int]]]:
    """Return the nodes of an output, or of a graph's outputs, and of the names that they bring."""
    if not isinstance(root, Graph):
        node = builder.build(root)
        return [node], [(name, builder.build(expr)) for name, expr in inner.items()]
    source = root.nodes
    moved: list[int] = []
    for node, (gate, args) in enumerate(zip(source.gates, source.args, strict=True)):
        payload = source.payloads[node]
        moved.append(builder.nodes.add(gate, tuple([moved[a] for a in args]), payload))
        if gate is VARIABLE and node in source.shapes:
            builder.nodes.shapes[moved[node]] = source.shapes[node]
    outputs = [moved[o] for o in root.outputs]
    named = [(name, moved[node]) for name, node in root.names.items()]
    return outputs, named + [(name, outputs[0]) for name in inner]


def _roots(f: Any) -> Iterable[tuple[Any, Mapping[str, Any]]]:
    """Yield each output, an expression or a graph, with the names that it brings."""
    if isinstance(f, str):
        f = parse(f)
    if isinstance(f, Graph):
        yield f, {}
    elif isinstance(f, Parsed):
        yield f.expr, f.names
    elif isinstance(f, Mapping):
        for name, value in f.items():
            for root, inner in _roots(value):
                yield root, {**inner, str(name): root}
    elif isinstance(f, (list, tuple)):
        if not f:
            raise UnsupportedError("an empty list has no outputs; give at least one expression")
        for item in f:
            yield from _roots(item)
    elif isinstance(f, CONDITIONS):
        raise UnsupportedError(
            f"a condition (`{str(f)[:80]}`) stands where a number is wanted; write "
            "`where(condition, 1, 0)` for 1 where it holds and 0 elsewhere"
        )
    else:
        yield as_expr(f), {}
