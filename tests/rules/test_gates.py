"""The table of gates is the test list: every row, both modes, both orders, four oracles."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from sympy import Symbol

from symgrad.errors import BackendError, UnknownPartialError
from symgrad.numeric import kernels, kernels_special, precise
from symgrad.rules import arithmetic, opaque
from symgrad.rules.table import GATES

oracle: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("oracle.py"))))

POINTS = 20
EXACT = 1e-20  # of 30 digits
LEAVES = (arithmetic.CONSTANT, arithmetic.VARIABLE)
NUMBERLESS = ("mathieus", "mathieuc", "mathieusprime", "mathieucprime")
DECREED = ("stop_gradient",)  # its derivative is none of its value
DEGREE_MUST_BE_KNOWN = ("SingularityFunction", "tribonacci", "Znm")
COSTLY = (
    *("appellf1", "lerchphi", "marcumq", "elliptic_pi", "elliptic_e", "elliptic_f", "stieltjes"),
    *("betainc", "betainc_regularized", "expint", "uppergamma", "lowergamma", "polylog"),
)
FEW = 4  # points of a costly function by default; the slow tests take them all

ROWS = [g for g in GATES if g not in LEAVES and g not in opaque.ROWS and g.shape is None]
MEASURED = [g for g in ROWS if g.name not in (*NUMBERLESS, *DECREED)]


def many(gate: Any) -> int:
    if gate.name == "appellf1":  # a double series: a tenth of a second a value
        return FEW // 2
    return FEW if gate.name in COSTLY else POINTS


def forms() -> list[Any]:
    """List (gate, operands, whether integer operands are constants)."""
    found = []
    for gate in MEASURED:
        for arity in oracle.arities(gate):
            held = [i for i in gate.integers if i < arity]
            for fix in (False, True) if held else (False,):
                if fix or gate.name not in DEGREE_MUST_BE_KNOWN or arity == 1:
                    note = "-fixed" if fix else ""
                    found.append(pytest.param(gate, arity, fix, id=f"{gate.name}-{arity}{note}"))
    return found


FORMS = forms()
DERIVED = [
    form
    for form in FORMS
    if oracle.known(form.values[0], form.values[1], dict.fromkeys(form.values[0].integers))
]


@pytest.mark.parametrize("gate", list(GATES), ids=lambda g: g.name)
def test_a_row_has_a_domain_for_each_operand(gate: Any) -> None:
    if gate in LEAVES or gate in opaque.ROWS or gate.shape is not None:
        return

    assert gate.domain
    assert all(low <= high for low, high in gate.domain)
    assert len(gate.domain) == 1 or gate.arity[1] in (None, len(gate.domain))


@pytest.mark.parametrize(("gate", "arity", "fix"), DERIVED)
def test_reverse_and_forward_are_the_numeric_derivative(gate: Any, arity: int, fix: bool) -> None:
    errors = oracle.first_order_errors(gate, arity, many(gate), fix=fix)

    assert errors["reverse"] <= EXACT
    assert errors["forward"] <= EXACT


# Second partials that would need the derivative of pFq by its parameters.
SECOND_UNKNOWN: dict[str, list[tuple[int, int]]] = {
    "betainc": [(0, 0), (0, 1), (1, 1)],
    "betainc_regularized": [(0, 0), (0, 1), (1, 1)],
}


SECOND = [
    pytest.param(
        *f.values, id=f.id, marks=pytest.mark.slow if f.values[0].name == "appellf1" else ()
    )
    for f in DERIVED
]


@pytest.mark.parametrize(("gate", "arity", "fix"), SECOND)
def test_second_order_is_the_numeric_derivative(gate: Any, arity: int, fix: bool) -> None:
    count = many(gate) // 2  # 10 points: each pair of operands is measured
    worst, refused = oracle.second_order_errors(gate, arity, count, fix=fix)

    assert worst <= EXACT
    assert refused == SECOND_UNKNOWN.get(gate.name, [])


@pytest.mark.slow
@pytest.mark.parametrize(("gate", "arity", "fix"), DERIVED)
def test_both_orders_at_many_points(gate: Any, arity: int, fix: bool) -> None:
    count = POINTS if gate.name in COSTLY else 5 * POINTS
    errors = oracle.first_order_errors(gate, arity, count, fix=fix)
    worst, _ = oracle.second_order_errors(gate, arity, count, fix=fix)

    assert max(worst, *errors.values()) <= EXACT


KNOWN_ORDERS = [
    *((name, {0: k}) for name in ("besselj", "bessely", "besseli", "besselk") for k in (0, 1, 2)),
    *((name, {0: k}) for name in ("jn", "yn") for k in (0, 1, 3)),
    ("expint", {0: 1}),
    ("expint", {0: 2}),
    *((name, bounds) for name in ("betainc", "betainc_regularized") for bounds in ({2: 0}, {3: 1})),
    *((name, {1: k}) for name in ("RisingFactorial", "FallingFactorial") for k in (0, 1, 3)),
    ("binomial", {1: 3}),
]


@pytest.mark.parametrize(("name", "fixed"), KNOWN_ORDERS)
def test_known_orders_have_their_own_forms(name: str, fixed: dict[int, float]) -> None:
    gate = GATES.named(name)
    arity = gate.arity[0]
    graph, _ = oracle.gate_graph(gate, arity, fixed)
    wrt = oracle.known(gate, arity, fixed)
    nodes = [oracle.variable(graph, i) for i in wrt]
    units = [tuple(int(k == i) for k in range(arity)) for i in wrt]
    for drawn in oracle.points(gate, arity, FEW):
        point = [fixed.get(i, p) for i, p in enumerate(drawn)]
        with mp.workdps(oracle.DIGITS):
            expected = [oracle.by_mpmath(gate, point, unit) for unit in units]
            for derive in (oracle.by_reverse, oracle.by_forward):
                assert oracle.agree(oracle.at_digits(derive(graph, nodes), point), expected, EXACT)


# --- float64 ---


KERNEL_BOUND = 1e-13  # relative
KERNEL_BOUNDS = {
    "logaddexp": 1e-12,  # cancels where x + log1p(exp(y - x)) is near 0
    "besselj": 1e-12,  # near its zeros
    "bessely": 1e-12,
}


@pytest.mark.parametrize(("gate", "arity", "fix"), [f for f in FORMS if not f.values[2]])
def test_numpy_kernel_is_the_mpmath_kernel(gate: Any, arity: int, fix: bool) -> None:
    count = POINTS if gate.name in kernels.REAL or gate.complex_valued else FEW
    columns = oracle.columns_of(oracle.points(gate, arity, count))
    if gate.complex_valued:
        columns = [c + 0j if i not in gate.integers else c for i, c in enumerate(columns)]
    function = kernels.kernel(gate, complex_values=gate.complex_valued)
    with np.errstate(all="ignore"):
        actual = np.broadcast_to(function(*columns), (count,))
    with mp.workdps(oracle.DIGITS):
        exact = [precise.kernel(gate)(*map(_lifted, point)) for point in zip(*columns, strict=True)]

    bound = KERNEL_BOUNDS.get(gate.name, KERNEL_BOUND)
    assert all(_close(a, e, bound) for a, e in zip(actual, exact, strict=True))


def _lifted(value: Any) -> Any:
    return mp.mpc(complex(value)) if np.iscomplexobj(value) else mp.mpf(float(value))


def _close(actual: Any, exact: Any, bound: float) -> bool:
    exact = mp.mpmathify(exact * 1)
    return bool(abs(mp.mpmathify(complex(actual)) - exact) <= bound * abs(exact))


@pytest.mark.parametrize(("gate", "arity", "fix"), DERIVED)
def test_central_difference_in_floats(gate: Any, arity: int, fix: bool) -> None:
    for graph, wrt, points in oracle.cases(gate, arity, many(gate), fix=fix):
        columns = [c + 0j if gate.complex_valued else c for c in oracle.columns_of(points)]
        nodes = [oracle.variable(graph, i) for i in wrt]
        actual = oracle.at_floats(oracle.by_reverse(graph, nodes), columns)
        for i, found in zip(wrt, actual, strict=True):
            assert oracle.agree(found, oracle.by_central(graph, columns, i), 3e-7)


ANALYTIC = [f for f in DERIVED if f.values[0].analytic and not f.values[0].complex_valued]


@pytest.mark.parametrize(("gate", "arity", "fix"), ANALYTIC)
def test_complex_step_in_floats(gate: Any, arity: int, fix: bool) -> None:
    elementary = gate.name in kernels.REAL and gate.name not in kernels_special.REAL
    step, tolerance = (1e-30, 1e-12) if elementary else (1e-5, 1e-7)
    for graph, wrt, points in oracle.cases(gate, arity, many(gate), fix=fix):
        columns = oracle.columns_of(points)
        nodes = [oracle.variable(graph, i) for i in wrt]
        actual = oracle.at_floats(oracle.by_reverse(graph, nodes), columns)
        for i, found in zip(wrt, actual, strict=True):
            expected = oracle.by_complex_step(graph, columns, i, step)
            assert oracle.agree(found, expected, tolerance)


# --- what is not known, and what has no numbers ---


UNKNOWN = [
    pytest.param(gate, arity, i, id=f"{gate.name}-{arity}-{i + 1}")
    for gate in ROWS
    for arity in oracle.arities(gate)
    for i in gate.unknown
    if i < arity and not oracle.is_count(gate, i)
]


@pytest.mark.parametrize(("gate", "arity", "index"), UNKNOWN)
def test_an_unknown_partial_is_refused_by_name(gate: Any, arity: int, index: int) -> None:
    fixed = {
        i: p for i, p in enumerate(oracle.points(gate, arity, 1)[0]) if oracle.is_count(gate, i)
    }
    graph, _ = oracle.gate_graph(gate, arity, fixed)
    node = oracle.variable(graph, index)

    for derive in (oracle.by_reverse, oracle.by_forward):
        with pytest.raises(UnknownPartialError) as refusal:
            derive(graph, [node])
        assert f"`{gate.name}(" in str(refusal.value)
        assert f"argument {index + 1}" in str(refusal.value)
        assert "stop_gradient" in str(refusal.value)


@pytest.mark.parametrize("name", DEGREE_MUST_BE_KNOWN)
def test_a_partial_that_needs_a_known_degree_says_so(name: str) -> None:
    gate = GATES.named(name)
    graph, wrt = oracle.gate_graph(gate, len(gate.domain), {})

    moved = [w for i, w in enumerate(wrt) if i not in gate.unknown]
    with pytest.raises(UnknownPartialError, match=name):
        oracle.by_reverse(graph, moved[:1])


@pytest.mark.parametrize("name", NUMBERLESS)
def test_mathieu_functions_solve_their_equation_and_have_no_numbers(name: str) -> None:
    gate = GATES.named(name.removesuffix("prime"))
    graph, _ = oracle.gate_graph(gate, 3, {})
    derived = oracle.second(graph, 2, 2)

    names = {g.name for g in derived.nodes.gates}
    assert gate.name in names and "cos" in names
    with pytest.raises(BackendError, match="no numeric value"):
        oracle.at_digits(graph, (1.0, 0.5, 0.3))


def test_stop_gradient_is_zero_by_decree() -> None:
    graph, wrt = oracle.gate_graph(GATES.named("stop_gradient"), 1, {})

    assert [0] == [int(v) for v in oracle.at_digits(oracle.by_reverse(graph, wrt), (1.5,))]


# --- special values ---


def gradient_at(name: str, *point: float) -> list[float]:
    """Differentiate by every known operand, in floats; reverse must equal forward."""
    gate = GATES.named(name)
    graph, _ = oracle.gate_graph(gate, len(point), {})
    nodes = [oracle.variable(graph, i) for i in oracle.known(gate, len(point), {})]
    columns = [np.array([p]) for p in point]
    both = [
        oracle.at_floats(d(graph, nodes), columns) for d in (oracle.by_reverse, oracle.by_forward)
    ]
    first, second = ([float(v[0]) for v in found] for found in both)
    assert first == pytest.approx(second, nan_ok=True)
    return first


FINITE = ("sigmoid", "softplus", "swish", "gelu", "elu", "selu", "tanh", "relu", "atan", "asinh")


@pytest.mark.parametrize("name", FINITE)
@pytest.mark.parametrize("x", [0.0, 1.0, -1.0, 800.0, -800.0, 1000.0, -1000.0])
def test_activations_have_finite_gradients_far_out(name: str, x: float) -> None:
    assert np.isfinite(gradient_at(name, x)).all()


SPECIAL_VALUES = [
    ("sigmoid", (1000.0,), [0.0]),
    ("sigmoid", (-1000.0,), [0.0]),
    ("sigmoid", (0.0,), [0.25]),
    ("softplus", (800.0,), [1.0]),
    ("softplus", (-800.0,), [0.0]),
    ("logsumexp", (1000.0, 1000.0), [0.5, 0.5]),
    ("logaddexp", (-1000.0, -1000.0), [0.5, 0.5]),
    ("hypot", (3e200, 4e200), [0.6, 0.8]),
    ("asinh", (1e200,), [1e-200]),
    ("pow", (0.0, 2.0), [0.0, 0.0]),
    ("pow", (0.0, 1.0), [1.0, 0.0]),
    ("sqrt", (0.0,), [np.inf]),
    ("log", (0.0,), [np.inf]),
    ("xlogy", (0.0, 2.0), [np.log(2.0), 0.0]),
    ("sinc", (0.0,), [0.0]),
    ("LambertW", (0.0,), [1.0]),
    ("Si", (0.0,), [1.0]),
    ("Shi", (0.0,), [1.0]),
    ("erf", (0.0,), [2 / np.sqrt(np.pi)]),
    ("erf", (30.0,), [0.0]),
    ("elliptic_k", (0.0,), [np.pi / 8]),
    ("elliptic_e", (0.0,), [-np.pi / 8]),
    ("gamma", (1.0,), [-np.euler_gamma]),
    ("airyai", (0.0,), [-0.2588194037928068]),
    ("legendre", (3.0, 1.0), [6.0]),
    ("chebyshevu", (3.0, 1.0), [20.0]),
    ("jn", (1.0, 0.0), [1.0 / 3.0]),
]


@pytest.mark.parametrize(("name", "point", "expected"), SPECIAL_VALUES)
def test_special_values(name: str, point: tuple[float, ...], expected: list[float]) -> None:
    assert gradient_at(name, *point) == pytest.approx(expected, rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("sinc(x)", 0.0, -1 / 3),
        ("Si(x)", 0.0, 0.0),
        ("binomial(x, 3)", 0.0, -1.0),
        ("rf(x, 3)", 0.0, 6.0),
        ("ff(x, 3)", 1.0, 0.0),
        ("hermite(0, x)", 0.5, 0.0),
        ("legendre(2, x)", -1.0, 3.0),
        ("bell(3, x)", 0.0, 6.0),
    ],
)
def test_second_derivatives_at_removable_points(text: str, at: float, expected: float) -> None:
    from symgrad.dag.digraph import graph  # the reader's own tree, degrees as written

    source = graph(text)
    first = oracle.by_reverse(source, [source.find(Symbol("x"))])
    where = first.find(Symbol("x"))
    derived = oracle.by_reverse(first, [where])
    with np.errstate(all="ignore"):
        found = oracle.forward_values(derived, [at] * len(derived.inputs), oracle.Floats())

    assert float(found[derived.outputs[0]]) == pytest.approx(expected, rel=1e-14)
