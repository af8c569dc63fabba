"""Measuring what runs fast: wall time, since contenders compile in other processes and threads."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from tests.benchmarks.matrices import HESSIANS
from tests.benchmarks.native import NATIVES, Ready, points_of
from tests.benchmarks.native_problems import NATIVE
from tests.benchmarks.net_contenders import STEPPERS, peak, present
from tests.benchmarks.net_contenders import answer_of as net_answer
from tests.benchmarks.nets import GPU_NETS, NETS
from tests.benchmarks.sparse import SPARSE, point_of

Found = dict[str, float]
PATIENCE = 30.0  # seconds that better code from a background thread is waited for
WARM = 1.0  # seconds of calls before the clock starts
SPENT = 1.0  # seconds of calls that are measured
REPEATS = 7


def native(problem: str, contender: str) -> Found:
    """Time derivation with compilation, a batch a point, and a call at one point."""
    chosen = NATIVES[contender]
    for package in chosen.package.split(","):
        importlib.import_module(package)
    posed = NATIVE[problem]()
    X = points_of(posed)
    found, ready = once(lambda: chosen.make(posed, X))
    times = {"ready": found}
    if ready.batch is not None:
        times["batch"] = often(ready.batch, ready.settled, ready.wait) / posed.points
    if ready.single is not None:
        times["single"] = often(ready.single, wait=ready.wait)
    return times | {"answer": answer_of(ready)}


def answer_of(ready: Ready) -> float:
    """Return a number that tells whether contenders agree."""
    found = np.ravel(np.asarray(ready.answer(), dtype=float))
    return float(np.sum(np.abs(found)))


def hessian(problem: str, contender: str) -> Found:
    """Time a dense Hessian of a matrix formula."""
    package, make = HESSIANS[contender]
    importlib.import_module(package)
    ready, call = once(lambda: make(problem))
    first, value = once(call)  # JAX compiles now
    answer = float(np.sum(np.abs(np.asarray(value))))
    return {"ready": ready + first, "single": often(call), "answer": answer}


def sparse(size: str, contender: str) -> Found:
    """Time a sparse Hessian of Rosenbrock's valley."""
    chosen = SPARSE[contender]
    importlib.import_module(chosen.package)
    posed, at = chosen.pose(int(size)), point_of(int(size))
    ready, call = once(lambda: chosen.ready(posed, at))
    value = call()
    answer = float(np.sum(np.abs(np.asarray(getattr(value, "data", value)))))
    return {"ready": ready, "single": often(call), "answer": answer}


def steps(nets: dict[str, Any], device: str, problem: str, contender: str) -> Found:
    """Time a training step; nothing but a mark where the device is not there."""
    chosen = STEPPERS[contender]
    for package in ("symgrad", chosen.package):
        importlib.import_module(package)
    if not present(chosen.package, device):
        return {"absent": 1.0}
    before = peak()
    made, call = once(lambda: chosen.make(nets[problem], device))
    first, _ = once(call)
    found = {"ready": made + first, "single": often(call), "bytes": float(peak() - before)}
    return found | {"answer": net_answer(call())}


def once(work: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    start = perf_counter()
    result = work()
    return perf_counter() - start, result


def often(
    call: Callable[[], Any],
    settled: Callable[[], bool] = lambda: True,
    wait: Callable[[], Any] = lambda: None,
) -> float:
    """Return the median time of a call, of some series; the first calls do not count."""
    warm(call, lambda: False, WARM)
    warm(call, settled, PATIENCE)
    wait()
    each = warm(call, lambda: False, WARM / 10)
    count = max(1, round(SPENT / REPEATS / each))
    return median(series(call, count) for _ in range(REPEATS))


def warm(call: Callable[[], Any], enough: Callable[[], bool], seconds: float) -> float:
    """Call until it is enough or time is over, at least once; return the time of a call."""
    start = perf_counter()
    calls = 0
    while calls == 0 or (not enough() and perf_counter() - start < seconds):
        call()
        calls += 1
    return (perf_counter() - start) / calls


def series(call: Callable[[], Any], count: int) -> float:
    start = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - start) / count


RUNS: dict[str, Callable[[str, str], Found]] = {
    "native": native,
    "hessian": hessian,
    "sparse": sparse,
    "nets": partial(steps, NETS, "cpu"),
    "gpu": partial(steps, GPU_NETS, "gpu"),
}
