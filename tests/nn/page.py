"""Write `docs/building-blocks.md` and its figure: `python -m tests.nn.page`.

Formulas, shapes and gradients are what symgrad prints of the table's rows; nothing is typed. The
figure needs matplotlib, the page does not.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import symgrad as sg
from symgrad.dag.digraph import Graph

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
PAGE = DOCS / "building-blocks.md"
TABLE = runpy.run_path(str(HERE / "blocks.py"))
WIDE = 96  # letters a line, from which on shared parts are named

HEAD = """# Building blocks of networks

`symgrad.nn` holds small functions that compose expressions. Sizes are letters or numbers, and none of them knows a
derivative: every gradient on this page was derived and printed by symgrad (`python -m tests.nn.page` writes the page). Each is
checked against central differences in every entry, and its values and gradients against torch.

Names, argument order and layout are those of `torch.nn.functional`: the batch is the first axis, channels are the second,
and weights of `linear`, of cells and of attention can be exchanged with torch's as they are.

```python
>>> import symgrad as sg
>>> from symgrad import nn
>>> X, W, b, y = sg.tensor("X", "N", "D"), sg.tensor("W", "D", "C"), sg.tensor("b", "C"), sg.tensor("y", "N")
>>> loss = nn.cross_entropy(nn.affine(X, W, b), y) + 0.1*nn.l2(W)
>>> scores = sg.tensor("s", "N", "C")
>>> sg.grad(nn.cross_entropy(scores, y), scores)
{softmax}
```

How to read a block: the call, the shapes that go in and come out, the formula, then the gradient by each parameter. `dout` is the
gradient that comes from behind, in the shape of `out`; a block whose value is a number needs none. Where a formula is long, parts
that are used twice are named first, and `da` is the gradient by a part `a`. `1(x > 0)` is 1 where x > 0 and 0 elsewhere.

- At a kink the derivative is the shortest subgradient: `relu'(0) = 0`, and pieces that tie share.
- Labels are positions of classes, or one row of weights a class; their shape tells which.
- A mask is given, not drawn, so that a check by differences sees one function.
- `nn.l2` has the lecture's half, so that the gradient of `lam*nn.l2(W)` is `lam*W`; `half=False` is the plain sum of squares.
- Logarithms are natural. Softmax, its logarithm, `softplus` and what is made of them do not overflow.

## Contents

{contents}
"""

FIGURE = """
![Twelve activations and their derivatives](figures/activations.svg)

Values are drawn as lines, derivatives dashed; both are what symgrad computes, and no derivative was written by hand.
"""

TAIL = """
## The Neural Turing Machine as a whole

`nn.ntm_cell(state, x, parameters)` is one step, with an LSTM or a feed-forward controller, and `nn.ntm` a loop over a sequence
that stays rolled. The write head is addressed and writes first, and the read head is addressed in the new memory. Both are made
of the parts above; their gradients are checked in the same way.
"""


def page() -> str:
    """Return the whole page."""
    contents = "\n".join(f"- [{name}](#{anchor(name)})" for name in TABLE["SECTIONS"])
    scores, y = sg.tensor("s", "N", "C"), sg.tensor("y", "N")
    printed = str(sg.grad(sg.nn.cross_entropy(scores, y), scores))
    parts = [HEAD.replace("{contents}", contents).replace("{softmax}", printed)]
    for name, blocks in TABLE["SECTIONS"].items():
        parts.append(f"\n## {name}\n")
        if name == "Activations":
            parts.append(FIGURE)
        parts += [section(block) for block in blocks]
    return "".join([*parts, TAIL])


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
    return {name: getattr(tensor, "shape", ()) for name, tensor in made.items()}


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
    gradients = sg.grad(loss, by)
    found = [
        *(f"{name} = {sg.text(o)}" for name, o in zip(called, outputs, strict=True)),
        *(f"d{name} = {sg.text(g)}" for name, g in zip(by, gradients, strict=True)),
    ]
    return found if max(map(len, found)) <= WIDE else let(block, called, outputs, by, loss)


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
    scope = {**TABLE["tensors"](block), "nn": sg.nn, "sg": sg}
    for letter in "HTSd":
        scope.setdefault(letter, TABLE["size"](letter))
    found: dict[str, Any] = {}
    for name, text in block.parts.items():
        found[name] = scope[name] = eval(text, scope)
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    runpy.run_path(str(HERE / "figure.py"), run_name="__main__")
