"""Data-parallel gradients over a mesh of JAX's devices: the page's script, and other networks.

Devices are virtual ones of one processor; processes meet on the loopback interface.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "examples" / "distributed.py"
SECONDS = 240
NETWORKS = """
import jax, numpy as np, sympy
jax.config.update("jax_enable_x64", True)
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import symgrad as sg
from symgrad import nn

def images():
    x, y, k = sg.tensor("x", "N", 2, 8, 8), sg.tensor("y", "N"), sg.tensor("k", 3, 2, 3, 3)
    W = sg.tensor("W", 4, 27)
    h = nn.flatten(nn.max_pool(nn.relu(nn.conv(x, k)), 2, stride=2))
    return nn.cross_entropy(nn.linear(h, W), y), [k, W], [x, y], [(3, 2, 3, 3), (4, 27)]

def recurrent():
    xs, y = sg.tensor("xs", "T", "N", 3), sg.tensor("y", "N", 4)
    h, U, W = sg.tensor("h", "N", 4), sg.tensor("U", 4, 3), sg.tensor("W", 4, 4)
    ys, last = nn.rnn(xs, h, U, W)
    return sg.sum((last - y) ** 2), [U, W], [xs, h, y], [(4, 3), (4, 4)]

rng = np.random.default_rng(0)
mesh = Mesh(np.array(jax.devices()), ("data",))
batches = {
    "images": [rng.normal(size=(16, 2, 8, 8)), rng.integers(0, 4, 16)],
    "recurrent": [rng.normal(size=(5, 16, 3)), np.zeros((16, 4)), rng.normal(size=(16, 4))],
}
for make in (images, recurrent):
    f, parameters, data, shapes = make()
    held, batch = [rng.normal(size=s) for s in shapes], batches[make.__name__]
    fn = sg.compile(f, [*parameters, *data], wrt=parameters, backend="jax")
    one = fn(*held, *batch)
    cut = [PartitionSpec(None, "data") if b.shape[0] == 5 else PartitionSpec("data") for b in batch]
    placed = [jax.device_put(b, NamedSharding(mesh, s)) for b, s in zip(batch, cut)]
    alike = [jax.device_put(p, NamedSharding(mesh, PartitionSpec())) for p in held]
    for call in (fn, jax.jit(fn)):
        value, slopes = call(*alike, *placed)
        np.testing.assert_allclose(value, one[0], rtol=1e-12)
        for a, b in zip(slopes, one[1]):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    text = jax.jit(fn).lower(*alike, *placed).compile().as_text()
    assert "all-reduce" in text, "the gradients are not added up over the devices"
    assert "all-gather" not in text, "some device sees the whole batch"
    print(make.__name__, len(jax.devices()))
"""


def started(arguments: list[str], devices: int) -> subprocess.Popen[str]:
    pytest.importorskip("jax")
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: Any) -> str:
    out, errors = process.communicate(timeout=SECONDS)
    assert 0 == process.returncode, errors
    return str(out)


def difference(said: str) -> float:
    return float(re.search(r"gradient: (\S+) of", said)[1])  # type: ignore[index]


def test_gradients_over_eight_devices_are_those_of_one() -> None:
    said = ended(started([str(SCRIPT)], 8))

    assert "8 devices, 1 processes, 120 rows each" in said
    assert 0 < difference(said) < 1e-5


def test_gradients_over_two_processes_are_those_of_one() -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    common = [str(SCRIPT), "--coordinator", address, "--processes", "2", "--process"]
    both = [started([*common, str(k)], 2) for k in (0, 1)]
    try:
        said, silent = map(ended, both)
    finally:
        for process in both:
            process.kill()

    assert "4 devices, 2 processes, 240 rows each" in said
    assert 0 < difference(said) < 1e-5
    assert "devices" not in silent


def test_networks_with_windows_and_loops_are_cut_along_the_batch() -> None:
    assert "images 8\nrecurrent 8\n" == ended(started(["-c", NETWORKS], 8))
