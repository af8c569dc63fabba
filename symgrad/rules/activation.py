"""Smooth activations and their numerically safe companions."""

from __future__ import annotations

import sympy

from symgrad.expr import heads
from symgrad.rules.row import REAL, Gate

ROWS = (
    Gate(
        "sigmoid",
        heads.sigmoid,
        ("(1 - out)*out",),
        (1, 1),
        (REAL,),
        letter="s",
        reason="exp(-x)/(1 + exp(-x))**2 is nan at x = -1000",
    ),
    Gate("softplus", heads.softplus, ("sigmoid(x)",), (1, 1), (REAL,)),
    Gate(
        "swish",
        heads.swish,
        ("sigmoid(x)*(1 + x*(1 - sigmoid(x)))",),
        (1, 1),
        (REAL,),
        source="Ramachandran, Zoph and Le, 2017, eq. 2",
    ),
    Gate("gelu", heads.gelu, None, (1, 1), (REAL,), source="Hendrycks and Gimpel, 2016"),
    Gate("elu", heads.elu, None, (1, 2), (REAL, (0.2, 1.0)), analytic=False, kinked=True),
    Gate("selu", heads.selu, None, (1, 1), (REAL,), analytic=False, kinked=True),
    Gate(
        "logsumexp",
        heads.logsumexp,
        lambda site: sympy.exp(site.operands[site.index] - site.out),
        (1, None),
        (REAL,),
        reason="the shifted exponentials never overflow",
    ),
    Gate("logaddexp", heads.logaddexp, ("exp(x - out)", "exp(y - out)"), (2, 2), (REAL, REAL)),
)
