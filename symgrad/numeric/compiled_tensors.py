"""Compiled formulas of tensors: arrays in, arrays out, one plan for each choice of sizes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from operator import itemgetter
from threading import Lock
from time import perf_counter
from typing import Any

import numpy as np
from sympy import Tuple

from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph
from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr.matrices import facts_of
from symgrad.expr.symbols import label
from symgrad.numeric.arrays import as_arrays, cast
from symgrad.numeric.declared_values import check_declared
from symgrad.numeric.program import Program, lower
from symgrad.numeric.tensor_backends import TENSOR_BACKENDS, TensorBackend, tensor_backend
from symgrad.numeric.tensor_questions import Array, Plan, Question, asked_of

PLANS = 32  # plans kept, one for each tuple of shapes and types
PLAIN = frozenset([np.dtype(np.float64)])


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

    def __init__(
        self, question: Question, dtype: str, backend: TensorBackend, seconds: float
    ) -> None:
        self.dtype, self.backend = dtype, backend.title
        self._row = backend.name
        self._question = question
        self._seconds = seconds
        self._prepare()

    def _prepare(self) -> None:
        """Make what cannot be pickled."""
        self._backend = TENSOR_BACKENDS[self._row]
        self._plans: OrderedDict[Any, Plan] = OrderedDict()
        self._lock = Lock()
        self._arrange = _arranger(self._question.form, count())
        symbols = [one.symbol for one in self._question.inputs]
        self._declared = [(k, s) for k, s in enumerate(symbols) if facts_of(s)]

    @property
    def program(self) -> Program:
        """The operations while sizes are symbols still; `to_json` saves them."""
        asked = self._question
        return lower(asked.derived.graph, [one.symbol for one in asked.inputs])

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
        if len(values) != len(self._question.inputs):
            wanted = len(self._question.inputs)
            raise ShapeError(f"the function takes {wanted} arguments, not {len(values)}")
        native = self._backend.arrays(values, self.dtype)
        if native is not None:
            return self._native(*native, out)
        arrays, plan = self._ready(values)
        for k, core in plan.cores:
            arrays[k] = arrays[k].reshape(core)
        for k, symbol in self._declared:
            check_declared(symbol, arrays[k], quickly=True)
        found = plan.run(arrays)
        for k, form in plan.forms:
            found[k] = np.reshape(found[k], form)
        if out is None:
            return self._arrange(found)
        return _written(found, out)

    def _native(self, arrays: list[Array], dtype: str, out: Any) -> Any:
        """Answer arrays of the backend's own kind in kind, traced or not."""
        if out is not None:
            raise UnsupportedError(
                f"`out` takes NumPy arrays; {self._row} makes its results itself"
            )
        plan = self._plan(arrays, dtype, wide=False)
        for k, core in plan.cores:
            arrays[k] = arrays[k].reshape(core)
        for k, symbol in self._declared:
            seen = self._backend.seen(arrays[k])
            if seen is not None:
                check_declared(symbol, seen, quickly=True)
        found = plan.run.native(arrays)
        for k, form in plan.forms:
            found[k] = found[k].reshape(form)
        return self._arrange(found)

    def _ready(self, values: Sequence[Any]) -> tuple[list[Array], Plan]:
        """Return arrays in the type of the computation, and the plan for their shapes."""
        asked = self._question
        if self.dtype == "float64" and _plain(values):
            arrays, dtype, wide = list(values), "float64", False
        else:
            arrays, dtype = as_arrays(values, [label(one.symbol) for one in asked.inputs])
            dtype = "float32" if self.dtype == "float32" else dtype
            arrays = cast(arrays, dtype)
            wide = any(a.dtype.kind == "c" for a in arrays)
        return arrays, self._plan(arrays, dtype, wide=wide)

    def _plan(self, arrays: Sequence[Array], dtype: str, *, wide: bool) -> Plan:
        """Return the plan for the shapes of some arrays."""
        shapes = [tuple(a.shape) for a in arrays]
        key = (dtype, wide, *shapes)
        with self._lock:
            plan = self._plans.get(key)
            if plan is not None:
                self._plans.move_to_end(key)
                return plan
        plan = self._question.plan(shapes, dtype, wide, self._backend)
        with self._lock:
            self._plans[key] = plan
            if len(self._plans) > PLANS:
                self._plans.popitem(last=False)
        return plan

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plans": None, "_arrange": None, "_lock": None, "_backend": None}

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
        If no such backend computes tensors, it is not installed, or it does not know a gate.
    """
    start = perf_counter()
    row = tensor_backend(backend)
    question = asked_of(
        source, args, wrt, names, alone=alone, listed=listed, kinks=kinks, batch=batch
    )
    made = CompiledTensors(question, dtype, row, perf_counter() - start)
    row.refuse(made.program)
    return made
