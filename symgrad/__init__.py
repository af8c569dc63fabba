"""symgrad: show the gradient, prove it, and run it fast.

A formula goes in; out come its gradient as a closed form, the same gradient as numbers, every
intermediate value and local derivative on the way, and a check against numeric differences.
"""

import symgrad.calculus.inner  # provides the derivatives of regions
from symgrad.calculus.derivatives import (
    diff,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from symgrad.dag.graph import Graph, graph
from symgrad.errors import SymgradError
from symgrad.expr.heads import stop_gradient
from symgrad.expr.limits import Limits
from symgrad.expr.printer import text
from symgrad.expr.reader import Parsed, parse
from symgrad.expr.region import block, scan

__version__ = "0.1.0"

__all__ = [
    "Graph",
    "Limits",
    "Parsed",
    "SymgradError",
    "block",
    "diff",
    "grad",
    "graph",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "parse",
    "scan",
    "stop_gradient",
    "text",
    "value_and_grad",
    "vjp",
]
