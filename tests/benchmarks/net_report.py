"""Tables and goals of training steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from tests.benchmarks.native_report import disagreement, figure, ratio_text, time_text
from tests.benchmarks.nets import GPU_NETS, NETS, Net
from tests.benchmarks.plan import NET_JOBS
from tests.benchmarks.tables import Goal, Results, table, times_text

INTRO = """\
Loss and gradient by all parameters for one batch; arrays stand on the device, in float32 but for
the two layers of the lecture's slide. *Ready* is from the formula to the end of the first call;
*memory* is the most that the process had beyond what it had after its imports. Peers run models
that were written by hand for them. NumPy multiplies matrices in one thread, JAX and torch in as
many as they choose.

"""
NO_GPU = """\
Neither JAX nor torch found a GPU on this machine, so AlexNet (batch 128) and the LSTM (500 steps)
were not measured on one. Where there is one, `python -m tests.benchmarks --only gpu --output
gpu.md` does so."""
PEERS = (
    ("two layers", "symgrad, NumPy", "NumPy, by hand", "single", 1.1),
    *((net, "symgrad, JAX", "JAX, value_and_grad", "single", 1.1) for net in ("alexnet", "lstm")),
    *((net, "symgrad, torch", "torch, autograd", "single", 1.1) for net in ("alexnet", "lstm")),
    ("alexnet", "symgrad, NumPy", "torch, autograd", "bytes", 1.5),
)


def net_parts(results: Results) -> list[str]:
    """Return the sections on networks that were measured."""
    kinds = {job[0] for job in results}
    found = []
    if "nets" in kinds:
        found.append("## Training steps\n\n" + INTRO + net_table(results, "nets", NETS))
    if "gpu" in kinds:
        measured = any("single" in f for j, r in results.items() if j[0] == "gpu" for f in r if f)
        rows = net_table(results, "gpu", GPU_NETS) if measured else NO_GPU
        found.append("## Training steps on a GPU\n\n" + rows)
    return found


def net_table(results: Results, kind: str, nets: Mapping[str, Net]) -> str:
    header = ("network", "contender", "ready", "step", "memory", "/ best symgrad")
    return table(header, net_rows(results, kind, nets))


def net_rows(results: Results, kind: str, nets: Mapping[str, Net]) -> Iterable[Sequence[str]]:
    for name, net in nets.items():
        jobs = [job for job in NET_JOBS if job[:2] == (kind, name) and job in results]
        own = [figure(results, j, "single") for j in jobs if j[2].startswith("symgrad")]
        ours = min((t for t in own if not math.isnan(t)), default=math.nan)
        for job in jobs:
            ready, step, size = (figure(results, job, k) for k in ("ready", "single", "bytes"))
            if math.isnan(step):
                continue
            mark = disagreement(results, job, "symgrad, JAX")
            shown = time_text(ready), time_text(step), f"{size / 1e6:,.0f} MB"
            yield net.title, job[2] + mark, *shown, ratio_text(step, ours)


def net_goals(results: Results) -> list[Goal]:
    """Return what each step may take of its peer's time, or memory."""
    found: list[Goal] = []
    for net, ours, peer, key, most in PEERS:
        own, other = (figure(results, ("nets", net, name), key) for name in (ours, peer))
        if math.isnan(own) or math.isnan(other):
            continue
        what = "memory of a step" if key == "bytes" else "a step"
        ratio = own / other
        says = f"`{net}`: {what}, {ours} / {peer}"
        found.append((says, f"≤ {most:g}", times_text(ratio), ratio <= most))
    return found
