"""What the validator must see: one broken invariant a row."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import sympy
from sympy import Function, Integer, Symbol

import symgrad as sg
from symgrad.dag.nodes import ADD, CONSTANT, MUL, NEG, VARIABLE, Nodes
from symgrad.dag.regions import Region
from symgrad.dag.validate import validate
from symgrad.errors import GraphError
from symgrad.rules import opaque

x, y = sympy.symbols("x y")


def table() -> Nodes:
    """Return the nodes of x, y, x + y, x*(x + y)."""
    nodes = Nodes()
    a, b = nodes.variable(x), nodes.variable(y)
    nodes.add(MUL, (a, nodes.add(ADD, (a, b))))
    return nodes


def region(*, outputs: tuple[int, ...] = (3,), inputs: tuple[int, ...] = (0, 1)) -> Region:
    return Region("body", table(), inputs, outputs)


def call(made: Region, *payload: object, gate: object = opaque.CALL, count: int = 2) -> Nodes:
    nodes = Nodes()
    args = [nodes.variable(x), nodes.variable(y)][:count]
    nodes.add(gate, tuple(args), (made, *payload))  # type: ignore[arg-type]
    return nodes


def changed(what: str, node: int, value: object) -> Callable[[], Nodes]:
    def make() -> Nodes:
        nodes = table()
        getattr(nodes, what)[node] = value
        nodes._index = None
        return nodes

    return make


def grown(gate: object, args: tuple[int, ...], payload: object = None) -> Callable[[], Nodes]:
    def make() -> Nodes:
        nodes = table()
        nodes.constant.append(0)
        nodes.gates.append(gate)  # type: ignore[arg-type]
        nodes.args.append(args)
        nodes.payloads.append(payload)
        nodes._index = None
        return nodes

    return make


def stale() -> Nodes:
    nodes = table()
    nodes._index = {}
    return nodes


def cyclic() -> Nodes:
    inner = region()
    inner.nodes.add(opaque.CALL, (0, 1), (inner, 0))
    return call(inner, 0)


def open_region() -> Nodes:
    return call(region(inputs=(0,)), 0, count=1)


BROKEN: list[tuple[str, Callable[[], Nodes]]] = [
    ("node 2 (`add`) has operand 2; operands are earlier nodes", changed("args", 2, (0, 2))),
    ("has operand 7", changed("args", 2, (0, 7))),
    ("has operand -1", changed("args", 2, (0, -1))),
    ("has operand True", changed("args", 2, (0, True))),
    ("node 2 (`add`) has 1 operands; it takes 2", changed("args", 2, (0,))),
    ("node 0 (`var`) has 1 operands", changed("args", 0, (0,))),
    ("has 'add' for a gate", changed("gates", 2, "add")),
    ("is marked constant", changed("constant", 2, 1)),
    ("is marked variable", grown(CONSTANT, (), Integer(2))),
    ("carries 2; it carries nothing", changed("payloads", 2, Integer(2))),
    ("carries 1.5; it carries a SymPy number", changed("gates", 0, CONSTANT)),
    ("node 4 (`add`) equals node 2", grown(ADD, (0, 1))),
    ("node 4 (`var`) equals node 0", grown(VARIABLE, (), x)),
    ("carries 'z'; it carries a commuting symbol", grown(VARIABLE, (), "z")),
    ("commuting symbol", grown(VARIABLE, (), Symbol("z", commutative=False))),
    ("it carries an expression", grown(opaque.WHOLE, (0,), x)),
    ("one operand a symbol", grown(opaque.WHOLE, (0,), opaque.Whole(x, (x, y)))),
    ("an undefined function", grown(opaque.UNKNOWN, (0,), "f")),
    ("has orders (1, 0)", grown(opaque.UNKNOWN, (0,), opaque.Unknown(Function("f"), (1, 0)))),
    ("index of the table is stale", stale),
    ("carries a region", grown(opaque.CALL, (0, 1), None)),
    ("takes output 1 of", lambda: call(region(), 1)),
    ("takes output True of", lambda: call(region(), True)),
    ("of 2 inputs with 1 operands", lambda: call(region(), 0, count=1)),
    ("has length -1", lambda: call(region(), 0, -1, gate=opaque.SCAN)),
    ("every output is carried", lambda: call(region(outputs=(1, 2, 3)), 0, 3, gate=opaque.SCAN)),
    ("inside itself", cyclic),
    ("`y` of region `body` is no input", open_region),
    ("output 9 of region `body` is no node", lambda: call(region(outputs=(9,)), 0)),
    ("give different variables", lambda: call(region(inputs=(0, 0)), 0)),
    ("give different variables", lambda: call(region(inputs=(0, 2)), 0)),
]


@pytest.mark.parametrize(("found", "make"), BROKEN, ids=[found for found, _ in BROKEN])
def test_a_broken_invariant_is_named(found: str, make: Callable[[], Nodes]) -> None:
    nodes = make()
    if "1.5" in found:
        nodes.payloads[0], nodes.constant[0] = 1.5, 1

    with pytest.raises(GraphError) as caught:
        validate(nodes, [len(nodes) - 1], {})
    assert found in str(caught.value)


@pytest.mark.parametrize(
    ("found", "outputs", "names"),
    [
        ("output 4 is no node; nodes are 0 to 3", [4], {}),
        ("no outputs", [], {}),
        ("name `q` -1 is no node", [3], {"q": -1}),
        ("the name 1 is no text", [3], {1: 1}),
    ],
)
def test_a_port_that_is_no_node_is_named(
    found: str, outputs: list[int], names: dict[str, int]
) -> None:
    with pytest.raises(GraphError) as caught:
        validate(table(), outputs, names)
    assert found in str(caught.value)


def test_lists_of_different_length_are_seen() -> None:
    nodes = table()
    nodes.args.pop()

    with pytest.raises(GraphError, match="differ in length"):
        validate(nodes, [0], {})


def test_a_good_graph_is_returned() -> None:
    g = sg.graph("q = x + y; f = q*sin(z) + max(x, 0)")

    assert g is g.validate()


def test_regions_are_checked_once_each() -> None:
    block = sg.block("step", ["x"], x + 1)
    total = x
    for _ in range(60):
        block = sg.block("step", ["x"], block(block(x)))
        total = block(total)

    assert sg.graph(total).validate()


def test_validation_takes_time_linear_in_nodes() -> None:
    nodes = Nodes()
    node = nodes.variable(x)
    for k in range(100_000):
        node = nodes.add(MUL, (nodes.add(NEG, (node,)), nodes.number(Integer(k))))
    start = time.perf_counter()
    validate(nodes, [node], {})
    spent = time.perf_counter() - start

    assert spent < 5  # 300,000 nodes take about 0.5 s on a quiet machine
