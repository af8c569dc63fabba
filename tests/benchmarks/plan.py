"""What is measured how often, and the goals: data, read by the command and by the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.benchmarks.contenders import Contender
from tests.benchmarks.matrices import HESSIANS, TITLES
from tests.benchmarks.native import NATIVES
from tests.benchmarks.native_problems import NATIVE
from tests.benchmarks.net_contenders import STEPPERS
from tests.benchmarks.nets import GPU_NETS, NETS, SLOW_NETS
from tests.benchmarks.sparse import SPARSE, SPARSE_SIZES
from tests.benchmarks.worker import Found

Job = tuple[str, ...]
Group = list[tuple[Job, int]]

LIMIT_SECONDS = {"derive": 100, "load": 100, "grow": 900, "hold": 900}  # of processor time
LIMIT_SECONDS |= {"native": 300, "hessian": 300, "sparse": 300, "nets": 600, "gpu": 900}
LIMIT_BYTES = 4 * 2**30
LIMIT_BYTES_NATIVE = 32 * 2**30  # of addresses, which compilers take and do not use

GRAPH, CLOSED, LET = "symgrad, graph", "symgrad, closed form", "symgrad, let-form"
TOO_LARGE = {("deep100", CLOSED)}  # 6e60 nodes as a tree: the size guard refuses it

ALONE: Job = ("load", "symgrad")
TOGETHER: Job = ("load", "sympy", "networkx", "numpy")


@dataclass(frozen=True, slots=True)
class Plan:
    """How often each thing is measured, and how large trees grow."""

    turns: int
    slow_turns: int
    native_turns: int
    load_turns: int
    grow_turns: int
    sizes: tuple[int, ...]
    held: int
    seen: int
    net_turns: int
    slow_nets: bool

    def groups(self, contenders: dict[str, Contender]) -> list[Group]:
        """Return the jobs that take turns with each other, and how often each is due."""
        return [
            [(ALONE, self.load_turns), (TOGETHER, self.load_turns)],
            *([(job, self.due(contenders[job[2]])) for job in derivations(p)] for p in PROBLEMS),
            [(("grow", f, str(size)), self.grow_turns) for size in self.sizes for f in FAMILIES],
            [(("hold", f, str(self.held), "table"), 1) for f in FAMILIES],
            [(("hold", f, str(self.seen), "nx"), 1) for f in FAMILIES],
            *([(job, self.native_due(job)) for job in natives(p)] for p in NATIVE),
            [(("hessian", p, name), self.native_turns) for p in TITLES for name in HESSIANS],
            [(job, self.native_turns) for job in sparse_jobs()],
            *([(job, self.net_turns) for job in jobs] for jobs in self.net_jobs()),
        ]

    def native_due(self, job: Job) -> int:
        return 1 if NATIVES[job[2]].slow else self.native_turns

    def net_jobs(self) -> Iterable[list[Job]]:
        """Return the jobs of each network; those of one take turns."""
        for kind, nets in (("nets", NETS), ("gpu", GPU_NETS)):
            for name in nets:
                if kind == "gpu" or self.slow_nets or name not in SLOW_NETS:
                    yield [job for job in NET_JOBS if job[:2] == (kind, name)]

    def due(self, contender: Contender) -> int:
        return self.slow_turns if contender.slow else self.turns

    def gave_up(self, found: Sequence[Found | None]) -> bool:
        """Whether a job passed a limit; it is not tried again."""
        return None in found


PROBLEMS = ("mlp16", "rosen500", "deep100")
FAMILIES = ("deep", "rosen")
NET_JOBS: list[Job] = [
    (kind, net, name)
    for kind, nets, device in (("nets", NETS, "cpu"), ("gpu", GPU_NETS, "gpu"))
    for net, posed in nets.items()
    for name, stepper in STEPPERS.items()
    if stepper.takes(posed, device)
]
NAMES = (GRAPH, CLOSED, LET, "SymPy", "SymEngine", "CasADi")

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
FULL = Plan(
    turns=11,
    slow_turns=3,
    native_turns=3,
    load_turns=15,
    grow_turns=2,
    sizes=SIZES,
    held=100_000,
    seen=30_000,
    net_turns=3,
    slow_nets=True,
)
QUICK = Plan(
    turns=3,
    slow_turns=1,
    native_turns=1,
    load_turns=15,
    grow_turns=1,
    sizes=SIZES[:5],
    held=30_000,
    seen=10_000,
    net_turns=3,
    slow_nets=False,
)


def derivations(problem: str) -> Iterable[Job]:
    return [("derive", problem, name) for name in NAMES if (problem, name) not in TOO_LARGE]


def natives(problem: str) -> Iterable[Job]:
    return [("native", problem, n.name) for n in NATIVES.values() if problem not in n.left_out]


def filling() -> Iterable[Job]:
    """Return the jobs that are run once before, to leave their compiled code on disk."""
    return [job for p in NATIVE for job in natives(p) if NATIVES[job[2]].cached]


def sparse_jobs() -> Iterable[Job]:
    return [
        ("sparse", str(size), name)
        for size in SPARSE_SIZES
        for name, contender in SPARSE.items()
        if size <= contender.largest
    ]


# --- goals ---


@dataclass(frozen=True, slots=True)
class Faster:
    """A symgrad form takes at most 1/times of the time of another contender."""

    problem: str
    form: str
    other: str
    times: float


@dataclass(frozen=True, slots=True)
class Bound:
    """A measured figure is at most `most`."""

    says: str
    figure: str
    most: float


SPEED = (
    Faster("mlp16", CLOSED, "SymPy", 400),
    Faster("rosen500", CLOSED, "SymPy", 100),
    Faster("mlp16", CLOSED, "SymEngine", 1),
    Faster("rosen500", CLOSED, "SymEngine", 1),
    Faster("mlp16", GRAPH, "CasADi", 1),
    Faster("rosen500", GRAPH, "CasADi", 1),
    Faster("deep100", GRAPH, "CasADi", 1),
)
SLOPE, BYTES, LOAD = 1.1, 6_000, 1.15
