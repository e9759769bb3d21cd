"""Run an iterator ahead in a thread, so that the next pictures arrive while these are encoded."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Yields what ``items`` yields, with up to ``depth`` of them waiting; an error in it is raised to whoever iterates.

    The thread begins with the context, before anything is asked of it. Leaving the context stops it at the next item,
    closes ``items`` there, and waits for it; ``hurry`` is called before that wait, to end what that item waits for.
    """

    def __init__(
        self, items: Generator[T, None, None], depth: int, hurry: Callable[[], object] = lambda: None
    ) -> None:
        self._items, self._hurry = items, hurry
        self._waiting: queue.Queue[Any] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._produce, name="prefetch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stopped.set()
        self._hurry()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while (entry := self._waiting.get()) is not _END:
            if isinstance(entry, _Failure):
                raise entry.error
            yield entry

    def _produce(self) -> None:
        last: object = _END
        try:
            for item in self._items:
                self._put(item)
                if self._stopped.is_set():
                    return
        except BaseException as error:  # handed over to the consumer, whatever it is
            last = _Failure(error)
        finally:
            self._items.close()
        self._put(last)

    def _put(self, entry: object) -> None:
        while not self._stopped.is_set():
            try:
                self._waiting.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return


_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error
