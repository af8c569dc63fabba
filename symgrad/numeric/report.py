"""What a gradient check says: one entry a variable, and the lecture's thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import GradientCheckError, UnknownNameError, hint
from symgrad.registry import Shown, service

HAPPY, FINE, UNEASY = 1e-7, 1e-4, 1e-2
TINY = 1e-10  # gradients below this drown in rounding
ROUNDING = 16 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class Entry:
    """The check of one variable.

    Parameters
    ----------
    name : str
        The variable.
    analytic, numeric : float or ndarray
        The two gradients; of an array all entries, or what was sampled of a large one.
    error : float
        Relative error; 0 where both are 0.
    verdict : {"happy", "fine", "uneasy", "wrong", "kink"}
        What the error means; "kink" where differences cannot tell.
    note : str
        What else was seen.
    worst : (float, float), optional
        The two gradients where they differ most, if they are arrays.
    """

    name: str
    analytic: Any
    numeric: Any
    error: float
    verdict: str
    note: str = ""
    worst: tuple[Any, Any] | None = None

    @property
    def pair(self) -> tuple[Any, Any]:
        """Two numbers to show: the gradients, or where arrays of them differ most."""
        return (self.analytic, self.numeric) if self.worst is None else self.worst

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the analytic gradient."""
        return self.verdict in ("happy", "fine", "kink")


class CheckReport(Shown):
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
                f"  {e.name}: analytic {e.pair[0]:.10g}, numeric {e.pair[1]:.10g}, "
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


def relative_error(analytic: Any, numeric: Any) -> float:
    """Return |a - n|/max(|a|, |n|), 0 where both are 0, inf where one is not finite."""
    if analytic == numeric:
        return 0.0
    scale = max(abs(analytic), abs(numeric))
    if not np.isfinite(scale) or np.isnan(analytic - numeric):
        return float("inf")
    return float(abs(analytic - numeric) / scale)


def verdict_of(error: float) -> str:
    """Return what a relative error means."""
    if error <= HAPPY:
        return "happy"
    if error <= FINE:
        return "fine"
    return "uneasy" if error <= UNEASY else "wrong"


def remark(analytic: Any, numeric: Any) -> str:
    """Return what else is seen in two gradients that differ."""
    size = max(abs(analytic), abs(numeric))
    if not np.isfinite(size):
        return "not finite: `run` names the gate that made it"
    return "tiny gradient: rescale the formula" if 0 < size < TINY else ""
