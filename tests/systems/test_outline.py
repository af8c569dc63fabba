"""Outlines: every module once, with the lines that the engine derives for it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import alexnet
import numpy as np
import pytest
import reading
import recurrent
import turing
import twins

import symgrad as sg
from symgrad.errors import UnknownNameError

LINES = 60  # of AlexNet's page, at most


def tensors(**shapes: Any) -> dict[str, Any]:
    return {name: sg.tensor(name, *shape) for name, shape in shapes.items()}


LAYER = tensors(x=("N", "D"), W=("H", "D"), b=("H",))
X, U, C = sg.tensor("X", 5, 3), sg.tensor("U", 3, 3), sg.tensor("c", 3)
ONE = sg.block("layer", LAYER.values(), sg.map("tanh", LAYER["x"] @ LAYER["W"].T + LAYER["b"]))
SQUARE = tensors(x=("N", "D"), W=("D", "D"), b=("D",))
TWO = sg.block(
    "twice",
    SQUARE.values(),
    SQUARE["x"] + ONE(ONE(*SQUARE.values()), SQUARE["W"], SQUARE["b"]),
)


@cache
def alexnet_outline() -> Any:
    net = alexnet.model(alexnet.sizes())
    return sg.outline(net.loss, net.parameters)


@cache
def of_loop(kind: str) -> Any:
    p = recurrent.parameters(kind)
    data = tensors(xs=("T", "N", "D"), targets=("T", "N", "H"))
    loss = recurrent.missed(recurrent.hidden_states(kind, data["xs"], p), data["targets"])
    return sg.outline(loss, p)


@cache
def of_machine() -> Any:
    s = turing.Sizes()
    p, data = turing.tensors(s), tensors(xs=("T", "B", 7), told=("L", "B", 6))
    return sg.outline(turing.loss(turing.machine(s, data["xs"], p)[0], data["told"]), p)


def statements(outline: Any) -> set[str]:
    """Return what an outline says, line by line, however it is folded."""
    text = re.sub(r"\n {4,}(?=\S)", " ", str(outline))
    return {part.strip() for row in text.splitlines() for part in re.split(r";| {3,}", row)}


def test_alexnet_is_a_page() -> None:
    lines = str(alexnet_outline()).splitlines()

    assert len(lines) <= LINES
    assert max(map(len, lines)) <= 110
    assert "60,965,224" in lines[0]


def test_alexnets_modules_stand_once_with_their_derived_gradients() -> None:
    said = statements(alexnet_outline())

    assert {"h4 = conv2(h3, W2, b2)", "dh3, dW2, db2 = dconv2(dh4)"} <= said
    assert {"dx = p @ w", "dw = p.T @ x", "db = sum(p, axis=0)"} <= said
    assert {"dx = dout @ w", "dw = dout.T @ x", "db = sum(dout, axis=0)"} <= said
    assert "dw = conv_weight(x, p, (K, K), stride=4)" in said
    assert "fc, called twice: x (N, D), w (O, D), b (O,), mask (N, O)" in said
    assert "pool, called 3 times: x (N, C, H, W)" in said


def test_the_first_convolution_has_no_gradient_by_the_images() -> None:
    page = next(m.page for m in alexnet_outline().modules if m.page.name == "conv1")
    names = [name for line in page.backward for name in line.names]

    assert "dw" in names
    assert "dx" not in names


def test_every_parameter_is_named_once_on_the_left() -> None:
    outline = alexnet_outline()
    names = [n for line in outline.modules[0].page.backward for n in line.names]

    for name, _ in outline.parameters:
        assert 1 == names.count(f"d{name}")


def test_the_lines_of_a_block_are_its_gradient(rng: np.random.Generator) -> None:
    x, W, b = LAYER.values()
    page = sg.outline((ONE(x, W, b) ** 2).sum(), [W, b]).modules[1].page
    lines = {line.names[0]: line.value for line in (*page.forward, *page.backward)}
    shapes = {"x": (4, 3), "W": (2, 3), "b": (2,), "dout": (4, 2)}
    at = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    for name, value in lines.items():
        symbols = sorted(value.free_symbols, key=str)
        symbols = [s for s in symbols if str(s) in at]
        at[name] = sg.compile(value, args=symbols, returns="value")(*(at[str(s)] for s in symbols))
    z = np.tanh(at["x"] @ at["W"].T + at["b"])
    dz = at["dout"] * (1 - z**2)

    np.testing.assert_allclose(at["dW"], dz.T @ at["x"], rtol=1e-12)
    np.testing.assert_allclose(at["db"], dz.sum(axis=0), rtol=1e-12)


def value_of(line: Any, known: dict[str, np.ndarray]) -> np.ndarray:
    """Return the value of a line's formula, where its names are known."""
    symbols = [s for s in sorted(line.value.free_symbols, key=str) if str(s) in known]
    fn = sg.compile(line.value, args=symbols, returns="value")
    return np.asarray(fn(*(known[str(s)] for s in symbols)))


