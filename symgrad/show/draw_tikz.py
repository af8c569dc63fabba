"""A scene as TikZ: one standalone document that pdfLaTeX, XeLaTeX or LuaLaTeX sets.

Text is escaped character by character; a letter that LaTeX's own fonts lack is written as its code
point, `U+4E2D`, so the document always compiles.
"""

from __future__ import annotations

from symgrad.show.draw_shapes import FACES, Group, Item, Line, Plate, Words
from symgrad.show.draw_sheet import Scene
from symgrad.show.draw_theme import LOOKS, THEMES

UNIT = 0.75  # points in a pixel

SPECIAL = {c: "\\" + c for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    # No ligatures: two hyphens stay two hyphens.
    **{c: c + "{}" for c in "-,!?"},
}
SIGNS = {
    "×": r"\times",
    "÷": r"\div",
    "−": "-",
    "∂": r"\partial",
    "σ": r"\sigma",
    "√": r"\surd",
    "Σ": r"\Sigma",
    "⊙": r"\odot",
    "⊗": r"\otimes",
    "∘": r"\circ",
    "·": r"\cdot",
    "‖": r"\Vert",
    "∫": r"\smallint",
    "∞": r"\infty",
    "ᵀ": r"{}^{\top}",
    "⁻": "{}^{-}",
    "¹": "{}^{1}",
    "…": r"\ldots",
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ε": r"\varepsilon",
    "ζ": r"\zeta",
    "η": r"\eta",
    "θ": r"\theta",
    "ι": r"\iota",
    "κ": r"\kappa",
    "λ": r"\lambda",
    "μ": r"\mu",
    "ν": r"\nu",
    "ξ": r"\xi",
    "π": r"\pi",
    "ρ": r"\rho",
    "τ": r"\tau",
    "υ": r"\upsilon",
    "φ": r"\varphi",
    "χ": r"\chi",
    "ψ": r"\psi",
    "ω": r"\omega",
}
WORDS = {"—": r"\textemdash{}", "’": r"\textquoteright{}", "°": r"\textdegree{}"}


def tikz(scene: Scene, theme: str = "light") -> str:
    """Return a scene as the text of a LaTeX document.

    Parameters
    ----------
    scene : Scene
        What is drawn.
    theme : {"auto", "light", "dark"}
        The colours; paper has no "auto": it is light.
    """
    colours = THEMES["dark" if theme == "dark" else "light"]
    lines = [
        r"\documentclass[border=0pt]{standalone}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{textcomp}",
        r"\usepackage{tikz}",
        *(rf"\definecolor{{sg{k}}}{{HTML}}{{{v[1:].upper()}}}" for k, v in colours.items()),
        r"\newcommand{\sgchar}[1]{\texttt{U+#1}}",
        r"\begin{document}",
        rf"\begin{{tikzpicture}}[x={UNIT}pt,y=-{UNIT}pt,inner sep=0pt,line join=round]",
    ]
    for item in scene.items:
        lines += _written(item)
    return "\n".join([*lines, r"\end{tikzpicture}", r"\end{document}"]) + "\n"


def _written(item: Item) -> list[str]:
    if isinstance(item, Group):
        return [line for inner in item.items for line in _written(inner)]
    if isinstance(item, Words):
        return [_words(item)]
    if isinstance(item, Line):
        return [rf"\path[{_look(item.role)}] {_steps(item)};"]
    return [_plate(item)]


def _words(item: Words) -> str:
    face = FACES[item.role]
    size = _n(face.size * UNIT)
    side = {"start": "base west", "middle": "base", "end": "base east"}[item.anchor]
    style = (
        r"\sffamily" + (r"\bfseries" if face.bold else "") + (r"\itshape" if face.italic else "")
    )
    font = rf"\fontsize{{{size}}}{{{size}}}\selectfont{style}"
    place = f"({_n(item.x)},{_n(item.y)})"
    return (
        rf"\node[anchor={side},text=sg{face.colour},font={font}] at {place} {{{tex(item.text)}}};"
    )


def tex(text: str) -> str:
    r"""Return text that LaTeX sets as it stands.

    Examples
    --------
    >>> print(tex("a_1 × 50%"))
    a\_1 $\times$ 50\%
    """
    return "".join(map(_character, text))


def _character(char: str) -> str:
    if char in SPECIAL:
        return SPECIAL[char]
    if char in SIGNS:
        return f"${SIGNS[char]}$"
    if char in WORDS:
        return WORDS[char]
    return char if char.isascii() else rf"\sgchar{{{ord(char):04X}}}"


def _look(role: str) -> str:
    look = LOOKS[role]
    found = [f"fill=sg{look.fill}"] if look.fill else []
    if look.stroke:
        found += [f"draw=sg{look.stroke}", f"line width={_n(look.pen * UNIT)}pt"]
    if look.dash:
        on, off = look.dash.split()
        found.append(f"dash pattern=on {on}pt off {off}pt")
    return ",".join(found)


def _plate(item: Plate) -> str:
    look = _look(item.role)
    if item.width == item.height == 2 * item.corner:
        x, y = item.left + item.corner, item.top + item.corner
        radius = f"{_n(item.corner * UNIT)}pt"
        return rf"\path[{look}] ({_n(x)},{_n(y)}) circle[radius={radius}];"
    corner = f"rounded corners={_n(item.corner * UNIT)}pt"
    right, bottom = item.left + item.width, item.top + item.height
    start, end = f"({_n(item.left)},{_n(item.top)})", f"({_n(right)},{_n(bottom)})"
    return rf"\path[{look},{corner}] {start} rectangle {end};"


# How a step of a path is written, its points in order.
STEPS = {"M": "{}", "L": " -- {}", "C": " .. controls {} and {} .. {}", "Z": " -- cycle"}


def _steps(item: Line) -> str:
    found = ""
    for action, *numbers in item.steps:
        points = [f"({_n(x)},{_n(y)})" for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        found += STEPS[action].format(*points)
    return found


def _n(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
