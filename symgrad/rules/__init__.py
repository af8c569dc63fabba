"""The table of gates: local partials by family, each row with its domain and source."""
