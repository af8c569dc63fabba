"""The networks of the benchmarks are the same in every library; nothing is timed."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def contenders(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("tests.benchmarks.net_contenders")


@pytest.fixture
def nets(contenders: Any) -> Any:
    return importlib.import_module("tests.benchmarks.nets")


@pytest.mark.parametrize("library", ["jax", "torch"])
def test_contenders_agree(contenders: Any, nets: Any, library: str) -> None:
    pytest.importorskip(library)
    posed = {name: net for name, net in nets.NETS.items() if name in ("two layers", "convolutions")}
    posed["lstm"] = nets.lstm(4, 2)
    for net in posed.values():
        expected = contenders.answer_of(contenders.symgrad_on_numpy(net, "cpu")())
        for name, one in contenders.STEPPERS.items():
            if one.package in ("numpy", library) and one.takes(net, "cpu"):
                found = contenders.answer_of(one.make(net, "cpu")())
                assert pytest.approx(expected, rel=1e-4) == found, (net.title, name)
    if library == "jax":
        importlib.import_module("jax").config.update("jax_enable_x64", False)


def test_alexnet_has_the_parameters_of_the_paper(nets: Any) -> None:
    sizes = [np.prod(size) for size in nets.NETS["alexnet"].sizes.values()]

    assert 60_965_224 == sum(sizes)
    assert (128, 3, 227, 227) == nets.GPU_NETS["alexnet"].data["x"]
