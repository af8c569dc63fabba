"""Blocks: named pieces of a computation that are differentiated once and used many times.

A `Block` has inputs and outputs; calling it gives an expression: one `Call` head among scalars, an
operation named "call" where tensors are in it. `scan` repeats it with its outputs fed back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Expr, Indexed, Integer, Symbol

from symgrad.errors import ShapeError, UnsupportedError
from symgrad.expr import literal, tensor_loops
from symgrad.expr.heads import OwnHead
from symgrad.expr.matching import symbols_of
from symgrad.expr.matrices import ScalarOp
from symgrad.expr.numbers import as_expr
from symgrad.expr.tensors import SLOTS, AnyTensor, Applied, TensorSymbol
from symgrad.registry import service

WHOLES = (sympy.Sum, sympy.Product, sympy.Integral, sympy.Derivative, sympy.Subs)
DEEPEST = 100  # levels of blocks in blocks: their regions are derived inside one another
DEEPEST_OF_TENSORS = 50  # a level of them takes twice as much of Python's stack


class Block(sympy.Atom):  # type: ignore[misc]
    """A named function of scalars and tensors, as a leaf of SymPy trees.

    Parameters
    ----------
    name : str
        What outlines call it.
    inputs : sequence of Symbol or TensorSymbol
        Its operands, in order.
    outputs : sequence of Expr or tensor
        Its values, in terms of the inputs alone.

    Raises
    ------
    UnsupportedError
        If an output holds a symbol that is not an input.
    """

    __slots__ = ("__weakref__", "depth", "inputs", "name", "outputs", "tensorial")

    name: str
    depth: int
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    tensorial: bool

    def __new__(cls, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Block:
        """Make the leaf; `block` checks the inputs first."""
        self: Block = super().__new__(cls)
        self.name, self.inputs, self.outputs = name, tuple(inputs), tuple(outputs)
        self.depth, self.tensorial = 1, any(map(_wide, (*inputs, *outputs)))
        return self

    @property
    def shapes(self) -> tuple[tuple[Any, ...], ...]:
        """The shape of each input."""
        return tuple(tensor_loops.shape_of(i) for i in self.inputs)

    @property
    def output_shapes(self) -> tuple[tuple[Any, ...], ...]:
        """The shape of each output, in the sizes of the inputs."""
        return tuple(tensor_loops.shape_of(o) for o in self.outputs)

    def call_shapes(self, given: Sequence[Any]) -> list[Any]:
        """Return the shapes of the outputs at operands of some shapes."""
        return tensor_loops.call_shapes(self, given)

    def loop_shapes(self, form: tuple[Any, ...], given: Sequence[Any]) -> list[Any]:
        """Return the shapes of the outputs of a loop over operands of some shapes."""
        return tensor_loops.loop_shapes(self, form, given)

    @property
    def sizes(self) -> tuple[Symbol, ...]:
        """The symbols in the shapes of the inputs, by name."""
        return symbols_of(self.shapes)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, self.inputs, self.outputs)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.name, self.inputs, self.outputs)

    def __call__(self, *args: Any) -> Any:
        """Return the value of the block at `args`: an expression, or a tuple of them."""
        if len(args) != len(self.inputs):
            raise ShapeError(
                f"block `{self.name}` takes {len(self.inputs)} inputs "
                f"({', '.join(map(str, self.inputs))}) but {len(args)} were given"
            )
        if self.tensorial:
            return tensor_loops.call(self, args)
        operands = [as_operand(f"block `{self.name}`", a) for a in args]
        calls = tuple(
            literal.apply(Call, self, Integer(k), *operands) for k in range(len(self.outputs))
        )
        return calls[0] if len(calls) == 1 else calls

    def _sympystr(self, printer: Any) -> str:
        return self.name


class RegionBlock(Block):
    """A block that is known by its graph: the derivative of another one.

    Its outputs are written as expressions when somebody asks for them.
    """

    __slots__ = ("region",)

    region: Any

    def __new__(cls, region: Any) -> RegionBlock:
        """Make the leaf of a region."""
        self: RegionBlock = sympy.Atom.__new__(cls)
        self.name, self.inputs, self.region = region.name, region.symbols, region
        self.depth, self.tensorial = 1, True
        return self

    @property
    def outputs(self) -> tuple[Any, ...]:  # type: ignore[override]
        """The values, in terms of the inputs."""
        return tuple(service("region.outputs")(self.region))

    @property
    def shapes(self) -> tuple[tuple[Any, ...], ...]:
        """The shape of each input."""
        return tuple(self.region.shape(n) for n in self.region.inputs)

    @property
    def output_shapes(self) -> tuple[tuple[Any, ...], ...]:
        """The shape of each output."""
        return tuple(self.region.shape(n) for n in self.region.outputs)

    @property
    def sizes(self) -> tuple[Symbol, ...]:
        """The symbols in its shapes."""
        return tuple(self.region.sizes)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.name, id(self.region))

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.region,)


class Call(OwnHead):
    """Output `index` of a block at some operands: `Call(block, index, *operands)`."""

    is_commutative = True

    @classmethod
    def definition(cls, *args: Any) -> Expr:
        """Return the block's formula at the operands."""
        block, index, *operands = args
        pairs = dict(zip(block.inputs, operands, strict=True))
        return block.outputs[int(index)].xreplace(pairs)

    def fdiff(self, argindex: int = 1) -> Expr:
        """Return the partial by argument `argindex`, counted from 1; operands begin at 3."""
        block, index, *operands = self.args
        inner = block.outputs[int(index)].diff(block.inputs[argindex - 3])
        return inner.xreplace(dict(zip(block.inputs, operands, strict=True)))

    def _eval_derivative(self, s: Expr) -> Expr:
        terms = [self.fdiff(i + 3) * a.diff(s) for i, a in enumerate(self.args[2:])]
        return sympy.Add(*terms)

    def _sympystr(self, printer: Any) -> str:
        block, index, *operands = self.args
        port = f".{int(index)}" if len(block.outputs) > 1 else ""
        return f"{block.name}{port}({', '.join(printer._print(a) for a in operands)})"


