"""The part of the page about native speed: tables, ratios and goals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import geometric_mean, median

from tests.benchmarks.matrices import HESSIANS, TITLES
from tests.benchmarks.native import LLVM, LLVM_CACHED, NATIVES, NUMPY
from tests.benchmarks.native_problems import NATIVE
from tests.benchmarks.sparse import SPARSE, SPARSE_SIZES
from tests.benchmarks.tables import Goal, Job, Results, duration, table, times_text

LAMBDIFY, HEYOKA_CACHED = "SymPy, lambdify", "heyoka, from cache"
COLD = ("heyoka", "SymEngine, LLVM", "CasADi, C", "JAX, by hand")
BATCH = ("heyoka", "SymEngine, LLVM", "CasADi, C", "CasADi, C, OpenMP", "JAX, by hand")
SINGLE = ("heyoka", "SymEngine, LLVM", "CasADi, buffers")
AGREE = 1e-6

INTRO = """\
Wall time: contenders compile in processes and threads of their own. Ready is what passes from the
SymPy expression (from the formula by hand, for JAX) to a function that can be called; a batch is
the time a point of many, single that of a call at one point, each with value and all partials.
Batches stand in the memory order that a contender reads best and go into buffers where it takes
them. Better code that is made in the background is waited for before the clock of calls starts.
Packages are loaded before, LLVM among them, which heyoka and SymEngine hold and symgrad loads when
it is first needed. Two threads run where a contender's users get them by default. The ratio is to
`symgrad, llvm`.

- `mlp16`, `rosen500`, `deep100`: as below; the network by its inputs too
- `reprojection`: Rodrigues' rotation, pinhole, radial distortion; Jacobian of 2 by 15
- `speelpenning`: the product of 100 variables; gradient
- `fourier`: 30 waves in the plane; Hessian

"""
HESSIAN = """\
Ready is to derive, compile and call once; a call is from numbers to the dense Hessian.

"""
SPARSE_INTRO = """\
Rosenbrock's valley of n variables; ready is from each system's own graph of the function to what
can be called at one point. A call gives a `scipy.sparse` matrix, or an array of its entries.

