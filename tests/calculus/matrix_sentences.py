"""Random formulas of matrices whose shapes fit, as text: scalars over `m`, `n` and `k`.

Every operand is bounded where a function needs it, so that values and gradients stay of the order
of one. Loaded by `runpy`.
"""

from __future__ import annotations

import random

LETTERS = {
    "W": ("m", "n"),
    "Y": ("m", "n"),
    "V": ("n", "k"),
    "A": ("n", "n"),
    "x": ("n", "1"),
    "a": ("n", "1"),
    "b": ("m", "1"),
    "c": ("k", "1"),
}
SHAPES = {
    name: rows if columns == "1" else (rows, columns) for name, (rows, columns) in LETTERS.items()
}
SIZES = ("m", "n", "k")
FUNCTIONS = ("tanh", "sin", "cos", "sigmoid", "softplus", "exp")
Shape = tuple[str, str]


def scalar(rng: random.Random, depth: int) -> str:
    """A formula that is a number."""
    rows, columns = rng.choice(SIZES), rng.choice((*SIZES, "1"))
    inner = matrix(rng, (rows, columns), depth - 1)
    square = matrix(rng, (rows, rows), depth - 1)
    vectors = [matrix(rng, (n, "1"), depth - 1) for n in (rows, rows)]
    return rng.choice(
        [
            f"sum({inner})",
            f"norm2({inner})",
            f"mean({inner})",
            f"norm({inner} - 3)",
            f"logsumexp({inner})",
            f"tr({square})",
            f"log(1 + norm2({inner}))",
            f"({vectors[0]}).T@({vectors[1]})",
            f"({vectors[0]}).T@({square})@({vectors[1]})",
            f"logdet(eye({rows}) + ({inner})@({inner}).T)",
            f"({vectors[0]}).T@inv(4*eye({rows}) + tanh({square}))@({vectors[1]})",
            f"exp(-norm2({inner})/8)*sum({square})",
        ]
    )


def matrix(rng: random.Random, shape: Shape, depth: int) -> str:
    """A formula of a shape."""
    if depth <= 0:
        return leaf(rng, shape)
    rows, columns = shape
    inner = rng.choice(SIZES)
    same = matrix(rng, shape, depth - 1)
    other = matrix(rng, shape, depth - 1)
    left, right = matrix(rng, (rows, inner), depth - 1), matrix(rng, (inner, columns), depth - 1)
    ways = [
        f"({same}) + {other}",
        f"({same}) - ({other})",
        f"({same}) .* ({other})",
        f"({same}) ./ (2 + ({other}).^2)",
        f"{rng.choice(FUNCTIONS)}(({same})/2)",
        f"0.5*({same})",
        f"({left})@({right})",
        f"diag({leaf(rng, (rows, '1'))})@({same})",
    ]
    if columns == "1":
        ways += [f"softmax({same})", f"sum({left}, axis=1)"]
    else:
        turned = matrix(rng, (columns, rows), depth - 1)
        column, row = leaf(rng, (rows, "1")), leaf(rng, (columns, "1"))
        ways += [f"softmax({same}, axis=1)", f"({turned}).T", f"({column})@({row}).T"]
    return rng.choice(ways)


def leaf(rng: random.Random, shape: Shape) -> str:
    """A letter of a shape, transposed if need be, or ones where there is none."""
    found = [name for name, given in LETTERS.items() if given == shape]
    found += [f"{n}.T" for n, given in LETTERS.items() if given == shape[::-1] and "1" not in shape]
    if found:
        return rng.choice(found)
    left = [n for n, given in LETTERS.items() if given == (shape[0], "1")]
    right = [n for n, given in LETTERS.items() if given == (shape[1], "1")]
    return f"{rng.choice(left)}@{rng.choice(right)}.T"
