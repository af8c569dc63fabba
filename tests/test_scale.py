"""Size, depth, hash seeds and threads: nothing recurses, and bytes never differ."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Symbol

import symgrad as sg
from symgrad.expr import literal
from symgrad.show.formulas import latex

x = Symbol("x")
ROOT = Path(__file__).parents[1]
DEEP = 100_000
LARGE = sg.Limits(length=100 * DEEP, tokens=100 * DEEP)
FRAMES = 150  # Python frames that a walk over 100,000 levels may take: far fewer than levels


@contextmanager
def few_frames(count: int = FRAMES) -> Iterator[None]:
    """Allow so many Python frames above the caller's."""
    frame: Any = sys._getframe()
    depth = 0
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(depth + count)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def nested(head: Any, depth: int) -> Any:
    """Return head(head(...(x))) as a literal tree."""
    made: Any = x
    for _ in range(depth):
        made = literal.apply(head, made)
    return made


@pytest.fixture(scope="module")
def chain() -> sg.Graph:
    """sin(sin(...(x))), 100,000 deep."""
    with few_frames():
        return sg.graph(nested(sympy.sin, DEEP))


@pytest.fixture(scope="module")
def total() -> sg.Graph:
    """A sum of 100,000 terms in 501 variables."""
    with few_frames():
        return sg.graph("+".join(f"x{k % 1000}" if k % 2 else "y*y" for k in range(DEEP)))


def slope(depth: int, at: float) -> float:
    """Return the derivative of the chain by hand."""
    value, product = at, 1.0
    for _ in range(depth):
        product *= np.cos(value)
        value = np.sin(value)
    return product


# --- depth ---


def test_a_deep_chain_is_one_node_a_level(chain: sg.Graph) -> None:
    assert len(chain) == DEEP + 1


def test_a_deep_chain_is_run_and_differentiated(chain: sg.Graph) -> None:
    with few_frames():
        run = sg.run(chain, {"x": 0.5})

    assert run.grad["x"] == pytest.approx(slope(DEEP, 0.5), rel=1e-9)


def test_gradient_graph_of_a_deep_chain_is_linear(chain: sg.Graph) -> None:
    with few_frames():
        found = sg.grad(chain, "x", form="graph")

    assert len(found) <= 3 * DEEP + 2


def test_a_deep_chain_is_compiled_and_called(chain: sg.Graph) -> None:
    with few_frames():
        _, (found,) = sg.compile(chain)(0.5)

    assert found == pytest.approx(slope(DEEP, 0.5), rel=1e-9)


def test_a_deep_chain_passes_the_check(chain: sg.Graph) -> None:
    with few_frames():
        report = sg.check_grad(chain, {"x": 0.5}, method="complex")

    assert report


def test_stats_of_a_deep_chain_hold_the_certificate(chain: sg.Graph) -> None:
    with few_frames():
        found = sg.stats(chain)

    assert (DEEP, True) == (found.depth, found.with_gradient <= found.bound)


def test_text_of_a_deep_tree_is_printed() -> None:
    deep = nested(sympy.sin, DEEP)
    with few_frames():
        found = sg.text(deep)

    assert found == "sin(" * DEEP + "x" + ")" * DEEP


def test_a_deep_graph_is_saved_and_loaded(chain: sg.Graph) -> None:
    with few_frames():
        saved = chain.to_json()
        again = sg.Graph.from_json(saved).to_json()

    assert saved == again


def test_the_table_of_a_deep_run_is_cut(chain: sg.Graph) -> None:
    with few_frames(400):
        printed = str(sg.run(chain, {"x": 0.5}).table())

    assert "99801 more nodes" in printed


@pytest.mark.parametrize("text", ["1/(1 + {})", "-({})", "({})**2", "sqrt({} + 2)", "max(y, {})"])
def test_every_kind_of_gate_may_be_nested(text: str) -> None:
    lines = ["f0 = x/2"] + [f"f{k + 1} = {text.format(f'f{k}')}" for k in range(2_000)]
    with few_frames():
        graph = sg.graph("; ".join(lines))
        run = sg.run(graph, {str(s): 0.5 for s in graph.inputs})
        sg.grad(graph, "x", form="let")

    assert np.isfinite(run.output)


@pytest.mark.parametrize("order", [1, 2])
def test_let_form_of_a_chain_computes_the_derivative(order: int) -> None:
    depth = 400
    graph = sg.graph(nested(sympy.sin, depth))
    for _ in range(order - 1):
        graph = sg.grad(graph, "x", form="graph")
    with few_frames():
        replacements, reduced = sg.grad(graph, "x", form="let")
    value = computed(replacements, reduced, {x: 0.5})

    assert value == pytest.approx(sg.run(graph, {"x": 0.5}).grad["x"], rel=1e-10)


def computed(replacements: Any, reduced: Any, values: dict[Any, float]) -> float:
    """Compute a let-form line by line."""
    known = {str(k): v for k, v in values.items()}
    for name, line in replacements:
        known[str(name)] = line_value(line, known)
    return line_value(reduced, known)


