"""The table of building blocks: each with its shapes, its oracle in torch, and where it is from.

A row's `call` is run as it is printed, on tensors whose sizes are letters; `torch` is the same in
torch, whose autograd is the oracle. `parts` name inner values, so that their gradients are called
by name. The table is the test list, and `python -m tests.nn.page` writes `docs/building-blocks.md`
from it; every gradient on that page is derived.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import sympy

import symgrad as sg
from symgrad import nn

NONE: Mapping[str, str] = MappingProxyType({})
# What letters are in checks: all different where they meet, so that no transpose is forgotten.
SIZES = {
    **{"N": 3, "n": 4, "m": 5, "C": 4, "H": 4, "W": 5, "O": 6, "V": 7, "E": 6},
    **{"T": 3, "S": 4, "d": 2, "v": 5, "B": 2, "P": 6, "D": 4},
}


class Block(NamedTuple):
    """A building block."""

    name: str
    call: str
    shapes: Mapping[str, str]  # sizes, with blanks between them; "" is a number
    by: str  # what it is differentiated by
    torch: str
    draw: Mapping[str, str] = NONE  # how values are drawn, if not freely
    parts: Mapping[str, str] = NONE
    source: str = ""


def size(text: str) -> Any:
    """Return a size: `3`, `H`, `4H` or `n+M`."""
    terms = (re.fullmatch(r"(\d*)([A-Za-z]?)", term) for term in text.split("+"))
    return sum(
        int(t[1] or 1) * (sympy.Symbol(t[2], integer=True, positive=True) if t[2] else 1)
        for t in terms
        if t is not None
    )


def sizes_of(text: str) -> tuple[Any, ...]:
    return tuple(size(word) for word in text.split())


def numbers_of(text: str) -> tuple[int, ...]:
    letters = {sympy.Symbol(k, integer=True, positive=True): v for k, v in SIZES.items()}
    return tuple(int(sympy.sympify(n).subs(letters)) for n in sizes_of(text))


def tensors(block: Block) -> dict[str, Any]:
    """Return the variables of a block, by name."""
    return {name: sg.tensor(name, *sizes_of(text)) for name, text in block.shapes.items()}


def built(block: Block) -> tuple[Any, ...]:
    """Return the outputs of a block on its variables."""
    return flat(eval(block.call, {"nn": nn, "sg": sg}, tensors(block)))


def flat(made: Any) -> tuple[Any, ...]:
    """Return what tuples in tuples hold."""
    if not isinstance(made, tuple):
        return (made,) if made is not None else ()
    return tuple(inner for part in made for inner in flat(part))


def upstream(block: Block) -> list[str]:
    """Return what the gradients are called that come from behind a block."""
    outputs = built(block)
    if len(outputs) == 1:
        return ["dout"] if getattr(outputs[0], "shape", ()) else [""]
    return [f"up{k}" for k in range(len(outputs))]


def loss(block: Block) -> Any:
    """Return a scalar whose gradients are those of the block, given what comes from behind."""
    total: Any = 0
    for name, output in zip(upstream(block), built(block), strict=True):
        shape = getattr(output, "shape", ())
        total = total + (sg.sum(sg.tensor(name, *shape) * output) if name else output)
    return total


# --- the table ---

ROWS = {"x": "N n", "W": "n m", "b": "m"}
IMAGES = {"x": "N C H W"}
CELL = {"h": "N H", "x": "N n"}
SCORES = {"scores": "N C", "labels": "N"}
CLASSES = {"labels": "class C"}
HEADS = {"Q": "T d", "K": "S d", "V": "S v"}

ACTIVATIONS = (
    Block("sigmoid", "nn.sigmoid(x)", {"x": "n"}, "x", "torch.sigmoid(x)"),
    Block("tanh", "nn.tanh(x)", {"x": "n"}, "x", "torch.tanh(x)"),
    Block("ReLU", "nn.relu(x)", {"x": "n"}, "x", "F.relu(x)", source="Nair & Hinton 2010"),
    Block("leaky ReLU", "nn.leaky_relu(x)", {"x": "n"}, "x", "F.leaky_relu(x)",
          source="Maas et al. 2013"),
    Block("PReLU, a slope a channel", "nn.prelu(x, a)", {**IMAGES, "a": "C"}, "x a",
          "F.prelu(x, a)",
          source="He et al. 2015, eq. 1"),
    Block("maxout", "nn.maxout(nn.affine(x, V, b), nn.affine(x, W, c))",
          {"x": "N n", "V": "n m", "b": "m", "W": "n m", "c": "m"}, "x V W b c",
          "torch.maximum(x @ V + b, x @ W + c)", source="Goodfellow et al. 2013"),
    Block("ELU", "nn.elu(x, a)", {"x": "n", "a": ""}, "x a",
          "torch.where(x > 0, x, a*torch.expm1(x))", draw={"a": "positive"},
          source="Clevert et al. 2016, eq. 15"),
    Block("SELU", "nn.selu(x)", {"x": "n"}, "x", "F.selu(x)",
          source="Klambauer et al. 2017, eq. 2"),
    Block("softplus", "nn.softplus(x)", {"x": "n"}, "x", "F.softplus(x)",
          source="Dugas et al. 2001"),
    Block("GELU", "nn.gelu(x)", {"x": "n"}, "x", "F.gelu(x)",
          source="Hendrycks & Gimpel 2016"),
    Block("GELU by tanh", 'nn.gelu(x, "tanh")', {"x": "n"}, "x", 'F.gelu(x, approximate="tanh")',
          source="Hendrycks & Gimpel 2016"),
    Block("swish, SiLU", "nn.swish(x)", {"x": "n"}, "x", "F.silu(x)",
          source="Ramachandran et al. 2017"),
)  # fmt: skip

LAYERS = (
    Block("affine", "nn.affine(x, W, b)", ROWS, "x W b", "x @ W + b"),
    Block("linear, torch's weights", "nn.linear(x, W, b)", {**ROWS, "W": "m n"}, "x W b",
          "F.linear(x, W, b)"),
    Block("flatten", "nn.flatten(x)", IMAGES, "x", "x.flatten(1)"),
    Block("embedding", "nn.embedding(words, E)", {"words": "N T", "E": "V d"}, "E",
          "F.embedding(words.long(), E)", draw={"words": "class V"}),
    Block("dropout, mask given", "nn.dropout(x, mask, p)", {"x": "N n", "mask": "N n", "p": ""},
          "x", "x*mask/(1 - p)", draw={"mask": "mask", "p": "probability"},
          source="Srivastava et al. 2014"),
    Block("convolution", "nn.conv(x, w, b, stride=2, padding=1)",
          {**IMAGES, "w": "O C 3 3", "b": "O"}, "x w b", "F.conv2d(x, w, b, stride=2, padding=1)",
          source="LeCun et al. 1998"),
    Block("convolution in two groups", "nn.conv(x, w, b, padding=1, groups=2)",
          {"x": "N 4 H W", "w": "O 2 3 3", "b": "O"}, "x w b",
          "F.conv2d(x, w, b, padding=1, groups=2)", source="Krizhevsky et al. 2012"),
    Block("maximum pooling", "nn.max_pool(x, 3, stride=2)", IMAGES, "x",
          "F.max_pool2d(x, 3, stride=2)"),
    Block("average pooling", "nn.avg_pool(x, 2)", IMAGES, "x", "F.avg_pool2d(x, 2)"),
)  # fmt: skip

NORMALISATION = (
    Block("local response normalisation", "nn.local_response_norm(x, 3, alpha=0.5)", IMAGES, "x",
          "F.local_response_norm(x, 3, alpha=0.5)", source="Krizhevsky et al. 2012, sec. 3.3"),
    Block("batch normalisation", "nn.batch_norm(x, gamma, beta)",
          {"x": "N n", "gamma": "n", "beta": "n"}, "x gamma beta",
          "F.batch_norm(x, None, None, gamma, beta, training=True)",
          source="Ioffe & Szegedy 2015, alg. 1"),
    Block("batch normalisation of images", "nn.batch_norm(x, gamma, beta)",
          {**IMAGES, "gamma": "C", "beta": "C"}, "x gamma beta",
          "F.batch_norm(x, None, None, gamma, beta, training=True)",
          source="Ioffe & Szegedy 2015, sec. 3.2"),
    Block("batch normalisation with running statistics",
          "nn.batch_norm(x, gamma, beta, running_mean=mu, running_var=s2)",
          {"x": "N n", "gamma": "n", "beta": "n", "mu": "n", "s2": "n"}, "x gamma beta",
          "F.batch_norm(x, mu.detach(), s2.detach(), gamma, beta)", draw={"s2": "positive"},
          source="Ioffe & Szegedy 2015, alg. 2"),
    Block("layer normalisation", "nn.layer_norm(x, gamma, beta)",
          {"x": "N n", "gamma": "n", "beta": "n"}, "x gamma beta",
          "F.layer_norm(x, x.shape[1:], gamma, beta)", source="Ba et al. 2016, eq. 3"),
)  # fmt: skip

LOSSES = (
    Block("SVM hinge", "nn.hinge(scores, labels)", SCORES, "scores",
          "F.multi_margin_loss(scores, labels.long())*scores.shape[1]", draw=CLASSES,
          source="Weston & Watkins 1999"),
    Block("SVM hinge, one-hot labels, margin given",
          'nn.hinge(scores, Y, delta=delta, reduction="sum")',
          {"scores": "N C", "Y": "N C", "delta": ""}, "scores delta",
          "((1 - Y)*F.relu(scores - (Y*scores).sum(1, keepdim=True) + delta)).sum()",
          draw={"Y": "onehot", "delta": "positive"}, source="Weston & Watkins 1999"),
    Block("softmax cross-entropy", "nn.cross_entropy(scores, labels)", SCORES, "scores",
          "F.cross_entropy(scores, labels.long())", draw=CLASSES, source="Bishop 2006, eq. 4.108"),
    Block("softmax cross-entropy of probabilities", "nn.cross_entropy(scores, Y)",
          {"scores": "N C", "Y": "N C"}, "scores", "F.cross_entropy(scores, Y)",
          draw={"Y": "distribution"}, source="Bishop 2006, eq. 4.108"),
    Block("softmax classifier", "nn.cross_entropy(nn.affine(x, W, b), labels)",
          {"x": "N n", "W": "n C", "b": "C", "labels": "N"}, "W b x",
          "F.cross_entropy(x @ W + b, labels.long())", draw=CLASSES,
          source="Bishop 2006, eq. 4.109"),
    Block("binary cross-entropy of logits", "nn.binary_cross_entropy_with_logits(z, t)",
          {"z": "N", "t": "N"}, "z", "F.binary_cross_entropy_with_logits(z, t)",
          draw={"t": "probability"}, source="Bishop 2006, eq. 4.90"),
    Block("binary cross-entropy of probabilities", "nn.binary_cross_entropy(p, t)",
          {"p": "N", "t": "N"}, "p", "F.binary_cross_entropy(p, t)",
          draw={"p": "probability", "t": "probability"}, source="Bishop 2006, eq. 4.90"),
    Block("squared error, mean", "nn.squared_error(y, t)", {"y": "N m", "t": "N m"}, "y",
          "F.mse_loss(y, t)"),
    Block("squared error, sum", 'nn.squared_error(y, t, reduction="sum")',
          {"y": "N m", "t": "N m"}, "y", 'F.mse_loss(y, t, reduction="sum")'),
    Block("L2 penalty", "lam*nn.l2(W, V)", {"lam": "", "W": "n m", "V": "m C"}, "W V lam",
          "lam*((W**2).sum() + (V**2).sum())/2"),
    Block("L2 penalty without its half", "lam*nn.l2(W, half=False)", {"lam": "", "W": "n m"}, "W",
          "lam*(W**2).sum()"),
    Block("L1 penalty", "lam*nn.l1(W)", {"lam": "", "W": "n m"}, "W", "lam*W.abs().sum()"),
)  # fmt: skip

GATES = "nn.linear(x, U, b) + nn.linear(h, V, c)"
RECURRENT = (
    Block("RNN cell", "nn.rnn_cell(h, x, U, V, b, c)",
          {**CELL, "U": "H n", "V": "H H", "b": "H", "c": "H"}, "h x U V b c",
          "torch.rnn_tanh_cell(x, h, U, V, b, c)", parts={"out": "nn.rnn_cell(h, x, U, V, b, c)"},
          source="Elman 1990"),
    Block("RNN cell with ReLU", 'nn.rnn_cell(h, x, U, V, nonlinearity="relu")',
          {**CELL, "U": "H n", "V": "H H"}, "h x U V", "torch.rnn_relu_cell(x, h, U, V)",
          source="Le et al. 2015"),
    Block("LSTM cell", "nn.lstm_cell(h, k, x, U, V, b, c)",
          {**CELL, "k": "N H", "U": "4H n", "V": "4H H", "b": "4H", "c": "4H"}, "h k x U V b c",
          "torch.lstm_cell(x, (h, k), U, V, b, c)",
          parts={"a": GATES, "i": "nn.sigmoid(a[:, :H])", "f": "nn.sigmoid(a[:, H:2*H])",
                 "g": "nn.tanh(a[:, 2*H:3*H])", "o": "nn.sigmoid(a[:, 3*H:])",
                 "kept": "f*k + i*g"},
          source="Hochreiter & Schmidhuber 1997; Gers et al. 2000"),
    Block("GRU cell", "nn.gru_cell(h, x, U, V, b, c)",
          {**CELL, "U": "3H n", "V": "3H H", "b": "3H", "c": "3H"}, "h x U V b c",
          "torch.gru_cell(x, h, U, V, b, c)",
          parts={"p": "nn.linear(x, U, b)", "q": "nn.linear(h, V, c)",
                 "r": "nn.sigmoid(p[:, :H] + q[:, :H])",
                 "z": "nn.sigmoid(p[:, H:2*H] + q[:, H:2*H])",
                 "new": "nn.tanh(p[:, 2*H:] + r*q[:, 2*H:])"},
          source="Cho et al. 2014"),
)  # fmt: skip

STEPS = {"xs": "T N n", "h": "N H"}
SEQUENCES = (
    Block("RNN over a sequence", "nn.rnn(xs, h, U, V, b, c)[0]",
          {**STEPS, "U": "H n", "V": "H H", "b": "H", "c": "H"}, "h xs U V b c",
          'torch.rnn_tanh(xs, h[None], [U, V, b, c], True, 1, 0.0, False, False, False)[0]',
          source="Elman 1990; Werbos 1990"),
    Block("GRU over a sequence", "nn.gru(xs, h, U, V, b, c)[0]",
          {**STEPS, "U": "3H n", "V": "3H H", "b": "3H", "c": "3H"}, "h xs U V b c",
          "torch.gru(xs, h[None], [U, V, b, c], True, 1, 0.0, False, False, False)[0]",
          source="Cho et al. 2014"),
    Block("LSTM over a sequence", "nn.lstm(xs, h, k, U, V)[0]",
          {**STEPS, "k": "N H", "U": "4H n", "V": "4H H"}, "h k xs U V",
          "torch.lstm(xs, [h[None], k[None]], [U, V], False, 1, 0.0, False, False, False)[0]",
          source="Hochreiter & Schmidhuber 1997; Gers et al. 2000"),
)  # fmt: skip

ATTENTION = (
    Block("scaled dot-product attention", "nn.attention(Q, K, V)", HEADS, "Q K V",
          "F.scaled_dot_product_attention(Q, K, V)",
          parts={"P": "sg.softmax(Q @ K.T/sympy.sqrt(d))"},
          source="Vaswani et al. 2017, eq. 1"),
    Block("attention with a mask", "nn.attention(Q, K, V, mask)", {**HEADS, "mask": "T S"}, "Q K V",
          "F.scaled_dot_product_attention(Q, K, V, attn_mask=mask.bool())",
          draw={"mask": "mask"}, source="Vaswani et al. 2017, sec. 3.2.3"),
    Block("attention with two heads", "nn.multi_head_attention(x, y, y, 2, W, b, U, c)",
          {"x": "N T E", "y": "N S E", "W": "3E E", "b": "3E", "U": "E E", "c": "E"}, "x y W b U c",
          "two_heads(x, y, W, b, U, c)", source="Vaswani et al. 2017, sec. 3.2.2"),
)  # fmt: skip

PLACES = {"w": "B P", "M": "B P D"}
TURING = (
    Block("cosine similarity", "nn.cosine_similarity(M, k)", {"M": "B P D", "k": "B D"}, "M k",
          "cosine(M, k)",
          source="Graves et al. 2014, eq. 6"),
    Block("content addressing", "nn.content_addressing(M, k, beta)",
          {"M": "B P D", "k": "B D", "beta": "B 1"}, "M k beta",
          "torch.softmax(beta*cosine(M, k), 1)",
          draw={"beta": "positive"}, source="Graves et al. 2014, eq. 5"),
    Block("interpolation", "nn.interpolation(u, w, g)", {"u": "B P", "w": "B P", "g": "B 1"},
          "u w g", "g*u + (1 - g)*w", draw={"g": "probability"},
          source="Graves et al. 2014, eq. 7"),
    Block("circular shift", "nn.circular_shift(w, s)", {"w": "B P", "s": "B 3"}, "w s",
          "shifted(w, s)", source="Graves et al. 2014, eq. 8"),
    Block("sharpening", "nn.sharpening(w, gamma)", {"w": "B P", "gamma": "B 1"}, "w gamma",
          "w**gamma/(w**gamma).sum(1, keepdim=True)",
          draw={"w": "distribution", "gamma": "positive"}, source="Graves et al. 2014, eq. 9"),
    Block("addressing", "nn.addressing(M, w, k, beta, g, s, gamma)",
          {**PLACES, "k": "B D", "beta": "B 1", "g": "B 1", "s": "B 3", "gamma": "B 1"},
          "M w k beta g s gamma", "addressed(M, w, k, beta, g, s, gamma)",
          draw={"w": "distribution", "beta": "positive", "g": "probability", "s": "distribution",
                "gamma": "positive"},
          parts={"content": "nn.content_addressing(M, k, beta)",
                 "gated": "nn.interpolation(content, w, g)",
                 "moved": "nn.circular_shift(gated, s)", "out": "nn.sharpening(moved, gamma)"},
          source="Graves et al. 2014, eqs. 5 to 9"),
    Block("read", "nn.read_memory(M, w)", PLACES, "M w", "torch.einsum('bp,bpm->bm', w, M)",
          source="Graves et al. 2014, eq. 2"),
    Block("erase and add", "nn.write_memory(M, w, e, a)", {**PLACES, "e": "B D", "a": "B D"},
          "M w e a", "M*(1 - w[:, :, None]*e[:, None]) + w[:, :, None]*a[:, None]",
          draw={"w": "distribution", "e": "probability"},
          source="Graves et al. 2014, eqs. 3 and 4"),
    Block("what a head is told", "nn.head_controls(z, 4, 3)", {"z": "B 10"}, "z", "told(z, 4, 3)",
          source="Graves et al. 2014, sec. 3.3"),
)  # fmt: skip

HEADS_OF_MACHINE = {
    "Wr": "D+6 H", "br": "D+6", "Ww": "3D+6 H", "bw": "3D+6", "Wo": "m H+D", "bo": "m",
}  # fmt: skip
STATE = {"M": "B P D", "r": "B P", "w": "B P", "read": "B D"}
DRAWN = {"r": "distribution", "w": "distribution"}
MACHINE = (
    Block("a step with a feed-forward controller",
          "nn.ntm_cell(nn.NTMState(M, r, w, read), x, "
          "nn.NTMParameters(W, b, Wr, br, Ww, bw, Wo, bo))",
          {**STATE, "x": "B n", "W": "H n+D", "b": "H", **HEADS_OF_MACHINE},
          "M r w read x W b Wr br Ww bw Wo bo",
          "machine(M, r, w, read, None, None, x, W, b, Wr, br, Ww, bw, Wo, bo)", draw=DRAWN,
          parts={"h": "nn.tanh(nn.linear(sg.concat([x, read], axis=1), W, b))",
                 "tr": "nn.linear(h, Wr, br)", "tw": "nn.linear(h, Ww, bw)"},
          source="Graves et al. 2014, sec. 3"),
    Block("a step with an LSTM controller",
          "nn.ntm_cell(nn.NTMState(M, r, w, read, h, c), x, "
          "nn.NTMParameters(W, b, Wr, br, Ww, bw, Wo, bo, V))",
          {**STATE, "h": "B H", "c": "B H", "x": "B n", "W": "4H n+D", "b": "4H",
           **HEADS_OF_MACHINE, "V": "4H H"},
          "M r w read h c x W b Wr br Ww bw Wo bo V",
          "machine(M, r, w, read, h, c, x, W, b, Wr, br, Ww, bw, Wo, bo, V)", draw=DRAWN,
          parts={"a": "nn.linear(sg.concat([x, read], axis=1), W, b) + nn.linear(h, V)"},
          source="Graves et al. 2014, sec. 3"),
)  # fmt: skip

SECTIONS = {
    "Activations": ACTIVATIONS,
    "Layers": LAYERS,
    "Normalisation": NORMALISATION,
    "Losses and penalties": LOSSES,
    "Recurrent cells": RECURRENT,
    "Recurrent networks": SEQUENCES,
    "Attention": ATTENTION,
    "Parts of the Neural Turing Machine": TURING,
    "The Neural Turing Machine": MACHINE,
}
BLOCKS = tuple(block for section in SECTIONS.values() for block in section)
