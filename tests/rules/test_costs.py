"""The cheap-gradient bound of each gate: its operation, its partials, and the sums between them."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sympy import Integer, Rational, Symbol

import symgrad as sg
from symgrad.calculus.cost import gate_bound
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import POW, Nodes, dependents
from symgrad.dag.template import TEMPLATES
from symgrad.rules import arithmetic, elementary
from symgrad.rules.table import GATES

oracle: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("oracle.py"))))

CHEAP = [
    *(g for g in arithmetic.ROWS if g.domain and g.name != "pow"),
    *(g for g in elementary.ROWS if g.arity[0] == 1),
]
# Gates of several operands declare their own bound.
DECLARED = {"pow": 8, "atan2": 12, "hypot": 6, "xlogy": 6, "beta": 14, "max": 6, "min": 6}


def bound(graph: Graph) -> int:
    nodes = graph.nodes
    moving = dependents(nodes, graph.input_nodes, len(nodes) - 1)
    return gate_bound(nodes, len(nodes) - 1, moving)


@pytest.mark.parametrize("gate", CHEAP, ids=lambda g: g.name)
def test_value_and_gradient_take_five_operations_at_most(gate: Any) -> None:
    graph, _ = oracle.gate_graph(gate, gate.arity[0], {})

    assert bound(graph) <= 5


@pytest.mark.parametrize("exponent", [2, 3, 10, -1, -2, Rational(1, 2), Rational(7, 3)])
def test_a_power_by_a_constant_takes_five_operations_at_most(exponent: Any) -> None:
    nodes = Nodes()
    args = (nodes.variable(Symbol("x0")), nodes.number(Integer(1) * exponent))

    assert bound(Graph(nodes, [nodes.add(POW, args)])) <= 5


@pytest.mark.parametrize("name", DECLARED)
def test_other_gates_keep_their_declared_bound(name: str) -> None:
    graph, _ = oracle.gate_graph(GATES.named(name), 2, {})

    assert bound(graph) <= DECLARED[name]


@pytest.mark.parametrize("name", ["exp", "sin", "mul", "sigmoid", "besselj"])
def test_a_template_is_made_once_for_a_gate(name: str) -> None:
    gate = GATES.named(name)
    first, second = (oracle.gate_graph(gate, gate.arity[0], {})[0] for _ in range(2))
    last = gate.arity[0] - 1

    made = [TEMPLATES.of(g.nodes, len(g.nodes) - 1, last, "min_norm") for g in (first, second)]

    assert made[0] is made[1]


@pytest.mark.parametrize("text", ["x*y/z + x**3*sin(y)", "exp(x)*log(y) - tan(z)/x", "sqrt(x*y)"])
def test_the_certificate_holds_for_formulas(text: str) -> None:
    found = sg.stats(text)

    assert found.with_gradient <= min(found.bound, 5 * found.operations)
