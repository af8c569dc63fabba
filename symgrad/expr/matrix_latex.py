r"""Matrices in LaTeX: bold symbols, `^\top`, `\odot`, `\lVert\cdot\rVert`.

A writer gives how tight its node binds and the LaTeX, and asks the printer for what is inside, so
SymPy's own printer can carry it. Imports the matrix heads and the canonical products; recursive, as
SymPy's printer is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy import MatAdd, MatMul, OneMatrix, S
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.printing.latex import accepted_latex_functions

from symgrad.expr import literal
from symgrad.expr.canonical import as_product
from symgrad.expr.matrices import MatrixOp, ScalarOp, matrix_shape
from symgrad.expr.operators import (
    AND,
    ATOM,
    COMPARISON,
    NOT,
    OR,
    POWER,
    PRODUCT,
    SUM,
    UNARY,
)

Written = tuple[int, str]
Writer = Callable[[Any, Any], Written]


def write(expr: Any, printer: Any, **_: Any) -> str:
    """Return the LaTeX of a matrix or of a scalar made of matrices."""
    writer = writer_of(expr)
    return str(printer.emptyPrinter(expr)) if writer is None else writer(expr, printer)[1]


def writer_of(expr: Any) -> Writer | None:
    """Return how an expression is written here, or None."""
    return next((WRITERS[c] for c in type(expr).__mro__ if c in WRITERS), None)


def inside(node: Any, printer: Any, wanted: int) -> str:
    """Return the LaTeX of an operand, in brackets where it binds less tight than wanted."""
    writer = writer_of(node)
    if writer is None:
        level, shown = _level(node), str(printer._print(node))
    else:
        level, shown = writer(node, printer)
    return shown if level >= wanted else bracketed(shown)


def bracketed(shown: str) -> str:
    """Return LaTeX in round brackets."""
    return rf"\left({shown}\right)"


def _level(node: Any) -> int:
    """Return how tight a scalar binds as SymPy prints it."""
    if isinstance(node, (sympy.Add, sympy.Piecewise)) or node.could_extract_minus_sign():
        return SUM
    if isinstance(node, sympy.Mul):
        return PRODUCT
    return POWER if isinstance(node, sympy.Pow) else ATOM


# --- symbols, sums and products ---


def _symbol(node: Any, printer: Any) -> Written:
    shown = str(printer._print(sympy.Symbol(node.name)))
    return ATOM, (rf"\boldsymbol{{{shown}}}" if shown.startswith("\\") else rf"\mathbf{{{shown}}}")


def _bold(letter: str) -> Writer:
    return lambda node, printer: (ATOM, rf"\mathbf{{{letter}}}")


def _sum(node: Any, printer: Any) -> Written:
    first, *rest = node.args
    shown = inside(first, printer, SUM)
    for term in rest:
        part = inside(term, printer, SUM)
        is_negative = part.startswith("-")
        if is_negative:
            part = part[1:].lstrip()
        shown += f" - {part}" if is_negative else f" + {part}"
    return SUM, shown


def _product(node: Any, printer: Any) -> Written:
    factors = [f for f in node.args if f.is_Matrix]
    parts = [as_product(f, fractions=True) for f in node.args if not f.is_Matrix]
    negative = sum(p.negative for p in parts) % 2 == 1
    top = [inside(t, printer, UNARY) for p in parts for t in p.top if t is not S.One]
    bottom = [b for p in parts for b in p.bottom]
    if bottom:
        below = " ".join(inside(b, printer, SUM if len(bottom) == 1 else UNARY) for b in bottom)
        top = [rf"\frac{{{' '.join(top) or '1'}}}{{{below}}}"]
    # A chain of matrices goes on without brackets; a second scalar would stand in the middle.
    is_chain = not (top and any(not a.is_Matrix for a in factors[0].args))
    chain = [
        inside(f, printer, UNARY if k or not is_chain else PRODUCT) for k, f in enumerate(factors)
    ]
    shown = " ".join([*top, *chain])
    if negative:
        return SUM, f"- {shown}"
    return PRODUCT if len(top) + len(chain) > 1 else UNARY, shown


def _entry_product(node: Any, printer: Any) -> Written:
    shown = ""
    for factor in node.args:
        is_inverse = isinstance(factor, sympy.HadamardPower) and factor.args[1] is S.NegativeOne
        part = inside(factor.args[0] if is_inverse and shown else factor, printer, POWER)
        sign = r"\oslash" if is_inverse else r"\odot"
        shown = f"{shown} {sign} {part}" if shown else part
    return SUM, shown


def _kronecker(node: Any, printer: Any) -> Written:
    return SUM, r" \otimes ".join(inside(a, printer, POWER) for a in node.args)


def _power(node: Any, printer: Any) -> Written:
    base, exponent = node.args
    return POWER, f"{inside(base, printer, ATOM)}^{{{printer._print(exponent)}}}"


def _entry_power(node: Any, printer: Any) -> Written:
    base, exponent = node.args
    if isinstance(exponent, literal.Neg) and exponent.args[1].is_Number:
        exponent = -exponent.args[1]
    return POWER, rf"{inside(base, printer, ATOM)}^{{\circ {inside(exponent, printer, 0)}}}"


def _transpose(node: Any, printer: Any) -> Written:
    (matrix,) = node.args
    if isinstance(matrix, sympy.Inverse):
        return POWER, rf"{inside(matrix.args[0], printer, ATOM)}^{{-\top}}"
    return POWER, rf"{inside(matrix, printer, ATOM)}^\top"


def _inverse(node: Any, printer: Any) -> Written:
    return POWER, f"{inside(node.args[0], printer, ATOM)}^{{-1}}"


def _element(node: Any, printer: Any) -> Written:
    base, *indices = node.args
    below = ", ".join(str(printer._print(i)) for i in indices)
    return ATOM, f"{inside(base, printer, ATOM)}_{{{below}}}"


def _call(name: str) -> Writer:
    def writer(node: Any, printer: Any) -> Written:
        operand = getattr(node, "operands", node.args)[0]
        return ATOM, f"{name}{bracketed(inside(operand, printer, 0))}"

    return writer


# --- operations by name ---


def _operation(node: Any, printer: Any) -> Written:
    if node.name == "map":
        return _entrywise(node, printer)
    known = OPERATIONS.get(node.name)
    if known is not None:
        return known(node, printer)
    axis = "".join(rf"_{{\mathrm{{axis}}\,{a}}}" for a in node.params)
    shown = ", ".join(inside(o, printer, 0) for o in node.operands)
    return ATOM, f"{_function(node.name)}{axis}{bracketed(shown)}"


def _function(name: str) -> str:
    plain = name in accepted_latex_functions or name in ("exp", "max", "min")
    return f"\\{name}" if plain else rf"\operatorname{{{name.replace('_', chr(92) + '_')}}}"


def _scalar(node: Any, printer: Any) -> Written:
    operand = node.operands[0]
    writer = writer_of(operand)
    return (ATOM, str(printer._print(operand))) if writer is None else writer(operand, printer)


def _norm(power: str) -> Writer:
    def writer(node: Any, printer: Any) -> Written:
        (operand,) = node.operands
        which = "2" if 1 in matrix_shape(operand) else "F"
        level = POWER if power else ATOM
        return level, rf"\lVert {inside(operand, printer, 0)} \rVert_{{{which}}}{power}"

    return writer


def _dot(node: Any, printer: Any) -> Written:
    shown = ", ".join(inside(o, printer, 0) for o in node.operands)
    return ATOM, rf"\left\langle {shown} \right\rangle"


def _solve(node: Any, printer: Any) -> Written:
    left, right = node.operands
    return PRODUCT, f"{inside(left, printer, ATOM)}^{{-1}} {inside(right, printer, UNARY)}"


def _one_hot(node: Any, printer: Any) -> Written:
    return ATOM, rf"\mathbf{{e}}_{{{printer._print(node.operands[0])}}}"


def _commutation(node: Any, printer: Any) -> Written:
    return ATOM, rf"\mathbf{{K}}_{{{', '.join(str(printer._print(p)) for p in node.params)}}}"


OPERATIONS: dict[str, Writer] = {
    "commutation": _commutation,
    "scalar": _scalar,
    "norm": _norm(""),
    "norm2": _norm("^{2}"),
    "dot": _dot,
    "solve": _solve,
    "one_hot": _one_hot,
    "logdet": _call(r"\log\det"),
    "cholesky": _call(r"\operatorname{chol}"),
}

# --- entry by entry ---

_INFIX = {
    "lt": ("<", COMPARISON),
    "le": (r"\leq", COMPARISON),
    "gt": (">", COMPARISON),
    "ge": (r"\geq", COMPARISON),
    "eq": ("=", COMPARISON),
    "ne": (r"\neq", COMPARISON),
    "and": (r"\wedge", AND),
    "or": (r"\vee", OR),
    "add": ("+", SUM),
    "sub": ("-", SUM),
    "mul": (r"\odot", PRODUCT),
    "div": (r"\oslash", PRODUCT),
}


def _entrywise(node: Any, printer: Any) -> Written:
    gate, nodes = str(node.params[0]), node.operands
    if gate in _INFIX:
        symbol, level = _INFIX[gate]
        return level, f" {symbol} ".join(inside(n, printer, level + 1) for n in nodes)
    if gate in _SHAPED:
        return _SHAPED[gate]([inside(n, printer, 0) for n in nodes], nodes, printer)
    shown = ", ".join(inside(n, printer, 0) for n in nodes)
    return ATOM, f"{_function(gate)}{bracketed(shown)}"


def _indicator(shown: list[str], nodes: Any, printer: Any) -> Written:
    x, y = (inside(n, printer, COMPARISON + 1) for n in nodes[:2])
    sign = r"\geq" if nodes[2] is S.One else ">"
    note = "" if nodes[2] in (S.Zero, S.One) else rf";\,\mathrm{{tie}}\,{shown[2]}"
    return ATOM, rf"\mathbf{{1}}{bracketed(f'{x} {sign} {y}{note}')}"


def _cases(shown: list[str], nodes: Any, printer: Any) -> Written:
    condition, chosen, other = shown
    rows = rf"{chosen} & \text{{for}}\: {condition} \\{other} & \text{{otherwise}}"
    return ATOM, rf"\begin{{cases}} {rows} \end{{cases}}"


def _raised(shown: list[str], nodes: Any, printer: Any) -> Written:
    return POWER, rf"{inside(nodes[0], printer, ATOM)}^{{\circ {shown[1]}}}"


_SHAPED: dict[str, Callable[[list[str], Any, Any], Written]] = {
    "indicator": _indicator,
    "where": _cases,
    "pow": _raised,
    "abs": lambda shown, nodes, printer: (ATOM, rf"\left|{shown[0]}\right|"),
    "sqrt": lambda shown, nodes, printer: (ATOM, rf"\sqrt{{{shown[0]}}}"),
    "not": lambda shown, nodes, printer: (NOT, rf"\neg {inside(nodes[0], printer, ATOM)}"),
    "neg": lambda shown, nodes, printer: (SUM, f"- {inside(nodes[0], printer, UNARY)}"),
}

WRITERS: dict[type, Writer] = {
    sympy.MatrixSymbol: _symbol,
    MatrixElement: _element,
    MatAdd: _sum,
    MatMul: _product,
    MatrixOp: _operation,
    ScalarOp: _operation,
    sympy.HadamardProduct: _entry_product,
    sympy.HadamardPower: _entry_power,
    sympy.KroneckerProduct: _kronecker,
    sympy.MatPow: _power,
    sympy.Inverse: _inverse,
    sympy.Transpose: _transpose,
    sympy.Trace: _call(r"\operatorname{tr}"),
    sympy.Determinant: _call(r"\det"),
    DiagMatrix: _call(r"\operatorname{diag}"),
    DiagonalOf: _call(r"\operatorname{diag}"),
    DiagonalMatrix: _call(r"\operatorname{diag}"),
    sympy.Identity: _bold("I"),
    sympy.ZeroMatrix: _bold("0"),
    OneMatrix: _bold("1"),
}
