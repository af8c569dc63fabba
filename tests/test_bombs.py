"""Small texts of absurd cost end in an answer or an error, by every command and in `evaluate`."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("limits of memory are set as on Linux", allow_module_level=True)

SCRIPT = Path(__file__).with_name("bombs.py")
ROOT = Path(__file__).parents[1]
TABLE = runpy.run_path(str(SCRIPT))
SECONDS = 8  # of processor time on a busy machine; an idle one takes 2 s at most


def outcomes(*args: str) -> list[dict[str, Any]]:
    """Return what happened to the formulas of a table, or to those that are given."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *args],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def is_tame(row: dict[str, Any]) -> bool:
    """Return whether a case ended in time, in an answer or in a message."""
    ended = row["code"] in (0, 1) or (row["code"] == 2 and row["told"].startswith("error: "))
    return ended and row["seconds"] <= SECONDS


def test_table_holds_the_classical_bombs() -> None:
    assert {"9**9**9**9", "factorial(10**7)*x", "exp(exp(exp(x)))"} <= set(TABLE["BOMBS"])


@pytest.mark.parametrize("runner", TABLE["RUNNERS"])
def test_bombs_end_in_an_answer_or_an_error(runner: str) -> None:
    rows = outcomes(runner, "bombs")

    assert len(rows) == len(TABLE["BOMBS"])
    assert [] == [row for row in rows if not is_tame(row)]


@pytest.mark.parametrize(
    ("formula", "end"),
    [("9**9**9**9", "oo"), ("x**(10**9)", "e+2000000000"), ("mod(10**400, 7)", "4.0" + "0" * 28)],
)
def test_values_beyond_floats_have_digits(formula: str, end: str) -> None:
    (row,) = outcomes("evaluate", formula)

    assert row["told"].endswith(end)


@pytest.mark.slow
@pytest.mark.parametrize("runner", TABLE["RUNNERS"])
def test_more_bombs_end_in_an_answer_or_an_error(runner: str) -> None:
    assert [] == [row for row in outcomes(runner, "more") if not is_tame(row)]
