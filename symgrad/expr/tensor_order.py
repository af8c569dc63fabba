"""How SymPy sorts tensor expressions: by text where they are shallow, else by depth and symbols.

SymPy's own key holds the keys of all arguments, made by recursion.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sympy import Basic, S

from symgrad.registry import service

SHALLOW = 40  # levels up to which an expression is sorted by its text


def depth_of(operands: Iterable[Any]) -> int:
    """Return how many operations are nested in an operation on these operands."""
    deepest, stack = 0, list(operands)
    seen: set[int] = set()  # scalars may share their parts
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        known = getattr(node, "depth", None)
        if isinstance(known, int):
            deepest = max(deepest, known)
        elif isinstance(node, Basic):
            stack.extend(node.args)
    return deepest + 1


def sort_key_of(node: Any) -> Any:
    """Return the key of a tensor expression, in the form of SymPy's keys."""
    depth = getattr(node, "depth", 0)
    if depth <= SHALLOW:
        shown = service("expr.text")(node)
    else:
        shown = f"{node.name} {sorted(map(str, node.free_symbols))}"
    return node.class_key(), (1, (f"{depth:06} {shown}",)), S.One.sort_key(), S.One
