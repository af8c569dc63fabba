"""An account as Graphviz DOT and as Mermaid: structure and labels; their programs place them.

Labels are quoted and every character that either language reads is written as its code, so a symbol
stays text whatever it is called. No attribute holds an address.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from symgrad.show.account import Account, GateAccount
from symgrad.show.draw_labels import Style, cells, gradient, local_label
from symgrad.show.draw_text import visible
from symgrad.show.draw_theme import LIGHT

LONGEST = 60  # characters of a line of a label

DOT_SHAPES = {"input": "box", "constant": "box", "block": "box", "loop": "box3d"}
DOT_STYLES = {"input": "rounded", "composite": "bold", "constant": "dashed"}
MERMAID_SHAPES = {
    "input": ("([", "])"),
    "constant": ("[", "]"),
    "composite": ("{{", "}}"),
    "block": ("[[", "]]"),
    "loop": ("[[", "]]"),
}


def label_lines(gate: GateAccount, style: Style) -> list[str]:
    """Return the lines of a node's label: name, sign and sizes, value, gradient, marks."""
    name = [gate.name] if gate.name and gate.kind != "input" else []
    sizes = " " + "×".join(map(str, gate.shape)) if gate.shape else ""
    lines = [*name, gate.symbol + sizes]
    lines += [f"▸ {_flat(gate.value, style)}", f"◂ {_flat(gradient(gate), style)}"]
    lines += [gate.role] if gate.role else []
    lines += ["kink"] if gate.kink else []
    return [visible(line, LONGEST) for line in lines]


def _flat(value: object, style: Style) -> str:
    """Return a value on one line: rows of a small matrix are divided by semicolons."""
    rows = cells(value, style.digits)
    plain = "; ".join(" ".join(row) for row in rows)
    return plain if len(rows) == 1 == len(rows[0]) else f"[{plain}]"


def edges(gates: Sequence[GateAccount], style: Style) -> list[tuple[int, int, str]]:
    """Return the wires between the gates: source, reader, and the local derivative."""
    drawn = {gate.node for gate in gates}
    return [
        (wire.source, gate.node, visible(local_label(wire, style), LONGEST))
        for gate in gates
        for wire in gate.wires
        if wire.source in drawn
    ]


def framed(
    account: Account, gates: Sequence[GateAccount]
) -> tuple[list[tuple[int, str, list[GateAccount]]], list[GateAccount]]:
    """Return the frames with their gates, and the gates that stand free."""
    drawn = {gate.node: gate for gate in gates}
    frames: list[tuple[int, str, list[GateAccount]]] = []
    taken: set[int] = set()
    for root, (name, inside) in sorted(account.groups.items()):
        own = [drawn[n] for n in inside if n in drawn and n not in taken]
        if len(own) == len(inside):
            frames.append((root, name, own))
            taken.update(inside)
    return frames, [gate for gate in gates if gate.node not in taken]


# --- DOT ---


def dot(account: Account, gates: Sequence[GateAccount], style: Style, title: str) -> str:
    """Return the picture as Graphviz DOT.

    Parameters
    ----------
    account : Account
        The whole.
    gates : sequence of GateAccount
        Those that are drawn.
    style : Style
        What is written on them.
    title : str
        A heading, or "".
    """
    lines = [
        "digraph symgrad {",
        '  rankdir=LR; ordering="in"; fontname="DejaVu Sans"; bgcolor="white";',
        f'  node [fontname="DejaVu Sans", fontsize=11, color="{LIGHT["rim"]}"];',
        f'  edge [fontname="DejaVu Sans", fontsize=9, color="{LIGHT["wire"]}"];',
        *([f'  label={_quoted([title])}; labelloc="t";'] if title else []),
    ]
    frames, free = framed(account, gates)
    for root, name, inside in frames:
        lines.append(f"  subgraph cluster_{root} {{")
        lines.append(f'    label={_quoted([name])}; style="dashed";')
        lines += ["  " + _dot_node(gate, style) for gate in inside]
        lines.append("  }")
    lines += [_dot_node(gate, style) for gate in free]
    for source, reader, words in edges(gates, style):
        shown = f" [label={_quoted([words])}]" if words else ""
        lines.append(f"  n{source} -> n{reader}{shown};")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_node(gate: GateAccount, style: Style) -> str:
    shape = DOT_SHAPES.get(gate.kind, "ellipse")
    look = DOT_STYLES.get(gate.kind, "solid")
    words = _quoted(label_lines(gate, style))
    return f'  n{gate.node} [shape={shape}, style="{look}", label={words}];'


