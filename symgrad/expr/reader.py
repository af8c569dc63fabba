"""Read text into a literal SymPy tree.

One operator written is one node, in the order written; text is never handed to Python or SymPy
for evaluation. Imports the machine, its scope and the printer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sympy import Expr

from symgrad.errors import FormTooLargeError, LimitError, ParseError, UnsupportedError
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
    expr : Expr
        The literal tree of the last statement.
    names : mapping of str to Expr
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
) -> Parsed:
    """Read an expression, with assignments before it where wanted.

    Parameters
    ----------
    text : str
        Statements separated by `;` or newlines; the last one is the expression.
    limits : Limits
        What the reader refuses to exceed.
    constants : iterable of str, or mapping of str to number
        Names that are numbers besides `pi`: of E, I, oo, nan, GoldenRatio, EulerGamma and
        Catalan, or of one's own with their values.
    functions : iterable of str
        Names of undefined functions.

    Raises
    ------
    ParseError, LimitError
        If the text is no expression or too large; the message points at the place.
    UnsupportedError, UnknownNameError
        If `text`, a constant or a function is of a wrong kind or unknown.

    Notes
    -----
    Numbers are exact decimals, `^` is `**`, and unary minus is always a node of its own. Time
    and memory are linear in the length of the text.

    Examples
    --------
    >>> parse("q = x + y; f = q*z")
    Parsed((x + y)*z)
    """
    if not isinstance(text, str):
        found = type(text).__name__
        raise UnsupportedError(f"`parse` takes text, but found {found}; only text needs parsing")
    machine = Machine(text, limits, Scope(constants, functions))
    try:
        expr = machine.read()
    except Refusal as refusal:
        kind = LimitError if refusal.limit else ParseError
        raise kind(refusal.message, text, refusal.position) from None
    return Parsed(expr, machine.scope.names, machine.spans)
