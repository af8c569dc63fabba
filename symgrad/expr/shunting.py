"""The two stacks of the reader: operands, and operators that wait for them.

Dijkstra's shunting-yard: an operator is built as soon as a looser one follows. Imports the
operators and the operands.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from symgrad.expr import matrix_operators, operands
from symgrad.expr.algebra import Algebra
from symgrad.expr.lexer import Token
from symgrad.expr.operands import Value
from symgrad.expr.operators import BINARY, COMPARISON, PREFIX, Operator
from symgrad.expr.refusal import Refusal
from symgrad.expr.spans import Spans

_CHECKS = {"numbers": operands.number, "conditions": operands.condition}


class Pending(NamedTuple):
    """An operator that waits for its right operand."""

    operator: Operator
    start: int
    prefix: bool


class Stack:
    """Operands and pending operators of one text.

    Parameters
    ----------
    spans : Spans
        Where built nodes are noted.
    nesting : int
        How many brackets, signs and powers may be open at once.
    algebra : Algebra or None
        The matrices of the text, if it may hold any.
    """

    def __init__(self, spans: Spans, nesting: int, algebra: Algebra | None = None) -> None:
        self.values: list[Value] = []
        self.pending: list[Pending] = []
        self._spans = spans
        self._algebra = algebra
        self._nesting = nesting
        self._depth = 0

    def deepen(self, start: int) -> None:
        """Count one more open bracket, sign or power."""
        self._depth += 1
        if self._depth > self._nesting:
            raise Refusal(
                f"more than {self._nesting} brackets, signs and powers are open here; "
                "to read it all the same, use `limits=Limits(nesting=...)`",
                start,
                limit=True,
            )

    def close(self) -> None:
        """Count one open bracket, sign or power less."""
        self._depth -= 1

    def prefix(self, token: Token) -> None:
        """Push a sign or `not`."""
        self.deepen(token.start)
        self.pending.append(Pending(PREFIX[token.text], token.start, True))

    def binary(self, token: Token, base: int) -> None:
        """Build what binds tighter, then push a binary operator."""
        operator = BINARY[token.text]
        self.reduce(base, operator)
        if operator.right:
            self.deepen(token.start)
        self.pending.append(Pending(operator, token.start, False))

    def reduce(self, base: int, until: Operator | None = None) -> None:
        """Build pending operators above `base` that bind tighter than `until`."""
        while len(self.pending) > base:
            top = self.pending[-1].operator
            if until is not None and not _goes_first(top, until):
                return
            self._build(self.pending.pop())

    def node(self, node: Any, start: int, end: int) -> None:
        """Push a node that was just built."""
        self._spans.add(node, start, end)
        self.values.append(Value(node, start, end))

    def _build(self, pending: Pending) -> None:
        operator = pending.operator
        right = self.values.pop()
        if pending.prefix:
            self.close()
            node = self._apply(pending, right)
            if node is right.node:
                self.values.append(Value(node, pending.start, right.end))
            else:
                self.node(node, pending.start, right.end)
            return
        left = self.values.pop()
        if operator.right:
            self.close()
        if operator.precedence == COMPARISON:
            self._compare(pending, left, right)
            return
        self.node(self._apply(pending, left, right), left.start, right.end)

    def _apply(self, pending: Pending, *values: Value) -> Any:
        """Return what an operator makes of numbers, matrices or conditions."""
        operator = pending.operator
        if self._algebra is not None and self._algebra.takes(operator.symbol, values):
            return matrix_operators.apply(self._algebra, operator.symbol, values, pending.start)
        check = _CHECKS[operator.takes]
        return operator.build(*(check(value) for value in values))

    def _compare(self, pending: Pending, left: Value, right: Value) -> None:
        """Build a comparison; after another one, the two joined by `and`."""
        if left.tail is None:
            node = self._apply(pending, left, right)
        else:
            tail = left._replace(node=left.tail, tail=None)
            step = Value(self._apply(pending, tail, right), left.start, right.end)
            both = pending._replace(operator=BINARY["and"])
            node = self._apply(both, left, step)
        self._spans.add(node, left.start, right.end)
        self.values.append(Value(node, left.start, right.end, right.node))


def _goes_first(top: Operator, other: Operator) -> bool:
    if top.precedence == other.precedence:
        return not other.right
    return top.precedence > other.precedence
