"""torch: a function of tensors, on whatever device they are, with autograd on or off."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from symgrad.numeric.arithmetic import float_of
from symgrad.numeric.backend import Executable
from symgrad.numeric.kernels_torch import table
from symgrad.numeric.library import Binder, Library, delivered
from symgrad.numeric.program import Program


class Torch(Executable):
    """A program as a function of tensors.

    Parameters
    ----------
    program : Program
        What is run.
    dtype : {"float64", "float32"}
        In what.

    Notes
    -----
    A program is bound once a device: its constants live there.
    """

    def __init__(self, program: Program, dtype: str) -> None:
        import torch

        start = perf_counter()
        self._dtype = getattr(torch, dtype)
        self._machines: dict[Any, Binder] = {}
        self._machine("cpu")(program)
        self._shared = _shared(program)
        super().__init__(program, dtype, str(program), {"seconds": perf_counter() - start})

    def _machine(self, device: Any) -> Binder:
        """Return what binds programs to a device; each program once."""
        import torch

        made = self._machines.get(device)
        if made is not None:
            return made

        def number(value: Any) -> Any:
            found = float_of(value)
            kind = torch.bool if isinstance(found, bool) else self._dtype
            return torch.tensor(found, dtype=kind, device=device)

        made = self._machines[device] = LIBRARY.binder(number)
        return made

    def __call__(self, values: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """Return NumPy arrays for NumPy arrays."""
        import torch

        with torch.no_grad():
            tensors = [torch.from_numpy(np.array(v, self.dtype, order="C")) for v in values]
            found = [f.numpy() for f in self.native(tensors)]
        return delivered(found, out)

    def is_native(self, value: Any) -> bool:
        """Return whether a value is a tensor."""
        import torch

        return isinstance(value, torch.Tensor)

    def converted(self, value: Any) -> Any:
        """Return a value as a tensor of this dtype, on its own device."""
        import torch

        return torch.as_tensor(value, dtype=self._dtype)

    def native(self, values: Sequence[Any]) -> list[Any]:
        """Return tensors for tensors, of the common shape."""
        shape = np.broadcast_shapes(*(tuple(v.shape) for v in values))
        device = next((v.device for v in values if v.ndim), values[0].device if values else "cpu")
        found = self._machine(device)(self.program)([v.to(device) for v in values])
        return [
            value.to(self._dtype).broadcast_to(shape).clone()
            if shared or value.shape != shape
            else value.to(self._dtype)
            for value, shared in zip(found, self._shared, strict=True)
        ]

    def stacked(self, values: Sequence[Any], core: tuple[int, ...]) -> Any:
        """Return tensors as one."""
        import torch

        found = torch.stack(list(values), dim=-1)
        return found.reshape(found.shape[:-1] + core)


def _shared(program: Program) -> list[bool]:
    """Return which outputs may be the memory of an input, a constant or another output."""
    first, outputs = program.first, program.outputs
    made = [program.operations[o - first] if o >= first else None for o in outputs]
    return [
        op is None or len(op.args) == 1 or o in outputs[:k]
        for k, (o, op) in enumerate(zip(outputs, made, strict=True))
    ]


LIBRARY = Library("torch", "torch", table)
TORCH = LIBRARY.backend(Torch)
