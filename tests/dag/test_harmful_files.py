"""Files made to harm: every one is refused by a `GraphError`, or loaded, at once."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import sympy

import symgrad as sg
from symgrad.dag.digraph import Graph
from symgrad.errors import GraphError, SymgradError
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.program import Program, lower
from symgrad.numeric.tensor_machine import TensorMachine

x, y, t = sympy.symbols("x y t")
f = sympy.Function("f")
STEP = sg.block("step", [x, y], x * y + sympy.sin(x))


def document() -> dict[str, Any]:
    saved = sg.graph(
        [STEP(x, y), f(x, 2), sympy.Integral(sympy.sin(t * x), (t, 0, y)), "p = a + b"]
    )
    found: dict[str, Any] = json.loads(saved.to_json())
    return found


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = value

    return change


def drop(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda found: found.pop(key)


def nodes_are(*rows: Any, terms: Any = ()) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        found.update(terms=list(terms), regions=[], nodes=list(rows), outputs=[0], names=[])

    return change


X = ["symbol", "x", []]
DOUBLED = [X, *(["Add", i, i] for i in range(64))]
CHAINED = [X, *(["sin", i] for i in range(20_000))]
CHANGES: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("version 2 of the format", put("version", value=2)),
    ("the format is 'symgrad.graph'", put("version", value="1")),
    ("the format is", put("version", value=True)),
    ("the format is 'other'", put("format", value="other")),
    *((f"has the keys format, version, {'terms'}", drop(key)) for key in document()),
    ("has the keys", put("more", value=1)),
    ("`terms` is a list", put("terms", value={})),
    ("`nodes` is a list", put("nodes", value=None)),
    ("`outputs` is a list", put("outputs", value=3)),
    ("`names` is a list", put("names", value="q")),
    ("`regions` is a list", put("regions", value=7)),
    ("no outputs", put("outputs", value=[])),
    ("is no node", put("outputs", value=[10**9])),
    ("is no node", put("outputs", value=[-1])),
    ("is no node", put("outputs", value=["0"])),
    ("is no node", put("outputs", value=[True])),
    ("is no node", put("names", value=[["q", 10**9]])),
    ("no text", put("names", value=[[1, 1]])),
    ("two nodes", put("names", value=[["q", 1], ["q", 2]])),
    ("malformed", put("names", value=[["q"]])),
    ("malformed", put("names", value=[[["q"], 1]])),
    ("a row is gate and operands", put("nodes", 0, value=[])),
    ("a row is gate and operands", put("nodes", 0, value="add")),
    ("the gate 'addd' is not known; did you mean", put("nodes", 0, value=["addd", []])),
    ("the gate 'Add' is not known", put("nodes", 0, value=["Add", []])),
    ("the gate '__class__' is not known", put("nodes", 0, value=["__class__", []])),
    ("the gate 'os.system' is not known", put("nodes", 0, value=["os.system", []])),
    ("the gate ['add'] is not known", put("nodes", 0, value=[["add"], []])),
    ("the gate None is not known", put("nodes", 0, value=[None, []])),
    ("operands are earlier nodes", put("nodes", 0, value=["neg", [0]])),
    ("operands are earlier nodes", put("nodes", 0, value=["neg", [1]])),
    ("operands are earlier nodes", put("nodes", 0, value=["neg", [-1]])),
    ("operands are earlier nodes", put("nodes", 0, value=["neg", [[]]])),
    ("`operands` is a list", put("nodes", 0, value=["neg", 0])),
    ("has 2 operands; it takes 1", nodes_are(["var", [], 0], ["neg", [0, 0]], terms=[X])),
    ("is there twice", nodes_are(["var", [], 0], ["var", [], 0], terms=[X])),
    ("is there twice", nodes_are(["var", [], 0], ["var", [], 1], terms=[X, X])),
    ("carries nothing", nodes_are(["var", [], 0], ["neg", [0], [1]], terms=[X])),
    ("carries None; it carries a commuting symbol", nodes_are(["var", []], terms=[X])),
    ("carries a SymPy number", nodes_are(["const", [], 0], terms=[X])),
    ("commuting symbol", nodes_are(["var", [], 0], terms=[["integer", 1]])),
    ("commuting", nodes_are(["var", [], 0], terms=[["symbol", "x", [["commutative", False]]]])),
    ("term 1 is not there", nodes_are(["var", [], 1], terms=[X])),
    ("term 'x' is not there", nodes_are(["var", [], "x"], terms=[X])),
    ("a row starts with its head", nodes_are(terms=["x"])),
    ("a row starts with its head", nodes_are(terms=[[1]])),
    ("no name of a symbol", nodes_are(terms=[["symbol", 1, []]])),
    ("no assumptions", nodes_are(terms=[["symbol", "x", [["friendly", True]]]])),
    ("no assumptions", nodes_are(terms=[["symbol", "x", [["real", 1]]]])),
    ("malformed", nodes_are(terms=[["symbol", "x", [["real", True], ["imaginary", True]]]])),
    ("malformed", nodes_are(terms=[["symbol"]])),
    ("is no integer", nodes_are(terms=[["integer", "12"]])),
    ("malformed", nodes_are(terms=[["integer", "0xzz"]])),
    ("is no integer", nodes_are(terms=[["integer", None]])),
    ("not positive", nodes_are(terms=[["rational", 1, 0]])),
    ("not positive", nodes_are(terms=[["rational", 1, -3]])),
    ("bits", nodes_are(terms=[["float", 1, 1, 10**12]])),
    ("bits", nodes_are(terms=[["float", 1, 1, 0]])),
    ("no constant", nodes_are(terms=[["constant", "exec"]])),
    ("no constant", nodes_are(terms=[["constant", ["pi"]]])),
    ("head `Lambda` is not known", nodes_are(terms=[X, ["Lambda", 0, 0]])),
    ("head `sympify` is not known", nodes_are(terms=[X, ["sympify", 0]])),
    ("head `Matrix` is not known", nodes_are(terms=[X, ["Matrix", 0]])),
    ("head `gate:nothing` is not known", nodes_are(terms=[X, ["gate:nothing", 0]])),
    ("head `gate:const` is not known", nodes_are(terms=[X, ["gate:const", 0]])),
    ("arguments are earlier terms", nodes_are(terms=[X, ["sin", 1]])),
    ("arguments are earlier terms", nodes_are(terms=[X, ["sin", -1]])),
    ("arguments are earlier terms", nodes_are(terms=[X, ["sin", "0"]])),
    ("does not take 2 arguments", nodes_are(terms=[X, ["sin", 0, 0]])),
    ("takes two arguments or more", nodes_are(terms=[X, ["Add", 0]])),
    ("takes two arguments", nodes_are(terms=[X, ["Pow", 0]])),
    ("is no argument of sin", nodes_are(terms=[X, ["Tuple", 0], ["sin", 1]])),
    ("is no argument of And", nodes_are(terms=[["integer", 1], ["And", 0, 0]])),
    ("marks a node of another form", nodes_are(terms=[X, ["Neg", 0, 0]])),
    ("malformed", nodes_are(terms=[X, ["Sub", 0, 0]])),
    ("is no limit", nodes_are(terms=[X, ["Tuple"], ["Integral", 0, 1]])),
    ("is no argument of Integral", nodes_are(terms=[X, ["Integral", 0, 0]])),
    ("malformed", nodes_are(terms=[X, ["Integral"]])),
    ("is no variable and order", nodes_are(terms=[X, ["Tuple", 0], ["Derivative", 0, 1]])),
    ("malformed", nodes_are(terms=[X, ["Subs", 0]])),
    ("is no argument of Indexed", nodes_are(terms=[X, ["Indexed", 0, 0]])),
    ("applies what is no function", nodes_are(terms=[X, ["apply", 0, 0]])),
    ("no function", nodes_are(terms=[["function", 1, [], []]])),
    ("is no argument of Call", nodes_are(terms=[X, ["Call", 0, 0]])),
    ("a block has a name", nodes_are(terms=[X, ["block", 1, [0], [0]]])),
    ("a block has a name", nodes_are(terms=[X, ["block", "b", [0], []]])),
    ("levels and", nodes_are(terms=DOUBLED)),
    ("levels and", nodes_are(terms=CHAINED)),
    ("has the keys name, inputs", put("regions", 0, value={})),
    ("has the keys name, inputs", put("regions", 0, value=[])),
    ("no name of a region", put("regions", 0, "name", value=1)),
    ("give different variables", put("regions", 0, "inputs", value=[0, 0])),
    ("of 1 inputs with 2 operands", put("regions", 0, "inputs", value=[0])),
    ("is no node", put("regions", 0, "outputs", value=[99])),
    ("`outputs` is a list", put("regions", 0, "outputs", value=None)),
]
GATES_HELD = [row[0] for row in document()["nodes"]]
CALL, WHOLE, UNKNOWN = (GATES_HELD.index(name) for name in ("call", "whole", "unknown"))
CHANGES += [
    ("region 5 is not there", put("nodes", CALL, 2, value=[5, 0])),
    ("region -1 is not there", put("nodes", CALL, 2, value=[-1, 0])),
    ("takes output 3", put("nodes", CALL, 2, value=[0, 3])),
    ("carries", put("nodes", CALL, 2, value=[0])),
    ("malformed", put("nodes", CALL, 2, value=[])),
    ("with 1 operands", put("nodes", CALL, 1, value=[0])),
    ("not all of its symbols are", put("nodes", WHOLE, 2, value=[0, 1])),
    ("`payload` is a list", put("nodes", WHOLE, 2, value=0)),
    ("has orders", put("nodes", UNKNOWN, 2, 1, value=-1)),
    ("`1.0` stands in the text", put("nodes", UNKNOWN, 2, 1, value=1.0)),
    ("has orders", put("nodes", UNKNOWN, 2, 1, value="1")),
    ("an undefined function", put("nodes", UNKNOWN, 2, 0, value=0)),
]


@pytest.mark.parametrize(("found", "change"), CHANGES, ids=[str(i) for i in range(len(CHANGES))])
def test_a_malformed_document_is_refused(found: str, change: Callable[[Any], Any]) -> None:
    harmful = document()
    change(harmful)

    with pytest.raises(GraphError) as caught:
        Graph.from_json(json.dumps(harmful))
    assert found in str(caught.value)


TEXTS: list[Any] = [
    "",
    " ",
    "[",
    "{}",
    "[]",
    "null",
    "x = 1",
    "__import__('os').system('true')",
    "[" * 1_000_000,
    '{"a":' * 200_000,
    "1" * 1_000_000,
    "[1e999]",
    "[NaN]",
    "[Infinity]",
    "\x00",
    '"\\ud800"',
    None,
    b"{}",
    17,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:20])
def test_a_text_that_is_no_graph_is_refused_at_once(text: Any) -> None:
    start = time.perf_counter()
    with pytest.raises(GraphError):
        Graph.from_json(text)

    assert time.perf_counter() - start < 2


def places(found: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value of a document."""
    below = found.items() if isinstance(found, dict) else enumerate(found)
    every = []
    for key, value in below:
        every.append((*path, key))
        if isinstance(value, dict | list):
            every += places(value, (*path, key))
    return every


