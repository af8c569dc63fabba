"""Compare two trees node by node.

SymPy's `==` recurses, and takes a difference as written for the sum that it is. Imports SymPy only.
"""

from __future__ import annotations

from typing import Any

from sympy import Basic, Indexed


def same_tree(first: Any, second: Any) -> bool:
    """Return True if two trees have the same classes, atoms and order everywhere.

    Parameters
    ----------
    first, second : Basic
        The trees; shared nodes are compared once.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> from symgrad.expr import literal
    >>> same_tree(literal.sub(x, y), literal.sub(x, y)), same_tree(literal.sub(x, y), x - y)
    (True, False)
    """
    seen: set[tuple[int, int]] = set()
    waiting = [(first, second)]
    while waiting:
        one, other = waiting.pop()
        if one is other or (id(one), id(other)) in seen:
            continue
        if type(one) is not type(other) and not _same_class(one, other):
            return False
        if _is_leaf(one):
            if one != other:
                return False
            continue
        if len(one.args) != len(other.args):
            return False
        seen.add((id(one), id(other)))
        waiting.extend(zip(one.args, other.args, strict=True))
    return True


def _same_class(one: Any, other: Any) -> bool:
    """Undefined functions of one name are equal classes, but not the same."""
    return bool(type(one) == type(other))  # noqa: E721


def _is_leaf(node: Any) -> bool:
    return not isinstance(node, Basic) or not node.args or isinstance(node, Indexed)
