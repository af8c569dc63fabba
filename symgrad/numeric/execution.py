"""Runs: every value, local gradient and global gradient of a graph at one point or a batch.

`run` walks the graph itself with numbers, so that each step can be shown; `evaluate` gives the
value alone, at any precision.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath as mp
import numpy as np
import sympy

from symgrad.calculus.realness import refuse_complex
from symgrad.calculus.reverse import reverse
from symgrad.dag.digraph import Graph, graph
from symgrad.dag.nodes import CONSTANT, dependents
from symgrad.dag.template import TEMPLATES
from symgrad.errors import KinkError, ShapeError, UnknownNameError, UnsupportedError
from symgrad.expr.kinks import check_policy
from symgrad.numeric import kinks as kinked
from symgrad.numeric import precise
from symgrad.numeric.analytic import require_analytic
from symgrad.numeric.arithmetic import Floats, Precise, forward_values
from symgrad.numeric.numbers import as_value, broadcast, given
from symgrad.registry import service

MOST_DIGITS = 10_000
COMPLEX_ADVICE = "it is not analytic, so it has no complex derivative; give real numbers"
CANCELLED = 4_000  # digits that may cancel before a result is given as it is
KEEP_ABSOLUTE = (
    frozenset(  # gates that hand absolute errors on, and may make small numbers of large
        ["add", "sub", "neg", "mod", "Rem", "frac", "sin", "cos", "abs", "max", "min", "relu"]
    )
)
GUARD = 15  # decimal digits carried beyond those that are asked for


class NodeMap(Mapping[Any, Any]):
    """Numbers by name, symbol or node number.

    Parameters
    ----------
    source : Graph
        The graph.
    numbers : mapping of int to number or array
        What each node has; a missing node has `default`.
    default : number, optional
        The number of a node that is not in `numbers`.
    """

    __slots__ = ("_default", "_numbers", "_source")

    def __init__(self, source: Graph, numbers: Mapping[int, Any], default: Any = None) -> None:
        self._source = source
        self._numbers = numbers
        self._default = default

    def __getitem__(self, key: Any) -> Any:
        node = self._source.node(key)
        if node is None and self._default is None:
            raise UnknownNameError(f"the run has no node `{key}`")
        return self._default if node is None else self._numbers.get(node, self._default)

    def __iter__(self) -> Iterator[Any]:
        inputs = self._source.inputs
        alone = len({str(s) for s in inputs}) == len(inputs)
        return iter([*(map(str, inputs) if alone else inputs), *self._source.names])

    def __len__(self) -> int:
        return len(self._source.inputs) + len(self._source.names)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{k}: {self[k]}" for k in self) + "}"


@dataclass(frozen=True, repr=False, eq=False)
class Run:
    """One forward and one backward walk of a graph, with everything on the way.

    Parameters
    ----------
    graph : Graph
        The graph that was run.
    values : tuple
        The value of each node; arrays are read-only.
    bars : mapping of int to number or array
        The gradient of the output by each node that it depends on.
    policy : str
        What the derivative is where it does not exist.
    """

    graph: Graph
    values: tuple[Any, ...]
    bars: Mapping[int, Any]
    policy: str

    @cached_property
    def value(self) -> NodeMap:
        """The value of each node, by name, symbol or node number."""
        return NodeMap(self.graph, dict(enumerate(self.values)))

    @cached_property
    def grad(self) -> NodeMap:
        """The gradient of the output by each node; 0 where it does not depend on it."""
        return NodeMap(self.graph, self.bars, np.float64(0.0))

    @property
    def output(self) -> Any:
        """The value of the formula."""
        return self.values[self.graph.outputs[0]]

    @cached_property
    def kinks(self) -> tuple[int, ...]:
        """The nodes whose kink lies exactly here."""
        return tuple(kinked.met(self.graph, self.values))

    @cached_property
    def _arithmetic(self) -> Floats:
        return _floats(self.values)

    def __repr__(self) -> str:
        return f"<Run: value {self.output}, gradient {self.grad!r}>"

    @cached_property
    def local(self) -> LocalMap:
        """The local gradients: `local["f"]` by each operand, `local["f", "q"]` by one."""
        return LocalMap(self)

    def local_partial(self, node: int, position: int) -> Any:
        """Return the number ∂node/∂operand at one argument position."""
        template = TEMPLATES.of(self.graph.nodes, node, position, self.policy)
        if template is None:
            return np.float64(0.0)
        args = self.graph.nodes.args[node]
        operands = [self.values[a] for a in args]
        with np.errstate(all="ignore"):
            found = template(self._arithmetic, operands, self.values[node], np.float64(1.0))
        return template.sign * found

    def reaches(self, node: int) -> bool:
        """Return whether the output depends on the node along a differentiable path."""
        return node in self.bars

    @property
    def nonfinite(self) -> int | None:
        """The first node whose value is inf or nan although its operands are finite."""
        return first_nonfinite(self.graph, self.values)

    def table(self, **options: Any) -> Any:
        """Return a row a node: value and gradient, and where they come from."""
        return service("run.table")(self, **options)

    def __str__(self) -> str:
        return str(self.table())


class LocalMap:
    """Local gradients of a run."""

    __slots__ = ("_run",)

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getitem__(self, key: Any) -> Any:
        source = self._run.graph
        gate, operand = key if isinstance(key, tuple) else (key, None)
        node = source.node(gate)
        if node is None:
            return ()
        args = source.nodes.args[node]
        if operand is None:
            return tuple(self._run.local_partial(node, k) for k in range(len(args)))
        wanted = source.node(operand)
        places = [k for k, a in enumerate(args) if a == wanted]
        return sum((self._run.local_partial(node, k) for k in places), np.float64(0.0))


def run(f: Any, at: Mapping[Any, Any] | None = None, *, kinks: str = "min_norm") -> Run:
    """Compute a formula and all of its gradients, keeping every step.

    Parameters
    ----------
    f : str, Expr, Parsed or Graph
        One scalar formula.
    at : mapping of name or symbol to number or array
        The point, or a batch of points: arrays that broadcast.
    kinks : {"min_norm", "first", "nan", "raise"}
        What the derivative is where it does not exist.

    Returns
    -------
    Run
        Immutable; `.value`, `.grad`, `.local` by name, symbol or node.

    Raises
    ------
    MissingValueError, UnknownNameError
        If `at` and the variables of `f` do not match.
    KinkError
        If `kinks="raise"` and the point lies on a kink.

    Examples
    --------
    >>> r = run("q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4})
    >>> float(r.output), float(r.value["q"]), float(r.grad["q"]), float(r.grad["x"])
    (-12.0, 3.0, -4.0, -4.0)
    >>> [float(p) for p in r.local["f"]]
    [-4.0, 3.0]
    """
    check_policy(kinks)
    source = graph(f)
    if len(source.outputs) != 1:
        raise ShapeError(f"a run is of one scalar, but {len(source.outputs)} outputs were given")
    inputs = list(_frozen(point(source, at), copied=True))
    refuse_complex(source.nodes)
    arithmetic = _floats(inputs)
    if arithmetic.complex_values:
        require_analytic(source, "a complex point", COMPLEX_ADVICE)
    with np.errstate(all="ignore"):
        values = forward_values(source, inputs, arithmetic)
        made = Run(source, _frozen(values), _bars(source, values, arithmetic, kinks), kinks)
    if kinks == "raise" and made.kinks:
        raise KinkError(kinked.message(source, made.kinks[0], values))
    return made


def _bars(source: Graph, values: list[Any], arithmetic: Floats, kinks: str) -> dict[int, Any]:
    """Return the gradient of the output by every node that moves."""
    moving = dependents(source.nodes, source.input_nodes, len(source) - 1)
    wrt = [node for node, flag in enumerate(moving) if flag]
    seed = {source.outputs[0]: np.ones_like(values[source.outputs[0]])[()]}
    bars = reverse(source.nodes, values, seed, wrt, arithmetic, kinks=kinks)
    return dict(zip(bars, _frozen(bars.values()), strict=True))


def _frozen(values: Iterable[Any], *, copied: bool = False) -> tuple[Any, ...]:
    """Make arrays read-only; copied where the caller may still write to them."""
    found = []
    for value in values:
        if isinstance(value, np.ndarray):
            value = value.copy() if copied and value.flags.writeable else value
            value.flags.writeable = False
        found.append(value)
    return tuple(found)


def evaluate(f: Any, at: Mapping[Any, Any] | None = None, *, digits: int | None = None) -> Any:
    """Compute the value of a formula, in floating point or to any number of digits.

    Parameters
    ----------
    f : str, Expr, Parsed or Graph
        One scalar formula.
    at : mapping of name or symbol to number
        The point (arrays are allowed without `digits`).
    digits : int, optional
        Significant decimal digits, 1 to 10,000; default: float64.

    Returns
    -------
    float, complex, ndarray, or sympy.Float with `digits` digits
        The value.

    Raises
    ------
    MissingValueError, UnknownNameError
        If `at` and the variables of `f` do not match.

    Notes
    -----
    With `digits` the working precision grows until two results agree and the digits that may have
    cancelled on the way are covered, up to some 4,000 of them.

    Examples
    --------
    >>> evaluate("exp(x)", {"x": 1}, digits=30)
    2.71828182845904523536028747135
    """
    source = graph(f)
    if len(source.outputs) != 1:
        raise ShapeError(
            f"one scalar is evaluated, but {len(source.outputs)} outputs were given; ask for each"
        )
    if digits is not None:
        return _precise(source, given(source, at), digits)
    inputs = point(source, at)
    with np.errstate(all="ignore"):
        found = forward_values(source, inputs, _floats(inputs))[source.outputs[0]]
    return found.item() if np.ndim(found) == 0 else found


def point(source: Graph, at: Mapping[Any, Any] | None) -> list[Any]:
    """Return the values of the variables as float64 or complex128 that broadcast."""
    raw = given(source, at)
    values = [as_value(v, str(s)) for v, s in zip(raw, source.inputs, strict=True)]
    broadcast(values, source.inputs)
    return values


def _floats(values: Sequence[Any]) -> Floats:
    return Floats(complex_values=any(np.iscomplexobj(v) for v in values))


def _precise(source: Graph, raw: list[Any], digits: int) -> Any:
    if not isinstance(digits, int) or not 1 <= digits <= MOST_DIGITS:
        raise UnsupportedError(f"digits={digits} is outside 1 to {MOST_DIGITS}")
    working, before = digits + GUARD, None
    most = 16 * working + CANCELLED
    while True:
        with precise.working(working):
            inputs = [_exact(v, str(s)) for v, s in zip(raw, source.inputs, strict=True)]
            values = forward_values(source, inputs, Precise())
            found = values[source.outputs[0]]
            lost = min(_lost_digits(source, values), most)
            agrees = before is not None and _agree(found, before, digits)
            settled = agrees and working >= digits + lost
            if settled or not mp.isfinite(found) or working >= most:
                return _as_sympy(found, digits)
        before, working = found, min(max(working + working // 2, digits + lost + GUARD), most)


def _lost_digits(source: Graph, values: list[Any]) -> int:
    """Return how many decimal digits of the result are lost at worst.

    Notes
    -----
    A running bound of each node's error, as a binary exponent relative to the working precision.
    """
    least = -mp.mp.prec
    sizes = [_size(value, least) for value in values]
    errors: list[int] = []
    for node, args in enumerate(source.nodes.args):
        name, size = source.nodes.gates[node].name, sizes[node]
        absolute = max((errors[a] for a in args), default=0)
        relative = max((errors[a] - sizes[a] for a in args), default=0)
        if name in KEEP_ABSOLUTE:
            relative = absolute - size
        elif name == "exp":
            relative = absolute
        elif name == "log":
            relative -= size
        errors.append(size + max(relative, 0))
    output = source.outputs[0]
    return max(0, int((errors[output] - sizes[output]) / math.log2(10)))


def _size(value: Any, least: int) -> int:
    """Return a number's binary exponent; `least` for 0, and 0 for what is no finite number."""
    if isinstance(value, bool) or not mp.isfinite(value):
        return 0
    return least if value == 0 else int(mp.mag(value))


def _agree(a: Any, b: Any, digits: int) -> bool:
    scale = abs(a)
    return bool(abs(a - b) <= scale * mp.mpf(10) ** (-digits - 1)) or (a == b)


def _exact(value: Any, name: str) -> Any:
    if isinstance(value, sympy.Basic):
        if not value.is_number:
            raise UnsupportedError(f"`{name}` needs a number, but `{value}` holds symbols")
        return Precise().number(value)
    if isinstance(value, (int, np.integer)):
        return mp.mpf(int(value))
    found = as_value(value, name)
    if np.ndim(found):
        raise ShapeError(f"`digits=` needs one number for `{name}`, not shape {np.shape(found)}")
    return mp.mpmathify(found.item())


def _as_sympy(value: Any, digits: int) -> Any:
    if isinstance(value, mp.mpc) and value.imag != 0:
        real, imaginary = (_as_sympy(part, digits) for part in (value.real, value.imag))
        return real + sympy.I * imaginary
    if isinstance(value, bool):
        return sympy.true if value else sympy.false
    value = value.real if isinstance(value, mp.mpc) else value
    if mp.isnan(value):
        return sympy.nan
    if mp.isinf(value):
        return sympy.oo if value > 0 else -sympy.oo
    return sympy.Float(value, digits)


def first_nonfinite(source: Graph, values: Sequence[Any]) -> int | None:
    """Return the first node that is not finite, constants of the formula excepted, or None."""
    for node, value in enumerate(values):
        if source.nodes.gates[node] is not CONSTANT and not np.all(np.isfinite(value)):
            return node
    return None
