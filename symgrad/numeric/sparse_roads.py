"""Roads to the entries of a sparse matrix of partials, from numbers to numbers.

Terms: a long sum of few forms of terms is derived form by form, each run at all of its places.
Entries: each is derived by itself, and all are run as one program. Colours: products with one
vector a colour are run, and entries picked from them; where nodes have many tangents, this does
not repeat the same work for each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from sympy import Expr

from symgrad.calculus.colouring import Colouring, colour_columns, colour_symmetric
from symgrad.calculus.entries import Plan, sparse_hessian, sparse_jacobian
from symgrad.calculus.families import Family, families
from symgrad.dag.digraph import Graph
from symgrad.numeric.backends import choose
from symgrad.numeric.inline import inline
from symgrad.numeric.parts import derive
from symgrad.numeric.program import Program, lower
from symgrad.numeric.strata import Strata, blocks, suits

SMALL = 30_000  # tangents that are derived one by one whatever their number a node
CROWDED = 8  # tangents a node, on average, from which colours are taken
NATIVE = 3_000  # operations up to which `auto` prefers compiled code to layers

Array = Any
Kernel = Callable[[Array], Array]


class Question:
    """What is asked: a matrix of a function's partials.

    Parameters
    ----------
    kind : {"jacobian", "hessian"}
        Which matrix.
    source : Graph
        The function.
    inputs : tuple of Expr
        The order of its inputs.
    wanted : sequence of (int or None)
        The nodes to differentiate by.
    kinks : str
        The policy where a gate has no derivative.
    backend : str
        Who is asked to run programs.
    options : mapping
        What backends are built with.
    """

    def __init__(
        self,
        kind: str,
        source: Graph,
        inputs: tuple[Expr, ...],
        wanted: Sequence[int | None],
        kinks: str,
        backend: str,
        options: Mapping[str, Any],
    ) -> None:
        self.kind = kind
        self.symmetric = kind == "hessian"
        self.source = source
        self.inputs = inputs
        self.wanted = wanted
        self.kinks = kinks
        self.backend = backend
        self.options = options
        self.shape = (len(wanted) if self.symmetric else len(source.outputs), len(wanted))

    def __reduce__(self) -> tuple[Any, ...]:
        asked = self.kind, self.source, self.inputs, self.wanted, self.kinks
        return Question, (*asked, self.backend, self.options)

    def plan_of(self, source: Graph, wanted: Sequence[int | None]) -> Plan:
        """Return the plan of this kind of matrix for a function."""
        planned = sparse_hessian if self.symmetric else sparse_jacobian
        return planned(source, wanted, self.kinks)

    @cached_property
    def plan(self) -> Plan:
        """The plan of the whole matrix."""
        return self.plan_of(self.source, self.wanted)

    @cached_property
    def families(self) -> list[Family]:
        """The families of terms, where they pay."""
        return families(self.source, self.wanted)

    @property
    def cheapest(self) -> str:
        """The road that costs least."""
        if self.families:
            return "terms"
        crowded = self.plan.tangents > max(SMALL, CROWDED * self.plan.moving)
        return "colours" if crowded else "entries"


class Road:
    """A way from inputs to entries.

    Attributes
    ----------
    rows, columns : ndarray of int
        The place of each entry; of a Hessian those with row <= column.
    programs : list of Program
        What is run.
    backend : str
        By whom.
    stats : dict
        What there is to count beside operations.
    """

    rows: Array
    columns: Array

    def __init__(self, question: Question) -> None:
        self.question = question
        self.programs: list[Program] = []
        self.backend = "numpy"
        self.stats: dict[str, int] = {}

    def __call__(self, table: Array) -> Array:
        """Return the entries, shape (entries, *points), at inputs of shape (n, *points)."""
        raise NotImplementedError

    def _bind(self, program: Program) -> Kernel:
        """Return what runs a program at single points: layer by layer where it is wide."""
        backend = self.question.backend
        inlined = inline(program, EVERYTHING)
        wide = backend == "numpy" or len(inlined.operations) > NATIVE
        if backend not in ("auto", "numpy") or not wide or not suits(inlined):
            return self._bind_many(program)
        strata = Strata(inlined)
        self.programs.append(inlined)
        self.backend = "numpy, by layers"
        self.stats["layers"] = strata.layers
        return by_layers(strata)

    def _bind_many(self, program: Program) -> Kernel:
        """Return what runs a program at many points; nothing is run where nothing is asked."""
        if not program.outputs:
            return lambda table: np.empty((0, *table.shape[1:]))
        row, self.backend = choose(self.question.backend, program, "float64")
        self.programs.append(program)
        return by_operations(row.build(program, **self.question.options))


class Entries(Road):
    """Entries that are derived one by one."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        plan = question.plan
        self.rows, self.columns = _places(plan).T
        self.stats["tangents"] = plan.tangents
        self._run = self._bind(lower(plan.derive(), question.inputs))

    def __call__(self, table: Array) -> Array:
        """Return the entries, shape (entries, *points), at inputs of shape (n, *points)."""
        return self._run(table)


