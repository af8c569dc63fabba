"""Matrix notation: a normal form of tensor expressions, and how a textbook writes it."""
