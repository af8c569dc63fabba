"""Who takes the steps of `nets`: symgrad on its backends, and the libraries by themselves."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.nets import Call, Net

RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of what `ru_maxrss` counts


def peak() -> int:
    """Return the most memory that the process had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT


def compiled(net: Net, backend: str) -> Any:
    """Return symgrad's function of parameters and data."""
    import symgrad as sg

    parameters = {name: sg.tensor(name, *size) for name, size in net.sizes.items()}
    data = {name: sg.tensor(name, *size) for name, size in net.data.items()}
    loss = net.models["symgrad"](sg, parameters, data)
    args, wrt = [*parameters.values(), *data.values()], list(parameters.values())
    return sg.compile(loss, args, wrt=wrt, backend=backend, dtype=net.dtype)


def symgrad_on_numpy(net: Net, device: str) -> Call:
    parameters, data = net.drawn()
    fn, given = compiled(net, "auto"), [*parameters.values(), *data.values()]
    return lambda: fn(*given)


def numpy_by_hand(net: Net, device: str) -> Call:
    parameters, data = net.drawn()
    by_hand = net.by_hand
    assert by_hand is not None
    return lambda: by_hand(parameters, data)


def on_jax(net: Net, device: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return JAX, and the arrays on a device."""
    import jax

    jax.config.update("jax_enable_x64", net.dtype == "float64")
    place = jax.devices(device)[0]
    found = ({k: jax.device_put(v, place) for k, v in part.items()} for part in net.drawn())
    return jax, *found  # type: ignore[return-value]


def symgrad_on_jax(net: Net, device: str) -> Call:
    jax, parameters, data = on_jax(net, device)
    fn, given = compiled(net, "jax"), [*parameters.values(), *data.values()]
    return lambda: jax.block_until_ready(fn(*given))


def jax_alone(net: Net, device: str) -> Call:
    jax, parameters, data = on_jax(net, device)
    step = jax.jit(jax.value_and_grad(lambda p, d: net.models["jax"](jax, p, d)))

    def call() -> Any:
        value, slopes = jax.block_until_ready(step(parameters, data))
        return value, [slopes[name] for name in parameters]

    return call


def on_torch(net: Net, device: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return torch, and the tensors on a device."""
    import torch

    place = torch.device("cuda" if device == "gpu" else device)
    found = ({k: torch.tensor(v, device=place) for k, v in part.items()} for part in net.drawn())
    return torch, *found  # type: ignore[return-value]


def waiting(torch: Any, device: str, call: Call) -> Call:
    """Return a call that ends when the device is done."""
    if device == "cpu":
        return call

    def waited() -> Any:
        found = call()
        torch.cuda.synchronize()
        return found

    return waited


def symgrad_on_torch(net: Net, device: str) -> Call:
    torch, parameters, data = on_torch(net, device)
    fn, given = compiled(net, "torch"), [*parameters.values(), *data.values()]

    def call() -> Any:
        with torch.no_grad():
            return fn(*given)

    return waiting(torch, device, call)


def torch_alone(net: Net, device: str) -> Call:
    torch, parameters, data = on_torch(net, device)
    for one in parameters.values():
        one.requires_grad_()

    def call() -> Any:
        loss = net.models["torch"](torch, parameters, data)
        return loss.detach(), torch.autograd.grad(loss, list(parameters.values()))

    return waiting(torch, device, call)


@dataclass(frozen=True, slots=True)
class Stepper:
    """A contender: its package, how it is made, and for which nets and devices."""

    package: str
    make: Callable[[Net, str], Call]
    devices: frozenset[str] = frozenset(["cpu", "gpu"])

    def takes(self, net: Net, device: str) -> bool:
        return device in self.devices and (
            self.make is not numpy_by_hand or net.by_hand is not None
        )


CPU = frozenset(["cpu"])
STEPPERS: dict[str, Stepper] = {
    "symgrad, NumPy": Stepper("numpy", symgrad_on_numpy, CPU),
    "NumPy, by hand": Stepper("numpy", numpy_by_hand, CPU),
    "symgrad, JAX": Stepper("jax", symgrad_on_jax),
    "JAX, value_and_grad": Stepper("jax", jax_alone),
    "symgrad, torch": Stepper("torch", symgrad_on_torch),
    "torch, autograd": Stepper("torch", torch_alone),
}


def present(package: str, device: str) -> bool:
    """Return whether a package finds a device."""
    if device == "cpu":
        return True
    if package == "torch":
        import torch

        return bool(torch.cuda.is_available())
    import jax

    return any(d.platform == "gpu" for d in jax.devices())


def answer_of(found: Any) -> float:
    """Return a number that tells whether contenders agree."""
    value, slopes = found
    arrays = [s.detach().cpu().numpy() if hasattr(s, "detach") else np.asarray(s) for s in slopes]
    sizes = [float(np.sum(np.abs(a), dtype=np.float64)) for a in arrays]
    return float(value) + sum(sizes)
