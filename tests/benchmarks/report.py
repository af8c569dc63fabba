"""The page: machine, tables of medians and ratios, and every goal with what was found."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import linear_regression, median

from tests.benchmarks import plan as goals
from tests.benchmarks.native_problems import SEED
from tests.benchmarks.native_report import native_goals, native_parts
from tests.benchmarks.net_report import net_goals, net_parts
from tests.benchmarks.plan import Faster, Job, Plan
from tests.benchmarks.tables import Goal, Results, duration, table, times_text

PACKAGES = (
    *("symgrad", "sympy", "networkx", "numpy", "scipy", "llvmlite"),
    *("symengine", "casadi", "heyoka", "jax", "torch"),
)
STAGES = ("build + gradient", "let-form", "run")
COMMAND = "python -m tests.benchmarks"


def render(plan: Plan, results: Results, options: str = "") -> str:
    """Return the whole page; `options` are those with which the command was given."""
    engine = any(job[0] == "derive" for job in results)
    verdicts = native_goals(results)
    if engine:
        verdicts += [*speed_goals(results), *size_goals(plan, results), load_goal(results)]
    verdicts += net_goals(results)
    parts = [
        heading(plan, options),
        "## Goals\n\n" + sentence(verdicts) + "\n\n" + goal_table(verdicts),
        *native_parts(results),
        *net_parts(results),
        *(engine_parts(plan, results) if engine else ()),
        "## Machine and versions\n\n" + machine(),
    ]
    return "\n\n".join(parts) + "\n"


def engine_parts(plan: Plan, results: Results) -> list[str]:
    return [
        "## Deriving a gradient\n\n" + DERIVING + derive_tables(results),
        "## Growth\n\n" + GROWTH + growth_tables(plan, results),
        "## Memory\n\n" + MEMORY + memory_table(plan, results),
        "## Loading\n\n" + load_table(results),
    ]


def heading(plan: Plan, options: str) -> str:
    quick = " --quick" if plan == goals.QUICK else ""
    return f"""\
# Benchmarks

This page is written by

```bash
pip install -e '.[bench]'
{COMMAND}{quick}{options}
```

No figure in it is typed by hand. Every measurement is a fresh process, and the contenders take
turns; tables show medians. Native speed is wall time; all else is processor time (it runs in one
thread), which other work on the machine disturbs least. It is disturbed all the same, and a busy
virtual machine counts it in steps of some milliseconds, so compare ratios within this page rather
than times between two of them. Numbers at native speed are drawn by NumPy's default generator from
seed {SEED}; `PYTHONHASHSEED` is the number of the turn, counted from 0."""


LIMITS = f"{goals.LIMIT_SECONDS['derive']} s or {goals.LIMIT_BYTES >> 30} GiB"
DERIVING = f"""\
From the SymPy expression, which stands before the clock starts, to all partial derivatives;
packages are loaded, caches are empty, conversion from SymPy is inside the time. The ratio is the
median divided by that of symgrad's graph, and by that of its formulas (closed form; let-form for
`deep100`). A contender is stopped past {LIMITS}.

- `mlp16`: Σ(V·tanh(W·x) - k)² in scalars, 16 inputs, 16 hidden, 4 outputs; by its 320 weights
- `rosen500`: Rosenbrock's function of 500 variables; by all of them
- `deep100`: e ← sin(e)·y + cos(e), 100 times from x; by x and y. Written out as a
  tree its gradient fits in no computer, so there is only the let-form.

"""

GROWTH = """\
`deep` and `rosen` are the third and second problem at other sizes, as literal trees. The slope is
that of a straight line through the logarithms of time and nodes. Partials of gates are known before
the clock starts: a fixed cost would flatter the slope. Build + gradient is what `graph(tree)` and
`grad(graph, form="graph")` take; let-form is `grad(graph, form="let")` with its gradient; run is
`run(graph, at)` with all values and gradients.

"""

MEMORY = """\
The most that Python's allocator held (`tracemalloc`) while a graph is built from a tree and
differentiated, over the nodes of the function and over those of the grown graph. The networkx view
is made only when it is asked for.

