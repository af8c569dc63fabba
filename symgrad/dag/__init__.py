"""Graphs: building, regions, validation, composite gates, saving and loading."""
