"""One gradient on many devices: each has a part of the batch, all have the parameters.

All devices of this machine: `python docs/examples/distributed.py`
Two processes, each with its own: add `--coordinator localhost:12355 --processes 2 --process 0`,
and the same with `--process 1` in another terminal.
On a cluster whose scheduler JAX knows: `srun python docs/examples/distributed.py --cluster`
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import symgrad as sg
from symgrad import nn

FEATURES, HIDDEN, CLASSES = 12, 32, 5
SIZES = {"W1": (HIDDEN, FEATURES), "b1": (HIDDEN,), "W2": (CLASSES, HIDDEN), "b2": (CLASSES,)}
STEPS, RATE = 20, 0.5


def network() -> tuple[Any, list[Any], list[Any]]:
    """Return the loss of a two-layer classifier, its parameters and its data."""
    x, y = sg.tensor("x", "N", FEATURES), sg.tensor("y", "N")
    parameters = [sg.tensor(name, *size) for name, size in SIZES.items()]
    hidden = nn.relu(nn.linear(x, *parameters[:2]))
    return nn.cross_entropy(nn.linear(hidden, *parameters[2:]), y), parameters, [x, y]


def drawn(rows: int) -> tuple[list[Any], Any, Any]:
    """Return parameters, points and labels; the same in every process."""
    rng = np.random.default_rng(0)
    parameters = [(rng.normal(size=size) * 0.3).astype("float32") for size in SIZES.values()]
    x = rng.normal(size=(rows, FEATURES)).astype("float32")
    return parameters, x, np.argmax(x[:, :CLASSES] + x[:, CLASSES : 2 * CLASSES], axis=1)


def own(rows: Any) -> Any:
    """Return the rows of a batch that this process reads; in earnest it reads no others."""
    return np.array_split(rows, jax.process_count())[jax.process_index()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Join the other processes, if there are any, and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=960, help="of the whole batch")
    parser.add_argument("--cluster", action="store_true", help="the scheduler says who takes part")
    parser.add_argument("--coordinator", help="host:port of the first of several processes")
    parser.add_argument("--processes", type=int, help="how many there are")
    parser.add_argument("--process", type=int, help="which one this is")
    options = parser.parse_args(arguments)
    if options.cluster:
        jax.distributed.initialize()
    elif options.coordinator:
        jax.distributed.initialize(options.coordinator, options.processes, options.process)
    train(options.rows)


def train(rows: int) -> None:
    """Train on all devices; the first gradient is compared with NumPy's of the whole batch."""
    loss, parameters, data = network()
    fn = sg.compile(loss, [*parameters, *data], wrt=parameters, backend="jax", dtype="float32")
    mesh = Mesh(np.array(jax.devices()), ("data",))
    cut = NamedSharding(mesh, PartitionSpec("data"))
    everywhere = NamedSharding(mesh, PartitionSpec())

    start, x, y = drawn(rows)
    held = [jax.device_put(p, everywhere) for p in start]
    batch = [jax.make_array_from_process_local_data(cut, own(part)) for part in (x, y)]
    gradient = jax.jit(fn, out_shardings=everywhere)

    @jax.jit
    def step(held: list[Any], batch: list[Any]) -> tuple[Any, list[Any]]:
        value, slopes = fn(*held, *batch)
        return value, [p - RATE * slope for p, slope in zip(held, slopes, strict=True)]

    _, slopes = gradient(*held, *batch)
    one = sg.compile(loss, [*parameters, *data], wrt=parameters)(*start, x, y)
    found = [np.asarray(slope.addressable_data(0)) for slope in slopes]
    gap = max(np.max(abs(a - b)) / np.max(abs(b)) for a, b in zip(found, one[1], strict=True))
    losses = []
    for _ in range(STEPS):
        value, held = step(held, batch)
        losses.append(float(value))
    if jax.process_index() == 0:
        rows_each = batch[0].addressable_shards[0].data.shape[0]
        print(
            f"{len(jax.devices())} devices, {jax.process_count()} processes, {rows_each} rows each"
        )
        print(f"largest difference from NumPy's gradient: {gap:.1e} of the largest entry")
        print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f} in {STEPS} steps")


if __name__ == "__main__":
    main()
