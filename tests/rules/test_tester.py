"""A test of the tests: rules that are wrong in known ways must be caught by the same measure."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sympy import Add, Expr, Rational, Symbol

from symgrad.rules import local
from symgrad.rules.table import GATES

oracle: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("oracle.py"))))

NAMES = ("sin", "mul", "div", "pow", "atan2", "sigmoid", "beta", "besselj", "erf", "gelu", "hypot")
POINTS = 6


def off_by_a_little(found: Expr, operands: Any) -> Expr:
    return found * Rational(1001, 1000)


def of_the_wrong_sign(found: Expr, operands: Any) -> Expr:
    return -found


def without_a_term(found: Expr, operands: Any) -> Expr:
    terms = Add.make_args(found.expand())
    return Add(*terms[1:]) if len(terms) > 1 else Add(*terms[1:], 0)


def with_swapped_arguments(found: Expr, operands: Any) -> Expr:
    first, last = operands[0], operands[-1]
    if first == last:
        return found.subs(first, 1 - first)
    return found.subs({first: last, last: first}, simultaneous=True)


WRONG = (off_by_a_little, of_the_wrong_sign, without_a_term, with_swapped_arguments)

SPOILED = [
    pytest.param(name, spoil, id=f"{name}-{spoil.__name__}")
    for name in NAMES
    for spoil in WRONG
    if (name, spoil) != ("sigmoid", with_swapped_arguments)  # its rule reads the output alone
]


def spoiled(gate: Any, spoil: Callable[[Expr, Any], Expr]) -> Any:
    """Return the row with its partials spoiled; values stay right."""

    def rule(site: Any) -> Expr:
        found = local.partial(gate, site)
        operands = dict(zip(map(Symbol, local.NAMES), site.operands, strict=False))
        plain = found.xreplace({**operands, Symbol("out"): site.out})
        return spoil(plain, site.operands)

    return replace(gate, partials=rule, sited=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_right_rule_passes(name: str) -> None:
    gate = spoiled(GATES.named(name), lambda found, operands: found)
    errors = oracle.first_order_errors(gate, gate.arity[0], POINTS, fix=False)

    assert max(errors.values()) <= 1e-20


@pytest.mark.parametrize(("name", "spoil"), SPOILED)
def test_a_wrong_rule_is_caught_by_the_exact_oracle(name: str, spoil: Any) -> None:
    gate = spoiled(GATES.named(name), spoil)
    errors = oracle.first_order_errors(gate, gate.arity[0], POINTS, fix=False)

    assert errors["reverse"] > 1e-5
    assert errors["forward"] > 1e-5


@pytest.mark.parametrize(("name", "spoil"), SPOILED)
def test_a_wrong_rule_is_caught_by_central_differences(name: str, spoil: Any) -> None:
    gate = spoiled(GATES.named(name), spoil)
    caught = False
    for graph, wrt, points in oracle.cases(gate, gate.arity[0], POINTS, fix=False):
        columns = oracle.columns_of(points)
        nodes = [oracle.variable(graph, i) for i in wrt]
        found = oracle.at_floats(oracle.by_reverse(graph, nodes), columns)
        for i, actual in zip(wrt, found, strict=True):
            caught |= not oracle.agree(actual, oracle.by_central(graph, columns, i), 3e-7)

    assert caught


def test_nan_agrees_with_nothing() -> None:
    assert not oracle.agree([np.nan], [np.nan], 1.0)
    assert not oracle.agree([np.inf], [1.0], 1.0)


def test_a_row_without_a_domain_is_caught() -> None:
    bare = replace(GATES.named("sin"), domain=())

    with pytest.raises(IndexError):
        oracle.points(bare, 1, 1)
