"""The matrices and sizes that a caller declares for a text.

Imports the matrix heads and the sizes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sympy

from symgrad.errors import ParseError, ShapeError, UnknownNameError, UnsupportedError, hint
from symgrad.expr.dims import dim
from symgrad.expr.functions import RESERVED
from symgrad.expr.matrices import matrix

Shapes = Mapping[str, Any]
Facts = Mapping[str, Any]
_WORD = re.compile(r"[A-Za-z_]\w*|[0-9]+", re.ASCII)
_LONGEST_SIZE = 15  # digits of a size on the command line


def declared(shapes: Shapes, assume: Facts) -> dict[str, Any]:
    """Return what each declared name stands for: a matrix, a scalar, or a size.

    Parameters
    ----------
    shapes : mapping of str to sizes
        `{"W": ("m", "n"), "x": "n"}`: two sizes, or one for a column.
    assume : mapping of str to facts
        `{"A": ("symmetric",)}`: what is known of a matrix.

    Raises
    ------
    UnsupportedError
        If a name or a fact cannot be used.
    UnknownNameError
        If a fact is about a name without a shape.
    ShapeError
        If a size is no size, or a fact needs another shape.

    Examples
    --------
    >>> declared({"x": "n"}, {})
    {'x': x, 'n': n}
    """
    if not isinstance(shapes, Mapping) or not isinstance(assume, Mapping):
        raise UnsupportedError('write shapes={"W": ("m", "n")} and assume={"A": ("symmetric",)}')
    for name in assume:
        if name not in shapes:
            known = hint(str(name), shapes) or "; give it one in `shapes`"
            raise UnknownNameError(f"`{name}` in `assume` has no shape{known}")
    found: dict[str, Any] = {}
    for name, given in shapes.items():
        _check_name(name)
        found[name] = _symbol(name, _sizes(name, given), _facts(assume.get(name, ())))
    for symbol in [s for made in found.values() for s in _size_symbols(made)]:
        if found.setdefault(symbol.name, symbol) != symbol:
            raise UnsupportedError(f"`{symbol.name}` names both a size and a matrix; rename one")
    return found


def _check_name(name: Any) -> None:
    is_name = isinstance(name, str) and name.isascii() and name.isidentifier()
    if not is_name or name in RESERVED:
        raise UnsupportedError(f"shapes: {name!r} is no name of a matrix; use letters and digits")


def _sizes(name: str, given: Any) -> tuple[Any, Any]:
    sizes = tuple(given) if isinstance(given, (tuple, list)) else (given,)
    if not 1 <= len(sizes) <= 2:
        raise ShapeError(f"`{name}` has {len(sizes)} sizes; a matrix has two, a column one")
    try:
        rows, columns = (*map(dim, sizes), 1)[:2]
    except ShapeError as error:
        raise ShapeError(f"the shape of `{name}`: {error}") from None
    return rows, columns


def _facts(given: Any) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(_checked(given))


def _checked(given: Any) -> Iterable[str]:
    if not isinstance(given, Iterable):
        raise UnsupportedError(f"assume: {given!r} is no list of facts, as in ('symmetric',)")
    return given


def _symbol(name: str, sizes: tuple[Any, Any], facts: tuple[str, ...]) -> Any:
    made = matrix(name, *sizes, *facts)  # refuses facts that do not fit
    return sympy.Symbol(name) if sizes == (1, 1) else made


def _size_symbols(made: Any) -> list[Any]:
    if not isinstance(made, sympy.MatrixSymbol):
        return []
    return sorted({s for n in made.shape for s in n.free_symbols}, key=sympy.default_sort_key)


# --- from the command line ---


def read_shapes(given: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """Read `W=m,n` and `x=3` as a caller's `shapes`.

    Raises
    ------
    ParseError
        If a part is written otherwise, or a name is given twice.

    Examples
    --------
    >>> read_shapes(["W=m,n", "x=3"])
    {'W': ('m', 'n'), 'x': (3,)}
    """
    pairs = _pairs(given, "a shape is written `W=m,n`, that of a column `x=n`")
    return {name: tuple(map(_read_size, sizes)) for name, sizes in pairs.items()}


def read_facts(given: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Read `A=symmetric,orthogonal` as a caller's `assume`.

    Raises
    ------
    ParseError
        If a part is written otherwise, or a name is given twice.

    Examples
    --------
    >>> read_facts(["A=symmetric,orthogonal"])
    {'A': ('symmetric', 'orthogonal')}
    """
    return _pairs(given, "facts are written `A=symmetric,orthogonal`")


def _pairs(given: Iterable[str], lesson: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for part in given:
        name, _, listed = part.partition("=")
        values = tuple(value.strip() for value in listed.split(","))
        wrong = next((v for v in values if not _WORD.fullmatch(v)), None)
        if wrong is not None:
            raise ParseError(lesson, part, part.find(wrong, len(name)))
        if name.strip() in found:
            raise ParseError(f"`{name.strip()}` is given twice; give it once", part, 0)
        found[name.strip()] = values
    return found


def _read_size(value: str) -> Any:
    if not value.isdecimal():
        return value
    if len(value) > _LONGEST_SIZE:
        raise ShapeError(f"a size of {len(value)} digits is no size of a matrix")
    return int(value)
