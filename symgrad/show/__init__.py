"""Showing: tables, text and LaTeX of runs, checks and closed forms."""
