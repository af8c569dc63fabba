"""Other machines, played on this one: narrower vectors, no vector functions, no fused steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.numeric import llvm_code, llvm_machine, llvm_tiers
from symgrad.numeric.arithmetic import Floats
from symgrad.numeric.backend_llvm import Native, build
from symgrad.numeric.llvm_writer import Target
from symgrad.numeric.packing import Packing
from symgrad.numeric.program import lower

TEXTS = [
    "sin(x)*cos(x) + tan(y)*tanh(x*y)",
    "x**y + exp(-x)*log(y) + atan2(x, y)",
    "max(x, y, 1) + floor(3*x) + erf(x)*sign(x - y) + mod(x, y)",
    "sigmoid(x) + softplus(y) + gamma(x) + x**-3",
]


MACHINES = {
    "without vector functions": {"wide": 8, "functions": False, "fma": True},
    "two lanes, as NEON": {"wide": 2, "functions": False, "fma": True},
    "two lanes, as SSE2": {"wide": 2, "functions": False, "fma": False},
    "four lanes": {"wide": 4, "functions": False, "fma": False},
}


@pytest.fixture(params=MACHINES)
def machine(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    made = MACHINES[request.param]

    def played(*, double: bool, lanes: int | None = None) -> Target:
        return Target(lanes or made["wide"], made["wide"], double, {}, fma=made["fma"])

    for module in (llvm_tiers, llvm_code):
        monkeypatch.setattr(module, "target", played)
    llvm_code.runner.cache_clear()
    yield request.param
    llvm_code.runner.cache_clear()


@pytest.fixture
def points(rng: np.random.Generator) -> list[Any]:
    return [rng.uniform(0.1, 3.0, 101), rng.uniform(0.1, 3.0, 101)]


def compiled(text: Any, **options: Any) -> Native:
    return build(lower(sg.graph(text)), cache=False, **options)


@pytest.mark.parametrize("text", TEXTS)
def test_the_numbers_are_right_on_every_machine(machine: str, text: str, points: list[Any]) -> None:
    found = compiled(text)
    expected = Floats().outputs(found.program, points)[0]

    np.testing.assert_allclose(found(points)[0], expected, rtol=1e-13)
    assert f"<{MACHINES[machine]['wide']} x double>" in found.source


def test_batches_tiers_and_single_points_are_the_same_bits_on_every_machine(
    machine: str, points: list[Any]
) -> None:
    found = compiled(TEXTS)
    shortcut = found.packed(Packing(((2,),), ((len(TEXTS),),)))
    assert shortcut is not None
    rows = np.stack(points, axis=-1)

    quick, one = np.array(found(points)), np.array([shortcut(r)[0] for r in rows])
    found.optimise()
    best, again = np.array(found(points)), np.array([shortcut(r)[0] for r in rows])

    for other in (one.T, best, again.T):
        np.testing.assert_array_equal(quick, other)


def test_a_machine_without_libmvec_has_no_vector_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(llvm_machine, "VECTOR_LIBRARY", "libnosuch.so.1")
    llvm_machine._library.cache_clear()
    llvm_machine.vector_functions.cache_clear()
    try:
        assert {} == llvm_machine.vector_functions(double=True)
    finally:
        llvm_machine._library.cache_clear()
        llvm_machine.vector_functions.cache_clear()


def test_without_llvmlite_the_backend_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(llvm_machine, "find_spec", lambda name: None)

    assert "pip install llvmlite" in llvm_machine.absent()


def test_without_numpys_table_of_functions_points_take_the_long_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("symgrad.numeric.backend_llvm.numpy_table", lambda: None)
    shortcut = compiled("x*y + z").packed(Packing(((), (2,)), ((),)))
    assert shortcut is not None

    assert shortcut(3.0, np.array([2.0, 1.0])) == (7.0,)
    assert shortcut(3, np.array([2.0, 1.0])) is None
