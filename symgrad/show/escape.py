r"""Names as text, whatever they hold: in a line, in LaTeX, in Markdown.

A symbol may be called `<script>`, `\input{}` or a line break. Nothing here is ever taken for
markup: what is not a plain name is quoted, and what cannot be seen is spelled. Imports nothing of
symgrad.
"""

from __future__ import annotations

import re
import unicodedata

UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})  # Unicode's general categories
PLAIN = re.compile(r"[A-Za-z]+[0-9]*(_[A-Za-z0-9]+)*")  # SymPy typesets these: v_{3}, \alpha

ESCAPES = {c: "\\" + c for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "²": r"$^{2}$",
    "⁻": r"$^{-}$",
    "¹": r"$^{1}$",
    "ᵀ": r"$^{\top}$",
    "⟨": r"$\langle$",
    "⟩": r"$\rangle$",
    "∂": r"$\partial$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "−": "$-$",
    "—": "---",
    "σ": r"$\sigma$",
    "Σ": r"$\Sigma$",
    "√": r"$\surd$",
    "÷": r"$\div$",
    "⊙": r"$\odot$",
    "⊗": r"$\otimes$",
    "‖": r"$\|$",
}


def visible(text: str) -> str:
    r"""Return text in one line, with what cannot be seen spelled by its number.

    Examples
    --------
    >>> visible("a\nb")
    'a⟨U+000A⟩b'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"⟨U+{ord(c):04X}⟩" if _unseen(c) else c for c in text)


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in UNSEEN


def latex_text(text: str) -> str:
    r"""Return text for LaTeX outside formulas.

    Examples
    --------
    >>> print(latex_text(r"50% of \input{x}"))
    50\% of \textbackslash{}input\{x\}
    """
    return "".join(ESCAPES.get(c, c) for c in visible(text))


def is_plain(name: str) -> bool:
    """Return whether a name can be typeset as it is."""
    return PLAIN.fullmatch(name) is not None


def markdown_code(text: str) -> str:
    """Return text as a code span of Markdown, fenced by more backticks than it holds.

    Examples
    --------
    >>> markdown_code("a`b")
    '``a`b``'
    """
    shown = visible(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[:1] == "`" or shown[-1:] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def markdown_words(text: str) -> str:
    r"""Return text for Markdown in which no sign marks anything up.

    Examples
    --------
    >>> print(markdown_words("2*3 and 4*5"))
    2\*3 and 4\*5
    """
    return re.sub(r"([\\`*_{}\[\]<>#|$~])", r"\\\1", visible(text))
