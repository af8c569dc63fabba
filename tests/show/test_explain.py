"""Derivations, tables and trees: what they say, in every format, and that names stay text."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.dom import minidom

import numpy as np
import pytest
import sympy
from click.testing import CliRunner
from markdown_it import MarkdownIt
from sympy import Symbol

import symgrad as sg
from symgrad.cli import main
from symgrad.dag.express import LITERAL, write
from symgrad.errors import MissingValueError, ShapeError, UnknownNameError, UnsupportedError
from symgrad.expr import literal
from symgrad.rules.table import GATES
from symgrad.show.account import account
from symgrad.show.escape import latex_text, markdown_code, visible

sys.path.insert(0, str(Path(__file__).parent))
from tellings import GOLDEN, files

CIRCUIT, AT = "q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4}
OLAH = "c = a + b; d = b + 1; e = c*d"
NEURON = "s = w0*x0 + w1*x1 + w2; f = 1/(1 + exp(-s))"
AT_NEURON = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}


def lines(text: object) -> list[str]:
    return [line.strip() for line in str(text).splitlines()]


# --- golden files ---

FILES = files()


@pytest.mark.parametrize("name", FILES)
def test_what_is_told_is_what_was_read_and_approved(name: str) -> None:
    advice = "look at the difference; `python tests/show/tellings.py` writes the files anew"

    assert (GOLDEN / name).read_text(encoding="utf-8") == FILES[name], advice


def test_there_is_no_golden_file_that_nothing_writes() -> None:
    assert {p.name for p in GOLDEN.iterdir()} == FILES.keys()


# --- derivations ---


def test_the_forward_line_has_formula_numbers_and_value() -> None:
    assert "q = x + y = -2 + 5 = 3" in lines(sg.explain(CIRCUIT, None, AT))
    assert "f = q*z = 3*(-4) = -12" in lines(sg.explain(CIRCUIT, None, AT))


def test_a_step_names_its_rule_and_multiplies_by_what_arrived() -> None:
    told = lines(sg.explain(CIRCUIT, "q", AT))
    step = told.index("q through f = q*z   (product rule: each factor's slope is the other factor)")

    assert ["∂f/∂q = z = -4", "df/dq = df/df × ∂f/∂q = 1 × (-4) = -4"] == told[step + 1 : step + 3]


def test_forks_are_sums_over_paths() -> None:
    assert "2 paths: de/db = 2 + 3 = 5" in lines(sg.explain(OLAH, None, {"a": 2, "b": 1}))


def test_the_end_is_the_closed_form() -> None:
    told = lines(sg.explain(OLAH, ["b", "a"], {"a": 2, "b": 1}))

    assert ["de/db = a + 2*b + 1 = 5", "de/da = 1 + b = 2"] == told[-2:]


def test_without_a_point_there_is_no_number() -> None:
    told = lines(sg.explain(OLAH))

    assert "2 paths: de/db = de/dc + de/dd" in told
    assert "de/db = a + 2*b + 1" == told[-1]


def test_a_composite_is_told_as_one_or_gate_by_gate() -> None:
    together = lines(sg.explain(NEURON, "s", AT_NEURON))
    apart = lines(sg.explain(NEURON, "s", AT_NEURON, expanded=True))

    assert "∂f/∂s = f*(1 - f) = 0.731059*(1 - 0.731059) = 0.196612" in together
    assert not any("exp(" in line for line in together)
    assert any(line.endswith("= exp(-1) = 0.367879") for line in apart)
    assert "df/ds = df/dv10 × ∂v10/∂s = (-0.196612) × (-1) = 0.196612" in apart


def test_matrices_are_told_with_shapes_and_upstream_products() -> None:
    told = lines(sg.examples.load("norm").explain())

    assert "q = W@x = [0.22, 0.26]   (shape 2)" in told
    assert "dW = dq@x.T = [[0.088, 0.176], [0.104, 0.208]]   (shape 2 × 2)" in told
    assert "dx = W.T@dq = [-0.112, 0.636]   (shape 2)" in told


def test_matrices_of_any_size_are_told_without_numbers() -> None:
    f = sg.parse("q = W@x; f = sum(q .** 2)", shapes={"W": ("m", "n"), "x": ("n",)})
    told = lines(sg.explain(f))

    assert "dW = dq@x.T   (shape m × n)" in told
    assert "df/dW = 2*W@x@x.T   (shape m × n, as W)" in told


def test_the_gradient_by_a_declared_matrix_is_put_on_its_space_in_words() -> None:
    shapes, facts = {"A": ("n", "n"), "x": ("n",), "y": ("n",)}, {"A": ("symmetric",)}
    f = sg.parse("y.T@A@x", shapes=shapes, assume=facts)
    at = {"A": [[2.0, 1], [1, 3]], "x": [1, 2], "y": [3, 5]}
    told = lines(sg.explain(f, "A", at))
    end = "A is symmetric: dA = (G + G.T)/2 of the sum G of what arrives = [[3, 5.5], [5.5, 10]]"

    assert "y@dv2.T = [[3, 6], [5, 10]]   (shape 2 × 2)" in told
    assert end in told
    assert "y@dv2.T, made symmetric: [[3, 5.5], [5.5, 10]]" in str(sg.run(f, at).table())


def test_a_derivation_by_one_variable_leaves_the_others_out() -> None:
    told = str(sg.explain(CIRCUIT, "x", AT))

    assert "df/dx" in told
    assert "df/dy" not in told


def test_kinks_are_said() -> None:
    told = str(sg.explain("max(x, y)", None, {"x": 1, "y": 1}))

    assert "on its kink" in told
    assert "policy min_norm" in told


def test_what_nothing_depends_on_is_said_to_be_zero() -> None:
    told = str(sg.explain("x + stop_gradient(y)", "y", {"x": 1, "y": 2}))

    assert "df/dy = 0" in told


def test_blocks_and_loops_are_told_as_one_gate() -> None:
    h, x, a, b = sympy.symbols("h x a b")
    step = sg.block("step", [h, x], [sympy.tanh(h * x)])
    f = sg.scan(step, [a], [b], length=3)
    told = str(sg.explain(f, None, {"a": 0.3, "b": 0.5}))

    assert "back through the loop" in told
    assert f"{sg.run(f, {'a': 0.3, 'b': 0.5}).grad['a']:.6g}" in told


def test_digits_are_adjustable() -> None:
    assert "0.73105858" in str(sg.explain(NEURON, None, AT_NEURON, digits=8))
    assert "0.73105858" in str(sg.run(NEURON, AT_NEURON).table(digits=8))
    assert "0.73105858" in sg.run(NEURON, AT_NEURON).tree(digits=8)


def test_long_chains_are_told_in_part() -> None:
    chain = Symbol("x")
    for _ in range(500):
        chain = literal.apply(sympy.sin, chain)
    told = str(sg.explain(chain, None, {"x": 1}))

    assert "more nodes" in told
    assert len(told.splitlines()) < 400


def test_closed_forms_of_many_layers_are_not_written_out() -> None:
    w, state = sg.tensor("w", 3, 3), sg.tensor("h", 3)
    for _ in range(40):
        state = sg.map("tanh", w @ state)
    told = str(sg.explain(sg.sum(state)))

    assert "df/dw = (too long to be read; `grad` writes it)" in told
    assert max(map(len, told.splitlines())) < 2_000


def test_a_node_that_many_read_says_how_many_paths_are_left_out() -> None:
    told = lines(sg.explain(" + ".join(f"x*y{k}" for k in range(30)), "x"))

    assert "... and 18 more paths" in told
    assert any(line.startswith("30 paths: df/dx = ") and line.endswith("...") for line in told)


@pytest.mark.parametrize(
    ("error", "ask"),
    [
        (UnsupportedError, lambda: sg.explain("x", format="html")),
        (UnknownNameError, lambda: sg.explain("x*y", "z")),
        (MissingValueError, lambda: sg.explain("x*y", None, {"x": 1})),
        (ShapeError, lambda: sg.explain(["x", "y"])),
    ],
)
def test_wrong_questions_are_refused(error: type[Exception], ask: object) -> None:
    with pytest.raises(error):
        ask()  # type: ignore[operator]


def test_notebooks_show_markdown_or_latex() -> None:
    told = sg.explain(CIRCUIT, None, AT)
    as_latex = sg.explain(CIRCUIT, None, AT, format="latex")

    assert told._repr_markdown_().startswith("**Forward")
    assert told._repr_latex_().startswith(r"\begin{align*}")
    assert as_latex._repr_markdown_() is None


def test_conditions_are_values_and_get_no_gradient() -> None:
    told = lines(sg.explain("where(x > y, x*y, y)", None, {"x": 1, "y": 2}))

    assert "v3 = x > y = 1 > 2 = False" in told
    assert not any(line.startswith("df/dv3") for line in told)


def test_powers_with_a_moving_exponent_are_told_with_a_logarithm() -> None:
    told = lines(sg.explain("x**y", "y", {"x": 2, "y": 3}))

    assert "∂f/∂y = f*log(x) = 8*log(2) = 5.54518" in told


def test_complex_numbers_stand_in_brackets() -> None:
    assert "f = x*y = (1+2j)*2 = 2+4j" in lines(sg.explain("x*y", None, {"x": 1 + 2j, "y": 2}))


def every_gate() -> list[tuple[str, object]]:
    """A formula of each gate of the table that SymPy can write."""
    found = []
    for gate in GATES:
        if gate.head is not None and gate.domain and gate.name not in NOT_ALONE:
            count = max(gate.arity[0], 1 if gate.arity[1] == 1 else 2)
            count = count if gate.arity[1] is None else min(count, gate.arity[1])
            letters = [Symbol(name) for name in "xyzwuvab"[:count]]
            for place in gate.integers:
                if place < count:
                    letters[place] = sympy.Integer(1)
            found.append((gate.name, write(gate, letters, None, LITERAL)))
    return found


NOT_ALONE = {"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "xor", "hyper", "meijerg"}


@pytest.mark.parametrize(("name", "formula"), every_gate(), ids=lambda part: str(part)[:20])
def test_every_gate_of_the_table_can_be_told(name: str, formula: object) -> None:
    told = sg.explain(formula)

    assert "Forward" in str(told)
    balanced(told._repr_latex_())
    assert not re.search(r"_?x\d_?(?![\w\[])", str(told)), "a symbol of the rule's own shows"
    for gate in told.account.gates:
        if gate.wires:
            minidom.parseString(f"<math>{told.account.mathml(gate.node)}</math>")


# --- tables and trees ---


def test_a_table_spells_out_sums_at_forks() -> None:
    table = str(sg.run(OLAH, {"a": 2, "b": 1}).table())

    assert "1 × 2 + 1 × 3 = 2 + 3 = 5" in table


def test_a_tree_has_the_local_gradient_on_each_branch_and_shared_nodes_once() -> None:
    tree = sg.run("q = x + y; f = q*q*z", {"x": 1, "y": 2, "z": 5}).tree().splitlines()

    assert "f = v3*z = 45   gradient 1" == tree[0]
    assert "│  ├─ (3) q = x + y = 3   gradient 30" in tree
    assert any(line.endswith("q (above)") for line in tree)


def test_a_table_of_a_hundred_thousand_nodes_has_a_head_and_says_how_to_see_more() -> None:
    chain = Symbol("x")
    for k in range(50_000):
        chain = literal.add(literal.apply(sympy.sin, chain), Symbol(f"y{k % 3}"))
    run = sg.run(chain, {"x": 0.5, "y0": 0.1, "y1": 0.2, "y2": 0.3})
    table = str(run.table()).splitlines()

    assert 210 > len(table)
    assert "99804 more nodes; .table(rows=None) shows them all" == table[-1]
    assert max(map(len, table)) < 2_000
    assert len(run.tree().splitlines()) <= 201


# --- commands ---


def output(*args: str) -> str:
    done = CliRunner().invoke(main, list(args))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_explains() -> None:
    asked = ("explain", CIRCUIT, "--at", "x=-2,y=5,z=-4", "--wrt", "x")

    assert "df/dx = df/dq × ∂q/∂x = (-4) × 1 = -4" in output(*asked)
    assert r"\frac{d f}{d x}" in output(*asked, "--format", "latex")
    assert "**Backward" in output(*asked, "--format", "markdown")


def test_the_command_explains_matrices_and_composites() -> None:
    assert "dW = dq@x.T" in output("explain", "q = W@x; norm2(q)", "--shape", "W=m,n", "x=n")
    assert "exp(" in output("explain", NEURON, "--expanded")


def test_the_command_prints_a_tree() -> None:
    printed = output("run", CIRCUIT, "--at", "x=-2,y=5,z=-4", "--tree")

    assert "├─ (-4) q = x + y = 3   gradient -4" in printed
    assert "happy" in printed


def test_the_command_refuses_what_is_unknown_without_a_traceback() -> None:
    done = CliRunner().invoke(main, ["explain", "x*y", "--wrt", "z"])

    assert done.exit_code == 2
    assert "Traceback" not in done.output


# --- names are text ---

PIECES = (
    *("<script>alert(1)</script>", "]]>", "<!--", "&amp;", "&", '"', "'", "</style>", "<b>"),
    *("\\input{x}", "\\end{align*}", "$", "$$", "%", "#", "{", "}", "\\", "^", "_", "~"),
    *("`", "``", "```", "|", "*", "[a](b)", "![x](y)", "-", "---", "= =", "()"),
    *("..", "1", "(-2)", "1e5", "-1"),
    *("\n", "\r", "\t", "\x00", "\x1b[31m", "\u202e", "\u200b", "\u2028", "\ufeff", "é", "变量"),
)
NAMES = list(dict.fromkeys(p + q for q in ("", "x", *PIECES[:5]) for p in PIECES))[:204]


def hostile(name: str) -> tuple[object, dict[object, float]]:
    x, y = Symbol(name), Symbol("y")
    return literal.add(literal.mul(x, y), literal.apply(sympy.sin, x)), {x: 1.0, y: 2.0}


def test_there_are_two_hundred_hostile_names() -> None:
    assert len(NAMES) >= 200


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_text_in_every_format(name: str) -> None:
    f, at = hostile(name)
    run = sg.run(f, at)
    told = sg.explain(f, None, at)
    plain = [str(told), str(run.table()), run.tree()]

    for text in (*plain, told._repr_markdown_(), told._repr_latex_()):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\u200b\u2028\ufeff]", text)
    assert all(visible(name) in text for text in plain)
    read_by_a_person(told._repr_markdown_(), visible(name))
    assert r"\input{" not in told._repr_latex_().replace(r"\textbackslash{}input\{", "")
    balanced(told._repr_latex_())
    table = minidom.parseString(run.table()._repr_html_())
    assert visible(name) in {cell.firstChild.data for cell in table.getElementsByTagName("td")}
    for gate in account(f, at).gates:
        if gate.wires:
            minidom.parseString(f"<math>{gate.account.mathml(gate.node)}</math>")


@pytest.mark.parametrize("name", ["<script>", r"\input{x}", "a`b", "x\ny", "]]>", "$x$", "a b"])
def test_the_name_of_a_block_stays_text_too(name: str) -> None:
    h, x, a, b = sympy.symbols("h x a b")
    scalars = sg.block(name, [h, x], [sympy.tanh(h * x)])
    u, v = sg.tensor("u", 2), sg.tensor("v", 2)
    tensors = sg.block(name, [u, v], [u * v])
    for f in (scalars(a, b), sg.sum(sg.scan(tensors, [u], xs=[sg.tensor("vs", 3, 2)]))):
        told = sg.explain(f)
        gate = next(g for g in told.account.gates if g.kind in ("block", "loop"))

        assert visible(name) in str(told)
        read_by_a_person(told._repr_markdown_(), visible(name))
        balanced(told._repr_latex_())
        assert r"\input{" not in told._repr_latex_()
        minidom.parseString(f"<math>{gate.account.mathml(gate.node)}</math>")


def read_by_a_person(markdown: str, name: str) -> None:
    """As Markdown it is paragraphs, lists, emphasis and code; the name is in it, as it stands."""
    tokens = MarkdownIt("commonmark").parse(markdown)
    inside = [t for token in tokens for t in (token.children or [])]
    kinds = {t.type for t in [*tokens, *inside]}

    assert kinds <= PLAIN_MARKDOWN
    spans = [t.content for t in inside if t.type == "code_inline"]
    assert any(name.strip() in span for span in spans)


PLAIN_MARKDOWN = {
    *("paragraph_open", "paragraph_close", "inline", "text", "code_inline", "softbreak"),
    *("strong_open", "strong_close", "bullet_list_open", "bullet_list_close", "text_special"),
    *("list_item_open", "list_item_close"),
}


def balanced(latex: str) -> None:
    """Braces and environments open and close, and one environment holds everything."""
    depth = 0
    for token in re.findall(r"\\.|[{}]", latex, re.DOTALL):
        depth += (token == "{") - (token == "}")
        assert depth >= 0
    assert depth == 0
    begun, ended = (re.findall(rf"\\{word}\{{([^}}]*)\}}", latex) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)
    assert 1 == begun.count("align*")


def test_what_cannot_be_seen_is_spelled() -> None:
    assert "a⟨U+000A⟩b⟨U+202E⟩" == visible("a\nb\u202e")
    assert r"\textbackslash{}input\{x\}" == latex_text(r"\input{x}")


def test_code_spans_are_fenced_by_more_backticks_than_they_hold() -> None:
    assert "```a``b```" == markdown_code("a``b")
    assert "`` `a ``" == markdown_code("`a")


def test_arrays_of_a_batch_are_shown_by_their_ends() -> None:
    run = sg.run("x**2", {"x": np.linspace(0, 1, 50)})

    assert "(50,)" in str(run.table())
    assert "(50,)" in str(sg.explain("x**2", None, {"x": np.linspace(0, 1, 50)}))
