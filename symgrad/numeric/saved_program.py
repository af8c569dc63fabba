"""Programs as JSON, and back to the same bytes: terms, inner programs, and the program itself.

The mechanisms are those of saved graphs: nothing is evaluated, gates come from the table alone,
and what a row refers to stands before it. Which slots die where is not saved but found again.
"""

from __future__ import annotations

from typing import Any

from sympy import Indexed
from sympy.logic.boolalg import BooleanAtom

from symgrad.dag import saved
from symgrad.dag.carried import INDEX, SIZE, SIZES, TRUTH, check_form, described, has_form
from symgrad.dag.nodes import CONSTANT, VARIABLE
from symgrad.dag.saved_heads import dump
from symgrad.dag.saved_read import TermReader
from symgrad.dag.saved_write import TermWriter
from symgrad.errors import GraphError
from symgrad.expr.tensor_params import frozen, plain
from symgrad.numeric.program import (
    ITEM,
    Loop,
    Operation,
    Program,
    Step,
    TensorLoop,
    with_liveness,
)
from symgrad.registry import provide
from symgrad.rules import opaque
from symgrad.rules.row import Gate

FORMAT, VERSION = "symgrad.program", 1
KEYS = ("format", "version", "terms", "programs", "main")
PROGRAM_KEYS = ("inputs", "constants", "operations", "outputs")
LOOP = (INDEX, INDEX, TRUTH, (SIZE, [SIZES]))  # carries, streams, backward, length and shapes
LONGEST = 2**53  # steps of a loop
BUNDLES = (Loop, TensorLoop)  # what has several outputs, of which items pick
OWNERS = (opaque.CALL, opaque.SCAN)


# --- saving ---


@provide("program.save")
def save(program: Program) -> str:
    """Return a program as JSON.

    Raises
    ------
    GraphError
        If an operation carries what files do not know, or its gate is not in the table.
    """
    writer = _Writer()
    main = writer.program(program)
    parts = {
        "format": dump(FORMAT),
        "version": dump(VERSION),
        "terms": saved.lines(writer.terms.lines),
        "programs": saved.lines(writer.programs),
        "main": main,
    }
    return saved.written(parts)


class _Writer:
    """Number terms and inner programs while rows are written; inner programs come first."""

    def __init__(self) -> None:
        self.terms = TermWriter()
        self.programs: list[str] = []
        self._numbers: dict[int, int] = {}

    def program(self, program: Program) -> str:
        """Return a program as JSON."""
        rows = [dump(self._row(operation)) for operation in program.operations]
        return saved.written(
            {
                "inputs": dump(list(map(self.terms.add, program.inputs))),
                "constants": dump(list(map(self.terms.add, program.constants))),
                "operations": saved.lines(rows),
                "outputs": dump(list(program.outputs)),
            }
        ).rstrip("\n")

    def _row(self, operation: Operation) -> list[Any]:
        gate, args, payload = operation.gate, list(operation.args), operation.payload
        if gate is ITEM:
            return ["item", args, payload]
        name = saved.name_of(gate)
        if isinstance(payload, Loop):
            return [name, args, [self._number(payload.body), payload.length]]
        if isinstance(payload, TensorLoop):
            form, body = payload.form, self._number(payload.body)
            sizes = self.terms.add(frozen((form.length, payload.shapes)))
            return [name, args, [body, form.carries, form.streams, form.backward, sizes]]
        if payload is None:
            return [name, args]
        return [name, args, saved.write_payload(gate, payload, self.terms.add)]

    def _number(self, program: Program) -> int:
        found = self._numbers.get(id(program))
        if found is None:
            text = self.program(program)
            found = self._numbers[id(program)] = len(self.programs)
            self.programs.append(text)
        return found


# --- loading ---


@provide("program.load")
def load(text: str) -> Program:
    """Return a saved program.

    Raises
    ------
    GraphError
        If the text is no saved program, of another version, malformed, or holds an unknown gate.
    """
    document = saved.read_document(text, "program", FORMAT, VERSION, KEYS)
    try:
        reader = _Reader(saved.listed(document["terms"], "terms"))
        for row in saved.listed(document["programs"], "programs"):
            reader.programs.append(reader.program(row))
        return reader.program(document["main"])
    except GraphError:
        raise
    except Exception as error:  # SymPy refuses malformed arguments by errors of any kind
        raise GraphError(f"the saved program is malformed: {error!s:.200}") from error


