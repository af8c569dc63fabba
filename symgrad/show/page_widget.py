"""The page inside a notebook: the same script and style, as an anywidget.

anywidget is loaded when a widget is made; without it an error says how to install it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from symgrad.errors import UnsupportedError
from symgrad.show.page_data import record
from symgrad.show.page_file import known_gates, packed, template

START = "symgradPage.boot();"
MODULE = """
export default {
  render({ model, el }) {
    const host = el.appendChild(document.createElement("div"));
    let app = null;
    const show = async () => {
      app?.close();
      const found = await symgradPage.recordOf(model.get("record"));
      app = new symgradPage.App(host, found, { hash: false });
    };
    model.on("change:record", show);
    show();
    return () => app?.close();
  },
};
"""


def script() -> str:
    """Return the page's script as an ES module for anywidget."""
    inside = template().rpartition("<script>")[2].partition("</script>")[0]
    return inside.removesuffix(START) + MODULE


def style() -> str:
    """Return the page's style."""
    return template().partition("<style>")[2].partition("</style>")[0]


@cache
def _widget_class() -> Any:
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise UnsupportedError(
            "a widget needs anywidget; install it with `pip install symgrad[notebook]`"
        ) from error

    class Page(anywidget.AnyWidget):  # type: ignore[misc]
        """A page in a notebook; `record` is what it shows."""

        _esm = script()
        _css = style()
        record = traitlets.Unicode().tag(sync=True)

    return Page


def widget(
    f: Any, at: Mapping[Any, Any] | None = None, *, title: str = "", kinks: str = "min_norm"
) -> Any:
    """Make the page of a formula as a widget, for notebooks.

    Parameters
    ----------
    f : str, Expr, Parsed, Graph or Run
        One scalar formula, or a run of one.
    at : mapping of name or symbol to number or array, optional
        The point.
    title : str
        What stands before the formula.
    kinks : {"min_norm", "first", "nan", "raise"}
        What the derivative is where it does not exist.

    Returns
    -------
    anywidget.AnyWidget
        Shows itself as the last value of a cell.

    Raises
    ------
    UnsupportedError
        If anywidget is not installed, or the point is complex.
    ShapeError
        If there are several outputs, a batch of points, or tensors without a point.
    """
    kind = _widget_class()
    return kind(record=packed(record(f, at, known=known_gates(), title=title, kinks=kinks)))
