"""Small texts of absurd cost, through every command and `evaluate`, each in a limited process.

Imports symgrad once; every case is a fork with limits on memory and CPU time above what the imports
took. Arguments: a runner, then `bombs`, `more` or formulas. Prints what happened as JSON: exit
code, CPU seconds, and the end of what was printed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from click.testing import CliRunner

import symgrad as sg
from symgrad.cli import main

MEMORY = 256 << 20  # bytes above what the imports take
CPU = 10  # seconds after which a case is killed; the test allows fewer

AT = {"x": "100", "y": "3", "n": "5"}

BOMBS: tuple[str, ...] = (
    "9**9**9**9",
    "9**9**9**9*x",
    "x**(9**9**9)",
    "sin(9**9**9)*x",
    "(-9)**9**9**9*x",
    "factorial(10**7)*x",
    "gamma(10**9)*x",
    "fibonacci(10**18)*x",
    "bell(10**6)*x",
    "harmonic(10**18 + 1/3)*x",
    "polygamma(10**7, x)",
    "chebyshevt(10**9, x)",
    "besselj(10**9, x)",
    "sin(cos(exp(exp(exp(exp(1))))))*x",
    "sin(cos(exp(exp(exp(exp(x))))))",
    "exp(exp(exp(x)))",
    "(10**400)**(10**400)",
    "(10**400)**(10**400)*x",
    "x**(10**9)",
    "x**(10**400)",
    "2**x**x**x",
    "2**(10**9)*x",
    "(1/3)**(10**9)*x",
    "mod(9**9**9, 7)*x",
    "floor(exp(10**6))*x",
    "where(9**9**9 > 9**9**8, x, y)",
    "Sum(x**k, (k, 1, 10**9))",
    "Product(k, (k, 1, 10**9))*x",
    "Integral(exp(exp(t)), (t, 0, 100))*x",
    "Integral(x**t**t, (t, 0, 10**400))",
    "(x + y)**10**8",
    "(((x + 1)**10**5 + 1)**10**5 + 1)**10**5",
    "x**(1/(10**400 + 1))",
    "stieltjes(10**4)*x",
    "tribonacci(10**9)*x",
    "exp(" * 900 + "x" + ")" * 900,
    "sqrt(1 + " * 900 + "x" + ")" * 900,
    "sigmoid(" * 300 + "x" + ")" * 300,
    "max(y, " * 300 + "x" + ")" * 300,
    "f0 = sin(x)*x + x;" + ";".join(f"f{i + 1} = sin(f{i})*f{i} + f{i}" for i in range(300)),
    "f0 = x*y + 1;" + ";".join(f"f{i + 1} = f{i}*f{i} + f{i}" for i in range(300)),
    "f0 = x/100;" + ";".join(f"f{i + 1} = f{i}**f{i}" for i in range(300)),
    "f0 = 3;" + ";".join(f"f{i + 1} = f{i}*f{i}" for i in range(300)) + "; f300*x",
    "f0 = 3;" + ";".join(f"f{i + 1} = f{i}**f{i}" for i in range(30)) + "; f30*x",
    "f0 = 1/3;" + ";".join(f"f{i + 1} = f{i}*f{i} + 1/7" for i in range(60)) + "; f60*x",
    "f0 = x/3;" + ";".join(f"f{i + 1} = f{i}*(2*f{i} + 1/7)" for i in range(60)),
)

MORE: tuple[str, ...] = (
    "Integral(sin(t**100)*x, (t, 0, 1000))",
    "sin(" * 900 + "x" + ")" * 900,
    "1/(1 + " * 900 + "x" + ")" * 900,
    "abs(" * 900 + "x" + ")" * 900,
    "where(x > 0, y, " * 300 + "x" + ")" * 300,
    "f0 = x*y + 1;" + ";".join(f"f{i + 1} = f{i}/(f{i} + y)" for i in range(300)),
    "+".join(["x"] * 5_000),
    "*".join(["x"] * 5_000),
    "-".join(["x*y"] * 5_000),
    "*".join(f"(x + {i})" for i in range(2_000)),
    "+".join(f"x**{i}" for i in range(1_000)),
    "9**9**9 - 9**9**9 + x",
    "(1/9)**9**9**9*x",
    "factorial(10**7)/factorial(10**7 - 1)*x",
    "factorial2(10**7)*x",
    "binomial(10**9, 5*10**8)*x",
    "lucas(10**18)*x",
    "bernoulli(10**7)*x",
    "euler(10**7)*x",
    "catalan(10**7)*x",
    "harmonic(10**9)*x",
    "zeta(10**9)*x",
    "zeta(-10**7)*x",
    "legendre(10**7, x)",
    "hermite(10**6, x)",
    "laguerre(10**6, x)",
    "gegenbauer(10**6, 2, x)",
    "jacobi(10**6, 1, 2, x)",
    "besselj(1, 10**400)*x",
    "rf(x, 10**7)",
    "ff(x, 10**7)",
    "exp(exp(exp(exp(exp(exp(1))))))",
    "log(exp(exp(exp(exp(1)))))*x",
    "sin(10**400)**(10**400)*x",
    "2**(10**9 + 1/2)*x",
    "sqrt(10**400 + 1)*x",
    "mod(10**400, 7)*x",
    "floor(exp(1000))*x",
    "floor(10**400*pi)*x",
    "ceiling(sin(exp(exp(exp(5)))))*x",
    "sign(exp(exp(exp(10))) - 1)*x",
    "abs(sin(exp(exp(exp(10)))))*x",
    "max(9**9**9, 9**9**9 + 1)*x",
    "max(exp(exp(exp(10))), 2)*x",
    "where(exp(exp(exp(9))) > 2, x, y)",
    "1(exp(exp(exp(9))) > 2)*x",
    "where(sin(9**9**9) > 0, x, y)",
    "Sum(k**k, (k, 1, 10**9))*x",
    "Product(x + k, (k, 1, 10**9))",
    "Derivative(x**y, (x, 10**6))",
    "Derivative(exp(exp(x)), (x, 20))",
    "besselj(x, y)**10**8",
    "(x + y + n)**50",
    "((((x**1000)**1000)**1000)**1000)**1000",
    "((((x**(1/1000))**(1/1000))**(1/1000))**(1/1001))**(1/1003)",
    "1e400**(1e-400)*x",
    "2**(1/10**9)*x",
    "(2**(1/3) + 3**(1/5))**10**6*x",
    "zeta(1/2 + 10**9*x)",
    "hyper([1, 2], [3], x)",
    "meijerg([[1], []], [[1], []], x)",
    "erf(exp(exp(x)))",
    "loggamma(exp(exp(x)))",
    "gamma(exp(exp(x)))",
    "polylog(10**6, x)",
    "lerchphi(1/2, 10**6, x)",
    "Ynm(10**6, 5, x, y)",
    "assoc_legendre(10**6, 5, x/1000)",
    "jn(10**6, x)",
    "airyai(10**30*x)",
    "expint(10**9, x)",
    "uppergamma(10**9, x)",
    "LambertW(9**9**9)*x",
    "Heaviside(9**9**9)*x",
    "primepi(10**18)*x",
    "prime(10**12)*x",
    "divisor_sigma(10**60 + 7)*x",
    "totient(10**60 + 7)*x",
    "partition(10**9)*x",
    "subfactorial(10**7)*x",
    "genocchi(10**6)*x",
    "LeviCivita(1, 2, 3)*x",
)

COMMANDS = ("grad", "diff", "run", "check", "stats")


def point(formula: str) -> dict[str, str]:
    """Return values for the variables of a formula, as the command takes them."""
    try:
        names = [str(s) for s in sg.graph(formula).inputs]
    except (sg.SymgradError, ArithmeticError, RecursionError, MemoryError):
        names = []
    return {name: AT[name] for name in names}


def command(name: str) -> Callable[[str], tuple[int, str]]:
    """Return a function that runs a command on a formula."""

    def called(formula: str) -> tuple[int, str]:
        options = []
        if name in ("run", "check", "grad"):
            options += ["--at", ",".join(f"{k}={v}" for k, v in point(formula).items())]
        if name == "diff":
            options += ["--wrt", "x,x"]
        found = CliRunner().invoke(main, [name, formula, *options])
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            return 99, f"{type(found.exception).__name__}: {found.exception}"[:500]
        return found.exit_code, found.output[-300:]

    return called


def evaluated(formula: str) -> tuple[int, str]:
    """Ask for 30 digits."""
    try:
        at = {k: int(v) for k, v in point(formula).items()}
        return 0, str(sg.evaluate(formula, at, digits=30))
    except sg.SymgradError as error:
        return 2, f"error: {error}"[:300]


RUNNERS = {name: command(name) for name in COMMANDS} | {"evaluate": evaluated}


def limited(action: Callable[[], tuple[int, str]]) -> dict[str, Any]:
    """Run an action in a fork with limits; return how it ended."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with open("/proc/self/statm") as statm:
            held = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, held + MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU + 1))
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        with contextlib.redirect_stderr(io.StringIO()):
            try:
                code, told = action()
            except BaseException as error:
                code, told = 99, f"{type(error).__name__}: {error}"[:300]
        os.write(write, json.dumps([code, told]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        sent = pipe.read()
    _, status, used = os.wait4(child, 0)
    code, told = json.loads(sent) if sent else (-os.waitstatus_to_exitcode(status), "killed")
    return {"code": code, "told": told, "seconds": used.ru_utime + used.ru_stime}


def outcomes(runner: str, formulas: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what happened to each formula."""
    run = RUNNERS[runner]
    for formula in formulas:
        found = limited(lambda formula=formula: run(formula))
        yield {"formula": formula[:60], "runner": runner} | found


TABLES = {"bombs": BOMBS, "more": MORE}

if __name__ == "__main__":
    wanted, *asked = sys.argv[1:]
    RUNNERS[wanted]("sin(x)*exp(y) + max(x, y)/n + erf(x)")  # what is loaded late costs no one
    for outcome in outcomes(wanted, TABLES.get(asked[0], asked)):
        print(json.dumps(outcome), flush=True)
