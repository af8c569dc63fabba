"""Jacobians and Hessians, and their products with vectors, as formulas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Matrix, SparseMatrix

from symgrad.calculus import closed as forms
from symgrad.calculus import growth
from symgrad.calculus import wrt as structure
from symgrad.calculus.entries import Plan, sparse_hessian, sparse_jacobian
from symgrad.calculus.notation import blocks
from symgrad.calculus.question import scalar
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import ShapeError
from symgrad.expr.dims import described
from symgrad.expr.kinks import check_policy
from symgrad.expr.numbers import as_expr


def jacobian(
    F: Any,
    wrt: Any = None,
    *,
    sparse: bool = False,
    layout: str = "axes",
    simplify: str = "light",
    kinks: str = "min_norm",
) -> Any:
    """Return the matrix of partials of several outputs.

    Parameters
    ----------
    F : list of scalars, or Graph
        m outputs.
    wrt : list or tuple of variables, optional
        n variables. Default: every variable, in order of first appearance.
    sparse : bool
        Whether only the entries that can differ from 0 are derived, and a `SparseMatrix` is made.
    layout : {"axes", "vec"}
        For matrices: the axes of the output, then those of the variable; or a matrix over stacked
        columns, `kron(B.T, A)` for `A*X*B` by `X`.
    simplify, kinks
        As for `grad`.

    Returns
    -------
    Matrix or SparseMatrix
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
    if sparse:
        plan = sparse_jacobian(source, structure.nodes_of(source, wanted), kinks)
        return SparseMatrix(*plan.pattern.shape, _entries(plan, simplify))
    if source.nodes.shapes:
        found = blocks.jacobian_blocks(source, _nodes(source, wanted), kinks, layout)
        return _arranged(found, isinstance(F, (list, tuple)), wrt)
    grown = growth.jacobian_graph(source, structure.nodes_of(source, wanted), kinks)
    entries = forms.closed(grown.nodes, grown.outputs, simplify=simplify)
    return Matrix(len(source.outputs), len(wanted), entries)


def hessian(
    f: Any,
    wrt: Any = None,
    *,
    sparse: bool = False,
    layout: str = "axes",
    simplify: str = "light",
    kinks: str = "min_norm",
) -> Any:
    """Return the matrix of second partials of a scalar.

    Parameters
    ----------
    f : str, Expr, Parsed or Graph
        One scalar.
    wrt : list or tuple of variables, optional
        n variables. Default: every variable, in order of first appearance.
    sparse : bool
        Whether only the entries that can differ from 0 are derived, and a `SparseMatrix` is made.
    layout, simplify, kinks
        As for `jacobian` and `grad`.

    Returns
    -------
    Matrix or SparseMatrix
        Shape (n, n), symmetric.

    Examples
    --------
    >>> hessian("x**2*y")
    Matrix([
    [2*y, 2*x],
    [2*x,   0]])
    >>> hessian("x**2*y", sparse=True).todok()
    {(0, 0): 2*y, (0, 1): 2*x, (1, 0): 2*x}
    """
    source = scalar(f, kinks)
    wanted = list(structure.leaves(structure.expand(source, wrt)))
    if sparse:
        plan = sparse_hessian(source, structure.nodes_of(source, wanted), kinks)
        half = _entries(plan, simplify)
        mirrored = {(j, i): entry for (i, j), entry in half.items()}
        return SparseMatrix(*plan.pattern.shape, half | mirrored)
    if source.nodes.shapes:
        found = blocks.hessian_blocks(source, _nodes(source, wanted), kinks, layout)
        return _arranged(found, len(wanted) > 1, wrt)
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
    wrt : variable or structure of variables, or None
        n variables; None: every variable, in order of first appearance.
    tangents : numbers or expressions in the structure of `wrt`
        The direction.
    simplify, kinks
        As for `grad`.

    Returns
    -------
    Expr or list of Expr
        One tangent an output; a single one for a single output that is not in a list.

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
    wrt = structure.expand(graph(F), wrt)
    source, moved = _with_extra(F, wrt, tangents)
    growing = growth.Growth(source, kinks)
    outputs = source.outputs[: len(source.outputs) - len(moved)]
    seeds = _seeds(growing, structure.nodes_of(source, wrt), source.outputs[len(outputs) :])
    dots = growing.push(seeds, outputs)
    found = forms.closed(growing.nodes, dots, simplify=simplify)
    return found if isinstance(F, (list, tuple)) or len(found) != 1 else found[0]


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
    seeds = _seeds(growing, source.outputs[:count], source.outputs[count:])
    bars = growing.pull(seeds, structure.nodes_of(source, wanted))
    return structure.rename(wanted, forms.closed(growing.nodes, bars, simplify=simplify))


