"""Compiled formulas of tensors: arrays in, arrays out, one plan for each choice of sizes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from operator import itemgetter
from time import perf_counter
from typing import Any

import numpy as np
from sympy import Basic, Expr, Tuple

from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph
from symgrad.dag.vmap import vmap
from symgrad.errors import BackendError, ShapeError, UnknownNameError, UnsupportedError
from symgrad.expr.symbols import label
from symgrad.numeric.analytic import require_analytic
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.arrays import as_arrays, cast
from symgrad.numeric.execution import COMPLEX_ADVICE
from symgrad.numeric.parts import Derived, derive
from symgrad.numeric.program import Program, lower
from symgrad.numeric.sizes import Input, Reader, bind, declared_shape
from symgrad.numeric.tensor_machine import TensorMachine

PLANS = 32  # plans kept, one for each tuple of shapes and types
OWN = ("value", "grad", "jvp", "vjp", "hvp")
BY_VARIABLE = frozenset(["grad", "vjp", "hvp"])  # parts with one array a variable
DEFAULT = ["value", "grad"]
PLAIN = frozenset([np.dtype(np.float64)])

Array = Any
Form = tuple[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A program for arrays of certain shapes.

    Parameters
    ----------
    run : TensorMachine
        What computes.
    cores : tuple of (int, tuple of int)
        The inputs that are given in another shape than the graph's, with that one.
    forms : tuple of (int, tuple of int)
        The results that are given back in another shape, with that one.
    dtype : str
        In what is computed.
    """

    run: TensorMachine
    cores: tuple[Form, ...]
    forms: tuple[Form, ...]
    dtype: str


class CompiledTensors:
    """A formula of tensors with its derivatives, ready to be called with arrays.

    Attributes
    ----------
    backend : str
        Who runs it.
    dtype : {"float64", "float32"}
        Of the results: "float32" always, or "float64", which follows the arrays that are given.
    stats : dict
        Numbers of operations and slots of the latest plan, `plans` that are kept, and
        `derive_seconds`.
    source : str
        The operations of the latest plan, as text.
    """

    backend = "numpy (arrays)"

    def __init__(self, question: Question, dtype: str, seconds: float) -> None:
        self.dtype = dtype
        self._question = question
        self._seconds = seconds
        self._prepare()

    def _prepare(self) -> None:
        """Make what cannot be pickled."""
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        self._arrange = _arranger(self._question.form, count())

    def __repr__(self) -> str:
        inputs = ", ".join(label(one.symbol) for one in self._question.inputs[:8])
        return f"<compiled ({inputs}), {len(self._question.like)} outputs, {self.backend}>"

    @property
    def _latest(self) -> Program | None:
        return next(reversed(self._plans.values())).run.program if self._plans else None

    @property
    def stats(self) -> dict[str, Any]:
        """Counts of the latest plan, and seconds of derivation."""
        latest = self._latest
        counts = {} if latest is None else latest.stats
        return {**counts, "plans": len(self._plans), "derive_seconds": self._seconds}

    @property
    def source(self) -> str:
        """The operations of the latest plan as text; none before the first call."""
        return "" if self._latest is None else str(self._latest)

    def __call__(self, *values: Any, out: Any = None) -> Any:
        """Return what was asked for at arrays, in the order of `args`.

        Parameters
        ----------
        values : array, one an argument
            Behind the arguments stand tangents (`jvp`, `hvp`) in the shapes of the variables, and
            cotangents (`vjp`) in those of the outputs.
        out : structure of ndarray, optional
            Where results go.

        Returns
        -------
        structure of ndarray
            Gradients in the shapes in which the variables were given; each with its own memory.

        Raises
        ------
        ShapeError
            If the arrays do not fit; the message has the shapes.
        """
        arrays, plan = self._ready(values)
        for k, core in plan.cores:
            arrays[k] = arrays[k].reshape(core)
        found = plan.run(arrays)
        for k, form in plan.forms:
            found[k] = np.reshape(found[k], form)
        if out is None:
            return self._arrange(found)
        return _written(found, out)

    def _ready(self, values: Sequence[Any]) -> tuple[list[Array], Plan]:
        """Return arrays in the type of the computation, and the plan for their shapes."""
        asked = self._question
        if len(values) != len(asked.inputs):
            raise ShapeError(f"the function takes {len(asked.inputs)} arguments, not {len(values)}")
        if self.dtype == "float64" and _plain(values):
            arrays, dtype, wide = list(values), "float64", False
        else:
            arrays, dtype = as_arrays(values, [label(one.symbol) for one in asked.inputs])
            dtype = "float32" if self.dtype == "float32" else dtype
            arrays = cast(arrays, dtype)
            wide = any(a.dtype.kind == "c" for a in arrays)
        key = (dtype, wide, *[a.shape for a in arrays])
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = asked.plan([a.shape for a in arrays], dtype, wide)
            if len(self._plans) > PLANS:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(key)
        return arrays, plan

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": None, "_arrange": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()


