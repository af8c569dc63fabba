"""Sums, products, integrals and undefined functions differentiate as in SymPy, or better."""

from __future__ import annotations

from typing import Any

import mpmath as mp
import pytest
import sympy
from sympy import Abs, Derivative, Eq, Function, IndexedBase, Integral, Product, Subs, Sum, symbols

import symgrad as sg
from symgrad.errors import ParseError, UnknownPartialError
from symgrad.expr import heads

x, y, t, k, n = symbols("x y t k n")
f, g, h = Function("f"), Function("g"), Function("h")
A = IndexedBase("A")
POINT = {x: sympy.Rational(3, 7), y: sympy.Rational(5, 4), n: 6}

NUMERIC = [
    Sum(x**k / (k + 1), (k, 0, 5)),
    Sum(x**k / sympy.factorial(k), (k, 0, sympy.oo)),
    Sum(sympy.sin(k * x) * y, (k, 1, n)),
    Sum(sympy.exp(-k * x) * Sum(t * y, (t, 1, k)), (k, 1, 4)),
    Product(x + k, (k, 1, 4)),
    Product(sympy.sin(k * x), (k, 1, n)),
    Product(x - sympy.Rational(3, 7) + k, (k, 0, 3)),
    Integral(sympy.exp(-x * t**2), (t, 0, 1)),
    Integral(sympy.exp(-x * t**2), (t, 0, x)),
    Integral(sympy.sin(x * t), (t, x**2, sympy.exp(x))),
    Integral(x * t * y, (t, 0, y), (y, 0, x)),
    Integral(sympy.exp(-(t**2)), (t, -sympy.oo, x)),
    Integral(sympy.sin(x * t) * Integral(k * t, (k, 0, x)), (t, 0, 1)),
    Derivative(sympy.sin(x) * y**2, x),
    Subs(sympy.sin(t) * x, t, x**2),
    A[0] * x + A[1] ** 2,
    sympy.gamma(Integral(t * x, (t, 0, x)) + 1),
]


def at_point(expr: Any) -> Any:
    values = {**POINT, A[0]: sympy.Rational(2, 3), A[1]: sympy.Rational(1, 3)}
    found = expr.subs(values, simultaneous=True)
    quick = found.doit(integrals=False).evalf(25)
    return found.doit().evalf(25) if quick.has(Integral) else quick


@pytest.mark.parametrize("expr", NUMERIC, ids=str)
def test_a_whole_has_sympys_derivative_in_value(expr: Any) -> None:
    for by in sorted(expr.free_symbols & {x, y}, key=str):
        ours = at_point(sg.diff(expr, by))
        theirs = at_point(expr.diff(by))
        assert abs(ours - theirs) <= 1e-18 * (1 + abs(theirs)), by


SYMBOLIC = [
    f(x),
    f(x**2),
    f(x, y) * x,
    f(x, x * y),
    f(g(x)),
    f(g(x, y), h(y)),
    Derivative(f(x), x),
    Derivative(f(x), (x, 2)),
    Derivative(f(x, y), x, y),
    Derivative(x * f(x), x),
    Derivative(f(2 * x), x),
    Subs(Derivative(f(t), t), t, x**2),
    f(x) ** 2 * sympy.sin(f(x)),
    Integral(f(x * t), (t, 0, x)),
    Sum(f(k * x), (k, 1, 3)),
]


@pytest.mark.parametrize("expr", SYMBOLIC, ids=str)
def test_undefined_functions_differentiate_as_in_sympy(expr: Any) -> None:
    """The undefined functions are replaced by known ones at the end, and SymPy does the rest."""
    known = {f: lambda *a: sympy.exp(sum(a) / 3), g: lambda *a: a[0] ** 2 * a[-1], h: sympy.cos}
    for by in sorted(expr.free_symbols & {x, y}, key=str):
        ours, theirs = sg.diff(expr, by), expr.diff(by)
        for function, value in known.items():
            ours, theirs = (e.replace(function, value).doit() for e in (ours, theirs))
        assert abs(at_point(ours - theirs)) <= 1e-18, by


def test_undefined_functions_have_every_order() -> None:
    assert sg.diff(f(x), x, 3) == Derivative(f(x), (x, 3))
    assert sg.diff(x * f(x), x, 2) == x * Derivative(f(x), (x, 2)) + 2 * Derivative(f(x), x)


def test_indexed_symbols_are_variables() -> None:
    i = symbols("i", integer=True)

    assert {A[0]: x, x: A[0]} == sg.grad(A[0] * x, {A[0]: A[0], x: x})
    assert sg.grad(A[i] ** 2, A[i]) == 2 * A[i]


# --- where SymPy's own derivative is wrong, missing or a delta ---


def test_a_summand_takes_symgrads_rules() -> None:
    expr = Sum(heads.sigmoid(k * x), (k, 1, 3))

    actual = sg.evaluate(sg.diff(expr, x), {"x": 0.3}, digits=20)
    with mp.workdps(25):
        expected = mp.diff(lambda v: mp.fsum(1 / (1 + mp.exp(-i * v)) for i in (1, 2, 3)), 0.3)
        assert abs(mp.mpf(str(actual)) - expected) < 1e-17


