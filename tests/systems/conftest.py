"""The systems are scripts in docs/examples; here they are modules, beside the twins."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "docs" / "examples"

for folder in (HERE, EXAMPLES):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
