"""How derivations are written: plain text, Markdown and LaTeX, from the same lines.

Names are text in all of them, whatever they hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from symgrad.expr.printer import text
from symgrad.show.escape import latex_text, markdown_code, markdown_words, visible
from symgrad.show.formulas import latex as formula_latex
from symgrad.show.sheet import shown, total

INDENT = "  "


class Words(NamedTuple):
    """Words between formulas."""

    said: str


class Number(NamedTuple):
    """A number or an array."""

    value: Any
    digits: int = 6


class Slope(NamedTuple):
    """`df/dx`, or with `∂` the local slope of one gate."""

    sign: str
    above: Any
    below: Any


class Times(NamedTuple):
    """What arrived upstream times a local slope."""

    left: Any
    right: Any


class Sum(NamedTuple):
    """What arrives along several paths."""

    parts: tuple[Any, ...]


Part = Any  # one of the above, or an expression


@dataclass(frozen=True, slots=True)
class Line:
    """One line: words first, then a chain of equal things, then a remark.

    Parameters
    ----------
    level : int
        How far it is indented.
    words : tuple of Part
        What stands before the chain.
    chain : tuple of Part
        Written with `=` between them.
    note : str
        A remark behind.
    """

    level: int
    words: tuple[Part, ...] = ()
    chain: tuple[Part, ...] = ()
    note: str = ""


class Section(NamedTuple):
    """A title and the lines below it."""

    title: str
    lines: tuple[Line, ...]


# --- text ---


def plain(part: Part, digits: int = 6) -> str:
    """Return a part of a line as text."""
    writer = PLAIN.get(type(part))
    return visible(writer(part) if writer is not None else tidied(text(part)))


def _bracketed(part: Part) -> str:
    """Return a factor: a negative number or a sum in brackets."""
    written = plain(part)
    single = re.fullmatch(SINGLE, written)
    return written if single else f"({written})"


NUMERAL = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
NAME = r"[^\s*/+()-]+(?:\[[^\]]*\])?"  # of a node or an entry
SINGLE = re.compile(rf"{NUMERAL}|{NAME}|{NAME}\([^()]*\)|\([^()]*\)|[d∂]{NAME}/[d∂]{NAME}")


def same(part: Part, other: Part) -> bool:
    """Return whether two parts of a chain read the same, as words or as numbers."""
    one, two = plain(part), plain(other)
    if one == two:
        return True
    numerals = re.fullmatch(f"-?{NUMERAL}", one) and re.fullmatch(f"-?{NUMERAL}", two)
    return bool(numerals) and float(one) == float(two)


def _plain_number(part: Number) -> str:
    return shown(part.value, part.digits)


def _plain_slope(part: Slope) -> str:
    return f"{part.sign}{plain(part.above)}/{part.sign}{plain(part.below)}"


def tidied(written: str) -> str:
    """Return text without the brackets that negative numbers do not need.

    Examples
    --------
    >>> tidied("(-2) + (-5)"), tidied("exp((-1))")
    ('-2 + (-5)', 'exp(-1)')
    """
    return LOOSE.sub(r"\1\2", written)


# A negative number in brackets that stands alone in a bracket, between commas, or first in a sum.
LOOSE = re.compile(r"(^|[(]|, )[(](-[\w.]+(?:e[+-]\d+)?)[)](?=$|[), ])")

PLAIN: dict[type, Callable[[Any], str]] = {
    Words: lambda part: str(part.said),
    Number: _plain_number,
    Slope: _plain_slope,
    Times: lambda part: f"{_bracketed(part.left)} × {_bracketed(part.right)}",
    Sum: lambda part: total([plain(p) for p in part.parts]),
}


def _plain_line(line: Line) -> str:
    said = " ".join(map(plain, line.words))
    chain = " = ".join(map(plain, line.chain))
    note = f"   ({visible(line.note)})" if line.note else ""
    return " ".join(filter(None, (said, chain))) + note


def as_text(sections: Sequence[Section]) -> str:
    """Return a derivation as plain text."""
    lines: list[str] = []
    for title, body in sections:
        lines += ["", title] if lines else [title]
        lines += [f"{INDENT * (line.level + 1)}{_plain_line(line)}" for line in body]
    return "\n".join(lines)


# --- Markdown ---


def markdown(sections: Sequence[Section]) -> str:
    """Return a derivation in Markdown: headings, lists, formulas as code."""
    lines: list[str] = []
    for title, body in sections:
        lines += [f"**{markdown_words(title)}**", "", *map(_bullet, body), ""]
    return "\n".join(lines).rstrip() + "\n"


def _bullet(line: Line) -> str:
    pieces: list[str] = []
    run: list[str] = []  # formulas side by side share one code span
    for part in line.words:
        if isinstance(part, Words) and part.said != "=":
            pieces += [markdown_code(" ".join(run))] if run else []
            pieces.append(markdown_words(part.said))
            run = []
        else:
            run.append(plain(part))
    pieces += [markdown_code(" ".join(run))] if run else []
    if line.chain:
        pieces.append(markdown_code(" = ".join(map(plain, line.chain))))
    note = f" — {markdown_words(line.note)}" if line.note else ""
    return f"{INDENT * line.level}- {' '.join(pieces)}{note}"


# --- LaTeX ---


def latex(sections: Sequence[Section]) -> str:
    """Return a derivation in LaTeX: one `align*` of the package amsmath."""
    rows: list[str] = []
    for title, body in sections:
        rows.append(rf"& \textbf{{{latex_text(title)}}}")
        rows += map(_latex_line, body)
    return "\\begin{align*}\n" + " \\\\[3pt]\n".join(rows) + "\n\\end{align*}"


def _latex_line(line: Line) -> str:
    said = "".join(map(_latex_part, line.words))
    first, *rest = [_latex_part(p) for p in line.chain] or [""]
    chain = " = ".join([f"{first}", *rest])
    note = rf" \quad \text{{({latex_text(line.note)})}}" if line.note else ""
    indent = r"\quad " * (line.level + 1)
    return f"& {indent}{' '.join(filter(None, (said, chain)))}{note}"


def _latex_part(part: Part) -> str:
    writer = LATEX.get(type(part))
    return writer(part) if writer is not None else _latex_tidied(formula_latex(part))


def _latex_tidied(written: str) -> str:
    """Return LaTeX without needless brackets, and with a dot between numbers."""
    written = re.sub(r"^\\left\((-[^()]*)\\right\)(?=$| [+-])", r"\1", written)
    written = re.sub(r"\{\\left\((-[\d.]+)\\right\)\}", r"{\1}", written)
    return re.sub(r"(?<=[\d)]) (?=\\left\(-[\d.]|\d)", r" \\cdot ", written)


def _latex_words(part: Words) -> str:
    return " = " if part.said == "=" else rf"\text{{ {latex_text(part.said)} }}"


def _latex_number(part: Number) -> str:
    written = _plain_number(part)
    scaled = re.fullmatch(r"(-?[\d.]+)e([+-]\d+)", written)
    if scaled:
        return rf"{scaled[1]} \cdot 10^{{{int(scaled[2])}}}"
    return written if re.fullmatch(r"-?[\d.]+", written) else rf"\text{{{latex_text(written)}}}"


def _latex_slope(part: Slope) -> str:
    sign = r"\partial " if part.sign == "∂" else "d "
    return rf"\frac{{{sign}{_latex_part(part.above)}}}{{{sign}{_latex_part(part.below)}}}"


def _latex_factor(part: Part) -> str:
    written = _latex_part(part)
    return written if _bracketed(part) == plain(part) else rf"\left({written}\right)"


LATEX: dict[type, Callable[[Any], str]] = {
    Words: _latex_words,
    Number: _latex_number,
    Slope: _latex_slope,
    Times: lambda part: rf"{_latex_factor(part.left)} \cdot {_latex_factor(part.right)}",
    Sum: lambda part: total([_latex_part(p) for p in part.parts]),
}

FORMATS: dict[str, Callable[[Sequence[Section]], str]] = {
    "text": as_text,
    "markdown": markdown,
    "latex": latex,
}
