"""Random programs: every backend against the plain loop over operations.

They hold what formulas seldom do: blocks and loops that hand operands through, outputs that are
inputs, constants or one another, scalars beside batches.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from sympy import Dummy, Rational

from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.backends import BACKENDS, installed
from symgrad.numeric.program import ITEM, Loop, Program, Step, with_liveness
from symgrad.rules import opaque
from symgrad.rules.table import GATES

INPUTS = [Dummy(f"x{k}") for k in range(5)]
NUMBERS = (
    *("add", "sub", "mul", "div", "neg", "sin", "exp", "max", "min", "abs", "relu", "pow", "sqrt"),
    *("sigmoid", "re", "stop_gradient", "indicator", "logsumexp", "sign", "heaviside", "where"),
)
TRUTHS = ("lt", "and")
NEAR = 12  # operands are among so many latest values, so that slots die and are used again
TURNS = {"numpy": 60, "llvm": 15, "c": 15, "torch": 15}  # JAX compiles for seconds


class Maker:
    """Makes a program, operation by operation."""

    def __init__(self, chance: random.Random, *, inner: bool = False) -> None:
        self.chance, self.inner = chance, inner
        self.inputs = INPUTS[: chance.randint(1, 5)]
        self.constants = [
            Rational(chance.randint(-4, 4), chance.randint(1, 3))
            for _ in range(chance.randint(0, 3))
        ]
        self.first = len(self.inputs) + len(self.constants)
        self.values, self.truths = list(range(self.first)), list[int]()
        self.steps: list[Step] = []

    def program(self) -> Program:
        for _ in range(self.chance.randint(1, 40)):
            if not self.inner and self.chance.random() < 0.1:
                self.bundle()
            else:
                self.operation()
        outputs = [self.chance.choice(self.values) for _ in range(self.chance.randint(1, 4))]
        return with_liveness(self.inputs, self.constants, self.steps, outputs)

    def append(self, gate: Any, args: tuple[int, ...], payload: Any = None) -> int:
        self.steps.append((gate, args, payload))
        return self.first + len(self.steps) - 1

    def value(self) -> int:
        return self.chance.choice(self.values[-NEAR:])

    def operation(self) -> None:
        name = self.chance.choice((*NUMBERS, *TRUTHS))
        gate = GATES.named(name)
        assert gate is not None
        least, most = gate.arity
        count = self.chance.randint(1, 3) if most is None else self.chance.choice((least, most))
        args = tuple(self.value() for _ in range(count))
        if name in ("and", "where") and not self.truths:
            return
        if name == "and":
            args = tuple(self.chance.choice(self.truths) for _ in args)
        elif name == "where":
            args = (self.chance.choice(self.truths), *args[1:])
        (self.truths if name in TRUTHS else self.values).append(self.append(gate, args))

    def bundle(self) -> None:
        body = Maker(self.chance, inner=True).program()
        args = tuple(self.value() for _ in body.inputs)
        rolled = len(body.outputs) <= len(body.inputs) and self.chance.random() < 0.5
        length = self.chance.randint(0, 3) if rolled else 1
        gate = opaque.SCAN if rolled else opaque.CALL
        whole = self.append(gate, args, Loop(body, length, rolled))
        self.values += [self.append(ITEM, (whole,), k) for k in range(len(body.outputs))]


@pytest.mark.parametrize("backend", [name for name in TURNS if name in installed()])
def test_random_programs_give_what_the_plain_loop_gives(backend: str) -> None:
    for seed in range(TURNS[backend]):
        chance, rng = random.Random(seed), np.random.default_rng(seed)
        made = Maker(chance).program()
        points = [rng.normal(size=chance.choice(((), (3000,), (3000,)))) for _ in made.inputs]
        given = [np.array(p) for p in points]
        with np.errstate(all="ignore"):
            expected = Floats().machine(made)([p[()] for p in given])
        found = BACKENDS[backend].build(made, dtype="float64")(given)

        for one, other in zip(points, given, strict=True):
            assert np.array_equal(one, other), f"seed {seed}: an input was written to"
        for one, other in zip(expected, found, strict=True):
            apart = ~np.isclose(one, other, rtol=1e-7, atol=1e-9, equal_nan=True)
            assert apart.mean() < 0.02, f"seed {seed}\n{made}"  # near jumps rounding decides
