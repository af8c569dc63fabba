"""What is run at native speed: outputs as SymPy expressions, and the same formulas by hand in JAX.

The formula by hand is what a person would write who has no symbolic engine: arrays and vectors, and
JAX's own derivatives of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import sympy

from tests.benchmarks import problems

Kind = Literal["gradient", "jacobian", "hessian"]
SEED = 0


@dataclass(frozen=True, slots=True)
class Posed:
    """A function whose derivatives are run.

    Parameters
    ----------
    outputs : list of Expr
        One, but for a Jacobian.
    inputs : list of Symbol
        What the derivatives are by; all variables.
    kind : {"gradient", "jacobian", "hessian"}
        What a call gives: value and gradient, values and Jacobian, or the Hessian.
    points : int
        Size of a batch.
    low, high : float
        Inputs are uniform between them.
    by_hand : callable
        `by_hand(jax.numpy)` returns a function of one array of all inputs.
    """

    outputs: list[Any]
    inputs: list[Any]
    kind: Kind
    points: int
    by_hand: Callable[[Any], Callable[[Any], Any]]
    low: float = 0.0
    high: float = 1.0

    @property
    def results(self) -> int:
        """How many numbers a point has."""
        n, m = len(self.inputs), len(self.outputs)
        return {"gradient": 1 + n, "jacobian": m * (1 + n), "hessian": n * n}[self.kind]


def mlp16() -> Posed:
    """Return the network's loss, by weights and inputs."""
    posed = problems.network(16, 16, 4)
    inputs = [*posed.wrt, *sympy.symbols("x:16")]

    def by_hand(jnp: Any) -> Callable[[Any], Any]:
        def loss(x: Any) -> Any:
            W, V, data = x[:256].reshape(16, 16), x[256:320].reshape(4, 16), x[320:]
            return jnp.sum((V @ jnp.tanh(W @ data) - jnp.arange(4)) ** 2)

        return loss

    return Posed([posed.expr], inputs, "gradient", 20_000, by_hand)


def rosen500() -> Posed:
    posed = problems.rosenbrock(500)
    return Posed([posed.expr], posed.wrt, "gradient", 5_000, rosenbrock_by_hand)


def rosenbrock_by_hand(jnp: Any) -> Callable[[Any], Any]:
    return lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def deep100() -> Posed:
    posed = problems.nested(100)

    def by_hand(jnp: Any) -> Callable[[Any], Any]:
        def chain(x: Any) -> Any:
            e = x[0]
            for _ in range(100):
                e = jnp.sin(e) * x[1] + jnp.cos(e)
            return e

        return chain

    return Posed([posed.expr], posed.wrt, "gradient", 20_000, by_hand)


def reprojection() -> Posed:
    """Return where a camera sees a point: Rodrigues' rotation, pinhole, radial distortion."""
    r, t, p = sympy.symbols("r:3"), sympy.symbols("t:3"), sympy.symbols("p:3")
    fx, fy, cx, cy, k1, k2 = sympy.symbols("fx fy cx cy k1 k2")
    angle = sympy.sqrt(sum(a * a for a in r))
    axis = [a / angle for a in r]
    along = sum(a * b for a, b in zip(axis, p, strict=True))
    turned = [
        b * sympy.cos(angle) + c * sympy.sin(angle) + a * along * (1 - sympy.cos(angle)) + move
        for a, b, c, move in zip(axis, p, cross(axis, p), t, strict=True)
    ]
    x, y = turned[0] / turned[2], turned[1] / turned[2]
    square = x * x + y * y
    bent = 1 + k1 * square + k2 * square * square
    outputs = [fx * x * bent + cx, fy * y * bent + cy]
    inputs = [*r, *t, *p, fx, fy, cx, cy, k1, k2]
    return Posed(outputs, inputs, "jacobian", 50_000, reprojection_by_hand, 0.5, 1.5)


def cross(a: Any, b: Any) -> list[Any]:
    return [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]


def reprojection_by_hand(jnp: Any) -> Callable[[Any], Any]:
    def pixel(v: Any) -> Any:
        r, t, p, f, c, (k1, k2) = v[:3], v[3:6], v[6:9], v[9:11], v[11:13], v[13:15]
        angle = jnp.sqrt(r @ r)
        axis = r / angle
        turned = p * jnp.cos(angle) + jnp.cross(axis, p) * jnp.sin(angle)
        turned = turned + axis * (axis @ p) * (1 - jnp.cos(angle)) + t
        flat = turned[:2] / turned[2]
        square = flat @ flat
        return f * flat * (1 + k1 * square + k2 * square * square) + c

    return pixel


def speelpenning() -> Posed:
    x = sympy.symbols("x:100")
    hand = lambda jnp: jnp.prod  # noqa: E731 - a formula by hand is one
    return Posed([sympy.Mul(*x)], list(x), "gradient", 20_000, hand, 0.5, 1.5)


def fourier() -> Posed:
    """Return a sum of 30 waves in the plane."""
    x, y = sympy.symbols("x y")
    waves = [sympy.sin(k * x) * sympy.cos(k * y) / k for k in range(1, 31)]

    def by_hand(jnp: Any) -> Callable[[Any], Any]:
        k = jnp.arange(1.0, 31.0)
        return lambda v: jnp.sum(jnp.sin(k * v[0]) * jnp.cos(k * v[1]) / k)

    return Posed([sympy.Add(*waves)], [x, y], "hessian", 20_000, by_hand)


NATIVE: dict[str, Callable[[], Posed]] = {
    "mlp16": mlp16,
    "rosen500": rosen500,
    "deep100": deep100,
    "reprojection": reprojection,
    "speelpenning": speelpenning,
    "fourier": fourier,
}


def smaller(posed: Posed, points: int) -> Posed:
    """Return the same function with a smaller batch."""
    return replace(posed, points=points)
