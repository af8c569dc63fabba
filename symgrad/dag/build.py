"""From SymPy trees to nodes, iteratively and without evaluation.

A tree written as text keeps each operator as one gate (its differences, quotients and negations are
marked). In a canonical SymPy tree, negative terms become differences and negative powers quotients,
and n-ary sums and products are folded from the left. Trees are remembered by object identity and
nodes are interned, so equal subtrees become one node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Basic, Expr, Function, Integer, Rational, S
from sympy.core.function import AppliedUndef
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.matrices.expressions.matexpr import MatrixElement

from symgrad.dag import matrices, matrix_sums, region_build
from symgrad.dag.nodes import ADD, CONSTANT, DIV, MUL, NEG, POW, SQRT, SUB, Grower, Nodes
from symgrad.dag.tensor_build import TENSOR_COMBINE, TENSOR_PARTS, scalars
from symgrad.errors import UnsupportedError
from symgrad.expr import hypergeometric, literal
from symgrad.expr.region import Call, Scan, has_axes
from symgrad.rules import elementary, opaque, routing, special
from symgrad.rules.table import GATES

Memo = dict[int, int]

EXP = next(row for row in elementary.ROWS if row.name == "exp")

AND, OR, NOT, _ = routing.CONNECTIVES
WHOLES = (sympy.Sum, sympy.Product, sympy.Integral, sympy.Derivative, sympy.Subs)
REFUSED = (sympy.MatrixBase, sympy.NDimArray)


class Builder:
    """Turn expressions into nodes of one table.

    Parameters
    ----------
    nodes : Nodes
        The table that grows.
    leaves : mapping of Expr to int, optional
        Symbols that stand for nodes which exist already.
    """

    def __init__(self, nodes: Nodes, leaves: dict[Expr, int] | None = None) -> None:
        self.nodes = nodes
        self.grower = Grower(nodes)
        self.leaves = leaves or {}
        self.memo: Memo = {}
        self._alive: list[Any] = []

    def build(self, root: Basic) -> int:
        """Return the node of `root`."""
        self._alive.append(root)
        memo, stack = self.memo, [root]
        while stack:
            expr = stack[-1]
            if id(expr) in memo:
                stack.pop()
                continue
            pending = [p for p in parts(expr) if id(p) not in memo]
            if pending:
                stack.extend(reversed(pending))
                continue
            stack.pop()
            memo[id(expr)] = self._combine(expr)
        return self.positive(memo[id(root)])

    def positive(self, signed: int) -> int:
        """Return the node of a signed entry; ~n stands for minus node n."""
        return signed if signed >= 0 else self.grower.apply(NEG, (~signed,))

    def value(self, expr: Basic) -> int:
        """Return the node of a part that is built."""
        return self.positive(self.memo[id(expr)])

    def values(self, exprs: Sequence[Basic]) -> tuple[int, ...]:
        """Return the nodes of parts that are built."""
        return tuple(self.value(e) for e in exprs)

    def _combine(self, expr: Basic) -> int:
        combine = COMBINE.get(type(expr))
        return combine(self, expr) if combine else combine_other(self, expr)


def parts(expr: Basic) -> Sequence[Basic]:
    """Return the subtrees that must be built before `expr`."""
    known = PARTS.get(type(expr))
    if known is not None:
        found: Sequence[Basic] = known(expr)
        return found
    if isinstance(expr, (sympy.Indexed, sympy.MatrixSymbol)) or not expr.args:
        return ()
    if isinstance(expr, WHOLES):
        return matrix_sums.parts(expr) or _free_symbols(expr)
    arguments: tuple[Basic, ...] = expr.args
    return arguments


def _free_symbols(expr: Basic) -> list[Basic]:
    if expr.atoms(sympy.Indexed):
        raise UnsupportedError(
            f"`{sympy.sstr(expr)[:80]}` holds subscripted symbols under {type(expr).__name__}; "
            "write the terms out, or use plain symbols"
        )
    wide = next(filter(has_axes, expr.free_symbols), None)
    if wide is not None:
        raise UnsupportedError(
            f"`{sympy.sstr(expr)[:80]}` holds `{wide}`, which has axes, under "
            f"{type(expr).__name__}; sum with `sg.sum`, or put a scalar symbol in its place"
        )
    return sorted(expr.free_symbols, key=sympy.default_sort_key)


def _mul_parts(expr: Basic) -> list[Basic]:
    return [_unsigned(a)[0] for a in expr.args if not _is_negative_number(a)]


def _is_negative_number(expr: Basic) -> bool:
    return isinstance(expr, Rational) and expr.p < 0


def _unsigned(factor: Basic) -> tuple[Basic, Rational | None]:
    """Split `base**-n` into the base and n; other factors stand for themselves."""
    if type(factor) is sympy.Pow:
        exponent = factor.args[1]
        if isinstance(exponent, Rational) and exponent.p < 0:
            return factor.args[0], -exponent
    return factor, None


# --- combining built parts ---


def combine_add(builder: Builder, expr: Expr) -> int:
    """Fold a canonical sum, starting at its first positive term."""
    signed = [builder.memo[id(a)] for a in expr.args]
    first = next((i for i, s in enumerate(signed) if s >= 0), None)
    if first is None:
        total = ~signed[0]
        for entry in signed[1:]:
            total = builder.nodes.add(ADD, (total, ~entry))
        return ~total
    total = signed[first]
    for i, entry in enumerate(signed):
        if i != first:
            gate, operand = (ADD, entry) if entry >= 0 else (SUB, ~entry)
            total = builder.nodes.add(gate, (total, operand))
    return total


def combine_mul(builder: Builder, expr: Expr) -> int:
    """Fold a canonical product into numerator over denominator; a sign stays outside."""
    negative, above, below = False, [], []
    for factor in expr.args:
        if _is_negative_number(factor):
            negative = not negative
            if factor is not S.NegativeOne:
                above.append(builder.nodes.number(-factor))
            continue
        base, power = _unsigned(factor)
        signed = builder.memo[id(base)]
        if power is None:
            negative ^= signed < 0
            above.append(signed if signed >= 0 else ~signed)
        else:
            below.append(_powered(builder, builder.positive(signed), power))
    total = _product(builder, above)
    if below:
        total = builder.nodes.add(DIV, (total, _product(builder, below)))
    return ~total if negative else total


def _product(builder: Builder, factors: list[int]) -> int:
    if not factors:
        return builder.nodes.number(S.One)
    total = factors[0]
    for factor in factors[1:]:
        total = builder.nodes.add(MUL, (total, factor))
    return total


def _powered(builder: Builder, base: int, exponent: Rational) -> int:
    if exponent == 1:
        return base
    if exponent == S.Half:
        return builder.nodes.add(SQRT, (base,))
    return builder.nodes.add(POW, (base, builder.nodes.number(exponent)))


def combine_pow(builder: Builder, expr: Expr) -> int:
    """Build a power; a square root is its own gate, a negative exponent a quotient."""
    base, exponent = expr.args
    if isinstance(exponent, Rational) and exponent.p < 0:
        below = _powered(builder, builder.value(base), -exponent)
        return builder.nodes.add(DIV, (builder.nodes.number(S.One), below))
    if exponent is S.Half:
        return builder.nodes.add(SQRT, (builder.value(base),))
    if base is S.Exp1:
        return builder.nodes.add(EXP, (builder.value(exponent),))
    return builder.nodes.add(POW, (builder.value(base), builder.value(exponent)))


def combine_neg(builder: Builder, expr: Expr) -> int:
    """Build a written negation; of a number it is a number."""
    operand = builder.value(expr.args[1])
    if builder.nodes.gates[operand] is CONSTANT:
        return builder.grower.apply(NEG, (operand,))
    return builder.nodes.add(NEG, (operand,))


def combine_sub(builder: Builder, expr: Expr) -> int:
    """Build a written difference."""
    return builder.nodes.add(SUB, builder.values((expr.args[0], expr.args[1].args[1])))


def combine_div(builder: Builder, expr: Expr) -> int:
    """Build a written quotient."""
    return builder.nodes.add(DIV, builder.values((expr.args[0], expr.args[1].args[0])))


def combine_piecewise(builder: Builder, expr: Expr) -> int:
    """Build nested choices, the first branch outermost; without a default, nan."""
    branches = list(expr.args)
    other = S.NaN
    if branches[-1].args[1] == sympy.true:
        other = branches.pop().args[0]
    total = builder.nodes.number(S.NaN) if other is S.NaN else builder.value(other)
    for branch in reversed(branches):
        chosen, condition = builder.values(branch.args)
        total = builder.nodes.add(routing.WHERE, (condition, chosen, total))
    return total


def combine_if(builder: Builder, expr: Basic) -> int:
    """Build the condition `ITE(c, a, b)`, into which SymPy turns a condition on a choice."""
    condition, chosen, other = builder.values(expr.args)
    add = builder.nodes.add
    yes = add(AND, (condition, chosen))
    return add(OR, (yes, add(AND, (add(NOT, (condition,)), other))))


def combine_leaf(builder: Builder, expr: Expr) -> int:
    """Build a number, a symbol, or refuse."""
    known = builder.leaves.get(expr)
    if known is not None:
        return known
    if expr.is_Symbol or isinstance(expr, sympy.Indexed):
        if not expr.is_commutative:
            raise UnsupportedError(f"`{expr}` does not commute; symgrad's scalars do")
        return builder.nodes.variable(expr)
    if expr is S.ComplexInfinity or isinstance(expr, sympy.AccumBounds):
        raise UnsupportedError(f"`{expr}` is no number that a gradient could hold")
    if expr.is_Number or expr.is_NumberSymbol or expr in (S.ImaginaryUnit, S.true, S.false):
        return builder.nodes.number(expr)
    raise UnsupportedError(
        f"`{sympy.sstr(expr)[:80]}` ({type(expr).__name__}) is no scalar expression"
    )


def combine_parametrised(builder: Builder, expr: Expr) -> int:
    """Build `hyper` or `meijerg`; the lengths of their parameter lists are operands too."""
    gate, split = PARAMETRISED[type(expr)]
    lengths, operands = split(expr)
    counts = [builder.nodes.number(Integer(n)) for n in lengths]
    return builder.nodes.add(gate, (*counts, *builder.values(operands)))


def combine_other(builder: Builder, expr: Basic) -> int:
    """Build functions, undefined functions, whole expressions and conditions."""
    if isinstance(expr, sympy.Indexed) or (not expr.args and not isinstance(expr, Function)):
        return combine_leaf(builder, expr)
    if isinstance(expr, REFUSED):
        raise UnsupportedError(
            f"`{sympy.sstr(expr)[:80]}` is a matrix of entries; put a `sg.matrix` symbol in its "
            "place and give the entries as its value"
        )
    if isinstance(expr, sympy.MatrixSymbol):
        return matrices.combine_symbol(builder, expr)
    if isinstance(expr, MatrixElement):
        return matrices.combine_element(builder, expr)
    if isinstance(expr, sympy.MatrixExpr):
        raise UnsupportedError(f"`{type(expr).__name__}` is no matrix operation symgrad knows")
    if isinstance(expr, AppliedUndef):
        payload = opaque.Unknown(expr.func, (0,) * len(expr.args))
        return builder.nodes.add(opaque.UNKNOWN, scalars(builder, expr), payload)
    if isinstance(expr, WHOLES):
        entry = matrix_sums.combine(builder, expr)
        return _combine_whole(builder, expr) if entry is None else entry
    gate = GATES.of_head(type(expr))
    if gate is None:
        raise UnsupportedError(
            f"`{sympy.sstr(expr)[:80]}` ({type(expr).__name__}) has no gate; "
            "register one with `sg.gate`, or rewrite the expression"
        )
    return builder.nodes.add(gate, scalars(builder, expr))


def _combine_whole(builder: Builder, expr: Expr) -> int:
    unknown = _derivative_of_unknown(expr)
    if unknown is not None:
        args = expr.args[0].args
        return builder.nodes.add(opaque.UNKNOWN, builder.values(args), unknown)
    symbols = tuple(_free_symbols(expr))
    return builder.nodes.add(opaque.WHOLE, builder.values(symbols), opaque.Whole(expr, symbols))


def _derivative_of_unknown(expr: Expr) -> opaque.Unknown | None:
    """Recognise `Derivative(f(x, y), x, ...)` of plain, different symbols."""
    inner = expr.args[0]
    if not (isinstance(expr, sympy.Derivative) and isinstance(inner, AppliedUndef)):
        return None
    args = inner.args
    counts = dict(expr.variable_count)
    plain = len(set(args)) == len(args) and all(a.is_Symbol for a in args)
    if not plain or any(v not in args or not n.is_Integer for v, n in counts.items()):
        return None
    return opaque.Unknown(inner.func, tuple(int(counts.get(a, 0)) for a in args))


PARAMETRISED = {
    sympy.hyper: (special.HYPER, hypergeometric.split_hyper),
    sympy.meijerg: (special.MEIJERG, hypergeometric.split_meijerg),
}


def _piecewise_parts(expr: Basic) -> list[Basic]:
    return [p for branch in expr.args for p in branch.args]


PARTS: dict[type, Callable[[Any], Sequence[Basic]]] = {
    sympy.Mul: _mul_parts,
    sympy.Pow: lambda e: e.args if not _is_negative_number(e.args[1]) else e.args[:1],
    literal.Neg: lambda e: e.args[1:],
    literal.Sub: lambda e: (e.args[0], e.args[1].args[1]),
    literal.Div: lambda e: (e.args[0], e.args[1].args[0]),
    sympy.Piecewise: _piecewise_parts,
    ExprCondPair: lambda e: e.args,
    Call: lambda e: e.args[2:],
    Scan: lambda e: e.args[3:],
    sympy.hyper: lambda e: hypergeometric.split_hyper(e)[1],
    sympy.meijerg: lambda e: hypergeometric.split_meijerg(e)[1],
    sympy.Symbol: lambda e: (),
    sympy.Dummy: lambda e: (),
    Integer: lambda e: (),
    **matrices.MATRIX_PARTS,
    **TENSOR_PARTS,
}
COMBINE: dict[type, Callable[[Builder, Any], int]] = {
    sympy.Add: combine_add,
    sympy.Mul: combine_mul,
    sympy.Pow: combine_pow,
    literal.Neg: combine_neg,
    literal.Sub: combine_sub,
    literal.Div: combine_div,
    sympy.Piecewise: combine_piecewise,
    sympy.ITE: combine_if,
    Call: region_build.combine_call,
    Scan: region_build.combine_scan,
    sympy.hyper: combine_parametrised,
    sympy.meijerg: combine_parametrised,
    sympy.Symbol: combine_leaf,
    sympy.Dummy: combine_leaf,
    Integer: combine_leaf,
    **matrices.MATRIX_COMBINE,
    **TENSOR_COMBINE,
}
