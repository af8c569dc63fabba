"""Blocks and loops: a node that owns a graph, in every pass."""

from __future__ import annotations

import random
import threading
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Function, Symbol

import symgrad as sg
from symgrad.calculus import growth
from symgrad.dag.digraph import Graph
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr import heads, literal
from symgrad.expr.region import DEEPEST, Call, Scan

x, y, z, w = sympy.symbols("x y z w", real=True)
ALL = (x, y, z, w)

CELL = sg.block("cell", [x, y], [x * y + sympy.sin(x), x - y**2])
NEURON = sg.block("neuron", [x, w, z], sympy.tanh(w * x + z))
TWICE = sg.block("twice", [x, y], CELL(CELL(x, y)[1], y)[0] * x)
LOOP = sg.block("loop", [x, w], sg.scan(NEURON, [x], [w, x], length=2))
BRANCHES = sympy.Piecewise((x**2, x > y), (y * x, True))
ROUTE = sg.block("route", [x, y], sympy.Max(x, y) + BRANCHES + sympy.Abs(x))


def inlined(expr: Any) -> Any:
    """Replace calls and loops by their definitions, from the leaves up."""
    while expr.has(Call, Scan):
        expr = expr.replace(lambda e: isinstance(e, (Call, Scan)), lambda e: e.definition(*e.args))
    return expr


def number(expr: Any, at: dict[Any, float]) -> float:
    return float(inlined(sympy.S(expr)).xreplace(at).evalf(20))


def point(seed: int) -> dict[Any, float]:
    chance = random.Random(seed)
    return {s: sympy.Float(chance.uniform(0.2, 1.2), 20) for s in ALL}


