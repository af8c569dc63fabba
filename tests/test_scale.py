"""Size: nothing recurses, bytes never depend on the hash seed, threads agree with one another.

The recursion limit is lowered while large graphs are built, derived, run and printed, so that any
recursion over depth fails at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import cos, sin
from typing import Any

import pytest
import sympy
from sympy.abc import x, y

import symgrad as sg
from symgrad.expr import literal
from symgrad.show.formulas import latex

LENGTH = 100_000
FRAMES = 150  # frames above those in use; the trees are a hundred thousand levels deep


@pytest.fixture
def shallow() -> Iterator[None]:
    """Allow only a few more frames than are in use."""
    depth, frame = 0, sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + FRAMES)
    yield
    sys.setrecursionlimit(before)


def chain(length: int) -> Any:
    """Return sin(sin(...(x))), unevaluated."""
    tree: Any = x
    for _ in range(length):
        tree = literal.apply(sympy.sin, tree)
    return tree


def test_a_chain_of_100_000_sines_is_derived_and_run(shallow: None) -> None:
    graph = sg.graph(chain(LENGTH))
    grown = sg.grad(graph, "x", form="graph")
    value, slope = 0.5, 1.0
    for _ in range(LENGTH):
        value, slope = sin(value), slope * cos(value)

    assert len(graph) == LENGTH + 1
    assert len(grown) <= 3 * LENGTH + 2
    run = sg.run(graph, {"x": 0.5})
    assert pytest.approx(slope, rel=1e-9) == float(run.grad["x"])


def test_the_let_form_of_a_deep_gradient_prints_as_text_and_latex(shallow: None) -> None:
    form = sg.grad(chain(2_000), "x", form="let")

    lines = str(form).splitlines()
    assert len(form.replacements) + 1 == len(lines)
    assert all(latex(value) for _, value in form.replacements[:50])
    assert "\\cos" in latex(form.reduced)


def test_a_sum_of_100_000_terms_is_read_derived_and_printed(shallow: None) -> None:
    text = " + ".join(f"x{k}" for k in range(LENGTH))
    form = sg.value_and_grad(text, ["x0", f"x{LENGTH - 1}"], form="let")

    assert [1, 1] == form.reduced[1]
    assert text == sg.text(sg.parse(text).expr)
    assert LENGTH == str(form).count("x")


def test_a_product_of_20_000_factors_keeps_its_gradient_linear(shallow: None) -> None:
    count = 20_000
    grown = sg.grad("*".join(f"x{k}" for k in range(count)), form="graph")

    assert sum(g.name == "mul" for g in grown.nodes.gates) <= 3 * count


def deep(rounds: int) -> Any:
    """Return e <- sin(e)*y + cos(e), repeated: four nodes a round."""
    tree: Any = x
    for _ in range(rounds):
        product = literal.mul(literal.apply(sympy.sin, tree), y)
        tree = literal.add(product, literal.apply(sympy.cos, tree))
    return tree


@pytest.mark.slow
def test_a_graph_of_300_000_nodes_is_derived_run_and_printed(shallow: None) -> None:
    graph = sg.graph(deep(75_000))
    form = sg.grad(graph, form="let")
    run = sg.run(graph, {"x": 0.5, "y": 0.9})

    assert len(graph) >= 300_000
    assert str(form)
    assert run.grad["y"] == run.grad["y"]


def test_nested_brackets_up_to_the_limit_are_read(shallow: None) -> None:
    limits = sg.Limits(nesting=LENGTH + 1)
    parsed = sg.parse("sin(" * 20_000 + "x" + ")" * 20_000, limits=limits)

    assert len(sg.graph(parsed)) == 20_001


FORMULAS = [f"sin(x*y + {k})*exp(z/{k + 1}) + max(x, y, {k})" for k in range(24)]


def test_eight_threads_give_the_serial_results() -> None:
    def derive(formula: str) -> str:
        found = sg.grad(formula)
        return ";".join(sg.text(value, evaluated=True) for value in found.values())

    serial = [derive(f) for f in FORMULAS]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(derive, FORMULAS * 4))

    assert serial * 4 == parallel


def test_eight_threads_may_derive_one_graph_at_once() -> None:
    graph = sg.graph(FORMULAS[0])
    expected = sg.grad(graph, form="graph").to_json()
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: sg.grad(graph, form="graph").to_json(), range(64)))

    assert {expected} == found


PROGRAM = """
import symgrad as sg
formulas = (
    "sin(x*y)*exp(z) + max(x, y, z)", "q = a*b; where(q > c, q**2, log(c))/d", "x[0]*gamma(x[1])"
)
for f in formulas:
    print(sg.graph(f).to_json())
    print(sg.grad(f, form="graph").to_json())
    print({str(k): sg.text(v, evaluated=True) for k, v in sg.grad(f).items()})
    print(sg.grad(f, form="let"))
    print(sg.hessian(f))
    print(sg.stats(f))
"""


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    def output(seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", PROGRAM]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    first, *others = (output(seed) for seed in ("0", "1", "2"))

    assert first
    assert [first, first] == others
