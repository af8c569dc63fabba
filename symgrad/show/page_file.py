"""Pages: one HTML file that shows a chain rule step by step, with no network and no other file.

The template is built from `symgrad/show/web/src` and ships with the package; here it is filled with
the record of a run. Nothing of a formula becomes HTML or code: the record is JSON, in which `<`
does not occur.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from symgrad.errors import UnsupportedError
from symgrad.show.page_data import record

PACKED = 60_000  # characters of JSON from which a record is packed
ESCAPED = {ord(c): f"\\u{ord(c):04x}" for c in "<>&"}
GATES = '<meta name="symgrad-gates" content="'


@cache
def template() -> str:
    """Return the built template."""
    return files("symgrad.show").joinpath("web", "page.html").read_text(encoding="utf-8")


@cache
def known_gates() -> frozenset[str]:
    """Return the names of the gates that the page has kernels for."""
    return frozenset(template().partition(GATES)[2].partition('"')[0].split())


def as_json(found: Any) -> str:
    """Return JSON that may stand inside a script element: ASCII, and without angle brackets."""
    return json.dumps(found, separators=(",", ":"), allow_nan=False).translate(ESCAPED)


def packed(found: Any) -> str:
    """Return a record as JSON, or packed where it is long; equal records give equal text."""
    plain = as_json(found)
    if len(plain) < PACKED:
        return plain
    return base64.b64encode(gzip.compress(plain.encode("ascii"), 9, mtime=0)).decode("ascii")


def filled(kind: str, title: str, content: str) -> str:
    """Return the template with a record."""
    head, _, tail = template().partition('@KIND@">@RECORD@')
    head = head.replace("@TITLE@", html.escape(title[:200]))
    return f'{head}{kind}">{content}{tail}'


def page(
    f: Any,
    at: Mapping[Any, Any] | None = None,
    path: str | Path | None = None,
    *,
    title: str = "",
    kinks: str = "min_norm",
) -> str:
    """Make a page that steps through the chain rule of a formula, gate by gate.

    Parameters
    ----------
    f : str, Expr, Parsed, Graph or Run
        One scalar formula, or a run of one.
    at : mapping of name or symbol to number or array, optional
        The point. Without one a page of scalars waits for numbers.
    path : str or Path, optional
        Where the file goes.
    title : str
        What stands before the formula.
    kinks : {"min_norm", "first", "nan", "raise"}
        What the derivative is where it does not exist.

    Returns
    -------
    str
        The page: HTML without any other file, some 120 kB and more with the size of the graph.

    Raises
    ------
    ShapeError
        If there are several outputs, a batch of points, or tensors without a point.
    MissingValueError, UnknownNameError
        If `at` and the variables of `f` do not match.
    UnsupportedError
        If the point is complex, or the file cannot be written.

    Examples
    --------
    >>> made = page("q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4})
    >>> made[:15], len(made) < 300_000
    ('<!doctype html>', True)
    """
    found = record(f, at, known=known_gates(), title=title, kinks=kinks)
    made = filled("page", title or f"symgrad: {found['source']}", packed(found))
    if path is not None:
        _write(path, made)
    return made


def _write(path: str | Path, content: str) -> None:
    try:
        Path(path).write_text(content, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UnsupportedError(f"`{path}` cannot be written: {error.strerror}") from error
