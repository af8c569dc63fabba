"""Equality of trees that share their parts, in time linear in the parts.

SymPy compares trees argument by argument and forgets what it has compared: two equal trees built
twice, of n parts that share theirs, take 2**n steps. Imports SymPy only.
"""

from __future__ import annotations

from typing import Any

from sympy import Basic, Expr

PLAIN = (Basic._hashable_content, Expr._hashable_content)  # equality is that of the arguments


class Structural:
    """What is equal where its arguments are, each pair of which is compared once."""

    __slots__ = ()
    __hash__ = Basic.__hash__

    def __eq__(self, other: Any) -> Any:
        return self is other or (type(self) is type(other) and same(self, other))


def same(a: Any, b: Any) -> bool:
    """Return whether two trees are equal.

    Examples
    --------
    >>> from sympy import Symbol, Tuple
    >>> same(Tuple(1, Tuple(Symbol("x"))), Tuple(1, Tuple(Symbol("x"))))
    True
    """
    waiting, seen = [(a, b)], set()
    while waiting:
        x, y = waiting.pop()
        if x is y or (id(x), id(y)) in seen:
            continue
        seen.add((id(x), id(y)))
        if not (isinstance(x, Basic) and type(x)._hashable_content in PLAIN and x.args):
            if x != y:
                return False
            continue
        if type(x) is not type(y) or hash(x) != hash(y) or len(x.args) != len(y.args):
            return False
        waiting.extend(zip(x.args, y.args, strict=True))
    return True
