"""A program of tensors on NumPy: planned once for its shapes, memory written to again.

An operation entry by entry writes into an operand that nobody reads afterwards; what depends on
constants alone is computed once; results own their memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from symgrad.errors import GraphError
from symgrad.numeric import kernels_pools
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.kernels_einsum import diagonal_view, embedded
from symgrad.numeric.program import ITEM, Program, TensorLoop
from symgrad.numeric.repeats import repeated
from symgrad.numeric.tensor_pools import POOLS
from symgrad.numeric.tensor_program import ADD_DIAGONAL, EMBED, SQUARE, Lean, Step, last_reads
from symgrad.rules import einsums, opaque
from symgrad.rules.tensor_site import Shape

Array = Any
Kernel = Callable[..., Any]
SMALL = 4096  # entries of arrays that may live until the next step of a loop
VIEWS = frozenset(
    ["einsum", "reshape", "slice", "patches"]
)  # whose results may look into an operand
FRESH = frozenset(["embed", "add_diagonal", "unslice", "concat", "inv", "tril"]) | POOLS
TRUTHS = frozenset(["lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not"])


class TensorMachine:
    """A program bound to the shapes of its inputs.

    Parameters
    ----------
    program : Program
        What to compute; sizes bound.
    shapes : sequence of tuple of int
        The shape of each input.
    arithmetic : Floats
        In what to compute.
    """

    def __init__(self, program: Program, shapes: Sequence[Shape], arithmetic: Floats) -> None:
        self.program, self._arithmetic = program, arithmetic
        lean = Lean(program, shapes).rewritten()
        self.lean = lean
        self._inputs = len(program.inputs)
        self._constants = [arithmetic.number(c) for c in program.constants]
        order = [*range(program.first), *lean.steps]
        self._shapes = [lean.shapes[slot] for slot in order]
        place = {slot: k for k, slot in enumerate(order)}
        self._outputs = tuple(place[o] for o in lean.outputs)
        steps = [
            Step(s.gate, tuple(place[a] for a in s.args), s.payload) for s in lean.steps.values()
        ]
        self._bind(steps, program.first)

    def _bind(self, steps: Sequence[Step], first: int) -> None:
        """Choose a kernel for each step; run those of constants alone."""
        known: dict[int, Any] = dict(enumerate(self._constants, self._inputs))
        dead = last_reads(steps, self._outputs)
        reusable = {s for s in own_memory(steps, first, self._outputs) if self._shapes[s]}
        self._owned = {first + k for k, step in enumerate(steps) if _is_own(steps, step, first)}
        self.steps: list[tuple[int, Kernel, tuple[int, ...], tuple[int, ...]]] = []
        for slot, (step, last) in enumerate(zip(steps, dead, strict=True), first):
            kernel = self._kernel(step)
            if all(a in known for a in step.args) and step.gate is not opaque.WHOLE:
                with np.errstate(all="ignore"):
                    known[slot] = kernel(*[known[a] for a in step.args])
                continue
            target = next(
                (
                    k
                    for k, a in enumerate(step.args)
                    if a in last
                    and a in reusable
                    and a not in known
                    and self._shapes[a] == self._shapes[slot]
                ),
                None,
            )
            if target is not None:
                kernel = _in_place(step, kernel, target) or kernel
            freed = tuple(a for a in last if a >= first and a not in known)
            self.steps.append((slot, kernel, step.args, freed))
        self._owned -= set(known)
        self._slots = [known.get(slot) for slot in range(first + len(steps))]

    def _kernel(self, step: Step) -> Kernel:
        if step.gate is EMBED:
            unique, output = step.payload
            return lambda x: embedded(x, unique, output)
        if step.gate is ADD_DIAGONAL:
            return add_diagonal
        if step.gate is SQUARE:
            return np.square
        if step.gate.name in OVERWRITING and not step.gate.kernels:
            return OVERWRITING[step.gate.name]
        if step.gate.name in POOLS:
            return kernels_pools.PLANNERS[step.gate.name](step.payload)
        if isinstance(step.payload, TensorLoop):
            return self._loop(step)
        if step.gate in (opaque.CALL, opaque.SCAN, ITEM, opaque.WHOLE):
            return self._arithmetic.machine(self.program)._kernel(step)  # type: ignore[arg-type]
        kernel = self._arithmetic.kernel(step.gate)
        planned: Kernel = kernel(step.payload) if step.gate.shape is not None else kernel
        return planned

    def _loop(self, step: Step) -> Kernel:
        """Return what runs a loop: its body is planned once, for the shapes of one step."""
        loop: TensorLoop = step.payload
        first, last = loop.form.carries, loop.form.carries + loop.form.streams
        shapes = [self._shapes[a] for a in step.args]
        slices = [s[1:] if first <= k < last else s for k, s in enumerate(shapes)]
        body = TensorMachine(loop.body, slices, self._arithmetic)
        given = [body._shapes[out] for out in body._outputs]
        if [*loop.shapes[:first], *(s[1:] for s in loop.shapes[first:])] != given:
            raise GraphError(f"a loop says that it gives {loop.shapes}, but a step gives {given}")
        return lambda *args: repeated(body.stepper(), loop, args)

    def stepper(self) -> Kernel:
        """Return `found` for many calls one after another, whose parameters are the same arrays.

        Slots are kept from call to call; those of small arrays are not even emptied.
        """
        slots, outputs, steps = self._slots.copy(), self._outputs, self._quick
        inputs = self._inputs

        def step(values: Sequence[Array]) -> list[Array]:
            slots[:inputs] = values
            for slot, kernel, arity, first, second, args, dead in steps:
                if arity == 2:
                    slots[slot] = kernel(slots[first], slots[second])
                elif arity == 1:
                    slots[slot] = kernel(slots[first])
                else:
                    slots[slot] = kernel(*[slots[a] for a in args])
                for gone in dead:
                    slots[gone] = None
            return [slots[out] for out in outputs]

        return step

    @cached_property
    def _quick(self) -> list[tuple[Any, ...]]:
        """The steps with how many operands they have, and the first two of them."""
        small = all(prod(s) < SMALL for s in self._shapes)
        return [
            (
                slot,
                kernel,
                len(args),
                (*args, 0, 0)[0],
                (*args, 0, 0)[1],
                args,
                () if small else dead,
            )
            for slot, kernel, args, dead in self.steps
        ]

    def found(self, values: Sequence[Array]) -> list[Array]:
        """Return the outputs, which may look into inputs and into one another."""
        slots = self._slots.copy()
        slots[: self._inputs] = values
        for slot, kernel, args, dead in self.steps:
            if len(args) == 2:
                slots[slot] = kernel(slots[args[0]], slots[args[1]])
            elif len(args) == 1:
                slots[slot] = kernel(slots[args[0]])
            else:
                slots[slot] = kernel(*[slots[a] for a in args])
            for gone in dead:
                slots[gone] = None
        return [slots[out] for out in self._outputs]

    def __call__(self, values: Sequence[Array]) -> list[Array]:
        """Return the outputs; each has memory of its own."""
        with np.errstate(all="ignore"):
            values = self.found(values)
        found, taken = [], set()
        for out, value in zip(self._outputs, values, strict=True):
            if self._shapes[out] and (out not in self._owned or out in taken):
                value = np.array(value)
            taken.add(out)
            found.append(value)
        return found


def add_diagonal(x: Array, diagonal: Array) -> Array:
    """Return a matrix with something added to its diagonal."""
    return _onto_diagonal(np.array(x), diagonal)


def _onto_diagonal(x: Array, diagonal: Array) -> Array:
    """Add to the diagonal of a matrix in its place."""
    view = diagonal_view(x, (0, 0), (0,))
    np.add(view, diagonal, out=view)
    return x


def _is_own(steps: Sequence[Step], step: Step, first: int) -> bool:
    """Return whether a result has memory of its own; what a loop over tensors gives has."""
    if step.gate is ITEM and step.args[0] >= first:
        return isinstance(steps[step.args[0] - first].payload, TensorLoop)
    return _fresh(step)


def own_memory(steps: Sequence[Step], first: int, outputs: Sequence[int]) -> set[int]:
    """Return the slots whose memory is theirs alone, and that no view or result looks into."""
    seen = {a for step in steps if _may_look_into(step) for a in step.args}
    made = {first + k for k, step in enumerate(steps) if _fresh(step)}
    return made - seen - set(outputs)


def _fresh(step: Step) -> bool:
    """Return whether a result has memory of its own."""
    if step.gate is einsums.EINSUM:
        ins, out, _ = step.payload
        held = {i for one in ins for i in one}
        summed = any(i not in out for i in held)
        return all(i in held for i in out) and (len(ins) > 1 or summed)
    if step.gate.shape is not None or step.gate.name in FRESH:
        return step.gate.name not in VIEWS
    return step.gate.name in UFUNCS or step.gate.name in OVERWRITING


def _may_look_into(step: Step) -> bool:
    """Return whether a result may share memory with an operand, or be one."""
    gate = step.gate
    if gate.name in VIEWS or gate in (opaque.CALL, opaque.SCAN, ITEM) or gate.kernels:
        return True
    return len(step.args) == 1 and gate.arity != (1, 1)  # of one operand, a fold is that operand


UFUNCS: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "neg": np.negative,
    "square": np.square,
    "mul": np.multiply,
    "div": np.divide,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "abs": np.abs,
    "sign": np.sign,
}


def _above_zero(x: Array, out: Array | None = None) -> Array:
    """Return 1 above 0 and 0 elsewhere; nan stays nan."""
    found = np.ceil(x, out=out)
    return np.clip(found, 0, 1, out=None if np.ndim(found) == 0 else found)


def _sigmoid(x: Array, out: Array | None = None) -> Array:
    """Return 1/(1 + exp(-x)), which takes a third of the time of SciPy's."""
    found = np.negative(x, out=out)
    out = None if np.ndim(found) == 0 else found
    return np.divide(1.0, np.add(np.exp(found, out=out), 1.0, out=out), out=out)


OVERWRITING: dict[str, Kernel] = {  # gates whose kernels are no ufuncs; `out` may be the operand
    "relu": lambda x, out=None: np.maximum(x, 0.0, out=out),
    "sigmoid": _sigmoid,
    "above_zero": _above_zero,
}


def _in_place(step: Step, kernel: Kernel, target: int) -> Kernel | None:
    """Return a kernel that writes into one of its operands, where there is one."""
    if step.gate is ADD_DIAGONAL:
        return _onto_diagonal if target == 0 else None
    overwriting = OVERWRITING.get(step.gate.name)
    if overwriting is not None and not step.gate.kernels:
        return lambda x: overwriting(x, x)
    function = UFUNCS.get(step.gate.name)
    if function is None or step.gate.kernels or function.nin != len(step.args):
        return None
    if function.nin == 1:
        return lambda x: function(x, x)
    if target == 0:
        return lambda x, y: function(x, y, x)
    return lambda x, y: function(x, y, y)
