"""Print the README's commands, one a line, exactly as they stand in its marked block."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
MARKED_BLOCK = re.compile(
    r"^<!-- commands:[^\n]*-->\n```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
COMMANDS = 2


def main() -> None:
    found = MARKED_BLOCK.findall(README.read_text(encoding="utf-8"))
    lines = found[0].splitlines() if len(found) == 1 else []
    if len(lines) != COMMANDS or not all(lines):
        sys.exit(f"README.md needs one block marked `<!-- commands: ... -->` of {COMMANDS} lines")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
