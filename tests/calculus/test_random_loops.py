"""Loops over random bodies have the values and derivatives of the steps written out."""

from __future__ import annotations

import random
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg

nets = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("recurrent.py"))))
B, D, STEPS = 2, 3, 3
scale, level = sympy.symbols("scale level")
W = sg.tensor("W", "D", "D")


def grown(chance: random.Random, leaves: list[Any], depth: int) -> Any:
    """Return a random expression of the shape of its leaves."""
    if depth == 0:
        return chance.choice(leaves)
    a, b = (grown(chance, leaves, depth - 1) for _ in range(2))
    forms = [
        lambda: a + b,
        lambda: a * b,
        lambda: nets.tanh(a),
        lambda: a @ W,
        lambda: sg.where(a > b, a, b + 1),
        lambda: sg.softmax(a, axis=1),
        lambda: a * chance.choice([scale, level]),
        lambda: a - sg.mean(b, axis=1, keepdims=True),
        lambda: b @ (a.T @ a),
        lambda: sg.concat([a[:, 1:], b[:, :1]], axis=1),
        lambda: a * sg.sum(b),
        lambda: sg.max(a, axis=0, keepdims=True) + b,
        lambda: a / (1 + b**2),
        lambda: sg.map("sin", a) @ W.T,
    ]
    return chance.choice(forms)()


def problem(seed: int) -> tuple[Any, Any]:
    """Return a loss of a loop, and the same loss of the steps written out."""
    chance = random.Random(seed)
    carries = [sg.tensor(f"c{k}", "B", "D") for k in range(chance.randint(0, 2))]
    slices = [sg.tensor(f"x{k}", "B", "D") for k in range(chance.randint(1, 2))]
    leaves = carries + slices
    states = [nets.tanh(grown(chance, leaves, chance.randint(0, 3))) for _ in carries]
    if carries and seed % 3 == 0:
        states[0] = carries[0] + grown(chance, leaves[1:], 2) / 4
    states.append(sympy.sin(level) * scale + sg.sum(grown(chance, leaves, 1)) / 10)
    kept = [grown(chance, leaves, 2), sg.sum(grown(chance, leaves, 1))][: chance.randint(0, 2)]
    inputs = [*carries, level, *slices, W, scale]
    body = sg.block("body", inputs, [*states, *kept])
    starts = [sg.tensor(f"start{k}", B, D) for k in range(len(carries))]
    state: list[Any] = [*starts, sympy.Symbol("first")]
    data = [sg.tensor(f"data{k}", STEPS, B, D) for k in range(len(slices))]
    params = [sg.tensor("weights", D, D), sympy.Symbol("factor")]
    found = sg.scan(body, state, params, xs=data)
    stacks: list[list[Any]] = [[] for _ in kept]
    for t in range(STEPS):
        given = body(*state, *(x[t] for x in data), *params)
        given = given if isinstance(given, tuple) else (given,)
        state = list(given[: len(state)])
        for stack, value in zip(stacks, given[len(state) :], strict=True):
            stack.append(value)
    flat = [*state, *map(sg.stack, stacks)]
    return loss(found if isinstance(found, tuple) else (found,)), loss(flat)


def loss(values: Any) -> Any:
    """Return a scalar that reads all values."""
    parts = [
        sg.sum(sg.map("sin", v)) * (k + 1) if getattr(v, "shape", ()) else sympy.sin(v)
        for k, v in enumerate(values)
    ]
    return sum(parts, sympy.Integer(0))


def check(seed: int) -> None:
    """Compare values, gradients, runs and Hessian products."""
    rolled, flat = problem(seed)
    inputs = [s for s in sg.graph(rolled).inputs if sg.graph(flat).node(s) is not None]
    chance = np.random.default_rng(seed)
    at = {s: chance.normal(size=getattr(s, "shape", ())) for s in sg.graph(rolled).inputs}
    along = [chance.normal(size=np.shape(at[s])) for s in inputs]
    other = {s: at[s] for s in sg.graph(flat).inputs}
    a = sg.compile(rolled, list(at), wrt=inputs)(*at.values())
    b = sg.compile(flat, list(other), wrt=inputs)(*other.values())
    run = sg.run(rolled, {s: v if v.ndim else float(v) for s, v in at.items()})
    products = [
        sg.compile(f, list(p), wrt=inputs, returns="hvp")(*p.values(), *along)
        for f, p in ((rolled, at), (flat, other))
    ]

    np.testing.assert_allclose(a[0], b[0], rtol=1e-10)
    for symbol, left, right in zip(inputs, a[1], b[1], strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(run.grad[symbol], right, rtol=1e-8, atol=1e-10)
    for left, right in zip(*products, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", range(8))
def test_a_loop_over_a_random_body_is_the_steps_written_out(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8, 100))
def test_loops_over_many_random_bodies_are_the_steps_written_out(seed: int) -> None:
    check(seed)
