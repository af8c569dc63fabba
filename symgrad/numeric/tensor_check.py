"""The gradient check on arrays: every entry of small ones, a seeded sample of large ones.

A large array is checked along random directions, in which all entries take part, and at some of its
entries. The thresholds, and what is said at kinks, are those of scalars.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.calculus import growth
from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph
from symgrad.errors import KinkError
from symgrad.numeric import kinks as kinked
from symgrad.numeric.arithmetic import Floats, forward_values
from symgrad.numeric.arrays import ArrayPoint, array_point
from symgrad.numeric.differences import names_of
from symgrad.numeric.program import lower
from symgrad.numeric.report import (
    ROUNDING,
    UNEASY,
    CheckReport,
    Entry,
    relative_error,
    remark,
    verdict_of,
)
from symgrad.numeric.tensor_differences import (
    METHODS,
    Line,
    Moved,
    moved_variables,
    slopes,
    variables,
)

SMALL = 200  # entries up to which each one is checked
DIRECTIONS, ENTRIES = 6, 24  # of a large array
SEED = 20_240_229
REACH = 4.0  # length of a direction: each entry moves little, and the value enough
CLOSER = (1e-2, 1e-4)  # factors by which the step shrinks to get off a crossed kink
SWEEP = tuple(10.0**-k for k in range(2, 11))
SMALLEST = {"complex": 1.0, "richardson": 1e-4}  # by which rounding of the value is divided
RANK = ("happy", "fine", "kink", "uneasy", "wrong")


def check_tensors(
    source: Graph,
    at: Mapping[Any, Any] | None,
    wrt: Any,
    *,
    method: str,
    step: float | None,
    kinks: str,
    sweep: bool,
) -> CheckReport:
    """Compare the symbolic gradient of a formula of tensors with numeric differences.

    Parameters
    ----------
    source, at, wrt, method, step, kinks, sweep
        As for `check_grad`; the check is in float64, whatever the arrays are.
    """
    placed = array_point(source, at, "float64")
    made = placed.source
    wanted = variables(made, wrt)
    moved = moved_variables(made, placed.values, wanted)
    analytic = array_gradient(placed, wanted, kinks)
    with np.errstate(all="ignore"):
        wide = any(np.iscomplexobj(v) for v in placed.values)
        known = forward_values(made, placed.values, Floats(complex_values=wide))
    met = kinked.met(made, known)
    if kinks == "raise" and met:
        raise KinkError(kinked.message(made, met[0], known))
    names = names_of(made, wanted)
    forms = [
        placed.forms.get(n) if n is not None else None for n in structure.nodes_of(made, wanted)
    ]
    rows = zip(moved, names, analytic, forms, strict=True)
    entries = tuple(_checked(*row, method, step) for row in rows)
    ties = tuple(f"{made.nodes.gates[n].name} (node {n})" for n in met)
    swept = _swept(moved, names, analytic) if sweep else {}
    return CheckReport(entries, known[made.outputs[0]], method, ties, swept)


def array_gradient(placed: ArrayPoint, wanted: Any, kinks: str) -> list[Any]:
    """Return the symbolic gradient's arrays, in the shapes of the graph."""
    source = placed.source
    grown = growth.gradient(source, structure.nodes_of(source, wanted), kinks)
    known = dict(zip(source.inputs, placed.values, strict=True))
    wide = any(np.iscomplexobj(v) for v in placed.values)
    machine = Floats(complex_values=wide).machine(lower(grown))
    with np.errstate(all="ignore"):
        return machine([known[s] for s in grown.inputs])[1:]


# --- one variable ---


def lines_of(variable: Moved) -> list[Line]:
    """Return the lines along which a variable is checked."""
    probe, place, count = variable.probe, variable.place, math.prod(variable.shape)
    facts = variable.facts
    if count <= SMALL:
        return [Line(probe, place, k, facts) for k in range(count)]
    rng = np.random.default_rng(SEED)
    scale = REACH / math.sqrt(count)
    signs = [rng.choice((-scale, scale), size=variable.shape) for _ in range(DIRECTIONS)]
    chosen = np.sort(rng.choice(count, size=ENTRIES, replace=False))
    return [
        *(Line(probe, place, s, facts) for s in signs),
        *(Line(probe, place, int(k), facts) for k in chosen),
    ]


def _along(line: Line, gradient: Any) -> Any:
    """Return what a gradient says along a line."""
    if isinstance(line.where, int):
        return np.reshape(gradient, -1)[line.where].item()
    return np.vdot(line.where, gradient).item()


