"""SciPy's special functions, loaded by the first call of one of them.

Loading `scipy.special` takes a third of what sympy, networkx and numpy take together, and most
formulas call none of it. `special` reads like the module; it imports nothing of symgrad.
"""

from __future__ import annotations

from typing import Any

import scipy


class Deferred:
    """A function of `scipy.special`, found when it is called."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Return the function's value."""
        return getattr(scipy.special, self.name)(*args, **options)


class Special:
    """The names of `scipy.special`."""

    def __getattr__(self, name: str) -> Deferred:
        return Deferred(name)


special = Special()
