"""Compiled code on disk: found again, bounded, and never a reason to fail or to run other code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.numeric import llvm_cache, llvm_code
from symgrad.numeric.backend_llvm import Native, build
from symgrad.numeric.packing import Packing
from symgrad.numeric.program import lower

TEXT = "sin(x)*y + exp(x - 3)"
POINT = [0.3, 1.7]
posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SYMGRAD_CACHE", raising=False)
    yield tmp_path / "cache"


def made(text: str = TEXT, **options: Any) -> Native:
    return build(lower(sg.graph(text)), **options)


def files(place: Path) -> list[Path]:
    return sorted(place.glob("*")) if place.exists() else []


def quick(place: Path) -> Path:
    """Return the only file of a program; helpers are compiled before."""
    before = set(files(place))
    made()
    (new,) = set(files(place)) - before
    return new


def value(found: Native) -> float:
    return float(found(POINT)[0])


def test_code_is_found_again_with_the_same_bits(place: Path) -> None:
    first, second = made(), made()

    assert not first.stats["cached"]
    assert second.stats["cached"]
    assert value(first) == value(second)


def test_optimised_code_is_preferred_once_it_is_kept(place: Path) -> None:
    first = made()
    first.optimise()
    second = made()

    assert (second.stats["tier"], second.stats["cached"]) == ("optimised", True)
    shortcut = second.packed(Packing(((2,),), ((),)))
    assert shortcut is not None
    assert value(first) == value(second) == float(shortcut(np.array(POINT))[0])


@pytest.mark.parametrize("switch", ["off", "0", "No", "false"])
def test_one_switch_turns_it_off(place: Path, monkeypatch: pytest.MonkeyPatch, switch: str) -> None:
    made()
    monkeypatch.setenv("SYMGRAD_CACHE", switch)

    assert not made().stats["cached"]


def test_an_argument_turns_it_off(place: Path) -> None:
    llvm_code.runner.cache_clear()
    made(cache=False).optimise()

    assert not [f for f in files(place) if "quick" in f.name]
    assert not made(cache=False).stats["cached"]


def test_the_key_holds_text_number_type_and_tier() -> None:
    programs = [made(), made("sin(x)*y + exp(x - 4)"), made(dtype="float32")]

    assert [p.stats["cached"] for p in programs] == [False] * 3
    assert len({llvm_code.key("quick", p.source) for p in programs}) == 3
    assert llvm_code.key("quick", "a") != llvm_code.key("point", "a")
    assert llvm_code.key("a", "bc") != llvm_code.key("ab", "c")


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[:10],
        lambda b: b[:-1],
        lambda b: b + b"\0",
        lambda b: b[:200] + bytes([b[200] ^ 1]) + b[201:],
        lambda b: b"\0" * len(b),
    ],
)
def test_damaged_files_are_compiled_again(place: Path, damage: Any) -> None:
    path = quick(place)
    expected = value(made())
    path.write_bytes(damage(path.read_bytes()))

    again = made()

    assert not again.stats["cached"]
    assert value(again) == expected
    assert made().stats["cached"]


def test_a_writer_that_dies_leaves_nothing_that_is_read(place: Path) -> None:
    path = quick(place)
    (place / f"{path.stem}-dead.part").write_bytes(path.read_bytes()[:50])
    path.unlink()

    assert not made().stats["cached"]


def test_a_full_disk_is_no_failure(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made("x + 1")  # helpers are there

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "replace", full)

    assert np.isfinite(value(made()))
    assert not [f for f in files(place) if f.suffix == ".part"]
    assert not made().stats["cached"]


@posix
def test_a_home_that_cannot_be_written_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SYMGRAD_CACHE_DIR", str(tmp_path / "file" / "below"))

    assert np.isfinite(value(made()))
    assert not made().stats["cached"]


@posix
def test_a_directory_that_others_can_write_to_is_not_trusted(place: Path) -> None:
    made()
    place.chmod(0o777)

    assert not made().stats["cached"]
    place.chmod(0o700)
    assert made().stats["cached"]


@posix
def test_the_directory_is_for_its_owner_alone(place: Path) -> None:
    made()

    assert place.stat().st_mode & 0o777 == 0o700


def test_what_is_unused_for_longest_goes_first(place: Path) -> None:
    place.mkdir(mode=0o700)
    for k in range(6):
        assert llvm_cache.write(f"{k:064x}", bytes(1000))
        os.utime(place / f"{k:064x}.object", (1e9 + k, 1e9 + k))

    llvm_cache.tidy(place, 3500)

    assert [f"{k:064x}.object" for k in (3, 4, 5)] == [f.name for f in files(place)]


def test_litter_of_dead_writers_is_removed_after_a_while(place: Path) -> None:
    place.mkdir(mode=0o700)
    old, young = place / "a.part", place / "b.part"
    for path in (old, young):
        path.write_bytes(b"...")
    os.utime(old, (1e9, 1e9))

    llvm_cache.write("0" * 64, b"code")

    assert young.exists()
    assert not old.exists()


WRITER = """
import symgrad as sg
from symgrad.numeric.backend_llvm import build
from symgrad.numeric.program import lower
for k in range(4):
    print(float(build(lower(sg.graph(f"sin(x)*y + {k % 2}")))([0.3, 1.7])[0]).hex())
"""


def test_processes_that_write_at_the_same_time_agree(place: Path) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = {process.communicate()[0] for process in running}

    assert len(answers) == 1
    assert len(answers.pop().split()) == 4
    assert all(llvm_cache.read(f.stem) is not None for f in files(place))
