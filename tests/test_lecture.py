"""The lecture's circuits, to the digits given: every node's value and gradient, by name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import sympy
from sympy import Derivative, DiracDelta, Heaviside, Symbol, symbols

import symgrad as sg
from symgrad.errors import ParseError, UnknownNameError

ROUNDING = 1e-14  # relative: a dozen float64 operations


class Circuit(NamedTuple):
    """A formula with every inner node named, and what the lecture says of each node."""

    formula: str
    at: dict[str, float]
    values: dict[str, float]
    gradients: dict[str, float]
    nodes: int
    edges: int


NEURON_AT = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
NEURON_INPUTS = {
    "w0": -0.1966119332414819,
    "x0": 0.3932238664829638,
    "w1": -0.3932238664829638,
    "x1": -0.5898357997244457,
    "w2": 0.1966119332414819,
}
NEURON_SUM = "p = w0*x0; q = w1*x1; s = p + q; t = s + w2; "
SLOPE = 0.1966119332414819

CIRCUITS = {
    "A1 product": Circuit(
        "f = x*y", {"x": 4, "y": -3}, {"f": -12}, {"x": -3, "y": 4, "f": 1}, 3, 2
    ),
    "A2 maximum": Circuit(
        "f = max(x, y)", {"x": 4, "y": 2}, {"f": 4}, {"x": 1, "y": 0, "f": 1}, 3, 2
    ),
    "A3 sum times a factor": Circuit(
        "q = x + y; f = q*z",
        {"x": -2, "y": 5, "z": -4},
        {"q": 3, "f": -12},
        {"x": -4, "y": -4, "z": 3, "q": -4, "f": 1},
        5,
        4,
    ),
    # The constant of `1 + b` and `1/c` is one more node with two more edges than in the picture,
    # which folds it into its gates.
    "A4 neuron, spelled out": Circuit(
        NEURON_SUM + "a = -t; b = exp(a); c = 1 + b; f = 1/c",
        NEURON_AT,
        {
            "p": -2,
            "q": 6,
            "s": 4,
            "t": 1,
            "a": -1,
            "b": 0.36787944117144233,
            "c": 1.3678794411714423,
            "f": 0.731058578630005,
        },
        NEURON_INPUTS
        | {"p": SLOPE, "q": SLOPE, "s": SLOPE, "t": SLOPE, "a": -SLOPE}
        | {"b": -0.534446645388523, "c": -0.534446645388523, "f": 1},
        14,
        14,
    ),
    "A4 neuron, one sigmoid gate": Circuit(
        NEURON_SUM + "f = sigmoid(t)",
        NEURON_AT,
        {"p": -2, "q": 6, "s": 4, "t": 1, "f": 0.731058578630005},
        NEURON_INPUTS | {"p": SLOPE, "q": SLOPE, "s": SLOPE, "t": SLOPE, "f": 1},
        10,
        9,
    ),
    # The square's exponent and the reciprocal's 1 are nodes here and parts of gates in the notes.
    "A5 staged": Circuit(
        "sigy = sigmoid(y); num = x + sigy; sigx = sigmoid(x); xpy = x + y; xpysqr = xpy**2;"
        "den = sigx + xpysqr; invden = 1/den; f = num*invden",
        {"x": 3, "y": -4},
        {
            "sigy": 0.01798620996209156,
            "num": 3.0179862099620918,
            "sigx": 0.9525741268224334,
            "xpy": -1,
            "xpysqr": 1,
            "den": 1.9525741268224333,
            "invden": 0.5121444488396316,
            "f": 1.5456448841066441,
        },
        {
            "num": 0.5121444488396316,
            "invden": 3.0179862099620918,
            "den": -0.7915934472725935,
            "sigx": -0.7915934472725935,
            "xpysqr": -0.7915934472725935,
            "xpy": 1.583186894545187,
            "sigy": 0.5121444488396316,
            "x": 2.0595697955721649,
            "y": 1.5922327514838093,
        },
        12,
        14,
    ),
    "A6 router, distributor, switcher": Circuit(
        "p = x*y; m = max(z, w); s = p + m; f = s*2",
        {"x": 3, "y": -4, "z": 2, "w": -1},
        {"p": -12, "m": 2, "s": -10, "f": -20},
        {"x": -8, "y": 6, "z": 2, "w": 0, "p": 2, "m": 2, "s": 2, "f": 1},
        9,
        8,
    ),
    "A10 a node that forks": Circuit(
        "c = a + b; d = b + 1; e = c*d",
        {"a": 2, "b": 1},
        {"c": 3, "d": 2, "e": 6},
        {"a": 2, "b": 5, "c": 2, "d": 3, "e": 1},
        6,
        6,
    ),
}
VALUES = [(c, n) for c, circuit in CIRCUITS.items() for n in circuit.values]
GRADIENTS = [(c, n) for c, circuit in CIRCUITS.items() for n in circuit.gradients]
MICROGRAD = """
c = a + b; d = a*b + b**3; c1 = c + c + 1; c2 = c1 + 1 + c1 + (-a); d1 = d + d*2 + relu(b + a)
d2 = d1 + 3*d1 + relu(b - a); e = c2 - d2; f = e**2; g = f/2; g1 = g + 10/f
"""


@pytest.mark.parametrize(("circuit", "node"), VALUES)
def test_every_node_has_the_value_of_the_lecture(circuit: str, node: str) -> None:
    formula, at, values, *_ = CIRCUITS[circuit]

    assert pytest.approx(values[node], rel=ROUNDING) == sg.run(formula, at).value[node]


@pytest.mark.parametrize(("circuit", "node"), GRADIENTS)
def test_every_node_has_the_gradient_of_the_lecture(circuit: str, node: str) -> None:
    formula, at, _, gradients, *_ = CIRCUITS[circuit]

    assert pytest.approx(gradients[node], rel=ROUNDING) == sg.run(formula, at).grad[node]


@pytest.mark.parametrize(("circuit", "node"), GRADIENTS)
def test_closed_form_of_every_gradient_has_the_number_of_the_lecture(
    circuit: str, node: str
) -> None:
    formula, at, values, gradients, *_ = CIRCUITS[circuit]
    closed = sg.grad(formula, node)
    inner = {name: values[name] for name in values if closed.has(Symbol(name))}

    assert pytest.approx(gradients[node], rel=ROUNDING) == float(closed.evalf(subs=at | inner))


@pytest.mark.parametrize("circuit", CIRCUITS)
def test_circuits_have_as_many_nodes_and_edges_as_are_drawn(circuit: str) -> None:
    formula, *_, nodes, edges = CIRCUITS[circuit]
    graph = sg.graph(formula)

    assert (nodes, edges) == (len(graph.nx), graph.nx.number_of_edges())


@pytest.mark.parametrize("circuit", CIRCUITS)
def test_gradients_of_the_lecture_pass_the_check(circuit: str) -> None:
    formula, at, *_ = CIRCUITS[circuit]

    assert sg.check_grad(formula, at)


@pytest.mark.parametrize(
    ("formula", "nodes"),
    [("1/(1 + exp(-(w0*x0 + w1*x1 + w2)))", 13), ("2*(x*y + max(z, w))", 8)],
)
def test_gates_are_as_many_as_drawn_where_constants_are_folded_into_their_gate(
    formula: str, nodes: int
) -> None:
    graph = sg.graph(formula)
    constants = sum(graph.nodes.constant)

    assert nodes == len(graph) - constants


# --- closed forms ---

x, y, z, w, a, b = symbols("x y z w a b")

CLOSED = {
    "x*y": {x: y, y: x},
    "(x + y)*z": {x: z, y: z, z: x + y},
    "2*(x*y + max(z, w))": {x: 2 * y, y: 2 * x},
    "(a + b)*(b + 1)": {a: b + 1, b: a + 2 * b + 1},
    "exp(x)": {x: sympy.exp(x)},
    "a*x": {a: x, x: a},
    "a + x": {a: 1, x: 1},
    "1/x": {x: -1 / x**2},
}


@pytest.mark.parametrize("formula", CLOSED)
def test_closed_forms_are_the_ones_on_the_blackboard(formula: str) -> None:
    gradient = sg.grad(formula, list(CLOSED[formula]))

    assert list(CLOSED[formula].values()) == gradient


def test_gradient_of_the_sigmoid_prints_as_the_lecture_writes_it() -> None:
    (_, body), *more = sg.grad("sigmoid(x)", "x", form="let")[0]
    reduced = sg.grad("sigmoid(x)", "x", form="let")[1]

    assert ("sigmoid(x)", [], "(1 - s)*s") == (sg.text(body), more, sg.text(reduced))


def test_collapsing_the_spelled_neuron_gives_the_sigmoid_gate() -> None:
    collapsed = sg.graph(NEURON_SUM + "f = 1/(1 + exp(-t))").collapse()
    gate = sg.graph(CIRCUITS["A4 neuron, one sigmoid gate"].formula)

    assert gate.nodes.gates == collapsed.nodes.gates


def test_collapsing_spares_what_has_a_name() -> None:
    spelled = sg.graph(CIRCUITS["A4 neuron, spelled out"].formula)

    assert spelled.names == spelled.collapse().names


def test_collapsing_keeps_the_gradients_of_the_inputs() -> None:
    collapsed = sg.graph(NEURON_SUM + "f = 1/(1 + exp(-t))").collapse()
    run = sg.run(collapsed, NEURON_AT)

    for name, slope in NEURON_INPUTS.items():
        assert pytest.approx(slope, rel=ROUNDING) == run.grad[name]


@pytest.mark.parametrize(
    ("gate", "role"), [("x + y", "distributes"), ("x*y", "switches"), ("max(x, y)", "routes")]
)
def test_gates_know_their_role_in_the_backward_flow(gate: str, role: str) -> None:
    graph = sg.graph(gate)

    assert role == graph.nx.nodes[graph.outputs[0]]["role"]


def test_scaling_inputs_by_a_thousand_scales_weight_gradients_by_a_thousand() -> None:
    neuron, at = "w0*x0 + w1*x1", {"w0": 2, "x0": -1, "w1": -3, "x1": -2}
    scaled = at | {"x0": -1000, "x1": -2000}
    plain, large = sg.run(neuron, at).grad, sg.run(neuron, scaled).grad

    assert [1000 * plain["w0"], 1000 * plain["w1"]] == [large["w0"], large["w1"]]


def test_micrograd_example_has_its_published_numbers() -> None:
    run = sg.run(MICROGRAD, {"a": -4, "b": 2})

    assert pytest.approx(24.70408163265306, rel=ROUNDING) == run.value["g1"]
    assert pytest.approx(138.83381924198252, rel=ROUNDING) == run.grad["a"]
    assert pytest.approx(645.5772594752186, rel=ROUNDING) == run.grad["b"]


# --- activations ---

sigmoid_at_one = 0.7310585786300049
ACTIVATIONS: dict[str, list[tuple[float, float, float]]] = {
    "sigmoid(x)": [(-1, 0.26894142137, SLOPE), (0, 0.5, 0.25), (1, sigmoid_at_one, SLOPE)],
    "tanh(x)": [(0, 0, 1), (1, 0.76159415596, 0.4199743416), (-1, -0.76159415596, 0.4199743416)],
    "relu(x)": [(-3, 0, 0), (0, 0, 0), (3, 3, 1)],
    "leaky_relu(x)": [(-3, -0.03, 0.01), (3, 3, 1)],
    "leaky_relu(x, 1/5)": [(-3, -0.6, 0.2), (3, 3, 1)],
    "max(2*x + 1, 3*x - 1)": [(1, 3, 2), (3, 8, 3)],
    "elu(x, 2)": [(-1, -1.2642411177, 0.7357588823), (1, 1, 1)],
}
POINTS = [(f, *row) for f, rows in ACTIVATIONS.items() for row in rows]


@pytest.mark.parametrize(("formula", "at", "value", "slope"), POINTS)
def test_activations_have_the_values_of_the_notes(
    formula: str, at: float, value: float, slope: float
) -> None:
    assert pytest.approx(value, rel=1e-10) == sg.run(formula, {"x": at}).output


@pytest.mark.parametrize(("formula", "at", "value", "slope"), POINTS)
def test_activations_have_the_slopes_of_the_notes(
    formula: str, at: float, value: float, slope: float
) -> None:
    assert pytest.approx(slope, rel=1e-10) == sg.run(formula, {"x": at}).grad["x"]


def test_slope_of_a_parametric_relu_is_a_parameter_with_a_gradient() -> None:
    run = sg.run("leaky_relu(x, alpha)", {"x": -3, "alpha": 0.2})

    assert run.grad["alpha"] == -3


def test_tanh_is_a_scaled_sigmoid() -> None:
    points = {"x": np.linspace(-3, 3, 13)}
    other = sg.run("2*sigmoid(2*x) - 1", points)
    run = sg.run("tanh(x)", points)

    np.testing.assert_allclose(other.output, run.output, rtol=0, atol=1e-15)
    np.testing.assert_allclose(other.grad["x"], run.grad["x"], rtol=1e-13)


@pytest.mark.parametrize(("at", "value"), [(-1000, 0.0), (1000, 1.0)])
def test_saturated_sigmoid_has_slope_zero_where_the_textbook_formula_is_nan(
    at: float, value: float
) -> None:
    run = sg.run("sigmoid(x)", {"x": at})

    assert (value, 0.0) == (run.output, run.grad["x"])


def test_collapse_makes_a_spelled_sigmoid_safe() -> None:
    run = sg.run(sg.graph("1/(1 + exp(-x))").collapse(), {"x": -1000})

    assert (0.0, 0.0) == (run.output, run.grad["x"])


# --- the gradient check ---

STAGED, STAGED_AT = CIRCUITS["A5 staged"].formula, CIRCUITS["A5 staged"].at


@pytest.mark.parametrize(
    ("step", "error"),
    [(1e-3, 1.2e-7), (1e-4, 1.2e-9), (1e-5, 1.8e-11), (1e-6, 1.7e-10), (1e-8, 6.9e-9)],
)
def test_errors_fall_with_the_step_until_rounding_takes_over(step: float, error: float) -> None:
    found = sg.check_grad(STAGED, STAGED_AT, ["x"], step=step)["x"].error

    assert error / 30 < found < error * 30


def test_errors_by_truncation_are_the_ones_of_the_notes() -> None:
    found = sg.check_grad(STAGED, STAGED_AT, ["x"], step=1e-3)["x"].error

    assert pytest.approx(1.2e-7, rel=0.05) == found


def test_complex_step_is_exact_on_the_staged_example() -> None:
    found = sg.numeric_grad(STAGED, STAGED_AT, ("x", "y"), method="complex")

    assert pytest.approx((2.0595697955721649, 1.5922327514838093), rel=1e-15) == found


def test_a_kink_within_the_step_spoils_the_difference() -> None:
    found = sg.numeric_grad("relu(x)", {"x": -1e-6}, "x", step=1e-5)

    assert pytest.approx(0.45) == found


def test_the_check_reports_the_spoiled_difference_and_the_kink() -> None:
    entry = sg.check_grad("relu(x)", {"x": -1e-6}, step=1e-5)["x"]

    assert (0.0, pytest.approx(0.45)) == (entry.analytic, entry.numeric)
    assert "kink within step 1e-05" in entry.note


def test_the_check_is_not_failed_by_a_kink_that_it_has_found() -> None:
    assert sg.check_grad("relu(x)", {"x": -1e-6}, step=1e-5)


# --- what SymPy's own evaluation would destroy ---

KEPT = {
    "2*(x*y + max(z, w))": ["mul", "max", "add", "mul"],
    "1/(1 + exp(-(x + y)))": ["add", "neg", "exp", "add", "div"],
    "x - y": ["sub"],
    "x/y": ["div"],
    "x + x": ["add"],
    "x*x": ["mul"],
    "max(x, x)": ["max"],
    "-(x + y)": ["add", "neg"],
    "x + 0": ["add"],
    "1*x": ["mul"],
}
GREEK = ["E", "I", "N", "S", "Q", "O", "beta", "gamma", "zeta", "lambda", "test", "re", "C"]


@pytest.mark.parametrize("formula", KEPT)
def test_one_operator_written_is_one_gate_in_the_order_written(formula: str) -> None:
    gates = [g.name for g in sg.graph(formula).nodes.gates if g.name not in ("var", "const")]

    assert KEPT[formula] == gates


@pytest.mark.parametrize(("formula", "slope"), [("x*x", 6), ("x + x", 2), ("x/x", 0), ("x - x", 0)])
def test_parallel_edges_both_carry_gradient(formula: str, slope: float) -> None:
    graph = sg.graph(formula)

    assert (2, slope) == (graph.nx.number_of_edges(0, 1), sg.run(graph, {"x": 3}).grad["x"])


@pytest.mark.parametrize("name", GREEK)
def test_letters_that_sympy_reserves_are_variables(name: str) -> None:
    assert {Symbol(name): x, x: Symbol(name)} == sg.grad(f"{name}*x")


@pytest.mark.parametrize("formula", ["sigma(x)", "rellu(x)", "f(x)", "print(x)", "softmax(x)"])
def test_unknown_functions_are_refused_instead_of_assumed(formula: str) -> None:
    with pytest.raises(ParseError, match="unknown function"):
        sg.grad(formula)


def test_comparisons_are_not_silently_false() -> None:
    with pytest.raises(ParseError, match="a condition stands where a number is wanted"):
        sg.grad("x == 1")


def test_differentiating_by_an_unknown_name_is_an_error_not_zero() -> None:
    with pytest.raises(UnknownNameError, match="no variable `q`; it has `x`, `y`"):
        sg.diff("x*y", "q")


@pytest.mark.parametrize(
    "formula",
    [
        "max(x, y)",
        "min(x, y, z)",
        "abs(x)",
        "sign(x)*x",
        "relu(x)*y",
        "Heaviside(x)*x",
        "floor(x)*y",
        "mod(x, y)",
        "where(x > y, x, y)",
        "abs(abs(x) - y)",
        "leaky_relu(x)",
        "elu(x)",
    ],
)
@pytest.mark.parametrize("order", [1, 2])
def test_closed_forms_hold_no_heaviside_and_no_delta(formula: str, order: int) -> None:
    found = list(sg.grad(formula).values()) if order == 1 else list(sg.hessian(formula))
    own = formula.startswith("Heaviside")  # who writes a step gets it back

    assert not any(f.has(DiracDelta, Derivative) or (f.has(Heaviside) and not own) for f in found)


def test_composed_sigmoids_swell_in_closed_form_and_not_in_the_graph() -> None:
    formula = "x"
    sizes = []
    for _ in range(8):
        formula = f"sigmoid({formula})"
        sizes.append(sg.stats(formula).with_gradient)

    assert len(set(np.diff(sizes)[1:])) == 1