def _arranger(form: Any, places: Iterator[int]) -> Callable[[Sequence[Any]], Any]:
    """Return what puts a list of results in a structure: `structure.fill`, read beforehand."""
    if isinstance(form, Mapping):
        named = {key: _arranger(part, places) for key, part in form.items()}
        return lambda found: {key: part(found) for key, part in named.items()}
    if isinstance(form, (list, tuple, Tuple)):
        parts = [_arranger(part, places) for part in form]
        if isinstance(form, list):
            return lambda found: [part(found) for part in parts]
        return lambda found: tuple([part(found) for part in parts])
    return itemgetter(next(places))


def _plain(values: Sequence[Any]) -> bool:
    """Return whether all values are arrays of float64 already."""
    kinds = {v.dtype if type(v) is np.ndarray else None for v in values}
    return kinds <= PLAIN


def _written(found: Sequence[Array], out: Any) -> Any:
    """Write results where the caller wants them."""
    places = list(structure.leaves(out))
    shapes = [np.shape(v) for v in found]
    if [np.shape(p) for p in places] != shapes or not all(_takes(p) for p in places):
        raise ShapeError(
            f"`out` takes arrays that can be written to, of the shapes {shapes}; found "
            f"{[np.shape(p) for p in places]}"
        )
    for place, value in zip(places, found, strict=True):
        place[...] = value
    return out


def _takes(array: Any) -> bool:
    return isinstance(array, np.ndarray) and array.dtype.kind in "fc" and array.flags.writeable


@dataclass(frozen=True)
class Question:
    """What is asked of a formula, before sizes are known.

    Parameters
    ----------
    source : Graph
        The formula.
    derived : Derived
        The graph of everything that is asked.
    reader : Reader
        How the arrays of the formula's own inputs fix the sizes.
    inputs : tuple of Input
        The arguments in their order, tangents and cotangents behind them.
    like : tuple of (int or None)
        The argument in whose shape each result is given back.
    batched : tuple of bool, or empty
        Which arguments have the batch as their first axis; empty where nothing is asked of batches.
    form : structure
        Of the results.
    """

    source: Graph
    derived: Derived
    reader: Reader
    inputs: tuple[Input, ...]
    like: tuple[int | None, ...]
    batched: tuple[bool, ...]
    form: Any

    def plan(self, shapes: Sequence[tuple[int, ...]], dtype: str, wide: bool) -> Plan:
        """Return the program for arrays of these shapes."""
        if wide:
            require_analytic(self.source, "a complex point", COMPLEX_ADVICE)
        length, points = self._points(shapes)
        cores, sizes = self.reader.cores(points)
        made = bind(self.derived.graph, sizes)
        lead: tuple[int, ...] = ()
        if self.batched:
            lead = (length,)
            chosen = {o.symbol for o, b in zip(self.inputs, self.batched, strict=True) if b}
            pairs = zip(made.inputs, made.input_nodes, strict=True)
            made = vmap(made, [n for s, n in pairs if s in chosen], length)
            cores = [
                (*lead, *core) if b else core for core, b in zip(cores, self.batched, strict=True)
            ]
        program = lower(made, [one.symbol for one in self.inputs])
        machine = TensorMachine(program, cores, Floats(complex_values=wide, dtype=dtype))
        wanted = [None if k is None else (*lead, *points[k]) for k in self.like]
        made_in = [made.nodes.shapes.get(o, ()) for o in made.outputs]
        forms = [
            (k, form)
            for k, (form, shape) in enumerate(zip(wanted, made_in, strict=True))
            if form is not None and form != shape
        ]
        turned = [
            (k, core)
            for k, (shape, core) in enumerate(zip(shapes, cores, strict=True))
            if shape != core
        ]
        return Plan(machine, tuple(turned), tuple(forms), dtype)

    def _points(self, shapes: Sequence[tuple[int, ...]]) -> tuple[int, list[tuple[int, ...]]]:
        """Return how many points a batch has, and the shapes of one point.

        Raises
        ------
        ShapeError
            If an array has no batch axis, or two of them have different ones.
        """
        if not self.batched:
            return 1, list(shapes)
        found: dict[str, int] = {}
        points = []
        for one, shape, wide in zip(self.inputs, shapes, self.batched, strict=True):
            if wide and not shape:
                raise ShapeError(f"`{label(one.symbol)}` is batched, but one number was given")
            if wide:
                found[label(one.symbol)] = shape[0]
            points.append(shape[1:] if wide else shape)
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{n} for `{name}`" for name, n in found.items())
            raise ShapeError(f"a batch has one length, the first axis, but found {listed}")
        return next(iter(found.values())), points


