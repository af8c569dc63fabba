"""The same networks written again for torch, by hand and without symgrad: oracles of the tests.

Parameters arrive as dictionaries of tensors; what is returned is a loss, differentiated by torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]


def torch_slopes(
    torch: Any, loss: Callable[[dict[str, Any]], Any], given: Arrays
) -> tuple[float, dict[str, np.ndarray]]:
    """Return a loss and torch's gradient of it by each parameter."""
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in given.items()}
    value = loss(leaves)
    value.backward()
    return value.item(), {name: leaf.grad.numpy() for name, leaf in leaves.items()}


def farthest(actual: Arrays, expected: Arrays) -> tuple[float, str]:
    """Return the largest relative distance of two gradients, by norms, and where it is."""
    assert set(actual) == set(expected)
    gaps = {
        name: float(np.linalg.norm(actual[name] - right) / np.linalg.norm(right))
        for name, right in expected.items()
    }
    worst = max(gaps, key=lambda name: gaps[name])
    return gaps[worst], worst


# --- AlexNet ---


def alexnet_loss(torch: Any, p: Mapping[str, Any], x: Any, y: Any, groups: int, masks: Any) -> Any:
    """Return the data loss of AlexNet in the order of the lecture: pooling, then normalisation."""
    f = torch.nn.functional
    h = f.relu(f.conv2d(x, p["W1"], p["b1"], stride=4))
    h = f.local_response_norm(f.max_pool2d(h, 3, 2), 5, alpha=5e-4, beta=0.75, k=2.0)
    h = f.relu(f.conv2d(h, p["W2"], p["b2"], padding=2, groups=groups))
    h = f.local_response_norm(f.max_pool2d(h, 3, 2), 5, alpha=5e-4, beta=0.75, k=2.0)
    h = f.relu(f.conv2d(h, p["W3"], p["b3"], padding=1))
    h = f.relu(f.conv2d(h, p["W4"], p["b4"], padding=1, groups=groups))
    h = f.relu(f.conv2d(h, p["W5"], p["b5"], padding=1, groups=groups))
    h = f.max_pool2d(h, 3, 2).flatten(1)
    h = f.relu(f.linear(h, p["W6"], p["b6"])) * masks[0]
    h = f.relu(f.linear(h, p["W7"], p["b7"])) * masks[1]
    return f.cross_entropy(f.linear(h, p["W8"], p["b8"]), y)


# --- recurrent networks: torch's own cells ---


def recurrent_loss(torch: Any, kind: str, given: Arrays, xs: Any, targets: Any) -> Any:
    """Return the loss and slopes of a recurrent layer of torch, in torch's names of weights.

    The loss is half the mean square of what all hidden states miss of `targets`.
    """
    hidden, width = given["weight_hh_l0"].shape[1], given["weight_ih_l0"].shape[1]
    layer = getattr(torch.nn, kind)(width, hidden).double()
    with torch.no_grad():
        for name, value in given.items():
            getattr(layer, name).copy_(torch.tensor(value))
    states, _ = layer(torch.tensor(xs))
    loss = ((states - torch.tensor(targets)) ** 2).mean() / 2
    loss.backward()
    return loss.item(), {name: getattr(layer, name).grad.numpy() for name in given}


def torch_lstm(torch: Any, weights: Any, xs: Any) -> Any:
    """Return the states of an LSTM after each step, by a loop."""
    w_ih, w_hh, b_ih, b_hh = weights
    h = c = xs.new_zeros(xs.shape[1], w_hh.shape[1])
    states = []
    for x in xs:
        i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b_ih + b_hh).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states)


# --- the Neural Turing Machine ---


def address(torch: Any, told: Any, memory: Any, before: Any) -> Any:
    """Return where a head looks, `(B, N)`, from what the controller tells it."""
    f, width = torch.nn.functional, memory.shape[2]
    key = torch.tanh(told[:, :width])
    strength, gate = f.softplus(told[:, width]), torch.sigmoid(told[:, width + 1])
    shift = torch.softmax(told[:, width + 2 : width + 5], 1)
    sharpness = 1 + f.softplus(told[:, width + 5])
    lengths = ((key**2).sum(1)[:, None] + 1e-8) * ((memory**2).sum(2) + 1e-8)
    likeness = torch.einsum("bm,bnm->bn", key, memory) / torch.sqrt(lengths)
    content = torch.softmax(strength[:, None] * likeness, 1)
    mixed = gate[:, None] * content + (1 - gate)[:, None] * before
    moved = sum(shift[:, k : k + 1] * torch.roll(mixed, k - 1, 1) for k in range(3))
    sharp = (moved + 1e-16) ** sharpness[:, None]
    return sharp / sharp.sum(1, keepdim=True)


