"""Every graph that a test of this room makes is validated as it is made."""

from __future__ import annotations

from typing import Any

import pytest

from symgrad.dag.digraph import Graph


@pytest.fixture(autouse=True)
def _every_graph_is_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Graph.__init__

    def make(self: Graph, *args: Any, **options: Any) -> None:
        made(self, *args, **options)
        self.validate()

    monkeypatch.setattr(Graph, "__init__", make)
