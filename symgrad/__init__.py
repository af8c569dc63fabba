"""symgrad: show the gradient, prove it, and run it fast.

A formula goes in; out come its gradient as a closed form, the same gradient as numbers, every
intermediate value and local derivative on the way, and a check against numeric differences.
"""

from symgrad.calculus import inner as _inner
from symgrad.calculus.cost import stats
from symgrad.calculus.derivatives import diff, grad, value_and_grad
from symgrad.calculus.products import hessian, hvp, jacobian, jvp, vjp
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import SymgradError
from symgrad.expr.heads import stop_gradient
from symgrad.expr.limits import Limits
from symgrad.expr.printer import text
from symgrad.expr.reader import Parsed, parse
from symgrad.expr.region import block, scan
from symgrad.numeric.check import CheckReport, check_grad
from symgrad.numeric.compiled import compile_function as compile
from symgrad.numeric.differences import numeric_grad
from symgrad.numeric.execution import Run, evaluate, run
from symgrad.rules.custom import gate
from symgrad.show import formulas as _formulas
from symgrad.show import tables as _tables

_PROVIDERS = (_inner, _formulas, _tables)  # rooms that serve lower ones when they load

__version__ = "0.1.0"

__all__ = [
    "CheckReport",
    "Graph",
    "Limits",
    "Parsed",
    "Run",
    "SymgradError",
    "block",
    "check_grad",
    "compile",
    "diff",
    "evaluate",
    "gate",
    "grad",
    "graph",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "numeric_grad",
    "parse",
    "run",
    "scan",
    "stats",
    "stop_gradient",
    "text",
    "value_and_grad",
    "vjp",
]
