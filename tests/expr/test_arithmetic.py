"""Python's own grammar is the oracle for operators, signs and brackets."""

from __future__ import annotations

import ast
import operator
import random
from fractions import Fraction
from typing import Any

from sympy import Rational

from symgrad.expr.reader import parse

_PYTHON: dict[type, Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def by_python(node: ast.AST) -> Any:
    """Evaluate with Python's own grammar, in fractions."""
    if isinstance(node, ast.Constant):
        return Fraction(node.value)
    if isinstance(node, ast.UnaryOp):
        return _PYTHON[type(node.op)](by_python(node.operand))
    assert isinstance(node, ast.BinOp)
    return _PYTHON[type(node.op)](by_python(node.left), by_python(node.right))


def arithmetic(rng: random.Random, depth: int) -> str:
    """Return random arithmetic; exponents are small whole numbers."""
    if depth == 0:
        return str(rng.randrange(1, 9))
    pick = rng.random()
    if pick < 0.2:
        return f"({arithmetic(rng, depth - 1)})"
    if pick < 0.35:
        return rng.choice("-+") + arithmetic(rng, depth - 1)
    if pick < 0.5:
        exponent = rng.choice(("2", "-1", "0", "3", "-2", "2**1", "-1**2", "2**0**3", "(1 - 2)"))
        base = rng.choice((str(rng.randrange(1, 9)), f"({arithmetic(rng, depth - 1)})"))
        return f"{base}**{exponent}"
    left, right = arithmetic(rng, depth - 1), arithmetic(rng, depth - 1)
    return f"{left} {rng.choice('+-*/')} {right}"


def test_arithmetic_agrees_with_python() -> None:
    rng, compared = random.Random(2024), 0
    while compared < 1500:
        text = arithmetic(rng, rng.randrange(1, 5))
        try:
            expected = by_python(ast.parse(text, mode="eval").body)
        except ZeroDivisionError:
            continue
        compared += 1

        assert Rational(expected) == parse(text).expr.doit(), text
