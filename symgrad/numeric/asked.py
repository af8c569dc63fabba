"""From a question to a program: what is asked of a formula, lowered, and where numbers stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph
from symgrad.errors import UnsupportedError
from symgrad.expr.kinks import check_policy
from symgrad.numeric.layout import (
    Asked,
    Pack,
    Part,
    Results,
    arguments,
    filled,
    flat,
    matrix,
    plain,
)
from symgrad.numeric.packing import Core
from symgrad.numeric.parts import derive, meanings, named_parts
from symgrad.numeric.program import Program, lower

DTYPES = ("float64", "float32")


@dataclass(frozen=True, slots=True)
class Lowered:
    """A question with its program.

    Parameters
    ----------
    formula : Graph
        What the question is about.
    program : Program
        What answers it.
    cores : tuple of tuple of int
        What each argument of a call packs.
    results : Results
        How the answer is arranged.
    meanings : pair of lists of str
        What each input and each output of the program is, without names.
    seconds : float
        What it took to derive.
    """

    formula: Graph
    program: Program
    cores: tuple[Core, ...]
    results: Results
    meanings: tuple[list[str], list[str]]
    seconds: float


def lowered(
    source: Graph,
    args: Sequence[Any] | None,
    wrt: Any,
    returns: Any,
    kinks: str,
    *,
    listed: bool,
) -> Lowered:
    """Return the program that answers a question.

    Parameters
    ----------
    source : Graph
        The formula.
    args, wrt, returns, kinks
        As for `compile`.
    listed : bool
        Whether values come as a tuple, one an output.

    Raises
    ------
    UnknownNameError, UnsupportedError, ShapeError
        If the question cannot be meant.
    """
    start = perf_counter()
    names = named_parts(returns)
    taken = tuple(arguments(source, args))
    wanted: Any = taken if wrt is None else (wrt,) if isinstance(wrt, Pack) else Asked(wrt)
    leaves, inputs = flat(wanted), flat(taken)
    derived = derive(source, names, structure.nodes_of(source, leaves), kinks)
    program = lower(derived.graph, (*inputs, *derived.tangents, *derived.cotangents))
    count = len(source.outputs)
    forms = _forms(wanted, count, len(leaves), listed=listed)
    cores = [*filled(taken).cores, *(filled(wanted).cores if derived.tangents else ())]
    if derived.cotangents:
        cores.append((count,) if listed else ())
    return Lowered(
        source,
        program,
        tuple(cores),
        Results([forms[n]() for n in names], alone=isinstance(returns, str)),
        meanings(names, inputs, [source.key(w) for w in leaves], count),
        perf_counter() - start,
    )


def _forms(wanted: Any, m: int, n: int, *, listed: bool) -> dict[str, Callable[[], Part]]:
    """Return how each part of a function of n variables with m outputs is arranged."""
    return {
        "value": lambda: plain(m, listed=listed),
        "jvp": lambda: plain(m, listed=listed),
        "grad": lambda: filled(wanted),
        "vjp": lambda: filled(wanted),
        "hvp": lambda: filled(wanted),
        "jacobian": lambda: matrix(m, n),
        "hessian": lambda: matrix(n, n),
    }


def check_choices(dtype: str, kinks: str) -> None:
    """Refuse a dtype or a policy that cannot be compiled.

    Raises
    ------
    UnsupportedError
        If there is no such dtype or policy, or the policy is to raise.
    """
    if dtype not in DTYPES:
        raise UnsupportedError(f"dtype={dtype!r:.80} is unknown; use one of {', '.join(DTYPES)}")
    check_policy(kinks)
    if kinks == "raise":
        raise UnsupportedError("kinks='raise' needs every step; use `run`, or kinks='nan' here")
