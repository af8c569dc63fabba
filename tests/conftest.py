"""Fixed randomness for every test; the seeds stand in the header of each run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

SEED = 20_250_101

settings.register_profile("symgrad", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("symgrad")


def pytest_report_header() -> str:
    return f"randomness: hypothesis derandomized, `rng` seeded with {SEED}"


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run and in every order of tests."""
    return np.random.default_rng(SEED)
