"""What gates of tensors carry: the form of each payload, and how it fits the operands' shapes.

Files and tables are checked against this, so that no kernel ever meets a payload that its operands
do not fit. Sizes are compared as expressions; nothing is evaluated beyond a bounded expansion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import sympy
from sympy import Expr, Integer, Rational, Symbol

from symgrad.errors import GraphError, ShapeError
from symgrad.expr import tensor_windows
from symgrad.expr.kinks import POLICIES
from symgrad.expr.tensor_shapes import same_shape, same_size, shown
from symgrad.rules import convolution, einsums, linalg, tensors
from symgrad.rules.row import Gate
from symgrad.rules.tensor_site import Shape

MOST_PARTS = 200  # nodes of one size, written out as a tree
MOST_TERMS = 1000  # terms of one size, or of a number of entries, when it is expanded
HIGHEST = 16  # power in a size
LARGEST = 2**63  # sizes beyond are no axes of arrays


# --- sizes ---


def check_size(size: Any) -> None:
    """Check that a size is short and made of whole symbols and numbers.

    Raises
    ------
    GraphError
        If it is anything else; expanding it cannot take long.
    """
    if type(size) is int or isinstance(size, Integer):
        if abs(size) >= LARGEST:
            raise GraphError(f"{hex(int(size))[:40]} is no size: sizes are below 2**63")
        return
    if not isinstance(size, Expr):
        raise GraphError(f"`{size!s:.80}` is no size: a size is a whole number or an expression")
    for count, part in enumerate(sympy.preorder_traversal(size)):
        if count >= MOST_PARTS:
            raise GraphError(f"a size of more than {MOST_PARTS} nodes; give it a name of its own")
        if not _is_size_part(part):
            raise GraphError(f"`{part!s:.80}` is no part of a size; use +, *, ** and floor")
    if size.is_number:
        raise GraphError(f"`{size!s:.80}` is no size: a number here is a whole one")
    if _terms(size) > MOST_TERMS:
        raise GraphError(f"`{size!s:.80}` has more than {MOST_TERMS} terms; name its parts")


def _is_size_part(part: Any) -> bool:
    if isinstance(part, sympy.Pow):
        plain = isinstance(part.exp, Integer) and not part.base.is_Number
        return plain and abs(part.exp) <= HIGHEST
    if isinstance(part, Rational):
        return bool(abs(part.p) < LARGEST and part.q < LARGEST)
    return isinstance(part, SIZE_PARTS)


SIZE_PARTS = (Symbol, sympy.Add, sympy.Mul, sympy.Mod, sympy.floor, sympy.ceiling)


def _terms(size: Any) -> int:
    """Return how many terms an expanded size has at most."""
    inner = [_terms(part) for part in size.args]
    if isinstance(size, sympy.Pow):
        return int(inner[0] ** abs(int(size.exp)))
    if isinstance(size, sympy.Add):
        return sum(inner)
    return prod(inner)


def _entries(shape: Sequence[Any]) -> Any:
    """Return how many entries a shape has."""
    if prod(_terms(n) for n in shape if isinstance(n, Expr)) > MOST_TERMS:
        raise GraphError(f"the number of entries of a tensor of shape {shape!s:.80} is too long")
    return prod(shape)


# --- forms ---

INDEX, SIZE, PLACE, STEP, POSITIVE, TRUTH = "index", "size", "place", "step", "positive", "truth"
KINDS: dict[str, Callable[[Any], bool]] = {
    INDEX: lambda v: type(v) is int and v >= 0,
    SIZE: lambda v: v >= 0 if type(v) is int else isinstance(v, Expr),
    PLACE: lambda v: v >= -1 if type(v) is int else isinstance(v, Expr),
    STEP: lambda v: type(v) is int and v != 0,
    POSITIVE: lambda v: type(v) is int and v > 0,
    TRUTH: lambda v: type(v) is bool,
}


def has_form(value: Any, form: Any) -> bool:
    """Return whether a payload has a form: a list is any number of items, a tuple one of each."""
    if form is None:
        return value is None
    if isinstance(form, str):
        found = KINDS[form](value)
        if found and isinstance(value, (int, Expr)) and form in (SIZE, PLACE):
            check_size(value)
        return found
    if isinstance(form, frozenset):
        return type(value) is str and value in form
    if type(value) is not tuple:
        return False
    if isinstance(form, list):
        return all(has_form(item, form[0]) for item in value)
    return len(value) == len(form) and all(map(has_form, value, form))


def described(form: Any) -> str:
    """Return a form for people.

    Examples
    --------
    >>> described((INDEX, [SIZE]))
    '(index, (size, ...))'
    """
    if isinstance(form, list):
        return f"({described(form[0])}, ...)"
    if isinstance(form, tuple):
        return f"({', '.join(map(described, form))})"
    if isinstance(form, frozenset):
        return " or ".join(sorted(form))
    return "nothing" if form is None else str(form)


AXES, SIZES, PAIRS, STEPS = [INDEX], [SIZE], [(INDEX, INDEX)], [POSITIVE]
CUTS = [(PLACE, PLACE, STEP)]
SETTINGS = (STEPS, PAIRS, STEPS, POSITIVE)
WINDOWS = (STEPS, STEPS, PAIRS, STEPS)
FORMS: dict[Gate, Any] = {
    einsums.EINSUM: ([AXES], AXES, [(INDEX, SIZE)]),
    einsums.SIZE: SIZE,
    **dict.fromkeys(
        (tensors.LOGSUMEXP, tensors.MAX_OVER, tensors.MIN_OVER, tensors.NORM, tensors.UNIT), AXES
    ),
    tensors.WINNERS: (frozenset(["max", "min"]), AXES, frozenset(POLICIES)),
    tensors.RESHAPE: SIZES,
    tensors.SLICE: CUTS,
    tensors.UNSLICE: (CUTS, SIZES),
    tensors.TRIL: TRUTH,
    tensors.GATHER: INDEX,
    tensors.SCATTER: (INDEX, SIZES),
    tensors.CONCAT: INDEX,
    tensors.ONE_HOT: SIZE,
    **dict.fromkeys(linalg.ROWS, None),
    convolution.CONV: SETTINGS,
    convolution.CONV_INPUT: (SETTINGS, SIZES),
    convolution.CONV_WEIGHT: (SETTINGS, SIZES),
    convolution.PATCHES: (*WINDOWS, frozenset(["zero", "lowest"])),
    convolution.FOLD: (WINDOWS, SIZES),
}


# --- how payloads fit operands ---

Shapes = Sequence[Shape]


def fits_einsum(payload: Any, shapes: Shapes) -> bool:
    """Return whether indices fit axes, are numbered in order, and have one size each."""
    inputs, output, fresh = payload
    if [len(one) for one in inputs] != [len(s) for s in shapes]:
        return False
    sizes: dict[int, Any] = {}
    for one, shape in zip(inputs, shapes, strict=True):
        for index, size in zip(one, shape, strict=True):
            if not same_size(sizes.setdefault(index, size), size):
                return False
    named = sizes | dict(fresh)
    return set(output) <= named.keys() and einsums.spec(inputs, output, named) == payload


def fits_axes(axes: Any, shapes: Shapes) -> bool:
    """Return whether axes are different ones of the operand."""
    return len(set(axes)) == len(axes) and all(a < len(shapes[0]) for a in axes)


def fits_reshape(target: Any, shapes: Shapes) -> bool:
    """Return whether the number of entries stays."""
    return same_size(_entries(target), _entries(shapes[0]))


def fits_slice(cuts: Any, shapes: Shapes) -> bool:
    """Return whether every axis is cut; that no cut leaves an axis is for the gate to say."""
    return len(cuts) == len(shapes[0]) and bool(tensors.slice_shape(cuts, shapes) or True)


def fits_unslice(payload: Any, shapes: Shapes) -> bool:
    """Return whether the operand has the shape of the slice that it is put into."""
    cuts, target = payload
    return fits_slice(cuts, [target]) and same_shape(tensors.slice_shape(cuts, [target]), shapes[0])


def fits_gather(axis: Any, shapes: Shapes) -> bool:
    """Return whether the axis exists."""
    return bool(axis < len(shapes[0]))


def fits_scatter(payload: Any, shapes: Shapes) -> bool:
    """Return whether the operand has the shape of what is taken from the result."""
    axis, target = payload
    taken = [target, shapes[1]]
    return fits_gather(axis, taken) and same_shape(tensors.gather_shape(axis, taken), shapes[0])


def fits_concat(axis: Any, shapes: Shapes) -> bool:
    """Return whether all sizes agree but those along the axis."""
    others = [(*s[:axis], *s[axis + 1 :]) for s in shapes]
    same_rank = all(len(s) == len(shapes[0]) > axis for s in shapes)
    return same_rank and all(same_shape(others[0], o) for o in others)


def fits_square(payload: Any, shapes: Shapes) -> bool:
    """Return whether the last two axes are those of a square matrix."""
    return len(shapes[0]) >= 2 and same_size(*shapes[0][-2:])


def fits_solve(payload: Any, shapes: Shapes) -> bool:
    """Return whether both sides have one batch and as many rows."""
    left, right = shapes
    rows = len(left) - 1
    return fits_square(payload, shapes) and (
        len(right) in (rows, rows + 1) and same_shape(left[:-1], right[:rows])
    )


def fits_expm(payload: Any, shapes: Shapes) -> bool:
    """Return whether matrix and directions are square and of one shape."""
    return fits_square(payload, shapes) and all(same_shape(shapes[0], s) for s in shapes)


def fits_conv(settings: Any, shapes: Shapes) -> bool:
    """Return whether ranks and channels fit."""
    count = len(shapes[0]) - 2
    parts = all(len(part) == count for part in settings[:3])
    return parts and bool(tensor_windows.conv_shape("conv", settings, shapes))


def fits_conv_input(payload: Any, shapes: Shapes) -> bool:
    """Return whether the operand has the shape of a convolution of the result."""
    settings, _ = payload
    images = convolution.conv_input_shape(payload, shapes)
    return fits_conv(settings, [images, shapes[1]]) and same_shape(
        convolution.conv_shape(settings, [images, shapes[1]]), shapes[0]
    )


def fits_conv_weight(payload: Any, shapes: Shapes) -> bool:
    """Return whether the operand has the shape of a convolution with the result."""
    settings, _ = payload
    weights = convolution.conv_weight_shape(payload, shapes)
    return fits_conv(settings, [shapes[0], weights]) and same_shape(
        convolution.conv_shape(settings, [shapes[0], weights]), shapes[1]
    )


def fits_patches(payload: Any, shapes: Shapes) -> bool:
    """Return whether there is a stride, padding and dilation for each axis of the window."""
    count = len(payload[0])
    parts = count > 0 and all(len(part) == count for part in payload[:4])
    return parts and bool(convolution.patches_shape(payload, shapes))


def fits_fold(payload: Any, shapes: Shapes) -> bool:
    """Return whether the operand has the shape of all windows of the result."""
    windows, spatial = payload
    lead = shapes[0][: -2 * len(windows[0])]
    looked = (*windows, "zero")
    return (
        len(spatial) == len(windows[0])
        and fits_patches(looked, [(*lead, *spatial)])
        and same_shape(convolution.patches_shape(looked, [(*lead, *spatial)]), shapes[0])
    )


FITS: dict[Gate, Callable[[Any, Shapes], bool]] = {
    einsums.EINSUM: fits_einsum,
    **dict.fromkeys(
        (tensors.LOGSUMEXP, tensors.MAX_OVER, tensors.MIN_OVER, tensors.NORM, tensors.UNIT),
        fits_axes,
    ),
    tensors.WINNERS: lambda payload, shapes: fits_axes(payload[1], shapes),
    tensors.RESHAPE: fits_reshape,
    tensors.SLICE: fits_slice,
    tensors.UNSLICE: fits_unslice,
    tensors.TRIL: fits_square,
    tensors.GATHER: fits_gather,
    tensors.SCATTER: fits_scatter,
    tensors.CONCAT: fits_concat,
    **dict.fromkeys(linalg.ROWS, fits_square),
    linalg.SOLVE: fits_solve,
    linalg.EXPM: fits_expm,
    convolution.CONV: fits_conv,
    convolution.CONV_INPUT: fits_conv_input,
    convolution.CONV_WEIGHT: fits_conv_weight,
    convolution.PATCHES: fits_patches,
    convolution.FOLD: fits_fold,
}


def check_form(gate: Gate, payload: Any, node: str = "a node") -> None:
    """Check what a node of a tensor gate carries, whatever its operands are.

    Parameters
    ----------
    gate : Gate
        Of the node; rows of the user's own are not checked.
    payload : object
        What it carries.
    node : str
        What errors call it.

    Raises
    ------
    GraphError
        If it is no payload of this gate; the message shows it.
    """
    if gate in FORMS and not has_form(payload, FORMS[gate]):
        raise GraphError(
            f"{node} (`{gate.name}`) carries {payload!r:.120}; it carries {described(FORMS[gate])}"
        )


def check_carried(gate: Gate, payload: Any, shapes: Shapes, node: str = "a node") -> None:
    """Check what a node of a tensor gate carries, and that its operands fit.

    Parameters
    ----------
    gate, payload, node
        As for `check_form`.
    shapes : sequence of tuple
        Of its operands.

    Raises
    ------
    GraphError
        If it is no payload of this gate, or the operands do not fit.
    """
    least, most = gate.arity
    if not gate.accepts(len(shapes)):
        takes = least if least == most else f"{least} to {most or 'any number'}"
        raise GraphError(f"{node} (`{gate.name}`) has {len(shapes)} operands; it takes {takes}")
    check_form(gate, payload, node)
    fits = FITS.get(gate)
    if fits is None:
        return
    try:
        fitting = fits(payload, shapes)
    except ShapeError as error:
        raise GraphError(f"{node} (`{gate.name}`) does not fit its operands: {error}") from error
    if not fitting:
        listed = ", ".join(map(shown, shapes))
        raise GraphError(
            f"{node} (`{gate.name}`) carries {payload!r:.120}, which does not fit operands of the "
            f"shapes {listed}"
        )
