"""Read text into a literal SymPy tree.

One operator written is one node, in the order written; text is never handed to Python or SymPy
for evaluation. Imports the machine, its scope and the printer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sympy import Expr

from symgrad.errors import (
    FormTooLargeError,
    LimitError,
    ParseError,
    TextShapeError,
    UnsupportedError,
)
from symgrad.expr.declarations import Facts, Shapes, declared
from symgrad.expr.limits import DEFAULT, Limits
from symgrad.expr.machine import Machine
from symgrad.expr.printer import text as print_text
from symgrad.expr.refusal import Refusal
from symgrad.expr.scope import Constants, Scope
from symgrad.expr.spans import Spans

_LONGEST_REPR = 10_000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Parsed:
    """What a text says.

    Parameters
    ----------
    expr : Expr or MatrixExpr
        The literal tree of the last statement; matrices are symbols with shapes in it.
    names : mapping of str to Expr or MatrixExpr
        The assigned names in their order; a later use of a name is that very node.
    spans : Spans
        Where each node is written: `spans.of(node)`.
    """

    expr: Expr
    names: Mapping[str, Expr]
    spans: Spans

    def __repr__(self) -> str:
        try:
            return f"Parsed({print_text(self.expr, longest=_LONGEST_REPR)})"
        except FormTooLargeError:
            return f"Parsed(<more than {_LONGEST_REPR} characters>)"


def parse(
    text: str,
    *,
    limits: Limits = DEFAULT,
    constants: Constants = (),
    functions: Iterable[str] = (),
    shapes: Shapes | None = None,
    assume: Facts = MappingProxyType({}),
) -> Parsed:
    """Read an expression, with assignments before it where wanted.

    Parameters
    ----------
    text : str
        Statements separated by `;` or newlines; the last one is the expression.
    limits : Limits
        What the reader refuses to exceed.
    constants : iterable of str, or mapping of str to number
        Names that are numbers besides `pi`: those of `scope.CONSTANTS`, or one's own.
    functions : iterable of str
        Names of undefined functions.
    shapes : mapping of str to size or pair of sizes, optional
        The matrices: `{"W": ("m", "n"), "x": "n"}`; one size makes a column, a name leaves a
        size open. With it, even empty, `@ .* ./ .^ .T '` and functions of matrices are read.
    assume : mapping of str to facts, optional
        What is known of a matrix: `{"A": ("symmetric",)}`.

    Raises
    ------
    ParseError, LimitError, TextShapeError
        If the text is wrong, too large, or shapes do not fit; the message points at the place.
    UnsupportedError, UnknownNameError, ShapeError
        If `text`, a constant, a function, a shape or a fact is of a wrong kind or unknown.

    Notes
    -----
    Numbers are exact decimals, `^` is `**`, unary minus is a node. Linear in time and memory.

    Examples
    --------
    >>> parse("q = x + y; f = q*z")
    Parsed((x + y)*z)
    >>> parse("norm2(W@x - y)", shapes={"W": ("m", "n"), "x": "n", "y": "m"})
    Parsed(norm2(W@x - y))
    """
    is_plain = shapes is None and not assume
    known = None if is_plain else declared(shapes or {}, assume)
    scope = Scope(constants, functions, known)
    machine = Machine(_checked(text), limits, scope, matrices=not is_plain)
    return Parsed(_read(machine, text), scope.names, machine.spans)


def _read(machine: Machine, text: str) -> Expr:
    try:
        expr: Expr = machine.read()
    except Refusal as refusal:
        kind = TextShapeError if refusal.shape else LimitError if refusal.limit else ParseError
        raise kind(refusal.message, text, refusal.position) from None
    return expr


def _checked(text: Any) -> str:
    if isinstance(text, str):
        return text
    found = type(text).__name__
    raise UnsupportedError(f"`parse` takes text, but found {found}; only text needs parsing")