FORMULAS: dict[str, Any] = {
    "one call": CELL(x, y)[0],
    "other output": CELL(x, y)[1],
    "inner expressions": CELL(x * w, sympy.exp(z))[0] * y,
    "shared parameter": NEURON(x, w, z) + NEURON(NEURON(y, w, z), w, z),
    "equal operands": CELL(x, x)[0],
    "constant operands": CELL(2, y)[0] * CELL(x, 3)[1],
    "nested": TWICE(x * w, y),
    "nested in itself": CELL(CELL(x, y)[0], CELL(x, y)[1])[0],
    "kinks": ROUTE(x, y) * ROUTE(y, z),
    "loop": sg.scan(CELL, [x, y], length=3)[0],
    "loop, other carry": sg.scan(CELL, [x, y], length=3)[1] * z,
    "loop with parameters": sg.scan(NEURON, [x], [w, z], length=4),
    "loop, equal operands": sg.scan(NEURON, [x], [x, x], length=3),
    "loop of no step": sg.scan(NEURON, [x], [w, z], length=0) * w,
    "loop of one step": sg.scan(NEURON, [x], [w, z], length=1),
    "loop in a block": LOOP(x * y, w),
    "loop over a loop": sg.scan(LOOP, [x], [w], length=2),
    "loop from expressions": sg.scan(NEURON, [x * y], [w + z, z], length=2) ** 2,
}


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_the_closed_form_equals_the_derivative_of_the_inlined_formula(formula: Any) -> None:
    plain = inlined(formula)
    for symbol, partial in sg.grad(formula).items():
        for seed in range(3):
            at = point(seed)
            expected = float(plain.diff(symbol).xreplace(at).evalf(20))
            assert expected == pytest.approx(number(partial, at), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_second_derivatives_equal_those_of_the_inlined_formula(formula: Any) -> None:
    plain, at = inlined(formula), point(7)
    symbols = list(sg.graph(formula).inputs)
    found = sg.hessian(formula, symbols)
    for i, one in enumerate(symbols):
        for j, other in enumerate(symbols):
            expected = float(plain.diff(one, other).xreplace(at).evalf(20))
            assert expected == pytest.approx(number(found[i, j], at), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_forward_equals_reverse(formula: Any) -> None:
    symbols = list(sg.graph(formula).inputs)
    at = point(5)
    forward = number(sg.jvp(formula, symbols, list(range(1, len(symbols) + 1))), at)
    reverse = sum(k * number(p, at) for k, p in enumerate(sg.grad(formula, symbols), 1))

    assert reverse == pytest.approx(forward, rel=1e-12)


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_numbers_pass_the_gradient_check(formula: Any) -> None:
    at = {s: float(v) for s, v in point(3).items() if s in sg.graph(formula).inputs}

    assert sg.check_grad(formula, at)


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_graphs_and_gradients_are_valid_and_saved(formula: Any) -> None:
    source = sg.graph(formula)
    for graph in (source, growth.gradient(source, source.input_nodes)):
        saved = graph.validate().to_json()
        assert saved == Graph.from_json(saved).to_json()


# --- size ---


def test_a_loop_of_1000_steps_has_the_graph_of_one_step() -> None:
    sizes = set()
    for length in (1, 10, 1000):
        source = sg.graph(sg.scan(NEURON, [x], [w, z], length=length))
        first = growth.gradient(source, source.input_nodes)
        second = growth.hessian_graph(source, source.input_nodes)
        sizes.add((len(source), len(first), len(second)))

    assert 1 == len(sizes)


def test_a_block_is_derived_once_however_often_it_is_called() -> None:
    total = x
    for k in range(200):
        total = NEURON(total, w, Symbol(f"b{k}"))
    source = sg.graph(total)
    grown = growth.gradient(source, source.input_nodes)
    regions = {id(p[0]) for p in grown.nodes.payloads if isinstance(p, tuple)}

    assert 2 == len(regions)
    assert len(grown) < 5 * len(source)


def test_the_same_block_owns_the_same_region() -> None:
    first = sg.graph(NEURON(x, w, z)).nodes.payloads[-1][0]
    second = sg.graph(NEURON(y, w, z)).nodes.payloads[-1][0]

    assert first is second


def test_blocks_in_blocks_are_derived_in_linear_time() -> None:
    block = sg.block("n0", [x, w], sympy.sin(w * x))
    for k in range(1, DEEPEST):
        block = sg.block(f"n{k}", [x, w], block(x, w) + x)

    assert 2 == len(sg.grad(block(x, w)))
    assert (2, 2) == sg.hessian(block(x, w)).shape
    with pytest.raises(UnsupportedError, match="levels deep"):
        sg.block("more", [x, w], block(x, w))


def test_a_block_of_3000_levels_is_built_and_derived() -> None:
    deep = x
    for _ in range(3000):
        deep = literal.apply(sympy.sin, deep)
    block = sg.block("deep", [x], deep)

    assert 3 == len(sg.grad(block(y), form="graph"))


# --- zero, constants, kinks, what is unknown ---


def test_a_constant_output_has_the_derivative_zero() -> None:
    constant = sg.block("constant", [x], sympy.Integer(3))

    assert 0 == sg.grad(constant(x), x)
    assert sympy.zeros(1, 1) == sg.hessian(constant(x) + x)


def test_a_block_without_inputs_is_a_constant() -> None:
    two = sg.block("two", [], sympy.Integer(2))

    assert two() == sg.grad(two() * x, x)
    assert 6.0 == sg.evaluate(two() * x, {x: 3.0})


@pytest.mark.parametrize(("kinks", "expected"), [("min_norm", 1.5), ("first", 2.0)])
def test_the_kink_policy_goes_into_regions(kinks: str, expected: float) -> None:
    tied = sg.block("tied", [x, y], literal.apply(heads.Maximum, x, y) + x)

    assert expected == sg.run(tied(x, y), {x: 1.0, y: 1.0}, kinks=kinks).grad[x]


def test_stop_gradient_goes_into_regions() -> None:
    held = sg.block("held", [x], sg.stop_gradient(x) * x)

    assert 3.0 == sg.run(held(y), {y: 3.0}).grad[y]


def test_undefined_functions_live_in_blocks() -> None:
    f = Function("f")
    held = sg.block("held", [x, y], f(x * y))
    found = inlined(sg.grad(held(x, y), x)).subs(f, sympy.sin).doit()

    assert 0 == sympy.simplify(found - y * sympy.cos(x * y))


def test_subscripted_inputs_are_inputs() -> None:
    A = sympy.IndexedBase("A")
    held = sg.block("held", [A[0], x], A[0] ** 2 * x)

    assert 2 * y * z == inlined(sg.grad(held(y, z), y))


# --- names and errors ---


def test_one_differentiates_by_a_named_call() -> None:
    h = NEURON(x, w, z)
    source = sg.graph({"h": h, "f": NEURON(h, w, z) * h})
    last = Graph(source.nodes, source.outputs[1:], source.names)
    at = point(1)
    u = Symbol("u")
    expected = inlined(NEURON(u, w, z) * u).diff(u).xreplace({u: inlined(h)})

    assert number(expected, at) == pytest.approx(number(sg.grad(last, "h"), at))


@pytest.mark.parametrize(
    ("make", "error", "found"),
    [
        (lambda: sg.block("b", [x], x * y), UnsupportedError, "it holds `y`"),
        (lambda: sg.block("b", [x, x], x), UnsupportedError, "each input once"),
        (lambda: sg.block("b", [x], []), UnsupportedError, "0 outputs"),
        (lambda: NEURON(x), ShapeError, r"takes 3 inputs \(x, w, z\) but 1"),
        (lambda: sg.scan(NEURON, [x], [w], length=2), ShapeError, "1 carries and 2 params"),
        (lambda: sg.scan(NEURON, [x], [w, z], length=-1), ShapeError, "length >= 0"),
        (lambda: sg.scan(NEURON, [x], [w, z], length=2.5), UnsupportedError, "is an integer"),
        (lambda: sg.scan(NEURON, [x], [w, z], length=y), UnsupportedError, "`Sum` or `Product`"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, error: type[Exception], found: str) -> None:
    with pytest.raises(error, match=found):
        make()


def test_a_block_is_called_by_its_name_when_printed() -> None:
    assert "cell.0(x, 2*y)" == str(CELL(x, 2 * y)[0])
    assert "neuron^4(x, w, z)" == str(sg.scan(NEURON, [x], [w, z], length=4))


def test_regions_are_collapsed_once_and_stay_shared() -> None:
    body = sg.block("s", [x, y], 1 / (1 + sympy.exp(-x * y)))
    collapsed = sg.graph(body(x, y) * body(y, z)).collapse()
    regions = {id(p[0]) for p in collapsed.nodes.payloads if isinstance(p, tuple)}

    assert 1 == len(regions)


def test_threads_derive_regions_as_one_thread_does() -> None:
    def derive(results: list[str]) -> None:
        block = sg.block("shared", [x, w], sympy.sin(w * x) * sympy.exp(x))
        results.append(
            sg.graph(sg.grad(sg.scan(block, [x], [w], length=5), form="graph")).to_json()
        )

    found: list[str] = []
    threads = [threading.Thread(target=derive, args=(found,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == len(found)
    assert 1 == len(set(found))


def test_a_batch_runs_through_a_loop() -> None:
    formula = sg.scan(NEURON, [x], [w, z], length=3)
    batch = np.linspace(-1, 1, 5)
    value, (dx, _, _) = sg.compile(formula, [x, w, z])(batch, 0.7, 0.1)

    assert (5,) == value.shape == dx.shape
