"""The contenders: each derives a gradient from the same SymPy expression, in its own best way.

A contender names the package that is loaded before the clock starts; conversion from SymPy is
inside the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.benchmarks.problems import Problem


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that derives gradients; `package` is loaded before it is timed."""

    name: str
    package: str
    derive: Callable[[Problem], Any]
    slow: bool = False


def symgrad_form(problem: Problem, form: str) -> Any:
    import symgrad

    return symgrad.grad(problem.expr, problem.wrt, form=form)


def sympy_diff(problem: Problem) -> list[Any]:
    return [problem.expr.diff(variable) for variable in problem.wrt]


def symengine_diff(problem: Problem) -> list[Any]:
    import symengine  # type: ignore[import-untyped]

    converted = symengine.sympify(problem.expr)
    return [converted.diff(symengine.Symbol(variable.name)) for variable in problem.wrt]


def casadi_gradient(problem: Problem) -> Any:
    import casadi

    x = casadi.SX.sym("x", len(problem.wrt))
    inputs = dict(zip(problem.wrt, casadi.vertsplit(x), strict=True))
    return casadi.gradient(to_casadi(casadi, problem.expr, inputs), x)


def to_casadi(casadi: Any, expr: Any, inputs: dict[Any, Any]) -> Any:
    """Convert node by node: each distinct subtree once, sums and products from the left."""
    made = dict(inputs)
    for node in postorder(expr, made):
        args = [made[a] for a in node.args]
        if not args:
            made[node] = casadi.SX.sym(node.name) if node.is_Symbol else float(node)
        elif node.is_Add:
            made[node] = sum(args[1:], args[0])
        elif node.is_Mul:
            made[node] = product(args)
        elif node.is_Pow:
            made[node] = args[0] ** args[1]
        else:
            made[node] = getattr(casadi, node.func.__name__)(*args)
    return made[expr]


def product(factors: list[Any]) -> Any:
    total = factors[0]
    for factor in factors[1:]:
        total = total * factor
    return total


def postorder(root: Any, done: dict[Any, Any]) -> Iterator[Any]:
    """Yield what is not in `done` yet, operands first; the reader adds what it gets."""
    stack = [root]
    while stack:
        node = stack[-1]
        pending = [a for a in node.args if a not in done] if node not in done else []
        if pending:
            stack.extend(pending)
            continue
        stack.pop()
        if node not in done:
            yield node


CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        Contender("symgrad, graph", "symgrad", partial(symgrad_form, form="graph")),
        Contender("symgrad, closed form", "symgrad", partial(symgrad_form, form="closed")),
        Contender("symgrad, let-form", "symgrad", partial(symgrad_form, form="let")),
        Contender("SymPy", "sympy", sympy_diff, slow=True),
        Contender("SymEngine", "symengine", symengine_diff),
        Contender("CasADi", "casadi", casadi_gradient),
    )
}
