"""Blocks and loops over tensors in graphs: shapes, errors, checks, files, views."""

from __future__ import annotations

import copy
import json
import pickle
import random
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.dag.digraph import Graph
from symgrad.dag.fission import parted
from symgrad.dag.opened import opened
from symgrad.dag.regions import Region
from symgrad.errors import GraphError, ShapeError, SymgradError, UnsupportedError
from symgrad.rules import opaque

PATH = Path(__file__).parents[1] / "calculus" / "recurrent.py"
nets = SimpleNamespace(**runpy.run_path(str(PATH)))

LAYER, CELL = nets.affine(), nets.rnn()
X, W, b = sg.tensor("X", 5, 4), sg.tensor("W", 4, 3), sg.tensor("b", 3)
xs, h0 = sg.tensor("xs", "T", 2, 4), sg.tensor("h0", 2, 3)
U, V = sg.tensor("U", 3, 3), sg.tensor("V", 4, 3)


def loop_nodes(graph: Graph) -> list[int]:
    return [n for n, gate in enumerate(graph.nodes.gates) if gate is opaque.TENSOR_SCAN]


# --- expressions ---


def test_a_call_has_the_shape_that_the_operands_give_and_is_an_expression_like_others() -> None:
    y = LAYER(X, W, b)

    assert (5, 3) == y.shape
    assert (5, 5) == (y @ y.T).shape
    assert (3,) == y[0].shape
    assert () == sg.sum(y).shape
    assert "layer(X, W, b)" == sg.text(y)
    latex = r"\operatorname{layer}\left(\mathbf{X}, \mathbf{W}, \mathbf{b}\right)"
    assert latex == sympy.latex(y)


def test_a_scalar_output_of_a_block_of_tensors_is_a_scalar_expression() -> None:
    x = sg.tensor("x", "N")
    total, shifted = sg.block("both", [x], [sg.sum(x), x + 1])(X[0])

    assert isinstance(total, sympy.Expr)
    assert isinstance(sympy.sin(total) * 2, sympy.Expr)
    assert (4,) == shifted.shape
    assert ["both.0(X[0, :])", "both.1(X[0, :])"] == [sg.text(total), sg.text(shifted)]


def test_outputs_of_a_loop_are_the_last_carries_and_stacks_along_time() -> None:
    last, states = sg.scan(CELL, [h0], [U, V], xs=[xs])

    assert ((2, 3), (nets.T, 2, 3)) == (last.shape, states.shape)
    assert "rnn^T.1(h0, xs, U, V)" == sg.text(states)
    assert sympy.latex(states).startswith(r"\operatorname{rnn}^{T}_{1}\left(")
    assert r"\overleftarrow{\operatorname{drnn}}^{T}" in sympy.latex(sg.grad(sg.sum(last), h0))


def test_equal_calls_are_one_node_and_a_block_has_one_graph() -> None:
    found = sg.graph(sg.sum(LAYER(X, W, b)) * sg.sum(LAYER(X, W, b)))
    again = sg.graph(sg.sum(LAYER(X, W, b)))

    assert 1 == found.nodes.gates.count(opaque.TENSOR_CALL)
    payloads = [p for g in (found, again) for p in g.nodes.payloads if isinstance(p, tuple)]
    assert 1 == len({id(p[0]) for p in payloads if isinstance(p[0], Region)})


