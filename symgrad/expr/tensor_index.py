"""Reading `x[...]`: whole numbers, slices, `None`, `...`, and one tensor of positions.

Positions are counted from the front once they are read: `x[-1]` of an axis of size n is n - 1, so
that a size may stay a symbol. Imports sizes and errors; knows no trees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Expr

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.dims import Shape, dim
from symgrad.expr.tensor_shapes import shown

# ("at", i), ("cut", start, stop, step), ("new",), or ("take", number of the index tensor)
Part = tuple[Any, ...]
FULL = slice(None)


def read_key(key: Any, shape: Shape, is_index: Callable[[Any], bool]) -> list[Part]:
    """Return what is done with each axis.

    Parameters
    ----------
    key : object
        What stands in the brackets.
    shape : tuple
        The shape of the tensor.
    is_index : callable
        Whether an item is a tensor or scalar of positions, known only when it is run.

    Raises
    ------
    ShapeError
        If there are more items than axes, or a position lies outside.
    UnsupportedError
        If an item is of another kind.
    """
    items = list(key) if isinstance(key, tuple) else [key]
    used = sum(item is not None and item is not Ellipsis for item in items)
    if used > len(shape):
        raise ShapeError(
            f"a tensor of shape {shown(shape)} has {len(shape)} axes, and {used} indices are given"
        )
    gaps = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(gaps) > 1:
        raise ShapeError("only one `...` may stand in an index")
    rest = [FULL] * (len(shape) - used)
    place = gaps[0] if gaps else len(items)
    items[place : place + 1] = rest
    sizes = iter(shape)
    return [_part(item, sizes, shape, is_index) for item in items]


def _part(item: Any, sizes: Any, shape: Shape, is_index: Callable[[Any], bool]) -> Part:
    if item is None:
        return ("new",)
    size = next(sizes)
    if isinstance(item, slice):
        return ("cut", *cut(item, size))
    if isinstance(item, Expr) and not item.is_Integer and item.free_symbols <= _symbols(shape):
        return ("at", dim(item))
    if is_index(item):
        return ("take", item)
    if not _whole(item):
        raise UnsupportedError(
            f"an index is a whole number, a slice, `None`, `...` or a tensor of positions, "
            f"not {item!r}; to keep what a condition selects, use `where`"
        )
    return ("at", _position(int(item), size, shape))


def _whole(item: Any) -> bool:
    return hasattr(item, "__index__") and not isinstance(item, bool)


def _symbols(shape: Shape) -> set[Any]:
    """Return the symbols that the sizes of a tensor are made of."""
    return {s for n in shape if isinstance(n, Expr) for s in n.free_symbols}


def _position(index: int, size: Any, shape: Shape) -> Any:
    """Return a position counted from the front."""
    if isinstance(size, int) and not -size <= index < size:
        raise ShapeError(
            f"position {index} is outside an axis of size {size}; the shape is {shown(shape)}"
        )
    return index if index >= 0 else dim(size + index)


def whole_axes(parts: Sequence[Part], shape: Shape) -> list[Part]:
    """Return the parts with whole axes in place of those along which a tensor takes entries."""
    sizes, found = iter(shape), []
    for part in parts:
        size = None if part[0] == "new" else next(sizes)
        found.append(("cut", 0, size, 1) if part[0] == "take" else part)
    return found


def is_whole(parts: Sequence[Part], shape: Shape) -> bool:
    """Return whether parts change nothing."""
    return list(parts) == [("cut", 0, size, 1) for size in shape]


def cut(part: slice, size: Any) -> tuple[Any, Any, int]:
    """Return start, stop and step within an axis, as Python counts them.

    Examples
    --------
    >>> cut(slice(None, -1), 5), cut(slice(1, None), sympy.Symbol("n", integer=True))
    ((0, 4, 1), (1, n, 1))
    """
    step = 1 if part.step is None else int(part.step)
    if step == 0:
        raise ShapeError("the step of a slice is not 0")
    if isinstance(size, int) and all(b is None or _whole(b) for b in (part.start, part.stop)):
        start, stop, _ = part.indices(size)
        if (stop - start) * step <= 0:
            return 0, 0, 1
        return start, stop, step
    ends = (0, size) if step > 0 else (size - 1, -1)
    start, stop = (
        end if bound is None else _bound(bound, size)
        for bound, end in zip((part.start, part.stop), ends, strict=True)
    )
    return start, stop, step


def _bound(bound: Any, size: Any) -> Any:
    """Return the bound of a slice of an axis whose size is a symbol."""
    if isinstance(bound, Expr) and not bound.is_Integer:
        return size + bound if bound.is_negative else dim(bound)
    return int(bound) if int(bound) >= 0 else size + int(bound)


def cut_length(start: Any, stop: Any, step: int) -> Any:
    """Return how many entries `start:stop:step` has, for bounds within the axis."""
    if step in (1, -1):
        return (stop - start) * step
    if isinstance(start, int) and isinstance(stop, int):
        return len(range(start, stop, step))
    return sympy.ceiling((stop - start) / sympy.Integer(step))


def indexed(name: str, params: Any, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of a tensor that is indexed by positions and slices."""
    found: list[Any] = []
    for part in params[0]:
        if part[0] == "new":
            found.append(1)
        elif part[0] == "cut":
            found.append(dim(cut_length(*part[1:])))
    return tuple(found)
