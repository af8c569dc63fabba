"""AlexNet from blocks: the gradient of each parameter is that of torch, thin and whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from math import prod
from typing import Any

import alexnet
import numpy as np
import pytest
import twins
from conftest import EXAMPLES

import symgrad as sg
from symgrad import nn

PIXELS = 67
GIGABYTE = 1e9


def small(groups: int, *, flat: bool = False) -> tuple[Any, dict[str, tuple[int, ...]]]:
    """Return a network with a 16th of the channels, and the shapes of its parameters."""
    shapes = alexnet.thinner(alexnet.sizes(groups), PIXELS, by=16)
    return alexnet.model(shapes, PIXELS, groups, flat=flat), shapes


def torch_step(torch: Any, given: list[Any], parameters: Any, groups: int) -> Any:
    """Return torch's loss and gradients, each array of its own memory."""
    x, y, *masks = (torch.tensor(a) for a in given)
    return twins.torch_slopes(
        torch, lambda p: twins.alexnet_loss(torch, p, x, y, groups, masks), parameters
    )


@pytest.mark.parametrize(("groups", "count"), [(2, 60_965_224), (1, 62_378_344)])
def test_it_has_the_parameters_of_the_paper(groups: int, count: int) -> None:
    assert count == sum(map(prod, alexnet.sizes(groups).values()))


def test_the_first_convolution_is_the_lectures() -> None:
    shapes = alexnet.sizes()
    image = sg.tensor("x", 1, 3, 227, 227)
    out = alexnet.modules()["conv1"](image, sg.tensor("W", *shapes["W1"]), sg.tensor("b", 96))

    assert (1, 96, 55, 55) == out.shape
    assert 34_848 + 96 == prod(shapes["W1"]) + prod(shapes["b1"])
    assert 105_705_600 == prod(out.shape) * (prod(shapes["W1"][1:]) + 1)  # were none shared


@pytest.mark.parametrize(
    ("groups", "backend"), [(1, "numpy"), (2, "numpy"), (2, "torch"), (2, "jax")]
)
def test_a_thin_network_has_the_gradients_of_torch(
    groups: int, backend: str, rng: np.random.Generator
) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip(backend)
    net, shapes = small(groups)
    parameters = alexnet.drawn(shapes, rng)
    given = alexnet.images(shapes, PIXELS, 2, rng)
    fn = sg.compile(net.loss, net.args, wrt=net.parameters, backend=backend)
    loss, slopes = fn(*given, *parameters.values())
    expected, theirs = torch_step(torch, given, parameters, groups)
    gap, worst = twins.farthest({k: np.asarray(v) for k, v in slopes.items()}, theirs)

    assert expected == pytest.approx(float(loss), rel=1e-12)
    assert gap <= 1e-12, worst


def test_blocks_and_one_flat_formula_have_the_same_gradient(rng: np.random.Generator) -> None:
    parameters = alexnet.drawn(small(2)[1], rng)
    given = alexnet.images(small(2)[1], PIXELS, 2, rng)
    found = []
    for flat in (False, True):
        net, _ = small(2, flat=flat)
        fn = sg.compile(net.loss, net.args, wrt=net.parameters)
        found.append(fn(*given, *parameters.values())[1])

    assert twins.farthest(found[0], found[1])[0] <= 1e-14


@pytest.mark.parametrize("part", ["data", "decay"])
def test_the_data_loss_and_the_penalty_pass_the_check_one_by_one(
    part: str, rng: np.random.Generator
) -> None:
    net, shapes = small(2)
    weights = [p for name, p in net.parameters.items() if name.startswith("W")]
    f = net.loss if part == "data" else nn.l2(*weights) * 5e-4
    sampled = [net.parameters[name] for name in ("W1", "b2", "W4", "b5", "W6", "b7", "W8")]
    wrt = sampled if part == "data" else weights
    arrays = [*alexnet.images(shapes, PIXELS, 2, rng), *alexnet.drawn(shapes, rng).values()]
    at = dict(zip(net.args, arrays, strict=True))
    held = {s: at[s] for s in net.args} if part == "data" else {w: at[w] for w in weights}
    report = sg.check_grad(f, held, wrt=wrt)

    assert report, report.table()
    assert len(wrt) <= len(report.entries)


# --- at full size ---

WORKER = """
import json, sys
import numpy as np
import alexnet
found = alexnet.step(batch=2, groups=int(sys.argv[1]), backend=sys.argv[2])
for name, slope in found.pop("slopes").items():
    np.save(f"{sys.argv[3]}/{name}.npy", np.asarray(slope))
print(json.dumps(found))
"""


def full_step(groups: int, backend: str, folder: Any) -> dict[str, Any]:
    """Take a step in a process of its own, whose peak memory is its own too."""
    command = [sys.executable, "-c", WORKER, str(groups), backend, str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLES), *sys.path])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("groups", "backend"), [(2, "numpy"), (1, "numpy"), (2, "torch"), (2, "jax")]
)
def test_the_whole_network_has_the_gradients_of_torch_in_three_gigabytes(
    groups: int, backend: str, tmp_path: Any
) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip(backend)
    found = full_step(groups, backend, tmp_path)
    rng = np.random.default_rng(0)
    shapes = alexnet.sizes(groups)
    given = alexnet.images(shapes, 227, 2, rng)
    expected, theirs = torch_step(torch, given, alexnet.drawn(shapes, rng), groups)
    for name, slope in theirs.items():
        ours = np.load(tmp_path / f"{name}.npy")
        assert np.linalg.norm(ours - slope) <= 1e-9 * np.linalg.norm(slope), name

    assert expected == pytest.approx(found["loss"], rel=1e-12)
    if backend == "numpy":
        assert found["peak_bytes"] <= 3 * GIGABYTE