# --- errors ---


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: LAYER(X, W), ShapeError, r"takes 3 inputs \(x, W, b\) but 2 were given"),
        (
            lambda: LAYER(X, sg.tensor("W", 5, 3), b),
            ShapeError,
            r"`W` of shape \(D, H\), but was given shape \(5, 3\); `D` is 4 by `x`",
        ),
        (lambda: LAYER(X, b, b), ShapeError, r"`W` of shape \(D, H\).*\(3,\); the number of axes"),
        (lambda: LAYER(sympy.Symbol("s"), W, b), ShapeError, r"`x`.*\(\); the number of axes"),
        (
            lambda: sg.scan(CELL, [h0], [U], xs=[xs]),
            ShapeError,
            r"takes 4 operands \(h, x, U, W\).*1 carries, 1 xs, 1 params",
        ),
        (
            lambda: sg.scan(CELL, [h0], [U, V], xs=[X]),
            ShapeError,
            r"a scan over `rnn` takes `x` of shape \(B, D\), but was given shape \(4,\)",
        ),
        (
            lambda: sg.scan(CELL, [h0], [U, V], xs=[sg.tensor("xs", 6, 2, 4)], length=5),
            ShapeError,
            "`length` and `xs` say 5 and 6",
        ),
        (
            lambda: sg.scan(
                sg.block("two", ["c", "x", "y"], sympy.Symbol("c")),
                [1],
                xs=[sg.tensor("p", 3), sg.tensor("q", 4)],
            ),
            ShapeError,
            "its `xs` say 3 and 4",
        ),
        (
            lambda: sg.scan(sg.block("f", [h0, U], h0 @ U), [h0], [U]),
            UnsupportedError,
            "no `xs`, so `length=` must say how many",
        ),
        (
            lambda: sg.scan(sg.block("g", [h0, U], (h0 @ U).T), [h0], [U], length=2),
            ShapeError,
            r"carries `h0` of shape \(2, 3\), but a step makes shape \(3, 2\)",
        ),
        (
            lambda: sg.scan(sg.block("h", ["c", "x"], sympy.Symbol("c")), [1], xs=[2]),
            ShapeError,
            "first axis is time, but one of them is a scalar",
        ),
        (
            lambda: sg.scan(sg.block("k", ["c", "d"], 2 * h0[0, 0]), [1, 2], xs=[xs]),
            UnsupportedError,
            "`k` may hold its inputs alone, but it holds `h0`",
        ),
        (
            lambda: sg.block("z", [h0], sg.zeros((nets.N,)) * sg.sum(h0)),
            UnsupportedError,
            "it holds `N`",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_a_lesson(make: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        make()


# --- checks of graphs ---


def graph_of_loop() -> Graph:
    last, states = sg.scan(CELL, [h0], [U, V], xs=[xs])
    return sg.grad(sg.sum(last) + sg.sum(states**2), form="graph")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda r, k, f: (r, k), "carries a region in a 3-tuple"),
        (lambda r, k, f: (r, 99, f), "takes output 99"),
        (lambda r, k, f: (r, k, replace(f, carries=9)), "carries 9 values"),
        (lambda r, k, f: (r, k, replace(f, streams=-1)), "carries the form of a loop"),
        (lambda r, k, f: (r, k, replace(f, length=-2)), "carries the form of a loop"),
        (lambda r, k, f: (r, k, replace(f, backward=1)), "carries the form of a loop"),
        (lambda r, k, f: (r, k, replace(f, sizes=f.sizes[1:])), "give one size a symbol"),
        (lambda r, k, f: (r, k, "often"), "carries the form of a loop"),
    ],
)
def test_a_malformed_loop_is_refused_by_name(change: Any, match: str) -> None:
    made = graph_of_loop().validate()
    node = loop_nodes(made)[0]
    made.nodes.payloads[node] = change(*made.nodes.payloads[node])

    with pytest.raises(GraphError, match=match):
        made.validate()


def test_a_loop_over_operands_of_another_shape_is_refused() -> None:
    made = graph_of_loop()
    node = loop_nodes(made)[0]
    region, index, form = made.nodes.payloads[node]
    wrong = replace(form, sizes=tuple(n if n != 4 else 7 for n in form.sizes))
    made.nodes.payloads[node] = (region, index, wrong)

    with pytest.raises(SymgradError, match="takes operands of the shapes"):
        made.validate()


def test_a_region_whose_sizes_are_not_named_is_refused() -> None:
    made = sg.graph(sg.sum(LAYER(X, W, b)))
    node = made.nodes.gates.index(opaque.TENSOR_CALL)
    region, index, _ = made.nodes.payloads[node]
    bare = Region(region.name, region.nodes, region.inputs, region.outputs)
    made.nodes.payloads[node] = (bare, index, ())
    made.nodes._index = None

    with pytest.raises(SymgradError, match=r"shapes|name each once"):
        made.validate()


# --- files ---


