"""Derivations: the chain rule of one formula, gate by gate, as lines that can be written anywhere.

A derivation is sections of lines; a line is words and a chain of equal things. What they say is
read from the account of the engine's own run; how they look is the pens' matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symgrad.calculus.question import scalar
from symgrad.errors import UnsupportedError
from symgrad.numeric.execution import Run
from symgrad.show import derivation_pens as pens
from symgrad.show.account import Account, account
from symgrad.show.derivation_backward import Backward, Together
from symgrad.show.derivation_forward import Forward
from symgrad.show.derivation_pens import Section

BACKWARD = (
    "Backward: from {} to the inputs; a gradient is the upstream gradient × the local gradient"
)
SECTIONS: tuple[tuple[str, type[Forward | Backward | Together]], ...] = (
    ("Forward: every value, from the inputs to {}", Forward),
    (BACKWARD, Backward),
    ("Together: the gradient as a formula", Together),
)


@dataclass(frozen=True, eq=False)
class Derivation:
    """The chain rule of a formula, told gate by gate; printing writes it.

    Parameters
    ----------
    account : Account
        The formula, and its run where there is one.
    wanted : tuple of int
        The nodes whose gradients are asked for.
    digits : int
        Significant digits.
    format : {"text", "markdown", "latex"}
        How `str` writes it.
    """

    account: Account
    wanted: tuple[int, ...]
    digits: int = 6
    format: str = "text"

    def __post_init__(self) -> None:
        if self.format not in pens.FORMATS:
            known = ", ".join(pens.FORMATS)
            raise UnsupportedError(f"format={self.format!r} is not a format; use one of {known}")

    def __str__(self) -> str:
        return pens.FORMATS[self.format](self.sections)

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str | None:
        return None if self.format == "latex" else pens.markdown(self.sections)

    def _repr_latex_(self) -> str:
        return pens.latex(self.sections)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """What is told: forward, backward, and the closed form."""
        asked = self.account, self.wanted, self.digits
        end = self.account.by_node[self.account.outputs[0]].label
        with np.errstate(all="ignore"):
            told = [Section(t.format(end), tuple(part(*asked).lines())) for t, part in SECTIONS]
        return tuple(section for section in told if section.lines)


def explain(
    f: Any,
    wrt: Any = None,
    at: Mapping[Any, Any] | None = None,
    *,
    format: str = "text",
    expanded: bool = False,
    digits: int = 6,
    kinks: str = "min_norm",
) -> Derivation:
    """Derive the gradient of a formula by the chain rule, gate by gate.

    Parameters
    ----------
    f : str, Expr, Parsed, Graph or Run
        One scalar formula.
    wrt : symbol, name, or list or tuple of them, optional
        The variables or inner nodes that are asked for; default: every variable.
    at : mapping of name or symbol to number or array, optional
        The point; without one there are no numbers.
    format : {"text", "markdown", "latex"}
        What `str` gives.
    expanded : bool
        Whether composite gates, such as a sigmoid, are told gate by gate instead of as one.
    digits : int
        Significant digits.
    kinks : str
        What the derivative is where it does not exist.

    Returns
    -------
    Derivation
        Prints itself.

    Raises
    ------
    ShapeError, UnknownNameError, MissingValueError
        If `f` is not one scalar; `wrt` names nothing; `at` and the variables do not match.

    Examples
    --------
    >>> print(explain("q = x + y; f = q*z", "z", {"x": -2, "y": 5, "z": -4}))
    Forward: every value, from the inputs to f
      x = -2
    ...
    """
    source = f if isinstance(f, Run) else scalar(f, kinks)
    told = account(source, at, collapsed=not expanded, kinks=kinks)
    return Derivation(told, _wanted(told, wrt), digits, format)


def _wanted(told: Account, wrt: Any) -> tuple[int, ...]:
    """Return the nodes that are asked for; every variable by default."""
    if wrt is None:
        return told.graph.input_nodes
    asked = wrt if isinstance(wrt, (list, tuple)) else [wrt]
    found = [told.graph.node(one) for one in asked]
    return tuple(n for n in found if n is not None and n in told.by_node)
