"""Shapes with symbols matched with the shapes of operands: what each size is at a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr, Integer, Symbol

from symgrad.errors import ShapeError
from symgrad.expr.dims import Shape, dim
from symgrad.expr.tensor_shapes import same_size, shown


def symbols_of(shapes: Sequence[Shape]) -> tuple[Symbol, ...]:
    """Return the symbols of which sizes are made, by name."""
    found = {s for shape in shapes for n in shape if isinstance(n, Expr) for s in n.free_symbols}
    return tuple(sorted(found, key=lambda s: s.name))


def put(value: Any, sizes: Mapping[Any, Any]) -> Any:
    """Return a size, or tuples of sizes, with other sizes for symbols."""
    if isinstance(value, tuple):
        return tuple([put(part, sizes) for part in value])
    return dim(replaced(value, sizes)) if isinstance(value, Expr) else value


def replaced(value: Expr, sizes: Mapping[Any, Any]) -> Any:
    """Return an expression of sizes with other sizes for symbols: a number where it is one."""
    if isinstance(value, Symbol):
        return sizes.get(value, value)
    held = sorted((s for s in value.free_symbols if s in sizes), key=str)
    return _replaced(value, tuple([(s, sizes[s]) for s in held]))


@lru_cache(maxsize=4096)
def _replaced(value: Expr, pairs: tuple[tuple[Any, Any], ...]) -> Any:
    found = value.subs(dict(pairs), simultaneous=True) if pairs else value
    return int(found) if isinstance(found, Integer) else found


def matched(
    owner: str, names: Sequence[Any], declared: Sequence[Shape], given: Sequence[Shape]
) -> dict[Any, Any]:
    """Return what each size symbol of the declared shapes is in the given ones.

    Parameters
    ----------
    owner : str
        Who asks, for errors.
    names : sequence
        What the operands are called.
    declared, given : sequence of tuple
        One shape an operand.

    Raises
    ------
    ShapeError
        If they do not fit; the message has both shapes.

    Examples
    --------
    >>> n = Symbol("n", integer=True, positive=True)
    >>> matched("block `f`", ["x"], [(n, 2 * n)], [(3, 6)])
    {n: 3}
    """
    sizes: dict[Any, Any] = {}
    source: dict[Any, str] = {}
    for name, pattern, shape in zip(names, declared, given, strict=True):
        if len(pattern) != len(shape):
            raise ShapeError(
                f"{owner} takes `{name}` of shape {shown(pattern)}, but was given shape "
                f"{shown(shape)}; the number of axes differs"
            )
        for size, length in zip(pattern, shape, strict=True):
            if isinstance(size, Symbol) and size not in sizes:
                sizes[size] = length
                source[size] = f"`{name}` of shape {shown(shape)}"
    rows = list(zip(names, declared, given, strict=True))
    for _, pattern, shape in rows:
        for size, length in zip(pattern, shape, strict=True):
            _solve(size, length, sizes)
    for name, pattern, shape in rows:
        if not fits(put(pattern, sizes), shape):
            told = "; ".join(f"`{s}` is {sizes[s]} by {w}" for s, w in source.items()
                             if s in symbols_of([pattern]))  # fmt: skip
            raise ShapeError(
                f"{owner} takes `{name}` of shape {shown(pattern)}, but was given shape "
                f"{shown(shape)}" + (f"; {told}" if told else "")
            )
    return sizes


def fits(expected: Shape, shape: Shape) -> bool:
    """Return whether two shapes are the same, size by size."""
    same = all(same_size(a, b) for a, b in zip(expected, shape, strict=False))
    return len(expected) == len(shape) and same


def _solve(size: Any, length: Any, sizes: dict[Any, Any]) -> None:
    """Note the one unknown symbol of a linear size."""
    if not isinstance(size, Expr):
        return
    unknown = [s for s in size.free_symbols if s not in sizes]
    if len(unknown) == 1 and sympy.degree(size, unknown[0]) == 1:
        known = replaced(size, sizes)
        (found,) = sympy.solve(sympy.Eq(known, length), unknown[0]) or [None]
        if found is not None and found.is_integer is not False:
            sizes[unknown[0]] = dim(found)