def controlled(torch: Any, p: Mapping[str, Any], seen: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """Return the state of an LSTM (gates i, f, g, o) if there are recurrent weights, or a layer."""
    from_input = seen @ p["w_ih"].T + p["b_ih"]
    if "w_hh" not in p:
        return torch.tanh(from_input), c
    i, f, g, o = (from_input + h @ p["w_hh"].T + p["b_hh"]).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def turing_scores(torch: Any, p: Mapping[str, Any], xs: Any, places: int) -> tuple[Any, Any, Any]:
    """Return the scores of each step, and where the read and the write head look."""
    batch, hidden = xs.shape[1], p["w_read"].shape[1]
    width = p["w_out"].shape[1] - hidden
    memory = torch.full((batch, places, width), 1e-2, dtype=xs.dtype)
    reading = torch.nn.functional.one_hot(torch.zeros(batch, dtype=int), places).to(xs)
    writing, read = reading, torch.zeros(batch, width).to(xs)
    h = c = torch.zeros(batch, hidden).to(xs)
    steps = []
    for x in xs:
        h, c = controlled(torch, p, torch.cat([x, read], 1), h, c)
        told = h @ p["w_write"].T + p["b_write"]
        writing = address(torch, told, memory, writing)
        erase, add = torch.sigmoid(told[:, -2 * width : -width]), torch.tanh(told[:, -width:])
        at = writing[:, :, None]
        memory = memory * (1 - at * erase[:, None]) + at * add[:, None]
        reading = address(torch, h @ p["w_read"].T + p["b_read"], memory, reading)
        read = (reading[:, :, None] * memory).sum(1)
        score = torch.cat([h, read], 1) @ p["w_out"].T + p["b_out"]
        steps.append((score, reading, writing))
    scores, readings, writings = (torch.stack(list(part)) for part in zip(*steps, strict=True))
    return scores, readings, writings


def turing_loss(torch: Any, p: Mapping[str, Any], xs: Any, told: Any, places: int) -> Any:
    """Return the mean cross-entropy of the bits that a machine writes in its last steps."""
    scores, _, _ = turing_scores(torch, p, xs, places)
    answered = scores[-len(told) :]
    return torch.nn.functional.binary_cross_entropy_with_logits(answered, told)


# --- recurrent networks: loops written for JAX ---


def jax_recurrent_loss(jax: Any, kind: str, p: Any, xs: Any, targets: Any) -> Any:
    """Return the loss of a recurrent layer, by a `lax.scan`."""
    jnp, size, sigmoid = jax.numpy, p["w_hh"].shape[1], jax.nn.sigmoid

    def step(state: Any, x: Any) -> Any:
        h, c = state
        a, b = x @ p["w_ih"].T + p["b_ih"], h @ p["w_hh"].T + p["b_hh"]
        if kind == "RNN":
            h = jnp.tanh(a + b)
        elif kind == "GRU":
            r, z = sigmoid(a[:, :size] + b[:, :size]), sigmoid((a + b)[:, size : 2 * size])
            h = (1 - z) * jnp.tanh(a[:, 2 * size :] + r * b[:, 2 * size :]) + z * h
        else:
            i, f, g, o = jnp.split(a + b, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
            h = sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zeros = jnp.zeros((xs.shape[1], size), xs.dtype)
    _, states = jax.lax.scan(step, (zeros, zeros), xs)
    return jnp.mean((states - targets) ** 2) / 2


def jax_recurrent(jax: Any, kind: str, given: Arrays, xs: Any, targets: Any) -> Any:
    """Return the loss and slopes of a recurrent layer, by `jax.grad`."""
    weights = {name: jax.numpy.asarray(w) for name, w in given.items()}
    value, slopes = jax.value_and_grad(lambda p: jax_recurrent_loss(jax, kind, p, xs, targets))(
        weights
    )
    return float(value), {name: np.asarray(slope) for name, slope in slopes.items()}


# --- AlexNet for JAX ---


def jax_alexnet_loss(jax: Any, p: Any, x: Any, y: Any, groups: int, masks: Any) -> Any:
    """Return the data loss of AlexNet, written for JAX."""
    lax, jnp = jax.lax, jax.numpy

    def conv(h: Any, k: int, stride: int, pad: int, parts: int) -> Any:
        z = lax.conv_general_dilated(
            h, p[f"W{k}"], (stride, stride), [(pad, pad)] * 2, feature_group_count=parts
        )
        return jnp.maximum(z + p[f"b{k}"][:, None, None], 0)

    def pool(h: Any) -> Any:
        return lax.reduce_window(h, -np.inf, lax.max, (1, 1, 3, 3), (1, 1, 2, 2), "VALID")

    def norm(h: Any) -> Any:
        window = ((0, 0), (2, 2), (0, 0), (0, 0))
        total = lax.reduce_window(h * h, 0.0, lax.add, (1, 5, 1, 1), (1, 1, 1, 1), window)
        return h / (2 + 5e-4 / 5 * total) ** 0.75

    h = norm(pool(conv(x, 1, 4, 0, 1)))
    h = norm(pool(conv(h, 2, 1, 2, groups)))
    h = conv(conv(conv(h, 3, 1, 1, 1), 4, 1, 1, groups), 5, 1, 1, groups)
    h = pool(h).reshape(len(x), -1)
    h = jnp.maximum(h @ p["W6"].T + p["b6"], 0) * masks[0]
    h = jnp.maximum(h @ p["W7"].T + p["b7"], 0) * masks[1]
    scores = h @ p["W8"].T + p["b8"]
    return -jnp.mean(jax.nn.log_softmax(scores)[jnp.arange(len(x)), y])
