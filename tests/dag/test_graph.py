"""The graph that a user sees: its networkx view, names, sharing, and what each tree becomes."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
import sympy
from sympy import Function, Symbol

import symgrad as sg
from symgrad.dag.digraph import Graph
from symgrad.dag.express import write_all
from symgrad.dag.nodes import CONSTANT
from symgrad.errors import AmbiguousNameError, ParseError, UnknownNameError, UnsupportedError

x, y, z, w = sympy.symbols("x y z w")

A3 = "q = x + y; f = q*z"
A4 = "1/(1 + exp(-1*(w0*x0 + w1*x1 + w2)))"
A5 = "(x + sigmoid(y))/(sigmoid(x) + (x + y)**2)"
A6 = "2*(x*y + max(z, w))"


def gates(f: Any) -> list[str]:
    return [g.name for g in sg.graph(f).nodes.gates if g.name not in ("var", "const")]


def written(f: Any) -> list[str]:
    source = sg.graph(f)
    return [sg.text(e) for e in write_all(source.nodes, source.outputs)]


def drawn(source: Graph) -> tuple[int, int]:
    """Count nodes and edges as a picture shows them: constants belong to their gates."""
    shown = [n for n, gate in enumerate(source.nodes.gates) if gate is not CONSTANT]
    return len(shown), source.nx.subgraph(shown).number_of_edges()


# --- the networkx view ---


def test_the_view_is_a_frozen_multidigraph_in_topological_order() -> None:
    view = sg.graph(A5).nx

    assert nx.MultiDiGraph is type(view)
    assert nx.is_frozen(view)
    assert nx.is_directed_acyclic_graph(view)
    assert all(u < v for u, v in view.edges())


def test_the_view_cannot_be_changed() -> None:
    with pytest.raises(nx.NetworkXError):
        sg.graph("x*y").nx.add_edge(0, 1)


def test_edges_are_keyed_by_position_and_carry_partials_in_their_neighbours_names() -> None:
    view = sg.graph("q = x + y; f = q*z - q/z").nx
    f = max(view)
    product, quotient = view.pred[f]

    assert {0: {"partial": 1}} == view[product][f]
    assert {1: {"partial": -1}} == view[quotient][f]
    assert [(2, product, 0, z), (3, product, 1, Symbol("q"))] == sorted(
        view.in_edges(product, keys=True, data="partial")
    )
    assert 1 / z == view.edges[2, quotient, 0]["partial"]


def test_equal_operands_have_an_edge_each() -> None:
    f = Function("f")
    view = sg.graph(f(x, x)).nx

    assert [(0, 1, 0), (0, 1, 1)] == list(view.edges(keys=True))
    assert 2 == sg.graph("x*x").nx.number_of_edges()
    assert 2 * x == sg.grad("x*x", "x")


def test_nodes_know_gate_role_name_and_value() -> None:
    view = sg.graph("q = max(x, 2); f = q*y + q").nx
    known = {data["gate"]: data for _, data in view.nodes(data=True)}

    assert "routes" == known["max"]["role"]
    assert "switches" == known["mul"]["role"]
    assert "distributes" == known["add"]["role"]
    assert ["q", "f"] == [known["max"]["name"], known["add"]["name"]]
    assert sympy.Integer(2) == known["const"]["value"]
    assert () == known["mul"]["shape"]


def test_an_unknown_partial_leaves_its_edge_without_one() -> None:
    view = sg.graph(sympy.besselj(x, y)).nx

    assert view.edges[0, 2, 0]["partial"] is None
    assert view.edges[1, 2, 1]["partial"] is not None


def test_unnamed_nodes_do_not_take_the_name_of_a_variable() -> None:
    source = sg.graph("v2*x + v3*y")

    assert len(source) == len(set(source.labels))


@pytest.mark.parametrize(
    ("text", "position", "partial"),
    [
        ("x*y", 0, "y"),
        ("x/y", 0, "1/y"),
        ("x/y", 1, "-v2/y"),
        ("exp(x)", 0, "v1"),
        ("tanh(x)", 0, "1 - v1**2"),
        ("sigmoid(x)", 0, "v1*(1 - v1)"),
        ("x**3", 0, "3*x**2"),
        ("sqrt(x)", 0, "1/(2*v1)"),
        ("x - y", 1, "-1"),
        ("sin(x)", 0, "cos(x)"),
    ],
)
def test_partials_are_in_the_names_of_the_nodes(text: str, position: int, partial: str) -> None:
    source = sg.graph(text)
    found = source.partial(len(source) - 1, position)

    assert 0 == sympy.expand(found - sg.parse(partial).expr)


# --- interning and names ---


def test_equal_subtrees_are_one_node() -> None:
    assert 6 == len(sg.graph("sin(x + y)*(x + y) + sin(x + y)"))
    assert 4 == len(sg.graph([x * y + 1, x * y])) - 1


def test_numbers_and_truth_values_stay_apart() -> None:
    source = sg.graph(sympy.Piecewise((x + 1, sympy.true), (y, True)))

    assert source.validate()


def test_two_names_may_share_a_node() -> None:
    source = sg.graph("a = x + y; b = x + y; f = a*b")

    assert source.names["a"] == source.names["b"]
    assert ["add", "mul"] == gates("a = x + y; b = x + y; f = a*b")


def test_a_formula_written_twice_is_one_node_to_differentiate_by() -> None:
    assert z + 1 == sg.grad("q = x + y; f = q*z + (x + y)", "q")


def test_inner_nodes_are_found_by_name_symbol_and_number() -> None:
    source = sg.graph(A3)

    assert [2, 2, 2] == [source.node(key) for key in ("q", Symbol("q"), 2)]
    assert z == sg.grad(A3, "q") == sg.grad(source, Symbol("q"))
    assert {"q": z, "z": Symbol("x") + y} == sg.grad(A3, {"q": "q", "z": "z"})


def test_a_symbol_that_the_graph_does_not_hold_is_at_no_node() -> None:
    assert sg.graph(A3).node(Symbol("u")) is None
    assert 0 == sg.grad(A3, Symbol("u"))


def test_variables_stand_in_order_of_first_appearance() -> None:
    assert ("z", "a", "m") == tuple(str(s) for s in sg.graph("z*a + m*z").inputs)


def test_symbols_of_one_name_and_other_assumptions_are_two_variables() -> None:
    source = sg.graph(x * Symbol("x", positive=True))

    assert 2 == len(source.inputs)
    with pytest.raises(AmbiguousNameError, match="2 different symbols"):
        source.node("x")


# --- outputs ---


def test_outputs_may_be_a_list_or_named_by_a_dict() -> None:
    assert ["x*y", "x + y"] == written([x * y, "x + y"])
    named = sg.graph({"product": "x*y", "sum": x + y})
    assert [named.names["product"], named.names["sum"]] == list(named.outputs)


def test_outputs_share_their_nodes() -> None:
    source = sg.graph(["sin(x*y)", "cos(x*y)"])

    assert 5 == len(source)


def test_what_no_output_needs_is_not_there() -> None:
    assert ["sin"] == gates("unused = x*y; f = sin(x)")


def test_an_output_may_be_a_variable_or_a_number() -> None:
    assert (0, 1) == sg.graph([x, sympy.Integer(3)]).outputs


def test_a_graph_is_its_own_graph() -> None:
    source = sg.graph("x*y")

    assert source is sg.graph(source)


# --- one operator written is one gate ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x - y", ["sub"]),
        ("x/y", ["div"]),
        ("-x", ["neg"]),
        ("--x", ["neg", "neg"]),
        ("x + x", ["add"]),
        ("x*x", ["mul"]),
        ("x**2", ["pow"]),
        ("x**-1", ["pow"]),
        ("sqrt(x)", ["sqrt"]),
        ("x**0.5", ["sqrt"]),
        ("x + y + z", ["add", "add"]),
        ("x + (y + z)", ["add", "add"]),
        ("2*(x + y)", ["add", "mul"]),
        ("x*1 + 0", ["mul", "add"]),
        ("max(x, x)", ["max"]),
        ("max(z, w, x)", ["max"]),
        ("-(x - y)", ["sub", "neg"]),
        ("1/x", ["div"]),
        ("where(x > 0, x, y)", ["gt", "where"]),
        ("abs(x)", ["abs"]),
    ],
)
def test_text_becomes_the_gates_that_are_written(text: str, expected: list[str]) -> None:
    assert expected == gates(text)
    assert [text.replace("x**0.5", "sqrt(x)")] == written(text)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (x - y, ["sub"]),
        (x / y, ["div"]),
        (-x, ["neg"]),
        (3 - x, ["sub"]),
        (-x - y, ["add", "neg"]),
        (1 / x, ["div"]),
        (x**-2, ["pow", "div"]),
        (1 / sympy.sqrt(x), ["sqrt", "div"]),
        (sympy.Rational(2, 3) * x, ["mul"]),
        (-2 * x * y, ["mul", "mul", "neg"]),
        (x * y * z * w, ["mul", "mul", "mul"]),
        (x + y - z, ["add", "sub"]),
        (x * y / (z * w), ["mul", "mul", "div"]),
        (sympy.exp(-x), ["neg", "exp"]),
        (sympy.Max(x, y, z), ["max"]),
        (sympy.sqrt(x), ["sqrt"]),
    ],
)
def test_a_tree_that_sympy_evaluated_becomes_what_a_person_would_write(
    expr: Any, expected: list[str]
) -> None:
    assert expected == gates(expr)
    at = {s: 0.3 + 0.2 * k for k, s in enumerate((x, y, z, w))}
    inside = {s: at[s] for s in expr.free_symbols}
    assert float(expr.subs(at)) == pytest.approx(float(sg.evaluate(expr, inside)))


@pytest.mark.parametrize(("text", "size"), [(A3, (5, 4)), (A4, (13, 12)), (A6, (8, 7))])
def test_the_lectures_graphs_have_the_lectures_sizes(text: str, size: tuple[int, int]) -> None:
    assert size == drawn(sg.graph(text))


def test_sums_of_sympy_are_folded_to_binary_gates() -> None:
    assert ["mul", "mul", "add", "add", "neg", "exp", "add", "div"] == gates(
        1 / (1 + sympy.exp(-(x * y + z * w + Symbol("b"))))
    )


LECTURE: list[tuple[str, dict[str, float], dict[str, float], dict[str, float]]] = [
    (
        A3,
        {"x": -2, "y": 5, "z": -4},
        {"q": 3, "f": -12},
        {"x": -4, "y": -4, "z": 3, "q": -4, "f": 1},
    ),
    (
        "p = x*y; m = max(z, w); s = p + m; f = 2*s",
        {"x": 3, "y": -4, "z": 2, "w": -1},
        {"p": -12, "m": 2, "s": -10, "f": -20},
        {"x": -8, "y": 6, "z": 2, "w": 0, "p": 2, "m": 2, "s": 2, "f": 1},
    ),
    (
        "dot = w0*x0 + w1*x1 + w2; n = -1*dot; e = exp(n); d = 1 + e; f = 1/d",
        {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3},
        {"dot": 1, "n": -1, "e": 0.367879441171, "d": 1.367879441171, "f": 0.731058578630005},
        {
            "dot": 0.1966119332414819,
            "n": -0.1966119332414819,
            "e": -0.534446645388523,
            "d": -0.534446645388523,
            "w0": -0.1966119332414819,
            "x0": 0.3932238664829638,
            "x1": -0.5898357997244457,
        },
    ),
    (
        A5,
        {"x": 3, "y": -4},
        {},
        {"x": 2.0595697955721649, "y": 1.5922327514838093},
    ),
    ("e = (a + b)*(b + 1)", {"a": 2, "b": 1}, {"e": 6}, {"a": 2, "b": 5}),
]


@pytest.mark.parametrize(("text", "at", "value", "gradient"), LECTURE)
def test_every_node_has_the_lectures_value_and_gradient(
    text: str, at: dict[str, float], value: dict[str, float], gradient: dict[str, float]
) -> None:
    run = sg.run(text, at)

    assert value == pytest.approx({name: run.value[name] for name in value}, rel=1e-12, abs=1e-12)
    assert gradient == pytest.approx({name: run.grad[name] for name in gradient}, rel=1e-12)


# --- errors ---


@pytest.mark.parametrize(
    ("wrong", "error", "found"),
    [
        ([], UnsupportedError, "an empty list has no outputs"),
        ("x +", ParseError, "an operand is missing"),
        (None, UnsupportedError, "NoneType"),
        (object(), UnsupportedError, "object"),
        (sympy.Matrix([x]), UnsupportedError, "Matrix"),
        (sympy.zoo, UnsupportedError, "no number that a gradient could hold"),
        (Symbol("A", commutative=False), UnsupportedError, "does not commute"),
        (sympy.Limit(x, x, 0), UnsupportedError, "has no gate; register one"),
        (sympy.Integral(sympy.IndexedBase("A")[0], x), UnsupportedError, "subscripted symbols"),
        ({"a": ["x", "y"]}, UnsupportedError, "two different things"),
    ],
)
def test_what_is_no_scalar_is_refused(wrong: Any, error: type[Exception], found: str) -> None:
    with pytest.raises(error, match=found):
        sg.graph(wrong)


@pytest.mark.parametrize("key", ["qq", -1, 99])
def test_an_unknown_node_is_refused(key: Any) -> None:
    with pytest.raises(UnknownNameError):
        sg.graph(A3).node(key)


@pytest.mark.parametrize("key", [1.5, None, True])
def test_a_key_of_a_wrong_kind_is_refused(key: Any) -> None:
    with pytest.raises(UnsupportedError):
        sg.graph(A3).node(key)


@pytest.mark.parametrize(("node", "position"), [(4, 2), (4, -1), (0, 0), (9, 0), (-1, 0)])
def test_a_partial_by_no_operand_is_refused(node: int, position: int) -> None:
    with pytest.raises(UnknownNameError, match=f"operand {position} of node {node}"):
        sg.graph(A3).partial(node, position)


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean `total`"):
        sg.graph("total = x + y; f = total*z").node("totl")


def test_numpy_numbers_are_numbers() -> None:
    assert 1 == len(sg.graph(np.float64(0.5)))
