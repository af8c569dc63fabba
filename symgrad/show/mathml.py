r"""Presentation MathML, made from the LaTeX that symgrad's own printers write.

One reader for all dialects: whatever has LaTeX has MathML. It knows the commands that the printers
use; an unknown one becomes its name, and every name is escaped. Nesting is limited, since browsers
and this reader recurse; a formula beyond it is shown as text. Imports nothing of symgrad.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

TIMES = '<mo lspace="0.12em" rspace="0.12em">&#x2062;</mo>'  # unseen, for products
DEEPEST = 80  # levels of braces and brackets
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[A-Za-z]+|\s+|.", re.DOTALL)

LETTER = re.compile(r"(?<=<mi>)\w(?=</mi>)")
WORD = re.compile(r"\\(text[a-z]+)\{\}|\\(.)|\$\\?([A-Za-z]+|.)\$")

GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho "
    "sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi "
    "Psi Omega"
)
LETTERS = dict(zip(GREEK.split(), "αβγδϵεζηθικλμνξπρστυϕφχψωΓΔΘΛΞΠΣΥΦΨΩ", strict=True)) | {
    "infty": "∞",
    "partial": "∂",
    "top": "⊤",
    "ell": "ℓ",
    "hbar": "ℏ",
}
SIGNS = {
    **{"cdot": "·", "times": "×", "odot": "⊙", "oslash": "⊘", "otimes": "⊗", "div": "÷"},
    **{"leq": "≤", "geq": "≥", "neq": "≠", "le": "≤", "ge": "≥", "ne": "≠", "to": "→"},
    **{"backslash": "\\", "sim": "~"},
    **{"wedge": "∧", "vee": "∨", "neg": "¬", "mapsto": "↦", "circ": "∘", "pm": "±"},
    **{"sum": "∑", "prod": "∏", "int": "∫", "lVert": "‖", "rVert": "‖", "|": "‖"},
    **{"lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩"},
    **{"{": "{", "}": "}", "lbrace": "{", "rbrace": "}", "vert": "|", "lvert": "|", "rvert": "|"},
}
STYLES = {
    **{"mathbf": "bold", "boldsymbol": "bold"},
    **{"mathrm": "upright", "operatorname": "upright", "mathtt": "upright"},
}
BOLD = {
    **{ord("A") + k: chr(0x1D400 + k) for k in range(26)},
    **{ord("a") + k: chr(0x1D41A + k) for k in range(26)},
    **{ord("0") + k: chr(0x1D7CE + k) for k in range(10)},
}
ACCENTS = {"hat": "^", "bar": "¯", "overline": "¯", "tilde": "~", "dot": "˙", "vec": "→"}
SPACES = frozenset([",", ";", ":", "!", " ", "quad", "qquad", "limits", "displaystyle"])
TEXTS = {
    "textbackslash": "\\",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "textbar": "|",
}


def mathml(latex: str) -> str:
    r"""Return presentation MathML of a formula, without the `math` element around it.

    Parameters
    ----------
    latex : str
        A formula as symgrad writes it.

    Examples
    --------
    >>> mathml(r"\frac{x}{2}")
    '<mfrac><mi>x</mi><mn>2</mn></mfrac>'
    """
    try:
        return _Reader(latex).row("")
    except _TooDeepError:
        return f"<mtext>{escape(latex)}</mtext>"


class _TooDeepError(Exception):
    """A formula is nested beyond what is read."""


class _Reader:
    """Read LaTeX from left to right."""

    def __init__(self, latex: str) -> None:
        self._tokens = TOKEN.findall(latex)
        self._place = 0
        self._depth = 0

    def _next(self) -> str:
        token = self._tokens[self._place] if self._place < len(self._tokens) else ""
        self._place += 1
        return str(token)

    def _peek(self) -> str:
        while self._place < len(self._tokens) and self._tokens[self._place].isspace():
            self._place += 1
        return str(self._tokens[self._place]) if self._place < len(self._tokens) else ""

    def row(self, end: str) -> str:
        """Return what stands before a token; `""` is the end of the formula."""
        items = self.items({end})
        self._next()
        return _grouped(items)

    def items(self, ends: set[str]) -> list[str]:
        """Return the elements before one of some tokens."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise _TooDeepError
        found: list[str] = []
        while True:
            token = self._peek()
            if token in ends or not token:
                self._depth -= 1
                return found
            if token in ("^", "_"):
                base = found.pop() if found else "<mrow></mrow>"
                found.append(self._scripts(base))
            else:
                item = self._one()
                if found and _operand(found[-1]) and _operand(item) and not _function(found[-1]):
                    found.append(TIMES)
                if item:
                    found.append(item)

    def _scripts(self, base: str) -> str:
        marks: dict[str, str] = {}
        while self._peek() in ("^", "_") and self._peek() not in marks:
            mark = self._next()
            self._peek()
            marks[mark] = self._one()
        if len(marks) == 2:
            return f"<msubsup>{base}{marks['_']}{marks['^']}</msubsup>"
        kind = "msup" if "^" in marks else "msub"
        return f"<{kind}>{base}{next(iter(marks.values()))}</{kind}>"

    def _one(self) -> str:
        """Return one element: an atom, a group in braces, or a command with its arguments."""
        self._peek()
        token = self._next()
        if token == "{":
            return self.row("}")
        if token.startswith("\\"):
            return self._command(token[1:])
        if token[:1].isdecimal():
            return f"<mn>{token}</mn>"
        return _letter(token) if token[:1].isalpha() else _sign(token)

    def _command(self, name: str) -> str:
        if name in COMMANDS:
            return COMMANDS[name](self)
        if name in LETTERS:
            return f"<mi>{LETTERS[name]}</mi>"
        if name in SIGNS:
            return _sign(SIGNS[name])
        if name in STYLES:
            return self.styled(STYLES[name])
        if name in ACCENTS:
            return f'<mover accent="true">{self._one()}<mo>{ACCENTS[name]}</mo></mover>'
        if name in SPACES:
            return ""
        return _letter(name) if name.isalpha() else _sign(name)

    def styled(self, style: str) -> str:
        """Return letters in a style; a formula inside keeps its own."""
        inside = self.raw()
        plain = inside.replace(r"\_", "_")
        if not plain.replace("_", "").replace(" ", "").isalnum():
            row = _Reader(inside).row("")
            return LETTER.sub(_emboldened, row) if style == "bold" else row
        if style == "bold":  # browsers know no other style than upright, but letters that are bold
            return f"<mi>{plain.translate(BOLD)}</mi>"
        return f'<mi mathvariant="normal">{escape(plain)}</mi>'

    def raw(self) -> str:
        """Return the LaTeX of the next group as it stands."""
        if self._peek() != "{":
            return self._next()
        start, depth = self._place + 1, 0
        while self._place < len(self._tokens):
            token = self._next()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                break
        return "".join(self._tokens[start : self._place - 1])

    def fraction(self) -> str:
        """Return a fraction."""
        return f"<mfrac>{self._one()}{self._one()}</mfrac>"

    def root(self) -> str:
        """Return a square root, or another one."""
        if self._peek() != "[":
            return f"<msqrt>{self._one()}</msqrt>"
        self._next()
        index = self.row("]")
        return f"<mroot>{self._one()}{index}</mroot>"

    def fenced(self) -> str:
        r"""Return what stands between `\left(` and `\right)`."""
        left = self._fence()
        items = self.items({"\\right"})
        self._next()
        right = self._fence()
        return f"<mrow>{_bracket(left)}{_grouped(items)}{_bracket(right)}</mrow>"

    def _fence(self) -> str:
        self._peek()
        token = self._next()
        if token.startswith("\\"):
            return SIGNS.get(token[1:], token[1:])
        return "" if token == "." else token

    def words(self) -> str:
        r"""Return the words of `\text{...}`."""
        return f"<mtext>{escape(WORD.sub(_plain, self.raw()))}</mtext>"

    def table(self) -> str:
        r"""Return the rows of `cases` or of a matrix."""
        kind = self.raw()
        if kind == "array":
            self.raw()
        rows = [[self._cell()]]
        while (token := self._next()) not in ("\\end", ""):
            if token == "&":
                rows[-1].append(self._cell())
            else:
                rows.append([self._cell()])
        self.raw()
        body = "".join(
            f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in row)}</mtr>" for row in rows
        )
        left, right = FENCES.get(kind, ("", ""))
        return f"<mrow>{_bracket(left)}<mtable>{body}</mtable>{_bracket(right)}</mrow>"

    def _cell(self) -> str:
        return _grouped(self.items({"&", "\\\\", "\\end"}))


