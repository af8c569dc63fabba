"""Graphs to JSON and back: everything a graph may hold, and files made to harm."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import sympy
from sympy import Dummy, Float, Function, Integer, Rational, S, Symbol
from sympy.core.function import ArgumentIndexError

import symgrad as sg
from symgrad.calculus import growth
from symgrad.dag.digraph import Graph
from symgrad.dag.express import write_all
from symgrad.dag.nodes import Nodes
from symgrad.dag.saved_heads import DEEPEST, HEADS
from symgrad.errors import GraphError, SymgradError
from symgrad.rules import opaque
from symgrad.rules.row import Gate
from symgrad.rules.table import GATES

x, y, t = sympy.symbols("x y t")
f = Function("f")
A = sympy.IndexedBase("A")
STEP = sg.block("step", [x, y], x * y + sympy.sin(x))
OUTER = sg.block("outer", [x, y], [STEP(x, STEP(y, x)), x - y])


def reloaded(graph: Graph) -> Graph:
    """Return the graph after a round trip, whose bytes must not change."""
    saved = graph.to_json()
    loaded = Graph.from_json(saved)

    assert saved == loaded.to_json()
    return loaded


# --- what can be held ---


def plain(gate: Gate) -> Graph:
    nodes = Nodes()
    count = max(gate.arity[0], 1)
    operands = tuple(nodes.variable(Symbol(f"a{i}")) for i in range(count))
    return Graph(nodes, [nodes.add(gate, operands)])


SPECIAL = {"const", "var", "whole", "unknown", "call", "scan"}
PLAIN = [gate for gate in GATES if gate.name not in SPECIAL]


@pytest.mark.parametrize("gate", PLAIN, ids=lambda gate: gate.name)
def test_every_row_of_the_table_is_saved(gate: Gate) -> None:
    loaded = reloaded(plain(gate))

    assert gate is loaded.nodes.gates[-1]


NUMBERS = [
    Integer(0),
    Integer(-(10**5000)),
    Integer(2**53 - 1),
    Integer(2**53),
    Rational(-1, 3),
    Rational(10**40 + 1, 10**39),
    S.Half,
    Float("0.1", 40),
    Float("-1e-400"),
    Float("1e4000"),
    Float(0.1),
    Float(0.0),
    S.Pi,
    S.Exp1,
    S.Infinity,
    S.NegativeInfinity,
    S.NaN,
    S.ImaginaryUnit,
    S.true,
    S.false,
    S.GoldenRatio,
    S.EulerGamma,
    S.Catalan,
]


@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
def test_numbers_come_back_exactly(number: Any) -> None:
    nodes = Nodes()
    loaded = reloaded(Graph(nodes, [nodes.number(number)]))
    found = loaded.nodes.payloads[0]

    assert type(number) is type(found)
    assert number == found or number is S.NaN
    assert getattr(number, "_prec", None) == getattr(found, "_prec", None)


def test_floats_of_equal_value_and_other_precision_stay_apart() -> None:
    nodes = Nodes()
    outputs = [nodes.number(Float("0.5", 15)), nodes.number(Float("0.5", 50))]
    loaded = reloaded(Graph(nodes, outputs))

    assert [53, 169] == [loaded.nodes.payloads[o]._prec for o in loaded.outputs]


FORMULAS: list[Any] = [
    "1/(1 + exp(-x)) + max(x, 0, y)",
    "q = x + y; r = x + y; f = q*z + r",
    "where(x > 0 and not y < 1 or x == 2, gamma(x), besselj(2, y))",
    x + Symbol("x", real=True) + Symbol("x", positive=True, integer=True),
    A[0] * A[1, y] + sympy.IndexedBase("A", real=True)[0],
    A[sympy.Idx("i", 5)],
    f(x, y) * f(x * y, 2) + Function("g", real=True)(x) + Function("h", nargs=(1, 2))(x),
    sympy.Derivative(f(x, y), x, (y, 2)),
    sympy.Derivative(f(x**2), x),
    sympy.Subs(sympy.Derivative(f(t), t), t, x**2),
    sympy.Integral(sympy.sin(x * t) * sympy.pi, (t, 0, x)),
    sympy.Integral(sympy.exp(t), t) + sympy.Sum(x**t, (t, 0, sympy.oo)),
    sympy.Product(x + t, (t, 1, 5)),
    sympy.Integral(sympy.Piecewise((x * t, (t < 1) & (x > 2)), (sympy.Max(t, x), True)), (t, 0, 2)),
    sympy.Integral(STEP(x, t), (t, 0, y)),
    sympy.Integral(sg.scan(STEP, [x], [t], length=3), (t, 0, y)),
    "Integral(sin(t*x) - t/x - (-t), (t, 0, x))",
    "Sum(hypot(t, x)*sigmoid(t), (t, 0, 3))",
    OUTER(x * 2, y)[0] + OUTER(x, x)[1],
    sg.scan(STEP, [x], [y], length=5),
    [x * y, x + y, x],
]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda e: str(e)[:40])
def test_graphs_are_saved(formula: Any) -> None:
    source = sg.graph(formula)
    loaded = reloaded(source)

    assert write_all(source.nodes, source.outputs) == write_all(loaded.nodes, loaded.outputs)
    assert source.names == loaded.names
    assert source.inputs == loaded.inputs


SMOOTH = [e for e in FORMULAS if "Subs" not in str(e) and "f(x**2)" not in str(e)]


@pytest.mark.parametrize("formula", SMOOTH, ids=lambda e: str(e)[:40])
def test_gradient_graphs_are_saved(formula: Any) -> None:
    source = sg.graph(formula)
    known = [n for n in source.input_nodes if not isinstance(source.labels[n], sympy.Indexed)]
    grown = growth.gradient(source, known)
    loaded = reloaded(grown)

    assert len(grown) == len(loaded)
    assert grown.outputs == loaded.outputs


def test_a_loaded_graph_derives_as_before() -> None:
    source = sg.graph(["q = x + y; f = q*z*sigmoid(q)"])
    loaded = reloaded(source)

    assert sg.grad(source) == sg.grad(loaded)
    assert sg.grad(source, "q") == sg.grad(loaded, "q")


def test_dummies_stay_different_and_keep_their_names() -> None:
    first, second = Dummy("u"), Dummy("u", real=True)
    loaded = reloaded(sg.graph(first * second + first))

    assert ["u", "u"] == [s.name for s in loaded.inputs]
    assert 2 == len(set(loaded.inputs))
    assert [None, True] == [s.is_real for s in loaded.inputs]


def test_a_dummy_inside_a_whole_expression_is_the_same_symbol() -> None:
    u = Dummy("u")
    loaded = reloaded(sg.graph(u * sympy.Integral(sympy.sin(u * t), (t, 0, 1))))

    assert 1 == len(loaded.inputs)


def test_shared_regions_stay_shared() -> None:
    loaded = reloaded(sg.graph(STEP(x, y) * STEP(y, x) + sg.scan(STEP, [x], [y], length=2)))
    owners = [p[0] for p in loaded.nodes.payloads if isinstance(p, tuple)]

    assert 3 == len(owners)
    assert 1 == len(set(map(id, owners)))


class bump(Function):  # noqa: N801
    """A function that no table holds."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> Any:
        if argindex != 1:
            raise ArgumentIndexError(self, argindex)
        return -2 * self.args[0] * self


