"""The lessons of the machine: what was found where, and what to write.

Imports the function table, to tell a function from a variable.
"""

from __future__ import annotations

from symgrad.expr.functions import TABLE
from symgrad.expr.lexer import END, NAME, NUMBER, SEPARATOR, Token
from symgrad.expr.refusal import Refusal

UNUSED = (
    "this value is not used: only the last statement may stand without a name; assign it, "
    "or put a formula over several lines in brackets"
)
COMMA = "a comma stands only inside brackets, as in `f(x, y)`"
SUBSCRIPT = "a subscript is a whole number from 0 or a variable, as in `x[0]` or `A[i, 1]`"
INDICATOR = (
    "`1(...)` is 1 where a comparison holds, as in `1(x > y)`; for a product write `1*(...)`"
)
LAST = "`axis=` comes last in a call"
TIE = "`1(x > y)` takes nothing more than the value at equality, as in `1(x > y, tie=1/2)`"

_MEANT = {
    "if": "for a choice write `where(condition, a, b)`",
    "else": "for a choice write `where(condition, a, b)`",
    "for": "for a sum write `Sum(e, (i, a, b))`",
    "in": "for a range write two comparisons, as in `0 <= x < 1`",
    "is": "for equality write `==`",
    "lambda": "functions are not values here, write the formula itself",
    "import": "a text holds formulas only",
}


def unclosed(bracket: Token) -> Refusal:
    """Point at a bracket that stays open."""
    other = {"(": ")", "[": "]"}[bracket.text]
    message = f"this `{bracket.text}` is never closed; write the `{other}` where it ends"
    return Refusal(message, bracket.start)


def turned(most: int) -> str:
    """Say that too many transposes stand in a row."""
    return (
        f"more than {most} transposes stand in a row here; two of them cancel, or "
        "use `limits=Limits(nesting=...)`"
    )


def stray(bracket: Token | None, token: Token) -> Refusal:
    """Point at a closing bracket that closes nothing, or the opening one that it does not fit."""
    if bracket is None:
        message = f"this `{token.text}` closes nothing; take it away, or open a bracket before it"
        return Refusal(message, token.start)
    message = f"this `{bracket.text}` is closed by `{token.text}`; brackets come in equal pairs"
    return Refusal(message, bracket.start)


def missing_operand(last: Token, token: Token) -> Refusal:
    """Say that an expression is wanted where `token` stands."""
    found = _shown(token)
    if token.kind == SEPARATOR and token.text != ";":
        found += "; for a formula over several lines put it in brackets"
    if last.kind == SEPARATOR or last.text in ("(", "["):
        return Refusal(f"an expression is wanted here, but found {found}", token.start)
    return Refusal(f"an operand is missing after `{last.text}`: found {found}", token.start)


def misplaced(last: Token, token: Token, bracket: Token | None = None) -> Refusal:
    """Say that an operator is wanted between `last` and `token`, inside the open `bracket`."""
    if token.text == "=":
        message = (
            "`=` gives a name at the beginning of a statement, as in `q = x + y`; "
            "to compare write `==`"
        )
        return Refusal(message, token.start)
    meant = _MEANT.get(token.text) or _MEANT.get(last.text)
    remedy = meant or _product(last, token)
    if bracket is not None:
        remedy += f"; or close the `{bracket.text}` at character {bracket.start + 1} before it"
    return Refusal(f"an operator is missing here: {remedy}", token.start)


def _product(last: Token, token: Token) -> str:
    if token.text == "[":
        return "only a name has subscripts, as in `x[0]`"
    if last.kind == NAME and TABLE.entry(last.text) and token.kind in (NAME, NUMBER):
        return f"for the function write `{last.text}({token.text})`"
    if last.text == "0" and token.text[0] in "xXoObB" and last.end == token.start:
        return "write the number with decimal digits"
    if token.kind in (NAME, NUMBER) or token.text == "(":
        tail = "(...)" if token.text == "(" else token.text
        head = {")": "(...)", "]": "x[...]"}.get(last.text, last.text)
        return f"for a product write `{head}*{tail}`"
    return f"`{token.text}` cannot follow `{last.text}`"


def _shown(token: Token) -> str:
    if token.kind == END:
        return "the end of the text"
    if token.kind == SEPARATOR and token.text != ";":
        return "the end of the line"
    return f"`{token.text}`"
