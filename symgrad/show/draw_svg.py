"""A scene as SVG: valid XML, nothing but shapes and escaped text, the same bytes every time.

Colours are attributes, so that a program without style sheets shows them; the theme "auto" adds one
small style sheet, bound to this picture's own id, that changes them in the dark.
"""

from __future__ import annotations

import hashlib
from xml.sax.saxutils import escape, quoteattr

from symgrad.show.draw_shapes import FACES, Group, Item, Line, Plate, Words
from symgrad.show.draw_sheet import Scene
from symgrad.show.draw_text import FONTS
from symgrad.show.draw_theme import DARK, LOOKS, THEMES

WIDEST = 2400.0  # pixels of a picture that shrinks to its page; a wider one is scrolled


def svg(scene: Scene, theme: str = "auto") -> str:
    """Return a scene as the text of an SVG file.

    Parameters
    ----------
    scene : Scene
        What is drawn.
    theme : {"auto", "light", "dark"}
        The colours; "auto" follows the reader's system.
    """
    colours = THEMES["dark" if theme == "dark" else "light"]
    body = "\n".join(_written(item, colours) for item in scene.items)
    told = escape(scene.title), escape(scene.description)
    seed = "\n".join((theme, *told, body)).encode()
    name = "sg" + hashlib.sha256(seed).hexdigest()[:10]
    size = f"{_n(scene.width)} {_n(scene.height)}"
    width, height = size.split()
    shrinks = ' style="max-width:100%;height:auto"' if scene.width <= WIDEST else ""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" role="img" '
        f'aria-labelledby="{name}t {name}d" width="{width}" height="{height}" '
        f'viewBox="0 0 {size}" font-family="{FONTS}"{shrinks}>'
    )
    lines = [
        head,
        f'<title id="{name}t">{told[0]}</title>',
        f'<desc id="{name}d">{told[1]}</desc>',
        *([_style(name)] if theme == "auto" else []),
        body,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _style(name: str) -> str:
    """Return the style sheet that changes colours in the dark, for this picture alone."""
    rules = "".join(
        f"#{name} .f-{role}{{fill:{colour}}}#{name} .s-{role}{{stroke:{colour}}}"
        for role, colour in DARK.items()
    )
    return f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"


def _written(item: Item, colours: dict[str, str]) -> str:
    if isinstance(item, Group):
        title = f"<title>{escape(item.sentence)}</title>" if item.sentence else ""
        inner = "\n".join(_written(i, colours) for i in item.items)
        return f"<g>{title}\n{inner}\n</g>"
    if isinstance(item, Words):
        return _words(item, colours)
    paint = _paint(item.role, colours)
    if isinstance(item, Line):
        return f'<path d="{_steps(item)}"{paint}/>'
    return _plate(item, paint)


def _words(item: Words, colours: dict[str, str]) -> str:
    face = FACES[item.role]
    style = ' font-weight="bold"' if face.bold else ""
    style += ' font-style="italic"' if face.italic else ""
    style += f' text-anchor="{item.anchor}"' if item.anchor != "start" else ""
    fill = f'class="f-{face.colour}" fill="{colours[face.colour]}"'
    place = f'x="{_n(item.x)}" y="{_n(item.y)}" font-size="{_n(face.size)}"'
    return f"<text {place}{style} {fill}>{escape(item.text)}</text>"


def _paint(role: str, colours: dict[str, str]) -> str:
    """Return the attributes of a shape's fill and pen."""
    look = LOOKS[role]
    names = [f"f-{look.fill}"] if look.fill else []
    names += [f"s-{look.stroke}"] if look.stroke else []
    found = f" class={quoteattr(' '.join(names))}"
    found += f' fill="{colours[look.fill] if look.fill else "none"}"'
    if look.stroke:
        found += f' stroke="{colours[look.stroke]}" stroke-width="{_n(look.pen)}"'
    return found + (f' stroke-dasharray="{look.dash}"' if look.dash else "")


def _plate(item: Plate, paint: str) -> str:
    if item.width == item.height == 2 * item.corner:
        x, y = item.left + item.corner, item.top + item.corner
        return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(item.corner)}"{paint}/>'
    place = f'x="{_n(item.left)}" y="{_n(item.top)}"'
    size = f'width="{_n(item.width)}" height="{_n(item.height)}"'
    return f'<rect {place} {size} rx="{_n(item.corner)}"{paint}/>'


def _steps(item: Line) -> str:
    return "".join(a + " ".join(map(_n, numbers)) for a, *numbers in item.steps)


def _n(value: float) -> str:
    """Return a length with at most one decimal, `12.5`, `12`."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
