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
from symgrad.nn.layers import (
    affine,
    batch_norm,
    conv,
    dropout,
    embedding,
    flatten,
    layer_norm,
    linear,
    local_response_norm,
)
from symgrad.nn.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge,
    l1,
    l2,
    squared_error,
)
from symgrad.nn.recurrent import gru_cell, lstm_cell, rnn_cell

__all__ = [
    "affine",
    "avg_pool",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "gru_cell",
    "hinge",
    "l1",
    "l2",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsumexp",
    "lstm_cell",
    "max_pool",
    "maxout",
    "one_hot",
    "prelu",
    "relu",
    "rnn_cell",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "squared_error",
    "swish",
    "tanh",
]
