"""The chain rule: reverse and forward walks, derivatives of any order, closed forms."""
