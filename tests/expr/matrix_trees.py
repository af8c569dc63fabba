"""Random texts about matrices whose shapes fit, and Python itself as the judge of what they mean.

A text is written with as few brackets as Python's grammar asks for, or with some more. The judge
runs it with `%` for `.*`, `//` for `./` and `**` for `.^`, which bind as those do.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

SIZES = {"m": 3, "n": 2}
SHAPES = {
    "A": ("m", "n"),
    "B": ("m", "n"),
    "C": ("n", "m"),
    "S": ("m", "m"),
    "P": ("n", "n"),
    "x": ("n",),
    "y": ("m",),
    "a": (1, 1),
    "b": (1, 1),
}
SUM, PRODUCT, UNARY, POWER, ATOM = range(5)
Shape = tuple[str, str]
Text = tuple[str, int]


class Entries:
    """An array, or a number, with Python's operators bound as the texts mean them."""

    def __init__(self, value: Any) -> None:
        self.value = np.atleast_2d(np.asarray(value, float))

    @property
    def T(self) -> Entries:
        return Entries(self.value.T)

    def __add__(self, other: Any) -> Entries:
        return Entries(self.value + of(other))

    def __radd__(self, other: Any) -> Entries:
        return Entries(of(other) + self.value)

    def __sub__(self, other: Any) -> Entries:
        return Entries(self.value - of(other))

    def __rsub__(self, other: Any) -> Entries:
        return Entries(of(other) - self.value)

    def __neg__(self) -> Entries:
        return Entries(-self.value)

    def __mul__(self, other: Any) -> Entries:
        assert self.value.size == 1 or of(other).size == 1, "`*` only scales"
        return Entries(self.value * of(other))

    def __rmul__(self, other: Any) -> Entries:
        return Entries(of(other) * self.value)

    def __truediv__(self, other: Any) -> Entries:
        assert of(other).size == 1, "`/` divides by a scalar"
        return Entries(self.value / of(other))

    def __matmul__(self, other: Any) -> Entries:
        return Entries(self.value @ of(other))

    def __mod__(self, other: Any) -> Entries:
        return Entries(self.value * of(other))

    def __rmod__(self, other: Any) -> Entries:
        return Entries(of(other) * self.value)

    def __floordiv__(self, other: Any) -> Entries:
        return Entries(self.value / of(other))

    def __rfloordiv__(self, other: Any) -> Entries:
        return Entries(of(other) / self.value)

    def __pow__(self, exponent: Any) -> Entries:
        return Entries(self.value ** of(exponent))


def of(value: Any) -> Any:
    return value.value if isinstance(value, Entries) else np.asarray(value, float)


def entrywise(function: Any) -> Any:
    return lambda *values: Entries(function(*map(of, values)))


FUNCTIONS = {
    "tanh": entrywise(np.tanh),
    "sigmoid": entrywise(lambda v: 1 / (1 + np.exp(-v))),
    "relu": entrywise(lambda v: np.maximum(v, 0)),
    "sin": entrywise(np.sin),
    "exp": entrywise(np.exp),
    "max": entrywise(np.maximum),
    "sum": entrywise(np.sum),
    "norm2": entrywise(lambda v: np.sum(v * v)),
    "mean": entrywise(np.mean),
    "tr": entrywise(np.trace),
    "dot": entrywise(lambda u, v: np.sum(u * v)),
    "diag": lambda v: Entries(np.diag(of(v).ravel())),
    "ones": lambda rows, columns=1: Entries(np.ones((int(of(rows)), int(of(columns))))),
}


