"""SciPy's special functions, loaded by the first call of one of them.

Loading `scipy.special` takes a third of what sympy, networkx and numpy take together, and most
formulas call none of it. `special` reads like the module; it imports nothing of symgrad.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Deferred:
    """A function of `scipy.special`, found when it is called."""

    __slots__ = ("function", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.function: Callable[..., Any] | None = None

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Return the function's value."""
        return self.found()(*args, **options)

    def found(self) -> Callable[..., Any]:
        """Return the function itself."""
        if self.function is None:
            from scipy import special

            self.function = getattr(special, self.name)
        return self.function


class Special:
    """The names of `scipy.special`."""

    def __getattr__(self, name: str) -> Deferred:
        return Deferred(name)


special = Special()
