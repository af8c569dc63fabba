"""Use an installed symgrad from outside its checkout (given as argument)."""

from __future__ import annotations

import sys
from pathlib import Path

import symgrad as sg


def main() -> None:
    package = Path(sg.__file__).parent
    assert not package.is_relative_to(Path(sys.argv[1]).resolve()), f"{package} is the checkout"
    assert (package / "py.typed").is_file(), "py.typed is missing"
    page = sg.page("(x+y)*z", {"x": -2, "y": 5, "z": -4})  # needs the built template, and no Node
    assert page.startswith("<!doctype html>") and len(page) < 300_000
    assert not (package / "show" / "web" / "src").exists(), "the page's sources are in the wheel"
    report = sg.check_grad("(x+y)*z", {"x": -2, "y": 5, "z": -4})
    report.raise_if_failed()
    print(sg.grad("(x+y)*z"), "checked with the installed package")


if __name__ == "__main__":
    main()
