"""What a gate is: one row of the table of rules.

A row says how a gate is called, which SymPy head it stands for, its partials where they are
written better than SymPy derives them, where it may be sampled, and its role in the
backward flow. Imports only `expr` and errors; knows nothing of graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from sympy import Expr

from symgrad.errors import GraphError
from symgrad.registry import service

Role = Literal["distributes", "switches", "routes", "blocks", ""]
Interval = tuple[float, float]

REAL: Interval = (-2.5, 2.5)
POSITIVE: Interval = (0.1, 3.0)
UNIT: Interval = (-0.9, 0.9)
ABOVE_ONE: Interval = (1.1, 4.0)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a rule is applied: everything a partial may depend on.

    Parameters
    ----------
    operands : tuple of Expr
        One symbol an operand.
    out : Expr
        The symbol of the gate's own value.
    index : int
        Which operand the partial is by, counted from 0.
    constants : tuple
        A SymPy number where an operand is a known constant, `Ellipsis` where it is a constant of
        unknown value, None where it depends on a variable.
    kinks : str
        The policy for points where the gate has no derivative.
    payload : object
        What the node carries beside its operands.
    """

    operands: tuple[Expr, ...]
    out: Expr
    index: int
    constants: tuple[Any, ...]
    kinks: str
    payload: Any = None

    @property
    def live(self) -> tuple[bool, ...]:
        """Whether each operand depends on a variable."""
        return tuple(c is None for c in self.constants)


Rule = Callable[[Site], Expr]


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """One kind of node.

    Parameters
    ----------
    name : str
        Unique name; saved graphs and backends know a gate by it.
    head : type or None
        The SymPy class that the gate stands for.
    partials : tuple of (str or None), callable or None
        One formula an operand in the operands' names `x, y, z, w` and the value `out`; a
        function of the `Site`; or None where SymPy derives the partial from the head.
    arity : (int, int or None)
        Fewest and most operands; None for any number.
    domain : tuple of (float, float)
        One interval an operand from which tests draw points; the last one repeats.
    integers : tuple of int
        Operands that are meant to be integers, counted from 0: orders and degrees.
    unknown : tuple of int
        Operands by which no partial is known in closed form; differentiating by one is refused.
    complex_valued : bool
        Whether the value is complex at real operands; under real analysis that is nan.
    role : str
        What the gate does with an upstream gradient.
    analytic : bool
        Whether the complex step may pass.
    sited : bool
        Whether the partial depends on constants, payload or kink policy.
    kinked : bool
        Whether there are points without a derivative.
    letter : str
        What an unnamed intermediate of this gate is called in a let-form.
    kernels : mapping
        Numeric functions of a user's own gate, by backend name.
    shape : callable or None
        For gates of tensors: `(payload, shapes of operands) -> shape`; None for gates of scalars,
        which act entry by entry.
    pull, push : callable or None
        For gates of tensors: `(tensor site, operand index, cotangent or tangent) -> value`.
    reason : str
        Why the partial is not left to SymPy.
    source : str
        Where the formula can be looked up.
    """

    name: str
    head: Any = None
    partials: tuple[str | None, ...] | Rule | None = None
    arity: tuple[int, int | None] = (1, 1)
    domain: tuple[Interval, ...] = ()
    integers: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    complex_valued: bool = False
    role: Role = ""
    analytic: bool = True
    sited: bool = False
    kinked: bool = False
    letter: str = "v"
    kernels: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: MappingProxyType({}))
    shape: Callable[..., tuple[Any, ...]] | None = None
    pull: Callable[..., Any] | None = None
    push: Callable[..., Any] | None = None
    reason: str = ""
    source: str = ""

    def __repr__(self) -> str:
        return f"<gate {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.name,)

    def accepts(self, count: int) -> bool:
        """Return whether the gate takes `count` operands."""
        least, most = self.arity
        return least <= count and (most is None or count <= most)


def _named(name: str) -> Gate:
    """Return the row of this process that bears the name; pickles hold no rules."""
    found = service("rules.named")(name)
    if found is None:
        raise GraphError(f"no gate is named `{name}` here; register it with `sg.gate` first")
    return found  # type: ignore[no-any-return]
