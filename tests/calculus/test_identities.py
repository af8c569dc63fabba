"""Identities of matrix calculus: print, textbook, differences and scalar engine agree."""

from __future__ import annotations

import functools
import inspect
import re
import runpy
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg

HERE = Path(__file__).parent
TABLE = runpy.run_path(str(HERE / "identities.py"))
HAND = runpy.run_path(str(HERE / "by_hand.py"))
ROWS = TABLE["IDENTITIES"]
same, evaluated = HAND["same"], HAND["evaluated"]
TRIALS = range(3)
CLOSE = 1e-10  # relative to the largest entry: some hundred operations on well conditioned values
STEP = 2e-3  # of differences of fourth order: h**4 is 1.6e-11

rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
finite = pytest.mark.parametrize(  # an exponential of a matrix is no finite formula of its entries
    "row", [row for row in ROWS if "expm" not in row.formula], ids=lambda row: row.name
)


# --- a row as a question ---


def names(row: Any) -> list[str]:
    functions = re.findall(r"([A-Za-z_]\w*)\(", row.formula)
    words = dict.fromkeys(re.findall(r"(?<![\w.])[A-Za-z_]\w*", row.formula))
    return [w for w in words if w not in functions and w != "axis"]


def parsed(row: Any) -> Any:
    shapes = TABLE["shapes_of"](row, names(row))
    return sg.parse(row.formula, shapes=shapes, assume=dict(row.facts)).expr


def gradient(row: Any) -> tuple[Any, Any]:
    return _gradient(ROWS.index(row))


@functools.cache
def _gradient(place: int) -> tuple[Any, Any]:
    formula = parsed(ROWS[place])
    return formula, sg.grad(formula, ROWS[place].wrt)


# --- points ---


def kind_of(row: Any, name: str, shape: Any) -> str:
    """How values of a name are drawn: as the row says, as is declared of it, or freely."""
    kind = "full rank" if row.tall is not None and shape == row.tall else "free"
    return row.where.get(name) or row.facts.get(name, kind)


def sizes(row: Any, rng: np.random.Generator) -> dict[str, int]:
    while True:
        found = {s: int(rng.integers(2, 5)) for s in "mnkd"}
        if row.tall is None or found[row.tall[0]] >= found[row.tall[1]]:
            return found


def drawn(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    free = rng.uniform(-1, 1, shape)
    match kind:
        case "free":
            return free
        case "positive":
            return rng.uniform(0.5, 2, shape)
        case "large":
            return rng.uniform(6, 8, shape)
        case "signs":
            return rng.choice([-1.0, 1.0], shape)
        case "stable":
            return free + (shape[0] + 1) * np.eye(shape[0])
        case "full rank":
            return np.linalg.qr(free)[0] @ np.diag(rng.uniform(1, 2, shape[1]))
        case "spd" | "positive_definite":
            return free @ free.T + np.eye(shape[0])
        case "symmetric":
            return free + free.T
        case "diagonal":
            return np.diag(rng.uniform(0.5, 2, shape[0]))
        case "orthogonal":
            return np.linalg.qr(free)[0]
        case "sums_to_one":
            return rng.dirichlet(np.ones(shape[-1]), shape[:-1] or None)
        case "one_hot":
            return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1] or None)]
    raise LookupError(kind)


def point(row: Any, trial: int, given_sizes: Any = None) -> dict[str, Any]:
    """Draw seeded values by name, sizes included; vectors are flat, scalars are numbers."""
    rng = np.random.default_rng([trial, zlib.crc32(row.name.encode())])
    lengths = given_sizes or sizes(row, rng)
    shapes = TABLE["shapes_of"](row, names(row))
    found: dict[str, Any] = dict(lengths)
    for name in names(row):
        if name in lengths and name not in shapes and any(name in s for s in shapes.values()):
            continue
        given = shapes.get(name, ())
        given = given if isinstance(given, tuple) else (given,)
        shape = tuple(lengths.get(s, s) for s in given if s != 1)
        value = drawn(kind_of(row, name, given), shape, rng)
        found[name] = float(value) if shape == () else value
    return found