def point(seed: int) -> dict[str, Any]:
    """Return arrays for the names, in the shapes that numeric code takes."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, sizes in SHAPES.items():
        shape = [SIZES.get(n, n) for n in sizes if n != 1]
        found[name] = rng.uniform(0.2, 1.5, shape)
    return found


def judged(text: str, at: dict[str, Any]) -> Any:
    """Return what Python makes of a text, without axes of length 1."""
    spelled = text.replace(".*", "%").replace("./", "//").replace(".^", "**")
    names = {k: Entries(v[:, None] if v.ndim == 1 else v) for k, v in at.items()}
    found = eval(spelled, {"__builtins__": {}}, FUNCTIONS | names | SIZES)
    return np.squeeze(of(found))


class Writer:
    """Write random texts.

    Parameters
    ----------
    seed : int
        For the random numbers.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def tight(self, text: Text, level: int) -> str:
        """Return a text with brackets where it binds less tight than `level`, or sometimes so."""
        needs = text[1] < level or (text[1] < ATOM and self.random.random() < 0.1)
        return f"({text[0]})" if needs else text[0]

    def matrix(self, shape: Shape, depth: int) -> Text:
        """Return a random matrix of a shape."""
        if depth == 0:
            return self.leaf(shape)
        return self.random.choice(
            [self.sum, self.product, self.scaled, self.entry_product, self.call, self.transposed]
        )(shape, depth - 1)

    def leaf(self, shape: Shape) -> Text:
        rows, columns = shape
        names = [k for k, s in SHAPES.items() if (*s, 1)[:2] == shape]
        turned = [k for k, s in SHAPES.items() if (*s, 1)[:2] == (columns, rows)]
        found = [*names, *(f"{k}.T" for k in turned)]
        return (self.random.choice(found) if found else f"ones({rows}, {columns})"), ATOM

    def sum(self, shape: Shape, depth: int) -> Text:
        left, right = self.matrix(shape, depth), self.matrix(shape, depth)
        if self.random.random() < 0.3:
            left = self.scalar(0)
        elif self.random.random() < 0.3:
            right = self.scalar(0)
        sign = self.random.choice("+-")
        return f"{self.tight(left, SUM)} {sign} {self.tight(right, PRODUCT)}", SUM

    def product(self, shape: Shape, depth: int) -> Text:
        inner = self.random.choice("mn")
        left = self.tight(self.matrix((shape[0], inner), depth), PRODUCT)
        return f"{left}@{self.tight(self.matrix((inner, shape[1]), depth), UNARY)}", PRODUCT

    def scaled(self, shape: Shape, depth: int) -> Text:
        inner, scalar = self.matrix(shape, depth), self.scalar(depth)
        kind = self.random.randrange(4)
        if kind == 0:
            return f"-{self.tight(inner, UNARY)}", UNARY
        if kind == 1:
            return f"{self.tight(inner, PRODUCT)}/{self.tight(self.positive(), UNARY)}", PRODUCT
        if kind == 2:
            return f"{self.tight(inner, PRODUCT)}*{self.tight(scalar, UNARY)}", PRODUCT
        return f"{self.tight(scalar, PRODUCT)}*{self.tight(inner, UNARY)}", PRODUCT

    def entry_product(self, shape: Shape, depth: int) -> Text:
        left = self.tight(self.matrix(shape, depth), PRODUCT)
        kind = self.random.randrange(3)
        if kind == 0:
            return f"{left} ./ {self.tight(self.bounded(shape, depth), UNARY)}", PRODUCT
        if kind == 1:
            return f"{self.tight(self.bounded(shape, depth), ATOM)} .^ 2", POWER
        return f"{left} .* {self.tight(self.matrix(shape, depth), UNARY)}", PRODUCT

    def bounded(self, shape: Shape, depth: int) -> Text:
        """Return a matrix whose entries are above 0."""
        return f"exp(sin({self.matrix(shape, depth)[0]}))", ATOM

    def call(self, shape: Shape, depth: int) -> Text:
        inner = self.matrix(shape, depth)[0]
        name = self.random.choice(["tanh", "sigmoid", "relu", "sin", "max"])
        more = f", {self.scalar(0)[0]}" if name == "max" else ""
        return f"{name}({inner}{more})", ATOM

    def transposed(self, shape: Shape, depth: int) -> Text:
        return f"{self.tight(self.matrix(shape[::-1], depth), ATOM)}.T", ATOM

    def positive(self) -> Text:
        return self.random.choice(["2", "0.5", "a", "b"]), ATOM

    def scalar(self, depth: int) -> Text:
        """Return a random number."""
        if depth == 0 or self.random.random() < 0.4:
            return self.positive()
        rows, columns = self.random.choice("mn"), self.random.choice("mn")
        shape = rows, columns
        kind = self.random.randrange(5)
        if kind == 0:
            one, other = self.matrix((rows, 1), depth - 1), self.matrix((rows, 1), depth - 1)
            return f"{self.tight(one, ATOM)}.T@{self.tight(other, UNARY)}", PRODUCT
        if kind == 1:
            return f"tr({self.matrix((rows, rows), depth - 1)[0]})", ATOM
        if kind == 2:
            both = [self.matrix(shape, depth - 1)[0] for _ in range(2)]
            return f"dot({both[0]}, {both[1]})", ATOM
        name = self.random.choice(["norm2", "sum", "mean"])
        return f"{name}({self.matrix(shape, depth - 1)[0]})", ATOM


def random_text(seed: int, depth: int = 3) -> str:
    """Return a random text about matrices whose shapes fit."""
    writer = Writer(seed)
    shape = writer.random.choice([("m", "n"), ("n", "m"), ("m", "m"), ("m", 1), ("n", 1)])
    return writer.matrix(shape, depth)[0]
