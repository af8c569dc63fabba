"""Every exception of symgrad.

Each class subclasses `SymgradError` and the builtin that a caller would catch. A message
says what was asked, what was found and what to do. This module imports nothing of symgrad.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SymgradError(Exception):
    """Base of every error that symgrad raises on purpose."""


class ParseError(SymgradError, ValueError):
    """Report text that the reader refuses, with its place.

    Parameters
    ----------
    message : str
        What was found and what to do.
    text : str
        The whole input.
    position : int
        Offset of the offending character, 0 ≤ position ≤ len(text).

    Examples
    --------
    >>> print(ParseError("unknown function `sn`; did you mean `sin`?", "2*sn(x)", 2))
    line 1, column 3: unknown function `sn`; did you mean `sin`?
      2*sn(x)
        ^
    """

    def __init__(self, message: str, text: str = "", position: int = 0) -> None:
        super().__init__(message, text, position)
        self.message = message
        self.text = text
        self.position = min(max(position, 0), len(text))

    @property
    def line(self) -> int:
        """Line of the offending character, counted from 1."""
        return self.text.count("\n", 0, self.position) + 1

    @property
    def column(self) -> int:
        """Column of the offending character, counted from 1."""
        return self.position - (self.text.rfind("\n", 0, self.position) + 1) + 1

    def __str__(self) -> str:
        start = self.position - (self.column - 1)
        end = self.text.find("\n", self.position)
        source = self.text[start : end if end >= 0 else len(self.text)]
        shown, offset = _window(source, self.column - 1)
        head = f"line {self.line}, column {self.column}: {self.message}"
        return f"{head}\n  {shown}\n  {' ' * offset}^"


class LimitError(ParseError):
    """Report input that is larger than a limit of the reader allows."""


class UnknownNameError(SymgradError, KeyError):
    """Report a name that the expression does not hold."""

    def __str__(self) -> str:
        return str(self.args[0])


class AmbiguousNameError(SymgradError, ValueError):
    """Report a name that belongs to several different symbols."""


class MissingValueError(SymgradError, KeyError):
    """Report a variable for which no number was given."""

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownPartialError(SymgradError, NotImplementedError):
    """Report a partial derivative that symgrad does not know.

    This is neither "the derivative is zero" nor "it does not exist here".
    """


class UnsupportedError(SymgradError, TypeError):
    """Report an input of a kind that symgrad does not handle."""


class GraphError(SymgradError, ValueError):
    """Report a graph that breaks an invariant, or a saved one that cannot be read."""


class ShapeError(SymgradError, ValueError):
    """Report operands whose shapes do not fit; the message holds both shapes."""


class TextShapeError(ParseError, ShapeError):
    """Report operands in a text whose shapes do not fit, with their place and both shapes."""


class FormTooLargeError(SymgradError, ValueError):
    """Report an expanded closed form that would exceed the size guard."""


class KinkError(SymgradError, ArithmeticError):
    """Report that a derivative was asked exactly where a gate has a kink."""


class BackendError(SymgradError, ValueError):
    """Report a program that a backend cannot run."""


class SingularError(SymgradError, ValueError):
    """Report a matrix without an inverse, or without the factor that was asked for."""


class NotAnalyticError(SymgradError, ValueError):
    """Report a complex step through a gate that is not analytic."""


class GradientCheckError(SymgradError, AssertionError):
    """Report a gradient check that failed; the message holds the numbers."""


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Return the known names that look most like `name`, best first.

    Parameters
    ----------
    name : str
        What was typed.
    known : iterable of str
        What would have been understood.
    most : int, default 3
        Length of the answer at most.

    Examples
    --------
    >>> nearest("arcsine", ["arcsin", "arccos", "exp"])
    ['arcsin', 'arccos']
    """
    return difflib.get_close_matches(name, sorted(set(known)), n=most, cutoff=0.6)


def hint(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean `...`?"` or an empty string."""
    found = nearest(name, known)
    return f"; did you mean {' or '.join(f'`{n}`' for n in found)}?" if found else ""


def _window(source: str, column: int, width: int = 72) -> tuple[str, int]:
    """Cut a long line around `column`; return the piece and the caret's offset."""
    start = max(0, min(column - width // 2, len(source) - width))
    piece = source[start : start + width]
    return piece, column - start
