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
from symgrad.errors import GraphError, ShapeError, UnknownNameError, UnsupportedError
from symgrad.expr.heads import relu
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


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.name != "nothing left"], ids=lambda case: case.name
)
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


@every_case
def test_a_saved_graph_is_the_same_graph(case: Any) -> None:
    source = sg.graph(case.ours(*table.symbols(case)))
    saved = source.to_json()
    again = Graph.from_json(saved)

    assert saved == again.to_json()
    assert source.nodes.shapes == again.nodes.shapes
    assert source.inputs == again.inputs


X, Y, w = sg.tensor("X", "N", 3), sg.tensor("Y", "N", 3), sg.tensor("w", 3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["str","symmetric"]', '["str","round"]', "no known fact"),
        ('["str","symmetric"]', '["integer",2]', "no argument of TensorSymbol"),
        ('["str","symmetric"]', '["str",3]', "no text"),
        ('["integer",3]', '["integer",-3]', "a size is"),
        ('["einsum",[0],[11]]', '["einsum",[0],[0]]', "it carries"),
        ('["einsum",[0],[11]]', '["einsum",[0,0],[11]]', "does not fit"),
        ('["einsum",[0],[11]]', '["einsum",[0]]', "carries None"),
        ('["einsum",[0],[11]]', '["einsum",[0],[11,11]]', "carries"),
    ],
)
def test_a_harmful_file_of_tensors_is_refused(old: str, new: str, message: str) -> None:
    saved = sg.graph(sg.tensor("S", 3, 3, facts="symmetric").T).to_json()
    assert saved.count(old) == 1, saved

    with pytest.raises(GraphError, match=message):
        Graph.from_json(saved.replace(old, new))


def test_equal_tensors_are_one_node() -> None:
    g = sg.graph([sg.sum(X * w), sg.sum(sg.tensor("X", "N", 3) * w) + 1])

    assert 1 == names_of(g).count("mul")
    assert (X, w) == g.inputs


def test_gates_entry_by_entry_meet_one_shape_or_scalars() -> None:
    assert ["einsum", "mul"] == names_of(X * w)
    assert ["mul"] == names_of(2 * X)
    assert ["reshape", "mul"] == names_of(sg.tensor("a", 1, 1) * X)
    assert ["reshape", "einsum", "add"] == names_of(X + sg.tensor("c", "N", 1))
    assert ["slice"] == names_of(X[::2]) == names_of(X[::-3])


def test_a_product_with_a_vector_is_one_gate_without_copies() -> None:
    assert ["einsum"] == names_of(X @ w) == names_of(X.T) == names_of(X.sum(axis=0))
    assert ["einsum"] == names_of(sg.tensor("C", "B", "N", 3) @ w)


def test_powers_are_quotients_and_roots_as_in_scalars() -> None:
    assert ["pow", "div"] == names_of(X**-2)
    assert ["sqrt"] == names_of(X ** sympy.Rational(1, 2))


def test_a_softmax_is_spelled_so_that_it_cannot_overflow() -> None:
    assert ["logsumexp_over", "einsum", "sub", "exp"] == names_of(sg.softmax(X))

    value = sg.evaluate(sg.softmax(X), {"X": np.array([[1e4, 0.0, -1e4]])})
    assert [[1.0, 0.0, 0.0]] == value.tolist()


def test_what_a_condition_does_not_choose_gets_no_gradient_and_no_nan() -> None:
    f = sg.sum(sg.where(w > 0, sg.map(sympy.sqrt, w), 0))
    _, (slope,) = sg.compile(f, args=[w], wrt=[w])(np.array([4.0, -1.0, 0.0]))

    assert [0.25, 0.0, 0.0] == slope.tolist()


def test_scalars_inside_a_mapped_function_are_variables() -> None:
    a = sympy.Symbol("a")
    f = sg.sum(sg.map(lambda t: sympy.sin(a * t), w))
    given = np.array([0.1, 0.2, 0.3])
    _, (slope,) = sg.compile(f, args=[a, w], wrt=[a])(2.0, given)

    assert np.allclose(np.sum(given * np.cos(2 * given)), slope)


def test_tensors_are_named_by_text_or_symbol() -> None:
    f = sg.sum(X @ w)

    assert sg.grad(f, "w") == sg.grad(f, w)
    assert {X, w} == set(sg.grad(f))
    with pytest.raises(UnknownNameError, match="no variable `v`"):
        sg.grad(f, "v")


def test_several_outputs_share_their_nodes_and_keep_their_shapes() -> None:
    g = sg.graph({"score": X @ w, "loss": sg.sum((X @ w) ** 2)})

    assert {"score", "loss"} == set(g.names)
    assert [("N",), ()] == [tuple(map(str, g.nodes.shapes.get(o, ()))) for o in g.outputs]
    assert len(g) == len(sg.graph([g, X @ w]))


@pytest.mark.parametrize(
    ("ask", "size"),
    [(lambda: X[5:], 3), (lambda: X[:7], 3), (lambda: X[4], 4), (lambda: X[:-5], 2)],
)
def test_a_slice_beyond_a_size_is_refused_when_the_size_is_known(ask: Any, size: int) -> None:
    with pytest.raises(ShapeError, match=f"leaves an axis of size {size}"):
        sg.evaluate(sg.sum(ask()), {"X": np.ones((size, 3))})


def test_products_over_unknown_sizes_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"axis of size N.*exp\(sum\(log\(x\)\)\)"):
        sg.graph(sg.prod(X))


def test_matrix_functions_of_numbers_say_how_to_go_entry_by_entry() -> None:
    with pytest.raises(UnsupportedError, match=r"sg\.map\(relu, X\)"):
        sg.graph(relu(X, evaluate=False))