def compile_tensors(
    source: Graph,
    args: Sequence[Any] | None,
    wrt: Any,
    names: Sequence[str],
    *,
    alone: bool,
    listed: bool,
    backend: str,
    kinks: str,
    dtype: str,
    batch: Any = None,
) -> CompiledTensors:
    """Compile a formula of tensors.

    Parameters
    ----------
    source, args, wrt, backend, kinks, dtype, batch
        As for `compile_function`.
    names : sequence of str
        What a call returns.
    alone, listed : bool
        Whether one part is returned as it is, and whether the values are a tuple.

    Raises
    ------
    BackendError
        If another backend than NumPy is asked for.
    """
    start = perf_counter()
    if backend not in ("auto", "numpy"):
        raise BackendError(f"tensors are computed by 'numpy', not by {backend!r:.80}")
    outputs = source.outputs
    scalar = len(outputs) == 1 and outputs[0] not in source.nodes.shapes
    if list(names) == DEFAULT and not scalar:
        names, alone = ["value"], True  # what has no gradient is asked for its value
    _check(source, names, scalar=scalar)
    taken = _arguments(source, args)
    wanted = tuple(taken) if wrt is None else wrt
    form = [wanted if n in BY_VARIABLE else (None,) * len(outputs) for n in names]
    form = [f if listed or f is wanted else None for f in form]
    shown = form[0] if alone else tuple(form)
    batched = _batched(source, taken, batch)
    question = _question(source, taken, wanted, names, kinks, batched, shown)
    return CompiledTensors(question, dtype, perf_counter() - start)


def _batched(source: Graph, taken: Sequence[Any], batch: Any) -> list[bool]:
    """Return which arguments have the batch as their first axis; nothing where none has."""
    if batch is None or batch is False:
        return []
    if batch is True:
        return [True] * len(taken)
    names = [batch] if isinstance(batch, (str, Basic)) else list(batch)
    chosen = [source.key(name) for name in names]
    unknown = [str(c) for c in chosen if c not in taken]
    if unknown or not chosen:
        what = f"`{unknown[0]}`" if unknown else "nothing"
        listed = ", ".join(label(s) for s in taken)
        raise UnknownNameError(f"`batch` names {what}; the arguments are {listed}")
    return [symbol in chosen for symbol in taken]


def _question(
    source: Graph,
    taken: Sequence[Any],
    wanted: Any,
    names: Sequence[str],
    kinks: str,
    batched: Sequence[bool],
    form: Any,
) -> Question:
    """Return what is asked, with the derivatives grown."""
    nodes = structure.nodes_of(source, wanted)
    derived = derive(source, names, nodes, kinks)
    inputs = [_input(source, source.node(s), s) for s in taken]
    inputs += [_input(source, n, t) for n, t in zip(nodes, derived.tangents, strict=False)]
    pairs = zip(source.outputs, derived.cotangents, strict=False)
    inputs += [_input(source, o, t) for o, t in pairs]
    places = {source.node(symbol): k for k, symbol in enumerate(taken)}
    own = [places.get(n) if n is not None else None for n in nodes]
    wide = list(batched)
    if wide:
        moving = [k is None or wide[k] for k in own]
        wide += moving[: len(derived.tangents)] + [True] * len(derived.cotangents)
    like = [k for n in names for k in (own if n in BY_VARIABLE else [None] * len(source.outputs))]
    return Question(
        source, derived, Reader(source, inputs), tuple(inputs), tuple(like), tuple(wide), form
    )


def _check(source: Graph, names: Sequence[str], *, scalar: bool) -> None:
    """Refuse what tensors do not have."""
    for name in names:
        if name not in OWN:
            raise UnsupportedError(
                f"returns={name!r} is not compiled for tensors; compile the closed form that "
                f"`sg.{name}` gives, or ask for 'jvp', 'vjp' or 'hvp'"
            )
        if name in ("grad", "hvp") and not scalar:
            raise ShapeError(
                f"returns={name!r} is of one scalar, but the outputs are {len(source.outputs)} "
                "tensors; use 'value', 'jvp' or 'vjp'"
            )


def _input(source: Graph, node: int | None, symbol: Expr) -> Input:
    """Return an argument in the shape of a node, declared as its variable is."""
    core = () if node is None else source.nodes.shapes.get(node, ())
    like = symbol if node is None else source.nodes.payloads[node]
    return Input(symbol, core, declared_shape(like, core))


def _arguments(source: Graph, args: Sequence[Any] | None) -> list[Any]:
    """Return the variables in the order of the call; sizes are none of them.

    Raises
    ------
    UnknownNameError
        If a variable is left out, or none has that name.
    UnsupportedError
        If one is listed twice, or several are to be packed in one array.
    """
    needed = [one.symbol for one in Reader(source).inputs]
    if args is None:
        return needed
    if any(isinstance(a, (list, tuple)) for a in args):
        raise UnsupportedError("formulas of tensors take one array a variable, none packed in one")
    taken = [source.key(a) for a in args]
    missing = [label(s) for s in needed if s not in taken]
    if missing:
        raise UnknownNameError(f"`args` leaves out `{'`, `'.join(missing)}`; list every variable")
    if len(set(taken)) != len(taken):
        raise UnsupportedError("`args` lists a variable twice; list each once")
    return taken
