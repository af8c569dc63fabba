"""Matrices in text: read as written, refused with both shapes, printed so that they read back."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import (
    HadamardPower,
    HadamardProduct,
    Identity,
    Integer,
    MatAdd,
    MatMul,
    MatPow,
    MatrixSymbol,
    OneMatrix,
    Rational,
    S,
    Symbol,
    Transpose,
    ZeroMatrix,
)
from sympy.core.symbol import Str
from sympy.matrices.expressions.diagonal import DiagonalOf
from sympy.matrices.expressions.matexpr import MatrixElement

import symgrad as sg
from symgrad.errors import (
    LimitError,
    ParseError,
    ShapeError,
    TextShapeError,
    UnknownNameError,
    UnsupportedError,
)
from symgrad.expr import heads, literal, matrices
from symgrad.expr.compare import same_tree
from symgrad.expr.dims import dim
from symgrad.expr.matrices import MatrixOp, ScalarOp, facts_of
from symgrad.expr.printer import text
from symgrad.expr.reader import parse
from symgrad.registry import service

RANDOM = runpy.run_path(str(Path(__file__).with_name("matrix_trees.py")))
judged = RANDOM["judged"]

SHAPES = {
    "A": ("n", "n"),
    "B": ("n", "n"),
    "W": ("m", "n"),
    "x": ("n",),
    "y": "m",
    "r": (1, "n"),
    "E": (3, 4),
    "one": (1, 1),
}
m, n = dim("m"), dim("n")
A, B, W = MatrixSymbol("A", n, n), MatrixSymbol("B", n, n), MatrixSymbol("W", m, n)
x, y = MatrixSymbol("x", n, 1), MatrixSymbol("y", m, 1)
E = MatrixSymbol("E", 3, 4)
a, b = Symbol("a"), Symbol("b")


def read(written: str) -> Any:
    return parse(written, shapes=SHAPES).expr


def raw(head: Any, *args: Any) -> Any:
    """Return a node as it stands."""
    return sympy.Basic.__new__(head, *args)


def mapped(gate: str, *operands: Any) -> Any:
    return raw(MatrixOp, Str("map"), sympy.Tuple(Str(gate)), *operands)


def named(name: str, *operands: Any, axis: int | None = None, head: Any = MatrixOp) -> Any:
    params = sympy.Tuple() if axis is None else sympy.Tuple(axis)
    return raw(head, Str(name), params, *operands)


def minus(matrix: Any) -> Any:
    return raw(MatMul, S.NegativeOne, matrix)


def over(matrix: Any, scalar: Any) -> Any:
    return raw(MatMul, literal.power(scalar, S.NegativeOne), matrix)


ONES = OneMatrix(n, 1)
INVERTED = raw(HadamardPower, B, S.NegativeOne)
QUADRATIC = raw(MatMul, raw(MatMul, raw(Transpose, x), A), x)

TREES: dict[str, Any] = {
    "W@x": raw(MatMul, W, x),
    "A@B@A": raw(MatMul, raw(MatMul, A, B), A),
    "A@(B@A)": raw(MatMul, A, raw(MatMul, B, A)),
    "A + B": raw(MatAdd, A, B),
    "A - B": raw(MatAdd, A, minus(B)),
    "W@x - y": raw(MatAdd, raw(MatMul, W, x), minus(y)),
    "-A": minus(A),
    "-A@B": raw(MatMul, minus(A), B),
    "2*A": raw(MatMul, Integer(2), A),
    "A*2": raw(MatMul, Integer(2), A),
    "a*b*A": raw(MatMul, literal.mul(a, b), A),
    "2*A@x": raw(MatMul, raw(MatMul, Integer(2), A), x),
    "A/a": over(A, a),
    "a/b*A": raw(MatMul, literal.div(a, b), A),
    "one*A": raw(MatMul, Symbol("one"), A),
    "n*A": raw(MatMul, n, A),
    "A .* B": raw(HadamardProduct, A, B),
    "A .* B@A": raw(MatMul, raw(HadamardProduct, A, B), A),
    "A ./ B": raw(HadamardProduct, A, INVERTED),
    "1 ./ B": INVERTED,
    "2./B": raw(MatMul, Integer(2), INVERTED),
    "a ./ B": raw(MatMul, a, INVERTED),
    "A ./ a": over(A, a),
    "a .* b": literal.mul(a, b),
    "a .^ b": literal.power(a, b),
    "A .^ 2": raw(HadamardPower, A, Integer(2)),
    "A .** 2": raw(HadamardPower, A, Integer(2)),
    "A .^ B": mapped("pow", A, B),
    "2 .^ A": mapped("pow", Integer(2), A),
    "A**2": raw(MatPow, A, Integer(2)),
    "A^2": raw(MatPow, A, Integer(2)),
    "A**-1": raw(sympy.Inverse, A, S.NegativeOne),
    "A**-2": raw(MatPow, A, Integer(-2)),
    "W.T": raw(Transpose, W),
    "W'": raw(Transpose, W),
    "W''": raw(Transpose, raw(Transpose, W)),
    "A**2'": raw(MatPow, A, Integer(2)),
    "(A@B).T": raw(Transpose, raw(MatMul, A, B)),
    "-x.T": minus(raw(Transpose, x)),
    "a.T": a,
    "x + 1": raw(MatAdd, x, ONES),
    "1 - x": raw(MatAdd, ONES, minus(x)),
    "x - a": raw(MatAdd, x, minus(raw(MatMul, a, ONES))),
    "x.T@A@x": raw(ScalarOp, Str("scalar"), sympy.Tuple(), QUADRATIC),
    "x@a": raw(MatMul, a, x),
    "tanh(W@x)": mapped("tanh", raw(MatMul, W, x)),
    "sqrt(x)": mapped("sqrt", x),
    "square(x)": raw(HadamardPower, x, Integer(2)),
    "expit(x)": mapped("sigmoid", x),
    "mod(x, 2)": mapped("mod", x, Integer(2)),
    "max(x, 0)": mapped("max", x, S.Zero),
    "max(x)": named("max", x, head=ScalarOp),
    "max(W, axis=0)": named("max", W, axis=0),
    "max(a, b)": literal.apply(heads.Maximum, a, b),
    "clip(x, 0, 1)": mapped("min", mapped("max", x, S.Zero), S.One),
    "log(x, a)": over(mapped("log", x), literal.apply(sympy.log, a)),
    "digamma(x)": mapped("polygamma", S.Zero, x),
    "where(x > 0, x, 0)": mapped("where", mapped("gt", x, S.Zero), x, S.Zero),
    "where(not x > 0, 1, 0)": mapped(
        "where", mapped("not", mapped("gt", x, S.Zero)), S.One, S.Zero
    ),
    "1(x > 0)": mapped("indicator", x, S.Zero, S.Zero),
    "1(x <= a)": mapped("indicator", a, x, S.One),
    "1(x > 0, tie=1/2)": mapped("indicator", x, S.Zero, Rational(1, 2)),
    "tr(A)": raw(sympy.Trace, A),
    "trace(A)": raw(sympy.Trace, A),
    "det(A)": raw(sympy.Determinant, A),
    "inv(A)": raw(sympy.Inverse, A, S.NegativeOne),
    "logdet(A)": named("logdet", A, head=ScalarOp),
    "norm(W)": named("norm", W, head=ScalarOp),
    "norm2(W)": named("norm2", W, head=ScalarOp),
    "sum(W)": named("sum", W, head=ScalarOp),
    "sum(W, axis=1)": named("sum", W, axis=1),
    "mean(W, axis=0)": named("mean", W, axis=0),
    "dot(x, x)": named("dot", x, x, head=ScalarOp),
    "logsumexp(x)": named("logsumexp", x, head=ScalarOp),
    "softmax(A, axis=1)": named("softmax", A, axis=1),
    "log_softmax(x)": named("log_softmax", x),
    "solve(A, x)": named("solve", A, x),
    "cholesky(A)": named("cholesky", A),
    "expm(A)": named("expm", A),
    "tril(A)": named("tril", A),
    "diag(A)": raw(DiagonalOf, A),
    "kron(A, W)": raw(sympy.KroneckerProduct, A, W),
    "eye(n)": Identity(n),
    "ones(m, 2)": OneMatrix(m, 2),
    "zeros(n)": ZeroMatrix(n, 1),
    "one_hot(2, n)": raw(MatrixOp, Str("one_hot"), sympy.Tuple(n), Integer(2)),
    "W[0, i]": raw(MatrixElement, W, S.Zero, Symbol("i")),
    "x[2]": raw(MatrixElement, x, Integer(2), S.Zero),
    "tr(a)": a,
    "norm2(a)": literal.power(a, Integer(2)),
    "eye(1)": S.One,
}


@pytest.mark.parametrize("written", TREES)
def test_text_becomes_one_node_per_operator_in_the_order_written(written: str) -> None:
    assert same_tree(TREES[written], read(written))


def test_the_diagonal_matrix_of_a_vector_is_sympys() -> None:
    assert read("diag(x)") == sympy.DiagMatrix(x)
    assert read("diag(x)").shape == (n, n)


@pytest.mark.parametrize("written", [w for w in TREES if not isinstance(TREES[w], sympy.Integer)])
def test_what_is_printed_reads_back_as_the_same_tree(written: str) -> None:
    tree = read(written)

    assert same_tree(tree, read(text(tree)))


def test_shapes_that_sympy_finds_are_those_that_were_checked() -> None:
    for tree in TREES.values():
        if getattr(tree, "is_Matrix", False) and not isinstance(tree, MatrixSymbol):
            shape = matrices.matrix_shape(read(text(tree)))

            assert tuple(tree.shape) == shape


# --- Python is the judge of random texts ---


@pytest.mark.parametrize("seed", range(120))
def test_random_texts_mean_what_python_makes_of_them(seed: int) -> None:
    written = RANDOM["random_text"](seed, depth=1 + seed % 4)
    parsed = parse(written, shapes=RANDOM["SHAPES"])
    printed = text(parsed.expr)
    again = parse(printed, shapes=RANDOM["SHAPES"])
    at = RANDOM["point"](seed)
    wanted = {str(s): at[str(s)] for s in sg.graph(parsed).inputs if str(s) in at}
    expected = judged(written, at)

    assert same_tree(parsed.expr, again.expr)
    assert text(again.expr) == printed
    for formula in (parsed, again):
        np.testing.assert_allclose(sg.evaluate(formula, wanted), expected, rtol=1e-10, atol=1e-12)


def test_the_judge_sees_a_wrong_reading() -> None:
    at = {"A": np.array([[1.0, 2.0], [3.0, 4.0]]), "x": np.array([1.0, 2.0])}

    assert not np.allclose(judged("A@A.T@x", at), judged("A@(A .* A)@x", at))
    assert judged("2*A@x - x .* x", at).tolist() == [9.0, 18.0]


# --- printing ---

PRINTED = {
    "2*(W@x - y)@x.T": "2*(W@x - y)@x.T",
    "W.T@diag(y .* (1 - y))@W": "W.T@diag(y .* (1 - y))@W",
    "((A)@(B))": "A@B",
    "(2*A)@B": "2*A@B",
    "2*(A@B)": "2*(A@B)",
    "A@(2*B)": "A@(2*B)",
    "(A .* B)@A": "(A .* B)@A",
    "A .* (B@A)": "A .* (B@A)",
    "A@B .* A": "A@B .* A",
    "(A + B).T": "(A + B).T",
    "A.T'": "A.T.T",
    "A - (B - A)": "A - (B - A)",
    "-(A + B)": "-(A + B)",
    "0.1*A - B": "0.1*A - B",
    "2*W@x@x.T/(x.T@x)": "2*W@x@x.T/(x.T@x)",
    "A/(a*b)": "A/(a*b)",
    "x - (a + 2)": "x - (a + 2)",
    "ones(n) + x": "1 + x",
    "ones(n) + ones(n)": "ones(n, 1) + ones(n, 1)",
    "log(x.T@x)": "log(x.T@x)",
    "-2*x.T@x/3": "-2*x.T@x/3",
    "x.T@A@x*a": "(x.T@A@x)*a",
    "a*(1 ./ A)@B": "(a ./ A)@B",
    "1 ./ A@B": "(1 ./ A)@B",
    "1(A@x >= 0)": "1(A@x >= 0)",
    "1(x > a, tie=1/2)": "1(x > a, tie=1/2)",
    "where(0 < x < 1, x, 1 - x)": "where(0 < x and x < 1, x, 1 - x)",
}


@pytest.mark.parametrize("written", PRINTED)
def test_brackets_are_few_and_differences_are_differences(written: str) -> None:
    assert text(read(written)) == PRINTED[written]


v = Symbol("v")
EVALUATED = {
    "sin(W)": W.applyfunc(sympy.sin),
    "1 + W .^ 2 + 3*sin(W)": W.applyfunc(sympy.Lambda(v, v**2 + 3 * sympy.sin(v) + 1)),
    "-y + 2*W@x": 2 * W * x - y,
    "A.T@A": A.T * A,
    "A@x/2": A * x / 2,
    "2*a*A@x/3": 2 * a * A * x / 3,
    "-A@x": -A * x,
    "inv(A)@x": A.I * x,
    "A**3": A**3,
    "eye(n) + A": A + Identity(n),
}


@pytest.mark.parametrize("expected", EVALUATED)
def test_expressions_that_sympy_evaluated_are_printed_in_the_same_words(expected: str) -> None:
    assert text(EVALUATED[expected]) == expected


GRADIENTS = [
    ("norm2(W@x - y)", "W", "2*(W@x - y)@x.T"),
    ("norm2(W@x - y)", "x", "2*W.T@(W@x - y)"),
    ("x.T@A@x/2", "x", "(A + A.T)@x/2"),
    ("logdet(A)", "A", "inv(A).T"),
    ("sum(relu(W@x))", "W", "1(W@x > 0)@x.T"),
    ("logsumexp(x)", "x", "softmax(x)"),
    ("max(x)", "x", "winners(x)"),
    ("norm(x)", "x", "x/norm(x)"),
    ("tr(A@B)", "A", "B.T"),
]


@pytest.mark.parametrize(("function", "by", "expected"), GRADIENTS)
def test_gradients_of_parsed_texts_are_printed_and_read_back(
    function: str, by: str, expected: str
) -> None:
    found = sg.grad(parse(function, shapes=SHAPES), by)
    printed = text(found)

    assert printed == expected
    assert text(read(printed)) == expected


@pytest.mark.parametrize("seed", range(40))
def test_random_gradients_are_printed_so_that_they_read_back(seed: int) -> None:
    written = RANDOM["random_text"](seed, depth=1 + seed % 3)
    scalar = f"norm2({written})" if seed % 2 else f"log(2 + exp(sin(mean({written}))))"
    shapes, at = RANDOM["SHAPES"], RANDOM["point"](seed)
    parsed = parse(scalar, shapes=shapes)
    names = [str(s) for s in sg.graph(parsed).inputs if str(s) in at]
    expected = sg.run(parsed, {name: at[name] for name in names}).grad

    for name, found in sg.grad(parsed, dict(zip(names, names, strict=True))).items():
        printed = text(found)
        again = parse(printed, shapes=shapes)
        held = {str(s): at[str(s)] for s in sg.graph(again).inputs if str(s) in at}
        free = {str(s) for s in again.expr.free_symbols}
        held |= {name: size for name, size in RANDOM["SIZES"].items() if name in free}

        assert text(again.expr) == printed
        np.testing.assert_allclose(
            np.squeeze(sg.evaluate(again, held)), np.squeeze(expected[name]), rtol=1e-8, atol=1e-10
        )


def test_every_operation_of_the_heads_can_be_read() -> None:
    inner = {"scalar", "map"}
    scope = {**dict.fromkeys(matrices.SHAPES, "A")}
    for name in scope.keys() - inner:
        two = dict.fromkeys(("dot", "solve", "expm_frechet"), "A, A")
        more = two | {"one_hot": "1, n", "commutation": "m, n"}
        written = f"{name}({more.get(name, 'A')})"

        assert text(read(written)) == written


# --- names ---


def test_assigned_matrices_are_inner_nodes() -> None:
    parsed = parse("h = tanh(W@x); q = h.T@h; q + norm2(h)", shapes=SHAPES)

    assert list(parsed.names) == ["h", "q"]
    assert parsed.expr.args[1].operands[0] is parsed.names["h"]


def test_spans_point_at_matrices() -> None:
    parsed = parse("norm2(W@x - y)", shapes=SHAPES)
    difference = parsed.expr.operands[0]

    assert parsed.spans.of(difference) == (6, 13)
    assert parsed.spans.of(difference.args[0].args[0]) == (6, 7)


def test_a_size_and_a_scalar_of_one_name_are_one_symbol() -> None:
    assert n in read("n*a").free_symbols


def test_names_without_shapes_are_scalars() -> None:
    assert read("a*x").args[0] == Symbol("a")


def test_a_matrix_of_one_entry_is_a_scalar() -> None:
    parsed = parse("s*x + s", shapes={"s": (1, 1), "x": 3}, assume={"s": "symmetric"})

    assert same_tree(parsed.expr.args[0].args[0], Symbol("s"))


def test_facts_travel_with_the_symbol() -> None:
    parsed = parse("x.T@A@x", shapes=SHAPES, assume={"A": "positive_definite"})
    (found,) = [s for s in parsed.expr.free_symbols if str(s) == "A"]

    assert facts_of(found) == {"positive_definite", "symmetric"}
    assert text(sg.grad(parsed, "x")) == "2*A@x"


def test_without_shapes_nothing_changes() -> None:
    assert same_tree(parse("tr*T").expr, literal.mul(Symbol("tr"), Symbol("T")))
    with pytest.raises(ParseError, match=r"`@` is the matrix product; .* or give `shapes=`"):
        parse("A@x")
    with pytest.raises(ParseError, match="it takes matrices: give their shapes"):
        parse("tr(A)")


# --- errors: (text, column of the caret, parts of the message) ---

MISFITS: list[tuple[str, int, tuple[str, ...]]] = [
    ("W.T@x", 4, ("`W.T` is n × m", "`x` is n × 1", "write `W@x`?")),
    ("W@y", 2, ("`W` is m × n", "`y` is m × 1", "write `W.T@y`?")),
    ("A@x.T", 2, ("`A` is n × n", "`x.T` is 1 × n")),
    ("y@W", 2, ("`y` is m × 1", "`W` is m × n", "write `y.T@W`?")),
    ("E@E", 2, ("`E` is 3 × 4", "write `E.T@E`?")),
    ("W@E", 2, ("`W` is m × n", "`E` is 3 × 4", "check the shapes")),
    ("a@A", 2, ("`a` is a scalar", "to scale write `a*A`")),
    ("A*B", 2, ("`*` only scales", "`A@B`", "`A .* B`", "n × n")),
    ("(A + B)*x", 8, ("`(A + B)@x`", "`(A + B) .* x`")),
    ("W*W", 2, ("`W.T@W` for the matrix product", "`W .* W`")),
    ("A/B", 2, ("`/` divides by a scalar", "`A ./ B`", "n × n")),
    ("1/A", 2, ("`/` divides by a scalar", "`1 ./ A`", "`inv(A)`")),
    ("A + W", 3, ("`A` is n × n", "`W` is m × n", "give both one shape")),
    ("W + W.T", 3, ("`W` is m × n", "`W.T` is n × m", "`W + W.T.T`")),
    ("W - y", 3, ("`y` is m × 1", "to repeat the column write `y@ones(1, n)`")),
    ("W + x", 3, ("`x` is n × 1", "to repeat it as a row write `ones(m, 1)@x.T`")),
    ("W + r", 3, ("`r` is 1 × n", "to repeat the row write `ones(m, 1)@r`")),
    ("x .* y", 3, ("`x` is n × 1", "`y` is m × 1")),
    ("x ./ W", 3, ("`x` is n × 1", "`W` is m × n")),
    ("x .^ y", 3, ("`x` is n × 1", "`y` is m × 1")),
    ("W**2", 2, ("`W` is m × n", "only a square matrix has powers", "`W .^ 2`")),
    ("2**A", 2, ("an exponent is a scalar", "`2 .^ A`", "expm")),
    ("where(x > y, 1, 0)", 9, ("`x` is n × 1", "`y` is m × 1")),
    ("where(x > 0, y, 0)", 1, ("`x > 0` is n × 1", "`y` is m × 1")),
    ("max(x, y)", 1, ("`x` is n × 1", "`y` is m × 1")),
    ("atan2(x, y)", 1, ("`x` is n × 1", "`y` is m × 1")),
    ("tr(W)", 4, ("`tr` needs a square matrix", "`W` is m × n")),
    ("inv(W)", 5, ("`inv` needs a square matrix", "`W` is m × n")),
    ("2 + logdet(W)", 12, ("`logdet` needs a square matrix", "m × n")),
    ("expm(x)", 6, ("needs a square matrix", "n × 1")),
    ("dot(x, y)", 1, ("`x` is n × 1", "`y` is m × 1")),
    ("dot(a, y)", 1, ("`a` is a scalar", "`y` is m × 1")),
    ("solve(A, y)", 7, ("as many rows", "n × n", "m × 1")),
    ("diag(W)", 6, ("a vector or a square matrix", "`W` is m × n")),
    ("W[0]", 1, ("two subscripts", "m × n")),
    ("E[3, 0]", 3, ("entry 3", "an axis of 3")),
    ("sum(W, axis=2)", 13, ("`axis=0` goes down the columns",)),
    ("sum(a, axis=0)", 13, ("`axis=` goes with a matrix",)),
    ("ones(q)", 6, ("a size is a whole number",)),
    ("ones(n/2)", 6, ("a size is a whole number",)),
    ("Piecewise((x, True))", 12, ("a matrix stands where a scalar is wanted",)),
    ("Derivative(x, a)", 1, ("`Derivative` takes scalars",)),
    ("Sum(a*tr(A)*x, (i, 0, 3))", 5, ("a matrix stands where a scalar is wanted",)),
    ("f(x)", 1, ("`f` takes scalars",)),
]


@pytest.mark.parametrize(("written", "column", "parts"), MISFITS, ids=[row[0] for row in MISFITS])
def test_shapes_that_do_not_fit_are_refused_at_their_place_with_both_shapes(
    written: str, column: int, parts: tuple[str, ...]
) -> None:
    with pytest.raises(TextShapeError) as caught:
        parse(written, shapes=SHAPES, functions=("f",))

    assert isinstance(caught.value, ParseError)
    assert isinstance(caught.value, ShapeError)
    assert caught.value.column == column
    for part in parts:
        assert part in str(caught.value)


HOSTILE: list[tuple[str, int, str]] = [
    ("@A", 1, "an expression is wanted here"),
    ("A@", 3, "an operand is missing after `@`"),
    ("A .* .* B", 6, "an operand is missing after `.*`"),
    (".T", 1, "an expression is wanted here"),
    ("'x'", 1, "an expression is wanted here"),
    ("x.Tx", 2, "a dot after a name has no meaning"),
    ("x.shape", 2, "a dot after a name has no meaning"),
    ("x.__class__", 2, "a dot after a name has no meaning"),
    ("A = x", 1, "`A` is declared in `shapes`"),
    ("n = 2", 1, "`n` is declared in `shapes`"),
    ("tr = 2", 1, "`tr` is a function"),
    ("tr()", 1, "`tr` takes 1 argument, but none is given"),
    ("tr(A, B)", 1, "`tr` takes 1 argument, but 2 are given"),
    ("tr(A, axis=0)", 12, "`tr` of these arguments takes no `axis=`"),
    ("max(A, B, axis=0)", 16, "`max` of these arguments takes no `axis=`"),
    ("sum(W, axis=0, W)", 14, "`axis=` comes last"),
    ("sum(axis=0)", 9, "`=` gives a name"),
    ("sum(W, order=2)", 13, "`=` gives a name"),
    ("(A, B)", 1, "a bracket with a comma"),
    ("tr((A, B))", 4, "a bracket with a comma"),
    ("x > 0", 1, "a condition stands where a number is wanted"),
    ("x + (x > 0)", 5, "a condition stands where a number is wanted"),
    ("tanh(x > 0)", 6, "a condition stands where a number is wanted"),
    ("where(x, 1, 0)", 7, "a number stands where a condition is wanted"),
    ("not x", 5, "a number stands where a condition is wanted"),
    ("1(x == 0)", 3, "`1(...)` takes one comparison"),
    ("1(x >= 0, tie=0)", 3, "`tie` goes with `<` or `>`"),
    ("A**a", 4, "a whole number as exponent"),
    ("A**0.5", 4, "a whole number as exponent"),
    ("x[y]", 3, "a subscript of a matrix is a whole number from 0"),
    ("one_hot(5, 3)", 9, "entry 5 of 3"),
    ("trc(A)", 1, "unknown function `trc`; did you mean `tr` or `trace`"),
    ("A ⊙ B", 3, "write `*`, or for matrices `.*`"),
    ("Aᵀ", 2, "write `.T`"),
    ("‖x‖", 1, "write `norm(...)` or `norm2(...)`"),
    ("A(x)", 1, "`A` is no function"),
    ("eye(9**9**9**9)", 5, "a size is a whole number"),
]


@pytest.mark.parametrize(("written", "column", "part"), HOSTILE, ids=[row[0] for row in HOSTILE])
def test_hostile_texts_are_refused_with_a_lesson(written: str, column: int, part: str) -> None:
    with pytest.raises(ParseError) as caught:
        read(written)

    assert caught.value.column == column
    assert part in caught.value.message


LONG = {
    "a sum": "+".join(["A"] * 5_000),
    "a product": "@".join(["A"] * 5_000),
    "a network": "h0 = x;" + ";".join(f"h{k + 1} = tanh(A@h{k})" for k in range(3_000)),
    "brackets": "tanh(" * 990 + "x" + ")" * 990,
    "choices": "where(x > 0, " * 900 + "x" + ", 0)" * 900,
    "a chain of comparisons": "1(0 < a)*where(" + "0 <" * 2_000 + " x, x, 0)",
    "Kronecker products": "k0 = A;" + ";".join(f"k{i + 1} = kron(k{i}, k{i})" for i in range(500)),
    "arguments": f"max({', '.join(['x'] * 5_000)})",
}


@pytest.mark.parametrize("kind", LONG)
def test_depth_and_length_are_no_trouble(kind: str) -> None:
    assert read(LONG[kind]) is not None


def test_deep_networks_become_graphs_and_texts() -> None:
    parsed = parse(LONG["a network"], shapes=SHAPES)

    assert len(sg.graph(parsed)) == 2 + 2 * 3_000
    assert text(parsed.expr).count("tanh") == 3_000


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ("x" + "'" * 2_000, "more than 1000 transposes stand in a row"),
        ("tanh(" * 1_100, "more than 1000 brackets"),
    ],
)
def test_absurd_depth_is_refused(written: str, part: str) -> None:
    with pytest.raises(LimitError, match=part):
        read(written)


def test_absurd_sizes_are_refused() -> None:
    doubled = "k0 = E;" + ";".join(f"k{i + 1} = kron(k{i}, k{i})" for i in range(60))
    with pytest.raises(TextShapeError, match="would be longer than"):
        read(doubled)


def test_messages_stay_short() -> None:
    for written in (
        f"E[{'9' * 400}, 0]",
        f"{'A@' * 2_000}y",
        LONG["Kronecker products"] + "; A@k500",
    ):
        with pytest.raises(TextShapeError) as caught:
            read(written)

        assert len(str(caught.value)) < 500


# --- declarations ---

WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"shapes": {"W": ("m", "n", "k")}}, ShapeError, "`W` has 3 sizes"),
    ({"shapes": {"W": ()}}, ShapeError, "`W` has 0 sizes"),
    ({"shapes": {"W": -1}}, ShapeError, "the shape of `W`: a size is a whole number"),
    ({"shapes": {"W": 2.5}}, ShapeError, "the shape of `W`"),
    ({"shapes": {"two words": 2}}, UnsupportedError, "no name of a matrix"),
    ({"shapes": {"and": 2}}, UnsupportedError, "no name of a matrix"),
    ({"shapes": {3: 2}}, UnsupportedError, "no name of a matrix"),
    ({"shapes": {"n": ("n", "n")}}, UnsupportedError, "`n` names both a size and a matrix"),
    ({"shapes": "W"}, UnsupportedError, "shapes="),
    ({"assume": {"A": "symmetric"}}, UnknownNameError, "`A` in `assume` has no shape"),
    ({"shapes": {"A": 3}, "assume": {"A": "symmetric"}}, ShapeError, "only a square matrix"),
    ({"shapes": {"A": (3, 3)}, "assume": {"A": "nice"}}, UnsupportedError, "no known fact"),
    ({"shapes": {"A": (3, 3)}, "assume": {"A": 1}}, UnsupportedError, "no list of facts"),
]


@pytest.mark.parametrize(("options", "kind", "part"), WRONG)
def test_declarations_that_cannot_be_used_are_refused(
    options: dict[str, Any], kind: type[Exception], part: str
) -> None:
    with pytest.raises(kind, match=part):
        parse("A@W", **options)


# --- LaTeX ---

LATEX = {
    "norm2(W@x - y)": r"\lVert \mathbf{W} \mathbf{x} - \mathbf{y} \rVert_{2}^{2}",
    "norm(W)": r"\lVert \mathbf{W} \rVert_{F}",
    "2*W.T@(W@x - y)": (r"2 \mathbf{W}^\top \left(\mathbf{W} \mathbf{x} - \mathbf{y}\right)"),
    "x.T@A@x/2": r"\frac{\mathbf{x}^\top \mathbf{A} \mathbf{x}}{2}",
    "A@x/2": r"\frac{1}{2} \mathbf{A} \mathbf{x}",
    "x*a/b": r"\frac{1}{b} \left(a \mathbf{x}\right)",
    "A .* B": r"\mathbf{A} \odot \mathbf{B}",
    "(A .* B)@x": r"\left(\mathbf{A} \odot \mathbf{B}\right) \mathbf{x}",
    "A ./ B": r"\mathbf{A} \oslash \mathbf{B}",
    "A .^ 2": r"\mathbf{A}^{\circ 2}",
    "inv(A).T@x": r"\mathbf{A}^{-\top} \mathbf{x}",
    "tr(A@B)": r"\operatorname{tr}\left(\mathbf{A} \mathbf{B}\right)",
    "logdet(A)": r"\log\det\left(\mathbf{A}\right)",
    "diag(x)": r"\operatorname{diag}\left(\mathbf{x}\right)",
    "kron(A, B)": r"\mathbf{A} \otimes \mathbf{B}",
    "x - 1": r"\mathbf{x} - \mathbf{1}",
    "eye(n) - A": r"\mathbf{I} - \mathbf{A}",
    "tanh(x)": r"\tanh\left(\mathbf{x}\right)",
    "relu(x)": r"\operatorname{relu}\left(\mathbf{x}\right)",
    "1(x > 0)": r"\mathbf{1}\left(\mathbf{x} > 0\right)",
    "norm2(x)**2": r"\left(\lVert \mathbf{x} \rVert_{2}^{2}\right)^{2}",
    "softmax(A, axis=1)": r"\operatorname{softmax}_{\mathrm{axis}\,1}\left(\mathbf{A}\right)",
    "W[0, i]*a": r"\mathbf{W}_{0, i} a",
    "dot(x, A@x)": r"\left\langle \mathbf{x}, \mathbf{A} \mathbf{x} \right\rangle",
}


@pytest.mark.parametrize("written", LATEX)
def test_latex_is_bold_as_in_textbooks(written: str) -> None:
    latex = service("formula.latex")

    assert latex(read(written)) == LATEX[written]


def test_latex_of_greek_and_indexed_names() -> None:
    latex = service("formula.latex")
    parsed = parse("beta@W_1", shapes={"beta": ("m", "n"), "W_1": "n"})

    assert latex(parsed.expr) == r"\boldsymbol{\beta} \mathbf{W_{1}}"


def test_latex_of_a_gradient() -> None:
    latex = service("formula.latex")
    found = sg.grad(parse("norm2(W@x - y)", shapes=SHAPES), "W")

    assert latex(found) == (r"2 \left(\mathbf{W} \mathbf{x} - \mathbf{y}\right) \mathbf{x}^\top")
