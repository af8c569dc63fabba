"""The page in a real browser: stepping, sliders, folding, keyboard, themes, export, links."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sympy import Symbol

import symgrad as sg

pytestmark = pytest.mark.slow

NEURON = "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))"
AT = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
STAGED = "s = sigmoid(y); n = x + s; d = sigmoid(x) + (x + y)**2; f = n/d"


@pytest.fixture(scope="module")
def neuron() -> str:
    return sg.page(NEURON, AT, title="Sigmoid neuron")


@pytest.fixture(scope="module")
def staged() -> str:
    return sg.page(STAGED, {"x": 3, "y": -4})


def caption(page: Any) -> str:
    return str(page.inner_text(".caption"))


def press(page: Any, name: str) -> None:
    page.click(f'[data-do="{name}"]')


def set_number(page: Any, place: int, value: float) -> None:
    page.locator('.inputs input[type="number"]').nth(place).fill(str(value))
    page.wait_for_timeout(60)


def shown_gradients(page: Any) -> list[str]:
    return [text.replace("−", "-") for text in page.locator(".inputs output").all_inner_texts()]


# --- what it is ---


def test_a_page_is_one_small_file_that_asks_for_nothing(show: Any, neuron: str) -> None:
    page = show(neuron)

    assert len(neuron.encode()) < 300_000
    assert len(page.tab.asked) == 1  # the file itself
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", neuron)


def test_its_security_policy_names_no_source_but_the_page_itself(show: Any, neuron: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', neuron)
    page = show(neuron)
    ran = page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "window.slipped = 1";
            document.body.append(script);
            let fetched = true;
            await fetch("data:text/plain,1").catch(() => { fetched = false; });
            return [window.slipped ?? 0, fetched];
        }"""
    )
    page.tab.noise.clear()  # the refusals themselves

    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert not {"http:", "https:", "*", "'unsafe-inline'", "'unsafe-eval'"} & set(policy[1].split())
    assert ran == [0, False]


# --- stepping ---


def test_every_step_says_one_sentence_and_the_first_gradients_are_the_lectures(
    show: Any, neuron: str
) -> None:
    page = show(neuron)
    press(page, "reset")
    told = [caption(page)]
    while len(told) < 40 and not told[-1].startswith("Done"):
        press(page, "next")
        told.append(caption(page))

    assert told[0].startswith("Start: the inputs are given. w0 = 2, x0 = −1")
    assert sum(t.startswith("Forward") for t in told) == 8
    assert sum(t.startswith("Backward") for t in told) == 13
    assert len(set(told)) == len(told) == 23
    assert all(t.endswith(".") for t in told)
    assert any("is the output: its gradient by itself is 1." in t for t in told)
    assert any(
        "x1 feeds the × gate" in t
        and "local gradient w1 = −3, times upstream 0.1966, is −0.5898" in t
        for t in told
    )


def test_stepping_back_takes_back_what_stepping_forward_showed(show: Any, neuron: str) -> None:
    page = show(neuron)
    press(page, "reset")
    before = page.inner_text(".canvas")
    press(page, "next")
    press(page, "next")
    between = page.inner_text(".canvas")
    press(page, "back")
    press(page, "back")

    assert page.inner_text(".canvas") == before != between
    assert page.is_disabled('[data-do="back"]')


def test_play_walks_by_itself_and_pauses(show: Any, neuron: str) -> None:
    page = show(neuron)
    page.clock.install()
    press(page, "play")
    page.clock.run_for(4_000)
    moved = page.inner_text(".count")
    press(page, "play")
    page.clock.run_for(9_000)

    assert moved.split(" / ")[0] in {"2", "3"}
    assert page.inner_text(".count") == moved


def test_steps_are_announced_politely(show: Any, neuron: str) -> None:
    page = show(neuron)

    assert page.get_attribute(".caption", "aria-live") == "polite"
    assert page.get_attribute(".caption", "role") == "status"


# --- sliders ---


def test_a_slider_recomputes_what_python_computes(show: Any, staged: str) -> None:
    page = show(staged)
    for x, y in ((1.5, -4), (1.5, 0.25), (-2.0, 3.0)):
        set_number(page, 0, x)
        set_number(page, 1, y)
        run = sg.run(STAGED, {"x": x, "y": y})
        values = [float(text) for text in shown_gradients(page)]

        np.testing.assert_allclose(values, [run.grad["x"], run.grad["y"]], rtol=6e-4)


