"""Runs: every value, local gradient and global gradient of a graph at one point or a batch.

`run` walks the graph itself with numbers, so that each step can be shown; `evaluate` gives the
value alone, at any precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from symgrad.calculus.realness import refuse_complex
from symgrad.calculus.reverse import reverse
from symgrad.dag.digraph import Graph, graph
from symgrad.dag.nodes import CONSTANT, dependents
from symgrad.dag.template import TEMPLATES
from symgrad.errors import KinkError, ShapeError, UnknownNameError, UnsupportedError
from symgrad.expr.dims import described
from symgrad.expr.kinks import check_policy
from symgrad.numeric import kinks as kinked
from symgrad.numeric.analytic import require_analytic
from symgrad.numeric.arithmetic import Floats, forward_values
from symgrad.numeric.arrays import ArrayPoint, array_point
from symgrad.numeric.digits import evaluated
from symgrad.numeric.local_tensors import local_jacobian
from symgrad.numeric.numbers import as_value, broadcast, given
from symgrad.numeric.sizes import has_tensors
from symgrad.registry import Shown, service

COMPLEX_ADVICE = "it is not analytic, so it has no complex derivative; give real numbers"


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
    forms : mapping of int to tuple of int, optional
        The shapes in which arrays are given back, where the graph's own are others.
    """

    __slots__ = ("_default", "_forms", "_numbers", "_source")

    def __init__(
        self,
        source: Graph,
        numbers: Mapping[int, Any],
        default: Any = None,
        forms: Mapping[int, tuple[int, ...]] | None = None,
    ) -> None:
        self._source = source
        self._numbers = numbers
        self._default = default
        self._forms = forms or {}

    def __getitem__(self, key: Any) -> Any:
        node = self._source.node(key)
        if node is None and self._default is None:
            raise UnknownNameError(f"the run has no node `{key}`")
        if node is None:
            return self._default
        found = self._numbers.get(node)
        shapes = self._source.nodes.shapes
        if found is None:
            found = self._default
            if node in shapes:
                found = np.broadcast_to(found, shapes[node])
        form = self._forms.get(node)
        return found if form is None or np.shape(found) == form else found.reshape(form)

    def __iter__(self) -> Iterator[Any]:
        inputs = self._source.inputs
        alone = len({str(s) for s in inputs}) == len(inputs)
        return iter([*(map(str, inputs) if alone else inputs), *self._source.names])

    def __len__(self) -> int:
        return len(self._source.inputs) + len(self._source.names)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{k}: {self[k]}" for k in self) + "}"


@dataclass(frozen=True, repr=False, eq=False)
class Run(Shown):
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
    forms : mapping of int to tuple of int
        The shapes in which arrays were given, by the node of the variable.
    """

    graph: Graph
    values: tuple[Any, ...]
    bars: Mapping[int, Any]
    policy: str
    forms: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @cached_property
    def value(self) -> NodeMap:
        """The value of each node, by name, symbol or node number."""
        return NodeMap(self.graph, dict(enumerate(self.values)), forms=self.forms)

    @cached_property
    def grad(self) -> NodeMap:
        """The gradient of the output by each node; 0 where it does not depend on it."""
        return NodeMap(self.graph, self.bars, np.float64(0.0), self.forms)

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
        """Return ∂node/∂operand at one argument position.

        A gate that acts entry by entry on tensors has one number an entry: the diagonal of its
        Jacobian, which is never made. Other gates of tensors have the whole Jacobian, of shape
        (*node, *operand), where that is small.
        """
        nodes = self.graph.nodes
        if nodes.gates[node].shape is not None:
            return local_jacobian(nodes, node, position, self.values, self._arithmetic, self.policy)
        template = TEMPLATES.of(nodes, node, position, self.policy)
        one = np.float64(1.0)
        if node in nodes.shapes:
            one = np.ones_like(self.values[node])
        if template is None:
            return 0.0 * one
        operands = [self.values[a] for a in nodes.args[node]]
        with np.errstate(all="ignore"):
            found = template(self._arithmetic, operands, self.values[node], one)
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

    def tree(self, **options: Any) -> str:
        """Return the output and, below it, what it is made of, with values and gradients."""
        return str(service("run.tree")(self, **options))

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
        The point, or a batch of points: arrays that broadcast. In a formula of tensors, arrays in
        the shapes of its variables, float64 or float32, from which the sizes are read.
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
    if len(source.outputs) != 1 or source.outputs[0] in source.nodes.shapes:
        raise ShapeError(f"a run is of one scalar, but {_outputs(source)} given")
    placed = placed_at(source, at)
    source, inputs = placed.source, list(_frozen(placed.values, copied=True))
    refuse_complex(source.nodes)
    arithmetic = _floats(inputs, placed.dtype)
    if arithmetic.complex_values:
        require_analytic(source, "a complex point", COMPLEX_ADVICE)
    with np.errstate(all="ignore"):
        values = forward_values(source, inputs, arithmetic)
        bars = _bars(source, values, arithmetic, kinks)
    made = Run(source, _frozen(values), bars, kinks, placed.forms)
    if kinks == "raise" and made.kinks:
        raise KinkError(kinked.message(source, made.kinks[0], values))
    return made


def _outputs(source: Graph) -> str:
    """Return how many outputs there are, or of which shape the one is."""
    if len(source.outputs) != 1:
        return f"{len(source.outputs)} outputs were"
    return f"a tensor of shape {described(source.nodes.shapes[source.outputs[0]])} was"


def placed_at(source: Graph, at: Mapping[Any, Any] | None) -> ArrayPoint:
    """Return a graph and the values of its variables: arrays of tensors, or a batch of scalars."""
    if has_tensors(source):
        return array_point(source, at)
    return ArrayPoint(source, point(source, at), {}, "float64")


def _bars(source: Graph, values: list[Any], arithmetic: Floats, kinks: str) -> dict[int, Any]:
    """Return the gradient of the output by every node that moves."""
    asked = (*source.input_nodes, *source.names.values())  # a named constant too has a gradient
    moving = dependents(source.nodes, asked, len(source) - 1)
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
        if has_tensors(source):
            raise UnsupportedError("tensors have no arbitrary precision; leave out `digits=`")
        return evaluated(source, given(source, at), digits)
    placed = placed_at(source, at)
    arithmetic = _floats(placed.values, placed.dtype)
    with np.errstate(all="ignore"):
        found = forward_values(placed.source, placed.values, arithmetic)[source.outputs[0]]
    return found.item() if np.ndim(found) == 0 else np.array(found)


def point(source: Graph, at: Mapping[Any, Any] | None) -> list[Any]:
    """Return the values of the variables as float64 or complex128 that broadcast."""
    raw = given(source, at)
    values = [as_value(v, str(s)) for v, s in zip(raw, source.inputs, strict=True)]
    broadcast(values, source.inputs)
    return values


def _floats(values: Sequence[Any], dtype: str = "float64") -> Floats:
    return Floats(complex_values=any(np.iscomplexobj(v) for v in values), dtype=dtype)


def first_nonfinite(source: Graph, values: Sequence[Any]) -> int | None:
    """Return the first node that is not finite, constants of the formula excepted, or None."""
    for node, value in enumerate(values):
        if source.nodes.gates[node] is not CONSTANT and not np.all(np.isfinite(value)):
            return node
    return None