def line_value(line: Any, known: dict[str, float]) -> float:
    graph = sg.graph(line)
    return float(sg.evaluate(graph, {str(s): known[str(s)] for s in graph.inputs}))


def test_let_form_of_a_deep_chain_prints_as_text() -> None:
    depth = 10_000
    graph = sg.graph(nested(sympy.sin, depth))
    with few_frames():
        replacements, reduced = sg.grad(graph, "x", form="let")
        lines = [f"{name} = {sg.text(line)}" for name, line in replacements] + [sg.text(reduced)]

    assert depth / 50 < len(lines) <= 2 * depth + 2
    assert max(map(len, lines)) < 20 * depth


def test_lines_of_a_let_form_print_as_latex() -> None:
    graph = sg.graph(nested(sympy.sin, 2_000))
    replacements, reduced = sg.grad(graph, "x", form="let")
    lines = [latex(line) for _, line in replacements] + [latex(reduced)]

    assert all(line.count("{") == line.count("}") for line in lines)


@pytest.mark.slow
def test_let_form_of_the_deepest_chain_prints_as_text_and_latex(chain: sg.Graph) -> None:
    with few_frames():
        form = sg.grad(chain, "x", form="let")
        printed = repr(form)
    written = form.latex()

    assert printed.count("\n") == len(form.replacements)
    assert written.count("\n") == len(form.replacements)


# --- width ---


def test_a_long_sum_is_differentiated_in_closed_form(total: sg.Graph) -> None:
    with few_frames():
        gradient = sg.grad(total)

    assert {sg.text(v) for k, v in gradient.items() if str(k) != "y"} == {"100"}
    assert sg.text(gradient[Symbol("y")]) == "100000*y"


def test_a_long_sum_is_run(total: sg.Graph) -> None:
    with few_frames():
        run = sg.run(total, {str(s): 1.0 for s in total.inputs})

    assert (DEEP, 2 * DEEP / 2) == (run.output, run.grad["y"])


def test_let_form_of_a_long_sum_is_printed(total: sg.Graph) -> None:
    with few_frames():
        found = repr(sg.grad(total, form="let"))

    assert found.count("\n") >= 500


def test_a_long_product_is_differentiated_in_linear_size() -> None:
    count = 20_000
    with few_frames():
        found = sg.grad("*".join(f"x{k}" for k in range(count)), form="graph")

    assert len(found) <= 4 * count


def test_hessians_of_separate_terms_are_sparse() -> None:
    formula = "+".join(f"x{k}**2" for k in range(100))
    found = sg.hessian(formula)

    assert found == 2 * sympy.eye(100)