def test_dragging_the_slider_moves_the_box_and_the_picture(show: Any, neuron: str) -> None:
    page = show(neuron)
    before = page.inner_text(".canvas")
    slider = page.locator('.inputs input[type="range"]').first
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(60)

    assert page.locator('.inputs input[type="number"]').first.input_value() == "2.5"
    assert page.inner_text(".canvas") != before


FRAMES = """Array.from({ length: 21 }, () => {
    const start = performance.now();
    symgradApp.recompute();
    symgradApp.refresh();
    return performance.now() - start;
}).sort((a, b) => a - b)"""


def test_a_recomputation_of_fifty_nodes_is_fast(show: Any) -> None:
    formula = " + ".join(f"sin(x*{k})*y" for k in range(1, 14))
    page = show(sg.page(formula, {"x": 0.3, "y": 2.0}))
    times = page.evaluate(
        "Array.from({ length: 41 }, () => symgradApp.recompute()).sort((a, b) => a - b)"
    )

    frames = page.evaluate(FRAMES)

    assert 50 <= page.evaluate("symgradApp.data.gates.length")
    assert times[20] < 4.0  # milliseconds
    assert frames[10] < 16.0  # with all that is shown: sixty times a second


# --- the card ---


def test_pointing_focusing_and_tapping_show_the_same_card(show: Any, neuron: str) -> None:
    page = show(neuron)
    gate = '.box[aria-label*="exp gate"]'
    page.hover(gate)
    hovered = page.inner_text(".card")
    page.hover("h1")
    page.focus(gate)
    focused = page.inner_text(".card")
    page.click(gate)
    tapped = page.inner_text(".card")

    assert hovered == focused == tapped
    assert "0.367879" in hovered and "−0.534447" in hovered and "−0.196612" in hovered
    assert "✓ agrees" in hovered
    assert page.locator(".card math").count() >= 2


def test_a_kink_is_not_called_an_agreement(show: Any) -> None:
    page = show(sg.page("relu(x)*y", {"x": 0.0, "y": 2.0}))
    page.hover('.box[data-box="0"]')
    checked = page.inner_text(".card")
    page.hover('.box[aria-label*="relu gate"]')

    assert "✗ differs" in checked and "kink" in checked
    assert "lies exactly on it; the policy min_norm" in page.inner_text(".card")


# --- folding ---


def test_composites_fold_and_unfold_and_the_inputs_gradients_stay(show: Any, neuron: str) -> None:
    page = show(neuron)
    unfolded = page.locator(".box").count()
    before = shown_gradients(page)
    page.click('[data-do="collapse"]')
    folded = page.locator(".box").count()
    after = shown_gradients(page)
    page.click('.box[aria-label*="σ gate"]')
    page.click(".card button")

    assert (unfolded, folded) == (13, 10)
    assert after == before
    assert page.locator(".box").count() == 13


def test_a_gate_written_as_one_opens_into_its_definition(show: Any, staged: str) -> None:
    page = show(staged)
    first = page.locator(".box").count()
    page.focus('.box[aria-label*="σ gate"] >> nth=0')
    page.keyboard.press("Enter")

    assert page.locator(".box").count() == first + 3
    assert page.locator(".frame").count() == 1


def test_a_block_opens_into_a_frame_that_holds_its_composites(show: Any) -> None:
    x, y, w = map(Symbol, ("x", "y", "w"))
    neuron = sg.block("neuron", ["a", "b"], sg.parse("1/(1 + exp(-(a*b)))").expr)
    page = show(sg.page(neuron(neuron(x, w), y), {"x": 1.0, "y": -1.0, "w": 0.5}))
    folded = page.locator(".box").count()
    before = shown_gradients(page)
    press(page, "reset")
    press(page, "next")
    told = caption(page)
    page.focus(".box.part >> nth=0")
    page.keyboard.press("Enter")

    assert folded == 5
    assert told.startswith("Forward 1 of 2: neuron: its 5 gates compute")
    assert page.locator(".frame").count() == 2  # the block's and its sigmoid's
    assert shown_gradients(page) == before


# --- paths ---


