"""Pictures: the lecture's drawings as golden files, and what every picture promises."""

from __future__ import annotations

import itertools
import os
import re
import runpy
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import symgrad as sg
from symgrad.cli import main
from symgrad.dag.digraph import graph
from symgrad.errors import SymgradError, UnknownNameError, UnsupportedError
from symgrad.show.account import account
from symgrad.show.draw_shapes import FACES, Group, Line, Plate, Words, leaves
from symgrad.show.draw_theme import DARK, LIGHT, LINES, SURFACES, contrast

HERE = Path(__file__).parent
given = SimpleNamespace(**runpy.run_path(str(HERE / "drawings.py")))
DRAWINGS, GOLDEN, SUFFIXES = given.DRAWINGS, given.GOLDEN, given.SUFFIXES
faults = runpy.run_path(str(HERE / "geometry.py"))["faults"]
ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
POINT = {"x": -2, "y": 5, "z": -4}
CIRCUIT = "q = x + y; f = q*z"


def group_of(picture: sg.Picture, start: str) -> Group:
    """Return the gate whose sentence begins so."""
    found = [
        i for i in picture.scene.items if isinstance(i, Group) and i.sentence.startswith(start)
    ]
    assert len(found) == 1, [i.sentence for i in picture.scene.items if isinstance(i, Group)]
    return found[0]


def said(group: Group, role: str) -> list[str]:
    return [i.text for i in leaves(group.items) if isinstance(i, Words) and i.role == role]


# --- golden files ---


@pytest.mark.parametrize(("name", "kind"), list(itertools.product(DRAWINGS, SUFFIXES)))
def test_the_lectures_drawings_are_the_golden_files(name: str, kind: str) -> None:
    """After a wanted change: `python tests/show/drawings.py`, and look at the pictures."""
    golden = (GOLDEN / f"{name}{SUFFIXES[kind]}").read_text(encoding="utf-8")

    assert golden == DRAWINGS[name]().as_format(kind)


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    script = "import runpy; made = runpy.run_path('tests/show/drawings.py')['DRAWINGS']; "
    script += "p = made['a5_staged_gates'](); print(p.svg, p.dot, p.mermaid, p.tikz)"

    def printed(seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, "-c", script]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, check=True
        ).stdout

    assert printed("1") == printed("2") != b""


# --- what lies where ---


@pytest.mark.parametrize("name", DRAWINGS)
def test_nothing_lies_on_anything_else(name: str) -> None:
    assert [] == faults(DRAWINGS[name]().scene.items)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_lies_on_anything_else_in_random_graphs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    forms = ("{a} + {b}", "{a}*{b}", "tanh({a})", "max({a}, {b}, {a}*2)", "{a}/{b}", "sigmoid({a})")
    names, lines = ["alpha", "b", "an_input_with_a_long_name"], []
    for k in range(24):
        a, b = rng.choice(names[-6:], 2)
        lines.append(f"t{k}{'_longer' * (k % 3)} = " + rng.choice(forms).format(a=a, b=b))
        names.append(lines[-1].split(" ")[0])
    text = "; ".join(lines)
    at = {str(s): 0.7 - 0.4 * k for k, s in enumerate(graph(text).inputs)}

    for collapsed in (True, False):
        assert [] == faults(sg.draw(text, at, collapsed=collapsed).scene.items)


def test_faults_are_seen_where_there_are_some() -> None:
    """The test above sees an overlap when one is made."""
    scene = sg.draw(CIRCUIT, POINT).scene
    text = next(i for i in leaves(scene.items) if isinstance(i, Words) and i.role == "value")
    plate = next(i for i in leaves(scene.items) if isinstance(i, Plate) and i.role == "gate")

    assert faults((*scene.items, Words(text.x + 1, text.y, "9", "value", text.anchor)))
    assert faults((*scene.items, Plate(plate.left + 5, plate.top, 10, 10, 2, "gate")))


def test_values_stand_above_and_gradients_below_their_wire() -> None:
    group = group_of(sg.draw(CIRCUIT, POINT), "q = x + y")
    words = {i.role: i for i in leaves(group.items) if isinstance(i, Words)}
    gate = next(i for i in leaves(group.items) if isinstance(i, Plate) and i.role == "gate")
    axis = gate.top + gate.height / 2

    assert ("3", "-4") == (words["value"].text, words["grad"].text)
    assert words["value"].y < axis < words["grad"].bounds[1]