def _quoted(lines: Sequence[str]) -> str:
    """Return lines as one quoted string: no escape and no entity is left to be read."""
    return '"' + "\\n".join(_dot_escaped(line) for line in lines) + '"'


def _dot_escaped(line: str) -> str:
    plain = line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return plain.replace("<", "&lt;").replace(">", "&gt;")


# --- Mermaid ---

# What stays as it is in a quoted label: letters, digits, and a few signs that are never syntax.
MERMAID_CODED = re.compile(r"[^A-Za-z0-9 =,()×∂▸◂−÷σΣ√…—⊙⊗ᵀ⁻¹‖]")
MERMAID_COLOURS = (
    f"  classDef input fill:{LIGHT['leaf']},stroke:{LIGHT['rim']},color:{LIGHT['ink']}",
    f"  classDef constant fill:{LIGHT['leaf']},stroke:{LIGHT['rim']},color:{LIGHT['ink']}",
    f"  classDef gate fill:{LIGHT['plate']},stroke:{LIGHT['rim']},color:{LIGHT['ink']}",
    f"  classDef composite fill:{LIGHT['composite']},stroke:{LIGHT['rim']},color:{LIGHT['ink']}",
    f"  classDef block fill:{LIGHT['region']},stroke:{LIGHT['rim']},color:{LIGHT['ink']}",
    f"  classDef loop fill:{LIGHT['region']},stroke:{LIGHT['rim']},color:{LIGHT['ink']}",
)


def mermaid(account: Account, gates: Sequence[GateAccount], style: Style) -> str:
    """Return the picture as a Mermaid flowchart.

    Parameters
    ----------
    account : Account
        The whole.
    gates : sequence of GateAccount
        Those that are drawn.
    style : Style
        What is written on them.
    """
    lines = ["flowchart LR"]
    frames, free = framed(account, gates)
    for root, name, inside in frames:
        lines.append(f'  subgraph g{root}["{coded(name)}"]')
        lines += ["  " + _mermaid_node(gate, style) for gate in inside]
        lines.append("  end")
    lines += [_mermaid_node(gate, style) for gate in free]
    for source, reader, words in edges(gates, style):
        shown = f'|"{coded(words)}"|' if words else ""
        lines.append(f"  n{source} -->{shown} n{reader}")
    kinds = {gate.kind for gate in gates}
    lines += [line for line in MERMAID_COLOURS if line.split()[1] in kinds]
    return "\n".join(lines) + "\n"


def _mermaid_node(gate: GateAccount, style: Style) -> str:
    left, right = MERMAID_SHAPES.get(gate.kind, ("(", ")"))
    words = "<br/>".join(coded(line) for line in label_lines(gate, style))
    return f'  n{gate.node}{left}"{words}"{right}:::{gate.kind}'


def coded(line: str) -> str:
    """Return a line in which every character that Mermaid or HTML might read is its code.

    Examples
    --------
    >>> coded('a<b>"')
    'a#60;b#62;#34;'
    """
    # Mermaid breaks a line at the two characters `\n`, coded or not; nothing of no width does not.
    parted = line.replace("\\n", "\\\u200bn")
    return MERMAID_CODED.sub(lambda found: f"#{ord(found[0])};", parted)
