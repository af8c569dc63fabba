"""What the rooms of the reader raise among themselves.

`parse` turns a refusal into a `ParseError`, `LimitError` or `TextShapeError`, which know the text.
Imports nothing of symgrad.
"""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - it never leaves the reader
    """Carry a lesson and its place to `parse`.

    Parameters
    ----------
    message : str
        What was found and what to do.
    position : int
        Offset in the text.
    limit : bool
        True where the text is larger than a limit.
    shape : bool
        True where the shapes of matrices do not fit.
    """

    def __init__(
        self, message: str, position: int, *, limit: bool = False, shape: bool = False
    ) -> None:
        super().__init__(message, position)
        self.message = message
        self.position = position
        self.limit = limit
        self.shape = shape
