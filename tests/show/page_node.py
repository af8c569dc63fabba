"""The page's own script under Node: the same bytes that a browser runs, with no document."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from symgrad.show.page_file import template

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed")
HARNESS = """
const fs = require("fs");
const [tasks, script] = JSON.parse(fs.readFileSync(0, "utf8"));
const page = new Function(script + "; return symgradPage;")();
const told = (x) => (Number.isFinite(x) ? x : Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf");
const number = (x) => (x === "inf" ? Infinity : x === "-inf" ? -Infinity : x === "nan" ? NaN : x);
const act = {
  compute: ([record, inputs, open]) => page.compute(record, inputs, open),
  kernel: ([name, rows]) => rows.map((row) => told(page.KERNELS[name](...row.map(number)))),
  timed: ([record, repeats]) => page.timed(record, repeats),
};
process.stdout.write(JSON.stringify(tasks.map(([kind, ...rest]) => act[kind](rest))));
"""


def script() -> str:
    """Return the script of the built template, without its start."""
    inside = template().rpartition("<script>")[2].partition("</script>")[0]
    return inside.removesuffix("symgradPage.boot();")


def under_node(tasks: list[list[Any]]) -> list[Any]:
    """Return what the page's script answers to tasks."""
    assert NODE is not None
    done = subprocess.run(
        [NODE, "-e", HARNESS],
        input=json.dumps([tasks, script()]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[Any] = json.loads(done.stdout)
    return found
