"""Where numbers stand in the arguments and the results of a compiled function.

A group is one array: `()` for one slot, `(k,)` for k slots along the last axis, `(m, n)` for a
matrix in the last two. Knows nothing of who computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sympy import Indexed, Tuple

from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph
from symgrad.errors import ShapeError, UnknownNameError, UnsupportedError
from symgrad.expr.symbols import label
from symgrad.numeric.packing import Core


class Pack(tuple[Any, ...]):
    """Variables that stand in one array, along its last axis."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a call returns: the cores of its arrays, and a structure of as many leaves."""

    cores: tuple[Core, ...]
    form: Any


class Results:
    """The structure of what a call returns.

    Parameters
    ----------
    parts : sequence of Part
        In the order of `returns`.
    alone : bool
        Whether the one part is returned as it is, rather than a tuple of parts.

    Attributes
    ----------
    cores : tuple of tuple of int
        Of each array.
    nest, nests : tuple of int, bool
        The structure as `Packing` spells it, and whether it can.
    """

    def __init__(self, parts: Sequence[Part], *, alone: bool) -> None:
        self.cores: tuple[Core, ...] = tuple(c for part in parts for c in part.cores)
        forms = tuple(part.form for part in parts)
        self._form = forms[0] if alone else forms
        nest = _nest(self._form)
        self.nests = nest is not None
        self.nest = tuple(nest or ())

    def arrange(self, groups: Sequence[Any]) -> Any:
        """Return the arrays of all groups in the structure that was asked for."""
        return structure.fill(self._form, iter(groups))


def _nest(form: Any) -> list[int] | None:
    """Return a structure of tuples and lists as `Packing` spells it; None for any other."""
    if isinstance(form, Mapping):
        return None
    if not isinstance(form, (tuple, list, Tuple)):
        return [0]
    parts = [_nest(part) for part in form]
    if not parts or None in parts:
        return None
    counts = [count for part in parts for count in part or ()]
    return [*counts, -len(parts) if isinstance(form, list) else len(parts)]


def plain(count: int, *, listed: bool) -> Part:
    """Return the part of one number an output."""
    return Part(((),) * count, (None,) * count if listed else None)


def matrix(rows: int, columns: int) -> Part:
    """Return the part of a matrix."""
    return Part(((rows, columns),), None)


def filled(wanted: Any) -> Part:
    """Return the part of one number a variable, in the structure of `wrt`."""
    if isinstance(wanted, Asked):
        return Part(((),) * len(list(wanted)), wanted.wrt)
    cores = tuple((len(a),) if isinstance(a, Pack) else () for a in wanted)
    return Part(cores, (None,) * len(cores))


class Asked:
    """A `wrt` that the caller gave: results come back in its structure."""

    def __init__(self, wrt: Any) -> None:
        self.wrt = wrt

    def __iter__(self) -> Iterator[Any]:
        return structure.leaves(self.wrt)


def flat(items: Any) -> list[Any]:
    """Return the single variables of arguments."""
    return [leaf for item in items for leaf in (item if isinstance(item, Pack) else [item])]


# --- numbers in and out ---


def spread(values: Sequence[Any], cores: Sequence[Core]) -> list[Any]:
    """Return one array a slot.

    Raises
    ------
    ShapeError
        If there are too many or too few values, or one does not end in its group's shape.
    """
    if len(values) != len(cores):
        raise ShapeError(f"the function takes {len(cores)} arguments, not {len(values)}")
    found: list[Any] = []
    for place, (value, core) in enumerate(zip(values, cores, strict=True)):
        if not core:
            found.append(value)
        elif tuple(value.shape[-1:]) != core:
            raise ShapeError(
                f"argument {place + 1} packs {core[0]} variables in its last axis, "
                f"but its shape is {tuple(value.shape)}"
            )
        else:
            found += [value[..., k] for k in range(core[0])]
    return found


def views(array: Any, core: Core) -> list[Any]:
    """Return one view a slot of a group's array."""
    return [array[(..., *place)] for place in product(*map(range, core))]


def gather(values: Iterator[Any], cores: Sequence[Core], join: Callable[..., Any]) -> list[Any]:
    """Return the arrays of groups from one array a slot; `join(arrays, core)` makes one."""
    return [
        join([next(values) for _ in range(math.prod(core))], core) if core else next(values)
        for core in cores
    ]


def stacked(arrays: Sequence[Any], core: Core) -> Any:
    """Return arrays of one shape as one, along new last axes."""
    found = np.stack(arrays, axis=-1)
    return found.reshape(found.shape[:-1] + core)


# --- reading the question ---


def arguments(source: Graph, args: Sequence[Any] | None) -> list[Any]:
    """Return symbols, and packs of symbols, in the order of the call.

    Raises
    ------
    UnknownNameError
        If a variable is left out, or none has that name.
    UnsupportedError
        If a variable is listed twice.
    """
    if not (args is None or isinstance(args, (list, tuple))):
        raise UnsupportedError(
            f"`args` is a list of names or symbols, as in ['x', 'y']; found {type(args).__name__}"
        )
    found = list(source.inputs) if args is None else [_argument(source, a) for a in args]
    listed = flat(found)
    given = set(listed)
    missing = [label(s) for s in source.inputs if s not in given]
    if missing:
        raise UnknownNameError(
            f"`args` leaves out `{'`, `'.join(missing[:8])}`; list every variable"
        )
    if len(given) != len(listed):
        raise UnsupportedError("`args` lists a variable twice; list each once")
    return found


def _argument(source: Graph, arg: Any) -> Any:
    if isinstance(arg, (list, tuple)):
        return Pack(source.key(a) for a in arg)
    elements = [
        s for s in source.inputs if isinstance(s, Indexed) and str(s.base.label) == str(arg)
    ]
    if elements:
        return Pack(sorted(elements, key=lambda s: tuple(int(i) for i in s.indices)))
    return source.key(arg)
