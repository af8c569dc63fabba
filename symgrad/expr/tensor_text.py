"""How tensor expressions are written: NumPy's operators, and calls of symgrad's functions.

A layout is how tight a node binds, and its pieces from left to right, as in `layouts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sympy import Function, S, Symbol, sqrt

from symgrad.expr.functions import TABLE
from symgrad.expr.heads import Indicator
from symgrad.expr.operators import AMPERSAND, ATOM, BAR, COMPARISON, POWER, PRODUCT, SUM, UNARY
from symgrad.expr.tensor_gate_text import (
    Layout,
    Piece,
    axes_text,
    called,
    conv_options,
    cut_text,
    gate_layout,
    listed,
    tuple_text,
    window_options,
)
from symgrad.expr.tensors import SLOTS, TensorOp, TensorScalar, TensorSymbol

INFIX = {  # how tight, between what, and how tight each operand
    "add": (SUM, " + ", SUM, PRODUCT),
    "sub": (SUM, " - ", SUM, PRODUCT),
    "mul": (PRODUCT, "*", PRODUCT, UNARY),
    "div": (PRODUCT, "/", PRODUCT, UNARY),
    "matmul": (PRODUCT, " @ ", PRODUCT, UNARY),
    "pow": (POWER, "**", ATOM, UNARY),
    "and": (AMPERSAND, " & ", AMPERSAND, AMPERSAND + 1),
    "or": (BAR, " | ", BAR, BAR + 1),
    **{
        name: (COMPARISON, f" {sign} ", COMPARISON + 1, COMPARISON + 1)
        for name, sign in {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}.items()
    },
}
NAMES = {"eq": "equal", "ne": "not_equal"}


def plainly(node: Any) -> Layout:
    """Lay out a call without options."""
    return called(NAMES.get(node.name, node.name), node.operands)


def infix(node: Any) -> Layout:
    """Lay out an operator between its operands."""
    level, sign, left, right = INFIX[node.name]
    a, b = node.operands
    return level, [(a, left), sign, (b, right)]


def before(sign: str) -> Callable[[Any], Layout]:
    """Return the layout of a sign in front."""
    return lambda node: (UNARY, [sign, (node.operands[0], UNARY)])


def _rank(node: Any) -> int:
    return len(getattr(node.operands[0], "shape", ()))


def _reduction(node: Any) -> Layout:
    axes, keepdims = node.params
    kept = ["keepdims=True"] if keepdims else []
    return called(node.name, node.operands, *axes_text(axes, _rank(node)), *kept)


def _along(node: Any) -> Layout:
    return called(node.name, node.operands, *axes_text(node.params[0], _rank(node)))


def _map(node: Any) -> Layout:
    (body,) = node.params
    slots = SLOTS[: len(node.operands)]
    if isinstance(body, Indicator) and body.args == slots:
        return _indicator(node.operands)
    if isinstance(body, Function) and body.args == slots:
        return called(TABLE.name_of(type(body)), node.operands)
    if body == sqrt(SLOTS[0]):
        return called("sqrt", node.operands)
    free = [n for n in "xyzuvw" if Symbol(n) not in body.free_symbols]
    names = [Symbol(n) for n in (free if len(free) >= len(slots) else map(str, SLOTS))]
    renamed = dict(zip(slots, names, strict=False))
    head = f"map(lambda {', '.join(str(renamed[s]) for s in slots)}: "
    return ATOM, [head, (body.xreplace(renamed), 0), ", ", *listed(node.operands), ")"]


def _indicator(operands: Sequence[Any]) -> Layout:
    x, y, tie = operands
    sign = " >= " if tie is S.One else " > "
    note: list[Piece] = [] if tie in (S.Zero, S.One) else [", tie=", (tie, 0)]
    return ATOM, ["1(", (x, COMPARISON + 1), sign, (y, COMPARISON + 1), *note, ")"]


def _transpose(node: Any) -> Layout:
    (order,) = node.params
    if order == tuple(range(len(order)))[::-1]:
        return ATOM, [(node.operands[0], ATOM), ".T"]
    return called("transpose", node.operands, tuple_text(order))


def _shaped(node: Any) -> Layout:
    return called(node.name, node.operands, tuple_text(node.params[0]))


def _repeated(node: Any) -> Layout:
    name = {S.Zero: "zeros", S.One: "ones"}.get(node.operands[0])
    return _shaped(node) if name is None else called(name, (), tuple_text(node.params[0]))


def _index(node: Any) -> Layout:
    (x,) = node.operands
    sizes = iter(x.shape)
    items = [_item(part, None if part[0] == "new" else next(sizes)) for part in node.params[0]]
    return ATOM, [(x, ATOM), f"[{', '.join(items)}]"]


def _item(part: Sequence[Any], size: Any) -> str:
    if part[0] != "cut":
        return "None" if part[0] == "new" else str(part[1])
    return cut_text(part[1:], size)


def _listing(node: Any) -> Layout:
    axis = [f"axis={node.params[0]}"] if node.params[0] else []
    return ATOM, [f"{node.name}([", *listed(node.operands), "]", *[f", {a}" for a in axis], ")"]


def _array(node: Any) -> Layout:
    (shape,) = node.params
    pieces: list[Piece] = []
    for place, entry in enumerate(node.operands):
        opened = sum(place % size == 0 for size in _strides(shape))
        pieces += [*([", "] if place else []), "[" * opened, (entry, 0)]
        pieces.append("]" * sum((place + 1) % size == 0 for size in _strides(shape)))
    return ATOM, ["array(", *pieces, ")"]


def _strides(shape: Sequence[int]) -> list[int]:
    sizes, total = [], 1
    for n in reversed(shape):
        total *= n
        sizes.append(total)
    return sizes


def _pad(node: Any) -> Layout:
    widths, value = node.params
    constant = [f"constant_values={value}"] if value != 0 else []
    return called("pad", node.operands, tuple_text(widths), *constant)


def _trace(node: Any) -> Layout:
    return called("trace", node.operands, *[f"axis{k + 1}={a}" for k, a in enumerate(node.params)
                                            if a != k])  # fmt: skip


def _einsum(node: Any) -> Layout:
    return ATOM, [f'einsum("{node.params[0]}", ', *listed(node.operands), ")"]


def _conv(node: Any) -> Layout:
    return called("conv", node.operands, *conv_options(node.params))


def _pool(node: Any) -> Layout:
    window, *moves = node.params
    size = str(window[0]) if len(set(window)) == 1 else tuple_text(window)
    return called(node.name, node.operands, size, *window_options(moves, window))


def plainly_named(symbol: Any) -> Layout:
    """Lay out a symbol of a matrix among tensors."""
    return (ATOM, [str(symbol.name)])


def _block(node: Any) -> Layout:
    """Lay out the call of a block, or a loop over one: the length stands as a power."""
    block, index, *form = node.params
    power = f"^{form[0]}" if form else ""
    port = f".{index}" if len(block.output_shapes) > 1 else ""
    back = "reversed " if form and form[3] else ""
    return ATOM, [f"{back}{block.name}{power}{port}(", *listed(node.operands), ")"]


OPERATIONS: dict[str, Callable[[Any], Layout]] = {
    **dict.fromkeys(INFIX, infix),
    **dict.fromkeys(["call", "scan"], _block),
    "neg": before("-"),
    "matrix": lambda node: plainly_named(node.operands[0]),
    "eye": lambda node: (ATOM, [f"eye({node.params[0]})"]),
    "gate": gate_layout,
    "not": before("~"),
    **dict.fromkeys(["sum", "mean", "max", "min", "prod", "logsumexp", "norm"], _reduction),
    "softmax": _along,
    "log_softmax": _along,
    "map": _map,
    "einsum": _einsum,
    "transpose": _transpose,
    "reshape": _shaped,
    "broadcast_to": _repeated,
    "index": _index,
    "take": lambda node: called("take", node.operands, f"axis={node.params[0]}"),
    "one_hot": lambda node: called("one_hot", node.operands, str(node.params[0])),
    "concat": _listing,
    "stack": _listing,
    "array": _array,
    "pad": _pad,
    "trace": _trace,
    "conv": _conv,
    "max_pool": _pool,
    "avg_pool": _pool,
}


def operation(node: Any) -> Layout:
    """Lay out an operation on tensors."""
    return OPERATIONS.get(node.name, plainly)(node)


TENSOR_LAYOUTS: dict[type, Callable[[Any], Layout]] = {
    TensorSymbol: lambda node: (ATOM, [node.name]),
    TensorOp: operation,
    TensorScalar: operation,
}
