"""Numeric derivatives of formulas of tensors, along entries or whole directions.

They see the formula's values only. What is moved is a line through the point: one entry of one
variable, or all of its entries along a direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Dummy

from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph, compact
from symgrad.dag.fission import parted
from symgrad.dag.nodes import VARIABLE, Nodes
from symgrad.dag.opened import opened
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.matrices import facts_of
from symgrad.numeric import kinks as known_kinks
from symgrad.numeric.analytic import require_analytic
from symgrad.numeric.arithmetic import Floats, forward_values
from symgrad.numeric.arrays import array_point
from symgrad.numeric.declared_values import within
from symgrad.numeric.program import lower
from symgrad.numeric.tensor_machine import TensorMachine

STEP, COMPLEX_STEP, FIRST = 1e-5, 1e-200, 0.1
LEAST = 1e-8  # smallest default step relative to |x|: below it rounding drowns the difference


class Probe:
    """A scalar formula of tensors at a point, evaluated at points nearby.

    Parameters
    ----------
    source : Graph
        One scalar formula, sizes bound.
    values : list of ndarray
        One an input, float64.
    """

    def __init__(self, source: Graph, values: list[Any]) -> None:
        table = opened(source.nodes, source.outputs)  # to look at gates inside blocks and loops
        source = Graph(*parted(*table, known_kinks.is_watched))
        self.source, self.values = source, values
        self.kinked = known_kinks.watched(source)
        nodes = dict.fromkeys(a for n in self.kinked for a in source.nodes.args[n])
        self._place = {node: k for k, node in enumerate(nodes, 1)}
        kept, outputs, _ = compact(source.nodes, [source.outputs[0], *nodes])
        self._program = lower(Graph(kept, outputs), source.inputs)
        self._machines: dict[bool, Any] = {}

    def outputs(self, values: Sequence[Any]) -> list[Any]:
        """Return the formula's value, and what gates with kinks are applied to."""
        wide = any(np.iscomplexobj(v) for v in values)
        if wide not in self._machines:
            shapes = [np.shape(v) for v in values]
            floats = Floats(complex_values=wide)
            self._machines[wide] = TensorMachine(self._program, shapes, floats)
        with np.errstate(all="ignore"):
            found: list[Any] = self._machines[wide](values)
        return found

    def winners(self, found: list[Any]) -> list[Any]:
        """Return the winner of each gate with a kink."""
        nodes, place = self.source.nodes, self._place
        with np.errstate(all="ignore"):
            return [
                known_kinks.winner_at(nodes, n, [found[place[a]] for a in nodes.args[n]])
                for n in self.kinked
            ]


@dataclass(frozen=True, slots=True)
class Line:
    """A line through a point.

    Parameters
    ----------
    probe : Probe
        The formula and the point.
    place : int
        Which input moves; -1 where the formula does not hold it.
    where : int or ndarray
        Which entry, in reading order; or how far each entry moves.
    facts : frozenset of str
        What is declared of the variable; the line stays in that space.
    """

    probe: Probe
    place: int
    where: Any
    facts: frozenset[str] = frozenset()

    def at(self, shift: Any) -> list[Any]:
        """Return the outputs of the probe with the variable moved."""
        values = list(self.probe.values)
        base = np.asarray(values[self.place])
        if self.facts:
            moved = base + within(self.facts, self._step(shift, base.shape))
        elif isinstance(self.where, int):
            moved = base.astype(np.result_type(base, np.asarray(shift)))
            moved.reshape(-1)[self.where] += shift
        else:
            moved = base + shift * self.where
        values[self.place] = moved[()]
        return self.probe.outputs(values)

    def _step(self, shift: Any, shape: tuple[int, ...]) -> Any:
        if not isinstance(self.where, int):
            return shift * self.where
        step = np.zeros(shape, np.result_type(shift))
        step.reshape(-1)[self.where] = shift
        return step

    def value(self, shift: Any) -> Any:
        """Return the formula's value with the variable moved."""
        return self.at(shift)[0]

    def step(self, step: float) -> float:
        """Return a step that is exact in floating point, longer where |x| is large."""
        if not isinstance(self.where, int):
            return step
        x = float(np.real(np.asarray(self.probe.values[self.place]).flat[self.where]))
        least = LEAST if step >= STEP else 64 * float(np.finfo(np.float64).eps)
        with np.errstate(all="ignore"):
            return (x + max(step, least * abs(x))) - x

    def crosses(self, step: float) -> bool:
        """Return whether a winner changes between the two evaluations."""
        h = self.step(step)
        sides = [self.probe.winners(self.at(shift)) for shift in (-h, h)]
        return any(np.any(a != b) for a, b in zip(*sides, strict=True))


def central(line: Line, step: float) -> Any:
    """Return a central difference."""
    h = line.step(step)
    return (line.value(h) - line.value(-h)) / (2 * h)


def complex_step(line: Line, step: float) -> Any:
    """Return an imaginary part over a tiny imaginary step."""
    return np.imag(line.value(1j * step)) / step


def richardson(line: Line, step: float) -> Any:
    """Return SciPy's extrapolated differences."""
    from scipy.differentiate import derivative

    def function(shifts: Any) -> Any:
        return np.array([line.value(s) for s in np.ravel(shifts)]).reshape(np.shape(shifts))

    return derivative(function, 0.0, initial_step=step).df


