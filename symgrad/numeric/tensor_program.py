"""Programs of tensors made lean before they are planned: sizes are numbers here.

Einsums that only rename, repeat or place entries are written into the einsums that read them, so
that no diagonal matrix, identity or transpose is stored. Sums with what is left of a diagonal
matrix become additions to a diagonal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from sympy import S

from symgrad.dag.carried import check_carried
from symgrad.numeric.program import ITEM, Program, TensorLoop
from symgrad.numeric.tensor_joins import joined
from symgrad.numeric.tensor_pools import Pools
from symgrad.rules import arithmetic as rows
from symgrad.rules import einsums, routing
from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import Shape

MOST_OPERANDS = 5  # of an einsum that others are written into
EMBED = Gate("embed")  # what an einsum with a repeated output index ends in; payload: its spec
SQUARE = Gate("square")  # a power with the exponent 2
ABOVE_ZERO = Gate("above_zero")  # 1 above 0, 0 elsewhere; nan stays nan
ADD_DIAGONAL = Gate("add_diagonal", arity=(2, 2))  # a matrix, and what is added to its diagonal


@dataclass(frozen=True, slots=True)
class Step:
    """One operation on slots."""

    gate: Gate
    args: tuple[int, ...]
    payload: Any = None


class Lean:
    """A program that is being rewritten.

    Parameters
    ----------
    program : Program
        Straight-line, sizes bound.
    shapes : sequence of tuple of int
        The shape of each input.

    Attributes
    ----------
    steps : dict of int to Step
        Slot to operation, in order.
    shapes : dict of int to tuple of int
        The shape of each slot.
    outputs : tuple of int
        The slots of the results.
    """

    def __init__(self, program: Program, shapes: Sequence[Shape]) -> None:
        self.outputs = program.outputs
        numbers = dict(enumerate(program.constants, len(program.inputs)))
        self._ones = {slot for slot, n in numbers.items() if n is S.One}
        self._twos = {slot for slot, n in numbers.items() if n == 2}
        self._zeros = {slot for slot, n in numbers.items() if n is S.Zero}
        self.steps: dict[int, Step] = {}
        self.shapes: dict[int, Shape] = dict.fromkeys(range(program.first), ())
        self.shapes |= dict(enumerate(shapes))
        for slot, op in enumerate(program.operations, program.first):
            if op.gate.shape is not None and not isinstance(
                op.payload, TensorLoop
            ):  # kernels trust what they are planned with
                held = [self.shapes[a] for a in op.args]
                check_carried(op.gate, op.payload, held, "an operation")
            self.steps[slot] = Step(op.gate, op.args, op.payload)
            self.shapes[slot] = self._shape(self.steps[slot])
        self._fresh = count(program.first + len(program.operations))

    def _shape(self, step: Step) -> Shape:
        if isinstance(step.payload, TensorLoop):
            return ()
        loop = self.steps[step.args[0]].payload if step.gate is ITEM else None
        if isinstance(loop, TensorLoop):
            return loop.shapes[step.payload]
        shapes = [self.shapes[a] for a in step.args]
        if step.gate.shape is not None:
            return step.gate.shape(step.payload, shapes)
        return next((s for s in shapes if s), ())

    def rewritten(self) -> Lean:
        """Apply every rewrite, and drop what nobody reads."""
        self._inline()
        self._prune()
        self._split()
        self._fuse_diagonals()
        self._pool()
        self._prune()
        return self

    def uses(self) -> Counter[int]:
        """Return how often each slot is read, outputs included."""
        found = Counter(a for step in self.steps.values() for a in step.args)
        found.update(self.outputs)
        return found

    def _prune(self) -> None:
        alive = set(self.outputs)
        for slot in reversed(list(self.steps)):
            if slot in alive:
                alive.update(self.steps[slot].args)
        self.steps = {slot: step for slot, step in self.steps.items() if slot in alive}

    # --- einsums into einsums ---

    def _inline(self) -> None:
        """Write einsums that sum nothing into those that read them."""
        uses = self.uses()
        same: dict[int, int] = {}  # slots that turn out to be others
        for slot, old in list(self._appended()):
            step = Step(old.gate, tuple([same.get(a, a) for a in old.args]), old.payload)
            step = self._simpler(step, uses)
            if step.gate.shape is None and self.shapes[slot] and step.gate is not ITEM:
                step = self._unspread(step, self.shapes[slot])
            if step.gate is einsums.EINSUM and not step.payload[1]:
                step = self._inner_product(step, uses)
            if step.gate is rows.MUL and any(self._places(a) for a in step.args):
                step = self._as_einsum(step, self.shapes[slot])
            if step.gate is einsums.EINSUM:
                step = self._without_ones(self._composed(self._turned(step, uses), uses))
                ins, out, _ = step.payload
                if ins == (out,) and not _repeats(out):
                    same[slot] = step.args[0]
                    continue
            self.steps[slot] = step
        self.outputs = tuple([same.get(o, o) for o in self.outputs])

    def _simpler(self, step: Step, uses: Counter[int]) -> Step:
        """Return a step with a quicker gate, where its constants allow one."""
        if step.gate is rows.POW and step.args[1] in self._twos:
            return Step(SQUARE, step.args[:1])
        if step.gate is routing.INDICATOR and self._zeros.issuperset(step.args[1:]):
            return Step(ABOVE_ZERO, step.args[:1])
        found = joined(self.steps, uses, step)
        return step if found is None else Step(*found)

    def _turned(self, step: Step, uses: Counter[int]) -> Step:
        """Return an einsum that only turns another one as that one with turned axes."""
        (first, *_), out, _ = step.payload
        inner = self.steps.get(step.args[0])
        plain = len(step.args) == 1 and sorted(first) == sorted(out) == sorted(set(out))
        if not plain or inner is None or inner.gate is not einsums.EINSUM or uses[step.args[0]] > 1:
            return step
        ins, axes, fresh = inner.payload
        payload = einsums.spec(ins, [axes[first.index(i)] for i in out], dict(fresh))
        return Step(einsums.EINSUM, inner.args, payload)

    def _without_ones(self, step: Step) -> Step:
        """Return an einsum without factors of 1, unless nothing else is left."""
        ins, out, fresh = step.payload
        kept = [k for k, a in enumerate(step.args) if a not in self._ones]
        if len(kept) == len(ins) or not kept:
            return step
        payload = einsums.spec([ins[k] for k in kept], out, dict(fresh))
        return Step(einsums.EINSUM, tuple([step.args[k] for k in kept]), payload)

    def _places(self, slot: int) -> bool:
        """Return whether a slot is an einsum with entries on a diagonal, and zeros elsewhere."""
        step = self.steps.get(slot)
        return step is not None and step.gate is einsums.EINSUM and _repeats(step.payload[1])

    def _number(self, slot: int) -> int | None:
        """Return the number that a slot repeats over its shape, if it is one."""
        if not self.shapes[slot]:
            return slot
        step = self.steps.get(slot)
        if step is None or step.gate is not einsums.EINSUM:
            return None
        ins, out, _ = step.payload
        return step.args[0] if ins == ((),) and not _repeats(out) else None

    def _unspread(self, step: Step, shape: Shape) -> Step:
        """Return a step on numbers instead of numbers repeated over a shape."""
        numbers = [self._number(a) for a in step.args]
        if all(n is not None for n in numbers):
            made = self._new(
                step.gate, *[n for n in numbers if n is not None], payload=step.payload
            )
            axes = range(len(shape))
            spread = einsums.spec([()], axes, dict(enumerate(shape)))
            return Step(einsums.EINSUM, (made,), spread)
        if not any(n is None and self.shapes[a] for a, n in zip(step.args, numbers, strict=True)):
            return step
        pairs = zip(step.args, numbers, strict=True)
        return Step(step.gate, tuple([a if n is None else n for a, n in pairs]), step.payload)

    def _inner_product(self, step: Step, uses: Counter[int]) -> Step:
        """Return the sum of all entries of a product as the inner product of its factors."""
        ins, _, _ = step.payload
        inner = self.steps.get(step.args[0])
        plain = len(ins) == 1 and not _repeats(ins[0])
        if not plain or inner is None or uses[step.args[0]] > 1:
            return step
        factors = inner.args if inner.gate is rows.MUL else inner.args * 2
        shape = self.shapes[step.args[0]]
        if inner.gate not in (rows.MUL, SQUARE) or any(self.shapes[f] != shape for f in factors):
            return step
        return Step(einsums.EINSUM, factors, einsums.spec([ins[0], ins[0]], ()))

    def _as_einsum(self, step: Step, shape: Shape) -> Step:
        """Return a product entry by entry as an einsum."""
        axes = tuple(range(len(shape)))
        inputs = [axes if self.shapes[a] else () for a in step.args]
        return Step(einsums.EINSUM, step.args, einsums.spec(inputs, axes))

    def _composed(self, step: Step, uses: Counter[int]) -> Step:
        place = 0
        while place < len(step.args):
            inner, merged = self.steps.get(step.args[place]), None
            if inner is not None and self._worth(inner, uses[step.args[place]], len(step.args)):
                merged = composed(step, place, inner)
            if merged is None:
                place += 1
            else:
                step = merged
        return step

    def _worth(self, inner: Step, uses: int, operands: int) -> bool:
        if inner.gate is not einsums.EINSUM:
            return False
        ins, out, _ = inner.payload
        if any(i not in out for one in ins for i in one):
            return False
        return len(ins) == 1 or (uses == 1 and len(ins) + operands - 1 <= MOST_OPERANDS)

    def _pool(self) -> None:
        """Turn reductions over windows, and their pullbacks, into poolings."""
        pools = Pools(dict(self.steps), self.shapes)
        for slot, step in self.steps.items():
            found = pools.found(step)
            if found is not None:
                self.steps[slot] = Step(*found)

    # --- diagonals ---

    def _split(self) -> None:
        """Let einsums with repeated output indices end in an operation of its own."""
        for slot, step in list(self._appended()):
            if step.gate is not einsums.EINSUM or not _repeats(step.payload[1]):
                self.steps[slot] = step
                continue
            ins, out, fresh = step.payload
            unique = tuple(dict.fromkeys(out))
            if ins == (unique,):
                core = step.args[0]
            else:
                core = next(self._fresh)
                payload = einsums.spec(ins, unique, dict(fresh))
                self.steps[core] = Step(einsums.EINSUM, step.args, payload)
                self.shapes[core] = self._shape(self.steps[core])
            self.steps[slot] = Step(EMBED, (core,), (unique, out))

    def _appended(self) -> Iterator[tuple[int, Step]]:
        """Give every step and start again with none, so that new ones stand in their places."""
        steps, self.steps = self.steps, {}
        yield from steps.items()

    def _fuse_diagonals(self) -> None:
        """Turn sums with a diagonal matrix into additions to a diagonal."""
        uses, old = self.uses(), self.steps
        for slot, step in list(self._appended()):
            self.steps[slot] = self._fused(step, old, uses) or step

    def _fused(self, step: Step, old: dict[int, Step], uses: Counter[int]) -> Step | None:
        if step.gate not in (rows.ADD, rows.SUB):
            return None
        sides = [old.get(a) for a in step.args]
        for k in (0, 1):
            side, other = sides[k], step.args[1 - k]
            square = side is not None and side.gate is EMBED and len(side.payload[0]) == 1
            if side is None or not square or not self.shapes[other]:
                continue
            core = side.args[0]
            if step.gate is rows.ADD:
                return Step(ADD_DIAGONAL, (other, core))
            if k == 1:
                return Step(ADD_DIAGONAL, (other, self._new(rows.NEG, core)))
            return Step(ADD_DIAGONAL, (self._negated(other, uses), core))
        return None

    def _new(self, gate: Gate, *args: int, payload: Any = None) -> int:
        slot = next(self._fresh)
        self.steps[slot] = Step(gate, args, payload)
        self.shapes[slot] = self._shape(self.steps[slot])
        return slot

    def _negated(self, slot: int, uses: Counter[int]) -> int:
        """Return minus a slot; of a product that nobody else reads, of its smallest factor."""
        step = self.steps.get(slot)
        if step is None or step.gate is not einsums.EINSUM or uses[slot] > 1 or len(step.args) < 2:
            return self._new(rows.NEG, slot)
        sizes = [_entries(self.shapes[a]) for a in step.args]
        place = sizes.index(min(sizes))
        args = list(step.args)
        args[place] = self._new(rows.NEG, args[place])
        return self._new(einsums.EINSUM, *args, payload=step.payload)


def _repeats(indices: Sequence[int]) -> bool:
    return len(set(indices)) < len(indices)


def _entries(shape: Shape) -> int:
    found = 1
    for n in shape:
        found *= n
    return found


def composed(step: Step, place: int, inner: Step) -> Step | None:
    """Return an einsum with another one in the place of an operand; None where it cannot be.

    Parameters
    ----------
    step : Step
        The einsum that reads.
    place : int
        Which operand is the result of `inner`.
    inner : Step
        An einsum that sums nothing.
    """
    ins, out, fresh = step.payload
    inner_ins, inner_out, inner_fresh = inner.payload
    same: dict[Any, Any] = {}

    def leader(i: Any) -> Any:
        while i in same:
            i = same[i]
        return i

    for mine, theirs in zip(ins[place], inner_out, strict=True):
        a, b = leader(mine), leader(("inner", theirs))
        if a != b:
            same[b] = a
    sizes = {leader(i): n for i, n in fresh}
    sizes |= {leader(("inner", i)): n for i, n in inner_fresh}
    written = [tuple(leader(("inner", i)) for i in one) for one in inner_ins]
    before = [tuple(leader(i) for i in one) for one in ins[:place]]
    after = [tuple(leader(i) for i in one) for one in ins[place + 1 :]]
    inputs, output = [*before, *written, *after], [leader(i) for i in out]
    held = {i for one in inputs for i in one}
    asked = {leader(i) for one in ins for i in one}
    if any(i not in held and i not in output for i in asked):
        return None  # a sum over an index that no operand has would be lost
    args = (*step.args[:place], *inner.args, *step.args[place + 1 :])
    return Step(einsums.EINSUM, args, einsums.spec(inputs, output, sizes))


def last_reads(steps: Sequence[Step], kept: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the slots that each step is the last to read."""
    seen = set(kept)
    dead: list[tuple[int, ...]] = []
    for step in reversed(steps):
        fresh = tuple(dict.fromkeys(a for a in step.args if a not in seen))
        seen.update(fresh)
        dead.append(fresh)
    return dead[::-1]
