"""Threads of this process: joins, decoders and encoders do their work outside Python's lock, and nothing is copied."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Generic, Self, TypeVar

from indexer.executors.executor import AHEAD, Reach

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Here(Generic[T]):
    """A value in this process's memory."""

    value: T

    def get(self) -> T:
        """Return it."""
        return self.value


class Pool:
    """Threads, one for each core unless told otherwise."""

    reach = Reach.PROCESS

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="executor")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def share(self, value: T) -> Here[T]:
        """Threads have it already."""
        return Here(value)

    def map(self, function: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]:
        """Yield results as they are done."""
        coming = iter(items)
        running = {self._threads.submit(function, item) for item in islice(coming, AHEAD * self.workers)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {self._threads.submit(function, item) for item in islice(coming, len(done))}
                while done:
                    yield done.pop().result()
        finally:
            for future in running:
                future.cancel()
