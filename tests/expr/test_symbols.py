"""A name in a call finds its symbol, or says why not."""

from __future__ import annotations

from typing import Any

import pytest
from sympy import IndexedBase, Symbol, symbols

from symgrad.errors import AmbiguousNameError, UnknownNameError, UnsupportedError
from symgrad.expr.reader import parse
from symgrad.expr.symbols import label, resolve

x, y, alpha = symbols("x y alpha")
real = Symbol("x", real=True)
w = IndexedBase("w")


@pytest.mark.parametrize(
    ("asked", "available", "expected"),
    [
        ("x", [x, y], x),
        ("x", [real, y], real),
        ("x", [x, x], x),
        ("w[0]", [w[0], w[1]], w[0]),
        ("w[0]", [w[0], Symbol("w")], w[0]),
        (" w[0, 1] ", [w[0, 1], w[0]], w[0, 1]),
        ("w[i]", [w[Symbol("i")]], w[Symbol("i")]),
        ("two words", [Symbol("two words")], Symbol("two words")),
        (y, [x], y),
        (w[5], [x], w[5]),
        (real, [x], real),
        (["y", x], [x, y], [y, x]),
        (("y",), [x, y], [y]),
    ],
)
def test_a_name_finds_its_symbol(asked: Any, available: list[Any], expected: Any) -> None:
    assert expected == resolve(asked, available)


def test_a_name_may_be_that_of_an_inner_node() -> None:
    parsed = parse("q = x + y; q*z")

    assert resolve("q", parsed.expr.free_symbols, names=parsed.names) is parsed.names["q"]


def test_a_name_of_two_symbols_is_ambiguous() -> None:
    with pytest.raises(AmbiguousNameError, match=r"Symbol\('x', real=True\)"):
        resolve("x", [x, real])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("alfa", "no variable `alfa`; it has `alpha`, `x`, `y`. Did you mean `alpha`?"),
        ("q", "no variable `q`; it has `alpha`, `x`, `y`."),
        ("w", "`w` has parts; name one of them: `w[0]`, `w[1]`"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(asked: str, message: str) -> None:
    available = [x, y, alpha] + [w[0], w[1]] * (asked == "w")

    with pytest.raises(UnknownNameError) as caught:
        resolve(asked, available)
    assert message in str(caught.value)


def test_an_expression_without_variables_says_so() -> None:
    with pytest.raises(UnknownNameError, match="no variables at all"):
        resolve("x", [])


def test_long_lists_of_names_are_cut() -> None:
    with pytest.raises(UnknownNameError, match="and 80 more"):
        resolve("q", symbols("x:100"))


@pytest.mark.parametrize("wrong", [1, None, {"x"}])
def test_what_is_no_name_is_refused(wrong: Any) -> None:
    with pytest.raises(UnsupportedError, match=type(wrong).__name__):
        resolve(wrong, [x])


@pytest.mark.parametrize(("symbol", "expected"), [(x, "x"), (w[0, 1], "w[0,1]"), (real, "x")])
def test_labels_are_written_without_spaces(symbol: Any, expected: str) -> None:
    assert expected == label(symbol)
