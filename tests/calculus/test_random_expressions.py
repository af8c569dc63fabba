"""Random expressions: reverse, forward and SymPy's own derivative agree to 20 of 30 digits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath as mp
import pytest
import sympy
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from sympy import Expr, Rational, Symbol

import symgrad as sg
from symgrad.calculus import growth
from symgrad.dag.digraph import Graph, graph
from symgrad.expr import heads, literal
from symgrad.numeric.arithmetic import Precise, forward_values

X, Y, Z = NAMES = tuple(Symbol(n) for n in "xyz")
REAL = {s: Symbol(s.name, real=True) for s in NAMES}
DIGITS = 30
AGREE = mp.mpf(10) ** -20
HUGE = mp.mpf(10) ** 40

UNARY = (
    *(sympy.sin, sympy.cos, sympy.tanh, sympy.atan, sympy.asinh, sympy.erf, sympy.exp),
    *(lambda e: sympy.sqrt(e**2 + 1), lambda e: sympy.log(e**2 + 2), lambda e: e**3, lambda e: -e),
    *(lambda e: 1 / (e**2 + 1), sympy.cosh, lambda e: e / 3, lambda e: e ** Rational(2, 1)),
)
KINKED = (sympy.Abs, heads.relu, heads.sigmoid, heads.softplus)  # built as they stand
BINARY = (
    *(lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b),
    lambda a, b: a / (b**2 + 1),
)


def built(operator: Any, *operands: Expr) -> Expr:
    """Apply an operator; SymPy cannot compare a branch that is nan or infinite."""
    try:
        return operator(*operands)  # type: ignore[no-any-return]
    except TypeError:
        reject()


def grown(children: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    """Put an operator on top of smaller expressions."""
    return st.one_of(
        st.tuples(st.sampled_from(UNARY), children).map(lambda t: built(*t)),
        st.tuples(st.sampled_from(BINARY), children, children).map(lambda t: built(*t)),
    )


def kinky(children: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    """Also choose between branches."""
    pair = st.tuples(children, children)
    triple = st.tuples(children, children, children)
    return st.one_of(
        grown(children),
        st.tuples(st.sampled_from(KINKED), children).map(lambda t: literal.apply(*t)),
        pair.map(lambda p: literal.apply(heads.Maximum, *p)),
        pair.map(lambda p: literal.apply(heads.Minimum, *p)),
        triple.map(lambda p: literal.where(literal.apply(sympy.Gt, p[0], p[1]), p[1], p[2])),
    )


NUMBERS = st.fractions(min_value=-3, max_value=3, max_denominator=7).map(
    lambda f: Rational(f.numerator, f.denominator)
)
LEAVES = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), NUMBERS)
SMOOTH = st.recursive(LEAVES, grown, max_leaves=10)
KINKY = st.recursive(LEAVES, kinky, max_leaves=8)
AT = st.fractions(min_value=-2, max_value=2, max_denominator=1009)
POINT = st.fixed_dictionaries({n.name: AT for n in NAMES})

QUICK = settings(
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def values(found: Graph, outputs: Any, at: dict[str, Any]) -> list[Any]:
    inputs = [mp.mpf(at[str(s)].numerator) / at[str(s)].denominator for s in found.inputs]
    computed = forward_values(found, inputs, Precise())
    return [mp.mpmathify(computed[o]) for o in outputs]


def by_symgrad(source: Any, at: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return the gradient by reverse and by forward accumulation."""
    built = graph(source)
    wrt = [built.find(s) for s in NAMES]
    pulled = growth.gradient(built, wrt)
    growing = growth.Growth(built)
    dots = [
        growing.zero() if w is None else growing.push({w: growing.one()}, built.outputs)[0]
        for w in wrt
    ]
    pushed = growing.freeze(dots)
    return values(pulled, pulled.outputs[1:], at), values(pushed, pushed.outputs, at)


def by_sympy(expr: Expr, at: dict[str, Any]) -> list[Any]:
    """Return SymPy's derivatives, evaluated with 30 digits."""
    plain = expr.xreplace(REAL)
    point = {REAL[s]: Rational(at[s.name].numerator, at[s.name].denominator) for s in NAMES}
    return [_number(plain.diff(REAL[s]), point) for s in NAMES]


def _number(derived: Expr, point: Any) -> Any:
    found = derived.subs(point).evalf(DIGITS)
    assume(found.is_Float or found.is_Integer or found.is_Rational)
    return found._to_mpmath(mp.mp.prec)


