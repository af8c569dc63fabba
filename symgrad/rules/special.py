"""Gates of special functions; SymPy derives nearly all of their partials."""

from __future__ import annotations

from symgrad.rules.gate import Gate

ROWS: tuple[Gate, ...] = ()
