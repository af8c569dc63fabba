"""What to say about a character that no expression holds.

A table of lessons, and the standard library's names of characters. Imports nothing of symgrad.
"""

from __future__ import annotations

import unicodedata

WRITE_INSTEAD = {
    **dict.fromkeys("×·∙⋅∗⁎✕✖", "*"),
    **dict.fromkeys("÷∕⁄", "/"),
    **dict.fromkeys("−–—‐‑‒―﹣－", "-"),
    **dict.fromkeys("＋﹢", "+"),
    "≤": "<=",
    "⩽": "<=",
    "≥": ">=",
    "⩾": ">=",
    "≠": "!=",
    "∧": "and",
    "∨": "or",
    "¬": "not",
    "√": "sqrt(...)",
    "∛": "cbrt(...)",
    "∑": "Sum(..., (i, a, b))",
    "∏": "Product(..., (i, a, b))",
    "∫": "Integral(..., (x, a, b))",
    "∂": "Derivative(..., x)",
    "∞": "oo` with `constants=('oo',)",
    "⌊": "floor(...)",
    "⌋": "floor(...)",
    "⌈": "ceiling(...)",
    "⌉": "ceiling(...)",
    "½": "(1/2)",
    "¼": "(1/4)",
    "¾": "(3/4)",
    "°": "*pi/180",
    "′": "Derivative(..., x)",
    **dict.fromkeys("⊙∘", "*`, or for matrices `.*"),
    **dict.fromkeys("⊘", "/`, or for matrices `./"),
    **dict.fromkeys("⊗", "kron(A, B)"),
    **dict.fromkeys("ᵀ⊤", ".T"),
    **dict.fromkeys("‖∥", "norm(...)` or `norm2(...)"),
}

LOOK_ALIKES = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеорсухѕіјԁһԛԝɑονΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "ABESIJKMHOPCTYXaeopcyxsijdhqwaovABEZHIKMNOPTYX",
        strict=True,
    )
)

REFUSED = {
    "//": "`//` is no operator here; write `floor(x/y)`",
    "&&": "`&&` is no operator here; write `and`",
    "||": "`||` is no operator here; write `or`, and `abs(x)` for a bar",
    "<>": "`<>` is no comparison; write `!=`",
    "=<": "`=<` is no comparison; write `<=`",
    "=>": "`=>` is no comparison; write `>=`",
    "->": "`->` has no meaning here; functions are not values",
    ":=": "`:=` has no meaning here; write `q = x + y` as its own statement",
    "+=": "a name is given once and for all; write a new name, as in `r = q + x`",
    "-=": "a name is given once and for all; write a new name, as in `r = q - x`",
    "*=": "a name is given once and for all; write a new name, as in `r = q*x`",
    "/=": "a name is given once and for all; write a new name, as in `r = q/x`",
    "<<": "`<<` has no meaning for real numbers; write `x*2**n`",
    ">>": "`>>` has no meaning for real numbers; write `x/2**n`",
    "%": "`%` is no operator here; write `Mod(x, y)`",
    "@": "`@` is the matrix product; here every name is a number: write `*`, or give `shapes=`",
    "!": "`!` is no operator here; write `factorial(n)`, or `not` for a condition",
    "'": "strings have no meaning in an expression; take the quotes away",
    '"': "strings have no meaning in an expression; take the quotes away",
    "`": "backticks have no meaning in an expression; take them away",
    ".": "a dot after a name has no meaning here; a name holds letters, digits and `_`, and "
    "`.T` is the transpose where `shapes=` is given",
    ":": "`:` has no meaning here: no slices, no `lambda`, no blocks",
    "{": "curly brackets have no meaning here; write `(` and `)`",
    "}": "curly brackets have no meaning here; write `(` and `)`",
    "\\": "a backslash has no meaning here; for a formula over several lines put it in brackets",
    "?": "`?` has no meaning here; write `where(condition, a, b)`",
    "$": "`$` has no meaning here; write the formula without it",
}


def lesson(text: str) -> str:
    """Return what to say about `text`, a character or a pair that no expression holds.

    Examples
    --------
    >>> lesson("α")
    '`α` is GREEK SMALL LETTER ALPHA; names are ASCII, write `alpha`'
    >>> lesson("−")
    '`−` is MINUS SIGN; write `-`'
    """
    if text in REFUSED:
        return REFUSED[text]
    name = unicodedata.name(text, f"character U+{ord(text):04X}")
    shown = f"`{text}` is {name}" if text.isprintable() and text != " " else f"this is {name}"
    return f"{shown}; {_advice(text, name)}"


def _advice(char: str, name: str) -> str:
    if char in WRITE_INSTEAD:
        return f"write `{WRITE_INSTEAD[char]}`"
    if name.startswith("GREEK") and " LETTER " in name:
        return f"names are ASCII, write `{_greek(name)}`"
    if char in LOOK_ALIKES:
        return f"it looks like the ASCII letter `{LOOK_ALIKES[char]}`, write that"
    if name.startswith("SUPERSCRIPT") and unicodedata.digit(char, None) is not None:
        return f"write `**{unicodedata.digit(char)}`"
    return _plain_advice(char)


def _plain_advice(char: str) -> str:
    plain = unicodedata.normalize("NFKD", char)[:1]
    if plain.isascii() and plain.isalnum():
        return f"names and numbers are ASCII, write `{plain}`"
    if unicodedata.decimal(char, None) is not None:
        return f"numbers are ASCII, write `{unicodedata.decimal(char)}`"
    if unicodedata.category(char) in ("Zs", "Zl", "Zp", "Cf", "Cc"):
        return "it cannot be seen, take it away or write a plain space"
    return "names are made of ASCII letters, digits and `_`"


def _greek(name: str) -> str:
    letter = name.partition(" LETTER ")[2].split()[0].lower()
    letter = {"lamda": "lambda"}.get(letter, letter)
    return letter.capitalize() if " CAPITAL " in name else letter
