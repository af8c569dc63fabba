"""How outlines are written: text, Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

from symgrad.expr.printer import text
from symgrad.expr.tensor_shapes import shown
from symgrad.registry import service
from symgrad.show.escape import latex_text
from symgrad.show.outline_lines import Line, filled, like, region_of

WIDTH = 110
TIMES = {"[t]": "AtNow", "[t-1]": "AtBefore"}  # what stands for an index meanwhile
SIGNS = {"...": r"\ldots", "_": r"\cdot"}
GAP = "   "


# --- one line ---


def formula(line: Line) -> str:
    """Return the right side of a line."""
    block = line.call
    if block is None:
        return str(text(line.value))
    return f"{block.name}({', '.join(map(operand, given(line)))}){span(line.value)}"


def given(line: Line) -> tuple[Any, ...]:
    """Return what a call is shown with: a pullback with its cotangents alone."""
    return line.bars if line.through is not None else line.value.operands


def operand(value: Any) -> str:
    """Return an operand; constants are written as one number."""
    return str(text(filled(value)))


def span(value: Any) -> str:
    """Return over which times a loop runs; nothing for a call."""
    if value.name != "scan":
        return ""
    length, backward = value.params[2], value.params[5]
    return f" for t = {length}..1" if backward else f" for t = 1..{length}"


def sides(line: Line) -> str:
    """Return the whole line."""
    return f"{', '.join(read_names(line))} {'+=' if line.adds else '='} {formula(line)}"


def read_names(line: Line) -> list[str]:
    """Return the names on the left; outputs in front that nobody reads are three dots."""
    unread = next((k for k, name in enumerate(line.names) if name != "_"), 0)
    return ["...", *line.names[unread:]] if unread else list(line.names)


# --- pages ---


def written(outline: Any) -> list[str]:
    """Return the lines of an outline."""
    found = [headline(outline), ""]
    closed = []
    for module in outline.modules:
        if module.page.name not in outline.opened:
            closed.append(module.page.name)
            continue
        indent = "  " * max(module.level - 1, 0)
        if module.level:
            found += [indent + row for row in packed([header(module)], WIDTH - len(indent))]
            indent += "  "
        found += [indent + line for line in body(module.page, WIDTH - len(indent))]
    if closed:
        found += ["", f"closed: {', '.join(closed)} (`depth=` or `open=` shows them)"]
    return found


def headline(outline: Any) -> str:
    """Return what the outline is of."""
    modules, count = len(outline.modules) - 1, outline.numbers
    numbers = "" if count is None else f" with {_many(count, 'number')}"
    return (
        f"{_many(modules, 'module')}, each derived once; the gradient by "
        f"{_many(len(outline.parameters), 'parameter')}{numbers}"
    )


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def header(module: Any) -> str:
    """Return the first line of a module: its name, how often it is called, its inputs."""
    page, form = module.page, module.page.form
    often = {1: "once", 2: "twice"}.get(module.calls, f"{module.calls} times")
    inputs = [f"{name} {shown(shape)}" if shape else name for name, shape in page.inputs]
    if form is None:
        return f"{page.name}, called {often}: {', '.join(inputs)}"
    first, last = form.carries, form.carries + form.streams
    groups = [("carries", inputs[:first]), ("reads", inputs[first:last]), ("keeps", inputs[last:])]
    told = "; ".join(f"{what} {', '.join(group)}" for what, group in groups if group)
    return f"{page.name}, t = 1..{form.length}, run {often}: {told}"


def body(page: Any, width: int) -> list[str]:
    """Return the lines of a page: calls beside their pullbacks, or as many in a row as fit."""
    table = beside(page) if any(line.call is not None for line in page.forward) else []
    if table and max(map(len, table)) <= width:
        return [*table, *packed(map(sides, partners(page)[1]), width)]
    return [*packed(map(sides, page.forward), width), *packed(map(sides, page.backward), width)]


def beside(page: Any) -> list[str]:
    """Return a row for each line forward: the line, its shape, and what goes back through it."""
    backs, _ = partners(page)
    rows = [
        (sides(line), shape_of(line), "; ".join(map(sides, back)))
        for line, back in zip(page.forward, backs, strict=True)
    ]
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    return [
        f"{left:{widths[0]}}{GAP}{middle:{widths[1]}}{GAP}{right}".rstrip()
        for left, middle, right in rows
    ]


def shape_of(line: Line) -> str:
    """Return the shape of a line's value."""
    shape = getattr(line.value, "shape", ()) or ()
    return str(shown(shape)) if shape else ""