def hvp(f: Any, wrt: Any, v: Any, *, simplify: str = "light", kinks: str = "min_norm") -> Any:
    """Return the Hessian times a vector, without the Hessian.

    Parameters
    ----------
    f : scalar
        Shape ().
    wrt : variable or structure of variables, or None
        n variables; None: every variable, in order of first appearance.
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
    wrt = structure.expand(scalar(f, kinks), wrt)
    source, _ = _with_extra(f, wrt, v)
    growing = growth.Growth(source, kinks)
    wanted = structure.nodes_of(source, wrt)
    bars = growing.pull({source.outputs[0]: growing.one()}, wanted)
    dots = growing.push(_seeds(growing, wanted, source.outputs[1:]), bars)
    return structure.rename(wrt, forms.closed(growing.nodes, dots, simplify=simplify))


_nodes = structure.nodes_of


def _arranged(found: blocks.Blocks, several: bool, wrt: Any) -> Any:
    """Return blocks as they were asked for: one block for one output and one variable."""
    alone = len(found[0]) == 1 and not isinstance(wrt, (list, tuple, dict))
    rows = [row[0] if alone else row for row in found]
    return rows if several else rows[0]


def _seeds(
    growing: growth.Growth, nodes: Sequence[int | None], weights: Sequence[int]
) -> dict[int, int]:
    """Return the weight of each node; a node that is named twice has the sum."""
    seeds: dict[int, int] = {}
    for node, weight in zip(nodes, weights, strict=True):
        if node is not None:
            _same_shape(growing.nodes.shapes.get(node, ()), growing.nodes.shapes.get(weight, ()))
            seeds[node] = growing.add(seeds[node], weight) if node in seeds else weight
    return seeds


def _entries(plan: Plan, simplify: str) -> dict[tuple[int, int], Any]:
    """Return the closed form of each place; the size guard is for one entry, not for all."""
    found = plan.derive()
    limit = forms.LIMIT + 4 * len(found)
    written = forms.closed(found.nodes, found.outputs, simplify=simplify, limit=limit)
    return dict(zip(plan.pattern.places(), written, strict=True))


def _same_shape(wanted: tuple[Any, ...], given: tuple[Any, ...]) -> None:
    if wanted != given:
        raise ShapeError(
            f"a direction has the shape of what it moves, {described(wanted)}, but one is "
            f"{described(given)}"
        )


def _formula(value: Any) -> Any:
    return value if isinstance(value, str) else as_expr(value)


def _listed(F: Any) -> list[Any]:
    return list(F) if isinstance(F, (list, tuple)) else [F]


def _with_extra(F: Any, wrt: Any, tangents: Any) -> tuple[Graph, list[Any]]:
    """Build `F` together with one tangent a variable."""
    moved = [_formula(t) for t in structure.leaves(tangents)]
    _same_length("tangents", moved, "wrt", list(structure.leaves(wrt)))
    return graph([*_listed(F), *moved]), moved


def _same_length(what: str, given: list[Any], other: str, expected: list[Any]) -> None:
    if len(given) != len(expected):
        raise ShapeError(
            f"`{what}` has {len(given)} entries and `{other}` has {len(expected)}; give one each"
        )