def test_no_meaning_hangs_on_colour_alone() -> None:
    """Each value has a flag to the right beside it, each gradient one to the left."""
    group = group_of(sg.draw(CIRCUIT, POINT), "f = q*z")
    flags = [i for i in leaves(group.items) if i.role in ("forward", "backward")]

    tips = {flag.role: flag.points[1][0] - flag.points[0][0] for flag in flags}

    assert 2 == len(flags)
    assert tips["forward"] > 0 > tips["backward"]


def test_the_neurons_gates_show_the_lectures_numbers() -> None:
    picture = given.DRAWINGS["a4_neuron_gates"]()
    found = {
        said(item, "symbol")[0]: (said(item, "value")[0], said(item, "grad")[0])
        for frame in picture.scene.items
        if isinstance(frame, Group) and frame.kind == "frame"
        for item in frame.items
        if isinstance(item, Group)
    }

    assert {
        "×-1": ("-1", "-0.1966"),
        "exp": ("0.3679", "-0.5344"),
        "+1": ("1.368", "-0.5344"),
        "1/x": ("0.7311", "1"),
    } == found


def test_a_frame_holds_its_gates_and_nothing_else() -> None:
    picture = DRAWINGS["a5_staged_gates"]()
    frames = [i for i in picture.scene.items if isinstance(i, Group) and i.kind == "frame"]

    assert 2 == len(frames)
    for frame in frames:
        left, top, right, bottom = next(
            i.bounds for i in frame.items if isinstance(i, Plate) and i.role == "frame"
        )
        assert 4 == sum(isinstance(i, Group) for i in frame.items)
        for other in picture.scene.items:
            if isinstance(other, Group) and other is not frame:
                a, b, c, d = other.bounds
                assert c <= left or a >= right or d <= top or b >= bottom


def test_a_frame_that_a_wire_would_leave_and_enter_again_is_not_drawn() -> None:
    """In log(exp(a) + exp(b)), b reads exp(a): the spelled composite is no closed piece."""
    picture = sg.draw("log(exp(a) + exp(exp(a) + 1))", {"a": 0.5}, collapsed=False)
    kinds = {i.kind for i in picture.scene.items if isinstance(i, Group)}

    assert picture.account.groups
    assert "frame" not in kinds
    assert [] == faults(picture.scene.items)


def test_parallel_wires_stay_apart() -> None:
    lines = [i for i in sg.draw("x*x", {"x": 3}).scene.items if isinstance(i, Line)]
    heights = sorted(line.points[-1][1] for line in lines if line.role == "wire")

    assert 2 == len(heights)
    assert heights[1] - heights[0] > 10


def test_what_arrives_on_several_ways_is_written_on_each() -> None:
    picture = sg.draw("c = a + b; d = b + 1; e = c*d", {"a": 2, "b": 1})
    parts = said(group_of(picture, "c = "), "part") + said(group_of(picture, "d = "), "part")

    assert ["2", "3"] == parts
    assert ["5"] == said(group_of(picture, "input b"), "grad")


def test_a_run_that_was_not_made_is_a_dash_and_never_zero() -> None:
    picture = sg.draw("q = x + y; f = q*z")
    texts = [i for i in leaves(picture.scene.items) if isinstance(i, Words)]

    assert {"—"} == {i.text for i in texts if i.role in ("value", "grad")}
    assert [] == [i.text for i in texts if "0" in i.text]
    for kind in SUFFIXES:
        assert not re.search(r"[▸◂] 0", str(picture.as_format(kind)))


def test_a_gradient_that_does_not_flow_is_zero_where_a_run_was_made() -> None:
    picture = sg.draw("2*(x*y + max(z, w))", {"x": 3, "y": -4, "z": 2, "w": -1})

    assert ["0"] == said(group_of(picture, "input w"), "grad")


def test_roles_kinks_and_composites_are_marked_and_explained() -> None:
    picture = sg.draw("relu(x)*max(a, b) + sigmoid(x)", {"x": 0, "a": 1, "b": 1})
    legend = next(i for i in picture.scene.items if isinstance(i, Group) and i.kind == "legend")
    explained = " ".join(said(legend, "legend"))

    for word in ("distributor", "switcher", "router", "kink", "several gates in one"):
        assert word in explained
    groups = [i for i in picture.scene.items if isinstance(i, Group)]
    kinked = [group for group in groups if "at its kink" in group.sentence]
    assert [["kink"], ["kink"]] == [said(group, "kink") for group in kinked]


