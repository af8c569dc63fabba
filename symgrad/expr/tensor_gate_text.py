"""How gates of tensors are written that no function of the facade makes: parts of gradients.

What puts entries among zeros is written as `zeros(shape).at[place].set(x)` and `.add(x)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from symgrad.expr.operators import ATOM

Piece = str | tuple[Any, int]
Layout = tuple[int, list[Piece]]


def listed(operands: Iterable[Any]) -> list[Piece]:
    """Return operands with commas between them."""
    pieces: list[Piece] = []
    for operand in operands:
        pieces += [", ", (operand, 0)]
    return pieces[1:]


def called(name: str, operands: Sequence[Any], *options: str) -> Layout:
    """Return a call with what stands behind the operands."""
    behind = [f", {o}" for o in options]
    if not operands:
        behind = [", ".join(options)]
    return ATOM, [f"{name}(", *listed(operands), *behind, ")"]


def tuple_text(values: Sequence[Any]) -> str:
    """Return a tuple as Python writes it."""
    inner = ", ".join(tuple_text(v) if isinstance(v, tuple) else str(v) for v in values)
    return f"({inner}{',' * (len(values) == 1)})"


def axes_text(axes: Sequence[int], rank: int) -> list[str]:
    """Return the option that names axes, unless it is all of them."""
    if len(axes) == rank:
        return []
    return [f"axis={axes[0] if len(axes) == 1 else tuple_text(tuple(axes))}"]


# --- windows ---


def window_options(moves: Sequence[Any], usual: Any = None) -> list[str]:
    """Return the settings of a window that are not as they are by default."""
    strides, pads, dilation = moves
    steps = usual or (1,) * len(strides)
    found = [] if strides == steps else [f"stride={one_or_all(strides)}"]
    if any(map(any, pads)):
        found.append(f"padding={one_or_all(pads)}")
    if set(dilation) != {1}:
        found.append(f"dilation={one_or_all(dilation)}")
    return found


def one_or_all(values: Sequence[Any]) -> str:
    """Return settings of axes: one where all are the same; a pair of equals is one number."""
    if len(set(values)) > 1:
        return tuple_text(tuple(values))
    first = values[0]
    pair = isinstance(first, tuple)
    return str(first[0]) if pair and first[0] == first[1] else str(first)


def conv_options(settings: Any) -> list[str]:
    """Return the settings of a convolution."""
    *moves, groups = settings
    return [*window_options(moves), *([f"groups={groups}"] if groups != 1 else [])]


def transposed_conv(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out a transpose of a convolution, with the sizes that it gives back."""
    settings, sizes = payload
    return called(name, operands, tuple_text(sizes), *conv_options(settings))


def patches(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out all windows of a tensor."""
    window, *moves, fill = payload
    lowest = ["fill=-oo"] if fill == "lowest" and any(map(any, moves[1])) else []
    return called(name, operands, one_or_all(window), *window_options(moves), *lowest)


def fold(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out the sum over windows."""
    (window, *moves), sizes = payload
    return called(name, operands, one_or_all(window), tuple_text(sizes), *window_options(moves))


# --- entries ---


def cut_text(part: Sequence[Any], size: Any) -> str:
    """Return a slice of an axis."""
    start, stop, step = part
    low = "" if start == (0 if step > 0 else size - 1) else str(start)
    high = "" if stop == (size if step > 0 else -1) else str(stop)
    return f"{low}:{high}{f':{step}' if step != 1 else ''}"


def cuts_text(parts: Sequence[Any], shape: Sequence[Any]) -> str:
    """Return slices of all axes; whole last axes are not written."""
    cuts = [cut_text(part, size) for part, size in zip(parts, shape, strict=True)]
    while len(cuts) > 1 and cuts[-1] == ":":
        cuts.pop()
    return ", ".join(cuts)


def sliced(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out a slice."""
    (x,) = operands
    return ATOM, [(x, ATOM), f"[{cuts_text(payload, x.shape)}]"]


def unsliced(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out a tensor among zeros."""
    parts, shape = payload
    place = f"zeros({tuple_text(shape)}).at[{cuts_text(parts, shape)}].set("
    return ATOM, [place, (operands[0], 0), ")"]


def scattered(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out entries added to zeros at the positions of an index tensor."""
    axis, shape = payload
    value, chosen = operands
    place = f"zeros({tuple_text(shape)}).at[{':, ' * axis}"
    return ATOM, [place, (chosen, 0), "].add(", (value, 0), ")"]


def winners(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out the weights of extreme entries."""
    which, axes, kinks = payload
    policy = [f'kinks="{kinks}"'] if kinks != "min_norm" else []
    shown = axes_text(axes, len(operands[0].shape))
    return called({"max": "winners", "min": "losers"}[which], operands, *shown, *policy)


def over_axes(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out an operation over axes."""
    return called(name, operands, *axes_text(payload, len(operands[0].shape)))


def concat(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out tensors joined along an axis."""
    axis = f", axis={payload}" if payload else ""
    return ATOM, ["concat([", *listed(operands), f"]{axis})"]


def halved(name: str, operands: Sequence[Any], payload: Any) -> Layout:
    """Lay out a lower triangle, whose diagonal may be halved."""
    return called(name, operands, *(["halved=True"] if payload else []))


GATES: dict[str, Callable[[str, Sequence[Any], Any], Layout]] = {
    "conv": lambda name, operands, payload: called(name, operands, *conv_options(payload)),
    "conv_input": transposed_conv,
    "conv_weight": transposed_conv,
    "patches": patches,
    "fold": fold,
    "slice": sliced,
    "unslice": unsliced,
    "scatter": scattered,
    "winners": winners,
    "unit": over_axes,
    "concat": concat,
    "tril": halved,
}


def gate_layout(node: Any) -> Layout:
    """Lay out an operation that is known by the name of its gate."""
    name, *payload = node.params
    layout = GATES.get(name)
    if layout is None:
        return called(name, node.operands, *map(str, payload))
    return layout(name, node.operands, payload[0])