def test_a_gate_of_ones_own_is_found_by_name() -> None:
    loaded = reloaded(sg.graph(bump(x) + sympy.Integral(bump(t * x), (t, 0, 1))))

    assert bump is next(g.head for g in loaded.nodes.gates if g.name == "bump")


def test_what_files_do_not_know_is_refused_when_saved() -> None:
    limit = sympy.Integral(sympy.Limit(sympy.sin(x * t) / t, t, 0), (x, 0, y))

    with pytest.raises(GraphError, match=r"`Limit` .* cannot be saved"):
        sg.graph(limit).to_json()


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    script = """
import sympy, symgrad as sg
x, y, t = sympy.symbols("x y t")
block = sg.block("b", [x, y], x*y + sympy.sin(x))
whole = sympy.Integral(sympy.Max(x, y, t)*(x + y)*sympy.Function("f")(x, t), (t, 0, x))
print(sg.graph([block(x, y), whole, "p = a*b; where(p > c and a < b, p, c)"]).to_json())
"""
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4321")
    }

    assert 1 == len(seen)


# --- files made to harm ---


def document() -> dict[str, Any]:
    saved = sg.graph(
        [STEP(x, y), f(x, 2), sympy.Integral(sympy.sin(t * x), (t, 0, y)), "p = a + b"]
    )
    found: dict[str, Any] = json.loads(saved.to_json())
    return found


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = value

    return change


