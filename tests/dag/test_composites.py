"""Collapsing and expanding composites: same values, same gradients, safe numbers, kept names."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.calculus import growth
from symgrad.dag.digraph import Graph
from symgrad.dag.express import write_all
from symgrad.dag.nodes import ADD, CONSTANT, DIV, MUL, NEG, VARIABLE, Nodes
from symgrad.dag.patterns import COMPOSITES, EXP, ROWS, named
from symgrad.errors import UnknownNameError

x, y, z = sympy.symbols("x y z")

A4 = "1/(1 + exp(-1*(w0*x0 + w1*x1 + w2)))"


def written(graph: Graph) -> list[str]:
    return [sg.text(e) for e in write_all(graph.nodes, graph.outputs)]


COMMON: dict[Any, int] = {}


def structure(graph: Graph) -> tuple[list[int], dict[str, int]]:
    """Return outputs and names as nodes of one common table, whatever their numbers here."""
    made: list[int] = []
    nodes = graph.nodes
    for gate, args, payload in zip(nodes.gates, nodes.args, nodes.payloads, strict=True):
        key = (gate, tuple(made[a] for a in args), payload)
        made.append(COMMON.setdefault(key, len(COMMON)))
    return [made[o] for o in graph.outputs], {n: made[i] for n, i in graph.names.items()}


def values(graph: Graph, points: dict[str, Any]) -> list[Any]:
    """Return the value and the gradient by every variable, in the order of their names."""
    names = sorted(str(s) for s in graph.inputs)
    value, partials = sg.compile(graph, names)(*(points[n] for n in names))
    return [value, *partials]


def same(graph: Graph, other: Graph, points: dict[str, Any]) -> bool:
    pairs = zip(values(graph, points), values(other, points), strict=True)
    return all(np.allclose(a, b, rtol=1e-9, atol=1e-11) for a, b in pairs)


def points(*names: str, count: int = 40) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {name: rng.uniform(0.05, 2.0, count) * rng.choice([-1, 1], count) for name in names}


POSITIVE = {n: np.abs(v) * 0.4 for n, v in points("x", "y").items()}


# --- every row ---

SPELLINGS = [(row, text) for row in ROWS for text in row.spellings]


@pytest.mark.parametrize(("row", "text"), SPELLINGS, ids=[text for _, text in SPELLINGS])
def test_a_spelling_becomes_its_gate(row: Any, text: str) -> None:
    assert written(sg.graph(row.whole)) == written(sg.graph(text).collapse())


@pytest.mark.parametrize("text", [text for _, text in SPELLINGS])
def test_a_spelling_keeps_value_and_gradient(text: str) -> None:
    source = sg.graph(text)
    at = POSITIVE if "log" in text else points("x", "y")

    assert same(source, source.collapse(), at)
    assert same(source, source.expand(), at)
    assert same(source, source.collapse().expand(), at)


APPLIED = [
    f"{name}({', '.join('xyz'[:count])})"
    for name in sorted(COMPOSITES)
    for count in (1, 2, 3)
    if named(name).accepts(count)
]


@pytest.mark.parametrize("text", APPLIED)
def test_a_gate_expands_to_plain_gates_and_comes_back(text: str) -> None:
    source = sg.graph(text)
    expanded = source.expand()

    assert COMPOSITES.isdisjoint(g.name for g in expanded.nodes.gates)
    assert structure(source.collapse()) == structure(expanded.collapse())


EQUAL = [
    (
        "sigmoid(x)",
        ["1/(exp(-x) + 1)", "(1 + exp(-x))**-1", "(exp(-1*x) + 1)**(-1)", "1/(1 + 1/exp(x))"],
    ),
    ("sigmoid(x)", ["exp(x)/(exp(x) + 1)", "1/(1.0 + exp(x*-1))"]),
    ("sigmoid(k*x)", ["1/(1 + exp(-k*x))", "1/(1 + exp(-(k*x)))"]),
    ("sigmoid(2*x)", ["1/(1 + exp(-2*x))"]),
    ("sigmoid(b - a)", ["1/(1 + exp(a - b))"]),
    ("L*sigmoid(k*(x - m))", ["L/(1 + exp(-k*(x - m)))"]),
    ("softplus(x)", ["log(exp(x) + 1)", "log1p(exp(x))"]),
    (
        "tanh(x)",
        ["(exp(2*x) - 1)/(1 + exp(2*x))", "2/(exp(-(2*x)) + 1) - 1", "-1 + 2*sigmoid(2*x)"],
    ),
    ("tanh(x)", ["(exp(x) - 1/exp(x))/(exp(x) + 1/exp(x))"]),
    ("sinh(x)", ["0.5*(exp(x) - exp(-x))", "exp(x)*0.5 - 0.5*exp(-x)"]),
    ("cosh(x)", ["0.5*(exp(-x) + exp(x))"]),
    ("hypot(x, y)", ["sqrt(x*x + y*y)", "(x**2 + y*y)**0.5"]),
    ("relu(x)", ["max(0, x)", "where(0 < x, x, 0)", "Piecewise((x, x > 0), (0, True))"]),
    ("leaky_relu(x, a)", ["where(x > 0, x, x*a)"]),
    ("logaddexp(x, y)", ["log(exp(x) + exp(y))"]),
    ("logsumexp(x, y, z)", ["log(exp(x) + exp(y) + exp(z))", "log(exp(x) + (exp(y) + exp(z)))"]),
    ("logsumexp(0, x, y)", ["log(1 + exp(x) + exp(y))"]),
    ("logsumexp(x, y, 0)", ["log(exp(x) + exp(y) + 1)"]),
    ("swish(x)", ["x*(1/(1 + exp(-x)))", "(1/(1 + exp(-x)))*x"]),
    ("expm1(x)", ["-1 + exp(x)"]),
    ("log1p(x*y)", ["log(x*y + 1)"]),
]


@pytest.mark.parametrize(
    ("whole", "text"), [(w, t) for w, texts in EQUAL for t in texts], ids=lambda text: text
)
def test_equal_spellings_need_no_row_of_their_own(whole: str, text: str) -> None:
    assert written(sg.graph(whole)) == written(sg.graph(text).collapse())


@pytest.mark.parametrize(
    ("whole", "expr"),
    [
        ("sigmoid(x)", 1 / (1 + sympy.exp(-x))),
        ("sigmoid(z + x*y)", 1 / (1 + sympy.exp(-x * y - z))),
        ("sigmoid(x)", sympy.exp(x) / (1 + sympy.exp(x))),
        ("sinh(x)", sympy.sinh(x).rewrite(sympy.exp)),
        ("cosh(x)", sympy.cosh(x).rewrite(sympy.exp)),
        ("tanh(x)", sympy.tanh(x).rewrite(sympy.exp)),
        ("softplus(x)", sympy.log(1 + sympy.exp(x))),
        ("hypot(x, y)", sympy.sqrt(x**2 + y**2)),
        ("relu(x)", sympy.Max(x, 0)),
        ("relu(x)", sympy.Piecewise((x, x > 0), (0, True))),
        ("expm1(x)", sympy.exp(x) - 1),
    ],
)
def test_trees_that_sympy_evaluated_are_recognised(whole: str, expr: Any) -> None:
    assert written(sg.graph(whole)) == written(sg.graph(expr).collapse())


@pytest.mark.parametrize(
    "text",
    [
        "1/(2 + exp(-x))",
        "log(2 + exp(x))",
        "where(x >= 0, x, 0)",
        "where(x > 0, y, 0)",
        "max(x, 1)",
        "sqrt(x**2 + y**3)",
        "(exp(x) - exp(-y))/2",
        "exp(x) + 1",
        "log(exp(x) + y)",
        "log(exp(x) - exp(y))",
    ],
)
def test_what_looks_alike_is_left_alone(text: str) -> None:
    source = sg.graph(text)

    assert structure(source) == structure(source.collapse())


# --- safe numbers ---


@pytest.mark.parametrize("value", [-1000.0, 1000.0])
def test_the_collapsed_sigmoid_is_safe(value: float) -> None:
    found = values(sg.graph("1/(1 + exp(-x))").collapse(), {"x": value})

    assert [float(value > 0), 0.0] == found


@pytest.mark.parametrize("value", [-800.0, 800.0])
def test_the_collapsed_softplus_is_safe(value: float) -> None:
    found = values(sg.graph("log(1 + exp(x))").collapse(), {"x": value})

    assert [max(value, 0.0), float(value > 0)] == found


def test_the_collapsed_sum_of_exponentials_is_safe() -> None:
    found = values(
        sg.graph("log(exp(x) + exp(y) + exp(z))").collapse(), {"x": 123.0, "y": 456.0, "z": 789.0}
    )

    assert [789.0, 0.0, 0.0, 1.0] == pytest.approx(found, abs=1e-100)


def test_the_log_of_a_sigmoid_is_safe() -> None:
    found = values(sg.graph("log(1/(1 + exp(-x)))").collapse(), {"x": -1000.0})

    assert [-1000.0, 1.0] == found


# --- the lecture's neuron ---


NEURON = [0.731058578630005, -0.1966119332414819, -0.3932238664829638]  # value, w0, w1
NEURON += [0.1966119332414819, 0.3932238664829638, -0.5898357997244457]  # w2, x0, x1


def size(graph: Graph) -> int:
    """Count gates and inputs; constants belong to their gates."""
    return sum(gate is not CONSTANT for gate in graph.nodes.gates)


def test_the_lectures_neuron_has_13_nodes_and_10_when_collapsed() -> None:
    source = sg.graph(A4)
    collapsed = source.collapse()

    assert [13, 10] == [size(source), size(collapsed)]
    assert 13 == size(collapsed.expand())
    at = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}
    assert same(source, collapsed, at)
    assert NEURON == pytest.approx(values(collapsed, at), abs=1e-15)


def test_a_sigmoid_expands_to_the_lectures_four_gates() -> None:
    expanded = sg.graph("sigmoid(x)").expand()

    assert [VARIABLE, NEG, EXP, ADD, DIV] == [g for g in expanded.nodes.gates if g is not CONSTANT]


@pytest.mark.parametrize(
    ("role", "gates"),
    [("distributes", "add sub"), ("switches", "mul"), ("routes", "max min where relu abs")],
)
def test_gates_know_their_role(role: str, gates: str) -> None:
    assert {role} == {named(name).role for name in gates.split()}


# --- names, sharing, outputs ---


def test_a_named_node_inside_stays_on_the_path() -> None:
    source = sg.graph("u = exp(-x); s = 1 + u; f = 1/s")
    collapsed = source.collapse()

    assert structure(source) == structure(collapsed)
    assert sg.grad(source, "u") == sg.grad(collapsed, "u")


def test_a_named_argument_stays_on_the_path() -> None:
    source = sg.graph("u = a - b; f = 1/(1 + exp(u))")
    collapsed = source.collapse()

    assert ["sigmoid(-(a - b))"] == written(collapsed)
    assert "-((1 - sigmoid(-(a - b)))*sigmoid(-(a - b)))" == sg.text(
        sg.grad(collapsed, "u", simplify="none")
    )


def test_the_root_keeps_its_name() -> None:
    collapsed = sg.graph("s = 1/(1 + exp(-x)); f = s*y").collapse()

    assert "sigmoid" == collapsed.nodes.gates[collapsed.names["s"]].name
    assert y == sg.grad(collapsed, "s")


def test_a_shared_node_inside_stays_for_its_other_users() -> None:
    collapsed = sg.graph("1/(1 + exp(-x)) + exp(-x)").collapse()

    assert ["sigmoid(x) + exp(-x)"] == written(collapsed)


def test_outputs_stay_outputs() -> None:
    collapsed = sg.graph(["exp(-x)", "1 + exp(-x)", "1/(1 + exp(-x))"]).collapse()

    assert ["exp(-x)", "1 + exp(-x)", "sigmoid(x)"] == written(collapsed)


def test_only_some_composites_are_collapsed_or_expanded() -> None:
    source = sg.graph("1/(1 + exp(-x)) + log(1 + exp(x)) + tanh(x)")

    assert ["sigmoid(x) + log(1 + exp(x)) + tanh(x)"] == written(source.collapse("sigmoid"))
    assert ["1/(1 + exp(-x)) + softplus(x) + tanh(x)"] == written(source.collapse(["softplus"]))
    assert structure(source) == structure(source.expand(only=("softplus", "sigmoid")))


@pytest.mark.parametrize("only", ["sigmod", ["tanh", "sin"], [3]])
def test_an_unknown_composite_is_refused_with_the_known_ones(only: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"no composite gate.*There are cosh, elu"):
        sg.graph("x").collapse(only)
    with pytest.raises(UnknownNameError, match="no composite gate"):
        sg.graph("x").expand(only)


def test_regions_are_collapsed_and_expanded_too() -> None:
    neuron = sg.block("neuron", [x, y], 1 / (1 + sympy.exp(-x * y)))
    source = sg.graph(neuron(x, y) * sg.scan(neuron, [x], [y], length=3))
    collapsed = source.collapse()
    at = points("x", "y")
    inner = collapsed.nodes.payloads[-2][0].nodes

    assert "sigmoid" in [g.name for g in inner.gates]
    assert same(source, collapsed, at)
    assert same(source, collapsed.expand(), at)


# --- random formulas ---

UNARY = ["sin({})", "exp(-{})", "sigmoid({})", "tanh({})", "log1p({}**2)", "relu({})", "-{}"]
UNARY += ["1/(1 + exp(-{}))", "log(1 + exp({}))", "swish({})", "softplus({})", "expm1({})"]
BINARY = ["({} + {})", "({} - {})", "{}*{}", "logaddexp({}, {})", "log(exp({}) + exp({}))"]
BINARY += ["where({0} > 0, {0}, {1}*{0})", "hypot({} + 3, {})", "max({}, {})", "{}/(2 + {}**2)"]


def formula(chance: random.Random, size: int) -> str:
    pool = ["x", "y", "z", "(x + 1)", "0.5"]
    for _ in range(size):
        pattern = chance.choice(UNARY + BINARY)
        pool.append("(" + pattern.format(*chance.choices(pool[-6:], k=2)) + ")")
    return pool[-1]


@pytest.mark.parametrize("seed", range(60))
def test_random_formulas_keep_value_and_gradient(seed: int) -> None:
    source = sg.graph(formula(random.Random(seed), 7))
    collapsed, expanded = source.collapse(), source.expand()
    at = {n: v * 0.3 for n, v in points("x", "y", "z").items()}

    assert same(source, collapsed, at)
    assert same(source, expanded, at)
    assert structure(collapsed) == structure(expanded.collapse())
    assert structure(collapsed) == structure(collapsed.collapse())


def test_gradient_graphs_are_collapsed_and_expanded() -> None:
    source = sg.graph("sigmoid(x*y)*tanh(x) + log(exp(x) + exp(y))")
    grown = growth.gradient(source, source.input_nodes)
    expanded = grown.expand()

    for one, other in zip(grown.outputs, expanded.outputs, strict=True):
        assert same(Graph(grown.nodes, [one]), Graph(expanded.nodes, [other]), points("x", "y"))


# --- size ---


def chain(links: int) -> Graph:
    """Return s ← 1/(1 + exp(-(a*s + a))), eight gates a link."""
    nodes = Nodes()
    a, one = nodes.variable(x), nodes.number(sympy.S.One)
    node = nodes.variable(y)
    for _ in range(links):
        node = nodes.add(ADD, (nodes.add(MUL, (a, node)), a))
        node = nodes.add(ADD, (one, nodes.add(EXP, (nodes.add(NEG, (node,)),))))
        node = nodes.add(DIV, (one, node))
    return Graph(nodes, [node])


@pytest.mark.parametrize(
    ("links", "seconds"), [(5_000, 5), pytest.param(50_000, 20, marks=pytest.mark.slow)]
)
def test_a_large_graph_is_collapsed_in_seconds(links: int, seconds: float) -> None:
    source = chain(links)
    start = time.perf_counter()
    collapsed = source.collapse()
    spent = time.perf_counter() - start

    assert [6 * links + 3, 3 * links + 2] == [len(source), len(collapsed)]
    assert structure(source) == structure(collapsed.expand())
    assert spent < seconds  # 3 s for 300,000 nodes on a quiet machine


def test_a_long_sum_of_exponentials_is_one_gate() -> None:
    nodes = Nodes()
    total = nodes.add(EXP, (nodes.variable(sympy.Symbol("s0")),))
    for k in range(1, 5_000):
        term = nodes.add(EXP, (nodes.variable(sympy.Symbol(f"s{k}")),))
        total = nodes.add(ADD, (total, term))
    collapsed = Graph(nodes, [nodes.add(named("log"), (total,))]).collapse()

    assert 5_001 == len(collapsed)
    assert 5_000 == len(collapsed.nodes.args[-1])
