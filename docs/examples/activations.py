"""Every activation with its derivative: both curves are what symgrad computes.

`python docs/examples/activations.py` writes `docs/figures/activations.svg`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
from figures import BLUE, ORANGE, figure, save

import symgrad as sg
from symgrad import nn

x = sympy.Symbol("x")
POINTS = np.linspace(-4, 4, 201)
CURVES = {
    "sigmoid": nn.sigmoid(x),
    "tanh": nn.tanh(x),
    "ReLU": nn.relu(x),
    "leaky ReLU, 0.01": nn.leaky_relu(x),
    "PReLU, slope 0.25": nn.prelu(x, 0.25),
    "maxout of x, -x/2 - 1": nn.maxout(x, -x / 2 - 1),
    "ELU": nn.elu(x),
    "SELU": nn.selu(x),
    "softplus": nn.softplus(x),
    "GELU": nn.gelu(x),
    "GELU by tanh": nn.gelu(x, "tanh"),
    "swish, SiLU": nn.swish(x),
}


def curves(name: str) -> tuple[Any, Any]:
    """Return the values and the derivatives at the points."""
    values, slopes = sg.compile(CURVES[name], [x], wrt=x)(POINTS)
    return values, slopes


def main() -> None:
    """Draw all of them."""
    with figure(4, 3, width=9.6, height=6.6) as (page, panels):
        for panel, name in zip(panels, CURVES, strict=True):
            values, slopes = curves(name)
            panel.plot(POINTS, values, color=BLUE, lw=1.6)
            panel.plot(POINTS, slopes, color=ORANGE, lw=1.4, ls="--")
            panel.set_title(name, fontsize=10)
            panel.set(xlim=(-4, 4), ylim=(-2.2, 4.2), xticks=[-4, -2, 0, 2, 4])
            panel.axhline(0, color="0.75", lw=0.6, zorder=0)
            panel.axvline(0, color="0.75", lw=0.6, zorder=0)
        page.legend(["value", "derivative"], loc="lower center", ncols=2, frameon=False)
        page.tight_layout(rect=(0, 0.05, 1, 1))
        save(page, "activations")


if __name__ == "__main__":
    main()
