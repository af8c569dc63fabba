"""Measure symgrad and its contenders, and write `docs/benchmarks.md`.

    python -m tests.benchmarks [--quick] [--only KIND ...] [--output PATH]

Each measurement is a fresh process (SymPy's caches make a second derivation faster than the first).
Processes take turns, so that a noisy moment of the machine hits every contender alike.
Needs the `bench` extra and a Unix system.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.clock import RUNS
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.plan import (
    ALONE,
    FULL,
    LIMIT_BYTES,
    LIMIT_BYTES_NATIVE,
    LIMIT_SECONDS,
    QUICK,
    TOGETHER,
    Job,
    Plan,
    filling,
)
from tests.benchmarks.report import render
from tests.benchmarks.tables import Results
from tests.benchmarks.worker import Found

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "docs" / "benchmarks.md"
STOPPED = (signal.SIGXCPU, signal.SIGKILL)
OUT_OF_MEMORY = (b"MemoryError", b"bad_alloc", b"allocate memory")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--quick", action="store_true", help="few repetitions, smaller trees")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="where the page is written")
    parser.add_argument(
        "--only", nargs="+", choices=LIMIT_SECONDS, help="kinds to measure, for trials"
    )
    options = parser.parse_args(arguments)
    if options.only and options.output == OUTPUT:
        parser.error("--only leaves out parts of the page: give another --output")
    plan = QUICK if options.quick else FULL
    with TemporaryDirectory() as cache:
        results = measure_all(plan, cache, options.only or list(LIMIT_SECONDS))
    only = f" --only {' '.join(options.only)} --output {options.output}" if options.only else ""
    options.output.write_text(render(plan, results, only), encoding="utf-8")


def measure_all(plan: Plan, cache: str, kinds: Sequence[str]) -> Results:
    """Run every job in its turns; `cache` is a folder for compiled modules and programs."""
    results: Results = {}
    before = [job for job in filling() if job[0] in kinds]
    for job in (ALONE, TOGETHER, *before):
        measure(job, 0, cache)  # compiles the modules, as an installation does
    for job, seed in turns(plan):
        if job[0] not in kinds or plan.gave_up(results.get(job, [])):
            continue
        found = measure(job, seed, cache)
        results.setdefault(job, []).append(found)
        print(*job, "->", found or "no result", file=sys.stderr, flush=True)
    return results


def turns(plan: Plan) -> Iterator[tuple[Job, int]]:
    """Yield every job as often as it is due: one of each, then one of each again."""
    for group in plan.groups(CONTENDERS):
        for turn in range(max(count for _, count in group)):
            yield from ((job, turn) for job, count in group if turn < count)


def measure(job: Job, seed: int, cache: str) -> Found | None:
    """Run one job in a fresh process; None where it passed a limit."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONHASHSEED": str(seed), "PYTHONPYCACHEPREFIX": cache}
    environment |= {"BENCH_CACHE": cache, "SYMGRAD_CACHE_DIR": f"{cache}/symgrad"}
    if job[0] == "nets":
        environment["OPENBLAS_NUM_THREADS"] = "1"  # NumPy's: two threads on two cores come and go
    size = LIMIT_BYTES_NATIVE if job[0] in RUNS else LIMIT_BYTES
    size = resource.RLIM_INFINITY if job[0] == "gpu" else size  # drivers take all addresses
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.worker", *job],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        preexec_fn=partial(limit, LIMIT_SECONDS[job[0]], size),
        check=False,
    )
    if done.returncode == 0:
        found: Found = json.loads(done.stdout)
        return found
    if -done.returncode in STOPPED or any(word in done.stderr for word in OUT_OF_MEMORY):
        return None
    sys.exit(f"{' '.join(job)} failed ({done.returncode}):\n{done.stderr.decode()}")


def limit(seconds: int, size: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


if __name__ == "__main__":
    main()