def packed(lines: Iterable[str], width: int) -> list[str]:
    """Return lines, as many in a row as fit; one that is longer goes on below."""
    rows: list[str] = []
    for line in lines:
        if rows and len(rows[-1]) + 2 + len(line) <= width:
            rows[-1] += f"; {line}"
        else:
            rows += wrap(line, width, subsequent_indent="    ", break_long_words=False,
                         break_on_hyphens=False)  # fmt: skip
    return rows


def partners(page: Any) -> tuple[list[list[Line]], list[Line]]:
    """Return for each forward line the lines that go back through it, and what is left over."""
    backs: list[list[Line]] = [[] for _ in page.forward]
    rest = []
    for back in page.backward:
        place = _through(page.forward, back, backs)
        if place is None:
            rest.append(back)
        else:
            backs[place].append(back)
    return backs, rest


def _through(forward: Sequence[Line], back: Line, backs: Sequence[Sequence[Line]]) -> int | None:
    """Return the forward line that a backward line belongs to."""
    places = range(len(forward) - 1, -1, -1)
    if back.through is not None:
        return next((k for k in places if not backs[k] and _pulls(back, forward[k])), None)
    wanted = {name[1:] for name in back.names}
    for k in places:
        held = {str(s) for s in forward[k].value.free_symbols}
        if forward[k].call is None and wanted & held:
            return k
    return None


def _pulls(back: Line, line: Line) -> bool:
    """Return whether a line goes back through the call of another."""
    if back.through is None or line.call is None:
        return False
    if region_of(line.call).plain is not back.through.origin:
        return False
    operands: tuple[Any, ...] = line.value.operands
    return line.value.name == "scan" or bool(operands == back.value.operands[: len(operands)])


# --- other formats ---


def markdown(outline: Any) -> str:
    """Return Markdown: a heading a module, its lines as code."""
    parts = [headline(outline)]
    for module in outline.modules:
        if module.page.name not in outline.opened:
            continue
        if module.level:
            parts.append(f"{'#' * min(module.level + 3, 6)} {header(module)}")
        parts.append("\n".join(["```text", *body(module.page, WIDTH), "```"]))
    return "\n\n".join(parts)


def latex(outline: Any) -> str:
    """Return LaTeX: a paragraph a module, its lines aligned."""
    parts = []
    for module in outline.modules:
        if module.page.name not in outline.opened:
            continue
        if module.level:
            title = latex_text(header(module))
            parts.append(rf"\paragraph{{{title}}}")
        rows = map(latex_line, (*module.page.forward, *module.page.backward))
        parts += [r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]
    return "\n".join(parts)


def latex_line(line: Line) -> str:
    """Return one line in LaTeX."""
    names = ", ".join(SIGNS.get(n) or _latex(like(line.value, n)) for n in read_names(line))
    sign = r"\mathrel{+}=" if line.adds else "="
    return rf"{names} &{sign} {_latex_formula(line)}"


def _latex_formula(line: Line) -> str:
    if line.call is None:
        return _latex(line.value)
    operands = ", ".join(_latex(filled(o)) for o in given(line))
    return rf"\operatorname{{{latex_text(line.call.name)}}}({operands})"


def _latex(value: Any) -> str:
    """Return LaTeX in which `h[t-1]` has an index: letters stand for it until all is written."""
    symbols = [s for s in getattr(value, "free_symbols", ()) if str(s).endswith(tuple(TIMES))]
    marked = {s: like(s, _marked(str(s))) for s in symbols}
    found = str(service("formula.latex")(value.xreplace(marked) if marked else value))
    for time, mark in TIMES.items():
        found = re.sub(rf"{mark}(\}}*)", rf"\1_{{{time[1:-1]}}}", found)
    return found


def _marked(name: str) -> str:
    plain, _, time = name.partition("[")
    return plain + TIMES[f"[{time}"]