JUNK = [None, True, -1, 0, 1, 2, 3, 10**30, "", "x", "0x5", "sin", "Add", "integer", [], [0], {}]
JUNK += [["symbol", "x", []], ["Integral", 0, 1], ["call", [0], [0, 0]], ["Tuple", 0], ["neg", [0]]]


def test_a_document_damaged_at_random_is_loaded_or_refused() -> None:
    chance, whole = random.Random(5), document()
    paths = places(whole)
    for _ in range(1_500):
        harmful = copy.deepcopy(whole)
        path = chance.choice(paths)
        put(*path, value=chance.choice(JUNK))(harmful)
        try:
            Graph.from_json(json.dumps(harmful)).to_json()
        except SymgradError as error:
            assert isinstance(error, GraphError), (path, error)


# --- files of tensors ---

N = ["symbol", "n", [["integer", True], ["positive", True]]]
TENSORS = json.loads(
    sg.graph(
        [
            sg.tensor("X", "n", 3)[1:] @ sg.tensor("w", 3),
            sg.matrix("S", "n", "n", "symmetric") * sg.matrix("x", "n"),
            sg.max(sg.pad(sg.tensor("X", "n", 3), 1), axis=0),
            sg.conv(sg.tensor("I", "b", 2, 8), sg.tensor("K", 4, 2, 3), stride=2),
        ]
    ).to_json()
)


