"""AlexNet as modules: each is derived once, and the chain rule joins them.

Run it for the outline of the gradient and one training step: `python docs/examples/alexnet.py`;
`--batch 2 --groups 1 --backend torch` change the step.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import nn

Module = Callable[..., Any]


# --- the modules, as plain formulas ---


def convolution(stride: int, padding: int, groups: int) -> Module:
    """Return a convolution with a bias for each channel, and a rectifier behind it."""
    return lambda x, w, b: nn.relu(nn.conv(x, w, b, stride=stride, padding=padding, groups=groups))


def pooling(x: Any) -> Any:
    """Return the largest of each 3 × 3 window, two steps apart."""
    return nn.max_pool(x, 3, stride=2)


def normalisation(x: Any) -> Any:
    """Return each entry divided by what 5 neighbouring channels hold at its place."""
    return nn.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)


def hidden(x: Any, w: Any, b: Any, mask: Any) -> Any:
    """Return an affine layer with a rectifier and a given dropout mask, scaled already."""
    return nn.relu(nn.linear(x, w, b)) * mask


# --- the network ---

SIZES = {  # of the weights: outputs, inputs (of one group), window; `g` groups
    "W1": lambda g: (96, 3, 11, 11),
    "W2": lambda g: (256, 96 // g, 5, 5),
    "W3": lambda g: (384, 256, 3, 3),
    "W4": lambda g: (384, 384 // g, 3, 3),
    "W5": lambda g: (256, 384 // g, 3, 3),
    "W6": lambda g: (4096, 256 * 6 * 6),
    "W7": lambda g: (4096, 4096),
    "W8": lambda g: (1000, 4096),
}


def sizes(groups: int = 2) -> dict[str, tuple[int, ...]]:
    """Return the shape of each of the 16 parameters."""
    found: dict[str, tuple[int, ...]] = {}
    for name, size in SIZES.items():
        found[name] = size(groups)
        found[name.replace("W", "b")] = size(groups)[:1]
    return found


def thinner(
    shapes: Mapping[str, tuple[int, ...]], pixels: int, by: int = 8
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a twin with fewer channels and units, for images of some pixels."""
    left = pixels
    for window, stride, low in ((11, 4, 0), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 2, 0)):
        left = (left + 2 * low - window) // stride + 1
    thin = {
        name: (size[0] // by, size[1] if name == "W1" else size[1] // by, *size[2:])
        if len(size) > 1
        else (size[0] // by,)
        for name, size in shapes.items()
    }
    return thin | {"W6": (thin["W6"][0], thin["W5"][0] * left * left)}


@cache
def modules(groups: int = 2, *, flat: bool = False) -> dict[str, Any]:
    """Return the blocks that the network is made of; sizes are letters. `flat` has functions."""
    made_of = (lambda name, shapes, formula: formula) if flat else block
    image, row = ("N", "C", "H", "W"), {"x": ("N", "D"), "w": ("O", "D"), "b": ("O",)}
    made = {
        "conv1": (grouped(1), convolution(4, 0, 1)),
        "conv2": (grouped(groups), convolution(1, 2, groups)),
        "conv3": (grouped(1), convolution(1, 1, 1)),
        "conv4": (grouped(groups), convolution(1, 1, groups)),
        "pool": ({"x": image}, pooling),
        "norm": ({"x": image}, normalisation),
        "flatten": ({"x": image}, nn.flatten),
        "fc": ({**row, "mask": ("N", "O")}, hidden),
        "scores": (row, nn.linear),
        "loss": ({"s": ("N", "K"), "y": ("N",)}, nn.cross_entropy),
    }
    return {name: made_of(name, shapes, formula) for name, (shapes, formula) in made.items()}


def grouped(groups: int) -> dict[str, tuple[Any, ...]]:
    """Return what a convolution is given: each group of filters sees its own C channels."""
    (channels,) = sg.tensor("_", "C").shape
    return {"x": ("N", groups * channels, "H", "W"), "w": ("O", "C", "K", "K"), "b": ("O",)}


def block(name: str, shapes: Mapping[str, tuple[Any, ...]], formula: Module) -> Any:
    """Return a formula of tensors as a block."""
    inputs = [sg.tensor(letter, *shape) for letter, shape in shapes.items()]
    return sg.block(name, inputs, formula(*inputs))


def network(x: Any, y: Any, p: Mapping[str, Any], masks: Any, m: Mapping[str, Module]) -> Any:
    """Return the loss of images `x` with labels `y`.

    Parameters
    ----------
    x : tensor, *shape (N, 3, pixels, pixels)*
    y : tensor of labels, *shape (N,)*
    p : dict of tensors
        The 16 parameters.
    masks : pair of tensors, *shape (N, 4096)*
        Dropout of the two hidden layers, scaled; ones where there is none.
    m : dict of blocks or functions
        `modules(groups)`.
    """
    h = m["conv1"](x, p["W1"], p["b1"])
    h = m["norm"](m["pool"](h))
    h = m["conv2"](h, p["W2"], p["b2"])
    h = m["norm"](m["pool"](h))
    h = m["conv3"](h, p["W3"], p["b3"])
    h = m["conv4"](h, p["W4"], p["b4"])
    h = m["conv4"](h, p["W5"], p["b5"])
    h = m["flatten"](m["pool"](h))
    h = m["fc"](h, p["W6"], p["b6"], masks[0])
    h = m["fc"](h, p["W7"], p["b7"], masks[1])
    return m["loss"](m["scores"](h, p["W8"], p["b8"]), y)


@dataclass(frozen=True)
class Model:
    """AlexNet's loss as a formula, and what it is a formula of."""

    loss: Any
    images: Any
    labels: Any
    masks: tuple[Any, Any]
    parameters: dict[str, Any]

    @property
    def args(self) -> list[Any]:
        """Every input, in the order in which a compiled step takes them."""
        return [self.images, self.labels, *self.masks, *self.parameters.values()]


def model(
    shapes: Mapping[str, tuple[int, ...]], pixels: int = 227, groups: int = 2, flat: bool = False
) -> Model:
    """Return the network for parameters of some shapes; N images at a time."""
    x, y = sg.tensor("x", "N", 3, pixels, pixels), sg.tensor("y", "N")
    masks = sg.tensor("mask6", "N", shapes["W6"][0]), sg.tensor("mask7", "N", shapes["W7"][0])
    p = {name: sg.tensor(name, *shape) for name, shape in shapes.items()}
    return Model(network(x, y, p, masks, modules(groups, flat=flat)), x, y, masks, p)


# --- one step ---


def drawn(shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> dict[str, Any]:
    """Return parameters that keep the size of what passes through a rectified layer."""
    return {
        name: rng.standard_normal(shape) * np.sqrt(2 / prod(shape[1:]))
        if len(shape) > 1
        else np.full(shape, 0.1)
        for name, shape in shapes.items()
    }


def images(
    shapes: Mapping[str, tuple[int, ...]], pixels: int, batch: int, rng: np.random.Generator
) -> list[Any]:
    """Return images, labels and two dropout masks that keep half of the units."""
    masks = [rng.integers(0, 2, (batch, shapes[w][0])) * 2.0 for w in ("W6", "W7")]
    labels = rng.integers(0, shapes["W8"][0], batch)
    return [rng.standard_normal((batch, 3, pixels, pixels)), labels, *masks]


def step(batch: int = 2, groups: int = 2, backend: str = "numpy", seed: int = 0) -> dict[str, Any]:
    """Take the loss and every gradient once; return them, and what that cost."""
    begun = time.perf_counter()
    shapes = sizes(groups)
    net = model(shapes, groups=groups)
    fn = sg.compile(net.loss, net.args, wrt=net.parameters, backend=backend)
    derived = time.perf_counter() - begun
    rng = np.random.default_rng(seed)
    given = images(shapes, 227, batch, rng)
    given += drawn(shapes, rng).values()
    begun = time.perf_counter()
    loss, slopes = fn(*given)
    return {
        "loss": float(loss),
        "slopes": slopes,
        "derive_seconds": derived,
        "step_seconds": time.perf_counter() - begun,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    """Print the outline of the gradient, and take a step."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--groups", type=int, choices=(1, 2), default=2)
    parser.add_argument("--backend", choices=("numpy", "jax", "torch"), default="numpy")
    given = parser.parse_args()
    shapes = sizes(given.groups)
    net = model(shapes, groups=given.groups)
    print(sg.outline(net.loss, net.parameters))
    found = step(given.batch, given.groups, given.backend)
    print(f"\n{sum(map(prod, shapes.values())):,} parameters")
    print(f"loss {found['loss']:.6f}, every gradient in {found['step_seconds']:.1f} s")
    print(f"peak memory {found['peak_bytes'] / 1e9:.2f} GB, derived in "
          f"{found['derive_seconds']:.2f} s")  # fmt: skip


if __name__ == "__main__":
    main()
