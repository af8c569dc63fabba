"""Numbers that users give, matched with the variables of a graph.

`at` maps names or symbols to numbers or arrays; a list under the name of an indexed variable
fills its elements. Integers become float64; complex values are passed on to holomorphic functions.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
from sympy import Indexed

from symgrad.dag.digraph import Graph
from symgrad.errors import MissingValueError, ShapeError, UnknownNameError, UnsupportedError, hint
from symgrad.expr.symbols import label


def as_value(value: Any, name: str) -> Any:
    """Return a number or array as float64 or complex128.

    Raises
    ------
    UnsupportedError
        If it is no number.
    """
    found = array_of(value, name)
    if found.dtype.kind == "O":
        found = np.array([_number(v, name) for v in found.flat]).reshape(found.shape)
    if found.dtype.kind in "biu":
        found = found.astype(np.float64)
    if found.dtype.kind == "f":
        return found.astype(np.float64, copy=False)[()]
    if found.dtype.kind == "c":
        return found.astype(np.complex128, copy=False)[()]
    raise UnsupportedError(f"`{name}` needs a number or an array of numbers, not `{value!r}`")


def array_of(value: Any, name: str) -> Any:
    """Return what NumPy makes of a value.

    Raises
    ------
    ShapeError
        If the rows of nested lists differ in length.
    """
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"the rows of `{name}` differ in length; give a full array") from error


def _number(value: Any, name: str) -> Any:
    """Return one number of any kind, integers of any length, as a float or complex number."""
    if isinstance(value, sympy.Basic):
        return _from_sympy(value, name)
    if not isinstance(value, numbers.Complex):
        raise UnsupportedError(f"`{name}` needs a number or an array of numbers, not `{value!r}`")
    if not isinstance(value, numbers.Real):
        return complex(value)
    real: Any = value
    try:
        return float(real)
    except OverflowError:
        return math.inf if real > 0 else -math.inf


def _from_sympy(value: sympy.Basic, name: str) -> Any:
    if not getattr(value, "is_number", False):
        raise UnsupportedError(f"`{name}` needs a number, but `{value}` holds symbols")
    z = complex(value)
    return z.real if z.imag == 0 else z


def given(graph: Graph, at: Mapping[Any, Any] | None) -> list[Any]:
    """Return the raw value of each variable, in order of first appearance.

    Parameters
    ----------
    graph : Graph
        The graph whose variables need values.
    at : mapping
        Names or symbols to values; a sequence under the base name of `x[0], x[1], ...`.

    Raises
    ------
    UnknownNameError
        If `at` names something that the graph does not hold.
    MissingValueError
        If a variable has no value.
    """
    named: dict[Any, Any] = {}
    elements = _elements(graph)
    if at is not None and not isinstance(at, Mapping):
        raise UnsupportedError(
            f"`at` maps names or symbols to numbers, as in {{'x': 1.0}}; found {type(at).__name__}"
        )
    for key, value in (at or {}).items():
        for symbol, part in _assigned(graph, elements, key, value):
            named[symbol] = part
    missing = [label(s) for s in graph.inputs if s not in named]
    if missing:
        shown = ", ".join(f"`{m}`" for m in missing[:8]) + (", ..." if len(missing) > 8 else "")
        raise MissingValueError(
            f"no value for {shown}; give one in `at`, as in at={{{missing[0]!r}: 1.0}}"
        )
    return [named[s] for s in graph.inputs]


def _assigned(
    graph: Graph, by_base: dict[str, list[Indexed]], key: Any, value: Any
) -> list[tuple[Any, Any]]:
    """Return the variables that one entry of `at` fills."""
    elements = by_base.get(str(key)) if by_base else None
    if elements:
        found = array_of(value, str(key))
        try:
            return [(e, found[tuple(int(i) for i in e.indices)]) for e in elements]
        except (IndexError, TypeError) as error:
            raise ShapeError(
                f"`{key}` has shape {found.shape}, but `{label(elements[-1])}` is asked for"
            ) from error
    if isinstance(key, str) and key in graph.names:
        raise UnknownNameError(
            f"`{key}` is computed by the formula; `at` gives values to variables only"
        )
    symbol = graph.key(key)
    if graph.find(symbol) is None and isinstance(key, str):
        raise UnknownNameError(f"`{key}` is no variable" + hint(key, map(label, graph.inputs)))
    return [(symbol, value)]


def _elements(graph: Graph) -> dict[str, list[Indexed]]:
    """Return the subscripted variables by the name of their base."""
    found: dict[str, list[Indexed]] = {}
    for symbol in graph.inputs:
        if isinstance(symbol, Indexed):
            found.setdefault(str(symbol.base.label), []).append(symbol)
    return found


def broadcast(values: list[Any], names: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the common shape of a batch.

    Raises
    ------
    ShapeError
        If the shapes do not broadcast; the message holds all of them.
    """
    try:
        return np.broadcast_shapes(*(np.shape(v) for v in values))
    except ValueError as error:
        shapes = ", ".join(
            f"`{label(n)}` {np.shape(v)}" for n, v in zip(names, values, strict=True)
        )
        raise ShapeError(f"values must broadcast, but their shapes are {shapes}") from error
