"""Closed forms of tensor graphs: nodes as matrix expressions, and line by line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from symgrad.calculus.notation.algebra import Algebra
from symgrad.calculus.notation.pieces import transposed
from symgrad.calculus.notation.read import Reader
from symgrad.calculus.notation.spell import Speller, scaled
from symgrad.dag.nodes import Nodes


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
    list of Expr and MatrixExpr
        Scalars and matrices.
    """
    algebra = Algebra()
    forms = Reader(nodes, algebra).read(outputs)
    speller = Speller(algebra)
    wanted = targets or [None] * len(forms)
    return [oriented(speller.spell(f), t) for f, t in zip(forms, wanted, strict=True)]


def oriented(value: Any, target: Any) -> Any:
    """Return a column as a row where the variable is one."""
    shape = getattr(target, "shape", None) or (0, 0)
    if len(shape) == 2 and shape[0] == 1 != shape[1]:
        factors = value.args if isinstance(value, sympy.MatMul) else (value,)
        scalars = [f for f in factors if not getattr(f, "is_Matrix", False)]
        return scaled(sympy.Mul(*scalars), transposed(factors[len(scalars) :]))
    return value
