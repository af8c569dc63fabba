"""Tiers: code that is there at once, and better code of the same bits.

Unoptimised code of one vector at a time is compiled first. Optimised code works on several vectors
at a time where a program waits for its own results (sines in a chain); one point has a kernel of
its own, on plain numbers.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from symgrad.numeric import llvm_ir
from symgrad.numeric.llvm_call import Batch, Layout, Scratch, address, block_of, place
from symgrad.numeric.llvm_code import COMPILER, compiled, key, runner, stored
from symgrad.numeric.llvm_machine import Loaded, target
from symgrad.numeric.program import Program

LONGEST = 400  # operations of a function: values wait in memory between functions
SHORTER = 200  # of a large program: LLVM's time grows faster than their number
TOGETHER = 4  # vectors at a time where that hides waiting
WAVES = 0.05  # share of sines and cosines from which on it does
WIDEST = 5_000  # operations up to which it may, and functions may be long: code grows with it


@dataclass(frozen=True, slots=True)
class Options:
    """How a program is compiled and run.

    Parameters
    ----------
    threads : int
        Threads for large batches.
    cache : bool
        Whether compiled code is kept on disk.
    budget : float
        Seconds that compiling may take.
    """

    threads: int
    cache: bool
    budget: float


@lru_cache(maxsize=1)
def background() -> ThreadPoolExecutor:
    """Return the thread that compiles better code."""
    return ThreadPoolExecutor(1, COMPILER)


if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=background.cache_clear)


class Tier:
    """A kernel in memory, with its driver."""

    def __init__(
        self,
        codes: list[bytes],
        texts: tuple[str, ...],
        layout: Layout,
        lanes: int,
        options: Options,
        stats: dict[str, Any],
    ) -> None:
        self.texts, self.stats = texts, stats
        self.work: int = max(stats["operations"], 1)
        self.optimised = stats["tier"] == "optimised"
        self._loaded = Loaded(codes)
        self._driver = runner(lanes, double=layout.size == 8, optimised=self.optimised)
        self._layout = layout
        kernel, run = self._loaded.address("kernel"), self._driver.address("run")
        self.batch = Batch(run, kernel, layout, options.threads, self.work)

    def single(self) -> tuple[int, int, int, Any]:
        """Return the driver for one point, its context and memory, and what these belong to."""
        context = self.batch.context()
        scratch = Scratch(self._layout.bytes).take()
        owned = self, context, scratch
        return self._driver.address("single"), place(context), scratch[1], owned


class Vectors:
    """Kernels of a program on vectors.

    Parameters
    ----------
    program : Program
        What LLVM can spell, in order.
    options : Options
        How it is compiled.
    double : bool
        Whether numbers have 64 bits.
    """

    def __init__(self, program: Program, options: Options, *, double: bool) -> None:
        self._program, self._options, self._double = program, options, double
        self._values = len(program.inputs) + len(program.outputs) + program.stats["temporaries"]
        self._wide = target(double=double).wide
        self._code = self._written(self._wide)

    def _written(self, lanes: int) -> llvm_ir.Code:
        aim = target(double=self._double, lanes=lanes)
        block = self._block(lanes)
        return llvm_ir.write(self._program, aim, block=block, longest=self._longest)

    @property
    def _longest(self) -> int:
        return LONGEST if len(self._program.operations) <= WIDEST else SHORTER

    def _block(self, lanes: int) -> int:
        return block_of(self._values, 8 if self._double else 4, max(lanes, TOGETHER * self._wide))

    def _best_lanes(self) -> int:
        operations = self._program.operations
        waves = sum(op.gate.name in llvm_ir.WAVES for op in operations)
        chained = waves > WAVES * len(operations) and len(operations) <= WIDEST
        return self._wide * (TOGETHER if chained else 1)

    def _name(self, tier: str) -> str | None:
        """Return the key of a tier's code; None where nothing is kept."""
        if not self._options.cache:
            return None
        return key(tier, str(self._best_lanes()), *self._code.texts)

    def _stored(self, tier: str) -> list[bytes] | None:
        """Return a tier's code from disk; tiers are cut into the same pieces."""
        name = self._name(tier)
        return None if name is None else stored(name, len(self._code.texts))

    def _tier(self, codes: list[bytes], lanes: int, tier: str, *, cached: bool) -> Tier:
        counts, code = (len(self._program.inputs), len(self._program.outputs)), self._code
        layout = Layout(*counts, code.waiting, self._block(lanes), 8 if self._double else 4)
        stats = {
            "operations": len(self._program.operations),
            "functions": code.functions,
            "lanes": lanes,
            "block": layout.block,
            "tier": tier,
            "cached": cached,
        }
        return Tier(codes, code.texts, layout, lanes, self._options, stats)

    def kept(self) -> Tier | None:
        """Return the best kernel that is on disk, or None."""
        for tier, lanes in (("optimised", self._best_lanes()), ("quick", self._wide)):
            codes = self._stored(tier)
            if codes is not None:
                return self._tier(codes, lanes, tier, cached=True)
        return None

    def quick(self) -> Tier:
        """Compile without optimising."""
        codes = self._compiled(self._code, "quick", optimised=0)
        return self._tier(codes, self._wide, "quick", cached=False)

    def best(self) -> Tier:
        """Compile with optimising."""
        lanes = self._best_lanes()
        codes = self._compiled(self._written(lanes), "optimised", optimised=1)
        return self._tier(codes, lanes, "optimised", cached=False)

    def _compiled(self, code: llvm_ir.Code, tier: str, *, optimised: int) -> list[bytes]:
        budget = self._options.budget
        return compiled(code.texts, optimised=optimised, name=self._name(tier), budget=budget)

    # --- one point ---

    def kept_point(self) -> Point | None:
        """Return the kernel for one point that is on disk, or None."""
        codes = self._stored("point")
        return None if codes is None else Point(codes, self._code.waiting)

    def point(self) -> Point:
        """Compile the kernel for one point, on plain numbers."""
        aim = target(double=self._double, lanes=1)
        code = llvm_ir.write(self._program, aim, block=1, longest=self._longest, packed=True)
        return Point(self._compiled(code, "point", optimised=1), code.waiting)


class Point:
    """A kernel for one point, with memory for values that wait."""

    def __init__(self, codes: list[bytes], waiting: int) -> None:
        self._loaded = Loaded(codes)
        self._memory = np.zeros(waiting + 1)
        self.kernel = self._loaded.address("kernel")
        self.memory = address(self._memory)
