"""What is printed reads back, and looks as a person would write it."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import sympy
from sympy import Function, Integer, Rational, S, Symbol, exp, sin, sqrt

from symgrad.errors import FormTooLargeError
from symgrad.expr import heads, literal
from symgrad.expr.compare import same_tree
from symgrad.expr.limits import Limits
from symgrad.expr.printer import text
from symgrad.expr.reader import parse

x, y, z = (Symbol(name) for name in "xyz")
RANDOM = runpy.run_path(str(Path(__file__).with_name("trees.py")))
SEED = 20_240

WRITTEN = (
    "y + x",
    "x + x",
    "1 + x",
    "x - y - z",
    "x - (y - z)",
    "x + (y + z)",
    "x + -y",
    "x - -y",
    "x*-y",
    "x*(y*z)",
    "x*y/z",
    "x/(y*z)",
    "x*(y/z)",
    "-x*y",
    "-(x*y)",
    "-x**2",
    "(-x)**2",
    "(x**y)**z",
    "x**y**z",
    "2**-x**2",
    "x**-2",
    "1*x",
    "-2",
    "--2",
    "sqrt(x)",
    "sqrt(x)**2",
    "0.1*x",
    "0.000001",
    "1e-30",
    "1e400",
    "12e20",
    "120",
    "max(x, y, x)",
    "abs(x) + sigmoid(y)",
    "x[0]*A[i, 1]",
    "Heaviside(x)",
    "Heaviside(x, 1)",
    "1(x > y)",
    "1(x >= y)",
    "1(x > y, tie=0.5)",
    "1(x > y, tie=1/3)",
    "x**1(x > y)",
    "where(x > y and not y == z or x != 1, x, y)",
    "where(x > y and (y > z or True), x, y)",
    "where(not (x > y and False), x, y)",
    "Piecewise((x, x > y))",
    "Piecewise((x, x < y), (y, x == z), (z, True))",
    "Sum(x**i/factorial(i), (i, 0, n))",
    "Integral(exp(-t**2), t)",
    "Integral(f, (x, 0, 1), (y, 0, x))",
    "Derivative(x*y, x, (y, 2))",
    "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))",
    "lambda*beta(gamma, zeta)",
)

# Texts whose printed form is tidier than what was typed.
TIDIED = {
    "((x))+(y)": "x + y",
    "x^2": "x**2",
    "x**0.5": "sqrt(x)",
    "+x": "x",
    "1(x < y)": "1(y > x)",
    "where(0 < x <= 1, x, y)": "where(0 < x and x <= 1, x, y)",
    "where((x > 0) & ~(y > 0) | (z > 0), x, y)": "where(x > 0 and not y > 0 or z > 0, x, y)",
    "Piecewise((x, y > 0), (z, True))": "where(y > 0, x, z)",
    "Abs(x) + arcsin(y) + ln(z)": "abs(x) + asin(y) + log(z)",
    "log(x, y)": "log(x)/log(y)",
    "1000000000": "1e9",
    "q = x + y; q*q": "(x + y)*(x + y)",
    "polygamma(0, x)": "digamma(x)",
    "Derivative(x, x, x)": "Derivative(x, (x, 2))",
}

# Trees that SymPy evaluated, as a person would write them.
CANONICAL: dict[str, Any] = {
    "x - y": x - y,
    "-x - y": -x - y,
    "x/y": x / y,
    "-x/y": -x / y,
    "-x": -x,
    "1/x": 1 / x,
    "3/x**2": 3 / x**2,
    "1/(2*sqrt(x))": 1 / (2 * sqrt(x)),
    "1/(x*y)": 1 / (x * y),
    "x**2/3": x**2 / 3,
    "-2*x/3": -2 * x / 3,
    "exp(-x)": exp(-x),
    "x**-y": x**-y,
    "2*x*y": 2 * x * y,
    "x**2 + x + 1": x**2 + x + 1,
    "-(x + y)**2": -((x + y) ** 2),
    "2*x/(x**2 + 1)**2": 2 * x / (x**2 + 1) ** 2,
    "cos(x)/x**2 - 2*sin(x)/x**3": (sin(x) / x**2).diff(x),
    "x*y - x/2 - 1/2": x * y - x / 2 - Rational(1, 2),
    "(-2)**x": Integer(-2) ** x,
    "(-x)**y": (-x) ** y,
    "-1/3": Rational(-1, 3),
    "-1/2": Rational(-1, 2),
    "exp(1)*x": sympy.E * x,
    "max(x, y) - 1": sympy.Max(x, y) - 1,
    "where(x > 0, x, -x)": sympy.Piecewise((x, x > 0), (-x, True)),
    "-oo": -S.Infinity,
    "nan": S.NaN,
    "0.5*I": sympy.I / 2,
}

# What only needs to be printed.
OTHERS: dict[str, Any] = {
    "two words": Symbol("two words"),
    "α": Symbol("α"),
    "_t": sympy.Dummy("t"),
    "f(x)": Function("f")(x),
    "Interval(0, 1, False, False)": sympy.Interval(0, 1),
    "M": sympy.MatrixSymbol("M", 2, 2),
    "M@M": sympy.MatMul(sympy.MatrixSymbol("M", 2, 2), sympy.MatrixSymbol("M", 2, 2)),
    "zoo": S.ComplexInfinity,
    "0.1": sympy.Float("0.1"),
    "1e5000": Integer(10) ** 5000,
    "Matrix([[x, y]])": sympy.Matrix([[x, y]]),
    "Subs(f(x), (x,), (y,))": sympy.Subs(Function("f")(x), x, y),
    "True": sympy.true,
    "x > 0 and y > 0 and z > 0": sympy.And(x > 0, y > 0, z > 0),
}


@pytest.mark.parametrize("written", WRITTEN)
def test_written_text_is_printed_as_it_was(written: str) -> None:
    assert written == text(parse(written).expr)


@pytest.mark.parametrize("typed", TIDIED)
def test_needless_brackets_and_other_spellings_go(typed: str) -> None:
    assert TIDIED[typed] == text(parse(typed).expr)


@pytest.mark.parametrize("expected", CANONICAL)
def test_evaluated_trees_are_printed_as_a_person_writes(expected: str) -> None:
    assert expected == text(CANONICAL[expected])


@pytest.mark.parametrize("expected", CANONICAL)
def test_evaluated_trees_read_back_as_equal(expected: str) -> None:
    tree = CANONICAL[expected]
    if tree.has(S.Infinity, S.NegativeInfinity, S.NaN, sympy.I):
        back = parse(expected, constants=("oo", "nan", "I")).expr.doit()
    else:
        back = parse(expected).expr.doit()
    back = back.replace(heads.Maximum, sympy.Max)

    assert tree == back or sympy.simplify(tree - back) == 0


@pytest.mark.parametrize("expected", OTHERS)
def test_anything_else_is_printed_without_a_crash(expected: str) -> None:
    assert expected == text(OTHERS[expected])


def test_immutable_matrices_are_printed() -> None:
    assert text(sympy.ImmutableMatrix([[x, y]])).startswith("ImmutableDenseMatrix(1, 2, ")


def test_euler_number_is_printed_as_a_constant_on_request() -> None:
    tree = parse("E**x", constants=("E",)).expr

    assert text(tree) == "exp(1)**x"
    assert text(tree, constants=("E",)) == "E**x"


@pytest.mark.parametrize(
    ("tree", "guessed", "told"),
    [
        (x + 1, "1 + x", "x + 1"),
        (x / 2, "0.5*x", "x/2"),
        (x ** Rational(3, 2), "x**1.5", "x**(3/2)"),
    ],
)
def test_a_tree_that_could_have_been_written_is_told_apart_by_the_caller(
    tree: Any, guessed: str, told: str
) -> None:
    assert guessed == text(tree)
    assert told == text(tree, evaluated=True)


# --- round trips ---


def check_round_trips(trees: int, texts: int, seed: int) -> None:
    """Print and read random trees; read, print and read random texts."""
    source, other = RANDOM["Trees"](seed), RANDOM["Texts"](seed)
    for _ in range(trees):
        tree = source.tree(source.depth())
        printed = text(tree)

        assert same_tree(tree, parse(printed).expr), printed
    for _ in range(texts):
        typed = other.text(other.depth())
        tree = parse(typed).expr

        assert same_tree(tree, parse(text(tree)).expr), typed


def test_random_trees_read_back_as_the_very_same() -> None:
    check_round_trips(3000, 1000, SEED)


@pytest.mark.slow
def test_fifty_thousand_random_trees_read_back_as_the_very_same() -> None:
    check_round_trips(50_000, 10_000, SEED + 1)


def test_comparison_of_trees_sees_marks_and_order() -> None:
    assert not same_tree(literal.sub(x, y), x - y)
    assert not same_tree(literal.add(x, y), literal.add(y, x))
    assert not same_tree(literal.add(x, y), literal.mul(x, y))
    assert not same_tree(literal.add(x, y), literal.add(x, y, z))
    assert same_tree(literal.sub(x, y), literal.sub(x, y))


# --- size ---


@pytest.mark.parametrize(
    "typed",
    [
        "sin(" * 100_000 + "x" + ")" * 100_000,
        "-" * 100_000 + "x",
        "**".join(["x"] * 100_000),
        " - ".join(["x"] * 100_000),
        "/".join(["x"] * 100_000),
    ],
    ids=lambda typed: typed[:9],
)
def test_a_tree_of_depth_hundred_thousand_is_printed(typed: str) -> None:
    tree = parse(typed, limits=Limits(nesting=100_000)).expr

    assert typed == text(tree)


def test_text_of_much_sharing_is_refused_at_once() -> None:
    tree = parse("f0 = x;" + ";".join(f"f{i + 1} = f{i}*f{i} + f{i}" for i in range(60)))

    with pytest.raises(FormTooLargeError, match="longer than 10000000 characters"):
        text(tree.expr)
    assert repr(tree) == "Parsed(<more than 10000 characters>)"


def test_longest_counts_characters() -> None:
    tree = parse("x*y + z").expr

    assert text(tree, longest=7) == "x*y + z"
    with pytest.raises(FormTooLargeError):
        text(tree, longest=6)
