"""The examples are scripts in one folder; here they are modules of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"

sys.path.insert(0, str(EXAMPLES))


@pytest.fixture
def examples_folder() -> Path:
    """The folder of the scripts."""
    return EXAMPLES
