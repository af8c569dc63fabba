"""Numeric gradients: central differences, the complex step, and SciPy's Richardson scheme.

They see the formula's values only, never its derivative. All perturbed points of a block of
variables are evaluated as one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Dummy

from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph, compact, graph
from symgrad.dag.nodes import VARIABLE, Nodes
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.symbols import label
from symgrad.numeric.analytic import require_analytic
from symgrad.numeric.arithmetic import Floats, forward_values
from symgrad.numeric.execution import point
from symgrad.numeric.sizes import has_tensors
from symgrad.numeric.tensor_differences import numeric_arrays

STEP = 1e-5  # the lecture's, absolute
LEAST = 1e-8  # smallest default step relative to |x|: below it rounding drowns the difference
COMPLEX_STEP = 1e-200  # far below rounding: the complex step subtracts nothing
BLOCK = 256  # variables whose perturbed points are evaluated together


class Sample:
    """A scalar formula at a point, ready to be perturbed.

    Parameters
    ----------
    source : Graph
        One scalar formula; inner nodes that are differentiated by are variables in it.
    values : list
        One number a variable.
    """

    def __init__(self, source: Graph, values: list[Any]) -> None:
        self.source = source
        self.values = values

    def nodes_at(self, places: Sequence[int], shifts: Any) -> list[Any]:
        """Return every node's values where variable `places[i]` is moved by `shifts[i]`.

        Parameters
        ----------
        places : sequence of int
            The variables, length n.
        shifts : ndarray
            The perturbations, shape (n, ...); real or complex.
        """
        moved: list[Any] = list(self.values)
        for row, place in enumerate(places):
            delta = np.zeros_like(shifts)
            delta[row] = shifts[row]
            moved[place] = moved[place] + delta
        arithmetic = Floats(complex_values=bool(np.iscomplexobj(shifts)))
        with np.errstate(all="ignore"):
            return forward_values(self.source, moved, arithmetic)

    def at(self, places: Sequence[int], shifts: Any) -> Any:
        """Return the formula's values at perturbed points; shape of `shifts`."""
        found = self.nodes_at(places, shifts)[self.source.outputs[0]]
        return np.broadcast_to(found, np.shape(shifts))

    def steps(self, places: Sequence[int], step: float) -> Any:
        """Return representable steps: `step`, or more where |x| is large; shape (n,)."""
        x = np.array([np.real(self.values[p]) for p in places], dtype=np.float64)
        least = LEAST if step >= STEP else 64 * np.finfo(np.float64).eps
        with np.errstate(all="ignore"):
            return (x + np.maximum(step, least * np.abs(x))) - x


@dataclass(frozen=True, slots=True)
class Target:
    """One variable of a gradient: which sample moves it, and its place there (-1: none)."""

    sample: Sample
    place: int


def targets(f: Any, at: Mapping[Any, Any] | None, wrt: Any) -> tuple[list[Target], Any]:
    """Return what to move for each variable, and the structure of `wrt`.

    An inner node is moved in a graph of its own in which it is a variable; everything upstream of
    it keeps its value.

    Raises
    ------
    ShapeError
        If the formula is not one scalar, or the point is a batch.
    """
    source = graph(f)
    if len(source.outputs) != 1:
        raise ShapeError(f"one scalar has a gradient, but {len(source.outputs)} outputs were given")
    values = point(source, at)
    if any(np.ndim(v) for v in values):
        raise ShapeError("numeric differences are taken at one point; give numbers, not arrays")
    wanted = structure.expand(source, wrt)
    whole = Sample(source, values)
    places = {node: place for place, node in enumerate(source.input_nodes)}
    found = []
    for node in structure.nodes_of(source, wanted):
        if node is None or node in places:
            found.append(Target(whole, -1 if node is None else places[node]))
        else:
            found.append(Target(*_opened(whole, node)))
    return found, wanted


def names_of(source: Graph, wanted: Any) -> list[str]:
    """Return what each variable of a structure is called."""
    return [_name(source, leaf) for leaf in structure.leaves(wanted)]


def _name(source: Graph, leaf: Any) -> str:
    return (
        leaf
        if isinstance(leaf, str)
        else label(source.labels[leaf] if isinstance(leaf, int) else leaf)
    )


def _opened(whole: Sample, inner: int) -> tuple[Sample, int]:
    """Turn one inner node into a variable; return the sample and its place there."""
    source, nodes = whole.source, Nodes()
    known = whole.nodes_at([], np.zeros(0))
    moved: list[int] = []
    numbers: dict[Any, Any] = {}
    for node, gate in enumerate(source.nodes.gates):
        if node == inner:
            moved.append(nodes.variable(Dummy(f"node{node}")))
        else:
            args = tuple(moved[a] for a in source.nodes.args[node])
            moved.append(nodes.add(gate, args, source.nodes.payloads[node]))
        if node == inner or gate is VARIABLE:
            numbers[nodes.payloads[moved[node]]] = known[node]
    opened = Graph(*compact(nodes, [moved[source.outputs[0]]]))
    symbol = nodes.payloads[moved[inner]]
    place = opened.inputs.index(symbol) if symbol in opened.inputs else -1
    return Sample(opened, [numbers[s] for s in opened.inputs]), place


