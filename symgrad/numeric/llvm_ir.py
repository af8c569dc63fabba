"""A program as LLVM IR: a chain of small functions, each a loop over the vectors of a block.

Small functions, because the time that LLVM takes grows faster than their size. A value that a later
function reads waits in memory in between. Slots are numbered; no user's name is written.

`kernel(inputs, outputs, waiting, bytes)`: `inputs` is a table of pairs (address, mask), where
the mask makes every vector read the first one; `outputs` is a table of addresses; `waiting` is
room for values between functions; `bytes` is the length of the block. With `lanes` 1 and
`packed`, inputs and outputs are plain arrays of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.errors import BackendError
from symgrad.numeric.arithmetic import float_of
from symgrad.numeric.llvm_division import Divisor, divisor, divisors, quotient
from symgrad.numeric.llvm_gates import MULTIPLIED, SPELLINGS, whole_power
from symgrad.numeric.llvm_writer import Target, Writer
from symgrad.numeric.program import Operation, Program

WAVES = ("sin", "cos")
ATTRIBUTES = "attributes #0 = { nounwind willreturn memory(none) }"
LINKS = 25  # functions of a module: LLVM cannot be interrupted within one
TYPES = "(ptr, ptr, ptr, i64)"
HEAD = "(ptr noalias %P, ptr noalias %O, ptr noalias %T, i64 %n) nounwind"


@dataclass(frozen=True, slots=True)
class Code:
    """IR of a program.

    Parameters
    ----------
    texts : tuple of str
        The modules; together they make the kernel.
    waiting : int
        Values that wait between functions, at most at a time.
    functions : int
        Links of the chain.
    """

    texts: tuple[str, ...]
    waiting: int
    functions: int


def write(
    program: Program, target: Target, *, block: int, longest: int, packed: bool = False
) -> Code:
    """Write a program as IR.

    Parameters
    ----------
    program : Program
        Operations that LLVM can spell.
    target : Target
        The machine.
    block : int
        Points of a block at most; a multiple of the lanes.
    longest : int
        Operations of a function at most.
    packed : bool
        Whether inputs and outputs are plain arrays; for one point.
    """
    return _Module(program, target, block, longest, packed).code()


def _numbers(program: Program) -> list[float | bool]:
    """Return the constants as floats."""
    found = [float_of(c) for c in program.constants]
    for constant in found:
        if isinstance(constant, complex):
            raise BackendError(
                "backend 'llvm' computes with real numbers, and this formula holds the complex "
                f"constant {constant}; use backend='numpy'"
            )
    return found


def _kernel(links: int, elsewhere: int) -> str:
    """Return the function that calls all links; the first so many are in other modules."""
    declared = "\n".join(f"declare void @link{k}{TYPES} nounwind" for k in range(elsewhere))
    calls = "\n".join(f"  call void @link{k}(ptr %P, ptr %O, ptr %T, i64 %n)" for k in range(links))
    return f"{declared}\ndefine void @kernel{HEAD} {{\n{calls}\n  ret void\n}}"


class _Module:
    """Cuts a program into functions and writes them."""

    def __init__(
        self, program: Program, target: Target, block: int, longest: int, packed: bool
    ) -> None:
        self.program, self.target = program, target
        self.block, self.longest, self.packed = block, longest, packed
        self.constants = _numbers(program)
        self.declared: dict[str, str] = {}
        self.home: dict[int, int] = {}  # where a slot waits
        self._free: list[int] = []
        self._rooms = 0
        self.truths: set[int] = set()  # slots whose value is a truth value
        waves = [{op.args[0] for op in program.operations if op.gate.name == n} for n in WAVES]
        self.paired = waves[0] & waves[1]  # slots whose sine and cosine are both wanted
        self.divisors = divisors(program) if target.fma else set()
        self.places: dict[int, list[int]] = {}  # outputs of a slot
        for place, slot in enumerate(program.outputs):
            self.places.setdefault(slot, []).append(place)

    def code(self) -> Code:
        longest, operations = self.longest, self.program.operations
        cuts = range(0, max(len(operations), 1), longest)
        last = self._last_functions()
        ends: dict[int, list[int]] = {}
        for slot, end in last.items():
            ends.setdefault(end, []).append(slot)
        texts, bodies = [], []
        for number, start in enumerate(cuts):
            function = _Function(self, number)
            function.run(start, operations[start : start + longest], last)
            if number == len(cuts) - 1:
                function.finish()
            bodies.append(function.text())
            for slot in ends.get(number, ()):
                if slot in self.home:
                    self._free.append(self.home.pop(slot))
            if len(bodies) == LINKS or number == len(cuts) - 1:
                if number == len(cuts) - 1:
                    bodies.append(_kernel(len(cuts), len(cuts) - len(bodies)))
                texts.append("\n".join([*self.declared.values(), *bodies, ATTRIBUTES, ""]))
                self.declared.clear()
                bodies.clear()
        return Code(tuple(texts), self._rooms, len(cuts))

    def _last_functions(self) -> dict[int, int]:
        """Return the last function that reads each operation's slot."""
        first, longest = self.program.first, self.longest
        last: dict[int, int] = {}
        for k, operation in enumerate(self.program.operations):
            for slot in operation.args:
                if slot >= first:
                    last[slot] = k // longest
        return last

    def room(self, slot: int) -> None:
        """Find room for a slot to wait."""
        if self._free:
            self.home[slot] = self._free.pop()
        else:
            self.home[slot] = self._rooms
            self._rooms += 1


