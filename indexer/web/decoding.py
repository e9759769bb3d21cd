"""Decoding for requests: few at a time, each in a sandbox of its own, and a line that does not grow without end."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from indexer.decoding.limits import Limits
from indexer.decoding.sandbox import Sandbox
from indexer.web.errors import busy

T = TypeVar("T")

AT_ONCE = 2
WAITING = 16
# Pictures of the index are small work, and a page asks for a screenful of them: they may wait in a longer line.
WAITING_PICTURES = 256


class Decoding:
    """Sandboxes, and who waits for one. Belongs to one event loop; `stop` ends the workers."""

    def __init__(self, limits: Limits) -> None:
        self._sandboxes = [Sandbox(limits=limits, workers=1) for _ in range(AT_ONCE)]
        self._free = asyncio.Semaphore(AT_ONCE)
        self._threads = CapacityLimiter(AT_ONCE)
        self.waiting = self.working = 0

    def start(self) -> None:
        """Start the workers ahead of the first request, without waiting for them."""
        for sandbox in self._sandboxes:
            sandbox.start()

    def stop(self) -> None:
        """Kill the workers."""
        for sandbox in self._sandboxes:
            sandbox.close()

    async def run(self, work: Callable[[Sandbox], T], line: int = WAITING) -> T:
        """Do work that decodes, in a thread, as soon as a sandbox is free.

        Raises:
            ApiError: ``line`` or more are waiting.
        """
        if self.waiting >= line:
            raise busy(f"{self.waiting} requests wait to be decoded already")
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        sandbox = self._sandboxes.pop()
        self.working += 1
        try:
            return await to_thread.run_sync(work, sandbox, limiter=self._threads)
        finally:
            self.working -= 1
            self._sandboxes.append(sandbox)
            self._free.release()