def test_constants_are_folded_into_their_gate() -> None:
    picture = sg.draw("(x + 1)*-1", {"x": 2})
    signs = [t for i in picture.scene.items if isinstance(i, Group) for t in said(i, "symbol")]

    assert ["+1", "×-1"] == signs


def test_a_small_matrix_is_written_out_and_a_large_one_summarised() -> None:
    small = DRAWINGS["a7_squared_norm"]()
    inputs = sg.tensor("X", 64, 100)
    large = sg.draw(sg.sum(inputs), {"X": np.ones((64, 100))})

    assert ["0.1", "-0.3", "0.5", "0.8"] == said(group_of(small, "input W"), "value")
    assert ["2×2"] == said(group_of(small, "input W"), "shape")
    assert ["64×100: 1…1"] == said(group_of(large, "input X"), "value")


def test_blocks_and_loops_are_labelled_boxes() -> None:
    cell = sg.block("cell", ["h", "x"], [sg.parse("tanh(0.5*h + x)").expr])
    h, x = graph("h*x").inputs
    loop = sg.draw(sg.scan(cell, [h], params=[x], length=5), {"h": 0.1, "x": 0.2})
    block = sg.draw(cell(h, x) + 1, {"h": 0.1, "x": 0.2})
    groups = {i.kind: i for p in (loop, block) for i in p.scene.items if isinstance(i, Group)}

    assert ["cell"] == said(groups["block"], "symbol") == said(groups["loop"], "symbol")
    assert ["5 steps"] == said(groups["loop"], "shape")


# --- SVG ---


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_svg_is_xml_with_a_title_and_a_description_for_screen_readers(theme: str) -> None:
    root = ET.fromstring(sg.draw(CIRCUIT, POINT, theme=theme, title="A circuit").svg)
    labels = root.attrib["aria-labelledby"].split()
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None

    assert "img" == root.attrib["role"]
    assert labels == [title.attrib["id"], description.attrib["id"]]
    assert "A circuit" == title.text
    assert "q = x + y; value 3; gradient -4; distributor." in str(description.text)


def test_the_dark_is_a_matter_of_style_and_light_has_no_style_sheet() -> None:
    auto, light, dark = (sg.draw("x*y", theme=t).svg for t in ("auto", "light", "dark"))

    assert "prefers-color-scheme:dark" in auto
    assert "<style" not in light
    assert "<style" not in dark
    assert DARK["page"] in dark
    assert DARK["page"] not in light


def test_styles_of_one_picture_do_not_reach_another() -> None:
    one, other = sg.draw("x*y").svg, sg.draw("x + y").svg
    ids = [re.findall(r'id="(\w+)" role', text)[0] for text in (one, other)]
    rules = re.findall(r"#(\w+) \.", one)

    assert ids[0] != ids[1]
    assert {ids[0]} == set(rules)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_from_every_surface(theme: dict[str, str]) -> None:
    for surface in SURFACES:
        colours = {face.colour for face in FACES.values()}
        assert all(contrast(theme[c], theme[surface]) >= 4.5 for c in colours)
        assert all(contrast(theme[c], theme[surface]) >= 3 for c in LINES)


# --- formats, files, refusals ---


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".svg", b"<svg"),
        (".dot", b"digraph"),
        (".gv", b"digraph"),
        (".mmd", b"flowchart LR"),
        (".tex", b"\\documentclass"),
    ],
)
def test_the_suffix_says_how_a_picture_is_written(
    tmp_path: Path, suffix: str, start: bytes
) -> None:
    place = tmp_path / f"picture{suffix}"

    picture = sg.draw(CIRCUIT, POINT, path=place)

    assert isinstance(picture, sg.Picture)
    assert place.read_bytes().startswith(start)


def test_png_is_painted_with_our_own_letters(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="the extra `png` is not installed")
    picture = sg.draw(CIRCUIT, POINT)
    picture.save(tmp_path / "a.png", scale=1)
    header = (tmp_path / "a.png").read_bytes()[:24]
    width, height = int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")

    assert header.startswith(b"\x89PNG\r\n\x1a\n")
    assert abs(width - picture.scene.width) <= 1
    assert abs(height - picture.scene.height) <= 1
    assert len(picture.png(2)) > len(picture.png(1))