def drop(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda found: found.pop(key)


def nodes_are(*rows: Any, terms: Any = ()) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        found.update(terms=list(terms), regions=[], nodes=list(rows), outputs=[0], names=[])

    return change


X = ["symbol", "x", []]
DOUBLED = [X, *(["Add", i, i] for i in range(64))]
CHAINED = [X, *(["sin", i] for i in range(20_000))]
CHANGES: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("version 2 of the format", put("version", value=2)),
    ("the format is 'symgrad.graph'", put("version", value="1")),
    ("the format is", put("version", value=True)),
    ("the format is 'other'", put("format", value="other")),
    *((f"has the keys format, version, {'terms'}", drop(key)) for key in document()),
    ("has the keys", put("more", value=1)),
    ("`terms` is a list", put("terms", value={})),
    ("`nodes` is a list", put("nodes", value=None)),
    ("`outputs` is a list", put("outputs", value=3)),
    ("`names` is a list", put("names", value="q")),
    ("`regions` is a list", put("regions", value=7)),
    ("no outputs", put("outputs", value=[])),
    ("is no node", put("outputs", value=[10**9])),
    ("is no node", put("outputs", value=[-1])),
    ("is no node", put("outputs", value=["0"])),
    ("is no node", put("outputs", value=[True])),
    ("is no node", put("names", value=[["q", 10**9]])),
    ("no text", put("names", value=[[1, 1]])),
    ("two nodes", put("names", value=[["q", 1], ["q", 2]])),
    ("malformed", put("names", value=[["q"]])),
    ("malformed", put("names", value=[[["q"], 1]])),
    ("a row is gate and operands", put("nodes", 0, value=[])),
    ("a row is gate and operands", put("nodes", 0, value="add")),
    ("the gate 'addd' is not known; did you mean", put("nodes", 0, value=["addd", []])),
    ("the gate 'Add' is not known", put("nodes", 0, value=["Add", []])),
    ("the gate '__class__' is not known", put("nodes", 0, value=["__class__", []])),
    ("the gate 'os.system' is not known", put("nodes", 0, value=["os.system", []])),
    ("the gate ['add'] is not known", put("nodes", 0, value=[["add"], []])),
    ("the gate None is not known", put("nodes", 0, value=[None, []])),
    ("operands are earlier nodes", put("nodes", 0, value=["neg", [0]])),
    ("operands are earlier nodes", put("nodes", 0, value=["neg", [1]])),
    ("operands are earlier nodes", put("nodes", 0, value=["neg", [-1]])),
    ("operands are earlier nodes", put("nodes", 0, value=["neg", [[]]])),
    ("`operands` is a list", put("nodes", 0, value=["neg", 0])),
    ("has 2 operands; it takes 1", nodes_are(["var", [], 0], ["neg", [0, 0]], terms=[X])),
    ("is there twice", nodes_are(["var", [], 0], ["var", [], 0], terms=[X])),
    ("is there twice", nodes_are(["var", [], 0], ["var", [], 1], terms=[X, X])),
    ("carries nothing", nodes_are(["var", [], 0], ["neg", [0], [1]], terms=[X])),
    ("carries None; it carries a commuting symbol", nodes_are(["var", []], terms=[X])),
    ("carries a SymPy number", nodes_are(["const", [], 0], terms=[X])),
    ("commuting symbol", nodes_are(["var", [], 0], terms=[["integer", 1]])),
    ("commuting", nodes_are(["var", [], 0], terms=[["symbol", "x", [["commutative", False]]]])),
    ("term 1 is not there", nodes_are(["var", [], 1], terms=[X])),
    ("term 'x' is not there", nodes_are(["var", [], "x"], terms=[X])),
    ("a row starts with its head", nodes_are(terms=["x"])),
    ("a row starts with its head", nodes_are(terms=[[1]])),
    ("no name of a symbol", nodes_are(terms=[["symbol", 1, []]])),
    ("no assumptions", nodes_are(terms=[["symbol", "x", [["friendly", True]]]])),
    ("no assumptions", nodes_are(terms=[["symbol", "x", [["real", 1]]]])),
    ("malformed", nodes_are(terms=[["symbol", "x", [["real", True], ["imaginary", True]]]])),
    ("malformed", nodes_are(terms=[["symbol"]])),
    ("is no integer", nodes_are(terms=[["integer", "12"]])),
    ("malformed", nodes_are(terms=[["integer", "0xzz"]])),
    ("is no integer", nodes_are(terms=[["integer", None]])),
    ("not positive", nodes_are(terms=[["rational", 1, 0]])),
    ("not positive", nodes_are(terms=[["rational", 1, -3]])),
    ("bits", nodes_are(terms=[["float", 1, 1, 10**12]])),
    ("bits", nodes_are(terms=[["float", 1, 1, 0]])),
    ("no constant", nodes_are(terms=[["constant", "exec"]])),
    ("no constant", nodes_are(terms=[["constant", ["pi"]]])),
    ("head `Lambda` is not known", nodes_are(terms=[X, ["Lambda", 0, 0]])),
    ("head `sympify` is not known", nodes_are(terms=[X, ["sympify", 0]])),
    ("head `Matrix` is not known", nodes_are(terms=[X, ["Matrix", 0]])),
    ("head `gate:nothing` is not known", nodes_are(terms=[X, ["gate:nothing", 0]])),
    ("head `gate:const` is not known", nodes_are(terms=[X, ["gate:const", 0]])),
    ("arguments are earlier terms", nodes_are(terms=[X, ["sin", 1]])),
    ("arguments are earlier terms", nodes_are(terms=[X, ["sin", -1]])),
    ("arguments are earlier terms", nodes_are(terms=[X, ["sin", "0"]])),
    ("does not take 2 arguments", nodes_are(terms=[X, ["sin", 0, 0]])),
    ("takes two arguments or more", nodes_are(terms=[X, ["Add", 0]])),
    ("takes two arguments", nodes_are(terms=[X, ["Pow", 0]])),
    ("is no argument of sin", nodes_are(terms=[X, ["Tuple", 0], ["sin", 1]])),
    ("is no argument of And", nodes_are(terms=[["integer", 1], ["And", 0, 0]])),
    ("marks a node of another form", nodes_are(terms=[X, ["Neg", 0, 0]])),
    ("malformed", nodes_are(terms=[X, ["Sub", 0, 0]])),
    ("is no limit", nodes_are(terms=[X, ["Tuple"], ["Integral", 0, 1]])),
    ("is no argument of Integral", nodes_are(terms=[X, ["Integral", 0, 0]])),
    ("malformed", nodes_are(terms=[X, ["Integral"]])),
    ("is no variable and order", nodes_are(terms=[X, ["Tuple", 0], ["Derivative", 0, 1]])),
    ("malformed", nodes_are(terms=[X, ["Subs", 0]])),
    ("is no argument of Indexed", nodes_are(terms=[X, ["Indexed", 0, 0]])),
    ("applies what is no function", nodes_are(terms=[X, ["apply", 0, 0]])),
    ("no function", nodes_are(terms=[["function", 1, [], []]])),
    ("is no argument of Call", nodes_are(terms=[X, ["Call", 0, 0]])),
    ("a block has a name", nodes_are(terms=[X, ["block", 1, [0], [0]]])),
    ("a block has a name", nodes_are(terms=[X, ["block", "b", [0], []]])),
    ("levels and", nodes_are(terms=DOUBLED)),
    ("levels and", nodes_are(terms=CHAINED)),
    ("has the keys name, inputs", put("regions", 0, value={})),
    ("has the keys name, inputs", put("regions", 0, value=[])),
    ("no name of a region", put("regions", 0, "name", value=1)),
    ("give different variables", put("regions", 0, "inputs", value=[0, 0])),
    ("of 1 inputs with 2 operands", put("regions", 0, "inputs", value=[0])),
    ("is no node", put("regions", 0, "outputs", value=[99])),
    ("`outputs` is a list", put("regions", 0, "outputs", value=None)),
]
GATES_HELD = [row[0] for row in document()["nodes"]]
CALL, WHOLE, UNKNOWN = (GATES_HELD.index(name) for name in ("call", "whole", "unknown"))
CHANGES += [
    ("region 5 is not there", put("nodes", CALL, 2, value=[5, 0])),
    ("region -1 is not there", put("nodes", CALL, 2, value=[-1, 0])),
    ("takes output 3", put("nodes", CALL, 2, value=[0, 3])),
    ("carries", put("nodes", CALL, 2, value=[0])),
    ("malformed", put("nodes", CALL, 2, value=[])),
    ("with 1 operands", put("nodes", CALL, 1, value=[0])),
    ("not all of its symbols are", put("nodes", WHOLE, 2, value=[0, 1])),
    ("`payload` is a list", put("nodes", WHOLE, 2, value=0)),
    ("has orders", put("nodes", UNKNOWN, 2, 1, value=-1)),
    ("`1.0` stands in the text", put("nodes", UNKNOWN, 2, 1, value=1.0)),
    ("has orders", put("nodes", UNKNOWN, 2, 1, value="1")),
    ("an undefined function", put("nodes", UNKNOWN, 2, 0, value=0)),
]


