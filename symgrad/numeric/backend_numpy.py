"""NumPy: blocks of points that stay in cache, results written into buffers that are used again.

What depends on scalars alone is computed once a call. A program at complex numbers, and a gate
without a ufunc, take the general loop of `Machine`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from time import perf_counter
from typing import Any

import numpy as np

from symgrad.numeric.arithmetic import Floats, float_of
from symgrad.numeric.backend import Backend, Executable, Packed
from symgrad.numeric.deferred import Deferred
from symgrad.numeric.kernels import REAL
from symgrad.numeric.llvm_order import reordered
from symgrad.numeric.packing import Core, Packing
from symgrad.numeric.points import point_function
from symgrad.numeric.program import Program
from symgrad.numeric.spelling import has_complex, undefined

CACHE = 1 << 20  # bytes that the buffers of a block may take: they stay in a core's L2 cache
FEWEST, MOST = 2048, 8192  # points of a block: calls of ufuncs cost more below, cache above
PLANS = 16  # plans kept, one for each choice of inputs that vary

Array = Any
Kernel = Callable[..., Any]

PAIRWISE: dict[str, Kernel] = {  # ufuncs for gates whose kernels do more in other cases
    "max": np.maximum,
    "min": np.minimum,
    "logsumexp": np.logaddexp,
    "pow": np.power,
    "heaviside": np.heaviside,
    "mod": np.mod,
}
POWERS: dict[float, np.ufunc] = {2.0: np.square, -1.0: np.reciprocal}
# Gates that take ten times what an addition takes, and their share from which threads pay.
SLOW = frozenset(
    [
        *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh"),
        *("exp", "log", "log1p", "expm1", "pow", "erf", "gamma", "loggamma", "sigmoid"),
    ]
)
SLOW_SHARE = 0.1
TRUTHS = frozenset(["lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not"])


@dataclass(frozen=True, slots=True)
class Plan:
    """How a program is run when some of its inputs vary and others are scalars.

    Registers are numbered: first the scalars that varying operations read, then the inputs that
    vary, then buffers; a step is kernel, what it reads, where it goes, and whether it is a ufunc
    that writes into a buffer.

    Parameters
    ----------
    once : tuple of (kernel, slots, slot)
        What does not vary, on slots.
    many : tuple of (kernel, registers, register, bool)
        What does, on registers.
    shared, varying : tuple of int
        The slots of the first registers.
    results : tuple of int
        The register of each output; -1 where it does not vary.
    size : int
        Registers in total.
    """

    once: tuple[tuple[Kernel, tuple[int, ...], int], ...]
    many: tuple[tuple[Kernel, tuple[int, ...], int, bool], ...]
    shared: tuple[int, ...]
    varying: tuple[int, ...]
    results: tuple[int, ...]
    size: int


class Numpy(Executable):
    """A program in float64 or float32, block by block.

    Parameters
    ----------
    program : Program
        What is run.
    dtype : {"float64", "float32"}
        In what.
    threads : int or None
        Threads of large batches; None: 2 where much of the work is in functions.
    """

    def __init__(self, program: Program, dtype: str, threads: int | None) -> None:
        start = perf_counter()
        self._threads = _useful_threads(program) if threads is None else max(threads, 1)
        numbers = [np.asarray(float_of(c)) for c in program.constants]
        self._numbers = [n if n.dtype == bool else n.astype(dtype) for n in numbers]
        self._ordered = reordered(program)
        self._operations = _bound(self._ordered, self._numbers)
        self._plans: dict[tuple[bool, ...], Plan] = {}
        self._point = point_function(program) if dtype == "float64" else None
        super().__init__(program, dtype, str(program), {"seconds": perf_counter() - start})

    def __call__(self, values: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """Return the outputs at arrays that broadcast."""
        shape = np.broadcast_shapes(*map(np.shape, values))
        if shape == () and out is None and self._point is not None:
            found = self._point([float(v) for v in values])
            if found is not None:
                return [np.float64(f) for f in found]
        with np.errstate(all="ignore"):
            return self._batch(values, shape, out)

    def packed(self, packing: Packing) -> Packed | None:
        """Return the way of one point: lists of Python's floats, past every array but the last."""
        run = self._point
        if run is None:
            return None
        cores = packing.ins

        def shortcut(*values: Any) -> Any:
            if len(values) != len(cores):
                return None
            slots: list[float] = []
            for value, core in zip(values, cores, strict=True):
                if not core and type(value) is float:
                    slots.append(value)
                elif core and _is_row(value, core):
                    slots += value.tolist()
                else:
                    return None
            found = run(slots)
            return None if found is None else packing.nested(_parted(found, packing.outs))

        return shortcut

    def _batch(
        self, values: Sequence[Any], shape: tuple[int, ...], out: Sequence[Any] | None
    ) -> list[Any]:
        plan = self._plan(tuple([np.ndim(v) > 0 for v in values]))
        slots: list[Any] = [np.asarray(v, dtype=self.dtype) for v in values]
        slots += [*self._numbers, *[None] * len(self._operations)]
        for kernel, args, slot in plan.once:
            slots[slot] = kernel(*[slots[a] for a in args])
        found = [np.empty(shape, self.dtype) for _ in plan.results] if out is None else list(out)
        rows = [_line(array) for array in found]
        flat = [_flat(slots[s], shape) for s in plan.varying]
        self._spread(plan, [slots[s] for s in plan.shared], flat, rows)
        for array, row, register, slot in zip(
            found, rows, plan.results, self._ordered.outputs, strict=True
        ):
            if register < 0:
                array[...] = slots[slot]
            elif row.base is not array and row is not array:
                array[...] = row.reshape(shape)
        return [array[()] for array in found]

    def _spread(
        self, plan: Plan, shared: list[Array], flat: list[Array], rows: list[Array]
    ) -> None:
        """Run what varies, in threads where that is worth it."""
        size = rows[0].size if rows else 0
        passing = len(shared) + len(flat) + len(rows)  # what is read or written once
        room = max(plan.size - passing, 1) * np.dtype(self.dtype).itemsize
        block = min(max(CACHE // room, FEWEST), MOST)
        count = min(self._threads, size // block)
        if count < 2:
            self._blocks(plan, shared, flat, rows, range(0, size, block))
            return
        share = -(-size // (count * block)) * block  # whole blocks
        spans = [range(low, min(low + share, size), block) for low in range(0, size, share)]
        with ThreadPoolExecutor(count) as pool:
            for made in [pool.submit(self._blocks, plan, shared, flat, rows, s) for s in spans]:
                made.result()

    def _blocks(
        self, plan: Plan, shared: list[Array], flat: list[Array], rows: list[Array], span: range
    ) -> None:
        """Run what varies, block by block, and fill the rows of results."""
        first, block = len(shared), span.step
        arena = np.empty((plan.size - first, min(block, span.stop - span.start)), self.dtype)
        with np.errstate(all="ignore"):
            for low in span:
                self._block(plan, shared, flat, rows, arena, low, min(low + block, span.stop))

    def _block(
        self,
        plan: Plan,
        shared: list[Array],
        flat: list[Array],
        rows: list[Array],
        arena: Array,
        low: int,
        high: int,
    ) -> None:
        first = len(shared)
        room = [*shared, *arena[:, : high - low]]
        for k, value in enumerate(flat, first):
            room[k] = _near(value[low:high], room[k])
        parts = [row[low:high] for row in rows]
        for part, register in zip(parts, plan.results, strict=True):
            if register >= first + len(flat) and part.strides == room[register].strides:
                room[register] = part
        registers = list(room)
        for kernel, args, target, buffered in plan.many:
            operands = [registers[a] for a in args]
            registers[target] = (
                kernel(*operands, out=room[target]) if buffered else kernel(*operands)
            )
        for part, register in zip(parts, plan.results, strict=True):
            if register >= 0 and registers[register] is not part:
                part[...] = registers[register]

    def _plan(self, varies: tuple[bool, ...]) -> Plan:
        plan = self._plans.get(varies)
        if plan is None:
            if len(self._plans) >= PLANS:
                self._plans.clear()
            plan = self._plans[varies] = _planned(self._ordered, self._operations, varies)
        return plan


def _useful_threads(program: Program) -> int:
    """Return how many threads pay: short ufuncs spend more on the interpreter's lock."""
    slow = sum(op.gate.name in SLOW for op in program.operations)
    return min(2, cpu_count() or 1) if slow >= SLOW_SHARE * len(program.operations) > 0 else 1


def _is_row(value: Any, core: Core) -> bool:
    return type(value) is np.ndarray and value.shape == core and value.dtype == float


def _parted(found: list[float], outs: Sequence[Core]) -> list[Any]:
    """Return one number or array a group of results."""
    parts: list[Any] = []
    start = 0
    for core in outs:
        count = math.prod(core)
        part = found[start : start + count]
        parts.append(np.array(part, np.float64).reshape(core) if core else np.float64(part[0]))
        start += count
    return parts


def _near(value: Array, room: Array) -> Array:
    """Return an input's block with its points side by side."""
    if value.strides == room.strides:
        return value
    room[...] = value
    return room


def _flat(value: Array, shape: tuple[int, ...]) -> Array:
    """Return an input in the common shape as one line; a view where it is one already."""
    full = value if value.shape == shape else np.broadcast_to(value, shape)
    return full.reshape(-1)


def _line(array: Array) -> Array:
    """Return a result as one line: itself or a view where that can be written to."""
    if array.ndim == 1:
        return array
    return array.reshape(-1) if array.flags.c_contiguous else np.empty(array.size, array.dtype)


# --- plans ---


@dataclass(frozen=True, slots=True)
class Bound:
    """An operation with its kernel.

    Parameters
    ----------
    kernel : callable
        What is applied.
    args : tuple of int
        Slots that are read.
    buffered : bool
        Whether the kernel is a ufunc that can write into a buffer.
    fresh : bool
        Whether the result is never one of the operands, nor a view of one.
    """

    kernel: Kernel
    args: tuple[int, ...]
    buffered: bool
    fresh: bool


def _bound(program: Program, numbers: list[Array]) -> list[Bound]:
    """Return each operation with its kernel, a ufunc where there is one."""
    first = len(program.inputs)
    found = []
    kernel: Any
    kernels = Floats().machine(program).steps
    for operation, (kernel, args, _) in zip(program.operations, kernels, strict=True):
        name = operation.gate.name
        shipped = name in REAL and not operation.gate.kernels
        if shipped and name == "pow" and first <= args[1] < program.first:
            kernel = POWERS.get(float(numbers[args[1] - first]), np.power)
            args = args[: kernel.nin]
        elif shipped and len(args) == 2:
            kernel = PAIRWISE.get(name, kernel)
        if isinstance(kernel, Deferred):
            kernel = kernel.found()
        direct = isinstance(kernel, np.ufunc) and (kernel.nin, kernel.nout) == (len(args), 1)
        fresh = direct or (shipped and len(args) > 1)
        found.append(Bound(kernel, args, direct and name not in TRUTHS, fresh))
    return found


def _planned(program: Program, bound: Sequence[Bound], varies: Sequence[bool]) -> Plan:
    """Divide the operations into those that vary and those that do not; give out registers."""
    moving = [*varies, *[False] * len(program.constants)]
    for op in bound:
        moving.append(any(moving[a] for a in op.args))
    alive = [op for op, moves in zip(bound, moving[program.first :], strict=True) if moves]
    shared = sorted({a for op in alive for a in op.args if not moving[a]})
    varying = [k for k, moves in enumerate(varies) if moves]
    place = {slot: k for k, slot in enumerate((*shared, *varying))}
    # A register is used again only if nothing can still look into it.
    pinned = {a for op in alive if not op.fresh for a in op.args} | set(program.outputs)
    size, free, once, many = len(place), [], [], []
    for slot, (op, operation) in enumerate(
        zip(bound, program.operations, strict=True), program.first
    ):
        if not moving[slot]:
            once.append((op.kernel, op.args, slot))
            continue
        read = tuple([place[a] for a in op.args])
        dead = [a for a in operation.dead if moving[a] and a >= program.first and a not in pinned]
        free += [place[a] for a in dead]
        if free and slot not in pinned:
            place[slot] = free.pop()
        else:
            place[slot], size = size, size + 1
        many.append((op.kernel, read, place[slot], op.buffered))
    results = tuple([place[o] if moving[o] else -1 for o in program.outputs])
    return Plan(tuple(once), tuple(many), tuple(shared), tuple(varying), results, size)


class General(Executable):
    """A program with complex numbers in it, or at complex points: the general loop."""

    def __init__(self, program: Program, dtype: str) -> None:
        start = perf_counter()
        self._machine = Floats(complex_values=True).machine(program)
        super().__init__(program, dtype, str(program), {"seconds": perf_counter() - start})

    def __call__(self, values: Sequence[Any], out: Sequence[Any] | None = None) -> list[Any]:
        """Return the outputs at arrays that broadcast."""
        shape = np.broadcast_shapes(*map(np.shape, values))
        with np.errstate(all="ignore"):
            found = self._machine([np.asarray(v)[()] for v in values])
        if out is None:
            return _owned(found, values, shape)
        for array, value in zip(out, found, strict=True):
            array[...] = value
        return list(out)


def _owned(found: Sequence[Any], inputs: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
    """Give each result memory of its own: a caller may write to it, and to what he gave."""
    taken, owned = set(map(id, inputs)), []
    for value in found:
        own = np.shape(value) == shape and getattr(value, "base", None) is None
        fresh = value if own and id(value) not in taken else np.broadcast_to(value, shape).copy()
        taken.add(id(value))
        owned.append(fresh[()])
    return owned


def build_numpy(
    program: Program, dtype: str = "float64", *, threads: int | None = None, **_: Any
) -> Executable:
    """Return the program, ready to run."""
    if dtype == "complex128" or has_complex(program):
        return General(program, "complex128")
    return Numpy(program, dtype, threads)


def missing(program: Program) -> list[str]:
    """Return the gates without any number: undefined functions."""
    return undefined(program)


NUMPY = Backend("numpy", build_numpy, missing, dtypes=("float64", "float32", "complex128"))