def test_a_png_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)

    with pytest.raises(UnsupportedError, match=r"pip install symgrad\[png\]"):
        sg.draw("x*y").png()


def test_png_has_a_shape_of_its_own_for_every_sign() -> None:
    pytest.importorskip("resvg_py", reason="the extra `png` is not installed")
    from symgrad.show.draw_programs import png

    def painted(char: str) -> bytes:
        svg = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">'
        svg += f'<text x="5" y="30" font-size="24" font-family="DejaVu Sans">{char}</text></svg>'
        return png(svg, (40, 40), 1)

    signs = "×∂σ∘÷√Σ⊙⊗ᵀ⁻¹‖·−—…αβγδλμθ"
    pictures = {painted(sign) for sign in (*signs, " ", "\ue000")}

    assert len(signs) + 2 == len(pictures)


def test_wrong_choices_are_refused_with_the_right_ones(tmp_path: Path) -> None:
    for choice, lesson in [
        ({"theme": "drak"}, "did you mean `dark`"),
        ({"layout": "neat"}, "it is one of `own`, `dot`"),
        ({"format": "swg"}, "did you mean `svg`"),
        ({"thme": "dark"}, "did you mean `theme`"),
        ({"around": "nothing"}, "nothing"),
    ]:
        with pytest.raises(UnknownNameError, match=lesson):
            sg.draw("x*y", **choice)
    with pytest.raises(UnsupportedError, match=r"use one of \.svg, \.png"):
        sg.draw("x*y", path=tmp_path / "a.bmp")
    with pytest.raises(UnsupportedError, match="cannot be written"):
        sg.draw("x*y", path=tmp_path / "none" / "a.svg")
    with pytest.raises(UnsupportedError, match="positive number"):
        sg.draw("x*y").png(0)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_the_program_dot_places_the_gates_where_it_is_asked_to() -> None:
    placed = sg.draw(CIRCUIT, POINT, layout="dot").svg
    tree = ET.fromstring(placed)
    words = {"".join(t.itertext()).strip() for t in tree.iter(SVG + "text")}

    assert {"x", "y", "z"} <= words
    assert any("-12" in w for w in words)


def test_without_the_program_dot_its_layout_is_refused_with_advice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(UnsupportedError, match="install Graphviz"):
        _ = sg.draw("x*y", layout="dot").svg


def test_a_graph_too_large_for_one_picture_is_refused_with_advice() -> None:
    lines = ["t0 = sin(x)", *(f"t{k} = sin(t{k - 1})*x" for k in range(1, 2500))]
    text = "; ".join(lines)
    told = account(text)

    with pytest.raises(SymgradError, match=r"5000 nodes .*around='t\d+'.*sg\.block"):
        sg.draw(told)
    part = sg.draw(told, around="t1000", reach=2)
    assert 3 < len(part.gates) < 20
    assert "t1000" in part.svg


def test_a_picture_shrinks_to_its_page_unless_it_could_not_be_read() -> None:
    chain = "; ".join(["t0 = sin(x)", *(f"t{k} = sin(t{k - 1})*x" for k in range(1, 30))])

    assert "max-width:100%" in sg.draw("x*y").svg
    assert "max-width" not in sg.draw(chain).svg


def test_runs_and_accounts_are_drawn_as_they_were_made() -> None:
    spelled = "1/(1 + exp(-x))"
    made = sg.run(spelled, {"x": 1})

    assert sg.draw(spelled, {"x": 1}, collapsed=None).svg == sg.draw(made).svg
    assert sg.draw(account(made)).svg == sg.draw(made).svg


def test_a_notebook_shows_pictures() -> None:
    assert sg.draw("x*y")._repr_svg_() == str(sg.draw("x*y"))


def test_the_command_draws(tmp_path: Path) -> None:
    place = tmp_path / "neuron.svg"
    done = CliRunner().invoke(
        main, ["draw", CIRCUIT, "--at", "x=-2,y=5,z=-4", "-o", str(place), "--digits", "4"]
    )
    refused = CliRunner().invoke(main, ["draw", "x*y", "-o", str(tmp_path / "a.bmp")])
    text = CliRunner().invoke(main, ["draw", "x*y", "--format", "mermaid"])

    assert 0 == done.exit_code
    assert sg.draw(CIRCUIT, POINT).svg == place.read_text(encoding="utf-8")
    assert 2 == refused.exit_code
    assert text.output.startswith("flowchart LR")