def held(head: str) -> int:
    return [row[0] for row in TENSORS["terms"]].index(head)


def row_of(gate: str) -> int:
    return [row[0] for row in TENSORS["nodes"]].index(gate)


def carries(gate: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change of what the first node of a gate carries; `value` is written as terms."""

    def change(found: dict[str, Any]) -> None:
        found["nodes"][row_of(gate)][2:] = [[spell(found["terms"], value)]]

    return change


def spell(terms: list[Any], value: Any) -> int:
    """Append the terms of a nested payload, and return the last one's number."""
    if isinstance(value, tuple):
        terms.append(["Tuple", *[spell(terms, part) for part in value]])
    elif isinstance(value, bool):
        terms.append(["constant", str(value).lower()])
    elif isinstance(value, int):
        terms.append(["integer", value])
    else:
        terms.append(["str", value] if isinstance(value, str) else value)
    return len(terms) - 1


def tensor_of(*sizes: Any, head: str = "TensorSymbol") -> Callable[[dict[str, Any]], None]:
    """Return a change to a graph of one variable, whose sizes are rows."""

    def change(found: dict[str, Any]) -> None:
        terms: list[Any] = [["str", "X"], *sizes]
        if head == "TensorSymbol":
            terms.append(["Tuple", len(terms) - 1])
            terms.append([head, 0, len(terms) - 1])
        else:
            terms.append([head, 0, len(terms) - 1, len(terms) - 1])
        node = ["var", [], len(terms) - 1]
        found.update(terms=terms, regions=[], nodes=[node], outputs=[0], names=[])

    return change


SUMS = [row for k in range(40) for row in (["symbol", f"n{k}", []], ["integer", 1])]
SUMS += [["Add", 2 * k + 1, 2 * k + 2] for k in range(40)]  # rows count from the name, term 0
TENSOR_CHANGES: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("it carries (((index, ...), ...)", carries("einsum", 3)),
    ("it carries (((index, ...), ...)", carries("einsum", (((0, 1), (1,)), (0,)))),
    ("it carries (((index, ...), ...)", carries("einsum", (((0, -1), (1,)), (0,), ()))),
    (
        "does not fit operands of the shapes (n - 1, 3), (3,)",
        carries("einsum", (((0,), (1,)), (0,), ())),
    ),
    ("does not fit operands", carries("einsum", (((0, 0), (1,)), (0,), ()))),
    ("does not fit operands", carries("einsum", (((0, 1), (0,)), (0,), ()))),
    ("does not fit operands", carries("einsum", (((0, 1), (1,)), (2,), ()))),
    ("does not fit operands", carries("einsum", (((1, 0), (0,)), (1,), ()))),
    ("does not fit operands", carries("einsum", (((0, 1), (1,)), (0,), ((1, 5),)))),
    ("has 1 operands", lambda found: found["nodes"][row_of("slice")].__setitem__(0, "gather")),
    ("it carries ((place, place, step), ...)", carries("slice", ((0, 1, 0), (0, 3, 1)))),
    ("it carries ((place, place, step), ...)", carries("slice", ((-2, 1, 1), (0, 3, 1)))),
    ("leaves an axis of size 3", carries("slice", ((0, 1, 1), (0, 30, 1)))),
    ("does not fit operands", carries("slice", ((0, 1, 1),))),
    ("does not fit operands", carries("unslice", (((1, 5, 1), (1, 4, 1)), (9, 5)))),
    ("does not fit operands", carries("unslice", ((), (9, 5)))),
    ("it carries (((place", carries("unslice", ((), "many"))),
    ("it carries (index, ...)", carries("max_over", ("axis",))),
    ("does not fit operands", carries("max_over", (0, 0))),
    ("does not fit operands", carries("max_over", (2,))),
    ("carries None", lambda found: found["nodes"][row_of("max_over")].pop()),
    ("it carries ((positive, ...)", carries("conv", ((0,), ((0, 0),), (1,), 1))),
    ("it carries ((positive, ...)", carries("conv", ((2,), ((0, -1),), (1,), 1))),
    ("it carries ((positive, ...)", carries("conv", ((2,), ((0, 0),), (1,), 0))),
    ("needs C/groups channels", carries("conv", ((2,), ((0, 0),), (1,), 2))),
    ("longer than an axis of size 8", carries("conv", ((2,), ((0, 0),), (99,), 1))),
    ("does not fit operands", carries("conv", ((2, 2), ((0, 0),), (1,), 1))),
    ("is no part of a size", tensor_of(["constant", "pi"])),
    ("is no size", tensor_of(["rational", 1, 2])),
    ("is no part of a size", tensor_of(["float", 3, 0, 53])),
    ("a size is", tensor_of(["integer", -2])),
    ("sizes are below 2**63", tensor_of(["integer", hex(2**64)])),
    ("is no part of a size", tensor_of(["constant", "oo"])),
    ("is no part of a size", tensor_of(N, ["sin", 1])),
    ("is no part of a size", tensor_of(N, ["integer", 10**9], ["Pow", 1, 2])),
    (
        "is no part of a size",
        tensor_of(["integer", 2], ["integer", 10**12], ["Pow", 1, 2], N, ["Mul", 3, 4]),
    ),
    ("more than 200 nodes", tensor_of(N, *[["Add", k, k] for k in range(1, 18)])),
    ("more than 1000 terms", tensor_of(*SUMS, ["Mul", *range(81, 101)])),
    ("more than 1000 terms", tensor_of(*SUMS, ["integer", 16], ["Pow", 81, 121])),
    ("is no part of a size", tensor_of(N, ["Tuple"], ["constant", "I"], ["Mul", 1, 3])),
    (
        "is no part of a size",
        tensor_of(N, ["function", "f", [], []], ["apply", 2, 1], head="MatrixSymbol"),
    ),
    (
        "is no MatrixSymbol",
        lambda found: found["terms"][held("DeclaredMatrix")].__setitem__(0, "MatrixSymbol"),
    ),
    ("is no DeclaredMatrix", lambda found: found["terms"][held("DeclaredMatrix")].pop()),
    (
        "is no argument of TensorSymbol",
        lambda found: found["terms"][held("TensorSymbol")].append(1),
    ),
    ("no known fact", lambda found: found["terms"][held("DeclaredMatrix")].append(0)),
    (
        "is no shape of a variable",
        lambda found: found["nodes"][0].__setitem__(2, [held("TensorSymbol"), 0]),
    ),
    ("a term and a shape", lambda found: found["nodes"][0].__setitem__(2, [held("TensorSymbol")])),
    ("is no argument of sin", lambda found: found["terms"].append(["sin", held("DeclaredMatrix")])),
    ("is no text", lambda found: found["terms"].append(["str", 5])),
    (
        "acts entry by entry, but its shapes are",
        lambda found: found["nodes"].append(["add", [0, 1]]),
    ),
    ("head `MatrixOp` is not known", lambda found: found["terms"].append(["MatrixOp", 0])),
    ("head `TensorOp` is not known", lambda found: found["terms"].append(["TensorOp", 0])),
    ("head `Str` is not known", lambda found: found["terms"].append(["Str", 0])),
]