METHODS: dict[str, tuple[Callable[[Line, float], Any], float]] = {
    "central": (central, STEP),
    "complex": (complex_step, COMPLEX_STEP),
    "richardson": (richardson, FIRST),
}


def slopes(lines: Sequence[Line], method: str, step: float | None) -> list[Any]:
    """Return the derivative along each line; 0 where the formula does not hold the variable."""
    if method not in METHODS:
        raise UnsupportedError(f"method={method!r} is unknown; use one of {', '.join(METHODS)}")
    if step is not None and not 0 < step < np.inf:
        raise UnsupportedError(f"step={step!r} is no length; give a positive number, as in 1e-5")
    function, default = METHODS[method]
    if method == "complex":
        advice = "it is not analytic; use method='central' or 'richardson'"
        for probe in {id(line.probe): line.probe for line in lines}.values():
            require_analytic(probe.source, "the complex step", advice)
    zero = np.float64(0.0)
    with np.errstate(all="ignore"):
        return [function(ln, step or default) if ln.place >= 0 else zero for ln in lines]


@dataclass(frozen=True, slots=True)
class Moved:
    """A variable that can be moved: by which probe, its place there, its shape, its facts."""

    probe: Probe
    place: int
    shape: tuple[int, ...]
    facts: frozenset[str] = frozenset()


def moved_variables(source: Graph, values: list[Any], wanted: Any) -> list[Moved]:
    """Return what to move for each variable of a structure.

    Parameters
    ----------
    source : Graph
        One scalar formula, sizes bound.
    values : list of ndarray
        One an input.
    wanted : structure
        Names, symbols or node numbers; an inner node becomes a variable of a graph of its own.
    """
    if len(source.outputs) != 1 or source.outputs[0] in source.nodes.shapes:
        raise ShapeError("one scalar has a gradient; sum the tensor, or pick one of its entries")
    whole = Probe(source, values)
    places = {node: place for place, node in enumerate(source.input_nodes)}
    found = []
    for node in structure.nodes_of(source, wanted):
        if node is None:
            found.append(Moved(whole, -1, ()))
        elif node in places:
            shape, facts = source.nodes.shapes.get(node, ()), facts_of(source.nodes.payloads[node])
            found.append(Moved(whole, places[node], shape, facts))
        else:
            found.append(_opened(source, values, node))
    return found


def _opened(source: Graph, values: list[Any], inner: int) -> Moved:
    """Turn one inner node into a variable; everything upstream of it keeps its value."""
    wide = any(np.iscomplexobj(v) for v in values)
    with np.errstate(all="ignore"):
        known = forward_values(source, values, Floats(complex_values=wide))
    nodes, old = Nodes(), source.nodes
    moved: list[int] = []
    numbers: dict[Any, Any] = {}
    for node, gate in enumerate(old.gates):
        if node == inner or gate is VARIABLE:
            symbol = Dummy(f"node{node}") if node == inner else old.payloads[node]
            moved.append(nodes.variable(symbol, old.shapes.get(node, ())))
            numbers[symbol] = known[node]
        else:
            args = tuple([moved[a] for a in old.args[node]])
            moved.append(nodes.add(gate, args, old.payloads[node]))
    symbol = nodes.payloads[moved[inner]]
    opened = Graph(*compact(nodes, [moved[source.outputs[0]]]))
    place = opened.inputs.index(symbol) if symbol in opened.inputs else -1
    probe = Probe(opened, [numbers[s] for s in opened.inputs])
    return Moved(probe, place, old.shapes.get(inner, ()))


PLACES = {"gather": 1, "scatter": 1, "one_hot": 0}  # which operand of a gate holds places


def variables(source: Graph, wrt: Any) -> Any:
    """Return a structure of variables; by default all but those that hold places in an axis.

    Parameters
    ----------
    source : Graph
        The graph.
    wrt : structure or None
        What the caller asks for.
    """
    if wrt is not None:
        return wrt
    nodes = source.nodes
    moving: set[int] = set()
    for gate, args in zip(nodes.gates, nodes.args, strict=True):
        moving.update(a for k, a in enumerate(args) if k != PLACES.get(gate.name))
    alone = set(source.outputs)
    pairs = zip(source.inputs, source.input_nodes, strict=True)
    return {symbol: symbol for symbol, node in pairs if node in moving or node in alone}


def numeric_arrays(
    source: Graph, at: Mapping[Any, Any] | None, wrt: Any, method: str, step: float | None
) -> Any:
    """Return the gradient of a formula of tensors by differences, every entry of it."""
    placed = array_point(source, at, "float64")
    wanted = variables(placed.source, wrt)
    found = []
    nodes = structure.nodes_of(placed.source, wanted)
    for node, variable in zip(
        nodes, moved_variables(placed.source, placed.values, wanted), strict=True
    ):
        count = math.prod(variable.shape)
        lines = [Line(variable.probe, variable.place, k, variable.facts) for k in range(count)]
        values = np.array(slopes(lines, method, step))
        form = variable.shape if node is None else placed.forms.get(node, variable.shape)
        found.append(values.reshape(form) if form else values.item())
    return structure.rename(wanted, found)
