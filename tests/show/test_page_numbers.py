"""The page's arithmetic is Python's: the lecture's tables, every kernel, every gate."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from sympy import Symbol

import symgrad as sg
from symgrad.numeric import kernels
from symgrad.rules.table import GATES
from symgrad.show import examples
from symgrad.show.page_data import record
from symgrad.show.page_file import known_gates
from tests.show.page_node import needs_node, under_node

ROUNDING = 1e-12  # relative: a dozen operations, and libraries that differ in the last digit

NEURON = "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))"
NEURON_AT = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
STAGED = (
    "sigy = sigmoid(y); num = x + sigy; sigx = sigmoid(x); xpy = x + y; xpysqr = xpy**2; "
    "den = sigx + xpysqr; invden = 1/den; f = num*invden"
)
MICROGRAD = (
    "c = a + b; d = a*b + b**3; c1 = 2*c + 1; c2 = 2*c1 - a + 1; d1 = 3*d + relu(a + b); "
    "d2 = 4*d1 + relu(b - a); e = c2 - d2; f = e**2; g = f/2 + 10/f"
)

# The lecture's numbers: the formula, its shapes, the point, the value, the gradients.
TABLES: dict[str, tuple[str, dict[str, Any], dict[str, Any], float, dict[str, Any]]] = {
    "A1": ("x*y", {}, {"x": 4, "y": -3}, -12, {"x": -3, "y": 4}),
    "A2": ("max(x, y)", {}, {"x": 4, "y": 2}, 4, {"x": 1, "y": 0}),
    "A3": (
        "q = x + y; f = q*z",
        {},
        {"x": -2, "y": 5, "z": -4},
        -12,
        {"x": -4, "y": -4, "z": 3, "q": -4},
    ),
    "A4": (
        NEURON,
        {},
        NEURON_AT,
        0.731058578630005,
        {
            "w0": -0.1966119332414819,
            "x0": 0.3932238664829638,
            "w1": -0.3932238664829638,
            "x1": -0.5898357997244457,
            "w2": 0.1966119332414819,
        },
    ),
    "A5": (
        STAGED,
        {},
        {"x": 3, "y": -4},
        1.5456448841066441,
        {
            "x": 2.0595697955721649,
            "y": 1.5922327514838093,
            "den": -0.7915934472725935,
            "xpy": 1.583186894545187,
        },
    ),
    "A6": (
        "2*(x*y + max(z, w))",
        {},
        {"x": 3, "y": -4, "z": 2, "w": -1},
        -20,
        {"x": -8, "y": 6, "z": 2, "w": 0},
    ),
    "A7": (
        "q = W@x; f = sum(q .* q)",
        {"W": (2, 2), "x": (2,)},
        {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]},
        0.116,
        {"W": [[0.088, 0.176], [0.104, 0.208]], "x": [-0.112, 0.636]},
    ),
    "A8": (
        "y = x@w; f = sum(d .* y)",
        {"x": (2, 3), "w": (3, 4), "d": (2, 4)},
        {
            "x": [[2, 1, -3], [-3, 4, 2]],
            "w": [[3, 2, 1, -1], [2, 1, 3, 2], [3, 2, 1, -2]],
            "d": [[2, 3, -3, 9], [-8, 1, 4, 6]],
        },
        91,
        {
            "x": [[0, 16, -9], [-24, 9, -30]],
            "w": [[28, 3, -18, 0], [-30, 7, 13, 33], [-22, -7, 17, -15]],
        },
    ),
    "A9": (
        "f = sum(u .* relu(x))",
        {"u": (4,), "x": (4,)},
        {"u": [4, -1, 5, 9], "x": [1, -2, 3, -1]},
        19,
        {"x": [4, 0, 5, 0], "u": [1, 0, 3, 0]},
    ),
    "A10": ("c = a + b; d = b + 1; e = c*d", {}, {"a": 2, "b": 1}, 6, {"a": 2, "b": 5}),
    "A11": (
        MICROGRAD,
        {},
        {"a": -4, "b": 2},
        24.704081632653061,
        {"a": 138.83381924198252, "b": 645.57725947521865},
    ),
}


def made(formula: str, at: dict[str, Any], shapes: dict[str, Any] | None = None) -> dict[str, Any]:
    f = sg.parse(formula, shapes=shapes) if shapes else formula
    found = record(f, at, known=known_gates())
    assert found["refusal"] == ""
    return found


def number(entry: Any) -> Any:
    if isinstance(entry, list):
        return [number(part) for part in entry]
    return 0.0 if entry is None else float(entry)


def agree(expected: Any, actual: Any) -> None:
    shaped = np.reshape(number(actual), np.shape(expected))
    np.testing.assert_allclose(shaped, np.asarray(expected, float), rtol=ROUNDING, atol=1e-14)


@needs_node
def test_the_page_computes_the_lectures_numbers_folded_and_unfolded() -> None:
    records = {name: made(f, at, shapes) for name, (f, shapes, at, _, _) in TABLES.items()}
    states = [[], None, "all"]
    tasks = [
        ["compute", r, None, list(range(len(r["groups"]))) if s == "all" else s]
        for r in records.values()
        for s in states
    ]
    answers = under_node(tasks)

    for (_, (_, _, _, value, gradients)), found in zip(
        (item for item in TABLES.items() for _ in states), answers, strict=True
    ):
        nodes = {label: grad for label, _, grad in found["nodes"]}
        agree(value, found["output"])
        for name, gradient in gradients.items():
            agree(gradient, nodes[name])


@needs_node
def test_the_page_follows_python_at_other_points(rng: np.random.Generator) -> None:
    tasks, expected = [], []
    for formula, shapes, at, _, _ in TABLES.values():
        found = made(formula, at, shapes)
        moved = {k: rng.normal(size=np.shape(v)) for k, v in at.items()}
        inputs = [np.asarray(moved[i["name"]]).tolist() for i in found["inputs"]]
        tasks.append(["compute", found, inputs, None])
        f = sg.parse(formula, shapes=shapes) if shapes else formula
        expected.append((sg.run(f, moved), moved))
    for (run, moved), found in zip(expected, under_node(tasks), strict=True):
        nodes = {label: grad for label, _, grad in found["nodes"]}
        agree(run.output, found["output"])
        for name in moved:
            agree(run.grad[name], nodes[name])


@needs_node
@pytest.mark.parametrize("name", examples.names())
def test_every_named_example_runs_on_its_page(name: str) -> None:
    example = examples.load(name)
    found = record(example.graph, example.at, known=known_gates())
    (answer,) = under_node([["compute", found, None, None]])
    nodes = {label: grad for label, _, grad in answer["nodes"]}

    assert found["refusal"] == ""
    agree(example.run.output, answer["output"])
    for entry in found["inputs"]:
        agree(example.run.grad[entry["name"]], nodes[entry["name"]])


@needs_node
def test_a_saturated_sigmoid_keeps_its_gradient_while_it_is_folded() -> None:
    folded = made("sigmoid(x)*y", {"x": -1000.0, "y": 2.0})
    (answer,) = under_node([["compute", folded, None, []]])
    nodes = {label: grad for label, _, grad in answer["nodes"]}

    assert (nodes["x"], nodes["y"], answer["output"]) == (0, 0, 0)


@needs_node
def test_blocks_over_numbers_and_over_tensors_compute_inside() -> None:
    n = Symbol("n", integer=True, positive=True)
    v = sg.tensor("v", n)
    square = sg.block("square", [v], sg.sum(v * v * v))
    x = sg.tensor("x", 3)
    loss = square(x) * square(x)
    at = {"x": [0.5, -1.0, 2.0]}
    found, run = record(loss, at, known=known_gates()), sg.run(loss, at)
    states = [None, [], list(range(len(found["groups"])))]
    answers = under_node([["compute", found, None, s] for s in states])

    assert found["refusal"] == "" and [g["label"] for g in found["groups"]] == ["square"]
    for answer in answers:
        nodes = {label: grad for label, _, grad in answer["nodes"]}
        agree(run.output, answer["output"])
        agree(run.grad["x"], nodes["x"])


# --- kernels ---

EDGES = (-np.inf, -710.5, -2.5, -1.0, -0.3, -0.0, 0.0, 0.4, 1.0, 2.0, 3.7, 710.5, np.inf, np.nan)
TEXTS = {np.inf: "inf", -np.inf: "-inf"}
# Kernels that take more than two operands, or whose operands are no free numbers.
OWN_ROWS = {
    "where": [(c, x, y) for c in (0.0, 1.0) for x, y in ((2.0, 3.0), (-1.0, np.inf))],
    "indicator": list(itertools.product((-1.0, 0.0, 2.0, np.nan), (-1.0, 0.0), (0.0, 0.5, 1.0))),
    "jn": [(n, x) for n in (0.0, 1.0) for x in (-7.0, -0.6, -0.49, 1e-9, 0.0, 0.51, 2.0, 30.0)],
}
LOOSE = {"erfc": 2e-14, "gelu": 2e-14}  # far out a rounding of x is magnified by x*x
LOGICAL = frozenset({"and", "or", "xor", "not"})


def rows_of(name: str) -> list[tuple[float, ...]]:
    if name in OWN_ROWS:
        return OWN_ROWS[name]
    gate = GATES.named(name)
    assert gate is not None
    least, most = gate.arity
    edges = (0.0, 1.0) if name in LOGICAL else EDGES
    counts = {least, min(2, most or 2)} - {0}
    return [row for count in sorted(counts) for row in itertools.product(edges, repeat=count)]


def plain(x: float) -> Any:
    return "nan" if np.isnan(x) else TEXTS.get(x, x)


def scalar_kernels() -> list[str]:
    return sorted(n for n in known_gates() if n in kernels.REAL)


def test_the_page_knows_a_kernel_for_most_elementary_gates() -> None:
    assert len(scalar_kernels()) > 70
    assert {"gamma", "zeta", "besselj"}.isdisjoint(known_gates())


@needs_node
def test_every_kernel_of_the_page_is_numpys_at_ordinary_and_at_extreme_operands() -> None:
    names = scalar_kernels()
    tables = {name: rows_of(name) for name in names}
    tasks = [["kernel", n, [[plain(x) for x in row] for row in tables[n]]] for n in names]

    for name, answers in zip(names, under_node(tasks), strict=True):
        gate = GATES.named(name)
        assert gate is not None
        function = kernels.kernel(gate)
        with np.errstate(all="ignore"):
            expected = [float(function(*map(np.float64, row))) for row in tables[name]]
        found = [float(x) for x in answers]
        wrong = [
            (row, e, f)
            for row, e, f in zip(tables[name], expected, found, strict=True)
            if not np.isclose(e, f, rtol=LOOSE.get(name, 4e-15), atol=1e-300, equal_nan=True)
        ]
        assert wrong == [], f"{name}: {wrong[:5]}"


def scalar_gates() -> list[str]:
    """Name the gates that a formula can be made of and the page has a kernel for."""
    skipped = {"const", "var", "and", "or", "not", "xor", "jn"}
    return [
        g.name
        for g in GATES
        if g.name in known_gates() and g.head is not None and g.domain and g.name not in skipped
    ]


def formula_of(name: str, count: int) -> Any:
    gate = GATES.named(name)
    assert gate is not None
    names = [Symbol(f"x{k}") for k in range(count)]
    head = gate.head(*names)
    return sg.parse("where(c > 0, 1, 2)").expr.subs("c", names[0]) if head.is_Relational else head


@needs_node
def test_every_gate_of_the_page_has_pythons_value_and_gradient(rng: np.random.Generator) -> None:
    tasks, expected, labels = [], [], []
    for name in scalar_gates():
        gate = GATES.named(name)
        assert gate is not None
        count = max(gate.arity[0], 1)
        f = formula_of(name, count)
        if getattr(f, "is_number", None) is not False or not f.free_symbols:
            continue
        domain = [gate.domain[min(k, len(gate.domain) - 1)] for k in range(count)]
        for _ in range(3):
            at = {f"x{k}": float(rng.uniform(*d)) for k, d in enumerate(domain)}
            at = {k: v for k, v in at.items() if Symbol(k) in f.free_symbols}
            found = record(f, at, known=known_gates())
            assert found["refusal"] == "", name
            tasks.append(["compute", found, None, []])
            tasks.append(["compute", found, None, None])
            expected += [sg.run(f, at)] * 2
            labels += [name] * 2
    assert len(set(labels)) > 55
    for name, run, found in zip(labels, expected, under_node(tasks), strict=True):
        nodes = {label: grad for label, _, grad in found["nodes"]}
        np.testing.assert_allclose(number(found["output"]), run.output, rtol=1e-12, err_msg=name)
        for symbol in run.graph.inputs:
            wanted = run.grad[symbol]
            np.testing.assert_allclose(
                number(nodes[str(symbol)]), wanted, rtol=1e-11, atol=1e-13, err_msg=name
            )


# --- tensors ---

TENSOR_FORMULAS: dict[str, dict[str, tuple[int, ...]]] = {
    "sum(softmax(x) .* y)": {"x": (4,), "y": (4,)},
    "logsumexp(A@x)": {"A": (3, 2), "x": (2,)},
    "max(A@x) + min(x)": {"A": (3, 2), "x": (2,)},
    "norm(A@x)**3": {"A": (3, 2), "x": (2,)},
    "sum(tanh(A)@x)*x[1]": {"A": (3, 2), "x": (2,)},
    "trace(A@A.T) + sum(A.T@A)": {"A": (3, 2)},
    "sum(sigmoid(A) .* exp(-A)) + s*mean(A)": {"A": (3, 2)},
}


@needs_node
@pytest.mark.parametrize("formula", TENSOR_FORMULAS)
def test_formulas_of_tensors_agree(formula: str, rng: np.random.Generator) -> None:
    shapes = TENSOR_FORMULAS[formula]
    f = sg.parse(formula, shapes=shapes)
    at: dict[str, Any] = {k: rng.normal(size=n) for k, n in shapes.items()}
    at |= {"s": 1.5} if "s*" in formula else {}
    run, found = sg.run(f, at), record(f, at, known=known_gates())
    (answer,) = under_node([["compute", found, None, None]])
    nodes = {label: grad for label, _, grad in answer["nodes"]}

    assert found["refusal"] == ""
    agree(run.output, answer["output"])
    for name in at:
        agree(run.grad[name], nodes[name])


def test_a_page_without_a_kernel_says_so_and_keeps_pythons_numbers() -> None:
    f, at = "gamma(x)*y", {"x": 3.0, "y": -4.0}
    found = record(f, at, known=known_gates())
    run = sg.run(f, at)
    gates = {g["label"]: g for g in found["gates"]}

    assert "the page has no `" in found["refusal"]
    assert "Recomputation is by Python" in found["refusal"]
    assert (gates["x"]["grad"], gates["f"]["value"]) == (run.grad["x"], run.output)
