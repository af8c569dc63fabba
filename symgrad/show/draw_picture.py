"""`draw`: the picture of a formula and its run, as SVG, PNG, DOT, Mermaid and TikZ."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

from symgrad.errors import UnknownNameError, UnsupportedError, hint
from symgrad.show.account import Account, GateAccount, account
from symgrad.show.draw_dot import dot, mermaid
from symgrad.show.draw_labels import Style
from symgrad.show.draw_programs import dot_svg, png
from symgrad.show.draw_sheet import Scene, scene
from symgrad.show.draw_svg import svg
from symgrad.show.draw_text import visible
from symgrad.show.draw_theme import THEMES
from symgrad.show.draw_tikz import tikz

MOST = 600  # nodes past which a picture is refused
LABELLED = 80  # nodes up to which local derivatives are written unless the caller chooses

SUFFIXES = {
    ".svg": "svg",
    ".png": "png",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".tex": "tikz",
    ".tikz": "tikz",
}
FORMATS = tuple(dict.fromkeys(SUFFIXES.values()))
LAYOUTS = ("own", "dot")


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A picture of a computational graph; each format is made when it is asked for.

    Parameters
    ----------
    account : Account
        What is drawn.
    gates : tuple of GateAccount
        The nodes that are drawn.
    style : Style
        What is written on them.
    theme : {"auto", "light", "dark"}
        The colours.
    layout : {"own", "dot"}
        Who places the nodes of the SVG.
    title : str
        A heading, or "".
    legend : bool
        Whether the marks are explained.

    Examples
    --------
    >>> picture = draw("q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4})
    >>> picture
    <Picture of 5 nodes>
    >>> picture.svg.startswith("<svg")
    True
    """

    account: Account
    gates: tuple[GateAccount, ...]
    style: Style
    theme: str = "auto"
    layout: str = "own"
    title: str = ""
    legend: bool = True

    @cached_property
    def scene(self) -> Scene:
        """What is drawn, as shapes."""
        return scene(self.account, self.gates, self.style, title=self.title, legend=self.legend)

    @cached_property
    def svg(self) -> str:
        """The picture as SVG."""
        return dot_svg(self.dot) if self.layout == "dot" else svg(self.scene, self.theme)

    @cached_property
    def dot(self) -> str:
        """The graph as Graphviz DOT."""
        return dot(self.account, self.gates, self.style, visible(self.title))

    @cached_property
    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart."""
        return mermaid(self.account, self.gates, self.style)

    @cached_property
    def tikz(self) -> str:
        """The picture as a standalone LaTeX document."""
        return tikz(self.scene, self.theme)

    def png(self, scale: float = 2.0) -> bytes:
        """Return the picture as the bytes of a PNG; the theme "auto" is light.

        Parameters
        ----------
        scale : float
            Pixels of the PNG for each pixel of the SVG.

        Raises
        ------
        UnsupportedError
            If the extra `png` is not installed, or the scale is not positive.
        """
        if not scale > 0:
            raise UnsupportedError(f"a scale is a positive number, not {scale!r}; 2 is sharp")
        theme = "light" if self.theme == "auto" else self.theme
        return png(svg(self.scene, theme), (self.scene.width, self.scene.height), scale)

    def as_format(self, wanted: str) -> str | bytes:
        """Return the picture in one of the formats: text, or bytes for "png"."""
        if wanted == "png":
            return self.png()
        found: str = getattr(self, chosen(wanted, FORMATS, "format"))
        return found

    def save(self, path: str | PathLike[str], *, scale: float = 2.0) -> Path:
        """Write the picture; the suffix of the path says in which format.

        Parameters
        ----------
        path : str or path
            A name that ends in .svg, .png, .dot, .gv, .mmd or .tex.
        scale : float
            For PNG, pixels for each pixel of the SVG.

        Raises
        ------
        UnsupportedError
            If the suffix is none of these, or the file cannot be written.
        """
        place = Path(path)
        wanted = SUFFIXES.get(place.suffix.lower())
        if wanted is None:
            known = ", ".join(SUFFIXES)
            raise UnsupportedError(f"`{place.name}` has no suffix of a picture; use one of {known}")
        made = self.png(scale) if wanted == "png" else self.as_format(wanted)
        try:
            place.write_bytes(made if isinstance(made, bytes) else made.encode())
        except OSError as error:
            raise UnsupportedError(f"`{place}` cannot be written: {error.strerror}") from error
        return place

    def _repr_svg_(self) -> str:
        return self.svg

    def __str__(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Picture of {len(self.gates)} nodes>"


class Looks(TypedDict, total=False):
    """What a picture shows and how: the keywords of `draw`.

    Attributes
    ----------
    around : str, Symbol or int
        Draw only what lies within `reach` (3) wires of this node.
    theme : {"auto", "light", "dark"}
        The colours; "auto" follows the reader's system.
    layout : {"own", "dot"}
        Who places the nodes: symgrad, or Graphviz's program, which must be installed.
    title : str
        A heading.
    legend : bool
        Whether the marks are explained below: they are.
    local : bool or None
        Whether local derivatives are written on the wires; None: up to 80 nodes.
    digits : int
        Significant digits: 4.
    """

    around: Any
    reach: int
    theme: str
    layout: str
    title: str
    legend: bool
    local: bool | None
    digits: int


@overload
def draw(
    f: Any,
    at: Mapping[Any, Any] | None = None,
    *,
    path: str | PathLike[str] | None = None,
    format: None = None,
    collapsed: bool | None = True,
    kinks: str = "min_norm",
    **looks: Unpack[Looks],
) -> Picture: ...


@overload
def draw(
    f: Any,
    at: Mapping[Any, Any] | None = None,
    *,
    path: str | PathLike[str] | None = None,
    format: str,
    collapsed: bool | None = True,
    kinks: str = "min_norm",
    **looks: Unpack[Looks],
) -> str | bytes: ...


def draw(
    f: Any,
    at: Mapping[Any, Any] | None = None,
    *,
    path: str | PathLike[str] | None = None,
    format: str | None = None,
    collapsed: bool | None = True,
    kinks: str = "min_norm",
    **looks: Unpack[Looks],
) -> Picture | str | bytes:
    """Draw a formula: values above the wires, gradients below, local derivatives on them.

    Parameters
    ----------
    f : str, Expr, Parsed, Graph, Run or Account
        A formula.
    at : mapping of name or symbol to number or array, optional
        The point; without one every number is drawn as "—".
    path : str or path, optional
        Where the picture is written; its suffix says how: .svg, .png, .dot, .gv, .mmd or .tex.
    format : {"svg", "png", "dot", "mermaid", "tikz"}, optional
        What to return instead of a `Picture`: text, or bytes for "png".
    collapsed : bool or None
        Composite gates as one gate each (True), gate by gate in a frame (False), or as written.
    kinks : {"min_norm", "first", "nan", "raise"}
        What the derivative is where it does not exist.
    **looks
        The keywords of `Looks`: around, reach, theme, layout, title, legend, local, digits.

    Raises
    ------
    UnsupportedError
        If a picture would hold more than 600 nodes; the message says what to do instead.

    Examples
    --------
    >>> draw("x*y", {"x": 4, "y": -3})
    <Picture of 3 nodes>
    """
    told = f if isinstance(f, Account) else account(f, at, collapsed=collapsed, kinks=kinks)
    picture = _pictured(told, **looks)
    if path is not None:
        picture.save(path)
    return picture if format is None else picture.as_format(format)


def _pictured(told: Account, **looks: Unpack[Looks]) -> Picture:
    """Return the picture of an account, once every choice is known to be one."""
    for unknown in sorted(looks.keys() - Looks.__annotations__):
        chosen(unknown, tuple(Looks.__annotations__), "keyword of `draw`")
    theme = chosen(looks.get("theme", "auto"), ("auto", *THEMES), "theme")
    layout = chosen(looks.get("layout", "own"), LAYOUTS, "layout")
    around, local = looks.get("around"), looks.get("local")
    gates = told.gates if around is None else near(told, around, looks.get("reach", 3))
    if len(gates) > MOST:
        raise UnsupportedError(_too_many(told, gates))
    style = Style(looks.get("digits", 4), len(gates) <= LABELLED if local is None else local)
    title, legend = looks.get("title", ""), looks.get("legend", True)
    return Picture(told, tuple(gates), style, theme, layout, title, legend)


def chosen(wanted: str, known: Sequence[str], what: str) -> str:
    """Return a choice that is known.

    Raises
    ------
    UnknownNameError
        If it is not; the message has the nearest.
    """
    if wanted not in known:
        listed = ", ".join(f"`{k}`" for k in known)
        raise UnknownNameError(
            f"no {what} `{wanted}`{hint(str(wanted), known)}; it is one of {listed}"
        )
    return wanted


def near(told: Account, center: Any, reach: int) -> tuple[GateAccount, ...]:
    """Return the gates within so many wires of one node, in topological order.

    No way leads through an input to its other readers: one that all gates read would bring all.

    Raises
    ------
    UnknownNameError
        If there is no such node.
    """
    start = told.graph.node(center)
    if start is None or start not in told.by_node:
        raise UnknownNameError(f"`{center}` is no node of the picture; give the name of a node")
    far = {start: 0}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        gate = told.by_node[node]
        if far[node] < reach and (gate.wires or node == start):
            beside = [w.source for w in gate.wires] + [p.reader for p in gate.paths]
            for other in beside:
                if other not in far:
                    far[other] = far[node] + 1
                    waiting.append(other)
    return tuple(gate for gate in told.gates if gate.node in far)


def _too_many(told: Account, gates: Sequence[GateAccount]) -> str:
    """Return what to do about a graph that is too large for one picture."""
    names = list(told.graph.names)
    name = names[len(names) // 2] if names else told.outputs[0]
    return (
        f"a picture of {len(gates)} nodes is asked for, and one holds at most {MOST}; draw a part "
        f"with `around={name!r}` and a small `reach`, put what repeats into `sg.block` or "
        "`sg.scan`, which are one box each, or read the graph as a table"
    )
