"""Cut a text into tokens, one at a time.

Inside brackets a newline is white space; elsewhere it ends a statement as `;` does. Imports
the limits and the lessons about characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from symgrad.expr import glyphs
from symgrad.expr.limits import Limits
from symgrad.expr.refusal import Refusal


class Token(NamedTuple):
    """A piece of the text: what kind, which characters, and where."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Offset just after the token."""
        return self.start + len(self.text)


NUMBER, NAME, OPERATOR, SEPARATOR, END = "number", "name", "operator", "separator", "end"

_DIGITS = "[0-9]+(?:_[0-9]+)*"
_REFUSED = "|".join(re.escape(pair) for pair in glyphs.REFUSED if len(pair) > 1)
_MATRIX = r"\.\*\*?|\./|\.\^|\.T\b|@|'|"


def _pattern(more: str = "", *, point: str = r"\.") -> re.Pattern[str]:
    """Return the pattern of a token, with more operators and what counts as a decimal point."""
    return re.compile(
        rf"""(?P<blank>[ \t]+|\#[^\r\n]*)
        |(?P<number>(?:{_DIGITS}(?:{point}(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?[0-9]+)?)
        |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
        |(?P<refused>{_REFUSED})
        |(?P<operator>{more}\*\*|[<>=!]=|[-+*/^<>=&|~()\[\],])
        |(?P<separator>;|\r?\n)
        |(?P<other>.)""",
        re.VERBOSE | re.DOTALL,
    )


_SCALARS = _pattern()
_MATRICES = _pattern(_MATRIX, point=r"\.(?![*/^])")  # `2./x` is `2 ./ x`


def tokens(text: str, limits: Limits, *, matrices: bool = False) -> Iterator[Token]:
    """Yield the tokens of `text`, the last of kind `END`; `matrices` adds their operators.

    Raises
    ------
    Refusal
        At a character that no expression holds, or beyond a limit.
    """
    if len(text) > limits.length:
        raise Refusal(_too_long("text", limits.length, "characters", "length"), 0, limit=True)
    depth = count = 0
    for match in (_MATRICES if matrices else _SCALARS).finditer(text):
        kind = match.lastgroup
        if kind == "blank":
            continue
        token = Token(kind or "", match[0], match.start())
        if kind == OPERATOR:
            depth += (token.text in "([") - (token.text in ")]")
        elif kind == SEPARATOR and depth > 0 and token.text != ";":
            continue
        elif kind not in (NUMBER, SEPARATOR):
            _check_word(token, limits)
        count += 1
        if count > limits.tokens:
            message = _too_long("text", limits.tokens, "tokens", "tokens")
            raise Refusal(message, token.start, limit=True)
        yield token
    yield Token(END, "", len(text))


def _check_word(token: Token, limits: Limits) -> None:
    if token.kind != NAME:
        raise Refusal(glyphs.lesson(token.text), token.start)
    if len(token.text) > limits.name:
        message = _too_long("name", limits.name, "characters", "name")
        raise Refusal(message, token.start, limit=True)


def _too_long(what: str, most: int, unit: str, limit: str) -> str:
    return (
        f"the {what} holds more than {most} {unit}; "
        f"to read it all the same, use `limits=Limits({limit}=...)`"
    )
