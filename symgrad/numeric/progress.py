"""Progress of what takes long: a line on standard error, where a person sits before it.

It appears when a stage has taken a while and goes when the stage ends, however that ends; nothing
is shown in a pipe, a test or a notebook.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from time import perf_counter
from typing import Any

PATIENCE = 0.7  # seconds that pass in silence


@contextmanager
def working(stage: str, *, patience: float = PATIENCE) -> Iterator[None]:
    """Show that a stage is under way, and how long it has been.

    Parameters
    ----------
    stage : str
        What is done, such as "deriving 2,000 nodes".
    patience : float
        Seconds before anything is shown.
    """
    stream = sys.stderr
    if not (hasattr(stream, "isatty") and stream.isatty()):
        yield
        return
    line = _Line(stage)
    timer = Timer(patience, line.show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        line.hide()


class _Line:
    """A line with a clock; shown at most once, and not after it was hidden."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._start = perf_counter()
        self._live: Any = None
        self._over = False
        self._lock = Lock()

    def show(self) -> None:
        """Start the line."""
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        live = Progress(*columns, console=Console(stderr=True), transient=True)
        live.add_task(self._stage, total=None)
        with self._lock:
            if not self._over:
                self._live = live
                live.start()

    def hide(self) -> None:
        """Take the line away."""
        with self._lock:
            self._over = True
            if self._live is not None:
                self._live.stop()