"""


def native_parts(results: Results) -> list[str]:
    """Return the sections that there are results for."""
    kinds = {job[0] for job in results}
    parts = []
    if "native" in kinds:
        parts.append("## Native speed\n\n" + INTRO + native_tables(results))
    if "hessian" in kinds:
        parts.append("## Hessians of matrix formulas\n\n" + HESSIAN + hessian_table(results))
    if "sparse" in kinds:
        parts.append("## Sparse Hessians\n\n" + SPARSE_INTRO + sparse_table(results))
    return parts


def figure(results: Results, job: Job, key: str) -> float:
    """Return the median; infinite where a limit was passed, nan where nothing is measured."""
    found = results.get(job, [])
    if None in found:
        return math.inf
    times = [f[key] for f in found if f is not None and key in f]
    return median(times) if times else math.nan


# --- tables ---


def native_tables(results: Results) -> str:
    header = ("contender", "ready", "batch", "single", "/ ready", "/ batch", "/ single", "turns")
    problems = [p for p in NATIVE if any(job[:2] == ("native", p) for job in results)]
    return "\n\n".join(f"### {p}\n\n{table(header, native_rows(results, p))}" for p in problems)


def native_rows(results: Results, problem: str) -> Iterable[Sequence[str]]:
    keys = ("ready", "batch", "single")
    ours = [figure(results, ("native", problem, LLVM), key) for key in keys]
    for name in NATIVES:
        job = ("native", problem, name)
        if job not in results:
            continue
        times = [figure(results, job, key) for key in keys]
        shown = map(time_text, times)
        ratios = [ratio_text(t, own) for t, own in zip(times, ours, strict=True)]
        yield f"{name}{disagreement(results, job, LLVM)}", *shown, *ratios, str(len(results[job]))


def hessian_table(results: Results) -> str:
    header = ("problem", "contender", "ready", "call", "/ symgrad")
    rows = []
    for problem, title in TITLES.items():
        ours = figure(results, ("hessian", problem, "symgrad"), "single")
        for name in HESSIANS:
            job = ("hessian", problem, name)
            if job in results:
                ready, call = (figure(results, job, key) for key in ("ready", "single"))
                mark = disagreement(results, job, "symgrad")
                shown = time_text(ready), time_text(call)
                rows.append((title, name + mark, *shown, ratio_text(call, ours)))
    return table(header, rows)


def sparse_table(results: Results) -> str:
    header = ("n", "contender", "ready", "call", "/ ready", "/ call")
    rows = []
    for size in SPARSE_SIZES:
        own = ("sparse", str(size), "symgrad")
        ours = [figure(results, own, key) for key in ("ready", "single")]
        for name in SPARSE:
            job = ("sparse", str(size), name)
            if job in results:
                times = [figure(results, job, key) for key in ("ready", "single")]
                shown = map(time_text, times)
                ratios = [ratio_text(t, o) for t, o in zip(times, ours, strict=True)]
                mark = disagreement(results, job, "symgrad")
                rows.append((f"{size:,}", name + mark, *shown, *ratios))
    return table(header, rows)


def time_text(value: float) -> str:
    return "" if math.isnan(value) else duration(value)


def ratio_text(value: float, ours: float) -> str:
    return "" if math.isnan(value) or not math.isfinite(ours) else times_text(value / ours)


def disagreement(results: Results, job: Job, reference: str) -> str:
    """Return a mark where a contender's numbers are not symgrad's."""
    own, other = (figure(results, (job[0], job[1], n), "answer") for n in (reference, job[2]))
    agrees = not math.isfinite(other) or abs(own - other) <= AGREE * abs(own)
    return "" if agrees or not math.isfinite(own) else " **(other numbers)**"


# --- goals ---


def native_goals(results: Results) -> list[Goal]:
    """Return the goals of native speed, one a problem and one over all."""
    problems = [p for p in NATIVE if ("native", p, LLVM) in results]
    batches = [lead(results, p, "batch", BATCH, LLVM) for p in problems]
    found: list[Goal] = []
    for p, (batch, best) in zip(problems, batches, strict=True):
        found += [
            verdict(f"`{p}`: ready, cold", *lead(results, p, "ready", COLD, LLVM), 1.2),
            verdict(
                f"`{p}`: ready, from cache",
                *lead(results, p, "ready", (HEYOKA_CACHED,), LLVM_CACHED),
                1.0,
            ),
            verdict(f"`{p}`: a batch", batch, best, 1.0),
            verdict(f"`{p}`: a call", *lead(results, p, "single", SINGLE, LLVM), 1.0),
        ]
        if ("native", p, LAMBDIFY) in results:
            for key, times in (("batch", 1.5), ("ready", 20.0)):
                what = f"`{p}`: {key}, NumPy backend"
                found.append(verdict(what, *lead(results, p, key, (LAMBDIFY,), NUMPY), times))
    ratios = [ratio for ratio, _ in batches if 0 < ratio < math.inf]
    if ratios:
        mean = geometric_mean(ratios)
        found.append(verdict("a batch, geometric mean", mean, "best of each", 1.3))
    return found


def lead(
    results: Results, problem: str, key: str, peers: Sequence[str], ours: str
) -> tuple[float, str]:
    """Return by how much the best peer is slower, and who that is."""
    times = {p: figure(results, ("native", problem, p), key) for p in peers}
    measured = {p: t for p, t in times.items() if not math.isnan(t)}
    best = min(measured, key=lambda p: measured[p], default="")
    own = figure(results, ("native", problem, ours), key)
    return (measured[best] / own if best else math.nan), best


def verdict(what: str, ratio: float, best: str, goal: float) -> Goal:
    return f"{what}: {best} / symgrad", f"≥ {goal:g}", times_text(ratio), ratio >= goal
