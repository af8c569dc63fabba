"""Compiling a formula and its gradient into one callable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sympy import Indexed

from symgrad.calculus import growth
from symgrad.calculus import wrt as structure
from symgrad.calculus.question import scalar
from symgrad.dag.digraph import Graph, compact
from symgrad.errors import BackendError, ShapeError, UnknownNameError, UnsupportedError
from symgrad.expr.symbols import label
from symgrad.numeric.analytic import require_analytic
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.execution import COMPLEX_ADVICE
from symgrad.numeric.numbers import as_value, broadcast
from symgrad.numeric.program import Program, lower

BACKENDS = ("auto", "numpy")
PARTS = ("value", "grad")


class Compiled:
    """A formula with its gradient, ready to be called with numbers.

    Attributes
    ----------
    program : Program
        The operations.
    backend : str
        Which backend runs them, and why it was chosen where that was left open.
    stats : dict
        Numbers of operations, constants, inputs and outputs.
    source : str
        The program as text; slots are numbered, no user's name is in it.
    """

    def __init__(
        self,
        formula: Graph,
        program: Program,
        groups: list[int | None],
        returns: Any,
        wanted: Any,
        backend: str,
    ) -> None:
        self._formula = formula
        self.program = program
        self.backend = backend
        self._groups = groups
        self._returns = returns
        self._wanted = wanted
        self._machines: dict[bool, Any] = {}

    @property
    def stats(self) -> dict[str, int]:
        """Numbers of operations, constants, inputs and outputs."""
        return dict(self.program.stats)

    @property
    def source(self) -> str:
        """The program as text."""
        return str(self.program)

    def __repr__(self) -> str:
        inputs = ", ".join(map(label, self.program.inputs[:8]))
        return f"<compiled ({inputs}) -> {self._returns}, backend {self.backend}>"

    def __call__(self, *values: Any) -> Any:
        """Return value and gradient at numbers or arrays that broadcast, in the order of `args`."""
        inputs = self._unpacked(values)
        shape = broadcast(inputs, self.program.inputs)
        complex_values = any(np.iscomplexobj(v) for v in inputs)
        if complex_values:
            require_analytic(self._formula, "a complex point", COMPLEX_ADVICE)
        with np.errstate(all="ignore"):
            found = self._machine(complex_values)(inputs)
        outputs = iter(_owned(found, inputs, shape))
        parts = [
            next(outputs) if part == "value" else _packed(self._wanted, outputs)
            for part in ([self._returns] if isinstance(self._returns, str) else self._returns)
        ]
        return parts[0] if isinstance(self._returns, str) else tuple(parts)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_machines": {}}

    def _machine(self, complex_values: bool) -> Any:
        made = self._machines.get(complex_values)
        if made is None:
            made = Floats(complex_values=complex_values).machine(self.program)
            self._machines[complex_values] = made
        return made

    def _unpacked(self, values: Sequence[Any]) -> list[Any]:
        """Spread packed arrays, of shape (..., k), over their k variables."""
        if len(values) != len(self._groups):
            raise ShapeError(f"the function takes {len(self._groups)} arguments, not {len(values)}")
        inputs: list[Any] = []
        for place, (value, size) in enumerate(zip(values, self._groups, strict=True)):
            found = as_value(value, f"argument {place + 1}")
            if size is None:
                inputs.append(found)
            elif np.ndim(found) == 0 or found.shape[-1] != size:
                raise ShapeError(
                    f"argument {place + 1} packs {size} variables in its last axis, "
                    f"but its shape is {np.shape(found)}"
                )
            else:
                inputs += [found[..., k] for k in range(size)]
        return inputs


def _owned(found: Sequence[Any], inputs: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
    """Give each result memory of its own: a caller may write to it, and to what he gave."""
    taken, owned = set(map(id, inputs)), []
    for value in found:
        own = np.shape(value) == shape and getattr(value, "base", None) is None
        fresh = value if own and id(value) not in taken else np.broadcast_to(value, shape).copy()
        taken.add(id(value))
        owned.append(fresh[()])
    return owned


class Pack(tuple[Any, ...]):
    """Variables that stand in one array, along its last axis."""

    __slots__ = ()


def compile_function(
    f: Any,
    args: Sequence[Any] | None = None,
    *,
    wrt: Any = None,
    returns: Any = ("value", "grad"),
    backend: str = "auto",
    kinks: str = "min_norm",
) -> Compiled:
    """Compile a formula and its gradient into one callable for scalars and batches.

    Parameters
    ----------
    f : str, Expr, Parsed or Graph
        One scalar formula.
    args : sequence of names or symbols, optional
        The order of the arguments; a list inside is one packed array, shape (..., k), and so is
        the name of subscripted variables. Default: order of first appearance.
    wrt, returns : structure of variables, {"value", "grad"} or tuple of them
        What to differentiate by (default: the structure of `args`); what a call gives.
    backend : {"auto", "numpy"}
        Who runs the program.
    kinks : {"min_norm", "first", "nan"}
        What the derivative is where it does not exist.

    Returns
    -------
    Compiled
        `fn(*values)`; every result has the broadcast shape of the values and its own memory.

    Examples
    --------
    >>> fn = compile_function("x**2*y", ["x", "y"])
    >>> value, (dx, dy) = fn(3.0, [1.0, 2.0])
    >>> value.tolist(), dx.tolist(), dy.tolist()
    ([9.0, 18.0], [6.0, 12.0], [9.0, 9.0])
    """
    _check_choices(returns, backend, kinks)
    source = scalar(f, kinks)
    arguments = _arguments(source, args)
    wanted = _wanted(source, arguments, wrt)
    grown = growth.gradient(source, structure.nodes_of(source, _flat(wanted)), kinks)
    value, *bars = grown.outputs
    parts = [returns] if isinstance(returns, str) else list(returns)
    picked = [o for part in parts for o in ([value] if part == "value" else bars)]
    program = lower(Graph(*compact(grown.nodes, picked)), tuple(_flat(arguments)))
    groups = [len(a) if isinstance(a, Pack) else None for a in arguments]
    chosen = "numpy" if backend != "auto" else "numpy (the only backend installed)"
    return Compiled(source, program, groups, returns, wanted, chosen)


def _check_choices(returns: Any, backend: str, kinks: str) -> None:
    parts = [returns] if isinstance(returns, str) else list(returns)
    if not parts or any(p not in PARTS for p in parts):
        raise UnsupportedError(f"returns={returns!r} is unknown; use any of {', '.join(PARTS)}")
    if backend not in BACKENDS:
        raise BackendError(f"there is no backend {backend!r}; use one of {', '.join(BACKENDS)}")
    if kinks == "raise":
        raise UnsupportedError("kinks='raise' needs every step; use `run`, or kinks='nan' here")


def _arguments(source: Graph, args: Sequence[Any] | None) -> list[Any]:
    """Return symbols, and packs of symbols, in the order of the call."""
    if not (args is None or isinstance(args, (list, tuple))):
        raise UnsupportedError(
            f"`args` is a list of names or symbols, as in ['x', 'y']; found {type(args).__name__}"
        )
    found = list(source.inputs) if args is None else [_argument(source, a) for a in args]
    flat = list(_flat(found))
    given = set(flat)
    missing = [label(s) for s in source.inputs if s not in given]
    if missing:
        raise UnknownNameError(
            f"`args` leaves out `{'`, `'.join(missing[:8])}`; list every variable"
        )
    if len(set(flat)) != len(flat):
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


def _flat(items: Any) -> list[Any]:
    return [leaf for item in items for leaf in (item if isinstance(item, Pack) else [item])]


def _wanted(source: Graph, arguments: list[Any], wrt: Any) -> list[Any] | Any:
    return tuple(arguments) if wrt is None else _Asked(wrt)


class _Asked:
    """A `wrt` that the caller gave: results come back in its structure."""

    def __init__(self, wrt: Any) -> None:
        self.wrt = wrt

    def __iter__(self) -> Any:
        return structure.leaves(self.wrt)


def _packed(wanted: Any, outputs: Any) -> Any:
    if isinstance(wanted, _Asked):
        return structure.fill(wanted.wrt, outputs)
    return tuple(
        np.stack([next(outputs) for _ in item], axis=-1)
        if isinstance(item, Pack)
        else next(outputs)
        for item in wanted
    )
