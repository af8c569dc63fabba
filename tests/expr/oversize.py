"""Texts of absurd size or value, and the run of every hostile text under limits.

Run as a script it reads them all with limits on memory and time, and prints what happened as JSON.
Rows are (text, column of the caret, part of the message); a text may be a function that makes it.
"""

from __future__ import annotations

import json
import resource
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MEMORY = 256 << 20  # bytes above what the imports take
CPU = 120  # seconds for the whole table

Text = str | Callable[[], str]
Row = tuple[Text, int, str]

TOO_LARGE: tuple[Row, ...] = (
    ("1e1000000000", 1, "more than 500 digits when written out"),
    ("2 + 1e-1000000000", 5, "more than 500 digits when written out"),
    ("1e" + "9" * 400, 1, "more than 500 digits when written out"),
    ("1e500", 1, "more than 500 digits when written out"),
    ("1e-501", 1, "more than 500 digits when written out"),
    (lambda: "1" * 501, 1, "more than 500 digits when written out"),
    (lambda: "1" * 999_999, 1, "more than 500 digits when written out"),
    (lambda: "1_" * 400_000 + "1", 1, "more than 500 digits when written out"),
    (lambda: "0." + "1" * 900_000, 1, "more than 500 digits when written out"),
    (lambda: "x" * 101, 1, "the name holds more than 100 characters"),
    (lambda: "x" * 999_999, 1, "the name holds more than 100 characters"),
    (lambda: "x" * 999_999 + "(y)", 1, "the text holds more than 1000000 characters"),
    (lambda: "x" * 2_000_000, 1, "the text holds more than 1000000 characters"),
    (lambda: " " * 2_000_000, 1, "the text holds more than 1000000 characters"),
    (lambda: "(" * 100_000, 1001, "more than 1000 brackets, signs and powers are open"),
    (lambda: "[" * 100_000, 1, "an expression is wanted here"),
    (lambda: "(" * 1001 + "x" + ")" * 1001, 1001, "more than 1000 brackets"),
    (lambda: "sin(" * 100_000 + "x" + ")" * 100_000, 4004, "more than 1000 brackets"),
    (lambda: "-" * 999_999 + "x", 1001, "more than 1000 brackets"),
    (lambda: "+" * 999_999 + "x", 1001, "more than 1000 brackets"),
    (lambda: "~" * 100_000 + "x", 1001, "more than 1000 brackets"),
    (lambda: "not " * 100_000 + "x", 4001, "more than 1000 brackets"),
    (lambda: "x**" * 100_000 + "x", 3002, "more than 1000 brackets"),
    (lambda: "-(" * 50_000, 1001, "more than 1000 brackets"),
    (lambda: "x[" * 50_000, 2002, "more than 1000 brackets"),
    (lambda: "1(" * 50_000, 2002, "more than 1000 brackets"),
    (lambda: "where(x>y," * 50_000, 10006, "more than 1000 brackets"),
    (lambda: "x=" * 50_000, 4, "`=` gives a name"),
    (lambda: ")" * 999_999, 1, "an expression is wanted here"),
    (lambda: "," * 999_999, 1, "an expression is wanted here"),
    (lambda: "x=1;" * 200_000, 5, "`x` has a value already"),
    (lambda: "'" * 999_999, 1, "strings have no meaning"),
    (lambda: "α" * 999_999, 1, "GREEK SMALL LETTER ALPHA"),
    (lambda: "f" * 100 + "(x)", 1, "unknown function `" + "f" * 100),
    (lambda: "x\n" * 200_000, 1, "this value is not used"),
    (lambda: "\n" * 100_000 + "$", 1, "`$` has no meaning here"),
    (lambda: ";" * 500_001, 500_001, "the text holds more than 500000 tokens"),
    (lambda: "#" * 999_999, 1, "the text is empty"),
)

# Texts that must be read, lazily where their value would be enormous.
READ: tuple[Text, ...] = (
    "9**9**9**9",
    "9^9^9^9^9^9^9^9",
    "factorial(10**7)",
    "factorial(factorial(factorial(999)))",
    "binomial(10**100, 10**99)",
    "(10**400)**(10**400)",
    "1e400**1e400",
    "sin(cos(exp(exp(exp(exp(1))))))",
    "exp(exp(exp(exp(exp(exp(x))))))",
    "1/0",
    "0**0",
    "0**-1",
    "log(0)",
    "gamma(0)",
    "zeta(1)",
    "polygamma(10**6, 10**6)",
    "bernoulli(10**9)",
    "fibonacci(10**18)",
    "Sum(1/i, (i, 1, 10**100))",
    "Integral(exp(-x**2), (x, 0, 10**9))",
    "Mod(10**300, 7)",
    "legendre(10**9, x)",
    "beta + E + I + N + S + Q + O + zeta + lambda + e + oo + nan + test + re",
    "beta(x, y) + gamma(z) + zeta(s)",
    "gamma*gamma(gamma)",
    "__class__ + __import__",
    "None + self",
    "_ + __",
    "x\r\n",
    "a = x;; b = a;\n\n# end\nb;",
    "(x\n\n+ # inside\n y)",
    "1_000.000_1e1",
    "1e499",
    "1e-499",
    "007 + .5 + 5. + 5.e2",
    "1(x > y)**1(y >= x)",
    "where(True, x, y)",
    "x" * 100,
    lambda: "(" * 999 + "x" + ")" * 999,
    lambda: "-" * 999 + "x",
    lambda: "+".join(["x"] * 50_000),
    lambda: "-".join(["x"] * 50_000),
    lambda: "*".join(["x"] * 50_000),
    lambda: "/".join(["x"] * 40_000),
    lambda: f"max({', '.join(['x'] * 50_000)})",
    lambda: f"x[{', '.join(['1'] * 50_000)}]",
    lambda: "\n" * 400_000 + "x",
    lambda: " " * 999_999 + "x",
    lambda: "x #" + "(" * 900_000,
    lambda: "\n".join(f"a{i} = x + {i}" for i in range(20_000)),
    lambda: "f0 = x;" + ";".join(f"f{i + 1} = f{i}*f{i} + f{i}" for i in range(2_000)),
    lambda: "9**9**9" + "+9**9**9" * 10_000,
    lambda: "+".join(f"sin(x{i})*exp(-y{i})" for i in range(6_000)),
)


def make(text: Text) -> str:
    """Return the text of a row."""
    return text if isinstance(text, str) else text()


def refused() -> tuple[Row, ...]:
    """Return every row that must be refused."""
    table = runpy.run_path(str(Path(__file__).with_name("hostile.py")))
    return (*table["REFUSED"], *TOO_LARGE)


def texts() -> list[Text]:
    """Return every text, the refused ones first."""
    return [row[0] for row in refused()] + list(READ)


def _read(text: str) -> dict[str, Any]:
    from symgrad.errors import ParseError
    from symgrad.expr.reader import parse

    started = time.process_time()
    try:
        parse(text)
        outcome: dict[str, Any] = {"error": None}
    except ParseError as error:
        outcome = {"error": type(error).__name__, "message": str(error), "column": error.column}
    except Exception as error:  # Whatever comes out is the finding.
        outcome = {"error": type(error).__name__, "message": repr(error)[:200], "column": 0}
    return outcome | {"seconds": time.process_time() - started}


def _limit() -> None:
    with open("/proc/self/statm") as statm:
        held = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))


if __name__ == "__main__":
    _read("x + 1")
    _limit()
    json.dump([_read(make(text)) for text in texts()], sys.stdout)