@pytest.mark.parametrize(
    ("found", "change"), TENSOR_CHANGES, ids=[str(i) for i in range(len(TENSOR_CHANGES))]
)
def test_a_malformed_document_of_tensors_is_refused_at_once(
    found: str, change: Callable[[Any], Any]
) -> None:
    harmful, start = copy.deepcopy(TENSORS), time.perf_counter()
    change(harmful)

    with pytest.raises(GraphError) as caught:
        Graph.from_json(json.dumps(harmful))
    assert found in str(caught.value)
    assert time.perf_counter() - start < 2


def test_a_call_of_scalars_that_owns_a_block_of_tensors_in_a_file_is_refused() -> None:
    found = json.loads(sg.graph(STEP(x, y)).to_json())
    terms = found["terms"]
    carried = spell(terms, (((),), (0,), ((0, 3),)))
    region = found["regions"][0]
    region["nodes"].append(["einsum", [region["outputs"][0]], [carried]])
    region["outputs"] = [len(region["nodes"]) - 1]

    with pytest.raises(GraphError, match="of tensors; that is a gate of its own"):
        Graph.from_json(json.dumps(found))


def test_a_document_of_tensors_damaged_at_random_is_loaded_or_refused() -> None:
    chance = random.Random(11)
    paths = places(TENSORS)
    for _ in range(1_500):
        harmful = copy.deepcopy(TENSORS)
        path = chance.choice(paths)
        put(*path, value=chance.choice(JUNK))(harmful)
        try:
            Graph.from_json(json.dumps(harmful)).to_json()
        except SymgradError as error:
            assert isinstance(error, GraphError), (path, error)


