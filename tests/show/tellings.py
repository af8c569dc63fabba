"""What the account tells of known formulas; `python tests/show/tellings.py` writes it anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import symgrad as sg

GOLDEN = Path(__file__).parent / "golden" / "account"
SUFFIXES = {"text": ".txt", "markdown": ".md", "latex": ".tex"}


def layers() -> sg.Parsed:
    shapes = {"W": ("m", "n"), "x": ("n",), "V": ("k", "m")}
    return sg.parse("q = W@x; a = relu(q); s = V@a; f = logsumexp(s) - s[1,0]", shapes=shapes)


def told() -> dict[str, Callable[[str], str]]:
    """Return each telling by its name; it takes a format."""
    found: dict[str, Callable[[str], str]] = {
        f"explain_{name}": lambda style, name=name: str(
            sg.examples.load(name).explain(format=style)
        )
        for name in sg.examples.names()
    }
    found["explain_symbolic"] = lambda style: str(
        sg.explain("c = a + b; d = b + 1; e = c*d", format=style)
    )
    found["explain_symbolic_matrices"] = lambda style: str(sg.explain(layers(), format=style))
    found["explain_one_variable"] = lambda style: str(
        sg.explain("q = x + y; f = q*z", "x", {"x": -2, "y": 5, "z": -4}, format=style)
    )
    found["explain_kink"] = lambda style: str(
        sg.explain("max(x, y) + abs(z)", None, {"x": 1, "y": 1, "z": 0}, format=style)
    )
    return found


def tables() -> dict[str, str]:
    """Return tables and trees as text and LaTeX, by the names of their files."""
    found = {}
    for name in ("circuit", "neuron_gates", "staged", "norm"):
        run = sg.examples.load(name).run
        found[f"table_{name}.txt"] = str(run.table())
        found[f"table_{name}.tex"] = run.table().latex()
        found[f"tree_{name}.txt"] = run.tree()
    return found


def files() -> dict[str, str]:
    """Return the text of every golden file."""
    made = {
        f"{name}{suffix}": tell(style)
        for name, tell in told().items()
        for style, suffix in SUFFIXES.items()
    }
    return {name: text.rstrip() + "\n" for name, text in {**made, **tables()}.items()}


def regenerate() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for stale in GOLDEN.iterdir():
        stale.unlink()
    for name, text in files().items():
        (GOLDEN / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    regenerate()
