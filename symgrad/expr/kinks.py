"""Derivatives where a gate has a kink, under one declared policy.

`min_norm` (the default) takes the smallest subgradient, `first` the first argument or
branch that attains the value, `nan` says that there is no derivative. `raise` gives the formulas of
`nan`; the numeric walks raise when they meet the kink. Imports the literal builder only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from sympy import Eq, Expr, Integer, Rational, S, floor, sign

from symgrad.errors import UnsupportedError
from symgrad.expr import literal

Kinks = Literal["min_norm", "first", "nan", "raise"]
POLICIES: tuple[str, ...] = get_args(Kinks)

Ternary = Callable[[Expr, Expr, Expr], Expr]


def check_policy(kinks: str) -> None:
    """Refuse a policy that does not exist.

    Raises
    ------
    UnsupportedError
        If `kinks` is none of the four policies.
    """
    if kinks not in POLICIES:
        raise UnsupportedError(f"kinks={kinks!r} is not a policy; use one of {', '.join(POLICIES)}")


def tie(kinks: str, *, first: bool, share: Expr = S.Zero) -> Expr:
    """Return the value of an indicator at its tie: `share`, 0 or 1 for `first`, or nan."""
    return {"min_norm": share, "first": Integer(int(first))}.get(kinks, S.NaN)


def abs_partial(x: Expr, kinks: str, indicator: Ternary) -> Expr:
    """Return d|x|/dx; 0 at the kink under `min_norm`."""
    if kinks == "min_norm":
        return literal.apply(sign, x)
    above = indicator(x, S.Zero, tie(kinks, first=True))
    return literal.sub(above, indicator(S.Zero, x, tie(kinks, first=False)))


def step_partial(x: Expr, jump: Expr, kinks: str) -> Expr:
    """Return the derivative of a step function: 0, or nan at `jump` where asked."""
    if kinks in ("min_norm", "first"):
        return S.Zero
    return literal.where(literal.apply(Eq, x, jump), S.NaN, S.Zero)


def floor_of(x: Expr) -> Expr:
    """Return the unevaluated floor of `x`."""
    return literal.apply(floor, x)


def extremum_partial(
    args: Sequence[Expr],
    live: Sequence[bool],
    index: int,
    out: Expr,
    kinks: str,
    indicator: Ternary,
    extremum: Callable[..., Expr],
    *,
    largest: bool,
) -> Expr:
    """Return the partial of max (or min) by argument `index`, counted from 0.

    Parameters
    ----------
    args : sequence of Expr
        The arguments, length n ≥ 1.
    live : sequence of bool
        False where an argument is a constant: a tie with a constant gives 0.
    index, out, kinks : int, Expr, str
        Which argument, the value of the gate, the policy.
    indicator, extremum, largest : callable, callable, bool
        Constructors of the indicator and of the gate itself; True for max, False for min.

    Notes
    -----
    With k live arguments attaining the value, `min_norm` gives each of them 1/k. Rivals of an
    argument are gathered from running extrema, so all n partials together cost O(n) nodes.
    """

    def wins(a: Expr, b: Expr, value: Expr) -> Expr:
        return indicator(a, b, value) if largest else indicator(b, a, value)

    if len(args) == 1:
        return S.One
    x, both_live = args[index], live[0] and live[1]
    if len(args) == 2:
        share = Rational(1, 2) if both_live else S.Zero
        return wins(x, args[1 - index], tie(kinks, first=index == 0, share=share))
    if kinks == "min_norm":
        return _share(args, live, index, out, wins)
    rivals = [r for r in (_run(args[:index], extremum), _run(args[:index:-1], extremum)) if r]
    if kinks != "first" or len(rivals) == 1:
        value = tie(kinks, first=index == 0)
        return wins(x, _run(rivals, extremum) or x, value)
    return literal.mul(wins(x, rivals[0], S.Zero), wins(x, rivals[1], S.One))


def _run(args: Sequence[Expr], extremum: Callable[..., Expr]) -> Expr | None:
    """Fold `args` from the left with the two-argument extremum."""
    best: Expr | None = None
    for arg in args:
        best = arg if best is None else extremum(best, arg)
    return best


def _share(
    args: Sequence[Expr], live: Sequence[bool], index: int, out: Expr, wins: Ternary
) -> Expr:
    """Return 1/k where argument `index` is one of k live winners, else 0."""
    if not live[index]:
        return S.Zero
    attained = [wins(a, out, S.One) for a in args]
    count = attained[0]
    for term in attained[1:]:
        count = literal.add(count, term)
    share = literal.div(attained[index], count)
    for arg, alive in zip(args, live, strict=True):
        if not alive:
            share = literal.mul(share, wins(out, arg, S.Zero))
    return share