def call(function: Any, at: dict[str, Any]) -> Any:
    return function(*(at[name] for name in inspect.signature(function).parameters))


def called(function: Any, row: Any, at: dict[str, Any]) -> Any:
    """Call a function of the table; a NumPy function takes the variable."""
    try:
        wanted = list(inspect.signature(function).parameters)
    except ValueError:
        wanted = []
    plain = all(name in at for name in wanted) and wanted
    return function(*(at[n] for n in wanted)) if plain else function(at[row.wrt])


# --- oracles ---


def onto_space(row: Any, free: Any) -> Any:
    """Project a gradient by free entries on the space of a declared variable."""
    fact = row.facts.get(row.wrt)
    if fact in ("symmetric", "positive_definite"):
        return (free + free.T) / 2
    return np.diag(np.diag(free)) if fact == "diagonal" else free


def differences(row: Any, at: dict[str, Any]) -> Any:
    """Five-point central differences of the function by hand, entry by entry."""
    x = np.asarray(at[row.wrt], dtype=float)
    found = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        unit = np.zeros(x.shape)
        unit[place] = STEP
        f = {k: called(row.function, row, {**at, row.wrt: x + k * unit}) for k in (-2, -1, 1, 2)}
        found[place] = (f[-2] - f[2] + 8 * (f[1] - f[-1])) / (12 * STEP)
    return onto_space(row, found) if x.ndim == 2 else found


def by_scalars(row: Any, formula: Any, at: dict[str, Any]) -> Any:
    found = HAND["scalar_gradient"](formula, row.wrt, at)
    return onto_space(row, found) if found.shape[1:] else found


# --- promises ---


def test_the_table_has_at_least_eighty_identities_each_once() -> None:
    assert len(ROWS) >= 80
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(row.source for row in ROWS)


def test_the_page_holds_this_table() -> None:
    stored = TABLE["PAGE"].read_text(encoding="utf-8")

    assert TABLE["page"]() == stored, "run `python -m tests.calculus.identities`"
    assert stored.count("\n| ") > len(ROWS)


@rows
def test_the_oracles_notice_an_error_of_a_thousandth(row: Any) -> None:
    at = point(row, 0)
    textbook = np.asarray(called(row.textbook, row, at), dtype=float)
    wrong = textbook * 1.001 + 1e-3

    assert same(differences(row, at), textbook, 1e-7)
    assert not same(differences(row, at), wrong, 1e-7)
    assert not same(textbook, wrong, CLOSE)


@rows
def test_the_gradient_is_printed_as_in_the_table(row: Any) -> None:
    _, found = gradient(row)

    assert row.printed == sg.text(found)


@rows
def test_the_gradient_has_the_shape_of_the_variable(row: Any) -> None:
    formula, found = gradient(row)
    (variable,) = [s for s in formula.free_symbols if s.name == row.wrt]

    assert getattr(variable, "shape", ()) == getattr(found, "shape", ())


@rows
def test_the_gradient_equals_the_textbook_and_differences(row: Any) -> None:
    formula, found = gradient(row)
    for trial in TRIALS:
        at = point(row, trial)
        textbook = called(row.textbook, row, at)
        numbers = evaluated(found, formula, at)

        assert same(textbook, numbers, CLOSE)
        assert same(differences(row, at), numbers, 1e-7)


SMALL = [dict.fromkeys("mnkd", 1), {"m": 3, "n": 1, "k": 2, "d": 1}]
plain = pytest.mark.parametrize(  # rows that ask for no second entry
    "row", [row for row in ROWS if "[" not in row.formula], ids=lambda row: row.name
)


