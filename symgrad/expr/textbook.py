"""SymPy's matrix expressions, printed as a textbook prints them.

Each class is SymPy's own with another way to write itself: terms in the order of the derivation, a
positive one first, differences as differences, `.*` for products entry by entry, `tr`, `det` and
`inv` by their names. Everything else is SymPy's: `isinstance`, `subs`, `doit`, further algebra.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import S
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalOf
from sympy.printing.precedence import PRECEDENCE

from symgrad.expr import matrices
from symgrad.expr.matrices import ScalarOp
from symgrad.registry import service

ADD, MUL, POW, ATOM = (PRECEDENCE[name] for name in ("Add", "Mul", "Pow", "Atom"))


def is_negative(term: Any) -> bool:
    """Return whether a term is written with a minus."""
    coefficient = term.args[0] if isinstance(term, sympy.MatMul) else term
    return not getattr(coefficient, "is_Matrix", False) and has_minus(coefficient)


def has_minus(number: Any) -> bool:
    """Return whether a number is written with a minus: a difference is not."""
    terms = sympy.Add.make_args(number)
    return all(bool(term.as_coeff_Mul()[0].is_negative) for term in terms)


def without_sign(term: Any) -> Any:
    """Return a term with the other sign; its coefficient is not a matrix."""
    if not isinstance(term, sympy.MatMul):
        return -term
    coefficient, *factors = term.args
    if coefficient is S.NegativeOne:
        return factors[0] if len(factors) == 1 else MatrixProduct(*factors)
    return MatrixProduct(-coefficient, *factors)


class Written:
    """Written in LaTeX as symgrad writes formulas, inside SymPy's own printers too."""

    def _latex(self, printer: Any, *_: Any) -> str:
        return str(service("formula.latex")(self))


class MatrixSum(Written, sympy.MatAdd):  # type: ignore[misc]
    """A sum of matrices."""

    def _sympystr(self, printer: Any, *_: Any) -> str:
        text = ""
        for term in self.args:
            negative = is_negative(term)
            shown = without_sign(term) if negative else term
            bare = _constant(shown)
            part = _number(printer, bare) if bare is not None else printer.parenthesize(shown, ADD)
            if not text:
                text = f"-{part}" if negative else part
            else:
                text += f" - {part}" if negative else f" + {part}"
        return text


def _constant(term: Any) -> Any:
    """Return the number that every entry of a matrix is, or None."""
    if isinstance(term, sympy.OneMatrix):
        return S.One
    if isinstance(term, sympy.MatMul) and isinstance(term.args[-1], sympy.OneMatrix):
        scalars = term.args[:-1]
        return None if any(getattr(s, "is_Matrix", False) for s in scalars) else sympy.Mul(*scalars)
    return None


class MatrixProduct(Written, sympy.MatMul):  # type: ignore[misc]
    """A product of scalars and matrices."""

    def _sympystr(self, printer: Any, *_: Any) -> str:
        scalars = [a for a in self.args if not getattr(a, "is_Matrix", False)]
        factors = [a for a in self.args if getattr(a, "is_Matrix", False)]
        chain = "*".join(printer.parenthesize(a, MUL) for a in factors)
        number = sympy.Mul(*scalars)
        if has_minus(number):
            return f"-{_scaled(printer, -number, chain)}"
        return _scaled(printer, number, chain)


def _scaled(printer: Any, number: Any, chain: str) -> str:
    """Return a number in front of a chain, and what it divides by after it."""
    above, below = number.as_numer_denom() if number.is_Mul or number.is_Pow else (number, S.One)
    if number.is_Rational:
        above, below = sympy.Integer(number.p), sympy.Integer(number.q)
    text = chain if above == 1 else f"{_number(printer, above)}*{chain}"
    return text if below == 1 else f"{text}/{printer.parenthesize(below, MUL, strict=False)}"


def _number(printer: Any, value: Any) -> str:
    """Return a number beside matrices; one that is itself a product of matrices in brackets."""
    if isinstance(value, sympy.Add):
        first, *rest = sorted(value.as_ordered_terms(), key=has_minus)
        signed = ((" - ", -t) if has_minus(t) else (" + ", t) for t in rest)
        return f"({printer._print(first)}{''.join(s + printer._print(t) for s, t in signed)})"
    is_chain = isinstance(value, ScalarOp)
    return str(printer.parenthesize(value, MUL, strict=not is_chain))


def is_inverted(factor: Any) -> bool:
    """Return whether a factor is one over every entry of a matrix."""
    return isinstance(factor, sympy.HadamardPower) and bool(factor.args[1] == -1)


class Entrywise(Written, sympy.HadamardProduct):  # type: ignore[misc]
    """A product entry by entry."""

    def _sympystr(self, printer: Any, *_: Any) -> str:
        text = ""
        for factor in self.args:
            inverted = is_inverted(factor)
            shown = factor.args[0] if inverted and text else factor
            sign = "./" if inverted else ".*"
            part = printer.parenthesize(shown, MUL, strict=True)
            text = f"{text} {sign} {part}" if text else part
        return text


class EntrywisePower(Written, sympy.HadamardPower):  # type: ignore[misc]
    """A power entry by entry; with the exponent -1 it is written as a quotient."""

    @property
    def precedence(self) -> int:
        """How tightly it binds in print."""
        return int(MUL if self.args[1] == -1 else POW)

    def _sympystr(self, printer: Any, *_: Any) -> str:
        base, exponent = self.args
        if exponent == -1:
            return f"1 ./ {printer.parenthesize(base, MUL)}"
        parts = (printer.parenthesize(a, POW, strict=True) for a in self.args)
        return ".**".join(parts)


def entrywise_power(base: Any, exponent: Any) -> Any:
    """Return a rational power entry by entry: a root by its name, a negative one as a quotient."""
    if exponent < 0:
        return EntrywisePower(entrywise_power(base, -exponent), S.NegativeOne)
    if exponent.q == 2:
        return entrywise_power(matrices.apply("map", base, params=("sqrt",)), 2 * exponent)
    return base if exponent == 1 else EntrywisePower(base, exponent)


def _call(name: str) -> Any:
    def write(self: Any, printer: Any, *_: Any) -> str:
        return f"{name}({printer._print(self.args[0])})"

    return write


class Trace(Written, sympy.Trace):  # type: ignore[misc]
    """A trace."""

    precedence = ATOM
    _sympystr = _call("tr")


class Determinant(Written, sympy.Determinant):  # type: ignore[misc]
    """A determinant."""

    precedence = ATOM
    _sympystr = _call("det")


class Inverse(Written, sympy.Inverse):  # type: ignore[misc]
    """An inverse."""

    precedence = ATOM
    _sympystr = _call("inv")


class Diagonal(Written, DiagMatrix):  # type: ignore[misc]
    """The diagonal matrix of a vector."""

    precedence = ATOM
    _sympystr = _call("diag")


class DiagonalVector(Written, DiagonalOf):  # type: ignore[misc]
    """The diagonal of a matrix, as a column."""

    precedence = ATOM
    _sympystr = _call("diag")
