"""Every name of the function table builds what SymPy's own constructor gives for symbols."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sympy
from sympy import Integer, Rational, Symbol, symbols

from symgrad.errors import UnsupportedError
from symgrad.expr import catalogue, heads
from symgrad.expr.functions import TABLE, known_names, register
from symgrad.expr.printer import text
from symgrad.expr.reader import parse

ARGUMENTS = symbols("x y z u v w")
AT = dict(zip(ARGUMENTS, (Rational(n, 11) for n in (7, 6, 3, 4, 2, 5)), strict=True))
x, y, z = ARGUMENTS[:3]
HALF = Rational(1, 2)

HEADS = [
    (name, head, count)
    for names, head, least, most in catalogue.HEADS
    for name in names.split()
    for count in sorted({least, most or least + 2})
    if (name, count) != ("DiracDelta", 2)  # SymPy wants a number there.
]

COMPOSITES: dict[str, Any] = {
    "log(x)": sympy.log(x),
    "ln(x)": sympy.log(x),
    "log(x, y)": sympy.log(x) / sympy.log(y),
    "sqrt(x)": sympy.sqrt(x),
    "root(x, y)": sympy.root(x, y),
    "pow(x, y)": x**y,
    "power(x, y)": x**y,
    "square(x)": x**2,
    "reciprocal(x)": 1 / x,
    "negative(x)": -x,
    "add(x, y)": x + y,
    "subtract(x, y)": x - y,
    "multiply(x, y)": x * y,
    "divide(x, y)": x / y,
    "clip(x, y, z)": heads.Minimum(heads.Maximum(x, y), z),
    "digamma(x)": sympy.digamma(x),
    "psi(x)": sympy.digamma(x),
    "trigamma(x)": sympy.trigamma(x),
    "E1(x)": sympy.E1(x),
    "Heaviside(x)": sympy.Heaviside(x),
    "heaviside(x, y)": sympy.Heaviside(x, y),
}


def call(name: str, count: int) -> str:
    return f"{name}({', '.join(map(str, ARGUMENTS[:count]))})"


def outcome(function: Callable[[], Any]) -> str:
    """Return the text of a value or of an error, with dummies made equal."""
    try:
        return re.sub(r"_\w+", "_", str(function()))
    except Exception as error:
        return repr(error)[:60]


@pytest.mark.parametrize(("name", "head", "count"), HEADS)
def test_a_call_is_the_node_that_sympy_makes(name: str, head: Any, count: int) -> None:
    expected = head(*ARGUMENTS[:count])
    actual = parse(call(name, count)).expr

    assert expected == actual
    assert type(expected) is type(actual)
    assert expected.nargs == actual.nargs
    assert str(expected) == str(actual)
    assert sympy.latex(expected) == sympy.latex(actual)


@pytest.mark.parametrize(("name", "head", "count"), HEADS)
def test_a_call_is_derived_and_evaluated_as_by_sympy(name: str, head: Any, count: int) -> None:
    expected = head(*ARGUMENTS[:count])
    actual = parse(call(name, count)).expr

    for symbol in ARGUMENTS[:count]:
        assert outcome(lambda s=symbol: expected.diff(s)) == outcome(
            lambda s=symbol: actual.diff(s)
        )
    assert outcome(lambda: expected.subs(AT).evalf(10)) == outcome(
        lambda: actual.subs(AT).evalf(10)
    )


@pytest.mark.parametrize("written", COMPOSITES)
def test_a_function_of_several_gates_equals_its_definition(written: str) -> None:
    assert COMPOSITES[written] == parse(written).expr.doit()


@pytest.mark.parametrize(("name", "head", "count"), HEADS)
def test_every_name_is_printed_so_that_it_reads_back(name: str, head: Any, count: int) -> None:
    tree = parse(call(name, count)).expr

    assert tree == parse(text(tree)).expr


def test_every_elementary_function_of_sympy_is_known() -> None:
    modules = ("trigonometric", "hyperbolic", "exponential", "integers")
    named = {
        name
        for name, found in vars(sympy).items()
        if isinstance(found, type)
        and issubclass(found, sympy.Function)
        and found.__module__.startswith("sympy.functions.elementary.")
        and found.__module__.rpartition(".")[2] in modules
    }

    assert named - set(known_names()) == {"exp_polar"}


# --- gates of one's own ---


class twice(heads.OwnHead):  # noqa: N801
    """A gate for the tests."""

    nargs = (1,)

    @classmethod
    def definition(cls, x: Any) -> Any:
        return 2 * x


def test_a_registered_gate_is_read_and_printed() -> None:
    register("double_of", twice, 1, 1)
    tree = parse("double_of(x) + 1").expr

    assert type(tree.args[0]) is twice
    assert text(tree) == "double_of(x) + 1"
    assert "double_of" in known_names()


def test_registering_the_same_gate_again_changes_nothing() -> None:
    register("double_of", twice, 1, 1)
    register("double_of", twice, 1, 1)

    assert TABLE.entry("double_of") is not None


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("sin", 1, 1), ("two words", 1, 1), ("é", 1, 1), ("and", 1, 1), ("new", 0, 1), ("new", 2, 1)],
)
def test_a_gate_that_cannot_be_read_is_not_registered(name: str, least: int, most: int) -> None:
    with pytest.raises(UnsupportedError, match=f"`{name}`"):
        register(name, twice, least, most)


def test_half_is_what_sympy_stores_for_a_step_without_a_value() -> None:
    assert parse("Heaviside(x)").expr.args == (x, HALF)
    assert parse("Heaviside(x, 0)").expr.args == (Symbol("x"), Integer(0))
