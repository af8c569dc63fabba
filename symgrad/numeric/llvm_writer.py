"""Lines of LLVM IR on vectors: the words that gates are spelled in.

A `Target` says how wide vectors are and which vector functions the machine has; a `Writer` holds
the body of one function. Values are names of the IR, floats or truth values; users' names never
come here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Target:
    """What code is written for.

    Parameters
    ----------
    lanes : int
        Points in a vector.
    wide : int
        Points that the vector functions take; `lanes` or, where that is 1, more.
    double : bool
        Whether numbers have 64 bits rather than 32.
    vector_functions : mapping
        Symbol of the machine's vector function for names of libm; whole vectors in and out.
    fma : bool
        Whether the machine multiplies and adds in one step.
    """

    lanes: int
    wide: int
    double: bool = True
    vector_functions: Mapping[str, str] = field(default_factory=dict)
    fma: bool = False

    @property
    def element(self) -> str:
        """The type of a number."""
        return "double" if self.double else "float"

    @property
    def vector(self) -> str:
        """The type of a vector of numbers."""
        return f"<{self.lanes} x {self.element}>"

    @property
    def mask(self) -> str:
        """The type of a vector of truth values."""
        return f"<{self.lanes} x i1>"

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return 8 if self.double else 4

    @property
    def suffix(self) -> str:
        """The end of the name of an intrinsic on vectors."""
        return f"v{self.lanes}f{8 * self.size}"


def literal(value: float, *, double: bool) -> str:
    """Return a number as IR writes it: the bits of a double.

    Examples
    --------
    >>> literal(1.0, double=True)
    '0x3FF0000000000000'
    """
    if math.isnan(value):
        return "0x7FF8000000000000"
    if not double:
        with np.errstate(all="ignore"):
            value = float(np.float32(value))
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


class Writer:
    """The body of a function.

    Parameters
    ----------
    target : Target
        What is written for.
    declared : dict
        Declarations and helpers of the module, by symbol; grows.
    """

    def __init__(self, target: Target, declared: dict[str, str]) -> None:
        self.target = target
        self.declared = declared
        self.lines: list[str] = []
        self.truths: set[str] = set()  # names whose value is a mask
        self.paired: set[str] = set()  # names whose sine and cosine are both wanted
        self.waves: dict[str, tuple[str, str]] = {}  # what these are
        self._count = 0
        self._vector, self._mask = target.vector, target.mask

    # --- lines ---

    def line(self, right: str) -> str:
        """Append an instruction and return the name of its value."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"{name} = {right}")
        return name

    def _truth(self, right: str) -> str:
        name = self.line(right)
        self.truths.add(name)
        return name

    def constant(self, value: float) -> str:
        """Return a vector of one number."""
        return f"splat ({self.target.element} {literal(value, double=self.target.double)})"

    def truth(self, *, value: bool) -> str:
        """Return a mask of one truth value."""
        name = f"splat (i1 {'true' if value else 'false'})"
        self.truths.add(name)
        return name

    # --- kinds ---

    def number(self, value: str) -> str:
        """Return a value as a number: truth is 1."""
        if value not in self.truths:
            return value
        return self.line(f"uitofp {self._mask} {value} to {self._vector}")

    def mask(self, value: str) -> str:
        """Return a value as a truth value: what is not 0 is true, nan too."""
        return value if value in self.truths else self.compare("une", value, self.constant(0.0))

    # --- arithmetic ---

    def binary(self, instruction: str, x: str, y: str) -> str:
        """Return `fadd`, `fsub`, `fmul`, `fdiv` or `frem` of two numbers."""
        if self.truths:
            x, y = self.number(x), self.number(y)
        return self.line(f"{instruction} {self._vector} {x}, {y}")

    def add(self, x: str, y: str) -> str:
        """Return x + y."""
        return self.binary("fadd", x, y)

    def sub(self, x: str, y: str) -> str:
        """Return x - y."""
        return self.binary("fsub", x, y)

    def mul(self, x: str, y: str) -> str:
        """Return x*y."""
        return self.binary("fmul", x, y)

    def div(self, x: str, y: str) -> str:
        """Return x/y."""
        return self.binary("fdiv", x, y)

    def neg(self, x: str) -> str:
        """Return -x."""
        return self.line(f"fneg {self._vector} {self.number(x)}")

    def compare(self, relation: str, x: str, y: str) -> str:
        """Return the mask of an `fcmp`: `olt`, `une`, ..."""
        return self._truth(f"fcmp {relation} {self._vector} {self.number(x)}, {self.number(y)}")

    def logic(self, instruction: str, x: str, y: str) -> str:
        """Return `and`, `or` or `xor` of two masks."""
        return self._truth(f"{instruction} {self._mask} {self.mask(x)}, {self.mask(y)}")

    def negated(self, x: str) -> str:
        """Return the mask where `x` does not hold."""
        return self.logic("xor", x, self.truth(value=True))

    def select(self, condition: str, x: str, y: str) -> str:
        """Return x where the condition holds, else y; two masks give a mask."""
        masks = x in self.truths and y in self.truths
        kind = self._mask if masks else self._vector
        if not masks:
            x, y = self.number(x), self.number(y)
        right = f"select {self._mask} {self.mask(condition)}, {kind} {x}, {kind} {y}"
        return self._truth(right) if masks else self.line(right)

    # --- bits ---

    def start(self, count: int) -> None:
        """Give numbers from `count` on, where another writer fills the same function."""
        self._count = count

    @property
    def _whole(self) -> str:
        return f"<{self.target.lanes} x i{8 * self.target.size}>"

    def bits(self, x: str) -> str:
        """Return the bits of numbers as integers."""
        return self.line(f"bitcast {self._vector} {x} to {self._whole}")

    def add_bits(self, x: str, value: int) -> str:
        """Return integers plus a constant."""
        return self.line(f"add {self._whole} {x}, {self._integer(value)}")

    def bit_test(self, x: str, bit: int) -> str:
        """Return where a bit of integers is set."""
        found = self.line(f"and {self._whole} {x}, {self._integer(bit)}")
        return self._truth(f"icmp ne {self._whole} {found}, zeroinitializer")

    def shifted_bit(self, x: str, bit: int) -> str:
        """Return integers whose sign bit is the given bit of `x`, else 0."""
        found = self.line(f"and {self._whole} {x}, {self._integer(bit)}")
        way = 8 * self.target.size - bit.bit_length()
        return self.line(f"shl {self._whole} {found}, {self._integer(way)}")

    def flip_sign(self, x: str, signs: str) -> str:
        """Return numbers with their sign changed where the integers have a sign bit."""
        found = self.line(f"xor {self._whole} {self.bits(x)}, {signs}")
        return self.line(f"bitcast {self._whole} {found} to {self._vector}")

    def _integer(self, value: int) -> str:
        return f"splat (i{8 * self.target.size} {value})"

    # --- functions ---

    def intrinsic(self, name: str, *args: str) -> str:
        """Return `llvm.<name>` of numbers: exact, the same on every machine."""
        kind = self._vector
        symbol = f"llvm.{name}.{self.target.suffix}"
        self.declared.setdefault(
            symbol, f"declare {kind} @{symbol}({', '.join([kind] * len(args))})"
        )
        return self.called(symbol, *args)

    def call(self, name: str, *args: str) -> str:
        """Return a function of libm: the machine's vector function, or lane by lane."""
        symbol = self.target.vector_functions.get(name)
        if symbol is None:
            return self.lane_by_lane(name, *args)
        lanes, wide = self.target.lanes, self.target.wide
        full = f"<{wide} x {self.target.element}>"
        self.declared.setdefault(
            symbol, f"declare {full} @{symbol}({', '.join([full] * len(args))}) #0"
        )
        if lanes == wide:
            return self.called(symbol, *args)
        numbers = [self.number(a) for a in args]
        if lanes == 1:  # the same bits as in a full vector
            return self._sliced(self._part(symbol, numbers, ["0"] * wide), lanes)
        parts = [
            self._part(symbol, numbers, list(map(str, range(start, start + wide))))
            for start in range(0, lanes, wide)
        ]
        return self._joined(parts)

    def _part(self, symbol: str, args: Sequence[str], lanes: Sequence[str]) -> str:
        """Return a vector function of some lanes."""
        full = f"<{len(lanes)} x {self.target.element}>"
        picked = ", ".join(f"i32 {lane}" for lane in lanes)
        given = []
        for arg in args:
            both = f"{self._vector} {arg}, {self._vector} poison"
            name = self.line(f"shufflevector {both}, <{len(lanes)} x i32> <{picked}>")
            given.append(f"{full} {name}")
        return self.line(f"call {full} @{symbol}({', '.join(given)})")

    def _sliced(self, value: str, lanes: int) -> str:
        full = f"<{self.target.wide} x {self.target.element}>"
        picked = ", ".join(f"i32 {lane}" for lane in range(lanes))
        both = f"{full} {value}, {full} poison"
        return self.line(f"shufflevector {both}, <{lanes} x i32> <{picked}>")

    def _joined(self, parts: Sequence[str]) -> str:
        """Return vectors one behind the other; their number is a power of 2."""
        size = self.target.wide
        while len(parts) > 1:
            kind = f"<{size} x {self.target.element}>"
            picked = ", ".join(f"i32 {lane}" for lane in range(2 * size))
            parts = [
                self.line(f"shufflevector {kind} {x}, {kind} {y}, <{2 * size} x i32> <{picked}>")
                for x, y in zip(parts[::2], parts[1::2], strict=True)
            ]
            size *= 2
        return parts[0]

    def called(self, symbol: str, *args: str) -> str:
        """Return a function of the module, from vectors to a vector."""
        given = ", ".join(f"{self._vector} {self.number(a)}" for a in args)
        return self.line(f"call {self._vector} @{symbol}({given})")

    def called_for_two(self, symbol: str, arg: str) -> tuple[str, str]:
        """Return both values of a function of the module that gives a pair."""
        pair = f"{{ {self._vector}, {self._vector} }}"
        found = self.line(f"call {pair} @{symbol}({self._vector} {self.number(arg)})")
        first = self.line(f"extractvalue {pair} {found}, 0")
        return first, self.line(f"extractvalue {pair} {found}, 1")

    def lane_by_lane(self, name: str, *args: str) -> str:
        """Return libm's scalar function of each lane."""
        symbol = f"lanes.{name}"
        if symbol not in self.declared:
            self._lane_by_lane(symbol, name, len(args))
        return self.called(symbol, *args)

    def _lane_by_lane(self, symbol: str, name: str, count: int) -> None:
        """Write a helper that calls libm's scalar function for each lane."""
        target = self.target
        element, vector = target.element, target.vector
        scalar = name if target.double else f"{name}f"
        self.declared.setdefault(
            scalar, f"declare {element} @{scalar}({', '.join([element] * count)}) #0"
        )
        body, result = [], "poison"
        for lane in range(target.lanes):
            args = []
            for k in range(count):
                body.append(f"%a{lane}.{k} = extractelement {vector} %x{k}, i32 {lane}")
                args.append(f"{element} %a{lane}.{k}")
            body.append(f"%r{lane} = call {element} @{scalar}({', '.join(args)})")
            body.append(
                f"%s{lane} = insertelement {vector} {result}, {element} %r{lane}, i32 {lane}"
            )
            result = f"%s{lane}"
        head = ", ".join(f"{vector} %x{k}" for k in range(count))
        text = "\n  ".join(body)
        body_of = f"{{\n  {text}\n  ret {vector} {result}\n}}"
        self.declared[symbol] = f"define internal {vector} @{symbol}({head}) #0 {body_of}"
