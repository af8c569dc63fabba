"""Refuse derivatives of gates that are no holomorphic functions where complex numbers reach them.

The rules of `abs`, `re`, `sign` and their kin are those of real analysis. With a complex operand
they would be silently wrong; symgrad has no Wirtinger calculus.
"""

from __future__ import annotations

from collections.abc import Iterable

from symgrad.dag.nodes import CONSTANT, Nodes, dependents
from symgrad.errors import UnknownPartialError
from symgrad.rules import discontinuous, routing
from symgrad.rules.row import Gate

REAL_ONLY: frozenset[Gate] = frozenset((*routing.ROWS, *discontinuous.ROWS)) - {
    routing.WHERE,
    routing.STOP,
}


def refuse_complex(nodes: Nodes, inputs: Iterable[int] = ()) -> None:
    """Check that no complex number reaches a gate of real analysis.

    Parameters
    ----------
    nodes : Nodes
        The graph.
    inputs : iterable of int
        Variables whose values are complex.

    Raises
    ------
    UnknownPartialError
        If one does and the operand moves.
    """
    sources = [*inputs, *_complex_constants(nodes)]
    if not sources:
        return
    tainted = dependents(nodes, sources, len(nodes) - 1)
    for gate, args in zip(nodes.gates, nodes.args, strict=True):
        if gate in REAL_ONLY and any(tainted[a] and not nodes.constant[a] for a in args):
            raise UnknownPartialError(
                f"`{gate.name}` meets a complex operand, where it has no derivative in one complex "
                "variable; write the real and the imaginary part as two formulas"
            )


def _complex_constants(nodes: Nodes) -> list[int]:
    return [
        node
        for node, gate in enumerate(nodes.gates)
        if gate is CONSTANT and getattr(nodes.payloads[node], "is_extended_real", True) is False
    ]