# --- programs of tensors ---


def test_a_program_that_carries_what_its_gate_cannot_is_refused() -> None:
    for f, gate, value in (
        (sg.sum(sg.tensor("X", 3)), "einsum", ((0,), (), ())),
        (sg.tensor("X", 3)[1:], "slice", ((0, 1, 0),)),
        (sg.max(sg.tensor("X", 3)), "max_over", "all"),
    ):
        found = json.loads(lower(sg.graph(f)).to_json())
        row = next(r for r in found["main"]["operations"] if r[0] == gate)
        row[2] = [spell(found["terms"], value)]

        with pytest.raises(GraphError, match=rf"`{gate}`\) carries .* it carries"):
            Program.from_json(json.dumps(found))


def test_a_program_whose_payload_fits_no_operand_never_reaches_a_kernel() -> None:
    for f, gate, value in (
        (sg.sum(sg.tensor("X", 3)), "einsum", (((0, 1),), (), ())),
        (sg.tensor("X", 3)[1:], "slice", ((0, 100, 1),)),
        (
            sg.max_pool(sg.tensor("X", 1, 1, 8), 2),
            "patches",
            ((90,), (1,), ((0, 0),), (1,), "zero"),
        ),
    ):
        found = json.loads(lower(sg.graph(f)).to_json())
        row = next(r for r in found["main"]["operations"] if r[0] == gate)
        row[2] = [spell(found["terms"], value)]
        program = Program.from_json(json.dumps(found))

        with pytest.raises(GraphError, match="fit"):
            TensorMachine(program, [s.shape for s in program.inputs], Floats())
