"""What the public derivatives have in common: reading the question, presenting the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sympy import MatrixSymbol

from symgrad.calculus import closed as forms
from symgrad.calculus.letform import LetForm
from symgrad.calculus.notation.lines import let_tensors
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.dims import described
from symgrad.expr.kinks import check_policy

FORMS = ("closed", "let", "graph")


def scalar(f: Any, kinks: str) -> Graph:
    """Return the graph of one scalar.

    Raises
    ------
    ShapeError
        If `f` has several outputs.
    """
    check_policy(kinks)
    source = graph(f)
    shape = source.nodes.shapes.get(source.outputs[0], ())
    if len(source.outputs) == 1 and shape:
        raise ShapeError(
            f"a gradient is of one scalar, but `f` has the shape {described(shape)}; sum its "
            "entries, or use `jacobian` or `vjp`"
        )
    if len(source.outputs) != 1:
        raise ShapeError(
            f"a gradient is of one scalar, but {len(source.outputs)} outputs were given; "
            "use `jacobian` or `vjp`"
        )
    return source


def present(
    picked: Graph,
    shape: Callable[[list[Any]], Any],
    form: str,
    simplify: str,
    limit: float,
    targets: Sequence[Any] = (),
    called: Mapping[int, str] | None = None,
) -> Any:
    """Return a graph's outputs in a form, arranged by `shape`.

    Raises
    ------
    UnsupportedError
        If the form does not exist.
    """
    if form == "graph":
        return picked
    if form == "let":
        replacements, reduced = (
            let_tensors(picked, picked.outputs, targets or None, called)
            if picked.nodes.shapes
            else forms.let(picked, picked.outputs, simplify=simplify)
        )
        shaped = [t for t in targets if isinstance(t, MatrixSymbol)]
        labels = [f"d{t} =" for t in shaped] if len(shaped) == len(reduced) else ()
        return LetForm(replacements, shape(reduced), labels)
    if form != "closed":
        raise UnsupportedError(f"form={form!r} is not a form; use one of {', '.join(FORMS)}")
    made = forms.closed(
        picked.nodes, picked.outputs, simplify=simplify, limit=limit, targets=targets or None
    )
    return shape(made)
