"""Gradients and derivatives of any order, as formulas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import sympy
from sympy import Expr, Integer

from symgrad.calculus import closed as forms
from symgrad.calculus import growth
from symgrad.calculus import wrt as structure
from symgrad.calculus.question import present, scalar
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import FormTooLargeError, ShapeError, UnsupportedError
from symgrad.expr.dims import described

BETWEEN = 20_000  # nodes of an expanded derivative that is tidied before the next order


def grad(
    f: Any,
    wrt: Any = None,
    *,
    form: str = "closed",
    simplify: str = "light",
    kinks: str = "min_norm",
    limit: float = forms.LIMIT,
) -> Any:
    """Return the gradient of a scalar as formulas.

    Parameters
    ----------
    f : str, Expr, 1 × 1 MatrixExpr, tensor, Parsed or Graph
        One scalar, shape ().
    wrt : symbol, name, or list, tuple or dict of them, optional
        What to differentiate by; names of inner nodes too. Default: every variable.
    form : {"closed", "let", "graph"}
        Expanded; `(replacements, reduced)` like `sympy.cse`; or a `Graph`.
    simplify : {"light", "none", "full"}
        How much a closed form is tidied.
    kinks : {"min_norm", "first", "nan", "raise"}
        What the derivative is where it does not exist.
    limit : float
        Most nodes of one expanded tree.

    Returns
    -------
    Expr, MatrixExpr or tensor, in the structure of `wrt`
        In the shape of the variable; a dict in order of first appearance for None.

    Raises
    ------
    UnknownNameError, UnknownPartialError, FormTooLargeError
        If `wrt` names nothing in `f`; a local partial is not known; the form exceeds `limit`.

    Examples
    --------
    >>> grad("(x + y)*z")
    {x: z, y: z, z: x + y}
    >>> grad("sigmoid(x)", "x", form="let")
    s = sigmoid(x)
    (1 - s)*s
    """
    source = scalar(f, kinks)
    wanted = structure.expand(source, wrt)
    grown, called = _grown(source, structure.nodes_of(source, wanted), kinks, form)
    picked = Graph(grown.nodes, grown.outputs[1:], grown.names)
    shape, targets = partial(structure.rename, wanted), structure.targets(source, wanted)
    return present(picked, shape, form, simplify, limit, targets, called)


def value_and_grad(
    f: Any,
    wrt: Any = None,
    *,
    form: str = "closed",
    simplify: str = "light",
    kinks: str = "min_norm",
    limit: float = forms.LIMIT,
) -> Any:
    """Return a scalar and its gradient, which share their nodes.

    Parameters
    ----------
    f, wrt, form, simplify, kinks, limit
        As for `grad`.

    Returns
    -------
    (Expr, structure of Expr)
        The value and the gradient.

    Examples
    --------
    >>> value_and_grad("x**2*y", "x")
    (x**2*y, 2*x*y)
    """
    source = scalar(f, kinks)
    wanted = structure.expand(source, wrt)
    grown, called = _grown(source, structure.nodes_of(source, wanted), kinks, form)

    def pair(values: list[Any]) -> Any:
        return values[0], structure.rename(wanted, values[1:])

    targets = [None, *structure.targets(source, wanted)]
    return present(grown, pair, form, simplify, limit, targets, called)


def _grown(
    source: Graph, wanted: Sequence[int | None], kinks: str, form: str
) -> tuple[Graph, dict[int, str]]:
    """Return the gradient's graph, and for a let-form of tensors what cotangents are called."""
    if form != "let" or not source.nodes.shapes:
        return growth.gradient(source, wanted, kinks), {}
    inner = [(name, node) for name, node in source.names.items() if node not in source.outputs]
    grown = growth.gradient(source, [*wanted, *(node for _, node in inner)], kinks)
    count = 1 + len(wanted)
    bars = grown.outputs[count:]
    called = {bar: f"d{name}" for (name, _), bar in zip(inner, bars, strict=True)}
    return Graph(grown.nodes, grown.outputs[:count], grown.names), called


def diff(f: Any, *wrt: Any, simplify: str = "light", kinks: str = "min_norm") -> Expr:
    """Differentiate a scalar, in SymPy's call shape.

    Parameters
    ----------
    f : str, Expr, Parsed or Graph
        One scalar.
    *wrt : symbols or names, each optionally followed by an order, or (symbol, order)
        `diff(f, x, y)`, `diff(f, x, 2)`, `diff(f, (x, 2))`; none is allowed if `f` has one
        variable. simplify, kinks
        As for `grad`.

    Returns
    -------
    Expr
        The derivative, expanded.

    Raises
    ------
    UnsupportedError
        If an order is not a non-negative integer, or no variable is given and `f` has several.

    Examples
    --------
    >>> diff("sin(x)*y", "x", 2)
    -y*sin(x)
    """
    current = scalar(f, kinks)
    keys = [current.key(variable) for variable in _orders(current, wrt)]
    for key in keys:
        shape = current.nodes.shapes.get(current.outputs[0], ())
        if shape:
            raise ShapeError(
                f"the derivative so far has the shape {described(shape)}; derive a scalar "
                "further, or use `hessian` and `jacobian`"
            )
        grown = growth.gradient(current, [current.find(key)], kinks)
        current = _tidied(Graph(grown.nodes, grown.outputs[1:], grown.names))
    targets = [key if isinstance(key, sympy.Basic) else None for key in keys[-1:]]
    found = forms.closed(current.nodes, current.outputs, simplify=simplify, targets=targets)
    return found[0]


def _orders(source: Graph, wrt: Sequence[Any]) -> list[Any]:
    """Spell out `x, 2, (y, 3)` as a list of single variables."""
    if not wrt:
        if len(source.inputs) != 1:
            names = ", ".join(map(str, source.inputs))
            raise UnsupportedError(f"differentiate by which variable? `f` holds {names}")
        return [source.inputs[0]]
    found: list[Any] = []
    for item in wrt:
        if isinstance(item, (int, Integer)) and found:
            found[-1:] = [found[-1]] * _order(item)
        elif isinstance(item, (tuple, list, sympy.Tuple)) and len(item) == 2:
            found += [item[0]] * _order(item[1])
        else:
            found.append(item)
    return found


def _order(value: Any) -> int:
    if not isinstance(value, (int, Integer)) or value < 0:
        raise UnsupportedError(f"an order is a non-negative integer, not `{value}`")
    return int(value)


def _tidied(current: Graph) -> Graph:
    """Collect the terms of a derivative before the next one is taken, where that is possible.

    Without this, the graph of the n-th derivative grows exponentially in n. A graph whose inner
    nodes have names stays as it is: they may be differentiated by.
    """
    if current.names:
        return current
    try:
        return graph(forms.closed(current.nodes, current.outputs, limit=BETWEEN)[0])
    except FormTooLargeError:
        return current
