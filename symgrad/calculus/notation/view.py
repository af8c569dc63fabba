"""Closed forms of tensor graphs: matrices as in a textbook, other tensors as in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.pieces import transposed
from symgrad.calculus.notation.read import Reader
from symgrad.calculus.notation.spell import Speller
from symgrad.calculus.notation.sums import scaled
from symgrad.calculus.notation.tensor_spell import TensorSpeller
from symgrad.dag.nodes import VARIABLE, Nodes
from symgrad.errors import UnsupportedError
from symgrad.expr.tensors import AnyTensor


class View:
    """The forms of a graph, written in its dialect.

    Parameters
    ----------
    nodes : Nodes
        The graph: tensors if one of its variables is one, matrices otherwise.
    algebra : Algebra
        The forms.

    Notes
    -----
    What has no matrix notation, such as a Jacobian by a matrix, is written with tensors, where a
    matrix stands for its entries.
    """

    def __init__(self, nodes: Nodes, algebra: Algebra) -> None:
        leaves = zip(nodes.gates, nodes.payloads, strict=True)
        self.tensors = any(g is VARIABLE and isinstance(p, AnyTensor) for g, p in leaves)
        self.algebra = algebra
        self.matrix_speller = Speller(algebra)
        self.tensor_speller = TensorSpeller(algebra)

    def write(self, form: int, target: Any = None) -> Any:
        """Return the expression of a form; `target` has the shape that a vector is given."""
        if self.tensors or len(self.algebra.shape(form)) > 2:
            return self.tensor_speller.spell(form)
        try:
            return oriented(self.matrix_speller.spell(form), target)
        except UnsupportedError:
            return self.tensor_speller.spell(form)


def closed_tensors(
    nodes: Nodes, outputs: Sequence[int], targets: Sequence[Any] | None = None
) -> list[Any]:
    """Return nodes in matrix notation.

    Parameters
    ----------
    nodes : Nodes
        A table with shapes.
    outputs : sequence of int
        Which nodes.
    targets : sequence, optional
        For each output the symbol whose shape it has, or None: a vector is then a column.

    Returns
    -------
    list of Expr, MatrixExpr and tensors
        Scalars, matrices and tensors.
    """
    algebra = Algebra()
    forms = Reader(nodes, algebra).read(outputs)
    view = View(nodes, algebra)
    wanted = targets or [None] * len(forms)
    return [view.write(f, t) for f, t in zip(forms, wanted, strict=True)]


def oriented(value: Any, target: Any) -> Any:
    """Return a column as a row where the variable is one."""
    shape = getattr(target, "shape", None) or (0, 0)
    if len(shape) == 2 and shape[0] == 1 != shape[1]:
        factors = value.args if isinstance(value, sympy.MatMul) else (value,)
        scalars = [f for f in factors if not getattr(f, "is_Matrix", False)]
        return scaled(sympy.Mul(*scalars), transposed(factors[len(scalars) :]))
    return value
