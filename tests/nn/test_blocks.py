"""Every block of the table: its gradient passes the check, and it is torch's."""

from __future__ import annotations

import re
import runpy
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import nn
from symgrad.numeric.sizes import size_symbols

HERE = Path(__file__).parent
TABLE = runpy.run_path(str(HERE / "blocks.py"))
BLOCKS, numbers_of = TABLE["BLOCKS"], TABLE["numbers_of"]
CLOSE = 1e-11  # relative to the largest entry: sums of some tens of products in float64
APART = 0.02  # entries keep this distance from 0 and from each other: no kink within a step

blocks = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)


# --- points ---


def drawn(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Return values of a kind."""
    match kind.split():
        case ["free"]:
            return apart(shape, rng)
        case ["positive"]:
            return rng.uniform(0.5, 2, shape)
        case ["probability"]:
            return rng.uniform(0.1, 0.9, shape)
        case ["mask"]:
            return (rng.permutation(np.prod(shape)).reshape(shape) % 3 > 0).astype(float)
        case ["class", letter]:
            return rng.integers(0, TABLE["SIZES"][letter], shape).astype(float)
        case ["onehot"]:
            return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
        case ["distribution"]:
            weights = rng.uniform(0.2, 1, shape)
            return weights / weights.sum(-1, keepdims=True)
    raise AssertionError(kind)


def apart(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Return numbers around 0 that are all different: no maximum ties and no kink is near."""
    count = int(np.prod(shape))
    steps = (rng.permutation(count) - (count - 1) / 2) + rng.uniform(-0.2, 0.2, count) + 0.3
    return (steps * max(APART, 1.5 / max(count, 2))).reshape(shape)


def point(block: Any) -> dict[str, Any]:
    rng = np.random.default_rng(zlib.crc32(block.name.encode()))
    return {
        name: drawn(block.draw.get(name, "free"), numbers_of(text), rng)
        for name, text in block.shapes.items()
    }


def letters() -> dict[Any, int]:
    return {TABLE["size"](letter): number for letter, number in TABLE["SIZES"].items()}


def at_numbers(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(int(getattr(n, "subs", lambda _, n=n: n)(letters())) for n in shape)


def cotangents(block: Any) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    shapes = [getattr(o, "shape", ()) for o in TABLE["built"](block)]
    named = zip(TABLE["upstream"](block), shapes, strict=True)
    return {name: rng.uniform(0.5, 1.5, at_numbers(shape)) for name, shape in named if name}


# --- promises ---


@blocks
def test_the_derived_gradient_passes_the_check(block: Any) -> None:
    report = sg.check_grad(
        TABLE["loss"](block), {**point(block), **cotangents(block)}, block.by.split()
    )

    assert report, report.table()
    assert not report.kinks


@blocks
def test_values_and_gradients_are_those_of_torch(block: Any) -> None:
    pytest.importorskip("torch", reason="torch is the oracle; install symgrad[torch]")
    hand = runpy.run_path(str(HERE / "by_torch.py"))
    values, upstream, by = point(block), cotangents(block), block.by.split()
    expected, gradients = hand["value_and_gradients"](
        block.torch, values, list(upstream.values()) or [1.0], by
    )

    outputs = [sg.evaluate(o, values_of(o, values)) for o in TABLE["built"](block)]
    given = {**values, **upstream}
    found = sg.compile(TABLE["loss"](block), list(given), wrt=by)

    for a, b in zip(expected, outputs, strict=True):
        assert_close(a, b)
    _, derived = found(*given.values())
    for name, a, b in zip(by, gradients, derived, strict=True):
        assert values[name].shape == np.shape(b), name
        assert_close(a, b)


def values_of(output: Any, values: dict[str, Any]) -> dict[str, Any]:
    held = {str(getattr(s, "name", s)) for s in output.free_symbols}
    return {name: value for name, value in values.items() if name in held}


def assert_close(expected: Any, found: Any) -> None:
    scale = np.max(np.abs(expected)) + 1e-300
    np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE * scale)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
@blocks
def test_other_backends_give_the_same_numbers(block: Any, backend: str) -> None:
    pytest.importorskip(backend, reason=f"install symgrad[{backend}]")
    given, by = {**point(block), **cotangents(block)}, block.by.split()
    reference, compiled = (
        sg.compile(TABLE["loss"](block), list(given), wrt=by, backend=name)(*given.values())
        for name in ("numpy", backend)
    )

    assert_close(reference[0], np.asarray(compiled[0]))
    for a, b in zip(reference[1], compiled[1], strict=True):
        assert_close(a, np.asarray(b))


@blocks
def test_the_printed_gradient_is_the_gradient(block: Any) -> None:
    """The closed form and the named lines are formulas: they are run, and compared."""
    given, by = {**point(block), **cotangents(block)}, block.by.split()
    loss = TABLE["loss"](block)
    _, expected = sg.compile(loss, list(given), wrt=by)(*given.values())
    known = {**{str(letter): number for letter, number in letters().items()}, **given}

    closed = sg.grad(loss, by)
    replacements, reduced = sg.grad(loss, by, form="let")
    lines = dict(known)
    for name, line in replacements:
        lines[str(name)] = at_point(line, lines)

    for name, a, b, c in zip(by, expected, closed, reduced, strict=True):
        for found in (at_point(b, known), at_point(c, lines)):
            assert np.shape(found) == np.shape(a), name
            np.testing.assert_allclose(found, a, rtol=0, atol=CLOSE * (1e-300 + np.abs(a).max()))


def at_point(formula: Any, values: dict[str, Any]) -> Any:
    """Return what a formula is; what has no symbol but sizes is the same everywhere."""
    made = sg.graph(formula)
    held = {str(getattr(s, "name", s)) for s in made.inputs}
    held |= {size.name for size in size_symbols(made.nodes)}
    return sg.evaluate(made, {n: v for n, v in values.items() if n in held})


@blocks
def test_shapes_in_letters_are_the_shapes_of_the_numbers(block: Any) -> None:
    values = point(block)

    for output in TABLE["built"](block):
        found = np.shape(sg.evaluate(output, values_of(output, values)))

        assert at_numbers(getattr(output, "shape", ())) == found


def test_every_function_of_the_package_is_in_the_table() -> None:
    called = set(re.findall(r"nn\.(\w+)", " ".join(block.call for block in BLOCKS)))
    elsewhere = {"silu", "softmax", "log_softmax", "logsumexp", "one_hot"}  # other names
    machine = {"ntm", "ntm_shapes"}  # in `test_machine`

    assert set(nn.__all__) - elsewhere - machine == called


# --- the page and its figure ---


def test_the_page_is_up_to_date() -> None:
    module = runpy.run_path(str(HERE / "page.py"))
    written = module["PAGE"].read_text(encoding="utf-8")

    assert module["page"](written) == written, "run `python -m tests.nn.page`"


def test_no_gradient_on_the_page_is_spelled_like_a_machine() -> None:
    text = runpy.run_path(str(HERE / "page.py"))["PAGE"].read_text(encoding="utf-8")

    for ugly in ("ones(", "**-1", "1/N*", 'einsum("ik,j->ij"', "-(1)", "nan"):
        assert ugly not in text
    assert "(softmax(s, axis=1) - one_hot(y, C))/N" in text
    assert "dW = x.T @ (softmax(x @ W + b, axis=1) - one_hot(labels, C))/N" in text


def test_the_figure_shows_every_activation_with_its_derivative() -> None:
    pytest.importorskip("matplotlib", reason="figures need symgrad[examples]")
    folder = HERE.parents[1] / "docs" / "examples"
    sys.path.insert(0, str(folder))
    try:
        script = runpy.run_path(str(folder / "activations.py"))
    finally:
        sys.path.remove(str(folder))
    drawn = (folder.parent / "figures" / "activations.svg").read_text(encoding="utf-8")

    assert {"leaky_relu", "prelu", "maxout", "selu", "elu", "gelu", "swish", "softplus"} <= {
        name for name in nn.__all__ if f"nn.{name}(" in (folder / "activations.py").read_text()
    }
    for name in script["CURVES"]:
        assert f"<!-- {name} -->" in drawn
        values, slopes = script["curves"](name)
        middle = (values[2:] - values[:-2]) / (script["POINTS"][2:] - script["POINTS"][:-2])
        apart = np.abs(middle - slopes[1:-1])
        assert np.median(apart) < 1e-3, "differences of the drawn values are the drawn slopes"
