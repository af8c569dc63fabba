"""Random graphs of tensors: the lean machine and the batch against plain walks, memory included."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from sympy import Integer, S, Symbol

from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import ADD, MUL, NEG, POW, SUB, Nodes
from symgrad.dag.vmap import vmap
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.program import lower
from symgrad.numeric.tensor_backends import TENSOR_BACKENDS
from symgrad.numeric.tensor_machine import TensorMachine
from symgrad.rules import einsums, tensors
from symgrad.rules.table import GATES

SHAPES = [(), (3,), (3, 3), (2, 3), (3, 2), (2,)]
UNARY = [NEG, GATES.named("tanh"), GATES.named("sigmoid")]
GRAPHS = range(0, 600, 20)  # each test takes the twenty graphs from here on
Rng = random.Random


def random_einsum(nodes: Nodes, pool: list[int], rng: Rng) -> int:
    """Add an einsum of one to three operands; its output may have new and repeated indices."""
    args = [rng.choice(pool) for _ in range(rng.randint(1, 3))]
    sizes: dict[int, int] = {}
    inputs = []
    for a in args:
        inputs.append([drawn_index(sizes, n, rng) for n in nodes.shapes.get(a, ())])
    output = [i for i in sizes if rng.random() < 0.55]
    rng.shuffle(output)
    output = output[:2]
    if len(output) < 2 and rng.random() < 0.4:
        sizes[len(sizes)] = rng.choice([2, 3])
        output.insert(rng.randint(0, len(output)), len(sizes) - 1)
    if len(output) == 1 and rng.random() < 0.4:
        output *= 2
    return nodes.add(einsums.EINSUM, tuple(args), einsums.spec(inputs, output, sizes))


def drawn_index(sizes: dict[int, int], length: int, rng: Rng) -> int:
    fitting = [i for i, n in sizes.items() if n == length]
    if fitting and rng.random() < 0.6:
        return rng.choice(fitting)
    sizes[len(sizes)] = length
    return len(sizes) - 1


def random_step(nodes: Nodes, pool: list[int], rng: Rng) -> int:
    """Add a gate entry by entry, an einsum, a square or a reshape."""
    a, kind = rng.choice(pool), rng.random()
    shape = nodes.shapes.get(a, ())
    if kind < 0.35:
        return random_einsum(nodes, pool, rng)
    if kind < 0.8:
        fitting = [b for b in pool if not shape or nodes.shapes.get(b, ()) in ((), shape)]
        return nodes.add(rng.choice([ADD, SUB, MUL]), (a, rng.choice(fitting)))
    if kind < 0.9:
        return nodes.add(rng.choice(UNARY), (a,))
    if kind < 0.95 or not shape:
        return nodes.add(POW, (a, nodes.number(Integer(2))))
    return nodes.add(tensors.RESHAPE, (a,), (int(np.prod(shape)),))


def random_graph(seed: int) -> Graph:
    rng, nodes = random.Random(seed), Nodes()
    shapes = [rng.choice(SHAPES) for _ in range(rng.randint(1, 4))]
    pool = [nodes.variable(Symbol(f"v{k}"), s) for k, s in enumerate(shapes)]
    pool += [nodes.number(S.One), nodes.number(Integer(2))]
    for _ in range(rng.randint(3, 14)):
        pool.append(random_step(nodes, pool, rng))
    return Graph(nodes, [*(rng.choice(pool) for _ in range(rng.randint(1, 3))), pool[-1]])


def values_of(source: Graph, seed: int, lead: tuple[int, ...] = ()) -> list[Any]:
    rng = np.random.default_rng(seed)
    shapes = [source.nodes.shapes.get(n, ()) for n in source.input_nodes]
    return [rng.normal(size=(*lead, *shape)) for shape in shapes]


def plain(source: Graph, values: list[Any]) -> list[Any]:
    return Floats().machine(lower(source))([v[()] for v in values])


def lean(source: Graph, values: list[Any]) -> TensorMachine:
    return TensorMachine(lower(source), [v.shape for v in values], Floats())


def shares(first: Any, second: Any) -> bool:
    return bool(np.ndim(first) and np.ndim(second) and np.shares_memory(first, second))


@pytest.mark.parametrize("start", GRAPHS)
def test_the_lean_machine_gives_what_the_plain_one_gives(start: int) -> None:
    for seed in range(start, start + 20):
        source = random_graph(seed)
        values = values_of(source, seed)
        machine = lean(source, values)
        found, again = machine(values), machine(values)

        for a, b, c in zip(plain(source, values), found, again, strict=True):
            assert np.shape(a) == np.shape(b), seed
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9, err_msg=str(seed))
            np.testing.assert_array_equal(b, c, err_msg=str(seed))


@pytest.mark.parametrize("start", GRAPHS)
def test_the_lean_machine_keeps_memory_apart(start: int) -> None:
    for seed in range(start, start + 20):
        source = random_graph(seed)
        values = values_of(source, seed)
        before = [v.copy() for v in values]
        found = lean(source, values)(values)

        assert all(map(np.array_equal, before, values)), seed
        assert not any(shares(f, v) for f in found for v in values), seed
        assert not any(shares(f, g) for k, f in enumerate(found) for g in found[:k]), seed


def test_torch_gives_what_the_plain_machine_gives_and_keeps_memory_apart() -> None:
    pytest.importorskip("torch")
    build = TENSOR_BACKENDS["torch"].build
    for seed in range(120):
        source = random_graph(seed)
        values = values_of(source, seed)
        before = [v.copy() for v in values]
        run = build(lower(source), [v.shape for v in values], "float64", False)
        found, again = run(values), run(values)

        assert all(map(np.array_equal, before, values)), seed
        assert not any(shares(f, v) for f in found for v in values), seed
        assert not any(shares(f, g) for k, f in enumerate(found) for g in found[:k]), seed
        for a, b, c in zip(plain(source, values), found, again, strict=True):
            assert np.shape(a) == np.shape(b), seed
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9, err_msg=str(seed))
            np.testing.assert_array_equal(b, c, err_msg=str(seed))


@pytest.mark.parametrize("start", GRAPHS)
def test_a_batch_gives_what_each_point_gives(start: int) -> None:
    for seed in range(start, start + 20):
        source, rng = random_graph(seed), random.Random(seed)
        wide = [rng.random() < 0.6 for _ in source.inputs]
        one, many = values_of(source, seed), values_of(source, seed, (4,))
        values = [m if w else v for w, m, v in zip(wide, many, one, strict=True)]
        batched = [n for n, w in zip(source.input_nodes, wide, strict=True) if w]
        made = vmap(source, batched, 4)
        found = lean(made, values)(values)

        for k in range(4):
            point = [v[k] if w else v for w, v in zip(wide, values, strict=True)]
            for expected, actual in zip(plain(source, point), found, strict=True):
                np.testing.assert_allclose(
                    actual[k], expected, rtol=1e-9, atol=1e-9, err_msg=str(seed)
                )


def test_the_random_graphs_meet_every_rewrite() -> None:
    """The properties above are empty if nothing is rewritten."""
    met: set[str] = set()
    fewer = 0
    for seed in range(600):
        source = random_graph(seed)
        values = values_of(source, seed)
        steps = lean(source, values).lean.steps.values()
        met.update(step.gate.name for step in steps)
        fewer += len(steps) < len(lower(source).operations)

    assert {"embed", "add_diagonal", "square", "einsum", "reshape"} <= met
    assert fewer > 300
