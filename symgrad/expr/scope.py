"""What a name means while a text is read.

A name is a variable, an assigned node, a constant or a function; it never changes its meaning.
Imports the function table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import sympy

from symgrad.errors import UnknownNameError, UnsupportedError, hint
from symgrad.expr import functions, literal, matrix_functions
from symgrad.expr.functions import TABLE, Entry
from symgrad.expr.lexer import Token
from symgrad.expr.refusal import Refusal

Constants = Iterable[str] | Mapping[str, Any]

CONSTANTS = {
    "E": sympy.E,
    "I": sympy.I,
    "oo": sympy.oo,
    "nan": sympy.nan,
    "GoldenRatio": sympy.GoldenRatio,
    "EulerGamma": sympy.EulerGamma,
    "Catalan": sympy.Catalan,
}

# What people write for a function that stands in the table under another name.
SYNONYMS = {
    "tg": "tan",
    "ctg": "cot",
    "cosec": "csc",
    "sh": "sinh",
    "ch": "cosh",
    "th": "tanh",
    "sgn": "sign",
    "step": "Heaviside",
    "logistic": "sigmoid",
    "if_else": "where",
    "select": "where",
    "sum": "Sum",
    "prod": "Product",
    "integrate": "Integral",
    "diff": "Derivative",
}


class Scope:
    """The names of one text.

    Parameters
    ----------
    constants : iterable of str, or mapping of str to number
        Names that are numbers besides `pi`.
    functions : iterable of str
        Names of undefined functions.
    declared : mapping of str to Basic, optional
        The matrices and sizes of the text by name; functions of matrices are known where it is
        given, even if it is empty.
    """

    def __init__(
        self,
        constants: Constants,
        functions: Iterable[str],
        declared: Mapping[str, Any] | None = None,
    ) -> None:
        self.names: dict[str, Any] = {}
        self._declared = declared or {}
        self._wholes = {} if declared is None else matrix_functions.ENTRIES
        self.constants = {"pi": sympy.pi} | _chosen(constants)
        self._undefined = {name: _undefined(name) for name in functions}
        self._variables: dict[str, Any] = {}

    def value(self, token: Token, target: str | None) -> tuple[Any, bool]:
        """Return what a name stands for, and whether it is met for the first time.

        Parameters
        ----------
        token : Token
            The name.
        target : str or None
            The name that this statement assigns.
        """
        name = token.text
        if name == target:
            raise Refusal(f"`{name}` is used to define itself; choose a new name", token.start)
        known = self.names.get(name, self.constants.get(name, self._variables.get(name)))
        if known is not None:
            return known, False
        self._variables[name] = self._declared.get(name) or sympy.Symbol(name)
        return self._variables[name], True

    def base(self, token: Token) -> Any:
        """Return the matrix or the indexed base of a name before `[`."""
        known = self.names.get(token.text, self._declared.get(token.text))
        if getattr(known, "is_Matrix", False):
            return self._variables.setdefault(token.text, known)
        if token.text in self.names or token.text in self.constants:
            raise Refusal(f"`{token.text}` is a single number and has no parts", token.start)
        return sympy.IndexedBase(token.text)

    def function(self, token: Token) -> Entry:
        """Return how to read a name before `(`."""
        name = token.text
        entry = self._undefined.get(name) or self._wholes.get(name) or TABLE.entry(name)
        if entry is not None:
            return entry
        meanings = (self.names, self._variables, self._declared, self.constants)
        if any(name in known for known in meanings):
            message = f"`{name}` is no function; for a product write `{name}*(...)`"
            raise Refusal(message, token.start)
        raise Refusal(f"unknown function `{name}`{self._remedy(name)}", token.start)

    def _remedy(self, name: str) -> str:
        """Return what to write for an unknown function."""
        known = [*TABLE.names(), *self._undefined, *self._wholes]
        meant = SYNONYMS.get(name) or next((k for k in known if k.lower() == name.lower()), None)
        if meant is not None:
            return f"; did you mean `{meant}`?"
        if name in matrix_functions.ENTRIES:
            return "; it takes matrices: give their shapes, as in `shapes={'A': ('n', 'n')}`"
        own = "for a function of your own name it in `functions=`"
        return hint(name, known) or f"; for a product write `{name}*(...)`, {own}"

    def assign(self, token: Token, node: Any) -> None:
        """Give a node its name."""
        self.names[token.text] = node

    def check_target(self, token: Token) -> None:
        """Refuse to assign to a name that has a meaning already."""
        name = token.text
        if name in self.names:
            what = "has a value already"
        elif name in self._variables:
            what = "is a variable of this text already"
        elif name in self._declared:
            what = "is declared in `shapes`"
        elif name in self.constants:
            what = "is a constant"
        elif name in self._undefined or name in self._wholes or TABLE.entry(name):
            what = "is a function"
        else:
            return
        raise Refusal(f"`{name}` {what}; choose another name to assign to", token.start)


def _undefined(name: str) -> Entry:
    if not (isinstance(name, str) and name.isascii() and name.isidentifier()):
        raise UnsupportedError(f"functions={name!r} is no name; use ASCII letters, digits and `_`")
    if name in functions.RESERVED or TABLE.entry(name):
        raise UnsupportedError(f"`{name}` has a meaning already; choose another function name")
    return functions.undefined(name, sympy.Function(name))


def _chosen(constants: Constants) -> dict[str, Any]:
    if isinstance(constants, str):
        raise UnsupportedError(f"write constants=({constants!r},): a tuple of names")
    if isinstance(constants, Mapping):
        return {name: _constant(name, value) for name, value in constants.items()}
    return {name: _known_constant(name) for name in constants}


def _known_constant(name: str) -> Any:
    if name not in CONSTANTS:
        raise UnknownNameError(
            f"unknown constant `{name}`{hint(name, CONSTANTS)} "
            f"Known are {', '.join(CONSTANTS)}; for others give a mapping of names to numbers."
        )
    return CONSTANTS[name]


def _constant(name: str, value: Any) -> Any:
    if isinstance(value, int | Fraction):
        value = sympy.Rational(value)
    if not (isinstance(value, sympy.Expr) and value.is_number):
        raise UnsupportedError(
            f"the constant `{name}` is {value!r}; give an integer, a Fraction or a SymPy number"
        )
    return literal.neg(-value) if value.is_Number and value.is_extended_negative else value
