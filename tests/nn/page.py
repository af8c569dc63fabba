"""Write `docs/building-blocks.md`: `python -m tests.nn.page`.

Formulas, shapes and gradients are what symgrad prints of the table's rows; nothing is typed. Its
figure is drawn by `docs/examples/activations.py`.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import sympy

import symgrad as sg
from symgrad.dag.digraph import Graph
from symgrad.errors import FormTooLargeError

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PAGE = DOCS / "building-blocks.md"
TABLE = runpy.run_path(str(HERE / "blocks.py"))
WIDE = 96  # letters a line, from which on shared parts are named

BEGIN = "<!-- blocks: written by `python -m tests.nn.page` -->\n"
END = "<!-- blocks: end -->\n"

FIGURE = """
![Twelve activations and their derivatives](figures/activations.svg)

Values are lines, derivatives are dashed; both are what symgrad computes
(`python docs/examples/activations.py`).
"""

LOOPS = """
A sequence is a loop over one block: the step is derived once, whatever the length, and the gradient
is a loop that walks back through time. It is printed as an outline.
"""

NOTES = {"Activations": FIGURE, "Recurrent networks": LOOPS}


def page(written: str) -> str:
    """Return the page with its blocks written anew."""
    before, rest = written.split(BEGIN)
    return before + BEGIN + blocks() + END + rest.split(END)[1]


def blocks() -> str:
    """Return a list of the sections, and each block."""
    parts = [f"- [{name}](#{anchor(name)})\n" for name in TABLE["SECTIONS"]]
    for name, rows in TABLE["SECTIONS"].items():
        parts += [f"\n## {name}\n", NOTES.get(name, ""), *map(section, rows)]
    return "".join(["\n", *parts, "\n"])


def anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def section(block: Any) -> str:
    given = ", ".join(f"`{n}` {shown(sg_shape)}" for n, sg_shape in shapes(block).items())
    outputs = [getattr(o, "shape", ()) for o in TABLE["built"](block)]
    gives = " and ".join(shown(shape) for shape in outputs)
    source = f" {block.source}." if block.source else ""
    body = "\n".join(lines(block))
    return (
        f"\n### {block.name[0].upper()}{block.name[1:]}\n\n`{block.call}` of {given}; gives "
        f"{gives}.{source}\n\n```text\n{body}\n```\n"
    )


def shapes(block: Any) -> dict[str, Any]:
    made = TABLE["tensors"](block)
    order = re.findall(r"\w+", block.call.partition("(")[2] + " " + block.call)
    return {n: getattr(made[n], "shape", ()) for n in dict.fromkeys(order) if n in made}


def shown(shape: Any) -> str:
    """Return a shape as a reader says it."""
    if not shape:
        return "a number"
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


# --- formulas and gradients ---


def lines(block: Any) -> list[str]:
    """Return what stands between the fences: the formula and its gradients."""
    outputs = TABLE["built"](block)
    called = ["out"] if len(outputs) == 1 else [f"out{k}" for k in range(len(outputs))]
    by, loss = block.by.split(), TABLE["loss"](block)
    if block in TABLE["SEQUENCES"]:
        return [line.rstrip() for line in str(sg.outline(loss, by)).splitlines()]
    named = [*zip(called, outputs, strict=True)]
    named += [(f"d{name}", g) for name, g in zip(by, sg.grad(loss, by), strict=True)]
    try:
        return [f"{name} = {sg.text(value, longest=WIDE)}" for name, value in named]
    except FormTooLargeError:
        return let(block, called, outputs, by, loss)


def let(block: Any, called: Any, outputs: Any, by: list[str], loss: Any) -> list[str]:
    """Return the same with shared parts named first."""
    scalar = TABLE["upstream"](block) == [""]
    inner = {} if scalar else dict(zip(called, outputs, strict=True))
    made = sg.graph({**named(block), **inner, "loss of the block": loss})
    source = Graph(made.nodes, made.outputs[-1:], dict(list(made.names.items())[:-1]))
    replacements, (value, gradients) = sg.value_and_grad(source, by, form="let")
    results = {**({"out": value} if scalar else {})}
    results |= {f"d{name}": g for name, g in zip(by, gradients, strict=True)}
    return [f"{n} = {sg.text(v)}" for n, v in [*replacements, *results.items()]]


def named(block: Any) -> dict[str, Any]:
    """Return the named parts of a block, each in terms of those before."""
    scope = {**TABLE["tensors"](block), "nn": sg.nn, "sg": sg, "sympy": sympy}
    for letter in "HTSd":
        scope.setdefault(letter, TABLE["size"](letter))
    found: dict[str, Any] = {}
    for name, text in block.parts.items():
        found[name] = scope[name] = eval(text, scope)
    return found


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
