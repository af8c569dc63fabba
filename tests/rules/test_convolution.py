"""Convolution and pooling: values and derivatives beside torch, beside loops, and as adjoints."""

from __future__ import annotations

import itertools
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import sympy

import symgrad as sg
from symgrad.errors import ShapeError
from symgrad.numeric import (
    kernels_convolution,
    kernels_convolution_jax,
    kernels_convolution_torch,
)

walks: Any = SimpleNamespace(
    **runpy.run_path(str(Path(__file__).parents[1] / "dag" / "test_tensor_build.py"))
)
STEP = 1e-6


class Setting(NamedTuple):
    """A convolution: spatial sizes, window, channels in and out, and how the window moves."""

    spatial: tuple[int, ...]
    window: tuple[int, ...]
    channels: tuple[int, int] = (2, 3)
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    @property
    def options(self) -> dict[str, Any]:
        names = ("stride", "padding", "dilation", "groups")
        return {name: getattr(self, name) for name in names}

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        inside, outside = self.channels
        return (2, inside, *self.spatial), (outside, inside // self.groups, *self.window)


SETTINGS = [
    Setting((7,), (3,)),
    Setting((8,), (3,), stride=2, padding=1, dilation=2),
    Setting((6, 5), (3, 2)),
    Setting((7, 8), (3, 3), stride=(2, 3), padding=(1, 2)),
    Setting((9, 7), (2, 3), (4, 6), stride=(1, 2), padding=1, dilation=(3, 1), groups=2),
    Setting((5, 5), (1, 1), (3, 3), groups=3),
    Setting((6, 6), (3, 3), stride=2),  # the last row and column are in no window
    Setting((4, 5), (4, 5)),  # one position
    Setting((4, 5, 4), (2, 3, 2), stride=(1, 2, 1), padding=(0, 1, 1)),
    Setting((5, 4, 3), (2, 2, 2), (2, 4), dilation=(2, 1, 1), groups=2),
]
every_setting = pytest.mark.parametrize("setting", SETTINGS, ids=str)


class Pooling(NamedTuple):
    """A pooling of images of some spatial sizes."""

    spatial: tuple[int, ...]
    window: Any
    stride: Any = None
    padding: Any = 0


POOLINGS = [
    Pooling((8,), 2),
    Pooling((9,), 3, 2, 1),
    Pooling((6, 6), 2),
    Pooling((7, 8), 3, 2),  # windows overlap
    Pooling((7, 8), (3, 2), (2, 3), (1, 0)),
    Pooling((4, 6, 5), (2, 3, 2), (1, 2, 2), 1),
]
every_pooling = pytest.mark.parametrize("pooling", POOLINGS, ids=str)


def symbols(setting: Setting) -> tuple[Any, Any]:
    x, w = setting.shapes
    return sg.tensor("x0", "N", *x[1:]), sg.tensor("x1", *w)


def draw(rng: np.random.Generator, *shapes: Any) -> list[Any]:
    return [rng.normal(size=shape) for shape in shapes]


def torch_convolution(torch: Any, x: Any, w: Any, setting: Setting) -> Any:
    name = f"conv{len(setting.spatial)}d"
    return getattr(torch.nn.functional, name)(x, w, **setting.options)


def loops(x: Any, w: Any, setting: Setting) -> Any:
    """Return the convolution by its definition, one product after the other."""
    count = len(setting.spatial)
    stride, padding, dilation = (
        (v,) * count if isinstance(v, int) else v
        for v in (setting.stride, setting.padding, setting.dilation)
    )
    wide = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, setting.window, strict=True)]
    sizes = [(n - r) // s + 1 for n, r, s in zip(wide.shape[2:], reach, stride, strict=True)]
    found = np.zeros((len(x), len(w), *sizes))
    inside, outside = w.shape[1], len(w) // setting.groups
    for image, out, channel in itertools.product(*map(range, (len(x), len(w), inside))):
        for place in itertools.product(*map(range, sizes)):
            for offset in itertools.product(*map(range, setting.window)):
                at = tuple(
                    p * s + o * d
                    for p, s, o, d in zip(place, stride, offset, dilation, strict=True)
                )
                source = wide[(image, out // outside * inside + channel, *at)]
                found[(image, out, *place)] += source * w[(out, channel, *offset)]
    return found


@every_setting
def test_a_convolution_is_its_definition(setting: Setting, rng: np.random.Generator) -> None:
    x, w = draw(rng, *setting.shapes)
    f = sg.conv(*symbols(setting), **setting.options)
    expected = loops(x, w, setting)
    actual = sg.evaluate(f, {"x0": x, "x1": w})

    assert expected.shape[1:] == f.shape[1:]
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


@every_setting
def test_gradients_of_convolutions_are_those_of_torch(
    setting: Setting, rng: np.random.Generator
) -> None:
    torch = pytest.importorskip("torch")
    given = draw(rng, *setting.shapes)
    leaves = [torch.tensor(a, requires_grad=True) for a in given]
    y = torch_convolution(torch, *leaves, setting)
    (y.sin() * y).sum().backward()
    x, w = symbols(setting)
    ours = sg.conv(x, w, **setting.options)
    f = sg.sum(sg.map(sympy.sin, ours) * ours)
    _, actual = sg.compile(f, args=[x, w], wrt=[x, w])(*given)

    for expected, found in zip(leaves, actual, strict=True):
        np.testing.assert_allclose(found, expected.grad.numpy(), rtol=1e-10, atol=1e-10)


@every_setting
def test_the_three_gates_are_each_others_transposes(
    setting: Setting, rng: np.random.Generator
) -> None:
    f = sg.conv(*symbols(setting), **setting.options)
    x, w, *ways = draw(rng, *setting.shapes, *setting.shapes)
    y = rng.normal(size=(2, *f.shape[1:]))
    named = {"x0": x, "x1": w, "v_x0": ways[0], "v_x1": ways[1], "w": y}
    pushed, pulled = walks.at(walks.products(sg.graph(f)), named)

    assert abs(pushed) > 1e-3
    assert abs(pushed - pulled) <= 1e-12 * max(abs(pushed), 1)


@every_setting
def test_second_derivatives_of_convolutions_are_the_slopes_of_first_ones(
    setting: Setting, rng: np.random.Generator
) -> None:
    x, w = symbols(setting)
    ours = sg.conv(x, w, **setting.options)
    f = sg.sum(sg.map(lambda t: t**3 / 3 + sympy.sin(t), ours))
    first = sg.grad(f, [x, w], form="graph")
    given, ways = draw(rng, *setting.shapes), draw(rng, *setting.shapes)
    weights = draw(rng, *setting.shapes)
    slopes = sg.compile(first, args=[x, w], returns="value")
    ahead, behind = (
        slopes(*[a + sign * STEP * v for a, v in zip(given, ways, strict=True)]) for sign in (1, -1)
    )
    expected = sum(
        np.sum(u * (a - b)) / (2 * STEP) for u, a, b in zip(weights, ahead, behind, strict=True)
    )
    named = {"x0": given[0], "x1": given[1], "v_x0": ways[0], "v_x1": ways[1]}
    actual = 0.0
    for output, u in zip(first.outputs, weights, strict=True):
        one = sg.Graph(first.nodes, [output])
        pushed, pulled = walks.at(walks.products(one), named | {"w": u})
        assert abs(pushed - pulled) <= 1e-11 * max(abs(pushed), 1)
        actual += pushed

    assert abs(actual - expected) <= 1e-6 * max(abs(expected), 1)


@every_pooling
def test_poolings_are_those_of_torch(pooling: Pooling, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    count = len(pooling.spatial)
    (given,) = draw(rng, (2, 3, *pooling.spatial))
    leaf = torch.tensor(given, requires_grad=True)
    functions = torch.nn.functional
    settings = (pooling.window, pooling.stride, pooling.padding)
    most = getattr(functions, f"max_pool{count}d")(leaf, *settings)
    mean = getattr(functions, f"avg_pool{count}d")(leaf, *settings)
    value = (most**2).sum() + (mean**3).sum()
    value.backward()
    x = sg.tensor("x", "N", 3, *pooling.spatial)
    options = {"stride": pooling.stride, "padding": pooling.padding}
    ours = sg.max_pool(x, pooling.window, **options), sg.avg_pool(x, pooling.window, **options)
    f = sg.sum(ours[0] ** 2) + sg.sum(ours[1] ** 3)
    actual, (slope,) = sg.compile(f, args=[x], wrt=[x])(given)

    assert most.shape[1:] == ours[0].shape[1:] == ours[1].shape[1:]
    np.testing.assert_allclose(actual, value.item(), rtol=1e-12)
    np.testing.assert_allclose(slope, leaf.grad.numpy(), rtol=1e-11, atol=1e-12)


@every_pooling
def test_mean_pooling_can_be_differentiated_twice(
    pooling: Pooling, rng: np.random.Generator
) -> None:
    x = sg.tensor("x0", 2, 3, *pooling.spatial)
    means = sg.avg_pool(x, pooling.window, stride=pooling.stride, padding=pooling.padding)
    first = sg.grad(sg.sum(means**3), [x], form="graph")
    given, v, w = draw(rng, x.shape, x.shape, x.shape)
    pushed, pulled = walks.at(walks.products(first), {"x0": given, "v_x0": v, "w": w})

    slopes = sg.compile(first, args=[x], returns="value")
    ahead, behind = slopes(given + STEP * v), slopes(given - STEP * v)
    expected = np.sum(w * (ahead - behind)) / (2 * STEP)
    assert abs(pushed - pulled) <= 1e-12 * max(abs(pushed), 1)
    assert abs(pushed - expected) <= 1e-7 * max(abs(expected), 1)


def test_entries_of_a_window_that_tie_share_its_gradient() -> None:
    x = sg.tensor("x", 1, 1, 4)
    f = sg.sum(sg.max_pool(x, 2) * np.array([3.0, 5.0]))
    _, (slope,) = sg.compile(f, args=[x], wrt=[x])(np.array([[[1.0, 1.0, 2.0, 0.0]]]))

    assert [1.5, 1.5, 5.0, 0.0] == slope.ravel().tolist()


def test_padding_is_never_the_largest_entry_and_gets_no_gradient() -> None:
    x = sg.tensor("x", 1, 1, 3)
    f = sg.sum(sg.max_pool(x, 3, stride=1, padding=1))
    value, (slope,) = sg.compile(f, args=[x], wrt=[x])(np.array([[[-3.0, -2.0, -1.0]]]))

    assert -4.0 == value
    assert [0.0, 1.0, 2.0] == slope.ravel().tolist()


@pytest.mark.parametrize(
    ("n", "k", "stride", "dilation"),
    list(itertools.product((5, 6, 7), (1, 2, 3), (1, 2, 3), (1, 2))),
)
def test_same_padding_gives_one_position_a_stride(
    n: int, k: int, stride: int, dilation: int
) -> None:
    x, w = sg.tensor("x", "N", 1, n), sg.tensor("w", 1, 1, k)

    made = sg.conv(x, w, padding="same", stride=stride, dilation=dilation)

    assert -(-n // stride) == made.shape[-1]


def test_symbolic_sizes_follow_the_formula_of_numbers() -> None:
    H = sympy.Symbol("H", integer=True, positive=True)
    for n, k, stride, pad, dilation in itertools.product(
        (7, 8, 11), (2, 3), (1, 2, 3), (0, 1), (1, 2)
    ):
        options: dict[str, Any] = {"stride": stride, "padding": pad, "dilation": dilation}
        w = sg.tensor("w", 4, 3, k)
        symbolic = sg.conv(sg.tensor("x", "N", 3, "H"), w, **options).shape[-1]
        assert sg.conv(sg.tensor("x", "N", 3, n), w, **options).shape[-1] == symbolic.subs(H, n)


def test_a_graph_of_symbolic_sizes_runs_at_any_size(rng: np.random.Generator) -> None:
    x, w = sg.tensor("x", "N", "C", "H", "W"), sg.tensor("w", "O", "C", 3, 3)
    y = sg.max_pool(sg.map("relu", sg.conv(x, w, padding=1)), 2)
    f = sg.sum(y**2)
    fn = sg.compile(f, args=[x, w], wrt=[w])
    for sizes in ((2, 3, 8, 6), (1, 2, 5, 7)):
        given = draw(rng, sizes, (4, sizes[1], 3, 3))
        value, (slope,) = fn(*given)
        (v,) = draw(rng, given[1].shape)
        ahead, behind = (fn(given[0], given[1] + s * STEP * v)[0] for s in (1, -1))
        assert abs(np.sum(slope * v) - (ahead - behind) / (2 * STEP)) <= 1e-6 * abs(value)


def test_copied_windows_take_few_bytes_at_a_time(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    setting = SETTINGS[4]
    x, w = draw(rng, (5, *setting.shapes[0][1:]), setting.shapes[1])
    f = sg.sum(sg.conv(*symbols(setting), **setting.options) ** 2)
    whole = sg.compile(f, args=["x0", "x1"], wrt=["x0", "x1"])(x, w)
    monkeypatch.setattr(kernels_convolution, "COLUMNS", 1)
    single = sg.compile(f, args=["x0", "x1"], wrt=["x0", "x1"])(x, w)

    np.testing.assert_allclose(single[0], whole[0], rtol=1e-13)
    for expected, actual in zip(whole[1], single[1], strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)


X, W = sg.tensor("x", "N", 4, 8, 8), sg.tensor("w", 6, 2, 3, 3)
REFUSED = [
    (lambda: sg.conv(X, W), "4 channels in 1 group.s. meet 2 a group"),
    (lambda: sg.conv(X, sg.tensor("w", 5, 2, 3, 3), groups=2), "divides 5 output channels"),
    (lambda: sg.conv(X, sg.tensor("w", 6, 4, 3)), r"\(N, 4, 8, 8\).*\(6, 4, 3\)"),
    (lambda: sg.conv(X, sg.tensor("w", 6, 4, 9, 3)), "a window of 9 entries"),
    (lambda: sg.conv(X, W, groups=2, stride=0), "positive whole number"),
    (lambda: sg.conv(X, W, groups=2, padding="big"), "'same' or 'valid'"),
    (lambda: sg.conv(X, W, groups=2, padding=(1, 2, 3)), "2 pairs"),
    (
        lambda: sg.conv(
            sg.tensor("x", "N", 2, "H"), sg.tensor("w", 1, 2, 3), padding="same", stride=2
        ),
        "needs numbers for sizes",
    ),
    (lambda: sg.max_pool(X, 9), "a window of 9 entries"),
    (lambda: sg.max_pool(sg.tensor("x", 3), (2, 2)), "a window of 2 axes"),
    (lambda: sg.avg_pool(X, 2, stride=(1, 2, 3)), "or 2 of them"),
]


@pytest.mark.parametrize(
    ("ask", "message"), REFUSED, ids=lambda part: "" if callable(part) else part[:30]
)
def test_what_does_not_fit_is_named(ask: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        ask()


# --- other libraries: each kernel beside NumPy's ---


def payloads(setting: Setting) -> dict[str, tuple[Any, list[tuple[int, ...]]]]:
    """Return what each gate carries for a setting, and the shapes of its operands."""
    x, w = symbols(setting)
    source = sg.graph(sg.conv(x, w, **setting.options))
    moves: Any = source.nodes.payloads[source.outputs[0]]
    image, weights = setting.shapes
    result = (image[0], *source.nodes.shapes[source.outputs[0]][1:])
    windows = (setting.window, *moves[:3])
    positions = (*image[:2], *result[2:], *setting.window)
    return {
        "conv": (moves, [image, weights]),
        "conv_input": ((moves, setting.spatial), [result, weights]),
        "conv_weight": ((moves, setting.window), [image, result]),
        "patches": ((*windows, "lowest"), [image]),
        "fold": ((windows, setting.spatial), [positions]),
    }


ELSEWHERE = [*(("torch", s) for s in SETTINGS), ("jax", SETTINGS[4]), ("jax", SETTINGS[8])]


@pytest.mark.parametrize(("library", "setting"), ELSEWHERE, ids=str)
@pytest.mark.parametrize("name", kernels_convolution.PLANNERS)
def test_other_libraries_have_the_same_kernels(
    library: str, name: str, setting: Setting, rng: np.random.Generator
) -> None:
    module = pytest.importorskip(library)
    payload, shapes = payloads(setting)[name]
    given = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    expected = kernels_convolution.PLANNERS[name](payload)(*given)
    tables = {"torch": kernels_convolution_torch, "jax": kernels_convolution_jax}
    convert = module.from_numpy if library == "torch" else module.numpy.asarray
    kernel: Any = tables[library].PLANNERS[name](payload)
    actual = (module.jit(kernel) if library == "jax" else kernel)(*map(convert, given))

    assert np.float32 == expected.dtype == np.asarray(actual).dtype
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-5, atol=2e-5)


# --- a network ---

SIZES = {  # of parameters: two groups, as in AlexNet
    "w1": (4, 3, 5, 5), "b1": (4,), "w2": (6, 2, 3, 3), "b2": (6,), "w3": (24, 5), "b3": (5,),
}  # fmt: skip


def normalised(x: Any) -> Any:
    """Return local response normalisation over 3 channels, as torch defines it."""
    n, c, h, w = x.shape
    squares = (x**2).reshape(n, 1, c, h * w)
    means = sg.avg_pool(squares, (3, 1), stride=1, padding=((1, 1), (0, 0)))
    return x / (2 + 0.5 * means.reshape(n, c, h, w)) ** 0.75


def network(x: Any, y: Any, p: dict[str, Any]) -> Any:
    """Return the loss of a small AlexNet."""
    h = sg.map("relu", sg.conv(x, p["w1"], stride=2) + p["b1"][:, None, None])
    h = normalised(sg.max_pool(h, 3, stride=2))
    h = sg.map("relu", sg.conv(h, p["w2"], padding=1, groups=2) + p["b2"][:, None, None])
    scores = sg.max_pool(h, 2, stride=2, padding=1).reshape("N", -1) @ p["w3"] + p["b3"]
    return sg.mean(sg.logsumexp(scores, axis=1) - (sg.one_hot(y, 5) * scores).sum(axis=1))


def torch_network(torch: Any, x: Any, y: Any, p: dict[str, Any]) -> Any:
    f = torch.nn.functional
    h = f.max_pool2d(f.relu(f.conv2d(x, p["w1"], p["b1"], stride=2)), 3, 2)
    h = f.local_response_norm(h, 3, alpha=0.5, beta=0.75, k=2.0)
    h = f.relu(f.conv2d(h, p["w2"], p["b2"], padding=1, groups=2))
    scores = f.max_pool2d(h, 2, 2, 1).reshape(len(x), -1) @ p["w3"] + p["b3"]
    return f.cross_entropy(scores, y)


def test_a_small_network_has_the_gradients_of_torch(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    x, y = sg.tensor("x", "N", 3, 15, 13), sg.tensor("y", "N")
    p = {name: sg.tensor(name, *shape) for name, shape in SIZES.items()}
    given = {name: rng.normal(size=shape) / 3 for name, shape in SIZES.items()}
    images, labels = rng.normal(size=(4, 3, 15, 13)), np.array([0, 3, 4, 1])
    leaves = {name: torch.tensor(a, requires_grad=True) for name, a in given.items()}
    loss = torch_network(torch, torch.tensor(images), torch.tensor(labels), leaves)
    loss.backward()
    fn = sg.compile(network(x, y, p), args=[x, y, *p.values()], wrt=p)
    value, slopes = fn(images, labels, *given.values())

    np.testing.assert_allclose(value, loss.item(), rtol=1e-13)
    for name, leaf in leaves.items():
        expected = leaf.grad.numpy()
        assert np.linalg.norm(slopes[name] - expected) <= 1e-12 * np.linalg.norm(expected)
