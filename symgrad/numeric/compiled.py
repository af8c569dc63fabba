"""Compiling a formula and its derivatives into one callable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from symgrad.calculus import wrt as structure
from symgrad.dag.digraph import Graph, graph
from symgrad.errors import BackendError, ShapeError, UnsupportedError
from symgrad.expr.symbols import label
from symgrad.numeric.analytic import require_analytic
from symgrad.numeric.asked import Lowered, check_choices, lowered
from symgrad.numeric.backend import Executable
from symgrad.numeric.backends import BACKENDS, choose
from symgrad.numeric.compiled_tensors import CompiledTensors, compile_tensors
from symgrad.numeric.execution import COMPLEX_ADVICE
from symgrad.numeric.layout import gather, spread, stacked, views
from symgrad.numeric.numbers import as_value, broadcast
from symgrad.numeric.packing import Packing, made
from symgrad.numeric.parts import named_parts
from symgrad.numeric.progress import working
from symgrad.numeric.sizes import has_tensors
from symgrad.numeric.sparse_derivatives import CompiledSparse, compile_sparse


class Compiled:
    """A formula with its derivatives, ready to be called with numbers.

    Attributes
    ----------
    program : Program
        The operations.
    backend : str
        Which backend runs them, and why it was chosen where that was left open.
    dtype : {"float64", "float32"}
        Of the results.
    stats : dict
        Numbers of operations, constants, inputs, outputs and temporaries, bytes of temporaries a
        point, `derive_seconds` for the derivatives and `seconds` for building the program.
    source : str
        What runs, as text; slots are numbered, no user's name is in it.
    """

    def __init__(self, question: Lowered, backend: str, options: dict[str, Any]) -> None:
        row, self.backend = choose(backend, question.program, options["dtype"])
        self.program = question.program
        self.dtype: str = options["dtype"]
        self._formula = question.formula
        self._cores = list(question.cores)
        self._results = question.results
        self._row = row.name
        self._options = options
        self._chosen = backend == "auto"
        self._seconds = question.seconds
        self._complex: Executable | None = None
        self._prepare()

    def _prepare(self) -> None:
        """Build what cannot be pickled."""
        with working(f"building {len(self.program.operations)} operations"):
            self._executable = self._built()
        results = self._results
        self._packing = Packing(tuple(self._cores), results.cores, results.nest)
        self._shortcut = self._executable.packed(self._packing) if results.cores else None
        self._nested = results.nests

    def _built(self) -> Executable:
        """Build the program; a choice left open falls back on NumPy, and says why."""
        try:
            return BACKENDS[self._row].build(self.program, **self._options)
        except BackendError as error:
            if not self._chosen or self._row == "numpy":
                raise
            self._row, self.backend = "numpy", f"numpy ({self._row}: {error})"
            return BACKENDS["numpy"].build(self.program, **self._options)

    @property
    def stats(self) -> dict[str, Any]:
        """Counts of operations and slots, bytes a point, and seconds of compilation."""
        return {**self._executable.stats, "derive_seconds": self._seconds}

    @property
    def source(self) -> str:
        """The program as text."""
        return self._executable.source

    def __repr__(self) -> str:
        inputs = ", ".join(map(label, self.program.inputs[:8]))
        return f"<compiled ({inputs}), {len(self.program.outputs)} outputs, {self.backend}>"

    def __call__(self, *values: Any, out: Any = None) -> Any:
        """Return what was asked for at numbers or arrays that broadcast, in the order of `args`.

        Parameters
        ----------
        values : number or array, one an argument
            Behind the arguments stand tangents (`jvp`, `hvp`), one each in their shapes, and
            cotangents (`vjp`), one number, or one array of shape (..., m) for m outputs.
        out : structure of ndarray, optional
            Where results go, in the structure, shapes and dtype of the results.

        Raises
        ------
        ShapeError
            If values are too many or too few, do not broadcast, or `out` does not fit.
        """
        shortcut = self._shortcut
        if out is None and shortcut is not None:
            found = shortcut(*values)
            if found is not None:
                return found if self._nested else self._results.arrange(found)
        if out is not None and self._filled(values, out):
            return out
        if any(map(self._executable.is_native, values)):
            return self._native(values, out)
        given = [as_value(v, f"argument {place + 1}") for place, v in enumerate(values)]
        inputs = spread(given, self._cores)
        shape = broadcast(inputs, self.program.inputs)
        run = self._executable
        if any(np.iscomplexobj(v) for v in given):
            run = self._complex_points()
        elif self.dtype != "float64":
            inputs = [np.asarray(v, dtype=self.dtype) for v in inputs]
        if out is not None:
            return self._written(run, inputs, shape, out)
        if shape == ():
            groups = gather((v[()] for v in run(inputs)), self._results.cores, stacked)
        else:
            groups = self._batch(run, inputs, shape)
        return self._results.arrange(groups)

    def _filled(self, values: Sequence[Any], out: Any) -> bool:
        """Fill `out` the short way, if backend and arrays allow it."""
        run, groups = self._executable, list(structure.leaves(out))
        return (
            run.fills and not _overlap(groups, values) and run.fill(self._packing, values, groups)
        )

    def _batch(self, run: Executable, inputs: list[Any], shape: tuple[int, ...]) -> list[Any]:
        groups = [made(shape, core, run.dtype) for core in self._results.cores]
        run(inputs, self._slots(groups))
        return groups

    def _slots(self, groups: Sequence[Any]) -> list[Any]:
        """Return one view a slot of the arrays of results."""
        pairs = zip(groups, self._results.cores, strict=True)
        return [view for array, core in pairs for view in views(array, core)]

    def _written(self, run: Executable, inputs: list[Any], shape: tuple[int, ...], out: Any) -> Any:
        """Write results where the caller wants them."""
        groups = list(structure.leaves(out))
        expected = [shape + core for core in self._results.cores]
        if [np.shape(g) for g in groups] != expected or not all(
            _takes(g, run.dtype) for g in groups
        ):
            kinds = [f"{getattr(g, 'dtype', type(g).__name__)} {np.shape(g)}" for g in groups]
            raise ShapeError(
                f"`out` takes arrays of {run.dtype} that can be written to, of the shapes "
                f"{', '.join(map(str, expected))}; found {', '.join(kinds)}"
            )
        if _overlap(groups, inputs):
            for group, made in zip(groups, self._batch(run, inputs, shape), strict=True):
                group[...] = made
        else:
            run(inputs, self._slots(groups))
        return out

    def _native(self, values: Sequence[Any], out: Any) -> Any:
        """Answer arrays of the backend's own kind in kind, traced or not."""
        if out is not None:
            raise UnsupportedError(
                f"`out` takes NumPy arrays; {self._row} makes its results itself"
            )
        run = self._executable
        found = run.native(spread([run.converted(v) for v in values], self._cores))
        return self._results.arrange(gather(iter(found), self._results.cores, run.stacked))

    def _complex_points(self) -> Executable:
        require_analytic(self._formula, "a complex point", COMPLEX_ADVICE)
        if self._row != "numpy" and not self._chosen:
            raise BackendError(
                f"the backend `{self._row}` computes real numbers, but an argument is complex; "
                "use backend='numpy'"
            )
        if self._complex is None:
            self._complex = BACKENDS["numpy"].build(self.program, dtype="complex128")
        return self._complex

    def __getstate__(self) -> dict[str, Any]:
        dropped = {"_executable": None, "_shortcut": None, "_complex": None}
        return {**self.__dict__, **dropped}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()


