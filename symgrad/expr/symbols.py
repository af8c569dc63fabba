"""Find the symbol that a caller means by a name.

Imports the errors and the printer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sympy import Basic, Expr, Indexed

from symgrad.errors import AmbiguousNameError, UnknownNameError, UnsupportedError, nearest
from symgrad.expr.printer import text

_SHOWN = 20


def resolve(
    asked: Any, available: Iterable[Any], *, names: Mapping[str, Expr] | None = None
) -> Any:
    """Return the symbol that a caller means.

    Parameters
    ----------
    asked : str, Symbol or Indexed, or a list or tuple of them
        `"x"`, `"x[0]"`, or a SymPy symbol, which is returned as it is.
    available : iterable of Symbol and Indexed
        The free symbols of the expression.
    names : mapping of str to Expr, optional
        Inner nodes that have names too.

    Returns
    -------
    Symbol, Indexed or Expr, or a list of them
        The structure of `asked`.

    Raises
    ------
    UnknownNameError
        If no symbol bears the name; the message lists the nearest.
    AmbiguousNameError
        If two different symbols bear it.
    UnsupportedError
        If `asked` is neither text nor a SymPy object.

    Examples
    --------
    >>> from sympy import Symbol, symbols
    >>> x, y = Symbol("x", real=True), Symbol("y")
    >>> resolve("x", [x, y]) is x
    True
    >>> resolve(["y", symbols("z")], [x, y])
    [y, z]
    """
    known = _by_label(available)
    if isinstance(asked, list | tuple):
        return [_resolve(one, known, names or {}) for one in asked]
    return _resolve(asked, known, names or {})


def label(symbol: Any) -> str:
    """Return the name of a symbol as a caller writes it, without spaces in subscripts.

    Examples
    --------
    >>> from sympy import IndexedBase
    >>> label(IndexedBase("A")[0, 1])
    'A[0,1]'
    """
    if isinstance(symbol, Indexed):
        return f"{symbol.base.label}[{','.join(text(index) for index in symbol.indices)}]"
    return str(getattr(symbol, "name", symbol))


def _by_label(available: Iterable[Any]) -> dict[str, list[Any]]:
    """Group the symbols by label, without repetitions, sorted by label."""
    groups: dict[str, list[Any]] = {}
    for symbol in available:
        group = groups.setdefault(label(symbol), [])
        if symbol not in group:
            group.append(symbol)
    return dict(sorted(groups.items()))


def _resolve(asked: Any, known: dict[str, list[Any]], names: Mapping[str, Expr]) -> Any:
    if isinstance(asked, Basic) and asked.is_symbol:
        return asked
    if isinstance(asked, Basic):
        raise UnsupportedError(
            f"a variable is a name or a symbol, but found the expression `{text(asked)[:80]}`; "
            "name the inner node in the text, as in `q = x + y; f = q*z`"
        )
    if not isinstance(asked, str):
        raise UnsupportedError(
            f"a variable is a name or a SymPy symbol, but found {asked!r} "
            f"of type {type(asked).__name__}"
        )
    if asked in names:
        return names[asked]
    found = known.get(asked) or known.get("".join(asked.split()), [])
    if len(found) == 1 and not _parts(asked, known):
        return found[0]
    raise _complaint(asked, found, known, names)


def _parts(name: str, known: dict[str, list[Any]]) -> list[str]:
    return [other for other in known if other.startswith(f"{name}[")]


def _complaint(
    asked: str, found: list[Any], known: dict[str, list[Any]], names: Mapping[str, Expr]
) -> Exception:
    parts = _parts(asked, known)
    if parts:
        return UnknownNameError(f"`{asked}` has parts; name one of them: {_listed(parts)}")
    if len(found) > 1:
        kinds = " and ".join(_assumptions(symbol) for symbol in found)
        return AmbiguousNameError(
            f"`{asked}` names {len(found)} different symbols: {kinds}; "
            "give the SymPy symbol itself instead of the text"
        )
    every = [*known, *names]
    near = nearest(asked, every)
    order = near + [name for name in every if name not in near]
    remedy = f"it has {_listed(order)}" if order else "it has no variables at all"
    guess = f" Did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else ""
    return UnknownNameError(f"the expression has no variable `{asked}`; {remedy}.{guess}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"`{name}`" for name in names[:_SHOWN]) + more


def _assumptions(symbol: Any) -> str:
    given = getattr(symbol, "_assumptions_orig", {})
    facts = "".join(f", {fact}={value}" for fact, value in sorted(given.items()))
    return f"{type(symbol).__name__}({str(symbol)!r}{facts})"
