"""What README and docs/ show is executed: Python blocks, console blocks, links.

Python blocks of one file run in order and share their names, in an empty folder; a block with
`>>>` is a doctest, another one must only run. A block that opens with ```` ```python needs=jax ````
runs where that package is installed. In console blocks each `$ symgrad ...` is run, and what
follows it must be what it prints (`...` stands for anything); other commands are not run.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import symgrad

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)(?: needs=(\w+))?[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PACKAGE_FOLDER = Path(symgrad.__file__).parents[1]
PROMPT = "$ symgrad"
RUN_COMMAND = "import sys; from symgrad.cli import main; sys.argv[0] = 'symgrad'; sys.exit(main())"
TERMINAL = {
    "NO_COLOR": "1",
    "COLUMNS": "100",
    "TERM": "dumb",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONPATH": str(PACKAGE_FOLDER),
}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `line` is the line of its first code line, counted from 1."""

    page: str
    line: int
    language: str
    code: str
    needs: str = ""


def blocks(page: str, text: str) -> Iterator[Block]:
    for match in FENCE.finditer(text):
        language, needs, code = match.groups("")
        yield Block(page, text.count("\n", 0, match.start(3)) + 1, language, code, needs)


def blocks_of(path: Path) -> list[Block]:
    return list(blocks(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")))


# --- Python blocks ---


def run_python(block: Block, names: dict[str, Any]) -> str:
    """Run one block in `names`; return doctest's report, "" if all is well."""
    if ">>>" not in block.code:
        source = "\n" * (block.line - 1) + block.code
        exec(compile(source, block.page, "exec"), names)
        return ""
    test = doctest.DocTestParser().get_doctest(
        block.code, {}, block.page, block.page, block.line - 1
    )
    test.globs = names
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(test, out=report.append, clear_globs=False)
    return "".join(report)


def run_page(page_blocks: list[Block], package: str = "") -> str:
    """Run the blocks that need nothing, and those that need `package`."""
    names: dict[str, Any] = {"__name__": "__main__"}
    wanted = [b for b in page_blocks if b.language == "python" and b.needs in ("", package)]
    return "".join(run_python(b, names) for b in wanted)


def needed() -> list[Any]:
    """Return every page with each package that one of its blocks needs."""
    found = {(path, b.needs): None for path in PAGES for b in blocks_of(path) if b.needs}
    return [pytest.param(path, package, id=f"{path.name}-{package}") for path, package in found]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_python_blocks_do_what_they_show(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert "" == run_page(blocks_of(path))


@pytest.mark.parametrize(("path", "package"), needed())
def test_blocks_that_need_a_package_do_what_they_show(
    path: Path, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)

    assert "" == run_page(blocks_of(path), package)


# --- console blocks ---


def sessions(block: Block) -> Iterator[tuple[int, str, str]]:
    """Yield (line, command, expected output) for each prompt of a console block."""
    start = block.line
    for part in re.split(r"^(?=\$ )", block.code, flags=re.MULTILINE):
        command, _, expected = part.partition("\n")
        if command.startswith(PROMPT):
            yield start, command.removeprefix("$ "), expected
        start += part.count("\n")


def console_sessions() -> list[Any]:
    consoles = [b for path in PAGES for b in blocks_of(path) if b.language == "console"]
    return [
        pytest.param(command, expected, id=f"{block.page}:{line}")
        for block in consoles
        for line, command, expected in sessions(block)
    ]


def printed_by(command: str, folder: Path) -> str:
    """Return everything that a `symgrad ...` command prints."""
    done = subprocess.run(
        [sys.executable, "-c", RUN_COMMAND, *shlex.split(command)[1:]],
        cwd=folder,
        env={**os.environ, **TERMINAL},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return trimmed(done.stdout)


def trimmed(text: str) -> str:
    """Return `text` without blanks at the ends of lines and blank lines at its end."""
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines()) + "\n"


@pytest.mark.parametrize(("command", "expected"), console_sessions())
def test_console_blocks_show_what_the_command_prints(
    command: str, expected: str, tmp_path: Path
) -> None:
    printed = printed_by(command, tmp_path)

    same = doctest.OutputChecker().check_output(trimmed(expected), printed, doctest.ELLIPSIS)
    assert same, f"{command} printed:\n{printed}"


# --- links ---


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files(path: Path) -> None:
    links = LINK.findall(path.read_text(encoding="utf-8"))

    assert [] == [link for link in links if not (path.parent / link).exists()]


# --- the runner itself ---

PAGE = """\
```python
a = 20
```

```python
>>> a + 1
21
>>> a + 2
23
```

```console
$ pip install .
done
$ symgrad run x
  1
$ symgrad grad x
2
```
"""


def test_a_wrong_line_is_reported_with_its_place() -> None:
    report = run_page(list(blocks("page.md", PAGE)))

    assert 'File "page.md", line 8' in report
    assert "Expected:\n    23\nGot:\n    22\n" in report
    assert "a + 1" not in report


def test_an_error_in_a_plain_block_is_raised() -> None:
    page = list(blocks("page.md", "```python\nb = missing\n```\n"))

    with pytest.raises(NameError, match="missing"):
        run_page(page)


def test_a_block_that_needs_a_package_runs_for_that_package_alone() -> None:
    page = list(blocks("page.md", "```python needs=jax\n>>> 1\n2\n```\n"))

    assert "" == run_page(page)
    assert "Got:\n    1\n" in run_page(page, "jax")


def test_console_blocks_are_split_at_their_prompts() -> None:
    console = [block for block in blocks("page.md", PAGE) if block.language == "console"]

    expected = [(15, "symgrad run x", "  1\n"), (17, "symgrad grad x", "2\n")]
    assert expected == list(sessions(console[0]))
