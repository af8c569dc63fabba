"""A program as C99: a function of one point, and one of many.

Operations stand in chunks of bounded length, because compilers take more than linear time; a value
that a later chunk reads lives in the work array. No name of a user is in the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.errors import BackendError
from symgrad.numeric.arithmetic import float_of
from symgrad.numeric.kernels_c import TRUTHS, expression, helper_of, helper_source
from symgrad.numeric.program import ITEM, Loop, Program
from symgrad.numeric.spelling import operations

CHUNK = 400  # operations of one function
STEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", re.ASCII)
TYPES = {"float64": ("double", ""), "float32": ("float", "f")}


@dataclass(frozen=True, slots=True)
class Source:
    """C99 text: the source, its header, and the name of its functions.

    Parameters
    ----------
    name : str
        The function of one point; that of many is `<name>_batch`.
    header, body : str
        What stands in `<stem>.h` and `<stem>.c`.
    """

    name: str
    header: str
    body: str


def write(
    program: Program,
    *,
    dtype: str = "float64",
    stem: str = "program",
    meanings: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Source:
    """Return a program as C99.

    Parameters
    ----------
    program : Program
        What to compute, from gates that C has.
    dtype : {"float64", "float32"}
        In what.
    stem : str
        What the files are called, without `.c` and `.h`; the function is `symgrad_<stem>`.
    meanings : pair of sequences of str
        What stands in each input and each output.

    Raises
    ------
    BackendError
        If the stem is more than letters, digits, `_`, `-` and `.`.
    """
    if not STEM.match(stem):
        raise BackendError(
            f"a file called {stem!r:.80} cannot be included by its name in C; "
            "use letters, digits, `_`, `-` and `.`"
        )
    name = "symgrad_" + re.sub(r"\W", "_", stem)
    kind, suffix = TYPES[dtype]
    writer = _Writer(dtype, suffix)
    work = writer.function(program, name, public=True)
    used = sorted({h for op in operations(program) if (h := helper_of(op.gate.name))})
    header = _header(program, name, kind, work, meanings)
    parts = [
        f'#include "{stem}.h"\n#include <math.h>\n#include <stdlib.h>\n\ntypedef {kind} real;\n',
        *(helper_source(h, suffix) for h in used),
        *writer.functions,
        _batch(name),
    ]
    return Source(name, header, "\n".join(parts))


class _Writer:
    """Writes functions, inner ones first."""

    def __init__(self, dtype: str, suffix: str) -> None:
        self.functions: list[str] = []
        self._dtype = dtype
        self._suffix = suffix
        self._bodies: dict[int, tuple[str, int]] = {}

    def function(self, program: Program, name: str, *, public: bool = False) -> int:
        """Write a program, and return how many numbers of work space it needs."""
        body = _Body(program, self._dtype, self._suffix)
        chunks: list[list[str]] = []
        for start in range(0, len(program.operations), CHUNK):
            span = range(start, min(start + CHUNK, len(program.operations)))
            chunks.append([line for k in span for line in body.lines(k, self._inner)])
        ends = [f"y[{k}] = {body.operand(o, -1)};" for k, o in enumerate(program.outputs)]
        if len(chunks) <= 1:
            chunks = [[*(chunks[0] if chunks else []), *ends]]
        else:
            for number, chunk in enumerate(chunks):
                self._define(f"static void {name}_{number}", chunk)
            calls = [f"{name}_{number}(x, y, w);" for number in range(len(chunks))]
            chunks = [[*calls, *ends]]
        self._define(f"{'void' if public else 'static void'} {name}", chunks[0])
        return body.work

    def _define(self, head: str, lines: Sequence[str]) -> None:
        text = "\n    ".join(lines)
        unused = "".join(f"(void){p}; " for p in "xyw" if not re.search(rf"\b{p}\b", text))
        start = f"    {unused.strip()}\n" if unused else ""
        self.functions.append(
            f"{head}(const real *x, real *y, real *w)\n{{\n{start}    {text}\n}}\n"
        )

    def _inner(self, program: Program) -> tuple[str, int]:
        found = self._bodies.get(id(program))
        if found is None:
            name = f"sg_block{len(self._bodies)}"
            self._bodies[id(program)] = name, 0  # inner blocks are numbered after it
            found = self._bodies[id(program)] = name, self.function(program, name)
        return found


class _Body:
    """The statements of one program.

    Values that stay in their chunk are local; the others, and all of a block's results, have a
    place in the work array.
    """

    def __init__(self, program: Program, dtype: str, suffix: str) -> None:
        self._program = program
        self._suffix = suffix
        self._first = program.first
        self._numbers = [_literal(float_of(c), dtype, suffix) for c in program.constants]
        self._places: dict[int, int] = {}
        self.work = 0
        self._reserve()

    def _reserve(self) -> None:
        """Give a place in the work array to what does not stay in its chunk."""
        single = len(self._program.operations) <= CHUNK
        leaving = set() if single else set(self._program.outputs)
        for k, operation in enumerate(self._program.operations):
            leaving |= {
                a
                for a in operation.args
                if a >= self._first and (a - self._first) // CHUNK != k // CHUNK
            }
        for k, operation in enumerate(self._program.operations, self._first):
            payload = operation.payload
            size = len(payload.body.outputs) if isinstance(payload, Loop) else 1
            if k in leaving or isinstance(payload, Loop):
                self._places[k] = self.work
                self.work += size

    def operand(self, slot: int, _chunk: int = 0) -> str:
        """Return what a slot is called."""
        count = len(self._program.inputs)
        if slot < count:
            return f"x[{slot}]"
        if slot < self._first:
            return self._numbers[slot - count]
        operation = self._program.operations[slot - self._first]
        if operation.gate is ITEM:
            return f"w[{self._places[operation.args[0]] + operation.payload}]"
        place = self._places.get(slot)
        return f"v{slot}" if place is None else f"w[{place}]"

    def lines(self, k: int, inner: Any) -> list[str]:
        """Return the statements of an operation."""
        operation = self._program.operations[k]
        slot = self._first + k
        if operation.gate is ITEM:
            return []
        args = [self.operand(a) for a in operation.args]
        if isinstance(operation.payload, Loop):
            return self._loop(operation.payload, self._places[slot], args, inner)
        value = expression(operation.gate.name, args, self._suffix)
        if slot in self._places:
            return [f"w[{self._places[slot]}] = {value};"]
        kind = "int" if operation.gate.name in TRUTHS else "real"
        return [f"const {kind} v{slot} = {value};"]

    def _loop(self, loop: Loop, place: int, args: list[str], inner: Any) -> list[str]:
        name, work = inner(loop.body)
        count, carried = len(args), len(loop.body.outputs)
        scratch = self.work
        self.work += count + work
        sets = [f"w[{scratch + k}] = {arg};" for k, arg in enumerate(args)]
        call = f"{name}(w + {scratch}, w + {place}, w + {scratch + count});"
        if not loop.rolled:
            return [*sets, call]
        back = f"for (int j = 0; j < {carried}; ++j) w[{scratch} + j] = w[{place} + j];"
        first = f"for (int j = 0; j < {carried}; ++j) w[{place} + j] = w[{scratch} + j];"
        turns = f"for (long k = 0; k < {loop.length}L; ++k) {{"
        return [*sets, first, turns, f"    {call}", f"    {back}", "}"]


def _literal(value: Any, dtype: str, suffix: str) -> str:
    """Return a number as C writes it, exactly."""
    if isinstance(value, bool):
        return str(int(value))
    found = float(np.dtype(dtype).type(value))
    if math.isnan(found):
        return "(real)NAN"
    if math.isinf(found):
        return "(real)INFINITY" if found > 0 else "(-(real)INFINITY)"
    if found == int(found) and abs(found) < 1e6:
        text = f"{found:.1f}{suffix}"
    else:
        text = f"{found.hex()}{suffix}"
    return f"({text})" if text.startswith("-") else text


def _header(
    program: Program,
    name: str,
    kind: str,
    work: int,
    meanings: tuple[Sequence[str], Sequence[str]],
) -> str:
    guard = name.upper()
    listed = [
        f" *   {letter}[{k}]  {meaning}"
        for letter, part in zip("xy", meanings, strict=True)
        for k, meaning in enumerate(part)
    ]
    slots = "\n".join([" *", " * Slots:", *listed]) + "\n" if listed else ""
    return f"""#ifndef {guard}_H
