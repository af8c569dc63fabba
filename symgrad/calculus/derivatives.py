"""The derivatives that a user asks for: gradients, products, matrices, any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Expr, Integer, Matrix

from symgrad.calculus import closed as forms
from symgrad.calculus import growth
from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.kinks import check_policy
from symgrad.expr.numbers import as_expr

FORMS = ("closed", "let", "graph")


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
    f : str, Expr, Parsed or Graph
        One scalar, shape ().
    wrt : symbol, name, or list, tuple or dict of them, optional
        What to differentiate by; names of inner nodes too. Default: every variable.
    form : {"closed", "let", "graph"}
        Expanded expressions; `(replacements, reduced)` like `sympy.cse`; or a `Graph`.
    simplify : {"light", "none", "full"}
        How much a closed form is tidied.
    kinks : {"min_norm", "first", "nan", "raise"}
        What the derivative is where it does not exist.
    limit : float
        Most nodes of one expanded tree.

    Returns
    -------
    Expr or structure of Expr
        The structure of `wrt`; a dict in order of first appearance for None.

    Raises
    ------
    UnknownNameError
        If a name in `wrt` is not in `f`.
    UnknownPartialError
        If a local partial is not known.
    FormTooLargeError
        If the expanded form exceeds `limit`.

    Notes
    -----
    Reverse accumulation; value and gradient together take at most five times the operations of
    `f` for arithmetic and elementary gates (Griewank and Walther, 2008, section 3.4).

    Examples
    --------
    >>> grad("(x + y)*z")
    {x: z, y: z, z: x + y}
    >>> grad("q = x + y; f = q*z", "q")
    z
    >>> grad("sigmoid(x)", "x", form="let")
    ([(s, sigmoid(x))], (1 - s)*s)
    """
    source = _scalar(f, kinks)
    wanted = structure.expand(source, wrt)
    grown = growth.gradient(source, structure.nodes_of(source, wanted), kinks)
    picked = Graph(grown.nodes, grown.outputs[1:], grown.names)
    return _present(picked, lambda v: structure.rename(wanted, v), form, simplify, limit)


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
    source = _scalar(f, kinks)
    wanted = structure.expand(source, wrt)
    grown = growth.gradient(source, structure.nodes_of(source, wanted), kinks)

    def pair(values: list[Any]) -> Any:
        return values[0], structure.rename(wanted, values[1:])

    return _present(grown, pair, form, simplify, limit)