class Colours(Road):
    """Entries that are picked from products with one vector a colour."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        plan = question.plan
        self.rows, self.columns = _places(plan).T
        if question.symmetric:
            part, colouring = "hvp", colour_symmetric(plan.whole, plan.pattern)
        else:
            part, colouring = _of_jacobian(plan)
        self._products, self._colours = np.array(colouring.found, dtype=int).reshape(-1, 2).T
        self._seeds = np.equal.outer(colouring.colours, np.arange(colouring.count)).astype(float)
        self.stats["colours"] = colouring.count
        derived = derive(question.source, [part], question.wanted, question.kinks)
        inputs = (*question.inputs, *derived.tangents, *derived.cotangents)
        self._run = self._bind(lower(derived.graph, inputs))

    def __call__(self, table: Array) -> Array:
        """Return the entries, shape (entries, *points), at inputs of shape (n, *points)."""
        points = table.shape[1:]
        flat = table.reshape(len(table), math.prod(points))
        found = np.empty((len(self._products), flat.shape[1]))
        width, count = self._seeds.shape
        for block in blocks(flat.shape[1], (len(flat) + width) * count):
            given = np.empty((len(flat) + width, block.stop - block.start, count))
            given[: len(flat)] = flat[:, block, None]
            given[len(flat) :] = self._seeds[:, None]
            products = self._run(given)  # (rows, points, colours)
            found[:, block] = products[self._products, :, self._colours]
        return found.reshape(len(found), *points)


class Terms(Road):
    """Entries that are sums of those of terms, each form of terms run at all of its places."""

    def __init__(self, question: Question) -> None:
        super().__init__(question)
        source, position = question.source, {s: k for k, s in enumerate(question.inputs)}
        reads = np.full(len(source), -1)  # the input of each node, and its column
        reads[list(source.input_nodes)] = [position[s] for s in source.inputs]
        columns = np.full(len(source), -1)
        for j, node in enumerate(question.wanted):
            if node is not None:
                columns[node] = j
        self._forms: list[tuple[Kernel, Array]] = []
        places, weights = [], []
        for family in question.families:
            local = [k for k, moved in enumerate(family.moved) if moved]
            wanted = [family.formula.find(family.symbols[k]) for k in local]
            plan = question.plan_of(family.formula, wanted)
            if not plan.pattern.entries:
                continue
            members = np.array(family.members).T
            program = lower(plan.derive(), family.symbols)
            self._forms.append((self._bind_many(program), reads[members]))
            own = columns[members[local]]
            above, beside = _places(plan).T
            if question.symmetric:
                pairs = np.sort([own[above], own[beside]], axis=0)
            else:
                pairs = np.stack(np.broadcast_arrays(family.rows, own[beside]))
            places.append(pairs.reshape(2, -1))
            weights.append(np.tile(family.weights, plan.pattern.entries))
        self._collect(places, weights, question.shape[1])

    def _collect(self, places: list[Array], weights: list[Array], width: int) -> None:
        """Give each place a number, and make the matrix that adds what meets in one."""
        rows, columns = np.concatenate([np.empty((2, 0), dtype=int), *places], axis=1)
        keys, target = np.unique(rows * width + columns, return_inverse=True)
        self.rows, self.columns = keys // max(width, 1), keys % max(width, 1)
        size = len(target)
        added = np.concatenate([np.empty(0), *weights])
        from scipy.sparse import csr_array

        self._sum = csr_array((added, (target, np.arange(size))), shape=(len(keys), size))
        self.stats["terms"] = sum(gather.shape[1] for _, gather in self._forms)

    def __call__(self, table: Array) -> Array:
        """Return the entries, shape (entries, *points), at inputs of shape (n, *points)."""
        points = table.shape[1:]
        if not points and self._forms:
            return self._sum @ np.concatenate([run(table[g]).ravel() for run, g in self._forms])
        flat = table.reshape(len(table), math.prod(points))
        found = np.empty((len(self.rows), flat.shape[1]))
        for block in blocks(flat.shape[1], self._sum.shape[1]):
            size = block.stop - block.start
            parts = [run(flat[gather, block]).reshape(-1, size) for run, gather in self._forms]
            found[:, block] = self._sum @ np.concatenate([np.empty((0, size)), *parts])
        return found.reshape(len(found), *points)


ROADS: dict[str, Callable[[Question], Road]] = {
    "terms": Terms,
    "entries": Entries,
    "colours": Colours,
}


class _Everything:
    """A container of every name: nothing but blocks and loops is inlined."""

    def __contains__(self, name: object) -> bool:
        return True


EVERYTHING = _Everything()


def by_layers(strata: Strata) -> Kernel:
    """Return the kernel of a program by layers; many points are taken in blocks."""
    size = strata.program.first + len(strata.program.operations)

    def run(table: Array) -> Array:
        points = table.shape[1:]
        if not points:
            return strata(table)
        flat = table.reshape(len(table), math.prod(points))
        found = np.empty((len(strata.program.outputs), flat.shape[1]))
        for block in blocks(flat.shape[1], size):
            found[:, block] = strata(flat[:, block])
        return found.reshape(len(found), *points)

    return run


def by_operations(executable: Any) -> Kernel:
    """Return the kernel of a program that a backend runs."""

    def run(table: Array) -> Array:
        found = np.empty((len(executable.program.outputs), *table.shape[1:]))
        if table.ndim > 1:
            executable(list(table), list(found))
        else:
            found[:] = executable(list(table))
        return found

    return run


def _places(plan: Plan) -> Array:
    """Return rows and columns of a plan's entries, shape (entries, 2)."""
    return np.array(list(plan.pattern.places()), dtype=np.int64).reshape(-1, 2)


def _of_jacobian(plan: Plan) -> tuple[str, Colouring]:
    """Return the products with fewer colours: with tangents by column, or cotangents by row."""
    columns = colour_columns(plan.pattern)
    turned = plan.pattern.transposed()
    rows = colour_columns(turned)
    if columns.count <= rows.count:
        return "jvp", columns
    found = dict(zip(turned.places(), rows.found, strict=True))
    placed = tuple(found[j, i] for i, j in plan.pattern.places())
    return "vjp", Colouring(rows.colours, rows.count, placed)