class Scan(OwnHead):
    """Carry `index` after `length` steps: `Scan(block, index, length, *carries, *params)`."""

    is_commutative = True

    @classmethod
    def definition(cls, *args: Any) -> Expr:
        """Return the loop written out."""
        block, index, length, *operands = args
        count = len(block.outputs)
        carries, params = operands[:count], operands[count:]
        for _ in range(int(length)):
            pairs = dict(zip(block.inputs, [*carries, *params], strict=True))
            carries = [out.xreplace(pairs) for out in block.outputs]
        return carries[int(index)]

    def _eval_derivative(self, s: Expr) -> Expr:
        return self.definition(*self.args).diff(s)

    def _sympystr(self, printer: Any) -> str:
        block, index, length, *operands = self.args
        inside = ", ".join(printer._print(a) for a in operands)
        port = f".{int(index)}" if len(block.outputs) > 1 else ""
        return f"{block.name}^{length}{port}({inside})"


def has_axes(value: Any) -> bool:
    """Return whether a SymPy object is a matrix or a tensor."""
    return isinstance(value, AnyTensor) or bool(getattr(value, "is_Matrix", False))


def as_operand(owner: str, value: Any) -> Any:
    """Return what a block may act on: a scalar; a 1 × 1 product of matrices is one.

    Raises
    ------
    UnsupportedError
        If it has axes; the message says what to do instead.
    """
    if not has_axes(value):
        return as_expr(value)
    if isinstance(value, sympy.MatrixExpr) and value.shape == (1, 1):
        return ScalarOp("scalar", (), value)
    shown = " ".join(sympy.sstr(value).split())[:80]
    raise UnsupportedError(
        f"{owner} acts on scalars, but `{shown}` has the shape {value.shape}; "
        "call it entry by entry with `sg.map` or `.applyfunc`, or write it as a Python function "
        "that builds the formula"
    )


