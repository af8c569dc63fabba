"""Building blocks of networks: small functions that compose expressions.

They take tensors (`sg.tensor`), scalars and, where entries are enough, SymPy matrices; sizes are
numbers or symbols. Nothing here knows a derivative: gradients come from the engine.
"""

from symgrad.expr.tensor_forms import one_hot
from symgrad.expr.tensor_products import avg_pool, max_pool
from symgrad.expr.tensor_reductions import log_softmax, logsumexp, softmax
from symgrad.nn.activations import (
    elu,
    gelu,
    leaky_relu,
    maxout,
    prelu,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
    swish,
    tanh,
)
from symgrad.nn.attending import attention, multi_head_attention
from symgrad.nn.layers import affine, conv, dropout, embedding, flatten, linear
from symgrad.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge,
    l1,
    l2,
    squared_error,
)
from symgrad.nn.machine import NTMParameters, NTMState, head_controls, ntm_cell, ntm_shapes
from symgrad.nn.normalisation import batch_norm, layer_norm, local_response_norm
from symgrad.nn.recurrent import gru_cell, lstm_cell, rnn_cell
from symgrad.nn.sequences import gru, lstm, ntm, rnn
from symgrad.nn.turing import (
    addressing,
    circular_shift,
    content_addressing,
    cosine_similarity,
    interpolation,
    read_memory,
    sharpening,
    write_memory,
)

__all__ = [
    "NTMParameters",
    "NTMState",
    "addressing",
    "affine",
    "attention",
    "avg_pool",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "circular_shift",
    "content_addressing",
    "conv",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "gru",
    "gru_cell",
    "head_controls",
    "hinge",
    "interpolation",
    "l1",
    "l2",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsumexp",
    "lstm",
    "lstm_cell",
    "max_pool",
    "maxout",
    "multi_head_attention",
    "ntm",
    "ntm_cell",
    "ntm_shapes",
    "one_hot",
    "prelu",
    "read_memory",
    "relu",
    "rnn",
    "rnn_cell",
    "selu",
    "sharpening",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "squared_error",
    "swish",
    "tanh",
    "write_memory",
]