@pytest.mark.parametrize(("found", "change"), CHANGES, ids=[str(i) for i in range(len(CHANGES))])
def test_a_malformed_document_is_refused(found: str, change: Callable[[Any], Any]) -> None:
    harmful = document()
    change(harmful)

    with pytest.raises(GraphError) as caught:
        Graph.from_json(json.dumps(harmful))
    assert found in str(caught.value)


TEXTS: list[Any] = [
    "",
    " ",
    "[",
    "{}",
    "[]",
    "null",
    "x = 1",
    "__import__('os').system('true')",
    "[" * 1_000_000,
    '{"a":' * 200_000,
    "1" * 1_000_000,
    "[1e999]",
    "[NaN]",
    "[Infinity]",
    "\x00",
    '"\\ud800"',
    None,
    b"{}",
    17,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:20])
def test_a_text_that_is_no_graph_is_refused_at_once(text: Any) -> None:
    start = time.perf_counter()
    with pytest.raises(GraphError):
        Graph.from_json(text)

    assert time.perf_counter() - start < 2


def places(found: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value of a document."""
    below = found.items() if isinstance(found, dict) else enumerate(found)
    every = []
    for key, value in below:
        every.append((*path, key))
        if isinstance(value, dict | list):
            every += places(value, (*path, key))
    return every


JUNK = [None, True, -1, 0, 1, 2, 3, 10**30, "", "x", "0x5", "sin", "Add", "integer", [], [0], {}]
JUNK += [["symbol", "x", []], ["Integral", 0, 1], ["call", [0], [0, 0]], ["Tuple", 0], ["neg", [0]]]


def test_a_document_damaged_at_random_is_loaded_or_refused() -> None:
    chance, whole = random.Random(5), document()
    paths = places(whole)
    for _ in range(1_500):
        harmful = copy.deepcopy(whole)
        path = chance.choice(paths)
        put(*path, value=chance.choice(JUNK))(harmful)
        try:
            Graph.from_json(json.dumps(harmful)).to_json()
        except SymgradError as error:
            assert isinstance(error, GraphError), (path, error)


def test_a_term_as_deep_as_allowed_is_saved_and_loaded() -> None:
    levels = DEEPEST - 2
    source = sg.graph(f"Integral({'sin(' * levels}t{')' * levels}, (t, 0, x))")

    assert len(source) == len(reloaded(source))


def test_heads_are_classes_of_sympy_and_symgrad_alone() -> None:
    modules = {head.__module__.split(".")[0] for head in HEADS.values()}

    assert {"sympy", "symgrad"} == modules
    assert opaque.CALL.name not in HEADS
