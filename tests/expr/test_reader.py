"""The reader builds the tree that the text says, node by node."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import sympy
from sympy import Function, Indexed, IndexedBase, Integer, Rational, S, Symbol, Tuple

from symgrad.errors import LimitError, ParseError, UnknownNameError, UnsupportedError
from symgrad.expr import heads, literal
from symgrad.expr.compare import same_tree
from symgrad.expr.functions import register
from symgrad.expr.limits import Limits
from symgrad.expr.reader import parse

a, b, x, y, z = (Symbol(name) for name in "abxyz")
one, two = Integer(1), Integer(2)
add, sub, mul, div, neg = literal.add, literal.sub, literal.mul, literal.div, literal.neg
power, apply = literal.power, literal.apply
above = apply(sympy.StrictGreaterThan, x, y)

TREES = {
    "x - y - z": sub(sub(x, y), z),
    "x - (y - z)": sub(x, sub(y, z)),
    "x/y/z": div(div(x, y), z),
    "x/y*z": mul(div(x, y), z),
    "y + x": add(y, x),
    "x + x": add(x, x),
    "x + y*z": add(x, mul(y, z)),
    "(x + y)*z": mul(add(x, y), z),
    "2*(x*y + max(z, x))": mul(two, add(mul(x, y), apply(heads.Maximum, z, x))),
    "-x**2": neg(power(x, two)),
    "(-x)**2": power(neg(x), two),
    "2**-x": power(two, neg(x)),
    "x**-y**z": power(x, neg(power(y, z))),
    "x^y^z": power(x, power(y, z)),
    "-x*y": mul(neg(x), y),
    "-2": neg(two),
    "--x": neg(neg(x)),
    "+x": x,
    "x - +y": sub(x, y),
    "x*-y": mul(x, neg(y)),
    "0.1*x": mul(Rational(1, 10), x),
    ".5": Rational(1, 2),
    "1.": one,
    "1e-3": Rational(1, 1000),
    "1_000": Integer(1000),
    "pi*x": mul(sympy.pi, x),
    "E + I": add(Symbol("E"), Symbol("I")),
    "lambda*beta": mul(Symbol("lambda"), Symbol("beta")),
    "beta(x, y)": apply(sympy.beta, x, y),
    "sqrt(x)": power(x, Rational(1, 2)),
    "log(x, y)": div(apply(sympy.log, x), apply(sympy.log, y)),
    "sin (x)": apply(sympy.sin, x),
    "x[0]": Indexed(IndexedBase("x"), 0),
    "x[1, 2]": Indexed(IndexedBase("x"), 1, 2),
    "a[b]": Indexed(IndexedBase("a"), b),
    "(x\n + # half\n y)": add(x, y),
    "where(x > y, a, b)": literal.where(above, a, b),
    "Piecewise((a, x > y), (b, True))": literal.where(above, a, b),
    "1(x > y)": apply(heads.Indicator, x, y, S.Zero),
    "1(x >= y)": apply(heads.Indicator, x, y, S.One),
    "1(x < y)": apply(heads.Indicator, y, x, S.Zero),
    "1(x <= y)": apply(heads.Indicator, y, x, S.One),
    "1(x > y, tie=1/2)": apply(heads.Indicator, x, y, Rational(1, 2)),
    "1(x < y, tie=nan)": apply(heads.Indicator, y, x, S.NaN),
}

CONDITIONS = {
    "x < y": apply(sympy.StrictLessThan, x, y),
    "x <= y": apply(sympy.LessThan, x, y),
    "x >= y": apply(sympy.GreaterThan, x, y),
    "x == y": apply(sympy.Eq, x, y),
    "x != y": apply(sympy.Ne, x, y),
    "not x > y": apply(sympy.Not, above),
    "~(x > y)": apply(sympy.Not, above),
    "x > y and x > y": apply(sympy.And, above, above),
    "(x > y) & (x > y)": apply(sympy.And, above, above),
    "x > y or x > y and x > y": apply(sympy.Or, above, apply(sympy.And, above, above)),
    "(x > y) | (x > y)": apply(sympy.Or, above, above),
    "x > y > z": apply(sympy.And, above, apply(sympy.StrictGreaterThan, y, z)),
    "True": sympy.true,
    "False": sympy.false,
}


@pytest.mark.parametrize("text", TREES)
def test_text_becomes_one_node_per_operator_in_the_order_written(text: str) -> None:
    assert same_tree(TREES[text], parse(text).expr)


@pytest.mark.parametrize("text", CONDITIONS)
def test_conditions_are_read_where_a_condition_is_wanted(text: str) -> None:
    expected = literal.where(CONDITIONS[text], a, b)

    assert same_tree(expected, parse(f"where({text}, a, b)").expr)


# --- bound variables, constants and functions of one's own ---


@pytest.mark.parametrize("head", [sympy.Sum, sympy.Product, sympy.Integral])
def test_bound_variables_are_read_as_sympy_writes_them(head: Any) -> None:
    actual = parse(f"{head.__name__}(x**2*y, (x, 0, 3))").expr

    assert actual.args == (mul(power(x, two), y), Tuple(x, 0, 3))
    assert actual.doit() == head(x**2 * y, (x, 0, 3)).doit()
    assert actual.is_commutative


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("Derivative(x*y, x)", [(x, 1)]),
        ("Derivative(x*y, x, x)", [(x, 2)]),
        ("Derivative(x*y, x, 2)", [(x, 2)]),
        ("Derivative(x*y, (x, 2), y)", [(x, 2), (y, 1)]),
    ],
)
def test_derivatives_are_read_unevaluated(text: str, pairs: list[Any]) -> None:
    actual = parse(text).expr

    assert actual.args == (mul(x, y), *(Tuple(*pair) for pair in pairs))


def test_names_become_constants_on_request() -> None:
    expected = add(mul(sympy.E, x), sympy.I)

    assert same_tree(expected, parse("E*x + I", constants=("E", "I")).expr)


def test_constants_may_have_values_of_their_own() -> None:
    expected = mul(Integer(299792458), neg(Rational(1, 3)))
    actual = parse("c*k", constants={"c": 299792458, "k": Fraction(-1, 3)}).expr

    assert same_tree(expected, actual)


def test_declared_functions_are_undefined_functions() -> None:
    f = Function("f")
    actual = parse("f(x) + f(x, y)", functions=("f",)).expr

    assert actual == add(f(x), f(x, y))
    assert actual.args[0].diff(x) == f(x).diff(x)


def test_a_registered_gate_is_read() -> None:
    head = Function("my_own_gate")
    register("my_own_gate", head, 1, 1)

    assert parse("my_own_gate(x)").expr == head(x)


# --- assignments ---


def test_a_name_is_the_node_that_it_was_given() -> None:
    parsed = parse("q = x + y  # inner\n\nr = q*q; q*z + r")
    q, r = parsed.names["q"], parsed.names["r"]

    assert list(parsed.names) == ["q", "r"]
    assert r.args[0] is q
    assert r.args[1] is q
    assert parsed.expr.args[0].args[0] is q
    assert parsed.expr.args[1] is r


def test_the_value_is_that_of_the_last_statement() -> None:
    parsed = parse("q = x + y; f = q*z;\n")

    assert parsed.expr is parsed.names["f"]


def test_equal_terms_written_twice_are_two_nodes() -> None:
    parsed = parse("q = x + y; q*z + (x + y)")

    assert parsed.expr.args[1] == parsed.names["q"]
    assert parsed.expr.args[1] is not parsed.names["q"]


def test_no_tree_holds_a_negative_number() -> None:
    parsed = parse("x**-2 - 3 + -4*5e-1 + 1(x > -1)")
    marks = (literal.Neg, literal.Sub, literal.Div)
    inside = {
        id(arg)
        for node in sympy.preorder_traversal(parsed.expr)
        if isinstance(node, marks)
        for part in node.args
        for arg in (part, *part.args)
    }
    loose = [
        node
        for node in sympy.preorder_traversal(parsed.expr)
        if node.is_Number and node.is_negative and id(node) not in inside
    ]

    assert loose == []


# --- places ---


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("2*sin(x)", (), "2*sin(x)"),
        ("2*sin(x)", (1,), "sin(x)"),
        ("2*sin(x)", (0,), "2"),
        ("(x + y)*z", (0,), "x + y"),
        ("(x + y)*z", (), "(x + y)*z"),
        ("(x)*((y))", (), "(x)*((y))"),
        ("-x**2", (1,), "x**2"),
        ("a + 1(x > y)", (1,), "1(x > y)"),
        ("a*x[0]", (1,), "x[0]"),
        ("q = x + y; q*z", (0,), "x + y"),
        ("q = x + y; q*z", (), "q*z"),
        ("z + where(x > y, a, b)", (1, 0, 1), "x > y"),
    ],
)
def test_spans_say_where_a_node_is_written(text: str, path: tuple[int, ...], expected: str) -> None:
    parsed = parse(text)
    node = parsed.expr
    for place in path:
        node = node.args[place]
    start, end = parsed.spans.of(node) or (0, 0)

    assert expected == text[start:end]


def test_spans_of_an_atom_are_its_first_place() -> None:
    parsed = parse("x + y*x")

    assert parsed.spans.of(x) == (0, 1)


def test_spans_know_nothing_of_other_objects() -> None:
    assert parse("x + y").spans.of(add(x, y)) is None


# --- what the arguments of `parse` may be ---


@pytest.mark.parametrize("found", [None, 1, b"x", x, ["x"]])
def test_only_text_is_parsed(found: Any) -> None:
    with pytest.raises(UnsupportedError, match=f"found {type(found).__name__}"):
        parse(found)


def test_an_unknown_constant_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `GoldenRatio`"):
        parse("x", constants=("goldenRatio",))


@pytest.mark.parametrize("wrong", [{"k": "1"}, {"k": 0.1}, {"k": x}, "E"])
def test_constants_that_are_no_numbers_are_refused(wrong: Any) -> None:
    with pytest.raises(UnsupportedError):
        parse("x", constants=wrong)


@pytest.mark.parametrize("wrong", ["sin", "2f", "and", "pi", "é"])
def test_function_names_that_have_a_meaning_are_refused(wrong: str) -> None:
    with pytest.raises(UnsupportedError):
        parse("x", functions=(wrong,))


# --- limits ---


def test_limits_are_the_callers_to_raise() -> None:
    deep, limits = 100_000, Limits(nesting=100_000)
    parsed = parse("sin(" * deep + "x" + ")" * deep, limits=limits)
    node, found = parsed.expr, 0
    while node.args:
        node, found = node.args[0], found + 1

    assert found == deep


def test_limits_are_the_callers_to_lower() -> None:
    with pytest.raises(LimitError, match="2 brackets"):
        parse("((x))*(((x)))", limits=Limits(nesting=2))


@pytest.mark.parametrize("wrong", [{"nesting": 0}, {"digits": 5000}, {"tokens": -1}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="the limit"):
        Limits(**wrong)


def test_a_sum_of_a_hundred_thousand_terms_is_read() -> None:
    parsed = parse("+".join(f"x{i % 100}" for i in range(100_000)))

    assert parsed.expr.args[1] == Symbol("x99")


def test_errors_are_value_errors_that_point_at_the_place() -> None:
    with pytest.raises(ValueError, match="unknown function `sn`") as caught:
        parse("q = 1\n2*sn(x)")
    assert isinstance(caught.value, ParseError)
    assert (caught.value.line, caught.value.column) == (2, 3)
    assert str(caught.value).endswith("\n  2*sn(x)\n    ^")
