"""One measurement in a process of its own; prints one JSON object.

    python -m tests.benchmarks.worker derive mlp16 "symgrad, graph"
    python -m tests.benchmarks.worker grow deep 10000
    python -m tests.benchmarks.worker hold deep 10000 nx
    python -m tests.benchmarks.worker load sympy networkx numpy
    python -m tests.benchmarks.worker native mlp16 heyoka

Times are seconds of processor time, which a busy machine disturbs least, but for what runs at
native speed (see `clock`); sizes are in bytes.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from time import process_time
from typing import Any

Found = dict[str, float]
WARM = 100  # nodes of the tree that pays for the first partial of each gate


def derive(problem: str, contender: str) -> Found:
    """Time one derivation; the packages are loaded and the expression stands before."""
    from tests.benchmarks.contenders import CONTENDERS
    from tests.benchmarks.problems import PROBLEMS

    chosen = CONTENDERS[contender]
    importlib.import_module(chosen.package)
    posed = PROBLEMS[problem]()
    return {"seconds": timed(chosen.derive, posed)[0]}


def grow(family: str, nodes: str) -> Found:
    """Time the passes over one tree; partials of gates are known before, as a slope wants it."""
    import symgrad

    for size in (WARM, int(nodes)):
        tree = tree_of(family, size)
        build, graph = timed(symgrad.graph, tree)
        gradient, grown = timed(symgrad.grad, graph, form="graph")
        let, _ = timed(symgrad.grad, graph, form="let")
        at = dict.fromkeys(graph.inputs, 0.5)
        run, _ = timed(symgrad.run, graph, at)
    return {
        "nodes": len(graph),
        "grown": len(grown),
        "build + gradient": build + gradient,
        "let-form": let,
        "run": run,
    }


def hold(family: str, nodes: str, view: str) -> Found:
    """Return the most memory that Python's allocator held for building and differentiating."""
    import symgrad

    symgrad.grad(tree_of(family, WARM), form="graph").nx  # noqa: B018 - the view is made here
    tree = tree_of(family, int(nodes))
    gc.collect()
    tracemalloc.start()
    graph = symgrad.graph(tree)
    grown = symgrad.grad(graph, form="graph")
    if view == "nx":
        grown.nx  # noqa: B018 - the view is made here
    return {"nodes": len(graph), "grown": len(grown), "bytes": tracemalloc.get_traced_memory()[1]}


def load(*packages: str) -> Found:
    """Time the import of some packages together."""

    def load_all() -> None:
        for package in packages:
            importlib.import_module(package)

    return {"seconds": timed(load_all)[0]}


def tree_of(family: str, nodes: int) -> Any:
    from tests.benchmarks.problems import FAMILIES

    return FAMILIES[family](nodes)


def timed(work: Callable[..., Any], *args: Any, **options: Any) -> tuple[float, Any]:
    gc.collect()
    start = process_time()
    result = work(*args, **options)
    return process_time() - start, result


def fast(kind: str, *names: str) -> Found:
    """Time what runs at native speed."""
    from tests.benchmarks import clock

    return clock.RUNS[kind](*names)


KINDS: dict[str, Callable[..., Found]] = {
    **{kind: partial(fast, kind) for kind in ("native", "hessian", "sparse", "nets", "gpu")},
    "derive": derive,
    "grow": grow,
    "hold": hold,
    "load": load,
}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](*sys.argv[2:])))
