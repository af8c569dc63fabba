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
from symgrad.rules.row import REAL, Gate, Interval, Role, Rule, Site
from symgrad.rules.table import GATES

OUT = Symbol("out")


def gate(
    name: str,
    args: str | Sequence[Any],
    value: Any = None,
    *,
    partials: Sequence[Any] | None = None,
    numpy: Callable[..., Any] | None = None,
    mpmath: Callable[..., Any] | None = None,
    domain: Sequence[Interval] = (REAL,),
    analytic: bool = False,
    role: Role = "",
    reason: str = "",
    source: str = "",
    replace: bool = False,
) -> Any:
    """Register a gate of your own and return its SymPy head.

    Parameters
    ----------
    name : str
        An identifier; the reader knows the gate by it.
    args : str or sequence of Symbol
        Its operands, as in `"x, b"`; shape () each.
    value : str or Expr, optional
        The formula in the operands; partials and numbers follow from it.
    partials : sequence of (str, Expr or None), optional
        One an operand, in the operands and `out`, the gate's own value; None: not known.
    numpy, mpmath : callable, optional
        Numeric functions; needed where there is no `value`.
    domain : sequence of (float, float)
        Where tests draw each operand; the last interval repeats.
    analytic, role, reason, source, replace
        As in `Gate`; `replace=True` allows to register a name again.

    Returns
    -------
    type
        A SymPy `Function` class to build expressions with.

    Raises
    ------
    UnsupportedError
        If the name is taken, or neither a formula nor partials and a numeric function are given.
    ShapeError
        If there are not as many partials as operands.

    Examples
    --------
    >>> softabs = gate("softabs", "x, b", "sqrt(x**2 + b)", replace=True)
    >>> softabs(*symbols("u v")).diff("u")
    u/sqrt(u**2 + v)
    """
    operands = tuple(symbols(args, seq=True)) if isinstance(args, str) else tuple(args)
    known = [None if p is None else _formula(p) for p in partials or ()]
    _check(name, operands, value, known, numpy)
    head = _head(name, operands, None if value is None else _formula(value), known)
    kernels = {"numpy": numpy, "mpmath": mpmath}
    row = Gate(
        name,
        head,
        _rule(operands, known) if known else None,
        (len(operands), len(operands)),
        tuple(domain),
        role=role,
        analytic=analytic,
        kernels={k: f for k, f in kernels.items() if f is not None},
        reason=reason,
        source=source,
    )
    functions.register(name, head, len(operands), len(operands), replace=replace)
    GATES.add(row, replace=replace)
    return head


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
            f"gate `{name}` has {len(operands)} operands but {len(partials)} partials; give one each"
        )
    allowed = {*operands, OUT}
    for formula in [p for p in partials if p is not None]:
        strange = formula.free_symbols - allowed
        if strange:
            raise UnsupportedError(
                f"a partial of `{name}` holds `{strange.pop()}`, no operand of it"
            )


def _head(name: str, operands: Sequence[Expr], value: Any, partials: Sequence[Any]) -> Any:
    """Make the SymPy class of the gate."""

    def definition(cls: Any, *given: Expr) -> Expr:
        if value is None:
            raise UnsupportedError(f"`{name}` has no formula in SymPy's terms; it is a black box")
        return value.xreplace(dict(zip(operands, given, strict=True)))  # type: ignore[no-any-return]

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
    return formula.xreplace({**pairs, OUT: out})  # type: ignore[no-any-return]


def _rule(operands: Sequence[Expr], partials: Sequence[Any]) -> Rule | tuple[None, ...]:
    """Return the table's rule; an unknown partial is left to be derived, or refused."""

    def rule(site: Site) -> Expr:
        return _placed(partials[site.index], operands, site.operands, site.out)

    return rule if all(p is not None for p in partials) else (None,) * len(operands)