def dense(count: int) -> str:
    """Return text of a graph of about `count` nodes, each used twice."""
    lines = [f"f{k + 1} = sin(f{k})*x + f{k}" for k in range(count // 3)]
    return "; ".join(["f0 = x", *lines])


def everything(text: str, nodes: int) -> None:
    """Build, differentiate, run and print the let-form of a graph."""
    with few_frames():
        graph = sg.graph(text)
        assert len(graph) > 0.99 * nodes
        run = sg.run(graph, {"x": -0.01})
        form = sg.grad(graph, "x", form="let")
        printed = repr(form)

    assert np.isfinite(run.grad["x"])
    assert printed.count("\n") == len(form.replacements)


def test_a_graph_of_twelve_thousand_nodes_takes_every_step() -> None:
    everything(dense(12_000), 12_000)


def test_a_graph_of_a_hundred_thousand_nodes_is_run_and_differentiated() -> None:
    with few_frames():
        graph = sg.graph(sg.parse(dense(DEEP), limits=LARGE))
        grown = sg.grad(graph, "x", form="graph")
        run = sg.run(graph, {"x": -0.01})

    assert len(graph) > 0.99 * DEEP
    assert len(grown) < 5 * DEEP
    assert np.isfinite(run.grad["x"])


@pytest.mark.slow
def test_a_graph_of_three_hundred_thousand_nodes_takes_every_step() -> None:
    with few_frames():
        graph = sg.graph(sg.parse(dense(3 * DEEP), limits=LARGE))
        run = sg.run(graph, {"x": -0.01})
        form = sg.grad(graph, "x", form="let")
        printed = repr(form)

    assert len(graph) > 0.99 * 3 * DEEP
    assert np.isfinite(run.grad["x"])
    assert printed.count("\n") == len(form.replacements)


# --- the same bytes under any hash seed ---

SCRIPT = """
import sympy, symgrad as sg
from symgrad.cli import main
from click.testing import CliRunner
from sympy.abc import x, y, z

formulas = [
    "sin(x)*exp(y*z) + max(x, y, z)*x**y", "1/(1 + exp(-(w0*x0 + w1*x1 + w2)))",
    "where(x > y and y > z, x*y, erf(z)*besselj(1, x))", "q = x + y; p = q*z; f = p**2*q",
    "a*b*c*d*e*g*h*k", "x[0]*x[1] + x[2]**x[0]", "abs(x - y)*relu(z)*hypot(x, y)/gamma(z)",
]
expressions = [
    sympy.Max(x, y, z)*sympy.Min(x, y)*sympy.sin(x + y + z), (x + y)**3*sympy.exp(-x)/z,
    sympy.Piecewise((x, sympy.And(x > y, y > z)), (y, True)), sympy.Sum(x**y, (y, 0, 5)),
    sympy.expand((x + y + z)**4), sympy.Integral(sympy.exp(-x*y), (y, 0, z)),
]
for f in [*formulas, *expressions]:
    graph = sg.graph(f)
    print(sg.text(f) if not isinstance(f, str) else f)
    print(graph.to_json())
    print({str(k): sg.text(v) for k, v in sg.grad(f).items()})
    print(sg.grad(f, form="let"))
    if not graph.names and "[" not in str(f):
        print(sg.text(sg.hessian(f)[0, 0]))
    if not isinstance(f, (sympy.Sum, sympy.Integral)) and not f is expressions[3]:
        print(sg.grad(f, form="graph").to_json())
        print(sg.compile(f).source)
        print(sorted(graph.nx.edges(keys=True)))
        print(sg.stats(f))
for command in (["grad", formulas[0]], ["run", formulas[3], "--at", "x=1,y=2,z=3"],
                ["grad", "x*y", "--wrt", "alpha"], ["check", "x*y", "--at", "x=1,y=2"]):
    print(CliRunner().invoke(main, command).output)
"""


def printed(seed: str) -> str:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_bytes_are_the_same_under_any_hash_seed() -> None:
    first, *others = map(printed, ("0", "1", "2", "random"))

    assert len(first) > 10_000
    for other in others:
        assert first.splitlines() == other.splitlines()


# --- threads ---

WORK: dict[str, Callable[[int], Any]] = {
    "closed forms": lambda k: sg.text(sg.grad(f"sin(x{k % 3})*exp(y) + x{k % 3}**y", "y")),
    "the same formula": lambda k: sg.text(sg.diff("sigmoid(x)*x**3*erf(x)", "x", 3)),
    "let-forms": lambda k: repr(sg.grad(f"besselj({k % 4}, x)*gamma(y)*exp(x*y)", form="let")),
    "SymPy expressions": lambda k: sg.text(sg.grad(sympy.atan2(x, Symbol("y")) * x**k, x)),
    "runs": lambda k: float(sg.run("hypot(x, y)/x", {"x": k + 1.0, "y": 2.0}).grad["x"]),
    "digits": lambda k: str(sg.evaluate("exp(x)*zeta(x + 2)", {"x": k}, digits=30 + 10 * (k % 4))),
    "checks": lambda k: repr(sg.check_grad("x**y*sin(z)", {"x": k + 1.0, "y": 2.0, "z": 1.0})),
    "graphs": lambda k: sg.grad("max(x, y, z)*w", form="graph").to_json(),
}


@pytest.mark.parametrize("work", WORK)
def test_eight_threads_give_the_serial_results(work: str) -> None:
    serial = [WORK[work](k) for k in range(24)]
    with ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(WORK[work], range(24)))

    assert serial == threaded


def test_threads_that_start_cold_give_the_serial_results() -> None:
    gates = ["acosh", "asec", "fresnels", "expint", "chebyshevt", "elliptic_k", "Shi", "airybi"]
    script = (
        "import symgrad as sg\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        f"gates = {gates!r}\n"
        "def derive(g):\n"
        "    f = f'{g}(2, x)' if g in ('expint', 'chebyshevt') else f'{g}(x)'\n"
        "    return sg.text(sg.diff(f, 'x', 2))\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    threaded = list(pool.map(derive, gates * 3))\n"
        "assert threaded == [derive(g) for g in gates * 3]\n"
    )
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )

    assert (0, "") == (done.returncode, done.stderr[-2000:])


def test_threads_of_different_precision_leave_each_other_alone() -> None:
    rough, fine = sg.graph("sin(exp(x))"), sg.graph("+".join(f"sin(x/{k})" for k in range(1, 60)))
    expected = sg.evaluate(fine, {"x": 1}, digits=400)
    finished = threading.Event()

    def disturb() -> None:
        while not finished.is_set():
            sg.evaluate(rough, {"x": 1}, digits=15)

    before, digits = sys.getswitchinterval(), mpmath.mp.dps
    sys.setswitchinterval(1e-6)
    other = threading.Thread(target=disturb)
    other.start()
    try:
        found = {sg.evaluate(fine, {"x": 1}, digits=400) for _ in range(5)}
    finally:
        finished.set()
        other.join()
        sys.setswitchinterval(before)

    assert ({expected}, digits) == (found, mpmath.mp.dps)


def test_one_graph_may_be_used_by_eight_threads() -> None:
    graph = sg.graph("sin(x*y)*exp(z) + x**z")
    work: Callable[[int], str] = lambda k: repr(sg.grad(graph, ["x", "y", "z"][k % 3]))  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        threaded = list(pool.map(work, range(24)))

    assert [work(k) for k in range(24)] == threaded
