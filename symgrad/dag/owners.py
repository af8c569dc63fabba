"""Check what calls and loops over tensors carry: a region, an output, sizes, and how it runs."""

from __future__ import annotations

from typing import Any

from sympy import Symbol

from symgrad.dag.carried import SIZE, SIZES, has_form
from symgrad.dag.regions import Region, held_sizes
from symgrad.errors import GraphError
from symgrad.expr.tensor_shapes import same_shape
from symgrad.rules import opaque
from symgrad.rules.row import Gate


def check_sizes(region: Region, where: str) -> None:
    """Check that a region names its size symbols, and what it extends.

    Raises
    ------
    GraphError
        If a symbol is missing or twice, or the other region has another table.
    """
    sizes = region.sizes
    if type(sizes) is not tuple or not all(isinstance(s, Symbol) for s in sizes):
        raise GraphError(f"the sizes{where} are {sizes!r:.80}; they are different symbols")
    strange = sorted(str(s) for s in held_sizes(region.nodes) - set(sizes))
    if strange or len(set(sizes)) != len(sizes):
        what = f"`{strange[0]}` is in it too" if strange else "one of them is there twice"
        raise GraphError(f"the sizes{where} are {sizes}, and {what}; name each once")
    base = region.extends
    if base is not None:
        same = base.nodes is region.nodes and base.inputs == region.inputs and base.sizes == sizes
        if not same or base.outputs != region.outputs[: len(base.outputs)]:
            raise GraphError(f"region `{region.name}` extends one with another table or outputs")


def check_owner(gate: Gate, payload: Any, count: int, what: str) -> None:
    """Check what a call or loop over tensors carries; that its operands fit is for the gate.

    Parameters
    ----------
    gate, payload : Gate, object
        Of the node.
    count : int
        How many operands it has.
    what : str
        What errors call the node.

    Raises
    ------
    GraphError
        If it carries anything else.
    """
    if type(payload) is not tuple or len(payload) != 3 or not isinstance(payload[0], Region):
        raise GraphError(f"{what} carries {payload!r:.120}; it carries a region in a 3-tuple")
    region, index, rest = payload
    if type(index) is not int or not 0 <= index < len(region.outputs):
        raise GraphError(f"{what} takes output {index!r:.80} of {region!r}; they count from 0")
    sizes = rest
    if gate is opaque.TENSOR_SCAN:
        _check_form(rest, what)
        sizes = rest.sizes
    if not has_form(sizes, SIZES) or len(sizes) != len(region.sizes):
        raise GraphError(
            f"{what} binds the sizes {region.sizes} of `{region.name}` to {sizes!r:.80}; give one "
            "size a symbol"
        )
    if count != len(region.inputs):
        raise GraphError(f"{what} uses {region!r} with {count} operands; give one operand an input")
    if gate is opaque.TENSOR_SCAN:
        _check_carries(region, rest, count, what)


def _check_form(form: Any, what: str) -> None:
    """Check how a loop runs."""
    if type(form) is opaque.ScanForm:
        counts = (form.carries, form.streams)
        plain = all(type(n) is int and n >= 0 for n in counts) and type(form.backward) is bool
        if plain and has_form(form.length, SIZE):
            return
    raise GraphError(f"{what} carries {form!r:.120}; it carries the form of a loop")


def _check_carries(region: Region, form: opaque.ScanForm, count: int, what: str) -> None:
    """Check that a step gives the carries in the shapes that it takes them in."""
    before, after = region.bound_shapes(form.sizes)
    enough = form.carries <= len(region.outputs) and form.carries + form.streams <= count
    if not enough or not all(map(same_shape, before[: form.carries], after)):
        raise GraphError(
            f"{what} carries {form.carries} values and cuts {form.streams} streams over {region!r};"
            " the first outputs have the shapes of the carries"
        )