def central(sampled: Sample, places: Sequence[int], step: float) -> Any:
    """Return central differences, error O(step²) plus rounding over step."""
    h = sampled.steps(places, step)
    with np.errstate(all="ignore"):
        return (sampled.at(places, h) - sampled.at(places, -h)) / (2 * h)


def complex_step(sampled: Sample, places: Sequence[int], step: float) -> Any:
    """Return imaginary parts over a tiny imaginary step, exact to rounding.

    Raises
    ------
    NotAnalyticError
        If a gate on the way is not analytic.
    """
    advice = "it is not analytic; use method='central' or 'richardson'"
    require_analytic(sampled.source, "the complex step", advice)
    h = np.full(len(places), 1j * step)
    return np.imag(sampled.at(places, h)) / step


def richardson(sampled: Sample, places: Sequence[int], step: float) -> Any:
    """Return SciPy's extrapolated differences (`scipy.differentiate.derivative`)."""
    from scipy.differentiate import derivative

    x = np.array([sampled.values[p] for p in places], dtype=np.float64)
    rows = np.arange(len(places))

    def function(moved: Any, which: Any) -> Any:
        shifted = np.asarray(moved)
        batch = shifted.reshape(-1)
        index = np.broadcast_to(which, shifted.shape).reshape(-1).astype(int)
        values = list(sampled.values)
        for row in np.unique(index):
            place = places[row]
            values[place] = np.where(index == row, batch, sampled.values[place])
        with np.errstate(all="ignore"):
            found = forward_values(sampled.source, values, Floats())[sampled.source.outputs[0]]
        return np.broadcast_to(found, batch.shape).reshape(shifted.shape)

    first = step * np.maximum(1.0, np.abs(x))
    return derivative(function, x, args=(rows,), initial_step=first).df


METHODS: dict[str, tuple[Callable[[Sample, Sequence[int], float], Any], float]] = {
    "central": (central, STEP),
    "complex": (complex_step, COMPLEX_STEP),
    "richardson": (richardson, 0.1),
}


def differences(wanted: Sequence[Target], method: str, step: float | None) -> list[Any]:
    """Return one difference a target; 0 for one that the formula does not hold."""
    if method not in METHODS:
        raise UnsupportedError(f"method={method!r} is unknown; use one of {', '.join(METHODS)}")
    if step is not None and not 0 < step < np.inf:
        raise UnsupportedError(f"step={step!r} is no length; give a positive number, as in 1e-5")
    function, default = METHODS[method]
    groups: dict[int, set[int]] = {}
    samples = {id(t.sample): t.sample for t in wanted}
    for target in wanted:
        if target.place >= 0:
            groups.setdefault(id(target.sample), set()).add(target.place)
    found: dict[tuple[int, int], Any] = {}
    for key, places in groups.items():
        alive = sorted(places)
        for start in range(0, len(alive), BLOCK):
            block = alive[start : start + BLOCK]
            slopes = function(samples[key], block, step or default)
            found |= {(key, p): s for p, s in zip(block, slopes, strict=True)}
    return [found.get((id(t.sample), t.place), np.float64(0.0)) for t in wanted]


def numeric_grad(
    f: Any,
    at: Mapping[Any, Any] | None = None,
    wrt: Any = None,
    *,
    method: str = "central",
    step: float | None = None,
) -> Any:
    """Return the gradient by numeric differences of the formula's values.

    Parameters
    ----------
    f : str, Expr, Parsed or Graph
        One scalar formula.
    at : mapping of name or symbol to number
        The point.
    wrt : structure of variables, optional
        What to differentiate by; inner nodes too. Default: every variable.
    method : {"central", "complex", "richardson"}
        (f(x+h) - f(x-h))/2h; Im f(x + ih)/h for analytic formulas; SciPy's extrapolation.
    step : float, optional
        Absolute; default 1e-5, 1e-200 and 0.1 in this order.

    Returns
    -------
    structure of float
        The structure of `wrt`; a dict in order of first appearance for None.

    Raises
    ------
    NotAnalyticError
        If the complex step meets a gate that is not analytic.

    Notes
    -----
    2n evaluations of `f` for n variables (n for the complex step).

    References
    ----------
    W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions",
    SIAM Review 40 (1998), eq. 6.

    Examples
    --------
    >>> numeric_grad("x*y", {"x": 3.0, "y": 2.0}, "x", method="complex")
    2.0
    """
    source = graph(f)
    taken = numeric_arrays if has_tensors(source) else _numeric_scalars
    return taken(source, at, wrt, method, step)


def _numeric_scalars(
    source: Graph, at: Mapping[Any, Any] | None, wrt: Any, method: str, step: float | None
) -> Any:
    """Return the gradient of a formula of scalars by differences."""
    moved, wanted = targets(source, at, wrt)
    found = [np.asarray(d).item() for d in differences(moved, method, step)]
    return structure.rename(wanted, found)
