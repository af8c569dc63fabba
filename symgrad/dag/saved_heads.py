"""What a saved graph may hold: constants, heads, assumptions, and how large one term may be.

Heads come from a list of classes, never from a look-up of a name that a file holds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Function, S, Tuple
from sympy.core.assumptions import _assume_defined
from sympy.functions.elementary.piecewise import ExprCondPair

from symgrad.errors import GraphError
from symgrad.expr import heads, literal
from symgrad.expr.matrices import DeclaredMatrix
from symgrad.expr.region import Call, Scan
from symgrad.expr.tensors import TensorSymbol

DEEPEST = 300  # levels of one term: SymPy asks for free symbols by recursion
LARGEST = 1_000_000  # nodes of one term written out as a tree
SMALL = 2**53  # integers from here on are written in base 16, which is read in linear time
FINEST = 2**20  # bits of a floating-point number

dump = json.JSONEncoder(separators=(",", ":")).encode

FACTS = frozenset(_assume_defined)
CONSTANTS: dict[str, Any] = {
    "pi": S.Pi,
    "E": S.Exp1,
    "I": S.ImaginaryUnit,
    "oo": S.Infinity,
    "-oo": S.NegativeInfinity,
    "zoo": S.ComplexInfinity,
    "nan": S.NaN,
    "GoldenRatio": S.GoldenRatio,
    "TribonacciConstant": S.TribonacciConstant,
    "EulerGamma": S.EulerGamma,
    "Catalan": S.Catalan,
    "true": S.true,
    "false": S.false,
}
NAMES_OF_CONSTANTS = {type(value): name for name, value in CONSTANTS.items()}
MARKS = (literal.Sub, literal.Neg, literal.Div)
LATTICES = (sympy.And, sympy.Or, sympy.Max, sympy.Min)
OVER = (sympy.Sum, sympy.Product, sympy.Integral)
SHAPED = (sympy.MatrixSymbol, DeclaredMatrix, TensorSymbol)
PLAIN = (
    *(sympy.Add, sympy.Mul, sympy.Pow, sympy.Not, sympy.Xor, Tuple, ExprCondPair),
    *(sympy.Eq, sympy.Ne, sympy.Lt, sympy.Le, sympy.Gt, sympy.Ge),
    *(sympy.Derivative, sympy.Subs, sympy.Indexed, sympy.IndexedBase, sympy.Idx),
    *(*MARKS, *LATTICES, *OVER, *SHAPED, Call, Scan),
)


def _functions(*spaces: Any) -> list[Any]:
    abstract = (Function, sympy.WildFunction, heads.OwnHead)
    found = [c for s in spaces for c in vars(s).values() if isinstance(c, type)]
    public = [c for c in found if issubclass(c, Function) and not c.__name__.startswith("_")]
    return [c for c in public if c not in abstract]


HEADS: dict[str, Any] = {
    head.__name__: head for head in (*PLAIN, *_functions(sympy), *_functions(heads))
}


class Sizes:
    """How deep and how large each row's term is; both are bounded.

    The bounds hold for files and for graphs that are saved, so that what is saved can be loaded.
    """

    def __init__(self) -> None:
        self._depths: list[int] = []
        self._sizes: list[int] = []

    def add(self, args: Sequence[int]) -> int:
        """Note a row with these arguments and return its number."""
        depth = 1 + max((self._depths[a] for a in args), default=0)
        size = 1 + sum(self._sizes[a] for a in args)
        if depth > DEEPEST or size > LARGEST:
            raise GraphError(
                f"a term of {depth} levels and {size} nodes is carried whole; at most {DEEPEST} "
                f"levels and {LARGEST} nodes can be saved: name its parts by variables"
            )
        self._depths.append(depth)
        self._sizes.append(size)
        return len(self._sizes) - 1


def write_integer(value: int) -> int | str:
    """Return an integer for JSON; a large one in base 16."""
    return value if abs(value) < SMALL else hex(value)


def read_integer(value: Any) -> int:
    """Return an integer from JSON."""
    if type(value) is int:
        return value
    if type(value) is str and value.lstrip("-").startswith("0x"):
        return int(value, 16)
    raise GraphError(f"{value!r:.80} is no integer; write digits, or base 16 as text from 2**53 on")
