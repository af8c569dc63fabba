"""Oracles in torch, written from the papers' formulas: its autograd gives their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch's own gradients are the oracle")
F = torch.nn.functional


def two_heads(x: Any, y: Any, W: Any, b: Any, U: Any, c: Any) -> Any:
    given = (t.transpose(0, 1) for t in (x, y, y))  # torch's function has time first
    size = x.shape[2]
    found, _ = F.multi_head_attention_forward(
        *given, size, 2, W, b, None, None, False, 0.0, U, c, need_weights=False
    )
    return found.transpose(0, 1)


# --- the Neural Turing Machine ---


def cosine(M: Any, k: Any) -> Any:
    """Equation 6, with 1e-8 added to both squared lengths."""
    row = M / ((M * M).sum(2, keepdim=True) + 1e-8).sqrt()
    return (row * (k / ((k * k).sum(1, keepdim=True) + 1e-8).sqrt())[:, None]).sum(2)


def shifted(w: Any, s: Any) -> Any:
    """Equation 8, place by place: out[i] is the sum of w[j]*s[i - j], with s[0] in the middle."""
    places, reach = w.shape[1], s.shape[1] // 2
    columns = []
    for i in range(places):
        column = 0
        for offset in range(-reach, reach + 1):
            column = column + w[:, (i - offset) % places] * s[:, offset + reach]
        columns.append(column)
    return torch.stack(columns, 1)


def addressed(M: Any, w: Any, k: Any, beta: Any, g: Any, s: Any, gamma: Any) -> Any:
    content = torch.softmax(beta * cosine(M, k), 1)
    power = shifted(g * content + (1 - g) * w, s) ** gamma
    return power / power.sum(1, keepdim=True)


def told(z: Any, width: int, shifts: int) -> tuple[Any, ...]:
    k, beta, g, s, gamma = z.split([width, 1, 1, shifts, 1], dim=1)
    return (
        torch.tanh(k), F.softplus(beta), torch.sigmoid(g), torch.softmax(s, 1),
        1 + F.softplus(gamma),
    )  # fmt: skip


def machine_step(state: Any, x: Any, p: Any) -> tuple[Any, ...]:
    """One step of the machine: controller, write, read, output."""
    seen = torch.cat([x, state.read], 1)
    if p.w_hh is None:
        h = c = torch.tanh(F.linear(seen, p.w_ih, p.b_ih))
    else:
        h, c = torch.lstm_cell(seen, (state.h, state.c), p.w_ih, p.w_hh, p.b_ih, p.b_hh)
    width = state.memory.shape[2]
    shifts = p.w_read.shape[0] - width - 3
    raw, erase, add = F.linear(h, p.w_write, p.b_write).split([width + 3 + shifts, width, width], 1)
    w = addressed(state.memory, state.write_weights, *told(raw, width, shifts))[:, :, None]
    memory = state.memory * (1 - w * torch.sigmoid(erase)[:, None]) + w * torch.tanh(add)[:, None]
    raw = F.linear(h, p.w_read, p.b_read)
    r = addressed(memory, state.read_weights, *told(raw, width, shifts))
    read = torch.einsum("bp,bpm->bm", r, memory)
    y = F.linear(torch.cat([h, read], 1), p.w_out, p.b_out)
    return memory, r, w[:, :, 0], read, *(() if p.w_hh is None else (h, c)), y


def machine(M: Any, r: Any, w: Any, read: Any, h: Any, c: Any, x: Any, *weights: Any) -> Any:
    from symgrad import nn  # for the names of the fields only

    state, parameters = nn.NTMState(M, r, w, read, h, c), nn.NTMParameters(*weights)
    return machine_step(state, x, parameters)


# --- running a row ---

NAMES = {"torch": torch, "F": F, "two_heads": two_heads, "cosine": cosine, "shifted": shifted,
         "addressed": addressed, "told": told, "machine": machine}  # fmt: skip


def leaves(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as tensors in float64 that gradients are kept of."""
    return {
        name: torch.tensor(np.asarray(value, float), dtype=torch.float64, requires_grad=True)
        for name, value in values.items()
    }


def value_and_gradients(
    text: str, values: dict[str, Any], cotangents: list[Any], by: list[str]
) -> tuple[list[Any], list[Any]]:
    """Return the outputs of a row's text, and the gradients of their sum by the cotangents."""
    given = leaves(values)
    made = eval(text, NAMES, given)
    outputs = made if isinstance(made, tuple) else (made,)
    total = sum(
        (o * torch.tensor(g, dtype=torch.float64)).sum()
        for o, g in zip(outputs, cotangents, strict=True)
    )
    found = torch.autograd.grad(total, [given[name] for name in by])
    return [o.detach().numpy() for o in outputs], [g.numpy() for g in found]
