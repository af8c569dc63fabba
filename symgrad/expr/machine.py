"""The machine that reads tokens.

It is always in one of three states: it wants an operand, has met a bare name, or wants an
operator. Brackets are frames on its own stack, so nothing recurses. Imports the lexer, the
scope and the forms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy

from symgrad.expr import complaints, elements, forms, matrix_functions, operands
from symgrad.expr.algebra import Algebra
from symgrad.expr.functions import Entry
from symgrad.expr.lexer import END, NAME, NUMBER, SEPARATOR, Token, tokens
from symgrad.expr.limits import Limits
from symgrad.expr.numerals import read_number
from symgrad.expr.operands import Value
from symgrad.expr.operators import BINARY, POSTFIX, PREFIX
from symgrad.expr.refusal import Refusal
from symgrad.expr.scope import Scope
from symgrad.expr.shunting import Stack
from symgrad.expr.spans import Spans

_WORDS = frozenset({"and", "or", "not"})
_TRUTH = {"True": sympy.true, "False": sympy.false}
_CLOSING = {"(": ")", "[": "]"}
_GROUP, _CALL, _INDEX, _INDICATOR = "group", "call", "index", "indicator"


@dataclass(slots=True)
class _Frame:
    """An open bracket: what opened it, and what it holds so far."""

    kind: str
    bracket: Token
    start: int
    base: int
    callee: Any = None
    items: list[Value] = field(default_factory=list)
    keyword: bool = False


class Machine:
    """Read one text; `read` gives the tree, `scope` the names, `spans` the places.

    Parameters
    ----------
    text : str
        The whole input.
    limits : Limits
        What is refused as too large.
    scope : Scope
        The meaning of names.
    matrices : bool
        Whether the text may hold matrices.
    """

    def __init__(self, text: str, limits: Limits, scope: Scope, *, matrices: bool = False) -> None:
        self.scope = scope
        self.spans = Spans()
        self._tokens = tokens(text, limits, matrices=matrices)
        self._digits = limits.digits
        self._nesting = limits.nesting
        self._turns = 0
        self._algebra = Algebra(text) if matrices else None
        self._stack = Stack(self.spans, limits.nesting, self._algebra)
        self._frames: list[_Frame] = []
        self._numbers: dict[str, Any] = {}
        self._parts: dict[Any, Any] = {}
        self._target: Token | None = None
        self._result: Value | None = None
        self._named = True
        self._step = self._operand
        self._last = self._before_name = Token(SEPARATOR, "", 0)

    def read(self) -> Any:
        """Return the tree of the last statement.

        Raises
        ------
        Refusal
            If the text is no expression.
        """
        for token in self._tokens:
            self._step(token)
            self._last = token
        if self._result is None:
            raise Refusal("the text is empty; write an expression, as in `x*y + z`", 0)
        return self._result.node

    # --- where an operand is wanted ---

    def _operand(self, token: Token) -> None:
        if self._at_start():
            if token.kind in (SEPARATOR, END):
                return
            self._check_used()
        if token.kind == NUMBER:
            self._push(self._number(token), token)
        elif token.kind == NAME and token.text not in _WORDS:
            self._word(token)
        elif token.text in PREFIX:
            self._stack.prefix(token)
        elif token.text == "(":
            self._open(_GROUP, token, token.start)
        else:
            self._miss(token)

    def _at_start(self) -> bool:
        return self._last.kind == SEPARATOR and not self._frames

    def _check_used(self) -> None:
        if not self._named and self._result is not None:
            raise Refusal(complaints.UNUSED, self._result.start)

    def _number(self, token: Token) -> Any:
        node = self._numbers.get(token.text)
        if node is None:
            node = read_number(token.text, token.start, self._digits)
            self._numbers[token.text] = node
            self.spans.add(node, token.start, token.end)
        return node

    def _word(self, token: Token) -> None:
        if token.text in _TRUTH:
            self._push(_TRUTH[token.text], token)
            return
        self._before_name = self._last
        self._step = self._after_name

    def _push(self, node: Any, token: Token) -> None:
        self._stack.values.append(Value(node, token.start, token.end))
        self._step = self._operator

    def _miss(self, token: Token) -> None:
        frame = self._frames[-1] if self._frames else None
        if frame and frame.bracket is self._last and frame.kind == _CALL and token.text == ")":
            self._check_count(frame)
        if frame and token.kind == END:
            raise complaints.unclosed(frame.bracket)
        raise complaints.missing_operand(self._last, token)

    # --- after a bare name ---

    def _after_name(self, token: Token) -> None:
        name = self._last
        if token.text == "(":
            self._open(_CALL, token, name.start, self.scope.function(name))
        elif token.text == "[":
            self._open(_INDEX, token, name.start, self.scope.base(name))
        elif token.text == "=":
            self._assign(name, token)
        else:
            self._variable(name)
            self._operator(token)

    def _variable(self, name: Token) -> None:
        target = self._target.text if self._target else None
        node, is_new = self.scope.value(name, target)
        if is_new:
            self.spans.add(node, name.start, name.end)
        self._push(node, name)

    def _assign(self, name: Token, token: Token) -> None:
        frame = self._frames[-1] if self._frames else None
        if frame and self._is_keyword(frame, name):
            frame.keyword = True
        elif self._before_name.kind == SEPARATOR and self._target is None and frame is None:
            self.scope.check_target(name)
            self._target = name
        else:
            raise complaints.misplaced(name, token)
        self._step = self._operand

    def _is_keyword(self, frame: _Frame, name: Token) -> bool:
        """Return whether `name=` gives the value at a tie, or the axis of a reduction."""
        if frame.kind == _INDICATOR:
            return name.text == "tie" and len(frame.items) == 1
        is_new = frame.kind == _CALL and bool(frame.items) and not frame.keyword
        return is_new and self._algebra is not None and name.text == "axis"

    # --- where an operator is wanted ---

    def _operator(self, token: Token) -> None:
        if token.text in BINARY:
            self._stack.binary(token, self._base())
            self._step = self._operand
        elif token.text in POSTFIX:
            self._transpose(token)
        elif token.text == ",":
            self._comma(token)
        elif token.text in (")", "]"):
            self._close(token)
        elif token.kind in (SEPARATOR, END):
            self._finish()
        elif token.text == "(" and self._last.text == "1" and self._last.end == token.start:
            self._stack.values.pop()
            self._open(_INDICATOR, token, self._last.start)
        else:
            bracket = self._frames[-1].bracket if self._frames else None
            raise complaints.misplaced(self._last, token, bracket)

    def _transpose(self, token: Token) -> None:
        assert self._algebra is not None  # the lexer gives this operator to matrices only
        self._turns = self._turns + 1 if self._last.text in POSTFIX else 1
        if self._turns > self._nesting:
            raise Refusal(complaints.turned(self._nesting), token.start, limit=True)
        value = self._stack.values.pop()
        node = matrix_functions.transposed(self._algebra, operands.quantity(value))
        self._stack.node(node, value.start, token.end)

    def _base(self) -> int:
        return self._frames[-1].base if self._frames else 0

    def _finish(self) -> None:
        if self._frames:
            raise complaints.unclosed(self._frames[-1].bracket)
        self._stack.reduce(0)
        self._result = self._stack.values.pop()
        operands.quantity(self._result)
        self._named = self._target is not None
        if self._target is not None:
            self.scope.assign(self._target, self._result.node)
            self._target = None
        self._step = self._operand

    # --- brackets ---

    def _open(self, kind: str, token: Token, start: int, callee: Any = None) -> None:
        self._stack.deepen(token.start)
        self._frames.append(_Frame(kind, token, start, len(self._stack.pending), callee))
        self._step = self._operand

    def _comma(self, token: Token) -> None:
        if not self._frames:
            raise Refusal(complaints.COMMA, token.start)
        frame = self._take_item()
        if frame.kind == _CALL and frame.keyword:
            raise Refusal(complaints.LAST, token.start)
        self._step = self._operand

    def _take_item(self) -> _Frame:
        frame = self._frames[-1]
        self._stack.reduce(frame.base)
        frame.items.append(self._stack.values.pop())
        return frame

    def _close(self, token: Token) -> None:
        if not self._frames or _CLOSING[self._frames[-1].bracket.text] != token.text:
            raise complaints.stray(self._frames[-1].bracket if self._frames else None, token)
        frame = self._take_item()
        self._frames.pop()
        self._stack.close()
        if frame.kind == _GROUP:
            self._stack.values.append(_bracketed(frame, token.end))
        else:
            build = {_CALL: self._call, _INDEX: self._index, _INDICATOR: self._indicator}
            self._stack.node(build[frame.kind](frame), frame.start, token.end)
        self._step = self._operator

    def _call(self, frame: _Frame) -> Any:
        axis = frame.items.pop() if frame.keyword else None
        self._check_count(frame)
        if self._algebra is None:
            return frame.callee.build(frame.items)
        return matrix_functions.call(self._algebra, frame.callee, frame.items, axis, frame.start)

    def _check_count(self, frame: _Frame) -> None:
        entry: Entry = frame.callee
        count = len(frame.items)
        if count < entry.least or (entry.most is not None and count > entry.most):
            found = f"{count} {'is' if count == 1 else 'are'} given" if count else "none is given"
            raise Refusal(f"`{entry.name}` takes {entry.takes()}, but {found}", frame.start)

    def _index(self, frame: _Frame) -> Any:
        if self._algebra is not None and not isinstance(frame.callee, sympy.IndexedBase):
            return elements.entry(self._algebra, frame.callee, frame.items, frame.start)
        for value in frame.items:
            if not isinstance(value.node, sympy.Integer | sympy.Symbol):
                raise Refusal(complaints.SUBSCRIPT, value.start)
        node = sympy.Indexed(frame.callee, *(value.node for value in frame.items))
        return self._parts.setdefault(node, node)

    def _indicator(self, frame: _Frame) -> Any:
        comparison, *rest = frame.items
        if not operands.is_condition(comparison.node):
            raise Refusal(complaints.INDICATOR, frame.start)
        if len(rest) > 1 or (rest and not frame.keyword):
            raise Refusal(complaints.TIE, rest[-1].start)
        tie = rest[0] if rest else None
        if self._algebra is not None and self._algebra.is_matrix(comparison.node):
            value = None if tie is None else forms.tie_value(tie)
            return matrix_functions.indicator(self._algebra, comparison, value, frame.start)
        return forms.indicator(comparison, tie)


def _bracketed(frame: _Frame, end: int) -> Value:
    """Return the value of a bracket: the one item, or a tuple of several."""
    only = frame.items[0].node if len(frame.items) == 1 else tuple(frame.items)
    return Value(only, frame.start, end)