class _Function:
    """One link of the chain."""

    def __init__(self, module: _Module, number: int) -> None:
        self.module, self.number = module, number
        self.writer = Writer(module.target, module.declared)
        self.values: dict[int, str] = {}
        self._divisors: dict[int, Divisor] = {}
        self._inputs = len(module.program.inputs)
        self._first = module.program.first

    def run(self, start: int, operations: Sequence[Operation], last: dict[int, int]) -> None:
        """Write operations; `start` is the number of the first."""
        module, writer = self.module, self.writer
        for slot, operation in enumerate(operations, self._first + start):
            value = self._apply(operation)
            self.values[slot] = value
            if value in writer.truths:
                module.truths.add(slot)
            for place in module.places.get(slot, ()):
                self._output(place, value)
            if last.get(slot, -1) > self.number:
                module.room(slot)
                self._store(f"getelementptr i8, ptr %t, i64 {self._offset(slot)}", value)

    def finish(self) -> None:
        """Write the outputs that are inputs or constants."""
        for slot, places in self.module.places.items():
            if slot < self._first:
                for place in places:
                    self._output(place, self._value(slot))

    def text(self) -> str:
        """Return the function."""
        target = self.module.target
        body = "\n  ".join(self.writer.lines)
        return f"""define void @link{self.number}{HEAD} {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %t = getelementptr i8, ptr %T, i64 %i
  {body}
  %next = add i64 %i, {target.lanes * target.size}
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""

    def _apply(self, operation: Operation) -> str:
        name, args = operation.gate.name, operation.args
        if name == "pow":
            exponent = self._whole(args[1])
            if exponent is not None:
                return self._power(args[0], exponent)
        if name == "div" and args[1] in self.module.divisors:
            return self._quotient(*args)
        given = [self._value(a) for a in args]
        if name in WAVES and args[0] in self.module.paired:
            self.writer.paired.add(given[0])
        return SPELLINGS[name](self.writer, *given)

    def _quotient(self, dividend: int, by: int) -> str:
        if by not in self._divisors:
            self._divisors[by] = divisor(self.writer, self._value(by))
        return quotient(self.writer, self._value(dividend), self._divisors[by])

    def _whole(self, slot: int) -> int | None:
        """Return a small whole constant."""
        if not self._inputs <= slot < self._first:
            return None
        value: Any = self.module.constants[slot - self._inputs]
        return int(value) if value == int_or_nan(value) and abs(value) <= MULTIPLIED else None

    def _power(self, base: int, exponent: int) -> str:
        if exponent == 0:
            return self.writer.constant(1.0)
        return whole_power(self.writer, self._value(base), exponent)

    def _value(self, slot: int) -> str:
        """Return the name of a slot's value, read from where it waits if need be."""
        found = self.values.get(slot)
        if found is None:
            found = self.values[slot] = self._read(slot)
        return found

    def _read(self, slot: int) -> str:
        module, writer = self.module, self.writer
        if slot < self._inputs:
            return self._load(self._input(slot), module.target.size)
        if slot < self._first:
            constant = module.constants[slot - self._inputs]
            if isinstance(constant, bool):
                return writer.truth(value=constant)
            return writer.constant(constant)
        place = writer.line(f"getelementptr i8, ptr %t, i64 {self._offset(slot)}")
        value = self._load(place, module.target.lanes * module.target.size)
        return writer.mask(value) if slot in module.truths else value

    def _input(self, slot: int) -> str:
        writer = self.writer
        if self.module.packed:
            return writer.line(f"getelementptr i8, ptr %P, i64 {slot * self.module.target.size}")
        entry = writer.line(f"getelementptr i8, ptr %P, i64 {16 * slot}")
        base = writer.line(f"load ptr, ptr {entry}, align 8")
        second = writer.line(f"getelementptr i8, ptr %P, i64 {16 * slot + 8}")
        mask = writer.line(f"load i64, ptr {second}, align 8")
        step = writer.line(f"and i64 {mask}, %i")
        return writer.line(f"getelementptr i8, ptr {base}, i64 {step}")

    def _output(self, place: int, value: str) -> None:
        writer = self.writer
        if self.module.packed:
            self._store(
                f"getelementptr i8, ptr %O, i64 {place * self.module.target.size}", value, far=True
            )
            return
        entry = writer.line(f"getelementptr i8, ptr %O, i64 {8 * place}")
        base = writer.line(f"load ptr, ptr {entry}, align 8")
        self._store(f"getelementptr i8, ptr {base}, i64 %i", value, far=True)

    def _load(self, place: str, align: int) -> str:
        return self.writer.line(f"load {self.module.target.vector}, ptr {place}, align {align}")

    def _store(self, place: str, value: str, *, far: bool = False) -> None:
        target, writer = self.module.target, self.writer
        number, address = writer.number(value), writer.line(place)
        align = target.size if far else target.lanes * target.size
        writer.lines.append(f"store {target.vector} {number}, ptr {address}, align {align}")

    def _offset(self, slot: int) -> int:
        target = self.module.target
        return self.module.home[slot] * self.module.block * target.size


def int_or_nan(value: Any) -> float:
    """Return a number rounded to a whole one; nan where it is none."""
    return float(round(value)) if abs(value) < 1e9 else float("nan")
