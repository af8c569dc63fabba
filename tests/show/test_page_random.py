"""Random formulas: the page's values and gradients are Python's, folded and unfolded."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.show.page_data import record
from symgrad.show.page_file import known_gates
from tests.show.page_node import needs_node, under_node

LEAVES = ("x", "y", "z", "x", "0.5", "2")
UNARY = (
    *("sin({})", "exp({})", "tanh({})", "sigmoid({})", "relu({})", "abs({})", "-({})"),
    *("1/(1 + exp(-({})))", "log(1 + exp({}))", "({})**2", "sqrt(1 + ({})**2)", "softplus({})"),
    *("atan({})", "gelu({})", "max({}, 0)", "leaky_relu({})", "elu({})", "({})/2", "3 - ({})"),
    *("2/(3 + ({})**2)", "erf({})", "swish({})", "floor({})", "log(1 + ({})**2)", "cbrt({})"),
    *("expm1({})", "stop_gradient({})"),
)
SEVERAL = (
    *("({}) + ({})", "({}) - ({})", "({})*({})", "({})/(2 + ({})**2)", "max({}, {})"),
    *("min({}, {})", "where(({}) > 0.1, {}, x)", "where(({}) <= ({}), y, z)"),
    *("hypot({}, 1 + ({})**2)", "atan2({}, 2 + ({})**2)", "logaddexp({}, {})"),
    *("(1 + ({})**2)**({})", "logsumexp({}, {}, 1)"),
)


def formula(draw: random.Random, depth: int) -> str:
    if depth <= 0:
        return draw.choice(LEAVES)
    if draw.random() < 0.5:
        return draw.choice(UNARY).format(formula(draw, depth - 1))
    shape = draw.choice(SEVERAL)
    return shape.format(*(formula(draw, depth - 1) for _ in range(shape.count("{}"))))


def number(entry: Any) -> float:
    return 0.0 if entry is None else float(entry)


def compare(count: int, seed: int) -> int:
    """Compare some formulas in three states of folding; return how many there were."""
    draw = random.Random(seed)
    tasks: list[list[Any]] = []
    expected: list[tuple[str, sg.Run]] = []
    for _ in range(count):
        text = formula(draw, draw.randint(2, 5))
        inputs = sg.graph(text).inputs
        if not inputs:
            continue
        at = {str(s): draw.uniform(-1.5, 1.5) for s in inputs}
        found = record(text, at, known=known_gates())
        assert found["refusal"] == "", text
        states: list[Any] = [None, [], list(range(len(found["groups"])))]
        tasks += [["compute", found, None, state] for state in states]
        expected += [(text, sg.run(text, at))] * 3
    for (text, run), answer, task in zip(expected, under_node(tasks), tasks, strict=True):
        overflows = bool(task[3])  # spelled out, `log(exp(x) + exp(y))` may be nan, as in IEEE
        nodes = {label: grad for label, _, grad in answer["nodes"]}
        pairs = [(float(run.output), number(answer["output"]))]
        pairs += [(float(run.grad[s]), number(nodes.get(str(s)))) for s in run.graph.inputs]
        for wanted, actual in pairs:
            if overflows and np.isnan(actual):
                continue
            np.testing.assert_allclose(actual, wanted, rtol=1e-9, atol=1e-11, err_msg=text)
    return len(tasks)


@needs_node
def test_random_formulas_have_pythons_gradients_on_their_page() -> None:
    assert compare(40, seed=11) > 100


@needs_node
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_many_random_formulas_have_pythons_gradients_on_their_page(seed: int) -> None:
    assert compare(120, seed) > 300