def _checked(
    variable: Moved,
    name: str,
    gradient: Any,
    form: tuple[int, ...] | None,
    method: str,
    step: float | None,
) -> Entry:
    """Return the check of one variable: its lines, and what is worst among them."""
    lines = lines_of(variable)
    numeric = [np.asarray(s).item() for s in slopes(lines, method, step)]
    analytic = [_along(line, gradient) for line in lines]
    judged = [
        _judged(line, name, a, n, method, step)
        for line, a, n in zip(lines, analytic, numeric, strict=True)
    ]
    if not variable.shape or not judged:
        return judged[0] if judged else Entry(name, 0.0, 0.0, 0.0, "happy", "it has no entries")
    place = max(range(len(judged)), key=lambda k: (RANK.index(judged[k].verdict), judged[k].error))
    worst, count = judged[place], math.prod(variable.shape)
    pair = (worst.analytic, worst.numeric)
    note = _noted(lines[place], worst, variable.shape)
    if count > SMALL:
        sample = f"{DIRECTIONS} directions and {ENTRIES} of {count} entries"
        note = f"{sample}; {note}" if note else sample
        return Entry(
            name, np.array(analytic), np.array(numeric), worst.error, worst.verdict, note, pair
        )
    shape = variable.shape if form is None else form
    arrays = [np.array(values).reshape(shape) for values in (analytic, numeric)]
    return Entry(name, arrays[0], arrays[1], worst.error, worst.verdict, note, pair)


def _noted(line: Line, worst: Entry, shape: tuple[int, ...]) -> str:
    """Say where the worst of several comparisons is, if there is anything to say."""
    if worst.verdict == "happy":
        return ""
    where = "along a direction"
    if isinstance(line.where, int):
        where = f"at {[int(i) for i in np.unravel_index(line.where, shape)]}"
    return f"worst {where}" + (f": {worst.note}" if worst.note else "")


def _judged(
    line: Line, name: str, analytic: Any, numeric: Any, method: str, step: float | None
) -> Entry:
    error = relative_error(analytic, numeric)
    verdict = verdict_of(error)
    size = SMALLEST.get(method, 1.0)
    if method == "central" and line.place >= 0:
        size = step or METHODS[method][1]
        if line.probe.kinked and line.crosses(size):
            return _across_kink(line, name, analytic, numeric, error, size)
    failed = verdict in ("uneasy", "wrong")
    if failed and line.place >= 0 and _within_rounding(line, analytic - numeric, size):
        return Entry(name, analytic, numeric, error, "fine", "difference within rounding")
    return Entry(name, analytic, numeric, error, verdict, remark(analytic, numeric))


def _across_kink(
    line: Line, name: str, analytic: Any, numeric: Any, error: float, step: float
) -> Entry:
    """Judge by a smaller step on one side of the kink; on the kink itself nobody can."""
    note = f"kink within step {step:.0e}"
    for factor in CLOSER:
        if line.crosses(step * factor):
            continue
        refined = slopes([line], "central", step * factor)[0]
        agrees = relative_error(analytic, refined) <= UNEASY or _within_rounding(
            line, analytic - refined, step * factor
        )
        note += f"; at step {step * factor:.0e} the difference is {float(refined):.6g}"
        return Entry(name, analytic, numeric, error, "fine" if agrees else "wrong", note)
    return Entry(name, analytic, numeric, error, "kink", "the point lies on a kink")


def _within_rounding(line: Line, gap: Any, step: float) -> bool:
    """Return whether rounding of the two values alone explains the difference."""
    size = abs(line.probe.outputs(line.probe.values)[0])
    return bool(np.isfinite(size) and abs(gap) <= ROUNDING * size / line.step(step))


def _swept(
    moved: Sequence[Moved], names: Sequence[str], analytic: Sequence[Any]
) -> dict[float, dict[str, float]]:
    """Return the largest relative error of each variable for each step."""
    found: dict[float, dict[str, float]] = {}
    for step in SWEEP:
        found[step] = {}
        for variable, name, gradient in zip(moved, names, analytic, strict=True):
            lines = lines_of(variable)[: DIRECTIONS + ENTRIES]
            numeric = slopes(lines, "central", step)
            errors = [
                relative_error(_along(ln, gradient), n)
                for ln, n in zip(lines, numeric, strict=True)
            ]
            found[step][name] = max(errors, default=0.0)
    return found
