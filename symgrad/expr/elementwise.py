"""Apply a function of scalars to matrices, entry by entry.

The function table builds a small tree over one dummy an argument; every operator and function in it
then becomes its counterpart for matrices. So whatever a text can do to numbers it can do to the
entries of matrices, and no function is described twice. Imports the algebra and the function table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial, reduce
from typing import Any

import sympy
from sympy import Dummy
from sympy.core.function import AppliedUndef

from symgrad.expr import literal
from symgrad.expr.algebra import Algebra
from symgrad.expr.catalogue import HALF
from symgrad.expr.functions import TABLE, Entry
from symgrad.expr.matrices import matrix_shape
from symgrad.expr.operands import Value, quantity
from symgrad.expr.refusal import Refusal


def apply(algebra: Algebra, entry: Entry, values: Sequence[Value], place: int) -> Any:
    """Return a function of the table, applied entry by entry.

    Parameters
    ----------
    algebra : Algebra
        The matrices of the text.
    entry : Entry
        The function.
    values : sequence of Value
        Its arguments: matrices of one shape, and scalars, which meet every entry.
    place : int
        Where the call stands.

    Raises
    ------
    Refusal
        If two shapes differ, or the function has no meaning entry by entry.
    """
    nodes = [quantity(value) for value in values]
    wide = [v for v in values if algebra.is_matrix(v.node)]
    for other in wide[1:]:
        if algebra.shape(other.node) != algebra.shape(wide[0].node):
            raise algebra.mismatch(wide[0], other, place, entry.name)
    try:
        dummies, tree = _template(entry, len(nodes))
        return lift(algebra, tree, dict(zip(dummies, nodes, strict=True)), place)
    except Refusal as refusal:  # it speaks of a dummy, which has no place
        raise Refusal(refusal.message, place, shape=refusal.shape) from None


@lru_cache(maxsize=4096)
def _template(entry: Entry, count: int) -> tuple[tuple[Any, ...], Any]:
    """Return what a function builds of dummies; a function that is given anew is a new entry."""
    dummies = tuple(Dummy(f"a{k}") for k in range(count))
    return dummies, entry.build([Value(dummy, 0, 0) for dummy in dummies])


def lift(algebra: Algebra, tree: Any, known: dict[Any, Any], place: int) -> Any:
    """Return the counterpart of a small scalar tree for matrices; `known` gives its dummies."""
    found = dict(known)
    waiting = [tree]
    while waiting:
        node = waiting[-1]
        parts = _parts(node)
        missing = [part for part in parts if part not in found]
        if node in found or not missing:
            waiting.pop()
            if node not in found:
                found[node] = _combined(algebra, node, [found[p] for p in parts], place)
        else:
            waiting += missing
    return found[tree]


def applied(node: Any) -> Any:
    """Return SymPy's `X.applyfunc(f)` with `f` written out for all entries at once."""
    function, operand = node.args
    algebra = Algebra("")
    algebra.note(operand, matrix_shape(operand))
    if not isinstance(function, sympy.Lambda):
        return algebra.entrywise(TABLE.name_of(function), (operand,), 0)
    (variable,) = function.variables
    return lift(algebra, function.expr, {variable: operand}, 0)


def _parts(node: Any) -> tuple[Any, ...]:
    if isinstance(node, literal.Sub):
        return node.args[0], node.args[1].args[1]
    if isinstance(node, literal.Div):
        return node.args[0], node.args[1].args[0]
    if isinstance(node, literal.Neg):
        return (node.args[1],)
    return tuple(node.args)


def _combined(algebra: Algebra, node: Any, parts: Sequence[Any], place: int) -> Any:
    if not any(algebra.is_matrix(part) for part in parts):
        return _scalar(node, parts)
    if isinstance(node, literal.Neg):
        return algebra.negative(parts[0])
    for head, build in _OPERATORS.items():
        if isinstance(node, head):
            return reduce(partial(build, algebra), parts)
    if isinstance(node, sympy.Pow):
        if node.args[1] == HALF:
            return algebra.entrywise("sqrt", parts[:1], place)
        return algebra.power(parts[0], parts[1], place)
    if isinstance(node, AppliedUndef) or not isinstance(node, sympy.Function):
        name = TABLE.name_of(type(node))
        raise Refusal(f"`{name}` takes scalars; it does not act entry by entry", place, shape=True)
    name = TABLE.name_of(type(node))
    return algebra.entrywise(_GATES.get(name, name), parts, place)


def _scalar(node: Any, parts: Sequence[Any]) -> Any:
    """Return a part of the tree that holds no matrix, over the arguments themselves."""
    if not parts:
        return node
    for head, build in _SCALARS.items():
        if isinstance(node, head):
            return build(*parts)
    return literal.apply(type(node), *parts)


# The gates that are not called as the function is printed.
_GATES = {
    "Mod": "mod",
    "Heaviside": "heaviside",
    "rf": "RisingFactorial",
    "ff": "FallingFactorial",
}
_OPERATORS: dict[Any, Any] = {
    literal.Sub: Algebra.difference,
    literal.Div: Algebra.quotient,
    sympy.Add: Algebra.sum,
    sympy.Mul: Algebra.product,
}
_SCALARS: dict[Any, Any] = {
    literal.Sub: literal.sub,
    literal.Div: literal.div,
    literal.Neg: literal.neg,
    sympy.Add: literal.add,
    sympy.Mul: literal.mul,
    sympy.Pow: literal.power,
}
