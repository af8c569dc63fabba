"""Products, factorisations, convolutions and poolings, named as NumPy, JAX and torch name them."""

from __future__ import annotations

from typing import Any

import sympy

from symgrad.errors import UnsupportedError
from symgrad.expr import matrices
from symgrad.expr.tensor_algebra_shapes import einsum_letters
from symgrad.expr.tensor_reductions import any_of, of_matrix
from symgrad.expr.tensor_shapes import one_axis
from symgrad.expr.tensor_windows import check_conv, paddings, spread_over
from symgrad.expr.tensors import apply, as_operand


def einsum(spec: str, *operands: Any) -> Any:
    """Return a sum of products written with indices.

    Parameters
    ----------
    spec : str
        A letter for each axis of each operand, then `->` and the letters of the result: an index
        that the result lacks is summed. Without an arrow, those that occur once stay, in
        alphabetical order. A repeated letter takes, or makes, a diagonal.
    *operands : tensor
        As many as there are words.

    Raises
    ------
    ShapeError
        If words and shapes do not fit; the message holds the index and both sizes.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> einsum("bij,bjk->bik", tensor("A", "B", 2, 3), tensor("C", "B", 3, 4)).shape
    (B, 2, 4)
    """
    if any_of(operands):
        raise UnsupportedError("`einsum` is of tensors; write products of SymPy matrices with `*`")
    inputs, output = einsum_letters(spec)
    return apply("einsum", *operands, params=(f"{','.join(inputs)}->{output}",))


def matmul(a: Any, b: Any) -> Any:
    """Return `a @ b`: of matrices, vectors, or batches of matrices.

    Raises
    ------
    ShapeError
        If the inner sizes differ; the message holds both shapes.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> matmul(tensor("X", "B", 2, 3), tensor("w", 3)).shape
    (B, 2)
    """
    return a * b if any_of([a, b]) else apply("matmul", a, b)


def dot(a: Any, b: Any) -> Any:
    """Return NumPy's `dot`: the last axis of `a` with the last but one of `b`.

    Of two SymPy matrices of one shape it is the sum of the products of their entries.

    Raises
    ------
    ShapeError
        If the sizes differ.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> dot(tensor("x", "n"), tensor("y", "n"))
    dot(x, y)
    """
    if any_of([a, b]):
        return of_matrix("dot", a, b)
    left, right = as_operand(a), as_operand(b)
    scalar = not getattr(left, "shape", ()) or not getattr(right, "shape", ())
    return left * right if scalar else apply("dot", left, right)


def outer(a: Any, b: Any) -> Any:
    """Return the outer product of two vectors.

    Raises
    ------
    ShapeError
        If one is no vector.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> outer(tensor("x", "n"), tensor("y", "m")).shape
    (n, m)
    """
    return a * sympy.Transpose(b) if any_of([a, b]) else apply("outer", a, b)


