"""Programs as files: C99 with its header, JSON, or the text that a backend runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from symgrad.dag.digraph import graph
from symgrad.errors import BackendError, UnsupportedError
from symgrad.numeric import source_c
from symgrad.numeric.asked import Lowered, check_choices, lowered
from symgrad.numeric.backend_c import C
from symgrad.numeric.backends import choose
from symgrad.numeric.progress import working
from symgrad.numeric.sizes import has_tensors

STEM = "program"  # of C that goes to standard output


def written(
    f: Any,
    wrt: Sequence[Any] | None,
    returns: Sequence[str],
    backend: str,
    kinks: str,
    dtype: str,
    output: str,
) -> dict[str, str]:
    """Return the texts of a compiled formula by the file that they belong in.

    Parameters
    ----------
    f, wrt, returns, kinks, dtype
        As for `compile`.
    backend : str
        A name of the table of backends, or "json".
    output : str
        The file; "" is standard output.

    Raises
    ------
    UnsupportedError
        If the formula is of tensors.
    BackendError
        If the backend cannot spell a gate, or C cannot include a file of that name.
    """
    check_choices(dtype, kinks)
    source = graph(f)
    if has_tensors(source):
        raise UnsupportedError(
            "a formula of matrices or tensors has no program of scalars; "
            "write it out by elements, or compile it in Python"
        )
    listed = len(source.outputs) != 1
    with working(f"deriving {len(source)} nodes"):
        question = lowered(source, None, wrt, returns, kinks, listed=listed)
    if backend == "json":
        return {output: question.program.to_json()}
    if backend == "c":
        return _in_c(question, dtype, PurePath(output or f"{STEM}.c"), to_file=bool(output))
    row, _ = choose(backend, question.program, dtype)
    with working(f"building {len(question.program.operations)} operations"):
        return {output: row.build(question.program, dtype=dtype).source}


def _in_c(question: Lowered, dtype: str, place: PurePath, *, to_file: bool) -> dict[str, str]:
    """Return source and header; no compiler is needed to write them."""
    names = C.missing(question.program)
    if names:
        raise BackendError(
            f"C99 has no function for `{'`, `'.join(names[:8])}`; use another backend"
        )
    if place.suffix != ".c":
        raise BackendError(f"C is written to a file such as `grad.c`, not `{place.name}`")
    made = source_c.write(
        question.program, dtype=dtype, stem=place.stem, meanings=question.meanings
    )
    if not to_file:
        return {"": f"{made.header}\n{made.body}"}
    return {str(place): made.body, str(place.with_suffix(".h")): made.header}
