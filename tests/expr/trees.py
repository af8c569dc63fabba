"""Random trees and texts that cover the whole grammar; loaded by path, so no dataclasses."""

from __future__ import annotations

import random
from typing import Any

import sympy
from sympy import Integer, Rational, Symbol

from symgrad.expr import catalogue, forms, heads, literal, operators
from symgrad.expr.functions import TABLE
from symgrad.expr.operands import Value

NAMES = (
    "x",
    "y",
    "z",
    "w0",
    "E",
    "I",
    "S",
    "N",
    "beta",
    "gamma",
    "lambda",
    "_t",
    "sin",
    "e1",
    "oo",
)
ARITHMETIC = (literal.add, literal.sub, literal.mul, literal.div, literal.power)


def value(node: Any) -> Value:
    return Value(node, 0, 0)


class Trees:
    """A stream of random literal trees."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def depth(self) -> int:
        return self._random.randrange(1, 6)

    def number(self) -> Any:
        pick = self._random.random()
        if pick < 0.6:
            return Integer(self._random.randrange(12))
        if pick < 0.8:
            return Rational(self._random.randrange(10**4), 10 ** self._random.randrange(1, 6))
        huge = self._random.randrange(1, 10**4) * 10 ** self._random.randrange(1, 400)
        if pick < 0.9:
            return Integer(huge)
        tiny = Rational(self._random.randrange(1, 10**6), 10 ** self._random.randrange(1, 450))
        return Rational(1, 2 ** self._random.randrange(1, 90)) if pick < 0.93 else tiny

    def symbol(self) -> Any:
        return Symbol(self._random.choice(NAMES))

    def part(self) -> Any:
        indices = [
            self._random.choice((Integer(self._random.randrange(30)), self.symbol()))
            for _ in range(self._random.randrange(1, 4))
        ]
        return sympy.Indexed(sympy.IndexedBase(self._random.choice(NAMES)), *indices)

    def atom(self) -> Any:
        kinds = (self.number, self.number, self.symbol, self.symbol, self.symbol, self.part)
        return sympy.pi if self._random.random() < 0.05 else self._random.choice(kinds)()

    def tree(self, depth: int) -> Any:
        if depth == 0 or self._random.random() < 0.1:
            return self.atom()
        kinds = (
            *(self.arithmetic,) * 8,
            *(self.negation,) * 2,
            *(self.function,) * 3,
            self.composite,
            self.indicator,
            self.choice,
            self.bound,
        )
        return self._random.choice(kinds)(depth - 1)

    def arithmetic(self, depth: int) -> Any:
        return self._random.choice(ARITHMETIC)(self.tree(depth), self.tree(depth))

    def negation(self, depth: int) -> Any:
        return literal.neg(self.tree(depth))

    def count(self, least: int, most: int | None) -> int:
        return self._random.randint(least, least + 3 if most is None else most)

    def function(self, depth: int) -> Any:
        _, head, least, most = self._random.choice(catalogue.HEADS)
        return literal.apply(head, *(self.tree(depth) for _ in range(self.count(least, most))))

    def composite(self, depth: int) -> Any:
        _, build, least, most = self._random.choice(catalogue.COMPOSITES)
        return build(*(self.tree(depth) for _ in range(self.count(least, most))))

    def comparison(self, depth: int) -> Any:
        head = self._random.choice(list(operators.COMPARISONS.values()))
        return literal.apply(head, self.tree(depth), self.tree(depth))

    def condition(self, depth: int) -> Any:
        pick = self._random.random()
        if depth <= 0 or pick < 0.5:
            return self.comparison(max(depth - 1, 0))
        if pick < 0.55:
            return self._random.choice((sympy.true, sympy.false))
        if pick < 0.7:
            return literal.apply(sympy.Not, self.condition(depth - 1))
        head = self._random.choice((sympy.And, sympy.Or))
        return operators.join(head, self.condition(depth - 1), self.condition(depth - 1))

    def indicator(self, depth: int) -> Any:
        ties = (0, 0, 1, Rational(1, 2), Rational(1, 3), sympy.nan, Rational(7, 30), self.atom())
        tie = sympy.sympify(self._random.choice(ties))
        return literal.apply(heads.Indicator, self.tree(depth), self.tree(depth), tie)

    def choice(self, depth: int) -> Any:
        branches = [(self.tree(depth), self.condition(2)) for _ in range(self.count(1, 3))]
        if self._random.random() < 0.7:
            branches.append((self.tree(depth), sympy.true))
        return literal.piecewise(branches)

    def bound(self, depth: int) -> Any:
        body, i = value(self.tree(depth)), value(self.symbol())
        span = value((i, value(self.tree(depth)), value(self.tree(depth))))
        build = self._random.choice((forms.summation, forms.product, forms.integral))
        other = self._random.choice((i, value((i, value(Integer(3))))))
        pick = self._random.randrange(4)
        if pick == 0:
            return forms.integral([body, i])
        return forms.derivative([body, other]) if pick == 1 else build([body, span])


class Texts:
    """A stream of random texts with needless brackets, blanks and other spellings."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._names = [name for name in TABLE.names() if name not in ("where", "Piecewise")]

    def depth(self) -> int:
        return self._random.randrange(1, 5)

    def blank(self) -> str:
        return self._random.choice(("", "", " ", "  ", "\t"))

    def atom(self) -> str:
        atoms = (
            "x",
            "y",
            "beta",
            "E",
            "pi",
            "2",
            "0.5",
            ".25",
            "3.",
            "1e3",
            "2E-2",
            "1_000",
            "x[0]",
        )
        return self._random.choice((*atoms, "A[i, 1]"))

    def text(self, depth: int) -> str:
        if depth == 0:
            return self.atom()
        kinds = (self.operation, self.operation, self.operation, self.sign, self.call, self.branch)
        written = self._random.choice(kinds)(depth - 1)
        return f"({written})" if self._random.random() < 0.2 else written

    def operation(self, depth: int) -> str:
        operator = self._random.choice(("+", "-", "*", "/", "**", "^"))
        parts = (self.text(depth), self.blank(), operator, self.blank(), self.text(depth))
        return "".join(parts)

    def sign(self, depth: int) -> str:
        return self._random.choice("-+") + self.blank() + self.text(depth)

    def call(self, depth: int) -> str:
        name = self._random.choice(self._names)
        entry = TABLE.entry(name)
        assert entry is not None
        if name in ("Sum", "Product", "Integral", "Derivative"):
            tail = "(i, 0, n)" if name != "Derivative" else "(x, 2), y"
            return f"{name}({self.text(depth)}, {tail})"
        if name in ("hyper", "meijerg"):
            counts = "1" if name == "hyper" else "0, 1, 1"
            return f"{name}({counts}, {', '.join(self.text(depth) for _ in range(3))})"
        count = self._random.randint(entry.least, entry.most or entry.least + 2)
        return f"{name}({', '.join(self.text(depth) for _ in range(count))})"

    def condition(self, depth: int) -> str:
        compare = self._random.choice(("<", "<=", ">", ">=", "==", "!=", "< 1 <="))
        plain = f"{self.text(depth)} {compare} {self.text(depth)}"
        word = self._random.choice((" and ", " or ", ") & (", ") | (", ""))
        if not word:
            return self._random.choice((f"not {plain}", f"~({plain})", "True", plain))
        return f"({plain}{word}{plain})"

    def branch(self, depth: int) -> str:
        a, b, condition = self.text(depth), self.text(depth), self.condition(0)
        return self._random.choice(
            (
                f"where({condition}, {a}, {b})",
                f"Piecewise(({a}, {condition}), ({b}, True))",
                f"1({a} > {b})",
                f"1({a} <= {b})",
                f"1({a} < {b}, tie=1/2)",
            )
        )
