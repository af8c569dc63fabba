"""Graphs of tensor expressions: values beside NumPy, derivatives beside differences."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.calculus.forward import forward
from symgrad.calculus.reverse import reverse
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import ADD, MUL, Grower
from symgrad.rules import einsums

PATH = Path(__file__).parents[1] / "expr" / "tensor_cases.py"
table: Any = SimpleNamespace(**runpy.run_path(str(PATH)))
CASES = table.CASES
STEP = 1e-6

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def names_of(f: Any) -> list[str]:
    return [g.name for g in sg.graph(f).nodes.gates if g.name not in ("var", "const")]


def products(source: Graph) -> Graph:
    """Return the graph of `<w, J v>` by the forward walk and of `<J.T w, v>` by the reverse."""
    nodes = source.nodes.fork()
    grower, (out,) = Grower(nodes), source.outputs
    shapes, primal = nodes.shapes, range(len(nodes))
    moved = {
        n: nodes.variable(sg.tensor(f"v_{source.labels[n]}", *shapes[n]), shapes[n])
        for n in source.input_nodes
    }
    shape = shapes.get(out, ())
    seed = nodes.variable(sg.tensor("w", *shape), shape)
    dots = forward(nodes, primal, moved, primal, grower, targets=(out,))
    bars = reverse(nodes, primal, {out: seed}, moved, grower)
    pairs = [(seed, dots[out])], [(bars[n], v) for n, v in moved.items() if n in bars]
    return Graph(nodes, [inner(grower, part) for part in pairs])


def inner(grower: Grower, pairs: list[tuple[int, int]]) -> int:
    """Return the sum of inner products."""
    total = grower.number(sympy.S.Zero)
    for a, b in pairs:
        product = grower.apply(MUL, (a, b))
        rank = len(grower.nodes.shapes.get(product, ()))
        total = grower.apply(ADD, (total, einsums.total(grower, product, rank)))
    return total


def at(source: Graph, given: dict[str, Any]) -> Any:
    """Return the values of a graph's outputs."""
    names = [str(s) for s in source.inputs if str(s) in given]
    return sg.compile(source, args=names, returns="value")(*[given[n] for n in names])


@every_case
def test_values_are_those_of_numpy(case: Any, rng: np.random.Generator) -> None:
    given = table.arrays(case, rng)
    expected = case.theirs(*given)
    actual = sg.evaluate(case.ours(*table.symbols(case)), table.values(case, given))

    assert np.shape(expected) == np.shape(actual)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


@every_case
def test_reverse_is_the_adjoint_of_forward_and_both_are_the_slope(
    case: Any, rng: np.random.Generator
) -> None:
    given = table.arrays(case, rng)
    ways = table.arrays(case, rng)
    expected = case.theirs(*given)
    w = rng.normal(size=np.shape(expected))
    named = table.values(case, given) | {f"v_x{k}": v for k, v in enumerate(ways)} | {"w": w}
    if "I" in named:
        named["v_I"] = np.zeros((3, 3))
    pushed, pulled = at(products(sg.graph(case.ours(*table.symbols(case)))), named)
    ahead, behind = (
        case.theirs(*[x + sign * STEP * v for x, v in zip(given, ways, strict=True)])
        for sign in (1, -1)
    )
    slope = np.sum(w * (ahead - behind)) / (2 * STEP)

    scale = max(abs(slope), 1.0)
    assert abs(pushed - pulled) <= 1e-12 * scale
    assert abs(pulled - slope) <= 1e-7 * scale