def test_paths_from_an_input_are_lit_and_counted(show: Any, staged: str) -> None:
    page = show(staged)
    page.click('[aria-label="Highlight the paths from x to the output"]')

    assert caption(page) == "x reaches the output along 3 paths."
    assert page.locator(".wire.along").count() >= 6
    assert page.locator(".box.off").count() == 2  # y and its sigmoid


# --- tabs, keyboard, themes ---


def test_the_table_has_a_row_a_node_and_is_a_table_to_a_screen_reader(
    show: Any, neuron: str
) -> None:
    page = show(neuron)
    page.click('[data-tab="table"]')
    row = page.locator("table.nodes tbody tr", has_text="x0").first.inner_text()

    assert page.locator("table.nodes tbody tr").count() == 13
    assert page.locator('table.nodes th[scope="col"]').count() == 5
    assert "2 × 0.1966" in row and "0.393224" in row


def test_the_derivation_names_rules_and_ends_in_closed_forms(show: Any, neuron: str) -> None:
    page = show(neuron)
    page.click('[data-tab="derivation"]')
    text = page.inner_text(".derivation")

    assert "product rule" in text and "Closed form" in text
    assert page.locator(".derivation ul math").count() == 5


FOCUSED = """(() => {
    const { dataset, type, tagName } = document.activeElement;
    if (dataset.box) return "gate";
    if (dataset.group) return "frame";
    return dataset.do || dataset.export || dataset.tab || type || tagName;
})()"""


def test_everything_is_reached_by_keyboard_alone(show: Any, neuron: str) -> None:
    page = show(neuron)
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate(FOCUSED))
    page.focus(".box >> nth=0")
    page.keyboard.press("ArrowRight")
    reached = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press(".")
    page.keyboard.press("Home")
    start = caption(page)
    page.keyboard.press("End")

    assert {
        "reset",
        "next",
        "play",
        "svg",
        "json",
        "theme",
        "graph",
        "gate",
        "frame",
        "range",
    } <= seen
    assert "× gate" in reached
    assert start.startswith("Start") and caption(page).startswith("Done")


def test_tabs_move_with_arrow_keys(show: Any, neuron: str) -> None:
    page = show(neuron)
    page.focus('[data-tab="graph"]')
    page.keyboard.press("ArrowRight")

    assert page.get_attribute('[data-tab="table"]', "aria-selected") == "true"
    assert page.is_visible("table.nodes") and not page.is_visible("svg.graph")


def brightness(page: Any) -> float:
    channels = page.evaluate("getComputedStyle(document.querySelector('.sg')).backgroundColor")
    return sum(map(float, re.findall(r"[\d.]+", channels)[:3])) / 3


def test_dark_mode_follows_the_system_and_the_button(show: Any, neuron: str) -> None:
    light, dark = show(neuron, color_scheme="light"), show(neuron, color_scheme="dark")
    systems = brightness(light), brightness(dark)
    press(dark, "theme")  # from auto to light

    assert systems[0] > 200 > 60 > systems[1]
    assert brightness(dark) > 200


def test_reduced_motion_has_no_transitions(show: Any, neuron: str) -> None:
    page = show(neuron, reduced_motion="reduce")
    found = page.evaluate("getComputedStyle(document.querySelector('.wire')).transitionDuration")

    assert found in {"0s", "1e-05s"}


@pytest.mark.parametrize("size", [(400, 800), (640, 400), (1280, 800)], ids=str)
def test_nothing_runs_off_the_side_at_any_width_or_at_200_percent(
    show: Any, neuron: str, size: tuple[int, int]
) -> None:
    page = show(neuron, viewport={"width": size[0], "height": size[1]})
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.click('[data-tab="derivation"]')

    assert wide <= size[0]
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_print_shows_all_three_tabs(show: Any, neuron: str) -> None:
    page = show(neuron, fragment="#tab=table")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert page.is_visible("svg.graph") and page.is_visible("table.nodes")
    assert page.locator(".derivation li").count() >= 21
    assert not page.is_visible(".steps")


# --- links and exports ---


def test_a_link_reproduces_the_view(show: Any, neuron: str) -> None:
    page = show(neuron)
    page.click('[data-do="collapse"]')
    set_number(page, 0, 1.25)
    page.click('.box[aria-label*="σ gate"]')
    press(page, "back")
    press(page, "back")
    fragment = page.evaluate("location.hash")
    twin = show(neuron, fragment=fragment)

    assert "x0=1.25" in fragment and "open=none" in fragment
    for part in (".caption", ".canvas", ".card", ".inputs", ".count"):
        assert twin.inner_text(part) == page.inner_text(part)


