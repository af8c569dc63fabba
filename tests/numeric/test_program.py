"""Programs: from any graph, immutable, printed, counted, saved to the same bytes and back."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sympy import Function, Integral, Symbol, symbols

import symgrad as sg
from symgrad.errors import GraphError, SymgradError
from symgrad.numeric.backends import BACKENDS
from symgrad.numeric.program import Program

x, y, t = symbols("x y t")
STEP = sg.block("step", [x, y], y * x * (1 - x))
QUESTIONS: dict[str, tuple[Any, Any]] = {
    "a value": ("x*y + sin(x)", "value"),
    "a gradient": ("x**2*y/max(x, y)", ("value", "grad")),
    "a Jacobian": (["x*y", "exp(x)/y", "x"], "jacobian"),
    "a Hessian": ("x**3*y + sin(x*y)", "hessian"),
    "a pushforward": (["x*y", "exp(x)"], "jvp"),
    "a pullback": (["x*y", "exp(x)"], "vjp"),
    "a Hessian's product": ("x**3*y", ("grad", "hvp")),
    "a block": (STEP(x, y) + STEP(y, x), ("value", "grad")),
    "a loop": (sg.scan(STEP, [x], [y], length=6), ("value", "grad")),
    "an integral": (Integral(x * t, (t, 0, y)), "value"),
    "numbers of all kinds": ("pi*x + 0.1*y + 1e400*x - 2/3 + where(x > y, x, -y)", "value"),
    "symbols of one name": (Symbol("x", real=True) * x + Symbol("y", positive=True), "value"),
}


def program(question: str) -> Program:
    formula, returns = QUESTIONS[question]
    made: Program = sg.compile(formula, returns=returns, backend="numpy").program
    return made


@pytest.mark.parametrize("question", QUESTIONS)
def test_saved_programs_come_back_to_the_same_bytes(question: str) -> None:
    saved = program(question).to_json()
    loaded = Program.from_json(saved)

    assert saved == loaded.to_json()
    assert str(program(question)) == str(loaded)


@pytest.mark.parametrize("question", QUESTIONS)
def test_loaded_programs_compute_the_same_bits(question: str) -> None:
    made = program(question)
    points = [np.linspace(0.3, 1.7, 4) * (k + 1) for k in range(len(made.inputs))]
    loaded = Program.from_json(made.to_json())
    before, after = (BACKENDS["numpy"].build(p)(points) for p in (made, loaded))

    assert [b.tobytes() for b in before] == [a.tobytes() for a in after]


def test_loaded_programs_free_their_slots_as_early() -> None:
    made = program("a gradient")

    assert made.operations == Program.from_json(made.to_json()).operations


def test_programs_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        program("a value").outputs = (0,)  # type: ignore[misc]


def test_programs_are_printed_a_slot_a_line() -> None:
    expected = "input  0\n1 = 2\n2 = pow(0, 1)\n3 = exp(2)\nreturn 3"

    assert expected == str(sg.compile("exp(x**2)", returns="value").program)


def test_printed_programs_show_loops_and_what_is_picked() -> None:
    printed = str(program("a loop"))

    assert "scan(0, 1)  # 6 x 3 operations" in printed
    assert "[0]" in printed


def test_stats_count_what_is_alive_at_once() -> None:
    wide = sg.compile("sin(x)*cos(x)*exp(x)", returns="value").program.stats
    deep = sg.compile("sin(cos(exp(x)))", returns="value").program.stats

    assert (5, 3, 24) == (wide["operations"], wide["temporaries"], wide["bytes"])
    assert (3, 2) == (deep["operations"], deep["temporaries"])


def test_stats_tell_what_compilation_took() -> None:
    stats = sg.compile("sin(x)*y").stats

    assert stats["seconds"] > 0
    assert stats["derive_seconds"] > 0
    assert {"operations", "temporaries", "bytes", "inputs", "outputs"} <= stats.keys()


# --- files made to harm ---


def document() -> dict[str, Any]:
    both = [sg.scan(STEP, [x], [y], length=3), Function("f")(x), Integral(x * t, (t, 0, y)), x + 2]
    found = sg.graph(both)
    saved: dict[str, Any] = json.loads(sg_program(found).to_json())
    return saved


def sg_program(graph: Any) -> Program:
    from symgrad.numeric.program import lower

    return lower(graph)


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: Any) -> None:
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = value

    return change


def operations(*rows: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        found["main"] = {"inputs": [], "constants": [], "operations": list(rows), "outputs": [0]}

    return change


CHANGES: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("version 2 of the format", put("version", value=2)),
    ("the format is 'symgrad.graph'", put("format", value="symgrad.graph")),
    ("has the keys format, version, terms, programs, main", lambda d: d.pop("main")),
    ("has the keys inputs", lambda d: d["main"].pop("outputs")),
    ("`terms` is a list", put("terms", value={})),
    ("`programs` is a list", put("programs", value=None)),
    ("term 99 is not there", put("main", "inputs", value=[99])),
    ("term True is not there", put("main", "inputs", value=[True])),
    ("the same symbol", put("main", "inputs", value=[0, 0])),
    ("is no number", put("main", "constants", value=[0])),
    ("is no variable", lambda d: d["main"]["inputs"].append(d["main"]["constants"][0])),
    ("are no slots", put("main", "outputs", value=[10**6])),
    ("are no slots", put("main", "outputs", value=[])),
    ("are no slots", put("main", "outputs", value=[-1])),
    ("are no slots", put("main", "outputs", value=["0"])),
    ("operands are earlier slots", operations(["sin", [0]])),
    ("operands are earlier slots", operations(["sin", [-1]])),
    ("operands are earlier slots", operations(["sin", [0.5 == 1]])),
    ("the gate 'sine' is not known", operations(["sine", []])),
    ("the gate 7 is not known", operations([7, []])),
    ("does not take 0 operands", operations(["sin", []])),
    ("does not take 0 operands", operations(["var", []])),
    ("does not take 0 operands", operations(["const", [], [0]])),
    ("a row is gate and operands", operations(["sin"])),
    ("a row is gate and operands", operations("sin")),
    ("picks from what is no block", operations(["item", [], 0])),
    ("a loop is a program and a length", operations(["scan", [], [0]])),
    ("`payload` is a list", operations(["scan", [], 3])),
    ("program 99 is not there", operations(["scan", [], [99, 3]])),
    ("it cannot run 3 times on 0 operands", operations(["scan", [], [0, 3]])),
    ("carries an expression", operations(["whole", []])),
]


@pytest.mark.parametrize(("message", "change"), CHANGES)
def test_a_harmful_file_is_refused_with_the_reason(
    message: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    found = document()
    change(found)
    start = time.perf_counter()
    with pytest.raises(GraphError, match=message.replace("(", r"\(")):
        Program.from_json(json.dumps(found))

    assert time.perf_counter() - start < 1


def test_a_bundle_is_no_number() -> None:
    found = document()
    scans = [k for k, row in enumerate(found["main"]["operations"]) if row[0] == "scan"]
    slot = scans[0] + len(found["main"]["inputs"]) + len(found["main"]["constants"])
    found["main"]["outputs"] = [slot]

    with pytest.raises(GraphError, match="an output is a block or loop as a whole"):
        Program.from_json(json.dumps(found))


@pytest.mark.parametrize("text", ["", "[", "[]", "null", "1e999", "[" * 100_000, '{"a": NaN}'])
def test_what_is_no_program_is_refused(text: str) -> None:
    with pytest.raises(GraphError):
        Program.from_json(text)


def test_any_change_of_a_file_is_loaded_or_refused() -> None:
    chance = random.Random(0)
    pieces = [None, True, -1, 0, 1, 10**9, "sin", [], {}, [0], "symgrad"]
    loaded = refused = 0
    for _ in range(400):
        found = copy.deepcopy(document())
        spot: Any = found
        while True:
            key = chance.choice(list(spot) if isinstance(spot, dict) else range(len(spot)))
            if not isinstance(spot[key], (list, dict)) or not spot[key] or chance.random() < 0.2:
                break
            spot = spot[key]
        spot[key] = chance.choice(pieces)
        try:
            Program.from_json(json.dumps(found)).to_json()
            loaded += 1
        except SymgradError:
            refused += 1

    assert loaded > 0
    assert refused > 200
