"""axe-core finds no serious fault, and hostile names stay text."""

from __future__ import annotations

from typing import Any

import pytest
from sympy import Add, Mul, Symbol

import symgrad as sg

pytestmark = pytest.mark.slow

NEURON = "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))"
AT = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}


def faults(page: Any, axe: str) -> list[str]:
    """Return what axe calls serious or critical, with where it is."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {one['help']}: {[n['html'][:160] for n in one['nodes'][:4]]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["", "#step=14", "#tab=table", "#tab=derivation", "#path=1"])
def test_axe_finds_no_serious_fault(show: Any, axe: str, fragment: str, scheme: str) -> None:
    page = show(sg.page(NEURON, AT), fragment, color_scheme=scheme)

    assert [] == faults(page, axe)


def test_axe_finds_no_serious_fault_with_matrices_on_a_narrow_screen(show: Any, axe: str) -> None:
    f = sg.parse("h = relu(W@x); f = sum(h .* h)", shapes={"W": (2, 2), "x": (2,)})
    page = show(
        sg.page(f, {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]}),
        viewport={"width": 400, "height": 800},
    )

    assert [] == faults(page, axe)


# --- names that want to be more than names ---

SEEDS = (
    "<script>window.slipped=1</script>",
    "<img src=x onerror=window.slipped=1>",
    "</script><script>window.slipped=1</script>",
    '"onmouseover="window.slipped=1',
    "<!--",
    "]]>",
    "</math><b>",
    "javascript:window.slipped=1",
    "&lt;b&gt;",
    "${window.slipped=1}",
    "\\u003cb\\u003e",
    "</title><script>window.slipped=1</script>",
    "\u2028\u2029",
    "\u202eesrever",
    "a'b`c",
    "__proto__",
    "constructor",
    "@RECORD@",
    "@SCRIPT@",
    "x\\frac{1}{0}$",
)
NAMES = [f"{seed}{k}" if k else seed for k in range(10) for seed in SEEDS]


def test_two_hundred_hostile_names_stay_text(show: Any) -> None:
    symbols = [Symbol(name) for name in NAMES]
    f = Add(*(Mul(a, b, evaluate=False) for a, b in zip(symbols[::2], symbols[1::2], strict=True)))
    content = sg.page(
        f, {s: 1.0 for s in symbols}, title="</title><script>window.slipped=1</script>"
    )
    page = show(content)
    for tab in ("table", "derivation", "graph"):
        page.click(f'[data-tab="{tab}"]')
    labels = page.evaluate("symgradApp.data.inputs.map((i) => i.name)")
    page.click('[data-tab="table"]')
    rows = page.locator("table.nodes tbody th").all_text_contents()

    assert len(set(labels)) == len(set(NAMES)) == 200
    assert set(labels) <= set(rows)
    assert page.evaluate("window.slipped") is None
    assert page.locator("main script, main img, main b:not(.grad):not(.value)").count() == 0
    assert len(page.tab.asked) == 1
