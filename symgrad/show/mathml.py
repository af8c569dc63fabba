"""Presentation MathML, made from the LaTeX that symgrad's own printers write."""

from __future__ import annotations

from html import escape


def mathml(latex: str) -> str:
    """Return presentation MathML of a formula, without the `math` element around it."""
    return f"<mtext>{escape(latex)}</mtext>"