def _overlap(groups: Sequence[Any], inputs: Sequence[Any]) -> bool:
    """Return whether memory of a group may be another one's, or an input's."""
    spans = [(byte_bounds(a), False) for a in inputs if isinstance(a, np.ndarray)]
    spans += [(byte_bounds(a), True) for a in groups if isinstance(a, np.ndarray)]
    end, written_end = -1, -1
    for (start, stop), written in sorted(spans):
        if start < (end if written else written_end):
            return True
        end = max(end, stop)
        written_end = max(written_end, stop) if written else written_end
    return False


def _takes(array: Any, dtype: str) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == dtype and array.flags.writeable


def compile_function(
    f: Any,
    args: Sequence[Any] | None = None,
    *,
    wrt: Any = None,
    returns: Any = ("value", "grad"),
    backend: str = "auto",
    kinks: str = "min_norm",
    dtype: str = "float64",
    threads: int | None = None,
    cache: bool = True,
    batch: Any = None,
    sparse: bool = False,
) -> Compiled | CompiledTensors | CompiledSparse:
    """Compile a formula and its derivatives into one callable for scalars and batches.

    Parameters
    ----------
    f, args : str, Expr, Parsed, Graph, or list of them; sequence of names or symbols
        One scalar, or several for "value", "jacobian", "jvp", "vjp"; the order of the variables:
        a list, or the name of subscripted ones, is one array, shape (..., k).
    wrt : structure of n variables
        What to differentiate by; default: the structure of `args`.
    returns : {"value", "grad", "jacobian", "hessian", "jvp", "vjp", "hvp"} or tuple of them
        What a call gives: "grad", "vjp" and "hvp" in the structure of `wrt`, "value" and "jvp" one
        an output, "jacobian" in shape (..., m, n), "hessian" in (..., n, n).
    backend : {"auto", "llvm", "numpy", "c", "jax", "torch", "reference"}
        Who runs it; arrays of JAX and torch are answered in kind.
    kinks, dtype : {"min_norm", "first", "nan"}, {"float64", "float32"}
        What the derivative is where it does not exist; in what to compute.
    threads, cache, batch, sparse : int or None, bool, True or names, bool
        Threads; whether code is kept; arrays with a first axis more; `scipy.sparse` results.

    Returns
    -------
    Compiled
        `fn(*values)`; every result has the broadcast shape of the values and its own memory.

    Raises
    ------
    BackendError
        If the backend is not there, or cannot spell a gate.

    Examples
    --------
    >>> compile_function("x**2*y", ["x", "y"])(3.0, [1.0, 2.0])
    (array([ 9., 18.]), (array([ 6., 12.]), array([9., 9.])))
    """
    options = {"dtype": dtype, "threads": threads, "cache": cache}
    return _compiled(f, args, wrt, returns, backend, kinks, options, batch, sparse)