def test_the_laguerre_parameter_is_right_under_a_sum() -> None:
    a = symbols("a")
    head = sg.parse("assoc_laguerre(4, a, x)").expr
    expr = Sum(k * head, (k, 1, 2))

    for source, factor in ((head, 1), (expr, 3)):
        found = sg.evaluate(sg.diff(source, a), {"a": 0.3, "x": 0.7}, digits=20)
        with mp.workdps(25):
            expected = factor * mp.diff(lambda v: mp.laguerre(4, v, mp.mpf(0.7)), mp.mpf(0.3))
            assert abs(mp.mpf(str(found)) - expected) < 1e-17


def test_a_kink_under_an_integral_is_no_delta() -> None:
    slope = sg.diff(Integral(Abs(x - t), (t, 0, 1)), x)
    bend = sg.diff(Integral(heads.relu(x - t), (t, 0, 1)), x)

    assert not slope.has(sympy.DiracDelta, Derivative)
    assert slope == Integral(-sympy.sign(t - x), (t, 0, 1)) or slope == Integral(
        sympy.sign(x - t), (t, 0, 1)
    )
    assert bend.has(heads.Indicator)


def test_nested_sums_do_not_capture_each_other() -> None:
    source = sg.graph("jacobi(n, a, b, x)")
    first = sg.diff(source, "a")
    second = sg.diff(first, "a")

    at = {"a": 0.5, "b": 0.25, "x": 0.3, "n": 3}
    with mp.workdps(30):
        expected = mp.diff(lambda v: mp.jacobi(3, v, mp.mpf(0.25), mp.mpf(0.3)), mp.mpf(0.5), 2)
        actual = mp.mpf(str(sg.evaluate(second, at, digits=20)))
        assert abs(actual - expected) < 1e-17


@pytest.mark.parametrize(
    "expr",
    [Sum(x**k, (k, 0, x)), Product(x + k, (k, 1, x)), Sum(k, (k, 0, x))],
    ids=str,
)
def test_a_bound_of_a_sum_that_moves_is_refused(expr: Any) -> None:
    with pytest.raises(UnknownPartialError):
        sg.grad(expr, x)


def test_the_derivative_of_a_delta_is_refused() -> None:
    with pytest.raises(UnknownPartialError):
        sg.grad(sympy.DiracDelta(x), x)


def test_a_condition_does_not_move() -> None:
    assert sg.grad(sympy.Piecewise((x, Eq(y, 1)), (2 * x, True)), y) == 0


# --- hypergeometric functions: what SymPy names and cannot always differentiate ---


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("head", [sympy.uppergamma, sympy.expint, sympy.lowergamma])
def test_parameters_of_incomplete_functions_have_every_order(head: Any, order: int) -> None:
    s = symbols("s")
    found = sg.evaluate(sg.diff(head(s, x), s, order), {"s": 1.25, "x": 0.75}, digits=20)
    values = {
        sympy.uppergamma: lambda v: mp.gammainc(v, mp.mpf(0.75)),
        sympy.lowergamma: lambda v: mp.gammainc(v, 0, mp.mpf(0.75)),
        sympy.expint: lambda v: mp.expint(v, mp.mpf(0.75)),
    }
    with mp.workdps(30):
        expected = mp.diff(values[head], mp.mpf(1.25), order)
        assert abs(mp.mpf(str(found)) - expected) < 1e-17 * (1 + abs(expected))


def test_hyper_differentiates_by_its_argument_and_returns_to_sympy() -> None:
    a, b = symbols("a b")
    value = sympy.hyper((a, 2), (b,), x)

    assert sg.grad(value, x).equals(value.diff(x))
    with pytest.raises(UnknownPartialError, match="hyper"):
        sg.grad(value, a)


def test_meijerg_is_refused_where_sympy_forgets_factors() -> None:
    a, b, c = symbols("a b c")
    value = sympy.meijerg(((), (a,)), ((b, c), ()), x)

    assert value.diff(a) == sympy.log(x) * value  # SymPy 1.14; the true value is another
    with pytest.raises(UnknownPartialError, match="meijerg"):
        sg.grad(value, a)
    assert sg.grad(value, x).equals(value.diff(x))


@pytest.mark.parametrize(
    "text", ["hyper(2, a, b, c, x)", "hyper(0, b, x)", "meijerg(0, 1, 2, 1, 0, b, x**2)"]
)
def test_parameter_lists_are_written_in_a_row_and_read_back(text: str) -> None:
    source = sg.parse(text).expr

    assert sg.text(source) == text
    assert sg.parse(sg.text(sg.diff(source, x))).expr.equals(sg.diff(source, x))


@pytest.mark.parametrize("text", ["hyper(3, a, x)", "hyper(x, a, b, x)", "meijerg(0, 1, 5, a, x)"])
def test_counts_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(ParseError, match="parameters"):
        sg.parse(text)
