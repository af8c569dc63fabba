"""Whatever a symbol is called, it is text in every format: 200 names that would like to be more.

Each format is read back by a reader that is not ours (XML, DOT) or by the format's own rules for
text (Mermaid's codes, TeX's special characters).
"""

from __future__ import annotations

import html
import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from sympy import Add, Symbol

import symgrad as sg
from symgrad.show.draw_gates import LONGEST_NAME
from symgrad.show.draw_text import text_width, visible
from symgrad.show.draw_tikz import SIGNS, SPECIAL, WORDS

PAYLOADS = (
    "<script>alert(1)</script>",
    "</text></svg><script>x</script>",
    "<image href='//x/y.png'/>",
    "<a xlink:href='javascript:x'>",
    'x" onload="alert(1)',
    "x' onclick='alert(1)",
    "]]><!--",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>",
    "<?xml version='1.0'?>",
    "&lt;b&gt;",
    "&#60;script&#62;",
    "&amp;",
    "&undefined;",
    "{fill:red}</style>",
    '"]; n9 [URL="javascript:x"]; "',
    "\\N \\G \\L \\E",
    "\\",
    '\\"',
    "a\\nb",
    "{a|b|c}",
    "<<b>bold</b>>",
    '"] --> n9["',
    "%% comment",
    "#35;quot;",
    "end",
    "subgraph x",
    'click n0 "javascript:x"',
    "`code`",
    "- item",
    "1. item",
    "\\input{/etc/passwd}",
    "\\write18{ls}",
    "\\end{document}",
    "$x^2$ 50% #1 ~ ^ _ {}",
    "--- `` '' !` ?` ,, << >>",
    "line\nbreak",
    "tab\tand\rreturn",
    "nul\x00bell\x07escape\x1b[31m",
    "right\u202eto left",
    "zero\u200bwidth",
    "line\u2028separator",
    "lone \ud800 surrogate",
    "not a character \uffff",
    "漢字かな",
    "עברית",
    "e\u0301 combining",
    "\U0001f600",
    "α_β + γ",
    "a" * 500,
    "W" * 80,
)
WRAPPED = ("{}", "q {} r", '"{}"', "<{}>")
NAMES = [form.format(name) for form, name in itertools.product(WRAPPED, PAYLOADS)]

ELEMENTS = {"svg", "title", "desc", "style", "g", "text", "path", "rect", "circle"}
ATTRIBUTES = {
    *("id", "role", "aria-labelledby", "width", "height", "viewBox", "style", "class"),
    *("x", "y", "r", "rx", "cx", "cy", "d", "fill", "stroke", "stroke-width", "stroke-dasharray"),
    *("font-family", "font-size", "font-weight", "font-style", "text-anchor"),
}


def test_there_are_two_hundred_names() -> None:
    assert 200 == len(set(NAMES))


def pictured(name: str) -> sg.Picture:
    symbol, x = Symbol(name), Symbol("x")
    return sg.draw(symbol * x + symbol, {symbol: 1.5, x: 2}, title=name)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_is_text_in_every_format(name: str) -> None:
    picture = pictured(name)
    shown = visible(name, LONGEST_NAME)

    check_svg(picture.svg, shown)
    check_mermaid(picture.mermaid, visible(name, 60))
    check_tikz(picture.tikz, shown)


def check_svg(text: str, shown: str) -> None:
    """The XML reader finds the name as text, and nothing but what pictures are made of."""
    root = ET.fromstring(text.encode())
    tags = {element.tag.split("}")[1] for element in root.iter()}
    attributes = {key for element in root.iter() for key in element.attrib}
    texts = [element.text for element in root.iter() if element.tag.endswith("}text")]

    assert tags <= ELEMENTS
    assert attributes <= ATTRIBUTES
    assert shown in texts


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("start", range(0, 200, 50))
def test_names_are_text_in_dot(start: int) -> None:
    """Another reader of DOT finds as many nodes and wires as there are, and each name whole."""
    pydot = pytest.importorskip("pydot", reason="pydot, of the extra `test`, is not installed")
    names = NAMES[start : start + 50]
    symbols = [Symbol(name) for name in names]
    picture = sg.draw(Add(*symbols, evaluate=False), title=names[0], local=False)
    (graph,) = pydot.graph_from_dot_data(picture.dot)
    nodes = [node for node in graph.get_nodes() if re.fullmatch(r"n\d+", node.get_name())]
    found = {unquoted(node.get_label()).split("\n")[0] for node in nodes}
    keys = {key for node in nodes for key in node.get_attributes()}

    assert 50 + 49 == len(nodes)
    assert 2 * 49 == len(graph.get_edges())
    assert {"shape", "style", "label"} == keys
    assert {visible(name, 60) for name in names} <= found
    assert visible(names[0]) == unquoted(graph.get_label())


def unquoted(label: str) -> str:
    """Read a quoted label as Graphviz does: escapes, then entities."""
    assert label[0] == label[-1] == '"'
    plain = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], label[1:-1])
    return html.unescape(plain)


def check_mermaid(text: str, shown: str) -> None:
    """Each line is of a known form, and the codes in a label give the name back."""
    label = r'"((?:[^"#;<>`&\\{}\[\]|]|#\d+;|<br/>)*)"'
    node = re.compile(rf"  n\d+(?:\(\[|\(|\[\[|\[){label}(?:\]\)|\)|\]\]|\]):::\w+")
    wire = re.compile(rf"  n\d+ -->(?:\|{label}\|)? n\d+")
    style = re.compile(r"  classDef \w+ fill:#\w{6},stroke:#\w{6},color:#\w{6}")
    first, *lines = text.splitlines()
    names = []
    for line in lines:
        found = node.fullmatch(line)
        if found:
            codes = found[1].split("<br/>")[0].replace("#8203;", "")
            names.append(re.sub(r"#(\d+);", lambda m: chr(int(m[1])), codes))
        assert found or wire.fullmatch(line) or style.fullmatch(line), line

    assert "flowchart LR" == first
    assert shown in names


TEX = {code: char for char, code in (SPECIAL | WORDS).items()}
TEX |= {f"${code}$": char for char, code in SIGNS.items()}
TOKENS = re.compile(
    "|".join([*map(re.escape, sorted(TEX, key=len, reverse=True)), r"\\sgchar\{([0-9A-F]{4,6})\}"])
)


def check_tikz(text: str, shown: str) -> None:
    """Between the braces of a node there is nothing but letters and the codes of signs."""
    node = re.compile(r"\\node\[[^\]]*\] at \([\d.,-]+\) \{(.*)\};")
    body = text.split("join=round]\n")[1].split("\\end{tikzpicture}")[0]
    names = []
    for line in body.splitlines():
        if line.startswith("\\path["):
            continue
        found = node.fullmatch(line)
        assert found, line
        rest = TOKENS.sub("", found[1])
        assert not set(rest) & set("\\{}$%#&_^~"), line
        assert rest.isascii()
        names.append(TOKENS.sub(lambda m: chr(int(m[1], 16)) if m[1] else TEX[m[0]], found[1]))

    assert shown in names


@pytest.mark.parametrize("name", ["W" * 80, "漢字かな" * 9, "a b " * 40, "m" * 29])
def test_a_long_name_fits_its_box(name: str) -> None:
    picture = pictured(name)
    root = ET.fromstring(picture.svg)
    rects = [e for e in root.iter() if e.tag.endswith("}rect")]
    widest = max(float(r.attrib["width"]) for r in rects[1:])

    assert text_width(visible(name, LONGEST_NAME), 13, bold=True) < widest
