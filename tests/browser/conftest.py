"""A real browser for the pages: the system's own Chromium, driven by Playwright.

Nothing is downloaded. Where Playwright or Chromium is missing, these tests say so and are skipped.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",  # the only way for root, in containers
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
WEB = Path(__file__).resolve().parents[2] / "symgrad/show/web"
AXE = WEB / "node_modules/axe-core/axe.min.js"


STRICT = "SYMGRAD_CHROMIUM" in os.environ  # whoever names a browser wants no test skipped


def needed(module: str, extra: str) -> Any:
    """Return a module of an extra; without it tests are skipped, or fail where that is asked."""
    if STRICT:
        return importlib.import_module(module)
    return pytest.importorskip(module, reason=f"needs symgrad[{extra}]")


def program() -> str | None:
    """Return the browser's program."""
    known = os.environ.get("SYMGRAD_CHROMIUM")
    return known or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    found = program()
    if found is None:
        pytest.skip("no Chromium is installed; name one in SYMGRAD_CHROMIUM")
    api = needed("playwright.sync_api", "browser")
    with api.sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=found, args=list(QUIET))
        yield made
        made.close()


class Tab:
    """A page in a context of its own, that must stay silent: no errors, no requests."""

    def __init__(self, browser: Any, **choices: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **choices)
        self.page = self.context.new_page()
        self.noise: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda m: self._heard(m))
        self.page.on("pageerror", lambda e: self.noise.append(str(e)))
        self.page.on("request", lambda r: self.asked.append(r.url))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.noise.append(message.text)

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def tab(browser: Any) -> Iterator[Callable[..., Tab]]:
    """Open tabs; at the end none of them may have complained."""
    opened: list[Tab] = []

    def make(**choices: Any) -> Tab:
        opened.append(Tab(browser, **choices))
        return opened[-1]

    yield make
    for one in opened:
        one.close()
    assert [] == [noise for one in opened for noise in one.noise]


@pytest.fixture
def show(tab: Callable[..., Tab], tmp_path: Path) -> Callable[..., Any]:
    """Write a page to disk, open it from there, and return the browser's page."""

    def opened(content: str, fragment: str = "", **choices: Any) -> Any:
        place = tmp_path / f"page{len(list(tmp_path.iterdir()))}.html"
        place.write_text(content, encoding="utf-8")
        one = tab(**choices)
        one.page.goto(place.as_uri() + fragment)
        one.page.wait_for_selector(".sg svg.graph", state="attached")
        one.page.tab = one
        return one.page

    return opened


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of axe-core, which `npm ci` brings for the tests."""
    if not AXE.exists() and not STRICT:
        pytest.skip("axe-core is not there; run `npm ci` in symgrad/show/web")
    return AXE.read_text(encoding="utf-8")
