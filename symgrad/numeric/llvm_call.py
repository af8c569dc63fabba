"""Calling compiled code on arrays: descriptors, scratch memory, blocks, threads.

Arrays are read and written where they are, whatever their strides; ctypes releases the GIL, so
threads compute at the same time. Blocks do not depend on threads, and no number on blocks.
"""

from __future__ import annotations

import ctypes
import math
from _thread import LockType, allocate_lock, start_new_thread
from array import array as integers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.numeric.packing import Core

CACHE = 1 << 21  # bytes that a block may take: a core's second cache
LARGE = 1 << 23  # bytes of results from which on they do not pass through caches
MOST = 256  # points of a block; more of them gain nothing
LINE = 64  # bytes that memory is fetched by
SHARES = 4  # pieces that a thread computes of a batch, about
BUSY = 400_000  # operations on points below which a second thread costs more than it gives

Array = Any
RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in the scratch memory of a thread, in bytes.

    Parameters
    ----------
    inputs, outputs, waiting : int
        How many values of each there are.
    block : int
        Points of a block.
    size : int
        Bytes of a number.
    """

    inputs: int
    outputs: int
    waiting: int
    block: int
    size: int

    @property
    def places(self) -> tuple[int, int, int, int]:
        """Where the table of outputs, copies of inputs and outputs, and waiting values begin."""
        row = self.block * self.size
        table = _lines(16 * self.inputs)
        copies = table + _lines(8 * self.outputs)
        results = copies + _lines(row * self.inputs)
        return table, copies, results, results + _lines(row * self.outputs)

    @property
    def bytes(self) -> int:
        """How much scratch memory a thread needs."""
        return self.places[3] + _lines(self.block * self.size * self.waiting) + LINE


def _lines(count: int) -> int:
    return (count + LINE - 1) // LINE * LINE


def block_of(values: int, size: int, lanes: int) -> int:
    """Return how many points of `values` numbers each make a block: a power of 2."""
    fit = max(CACHE // max(values * size, 1), 1)
    return max(lanes, min(MOST, 1 << (fit.bit_length() - 1)))


class Scratch:
    """Memory that threads borrow."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._spare: list[tuple[Array, int]] = []

    def take(self) -> tuple[Array, int]:
        """Return memory and its address, a multiple of 64."""
        try:
            return self._spare.pop()
        except IndexError:
            memory = np.empty(self._size + LINE, np.uint8)
            return memory, _lines(memory.ctypes.data)

    def give(self, taken: tuple[Array, int]) -> None:
        """Give memory back."""
        self._spare.append(taken)


def address(array: Array) -> int:
    """Return where an array begins."""
    found: int = array.__array_interface__["data"][0]
    return found


def words(values: Sequence[int] = ()) -> Any:
    """Return 64-bit integers in memory that code reads."""
    return integers("q", values)


def place(numbers: Any) -> int:
    """Return where integers begin; they must not grow afterwards."""
    found: int = numbers.buffer_info()[0]
    return found