@plain
def test_sizes_may_be_one(row: Any) -> None:
    formula, found = gradient(row)
    for lengths in SMALL:
        at = point(row, 0, lengths)
        numbers = evaluated(found, formula, at)
        run = sg.run(formula, {name: at[name] for name in at if name in names(row)})

        assert same(called(row.textbook, row, at), numbers, CLOSE)
        assert same(numbers, run.grad[row.wrt], CLOSE)


@rows
def test_the_formula_by_hand_is_the_formula(row: Any) -> None:
    formula = parsed(row)
    for trial in TRIALS:
        at = point(row, trial)

        assert pytest.approx(called(row.function, row, at), rel=1e-11, abs=1e-12) == evaluated(
            formula, formula, at
        )


@finite
def test_the_gradient_equals_that_of_the_formula_in_scalars(row: Any) -> None:
    formula, found = gradient(row)
    for trial in TRIALS:
        at = point(row, trial)

        assert same(by_scalars(row, formula, at), evaluated(found, formula, at), 1e-9)


@rows
def test_the_gradient_is_in_matrix_notation(row: Any) -> None:
    _, found = gradient(row)
    printed = str(found)

    assert not re.search(r"Einsum|einsum|Array|Lambda|_d\b|Sum\(|Derivative", printed)
    assert len(printed) <= 200


@rows
def test_what_is_printed_is_read_back(row: Any) -> None:
    _, found = gradient(row)
    printed = sg.text(found)
    words = re.findall(r"(?<![\w.])[A-Za-z_]\w*", printed)
    shapes = TABLE["shapes_of"](row, {*words, *names(row)})
    read = sg.parse(printed, shapes=shapes, assume=dict(row.facts)).expr
    at = point(row, 0)

    assert same(evaluated(found, found, at), evaluated(read, found, at), 1e-13)


@rows
def test_runs_and_evaluations_give_the_same_numbers(row: Any) -> None:
    formula, found = gradient(row)
    at = point(row, 0)
    known = {name: at[name] for name in at if name in names(row)}
    numbers = evaluated(found, formula, at)
    held = {s.name for s in found.free_symbols}

    assert same(numbers, sg.run(formula, known).grad[row.wrt], CLOSE)
    assert same(numbers, sg.evaluate(found, {k: v for k, v in at.items() if k in held}), CLOSE)


# --- second order ---

VARIABLES = [row for row in ROWS if row.wrt not in ("s", "t")]
variable = pytest.mark.parametrize("row", VARIABLES, ids=lambda row: row.name)
column = pytest.mark.parametrize(
    "row", [row for row in VARIABLES if row.wrt.islower()], ids=lambda row: row.name
)


def along(row: Any, at: dict[str, Any], direction: Any) -> Any:
    """Five-point differences of the textbook's gradient."""

    def moved(k: int) -> Any:
        return np.asarray(called(row.textbook, row, {**at, row.wrt: at[row.wrt] + k * direction}))

    return (moved(-2 * STEP) - moved(2 * STEP) + 8 * (moved(STEP) - moved(-STEP))) / (12 * STEP)


@column
def test_the_hessian_equals_differences_of_the_textbook_gradient(row: Any) -> None:
    formula = parsed(row)
    at = point(row, 0)
    H = evaluated(sg.hessian(formula, row.wrt), formula, at)
    expected = np.stack([along(row, at, e) for e in np.eye(len(at[row.wrt]))], axis=1)

    assert same(H, H.T, 1e-12)
    assert same(expected, H, 1e-6)


@variable
def test_the_hessian_along_a_direction_equals_differences_of_the_textbook_gradient(
    row: Any,
) -> None:
    formula = parsed(row)
    at = point(row, 0)
    (symbol,) = [s for s in formula.free_symbols if s.name == row.wrt]
    v = sympy.MatrixSymbol("direction", *symbol.shape)
    free = np.random.default_rng(3).uniform(-1, 1, at[row.wrt].shape)
    values = onto_space(row, free) if free.ndim == 2 else free
    found = evaluated(sg.hvp(formula, row.wrt, v), formula, {**at, "direction": values})

    assert same(along(row, at, values), found, 1e-6)
