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
SECONDS = 2.5  # of processor time, in which a case takes 0.1 s at most on an idle machine


def outcomes(table: str) -> list[dict[str, Any]]:
    """Return what happened to each formula of a table in each runner."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(SCRIPT), table],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    """What happened to the bombs, each in a process with limited memory and time."""
    return outcomes("bombs")


def test_table_holds_the_classical_bombs() -> None:
    assert {"9**9**9**9", "factorial(10**7)*x", "exp(exp(exp(x)))"} <= set(TABLE["BOMBS"])


@pytest.mark.parametrize("runner", TABLE["RUNNERS"])
def test_bombs_end_in_an_answer_or_an_error(runner: str, found: list[dict[str, Any]]) -> None:
    rows = [row for row in found if row["runner"] == runner]

    assert len(rows) == len(TABLE["BOMBS"])
    assert [] == [row for row in rows if row["code"] not in (0, 1, 2)]


@pytest.mark.parametrize("runner", TABLE["RUNNERS"])
def test_bombs_end_in_time(runner: str, found: list[dict[str, Any]]) -> None:
    rows = [row for row in found if row["runner"] == runner]

    assert [] == [row for row in rows if row["seconds"] > SECONDS]


def test_refused_bombs_say_what_to_do(found: list[dict[str, Any]]) -> None:
    refused = [row for row in found if row["code"] == 2]

    assert refused
    assert [] == [row for row in refused if not row["told"].startswith("error: ")]


def test_values_beyond_floats_have_digits(found: list[dict[str, Any]]) -> None:
    rows = {row["formula"]: row["told"] for row in found if row["runner"] == "evaluate"}

    assert rows["9**9**9**9"] == "oo"
    assert rows["x**(10**9)"].endswith("e+2000000000")


@pytest.mark.slow
def test_more_bombs_end_in_time() -> None:
    rows = outcomes("more")

    assert [] == [row for row in rows if row["code"] not in (0, 1, 2) or row["seconds"] > SECONDS]
