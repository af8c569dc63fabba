"""Loops over blocks: `scan`, which stays rolled in formulas, graphs and programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Integer

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr import literal, tensor_loops
from symgrad.expr.region import Block, Scan, as_operand
from symgrad.expr.tensors import AnyTensor


def scan(
    body: Block,
    carries: Sequence[Any],
    params: Sequence[Any] = (),
    *,
    xs: Sequence[Any] = (),
    length: Any = None,
) -> Any:
    """Repeat a block, feeding its first outputs back as its first inputs.

    Parameters
    ----------
    body : Block
        Its inputs are the carries, a slice of each of `xs`, the parameters; its outputs the new
        carries, then what is kept of each step.
    carries, params : sequence of Expr or tensor
        Start values, and values that stay the same in every step.
    xs : sequence of tensor
        Their first axis is time: step t has `x[t]`.
    length : int, str or Expr, optional
        Number of steps, ≥ 0; default: that of `xs`. With tensors it may be a size.

    Returns
    -------
    Expr, tensor, or tuple of them
        The carries after the last step, then what is kept, stacked along a new first axis; the
        loop stays rolled.

    Raises
    ------
    ShapeError
        If the counts or shapes do not fit.
    UnsupportedError
        If nothing says how many steps, or an operand is a SymPy matrix.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> from symgrad.expr.region import block
    >>> scan(block("double", [x, y], x*y), [x], [y], length=3)
    double^3(x, y)
    """
    _check_block(body)
    given = (*carries, *params)
    wide = bool(xs) or body.tensorial or any(isinstance(a, AnyTensor) for a in given)
    if wide or len(carries) < len(body.outputs):
        return tensor_loops.loop(body, carries, xs, params, length)
    return _of_scalars(body, carries, params, length)


def _check_block(body: Any) -> None:
    if not isinstance(body, Block):
        raise UnsupportedError(
            f"a scan repeats a block, but found {type(body).__name__} `{body}`; make one with "
            '`sg.block("step", inputs, outputs)`'
        )


def _of_scalars(body: Block, carries: Sequence[Any], params: Sequence[Any], length: Any) -> Any:
    """Return a loop whose carries, parameters and steps are numbers."""
    given = (*carries, *params)
    if length is None:
        raise UnsupportedError(f"a scan over `{body.name}` needs `length=`: how often it is done")
    if not isinstance(length, int | Integer):
        raise UnsupportedError(
            f"a scan over `{body.name}` of length `{length}`: how often is an integer >= 0; "
            "a loop of symbolic length is a `Sum` or `Product`"
        )
    if len(carries) != len(body.outputs) or len(given) != len(body.inputs) or length < 0:
        raise ShapeError(
            f"scan over `{body.name}` needs {len(body.outputs)} carries and "
            f"{len(body.inputs) - len(body.outputs)} params, length >= 0; "
            f"found {len(carries)}, {len(params)}, length {length}"
        )
    operands = [as_operand(f"a scan over `{body.name}`", a) for a in given]
    outs = tuple(
        literal.apply(Scan, body, Integer(k), Integer(length), *operands)
        for k in range(len(carries))
    )
    return outs[0] if len(outs) == 1 else outs
