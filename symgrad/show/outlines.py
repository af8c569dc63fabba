"""The gradient of a whole network as a page of modules: each block and loop once.

The lines are those of the regions that the engine derives; nothing is derived here twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from symgrad.calculus import wrt as structure
from symgrad.calculus.growth import Growth
from symgrad.calculus.question import scalar
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import dependents, reachable
from symgrad.dag.regions import Region, nested
from symgrad.errors import UnknownNameError, hint
from symgrad.expr.symbols import label
from symgrad.rules import opaque
from symgrad.show import outline_text
from symgrad.show.outline_lines import Pulled, fresh, names_of_calls, pullbacks
from symgrad.show.outline_pages import Draft, Page, block_page, loop_page


@dataclass(frozen=True)
class Module:
    """One page of an outline, and where it stands.

    Parameters
    ----------
    page : Page
        Its inputs and lines.
    level : int
        0 for the network, 1 for what it calls, and so on.
    calls : int
        How often it is called, all in all; a loop counts once.
    """

    page: Page
    level: int = 0
    calls: int = 1


@dataclass(frozen=True)
class Outline:
    """The gradient of a network, module by module.

    Parameters
    ----------
    modules : tuple of Module
        The network, then every block and loop in it, each once, callers first.
    parameters : tuple of (str, tuple)
        What it is differentiated by, with shapes.
    opened : frozenset of str
        Which modules are shown with their lines.

    Notes
    -----
    `print` shows text, a notebook Markdown; `markdown()` and `latex()` return them.
    """

    modules: tuple[Module, ...]
    parameters: tuple[tuple[str, Any], ...]
    opened: frozenset[str] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return "\n".join(outline_text.written(self))

    __repr__ = __str__

    def markdown(self) -> str:
        """Return Markdown: a heading a module, its lines as code."""
        return outline_text.markdown(self)

    def latex(self) -> str:
        """Return LaTeX: aligned formulas, one group a module."""
        return outline_text.latex(self)

    def _repr_markdown_(self) -> str:
        return self.markdown()

    @property
    def numbers(self) -> int | None:
        """How many numbers the parameters hold; None while a size is a letter."""
        sizes = [size for _, shape in self.parameters for size in shape]
        if not all(isinstance(size, int) for size in sizes):
            return None
        return int(sum(prod(shape) for _, shape in self.parameters))


def outline(
    f: Any,
    wrt: Any = None,
    *,
    depth: int = 1,
    open: str | Sequence[str] = (),
    kinks: str = "min_norm",
) -> Outline:
    """Return the gradient of a network as a page of modules, each derived and shown once.

    In a module the cotangent of `out` is `dout`; in a loop, step t makes `h[t]` of `h[t-1]`.

    Parameters
    ----------
    f : Expr, tensor, Parsed or Graph
        One scalar, made of calls of blocks (`sg.block`) and loops (`sg.scan`) over tensors.
    wrt : symbol, name, or list, tuple or dict of them, optional
        What to differentiate by. Default: every variable.
    depth : int
        How deep modules are opened: 0 shows the network alone, 1 the modules that it calls.
    open : str or sequence of str
        Names of modules that are opened as well.
    kinks : {"min_norm", "first", "nan", "raise"}
        What the derivative is where it does not exist.

    Raises
    ------
    UnknownNameError
        If `wrt` or `open` names nothing.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, w = sg.tensor("x", "N", "D"), sg.tensor("w", "H", "D")
    >>> print(outline(sg.block("layer", [x, w], sg.map("tanh", x @ w.T))(x, w).sum(), w))
    1 module, each derived once; the gradient by 1 parameter
    <BLANKLINE>
    h1 = layer(x, w)   (N, H)   dw = dlayer(1)
    f = sum(h1)
    layer, called once: x (N, D), w (H, D)
      out = tanh(x @ w.T)
      dw = (dout*(1 - out**2)).T @ x
    """
    source = scalar(f, kinks)
    wanted = structure.expand(source, wrt)
    nodes = structure.nodes_of(source, wanted)
    names = [leaf if isinstance(leaf, str) else label(leaf) for leaf in structure.leaves(wanted)]
    return _outline(source, nodes, names, kinks, depth, [open] if isinstance(open, str) else open)


def _outline(
    source: Graph,
    wanted: Sequence[int | None],
    names: Sequence[str],
    kinks: str,
    depth: int,
    more: Sequence[str],
) -> Outline:
    grown, inner = _grown(source, wanted, kinks)
    derived = _derived(source, grown)
    modules = _modules(_network(grown, inner, names, derived), derived)
    shapes = [() if n is None else source.nodes.shapes.get(n, ()) for n in wanted]
    parameters = tuple(zip(names, shapes, strict=True))
    return Outline(tuple(modules), parameters, _opened(modules, depth, more))


def _grown(source: Graph, wanted: Sequence[int | None], kinks: str) -> tuple[Graph, int]:
    """Return the graph of the value, of inner values, then of the cotangents of `wanted` and them.

    The second number is how many inner values there are: those of calls that move with `wanted`.
    """
    growth, value = Growth(source, kinks), source.outputs[0]
    alive = [w for w in wanted if w is not None]
    moving, used = dependents(source.nodes, alive, value), reachable(source.nodes, [value])
    named = set(source.names.values()) - {value, *alive}
    inner = [
        node
        for node, gate in enumerate(source.nodes.gates[:value])
        if used[node] and moving[node] and (gate in opaque.OF_TENSORS or node in named)
    ]
    bars = growth.pull({value: growth.one()}, [*wanted, *inner])
    return growth.freeze([value, *inner, *bars]), len(inner)


def _derived(source: Graph, grown: Graph) -> dict[int, Pulled]:
    """Return the derived regions that a graph calls since it has grown, by identity."""
    every = nested(grown.nodes)
    held = {id(region) for region in every} - {id(region) for region in nested(source.nodes)}
    origins = {id(r): r for region in every for r in (region, region.plain)}
    return {key: pulled for key, pulled in pullbacks(origins.values()).items() if key in held}


def _network(grown: Graph, inner: int, names: Sequence[str], derived: Mapping[int, Pulled]) -> Page:
    """Return the page of the whole formula."""
    nodes, value = grown.nodes, grown.outputs[0]
    values, bars = grown.outputs[1 : 1 + inner], grown.outputs[1 + inner :]
    taken = {label(s) for s in grown.inputs} | set(grown.names)
    given = {node: name for name, node in reversed(list(grown.names.items()))}
    given.setdefault(value, "f" if "f" not in taken else "loss")
    known = names_of_calls(nodes, reachable(nodes, [value]), given, derived, taken)
    wanted = [(fresh(f"d{name}", taken), bar) for name, bar in zip(names, bars, strict=False)]
    pairs = zip(values, bars[len(names) :], strict=True)
    named = {bar: fresh(f"d{known[node]}", taken) for node, bar in pairs}
    own = {node: name for node, name in known.items() if node != value}
    draft = Draft(nodes, [(known[value], value)], wanted, {**named, **own})
    ahead, behind = draft.lines(derived, taken)
    shapes = tuple((label(s), nodes.shapes.get(n, ())) for s, n in zip(grown.inputs,
                   grown.input_nodes, strict=True))  # fmt: skip
    return Page("", shapes, (known[value],), ahead, behind)


def _modules(top: Page, derived: Mapping[int, Pulled]) -> list[Module]:
    """Return the network and every module in it, callers first, each once."""
    best: dict[Any, Pulled] = {}
    for pulled in derived.values():
        before = best.get((pulled.origin, pulled.form))
        if before is None or pulled.size > before.size:
            best[pulled.origin, pulled.form] = pulled
    pages: dict[Any, tuple[Page, int]] = {None: (top, 0)}
    counts: dict[Any, int] = {None: 1}
    queue: list[Any] = [None]
    for key in queue:  # grows while pages call further modules
        page, level = pages[key]
        for region, form, length in page.called():
            place = region, form
            counts[place] = counts.get(place, 0) + counts[key] * page.count(region, form)
            if place not in pages:
                pages[place] = _page(*place, length, best.get(place), derived), level + 1
                queue.append(place)
    return [Module(page, level, counts[key]) for key, (page, level) in pages.items()]


def _page(
    region: Region,
    form: tuple[int, ...],
    length: Any,
    pulled: Pulled | None,
    derived: Mapping[int, Pulled],
) -> Page:
    if not form:
        return block_page(region, pulled, derived)
    carries, streams = form
    return loop_page(region, opaque.ScanForm(length, carries, streams), pulled, derived)


def _opened(modules: Sequence[Module], depth: int, more: Sequence[str]) -> frozenset[str]:
    """Return the names of the modules that are shown with their lines.

    Raises
    ------
    UnknownNameError
        If a name is no module's.
    """
    names = [module.page.name for module in modules[1:]]
    for name in more:
        if name not in names:
            listed = ", ".join(f"`{n}`" for n in names) or "none"
            raise UnknownNameError(
                f"there is no module `{name}` to open; the modules are {listed}{hint(name, names)}"
            )
    return frozenset(more) | {m.page.name for m in modules if m.level <= depth}
