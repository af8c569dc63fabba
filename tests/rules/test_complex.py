"""Complex numbers: holomorphic formulas differentiate, the others are refused by name."""

from __future__ import annotations

import mpmath as mp
import pytest
import sympy
from sympy import Abs, I, Symbol, arg, conjugate, exp, im, re, sign

import symgrad as sg
from symgrad.errors import UnknownPartialError
from symgrad.expr import literal

x, y = Symbol("x"), Symbol("y")
t = Symbol("t", real=True)


@pytest.mark.parametrize(
    "expr",
    [
        Abs(I * x + 1),
        im(y * exp(I * x)),
        re(y * exp(I * t)),
        literal.apply(conjugate, exp(I * x) + y),
        arg(exp(I * x) + 2),
        sign(I * x + 1),
        literal.apply(sympy.floor, x * I),
    ],
    ids=str,
)
def test_a_complex_operand_of_a_real_gate_is_refused(expr: sympy.Expr) -> None:
    by = sorted(expr.free_symbols, key=str)[0]

    with pytest.raises(UnknownPartialError, match="complex operand"):
        sg.grad(expr, by)
    with pytest.raises(UnknownPartialError, match="complex operand"):
        sg.run(expr, {s.name: 0.5 for s in expr.free_symbols})


@pytest.mark.parametrize(
    "expr",
    [exp(I * x), x**2 * I + sympy.sin(I * x), sympy.sqrt(x + I), sympy.gamma(x + I)],
    ids=str,
)
def test_a_holomorphic_formula_differentiates(expr: sympy.Expr) -> None:
    expected = complex(expr.diff(x).subs(x, 0.5).evalf(20))

    assert expected == pytest.approx(complex(sg.run(expr, {"x": 0.5}).grad["x"]), rel=1e-13)


@pytest.mark.parametrize(
    ("text", "expected"), [("re(x*y)", "y"), ("im(x)", "0"), ("conjugate(x)*3", "3")]
)
def test_real_analysis_is_the_default(text: str, expected: str) -> None:
    assert sg.parse(expected).expr == sg.diff(text, "x")


@pytest.mark.parametrize("name", ["hankel1", "hankel2", "hn1", "hn2"])
def test_hankel_functions_are_nan_on_the_real_line_and_right_off_it(name: str) -> None:
    source = f"{name}(1, x)"
    found = sg.run(source, {"x": 1.25 + 0.5j})
    with mp.workdps(20):
        value = {
            "hankel1": lambda v: mp.hankel1(1, v),
            "hankel2": lambda v: mp.hankel2(1, v),
            "hn1": lambda v: mp.sqrt(mp.pi / (2 * v)) * mp.hankel1(1.5, v),
            "hn2": lambda v: mp.sqrt(mp.pi / (2 * v)) * mp.hankel2(1.5, v),
        }[name]
        slope = complex(mp.diff(value, mp.mpc(1.25, 0.5)))

    assert slope == pytest.approx(complex(found.grad["x"]), rel=1e-12)
    assert sg.evaluate(source, {"x": 1.25}) != sg.evaluate(source, {"x": 1.25})
