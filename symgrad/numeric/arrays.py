"""Arrays that users give to a graph of tensors, and the bound graph that takes them.

Values come in the shape of the variable as it was declared or as the graph stores it, and gradients
go back in the shape that was given. float32 stays float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Symbol

from symgrad.dag.digraph import Graph
from symgrad.errors import ShapeError
from symgrad.expr.symbols import label
from symgrad.numeric.declared_values import check_declared
from symgrad.numeric.numbers import array_of, as_value, given
from symgrad.numeric.sizes import Reader, bind

EXACT = 1 << 24  # whole numbers beyond this are not exact in float32


@dataclass(frozen=True, slots=True)
class ArrayPoint:
    """A graph whose sizes are numbers, with an array for each input.

    Parameters
    ----------
    source : Graph
        The graph; nodes are numbered as in the one that was asked for.
    values : list of ndarray
        One an input, in the shape of its node.
    forms : mapping of int to tuple of int
        In which shape each input's node was given.
    dtype : {"float64", "float32"}
        In what to compute.
    """

    source: Graph
    values: list[Any]
    forms: Mapping[int, tuple[int, ...]]
    dtype: str


def array_point(
    source: Graph, at: Mapping[Any, Any] | None, dtype: str | None = None
) -> ArrayPoint:
    """Return a graph with its sizes bound, and the arrays of its inputs.

    Parameters
    ----------
    source : Graph
        A graph of tensors.
    at : mapping of name or symbol to array
        The point; sizes may be given too.
    dtype : str, optional
        In what to compute; default: float32 where no array of floats is wider.

    Raises
    ------
    ShapeError
        If the arrays do not fit; the message has the shapes.
    UnsupportedError
        If an array is not what its variable is declared to be.
    MissingValueError, UnknownNameError
        If `at` and the variables do not match.
    """
    reader = Reader(source)
    rest, known = _split(at, reader.symbols)
    spare: dict[Any, Any] = {s: 0 for s in source.inputs if s in reader.symbols}
    wanted = [one.symbol for one in reader.inputs]
    raw = dict(zip(source.inputs, given(source, {**rest, **spare}), strict=True))
    arrays, kind = as_arrays([raw[s] for s in wanted], [label(s) for s in wanted])
    shapes = [a.shape for a in arrays]
    cores, sizes = reader.cores(shapes, known)
    made = bind(source, sizes)
    values = cast(arrays, dtype or kind)
    squeezed = [v.reshape(core)[()] for v, core in zip(values, cores, strict=True)]
    for symbol, value in zip(wanted, squeezed, strict=True):
        check_declared(symbol, value)
    forms = dict(zip(made.input_nodes, shapes, strict=True))
    return ArrayPoint(made, squeezed, forms, dtype or kind)


def _split(
    at: Mapping[Any, Any] | None, symbols: Iterable[Symbol]
) -> tuple[Mapping[Any, Any], dict[Symbol, int]]:
    """Divide what was given into values of variables and sizes."""
    if not isinstance(at, Mapping):
        return at or {}, {}
    named = {s.name: s for s in symbols}
    rest: dict[Any, Any] = {}
    sizes: dict[Symbol, int] = {}
    for key, value in at.items():
        symbol = named.get(str(key)) if isinstance(key, (str, Symbol)) else None
        if symbol is None:
            rest[key] = value
        elif isinstance(value, (int, np.integer)) and value > 0:
            sizes[symbol] = int(value)
        else:
            raise ShapeError(f"`{key}` is a size: a positive whole number, not {value!r:.80}")
    return rest, sizes


def as_arrays(values: Sequence[Any], names: Sequence[str]) -> tuple[list[Any], str]:
    """Return arrays of numbers, and in what to compute with them.

    Raises
    ------
    UnsupportedError
        If one holds no numbers.
    """
    arrays = [_plain(array_of(v, n), n) for v, n in zip(values, names, strict=True)]
    kinds = [
        a.dtype
        for a, v in zip(arrays, values, strict=True)
        if a.dtype.kind in "fc" and hasattr(v, "dtype")
    ]
    kind = np.result_type(*kinds) if kinds else np.dtype(np.float64)
    narrow = kind in (np.float16, np.float32, np.complex64)
    return arrays, "float32" if narrow else "float64"


def _plain(array: Any, name: str) -> Any:
    return array if array.dtype.kind in "biufc" else np.asarray(as_value(array, name))


def cast(arrays: Sequence[Any], dtype: str) -> list[Any]:
    """Return arrays in the type of the computation; complex ones stay complex.

    Whole numbers that float32 cannot hold exactly, such as large indices, become float64.
    """
    found = []
    for array in arrays:
        if array.dtype.kind == "c":
            found.append(array.astype(np.complex128, copy=False))
        elif dtype == "float32" and array.dtype.kind in "iu" and np.any(np.abs(array) > EXACT):
            found.append(array.astype(np.float64))
        else:
            found.append(array.astype(dtype, copy=False))
    return found
