"""A user's own gates: a name, its operands, and a formula or its partials.

A gate of this kind is a SymPy function like any other: the reader knows its name, graphs save it by
name, and its derivative follows from the formula unless partials are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sympy import Expr, Symbol, symbols

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr import functions, heads
from symgrad.expr.numbers import as_expr
from symgrad.expr.reader import parse
from symgrad.rules.row import REAL, Gate, Rule, Site
from symgrad.rules.table import GATES

OUT = Symbol("out")


def gate(
    name: str,
    args: str | Sequence[Any],
    value: Any = None,
    *,
    partials: Sequence[Any] | None = None,
    numpy: Callable[..., Any] | None = None,
    replace: bool = False,
    **row: Any,
) -> Any:
    """Register a gate of your own and return its SymPy head.

    Parameters
    ----------
    name, args : str, str or sequence of Symbol
        Its name in text, and its operands, as in `"x, b"`; shape () each.
    value : str or Expr, optional
        The formula in the operands; partials and numbers follow from it.
    partials : sequence of (str, Expr or None), optional
        One an operand, in the operands and `out`, the gate's own value; None: not known.
    numpy : callable, optional
        The numeric function; needed where there is no `value`.
    replace : bool
        Whether a gate of this name that was registered before gives way.
    **row
        Further fields of a table row: `domain`, `analytic`, `role`, `mpmath`, `source`.

    Returns
    -------
    type
        A SymPy `Function` class to build expressions with.

    Examples
    --------
    >>> softabs = gate("softabs", "x, b", "sqrt(x**2 + b)", replace=True)
    >>> softabs(*symbols("u v")).diff("u")
    u/sqrt(u**2 + v)
    """
    operands = tuple(symbols(args, seq=True)) if isinstance(args, str) else tuple(args)
    known = [None if p is None else _formula(p) for p in partials or ()]
    formula = None if value is None else _formula(value)
    _check(name, operands, formula, known, numpy)
    head = _head(name, operands, formula, known)
    made = _row(
        name, head, operands, known, {"numpy": numpy, "mpmath": row.pop("mpmath", None)}, row
    )
    functions.register(name, head, len(operands), len(operands), replace=replace)
    GATES.add(made, replace=replace)
    return head


def _row(
    name: str,
    head: Any,
    operands: Sequence[Expr],
    partials: Sequence[Any],
    kernels: Mapping[str, Any],
    fields: Mapping[str, Any],
) -> Gate:
    """Return the row of the table."""
    settings = {"domain": (REAL,), "analytic": False, **fields}
    unknown = set(settings) - {"domain", "analytic", "role", "reason", "source"}
    if unknown:
        raise UnsupportedError(f"a gate has no field `{unknown.pop()}`")
    rule = _rule(operands, partials) if partials else None
    numbers = {k: f for k, f in kernels.items() if f is not None}
    return Gate(name, head, rule, (len(operands),) * 2, kernels=numbers, **settings)


def _formula(value: Any) -> Any:
    return parse(value).expr if isinstance(value, str) else as_expr(value)


def _check(
    name: str, operands: Sequence[Any], value: Any, partials: Sequence[Any], numpy: Any
) -> None:
    if value is None and not (partials and numpy):
        raise UnsupportedError(
            f"gate `{name}` needs a formula (`value=`), or `partials=` together with `numpy=`"
        )
    if partials and len(partials) != len(operands):
        raise ShapeError(
            f"gate `{name}` has {len(operands)} operands but {len(partials)} partials; give one "
            "each"
        )
    if len(set(operands)) != len(operands):
        raise UnsupportedError(f"gate `{name}` names an operand twice; give each its own name")
    _only_operands(f"the formula of `{name}`", value, {*operands})
    for formula in partials:
        _only_operands(f"a partial of `{name}`", formula, {*operands, OUT})


def _only_operands(what: str, formula: Any, allowed: set[Any]) -> None:
    strange = sorted(map(str, formula.free_symbols - allowed)) if formula is not None else []
    if strange:
        raise UnsupportedError(f"{what} holds `{strange[0]}`, no operand of it")


def _head(name: str, operands: Sequence[Expr], value: Any, partials: Sequence[Any]) -> Any:
    """Make the SymPy class of the gate."""

    def definition(cls: Any, *given: Expr) -> Expr:
        if value is None:
            raise UnsupportedError(f"`{name}` has no formula in SymPy's terms; it is a black box")
        return value.xreplace(dict(zip(operands, given, strict=True)))

    def partial(self: Any, index: int) -> Expr | None:
        if not partials or partials[index] is None:
            return None
        return _placed(partials[index], operands, self.args, self)

    members = {
        "nargs": (len(operands),),
        "definition": classmethod(definition),
        "partial": partial,
        "__doc__": f"The user's gate `{name}`.",
    }
    return type(name, (heads.OwnHead,), members)


def _placed(formula: Any, operands: Sequence[Expr], given: Sequence[Expr], out: Expr) -> Expr:
    pairs: Mapping[Expr, Expr] = dict(zip(operands, given, strict=True))
    return formula.xreplace({**pairs, OUT: out})


def _rule(operands: Sequence[Expr], partials: Sequence[Any]) -> Rule | tuple[None, ...]:
    """Return the table's rule; an unknown partial is left to be derived, or refused."""

    def rule(site: Site) -> Expr:
        return _placed(partials[site.index], operands, site.operands, site.out)

    return rule if all(p is not None for p in partials) else (None,) * len(operands)
