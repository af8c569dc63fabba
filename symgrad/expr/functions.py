"""The table of functions that the reader and the printer know.

The rows stand in `catalogue`; a user's own gate joins them by `register`. Imports the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from symgrad.errors import UnsupportedError
from symgrad.expr import catalogue, literal, operands
from symgrad.expr.operands import Value

RESERVED = frozenset({"and", "or", "not", "True", "False", "None", "pi"})


@dataclass(frozen=True, slots=True)
class Entry:
    """How to read one function.

    Parameters
    ----------
    name : str
        As printed.
    least, most : int
        How many arguments it takes; `most` is None where there is no bound.
    build : callable
        From the values of the arguments to the node.
    """

    name: str
    least: int
    most: int | None
    build: Callable[[Sequence[Value]], Any]

    def takes(self) -> str:
        """Return the sentence part that names the number of arguments."""
        if self.most is None:
            return f"at least {_counted(self.least)}"
        if self.least == self.most:
            return _counted(self.least)
        return f"{self.least} to {_counted(self.most)}"


def _counted(count: int) -> str:
    return f"{count} argument" + "s" * (count != 1)


class FunctionTable:
    """Functions by name, and names by SymPy class."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._names: dict[Any, str] = {}
        self._added: set[str] = set()
        for names, head, least, most in catalogue.HEADS:
            self._add_all(names, least, most, _apply(head), head)
        for names, build, least, most in catalogue.COMPOSITES:
            self._add_all(names, least, most, _on_numbers(build))
        for names, build, least, most in catalogue.FORMS:
            self._add_all(names, least, most, build)
        self._names |= catalogue.PRINTED

    def _add_all(
        self, names: str, least: int, most: int | None, build: Any, head: Any = None
    ) -> None:
        first = names.split()[0]
        for name in names.split():
            self._entries[name] = Entry(first, least, most, build)
        if head is not None:
            self._names[head] = first

    def add(
        self, name: str, head: Any, least: int, most: int | None, *, replace: bool = False
    ) -> None:
        """Add a function under a new name; `replace` allows one that was added before."""
        if not name.isascii() or not name.isidentifier() or name in RESERVED:
            raise UnsupportedError(
                f"`{name}` cannot name a function; use ASCII letters, digits and `_`, "
                f"and none of {', '.join(sorted(RESERVED))}"
            )
        replaced = replace and name in self._added
        if name in self._entries and self._names.get(head) != name and not replaced:
            raise UnsupportedError(f"`{name}` is already a function; choose another name")
        if least < 1 or (most is not None and most < least):
            raise UnsupportedError(f"`{name}` cannot take {least} to {most} arguments")
        self._add_all(name, least, most, _apply(head), head)
        self._added.add(name)

    def entry(self, name: str) -> Entry | None:
        """Return how to read the function `name`, or None."""
        return self._entries.get(name)

    def name_of(self, head: Any) -> str:
        """Return how a SymPy class is printed."""
        return self._names.get(head) or str(head.__name__)

    def names(self) -> list[str]:
        """Return every name, sorted."""
        return sorted(self._entries)


def _apply(head: Any) -> Callable[[Sequence[Value]], Any]:
    return _on_numbers(partial(literal.apply, head))


def _on_numbers(build: Callable[..., Any]) -> Callable[[Sequence[Value]], Any]:
    def from_values(arguments: Sequence[Value]) -> Any:
        return build(*(operands.number(value) for value in arguments))

    return from_values


def undefined(name: str, head: Any) -> Entry:
    """Return how to read an undefined function of any number of arguments."""
    return Entry(name, 1, None, _apply(head))


TABLE = FunctionTable()


def register(
    name: str, head: Any, min_args: int, max_args: int | None, *, replace: bool = False
) -> None:
    """Make a gate known to the reader and the printer.

    Parameters
    ----------
    name : str
        How it is written: an ASCII identifier.
    head : type
        A SymPy `Function` class, or an undefined function.
    min_args, max_args : int
        How many arguments it takes, at least 1; None as `max_args` is any number.
    replace : bool
        Whether a name that was registered before may be given away again.

    Raises
    ------
    UnsupportedError
        If the name is taken or no identifier, or the numbers do not fit.

    Examples
    --------
    >>> import sympy
    >>> from symgrad.expr.reader import parse
    >>> register("bump", sympy.Function("bump"), 1, 2)
    >>> parse("bump(x, 2)").expr
    bump(x, 2)
    """
    TABLE.add(name, head, min_args, max_args, replace=replace)


def known_names() -> list[str]:
    """Return every function name that the reader knows, sorted.

    Examples
    --------
    >>> "arcsin" in known_names()
    True
    """
    return TABLE.names()