FENCES = {"cases": ("{", ""), "bmatrix": ("[", "]"), "pmatrix": ("(", ")")}
COMMANDS: dict[str, Callable[[_Reader], str]] = {
    "frac": _Reader.fraction,
    "sqrt": _Reader.root,
    "left": _Reader.fenced,
    "text": _Reader.words,
    "begin": _Reader.table,
}


def _plain(found: re.Match[str]) -> str:
    """Return what an escape in a text stands for."""
    command, escaped, sign = found.groups()
    if command:
        return TEXTS.get(command, command)
    return escaped or SIGNS.get(sign, LETTERS.get(sign, sign))


def _grouped(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"<mrow>{''.join(items)}</mrow>"


def _letter(name: str) -> str:
    return f"<mi>{escape(name)}</mi>"


def _sign(sign: str) -> str:
    return f"<mo>{escape('−' if sign == '-' else sign)}</mo>"


def _bracket(sign: str) -> str:
    return f'<mo fence="true">{escape(sign)}</mo>' if sign else ""


def _operand(item: str) -> bool:
    """Return whether an element is multiplied by what stands beside it."""
    return not item.startswith("<mo") and bool(item)


def _function(item: str) -> bool:
    """Return whether an element is the name of a function, which is applied."""
    return item.startswith('<mi mathvariant="normal"') or item[4:-5] in FUNCTIONS


def _emboldened(letter: re.Match[str]) -> str:
    return letter[0].translate(BOLD)


ONE = "1".translate(BOLD)  # the indicator: 1 where its operand holds


APPLIED = (
    "exp log ln sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan max min det tr "
    "asin acos atan asinh acosh atanh erf Γ"
)
FUNCTIONS = frozenset([ONE, *APPLIED.split()])
