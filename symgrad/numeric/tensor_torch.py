"""Programs of tensors in torch: the same operations on whatever device the tensors are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import BackendError
from symgrad.numeric.arithmetic import float_of
from symgrad.numeric.arrays import EXACT
from symgrad.numeric.backend_torch import LIBRARY
from symgrad.numeric.kernels_tensor_torch import overwriting, table
from symgrad.numeric.program import Program, TensorLoop
from symgrad.numeric.tensor_library import ArrayMachine, TensorLibrary
from symgrad.rules.tensor_site import Shape

Array = Any


def _module() -> Any:
    import torch

    return torch


def repeated(body: Any, loop: TensorLoop, operands: Sequence[Array]) -> Any:
    """Return the outputs of a loop and its probes."""
    form = loop.form
    first, last = form.carries, form.carries + form.streams
    state, params = list(operands[:first]), operands[last:]
    if not form.length:
        like = [v.expand(s) for v, s in zip(state, loop.shapes, strict=False)]
        return [*like, *(operands[0].new_zeros(s) for s in loop.shapes[first:])], []
    cut = list(zip(*(x.unbind(0) for x in operands[first:last]), strict=True))
    watched = _module().is_grad_enabled() or transformed(operands)
    stacks = Stacks(form.length, watched)
    probes: list[Any] = []
    times = range(form.length - 1, -1, -1) if form.backward else range(form.length)
    for time in times:
        found, more = body([*state, *(cut[time] if cut else ()), *params], thrifty=not watched)
        state = found[:first]
        probes = more if not probes else list(map(_earlier, probes, more))
        stacks.keep(time, found[first:])
    return [*state, *stacks.made()], probes


class Stacks:
    """What is kept of each step: written to where it stays, or joined where torch looks on.

    Parameters
    ----------
    length : int
        Steps.
    joined : bool
        Whether autograd or a transform follows the tensors, which may not be written to then.
    """

    def __init__(self, length: int, joined: bool) -> None:
        self._length, self._joined = length, joined
        self._stacks: list[Any] = []

    def keep(self, time: int, values: Sequence[Array]) -> None:
        """Keep what a step gave."""
        if not self._stacks:
            self._stacks = [self._place(v) for v in values]
        for stack, value in zip(self._stacks, values, strict=True):
            stack[time] = value

    def _place(self, value: Array) -> Any:
        if self._joined:
            return [value] * self._length
        return value.new_empty((self._length, *value.shape))

    def made(self) -> list[Array]:
        """Return the stacks."""
        stack = _module().stack
        return [stack(s) if self._joined else s for s in self._stacks]


def _earlier(one: Any, other: Any) -> Any:
    """Return the first of two probes that is wrong."""
    where = _module().where
    return one[0] | other[0], where(one[0], one[1], other[1])


TORCH_TENSORS = TensorLibrary(LIBRARY, table, _module, repeated, overwriting)


class TorchTensors:
    """A program of tensors as a function of torch's.

    Parameters
    ----------
    program : Program
        What is run; sizes bound.
    shapes : sequence of tuple of int
        The shape of each input.
    dtype : {"float64", "float32"}
        In what.
    wide : bool
        Whether an input is complex.

    Notes
    -----
    A program is bound once a device: its constants live there.
    """

    def __init__(self, program: Program, shapes: Sequence[Shape], dtype: str, wide: bool) -> None:
        import torch

        if wide:
            raise BackendError(
                "the backend `torch` computes real numbers, but an argument is complex; use "
                "backend='numpy'"
            )
        self.program, self.dtype = program, dtype
        self._shapes, self._dtype = list(shapes), getattr(torch, dtype)
        self._machines: dict[Any, ArrayMachine] = {}
        self.lean = self._machine(torch.device("cpu")).lean

    def _machine(self, device: Any) -> ArrayMachine:
        import torch

        found = self._machines.get(device)
        if found is not None:
            return found

        def number(value: Any) -> Any:
            n = float_of(value)
            kind = torch.bool if isinstance(n, bool) else self._dtype
            return torch.tensor(n, dtype=kind, device=device)

        made = ArrayMachine(self.program, self._shapes, TORCH_TENSORS, number)
        return self._machines.setdefault(device, made)

    def __call__(self, values: Sequence[Array]) -> list[Array]:
        """Return NumPy arrays for NumPy arrays."""
        import torch

        with torch.no_grad():
            tensors = [torch.from_numpy(_readable(v)) for v in values]
            return [f.numpy()[()] for f in self._run(tensors, checked=True)]

    def native(self, values: Sequence[Array]) -> list[Array]:
        """Return tensors for tensors, on the device of the first that has axes."""
        return self._run(values, checked=not transformed(values))

    def _run(self, values: Sequence[Array], *, checked: bool) -> list[Array]:
        device = next((v.device for v in values if v.ndim), None)
        device = device or (values[0].device if values else _module().device("cpu"))
        machine = self._machine(device)
        watched = _module().is_grad_enabled() or transformed(values)
        found, probes = machine([v.to(device) for v in values], thrifty=not watched)
        if checked:
            machine.verify(probes)
        return [
            f.to(self._dtype).clone() if shared else f.to(self._dtype)
            for f, shared in zip(found, machine.shared, strict=True)
        ]


def _readable(array: Array) -> Array:
    """Return an array whose memory torch takes: its own order of bytes, no step backward."""
    plain = array.flags.writeable and all(s >= 0 for s in array.strides)
    return array if plain else np.array(array)


def transformed(values: Sequence[Any]) -> bool:
    """Return whether a transform of `torch.func` runs, in which no value can be looked at."""
    import torch

    return any(torch._C._functorch.is_functorch_wrapped_tensor(v) for v in values)


def torch_arrays(values: Sequence[Any], dtype: str) -> tuple[list[Array], str] | None:
    """Return values as tensors, and in what to compute; None if none of them is one."""
    import torch

    given = [v for v in values if isinstance(v, torch.Tensor)]
    if not given:
        return None
    kinds = [v.dtype for v in given if v.is_floating_point()]
    kind = "float32" if kinds and all(k.itemsize <= 4 for k in kinds) else dtype
    return [_converted(torch.as_tensor(v), kind) for v in values], kind


def _converted(value: Array, kind: str) -> Array:
    """Return a tensor in a type; whole numbers that float32 cannot hold become float64."""
    import torch

    large = kind == "float32" and not value.is_floating_point() and not transformed([value])
    if large and value.numel() and bool((value.abs() > EXACT).any()):
        return value.to(torch.float64)
    return value.to(getattr(torch, kind))


def seen_in_torch(value: Array) -> Array | None:
    """Return the numbers of a tensor, or None inside a transform of `torch.func`."""
    return None if transformed([value]) else value.detach().cpu().numpy()
