"""How a parameter moves, given its gradient: four optimisers, each a few lines of NumPy.

Each has `memories`, how many arrays it keeps beside a parameter, zeros at first, and
`update(w, gradient, memory, step)`, which changes the parameter and them in place; steps count
from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class SGD:
    """Down the gradient; `decay` multiplies the rate after each step."""

    rate: float
    decay: float = 1.0
    memories: ClassVar[int] = 0

    def update(self, w: Array, gradient: Array, memory: Sequence[Array], step: int) -> None:
        """Change `w` in place; steps count from 1."""
        w -= self.rate * self.decay ** (step - 1) * gradient


@dataclass(frozen=True)
class Momentum:
    """A ball that rolls down and loses some of its velocity at each step."""

    rate: float
    keep: float = 0.9
    memories: ClassVar[int] = 1

    def update(self, w: Array, gradient: Array, memory: Sequence[Array], step: int) -> None:
        """Change `w` and its velocity in place."""
        (velocity,) = memory
        velocity *= self.keep
        velocity -= self.rate * gradient
        w += velocity


@dataclass(frozen=True)
class RMSprop:
    """Steps measured by the recent size of each gradient."""

    rate: float = 1e-3
    keep: float = 0.99
    small: float = 1e-8
    memories: ClassVar[int] = 1

    def update(self, w: Array, gradient: Array, memory: Sequence[Array], step: int) -> None:
        """Change `w` and its mean square in place."""
        (square,) = memory
        square *= self.keep
        square += (1 - self.keep) * gradient**2
        w -= self.rate * gradient / (np.sqrt(square) + self.small)


@dataclass(frozen=True)
class Adam:
    """Momentum and RMSprop together, corrected for having started from zero."""

    rate: float = 1e-3
    keep: float = 0.9
    keep_square: float = 0.999
    small: float = 1e-8
    memories: ClassVar[int] = 2

    def update(self, w: Array, gradient: Array, memory: Sequence[Array], step: int) -> None:
        """Change `w`, its mean gradient and its mean square in place."""
        mean, square = memory
        mean *= self.keep
        mean += (1 - self.keep) * gradient
        square *= self.keep_square
        square += (1 - self.keep_square) * gradient**2
        size = np.sqrt(square / (1 - self.keep_square**step))
        w -= self.rate * mean / (1 - self.keep**step) / (size + self.small)


Optimiser = SGD | Momentum | RMSprop | Adam