def test_a_graph_with_loops_is_saved_to_the_same_bytes_and_computes_the_same() -> None:
    made = graph_of_loop()
    text = made.to_json()
    loaded = Graph.from_json(text).validate()
    chance = np.random.default_rng(0)
    at = {
        "h0": chance.normal(size=(2, 3)),
        "xs": chance.normal(size=(3, 2, 4)),
        "U": chance.normal(size=(3, 3)),
        "V": chance.normal(size=(4, 3)),
    }

    assert text == loaded.to_json()
    for a, b in zip(sg.compile(made)(*at.values()), sg.compile(loaded)(*at.values()), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_loaded_graph_still_joins_the_loop_and_the_loop_that_keeps_more() -> None:
    loaded = Graph.from_json(graph_of_loop().to_json())
    nodes, _ = opened(loaded.nodes, loaded.outputs)
    kinds = {(p[0], p[2]) for g, p in zip(nodes.gates, nodes.payloads, strict=True)
             if g is opaque.TENSOR_SCAN}  # fmt: skip

    assert 2 == len(kinds)  # one forward, one backward


def test_formulas_and_their_gradients_pickle() -> None:
    last, _ = sg.scan(CELL, [h0], [U, V], xs=[xs])
    closed = sg.grad(sg.sum(last))
    loaded = pickle.loads(pickle.dumps(closed))

    assert {str(k): sg.text(v) for k, v in closed.items()} == {
        str(k): sg.text(v) for k, v in loaded.items()
    }


JUNK = [None, -1, 0, 7, 10**6, "x", "loop", [], [0], {}, True, [[0, 0], 1]]


def places(found: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = found.items() if isinstance(found, dict) else enumerate(found)
    return [
        one
        for key, value in inner
        for one in [(*path, key), *(places(value, (*path, key)) if type(value) in (dict, list)
                                    else [])]
    ]  # fmt: skip


def test_a_document_of_loops_damaged_at_random_is_loaded_or_refused() -> None:
    document = json.loads(graph_of_loop().to_json())
    chance, paths = random.Random(3), places(document)
    refused = 0
    for _ in range(120):
        harmful = copy.deepcopy(document)
        *path, last = chance.choice(paths)
        part = harmful
        for key in path:
            part = part[key]
        part[last] = chance.choice(JUNK)
        try:
            Graph.from_json(json.dumps(harmful)).to_json()
        except SymgradError as error:
            assert isinstance(error, GraphError), error
            refused += 1

    assert refused > 60


# --- passes ---


def test_collapse_and_expand_go_into_bodies_and_keep_what_is_shared() -> None:
    source = sg.grad(nets.rolled_lstm(), form="graph")
    at = [np.asarray(v) for v in nets.point().values()]
    expected = sg.compile(source, nets.SHAPES)(*at)
    for made in (source.collapse(), source.expand(), source.expand().collapse()):
        made.validate()
        nodes, _ = opened(made.nodes, made.outputs)
        loops = {(p[0], p[2]) for g, p in zip(nodes.gates, nodes.payloads, strict=True)
                 if g is opaque.TENSOR_SCAN}  # fmt: skip
        found = sg.compile(made, nets.SHAPES)(*at)

        assert 2 == len(loops)
        assert all(nets.far(a, b) < 1e-12 for a, b in zip(found, expected, strict=True))


def test_calls_are_written_out_and_loops_keep_only_what_waits_for_a_carry() -> None:
    last, states = sg.scan(CELL, [h0], [U, V], xs=[sg.tensor("xs", 6, 2, 4)])
    source = sg.graph([last, sg.sum(states @ sg.tensor("R", 3, 2))])
    nodes, outputs = parted(*opened(source.nodes, source.outputs))
    (region,) = {p[0] for g, p in zip(nodes.gates, nodes.payloads, strict=True)
                 if g is opaque.TENSOR_SCAN}  # fmt: skip
    products = [
        n
        for n, p in enumerate(region.nodes.payloads)
        if region.nodes.gates[n].name == "einsum" and len(p[0]) == 2
    ]

    assert 2 == len(outputs)
    assert 1 == len(products)  # h @ U; x @ W is one product before the loop


def test_blocks_that_call_blocks_twice_many_levels_deep_are_derived_but_not_written_out() -> None:
    x = sg.tensor("x", "N")
    made = sg.block("b", [x], sg.map("sin", x))
    for _ in range(40):
        made = sg.block("b", [x], made(made(x)) + made(2 * x))
    f = sg.sum(made(sg.tensor("v", 3)))

    assert len(sg.grad(f, form="graph")) < 10
    with pytest.raises(UnsupportedError, match="every call of its blocks written out"):
        sg.compile(f)


def test_blocks_nest_fifty_levels_deep_and_no_deeper() -> None:
    x = sg.tensor("x", "N")
    made = sg.block("b", [x], sg.map("sin", x))
    for _ in range(49):
        made = sg.block("b", [x], made(x) + x)
    f = sg.sum(made(sg.tensor("v", 3)))

    np.testing.assert_allclose(sg.compile(f, returns="grad")(np.zeros(3))[0], np.full(3, 50.0))
    with pytest.raises(UnsupportedError, match="50 levels deep"):
        sg.block("b", [x], made(x) + x)


def test_what_would_be_very_large_for_all_steps_at_once_stays_in_the_loop() -> None:
    h, table = sg.tensor("h", "B", "H"), sg.tensor("table", "H", "V")
    body = sg.block("decode", [h, table], [nets.tanh(h), sg.sum(sg.logsumexp(h @ table, axis=1))])
    for words, inside in ((50, False), (500_000, True)):
        f = sg.scan(body, [sg.tensor("h0", 2, 3)], [sg.tensor("E", 3, words)], length=100)
        source = sg.graph(sg.sum(f[1]))
        nodes, _ = parted(*opened(source.nodes, source.outputs))
        tall = [shape for shape in nodes.shapes.values() if shape[0] == 100]
        loops = {p[0] for g, p in zip(nodes.gates, nodes.payloads, strict=True)
                 if g is opaque.TENSOR_SCAN}  # fmt: skip

        assert max(sympy.prod(shape) for shape in tall) < 2**25
        assert inside is any("logsumexp_over" in {g.name for g in r.nodes.gates} for r in loops)
