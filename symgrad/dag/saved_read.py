"""SymPy terms from rows of JSON, made without evaluation.

Every argument is checked against what its head takes; a malformed row is a `GraphError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Expr, Float, Function, Integer, Rational, Symbol, Tuple
from sympy.core.function import UndefinedFunction
from sympy.core.symbol import Str
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean

from symgrad.dag.carried import check_size
from symgrad.dag.saved_heads import (
    CONSTANTS,
    FACTS,
    FINEST,
    HEADS,
    LATTICES,
    MARKS,
    OVER,
    SHAPED,
    Sizes,
    read_integer,
)
from symgrad.errors import GraphError
from symgrad.expr import literal
from symgrad.expr.matrices import matrix
from symgrad.expr.region import Block, Call, Scan
from symgrad.expr.tensors import TensorSymbol, tensor
from symgrad.rules.table import GATES


class TermReader:
    """Make the terms of rows, in order."""

    def __init__(self) -> None:
        self.terms: list[Any] = []
        self._sizes = Sizes()

    def add(self, row: Any) -> None:
        """Make the term of the next row.

        Raises
        ------
        GraphError
            If the row is malformed, or its head is none of `HEADS`.
        """
        if type(row) is not list or not row or type(row[0]) is not str:
            raise GraphError(f"term {len(self.terms)} is {row!r:.80}; a row starts with its head")
        kind, *rest = row
        make = READERS.get(kind)
        if make is not None:
            args: Sequence[int] = ()
            term = make(*rest)
        elif kind == "block":
            args = (*self._indices(rest[1]), *self._indices(rest[2]))
            term = self._block(*rest)
        else:
            args = self._indices(rest)
            term = self._applied(kind, [self.terms[a] for a in args])
        self._sizes.add(args)
        self.terms.append(term)

    def _indices(self, values: Any) -> list[int]:
        if type(values) is not list or any(
            type(v) is not int or not 0 <= v < len(self.terms) for v in values
        ):
            found = f"term {len(self.terms)} has arguments {values!r:.80}"
            raise GraphError(f"{found}; arguments are earlier terms")
        return values

    def _block(self, name: Any, inputs: Any, outputs: Any) -> Any:
        terms = self.terms
        made = [terms[i] for i in inputs], [terms[o] for o in outputs]
        if type(name) is not str or not made[1] or not all(isinstance(i, Symbol) for i in made[0]):
            raise GraphError("a block has a name, symbols for inputs, and outputs")
        return Block(name, *made)

    def _applied(self, kind: str, args: list[Any]) -> Any:
        if kind == "apply":
            if not args or type(args[0]) is not UndefinedFunction:
                raise GraphError(f"term {len(self.terms)} applies what is no function")
            return args[0](*_all(Expr, args[1:], "an undefined function"))
        return make_term(_head(kind), args)


def _head(kind: str) -> Any:
    gate = GATES.named(kind.removeprefix("gate:")) if kind.startswith("gate:") else None
    found = HEADS.get(kind) if gate is None else gate.head
    if found is None:
        raise GraphError(f"the head `{kind:.80}` is not known; register its gate with `sg.gate`")
    return found


def _all(kind: Any, args: Sequence[Any], owner: str) -> Sequence[Any]:
    for arg in args:
        if not isinstance(arg, kind) or getattr(arg, "is_Matrix", False):
            raise GraphError(f"`{arg!s:.80}` ({type(arg).__name__}) is no argument of {owner}")
    return args


def make_term(head: Any, args: list[Any]) -> Any:
    """Return `head(*args)` without evaluation."""
    for kind, make in MAKERS:
        if issubclass(head, kind):
            return make(head, args)
    raise GraphError(f"`{head.__name__}` cannot be made from a file")


def _make_sum(head: Any, args: list[Any]) -> Any:
    _all(Expr, args, head.__name__)
    if len(args) < 2:
        raise GraphError(f"`{head.__name__}` takes two arguments or more, not {len(args)}")
    node = literal._settle(head._from_args(args, is_commutative=True))
    if head in MARKS and node != MARKED[head](node):
        raise GraphError(f"`{head.__name__}` marks a node of another form")
    return node


def _make_function(head: Any, args: list[Any]) -> Any:
    if len(args) not in head.nargs:
        raise GraphError(f"`{head.__name__}` does not take {len(args)} arguments")
    return literal.apply(head, *_all(Expr, args, head.__name__))


def _make_region(head: Any, args: list[Any]) -> Any:
    _all(Block, args[:1], head.__name__)
    _all(Expr, args[1:], head.__name__)
    block, index, *rest = args
    rest = rest if head is Call else rest[1:]
    if not (isinstance(index, Integer) and 0 <= index < len(block.outputs)):
        raise GraphError(f"`{block.name}` has no output {index!s:.80}")
    if len(rest) != len(block.inputs) or (head is Scan and not args[2].is_Integer):
        raise GraphError(f"`{block.name}` takes {len(block.inputs)} inputs, not {len(rest)}")
    return literal.apply(head, *args)


def _make_pair(head: Any, args: list[Any]) -> Any:
    if len(args) != 2:
        raise GraphError(f"`{head.__name__}` takes two arguments, not {len(args)}")
    _all(Boolean if head is ExprCondPair else Expr, args[1:], head.__name__)
    _all(Expr, args[:1], head.__name__)
    return literal.apply(head, *args) if head is not sympy.Pow else literal.power(*args)


def _make_piecewise(head: Any, args: list[Any]) -> Any:
    return literal.apply(head, *_all(ExprCondPair, args, head.__name__))


def _make_condition(head: Any, args: list[Any]) -> Any:
    _all(Expr if head in (sympy.Max, sympy.Min) else Boolean, args, head.__name__)
    if not args or (head is sympy.Not and len(args) != 1):
        raise GraphError(f"`{head.__name__}` does not take {len(args)} arguments")
    node = literal.apply(head, *args)
    if head in LATTICES:
        node._argset = frozenset(args)  # SymPy's lattice operations ask for it
    return node


def _make_bound(head: Any, args: list[Any]) -> Any:
    """Make a sum, product or integral; each limit is `(symbol, ...)`."""
    body, *limits = args
    _all(Expr, [body], head.__name__)
    for limit in _all(Tuple, limits, head.__name__):
        if not 1 <= len(limit) <= 3 or not isinstance(limit[0], Symbol):
            raise GraphError(f"`{limit!s:.80}` is no limit of {head.__name__}")
        _all(Expr, limit.args, head.__name__)
    node = Expr.__new__(head, body, *limits)
    node.is_commutative = True
    return literal._settle(node)


def _make_derivative(head: Any, args: list[Any]) -> Any:
    body, *counts = args
    _all(Expr, [body], head.__name__)
    for pair in _all(Tuple, counts, head.__name__):
        if len(pair) != 2 or not getattr(pair[0], "_diff_wrt", False):
            raise GraphError(f"`{pair!s:.80}` is no variable and order of Derivative")
    return literal._settle(Expr.__new__(head, body, *counts))


def _make_substitution(head: Any, args: list[Any]) -> Any:
    body, variables, point = args
    _all(Expr, [body], head.__name__)
    _all(Symbol, _all(Tuple, [variables], head.__name__)[0].args, head.__name__)
    _all(Expr, _all(Tuple, [point], head.__name__)[0].args, head.__name__)
    return head(body, variables, point)


def _make_indexed(head: Any, args: list[Any]) -> Any:
    _all(sympy.IndexedBase, args[:1], head.__name__)
    return head(*args[:1], *_all(Expr, args[1:], head.__name__))


def _make_base(head: Any, args: list[Any]) -> Any:
    return head(*_all(Symbol, args[:1], head.__name__), *_all(Tuple, args[1:2], head.__name__))


def _make_symbol(head: Any, args: list[Any]) -> Any:
    """Make the symbol of a matrix or a tensor; sizes and facts are checked as for a caller."""
    name, *rest = args
    _all(Str, [name], head.__name__)
    if head is TensorSymbol:
        sizes, *facts = _all(Tuple, rest[:1], head.__name__)[0].args, *rest[1:]
    else:
        sizes, facts = rest[:2], rest[2:]
    for size in sizes:
        check_size(size)
    stated = [str(f) for f in _all(Str, facts, head.__name__)]
    if head is TensorSymbol:
        made = tensor(str(name), *sizes, facts=stated)
    else:
        made = matrix(str(name), *sizes, *stated)
    if type(made) is not head:
        raise GraphError(f"`{name!s:.80}` with these sizes and facts is no {head.__name__}")
    return made


MARKED: dict[Any, Callable[[Any], Any]] = {
    literal.Sub: lambda e: literal.sub(e.args[0], e.args[1].args[1]),
    literal.Neg: lambda e: literal.neg(e.args[1]),
    literal.Div: lambda e: literal.div(e.args[0], e.args[1].args[0]),
}
MAKERS: tuple[tuple[Any, Callable[[Any, list[Any]], Any]], ...] = (
    ((Call, Scan), _make_region),
    (sympy.Piecewise, _make_piecewise),
    (Function, _make_function),
    ((sympy.And, sympy.Or, sympy.Not, sympy.Xor, sympy.Max, sympy.Min), _make_condition),
    ((sympy.Add, sympy.Mul), _make_sum),
    ((sympy.Pow, ExprCondPair, sympy.core.relational.Relational), _make_pair),
    (Tuple, lambda head, args: head(*args)),
    (OVER, _make_bound),
    (sympy.Derivative, _make_derivative),
    (sympy.Subs, _make_substitution),
    (sympy.Indexed, _make_indexed),
    ((sympy.IndexedBase, sympy.Idx), _make_base),
    (SHAPED, _make_symbol),
)


def _read_rational(p: Any, q: Any) -> Any:
    if read_integer(q) < 1:
        raise GraphError(f"the denominator {q!r:.80} is not positive")
    return Rational(read_integer(p), read_integer(q))


def _read_float(signed: Any, exponent: Any, bits: Any) -> Any:
    mantissa, power = read_integer(signed), read_integer(exponent)
    if type(bits) is not int or not 1 <= bits <= FINEST:
        raise GraphError(f"a number of {bits!r:.80} bits; give 1 to {FINEST}")
    size = abs(mantissa)
    return Float._new((int(mantissa < 0), size, power, size.bit_length()), bits, zero=False)


def _read_facts(given: Any) -> dict[str, bool]:
    facts = dict(given)
    if not facts.keys() <= FACTS or not all(type(v) is bool for v in facts.values()):
        raise GraphError(f"{given!r:.80} are no assumptions of SymPy")
    return facts


def _read_symbol(kind: Any) -> Callable[[Any, Any], Any]:
    def read(name: Any, facts: Any) -> Any:
        if type(name) is not str:
            raise GraphError(f"{name!r:.80} is no name of a symbol")
        return kind(name, **_read_facts(facts))

    return read


def _read_function(name: Any, facts: Any, counts: Any) -> Any:
    if type(name) is not str or any(type(n) is not int for n in counts):
        raise GraphError(f"{name!r:.80} with {counts!r:.80} arguments is no function")
    options = {"nargs": tuple(counts)} if counts else {}
    return Function(name, **_read_facts(facts), **options)


def _read_constant(name: Any) -> Any:
    if type(name) is not str or name not in CONSTANTS:
        raise GraphError(f"{name!r:.80} is no constant; known are {', '.join(CONSTANTS)}")
    return CONSTANTS[name]


def _read_text(text: Any) -> Any:
    if type(text) is not str:
        raise GraphError(f"{text!r:.80} is no text")
    return Str(text)


READERS: dict[str, Callable[..., Any]] = {
    "integer": lambda value: Integer(read_integer(value)),
    "rational": _read_rational,
    "float": _read_float,
    "symbol": _read_symbol(Symbol),
    "dummy": _read_symbol(sympy.Dummy),
    "function": _read_function,
    "constant": _read_constant,
    "str": _read_text,
}
