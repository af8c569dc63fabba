"""SymPy terms as rows of JSON: each row names its head and the earlier rows that are its arguments.

Equal terms are one row, so that a shared part is written once. Nothing recurses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Basic, Float, Integer, Rational, Symbol
from sympy.core.function import AppliedUndef, UndefinedFunction
from sympy.core.symbol import Str

from symgrad.dag.carried import check_size
from symgrad.dag.saved_heads import (
    FACTS,
    HEADS,
    NAMES_OF_CONSTANTS,
    SHAPED,
    Sizes,
    dump,
    write_integer,
)
from symgrad.errors import GraphError
from symgrad.expr.region import Block
from symgrad.rules.table import GATES


class TermWriter:
    """Number terms by rows; equal rows are one row, except that each `Dummy` has its own."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._sizes = Sizes()
        self._by_row: dict[Any, int] = {}
        self._by_id: dict[int, int] = {}
        self._alive: list[Any] = []

    def add(self, root: Any) -> int:
        """Return the row of a term.

        Raises
        ------
        GraphError
            If the term holds a class that files do not know, or is too deep.
        """
        found, stack = self._by_id, [root]
        while stack:
            term = stack[-1]
            self._alive.append(term)
            pending = [p for p in self._parts(term) if id(p) not in found]
            if pending and id(term) not in found:
                stack.extend(reversed(pending))
                continue
            stack.pop()
            if id(term) not in found:
                found[id(term)] = self._row(term)
        return found[id(root)]

    def _parts(self, term: Any) -> Sequence[Any]:
        if isinstance(term, Block):
            parts: Sequence[Any] = (*term.inputs, *term.outputs)
        elif isinstance(term, AppliedUndef):
            parts = (term.func, *term.args)
        else:
            parts = term.args if isinstance(term, Basic) else ()
        self._alive.append(parts)
        return parts

    def _row(self, term: Any) -> int:
        parts = [self._by_id[id(p)] for p in self._parts(term)]
        row = _spelled(term, parts)
        line = dump(row)
        key = term if type(term) is sympy.Dummy else line
        if key not in self._by_row:
            self._by_row[key] = self._sizes.add(parts)
            self.lines.append(line)
        return self._by_row[key]


def _spelled(term: Any, parts: list[int]) -> list[Any]:
    """Return the row of a term whose parts have theirs."""
    for kind, spell in ATOMS:
        if isinstance(term, kind):
            return spell(term)
    constant = NAMES_OF_CONSTANTS.get(type(term))
    if constant is not None:
        return ["constant", constant]
    if isinstance(term, Block):
        return ["block", term.name, parts[: len(term.inputs)], parts[len(term.inputs) :]]
    if isinstance(term, AppliedUndef):
        return ["apply", *parts]
    if isinstance(term, SHAPED):
        for size in term.shape:
            check_size(size)  # so that what is saved can be loaded
    return [_head_name(type(term)), *parts]


def _head_name(head: Any) -> str:
    name = str(head.__name__)
    if HEADS.get(name) is head:
        return name
    gate = next((g for g in GATES if g.head is head), None)
    if gate is None:
        raise GraphError(
            f"`{name}` ({head.__module__}) cannot be saved; "
            "register it with `sg.gate`, or rewrite the expression without it"
        )
    return f"gate:{gate.name}"


def _spell_float(term: Any) -> list[Any]:
    sign, mantissa, exponent, _ = term._mpf_
    signed = -int(mantissa) if sign else int(mantissa)
    return ["float", write_integer(signed), write_integer(int(exponent)), int(term._prec)]


def _spell_symbol(term: Any) -> list[Any]:
    if type(term) not in (Symbol, sympy.Dummy):
        raise GraphError(f"`{term}` is a {type(term).__name__}; only plain symbols can be saved")
    given = {k: v for k, v in term._assumptions_orig.items() if (k, v) != ("commutative", True)}
    return [type(term).__name__.lower(), term.name, _facts(given)]


def _spell_function(head: Any) -> list[Any]:
    given = dict(head._kwargs)
    counts = given.pop("nargs", None)
    listed = [counts] if isinstance(counts, int) else counts
    plain = listed is None or all(type(n) is int for n in listed)
    if type(head) is not UndefinedFunction or not plain or not given.keys() <= FACTS:
        raise GraphError(f"the function `{head}` has attributes that cannot be saved")
    return ["function", head.__name__, _facts(given), [] if listed is None else list(listed)]


def _facts(given: dict[str, Any]) -> list[Any]:
    return [[fact, value] for fact, value in sorted(given.items()) if value is not None]


ATOMS: tuple[tuple[Any, Callable[[Any], list[Any]]], ...] = (
    (Integer, lambda t: ["integer", write_integer(int(t.p))]),
    (Rational, lambda t: ["rational", write_integer(int(t.p)), write_integer(int(t.q))]),
    (Float, _spell_float),
    (Symbol, _spell_symbol),
    (Str, lambda t: ["str", t.name]),
    (type, _spell_function),
)