def _wide(value: Any) -> bool:
    return isinstance(value, AnyTensor) or (isinstance(value, Applied) and not value.shape)


def block(name: str, inputs: Sequence[Any], outputs: Any) -> Block:
    """Make a block: a piece of a computation that is derived once and called by name.

    Parameters
    ----------
    name : str
        What outlines and saved graphs call it.
    inputs : sequence of Symbol, TensorSymbol or str
        Its operands; sizes that are symbols are bound at each call, by the operands' shapes.
    outputs : Expr, tensor, or sequence of them
        Its value or values, in terms of the inputs alone.

    Returns
    -------
    Block
        Calling it gives an expression (a tuple of them for several outputs).

    Raises
    ------
    UnsupportedError
        If an output holds a symbol that is not an input, an input stands twice, there is no
        output, a SymPy matrix is in it, or blocks are nested too deep.

    Examples
    --------
    >>> from sympy.abc import x, y
    >>> gate = block("gate", [x, y], x*y + x)
    >>> gate(2*y, x)
    gate(2*y, x)
    """
    symbols = [Symbol(i) if isinstance(i, str) else i for i in inputs]
    values = tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)
    values = tuple([as_expr(v) if isinstance(v, (int, float)) else v for v in values])
    depth = _checked_depth(name, symbols, values)
    made = Block(name, symbols, values)
    made.depth = depth + 1
    return made


def _checked_depth(name: str, symbols: Sequence[Any], values: Sequence[Any]) -> int:
    """Refuse what is no block; return how deep the blocks in its outputs are nested."""
    wide = next((s for s in symbols if has_axes(s) and not isinstance(s, TensorSymbol)), None)
    held, depth, inner = _contents(values)
    if wide is not None or inner is not None:
        shown = sympy.sstr(inner if wide is None else wide)[:80]
        raise UnsupportedError(
            f"block `{name}` is a piece of a computation with scalars and tensors, but it holds "
            f"the matrix `{shown}`; declare it with `sg.tensor`"
        )
    sizes = symbols_of([tensor_loops.shape_of(s) for s in symbols])
    strange = ", ".join(sorted(map(str, held - {*symbols, *sizes})))
    if strange:
        raise UnsupportedError(
            f"block `{name}` may hold its inputs alone, but it holds `{strange}`; "
            "list every symbol in `inputs`"
        )
    if len(set(symbols)) != len(symbols) or not values:
        listed = ", ".join(map(str, symbols))
        raise UnsupportedError(
            f"block `{name}` has the inputs `{listed}` and {len(values)} outputs; "
            "give each input once, and at least one output"
        )
    deepest = DEEPEST_OF_TENSORS if any(map(_wide, (*symbols, *values))) else DEEPEST
    if depth >= deepest:
        raise UnsupportedError(
            f"block `{name}` calls blocks that call blocks, {deepest} levels deep; "
            "write some of them out, or repeat one with `scan`"
        )
    return depth


def _contents(values: Sequence[Any]) -> tuple[set[Any], int, Any]:
    """Return the free symbols of some trees, how deep blocks are nested, and what has axes."""
    held: set[Any] = set()
    wide: Any = None
    depth, seen, waiting = 0, set(map(id, values)), list(values)
    while waiting:
        node = waiting.pop()
        parts: Sequence[Any] = node.args
        if isinstance(node, Applied):
            held |= node.args[1].free_symbols - set(SLOTS)
            parts = (*node.args[1].atoms(Block), *node.operands)
        if isinstance(node, TensorSymbol):
            held.add(node)
        elif has_axes(node) and not isinstance(node, AnyTensor):
            wide = node
        elif isinstance(node, Block):
            depth = max(depth, node.depth)
        elif isinstance(node, WHOLES):
            held |= node.free_symbols
        elif isinstance(node, (Symbol, Indexed)):
            held.add(node)
        else:
            fresh = [a for a in parts if id(a) not in seen]
            seen.update(map(id, fresh))
            waiting.extend(fresh)
    return held, depth, wide
