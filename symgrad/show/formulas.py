"""Formulas as lines of text or LaTeX: closed forms and let-forms, of scalars and of matrices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from sympy import Expr, S, Symbol
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE

from symgrad.expr import matrix_latex
from symgrad.expr.operators import ATOM, UNARY
from symgrad.expr.printer import text
from symgrad.registry import provide
from symgrad.show.escape import is_plain, latex_text


class _Printer(LatexPrinter):  # type: ignore[misc]
    """SymPy's LaTeX, but for matrices, for written signs and bars, and for names of any kind."""

    def _print_Symbol(self, symbol: Any, style: str = "plain") -> str:  # noqa: N802 - SymPy's name
        name = str(symbol.name)
        if NUMBER.fullmatch(name):
            return _number(name)
        if not is_plain(name):
            return rf"\text{{{latex_text(name)}}}"
        return str(super()._print_Symbol(symbol, style=style))

    _print_Dummy = _print_Symbol  # noqa: N815 - SymPy's name

    def _hprint_Function(self, func: str) -> str:  # noqa: N802 - SymPy's name
        if not is_plain(func):
            return rf"\text{{{latex_text(func)}}}"
        return str(super()._hprint_Function(func))

    def _print_Sub(self, node: Any) -> str:  # noqa: N802 - SymPy's name
        x, minus = node.args
        return f"{self._print(x)} - {self.parenthesize(minus.args[1], PRECEDENCE['Mul'])}"

    def _print_Neg(self, node: Any) -> str:  # noqa: N802 - SymPy's name
        return f"- {self.parenthesize(node.args[1], PRECEDENCE['Mul'])}"

    def _print_Div(self, node: Any) -> str:  # noqa: N802 - SymPy's name
        x, inverse = node.args
        return rf"\frac{{{self._print(x)}}}{{{self._print(inverse.args[0])}}}"

    def _print_Call(self, node: Any) -> str:  # noqa: N802 - SymPy's name
        block, index, *operands = node.args
        return self._of_block(block, index, "", operands)

    def _print_Scan(self, node: Any) -> str:  # noqa: N802 - SymPy's name
        block, index, length, *operands = node.args
        return self._of_block(block, index, f"^{{{self._print(length)}}}", operands)

    def _of_block(self, block: Any, index: Any, power: str, operands: Any) -> str:
        port = f"_{{{index}}}" if len(block.outputs) > 1 else ""
        called = rf"\operatorname{{{block.name}}}" if is_plain(block.name) else ""
        head = called or rf"\text{{{latex_text(block.name)}}}"
        shown = ", ".join(str(self._print(o)) for o in operands)
        return rf"{head}{port}{power}\left({shown}\right)"

    def _print_Indicator(self, node: Any) -> str:  # noqa: N802 - SymPy's name
        x, y, tie = node.args
        sign = r"\geq" if tie is S.One else ">"
        note = "" if tie in (S.Zero, S.One) else rf";\,\mathrm{{tie}}\,{self._print(tie)}"
        return rf"\mathbf{{1}}\left({self._print(x)} {sign} {self._print(y)}{note}\right)"

    def _print(self, expr: Any, **options: Any) -> str:
        if matrix_latex.writer_of(expr) is not None:
            return matrix_latex.write(expr, self)
        return str(super()._print(expr, **options))

    def parenthesize(self, item: Any, level: int, **options: Any) -> str:
        """Return an operand, in brackets where it binds less tight than a level of SymPy's."""
        if matrix_latex.writer_of(item) is None:
            return str(super().parenthesize(item, level, **options))
        wanted = ATOM if level >= PRECEDENCE["Pow"] else UNARY if level >= PRECEDENCE["Mul"] else 0
        return matrix_latex.inside(item, self, wanted)


UNPRINTED = (AttributeError, IndexError, TypeError, ValueError)  # what SymPy's printers trip over
NUMBER = re.compile(r"\(-\d+(?:\.\d+)?(?:e[+-]\d+)?\)|\d+(?:\.\d+)?(?:e[+-]\d+)?")


def _number(shown: str) -> str:
    """Return a number that stands for a symbol, as derivations have them: `3`, `(-1.5e-07)`."""
    digits, _, power = shown.strip("()").partition("e")
    written = rf"{digits} \cdot 10^{{{int(power)}}}" if power else digits
    return rf"\left({written}\right)" if shown.startswith("(") else written


@provide("formula.latex")
def latex(expr: Any) -> str:
    """Return the LaTeX of a formula, terms in the order in which they stand.

    Parameters
    ----------
    expr : Expr
        A closed form, or a line of a let-form; its depth must be moderate.

    Examples
    --------
    >>> from sympy.abc import x
    >>> latex(x**2)
    'x^{2}'
    """
    try:
        return str(_Printer({"order": "none"}).doprint(expr))
    except UNPRINTED:
        return rf"\text{{{latex_text(text(expr))}}}"


def lines(
    pairs: Iterable[tuple[Any, Any]], style: str, *, evaluated: bool | None = None
) -> list[str]:
    """Return `name = formula` lines.

    Parameters
    ----------
    pairs : iterable of (str or Symbol, Expr)
        Left and right sides.
    style : {"text", "latex"}
        How formulas are written.
    evaluated : bool, optional
        True for expanded closed forms, which are written as SymPy orders them.
    """
    if style == "latex":
        return [f"{_left(name)} = {latex(value)}" for name, value in pairs]
    return [f"{name} = {text(value, evaluated=evaluated)}" for name, value in pairs]


def _left(name: Any) -> str:
    return latex(name) if isinstance(name, Expr) else str(name)


def partial_name(output: str, variable: Any, style: str) -> str:
    """Return `df/dx`, or its LaTeX.

    Examples
    --------
    >>> partial_name("f", "x", "text")
    'df/dx'
    """
    if style == "latex":
        symbol = variable if isinstance(variable, Expr) else Symbol(str(variable))
        return rf"\frac{{\partial {output}}}{{\partial {latex(symbol)}}}"
    return f"d{output}/d{variable}"


def derivative_name(output: str, variables: list[str], style: str) -> str:
    """Return the name of a derivative of any order.

    Examples
    --------
    >>> derivative_name("f", ["x", "x", "y"], "text")
    'd3f/dx2dy'
    """
    powers = [(v, len(list(g))) for v, g in groupby(variables)] or [("", 1)]
    order = sum(n for _, n in powers)
    if style == "latex":
        top = rf"\partial^{{{order}}}" if order > 1 else r"\partial"
        below = " ".join(
            rf"\partial {latex(Symbol(v))}" + (f"^{{{n}}}" if n > 1 else "") for v, n in powers
        )
        return rf"\frac{{{top} {output}}}{{{below}}}"
    below = "".join(f"d{v}{n if n > 1 else ''}" for v, n in powers)
    return f"d{order if order > 1 else ''}{output}/{below}"