def by_differences(expr: Expr, at: dict[str, Any]) -> list[Any]:
    """Return mpmath's numeric derivatives of the formula's value; no rule takes part."""
    built = graph(expr)
    point = [mp.mpf(at[s.name].numerator) / at[s.name].denominator for s in NAMES]

    def value(*moved: Any) -> Any:
        inputs = [moved[NAMES.index(s)] for s in built.inputs]
        return mp.mpmathify(forward_values(built, inputs, Precise())[built.outputs[0]])

    units = [tuple(int(i == j) for j in range(3)) for i in range(3)]
    return [mp.diff(value, tuple(point), unit) for unit in units]


def agree(first: list[Any], second: list[Any]) -> bool:
    gaps = (abs(a - b) <= AGREE * (1 + abs(b)) for a, b in zip(first, second, strict=True))
    return all(gaps)


def sane(numbers: list[Any]) -> bool:
    return all(mp.isfinite(v) and abs(v) < HUGE for v in numbers)


@QUICK
@given(SMOOTH, POINT)
def test_smooth_gradients_are_sympys(expr: Expr, at: dict[str, Any]) -> None:
    with mp.workdps(DIGITS + 15):
        expected = by_sympy(expr, at)
        assume(sane(expected))
        pulled, pushed = by_symgrad(expr, at)

        assert agree(pulled, expected)
        assert agree(pushed, expected)


@QUICK
@given(SMOOTH, POINT)
def test_text_has_the_gradient_of_its_tree(expr: Expr, at: dict[str, Any]) -> None:
    with mp.workdps(DIGITS + 15):
        expected, _ = by_symgrad(expr, at)
        assume(sane(expected))
        pulled, pushed = by_symgrad(sg.text(expr), at)

        assert agree(pulled, expected)
        assert agree(pushed, expected)


@QUICK
@given(KINKY, POINT)
def test_kinked_gradients_are_the_numeric_ones(expr: Expr, at: dict[str, Any]) -> None:
    with mp.workdps(DIGITS + 15):
        expected = by_differences(expr, at)
        assume(sane(expected))
        pulled, pushed = by_symgrad(expr, at)
        assume(away_from_kinks(expr, at))

        assert agree(pulled, expected)
        assert agree(pushed, expected)


@QUICK
@given(KINKY, POINT)
def test_reverse_is_forward_at_kinks_too(expr: Expr, at: dict[str, Any]) -> None:
    with mp.workdps(DIGITS + 15):
        whole = {name: round(value) for name, value in at.items()}
        pulled, pushed = by_symgrad(expr, whole)
        assume(sane(pulled))

        assert agree(pulled, pushed)


@QUICK
@given(KINKY, POINT)
def test_closed_forms_equal_their_graphs(expr: Expr, at: dict[str, Any]) -> None:
    with mp.workdps(DIGITS + 15):
        expected, _ = by_symgrad(expr, at)
        assume(sane(expected))
        for level in ("none", "light"):
            closed = sg.grad(expr, list(NAMES), simplify=level)
            found = [values(g, g.outputs, at)[0] for g in map(graph, closed)]
            assert agree(found, expected), level


@QUICK
@given(SMOOTH, POINT, st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_second_partials_are_sympys(expr: Expr, at: dict[str, Any], i: Any, j: Any) -> None:
    with mp.workdps(DIGITS + 15):
        plain = expr.xreplace(REAL).diff(REAL[i], REAL[j])
        point = {REAL[s]: Rational(at[s.name].numerator, at[s.name].denominator) for s in NAMES}
        expected = [_number(plain, point)]
        assume(sane(expected))
        first = growth.gradient(graph(expr), [graph(expr).find(i)])
        first = Graph(first.nodes, first.outputs[1:])
        second = growth.gradient(first, [first.find(j)])
        actual = values(second, second.outputs[1:], at)

        assert agree(actual, expected), (actual, expected)


def away_from_kinks(expr: Expr, at: dict[str, Any]) -> bool:
    """Return whether tiny moves all around change no gradient much."""
    here = by_symgrad(expr, at)[0]
    for direction in ((1, 3, 7), (-1, -3, -7), (7, 1, -3), (-7, -1, 3), (3, -7, 1), (-3, 7, -1)):
        steps = (Fraction(d, 10**18) for d in direction)
        moved = {n: v + step for (n, v), step in zip(at.items(), steps, strict=True)}
        there = by_symgrad(expr, moved)[0]
        if any(abs(a - b) > 1e-9 * (1 + abs(a)) for a, b in zip(here, there, strict=True)):
            return False
    return True


@pytest.mark.slow
@settings(max_examples=2000, suppress_health_check=list(HealthCheck))
@given(SMOOTH, POINT)
def test_many_smooth_gradients_are_sympys(expr: Expr, at: dict[str, Any]) -> None:
    with mp.workdps(DIGITS + 15):
        expected = by_sympy(expr, at)
        assume(sane(expected))
        pulled, pushed = by_symgrad(expr, at)

        assert agree(pulled, expected)
        assert agree(pushed, expected)
