"""What is asked of a formula of tensors, and the plan that answers it for arrays of some shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Basic, Expr

from symgrad.calculus import wrt as structure
from symgrad.calculus.notation.blocks import hessian_blocks, jacobian_blocks
from symgrad.dag.digraph import Graph, graph
from symgrad.dag.vmap import vmap
from symgrad.errors import ShapeError, UnknownNameError, UnsupportedError
from symgrad.expr.symbols import label
from symgrad.numeric.analytic import require_analytic
from symgrad.numeric.execution import COMPLEX_ADVICE
from symgrad.numeric.parts import Derived, derive
from symgrad.numeric.program import lower
from symgrad.numeric.sizes import Input, Reader, bind, declared_shape
from symgrad.numeric.tensor_backends import Runner, TensorBackend

BY_VARIABLE = frozenset(["grad", "vjp", "hvp"])  # parts with one array a variable
OF_SCALARS = frozenset(["grad", "hvp", "hessian"])
BLOCKS = {"jacobian": jacobian_blocks, "hessian": hessian_blocks}  # parts with one a pair
DEFAULT = ["value", "grad"]

Array = Any
Form = tuple[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A program for arrays of certain shapes.

    Parameters
    ----------
    run : Runner
        What computes.
    cores : tuple of (int, tuple of int)
        The inputs that are given in another shape than the graph's, with that one.
    forms : tuple of (int, tuple of int)
        The results that are given back in another shape, with that one.
    dtype : str
        In what is computed.
    """

    run: Runner
    cores: tuple[Form, ...]
    forms: tuple[Form, ...]
    dtype: str


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

    def plan(
        self, shapes: Sequence[tuple[int, ...]], dtype: str, wide: bool, backend: TensorBackend
    ) -> Plan:
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
        machine = backend.build(program, cores, dtype, wide)
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


def asked_of(
    source: Graph,
    args: Sequence[Any] | None,
    wrt: Any,
    names: Sequence[str],
    *,
    alone: bool,
    listed: bool,
    kinks: str,
    batch: Any,
) -> Question:
    """Return what is asked of a formula, with its derivatives grown.

    Parameters
    ----------
    source, args, wrt, names, alone, listed, kinks, batch
        As for `compile_tensors`.
    """
    outputs = source.outputs
    scalar = len(outputs) == 1 and outputs[0] not in source.nodes.shapes
    if list(names) == DEFAULT and not scalar:
        names, alone = ["value"], True  # what has no gradient is asked for its value
    _check(source, names, scalar=scalar)
    taken = _arguments(source, args)
    wanted = tuple(taken) if wrt is None else wrt
    nodes = structure.nodes_of(source, wanted)
    derived = _derived(source, names, nodes, kinks)
    inputs = [_input(source, source.node(s), s) for s in taken]
    inputs += [_input(source, n, t) for n, t in zip(nodes, derived.tangents, strict=False)]
    pairs = zip(outputs, derived.cotangents, strict=False)
    inputs += [_input(source, o, t) for o, t in pairs]
    places = {source.node(symbol): k for k, symbol in enumerate(taken)}
    own = [None if n is None else places.get(n) for n in nodes]
    wide = _batched(source, taken, batch)
    if wide:
        moving = [k is None or wide[k] for k in own]
        wide += moving[: len(derived.tangents)] + [True] * len(derived.cotangents)
    like = own if any(n in BY_VARIABLE for n in names) else []
    forms = [_form(n, wanted, len(outputs), listed=listed) for n in names]
    counts = [len(list(structure.leaves(form))) for form in forms]
    back = [
        k
        for n, length in zip(names, counts, strict=True)
        for k in (like if n in BY_VARIABLE else [None] * length)
    ]
    form = forms[0] if alone else tuple(forms)
    reader = Reader(source, inputs)
    return Question(source, derived, reader, tuple(inputs), tuple(back), tuple(wide), form)


def _form(name: str, wanted: Any, outputs: int, *, listed: bool) -> Any:
    """Return the structure of one part."""
    if name in BY_VARIABLE:
        return wanted
    if name == "hessian":
        return structure.rename(wanted, [wanted] * len(list(structure.leaves(wanted))))
    one = wanted if name == "jacobian" else None
    return (one,) * outputs if listed else one


def _derived(
    source: Graph, names: Sequence[str], nodes: Sequence[int | None], kinks: str
) -> Derived:
    """Return the graph of all parts; Jacobians and Hessians are closed forms."""
    plain = [n for n in names if n not in BLOCKS]
    if len(plain) == len(names):
        return derive(source, names, nodes, kinks)
    parts, roots = [], []
    for name in names:
        if name in BLOCKS:
            roots += [block for row in BLOCKS[name](source, nodes, kinks) for block in row]
        else:
            parts.append(derive(source, [name], nodes, kinks))
            roots.append(parts[-1].graph)
    tangents = next((p.tangents for p in parts if p.tangents), ())
    cotangents = next((p.cotangents for p in parts if p.cotangents), ())
    if sum(bool(p.tangents) for p in parts) > 1:
        raise UnsupportedError("ask for 'jvp' and 'hvp' together without 'jacobian' or 'hessian'")
    return Derived(graph(roots), tangents, cotangents)


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


def _check(source: Graph, names: Sequence[str], *, scalar: bool) -> None:
    """Refuse what tensors do not have."""
    for name in names:
        if name in OF_SCALARS and not scalar:
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
