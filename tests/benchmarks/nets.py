"""Training steps of networks: loss and gradient by all parameters, one batch a call.

Every contender returns a call without arguments that gives the loss and the gradients, which stand
in memory when it ends. The same models run on a GPU where JAX or torch has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tests.benchmarks.native_problems import SEED

Array = Any
Named = Mapping[str, Any]
Call = Callable[[], tuple[Any, Sequence[Any]]]
Sizes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Net:
    """A network and a batch.

    Parameters
    ----------
    title : str
        What the page calls it.
    sizes : dict
        The shape of each parameter.
    data : dict
        The shape of each array of the batch; labels have one axis and are drawn below `classes`.
    classes : int
        How many; 0 where there are no labels.
    models : dict
        The loss `model(xp, parameters, data)` in symgrad, JAX and torch.
    by_hand : callable, optional
        The loss and the gradients in NumPy.
    dtype : str
        In what.
    """

    title: str
    sizes: Sizes
    data: Sizes
    classes: int
    models: Named
    by_hand: Callable[[Named, Named], tuple[Any, list[Any]]] | None = None
    dtype: str = "float32"

    def drawn(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return parameters and a batch."""
        rng = np.random.default_rng(SEED)
        parameters = {
            name: (rng.normal(size=s) * (2 / prod(s[1:])) ** 0.5 * 0.5).astype(self.dtype)
            for name, s in self.sizes.items()
        }
        data: dict[str, Array] = {}
        for name, s in self.data.items():
            labels = self.classes and len(s) == 1
            data[name] = rng.integers(0, self.classes, s) if labels else self._numbers(rng, s)
        return parameters, data

    def _numbers(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        return rng.normal(size=size).astype(self.dtype)


# --- two layers: the lecture's slide, and a classifier ---


def slide_in_symgrad(sg: Any, p: Named, d: Named) -> Any:
    return sg.sum((sg.nn.sigmoid(d["x"] @ p["w1"]) @ p["w2"] - d["y"]) ** 2)


def slide_in_jax(jax: Any, p: Named, d: Named) -> Any:
    return ((jax.nn.sigmoid(d["x"] @ p["w1"]) @ p["w2"] - d["y"]) ** 2).sum()


def slide_in_torch(torch: Any, p: Named, d: Named) -> Any:
    return ((torch.sigmoid(d["x"] @ p["w1"]) @ p["w2"] - d["y"]) ** 2).sum()


def slide_by_hand(p: Named, d: Named) -> tuple[Any, list[Any]]:
    h = 1 / (1 + np.exp(-d["x"].dot(p["w1"])))
    gap = h.dot(p["w2"]) - d["y"]
    slope = 2.0 * gap
    hidden = slope.dot(p["w2"].T)
    return np.square(gap).sum(), [d["x"].T.dot(hidden * h * (1 - h)), h.T.dot(slope)]


def classifier_in_symgrad(sg: Any, p: Named, d: Named) -> Any:
    h = d["x"]
    for k in (1, 2):
        h = sg.nn.relu(sg.nn.linear(h, p[f"W{k}"], p[f"b{k}"]))
    return sg.nn.cross_entropy(sg.nn.linear(h, p["W3"], p["b3"]), d["y"])


def classifier_in_jax(jax: Any, p: Named, d: Named) -> Any:
    h = d["x"]
    for k in (1, 2):
        h = jax.nn.relu(h @ p[f"W{k}"].T + p[f"b{k}"])
    return entropy_in_jax(jax, h @ p["W3"].T + p["b3"], d["y"])


def classifier_in_torch(torch: Any, p: Named, d: Named) -> Any:
    functions, h = torch.nn.functional, d["x"]
    for k in (1, 2):
        h = torch.relu(functions.linear(h, p[f"W{k}"], p[f"b{k}"]))
    return functions.cross_entropy(functions.linear(h, p["W3"], p["b3"]), d["y"])


def entropy_in_jax(jax: Any, scores: Any, labels: Any) -> Any:
    chosen = jax.numpy.take_along_axis(scores, labels[:, None], 1)[:, 0]
    return jax.numpy.mean(jax.nn.logsumexp(scores, axis=1) - chosen)


# --- images: stride, padding, groups of each convolution; behind which a pooling stands ---


@dataclass(frozen=True, slots=True)
class Images:
    """A network of convolutions, poolings and affine layers, in three dialects."""

    convolutions: tuple[tuple[int, int, int], ...]
    pooled: frozenset[int]
    normalised: frozenset[int]
    affine: int

    def in_symgrad(self, sg: Any, p: Named, d: Named) -> Any:
        nn, h = sg.nn, d["x"]
        for k, (stride, padding, groups) in enumerate(self.convolutions, 1):
            moves = {"stride": stride, "padding": padding, "groups": groups}
            h = nn.relu(nn.conv(h, p[f"W{k}"], p[f"b{k}"], **moves))
            h = nn.max_pool(h, 3, stride=2) if k in self.pooled else h
            h = nn.local_response_norm(h, 5, alpha=5e-4, k=2.0) if k in self.normalised else h
        return self._affine(nn.flatten(h), p, d, nn.relu, nn.linear, nn.cross_entropy)

    def in_torch(self, torch: Any, p: Named, d: Named) -> Any:
        nn, h = torch.nn.functional, d["x"]
        for k, (stride, padding, groups) in enumerate(self.convolutions, 1):
            h = nn.relu(nn.conv2d(h, p[f"W{k}"], p[f"b{k}"], stride, padding, 1, groups))
            h = nn.max_pool2d(h, 3, 2) if k in self.pooled else h
            h = nn.local_response_norm(h, 5, 5e-4, k=2.0) if k in self.normalised else h
        return self._affine(h.flatten(1), p, d, nn.relu, nn.linear, nn.cross_entropy)

    def in_jax(self, jax: Any, p: Named, d: Named) -> Any:
        lax, h = jax.lax, d["x"]
        for k, (stride, padding, groups) in enumerate(self.convolutions, 1):
            moves = ((stride, stride), ((padding, padding),) * 2)
            h = lax.conv_general_dilated(h, p[f"W{k}"], *moves, feature_group_count=groups)
            h = jax.nn.relu(h + p[f"b{k}"][:, None, None])
            if k in self.pooled:
                window = ((1, 1, 3, 3), (1, 1, 2, 2), "VALID")
                h = lax.reduce_window(h, -np.inf, lax.max, *window)
            if k in self.normalised:
                channels = ((0, 0), (2, 2), (0, 0), (0, 0))
                near = lax.reduce_window(h * h, 0.0, lax.add, (1, 5, 1, 1), (1,) * 4, channels)
                h = h / (2.0 + 1e-4 * near) ** 0.75
        return self._affine(
            h.reshape(len(h), -1),
            p,
            d,
            jax.nn.relu,
            lambda h, w, b: h @ w.T + b,
            lambda scores, labels: entropy_in_jax(jax, scores, labels),
        )

    def _affine(
        self, h: Any, p: Named, d: Named, relu: Any, linear: Any, cross_entropy: Any
    ) -> Any:
        first = len(self.convolutions) + 1
        for k in range(first, first + self.affine):
            h = linear(h, p[f"W{k}"], p[f"b{k}"])
            h = relu(h) if k < first + self.affine - 1 else h
        return cross_entropy(h, d["y"])

    @property
    def models(self) -> Named:
        return {"symgrad": self.in_symgrad, "jax": self.in_jax, "torch": self.in_torch}


ALEXNET = Images(
    ((4, 0, 1), (1, 2, 2), (1, 1, 1), (1, 1, 2), (1, 1, 2)),
    frozenset([1, 2, 5]),
    frozenset([1, 2]),
    3,
)
SMALL = Images(((1, 1, 1), (1, 1, 1)), frozenset([1, 2]), frozenset(), 1)


def with_biases(**weights: tuple[int, ...]) -> Sizes:
    """Return shapes of weights, each followed by that of its bias."""
    found: Sizes = {}
    for name, size in weights.items():
        found |= {name: size, name.replace("W", "b"): size[:1]}
    return found


ALEXNET_SIZES = with_biases(
    W1=(96, 3, 11, 11),
    W2=(256, 48, 5, 5),
    W3=(384, 256, 3, 3),
    W4=(384, 192, 3, 3),
    W5=(256, 192, 3, 3),
    W6=(4096, 9216),
    W7=(4096, 4096),
    W8=(1000, 4096),
)


# --- a sequence ---

LSTM_SIZES = {"w_ih": (512, 64), "w_hh": (512, 128), "b_ih": (512,), "b_hh": (512,)}


def lstm_in_symgrad(sg: Any, p: Named, d: Named) -> Any:
    shown, _ = sg.nn.lstm(d["x"], d["h"], d["c"], *p.values())
    return sg.sum((shown - d["y"]) ** 2)


def lstm_step(split: Any, sigmoid: Any, tanh: Any, p: Named, h: Any, c: Any, x: Any) -> Any:
    gates = x @ p["w_ih"].T + p["b_ih"] + h @ p["w_hh"].T + p["b_hh"]
    i, f, g, o = split(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def lstm_in_jax(jax: Any, p: Named, d: Named) -> Any:
    def split(gates: Any, count: int) -> Any:
        return jax.numpy.split(gates, count, axis=-1)

    def step(state: Any, x: Any) -> Any:
        h, c = lstm_step(split, jax.nn.sigmoid, jax.numpy.tanh, p, *state, x)
        return (h, c), h

    _, shown = jax.lax.scan(step, (d["h"], d["c"]), d["x"])
    return ((shown - d["y"]) ** 2).sum()


def lstm_in_torch(torch: Any, p: Named, d: Named) -> Any:
    h, c, shown = d["h"], d["c"], []
    for x in d["x"]:
        h, c = lstm_step(
            lambda gates, count: gates.chunk(count, -1), torch.sigmoid, torch.tanh, p, h, c, x
        )
        shown.append(h)
    return ((torch.stack(shown) - d["y"]) ** 2).sum()


def alexnet(batch: int) -> Net:
    data = {"x": (batch, 3, 227, 227), "y": (batch,)}
    return Net(f"AlexNet, batch {batch}", ALEXNET_SIZES, data, 1000, ALEXNET.models)


def lstm(steps: int, batch: int) -> Net:
    data = {"x": (steps, batch, 64), "h": (batch, 128), "c": (batch, 128)}
    return Net(
        f"LSTM, {steps} steps of {batch} × 64, state 128",
        LSTM_SIZES,
        data | {"y": (steps, batch, 128)},
        0,
        {"symgrad": lstm_in_symgrad, "jax": lstm_in_jax, "torch": lstm_in_torch},
    )


NETS: dict[str, Net] = {
    "two layers": Net(
        "two layers, 64 × 1000 × 100 × 10",
        {"w1": (1000, 100), "w2": (100, 10)},
        {"x": (64, 1000), "y": (64, 10)},
        0,
        {"symgrad": slide_in_symgrad, "jax": slide_in_jax, "torch": slide_in_torch},
        slide_by_hand,
        "float64",
    ),
    "classifier": Net(
        "three layers, 256 × 784 × 512 × 256 × 10",
        with_biases(W1=(512, 784), W2=(256, 512), W3=(10, 256)),
        {"x": (256, 784), "y": (256,)},
        10,
        {
            "symgrad": classifier_in_symgrad,
            "jax": classifier_in_jax,
            "torch": classifier_in_torch,
        },
    ),
    "convolutions": Net(
        "two convolutions, 32 images of 3 × 32 × 32",
        with_biases(W1=(16, 3, 3, 3), W2=(32, 16, 3, 3), W3=(10, 32 * 7 * 7)),
        {"x": (32, 3, 32, 32), "y": (32,)},
        10,
        SMALL.models,
    ),
    "lstm": lstm(100, 32),
    "alexnet": alexnet(2),
}
SLOW_NETS = frozenset(["alexnet"])
GPU_NETS: dict[str, Net] = {"alexnet": alexnet(128), "lstm": lstm(500, 128)}
