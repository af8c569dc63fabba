"""The gradient check: analytic against numeric, with the lecture's rules.

Relative error |a - n|/max(|a|, |n|) a variable; up to 1e-7 happy, up to 1e-4 fine, up to 1e-2
uneasy, above wrong.
A kink between the two evaluations is found by a change of winner, never guessed from the error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symgrad.calculus import growth
from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import KinkError
from symgrad.expr.kinks import check_policy
from symgrad.numeric import kinks as kinked
from symgrad.numeric.arithmetic import Floats, forward_values
from symgrad.numeric.differences import METHODS, Target, differences, names_of, targets
from symgrad.numeric.execution import point
from symgrad.numeric.report import (
    ROUNDING,
    UNEASY,
    CheckReport,
    Entry,
    relative_error,
    remark,
    verdict_of,
)
from symgrad.numeric.sizes import has_tensors
from symgrad.numeric.tensor_check import check_tensors

SWEEP = tuple(10.0**-k for k in range(2, 11))
SMALLEST = {"complex": 1.0, "richardson": 1e-4}  # by which rounding of the value is divided
CLOSER = (1e-2, 1e-4)  # factors by which the step shrinks to get off a crossed kink


def check_grad(
    f: Any,
    at: Mapping[Any, Any] | None = None,
    wrt: Any = None,
    *,
    method: str = "central",
    step: float | None = None,
    kinks: str = "min_norm",
    sweep: bool = False,
) -> CheckReport:
    """Compare the symbolic gradient with numeric differences at a point.

    Parameters
    ----------
    f, at, wrt, method, step
        As for `numeric_grad`.
    kinks : {"min_norm", "first", "nan", "raise"}
        What the analytic gradient is where it does not exist.
    sweep : bool
        Whether errors are also reported for steps from 1e-2 to 1e-10.

    Returns
    -------
    CheckReport
        True if every verdict is happy or fine; `.table()`, `.raise_if_failed()`.

    References
    ----------
    Fei-Fei, Karpathy and Johnson, CS231n notes, "Learning", section on gradient checks.

    Examples
    --------
    >>> check_grad("(x + y)*z", {"x": -2, "y": 5, "z": -4})
    <CheckReport passed: 3 variables, worst error ...>
    """
    check_policy(kinks)
    source = graph(f)
    checked = check_tensors if has_tensors(source) else _check_scalars
    return checked(source, at, wrt, method=method, step=step, kinks=kinks, sweep=sweep)


def _check_scalars(
    source: Graph,
    at: Mapping[Any, Any] | None,
    wrt: Any,
    *,
    method: str,
    step: float | None,
    kinks: str,
    sweep: bool,
) -> CheckReport:
    """Compare the symbolic gradient of a formula of scalars with numeric differences."""
    moved, wanted = targets(source, at, wrt)
    values = point(source, at)
    analytic = analytic_gradient(source, values, wanted, kinks)
    names = names_of(source, wanted)
    known = _values(source, values)
    met = kinked.met(source, known)
    if kinks == "raise" and met:
        raise KinkError(kinked.message(source, met[0], known))
    rows = zip(moved, names, analytic, differences(moved, method, step), strict=True)
    entries = tuple(_entry(*row, method, step) for row in rows)
    ties = tuple(f"{source.nodes.gates[n].name} (node {n})" for n in met)
    swept = _swept(moved, names, analytic) if sweep else {}
    return CheckReport(entries, known[source.outputs[0]], method, ties, swept)


def _values(source: Graph, values: list[Any]) -> list[Any]:
    with np.errstate(all="ignore"):
        return forward_values(source, values, Floats(complex_values=_complex(values)))


def _complex(values: list[Any]) -> bool:
    return any(np.iscomplexobj(v) for v in values)


def analytic_gradient(source: Graph, values: list[Any], wanted: Any, kinks: str) -> list[Any]:
    """Return the symbolic gradient's numbers, through its own program."""
    grown = growth.gradient(source, structure.nodes_of(source, wanted), kinks)
    known = dict(zip(source.inputs, values, strict=True))
    inputs = [known[s] for s in grown.inputs]
    found = _values(grown, inputs)
    return [found[o] for o in grown.outputs[1:]]


def _entry(
    target: Target, name: str, analytic: Any, numeric: Any, method: str, step: float | None
) -> Entry:
    analytic, numeric = np.asarray(analytic).item(), np.asarray(numeric).item()
    error = relative_error(analytic, numeric)
    verdict = verdict_of(error)
    if method == "central" and target.place >= 0:
        size = step or METHODS[method][1]
        if _crosses(target, size):
            return _across_kink(target, name, analytic, numeric, error, size)
    else:
        size = SMALLEST.get(method, 1.0)
    failed = verdict in ("uneasy", "wrong")
    if failed and target.place >= 0 and _within_rounding(target, analytic - numeric, size):
        return Entry(name, analytic, numeric, error, "fine", "difference within rounding")
    return Entry(name, analytic, numeric, error, verdict, remark(analytic, numeric))


def _crosses(target: Target, step: float) -> bool:
    """Return whether a winner changes between the two evaluations."""
    sample, place = target.sample, target.place
    h = sample.steps([place], step)
    below, above = sample.nodes_at([place], -h), sample.nodes_at([place], h)
    return bool(np.any(kinked.crossed(sample.source, below, above)))


def _across_kink(
    target: Target, name: str, analytic: Any, numeric: Any, error: float, step: float
) -> Entry:
    """Judge by a smaller step on one side of the kink; on the kink itself nobody can."""
    note = f"kink within step {step:.0e}"
    for factor in CLOSER:
        if _crosses(target, step * factor):
            continue
        refined = differences([target], "central", step * factor)[0]
        agrees = relative_error(analytic, refined) <= UNEASY or _within_rounding(
            target, analytic - refined, step * factor
        )
        note += f"; at step {step * factor:.0e} the difference is {float(refined):.6g}"
        return Entry(name, analytic, numeric, error, "fine" if agrees else "wrong", note)
    return Entry(name, analytic, numeric, error, "kink", "the point lies on a kink")


def _within_rounding(target: Target, gap: Any, step: float) -> bool:
    """Return whether rounding of the two values alone explains the difference."""
    sample = target.sample
    h = sample.steps([target.place], step)
    values = sample.nodes_at([target.place], np.zeros(1))
    largest = max(float(np.max(np.abs(values[o]))) for o in sample.source.outputs)
    return bool(np.isfinite(largest) and abs(gap) <= ROUNDING * largest / float(h[0]))


def _swept(
    moved: list[Target], names: list[str], analytic: list[Any]
) -> dict[float, dict[str, float]]:
    """Return the relative error of each variable for each step."""
    found = {}
    for step in SWEEP:
        numeric = differences(moved, "central", step)
        errors = [relative_error(a, n) for a, n in zip(analytic, numeric, strict=True)]
        found[step] = dict(zip(names, errors, strict=True))
    return found
