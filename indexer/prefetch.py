"""Run an iterator one step ahead in a thread, so that the next pictures arrive while these are encoded."""

import queue
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

T = TypeVar("T")


def prefetch(
    items: Generator[T, None, None], depth: int, hurry: Callable[[], object] = lambda: None
) -> Generator[T, None, None]:
    """Yield what ``items`` yields, with up to ``depth`` of them waiting; an error in it is raised here.

    Closing this generator stops the thread at the next item, closes ``items`` there, and waits for it; ``hurry`` is
    called before, to end what that item may wait for.
    """
    feed = _Feed(items, depth)
    try:
        while (entry := feed.waiting.get()) is not _END:
            if isinstance(entry, _Failure):
                raise entry.error
            yield entry
    finally:
        hurry()
        feed.stop()


_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Feed:
    """The thread, and the queue that it fills."""

    def __init__(self, items: Generator[Any, None, None], depth: int) -> None:
        self.waiting: queue.Queue[Any] = queue.Queue(depth)
        self._items = items
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._produce, name="prefetch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end, and wait for it."""
        self._stopped.set()
        self._thread.join()

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
                self.waiting.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return
