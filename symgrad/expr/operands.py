"""Values on the reader's stack, and what each place accepts.

A value is a number, a matrix, a condition, or a bracketed tuple of values. Imports the matrix
heads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from symgrad.expr.matrices import MatrixOp
from symgrad.expr.refusal import Refusal

_CONDITIONS = (Relational, BooleanFunction, BooleanAtom)
# Gates whose entries are conditions.
CONDITION_GATES = frozenset(["lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not"])

NO_NUMBER = (
    "a condition stands where a number is wanted; write `1(x > y)` for 1 where it holds and 0 "
    "elsewhere, or `where(x > y, a, b)`"
)


class Value(NamedTuple):
    """A node with the place where it is written.

    Parameters
    ----------
    node : Expr, Boolean or tuple of Value
        What was read.
    start, end : int
        Its place in the text, brackets included.
    tail : Expr or None
        The last operand of a comparison without brackets, which a chain goes on from.
    """

    node: Any
    start: int
    end: int
    tail: Any = None


def is_condition(node: Any) -> bool:
    """Return True for comparisons, `True`, `False` and what joins them, entry by entry or not."""
    return isinstance(node, _CONDITIONS) or gate_of(node) in CONDITION_GATES


def gate_of(node: Any) -> str:
    """Return the gate that a matrix applies entry by entry, or an empty string."""
    if not (isinstance(node, MatrixOp) and node.args[0].name == "map"):
        return ""
    return str(node.args[1].args[0].name)  # not `str(...)`, which is SymPy's printer


def number(value: Value) -> Any:
    """Return the node of a value that must be a number.

    Raises
    ------
    Refusal
        If it is a matrix, a condition or a tuple.
    """
    node = quantity(value)
    if getattr(node, "is_Matrix", False):
        raise Refusal("a matrix stands where a scalar is wanted", value.start, shape=True)
    return node


def quantity(value: Value) -> Any:
    """Return the node of a value that must be a number or a matrix.

    Raises
    ------
    Refusal
        If it is a condition or a tuple.
    """
    if isinstance(value.node, tuple):
        raise Refusal(
            "a bracket with a comma stands where a number is wanted; take the comma away",
            value.start,
        )
    if is_condition(value.node):
        raise Refusal(NO_NUMBER, value.start)
    return value.node


def condition(value: Value) -> Any:
    """Return the node of a value that must be a condition.

    Raises
    ------
    Refusal
        If it is a number or a tuple.
    """
    if is_condition(value.node):
        return value.node
    raise Refusal(
        "a number stands where a condition is wanted; write a comparison, as in `x > 0`, and "
        "put it in brackets beside `&`, `|` or `~`",
        value.start,
    )


def variable(value: Value) -> Any:
    """Return the node of a value that must be a plain variable.

    Raises
    ------
    Refusal
        If it is anything else.
    """
    if isinstance(value.node, sympy.Symbol):
        return value.node
    raise Refusal("a variable is wanted here, as in `(i, 1, n)`", value.start)


def items(value: Value) -> tuple[Value, ...]:
    """Return the parts of a bracketed tuple, or the value itself as the only part."""
    return value.node if isinstance(value.node, tuple) else (value,)
