"""The gradient check: analytic against numeric, with the lecture's rules.

Relative error |a - n|/max(|a|, |n|) a variable; up to 1e-7 happy, up to 1e-4 fine, up to 1e-2
uneasy, above wrong.
A kink between the two evaluations is found by a change of winner, never guessed from the error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.calculus import growth
from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import GradientCheckError, KinkError, UnknownNameError, hint
from symgrad.expr.kinks import check_policy
from symgrad.expr.symbols import label
from symgrad.numeric import kinks as kinked
from symgrad.numeric.arithmetic import Floats, forward_values
from symgrad.numeric.differences import METHODS, Target, differences, targets
from symgrad.numeric.execution import point
from symgrad.registry import service

HAPPY, FINE, UNEASY = 1e-7, 1e-4, 1e-2
TINY = 1e-10  # gradients below this drown in rounding
ROUNDING = 16 * np.finfo(np.float64).eps
SWEEP = tuple(10.0**-k for k in range(2, 11))
SMALLEST = {"complex": 1.0, "richardson": 1e-4}  # by which rounding of the value is divided
CLOSER = (1e-2, 1e-4)  # factors by which the step shrinks to get off a crossed kink


@dataclass(frozen=True, slots=True)
class Entry:
    """The check of one variable.

    Parameters
    ----------
    name : str
        The variable.
    analytic, numeric : float
        The two gradients.
    error : float
        Relative error; 0 where both are 0.
    verdict : {"happy", "fine", "uneasy", "wrong", "kink"}
        What the error means; "kink" where differences cannot tell.
    note : str
        What else was seen.
    """

    name: str
    analytic: Any
    numeric: Any
    error: float
    verdict: str
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the analytic gradient."""
        return self.verdict in ("happy", "fine", "kink")


class CheckReport:
    """The result of a gradient check; true if every variable passed.

    Attributes
    ----------
    entries : tuple of Entry
        One a variable.
    value : float
        The value of the formula.
    method : str
        How differences were taken.
    kinks : tuple of str
        Gates whose kink lies exactly at the point.
    sweep : dict
        Relative errors by step and variable, if asked for.
    """

    def __init__(
        self,
        entries: tuple[Entry, ...],
        value: Any,
        method: str,
        kinks: tuple[str, ...],
        sweep: dict[float, dict[str, float]],
    ) -> None:
        self.entries = entries
        self.value = value
        self.method = method
        self.kinks = kinks
        self.sweep = sweep

    def __bool__(self) -> bool:
        return all(e.ok for e in self.entries)

    def __getitem__(self, name: Any) -> Entry:
        found = next((e for e in self.entries if e.name == str(name)), None)
        if found is None:
            names = [e.name for e in self.entries]
            raise UnknownNameError(f"no gradient by `{name}` was checked" + hint(str(name), names))
        return found

    @property
    def analytic(self) -> dict[str, Any]:
        """The analytic gradient by variable."""
        return {e.name: e.analytic for e in self.entries}

    @property
    def numeric(self) -> dict[str, Any]:
        """The numeric gradient by variable."""
        return {e.name: e.numeric for e in self.entries}

    @property
    def error(self) -> dict[str, float]:
        """The relative error by variable."""
        return {e.name: e.error for e in self.entries}

    @property
    def verdict(self) -> dict[str, str]:
        """The verdict by variable."""
        return {e.name: e.verdict for e in self.entries}

    def raise_if_failed(self) -> CheckReport:
        """Return the report, or raise with the numbers in the message.

        Raises
        ------
        GradientCheckError
            If a variable is uneasy or wrong.
        """
        failed = [e for e in self.entries if not e.ok]
        if failed:
            lines = [
                f"  {e.name}: analytic {e.analytic:.10g}, numeric {e.numeric:.10g}, "
                f"relative error {e.error:.3g} ({e.verdict}{'; ' + e.note if e.note else ''})"
                for e in failed
            ]
            count = f"{len(failed)} of {len(self.entries)} gradients"
            raise GradientCheckError(
                f"{count} disagree with {self.method} differences:\n" + "\n".join(lines)
            )
        return self

    def table(self, **options: Any) -> Any:
        """Return the report as a table: analytic, numeric, error and verdict a variable."""
        return service("check.table")(self, **options)

    def __repr__(self) -> str:
        worst = max((e.error for e in self.entries), default=0.0)
        state = "passed" if self else "FAILED"
        return f"<CheckReport {state}: {len(self.entries)} variables, worst error {worst:.2g}>"

    def __str__(self) -> str:
        return str(self.table())


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
    moved, wanted = targets(source, at, wrt)
    values = point(source, at)
    analytic = analytic_gradient(source, values, wanted, kinks)
    names = [_name(source, leaf) for leaf in structure.leaves(wanted)]
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


def _name(source: Graph, leaf: Any) -> str:
    return (
        leaf
        if isinstance(leaf, str)
        else label(source.labels[leaf] if isinstance(leaf, int) else leaf)
    )


def relative_error(analytic: Any, numeric: Any) -> float:
    """Return |a - n|/max(|a|, |n|), 0 where both are 0, inf where one is not finite."""
    if analytic == numeric:
        return 0.0
    scale = max(abs(analytic), abs(numeric))
    if not np.isfinite(scale) or np.isnan(analytic - numeric):
        return float("inf")
    return float(abs(analytic - numeric) / scale)


def _verdict(error: float) -> str:
    if error <= HAPPY:
        return "happy"
    if error <= FINE:
        return "fine"
    return "uneasy" if error <= UNEASY else "wrong"


def _entry(
    target: Target, name: str, analytic: Any, numeric: Any, method: str, step: float | None
) -> Entry:
    analytic, numeric = np.asarray(analytic).item(), np.asarray(numeric).item()
    error = relative_error(analytic, numeric)
    verdict = _verdict(error)
    if method == "central" and target.place >= 0:
        size = step or METHODS[method][1]
        if _crosses(target, size):
            return _across_kink(target, name, analytic, numeric, error, size)
    else:
        size = SMALLEST.get(method, 1.0)
    failed = verdict in ("uneasy", "wrong")
    if failed and target.place >= 0 and _within_rounding(target, analytic - numeric, size):
        return Entry(name, analytic, numeric, error, "fine", "difference within rounding")
    return Entry(name, analytic, numeric, error, verdict, _tiny(analytic, numeric))


def _tiny(analytic: Any, numeric: Any) -> str:
    size = max(abs(analytic), abs(numeric))
    if not np.isfinite(size):
        return "not finite: `run` names the gate that made it"
    return "tiny gradient: rescale the formula" if 0 < size < TINY else ""


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