def _compiled(
    f: Any,
    args: Sequence[Any] | None,
    wrt: Any,
    returns: Any,
    backend: str,
    kinks: str,
    options: dict[str, Any],
    batch: Any,
    sparse: bool,
) -> Compiled | CompiledTensors | CompiledSparse:
    """Return the function for scalars or for tensors, as the formula is of either."""
    source, dtype = graph(f), options["dtype"]
    if sparse and has_tensors(source):
        raise UnsupportedError(
            "sparse matrices are of scalars by scalars, and this formula holds tensors, or blocks "
            "of them; leave out `sparse=True`"
        )
    if sparse:
        asked = {"wrt": wrt, "kind": returns, "backend": backend, "kinks": kinks}
        return compile_sparse(source, args, **asked, **options)
    if has_tensors(source):
        return _tensors(f, source, args, wrt, returns, backend, kinks, dtype, batch)
    check_choices(dtype, kinks)
    listed = isinstance(f, (list, tuple)) or len(source.outputs) != 1
    with working(f"deriving {len(source)} nodes"):
        question = lowered(source, args, wrt, returns, kinks, listed=listed)
    return Compiled(question, backend, options)


def _tensors(f: Any, source: Graph, *asked: Any) -> CompiledTensors:
    """Return a formula of tensors, whose sizes are known when it is called."""
    args, wrt, returns, backend, kinks, dtype, batch = asked
    check_choices(dtype, kinks)
    return compile_tensors(
        source,
        args,
        wrt,
        named_parts(returns),
        alone=isinstance(returns, str),
        listed=isinstance(f, (list, tuple)) or len(source.outputs) != 1,
        backend=backend,
        kinks=kinks,
        dtype=dtype,
        batch=batch,
    )