def trace(x: Any, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the sum of the diagonal of two axes.

    Raises
    ------
    ShapeError
        If their sizes differ.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> trace(tensor("X", "n", "n"))
    trace(X)
    """
    if any_of([x]):
        return sympy.Trace(x)
    rank = len(as_operand(x).shape)
    return apply("trace", x, params=tuple(one_axis("trace", a, rank) for a in (axis1, axis2)))


def inv(x: Any) -> Any:
    """Return the inverses of square matrices in the last two axes.

    Raises
    ------
    ShapeError
        If they are not square.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> inv(tensor("X", "B", 2, 2)).shape
    (B, 2, 2)
    """
    return sympy.Inverse(x) if any_of([x]) else apply("inv", x)


def det(x: Any) -> Any:
    """Return the determinants of square matrices in the last two axes; errors as for `inv`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> det(tensor("X", "B", 2, 2)).shape
    (B,)
    """
    return sympy.Determinant(x) if any_of([x]) else apply("det", x)


def logdet(x: Any) -> Any:
    """Return `log(det(x))` of square matrices, through a factorisation; errors as for `inv`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> logdet(tensor("X", "n", "n"))
    logdet(X)
    """
    return matrices.apply("logdet", x) if any_of([x]) else apply("logdet", x)


def cholesky(x: Any) -> Any:
    """Return the lower factors L of positive definite matrices `x = L @ L.T`; errors as for `inv`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> cholesky(tensor("X", 3, 3)).shape
    (3, 3)
    """
    return matrices.apply("cholesky", x) if any_of([x]) else apply("cholesky", x)


def expm(x: Any) -> Any:
    """Return the matrix exponentials of square matrices in the last two axes; errors as for `inv`.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> expm(tensor("X", 3, 3)).shape
    (3, 3)
    """
    return matrices.apply("expm", x) if any_of([x]) else apply("expm", x)


def solve(a: Any, b: Any) -> Any:
    """Return x of `a @ x = b`.

    Parameters
    ----------
    a : tensor, *shape (…, n, n)*, or SymPy matrix
        Square matrices.
    b : tensor, *shape (n,)* or *(…, n, k)*
        One vector, or columns; batches broadcast.

    Raises
    ------
    ShapeError
        If `a` is not square, or the rows differ.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> solve(tensor("A", "B", 3, 3), tensor("b", 3)).shape
    (B, 3)
    """
    return matrices.apply("solve", a, b) if any_of([a, b]) else apply("solve", a, b)


# --- windows ---


def conv(
    x: Any, w: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Return a convolution, which is a correlation, as networks have it, over 1 to 3 axes.

    Parameters
    ----------
    x : tensor, *shape (N, C, *spatial)*
        Images, channels first.
    w : tensor, *shape (O, C/groups, *window)*
        Weights.
    stride, dilation : int or one an axis
        How far the window moves, and how far apart its entries are.
    padding : int, one an axis, one pair an axis, "same" or "valid"
        Zeros at the ends of each axis. "same" gives `ceil(n/stride)` positions, the odd zero
        behind.
    groups : int
        Channels are divided into as many groups, each with its own weights.

    Returns
    -------
    tensor
        *Shape (N, O, *positions)*, `floor((n + padding - dilation*(k - 1) - 1)/stride) + 1` along
        each axis.

    Raises
    ------
    ShapeError
        If shapes, channels and groups do not fit, or the window is longer than the axis.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> conv(tensor("x", "N", 3, 227, 227), tensor("w", 96, 3, 11, 11), stride=4).shape
    (N, 96, 55, 55)
    """
    image, weights = as_operand(x), as_operand(w)
    shapes = [getattr(o, "shape", ()) for o in (image, weights)]
    count = max(len(shapes[0]) - 2, 0)
    strides = spread_over("conv", "stride", stride, count)
    apart = spread_over("conv", "dilation", dilation, count)
    (parts,) = spread_over("conv", "groups", groups, 1)
    check_conv("conv", parts, shapes)
    pads = paddings("conv", padding, shapes[0][2:], shapes[1][2:], strides, apart)
    return apply("conv", image, weights, params=(strides, pads, apart, parts))


def max_pool(
    x: Any, window: Any, *, stride: Any = None, padding: Any = 0, dilation: Any = 1
) -> Any:
    """Return the largest entry of each window over the last axes.

    Parameters
    ----------
    x : tensor, *shape (N, C, *spatial)*
        Images, channels first.
    window : int or one an axis
        One number is for all axes behind the first two; several are for as many last axes.
    stride : int or one an axis, optional
        How far the window moves; by default its own size.
    padding, dilation : as for `conv`
        Padding is lower than any number.

    Returns
    -------
    tensor
        One entry a position. Entries of a window that tie share its gradient equally.

    Raises
    ------
    ShapeError
        If the window is longer than an axis.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> max_pool(tensor("x", "N", 96, 55, 55), 3, stride=2).shape
    (N, 96, 27, 27)
    """
    return _pool("max_pool", x, window, stride, padding, dilation)


def avg_pool(x: Any, window: Any, *, stride: Any = None, padding: Any = 0) -> Any:
    """Return the mean of each window over the last axes; parameters as for `max_pool`.

    Zeros of the padding count as entries: a mean is always over the whole window.

    Examples
    --------
    >>> from symgrad.expr.tensors import tensor
    >>> avg_pool(tensor("x", "N", 8, 6, 6), 2).shape
    (N, 8, 3, 3)
    """
    return _pool("avg_pool", x, window, stride, padding, 1)


def _pool(name: str, x: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    image = as_operand(x)
    shape = getattr(image, "shape", ())
    count = max(len(shape) - 2, 1) if isinstance(window, int) else len(window)
    sizes = spread_over(name, "a window", window, count)
    strides = sizes if stride is None else spread_over(name, "stride", stride, count)
    apart = spread_over(name, "dilation", dilation, count)
    pads = paddings(name, padding, shape[-count:], sizes, strides, apart)
    return apply(name, image, params=(sizes, strides, pads, apart))
