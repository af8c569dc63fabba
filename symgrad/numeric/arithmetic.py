"""The two arithmetics in which values and gradients are computed: NumPy's and mpmath's.

Each is an algebra for the walks of `calculus` and a set of kernels for programs.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from functools import lru_cache
from typing import Any

import mpmath as mp
import numpy as np
import sympy
from sympy import S

from symgrad.dag.digraph import Graph, graph
from symgrad.dag.nodes import CONSTANT, VARIABLE
from symgrad.errors import UnsupportedError
from symgrad.expr.heads import OwnHead
from symgrad.numeric import kernels, kernels_tensor, precise
from symgrad.numeric.backend import Machine, spread
from symgrad.numeric.program import Program, lower, lower_region, lower_tensors, tensor_loop
from symgrad.numeric.repeats import repeated
from symgrad.numeric.wholes import quadrature, term_by_term
from symgrad.rules import opaque
from symgrad.rules.row import Gate


@lru_cache(maxsize=4096)
def float_of(value: Any) -> Any:
    """Return a SymPy number as a float (complex where it must be), correctly rounded."""
    if value is S.true or value is S.false:
        return bool(value)
    if value is S.NaN:
        return math.nan
    if isinstance(value, sympy.Rational):
        try:
            return int(value.p) / int(value.q)
        except OverflowError:
            return math.inf if value.p > 0 else -math.inf
    z = complex(value)
    return z if z.imag != 0 else z.real


class Floats:
    """float64 and complex128, elementwise on arrays.

    Parameters
    ----------
    complex_values : bool
        Whether some input is complex.
    dtype : {"float64", "float32"}
        Of real values.
    """

    def __init__(self, *, complex_values: bool = False, dtype: str = "float64") -> None:
        self.complex_values = complex_values
        self.dtype = dtype
        self._kernels: dict[Any, Any] = {}
        self._machines: dict[int, Machine] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _floats, (self.complex_values, self.dtype)

    def number(self, value: Any) -> Any:
        """Return a SymPy number as a NumPy scalar."""
        found = float_of(value)
        if isinstance(found, complex) and not self.complex_values:
            self.complex_values = True  # what is computed from here on may be complex
            self._kernels.clear()
        if self.dtype != "float64" and isinstance(found, float):
            return np.asarray(found, dtype=self.dtype)[()]
        return found if isinstance(found, bool) else np.asarray(found)[()]

    def kernel(self, gate: Gate) -> Any:
        """Return the NumPy function of a gate; of a gate of tensors, its planner by payload."""
        found = self._kernels.get(gate)
        if found is None:
            if gate.shape is not None:
                found = kernels_tensor.kernel(gate.name)
            elif is_defined(gate, kernels.REAL):
                found = _by_definition(self, gate)
            else:
                found = kernels.kernel(gate, complex_values=self.complex_values)
            if self.dtype != "float64" and gate.shape is None:
                found = kernels.narrow(found, self.dtype)
            self._kernels[gate] = found
        return found

    def whole(self, payload: opaque.Whole, args: tuple[Any, ...]) -> Any:
        """Return a sum, product or integral; what is not finite is had point by point."""
        found = term_by_term(payload, args, self.outputs, blocks=True)
        if found is not None:
            return found
        points = Precise()

        def scalar(*point: Any) -> Any:
            with precise.working(20):
                found = points.whole(payload, tuple(mp.mpmathify(p) for p in point))
            return complex(found) if isinstance(found, mp.mpc) else float(found)

        if all(np.ndim(a) == 0 for a in args):
            return np.asarray(scalar(*args))[()]
        return np.vectorize(scalar)(*args)

    def apply(self, gate: Gate, args: tuple[Any, ...], payload: Any = None) -> Any:
        """Return the value of a gate."""
        return _apply(self, gate, args, payload)

    def bundle(self, gate: Gate, args: tuple[Any, ...], payload: Any) -> list[Any]:
        """Return all outputs of a call or loop; the payload has no output number."""
        return _bundle(self, gate, args, payload)

    def outputs(self, program: Program, inputs: Sequence[Any]) -> list[Any]:
        """Return what a program gives."""
        return self.machine(program)(inputs)

    def machine(self, program: Program) -> Machine:
        """Return a program bound to these kernels."""
        found = self._machines.get(id(program))
        if found is None:
            found = Machine(program, self.kernel, self.number, self.whole, self.machine)
            self._machines[id(program)] = found
        return found


def _floats(complex_values: bool, dtype: str = "float64") -> Floats:
    return Floats(complex_values=complex_values, dtype=dtype)


class Precise:
    """mpmath numbers at the working precision."""

    def __init__(self) -> None:
        self._kernels: dict[Any, Any] = {}
        self._machines: dict[int, Machine] = {}

    def number(self, value: Any) -> Any:
        """Return a SymPy number at the working precision."""
        return precise.number(value)

    def kernel(self, gate: Gate) -> Any:
        """Return the mpmath function of a gate."""
        found = self._kernels.get(gate)
        if gate.shape is not None:
            raise UnsupportedError(
                f"`{gate.name}` acts on tensors, which have no arbitrary precision; leave out "
                "`digits=`"
            )
        if found is None:
            by_formula = is_defined(gate, precise.KERNELS)
            found = _by_definition(self, gate) if by_formula else precise.kernel(gate)
            self._kernels[gate] = found
        return found

    def whole(self, payload: opaque.Whole, args: tuple[Any, ...]) -> Any:
        """Return a sum, product or integral."""
        found = term_by_term(payload, args, self.outputs, blocks=False)
        if found is None:
            found = quadrature(payload, args, self.outputs)
        return precise.whole(payload, args) if found is None else found

    def apply(self, gate: Gate, args: tuple[Any, ...], payload: Any = None) -> Any:
        """Return the value of a gate."""
        return _apply(self, gate, args, payload)

    def bundle(self, gate: Gate, args: tuple[Any, ...], payload: Any) -> list[Any]:
        """Return all outputs of a call or loop; the payload has no output number."""
        return _bundle(self, gate, args, payload)

    def outputs(self, program: Program, inputs: Sequence[Any]) -> list[Any]:
        """Return what a program gives."""
        return self.machine(program)(inputs)

    def machine(self, program: Program) -> Machine:
        """Return a program bound to these kernels."""
        found = self._machines.get(id(program))
        if found is None:
            found = Machine(program, self.kernel, self.number, self.whole, self.machine)
            self._machines[id(program)] = found
        return found


Arithmetic = Floats | Precise


def is_defined(gate: Gate, known: Container[str]) -> bool:
    """Return whether the numbers of a gate come from the formula of its head."""
    own = isinstance(gate.head, type) and issubclass(gate.head, OwnHead)
    return own and gate.name not in known and not gate.kernels


def _by_definition(arithmetic: Arithmetic, gate: Gate) -> Any:
    """Return a kernel that runs the formula of the gate's head."""
    machines: dict[int, Machine] = {}

    def defined(*args: Any) -> Any:
        count = len(args)
        if count not in machines:
            symbols = tuple(sympy.Dummy(f"x{k}", real=True) for k in range(count))
            formula = graph(gate.head.definition(*symbols))
            machines[count] = arithmetic.machine(lower(formula, symbols))
        return machines[count](args)[0]

    return defined