#define {guard}_H

/* {len(program.operations)} operations, written by symgrad; C99, needs math.h.
{slots} */

#include <stddef.h>

#define {guard}_INPUTS {len(program.inputs)}
#define {guard}_OUTPUTS {len(program.outputs)}
#define {guard}_WORK {max(work, 1)}

#ifdef __cplusplus
extern "C" {{
#endif

/* One point: x has {guard}_INPUTS numbers, y {guard}_OUTPUTS, and w room for {guard}_WORK. */
void {name}(const {kind} *x, {kind} *y, {kind} *w);

/* Many points: x[i] is the first number of input i and dx[i] the distance to the next, counted in
 * numbers, 0 where it does not vary; y and dy likewise. Returns 0, or 1 where memory is short. */
int {name}_batch(size_t count, const {kind} *const *x, const ptrdiff_t *dx,
                 {kind} *const *y, const ptrdiff_t *dy);

#ifdef __cplusplus
}}
#endif

#endif
"""


def _batch(name: str) -> str:
    guard = name.upper()
    return f"""int {name}_batch(size_t count, const real *const *x, const ptrdiff_t *dx,
                 real *const *y, const ptrdiff_t *dy)
{{
    real *const from = malloc(sizeof(real) * ({guard}_INPUTS + {guard}_OUTPUTS + {guard}_WORK));
    if (from == NULL) return 1;
    real *const to = from + {guard}_INPUTS;
    for (size_t k = 0; k < count; ++k) {{
        for (int i = 0; i < {guard}_INPUTS; ++i) from[i] = x[i][(ptrdiff_t)k * dx[i]];
        {name}(from, to, to + {guard}_OUTPUTS);
        for (int j = 0; j < {guard}_OUTPUTS; ++j) y[j][(ptrdiff_t)k * dy[j]] = to[j];
    }}
    free(from);
    return 0;
}}
"""
