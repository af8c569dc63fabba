"""Pages as files: what is in them, what is refused, and that the built template is the one."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sympy import Symbol

import symgrad as sg
from symgrad.cli import main
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.show import explore_server, page_file, page_program, page_widget
from symgrad.show.explore_worker import answer
from symgrad.show.page_data import record
from symgrad.show.page_file import known_gates, template
from symgrad.show.page_widget import script, style

AT = {"x": -2, "y": 5, "z": -4}
CIRCUIT = "q = x + y; f = q*z"
WEB = Path(page_file.__file__).with_name("web")


def content(page: str) -> dict[str, Any]:
    """Return the record inside a page."""
    text = re.search(r'data-kind="page">(.*?)</script>', page, re.DOTALL)
    assert text is not None
    plain = text[1] if text[1][0] == "{" else gzip.decompress(base64.b64decode(text[1]))
    found: dict[str, Any] = json.loads(plain)
    return found


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# --- files ---


def test_a_page_is_one_file_with_the_engines_own_numbers(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    made = sg.page(CIRCUIT, AT, place)
    run = sg.run(CIRCUIT, AT)
    gates = {g["label"]: g for g in content(made)["gates"]}

    assert place.read_text(encoding="utf-8") == made
    assert len(made) < 150_000
    for name in ("x", "y", "z", "q", "f"):
        assert (gates[name]["value"], gates[name]["grad"]) == (run.value[name], run.grad[name])


def test_equal_formulas_give_equal_bytes() -> None:
    long = " + ".join(f"sin({k}*x)" for k in range(1, 200))

    assert sg.page(CIRCUIT, AT) == sg.page(CIRCUIT, AT)
    assert sg.page(long, {"x": 1.0}) == sg.page(long, {"x": 1.0})


def test_the_policy_allows_the_script_and_the_style_by_their_hashes_alone() -> None:
    made = sg.page(CIRCUIT, AT)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made)
    scripts = re.findall(r"<script>(.*?)</script>", made, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", made, re.DOTALL)

    assert policy is not None
    assert len(scripts) == len(styles) == 1
    assert f"script-src {hash_of(scripts[0])};" in policy[1]
    assert f"style-src {hash_of(styles[0])};" in policy[1]
    assert not re.search(r"\beval\(|new Function", scripts[0])


def test_a_run_is_shown_as_it_was_made() -> None:
    run = sg.run("relu(x)*y", {"x": 0.0, "y": 3.0}, kinks="first")
    found = content(sg.page(run))

    assert found["policy"] == "first"
    assert {g["label"]: g["grad"] for g in found["gates"]}["x"] == run.grad["x"]


def test_a_run_of_a_graph_is_not_expanded_beyond_recognition() -> None:
    found = content(sg.page("sigmoid(x)*tanh(x)", {"x": 0.5}))
    symbols = {g["symbol"] for g in found["gates"]}

    assert {"σ", "tanh"} <= symbols  # their gates share exp(-x), so neither hides it
    assert found["groups"] == []


def test_a_spelled_composite_begins_open_and_a_written_one_folded() -> None:
    spelled = content(sg.page("1/(1 + exp(-x))", {"x": 0.5}))["groups"]
    written = content(sg.page("sigmoid(x)", {"x": 0.5}))["groups"]

    assert [(g["label"], g["open"]) for g in spelled] == [("sigmoid", True)]
    assert [(g["label"], g["open"]) for g in written] == [("sigmoid", False)]


@pytest.mark.parametrize("name", ["</script><b>", "<!--", "&amp;", "@RECORD@", "\u2028", "]]>"])
def test_no_name_leaves_its_record(name: str) -> None:
    x = Symbol(name)
    made = sg.page(x**2, {x: 3.0}, title=name)
    plain = sg.page("x**2", {"x": 3.0}, title="x")
    found = content(made)

    assert made.count("<") == plain.count("<")
    assert found["title"] == name
    assert found["gates"][0]["label"] == sg.text(x)


# --- what is refused ---


def test_pages_that_cannot_be_are_refused_with_a_reason(tmp_path: Path) -> None:
    x = np.array([1.0, 2.0])
    with pytest.raises(ShapeError, match="one scalar"):
        sg.page(sg.graph(["x", "x*y"]), {"x": 1, "y": 2})
    with pytest.raises(ShapeError, match="batch"):
        sg.page("x**2", {"x": x})
    with pytest.raises(ShapeError, match="needs numbers"):
        sg.page(sg.parse("sum(x)", shapes={"x": (2,)}))
    with pytest.raises(UnsupportedError, match="complex"):
        sg.page("x**2", {"x": 1j})
    with pytest.raises(UnsupportedError, match="cannot be written"):
        sg.page("x**2", {"x": 1.0}, tmp_path / "none" / "page.html")


@pytest.mark.parametrize(
    ("formula", "at"),
    [("gamma(x)*y", {"x": 1.5, "y": 2.0}), ("besselj(2, x)", {"x": 1.0}), ("jn(2, x)", {"x": 1.0})],
)
def test_special_functions_are_left_to_python(formula: str, at: dict[str, float]) -> None:
    found, run = record(formula, at, known=known_gates()), sg.run(formula, at)
    gates = {g["label"]: g for g in found["gates"]}

    assert found["refusal"].startswith("Recomputation is by Python for this graph: the page has ")
    assert gates["f"]["value"] == run.output
    assert gates["x"]["grad"] == run.grad["x"]


def test_declared_facts_and_large_arrays_are_left_to_python() -> None:
    symmetric = sg.parse("trace(A@A)", shapes={"A": (2, 2)}, assume={"A": ("symmetric",)})
    square = record(symmetric, {"A": [[1, 2], [2, 3]]}, known=known_gates())
    long = sg.parse("sum(x .* x)", shapes={"x": (5000,)})
    wide = record(long, {"x": np.ones(5000)}, known=known_gates())

    assert "declared facts" in square["refusal"]
    assert "more than 4096 entries" in wide["refusal"]
    assert wide["gates"][0]["value"] is None


def test_a_product_that_would_stutter_is_left_to_python() -> None:
    f = sg.parse("sum((A@B) .* (A@B))", shapes={"A": (8, 512), "B": (512, 8)})
    at = {"A": np.ones((8, 512)), "B": np.ones((512, 8))}

    assert record(f, at, known=known_gates())["refusal"] == ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page_program, "MOST_PRODUCTS", 30_000)
        assert "multiplications" in record(f, at, known=known_gates())["refusal"]


def test_a_block_is_written_out_and_begins_folded() -> None:
    block = sg.block("twice", ["a", "b"], sg.parse("a*b + sin(a)").expr)
    x, y = Symbol("x"), Symbol("y")
    found = record(block(x, block(x, y)) * y, {"x": 1.0, "y": 2.0}, known=known_gates())
    inner = [[found["gates"][k]["symbol"] for k in g["members"]] for g in found["groups"]]

    assert found["refusal"] == ""
    assert [(g["label"], g["gate"], g["open"]) for g in found["groups"]] == [
        ("twice", -1, False),
        ("twice", -1, False),
    ]
    assert inner == [["×", "sin", "+"], ["×", "+"]]  # sin(x) is computed once


def test_a_loop_is_one_gate_with_pythons_numbers() -> None:
    body = sg.block("step", ["h", "w"], sg.parse("tanh(w*h) + h").expr)
    f = sg.scan(body, [Symbol("x")], [Symbol("w")], length=3)
    found = record(f, {"x": 1.0, "w": 0.5}, known=known_gates())
    run = sg.run(f, {"x": 1.0, "w": 0.5})
    gates = {g["label"]: g for g in found["gates"]}

    assert "Python" in found["refusal"]
    assert "loop" in {g["kind"] for g in found["gates"]}
    assert gates["x"]["grad"] == pytest.approx(float(run.grad["x"]), rel=1e-14)


# --- the template ---


def test_the_template_has_no_second_file_and_no_address() -> None:
    body = template().partition("-->")[2]  # behind the licence of what it contains

    assert not re.search(r"<(link|iframe|object|embed)\b|\ssrc=|@import|url\((?!#)", body)
    assert len(template()) < 160_000
    assert "Permission is hereby granted" in template()


def test_the_lock_file_names_no_host() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))

    assert all("resolved" not in entry for entry in lock["packages"].values())
    assert all("integrity" in e for name, e in lock["packages"].items() if name)


def test_a_widgets_module_is_the_pages_script_without_its_start() -> None:
    assert "export default" in script()
    assert "boot();" not in script().rpartition("export default")[2]
    assert style().startswith(":root:has(>.page-body)")


def test_a_widget_without_anywidget_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    page_widget._widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)

    with pytest.raises(UnsupportedError, match=r"pip install symgrad\[notebook\]"):
        sg.widget("x", {"x": 1})
    page_widget._widget_class.cache_clear()


# --- commands ---


def test_the_page_command_writes_a_file(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    done = CliRunner().invoke(main, ["page", CIRCUIT, "--at", "x=-2,y=5,z=-4", "-o", str(place)])

    assert done.exit_code == 0
    assert place.read_text(encoding="utf-8") == sg.page(CIRCUIT, AT)


def test_exploring_without_a_server_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = CliRunner().invoke(main, ["explore", "x*y", "--no-browser"])

    assert done.exit_code == 2
    assert "pip install symgrad[explore]" in done.output


def test_the_explorers_page_may_talk_to_its_own_server_only() -> None:
    made = explore_server.page_of({"formula": "<b>", "shapes": "", "at": ""}, "secret")

    assert "connect-src 'self'" in made and "connect-src 'none'" not in made
    assert "<b>" not in made.partition("symgrad-record")[2].partition("</script>")[0]


def asked(formula: str, shapes: str = "", at: str = "") -> dict[str, Any]:
    return answer(json.dumps({"formula": formula, "shapes": shapes, "at": at}).encode())


def test_the_explorers_worker_derives_or_explains() -> None:
    found = json.loads(asked("x*y", at="x=3")["record"])
    gates = {g["label"]: g["value"] for g in found["gates"]}

    assert gates == {"x": 3.0, "y": 1.0, "f": 3.0}
    assert "line 1" in asked("x +")["error"]
    assert asked("x", at="x=[[1],[2,3]]")["error"]
    assert answer(b"[1]")["error"].startswith("this formula cannot be shown")
    assert "200000 characters" in asked("x" * 200_000)["error"]
