"""How wide text is, and how text of any kind becomes something that can be shown.

The widths are those of DejaVu Sans, the widest of the fonts that pictures name, in hundredths of
the font's size: what fits here fits in the narrower ones too.
"""

from __future__ import annotations

import unicodedata

FONTS = "DejaVu Sans, Verdana, Segoe UI, Helvetica, Arial, sans-serif"
BOLD = 1.13  # how much wider bold letters are

WIDTHS = {
    char: width
    for width, chars in {
        28: "'ijlìíîï",
        30: "IJÌÍÎÏ",
        32: " ,.·",
        34: "/:;\\|¦ι",
        36: "f",
        37: "-",
        39: "ᵀ",
        40: "()[]t⟨⟩ₐ",
        41: "!¡²³¹",
        42: "r",
        46: '"',
        48: "ªº",
        50: "*_`§¨¯°´¸‖",
        51: "▸◂",
        52: "∂",
        53: "sz∫⁻",
        54: "?¿",
        55: "cçεζ",
        56: "LνξΓ",
        58: "Fkυχ",
        59: "κς",
        60: "vxyýÿγλ",
        61: "PÞπτ",
        62: "TYaeo«»Ýàáâãäåèéêëðòóôõöøδθο",
        63: "ß∘",
        64: "$0123456789ESbdghnpqu{}¢£¤¥µ¶ÈÉÊËñùúûüþβημρσΞΣ√",
        66: "Kαφψ",
        68: "∑",
        69: "ABVXZÀÁÂÃÄÅΔΛ",
        70: "CRÇ",
        74: "UÙÚÛÜ",
        75: "NÑ",
        76: "HΠ∏",
        77: "Ω",
        78: "&DGÐ",
        79: "OQÒÓÔÕÖØΘΦΨ",
        82: "w",
        84: "#+<=>^~¬±×÷ω−→←≥≤≠⊙⊗↻∞",
        87: "M",
        88: "⊤",
        96: "%",
        97: "¼½¾",
        98: "mÆ",
        99: "Wæ",
        100: "@©®…—",
    }.items()
    for char in chars
}
UNKNOWN = 100  # a character that the table does not hold

UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
REPLACED = "\ufffd"


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide a line of text is at most, in pixels.

    Parameters
    ----------
    text : str
        One line.
    size : float
        Of the font, in pixels.
    bold : bool
        Whether its letters are bold.

    Examples
    --------
    >>> text_width("x + y", 10)
    26.8
    """
    hundredths = sum(WIDTHS.get(char, UNKNOWN) for char in text)
    return round(hundredths * size / 100 * (BOLD if bold else 1.0), 2)


def visible(text: str, most: int = 0) -> str:
    r"""Return text in which each character can be seen, of at most `most` characters (0: any).

    Control characters, marks that turn the direction of writing, and halves of surrogate pairs
    become the replacement character; spaces of every kind become one plain space.

    Examples
    --------
    >>> visible("a\nb"), visible("abcdefgh", 5)
    ('a b', 'abcd…')
    """
    plain = " ".join(text.split())
    shown = "".join(REPLACED if unicodedata.category(c) in UNSEEN else c for c in plain)
    return shown if not most or len(shown) <= most else shown[: most - 1] + "…"
