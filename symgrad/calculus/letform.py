"""The let-form: shared intermediates named once, then the results.

A pair `(replacements, reduced)` as `sympy.cse` returns it, which prints line by line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sympy import Expr, MatrixSymbol, Symbol

from symgrad.expr.printer import text
from symgrad.expr.region import Block
from symgrad.registry import service


class LetForm(tuple[Any, Any]):
    """`(replacements, reduced)`, printed as lines.

    Parameters
    ----------
    replacements : list of (Symbol, Expr)
        Each intermediate, in an order in which they can be computed.
    reduced : Expr or structure of Expr
        The results in terms of variables and intermediates.
    labels : sequence of str, optional
        What the results of a list or tuple are called in print.

    Examples
    --------
    >>> from sympy.abc import s, x
    >>> print(LetForm([(s, x**2)], {x: 2*s}))
    s = x**2
    x: 2*s
    """

    labels: tuple[str, ...]

    def __new__(
        cls,
        replacements: list[tuple[Symbol, Expr]],
        reduced: Any,
        labels: Sequence[str] = (),
    ) -> LetForm:
        """Make the pair."""
        made = super().__new__(cls, (replacements, reduced))
        made.labels = tuple(labels)
        return made

    def __getnewargs__(self) -> tuple[Any, Any, Any]:
        return (self[0], self[1], self.labels)

    def _results(self) -> Iterator[tuple[str, Expr]]:
        """Yield each result with what it is called."""
        flat = isinstance(self[1], (list, tuple)) and len(self.labels) == len(self[1])
        return zip(self.labels, self[1], strict=True) if flat else _labelled(self[1])

    @property
    def replacements(self) -> list[tuple[Symbol, Expr]]:
        """The intermediates."""
        return self[0]  # type: ignore[no-any-return]

    @property
    def reduced(self) -> Any:
        """The results."""
        return self[1]

    def __repr__(self) -> str:
        lines = [f"{name} = {text(value)}" for name, value in self.replacements]
        lines += [_result(label, text(e)) for label, e in self._results()]
        return "\n".join([*lines, *self.outline()])

    def outline(self) -> list[str]:
        """Return a line for each block that is called, the outermost first."""
        found: dict[Block, None] = {}
        queue = [e for _, e in self.replacements] + [e for _, e in _labelled(self[1])]
        for expr in queue:  # grows while blocks call further blocks
            for block in _blocks(expr):
                if block not in found:
                    found[block] = None
                    queue.extend(block.outputs)
        return [_headline(block) for block in found]

    def latex(self) -> str:
        """Return LaTeX, one line an intermediate and a result."""
        write = service("formula.latex")
        lines = [f"{write(name)} = {write(value)}" for name, value in self.replacements]
        lines += [_result(label, write(e)) for label, e in self._results()]
        return "\n".join(lines)


def _labelled(reduced: Any, label: str = "") -> Iterator[tuple[str, Expr]]:
    """Yield each result with its place in the structure."""
    if isinstance(reduced, Mapping):
        for key, value in reduced.items():
            name = f"d{key} =" if isinstance(key, MatrixSymbol) else str(key)
            yield from _labelled(value, f"{label}.{name}" if label else name)
    elif isinstance(reduced, (list, tuple)):
        for place, value in enumerate(reduced):
            yield from _labelled(value, f"{label}[{place}]")
    else:
        yield label, reduced


def _result(label: str, written: str) -> str:
    """Return the line of a result; the gradient by a matrix is an assignment, `dW = ...`."""
    if not label:
        return written
    return f"{label} {written}" if label.endswith("=") else f"{label}: {written}"


def _blocks(expr: Any) -> list[Block]:
    """Return the blocks that an expression calls, in order."""
    found, stack, seen = [], [expr], set()
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Block):
            found.append(node)
        stack.extend(reversed(getattr(node, "args", ())))
    return found


def _headline(block: Block) -> str:
    inputs = ", ".join(text(i) for i in block.inputs)
    outputs = ", ".join(text(o) for o in block.outputs)
    return f"block {block.name}({inputs}) = {outputs}"