def _apply(arithmetic: Arithmetic, gate: Gate, args: tuple[Any, ...], payload: Any) -> Any:
    if gate is opaque.WHOLE:
        return arithmetic.whole(payload, args)
    if gate in opaque.OWNERS:
        region, output, *rest = payload
        return _bundle(arithmetic, gate, args, (region, *rest))[output]
    kernel = arithmetic.kernel(gate)
    return kernel(*args) if gate.shape is None else kernel(payload)(*args)


def _bundle(arithmetic: Arithmetic, gate: Gate, args: tuple[Any, ...], payload: Any) -> list[Any]:
    """Return all outputs of a block or loop at some operands."""
    region, *rest = payload
    if gate is opaque.TENSOR_CALL:
        return arithmetic.machine(lower_tensors(region, rest[0]))(args)
    if gate is opaque.TENSOR_SCAN:
        loop = tensor_loop(region, rest[0])
        return repeated(arithmetic.machine(loop.body), loop, args)
    body = arithmetic.machine(lower_region(region))
    return spread(body.iterate(args, rest[0]) if rest else body(args), args)


def forward_values(graph: Graph, inputs: list[Any], arithmetic: Arithmetic) -> list[Any]:
    """Return the value of every node of a graph."""
    nodes = graph.nodes
    values: list[Any] = []
    given = iter(inputs)
    bundles: dict[Any, list[Any]] = {}
    for gate, args, payload in zip(nodes.gates, nodes.args, nodes.payloads, strict=True):
        operands = tuple([values[a] for a in args])
        if gate is VARIABLE:
            values.append(next(given))
        elif gate is CONSTANT:
            values.append(arithmetic.number(payload))
        elif gate in opaque.OWNERS:
            region, output, *rest = payload
            key = (gate, region, args, *rest)
            if key not in bundles:
                bundles[key] = _bundle(arithmetic, gate, operands, (region, *rest))
            values.append(bundles[key][output])
        else:
            values.append(arithmetic.apply(gate, operands, payload))
    return values
