"""What every executor can do.

Tasks are functions of a module and plain values: workers import the one, and are sent the other.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import Protocol, Self, TypeVar

from indexer.errors import EngineUnavailable

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)

AHEAD = 2  # tasks for each worker: one at work, one waiting. What is on its way has an end, whatever there is to do.


class ExecutorFailed(EngineUnavailable):
    """Workers cannot be reached, or a task ended its worker each time that it was tried: there is no result."""


class Reach(IntEnum):
    """How far the workers are, and so what they can be handed without sending it."""

    PROCESS = 0  # they share this process's memory
    MACHINE = 1  # they open this machine's files
    NETWORK = 2  # they have what they are sent


class Shared(Protocol[T_co]):
    """A value that was handed over once, for any number of tasks; tasks carry this in its place."""

    def get(self) -> T_co:
        """Return the value, in a task."""


class Executor(Protocol):
    """Workers, and how they are given work. Leaving its context ends what was started for it."""

    reach: Reach
    workers: int

    def share(self, value: T) -> Shared[T]:
        """Hand over a value that many tasks need; they must not write to it.

        Raises:
            ExecutorFailed: the workers cannot be reached.
        """

    def map(self, function: Callable[[T], R], items: Iterable[T], /) -> Iterator[R]:
        """Yield the function's result for each item, in the order in which they are done.

        Items are taken as workers come free, `AHEAD` for each of them. What a function raises is raised here; closing
        the iterator drops what has not begun.

        Raises:
            ExecutorFailed: the workers cannot be reached any more, or die of a task.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: object) -> None: ...
