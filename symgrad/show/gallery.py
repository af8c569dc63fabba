"""Examples as files: picture, page and derivation of each, and one Markdown page of them all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.errors import UnsupportedError
from symgrad.show.escape import markdown_code, markdown_words
from symgrad.show.examples import EXAMPLES, Example

EXACT = 17  # digits that give a float64 back
HEAD = """# Gallery

The lecture's circuits, each as a picture, a derivation, and a page to step through (download it and
open it; it needs no network). All of it is written by `symgrad examples --out docs`.

Values stand above the wires, gradients below them.
"""


def written(folder: Path, chosen: Iterable[Example] | None = None) -> list[Path]:
    """Write examples as files: all of them with their gallery, or only some.

    Parameters
    ----------
    folder : Path
        Where to; it is made if it does not exist.
    chosen : iterable of Example, optional
        Which; default: all, into `folder/gallery`, with `folder/gallery.md`.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    UnsupportedError
        If they cannot be written.
    """
    wanted = EXAMPLES if chosen is None else tuple(chosen)
    inside = folder / "gallery" if chosen is None else folder
    files: dict[Path, str] = {}
    for example in wanted:
        files[inside / f"{example.name}.svg"] = picture(example)
        files[inside / f"{example.name}.html"] = example.page()
        if chosen is not None:
            files[inside / f"{example.name}.md"] = f"# {example.title}\n\n{body(example)}"
    if chosen is None:
        files[folder / "gallery.md"] = gallery()
    try:
        inside.mkdir(parents=True, exist_ok=True)
        for place, content in files.items():
            place.write_text(content, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UnsupportedError(f"`{folder}` cannot be written: {error.strerror}") from error
    return list(files)


def picture(example: Example) -> str:
    """Return the picture of an example as SVG."""
    return f"{example.draw().svg.rstrip()}\n"


def gallery() -> str:
    """Return the Markdown page of all examples."""
    listed = "\n".join(f"- [{e.title}](#{e.name})" for e in EXAMPLES)
    parts = [_part(example) for example in EXAMPLES]
    return "\n".join([HEAD, f"{listed}\n", *parts])


def _part(example: Example) -> str:
    place = f"gallery/{example.name}"
    return (
        f'<a id="{example.name}"></a>\n\n## {example.title}\n\n'
        f"![{example.title}]({place}.svg)\n\n"
        f"[Step through it]({place}.html)\n\n"
        f"{body(example)}"
    )


def body(example: Example) -> str:
    """Return what is said of an example: story, formula, numbers and derivation."""
    at = ", ".join(f"{name} = {_written(value)}" for name, value in example.at.items())
    asked = f"symgrad examples {example.name}"
    rows = [" | ".join(("", *map(markdown_words, row), "")).strip() for row in numbers(example)]
    table = "\n".join(["| node | from | value | gradient |", "|---|---|---|---|", *rows])
    return (
        f"{markdown_words(example.story)}\n\n"
        f"{markdown_code(example.formula)}, at {at} — {markdown_code(asked)}\n\n"
        f"{table}\n\n"
        f"<details><summary>The derivation, gate by gate</summary>\n\n"
        f"{example.explain(format='markdown')}\n</details>\n"
    )


def numbers(example: Example, digits: int = EXACT) -> list[tuple[str, str, str, str]]:
    """Return name, formula, value and gradient of every node, with all their digits."""
    return [
        (
            gate.label,
            gate.formula or gate.kind,
            _written(gate.value, digits),
            "—" if gate.grad is None else _written(gate.grad, digits),
        )
        for gate in example.account.gates
        if gate.kind != "constant"
    ]


def _written(value: Any, digits: int = EXACT) -> str:
    """Return a number so that it can be read back, or an array of them."""
    if np.ndim(value):
        return f"[{', '.join(_written(v, digits) for v in value)}]"
    found = float(value) + 0.0
    return repr(found) if digits >= EXACT and not found.is_integer() else f"{found:.{digits}g}"
