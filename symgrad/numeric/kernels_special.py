"""SciPy kernels of the special functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

REAL: dict[str, Callable[..., Any]] = {}
COMPLEX: dict[str, Callable[..., Any]] = {}
