"""How outlines are written: text, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sympy import S

from symgrad.expr.printer import text
from symgrad.expr.tensor_shapes import shown
from symgrad.expr.tensors import Applied
from symgrad.registry import service
from symgrad.show.outline_lines import Line, like, region_of

WIDTH = 100
GAP = "   "


# --- one line ---


def formula(line: Line) -> str:
    """Return the right side of a line."""
    block = line.call
    if block is None:
        return str(text(line.value))
    if is_back(line):
        return f"{block.name}({', '.join(map(operand, bars_of(line)))})"
    return f"{block.name}({', '.join(map(operand, line.value.operands))}){span(line.value)}"


def operand(value: Any) -> str:
    """Return an operand; constants are written as one number."""
    return str(text(_filled(value)))


def _filled(value: Any) -> Any:
    """Return the number that fills a tensor, or the tensor."""
    while isinstance(value, Applied) and value.name == "broadcast_to":
        (value,) = value.operands
    return value


def span(value: Any) -> str:
    """Return over which times a loop runs; nothing for a call."""
    if value.name != "scan":
        return ""
    length, backward = value.params[2], value.params[5]
    return f" for t = {length}..1" if backward else f" for t = 1..{length}"


def is_back(line: Line) -> bool:
    """Return whether a line calls the pullback of a module."""
    region = getattr(line.call, "region", None)
    return region is not None and region.extends is None and line.call.name.startswith("d")


def bars_of(line: Line) -> list[Any]:
    """Return the cotangents that a call of a pullback is given."""
    given = [(s, o) for s, o in zip(line.call.inputs, line.value.operands, strict=True)]
    return [o for s, o in given if str(s).startswith("d") and _filled(o) != S.Zero]


def sides(line: Line) -> str:
    """Return the whole line."""
    return f"{', '.join(line.names)} {'+=' if line.adds else '='} {formula(line)}"


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
            found.append(indent + header(module))
            indent += "  "
        found += [indent + line for line in body(module.page, WIDTH - len(indent))]
    if closed:
        found += ["", f"closed: {', '.join(closed)} (`depth=` or `open=` shows them)"]
    return found


def headline(outline: Any) -> str:
    """Return what the outline is of."""
    modules = len(outline.modules) - 1
    numbers = "" if outline.numbers is None else f" with {outline.numbers:,} numbers"
    return (
        f"{_many(modules, 'module')}, each derived once; the gradient by "
        f"{_many(len(outline.parameters), 'parameter')}{numbers}"
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


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
    if not any(line.call is not None for line in page.forward):
        return [*packed(map(sides, page.forward), width), *packed(map(sides, page.backward), width)]
    beside, rest = partners(page)
    rows = [
        (sides(line), shape_of(line), "; ".join(sides(back) for back in beside[k]))
        for k, line in enumerate(page.forward)
    ]
    widths = [max(len(row[k]) for row in rows) for k in (0, 1)]
    lines = [
        f"{left:{widths[0]}}{GAP}{middle:{widths[1]}}{GAP}{right}".rstrip()
        for left, middle, right in rows
    ]
    return [*lines, *packed(map(sides, rest), width)]


def shape_of(line: Line) -> str:
    """Return the shape of a line's value."""
    shape = getattr(line.value, "shape", ()) or ()
    return str(shown(shape)) if shape else ""


def packed(lines: Iterable[str], width: int) -> list[str]:
    """Return lines, as many in a row as fit."""
    rows: list[str] = []
    for line in lines:
        if rows and len(rows[-1]) + 2 + len(line) <= width:
            rows[-1] += f"; {line}"
        else:
            rows.append(line)
    return rows


def partners(page: Any) -> tuple[list[list[Line]], list[Line]]:
    """Return for each forward line the lines that go back through it, and what is left over."""
    beside: list[list[Line]] = [[] for _ in page.forward]
    rest = []
    for back in page.backward:
        place = _through(page.forward, back, beside)
        if place is None:
            rest.append(back)
        else:
            beside[place].append(back)
    return beside, rest


def _through(forward: Sequence[Line], back: Line, beside: Sequence[Sequence[Line]]) -> int | None:
    """Return the forward line that a backward line belongs to."""
    if is_back(back):
        name, bars = back.call.name[1:], {str(b) for b in bars_of(back)}
        for k, line in enumerate(forward):
            made = {f"d{n}" for n in line.names}
            if line.call is not None and line.call.name == name and not beside[k]:
                if bars & made or k == len(forward) - 1:
                    return k
        return None
    wanted = {name[1:] for name in back.names}
    for k in range(len(forward) - 1, -1, -1):
        held = {str(s) for s in forward[k].value.free_symbols}
        if forward[k].call is None and wanted & held:
            return k
    return None


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
    """Return LaTeX: aligned formulas, one group a module."""
    parts = []
    for module in outline.modules:
        if module.page.name not in outline.opened:
            continue
        lines = [*module.page.forward, *module.page.backward]
        rows = " \\\\\n".join(latex_line(line) for line in lines)
        title = rf"\text{{{service('formula.escaped')(header(module))}}} \\" if module.level else ""
        parts.append("\n".join([r"\begin{align*}", *([title] if title else []), rows,
                                r"\end{align*}"]))  # fmt: skip
    return "\n\n".join(parts)


def latex_line(line: Line) -> str:
    """Return one line in LaTeX."""
    names = ", ".join(_latex(like(line.value, name)) for name in line.names)
    sign = r"\mathrel{+}=" if line.adds else "="
    return rf"{names} &{sign} {_latex_value(line)}"


def _latex_value(line: Line) -> str:
    if line.call is None:
        return _latex(line.value)
    given = bars_of(line) if is_back(line) else line.value.operands
    operands = ", ".join(_latex(_filled(o)) for o in given)
    return rf"\operatorname{{{line.call.name}}}({operands})"


def _latex(value: Any) -> str:
    """Return LaTeX in which `h[t-1]` is an index."""
    symbols = [s for s in getattr(value, "free_symbols", ()) if str(s).endswith("]")]
    subscripts = {s: like(s, str(s).replace("[", "_{").replace("]", "}")) for s in symbols}
    return str(service("formula.latex")(value.xreplace(subscripts) if subscripts else value))
