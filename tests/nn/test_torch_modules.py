"""Weights go over from torch's own modules as they are, and give the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import nn

torch = pytest.importorskip("torch", reason="torch's modules are the oracle; symgrad[torch]")
CLOSE = 1e-12  # of numbers around 1

Case = tuple[Callable[[], Any], tuple[tuple[int, ...], ...], Callable[..., Any]]
MODULES: dict[str, Case] = {
    "Linear": (lambda: torch.nn.Linear(4, 3), ((5, 4),), nn.linear),
    "Embedding": (lambda: torch.nn.Embedding(7, 3), ((5,),), nn.embedding),
    "Conv2d": (
        lambda: torch.nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),
        ((2, 4, 7, 6),),
        lambda x, w, b: nn.conv(x, w, b, stride=2, padding=1, groups=2),
    ),
    "PReLU": (lambda: torch.nn.PReLU(3), ((2, 3, 4),), nn.prelu),
    "BatchNorm2d": (lambda: torch.nn.BatchNorm2d(3), ((4, 3, 2, 2),), nn.batch_norm),
    "LayerNorm": (lambda: torch.nn.LayerNorm(4), ((3, 4),), nn.layer_norm),
    "RNNCell": (
        lambda: torch.nn.RNNCell(4, 3),
        ((2, 4), (2, 3)),
        lambda x, h, *weights: nn.rnn_cell(h, x, *weights),
    ),
    "GRUCell": (
        lambda: torch.nn.GRUCell(4, 3),
        ((2, 4), (2, 3)),
        lambda x, h, *weights: nn.gru_cell(h, x, *weights),
    ),
    "RNN": (
        lambda: torch.nn.RNN(4, 3),
        ((5, 2, 4), (1, 2, 3)),
        lambda x, h, *weights: nn.rnn(x, h[0], *weights)[0],
    ),
    "GRU": (
        lambda: torch.nn.GRU(4, 3),
        ((5, 2, 4), (1, 2, 3)),
        lambda x, h, *weights: nn.gru(x, h[0], *weights)[0],
    ),
    "LSTM": (
        lambda: torch.nn.LSTM(4, 3),
        ((5, 2, 4),),
        lambda x, *weights: nn.lstm(x, sg.zeros((2, 3)), sg.zeros((2, 3)), *weights)[0],
    ),
    "MultiheadAttention": (
        lambda: torch.nn.MultiheadAttention(6, 2, batch_first=True),
        ((2, 3, 6), (2, 5, 6), (2, 5, 6)),
        lambda q, k, v, *weights: nn.multi_head_attention(q, k, v, 2, *weights),
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_of_torch_and_the_block_agree(name: str) -> None:
    make, shapes, block = MODULES[name]
    torch.manual_seed(0)
    module = make().double()
    rng = np.random.default_rng(1)
    whole = name == "Embedding"
    inputs = [rng.integers(0, 7, s) if whole else rng.normal(size=s) for s in shapes]
    made = module(*map(torch.tensor, inputs))
    expected = (made[0] if isinstance(made, tuple) else made).detach().numpy()

    values = {f"x{k}": np.asarray(v, float) for k, v in enumerate(inputs)}
    values |= {n.replace(".", "_"): p.detach().numpy() for n, p in module.named_parameters()}
    found = sg.evaluate(block(*(sg.tensor(n, *v.shape) for n, v in values.items())), values)

    np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE)
