"""The lecture's examples: every number of the lecture, and the files that show them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.dom import minidom

import numpy as np
import pytest
from click.testing import CliRunner

import symgrad as sg
from symgrad.cli import main
from symgrad.errors import UnknownNameError, UnsupportedError
from symgrad.show import gallery
from symgrad.show.page_data import record
from symgrad.show.page_file import known_gates, packed

ROOT = Path(__file__).resolve().parents[2]
ROUNDING = 1e-14
PRINTED = 5e-11  # numbers that the lecture's notes give to ten places

NEURON_INPUTS = {
    "w0": (2, -0.1966119332414819),
    "x0": (-1, 0.3932238664829638),
    "w1": (-3, -0.3932238664829638),
    "x1": (-2, -0.5898357997244457),
    "w2": (-3, 0.1966119332414819),
}
SLOPE = 0.1966119332414819

# By example: value and gradient of each node, in topological order where it has no name.
LECTURE: dict[str, dict[str, tuple[object, object]]] = {
    "circuit": {"x": (-2, -4), "y": (5, -4), "z": (-4, 3), "q": (3, -4), "f": (-12, 1)},
    "neuron": {
        **NEURON_INPUTS,
        "w0*x0": (-2, SLOPE),
        "w1*x1": (6, SLOPE),
        "v2 + v5": (4, SLOPE),
        "s": (1, SLOPE),
        "f": (0.731058578630005, 1),
    },
    "neuron_gates": {
        **NEURON_INPUTS,
        "w0*x0": (-2, SLOPE),
        "w1*x1": (6, SLOPE),
        "v3 + v6": (4, SLOPE),
        "s": (1, SLOPE),
        "-s": (-1, -SLOPE),
        "exp(v10)": (0.367879441171442, -0.534446645388523),
        "1 + v11": (1.367879441171442, -0.534446645388523),
        "f": (0.731058578630005, 1),
    },
    "staged": {
        "x": (3, 2.0595697955721649),
        "y": (-4, 1.5922327514838093),
        "sigy": (0.01798620996209156, 0.5121444488396316),
        "num": (3.0179862099620918, 0.5121444488396316),
        "sigx": (0.9525741268224334, -0.7915934472725935),
        "xpy": (-1, 1.583186894545187),
        "xpysqr": (1, -0.7915934472725935),
        "den": (1.9525741268224334, -0.7915934472725935),
        "invden": (0.5121444488396316, 3.0179862099620918),
        "f": (1.5456448841066441, 1),
    },
    "gates": {
        "x": (3, -8),
        "y": (-4, 6),
        "z": (2, 2),
        "w": (-1, 0),
        "x*y": (-12, 2),
        "max(z, w)": (2, 2),
        "v3 + v6": (-10, 2),
        "f": (-20, 1),
    },
    "norm": {
        "W": ([[0.1, 0.5], [-0.3, 0.8]], [[0.088, 0.176], [0.104, 0.208]]),
        "x": ([0.2, 0.4], [-0.112, 0.636]),
        "q": ([0.22, 0.26], [0.44, 0.52]),
        "f": (0.116, 1),
    },
    "olah": {"a": (2, 2), "b": (1, 5), "c": (3, 2), "d": (2, 3), "e": (6, 1)},
    "micrograd": {
        "a": (-4, 138.833819242),
        "b": (2, 645.577259475),
        "g": (24.7040816327, 1),
    },
    "two_layer": {
        "z": ([2.28, -0.68], [-0.0056833598, 0]),
        "h": ([2.28, 0], [-0.0056833598, -0.0368176897]),
        "s": ([0.4332, -0.228, 0.228], [0.4290527237, 0.2214905247, -0.6505432484]),
        "W1": ([[0.18, 0.04], [0.1, 0.22]], [[-0.0909337567, 0], [0.0341001588, 0]]),
        "W2": (
            [[0.19, -0.1, 0.1], [-0.02, -0.01, 0.04]],
            [[0.9782402101, 0.5049983962, -1.4832386063], [0, 0, 0]],
        ),
        "L": (1.0513754685, 1),
    },
}
PLACES = {"micrograd": 5e-10, "two_layer": PRINTED}
# (nodes, edges) as the lecture counts them: constants are folded into their gates.
SIZES = {
    "circuit": (5, 4),
    "neuron": (10, 9),
    "neuron_gates": (13, 12),
    "staged": (10, 12),
    "gates": (8, 7),
    "olah": (5, 5),
}


def test_every_example_has_the_lectures_numbers() -> None:
    assert LECTURE.keys() == set(sg.examples.names())


@pytest.mark.parametrize(
    ("name", "node"), [(name, node) for name, nodes in LECTURE.items() for node in nodes]
)
def test_a_node_has_the_lectures_value_and_gradient(name: str, node: str) -> None:
    told = sg.examples.load(name).account
    gate = next(g for g in told.gates if node in (g.label, g.formula))
    value, grad = LECTURE[name][node]
    places = PLACES.get(name, ROUNDING)

    np.testing.assert_allclose(gate.value, value, rtol=places, atol=places)
    np.testing.assert_allclose(gate.grad, grad, rtol=places, atol=places)


@pytest.mark.parametrize("name", SIZES)
def test_an_example_has_as_many_nodes_and_edges_as_the_lectures_drawing(name: str) -> None:
    told = sg.examples.load(name).account

    assert SIZES[name] == (len(told.gates), sum(len(g.wires) for g in told.gates))


def test_local_gradients_are_the_lectures() -> None:
    (by_q, by_z) = sg.examples.load("circuit").account.gates[-1].wires
    (by_s,) = sg.examples.load("neuron").account.gates[-1].wires

    assert (-4, 3) == (by_q.number, by_z.number)
    np.testing.assert_allclose(by_s.number, SLOPE, rtol=ROUNDING)


def test_the_scores_get_the_probabilities_less_one_for_the_right_class() -> None:
    scores = next(g for g in sg.examples.load("two_layer").account.gates if g.label == "s")
    probabilities, right = [path.product for path in scores.paths]

    np.testing.assert_allclose(
        probabilities, [0.4290527237, 0.2214905247, 0.3494567516], atol=PRINTED
    )
    np.testing.assert_array_equal(right, [0, 0, -1])


def test_the_lecture_is_complete_where_it_names_every_node() -> None:
    for name in ("circuit", "neuron", "neuron_gates", "staged", "gates", "olah"):
        assert len(LECTURE[name]) == len(sg.examples.load(name).account.gates)


def test_numbers_are_those_of_the_run() -> None:
    example = sg.examples.load("olah")

    assert (1.0, 5.0) == example.numbers["b"]
    assert 6.0 == example.run.output


def test_an_example_draws_itself_and_makes_its_page(tmp_path: Path) -> None:
    example = sg.examples.load("circuit")
    example.draw(tmp_path / "c.svg", theme="dark")
    made = example.page(tmp_path / "c.html")

    minidom.parse(str(tmp_path / "c.svg"))
    assert made == (tmp_path / "c.html").read_text(encoding="utf-8")


def test_an_unknown_example_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean `circuit`"):
        sg.examples.load("circus")


# --- the command ---


def invoked(*args: str) -> str:
    done = CliRunner().invoke(main, ["examples", *args])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_lists_them() -> None:
    printed = invoked()

    assert all(name in printed for name in sg.examples.names())


@pytest.mark.parametrize("name", LECTURE)
def test_the_command_prints_the_exact_numbers(name: str) -> None:
    printed = invoked(name)
    example = sg.examples.load(name)

    for value, grad in example.numbers.values():
        for number in np.ravel([value, grad] if grad is not None and not np.ndim(value) else []):
            assert re.search(rf"(?<![\d.]){re.escape(f'{float(number) + 0.0:.17g}')}|"
                             rf"{re.escape(repr(float(number) + 0.0))}", printed)  # fmt: skip
    assert str(example.explain()) in printed


def test_the_command_writes_picture_page_and_derivation(tmp_path: Path) -> None:
    invoked("norm", "--out", str(tmp_path / "new"))

    assert {"norm.svg", "norm.html", "norm.md"} == {p.name for p in (tmp_path / "new").iterdir()}
    minidom.parse(str(tmp_path / "new" / "norm.svg"))
    assert "dW = dq@x.T" in (tmp_path / "new" / "norm.md").read_text()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UnsupportedError, match="cannot be written"):
        gallery.written(tmp_path / "file" / "below")


# --- the gallery in the docs ---

ADVICE = "write it anew with `symgrad examples --out docs`"


def test_the_gallery_is_up_to_date() -> None:
    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8") == gallery.gallery(), ADVICE


@pytest.mark.parametrize("name", LECTURE)
def test_the_pictures_of_the_gallery_are_up_to_date(name: str) -> None:
    found = (ROOT / "docs" / "gallery" / f"{name}.svg").read_text(encoding="utf-8")

    assert found == gallery.picture(sg.examples.load(name)), ADVICE


@pytest.mark.parametrize("name", LECTURE)
def test_the_pages_of_the_gallery_are_up_to_date(name: str) -> None:
    example = sg.examples.load(name)
    found = (ROOT / "docs" / "gallery" / f"{name}.html").read_text(encoding="utf-8")

    # The template around the record changes with the page's sources; the record is the example.
    told = record(example.graph, example.at, known=known_gates(), title=example.title)
    assert packed(told) in found, ADVICE


def test_every_link_of_the_gallery_leads_somewhere() -> None:
    written = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", written)

    assert 2 * len(LECTURE) == len(links)
    assert all((ROOT / "docs" / link).exists() for link in links)


def test_the_first_picture_of_the_readme_is_made_here() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert "docs/gallery/neuron.svg" in readme


# --- the notebook ---


def test_the_notebook_runs_and_shows_pictures_tables_and_formulas() -> None:
    nbformat = pytest.importorskip("nbformat", reason="the extra `notebook` is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra `notebook` is not installed")
    pytest.importorskip("ipykernel", reason="the extra `notebook` is not installed")
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    kinds = {kind for out in outputs for kind in out.get("data", {})}

    assert {"image/svg+xml", "text/html", "text/markdown", "text/latex"} <= kinds
    assert not [out for out in outputs if out["output_type"] == "error"]


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]

    assert [] == [out for cell in cells for out in cell.get("outputs", [])]
    assert {None} == {cell.get("execution_count") for cell in cells if cell["cell_type"] == "code"}


# --- what notebooks show ---


def test_graphs_runs_and_reports_have_rich_forms() -> None:
    source, at = sg.graph("q = x + y; f = q*z"), {"x": -2, "y": 5, "z": -4}
    run, report = sg.run(source, at), sg.check_grad(source, at)

    assert source._repr_svg_().startswith("<svg")
    assert source._repr_html_() == source._repr_svg_()
    assert "q = x + y" in source._repr_latex_()
    assert "<svg" in run._repr_html_() and "<table>" in run._repr_html_()
    assert "f = q z = 3 \\cdot \\left(-4\\right) = -12" in run._repr_latex_()
    assert "happy" in report._repr_html_()
    assert report._repr_svg_() is None


def test_what_is_too_big_or_has_several_outputs_is_shown_as_text() -> None:
    large = sg.graph(" + ".join(f"x{k}*y{k}" for k in range(400)))

    assert large._repr_svg_() is None
    assert large._repr_latex_() is None
    assert large._repr_html_() is None
    assert sg.graph(["x*y", "x + y"])._repr_latex_() is None
    assert str(large).startswith("<Graph of")
