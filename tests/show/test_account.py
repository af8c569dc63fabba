"""The account says what the engine computed, gate by gate, and nothing else."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path
from xml.dom import minidom

import numpy as np
import pytest
import sympy
from sympy import Symbol

import symgrad as sg
from symgrad.expr import literal
from symgrad.rules.table import GATES
from symgrad.show.account import Account, account
from symgrad.show.formulas import latex
from symgrad.show.mathml import mathml
from symgrad.show.words import FOLDED, WORDS

sys.path.insert(0, str(Path(__file__).parent))
NEURON = "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))"
AT_NEURON = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}


def labelled(told: Account, label: str) -> object:
    return next(g for g in told.gates if g.label == label)


def signs(told: Account) -> list[str]:
    return [g.symbol for g in told.gates if g.kind != "input"]


# --- what is shown ---


def test_constants_are_written_inside_their_gates() -> None:
    told = account("2*x + 1/y - x**3 + (y - 4)*5 + max(0, x)", {"x": 2, "y": 4})

    expected = ["×2", "1/x", "+", "^3", "−", "-4", "×5", "+", "relu", "+"]
    assert expected == signs(told)


def test_the_neuron_has_the_lectures_gates_expanded_and_one_sigmoid_collapsed() -> None:
    expanded = account(NEURON, AT_NEURON, collapsed=False)
    collapsed = account(NEURON, AT_NEURON)

    assert ["×", "×", "+", "+", "×-1", "exp", "+1", "1/x"] == signs(expanded)
    assert ["×", "×", "+", "+", "σ"] == signs(collapsed)
    assert (13, 12) == (len(expanded.gates), sum(len(g.wires) for g in expanded.gates))
    assert (10, 9) == (len(collapsed.gates), sum(len(g.wires) for g in collapsed.gates))
    assert "composite" == collapsed.gates[-1].kind


def test_gates_of_a_spelled_composite_know_their_group() -> None:
    told = account(NEURON, collapsed=False)
    (root, (name, inside)) = next(iter(told.groups.items()))

    assert ("sigmoid", told.outputs[0]) == (name, root)
    assert ["×-1", "exp", "+1", "1/x"] == [told.by_node[n].symbol for n in inside]
    assert {root} == {told.by_node[n].group for n in inside}
    assert told.by_node[0 if 0 in told.by_node else 1].group is None


def test_a_named_constant_is_a_node_of_its_own() -> None:
    told = account("c = 3; f = c*x", {"x": 2})

    assert [("c", "constant"), ("x", "input"), ("f", "gate")] == [
        (g.name or g.label, g.kind) for g in told.gates
    ]


def test_a_named_constant_has_a_gradient_like_any_node() -> None:
    told = account("c = 3; f = c*x", {"x": 2})
    run = sg.run("c = 3; d = 2 + c; f = d*x", {"x": 2})

    assert ("c", 2.0) == (told.gates[0].label, told.gates[0].grad)
    assert ("c*x", [2.0]) == (told.gates[-1].formula, [p.product for p in told.gates[0].paths])
    assert (2.0, 2.0) == (run.grad["c"], run.grad["d"])
    assert "df/dc = df/df × ∂f/∂c = 1 × 2 = 2" in str(sg.explain("c = 3; f = c*x", "c", {"x": 2}))


def test_a_formula_that_is_a_constant_can_be_told() -> None:
    told = account("2 + 3", {})

    assert 5.0 == told.by_node[told.outputs[0]].value


def test_roles_are_those_of_the_lecture() -> None:
    told = account("2*(x*y + max(z, w))", {"x": 3, "y": -4, "z": 2, "w": -1})
    roles = {g.symbol: g.role for g in told.gates if g.kind != "input"}

    assert {"×": "switcher", "max": "router", "+": "distributor", "×2": ""} == roles


def test_an_unnamed_output_is_called_f_unless_that_name_is_taken() -> None:
    assert "f" == account("x*y").gates[-1].label
    assert "f" != account("f*y").gates[-1].label
    assert "g" == account("g = x*y").gates[-1].label


def test_blocks_and_loops_are_one_gate_each() -> None:
    h, x, a, b = sympy.symbols("h x a b")
    step = sg.block("step", [h, x], [sympy.tanh(h * x)])
    called = account(step(a, b), {"a": 0.3, "b": 0.5})
    looped = account(sg.scan(step, [a], [b], length=4), {"a": 0.3, "b": 0.5})

    assert ("block", "step") == (called.gates[-1].kind, called.gates[-1].symbol)
    assert ("loop", "step") == (looped.gates[-1].kind, looped.gates[-1].symbol)
    for told in (called, looped):
        arrived = [sum(p.product for p in g.paths) for g in told.gates[:2]]
        np.testing.assert_allclose(arrived, [g.grad for g in told.gates[:2]], rtol=1e-14)


# --- what it says of values and gradients ---

FORMULAS = [
    ("q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4}),
    (NEURON, AT_NEURON),
    ("(x + sigmoid(y))/(sigmoid(x) + (x + y)**2)", {"x": 3, "y": -4}),
    ("where(x > y, x*y, y/x) + abs(x)", {"x": 0.5, "y": 2}),
    ("where(x > 0, sqrt(x), 0)*y + max(x, y, z)", {"x": -1, "y": 2, "z": 2}),
    ("x*x + x**x + besselj(0, x)", {"x": 1.5}),
]


@pytest.mark.parametrize("collapsed", [True, False, None])
@pytest.mark.parametrize(("formula", "at"), FORMULAS)
def test_a_gradient_is_the_sum_of_what_its_paths_bring(
    formula: str, at: dict[str, float], collapsed: bool | None
) -> None:
    told = account(formula, at, collapsed=collapsed)
    told_of = [g for g in told.gates if g.paths]

    assert len(told_of) >= len(at)
    for gate in told_of:
        assert math.isclose(sum(p.product for p in gate.paths), gate.grad, abs_tol=1e-12)


def test_paths_of_matrices_bring_arrays_in_the_shape_of_the_node() -> None:
    told = sg.examples.load("two_layer").account
    told_of = [g for g in told.gates if g.paths]

    assert {"W1", "W2", "s"} <= {g.label for g in told_of}
    for gate in told_of:
        total = sum(np.reshape(p.product, gate.shape) for p in gate.paths)
        np.testing.assert_allclose(total, np.reshape(gate.grad, gate.shape), atol=1e-13)


def test_local_gradients_of_matrices_are_spelled_with_the_upstream_gradient() -> None:
    told = account(sg.parse("q = W@x; f = sum(q .** 2)", shapes={"W": ("m", "n"), "x": ("n",)}))
    product = labelled(told, "q")
    power = next(g for g in told.gates if g.formula == "q .^ 2")

    assert ["dq@x.T", "W.T@dq"] == [sg.text(w.contribution) for w in product.wires]
    assert ["2*(q .* dv4)"] == [sg.text(w.contribution) for w in power.wires]
    assert all(w.is_map and w.number is None for w in product.wires)


def test_a_matrix_that_is_multiplied_by_itself_has_two_wires() -> None:
    told = account(sg.parse("q = A@A; f = sum(q)", shapes={"A": (2, 2)}), {"A": [[1, 2], [3, 4]]})
    product = labelled(told, "q")

    assert ["dq@A.T", "A.T@dq"] == [sg.text(w.contribution) for w in product.wires]
    np.testing.assert_allclose(sum(p.product for p in told.gates[0].paths), told.gates[0].grad)


def test_without_a_point_there_are_formulas_and_no_numbers() -> None:
    told = account("q = x + y; f = q*z")
    product = told.gates[-1]

    assert [("q", "z"), ("z", "q")] == [
        (told.by_node[w.source].label, str(w.local)) for w in product.wires
    ]
    numbers = [g.value for g in told.gates] + [g.grad for g in told.gates]
    numbers += [w.number for w in product.wires] + [p.product for p in told.gates[0].paths]
    assert {None} == set(numbers)


def test_what_the_output_does_not_depend_on_has_no_gradient() -> None:
    told = account("x + 0*y*0 + stop_gradient(z)", {"x": 1, "y": 2, "z": 3})
    z = labelled(told, "z")

    assert z.paths == () or 0 == sum(p.product for p in z.paths)
    assert z.grad in (None, 0)


def test_closed_forms_of_several_nodes_come_at_once() -> None:
    told = account("q = x + y; f = q*z")
    nodes = [told.graph.node(name) for name in ("x", "q", "z")]

    assert ["z", "z", "x + y"] == [sg.text(form) for form in told.gradients(nodes)]


def test_a_closed_form_that_is_too_long_is_not_spelled() -> None:
    told = account("*".join(f"(x{i} + y{i})" for i in range(12)))

    assert [None] == told.gradients([0], limit=10)
    assert told.gradient(0) is not None


def test_kinks_are_marked() -> None:
    told = account("max(x, y) + x", {"x": 1, "y": 1})

    assert ["max"] == [g.symbol for g in told.gates if g.kink]


def test_a_run_is_told_as_it_was_made() -> None:
    run = sg.run("1/(1 + exp(-x))", {"x": 1}, kinks="first")
    told = account(run)

    assert ["×-1", "exp", "+1", "1/x"] == signs(told)
    assert "first" == told.policy
    assert run.output == told.gates[-1].value


# --- words ---


def test_every_gate_has_a_sign_and_a_rule() -> None:
    known = {gate.name for gate in GATES}

    assert WORDS.keys() <= known
    assert {name for name, _ in FOLDED} <= known
    for words in [*WORDS.values(), *FOLDED.values()]:
        assert words.rule and words.rule == words.rule.strip()


# --- size ---


def test_five_thousand_nodes_are_told_without_deriving_anything() -> None:
    chain = Symbol("x")
    for k in range(2_500):
        chain = literal.add(literal.apply(sympy.sin, chain), Symbol(f"y{k % 7}"))
    told = account(chain, {"x": 0.5} | {f"y{k}": 0.1 * k for k in range(7)})

    assert 5_008 == len(told.gates)
    assert told._alone == {}
    assert "sin(" in told.gates[-2].formula


# --- MathML ---


def parsed(formula: str) -> minidom.Document:
    return minidom.parseString(f"<math>{formula}</math>")


def test_every_formula_of_the_examples_has_mathml() -> None:
    count = 0
    for name in sg.examples.names():
        told = sg.examples.load(name).account
        for gate in told.gates:
            if gate.wires:
                assert parsed(told.mathml(gate.node)).getElementsByTagName("mi")
                for wire in gate.wires:
                    parsed(mathml(latex(wire.contribution)))
                    count += 1

    assert count > 90


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x/y", "<mfrac><mi>x</mi><mi>y</mi></mfrac>"),
        ("x**2", "<msup><mi>x</mi><mn>2</mn></msup>"),
        ("x - y", "<mrow><mi>x</mi><mo>−</mo><mi>y</mi></mrow>"),
        ("sqrt(x)", "<msqrt><mi>x</mi></msqrt>"),
        ("alpha", "<mi>α</mi>"),
        ("v12", "<msub><mi>v</mi><mn>12</mn></msub>"),
    ],
)
def test_mathml_is_presentation_markup(formula: str, expected: str) -> None:
    assert expected == mathml(latex(sg.parse(formula).expr))


def test_matrices_are_bold_in_mathml_with_and_without_an_index() -> None:
    assert "<mi>𝐛</mi>" == mathml(latex(sg.tensor("b", 3)))
    assert "<msub><mi>𝐖</mi><mn>1</mn></msub>" == mathml(latex(sg.tensor("W1", 3, 2)))


def test_mathml_of_comparisons_is_escaped() -> None:
    written = mathml(latex(sg.parse("where(x < y, x, y)").expr))

    assert "<mo>&lt;</mo>" in written
    parsed(written)


def test_nesting_beyond_reading_becomes_text() -> None:
    deep = "x"
    for _ in range(200):
        deep = rf"\frac{{1}}{{{deep}}}"

    assert mathml(deep).startswith("<mtext>")


@pytest.mark.parametrize("seed", range(8))
def test_random_latex_never_breaks_the_markup(seed: int) -> None:
    chance = random.Random(seed)
    pieces = [r"\frac", "{", "}", "^", "_", "x", "12", r"\left(", r"\right)", "<", "&", r"\text{"]
    for _ in range(200):
        parsed(mathml("".join(chance.choices(pieces, k=12))))


# --- constants of matrices, sizes ---


def test_an_entry_that_is_picked_is_one_gate() -> None:
    told = sg.examples.load("two_layer").account
    pick = next(g for g in told.gates if g.symbol == "[2]")

    assert "s[2]" == pick.formula
    assert [told.graph.node("s")] == [w.source for w in pick.wires]
    assert not [g for g in told.gates if g.kind == "constant"]


def test_sizes_are_written_inside_their_gates() -> None:
    told = account(sg.parse("mean(x)", shapes={"x": ("n",)}))
    mean = told.gates[-1]

    assert ["x", "v1", "f"] == [g.label for g in told.gates]
    assert ("÷n", "v1/n", "1/n") == (mean.symbol, mean.formula, str(mean.wires[0].local))


def test_loops_over_tensors_bring_what_the_engine_computed(rng: np.random.Generator) -> None:
    h, x = sg.tensor("h", 2), sg.tensor("x", 3)
    w, u = sg.tensor("w", 2, 2), sg.tensor("u", 2, 3)
    step = sg.block("step", [h, x, w, u], [sg.map("tanh", w @ h + u @ x)])
    states = sg.scan(step, [h], [w, u], xs=[sg.tensor("xs", 4, 3)])
    at = {name: rng.normal(size=size) for name, size in SIZES.items()}
    told = account(sg.sum(states**2), at)
    inputs = [g for g in told.gates if g.kind == "input"]

    assert ["loop"] == [g.kind for g in told.gates if g.symbol == "step"]
    assert SIZES.keys() == {g.label for g in inputs}
    for gate in inputs:
        np.testing.assert_allclose(sum(p.product for p in gate.paths), gate.grad, atol=1e-13)


SIZES = {"h": (2,), "w": (2, 2), "u": (2, 3), "xs": (4, 3)}
