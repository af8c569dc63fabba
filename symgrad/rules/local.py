"""Local partials as SymPy expressions: written ones from the table, the others derived.

A derived partial that still holds a `Derivative`, a `Subs` or a `DiracDelta` is refused by name:
what is not known is an error, never a 0.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy
from sympy import Derivative, DiracDelta, Dummy, Expr, S, Subs, Symbol
from sympy.core.function import AppliedUndef, ArgumentIndexError

from symgrad.errors import UnknownPartialError
from symgrad.expr.reader import parse
from symgrad.rules.row import Gate, Site

NAMES = ("x", "y", "z", "w")
OUT = Dummy("out", real=True)
UNDERIVED = (ArgumentIndexError, NotImplementedError, TypeError, AttributeError, ValueError)


@lru_cache(maxsize=256)
def operand_symbols(count: int) -> tuple[Expr, ...]:
    """Return one real symbol an operand; the same ones for every gate."""
    return tuple(Dummy(f"x{i}", real=True) for i in range(count))


@lru_cache(maxsize=256)
def leaf_positions(count: int) -> dict[Expr, int]:
    """Map every symbol that a partial may hold to its operand; `count` stands for the output."""
    named = {Symbol(n): i for i, n in enumerate(NAMES[:count])}
    dummies = {d: i for i, d in enumerate(operand_symbols(count))}
    return {**named, **dummies, Symbol("out"): count, OUT: count}


@lru_cache(maxsize=1024)
def formula(text: str) -> Expr:
    """Read a formula of the table."""
    return parse(text).expr


def partial(gate: Gate, site: Site) -> Expr:
    """Return the partial of `gate` at `site` in operand symbols.

    Raises
    ------
    UnknownPartialError
        If neither the table nor SymPy knows it.
    """
    if site.index in gate.unknown:
        raise _refusal(gate, site, "it has no closed form in functions that SymPy names")
    if callable(gate.partials):
        return _resolved(gate, site, gate.partials(site))
    written = gate.partials[site.index] if gate.partials else None
    return formula(written) if written is not None else derive(gate, site)


def derive(gate: Gate, site: Site) -> Expr:
    """Derive a partial with SymPy from the gate's head."""
    if gate.head is None:
        raise _refusal(gate, site, "it has no SymPy form to derive from")
    try:
        value = gate.head(*site.operands)
        found = value.diff(site.operands[site.index])
    except UNDERIVED as error:
        raise _refusal(gate, site, f"SymPy says `{error}`") from error
    if isinstance(value, gate.head):
        found = found.xreplace({value: site.out})
    return _resolved(gate, site, found)


def _resolved(gate: Gate, site: Site, found: Any) -> Expr:
    if _unresolved(found) or found in (S.ComplexInfinity, S.NaN):
        raise _refusal(gate, site, f"SymPy leaves `{sympy.sstr(found)[:80]}`")
    return found


def _unresolved(found: Expr) -> bool:
    """Return whether something is left undone; f'(x) of an undefined f is done."""
    if found.has(DiracDelta):
        return True
    if any(not isinstance(d.expr, AppliedUndef) for d in found.atoms(Derivative)):
        return True
    return any(not isinstance(s.expr, Derivative) for s in found.atoms(Subs))


def _refusal(gate: Gate, site: Site, found: str) -> UnknownPartialError:
    names = ", ".join(NAMES[: len(site.operands)]) or "..."
    kept = getattr(site.payload, "expr", None)
    called = gate.name if kept is None else type(kept).__name__
    return UnknownPartialError(
        f"the partial of `{called}({names})` by argument {site.index + 1} is not known: "
        f"{found}. Differentiate by another variable, hold this argument with "
        "`stop_gradient`, or give the rule with `sg.gate`."
    )