class Descriptors:
    """Addresses and strides of arrays that broadcast to one shape.

    Parameters
    ----------
    groups : sequence of (array, core)
        Arrays, and the shape of the slots that each packs in its last axes.
    shape : tuple of int
        What the other axes broadcast to.
    """

    def __init__(self, groups: Sequence[tuple[Array, Core]], shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._grids: list[Any] = []
        self._groups = groups  # kept alive
        self._words = words()
        for array, core in groups:
            own, strides = array.ndim - len(core), array.strides
            one = self._described(array, array.shape[:own], strides[:own])
            if core:
                self._words.frombytes(_slots(one, core, strides[own:]).tobytes())
            else:
                self._words.extend(one)
        self.address = place(self._words)

    def _described(
        self, array: Array, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> tuple[int, int, int]:
        if len(strides) == 1 and shape == self._shape:
            return address(array), strides[0], 0
        if not strides:
            return address(array), 0, 0
        return (address(array), *self._steps(shape, strides))

    def _steps(self, shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, int]:
        """Return stride and grid: axes that follow one another in memory are one axis."""
        axes: list[tuple[int, int]] = []
        missing = len(self._shape) - len(shape)
        own = [(1, 0)] * missing + list(zip(shape, strides, strict=True))
        for size, (given, stride) in zip(reversed(self._shape), reversed(own), strict=True):
            step = stride if given != 1 else 0
            if size == 1:
                continue
            if axes and step == axes[-1][0] * axes[-1][1]:
                axes[-1] = (axes[-1][0] * size, axes[-1][1])
            else:
                axes.append((size, step))
        if len(axes) <= 1:
            return (axes[0][1] if axes else 0), 0
        grid = words([len(axes), *(word for axis in axes for word in axis)])
        self._grids.append(grid)
        return 0, place(grid)


def _slots(one: tuple[int, int, int], core: Core, strides: Sequence[int]) -> Array:
    """Return the descriptors of packed slots, from that of the first."""
    starts: Array = np.int64(one[0])
    for size, stride in zip(core, strides, strict=True):
        starts = np.add.outer(starts, stride * np.arange(size))
    found = np.empty((starts.size, 3), np.int64)
    found[:, 0], found[:, 1:] = starts.ravel(), one[1:]
    return found


class Batch:
    """The driver of a program: computes points of arrays, block by block.

    Parameters
    ----------
    run, kernel : int
        Addresses of the driver and of the program's kernel.
    layout : Layout
        Of the scratch memory.
    threads : int
        Threads at most.
    work : int
        Operations a point.
    """

    def __init__(self, run: int, kernel: int, layout: Layout, threads: int, work: int) -> None:
        self._run = RUN(run)
        self._kernel = kernel
        self._layout = layout
        self._places = layout.places
        self._threads = threads
        self._work = work
        self._scratch = Scratch(layout.bytes)

    def context(self, sources: int = 0, sinks: int = 0, *, streams: bool = False) -> Any:
        """Return the words that the driver reads; tables of descriptors by their addresses."""
        layout = self._layout
        first = [self._kernel, layout.inputs, layout.outputs, layout.block, sources, sinks]
        return words([*first, *self._places, streams])

    def __call__(self, sources: Descriptors, sinks: Descriptors, count: int) -> None:
        """Compute `count` points."""
        streams = count * self._layout.outputs * self._layout.size > LARGE
        context = self.context(sources.address, sinks.address, streams=streams)
        self._spread(place(context), count)

    def _spread(self, context: int, count: int) -> None:
        blocks = -(-count // self._layout.block)
        threads = min(self._threads, blocks, 1 + count * self._work // BUSY)
        if threads <= 1:
            self._compute(context, [(0, count)])
            return
        step = self._layout.block * max(1, blocks // (SHARES * threads))
        pieces = [(b, min(b + step, count)) for b in range(0, count, step)][::-1]
        helpers = [self._helper(context, pieces) for _ in range(threads - 1)]
        try:
            self._compute(context, pieces)
        finally:
            pieces.clear()
            for helper in helpers:
                helper.acquire()

    def _helper(self, context: int, pieces: list[tuple[int, int]]) -> LockType:
        """Start a thread; return the lock that it opens when it ends.

        A `Thread` is waited for until it runs, which takes as long as hundreds of points.
        """
        ended = allocate_lock()
        ended.acquire()

        def compute() -> None:
            try:
                self._compute(context, pieces)
            finally:
                ended.release()

        start_new_thread(compute, ())
        return ended

    def _compute(self, context: int, pieces: list[tuple[int, int]]) -> None:
        """Compute pieces until none is left; taking one is atomic."""
        taken = self._scratch.take()
        try:
            while pieces:
                try:
                    begin, end = pieces.pop()
                except IndexError:
                    return
                self._run(context, taken[1], begin, end)
        finally:
            self._scratch.give(taken)


def points_of(shape: tuple[int, ...]) -> int:
    """Return how many points a shape has."""
    return math.prod(shape)