@pytest.mark.parametrize(
    "fragment", ["#step=-3&x0=NaN&open=99.x&tab=%3Cb%3E", "#" + "x0=1_2&gate=1e9&" * 50, "#%%%"]
)
def test_a_bad_link_is_an_ordinary_page(show: Any, neuron: str, fragment: str) -> None:
    page = show(neuron, fragment=fragment)

    assert caption(page).startswith("Done")
    assert page.locator(".box").count() == 13 or "open" in fragment


def saved(page: Any, name: str) -> bytes:
    with page.expect_download() as waiting:
        page.click(f'[data-export="{name}"]')
    return Path(waiting.value.path()).read_bytes()


def test_exports_are_what_they_say(show: Any, neuron: str) -> None:
    page = show(neuron)
    svg, png = saved(page, "svg"), saved(page, "png")
    latex, found = saved(page, "latex").decode(), json.loads(saved(page, "json"))
    root = ElementTree.fromstring(svg)
    run = sg.run(NEURON, AT)
    nodes = {n["node"]: n for n in found["nodes"]}

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert b"class=" not in svg and svg.count(b"fill=") > 30
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and len(png) > 10_000
    assert latex.startswith("\\begin{align*}") and "\\frac{\\partial f}{\\partial w_{0}}" in latex
    assert nodes["x0"]["gradient"] == pytest.approx(float(run.grad["x0"]), rel=1e-14)
    assert len(nodes) == 13


# --- matrices, refusals, no point ---


def test_matrices_are_grids_and_recompute(show: Any) -> None:
    f = sg.parse("q = W@x; f = sum(q .* q)", shapes={"W": (2, 2), "x": (2,)})
    at: dict[str, Any] = {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]}
    page = show(sg.page(f, at))
    first = page.locator(".inputs output").first.inner_text().split()
    page.fill('[aria-label="x[1]"]', "-1.5")
    page.wait_for_timeout(60)
    moved = page.locator(".inputs output").last.inner_text().replace("−", "-").split()
    run = sg.run(f, {**at, "x": [0.2, -1.5]})

    page.hover('.box[aria-label^="W,"]')

    assert first == ["0.088", "0.176", "0.104", "0.208"]
    assert "✓ agrees, at entry [1, 1]" in page.inner_text(".card")
    np.testing.assert_allclose([float(x) for x in moved], run.grad["x"], rtol=1e-3)


def test_what_the_page_cannot_compute_it_says_and_shows_pythons_numbers(show: Any) -> None:
    run = sg.run("gamma(x)*y", {"x": 3, "y": -4})
    page = show(sg.page("gamma(x)*y", {"x": 3, "y": -4}))

    assert "Recomputation is by Python" in page.inner_text(".note")
    assert page.locator(".inputs input:not([disabled])").count() == 0
    assert float(shown_gradients(page)[0]) == pytest.approx(float(run.grad["x"]), rel=1e-3)


def test_without_a_point_there_are_dashes_until_numbers_are_given(show: Any) -> None:
    page = show(sg.page("q = x + y; f = q*z"))
    before = page.inner_text(".canvas")
    for place, value in enumerate((-2, 5, -4)):
        set_number(page, place, value)

    assert "—" in before and "0" not in before
    assert shown_gradients(page) == ["-4", "-4", "3"]


# --- size ---


def test_five_thousand_nodes_open_folded_and_can_be_opened(show: Any) -> None:
    graph = sg.graph(" + ".join(f"sin(x{k % 7}*{k})" for k in range(1, 1700)))
    content = sg.page(graph, {f"x{k}": 0.1 * k for k in range(7)})
    page = show(content)
    boxes = page.locator(".box").count()
    page.click(".box.part >> nth=3")
    opened = page.locator(".box").count()
    time = page.evaluate("symgradApp.recompute()")

    assert len(graph) >= 5_000
    assert 20 < boxes < 150 < opened + 100
    assert opened > boxes
    assert time < 400  # milliseconds, on a busy machine
    assert len(content.encode()) < 600_000
