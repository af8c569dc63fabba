"""The process that derives for `symgrad explore`: a formula comes in, a page leaves.

It runs under limits on memory and on what it may write, and is killed and started anew when it
takes too long. Messages are lengths of eight bytes and JSON; nothing in them is evaluated.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from sympy import Expr

from symgrad.dag.digraph import Graph, graph
from symgrad.errors import ShapeError, SymgradError
from symgrad.expr.declarations import read_shapes
from symgrad.expr.reader import parse
from symgrad.expr.symbols import label
from symgrad.show import arguments
from symgrad.show.page_data import record
from symgrad.show.page_file import known_gates, packed

MEMORY = 3 << 30  # bytes of addresses
LONGEST = 100_000  # characters of a formula
TOO_LARGE = (RecursionError, MemoryError, OverflowError)


def limit() -> None:
    """Set limits on this process, where the system has them."""
    try:
        import resource
    except ImportError:
        return
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def start_value(shape: tuple[Any, ...]) -> Any:
    """Return the number of an input for which none was given; a page can change it."""
    if not shape:
        return 1.0
    if not all(isinstance(n, int) for n in shape):
        raise ShapeError(f"sizes must be numbers here, and one of {shape} is none")
    count = int(np.prod(shape))
    return np.round(np.sin(1.0 + np.arange(count)), 2).reshape(shape)


def completed(source: Graph, point: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a point with a number for every input."""
    found: dict[Any, Any] = dict(point)
    for symbol, node in zip(source.inputs, source.input_nodes, strict=True):
        if label(symbol) not in found:
            found[symbol] = start_value(source.nodes.shapes.get(node, ()))
    return found


def derived(asked: Mapping[str, Any]) -> str:
    """Return the record of a page, as text.

    Raises
    ------
    SymgradError
        If the formula, the shapes or the values cannot be used.
    """
    formula, shapes, at = (str(asked.get(k, "")) for k in ("formula", "shapes", "at"))
    if len(formula) > LONGEST:
        raise ShapeError(f"the formula has {len(formula)} characters; {LONGEST} are read here")
    declared = read_shapes(tuple(shapes.split()))
    parsed: Expr = parse(formula, shapes=declared) if declared else formula
    source = graph(parsed)
    return packed(record(parsed, completed(source, arguments.point(at)), known=known_gates()))


def answer(message: bytes) -> dict[str, Any]:
    """Return what is answered to a message: a record, or an error in words."""
    try:
        return {"record": derived(json.loads(message))}
    except SymgradError as error:
        return {"error": str(error)}
    except TOO_LARGE as error:
        kind = str(error) or type(error).__name__
        return {"error": f"the formula is too large to be explored here ({kind})"}
    except Exception as error:  # a person waits: whatever happens is answered, and named
        return {
            "error": f"this formula cannot be shown; it ends in {type(error).__name__}: {error}"
        }


def _read(stream: BinaryIO) -> bytes:
    head = stream.read(8)
    return stream.read(int.from_bytes(head, "big")) if len(head) == 8 else b""


def write(stream: BinaryIO, message: bytes) -> None:
    """Write a message behind its length."""
    stream.write(len(message).to_bytes(8, "big") + message)
    stream.flush()


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer messages until there are none; the first thing said is that the process is ready."""
    write(sink, b"{}")
    while message := _read(source):
        write(sink, json.dumps(answer(message)).encode("ascii"))


if __name__ == "__main__":
    limit()
    serve(sys.stdin.buffer, sys.stdout.buffer)
