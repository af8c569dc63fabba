"""One worker process, asked one thing at a time: killed when it is too slow, started anew after.

Knows asyncio and the messages of `explore_worker`; knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

LARGEST_ANSWER = 32 << 20  # bytes
SECONDS = 15.0
STARTING = 60.0  # seconds in which the process must be ready
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT", "TMPDIR")


class Worker:
    """A process that derives.

    Parameters
    ----------
    seconds : float
        How long one answer may take.
    waiting : int
        How many may wait for their turn; more are turned away at once.
    """

    def __init__(self, *, seconds: float = SECONDS, waiting: int = 16) -> None:
        self.seconds = seconds
        self._room = waiting
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, message: dict[str, str]) -> dict[str, Any]:
        """Return the answer: a `record`, or an `error` in words.

        Raises
        ------
        BlockingIOError
            If too many wait already.
        """
        if self._room <= 0:
            raise BlockingIOError
        self._room -= 1
        try:
            async with self._turn:
                return await self._asked(json.dumps(message).encode("ascii"))
        finally:
            self._room += 1

    async def start(self) -> None:
        """Start the process while nobody waits for it."""
        async with self._turn:
            await self._ready()

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def _asked(self, message: bytes) -> dict[str, Any]:
        try:
            process = await self._ready()
            async with asyncio.timeout(self.seconds):
                return await self._exchanged(process, message)
        except TimeoutError:
            found = f"it takes longer than {self.seconds:g} seconds"
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            found = "its process ended, as one does that needs more memory than is allowed"
        except asyncio.CancelledError:
            await self.stop()
            raise
        await self.stop()
        return {"error": f"the formula was given up: {found}; try a smaller one"}

    async def _ready(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        environment = {k: v for k, v in os.environ.items() if k in KEPT}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "symgrad.show.explore_worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        async with asyncio.timeout(STARTING):
            await self._read(self._process)
        return self._process

    async def _exchanged(
        self, process: asyncio.subprocess.Process, message: bytes
    ) -> dict[str, Any]:
        assert process.stdin is not None
        process.stdin.write(len(message).to_bytes(8, "big") + message)
        await process.stdin.drain()
        return await self._read(process)

    async def _read(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        assert process.stdout is not None
        count = int.from_bytes(await process.stdout.readexactly(8), "big")
        if count > LARGEST_ANSWER:
            raise ValueError(count)
        found: dict[str, Any] = json.loads(await process.stdout.readexactly(count))
        return found
