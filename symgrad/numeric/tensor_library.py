"""Programs of tensors on an array library: bound once for their shapes, checked after they ran.

What NumPy refuses while it computes (a place outside an axis, a singular matrix) is nan here, for
a traced program cannot stop; probes beside the results say what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

from symgrad.errors import ShapeError, SingularError, SymgradError
from symgrad.numeric.backend import run_loop
from symgrad.numeric.kernels_arrays import Kernel
from symgrad.numeric.kernels_linalg import POSITIVE, REGULAR
from symgrad.numeric.kernels_tensor_arrays import Planner, outside
from symgrad.numeric.library import Library
from symgrad.numeric.program import ITEM, Loop, Program, TensorLoop
from symgrad.numeric.spelling import unspelled
from symgrad.numeric.tensor_machine import own_memory
from symgrad.numeric.tensor_program import Lean, Step, last_reads
from symgrad.rules import einsums
from symgrad.rules.tensor_site import Shape

Array = Any
Probe = tuple[Array, Array]  # whether something is wrong, and a number to say so
VIEWS = frozenset(["reshape", "slice", "patches", "stop_gradient", "re", "conjugate"])
UNBOUND = frozenset(["size"])  # gates that no program has once its sizes are numbers


@dataclass(frozen=True, slots=True)
class TensorLibrary:
    """An array library that runs programs of tensors.

    Parameters
    ----------
    scalars : Library
        Its gates entry by entry.
    planners : callable
        Its planners of gates of tensors by name; the first call imports it.
    module : callable
        Its namespace of functions.
    repeat : callable
        `(step, loop, operands)` to the outputs of a loop and its probes; `step` gives both for one
        step.
    overwriting : callable
        What writes into an operand that nobody reads afterwards: gate, place of it, function.
    """

    scalars: Library
    planners: Callable[[], dict[str, Planner]]
    module: Callable[[], Any]
    repeat: Callable[[Any, TensorLoop, Sequence[Array]], tuple[list[Array], list[Probe]]]
    overwriting: Callable[[], dict[str, dict[int, Kernel]]] = dict

    def missing(self, program: Program) -> list[str]:
        """Return what the library has no function for; sizes may still be symbols."""
        spelled = {*self.scalars.table(), *self.planners(), *UNBOUND}
        return unspelled(program, spelled, self.scalars.name)


class ArrayMachine:
    """A program bound to the shapes of its inputs and to the kernels of a library.

    Parameters
    ----------
    program : Program
        What to compute; sizes bound.
    shapes : sequence of tuple of int
        The shape of each input.
    library : TensorLibrary
        Whose kernels.
    number : callable
        SymPy number to value.

    Attributes
    ----------
    lean : Lean
        The rewritten program.
    blames : list of callable
        One a probe: its number to the error to raise.
    shared : tuple of bool
        Which outputs may be the memory of an input, a constant or another output.
    """

    def __init__(
        self,
        program: Program,
        shapes: Sequence[Shape],
        library: TensorLibrary,
        number: Callable[[Any], Any],
    ) -> None:
        self._library, self._block = library, library.scalars.binder(number)
        self._number = number
        self.blames: list[Callable[[Any], SymgradError]] = []
        self.lean = lean = Lean(program, shapes).rewritten()
        self._constants = [number(c) for c in program.constants]
        order = [*range(program.first), *lean.steps]
        place = {slot: k for k, slot in enumerate(order)}
        self._outputs = tuple(place[o] for o in lean.outputs)
        steps = [
            Step(s.gate, tuple(place[a] for a in s.args), s.payload) for s in lean.steps.values()
        ]
        self._shapes = [lean.shapes[slot] for slot in order]
        dead = last_reads(steps, self._outputs)
        self._steps = [(*self._bound(s), s.args, last) for s, last in zip(steps, dead, strict=True)]
        self._first = program.first
        self._thrifty = self._reusing(steps, dead)
        self.shared = _shared(steps, program.first, self._outputs)

    def _bound(self, step: Step) -> tuple[Kernel, bool]:
        """Return what a step computes, and whether it gives probes beside its result."""
        if isinstance(step.payload, TensorLoop):
            return self._loop(step), True
        kernel, check = self._kernel(step), CHECKS.get(step.gate.name)
        if check is None:
            return kernel, False
        shapes = [self._shapes[a] for a in step.args]
        self.blames.append(partial(check.error, step, shapes))

        def probed(*operands: Array) -> tuple[Array, list[Probe]]:
            found = kernel(*operands)
            return found, [check.probe(step.payload, self._library.module(), operands, found)]

        return probed, True

    def _reusing(self, steps: Sequence[Step], dead: Sequence[tuple[int, ...]]) -> list[Any]:
        """Return the steps, written into operands that nobody reads afterwards where they can."""
        own, table = own_memory(steps, self._first, self._outputs), self._library.overwriting()
        found = list(self._steps)
        for k, (step, last) in enumerate(zip(steps, dead, strict=True)):
            for place, function in table.get(step.gate.name, {}).items():
                slot = step.args[place]
                same = self._shapes[slot] == self._shapes[self._first + k] != ()
                if slot in own and slot in last and same and not step.gate.kernels:
                    found[k] = (function, *found[k][1:])
                    break
        return found

    def _loop(self, step: Step) -> Kernel:
        """Return what runs a loop: its body is bound once, for the shapes of one step."""
        loop: TensorLoop = step.payload
        first, last = loop.form.carries, loop.form.carries + loop.form.streams
        shapes = [self._shapes[a] for a in step.args]
        slices = [s[1:] if first <= k < last else s for k, s in enumerate(shapes)]
        body = ArrayMachine(loop.body, slices, self._library, self._number)
        self.blames += body.blames if loop.form.length else []  # no step, no probe
        return lambda *operands: self._library.repeat(body, loop, operands)

    def _kernel(self, step: Step) -> Kernel:
        gate, library = step.gate, self._library
        if isinstance(step.payload, Loop):
            return partial(run_loop, self._block(step.payload.body), step.payload)
        if gate is ITEM:
            return itemgetter(step.payload)
        own = gate.kernels.get(library.scalars.name)
        planner = library.planners().get(gate.name)
        if own is None and planner is not None:
            return planner(step.payload)
        kernel: Kernel = library.scalars.kernel(gate)
        return kernel(step.payload) if gate.shape is not None else kernel

    def __call__(
        self, values: Sequence[Array], *, thrifty: bool = False
    ) -> tuple[list[Array], list[Probe]]:
        """Return the outputs, and one probe a check; `thrifty` writes to memory again."""
        slots: list[Any] = [*values, *self._constants]
        append, probes = slots.append, []
        for kernel, probed, args, dead in self._thrifty if thrifty else self._steps:
            if len(args) == 2:
                found = kernel(slots[args[0]], slots[args[1]])
            elif len(args) == 1:
                found = kernel(slots[args[0]])
            else:
                found = kernel(*[slots[a] for a in args])
            if probed:
                found, more = found
                probes += more
            append(found)
            for slot in dead:
                slots[slot] = None
        return [slots[o] for o in self._outputs], probes

    def verify(self, probes: Sequence[Probe]) -> None:
        """Raise what NumPy would have raised while it computed.

        Raises
        ------
        ShapeError
            If a place was outside its axis.
        SingularError
            If a matrix had no inverse or no Cholesky factor.
        """
        for blame, (wrong, number) in zip(self.blames, probes, strict=True):
            if bool(wrong):
                raise blame(number)


# --- checks ---


@dataclass(frozen=True, slots=True)
class Check:
    """What is asked of the operands of a gate.

    Parameters
    ----------
    probe : callable
        `(payload, xp, operands, result)` to whether something is wrong, and a number.
    error : callable
        `(step, shapes, number)` to the error to raise.
    """

    probe: Callable[[Any, Any, Sequence[Array], Array], Probe]
    error: Callable[[Step, Sequence[Shape], Any], SymgradError]


def _places(axis: Callable[[Any, Sequence[Shape]], int]) -> Check:
    """Return the check of an index tensor, the last operand, into an axis of some size."""

    def probe(payload: Any, xp: Any, operands: Sequence[Array], found: Array) -> Probe:
        chosen = operands[-1].reshape(-1)
        bad = outside(xp, chosen, axis(payload, [x.shape for x in operands]))
        return xp.any(bad), chosen[xp.argmax(bad * 1)]

    def error(step: Step, shapes: Sequence[Shape], number: Any) -> SymgradError:
        most = axis(step.payload, shapes) - 1
        return ShapeError(
            f"`{step.gate.name}` takes whole numbers from 0 to {most}, and found {float(number)}"
        )

    return Check(probe, error)


def _matrix(what: str, advice: str) -> Check:
    """Return the check that finite matrices gave a finite result."""

    def probe(payload: Any, xp: Any, operands: Sequence[Array], found: Array) -> Probe:
        finite = xp.all(xp.isfinite(operands[0]))
        for x in operands[1:]:
            finite = finite & xp.all(xp.isfinite(x))
        return finite & ~xp.all(xp.isfinite(found)), finite

    def error(step: Step, shapes: Sequence[Shape], number: Any) -> SymgradError:
        return SingularError(
            f"`{step.gate.name}` of a matrix of shape {shapes[0]}: {what}; {advice}"
        )

    return Check(probe, error)


CHECKS: dict[str, Check] = {
    "gather": _places(lambda payload, shapes: shapes[0][payload]),
    "scatter": _places(lambda payload, shapes: payload[1][payload[0]]),
    "one_hot": _places(lambda payload, shapes: payload),
    "inv": _matrix("Singular matrix", REGULAR),
    "solve": _matrix("Singular matrix", REGULAR),
    "cholesky": _matrix("Matrix is not positive definite", POSITIVE),
}


# --- liveness and memory ---


def _shared(steps: Sequence[Step], first: int, outputs: Sequence[int]) -> tuple[bool, ...]:
    return tuple(
        o < first or o in outputs[:k] or _looks_into(steps[o - first])
        for k, o in enumerate(outputs)
    )


def _looks_into(step: Step) -> bool:
    """Return whether a result may be a view, or an operand itself."""
    gate = step.gate
    if gate is einsums.EINSUM:
        ins, out, fresh = step.payload
        held = {i for one in ins for i in one}
        return bool(fresh) or (len(ins) == 1 and held <= set(out))
    if gate.name in VIEWS or gate is ITEM or gate.kernels:
        return True
    return len(step.args) == 1 and gate.arity != (1, 1)  # of one operand, a fold is that operand