def walked(
    page: Any, start: dict[str, Any], xs: np.ndarray, bars: np.ndarray, weights: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Walk the lines of a loop's page there and back; return the gradients of the weights."""
    carried = [name for name, _ in page.inputs[: page.form.carries]]
    now, steps = dict(start), []
    for x in xs:
        known = {**weights, "x[t]": x, **{f"{n}[t-1]": now[n] for n in carried}}
        for line in page.forward:
            known[line.names[0]] = value_of(line, known)
        now = {n: known[f"{n}[t]"] for n in carried}
        steps.append(known)
    back = {n: np.zeros_like(now[n]) for n in carried}
    sums = {f"d{name}": np.zeros_like(w) for name, w in weights.items()}
    for known, bar in zip(reversed(steps), reversed(bars), strict=True):
        known |= {"dy[t]": bar, **{f"d{n}[t]": back[n] for n in carried}}
        for line in page.backward:
            found = value_of(line, known)
            if line.adds:
                sums[line.names[0]] = sums[line.names[0]] + found
            else:
                known[line.names[0]] = found
        back = {n: known[f"d{n}[t-1]"] for n in carried}
    return sums


@pytest.mark.parametrize("kind", recurrent.CELLS)
def test_the_lines_of_a_loop_walked_by_hand_are_its_gradient(
    kind: str, rng: np.random.Generator
) -> None:
    steps, batch, hidden, width = 3, 2, 4, 3
    page, p = of_loop(kind).modules[1].page, recurrent.parameters(kind)
    weights = {
        name: rng.normal(size=[int(n) for n in t.shape])
        for name, t in recurrent.parameters(kind, hidden, width).items()
    }
    xs, bars = rng.normal(size=(steps, batch, width)), rng.normal(size=(steps, batch, hidden))
    start = {name: np.zeros((batch, hidden)) for name in recurrent.STATES[kind]}
    ours = walked(page, start, xs, bars, weights)
    data = tensors(xs=("T", "N", "D"), bars=("T", "N", "H"))
    f = (recurrent.hidden_states(kind, data["xs"], p) * data["bars"]).sum()
    theirs = sg.compile(f, [*data.values(), *p.values()], wrt=p, returns="grad")(
        xs, bars, *weights.values()
    )

    for name, slope in theirs.items():
        np.testing.assert_allclose(ours[f"d{name}"], slope, rtol=1e-10, atol=1e-12)


def test_shared_parameters_add_their_gradients() -> None:
    f = (TWO(X, U, C) ** 2).sum() + (U**2).sum()
    said = statements(sg.outline(f, [U, C], depth=2))

    assert {"dU = 2*U + dU1", "dW = dW1 + dW2", "db = db1 + db2"} <= said
    assert "dx = dout + dx1" not in said  # the images are not asked for


def test_modules_are_opened_on_demand() -> None:
    f = (TWO(X, U, C) ** 2).sum()
    shown = [str(sg.outline(f, [U, C], depth=depth)) for depth in range(3)]

    assert ["twice, called" in s for s in shown] == [False, True, True]
    assert ["layer, called twice" in s for s in shown] == [False, False, True]
    assert "closed: layer" in shown[1]
    assert "layer, called twice" in str(sg.outline(f, [U, C], depth=0, open="layer"))


def test_calls_inside_calls_are_counted() -> None:
    f = (TWO(TWO(X, U, C), U, C) ** 2).sum()
    counts = {m.page.name: m.calls for m in sg.outline(f, [U, C], depth=2).modules}

    assert {"": 1, "twice": 2, "layer": 4} == counts


def test_a_loop_is_one_step_forward_and_one_back() -> None:
    said = statements(of_loop("RNN"))

    assert "h[t] = tanh(h[t-1] @ w_hh.T + x[t] @ w_ih.T + b_ih + b_hh)" in said
    assert "p = (dh[t] + dy[t])*(1 - h[t]**2)" in said
    assert {"dh[t-1] = p @ w_hh", "dw_hh += p.T @ h[t-1]", "dw_ih += p.T @ x[t]"} <= said
    assert {"db_ih += sum(p, axis=0)", "db_hh += sum(p, axis=0)"} <= said


def test_no_local_value_of_a_loop_is_called_as_time_is() -> None:
    for kind in recurrent.CELLS:
        page = of_loop(kind).modules[1].page
        assert "t" not in [n for line in (*page.forward, *page.backward) for n in line.names]


def test_the_turing_machine_goes_back_through_its_parts() -> None:
    outline = of_machine()
    said = statements(outline)
    names = {m.page.name for m in outline.modules[1:]}

    assert {"machine", "controller", "affine", "head", "write", "read"} == names
    assert {
        "dw_out += dw_out1",
        "dw_hh += dw_hh1",
        "dmemory[t-1] = dmemory1[t-1] + dmemory2[t-1]",
    } <= said
    assert len(str(outline).splitlines()) <= 40


def test_each_name_on_a_page_is_given_once() -> None:
    for outline in (alexnet_outline(), of_loop("LSTM"), of_machine()):
        for module in outline.modules:
            lines = (*module.page.forward, *module.page.backward)
            names = [n for line in lines for n in line.names if n != "_"]
            given = {name for name, _ in module.page.inputs}
            assert len(names) == len(set(names)), names
            assert not given.intersection(names)


def test_every_name_that_a_line_reads_is_known() -> None:
    for outline in (alexnet_outline(), of_loop("LSTM"), of_machine()):
        for module in outline.modules[1:]:
            page = module.page
            lines = (*page.forward, *page.backward)
            known = {n for line in lines for n in line.names} | {n for n, _ in page.inputs}
            known |= {f"d{n}" for n in page.outputs} | {f"{n}[t]" for n, _ in page.inputs}
            known |= {f"{n}[t-1]" for n, _ in page.inputs}
            known |= {f"d{n}[t]" for n, _ in page.inputs}
            for line in lines:
                values = [line.value] if line.through is None else line.bars
                read = {str(s) for v in values for s in v.free_symbols if len(str(s)) > 1}
                sizes = {str(n) for _, shape in page.inputs for n in shape}
                assert read <= known | sizes, (page.name, read - known)


def test_markdown_and_latex_hold_the_same_modules() -> None:
    outline = alexnet_outline()
    markdown, latex = outline.markdown(), outline.latex()

    assert outline._repr_markdown_() == markdown
    for module in outline.modules[1:]:
        assert f"#### {module.page.name}, called" in markdown
        assert rf"\paragraph{{{module.page.name}, called" in latex
    assert latex.count(r"\begin{align*}") == len(outline.modules) == latex.count(r"\end{align*}")
    assert markdown.count("```text") == len(outline.modules)


def test_time_is_an_index_in_latex() -> None:
    latex = of_loop("RNN").latex()

    assert r"\mathbf{dw_{hh}} &\mathrel{+}= \mathbf{p}^\top \mathbf{h}_{t-1}" in latex
    assert "[t" not in latex


def test_a_formula_without_blocks_is_a_network_of_its_own() -> None:
    text = str(sg.outline("x*y", "x"))

    assert "0 modules" in text
    assert "dx = y" in text


def test_text_that_names_values_keeps_the_names() -> None:
    said = statements(sg.outline("q = x*y; f = q**2 + q", "x"))

    assert {"q = x*y", "dq = 2*q + 1", "dx = dq*y"} <= said


def test_names_of_cotangents_keep_clear_of_names_of_inputs() -> None:
    given = tensors(out=("N", "D"), w=("D", "D"), dw=("D", "D"))
    out, w, dw = given.values()
    dense = sg.block("dense", given.values(), [sg.map("tanh", out @ w) @ dw, out.sum()])
    h1, f, dh1 = sg.tensor("h1", 4, 3), sg.tensor("f", 3, 3), sg.tensor("dh1", 3, 3)
    value, total = dense(h1, f, dh1)
    outline = sg.outline((dense(value, f, dh1)[0] ** 2).sum() * total, [h1, f, dh1])

    for module in outline.modules:
        names = [n for line in (*module.page.forward, *module.page.backward) for n in line.names]
        names = [n for n in names if n != "_"]
        assert len(names) == len(set(names))
        assert not {name for name, _ in module.page.inputs}.intersection(names)
    assert 2 == len(outline.modules)


def test_the_gradient_of_a_gradient_is_an_outline_too() -> None:
    x, W, b = LAYER.values()
    slope = sg.grad((ONE(x, W, b) ** 2).sum(), W)
    outline = sg.outline((slope**2).sum(), [W, b])

    assert {"", "layer", "dlayer"} == {m.page.name for m in outline.modules}
    assert "ddlayer(" in str(outline)


def test_loops_in_a_row_hand_their_gradients_on() -> None:
    p, xs = recurrent.parameters("RNN", 3, 3), sg.tensor("xs", "T", 2, 3)
    states = recurrent.hidden_states("RNN", xs, p)
    said = statements(sg.outline((recurrent.hidden_states("RNN", states, p) ** 2).sum(), p))

    assert {"dw_hh = dw_hh1 + dw_hh2", "dw_ih = dw_ih1 + dw_ih2"} <= said
    assert "RNN, t = 1..T, run twice: carries h (N, H)" in said


def test_an_unknown_module_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `layer`"):
        sg.outline((TWO(X, U, C) ** 2).sum(), open="layr")


# --- outlines carried out ---


def carried_out(f: Any, wrt: dict[str, Any], data: dict[Any, Any]) -> float:
    """Return how far the gradient that an outline says is from the compiled one."""
    outline = sg.outline(f, wrt)
    said = reading.gradient_of(outline, {str(s): a for s, a in data.items()})
    computed = sg.compile(f, list(data), wrt=wrt, returns="grad")(*data.values())
    return twins.farthest(said, computed)[0]


def test_alexnets_page_read_line_by_line_is_its_gradient(rng: np.random.Generator) -> None:
    shapes = alexnet.thinner(alexnet.sizes(), 67, by=16)
    net = alexnet.model(shapes, 67)
    arrays = [*alexnet.images(shapes, 67, 2, rng), *alexnet.drawn(shapes, rng).values()]

    assert carried_out(net.loss, net.parameters, dict(zip(net.args, arrays, strict=True))) < 1e-11


@pytest.mark.parametrize("lstm", [True, False], ids=["LSTM", "feed-forward"])
def test_the_turing_machines_page_read_line_by_line_is_its_gradient(
    lstm: bool, rng: np.random.Generator
) -> None:
    s = turing.Sizes(bits=2, places=4, width=3, hidden=3, lstm=lstm)
    p, data = turing.tensors(s), tensors(xs=(3, 2, 3), told=(1, 2, 2))
    f = turing.loss(turing.machine(s, data["xs"], p)[0], data["told"])
    weights = [rng.normal(size=shape) for shape in s.shapes.values()]
    arrays = [*turing.copy_task(rng, 1, 2, 2), *weights]

    assert carried_out(f, p, dict(zip([*data.values(), *p.values()], arrays, strict=True))) < 1e-10


def test_loops_inside_loops_read_line_by_line_are_their_gradient(rng: np.random.Generator) -> None:
    h, x, w = sg.tensor("h", "N", "H"), sg.tensor("x", "N", "H"), sg.tensor("w", "H", "H")
    inner = sg.block("inner", [h, w], sg.map("tanh", h @ w))
    middle = sg.block("middle", [h, w], sg.scan(inner, [h], [w], length=3) + h)
    outer = sg.block("outer", [h, x, w], [middle(h, w) @ w + x, sg.map("tanh", h) * x])
    W, start, xs = sg.tensor("W", 3, 3), sg.tensor("start", 2, 3), sg.tensor("xs", "T", 2, 3)
    last, kept = sg.scan(outer, [start], [W], xs=[xs])
    again = sg.scan(middle, [last], [W], length=2)
    data = {s: rng.normal(size=n) / 2 for s, n in ((W, (3, 3)), (start, (2, 3)), (xs, (4, 2, 3)))}
    wrt = {str(s): s for s in data}

    assert carried_out((again**2).sum() + (kept**2).sum() + (W**2).sum(), wrt, data) < 1e-11


def test_blocks_of_several_outputs_read_line_by_line_are_their_gradient(
    rng: np.random.Generator,
) -> None:
    x, W, V = (sg.tensor(n, "N", "N") for n in ("x", "W", "V"))
    two = sg.block("two", [x, W, V], [sg.map("tanh", x @ W) @ V, sg.map("sin", x) * W, x.sum()])
    A, B, C = (sg.tensor(n, 3, 3) for n in "ABC")
    first, second, total = two(A, B, C)
    third = two(first + second, C, B)[1]
    data = {s: rng.normal(size=(3, 3)) for s in (A, B, C)}

    assert carried_out((third**2).sum() * total, {str(s): s for s in data}, data) < 1e-12