"""


# --- figures ---


def seconds(results: Results, job: Job, key: str = "seconds") -> list[float]:
    """Return the times of a job; empty where it passed a limit."""
    found = results.get(job, [])
    return [] if None in found else [f[key] for f in found if f is not None]


def middle(results: Results, job: Job, key: str = "seconds") -> float:
    """Return the median; infinite where a limit was passed."""
    times = seconds(results, job, key)
    return median(times) if times else math.inf


def slope(plan: Plan, results: Results, family: str, stage: str) -> float:
    jobs = [("grow", family, str(size)) for size in plan.sizes]
    nodes = [math.log(middle(results, job, "nodes")) for job in jobs]
    times = [math.log(middle(results, job, stage)) for job in jobs]
    return linear_regression(nodes, times).slope


def speed_ratio(results: Results, goal: Faster) -> float:
    ours = middle(results, ("derive", goal.problem, goal.form))
    return middle(results, ("derive", goal.problem, goal.other)) / ours


# --- goals ---


def speed_goals(results: Results) -> Iterable[Goal]:
    for goal in goals.SPEED:
        found = speed_ratio(results, goal)
        what = f"`{goal.problem}`: {goal.other} / {goal.form}"
        yield what, f"≥ {goal.times:g}", times_text(found), found >= goal.times


def size_goals(plan: Plan, results: Results) -> Iterable[Goal]:
    for stage in STAGES:
        for family in goals.FAMILIES:
            found = slope(plan, results, family, stage)
            what = f"`{family}`: slope of {stage}"
            yield what, f"≤ {goals.SLOPE:g}", f"{found:.2f}", found <= goals.SLOPE
    for job, what in held(plan):
        found = middle(results, job, "bytes") / middle(results, job, "nodes")
        goal = f"≤ {goals.BYTES:,} bytes"
        yield f"`{job[1]}`: a node, {what}", goal, f"{found:,.0f} bytes", found <= goals.BYTES


def load_goal(results: Results) -> Goal:
    found = middle(results, goals.ALONE) / middle(results, goals.TOGETHER)
    what = "`import symgrad` / `import sympy, networkx, numpy`"
    return what, f"≤ {goals.LOAD:g}", f"{found:.2f}", found <= goals.LOAD


def sentence(verdicts: Sequence[Goal]) -> str:
    missed = [what for what, _, _, reached in verdicts if not reached]
    reached = len(verdicts) - len(missed)
    tail = f" Missed: {'; '.join(missed)}." if missed else ""
    return f"{reached} of {len(verdicts)} goals are reached.{tail}"


def goal_table(verdicts: Sequence[Goal]) -> str:
    rows = [(what, g, found, "reached" if ok else "**missed**") for what, g, found, ok in verdicts]
    return table(("what", "goal", "found", ""), rows)


# --- tables ---


def derive_tables(results: Results) -> str:
    header = ("contender", "median", "least – most", "turns", "/ graph", "/ formulas")
    return "\n\n".join(
        f"### {problem}\n\n{table(header, derive_rows(results, problem))}"
        for problem in goals.PROBLEMS
    )


def derive_rows(results: Results, problem: str) -> Iterable[Sequence[str]]:
    formulas = goals.LET if (problem, goals.CLOSED) in goals.TOO_LARGE else goals.CLOSED
    graph = middle(results, ("derive", problem, goals.GRAPH))
    written = middle(results, ("derive", problem, formulas))
    for job in goals.derivations(problem):
        times = seconds(results, job)
        if not times:
            yield job[2], "stopped", "", str(len(results.get(job, []))), "", ""
            continue
        found = median(times)
        spread = f"{duration(min(times))} – {duration(max(times))}"
        ratios = times_text(found / graph), times_text(found / written)
        yield job[2], duration(found), spread, str(len(times)), *ratios


def growth_tables(plan: Plan, results: Results) -> str:
    header = ("nodes", "with gradient", *STAGES)
    return "\n\n".join(
        f"### {family}\n\n{table(header, growth_rows(plan, results, family))}"
        for family in goals.FAMILIES
    )


def growth_rows(plan: Plan, results: Results, family: str) -> Iterable[Sequence[str]]:
    for size in plan.sizes:
        job = ("grow", family, str(size))
        counts = (f"{middle(results, job, key):,.0f}" for key in ("nodes", "grown"))
        yield *counts, *(duration(middle(results, job, stage)) for stage in STAGES)
    slopes = (f"{slope(plan, results, family, stage):.2f}" for stage in STAGES)
    yield "slope", "", *slopes


def held(plan: Plan) -> list[tuple[Job, str]]:
    return [
        (("hold", family, str(size), view), what)
        for size, view, what in (
            (plan.held, "table", "build + gradient"),
            (plan.seen, "nx", "build + gradient + networkx view"),
        )
        for family in goals.FAMILIES
    ]


def memory_table(plan: Plan, results: Results) -> str:
    rows = []
    for job, what in held(plan):
        size, nodes, grown = (middle(results, job, key) for key in ("bytes", "nodes", "grown"))
        counts = (f"{job[1]}: {what}", f"{nodes:,.0f}", f"{grown:,.0f}")
        rows.append((*counts, f"{size / nodes:,.0f}", f"{size / grown:,.0f}"))
    return table(("what", "nodes", "with gradient", "bytes / node", "bytes / grown node"), rows)


def load_table(results: Results) -> str:
    rows = []
    for job in (goals.ALONE, goals.TOGETHER):
        times = seconds(results, job)
        spread = f"{duration(min(times))} – {duration(max(times))}"
        imports = f"`import {', '.join(job[1:])}`"
        rows.append((imports, duration(median(times)), spread, str(len(times))))
    return table(("what", "median", "least – most", "turns"), rows)


# --- machine ---


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    rows = [
        ("processor", f"{processor()}, {os.cpu_count()} cores"),
        ("memory", f"{memory:.0f} GiB"),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("C compiler", compiler()),
        *((name, importlib.metadata.version(name)) for name in PACKAGES),
    ]
    return table(("", ""), rows)


def compiler() -> str:
    """Return what CasADi's C is compiled with."""
    if shutil.which("gcc") is None:
        return "none"
    said = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.splitlines()[0]


def processor() -> str:
    """Return the model of the processor, where the system says it."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"
