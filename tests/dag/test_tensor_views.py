"""What a graph offers, of matrices and tensors: views, names, composites, blocks and counts."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.dag.digraph import Graph
from symgrad.dag.nodes import Nodes
from symgrad.errors import (
    GraphError,
    ShapeError,
    UnknownNameError,
    UnknownPartialError,
    UnsupportedError,
)
from symgrad.rules import einsums, tensors

PATH = Path(__file__).parents[1] / "expr" / "tensor_cases.py"
table: Any = SimpleNamespace(**runpy.run_path(str(PATH)))

a, b, t = sympy.symbols("a b t")
n, m = (sympy.Symbol(name, integer=True, positive=True) for name in "nm")
x, A = sg.matrix("x", "n"), sg.matrix("A", "n", "n")
X, w = sg.tensor("X", "n", 3), sg.tensor("w", 3)
PRODUCT = sg.block("product", [a, b], a**2 * b)


def exp(v: Any) -> Any:
    return sg.map(sympy.exp, v)


# --- the networkx view and partials ---


def test_the_view_holds_the_real_shape_of_every_node() -> None:
    view = sg.graph(sg.sum(sg.map(sympy.sin, X @ w))).nx

    assert [(n, 3), (3,), (n,), (n,), ()] == [d["shape"] for _, d in view.nodes(data=True)]


def test_a_column_has_one_axis_in_the_graph() -> None:
    source = sg.graph(A * x)
    view = source.nx

    assert (n,) == view.nodes[source.node("x")]["shape"] == view.nodes[2]["shape"]
    assert (n, n) == view.nodes[source.node("A")]["shape"]


def test_edges_into_gates_of_tensors_have_no_partial_and_others_that_of_each_entry() -> None:
    view = sg.graph({"h": X @ w, "f": sg.map(sympy.sin, X @ w) * a}).nx
    found = {(view.nodes[v]["gate"], k): p for _, v, k, p in view.edges(keys=True, data="partial")}
    h = sympy.Symbol("h")

    assert found["einsum", 0] is found["einsum", 1] is None
    assert sympy.cos(h) == found["sin", 0]
    assert {a, sympy.Symbol("v3")} == {found["mul", 0], found["mul", 1]}


def test_the_partial_of_a_variable_with_axes_speaks_of_one_entry() -> None:
    for v in (X, sg.matrix("X", 2, 3)):
        made = v.applyfunc(sympy.sin) if v.is_Matrix else sg.map(sympy.sin, v)

        assert sympy.cos(sympy.Symbol("X")) == sg.graph(made).partial(1, 0)


def test_a_partial_of_a_gate_of_tensors_is_refused_with_what_to_ask_instead() -> None:
    with pytest.raises(
        UnknownPartialError, match=r"node 2 is `einsum` of tensors.*sg\.jacobian.*sg\.vjp"
    ):
        sg.graph(X @ w).partial(2, 1)


# --- names and text ---


@pytest.mark.parametrize("key", ["X", X, sg.tensor("X", "n", 3), 0])
def test_a_tensor_is_found_by_name_symbol_and_number(key: Any) -> None:
    assert 0 == sg.graph(X @ w).node(key)


@pytest.mark.parametrize("key", ["A", A, sg.matrix("A", "n", "n")])
def test_a_matrix_is_found_by_name_and_symbol(key: Any) -> None:
    source = sg.graph(A * x)

    assert A == source.key(key)
    assert A == source.nodes.payloads[source.node(key) or 0]


def test_another_tensor_of_the_same_name_is_not_held() -> None:
    source = sg.graph(X @ w)

    assert source.node(sg.tensor("X", "n", 4)) is None
    assert source.node(sg.matrix("X", "n", 3)) is None


def test_an_unknown_name_lists_the_tensors() -> None:
    with pytest.raises(UnknownNameError, match="no variable `Y`; it has `X`, `w`"):
        sg.graph(X @ w).key("Y")
    with pytest.raises(UnsupportedError, match=r"found the expression `X\.T`"):
        sg.graph(X @ w).key(X.T)


def test_named_tensors_are_nodes_with_names() -> None:
    source = sg.graph({"h": X @ w, "f": sg.sum(X @ w)})

    assert {"h": source.node("h"), "f": source.node("f")} == dict(source.names)
    assert (n,) == source.nx.nodes[source.node("h")]["shape"]
    assert "<Graph of 4 nodes: (X, w) -> 2 output(s)>" == repr(source)


@pytest.mark.parametrize(
    ("f", "text"),
    [
        (A * x, "A*x"),
        (sympy.Trace(A), "tr(A)"),
        (X @ w, "X @ w"),
        (X[1:, 0], "X[1:, 0]"),
        (sg.sum(X, axis=0), "sum(X, axis=0)"),
    ],
)
def test_text_of_matrices_and_tensors(f: Any, text: str) -> None:
    assert text.replace("*", "@") == sg.text(f).replace("*", "@")


# --- composites ---

COMPOSITES: dict[str, tuple[Any, str]] = {
    "sigmoid": (1 / (1 + exp(-X)), "sigmoid"),
    "matrix": (sg.matrix("Z", 2, 3).applyfunc(lambda v: 1 / (1 + sympy.exp(-v))), "sigmoid"),
    "softplus": (sg.map(sympy.log, 1 + exp(X)), "softplus"),
    "number and tensor": (sg.map(sympy.log, 1 + exp(X) + sympy.exp(a)), "logsumexp"),
    "swish": (X / (1 + exp(-X)), "swish"),
    "relu": (sg.map(lambda v: sympy.Max(0, v), X), "relu"),
}


def values(graph: Graph, rng_seed: int = 1) -> list[Any]:
    """Return value and Jacobian at random arrays, by the names of the variables."""
    rng = np.random.default_rng(rng_seed)
    sizes = {"X": (4, 3), "Z": (2, 3), "a": ()}
    names = sorted(map(str, graph.inputs))
    at = [rng.normal(size=sizes[name]) for name in names]
    value, blocks = sg.compile(graph, names, returns=("value", "jacobian"))(*at)
    return [value, *blocks]


@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_of_tensors_collapse_and_expand_to_the_same_numbers(name: str) -> None:
    f, gate = COMPOSITES[name]
    source = sg.graph(f)
    small = source.collapse()
    wide = small.expand()

    assert gate in [g.name for g in small.nodes.gates]
    assert source.nodes.shapes[source.outputs[0]] == small.nodes.shapes[small.outputs[0]]
    for other in (small, wide):
        for expected, actual in zip(values(source), values(other), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)


def test_a_collapsed_sigmoid_of_tensors_is_safe_where_the_spelling_overflows() -> None:
    safe = sg.graph(sg.sum(1 / (1 + exp(-w)))).collapse()
    far = np.array([-1000.0, 0.0, 1000.0])

    np.testing.assert_allclose(sg.compile(safe, returns="grad")(far)[0], [0, 0.25, 0])


@pytest.mark.parametrize("case", table.CASES, ids=lambda case: case.name)
def test_collapse_and_expand_keep_every_shape_valid(case: Any) -> None:
    source = sg.graph(case.ours(*table.symbols(case)))
    shape = source.nodes.shapes.get(source.outputs[0], ())
    for made in (source.collapse(), source.expand()):  # validated as they are made
        assert source.inputs == made.inputs
        assert shape == made.nodes.shapes.get(made.outputs[0], ())


# --- blocks, scans, wholes ---


@pytest.mark.parametrize("wide", [x, X, A * x, X @ w, sympy.Matrix([1, 2])])
def test_a_block_of_scalars_refuses_what_has_axes_by_name(wide: Any) -> None:
    with pytest.raises(UnsupportedError, match=r"block `product` acts on scalars, but .* shape"):
        PRODUCT(wide, a)
    with pytest.raises((UnsupportedError, ShapeError), match="a scan over `product`"):
        sg.scan(PRODUCT, [a], [wide], length=3)


def test_a_block_that_holds_a_matrix_of_sympy_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match=r"block `wide` .* holds the matrix .*sg\.tensor"):
        sg.block("wide", [a], x.T * x)
    with pytest.raises(UnsupportedError, match=r"may hold its inputs alone, but it holds `X`"):
        sg.block("wide", [a], sg.sum(a * X))


def test_a_product_of_one_entry_is_a_scalar_that_blocks_take() -> None:
    at = np.array([1.0, 2.0, 3.0])
    f = PRODUCT(x.T * x, a)
    value, (by_x, by_a) = sg.compile(f, ["x", "a"])(at, 2.0)

    assert 14.0**2 * 2 == value
    np.testing.assert_allclose(by_x, 2 * 14 * 2 * 2 * at)
    np.testing.assert_allclose(by_a, 14.0**2)
    assert {x, a} == set(sg.grad(f))


def test_blocks_and_scans_go_over_entries_in_a_map() -> None:
    at = np.array([0.5, -1.0, 2.0])
    called = sg.sum(sg.map(lambda v: PRODUCT(v, a), w))
    looped = sg.sum(sg.map(lambda v: sg.scan(PRODUCT, [v], [a], length=2), w))
    for f, expected in ((called, 3 * np.sum(at**2)), (looped, 27 * np.sum(at**4))):
        assert expected == pytest.approx(sg.evaluate(f, {"w": at, "a": 3.0}), rel=1e-14)
        assert sg.check_grad(f, {"w": at, "a": 3.0})


@pytest.mark.parametrize(
    "whole",
    [
        sympy.Integral(t * sg.sum(X), (t, 0, 1)),
        sympy.Sum(x[t, 0], (t, 0, 2)),
        sympy.Integral(sympy.sin(t * sympy.Trace(A)), (t, 0, 1)),
    ],
)
def test_a_tensor_under_a_sum_or_integral_is_refused_and_never_spread(whole: Any) -> None:
    with pytest.raises(UnsupportedError, match=r"holds `[xXA]`, which has axes, under"):
        sg.graph(whole)


# --- validation ---


EINSUM, TURNED = einsums.EINSUM, einsums.spec(["ij"], "ji")


def broken(shape: Any, gate: Any, payload: Any) -> Nodes:
    """Return a table with one tensor gate that was changed behind its back."""
    nodes = Nodes()
    v = nodes.variable(X, (n, 3))
    made = nodes.add(EINSUM, (v,), TURNED)
    nodes.gates[made], nodes.payloads[made], nodes.shapes[made] = gate, payload, shape
    nodes._index = None
    return nodes


@pytest.mark.parametrize(
    ("found", "nodes"),
    [
        ("has shape (n, 3); its gate gives (3, n)", broken((n, 3), EINSUM, TURNED)),
        ("node 1 (`einsum`) carries None; it carries (((ind", broken((3, n), EINSUM, None)),
        ("does not fit operands of the shapes (n, 3)", broken((n,), EINSUM, (((0,),), (0,), ()))),
        ("carries (2,), which does not fit", broken((n,), tensors.MAX_OVER, (2,))),
        ("carries (-1,); it carries (index, ...)", broken((n,), tensors.MAX_OVER, (-1,))),
        ("carries (n, 4), which does not fit", broken((n, 4), tensors.RESHAPE, (n, 4))),
        ("carries True, which does not fit", broken((n, 3), tensors.TRIL, True)),
        ("carries 1; it carries truth", broken((n, 3), tensors.TRIL, 1)),
    ],
    ids=range(8),
)
def test_a_broken_invariant_of_tensors_is_named(found: str, nodes: Nodes) -> None:
    made = Graph.__new__(Graph)
    made.nodes, made.outputs, made.names = nodes, (1,), {}

    with pytest.raises(GraphError) as caught:
        made.validate()
    assert found in str(caught.value)


# --- counts ---


def test_stats_count_gates_and_scalar_operations_in_the_sizes() -> None:
    found = sg.stats(x.T * A * x)

    assert (2, (("einsum", 2),)) == (found.operations, found.gates)
    assert 2 * n**2 + n - 1 == found.arithmetic  # A*x, and its product with x
    assert "arithmetic          2*n**2 + n - 1" in str(found)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (sg.tensor("B", 4, 5) @ sg.tensor("C", 5, 6), 4 * 6 * (2 * 5 - 1)),
        (sg.tensor("B", 4, 5).T, 0),
        (sg.sum(sg.tensor("B", 4, 5)), 19),
        (sg.reshape(sg.tensor("B", 4, 5), (20,)), 0),
        (sg.map(sympy.sin, sg.tensor("B", 4, 5)) + 1, 40),
        (sg.inv(sg.tensor("B", 6, 6)), 2 * 6**3),
        (sg.det(sg.tensor("B", 2, 6, 6)), 2 * 2 * 6**3 // 3),
        (sg.conv(sg.tensor("B", 1, 2, 8), sg.tensor("C", 3, 2, 3)), 2 * 3 * 6 * 2 * 3),
        (sg.einsum("ij,jk,kl->il", *[sg.tensor(k, 4, 4) for k in "BCD"]), 2 * 4 * 4 * 7),
    ],
    ids=range(9),
)
def test_scalar_operations_are_what_one_counts_by_hand(f: Any, expected: int) -> None:
    assert expected == sg.stats(f).arithmetic


def test_scalars_cost_one_operation_a_gate() -> None:
    found = sg.stats("sin(x)*y + z")

    assert found.operations == found.arithmetic == 3
    assert "arithmetic" not in str(found)


@pytest.mark.parametrize("case", table.CASES, ids=lambda case: case.name)
def test_the_certificate_holds_for_every_operation(case: Any) -> None:
    f = case.ours(*table.symbols(case))
    found = sg.stats(f)

    assert found.operations <= found.with_gradient <= found.bound


def test_the_certificate_holds_for_what_no_table_has() -> None:
    c, k = sg.tensor("c", "b", 2, 8, 8), sg.tensor("k", 4, 2, 3, 3)
    S = sg.matrix("S", "n", "n", "symmetric")
    for f in (
        sg.sum(sg.max_pool(sg.map(sympy.tanh, sg.conv(c, k)), 2)),
        sympy.Trace(S**-1 * x * x.T) + sympy.log(sympy.Determinant(S)),
        sg.sum(sg.where(X > 0, sg.where(X > w, X * a, a), X**2)) * a,
    ):
        found = sg.stats(f)

        assert found.with_gradient <= found.bound


def test_several_outputs_have_no_one_gradient() -> None:
    with pytest.raises(ShapeError, match="2 outputs"):
        sg.stats([X @ w, a])
