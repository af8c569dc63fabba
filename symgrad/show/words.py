"""How gates are drawn and spoken of: the sign in the circle and the local rule in words, as data.

A row is found by the gate's name; where constants are folded into their gate, by the name and the
operand that is left. A gate without a row has its own name as its sign. Imports the rows of gates.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from symgrad.rules.opaque import OWNERS
from symgrad.rules.row import Gate


class Words(NamedTuple):
    """What a gate is called: `{}` stands for a constant that is folded into it."""

    sign: str
    rule: str


ADDED = "sum rule: adding a constant changes no slope"
SCALED = "a constant factor stays: the slope is the constant"
ENTRY = "the condition chooses a branch and has no slope itself"

WORDS: dict[str, Words] = {
    "var": Words("", "input"),
    "const": Words("", "constant"),
    "add": Words("+", "sum rule: every summand has slope 1"),
    "sub": Words("−", "sum rule: slope 1 for the first, −1 for what is taken away"),
    "neg": Words("×-1", "a constant factor stays: the slope is −1"),
    "mul": Words("×", "product rule: each factor's slope is the other factor"),
    "div": Words("÷", "quotient rule"),
    "pow": Words("^", "power rule"),
    "sqrt": Words("√", "power rule with exponent 1/2"),
    "exp": Words("exp", "exponential: the slope is the output itself"),
    "log": Words("log", "logarithm: the slope is one over the operand"),
    "sin": Words("sin", "the slope of sin is cos"),
    "cos": Words("cos", "the slope of cos is −sin"),
    "tanh": Words("tanh", "tanh: 1 − output²"),
    "sigmoid": Words("σ", "sigmoid: (1 − output)·output"),
    "softplus": Words("softplus", "the slope of softplus is the sigmoid"),
    "relu": Words("relu", "relu: 1 where the operand is positive, else 0"),
    "leaky_relu": Words("leaky relu", "leaky relu: 1 where the operand is positive, else alpha"),
    "abs": Words("|·|", "absolute value: the slope is the sign of the operand"),
    "max": Words("max", "max: 1 for the largest operand, 0 for the others"),
    "min": Words("min", "min: 1 for the smallest operand, 0 for the others"),
    "where": Words("where", ENTRY),
    "logsumexp": Words("logsumexp", "logsumexp: the slope is the operand's share, its softmax"),
    "logaddexp": Words("logaddexp", "logaddexp: the slope is the operand's share"),
    "stop_gradient": Words("stop", "nothing passes back, by request"),
    "einsum": Words("·", "product of tensors: swap the result with the operand"),
    "logsumexp_over": Words("logsumexp", "logsumexp: each entry's share, the softmax"),
    "max_over": Words("max", "max: the largest entry takes all"),
    "min_over": Words("min", "min: the smallest entry takes all"),
    "norm": Words("‖·‖", "norm: the slope is the unit vector along the operand"),
    "reshape": Words("reshape", "the same entries in their old arrangement"),
    "slice": Words("slice", "what was not taken has slope 0"),
    "gather": Words("take", "each entry goes back to where it was taken"),
    "concat": Words("concat", "each operand takes its own part"),
    "inv": Words("⁻¹", "inverse: −A⁻¹ dA A⁻¹"),
    "det": Words("det", "determinant: Jacobi's formula"),
    "logdet": Words("log det", "log det: the slope is the transposed inverse"),
    "solve": Words("solve", "solve: one more solve with the transpose"),
    "conv": Words("conv", "convolution: its two transposes"),
    "call": Words("block", "the block's own derivative, derived once"),
    "scan": Words("loop", "back through the loop, last step first"),
    "block": Words("block", "the block's own derivative, derived once"),
    "loop": Words("loop", "back through the loop, last step first"),
    "whole": Words("∫Σ", "differentiation under the sign"),
    "unknown": Words("f", "an unknown function: its derivative stays a symbol"),
}

# By name and the one operand that is no constant, where there is one constant beside it.
FOLDED: dict[tuple[str, int], Words] = {
    ("add", 0): Words("+{}", ADDED),
    ("add", 1): Words("+{}", ADDED),
    ("sub", 0): Words("-{}", ADDED),
    ("sub", 1): Words("{}-", "sum rule: slope −1 for what is taken from a constant"),
    ("mul", 0): Words("×{}", SCALED),
    ("mul", 1): Words("×{}", SCALED),
    ("div", 0): Words("÷{}", "a constant divisor stays: the slope is one over it"),
    ("div", 1): Words("{}/x", "reciprocal rule: minus the output over the operand"),
    ("pow", 0): Words("^{}", "power rule: exponent down, one less above"),
    ("pow", 1): Words("{}^", "exponential rule: the output times the logarithm of the base"),
    ("max", 0): Words("max {}", "max: 1 while the operand is the larger, else 0"),
    ("max", 1): Words("max {}", "max: 1 while the operand is the larger, else 0"),
    ("min", 0): Words("min {}", "min: 1 while the operand is the smaller, else 0"),
    ("min", 1): Words("min {}", "min: 1 while the operand is the smaller, else 0"),
}

ROLES = {
    "distributes": "distributor",
    "switches": "switcher",
    "routes": "router",
    "blocks": "",
    "": "",
}
ONE_HOT = re.compile(r"one_hot\((.+), [^,]+\)")  # what picks an entry of a vector
PLURAL = frozenset({"distributes", "switches"})  # roles that take two wires to play

# Products of tensors by what they do: (operands, kind).
EINSUMS: dict[str, Words] = {
    "transpose": Words("ᵀ", "transposed: so is the gradient"),
    "sum": Words("Σ", "sum over entries: every entry has slope 1"),
    "trace": Words("tr", "trace: every entry of the diagonal has slope 1"),
    "diagonal": Words("diag", "the diagonal goes back to where it was"),
    "spread": Words("copies", "copies: their gradients are added"),
    "outer": Words("⊗", "outer product: each factor's slope is the other factor"),
    "dot": Words("·", "dot product: the upstream gradient times the other factor"),
    "entries": Words("⊙", "product rule, entry by entry"),
    "product": Words("·", "matrix product: upstream gradient times the other factor, transposed"),
}


def words_of(gate: Gate, payload: Any, folded: Sequence[str | None], tensors: bool) -> Words:
    """Return the sign of a gate and its rule in words.

    Parameters
    ----------
    gate : Gate
        The gate.
    payload : object
        What its node carries.
    folded : sequence of (str or None)
        For each operand the constant that is folded into the gate, as text, or None.
    tensors : bool
        Whether it acts on tensors entry by entry.

    Examples
    --------
    >>> from symgrad.rules.arithmetic import ADD
    >>> words_of(ADD, None, [None, "1"], False).sign
    '+1'
    """
    constants = [c for c in folded if c is not None]
    if gate.name == "einsum":
        picked = [m for m in map(ONE_HOT.fullmatch, constants) if m]
        if len(picked) == 1 and len(folded) == 2 and not payload[1]:
            return Words(f"[{picked[0][1]}]", "one entry: what arrives goes back to its place")
        return EINSUMS[product_kind(payload)]
    if len(constants) == 1 and len(folded) == 2:
        found = FOLDED.get((gate.name, folded.index(None)))
        if found is not None:
            return Words(found.sign.replace("{}", constants[0]), found.rule)
    if tensors and gate.name == "mul":
        return EINSUMS["entries"]
    if gate in OWNERS:
        return Words(payload[0].name, WORDS[gate.name].rule)
    found = WORDS.get(gate.name, Words(gate.name, f"the derivative of {gate.name}"))
    if constants:
        shown = ", ".join("·" if c is None else c for c in folded)
        return Words(f"{found.sign}({shown})", found.rule)
    return found


def product_kind(payload: Any) -> str:
    """Return what an einsum does, as its row is called."""
    inputs, out, _ = payload
    held = [index for one in inputs for index in one]
    if len(inputs) == 1:
        if sorted(held) == sorted(out) and len(set(held)) == len(held):
            return "transpose"
        if len(set(held)) < len(held):
            return "trace" if not out else "diagonal"
        return "sum" if set(out) <= set(held) else "spread"
    if len(set(held)) == len(held):
        return "outer"
    if not out:
        return "dot"
    return "product" if set(held) - set(out) else "entries"


def role_of(gate: Gate, wires: int) -> str:
    """Return what a gate does with an upstream gradient: distributor, switcher, router or ""."""
    if gate.role in PLURAL and wires < 2:
        return ""
    return ROLES[gate.role]