class _Reader:
    """Make programs of rows; the terms are made first."""

    def __init__(self, rows: list[Any]) -> None:
        reader = TermReader()
        for row in rows:
            reader.add(row)
        self._terms = reader.terms
        self.programs: list[Program] = []

    def program(self, row: Any) -> Program:
        """Make a program whose inner programs are made."""
        parts = saved.checked(row, PROGRAM_KEYS, "a program")
        inputs = tuple(map(self._symbol, saved.listed(parts["inputs"], "inputs")))
        constants = tuple(map(self._constant, saved.listed(parts["constants"], "constants")))
        if len(set(inputs)) != len(inputs):
            raise GraphError("two inputs of a program are the same symbol; list each once")
        first = len(inputs) + len(constants)
        steps: list[Step] = []
        for number, found in enumerate(saved.listed(parts["operations"], "operations")):
            steps.append(self._step(found, number, first, steps))
        outputs = tuple(saved.listed(parts["outputs"], "outputs"))
        held = range(first + len(steps))
        if not outputs or any(type(o) is not int or o not in held for o in outputs):
            raise GraphError(
                f"the outputs {list(outputs)!r:.80} are no slots; give 0 to {len(held) - 1}"
            )
        self._no_bundles(outputs, first, steps, "an output")
        return with_liveness(inputs, constants, steps, outputs)

    def _step(self, row: Any, number: int, first: int, steps: list[Step]) -> Step:
        """Make an operation; its operands are earlier slots."""
        if type(row) is not list or not 2 <= len(row) <= 3:
            raise GraphError(f"operation {number} is {row!r:.80}; a row is gate and operands")
        gate = ITEM if row[0] == "item" else saved.gate_named(row[0])
        args = tuple(saved.listed(row[1], "operands"))
        if any(type(a) is not int or not 0 <= a < first + number for a in args):
            raise GraphError(
                f"operation {number} (`{gate.name}`) has operands {row[1]!r:.80}; "
                "operands are earlier slots"
            )
        carried = row[2] if len(row) == 3 else None
        if gate is ITEM:
            return gate, args, self._output(carried, args, number, first, steps)
        self._no_bundles(args, first, steps, f"an operand of operation {number}")
        if gate in (CONSTANT, VARIABLE) or (gate not in OWNERS and not gate.accepts(len(args))):
            raise GraphError(
                f"operation {number}: `{gate.name}` does not take {len(args)} operands"
            )
        return gate, args, self._payload(gate, args, carried)

    def _payload(self, gate: Gate, args: tuple[int, ...], carried: Any) -> Any:
        if gate in OWNERS:
            return self._loop(gate, args, carried)
        if gate in opaque.OF_TENSORS:
            return self._tensor_loop(gate, args, carried)
        if carried is None:
            if gate in (opaque.WHOLE, opaque.UNKNOWN):
                raise GraphError(f"an operation of gate `{gate.name}` carries an expression")
            check_form(gate, None, "an operation")
            return None
        payload = saved.read_payload(gate, carried, self._term)
        check_form(gate, payload, "an operation")
        if isinstance(payload, opaque.Whole) and len(payload.symbols) != len(args):
            raise GraphError(f"`{payload.expr!s:.80}` does not take {len(args)} operands")
        return payload

    def _loop(self, gate: Gate, args: tuple[int, ...], carried: Any) -> Loop:
        parts = saved.listed(carried, "payload")
        if len(parts) != 2 or any(type(p) is not int for p in parts):
            raise GraphError(f"a loop is a program and a length, not {carried!r:.80}")
        place, length = parts
        if not 0 <= place < len(self.programs):
            raise GraphError(f"program {place!r:.80} is not there; programs inside come first")
        body, rolled = self.programs[place], gate is opaque.SCAN
        fits = len(body.outputs) <= len(body.inputs) if rolled else length == 1
        if len(args) != len(body.inputs) or not fits or not 0 <= length < LONGEST:
            raise GraphError(
                f"program {place} takes {len(body.inputs)} operands and gives {len(body.outputs)} "
                f"outputs; it cannot run {length} times on {len(args)} operands"
            )
        return Loop(body, length, rolled)

    def _tensor_loop(self, gate: Gate, args: tuple[int, ...], carried: Any) -> TensorLoop:
        parts = saved.listed(carried, "payload")
        if gate is not opaque.TENSOR_SCAN or len(parts) != 5:
            raise GraphError(f"an operation of gate `{gate.name}` does not carry {carried!r:.80}")
        place, carries, streams, backward, sizes = parts
        if type(place) is not int or not 0 <= place < len(self.programs):
            raise GraphError(f"program {place!r:.80} is not there; programs inside come first")
        body, known = self.programs[place], plain(self._term(sizes))
        if not has_form((carries, streams, backward, known), LOOP):
            raise GraphError(f"a loop over tensors is {described(LOOP)}, not {carried!r:.80}")
        counted = carries <= len(body.outputs) == len(known[1]) and carries + streams <= len(args)
        if len(args) != len(body.inputs) or not counted:
            raise GraphError(
                f"program {place} takes {len(body.inputs)} operands and gives {len(body.outputs)} "
                f"outputs; it is no step of {carries} carries and {streams} streams"
            )
        form = opaque.ScanForm(known[0], carries, streams, backward)
        return TensorLoop(body, form, known[1])

    def _output(
        self, carried: Any, args: tuple[int, ...], number: int, first: int, steps: list[Step]
    ) -> int:
        """Return which output of a bundle an item picks."""
        owner = steps[args[0] - first][2] if len(args) == 1 and args[0] >= first else None
        if not isinstance(owner, BUNDLES):
            raise GraphError(f"operation {number} picks from what is no block or loop")
        if type(carried) is not int or not 0 <= carried < len(owner.body.outputs):
            raise GraphError(f"operation {number} picks output {carried!r:.80}, which is not there")
        return carried

    def _no_bundles(self, slots: tuple[int, ...], first: int, steps: list[Step], what: str) -> None:
        if any(s >= first and isinstance(steps[s - first][2], BUNDLES) for s in slots):
            raise GraphError(f"{what} is a block or loop as a whole; pick one of its outputs")

    def _term(self, number: Any) -> Any:
        if type(number) is not int or not 0 <= number < len(self._terms):
            raise GraphError(f"term {number!r:.80} is not there; terms are 0 to {len(self._terms)}")
        return self._terms[number]

    def _symbol(self, number: Any) -> Any:
        term = self._term(number)
        if not (getattr(term, "is_symbol", False) or isinstance(term, Indexed)):
            raise GraphError(f"`{term!s:.80}` is no variable of a program")
        return term

    def _constant(self, number: Any) -> Any:
        term = self._term(number)
        if not isinstance(term, BooleanAtom) and not getattr(term, "is_number", False):
            raise GraphError(f"`{term!s:.80}` is no number")
        return term