def diff(f: Any, *wrt: Any, simplify: str = "light", kinks: str = "min_norm") -> Expr:
    """Differentiate a scalar, in SymPy's call shape.

    Parameters
    ----------
    f : str, Expr, Parsed or Graph
        One scalar.
    *wrt : symbols or names, each optionally followed by an order, or (symbol, order)
        `diff(f, x, y)`, `diff(f, x, 2)`, `diff(f, (x, 2))`; none is allowed if `f` has one variable.
    simplify, kinks
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
    current = _scalar(f, kinks)
    keys = [current.key(variable) for variable in _orders(current, wrt)]
    for key in keys:
        grown = growth.gradient(current, [current.find(key)], kinks)
        current = Graph(grown.nodes, grown.outputs[1:], grown.names)
    return forms.closed(current.nodes, current.outputs, simplify=simplify)[0]


def jacobian(F: Any, wrt: Any = None, *, simplify: str = "light", kinks: str = "min_norm") -> Any:
    """Return the matrix of partials of several outputs.

    Parameters
    ----------
    F : list of scalars, or Graph
        m outputs.
    wrt : list or tuple of variables, optional
        n variables. Default: every variable, in order of first appearance.
    simplify, kinks
        As for `grad`.

    Returns
    -------
    Matrix
        Shape (m, n); row i holds the partials of output i.

    Examples
    --------
    >>> jacobian(["x*y", "x + y"], ["x", "y"])
    Matrix([
    [y, x],
    [1, 1]])
    """
    check_policy(kinks)
    source = graph(F)
    wanted = list(structure.leaves(structure.expand(source, wrt)))
    grown = growth.jacobian_graph(source, structure.nodes_of(source, wanted), kinks)
    entries = forms.closed(grown.nodes, grown.outputs, simplify=simplify)
    return Matrix(len(source.outputs), len(wanted), entries)


def hessian(f: Any, wrt: Any = None, *, simplify: str = "light", kinks: str = "min_norm") -> Any:
    """Return the matrix of second partials of a scalar.

    Parameters
    ----------
    f : str, Expr, Parsed or Graph
        One scalar.
    wrt : list or tuple of variables, optional
        n variables. Default: every variable, in order of first appearance.
    simplify, kinks
        As for `grad`.

    Returns
    -------
    Matrix
        Shape (n, n), symmetric.

    Examples
    --------
    >>> hessian("x**2*y")
    Matrix([
    [2*y, 2*x],
    [2*x,   0]])
    """
    source = _scalar(f, kinks)
    wanted = list(structure.leaves(structure.expand(source, wrt)))
    grown = growth.hessian_graph(source, structure.nodes_of(source, wanted), kinks)
    entries = forms.closed(grown.nodes, grown.outputs, simplify=simplify)
    return Matrix(len(wanted), len(wanted), entries)


def jvp(
    F: Any, wrt: Any, tangents: Any, *, simplify: str = "light", kinks: str = "min_norm"
) -> Any:
    """Return the pushforward of tangents: the Jacobian times a vector, without the Jacobian.

    Parameters
    ----------
    F : scalar or list of scalars
        m outputs.
    wrt : variable or structure of variables
        n variables.
    tangents : numbers or expressions in the structure of `wrt`
        The direction.
    simplify, kinks
        As for `grad`.

    Returns
    -------
    Expr or list of Expr
        One tangent an output; a single one for a single `F`.

    Raises
    ------
    ShapeError
        If `tangents` has another number of entries than `wrt`.

    Examples
    --------
    >>> jvp("x*y", ["x", "y"], ["a", 1])
    a*y + x
    """
    check_policy(kinks)
    source, moved = _with_extra(F, wrt, tangents)
    growing = growth.Growth(source, kinks)
    outputs = source.outputs[: len(source.outputs) - len(moved)]
    seeds = dict(zip(_alive(source, wrt), source.outputs[len(outputs) :], strict=True))
    dots = growing.push({k: v for k, v in seeds.items() if k is not None}, outputs)
    found = forms.closed(growing.nodes, dots, simplify=simplify)
    return found if isinstance(F, (list, tuple)) else found[0]


def vjp(
    F: Any, wrt: Any, cotangents: Any, *, simplify: str = "light", kinks: str = "min_norm"
) -> Any:
    """Return the pullback of cotangents: a vector times the Jacobian, without the Jacobian.

    Parameters
    ----------
    F : scalar or list of scalars
        m outputs.
    wrt : variable or structure of variables, or None
        n variables.
    cotangents : number, expression or list of m of them
        The weights of the outputs.
    simplify, kinks
        As for `grad`.

    Returns
    -------
    structure of Expr
        The structure of `wrt`.

    Raises
    ------
    ShapeError
        If `cotangents` has another number of entries than `F`.

    Examples
    --------
    >>> vjp(["x*y", "x + y"], ["x", "y"], ["a", "b"])
    [a*y + b, a*x + b]
    """
    check_policy(kinks)
    plain = graph(F)
    wanted = structure.expand(plain, wrt)
    weights = list(structure.leaves(cotangents))
    _same_length("cotangents", weights, "F", list(plain.outputs))
    source = graph([*_listed(F), *(_formula(w) for w in weights)])
    count = len(plain.outputs)
    growing = growth.Growth(source, kinks)
    seeds: dict[int, int] = {}
    for output, weight in zip(source.outputs[:count], source.outputs[count:], strict=True):
        seeds[output] = weight if output not in seeds else growing.add(seeds[output], weight)
    bars = growing.pull(seeds, structure.nodes_of(source, wanted))
    return structure.rename(wanted, forms.closed(growing.nodes, bars, simplify=simplify))


def hvp(f: Any, wrt: Any, v: Any, *, simplify: str = "light", kinks: str = "min_norm") -> Any:
    """Return the Hessian times a vector, without the Hessian.

    Parameters
    ----------
    f : scalar
        Shape ().
    wrt : variable or structure of variables
        n variables.
    v : numbers or expressions in the structure of `wrt`
        The direction.
    simplify, kinks
        As for `grad`.

    Returns
    -------
    structure of Expr
        The structure of `wrt`.

    Examples
    --------
    >>> hvp("x**2*y", ["x", "y"], ["a", "b"])
    [2*a*y + 2*b*x, 2*a*x]
    """
    _scalar(f, kinks)
    source, _ = _with_extra(f, wrt, v)
    growing = growth.Growth(source, kinks)
    wanted = structure.nodes_of(source, wrt)
    bars = growing.pull({source.outputs[0]: growing.one()}, wanted)
    seeds = dict(zip(wanted, source.outputs[1:], strict=True))
    dots = growing.push({k: d for k, d in seeds.items() if k is not None}, bars)
    return structure.rename(wrt, forms.closed(growing.nodes, dots, simplify=simplify))


# --- helpers ---


def _scalar(f: Any, kinks: str) -> Graph:
    check_policy(kinks)
    source = graph(f)
    if len(source.outputs) != 1:
        raise ShapeError(
            f"a gradient is of one scalar, but {len(source.outputs)} outputs were given; "
            "use `jacobian` or `vjp`"
        )
    return source


def _present(
    picked: Graph,
    shape: Callable[[list[Any]], Any],
    form: str,
    simplify: str,
    limit: float,
) -> Any:
    if form == "graph":
        return picked
    if form == "let":
        replacements, reduced = forms.let(picked, picked.outputs, simplify=simplify)
        return replacements, shape(reduced)
    if form != "closed":
        raise UnsupportedError(f"form={form!r} is not a form; use one of {', '.join(FORMS)}")
    return shape(forms.closed(picked.nodes, picked.outputs, simplify=simplify, limit=limit))


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


def _formula(value: Any) -> Any:
    return value if isinstance(value, str) else as_expr(value)


def _listed(F: Any) -> list[Any]:
    return list(F) if isinstance(F, (list, tuple)) else [F]


def _with_extra(F: Any, wrt: Any, tangents: Any) -> tuple[Graph, list[Any]]:
    """Build `F` together with one tangent a variable."""
    moved = [_formula(t) for t in structure.leaves(tangents)]
    _same_length("tangents", moved, "wrt", list(structure.leaves(wrt)))
    return graph([*_listed(F), *moved]), moved


def _alive(source: Graph, wrt: Any) -> list[int | None]:
    return structure.nodes_of(source, wrt)


def _same_length(what: str, given: list[Any], other: str, expected: list[Any]) -> None:
    if len(given) != len(expected):
        raise ShapeError(
            f"`{what}` has {len(given)} entries and `{other}` has {len(expected)}; give one each"
        )
