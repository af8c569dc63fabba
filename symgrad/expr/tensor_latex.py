r"""Tensors in LaTeX: bold symbols, `\odot` entry by entry, `^\top`, calls for what has no sign.

A layout is how tight a node binds and its pieces from left to right, as for text; scalars inside
are left to SymPy's printer. Iterative, since networks are deep.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Function, S
from sympy.printing.latex import accepted_latex_functions

from symgrad.expr.functions import TABLE
from symgrad.expr.heads import Indicator
from symgrad.expr.operators import (
    AMPERSAND,
    ATOM,
    BAR,
    COMPARISON,
    POWER,
    PRODUCT,
    SUM,
    UNARY,
)
from symgrad.expr.tensor_gate_text import Layout, Piece, listed
from symgrad.expr.tensor_text import operation as text_of
from symgrad.expr.tensors import SLOTS, AnyTensor, TensorOp, TensorScalar, TensorSymbol
from symgrad.registry import provide

SPECIAL = {"\\": r"\backslash ", "~": r"\sim "}
OWN = (AnyTensor, TensorScalar)
INFIX = {
    "add": (SUM, " + ", SUM, PRODUCT),
    "sub": (SUM, " - ", SUM, PRODUCT),
    "div": (PRODUCT, r" \oslash ", PRODUCT, UNARY),
    "and": (AMPERSAND, r" \wedge ", AMPERSAND, AMPERSAND + 1),
    "or": (BAR, r" \vee ", BAR, BAR + 1),
    **{
        name: (COMPARISON, f" {sign} ", COMPARISON + 1, COMPARISON + 1)
        for name, sign in {
            **{"lt": "<", "le": r"\leq", "gt": ">", "ge": r"\geq"},
            **{"eq": "=", "ne": r"\neq"},
        }.items()
    },
}


@provide("tensor.latex")
def latex_of(root: Any, printer: Any) -> str:
    """Return a tensor expression in LaTeX; `printer` writes the scalars in it."""
    done: list[str] = []
    pieces: list[Piece] = [(root, 0)]
    while pieces:
        piece = pieces.pop()
        if isinstance(piece, str):
            done.append(piece)
            continue
        node, wanted = piece
        level, parts = layout(node, printer)
        if level < wanted:
            parts = [r"\left(", *parts, r"\right)"]
        pieces.extend(reversed(parts))
    return "".join(done)


def layout(node: Any, printer: Any) -> Layout:
    """Return how tight a node binds, and its pieces."""
    if isinstance(node, TensorSymbol):
        shown = printer._print(sympy.Symbol(node.name))
        bold = "boldsymbol" if str(shown).startswith("\\") else "mathbf"
        return ATOM, [rf"\{bold}{{{shown}}}"]
    if not isinstance(node, (TensorOp, TensorScalar)):
        return _scalar_level(node), [str(printer._print(node))]
    return OPERATIONS.get(node.name, _call)(node)


def _scalar_level(node: Any) -> int:
    if isinstance(node, (sympy.Add, sympy.Piecewise)) or (
        isinstance(node, sympy.Expr) and node.could_extract_minus_sign()
    ):
        return SUM
    if isinstance(node, sympy.Mul):
        return PRODUCT
    return POWER if isinstance(node, sympy.Pow) else ATOM


# --- operators ---


def _infix(node: Any) -> Layout:
    level, sign, left, right = INFIX[node.name]
    a, b = node.operands
    if node.name == "div" and not isinstance(b, AnyTensor):
        return ATOM, [r"\frac{", (a, 0), "}{", (b, 0), "}"]
    return level, [(a, left), sign, (b, right)]


def _mul(node: Any) -> Layout:
    a, b = node.operands
    both = all(isinstance(x, AnyTensor) for x in node.operands)
    return PRODUCT, [(a, PRODUCT), r" \odot " if both else r" \, ", (b, UNARY)]


def _matmul(node: Any) -> Layout:
    a, b = node.operands
    sign = r" \cdot " if len(a.shape) == 1 else " "
    return PRODUCT, [(a, PRODUCT), sign, (b, UNARY)]


def _power(node: Any) -> Layout:
    base, exponent = node.operands
    circle = r"\circ " if isinstance(base, AnyTensor) else ""
    return POWER, [(base, ATOM), f"^{{{circle}", (exponent, 0), "}"]


def _behind(mark: str) -> Callable[[Any], Layout]:
    return lambda node: (POWER, [(node.operands[0], ATOM), mark])


def _before(mark: str) -> Callable[[Any], Layout]:
    return lambda node: (UNARY, [mark, (node.operands[0], UNARY)])


def _transpose(node: Any) -> Layout:
    return _behind(r"^\top")(node) if node.params == ((1, 0),) else _call(node)


def _solve(node: Any) -> Layout:
    a, b = node.operands
    return PRODUCT, [(a, ATOM), "^{-1} ", (b, UNARY)]


# --- functions ---


def function(name: str) -> str:
    """Return the name of a function: its own command, or upright letters."""
    known = name in accepted_latex_functions or name in ("exp", "max", "min", "det")
    return f"\\{name}" if known else rf"\operatorname{{{escaped(name)}}}"


def escaped(text: str) -> str:
    """Return text as LaTeX takes it; nothing in it is a command."""
    return re.sub(r"[_&%#{}$\\~]", lambda m: SPECIAL.get(m[0], "\\" + m[0]), text)


def _applied(head: str, operands: Sequence[Any]) -> Layout:
    return ATOM, [rf"{head}\left(", *listed(operands), r"\right)"]


def _map(node: Any) -> Layout:
    (body,) = node.params
    slots = SLOTS[: len(node.operands)]
    if isinstance(body, Indicator) and body.args == slots:
        x, y, tie = node.operands
        sign = r" \geq " if tie is S.One else " > "
        note: list[Piece] = [] if tie in (S.Zero, S.One) else [r";\,\mathrm{tie}\,", (tie, 0)]
        start: list[Piece] = [r"\mathbf{1}\left(", (x, COMPARISON + 1), sign]
        return ATOM, [*start, (y, COMPARISON + 1), *note, r"\right)"]
    if isinstance(body, Function) and body.args == slots:
        return _applied(function(TABLE.name_of(type(body))), node.operands)
    if body == sympy.sqrt(SLOTS[0]):
        return ATOM, [r"\sqrt{", (node.operands[0], 0), "}"]
    names = ", ".join(sympy.latex(s) for s in slots)
    head = rf"\left({names} \mapsto {sympy.latex(body)}\right)"
    return _applied(head, node.operands)


def _reduction(node: Any) -> Layout:
    axes = node.params[0]
    whole = len(axes) == len(getattr(node.operands[0], "shape", ()))
    below = "" if whole else rf"_{{\mathrm{{axis}}\,{', '.join(map(str, axes))}}}"
    return _applied(f"{function(node.name)}{below}", node.operands)


def _norm(node: Any) -> Layout:
    if len(node.params[0]) != len(getattr(node.operands[0], "shape", ())):
        return _reduction(node)
    return ATOM, [r"\left\lVert ", (node.operands[0], 0), r" \right\rVert_{2}"]


def _einsum(node: Any) -> Layout:
    inputs, output = node.params[0].split("->")
    return _applied(rf"\operatorname{{einsum}}_{{{inputs} \to {output}}}", node.operands)


def _named(head: str) -> Callable[[Any], Layout]:
    return lambda node: _applied(head, node.operands)


def _block(node: Any) -> Layout:
    """Lay out the call of a block, or a loop over one: an arrow back where it runs from the end."""
    block, index, *form = node.params
    head = rf"\operatorname{{{escaped(block.name)}}}"
    if form:
        back = rf"\overleftarrow{{{head}}}" if form[3] else head
        head = rf"{back}^{{{sympy.latex(form[0])}}}"
    port = f"_{{{index}}}" if len(block.output_shapes) > 1 else ""
    return _applied(head + port, node.operands)


def _call(node: Any) -> Layout:
    """Lay out what has no sign: a call as text has it, its options in typewriter letters."""
    level, pieces = text_of(node)
    return level, [p if not isinstance(p, str) else _typed(p) for p in pieces]


def _typed(piece: str) -> str:
    opened = re.fullmatch(r"([a-z]\w*)(\(\[?)", piece)
    if opened:
        return rf"\operatorname{{{escaped(opened[1])}}}{opened[2]}"
    return piece if piece in (", ", "]", ")", "])") else rf"\mathtt{{{escaped(piece)}}}"


OPERATIONS: dict[str, Callable[[Any], Layout]] = {
    **dict.fromkeys(INFIX, _infix),
    **dict.fromkeys(
        ["sum", "mean", "max", "min", "prod", "logsumexp", "softmax", "log_softmax"], _reduction
    ),
    **dict.fromkeys(["call", "scan"], _block),
    "mul": _mul,
    "matmul": _matmul,
    "pow": _power,
    "neg": _before("-"),
    "not": _before(r"\neg "),
    "transpose": _transpose,
    "inv": _behind("^{-1}"),
    "solve": _solve,
    "map": _map,
    "norm": _norm,
    "einsum": _einsum,
    "det": _named(r"\det"),
    "logdet": _named(r"\log\det"),
    "trace": _named(r"\operatorname{tr}"),
    "eye": lambda node: (ATOM, [rf"\mathbf{{I}}_{{{node.params[0]}}}"]),
}
