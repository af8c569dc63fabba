"""The lecture's drawings as pictures, and their golden files.

Run this file to write the golden files anew: `python tests/show/drawings.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import symgrad as sg
from symgrad import Picture

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {"svg": ".svg", "dot": ".dot", "mermaid": ".mmd", "tikz": ".tex"}

NEURON = "1/(1 + exp(-1*(w0*x0 + w1*x1 + w2)))"
AT_NEURON = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
STAGED = (
    "sigy = sigmoid(y); num = x + sigy; sigx = sigmoid(x); xpy = x + y; xpysqr = xpy**2; "
    "den = sigx + xpysqr; invden = 1/den; f = num*invden"
)
MICROGRAD = (
    "c = a + b; d = a*b + b**3; c1 = 2*c + 1; c2 = 2*c1 - a + 1; d1 = 3*d + relu(a + b); "
    "d2 = 4*d1 + relu(b - a); e = c2 - d2; f = e**2; g = f/2 + 10/f"
)
LAYERS = "z = x@W1; h = relu(z); s = h@W2; L = logsumexp(s) - s[0,2]"
AT_LAYERS = {
    "x": [[16, -6]],
    "W1": [[0.18, 0.04], [0.1, 0.22]],
    "W2": [[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]],
}


def matrices(formula: str, shapes: dict[str, Any]) -> Any:
    return sg.parse(formula, shapes=shapes)


def squared_norm() -> Any:
    return matrices("q = W@x; f = sum(q .** 2)", {"W": (2, 2), "x": (2,)})


def two_layers() -> Any:
    return matrices(LAYERS, {"x": (1, 2), "W1": (2, 2), "W2": (2, 3)})


DRAWINGS: dict[str, Callable[[], Picture]] = {
    "a3_circuit": lambda: sg.draw("q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4}),
    "a3_no_run": lambda: sg.draw("q = x + y; f = q*z"),
    "a4_neuron": lambda: sg.draw(NEURON, AT_NEURON),
    "a4_neuron_gates": lambda: sg.draw(NEURON, AT_NEURON, collapsed=False),
    "a5_staged": lambda: sg.draw(STAGED, {"x": 3, "y": -4}),
    "a5_staged_gates": lambda: sg.draw(STAGED, {"x": 3, "y": -4}, collapsed=False),
    "a6_roles": lambda: sg.draw("2*(x*y + max(z, w))", {"x": 3, "y": -4, "z": 2, "w": -1}),
    "a7_squared_norm": lambda: sg.draw(
        squared_norm(), {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]}
    ),
    "a10_two_paths": lambda: sg.draw("c = a + b; d = b + 1; e = c*d", {"a": 2, "b": 1}),
    "a11_micrograd": lambda: sg.draw(MICROGRAD, {"a": -4, "b": 2}),
    "c3_two_layers": lambda: sg.draw(two_layers(), AT_LAYERS),
}


def regenerate() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, make in DRAWINGS.items():
        picture = make()
        for kind, suffix in SUFFIXES.items():
            text = picture.as_format(kind)
            assert isinstance(text, str)
            (GOLDEN / f"{name}{suffix}").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    regenerate()
