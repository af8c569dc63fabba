"""What low rooms need from high ones: services by name, provided once when a room loads.

A graph can draw itself, and a region can be differentiated, although drawing and calculus stand
above the graph. This module imports nothing of symgrad.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SERVICES: dict[str, Callable[..., Any]] = {}


def provide(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as the service `name`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        _SERVICES[name] = function
        return function

    return register


def service(name: str) -> Callable[..., Any]:
    """Return the service `name`; `import symgrad` provides all of them."""
    return _SERVICES[name]


class Shown:
    """What a notebook shows richly: as HTML, SVG or LaTeX, where `symgrad.show` knows how.

    A form that does not exist, or would be too large, is None; the notebook then shows the text.
    """

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        return self._shown("html")

    def _repr_svg_(self) -> str | None:
        return self._shown("svg")

    def _repr_latex_(self) -> str | None:
        return self._shown("latex")

    def _shown(self, form: str) -> str | None:
        found: str | None = service("notebook.repr")(self, form)
        return found
