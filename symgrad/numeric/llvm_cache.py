"""Compiled code on disk, bounded in size; never a reason to fail.

A file holds a checksum and object code. It is written beside its place and renamed, so that
readers meet all of it or nothing, whoever writes at the same time or dies while writing. What
cannot be read or written is compiled again. `SYMGRAD_CACHE=off` turns the cache off,
`SYMGRAD_CACHE_DIR` moves it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SWITCH, PLACE = "SYMGRAD_CACHE", "SYMGRAD_CACHE_DIR"
OFF = frozenset(["off", "0", "no", "false"])
LARGEST = 256 << 20  # bytes that all files may take
MAGIC = b"symgrad object 1"
ENDING = ".object"
UNFINISHED = ".part"
DIGEST = hashlib.sha256().digest_size
STALE = 3600.0  # seconds after which a file that was never finished is litter


def directory() -> Path | None:
    """Return where compiled code is kept, or None where the cache is turned off."""
    if os.environ.get(SWITCH, "").strip().lower() in OFF:
        return None
    chosen = os.environ.get(PLACE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "symgrad" / "llvm"
    except RuntimeError:  # there is no home
        return None


def read(key: str) -> bytes | None:
    """Return what is kept under a key, or None.

    Parameters
    ----------
    key : str
        A name of hexadecimal digits.
    """
    place = _trusted()
    if place is None:
        return None
    path = place / (key + ENDING)
    try:
        content = path.read_bytes()
    except OSError:
        return None
    start = len(MAGIC) + DIGEST
    code = content[start:]
    if content[:start] != MAGIC + hashlib.sha256(code).digest():
        return None
    with suppress(OSError):  # only the order of removal depends on it
        os.utime(path)
    return code


def write(key: str, code: bytes) -> bool:
    """Keep code under a key; return whether that was possible."""
    place = _trusted(make=True)
    if place is None:
        return False
    unfinished = ""
    try:
        handle, unfinished = tempfile.mkstemp(UNFINISHED, key[:16] + "-", place)
        with os.fdopen(handle, "wb") as file:
            file.write(MAGIC + hashlib.sha256(code).digest() + code)
        os.replace(unfinished, place / (key + ENDING))
    except OSError:
        if unfinished:
            with suppress(OSError):  # it goes with the litter later
                os.unlink(unfinished)
        return False
    tidy(place)
    return True


def tidy(place: Path, largest: int = LARGEST) -> None:
    """Remove litter and, where files take too much, those unused for longest."""
    files = sorted(_files(place), reverse=True)
    total, newest = 0, files[0][0] if files else 0.0
    for used, size, path in files:
        litter = path.endswith(UNFINISHED) and newest - used > STALE
        total += size
        if litter or total > largest:
            with suppress(OSError):  # another process may have removed it
                os.unlink(path)


def _files(place: Path) -> Iterator[tuple[float, int, str]]:
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.endswith((ENDING, UNFINISHED)):
                with suppress(OSError):  # gone meanwhile
                    found = entry.stat()
                    yield found.st_mtime, found.st_size, entry.path


def _trusted(*, make: bool = False) -> Path | None:
    """Return the directory, if nobody else can put code there that would then be run."""
    place = directory()
    if place is None:
        return None
    try:
        if make:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.stat()
    except OSError:
        return None
    if os.name != "posix":
        return place
    shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return place if found.st_uid == os.getuid() and not shared else None
