"""The page as a notebook's widget: its module renders into an element and closes."""

from __future__ import annotations

from typing import Any

import pytest

import symgrad as sg
from symgrad.show.page_widget import script, style

pytestmark = pytest.mark.slow

RENDER = """async ([module, style, record]) => {
    const sheet = document.head.appendChild(document.createElement("style"));
    sheet.textContent = style;
    const url = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
    const widget = (await import(url)).default;
    const model = { get: () => record, on: () => undefined };
    const el = document.body.appendChild(document.createElement("div"));
    window.close_ = widget.render({ model, el });
    await new Promise((done) => setTimeout(done, 200));
    return el.querySelectorAll(".box").length;
}"""


def test_a_widget_renders_steps_and_closes(tab: Any) -> None:
    pytest.importorskip("anywidget", reason="needs symgrad[notebook]")
    made = sg.widget("q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4})
    one = tab()
    boxes = one.page.evaluate(RENDER, [script(), style(), made.record])
    one.page.click('[data-do="next"]')
    told = one.page.inner_text(".caption")
    one.page.evaluate("window.close_()")

    assert boxes == 5
    assert told.startswith("Start")
    assert one.page.evaluate("location.hash") == ""
