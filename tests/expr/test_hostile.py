"""Every hostile text is refused with a lesson, or read, within 1 s and 256 MB."""

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

SCRIPT = Path(__file__).with_name("oversize.py")
ROOT = Path(__file__).parents[2]
TABLE = runpy.run_path(str(SCRIPT))
REFUSED = TABLE["refused"]()
READ = TABLE["READ"]
SECONDS = 2.0  # on a busy machine; an idle one takes half of it


def shown(text: Any) -> str:
    return repr(TABLE["make"](text)[:20])


@pytest.fixture(scope="module")
def outcomes() -> list[dict[str, Any]]:
    """What happened to each text in a process with limited memory and time."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return list(json.loads(done.stdout))


def test_table_holds_at_least_two_hundred_texts() -> None:
    assert len(REFUSED) + len(READ) >= 200


@pytest.mark.parametrize("place", range(len(REFUSED)), ids=lambda i: shown(REFUSED[i][0]))
def test_hostile_text_is_refused_at_its_column_with_a_lesson(
    outcomes: list[dict[str, Any]], place: int
) -> None:
    _, column, message = REFUSED[place]
    outcome = outcomes[place]

    assert outcome["error"] in ("ParseError", "LimitError")
    assert message in outcome["message"]
    assert column == outcome["column"]


@pytest.mark.parametrize("place", range(len(READ)), ids=lambda i: shown(READ[i]))
def test_odd_text_is_read(outcomes: list[dict[str, Any]], place: int) -> None:
    assert outcomes[len(REFUSED) + place]["error"] is None


def test_texts_beyond_a_limit_raise_limit_errors(outcomes: list[dict[str, Any]]) -> None:
    for row, outcome in zip(REFUSED, outcomes, strict=False):
        is_limit = row[2].startswith(("more than ", "the name holds", "the text holds"))

        assert (outcome["error"] == "LimitError") == is_limit, row[2]


def test_no_text_takes_longer_than_a_second(outcomes: list[dict[str, Any]]) -> None:
    slow = [outcome for outcome in outcomes if outcome["seconds"] > SECONDS]

    assert slow == []


def test_messages_stay_short_for_texts_of_a_megabyte(outcomes: list[dict[str, Any]]) -> None:
    longest = max(len(outcome.get("message", "")) for outcome in outcomes)

    assert longest < 500
