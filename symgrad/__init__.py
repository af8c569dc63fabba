"""symgrad: show the gradient, prove it, and run it fast.

A formula goes in; out come its gradient as a closed form, the same gradient as numbers, every
intermediate value and local derivative on the way, and a check against numeric differences.
"""

from symgrad import nn
from symgrad.calculus import inner as _inner
from symgrad.calculus import loops as _loops
from symgrad.calculus.cost import stats
from symgrad.calculus.derivatives import diff, grad, value_and_grad
from symgrad.calculus.products import hessian, hvp, jacobian, jvp, vjp
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import SymgradError
from symgrad.expr import tensor_latex as _tensor_latex
from symgrad.expr import tensor_numpy as _tensor_numpy
from symgrad.expr.limits import Limits
from symgrad.expr.matrices import matrix
from symgrad.expr.printer import text
from symgrad.expr.reader import Parsed, parse
from symgrad.expr.region import block
from symgrad.expr.repetition import scan
from symgrad.expr.tensor_forms import (
    broadcast_to,
    concat,
    expand_dims,
    one_hot,
    pad,
    reshape,
    roll,
    squeeze,
    stack,
    swapaxes,
    take,
    transpose,
)
from symgrad.expr.tensor_patterns import diag, eye, ones, tril, triu, zeros
from symgrad.expr.tensor_products import (
    avg_pool,
    cholesky,
    conv,
    det,
    dot,
    einsum,
    expm,
    inv,
    logdet,
    matmul,
    max_pool,
    outer,
    solve,
    trace,
)
from symgrad.expr.tensor_reductions import (
    equal,
    log_softmax,
    logsumexp,
    map,
    max,
    mean,
    min,
    norm,
    prod,
    softmax,
    stop_gradient,
    sum,
    where,
)
from symgrad.expr.tensors import tensor
from symgrad.numeric import saved_program as _saved_program
from symgrad.numeric.bridges import to_jax, to_scipy, to_torch
from symgrad.numeric.check import check_grad
from symgrad.numeric.compiled import compile_function as compile
from symgrad.numeric.differences import numeric_grad
from symgrad.numeric.execution import Run, evaluate, run
from symgrad.numeric.program import Program
from symgrad.numeric.report import CheckReport
from symgrad.rules.custom import gate
from symgrad.show import examples
from symgrad.show import formulas as _formulas
from symgrad.show import reprs as _reprs
from symgrad.show import tables as _tables
from symgrad.show.derivation import explain
from symgrad.show.draw_picture import Picture, draw
from symgrad.show.outlines import Outline, outline
from symgrad.show.page_file import page
from symgrad.show.page_widget import widget

# Rooms that serve lower ones when they load.
_PROVIDERS = (
    _inner,
    _loops,
    _tensor_latex,
    _tensor_numpy,
    _saved_program,
    _formulas,
    _reprs,
    _tables,
)

__version__ = "0.1.0"

__all__ = [
    "CheckReport",
    "Graph",
    "Limits",
    "Outline",
    "Parsed",
    "Picture",
    "Program",
    "Run",
    "SymgradError",
    "avg_pool",
    "block",
    "broadcast_to",
    "check_grad",
    "cholesky",
    "compile",
    "concat",
    "conv",
    "det",
    "diag",
    "diff",
    "dot",
    "draw",
    "einsum",
    "equal",
    "evaluate",
    "examples",
    "expand_dims",
    "explain",
    "expm",
    "eye",
    "gate",
    "grad",
    "graph",
    "hessian",
    "hvp",
    "inv",
    "jacobian",
    "jvp",
    "log_softmax",
    "logdet",
    "logsumexp",
    "map",
    "matmul",
    "matrix",
    "max",
    "max_pool",
    "mean",
    "min",
    "nn",
    "norm",
    "numeric_grad",
    "one_hot",
    "ones",
    "outer",
    "outline",
    "pad",
    "page",
    "parse",
    "prod",
    "reshape",
    "roll",
    "run",
    "scan",
    "softmax",
    "solve",
    "squeeze",
    "stack",
    "stats",
    "stop_gradient",
    "sum",
    "swapaxes",
    "take",
    "tensor",
    "text",
    "to_jax",
    "to_scipy",
    "to_torch",
    "trace",
    "transpose",
    "tril",
    "triu",
    "value_and_grad",
    "vjp",
    "where",
    "widget",
    "zeros",
]
